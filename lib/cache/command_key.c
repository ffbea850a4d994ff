/* Commands on keys, whatever their values are. */

#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/look.h"
#include "cache/shard.h"
#include "data/event.h"

static void
run_del(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	int64_t gone = 0;
	uint32_t i;

	if (!pd_args_keys_ok(c, a, n, 1))
		return;
	for (i = 1; i < n; i++) {
		pd_arg_key(c, &a[i], &k);
		if (!pd_store_del(pd_server_store(c->server, &k), &k))
			continue;
		pd_tell(c, PD_NOTIFY_GENERIC, "del", &k);
		gone++;
	}
	pd_reply_int(&c->reply, gone);
}

static void
run_exists(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	int64_t there = 0;
	uint32_t i;

	if (!pd_args_keys_ok(c, a, n, 1))
		return;
	for (i = 1; i < n; i++) {
		pd_arg_key(c, &a[i], &k);
		there +=
		    pd_store_peek(pd_server_store(c->server, &k), &k) != NULL;
	}
	pd_reply_int(&c->reply, there);
}

static void
run_touch(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;
	int64_t there = 0;
	uint32_t i;

	if (!pd_args_keys_ok(c, a, n, 1))
		return;
	for (i = 1; i < n; i++) {
		pd_arg_key(c, &a[i], &k);
		there += pd_store_read(pd_server_store(c->server, &k), &k,
			     PD_OP_TOUCH) != NULL;
	}
	pd_reply_int(&c->reply, there);
}

static void
run_type(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key k;

	(void)n;
	if (pd_arg_key(c, &a[1], &k))
		pd_reply_status(&c->reply,
		    pd_store_peek(pd_server_store(c->server, &k), &k) ? "string"
								      : "none");
}

static struct pd_entry *
peek(struct pd_client *c, const struct pd_key *k)
{
	return pd_store_peek(pd_server_store(c->server, k), k);
}

/*
 * Write the value and expiry of ${e} under another key. The entry is held: it
 * may be evicted for its own copy. Replies on failure.
 */
static bool
copy_to(struct pd_client *c, struct pd_entry *e, const struct pd_key *to)
{
	bool ok;

	if ((e = pd_store_hold(e)) == NULL) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return false;
	}
	ok = pd_write_value(c, to, pd_entry_value(e), pd_entry_len(e),
	    pd_entry_expiry(e), PD_OP_OTHER);
	pd_store_release(e);
	return ok;
}

/* RENAME and RENAMENX: 1 done, 0 the new key is there, -1 having replied. */
static int
rename_key(struct pd_client *c, const struct pd_arg *a, bool nx)
{
	struct pd_key from, to;
	struct pd_entry *e;

	if (!pd_arg_key(c, &a[1], &from) || !pd_arg_key(c, &a[2], &to))
		return -1;
	if ((e = peek(c, &from)) == NULL) {
		pd_reply_error(&c->reply, "ERR no such key");
		return -1;
	}
	if (from.n == to.n && memcmp(from.p, to.p, to.n) == 0)
		return nx ? 0 : 1;
	if (nx && peek(c, &to) != NULL)
		return 0;
	if (!copy_to(c, e, &to))
		return -1;
	pd_store_del(pd_server_store(c->server, &from), &from);
	pd_tell(c, PD_NOTIFY_GENERIC, "rename_from", &from);
	pd_tell(c, PD_NOTIFY_GENERIC, "rename_to", &to);
	return 1;
}

static void
run_rename(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	if (rename_key(c, a, false) == 1)
		pd_reply_ok(&c->reply);
}

static void
run_renamenx(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	int r;

	(void)n;
	if ((r = rename_key(c, a, true)) >= 0)
		pd_reply_int(&c->reply, r);
}

static bool
parse_db(struct pd_client *c, const struct pd_arg *a, unsigned *db)
{
	int64_t v;

	if (!pd_arg_int(c, a, &v))
		return false;
	if (v < INT32_MIN || v > INT32_MAX) {
		pd_reply_errorf(&c->reply,
		    "ERR value is out of range, value must between %d and %d",
		    INT32_MIN, INT32_MAX);
		return false;
	}
	if (v < 0 || v >= PD_STORE_DBS) {
		pd_reply_error(&c->reply, "ERR DB index is out of range");
		return false;
	}
	*db = (unsigned)v;
	return true;
}

static void
run_copy(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key from, to;
	struct pd_entry *e;
	unsigned db = c->db;
	bool replace = false;
	uint32_t i;

	for (i = 3; i < n; i++) {
		if (pd_arg_is(&a[i], "replace")) {
			replace = true;
		} else if (pd_arg_is(&a[i], "db") && i + 1 < n) {
			if (!parse_db(c, &a[++i], &db))
				return;
		} else {
			pd_reply_error(&c->reply, PD_ERR_SYNTAX);
			return;
		}
	}
	if (!pd_arg_key(c, &a[1], &from) || !pd_arg_key(c, &a[2], &to))
		return;
	to = pd_store_key(pd_server_first(c->server), db, a[2].p, a[2].n);
	if (db == c->db && from.n == to.n && memcmp(from.p, to.p, to.n) == 0) {
		pd_reply_error(&c->reply,
		    "ERR source and destination objects are the same");
		return;
	}
	e = peek(c, &from);
	if (e == NULL || (!replace && peek(c, &to) != NULL))
		pd_reply_int(&c->reply, 0);
	else if (copy_to(c, e, &to)) {
		pd_tell(c, PD_NOTIFY_GENERIC, "copy_to", &to);
		pd_reply_int(&c->reply, 1);
	}
}

