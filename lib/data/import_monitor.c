/*
 * The text of redis-cli MONITOR: one command a line,
 *	1339518083.107412 [0 127.0.0.1:60866] "set" "key" "value"
 * with arguments quoted as Redis prints them. Commands that name several keys
 * become one access each; commands that name none, or that are not in the
 * table, are counted as ignored. The size of a value is known from the last
 * command that wrote it whole.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/num.h"
#include "data/event.h"
#include "data/import.h"
#include "io/lines.h"

#define MAX_ARGS 65536
#define SIZE_SLOTS 65536

/* Where a command's time to live stands. */
enum ttl_form {
	TTL_NONE,
	TTL_S,	     /* seconds, the argument after the key */
	TTL_MS,	     /* milliseconds */
	TTL_OPTIONS, /* EX, PX, EXAT, PXAT among the arguments after it */
	TTL_AT_S,    /* Unix time in seconds */
	TTL_AT_MS,
};

struct command {
	const char *name;
	uint8_t op;
	int8_t last;   /* last key: 1, or -1 the last argument */
	uint8_t step;  /* arguments a key */
	uint8_t value; /* arguments from the key to its value, 0 none */
	uint8_t ttl;   /* enum ttl_form */
};

/* The first key is argument 1 in all of them. */
static const struct command commands[] = {
    {"append", PD_OP_UPDATE, 1, 1, 0, 0},
    {"bitcount", PD_OP_GET, 1, 1, 0, 0},
    {"decr", PD_OP_UPDATE, 1, 1, 0, 0},
    {"decrby", PD_OP_UPDATE, 1, 1, 0, 0},
    {"del", PD_OP_DEL, -1, 1, 0, 0},
    {"dump", PD_OP_GET, 1, 1, 0, 0},
    {"exists", PD_OP_TOUCH, -1, 1, 0, 0},
    {"expire", PD_OP_EXPIRE, 1, 1, 0, TTL_S},
    {"expireat", PD_OP_EXPIRE, 1, 1, 0, TTL_AT_S},
    {"get", PD_OP_GET, 1, 1, 0, 0},
    {"getbit", PD_OP_GET, 1, 1, 0, 0},
    {"getdel", PD_OP_DEL, 1, 1, 0, 0},
    {"getex", PD_OP_GET, 1, 1, 0, TTL_OPTIONS},
    {"getrange", PD_OP_GET, 1, 1, 0, 0},
    {"getset", PD_OP_UPDATE, 1, 1, 1, 0},
    {"hdel", PD_OP_UPDATE, 1, 1, 0, 0},
    {"hexists", PD_OP_GET, 1, 1, 0, 0},
    {"hget", PD_OP_GET, 1, 1, 0, 0},
    {"hgetall", PD_OP_GET, 1, 1, 0, 0},
    {"hincrby", PD_OP_UPDATE, 1, 1, 0, 0},
    {"hincrbyfloat", PD_OP_UPDATE, 1, 1, 0, 0},
    {"hkeys", PD_OP_GET, 1, 1, 0, 0},
    {"hlen", PD_OP_GET, 1, 1, 0, 0},
    {"hmget", PD_OP_GET, 1, 1, 0, 0},
    {"hmset", PD_OP_UPDATE, 1, 1, 0, 0},
    {"hset", PD_OP_UPDATE, 1, 1, 0, 0},
    {"hsetnx", PD_OP_UPDATE, 1, 1, 0, 0},
    {"hvals", PD_OP_GET, 1, 1, 0, 0},
    {"incr", PD_OP_UPDATE, 1, 1, 0, 0},
    {"incrby", PD_OP_UPDATE, 1, 1, 0, 0},
    {"incrbyfloat", PD_OP_UPDATE, 1, 1, 0, 0},
    {"lindex", PD_OP_GET, 1, 1, 0, 0},
    {"llen", PD_OP_GET, 1, 1, 0, 0},
    {"lpop", PD_OP_UPDATE, 1, 1, 0, 0},
    {"lpush", PD_OP_UPDATE, 1, 1, 0, 0},
    {"lrange", PD_OP_GET, 1, 1, 0, 0},
    {"lrem", PD_OP_UPDATE, 1, 1, 0, 0},
    {"lset", PD_OP_UPDATE, 1, 1, 0, 0},
    {"ltrim", PD_OP_UPDATE, 1, 1, 0, 0},
    {"mget", PD_OP_GET, -1, 1, 0, 0},
    {"mset", PD_OP_SET, -1, 2, 1, 0},
    {"msetnx", PD_OP_SET, -1, 2, 1, 0},
    {"persist", PD_OP_EXPIRE, 1, 1, 0, 0},
    {"pexpire", PD_OP_EXPIRE, 1, 1, 0, TTL_MS},
    {"pexpireat", PD_OP_EXPIRE, 1, 1, 0, TTL_AT_MS},
    {"psetex", PD_OP_SET, 1, 1, 2, TTL_MS},
    {"rpop", PD_OP_UPDATE, 1, 1, 0, 0},
    {"rpush", PD_OP_UPDATE, 1, 1, 0, 0},
    {"sadd", PD_OP_UPDATE, 1, 1, 0, 0},
    {"scard", PD_OP_GET, 1, 1, 0, 0},
    {"set", PD_OP_SET, 1, 1, 1, TTL_OPTIONS},
    {"setbit", PD_OP_UPDATE, 1, 1, 0, 0},
    {"setex", PD_OP_SET, 1, 1, 2, TTL_S},
    {"setnx", PD_OP_SET, 1, 1, 1, 0},
    {"setrange", PD_OP_UPDATE, 1, 1, 0, 0},
    {"sismember", PD_OP_GET, 1, 1, 0, 0},
    {"smembers", PD_OP_GET, 1, 1, 0, 0},
    {"srem", PD_OP_UPDATE, 1, 1, 0, 0},
    {"strlen", PD_OP_GET, 1, 1, 0, 0},
    {"substr", PD_OP_GET, 1, 1, 0, 0},
    {"touch", PD_OP_TOUCH, -1, 1, 0, 0},
    {"unlink", PD_OP_DEL, -1, 1, 0, 0},
    {"zadd", PD_OP_UPDATE, 1, 1, 0, 0},
    {"zcard", PD_OP_GET, 1, 1, 0, 0},
    {"zincrby", PD_OP_UPDATE, 1, 1, 0, 0},
    {"zrange", PD_OP_GET, 1, 1, 0, 0},
    {"zrangebyscore", PD_OP_GET, 1, 1, 0, 0},
    {"zrank", PD_OP_GET, 1, 1, 0, 0},
    {"zrem", PD_OP_UPDATE, 1, 1, 0, 0},
    {"zscore", PD_OP_GET, 1, 1, 0, 0},
};

