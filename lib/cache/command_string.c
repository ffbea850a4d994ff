/* Commands that read and write whole strings or parts of them. */

#include <string.h>
#include <strings.h>

#include "cache/command_table.h"
#include "cache/command_util.h"
#include "data/event.h"

static void
reply_entry(struct pd_client *c, struct pd_entry *e)
{
	if (e == NULL)
		pd_reply_null(&c->reply);
	else
		pd_reply_value(&c->reply, e, 0, pd_entry_len(e));
}

/* Read a key, an access; a miss is told to who asked for that. */
static struct pd_entry *
read_key(struct pd_client *c, const struct pd_key *k)
{
	struct pd_entry *e =
	    pd_store_read(pd_server_store(c->server, k), k, PD_OP_GET);

	if (e == NULL)
		pd_tell(c, PD_NOTIFY_MISS, "keymiss", k);
	return e;
}

/* A key was written, by a command that gave it an expiry or not. */
static void
tell_set(struct pd_client *c, const struct pd_key *k, bool expires)
{
	pd_tell(c, PD_NOTIFY_STRING, "set", k);
	if (expires)
		pd_tell(c, PD_NOTIFY_GENERIC, "expire", k);
}

static void
run_get(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;

	(void)n;
	if (pd_arg_key(c, &a[1], &k))
		reply_entry(c, read_key(c, &k));
}

static void
run_mget(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	uint32_t i;

	if (!pd_args_keys_ok(c, a, n, 1))
		return;
	pd_reply_array(&c->reply, n - 1);
	for (i = 1; i < n; i++) {
		pd_arg_key(c, &a[i], &k);
		reply_entry(c, read_key(c, &k));
	}
}

/* The options of SET. */
struct set_opts {
	bool nx;
	bool xx;
	bool get;
	bool keep_ttl;
	uint32_t expiry; /* word that holds it, 0 none */
	uint32_t cost;	 /* word that holds it, 0 none */
	int64_t unit_ms;
	bool relative;
};

/* May option ${i} follow one whose value is word ${before} (0: none)? The
 * last one counts, but there are no two kinds. */
static bool
same_expiry(const struct pd_arg *a, uint32_t i, uint32_t before)
{
	const struct pd_arg *o = &a[before - 1];

	return before == 0 ||
	       (o->n == a[i].n && strncasecmp(o->p, a[i].p, o->n) == 0);
}

static bool
parse_set(const struct pd_arg *a, uint32_t n, struct set_opts *o)
{
	int64_t unit;
	uint32_t i;
	bool relative;

	for (i = 3; i < n; i++) {
		if (pd_arg_is(&a[i], "nx") && !o->xx) {
			o->nx = true;
		} else if (pd_arg_is(&a[i], "xx") && !o->nx) {
			o->xx = true;
		} else if (pd_arg_is(&a[i], "get")) {
			o->get = true;
		} else if (pd_arg_is(&a[i], "keepttl") && o->expiry == 0) {
			o->keep_ttl = true;
		} else if (pd_arg_is(&a[i], "cost") && o->cost == 0 &&
			   i + 1 < n) {
			o->cost = ++i;
		} else if (pd_arg_expiry_option(&a[i], &unit, &relative) &&
			   !o->keep_ttl && same_expiry(a, i, o->expiry) &&
			   i + 1 < n) {
			o->unit_ms = unit;
			o->relative = relative;
			o->expiry = ++i;
		} else {
			return false;
		}
	}
	return true;
}

static void
set_with(struct pd_client *c, const struct pd_arg *a, struct set_opts *o)
{
	struct pd_store *st;
	struct pd_put put = {.len = a[2].n,
	    .expiry = o->keep_ttl ? PD_EXPIRY_KEEP : 0,
	    .op = o->get ? PD_OP_UPDATE : PD_OP_SET};
	struct pd_entry *e;
	struct pd_key k;

	if (o->expiry != 0 && !pd_arg_expiry(c, &a[o->expiry], o->unit_ms,
				  o->relative, "set", &put.expiry))
		return;
	if (o->cost != 0 && !pd_arg_cost(c, &a[o->cost], 1, "set", &put.cost))
		return;
	if (!pd_arg_key(c, &a[1], &k))
		return;
	st = pd_server_store(c->server, &k);
	e = pd_store_peek(st, &k);
	if (o->nx ? e != NULL : o->xx && e == NULL) {
		reply_entry(c, o->get ? e : NULL);
		return;
	}
	if (!o->get) {
		if (pd_write_put(c, &k, a[2].p, &put)) {
			tell_set(c, &k, o->expiry != 0);
			pd_reply_ok(&c->reply);
		}
		return;
	}
	/* Held, for the reply comes before the write and may not fail. */
	if (e != NULL && (e = pd_store_hold(e)) == NULL) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return;
	}
	if (pd_write_put(c, &k, a[2].p, &put)) {
		tell_set(c, &k, o->expiry != 0);
		reply_entry(c, e);
	}
	if (e != NULL)
		pd_store_release(e);
}

