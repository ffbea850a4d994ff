/*
 * One command a line,
 *	1339518083.107412 [0 127.0.0.1:60866] "set" "key" "value"
 * with arguments quoted as Redis prints them.
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
#include "data/monitor.h"
#include "data/sizes.h"

#define MAX_ARGS 65536
#define NAME_MAX_BYTES 16

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

/* Sorted by name. The first key is argument 1 in all of them. */
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

struct pd_monitor {
	/* The command being handed out key by key. */
	const struct command *cmd;
	size_t key, last;
	uint64_t time_us;
	uint32_t db, client;
	struct pd_buf text; /* unquoted arguments */
	struct arg *arg;
	size_t nargs, args_cap;
	struct pd_sizes sizes;
};

struct pd_monitor *
pd_monitor_new(void)
{
	return calloc(1, sizeof(struct pd_monitor));
}

void
pd_monitor_free(struct pd_monitor *m)
{
	if (m == NULL)
		return;
	pd_buf_release(&m->text);
	free(m->arg);
	free(m);
}

/* The byte that the escape at ${*p} (after the backslash) stands for; ${*p}
 * moves past it. */
static char
unescape(const char **p, const char *end)
{
	const char c = *(*p)++;
	int byte;

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
		byte = pd_parse_hex2(*p, (size_t)(end - *p));
		if (byte < 0)
			return c;
		*p += 2;
		return (char)byte;
	default:
		return c;
	}
}

static int
add_arg(struct pd_monitor *m, size_t at)
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
parse_args(struct pd_monitor *m, const char *p, const char *end)
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
parse_line(struct pd_monitor *m, const char *p, const char *end)
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
arg_text(const struct pd_monitor *m, size_t i)
{
	return (const char *)m->text.data + m->arg[i].at;
}

static bool
arg_is(const struct pd_monitor *m, size_t i, const char *name)
{
	const size_t n = strlen(name);

	return m->arg[i].n == n && strncasecmp(arg_text(m, i), name, n) == 0;
}

/* The command of argument 0, if it is in the table and names a key. */
static const struct command *
find_command(const struct pd_monitor *m)
{
	char name[NAME_MAX_BYTES + 1];
	const char *p;
	size_t lo = 0, hi = sizeof(commands) / sizeof(*commands), mid;
	int c;

	if (m->nargs < 2 || m->arg[0].n > NAME_MAX_BYTES)
		return NULL;
	p = arg_text(m, 0);
	memcpy(name, p, m->arg[0].n);
	name[m->arg[0].n] = '\0';
	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		c = strcasecmp(name, commands[mid].name);
		if (c == 0)
			return &commands[mid];
		if (c < 0)
			hi = mid;
		else
			lo = mid + 1;
	}
	return NULL;
}

int
pd_monitor_line(
    struct pd_monitor *m, const char *line, size_t n, struct pd_err *err)
{
	int rc;

	m->cmd = NULL;
	rc = parse_line(m, line, line + n);
	if (rc == -2)
		return pd_err_nomem(err);
	if (rc == -1)
		return PD_MONITOR_BAD;
	if ((m->cmd = find_command(m)) == NULL)
		return PD_MONITOR_OTHER;
	m->key = 1;
	m->last = m->cmd->last < 0 ? m->nargs - 1 : 1;
	return PD_MONITOR_KEYS;
}

/* Argument ${i} as a time to live in ms. 0 or -1. */
static int
ttl_arg(const struct pd_monitor *m, size_t i, enum ttl_form form, uint64_t *ms)
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
take_ttl(const struct pd_monitor *m, struct pd_event *e)
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
    struct pd_monitor *m, const struct pd_import_key *key, struct pd_event *e)
{
	const size_t value = m->key + m->cmd->value;

	if (m->cmd->value > 0 && value < m->nargs)
		pd_sizes_put(&m->sizes, key, m->arg[value].n);
	e->size = pd_sizes_get(&m->sizes, key);
}

bool
pd_monitor_key(
    struct pd_monitor *m, struct pd_event *e, struct pd_import_key *key)
{
	if (m->cmd == NULL)
		return false;
	key->p = arg_text(m, m->key);
	key->n = m->arg[m->key].n;
	key->db = m->db;
	e->time_us = m->time_us;
	e->op = m->cmd->op;
	e->ns = m->db;
	e->client = m->client;
	take_ttl(m, e);
	take_size(m, key, e);
	m->key += m->cmd->step;
	if (m->key > m->last)
		m->cmd = NULL;
	return true;
}