struct arg {
	size_t at; /* in the text buffer */
	size_t n;
};

struct monitor {
	struct pd_lines *lines;
	char *name;
	enum pd_timeunit unit;
	uint64_t records;
	uint64_t ignored;
	/* The command being handed out key by key. */
	const struct command *cmd;
	size_t key, last;
	uint64_t time_us;
	uint32_t db, client;
	struct pd_buf text; /* unquoted arguments */
	struct arg *arg;
	size_t nargs, args_cap;
	/* Sizes of values by key, direct-mapped. */
	struct {
		uint64_t key;
		uint32_t size;
	} size[SIZE_SLOTS];
};

static void
monitor_close(void *src)
{
	struct monitor *m = src;

	if (m == NULL)
		return;
	pd_lines_close(m->lines);
	pd_buf_release(&m->text);
	free(m->arg);
	free(m->name);
	free(m);
}

static void *
monitor_open(const char *path, enum pd_timeunit unit, struct pd_err *err)
{
	struct monitor *m;

	if ((m = calloc(1, sizeof(*m))) == NULL ||
	    (m->name = strdup(
		 strcmp(path, "-") == 0 ? "standard input" : path)) == NULL) {
		monitor_close(m);
		pd_err_nomem(err);
		return NULL;
	}
	m->unit = unit;
	if ((m->lines = pd_lines_open(path, err)) == NULL) {
		monitor_close(m);
		return NULL;
	}
	return m;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The byte that the escape at ${*p} (after the backslash) stands for; ${*p}
 * moves past it. */
static char
unescape(const char **p, const char *end)
{
	const char c = *(*p)++;

	switch (c) {
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'a':
		return '\a';
	case 'b':
		return '\b';
	case 'x':
		if (end - *p >= 2 && hex((*p)[0]) >= 0 && hex((*p)[1]) >= 0) {
			*p += 2;
			return (char)(hex((*p)[-2]) << 4 | hex((*p)[-1]));
		}
		return c;
	default:
		return c;
	}
}

static int
add_arg(struct monitor *m, size_t at)
{
	if (m->nargs == m->args_cap) {
		const size_t cap = m->args_cap ? 2 * m->args_cap : 16;
		struct arg *p = realloc(m->arg, cap * sizeof(*p));

		if (p == NULL)
			return -1;
		m->arg = p;
		m->args_cap = cap;
	}
	m->arg[m->nargs].at = at;
	m->arg[m->nargs].n = m->text.len - at;
	m->nargs++;
	return 0;
}

/* Quoted arguments from ${p} to ${end}. 0, -1 not so, -2 memory. */
static int
parse_args(struct monitor *m, const char *p, const char *end)
{
	pd_buf_clear(&m->text);
	m->nargs = 0;
	while (p < end) {
		const size_t at = m->text.len;

		if (*p++ != '"' || m->nargs == MAX_ARGS)
			return -1;
		while (p < end && *p != '"') {
			char c = *p++;

			if (c == '\\') {
				if (p == end)
					return -1;
				c = unescape(&p, end);
			}
			if (pd_buf_addc(&m->text, c))
				return -2;
		}
		if (p == end || (p + 1 < end && p[1] != ' '))
			return -1;
		p += p + 1 < end ? 2 : 1;
		if (add_arg(m, at))
			return -2;
	}
	return 0;
}

static int
parse_uint(const char **p, const char *end, uint64_t max, uint64_t *v)
{
	const char *const start = *p;

	*v = 0;
	while (*p < end && **p >= '0' && **p <= '9') {
		*v = *v * 10 + (uint64_t)(*(*p)++ - '0');
		if (*v > max)
			return -1;
	}
	return *p == start ? -1 : 0;
}

/* "seconds.micros [db client] args". 0, -1 not so, -2 memory. */
static int
parse_line(struct monitor *m, const char *p, const char *end)
{
	uint64_t s, us, db;
	const char *client;

	if (parse_uint(&p, end, UINT32_MAX, &s) || p == end || *p++ != '.' ||
	    parse_uint(&p, end, 999999, &us) || end - p < 2 || *p++ != ' ' ||
	    *p++ != '[' || parse_uint(&p, end, UINT32_MAX, &db) || p == end ||
	    *p++ != ' ')
		return -1;
	client = p;
	if ((p = memchr(p, ']', (size_t)(end - p))) == NULL)
		return -1;
	m->time_us = s * 1000000 + us;
	m->db = (uint32_t)db;
	m->client = (uint32_t)pd_hash64(client, (size_t)(p - client), 0);
	p++;
	if (p == end || *p++ != ' ')
		return -1;
	return parse_args(m, p, end);
}

static const char *
arg_text(const struct monitor *m, size_t i)
{
	return (const char *)m->text.data + m->arg[i].at;
}

static bool
arg_is(const struct monitor *m, size_t i, const char *name)
{
	const size_t n = strlen(name);

	return m->arg[i].n == n && strncasecmp(arg_text(m, i), name, n) == 0;
}

static const struct command *
find_command(const struct monitor *m)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(*commands); i++)
		if (m->nargs > 1 && arg_is(m, 0, commands[i].name))
			return &commands[i];
	return NULL;
}

