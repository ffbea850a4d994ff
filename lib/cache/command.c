#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "base/ticks.h"
#include "cache/acl.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/lock.h"
#include "cache/monitor.h"
#include "cache/server.h"
#include "cache/store.h"

#define BUCKETS 1024 /* a power of two, well above the number of commands */
#define NAME_MAX_LEN 32
#define ARG_SHOWN 128
#define RECENT_BYTES 7

struct pd_commands {
	struct pd_cmd *all; /* top level, then subcommands */
	size_t n;	    /* top level */
	size_t total;
	struct pd_cmd *bucket[BUCKETS];
};

const struct pd_bitname pd_category_names[] = {{PD_CAT_KEYSPACE, "keyspace"},
    {PD_CAT_READ, "read"}, {PD_CAT_WRITE, "write"}, {PD_CAT_SET, "set"},
    {PD_CAT_SORTEDSET, "sortedset"}, {PD_CAT_LIST, "list"},
    {PD_CAT_HASH, "hash"}, {PD_CAT_STRING, "string"}, {PD_CAT_BITMAP, "bitmap"},
    {PD_CAT_HYPERLOGLOG, "hyperloglog"}, {PD_CAT_GEO, "geo"},
    {PD_CAT_STREAM, "stream"}, {PD_CAT_PUBSUB, "pubsub"},
    {PD_CAT_ADMIN, "admin"}, {PD_CAT_FAST, "fast"}, {PD_CAT_SLOW, "slow"},
    {PD_CAT_BLOCKING, "blocking"}, {PD_CAT_DANGEROUS, "dangerous"},
    {PD_CAT_CONNECTION, "connection"}, {PD_CAT_TRANSACTION, "transaction"},
    {PD_CAT_SCRIPTING, "scripting"}, {PD_CAT_PREDIS, "predis"}, {0, NULL}};

static uint32_t
hash_lower(const char *p, size_t n, char *lower)
{
	uint32_t h = 2166136261u;
	size_t i;

	for (i = 0; i < n; i++) {
		lower[i] = p[i];
		if (p[i] >= 'A' && p[i] <= 'Z')
			lower[i] = (char)(p[i] + 32);
		h = (h ^ (uint8_t)lower[i]) * 16777619u;
	}
	lower[n] = '\0';
	return h ^ h >> 15;
}

static const struct pd_command *const arrays[] = {
#define X(name) pd_commands_##name,
    PD_COMMAND_ARRAYS
#undef X
};

/* The categories that flags imply, as COMMAND INFO shows them. */
static uint32_t
all_cats(const struct pd_command *d)
{
	uint32_t cats = d->cats;

	if (d->flags & PD_CMD_WRITE)
		cats |= PD_CAT_WRITE;
	if (d->flags & PD_CMD_READONLY && !(cats & PD_CAT_CONNECTION))
		cats |= PD_CAT_READ;
	if (d->flags & PD_CMD_ADMIN)
		cats |= PD_CAT_ADMIN | PD_CAT_DANGEROUS;
	if (d->flags & PD_CMD_PUBSUB)
		cats |= PD_CAT_PUBSUB;
	if (d->flags & PD_CMD_FAST)
		cats |= PD_CAT_FAST;
	else
		cats |= PD_CAT_SLOW;
	return cats;
}

static bool
is_keyed(const struct pd_command *d)
{
	const struct pd_keyspec *k = &d->key[0];

	return k->flags != 0 && !(k->flags & PD_KEY_NOT_KEY) &&
	       k->last != PD_KEYS_COUNTED && d->key[1].flags == 0 &&
	       d->run != NULL && d->subs == NULL;
}

static enum pd_command_needs
needs_of(const struct pd_command *d)
{
	if (d->flags & PD_CMD_OWN)
		return PD_NEEDS_NOTHING;
	if (strcmp(d->name, "exec") == 0)
		return PD_NEEDS_QUEUED;
	if (d->key[0].flags != 0 && !(d->key[0].flags & PD_KEY_NOT_KEY) &&
	    !(d->flags & PD_CMD_ALONE))
		return PD_NEEDS_KEYS;
	return PD_NEEDS_ALL;
}

static void
fill(struct pd_cmd *cmd, const struct pd_command *d, struct pd_cmd *parent)
{
	cmd->def = d;
	cmd->parent = parent;
	cmd->flags = d->flags;
	cmd->cats = all_cats(d);
	cmd->keyed = is_keyed(d);
	cmd->needs = needs_of(d);
	snprintf(cmd->full, sizeof(cmd->full), "%s%s%s",
	    parent != NULL ? parent->def->name : "", parent != NULL ? "|" : "",
	    d->name);
}