/* The key is read with the option GET only. */
static unsigned
set_key_use(const struct pd_arg *argv, uint32_t argc)
{
	uint32_t i;

	for (i = 3; i < argc; i++)
		if (pd_arg_is(&argv[i], "get"))
			return PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE;
	return PD_KEY_OW | PD_KEY_UPDATE;
}

static void
run_set(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct set_opts o = {.nx = false};
	struct pd_key k;

	if (n == 3) {
		if (pd_arg_key(c, &a[1], &k) &&
		    pd_write_value(c, &k, a[2].p, a[2].n, 0, PD_OP_SET)) {
			tell_set(c, &k, false);
			pd_reply_ok(&c->reply);
		}
		return;
	}
	if (!parse_set(a, n, &o))
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
	else
		set_with(c, a, &o);
}

static void
run_setnx(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;

	(void)n;
	if (!pd_arg_key(c, &a[1], &k))
		return;
	if (pd_store_peek(pd_server_store(c->server, &k), &k) != NULL)
		pd_reply_int(&c->reply, 0);
	else if (pd_write_value(c, &k, a[2].p, a[2].n, 0, PD_OP_SET)) {
		tell_set(c, &k, false);
		pd_reply_int(&c->reply, 1);
	}
}

static void
set_expiring(struct pd_client *c, const struct pd_arg *a, int64_t unit_ms,
    const char *cmd)
{
	struct pd_key k;
	int64_t expiry;

	if (!pd_arg_expiry(c, &a[2], unit_ms, true, cmd, &expiry) ||
	    !pd_arg_key(c, &a[1], &k) ||
	    !pd_write_value(c, &k, a[3].p, a[3].n, expiry, PD_OP_SET))
		return;
	tell_set(c, &k, true);
	pd_reply_ok(&c->reply);
}

static void
run_setex(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	set_expiring(c, a, 1000, "setex");
}

static void
run_psetex(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	set_expiring(c, a, 1, "psetex");
}

static void
run_getset(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct set_opts o = {.get = true};

	(void)n;
	set_with(c, a, &o);
}

static void
run_getdel(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_store *st;
	struct pd_entry *e;
	struct pd_key k;

	(void)n;
	if (!pd_arg_key(c, &a[1], &k))
		return;
	st = pd_server_store(c->server, &k);
	e = read_key(c, &k);
	reply_entry(c, e);
	if (e == NULL)
		return;
	pd_store_del(st, &k);
	pd_tell(c, PD_NOTIFY_GENERIC, "del", &k);
}

static void
run_getex(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_store *st;
	int64_t unit = 0, expiry = 0;
	struct pd_entry *e;
	struct pd_key k;
	bool relative = false, persist = false;
	uint32_t i, at = 0;

	for (i = 2; i < n; i++) {
		if (pd_arg_is(&a[i], "persist") && at == 0) {
			persist = true;
		} else if (pd_arg_expiry_option(&a[i], &unit, &relative) &&
			   !persist && same_expiry(a, i, at) && i + 1 < n) {
			at = ++i;
		} else {
			pd_reply_error(&c->reply, PD_ERR_SYNTAX);
			return;
		}
	}
	if (!pd_arg_key(c, &a[1], &k))
		return;
	st = pd_server_store(c->server, &k);
	e = read_key(c, &k);
	/* An absent key is answered before a time is looked at, as in Redis. */
	if (e != NULL && at != 0 &&
	    !pd_arg_expiry(c, &a[at], unit, relative, "getex", &expiry))
		return;
	reply_entry(c, e);
	if (e == NULL)
		return;
	if (persist && pd_entry_expiry(e) != 0) {
		pd_store_set_expiry(st, e, 0);
		pd_tell(c, PD_NOTIFY_GENERIC, "persist", &k);
	} else if (expiry != 0 && expiry <= st->now_ms) {
		pd_store_del(st, &k);
		pd_tell(c, PD_NOTIFY_GENERIC, "del", &k);
	} else if (expiry != 0) {
		pd_store_set_expiry(st, e, expiry);
		pd_tell(c, PD_NOTIFY_GENERIC, "expire", &k);
	}
}