/* Read lines up to one that names keys. 1, 0 at the end, -1. */
static int
next_command(struct monitor *m, struct pd_err *err)
{
	ssize_t len;
	char *line;
	int rc;

	for (;;) {
		len = pd_lines_next(m->lines, &line, err);
		if (len == -1)
			return 0;
		if (len < 0)
			return -1;
		if (len == 0 || strcmp(line, "OK") == 0)
			continue;
		rc = parse_line(m, line, line + len);
		if (rc == -2)
			return pd_err_nomem(err);
		if (rc == -1)
			return pd_err_set(err, "%s:%llu: no line of MONITOR",
			    m->name,
			    (unsigned long long)pd_lines_number(m->lines));
		if ((m->cmd = find_command(m)) != NULL)
			break;
		m->ignored++;
	}
	m->key = 1;
	m->last = m->cmd->last < 0 ? m->nargs - 1 : 1;
	return 1;
}

/* Argument ${i} as a time to live in ms. 0 or -1. */
static int
ttl_arg(const struct monitor *m, size_t i, enum ttl_form form, uint64_t *ms)
{
	const uint64_t now = m->time_us / 1000;
	int64_t v;

	if (i >= m->nargs || pd_parse_i64n(arg_text(m, i), m->arg[i].n, &v) ||
	    v < 0 || v > INT64_MAX / 1000)
		return -1;
	*ms = (uint64_t)v;
	if (form == TTL_S || form == TTL_AT_S)
		*ms *= 1000;
	if (form == TTL_AT_S || form == TTL_AT_MS)
		*ms = *ms > now ? *ms - now : 0;
	return 0;
}