static void
run_move(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_key from, to;
	struct pd_entry *e;
	unsigned db;

	(void)n;
	if (!parse_db(c, &a[2], &db) || !pd_arg_key(c, &a[1], &from))
		return;
	if (db == c->db) {
		pd_reply_error(&c->reply,
		    "ERR source and destination objects are the same");
		return;
	}
	to = pd_store_key(pd_server_first(c->server), db, a[1].p, a[1].n);
	e = peek(c, &from);
	if (e == NULL || peek(c, &to) != NULL) {
		pd_reply_int(&c->reply, 0);
	} else if (copy_to(c, e, &to)) {
		pd_store_del(pd_server_store(c->server, &from), &from);
		pd_tell(c, PD_NOTIFY_GENERIC, "move_from", &from);
		pd_tell(c, PD_NOTIFY_GENERIC, "move_to", &to);
		pd_reply_int(&c->reply, 1);
	}
}

static void
run_randomkey(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_store *st;
	struct pd_entry *e = NULL;
	struct pd_key k;

	(void)a;
	(void)n;
	while ((st = pd_server_random(c->server, c->db)) != NULL &&
	       (e = pd_store_random(st, c->db)) != NULL) {
		k = pd_store_entry_key(st, e);
		if ((e = pd_store_peek(st, &k)) != NULL)
			break;
	}
	if (e == NULL)
		pd_reply_null(&c->reply);
	else
		pd_reply_bulk(&c->reply, pd_entry_key(e), pd_entry_key_len(e));
}

/* OBJECT: the entry of word 2, or NULL having replied. */
static struct pd_entry *
object_of(struct pd_client *c, const struct pd_arg *a)
{
	struct pd_entry *e;
	struct pd_key k;

	if (!pd_arg_key(c, &a[2], &k))
		return NULL;
	if ((e = pd_store_peek(pd_server_store(c->server, &k), &k)) == NULL)
		pd_reply_null(&c->reply);
	return e;
}

const char *
pd_value_encoding(const struct pd_entry *e)
{
	const size_t n = pd_entry_len(e);
	int64_t v;

	if (pd_parse_i64n((const char *)pd_entry_value(e), n, &v) == 0)
		return "int";
	return n <= 44 ? "embstr" : "raw";
}

static void
run_object_encoding(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_entry *e = object_of(c, a);

	(void)n;
	if (e != NULL)
		pd_reply_str(&c->reply, pd_value_encoding(e));
}

static void
run_object_refcount(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	if (object_of(c, a) != NULL)
		pd_reply_int(&c->reply, 1);
}

/* Where a key is whose length has been checked. */
static const struct pd_shard *
shard_of(struct pd_client *c, const struct pd_arg *a)
{
	struct pd_key k;

	pd_arg_key(c, a, &k);
	return pd_server_shard(c->server, k.hash);
}

/* What the policy knows of a resident. */
static struct pd_look
look_at(struct pd_client *c, const struct pd_arg *a, const struct pd_entry *e)
{
	const struct pd_store *st = shard_of(c, &a[2])->store;
	const struct pd_policy *p = st->policy;
	struct pd_look l;

	pd_look_init(&l, 0);
	if (p->ops->look != NULL)
		p->ops->look(p, pd_store_slot(st, e), st->tick, &l);
	return l;
}

static void
run_object_idletime(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_entry *e = object_of(c, a);
	struct pd_look l;

	(void)n;
	if (e == NULL)
		return;
	l = look_at(c, a, e);
	if (l.aged)
		pd_reply_int(
		    &c->reply, pd_shard_idle(shard_of(c, &a[2]), l.age));
	else
		pd_reply_error(&c->reply,
		    "ERR the policy in force does not know the idle time of "
		    "single keys");
}

static void
run_object_freq(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_entry *e = object_of(c, a);
	struct pd_look l;

	(void)n;
	if (e == NULL)
		return;
	l = look_at(c, a, e);
	if (l.counter >= 0)
		pd_reply_int(&c->reply, l.counter);
	else
		pd_reply_error(&c->reply,
		    "ERR An LFU maxmemory policy is not selected, access "
		    "frequency not tracked. Please note that when switching "
		    "between policies at runtime LRU and LFU data will take "
		    "some time to adjust.");
}