static void
run_mset(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	uint32_t i;

	if (n % 2 == 0) {
		pd_reply_error(&c->reply,
		    "ERR wrong number of arguments for 'mset' command");
		return;
	}
	if (!pd_args_keys_ok(c, a, n, 2))
		return;
	for (i = 1; i < n; i += 2) {
		pd_arg_key(c, &a[i], &k);
		if (!pd_write_value(
			c, &k, a[i + 1].p, a[i + 1].n, 0, PD_OP_SET))
			return;
		tell_set(c, &k, false);
	}
	pd_reply_ok(&c->reply);
}

static void
run_msetnx(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	uint32_t i;

	if (n % 2 == 0) {
		pd_reply_error(&c->reply,
		    "ERR wrong number of arguments for 'msetnx' command");
		return;
	}
	if (!pd_args_keys_ok(c, a, n, 2))
		return;
	for (i = 1; i < n; i += 2) {
		pd_arg_key(c, &a[i], &k);
		if (pd_store_peek(pd_server_store(c->server, &k), &k) != NULL) {
			pd_reply_int(&c->reply, 0);
			return;
		}
	}
	for (i = 1; i < n; i += 2) {
		pd_arg_key(c, &a[i], &k);
		if (!pd_write_value(
			c, &k, a[i + 1].p, a[i + 1].n, 0, PD_OP_SET))
			return;
		tell_set(c, &k, false);
	}
	pd_reply_int(&c->reply, 1);
}

/* Write ${a} at ${offset} of a value that has ${old} bytes. */
static void
write_part(struct pd_client *c, const struct pd_key *k, size_t old,
    size_t offset, const struct pd_arg *a, const char *event)
{
	const size_t end = offset + a->n, len = end > old ? end : old;
	const struct pd_put put = {.len = len,
	    .keep = len,
	    .expiry = PD_EXPIRY_KEEP,
	    .op = PD_OP_UPDATE};
	enum pd_store_status st;
	uint8_t *value;

	pd_tell_new(c, k);
	st = pd_store_put(pd_server_store(c->server, k), k, &put, &value);
	if (st != PD_STORE_OK) {
		pd_reply_store_error(c, st);
		return;
	}
	memcpy(value + offset, a->p, a->n);
	pd_tell(c, PD_NOTIFY_STRING, event, k);
	pd_reply_int(&c->reply, (int64_t)len);
}

static size_t
old_length(struct pd_client *c, const struct pd_key *k)
{
	const struct pd_entry *e =
	    pd_store_peek(pd_server_store(c->server, k), k);

	return e == NULL ? 0 : pd_entry_len(e);
}

static void
run_append(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	size_t old;

	(void)n;
	if (!pd_arg_key(c, &a[1], &k))
		return;
	old = old_length(c, &k);
	write_part(c, &k, old, old, &a[2], "append");
}

static void
run_setrange(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	int64_t offset;
	size_t old;

	(void)n;
	if (!pd_arg_int(c, &a[2], &offset) || !pd_arg_key(c, &a[1], &k))
		return;
	if (offset < 0) {
		pd_reply_error(&c->reply, "ERR offset is out of range");
		return;
	}
	old = old_length(c, &k);
	if (a[3].n == 0)
		pd_reply_int(&c->reply, (int64_t)old);
	else if (offset > (int64_t)c->server->cfg.max_value)
		pd_reply_error(&c->reply, PD_ERR_LARGE);
	else
		write_part(c, &k, old, (size_t)offset, &a[3], "setrange");
}

static void
run_strlen(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_entry *e;
	struct pd_key k;

	(void)n;
	if (!pd_arg_key(c, &a[1], &k))
		return;
	e = read_key(c, &k);
	pd_reply_int(&c->reply, e == NULL ? 0 : pd_entry_len(e));
}

static void
run_getrange(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_entry *e;
	struct pd_key k;
	int64_t start, end, len;

	(void)n;
	if (!pd_arg_int(c, &a[2], &start) || !pd_arg_int(c, &a[3], &end) ||
	    !pd_arg_key(c, &a[1], &k))
		return;
	e = read_key(c, &k);
	len = e == NULL ? 0 : pd_entry_len(e);
	if (start < 0 && end < 0 && start > end)
		len = 0;
	start = start < 0 ? start + len : start;
	end = end < 0 ? end + len : end;
	start = start < 0 ? 0 : start;
	end = end < 0 ? 0 : end;
	end = end >= len ? len - 1 : end;
	if (len == 0 || start > end)
		pd_reply_bulk(&c->reply, "", 0);
	else
		pd_reply_value(
		    &c->reply, e, (size_t)start, (size_t)(end - start + 1));
}