static void
take_ttl(const struct monitor *m, struct pd_event *e)
{
	static const struct {
		const char *name;
		enum ttl_form form;
	} option[] = {{"ex", TTL_S}, {"px", TTL_MS}, {"exat", TTL_AT_S},
	    {"pxat", TTL_AT_MS}};
	const enum ttl_form form = (enum ttl_form)m->cmd->ttl;

	if (form == TTL_NONE)
		return;
	if (form != TTL_OPTIONS) {
		if (ttl_arg(m, 2, form, &e->ttl_ms) == 0)
			e->flags |= PD_EV_TTL;
		return;
	}
	for (size_t i = 2U + m->cmd->value; i < m->nargs; i++)
		for (size_t k = 0; k < sizeof(option) / sizeof(*option); k++)
			if (arg_is(m, i, option[k].name) &&
			    ttl_arg(m, i + 1, option[k].form, &e->ttl_ms) == 0)
				e->flags |= PD_EV_TTL;
}

static void
take_size(
    struct monitor *m, const struct pd_import_key *key, struct pd_event *e)
{
	const uint64_t h = pd_hash64(key->p, key->n, key->db) | 1;
	const size_t i = (h >> 32) % SIZE_SLOTS;
	const size_t value = m->key + m->cmd->value;

	if (m->cmd->value > 0 && value < m->nargs) {
		m->size[i].key = h;
		m->size[i].size = (uint32_t)m->arg[value].n;
	}
	e->size = m->size[i].key == h ? m->size[i].size : 1;
}

static int
monitor_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct monitor *m = src;
	int rc;

	if (m->cmd == NULL && (rc = next_command(m, err)) != 1)
		return rc;
	key->p = arg_text(m, m->key);
	key->n = m->arg[m->key].n;
	key->db = m->db;
	e->time_us = m->unit == PD_TIME_SEQ ? m->records : m->time_us;
	e->op = m->cmd->op;
	e->ns = m->db;
	e->client = m->client;
	take_ttl(m, e);
	take_size(m, key, e);
	m->records++;
	m->key += m->cmd->step;
	if (m->key > m->last)
		m->cmd = NULL;
	return 1;
}

static uint64_t
monitor_offset(const void *src)
{
	return pd_lines_offset(((const struct monitor *)src)->lines);
}

static uint64_t
monitor_ignored(const void *src)
{
	return ((const struct monitor *)src)->ignored;
}

const struct pd_import pd_import_monitor = {"monitor", monitor_open,
    monitor_next, monitor_offset, monitor_ignored, monitor_close};