/* Ids are places in the table. */
static void
number(struct pd_commands *t)
{
	size_t i;

	for (i = 0; i < t->total; i++)
		t->all[i].id = (uint32_t)i;
}

static void
put_in_bucket(struct pd_commands *t, struct pd_cmd *cmd)
{
	char lower[NAME_MAX_LEN + 1];
	uint32_t h = hash_lower(cmd->def->name, strlen(cmd->def->name), lower);

	while (t->bucket[h % BUCKETS] != NULL)
		h++;
	t->bucket[h % BUCKETS] = cmd;
}

struct pd_commands *
pd_commands_new(void)
{
	struct pd_commands *t = calloc(1, sizeof(*t));
	const struct pd_command *d, *sub;
	size_t i, top = 0, subs;

	if (t == NULL)
		return NULL;
	for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		for (d = arrays[i]; d->name != NULL; d++) {
			t->n++;
			for (sub = d->subs; sub && sub->name != NULL; sub++)
				t->total++;
		}
	t->total += t->n;
	if ((t->all = calloc(t->total, sizeof(*t->all))) == NULL) {
		free(t);
		return NULL;
	}
	subs = t->n;
	for (i = 0; i < sizeof(arrays) / sizeof(arrays[0]); i++)
		for (d = arrays[i]; d->name != NULL; d++) {
			fill(&t->all[top], d, NULL);
			t->all[top].subs = &t->all[subs];
			for (sub = d->subs; sub && sub->name != NULL; sub++) {
				fill(&t->all[subs++], sub, &t->all[top]);
				t->all[top].nsubs++;
			}
			put_in_bucket(t, &t->all[top]);
			top++;
		}
	number(t);
	return t;
}

void
pd_commands_free(struct pd_commands *t)
{
	if (t == NULL)
		return;
	free(t->all);
	free(t);
}

struct pd_cmd *
pd_commands_find(const struct pd_commands *t, const char *name, size_t n)
{
	char lower[NAME_MAX_LEN + 1];
	struct pd_cmd *cmd;
	uint32_t h;

	if (n > NAME_MAX_LEN)
		return NULL;
	h = hash_lower(name, n, lower);
	while ((cmd = t->bucket[h % BUCKETS]) != NULL) {
		if (strncmp(cmd->def->name, lower, n + 1) == 0)
			return cmd;
		h++;
	}
	return NULL;
}

struct pd_cmd *
pd_command_sub(const struct pd_cmd *cmd, const char *name, size_t n)
{
	char lower[NAME_MAX_LEN + 1];
	uint32_t i;

	if (n > NAME_MAX_LEN)
		return NULL;
	hash_lower(name, n, lower);
	for (i = 0; i < cmd->nsubs; i++)
		if (strncmp(cmd->subs[i].def->name, lower, n + 1) == 0)
			return &cmd->subs[i];
	return NULL;
}

struct pd_cmd *
pd_commands_full(const struct pd_commands *t, const char *name, size_t n)
{
	const char *bar = memchr(name, '|', n);
	const size_t first = bar == NULL ? n : (size_t)(bar - name);
	struct pd_cmd *cmd = pd_commands_find(t, name, first);

	if (cmd == NULL || bar == NULL)
		return cmd;
	return pd_command_sub(cmd, bar + 1, n - first - 1);
}

struct pd_cmd *
pd_commands_id(const struct pd_commands *t, size_t id)
{
	return id < t->total ? &t->all[id] : NULL;
}

size_t
pd_commands_total(const struct pd_commands *t)
{
	return t->total;
}

/*
 * The command of a name just as it stands there: most clients write a command
 * the same way each time, so folding its case and hashing it can be spared.
 */
static inline struct pd_cmd *
find_quickly(struct pd_worker *w, const struct pd_arg *a)
{
	const struct pd_commands *t = w->server->commands;
	struct pd_cmd_recent *r;
	uint64_t name = a->n;
	uint32_t i;

	if (a->n == 0 || a->n > RECENT_BYTES)
		return pd_commands_find(t, a->p, a->n);
	for (i = 0; i < a->n; i++)
		name = name << 8 | (uint8_t)a->p[i];
	r = &w->recent[(name ^ name >> 4) % PD_COMMANDS_RECENT];
	if (r->name != name) {
		r->name = name;
		r->cmd = pd_commands_find(t, a->p, a->n);
	}
	return r->cmd;
}