#define W PD_CMD_WRITE
#define M PD_CMD_DENYOOM
#define R PD_CMD_READONLY
#define F PD_CMD_FAST
#define DEF(name_, arity_, flags_, ...)                                        \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = PD_CAT_STRING, .group = "string", .key = {{__VA_ARGS__}}
#define READ (PD_KEY_RO | PD_KEY_ACCESS)

const struct pd_command pd_commands_string[] = {
    {DEF("get", 2, R | F, 1, 0, 1, READ), .run = run_get, .since = "1.0.0",
	.complexity = "O(1)", .summary = "Read the value of a key."},
    {DEF("mget", -2, R | F, 1, -1, 1, READ), .run = run_mget, .since = "1.0.0",
	.complexity = "O(N)", .tips = "request_policy:multi_shard",
	.summary = "Read the values of several keys."},
    {DEF("set", -3, W | M, 1, 0, 1,
	 PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE | PD_KEY_VARIABLE),
	.key_use = set_key_use, .run = run_set, .since = "1.0.0",
	.complexity = "O(1)",
	.summary = "Write a key, with options for expiry, conditions and "
		   "cost."},
    {DEF("setnx", 3, W | M | F, 1, 0, 1, PD_KEY_OW | PD_KEY_INSERT),
	.run = run_setnx, .since = "1.0.0", .complexity = "O(1)",
	.summary = "Write a key only when it is absent."},
    {DEF("setex", 4, W | M, 1, 0, 1, PD_KEY_OW | PD_KEY_UPDATE),
	.run = run_setex, .since = "2.0.0", .complexity = "O(1)",
	.summary = "Write a key that expires, in seconds."},
    {DEF("psetex", 4, W | M, 1, 0, 1, PD_KEY_OW | PD_KEY_UPDATE),
	.run = run_psetex, .since = "2.6.0", .complexity = "O(1)",
	.summary = "Write a key that expires, in milliseconds."},
    {DEF("getset", 3, W | M | F, 1, 0, 1,
	 PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE),
	.run = run_getset, .since = "1.0.0", .complexity = "O(1)",
	.summary = "Write a key and return its old value."},
    {DEF("getdel", 2, W | F, 1, 0, 1,
	 PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_DELETE),
	.run = run_getdel, .since = "6.2.0", .complexity = "O(1)",
	.summary = "Read a key and delete it."},
    {DEF("getex", -2, W | F, 1, 0, 1,
	 PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE),
	.run = run_getex, .since = "6.2.0", .complexity = "O(1)",
	.summary = "Read a key and change its expiry."},
    {DEF("mset", -3, W | M, 1, -1, 2, PD_KEY_OW | PD_KEY_UPDATE),
	.run = run_mset, .since = "1.0.1", .complexity = "O(N)",
	.tips = "request_policy:multi_shard response_policy:all_succeeded",
	.summary = "Write several keys."},
    {DEF("msetnx", -3, W | M, 1, -1, 2, PD_KEY_OW | PD_KEY_INSERT),
	.run = run_msetnx, .since = "1.0.1", .complexity = "O(N)",
	.tips = "request_policy:multi_shard response_policy:agg_min",
	.summary = "Write several keys only when all are absent."},
    {DEF("append", 3, W | M | F, 1, 0, 1, PD_KEY_RW | PD_KEY_INSERT),
	.run = run_append, .since = "2.0.0", .complexity = "O(N)",
	.summary = "Add bytes to the end of a value."},
    {DEF("setrange", 4, W | M, 1, 0, 1, PD_KEY_RW | PD_KEY_UPDATE),
	.run = run_setrange, .since = "2.2.0", .complexity = "O(N)",
	.summary = "Overwrite a part of a value."},
    {DEF("strlen", 2, R | F, 1, 0, 1, PD_KEY_RO), .run = run_strlen,
	.since = "2.2.0", .complexity = "O(1)",
	.summary = "The length of a value."},
    {DEF("getrange", 4, R, 1, 0, 1, READ), .run = run_getrange,
	.since = "2.4.0", .complexity = "O(N)",
	.summary = "Read a part of a value."},
    {DEF("substr", 4, R, 1, 0, 1, READ), .run = run_getrange, .since = "1.0.0",
	.complexity = "O(N)", .summary = "The old name of GETRANGE."},
    {.name = NULL},
};