static void
run_object_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"ENCODING <key>",
	    "    How the value of a key would be stored by Redis.",
	    "FREQ <key>", "    The policy's count of accesses to a key.",
	    "IDLETIME <key>", "    Seconds since the last access.",
	    "REFCOUNT <key>", "    Always 1.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "OBJECT", lines);
}

#define W PD_CMD_WRITE
#define R PD_CMD_READONLY
#define F PD_CMD_FAST
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = PD_CAT_KEYSPACE, .group = "generic"
#define ALL(flags) .key = {{1, -1, 1, (flags)}}
#define ONE(flags) .key = {{1, 0, 1, (flags)}}

static const struct pd_command object_subs[] = {
    {DEF("encoding", 3, R), .key = {{2, 0, 1, PD_KEY_RO}},
	.run = run_object_encoding, .since = "2.2.3", .complexity = "O(1)",
	.tips = "nondeterministic_output",
	.summary = "The encoding of a value."},
    {DEF("freq", 3, R), .key = {{2, 0, 1, PD_KEY_RO}}, .run = run_object_freq,
	.since = "4.0.0", .complexity = "O(1)",
	.tips = "nondeterministic_output",
	.summary = "The access counter of a key, by policies that have one."},
    {DEF("help", 2, PD_CMD_LOADING | PD_CMD_STALE), .run = run_object_help,
	.since = "6.2.0", .complexity = "O(1)",
	.summary = "Help on the subcommands."},
    {DEF("idletime", 3, R), .key = {{2, 0, 1, PD_KEY_RO}},
	.run = run_object_idletime, .since = "2.2.3", .complexity = "O(1)",
	.tips = "nondeterministic_output",
	.summary = "Seconds since the last access of a key."},
    {DEF("refcount", 3, R), .key = {{2, 0, 1, PD_KEY_RO}},
	.run = run_object_refcount, .since = "2.2.3", .complexity = "O(1)",
	.tips = "nondeterministic_output",
	.summary = "How often a value is shared: always 1."},
    {.name = NULL},
};

const struct pd_command pd_commands_key[] = {
    {DEF("del", -2, W), ALL(PD_KEY_RM | PD_KEY_DELETE), .run = run_del,
	.since = "1.0.0", .complexity = "O(N)",
	.tips = "request_policy:multi_shard response_policy:agg_sum",
	.summary = "Delete keys."},
    {DEF("unlink", -2, W | F), ALL(PD_KEY_RM | PD_KEY_DELETE), .run = run_del,
	.since = "4.0.0", .complexity = "O(N)",
	.tips = "request_policy:multi_shard response_policy:agg_sum",
	.summary = "Delete keys; the same as DEL."},
    {DEF("exists", -2, R | F), ALL(PD_KEY_RO), .run = run_exists,
	.since = "1.0.0", .complexity = "O(N)",
	.tips = "request_policy:multi_shard response_policy:agg_sum",
	.summary = "How many of the keys are there."},
    {DEF("touch", -2, R | F), ALL(PD_KEY_RO), .run = run_touch,
	.since = "3.2.1", .complexity = "O(N)",
	.tips = "request_policy:multi_shard response_policy:agg_sum",
	.summary = "Access keys without reading them."},
    {DEF("type", 2, R | F), ONE(PD_KEY_RO), .run = run_type, .since = "1.0.0",
	.complexity = "O(1)", .summary = "The type of a key's value."},
    {DEF("rename", 3, W),
	.key = {{1, 0, 1, PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_DELETE},
	    {2, 0, 1, PD_KEY_OW | PD_KEY_UPDATE}},
	.run = run_rename, .since = "1.0.0", .complexity = "O(1)",
	.summary = "Rename a key, replacing the other."},
    {DEF("renamenx", 3, W | F),
	.key = {{1, 0, 1, PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_DELETE},
	    {2, 0, 1, PD_KEY_OW | PD_KEY_INSERT}},
	.run = run_renamenx, .since = "1.0.0", .complexity = "O(1)",
	.summary = "Rename a key when the other is absent."},
    {DEF("copy", -3, W | PD_CMD_DENYOOM | PD_CMD_ALONE),
	.key = {{1, 0, 1, PD_KEY_RO | PD_KEY_ACCESS},
	    {2, 0, 1, PD_KEY_OW | PD_KEY_UPDATE}},
	.run = run_copy, .since = "6.2.0", .complexity = "O(N)",
	.summary = "Copy a key."},
    {DEF("move", 3, W | F | PD_CMD_ALONE),
	ONE(PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE), .run = run_move,
	.since = "1.0.0", .complexity = "O(N)",
	.summary = "Move a key to another database."},
    {DEF("randomkey", 1, R), .run = run_randomkey, .since = "1.0.0",
	.complexity = "O(1)",
	.tips = "request_policy:all_shards "
		"nondeterministic_output",
	.summary = "A key at random."},
    {DEF("object", -2, 0), .subs = object_subs, .since = "2.2.3",
	.complexity = "Depends on subcommand.",
	.summary = "Commands on a key's inside."},
    {.name = NULL},
};