struct pd_cmd *
pd_commands_keyed(struct pd_worker *w, const struct pd_arg *argv, uint32_t argc)
{
	struct pd_cmd *cmd = find_quickly(w, &argv[0]);

	return cmd != NULL && cmd->keyed && pd_command_arity_ok(cmd->def, argc)
		   ? cmd
		   : NULL;
}

struct pd_cmd *
pd_commands_at(const struct pd_commands *t, size_t i)
{
	return i < t->n ? &t->all[i] : NULL;
}

size_t
pd_commands_count(const struct pd_commands *t)
{
	return t->n;
}

void
pd_command_counted(const struct pd_server *s, const struct pd_cmd *cmd,
    struct pd_cmd_count *sum)
{
	const struct pd_cmd_count *n;
	unsigned i, b;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < s->nworkers; i++) {
		n = &s->workers[i].count[cmd->id];
		sum->calls += n->calls;
		sum->ticks += n->ticks;
		sum->rejected += n->rejected;
		sum->failed += n->failed;
		for (b = 0; b < PD_LATENCY_BUCKETS; b++)
			sum->took[b] += n->took[b];
	}
}

bool
pd_command_arity_ok(const struct pd_command *d, uint32_t argc)
{
	return d->arity >= 0 ? argc == (uint32_t)d->arity
			     : argc >= (uint32_t)-d->arity;
}

/* The last word that is a key; 0 when there is none. */
static uint32_t
last_key(const struct pd_keyspec *k, const struct pd_arg *argv, uint32_t argc)
{
	int64_t n;

	if (k->last >= 0)
		return (uint32_t)(k->begin + k->last);
	if (k->last != PD_KEYS_COUNTED)
		return argc - (uint32_t)-k->last;
	if (pd_parse_i64n(argv[k->begin].p, argv[k->begin].n, &n) || n < 0 ||
	    n > argc - k->begin - 1)
		return 0;
	return k->begin + (uint32_t)n;
}

int
pd_command_keys(const struct pd_cmd *cmd, const struct pd_arg *argv,
    uint32_t argc, void (*fn)(void *cookie, uint32_t at, unsigned flags),
    void *cookie)
{
	const struct pd_keyspec *k;
	uint32_t i, last;
	int n = 0;

	if (cmd->nsubs > 0 && argc > 1) {
		cmd = pd_command_sub(cmd, argv[1].p, argv[1].n);
		if (cmd == NULL)
			return -2;
	}
	if (cmd->def->key[0].flags == 0)
		return -1;
	if (!pd_command_arity_ok(cmd->def, argc))
		return -2;
	for (k = cmd->def->key; k < cmd->def->key + 2 && k->flags != 0; k++) {
		last = last_key(k, argv, argc);
		i = k->last == PD_KEYS_COUNTED ? k->begin + 1u : k->begin;
		for (; i <= last && i < argc; i += (uint32_t)k->step) {
			fn(cookie, i,
			    k->flags & PD_KEY_VARIABLE
				? cmd->def->key_use(argv, argc)
				: k->flags);
			n++;
		}
	}
	return n;
}

/* Refuse a command before it runs; a transaction is lost by it. */
static void
reject(struct pd_client *c, struct pd_cmd *cmd, const char *text)
{
	if (cmd != NULL)
		c->worker->count[cmd->id].rejected++;
	if (c->multi)
		c->multi_failed = true;
	if (cmd == NULL || strcmp(cmd->full, "exec") != 0) {
		pd_reply_error(&c->reply, text);
		return;
	}
	pd_client_discard(c);
	pd_client_unwatch(c);
	pd_reply_errorf(&c->reply,
	    "EXECABORT Transaction discarded because of: %s",
	    strncmp(text, "ERR ", 4) == 0 ? text + 4 : text);
}

/* A browser was led here: what it sends must not be taken for commands. */
static bool
is_http(const struct pd_arg *a)
{
	return pd_arg_is(a, "post") || pd_arg_is(a, "host:");
}

static void
unknown_command(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	char text[512];
	size_t at;
	uint32_t i;

	if (is_http(&a[0])) {
		pd_server_log(c->server, PD_LOG_WARNING,
		    "client %llu closed: it speaks HTTP",
		    (unsigned long long)c->id);
		pd_client_close(c);
		return;
	}
	at = (size_t)snprintf(text, sizeof(text),
	    "ERR unknown command '%.*s', with args beginning with: ",
	    a[0].n < ARG_SHOWN ? (int)a[0].n : ARG_SHOWN, a[0].p);
	for (i = 1; i < n && at < sizeof(text) - ARG_SHOWN - 8; i++)
		at += (size_t)snprintf(text + at, sizeof(text) - at, "'%.*s' ",
		    a[i].n < ARG_SHOWN ? (int)a[i].n : ARG_SHOWN, a[i].p);
	reject(c, NULL, text);
}

static void
unknown_sub(struct pd_client *c, struct pd_cmd *cmd, const struct pd_arg *sub)
{
	char text[256], upper[NAME_MAX_LEN + 1];
	size_t i;

	for (i = 0; cmd->def->name[i] != '\0'; i++)
		upper[i] = (char)toupper((unsigned char)cmd->def->name[i]);
	upper[i] = '\0';
	snprintf(text, sizeof(text),
	    "ERR unknown subcommand '%.*s'. Try %s HELP.",
	    sub->n < ARG_SHOWN ? (int)sub->n : ARG_SHOWN, sub->p, upper);
	reject(c, cmd, text);
}

/* Find the command of some words, and its subcommand; NULL having replied. */
static struct pd_cmd *
lookup(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_cmd *cmd, *sub;
	char text[128];

	cmd = find_quickly(c->worker, &a[0]);
	if (cmd == NULL) {
		unknown_command(c, a, n);
		return NULL;
	}
	if (cmd->nsubs > 0 && n > 1) {
		sub = pd_command_sub(cmd, a[1].p, a[1].n);
		if (sub == NULL) {
			unknown_sub(c, cmd, &a[1]);
			return NULL;
		}
		cmd = sub;
	}
	if (!pd_command_arity_ok(cmd->def, n) || cmd->def->run == NULL) {
		snprintf(text, sizeof(text),
		    "ERR wrong number of arguments for '%s' command",
		    cmd->full);
		reject(c, cmd, text);
		return NULL;
	}
	return cmd;
}

/* Keep a command for EXEC. */
static void
enqueue(
    struct pd_client *c, struct pd_cmd *cmd, const struct pd_arg *a, uint32_t n)
{
	struct pd_queued *q;
	struct pd_arg *copy;
	size_t bytes = n * sizeof(*a);
	uint32_t i, cap;
	char *p;

	for (i = 0; i < n; i++)
		bytes += a[i].n;
	if (c->queue_bytes + bytes > c->server->cfg.query_max)
		goto err0;
	if (c->nqueue == c->queue_cap) {
		cap = c->queue_cap == 0 ? 8 : c->queue_cap * 2;
		if ((q = realloc(c->queue, cap * sizeof(*q))) == NULL)
			goto err0;
		c->queue = q;
		c->queue_cap = cap;
	}
	if ((copy = malloc(bytes)) == NULL)
		goto err0;
	p = (char *)(copy + n);
	for (i = 0; i < n; i++) {
		memcpy(p, a[i].p, a[i].n);
		copy[i] = (struct pd_arg){.p = p, .n = a[i].n};
		p += a[i].n;
	}
	c->queue[c->nqueue++] = (struct pd_queued){cmd, copy, n};
	c->queue_bytes += bytes;
	pd_reply_status(&c->reply, "QUEUED");
	return;
err0:
	reject(c, cmd, "ERR transaction too large");
}

void
pd_command_secret(struct pd_client *c, uint32_t from)
{
	c->worker->secret_from = from;
	c->worker->secret_in = c->worker->stats.commands_processed;
}

/* Count a new error by its code, in INFO errorstats. */
static void
count_error(struct pd_client *c)
{
	struct pd_worker *w = c->worker;
	struct pd_errorstat *e = w->errorstat;

	w->stats.error_replies += c->reply.errors - c->reply.blamed;
	while (e < w->errorstat + w->nerrorstat &&
	       strcmp(e->code, c->reply.code) != 0)
		e++;
	if (e == w->errorstat + PD_SERVER_ERRORS)
		e--; /* codes are ours, and fewer */
	else if (e == w->errorstat + w->nerrorstat)
		memcpy(w->errorstat[w->nerrorstat++].code, c->reply.code,
		    sizeof(e->code));
	e->count += c->reply.errors - c->reply.blamed;
	c->reply.blamed = c->reply.errors;
}

/* What only some servers want to know of a command that has run. */
static void
look_at(struct pd_client *c, struct pd_cmd *cmd, const struct pd_arg *argv,
    uint32_t argc, uint64_t number, uint64_t ticks)
{
	struct pd_server *s = c->server;
	struct pd_worker *w = c->worker;
	const uint32_t secret =
	    w->secret_in == number ? w->secret_from : UINT32_MAX;
	const uint64_t us = pd_timing_ns(&w->timing, ticks) / 1000;

	if (s->monitors != NULL && s->monitors->first != NULL &&
	    !(cmd->flags & (PD_CMD_ADMIN | PD_CMD_SKIP_MONITOR)))
		pd_monitor_feed(c, argv, argc, secret);
	if (ticks < w->timing.slow)
		return;
	pd_latency_event(w,
	    cmd->flags & PD_CMD_FAST ? PD_LATENCY_FAST_COMMAND
				     : PD_LATENCY_COMMAND,
	    us / 1000);
	if (w->timing.slower_us < 0 || us < (uint64_t)w->timing.slower_us ||
	    cmd->flags & PD_CMD_SKIP_SLOWLOG)
		return;
	pd_notes_lock(s);
	pd_slowlog_add(&s->slowlog, c, argv, argc, secret, us);
	pd_notes_unlock(s);
}

void
pd_command_run(struct pd_client *c, struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc)
{
	struct pd_worker *w = c->worker;
	struct pd_cmd_count *count = &w->count[cmd->id];
	const uint64_t number = ++w->stats.commands_processed;
	const uint64_t from = w->timing.at;
	uint64_t ticks;

	c->last = cmd;
	cmd->def->run(c, argv, argc);
	w->timing.at = pd_ticks();
	count->calls++;
	ticks = w->timing.at - from;
	count->ticks += ticks;
	count->took[pd_latency_bucket(pd_timing_ns(&w->timing, ticks))] +=
	    w->timing.tracking;
	if (ticks >= w->timing.slow || c->server->monitors != NULL)
		look_at(c, cmd, argv, argc, number, ticks);
	if (c->reply.errors != c->reply.blamed) {
		count->failed++;
		count_error(c);
	}
}

/* When nothing is left to evict, evicting does not help. */
static bool
is_full(const struct pd_store *st)
{
	return (!st->cfg.evict || st->total == 0 || st->hopeless) &&
	       st->cfg.maxmemory > 0 && pd_store_memory(st) > st->cfg.maxmemory;
}

bool
pd_command_no_memory(const struct pd_client *c, const struct pd_cmd *cmd)
{
	const struct pd_server *s = c->server;
	uint32_t i;

	if (!(cmd->flags & PD_CMD_DENYOOM))
		return false;
	if (s->nshards == 1)
		return is_full(pd_server_first(s));
	for (i = 0; i < s->nshards; i++)
		if (pd_worker_has_shard(c->worker, i) &&
		    is_full(s->shards[i].store))
			return true;
	return false;
}

/* Few clients have a gate: its buffer is not for all. */
static __attribute__((noinline)) bool
gate_refuses(
    struct pd_client *c, struct pd_cmd *cmd, const struct pd_arg *a, uint32_t n)
{
	char text[512];
	const char *why = pd_gate(c, cmd, a, n, text, sizeof(text));

	if (why == NULL)
		return false;
	reject(c, cmd, why);
	return true;
}

/* Check a command that has its locks, then run or queue it. */
static void
dispatch(
    struct pd_client *c, struct pd_cmd *cmd, const struct pd_arg *a, uint32_t n)
{
	if (c->gate != 0 && gate_refuses(c, cmd, a, n))
		return;
	if (c->parser.oversize)
		reject(c, cmd,
		    c->parser.no_memory ? PD_ERR_OOM
		    : c->parser.no_room ? PD_ERR_SHARE
					: PD_ERR_LARGE);
	else if (c->multi && cmd->flags & PD_CMD_NO_MULTI)
		reject(c, cmd, "ERR Command not allowed inside a transaction");
	else if (pd_command_no_memory(c, cmd))
		reject(c, cmd, PD_ERR_OOM);
	else if (c->multi && !(cmd->flags & PD_CMD_NOT_QUEUED))
		enqueue(c, cmd, a, n);
	else
		pd_command_run(c, cmd, a, n);
}

void
pd_command_dispatch(
    struct pd_client *c, struct pd_cmd *cmd, const struct pd_arg *a, uint32_t n)
{
	if (cmd == NULL)
		cmd = lookup(c, a, n);
	if (cmd != NULL && (c->server->nworkers == 1 || c->worker->keeps)) {
		dispatch(c, cmd, a, n);
	} else if (cmd != NULL) {
		pd_command_lock(c, cmd, a, n);
		if (!c->closed)
			dispatch(c, cmd, a, n);
		pd_command_unlock(c);
	}
	if (c->reply.errors != c->reply.blamed)
		count_error(c);
}
