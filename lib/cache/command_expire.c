/* Commands on the expiry of keys. */

#include "cache/command_table.h"
#include "cache/command_util.h"
#include "data/event.h"

enum condition {
	COND_NX = 1,
	COND_XX = 2,
	COND_GT = 4,
	COND_LT = 8,
};

static bool
parse_conditions(
    struct pd_client *c, const struct pd_arg *a, uint32_t n, unsigned *cond)
{
	uint32_t i;

	for (i = 3; i < n; i++) {
		if (pd_arg_is(&a[i], "nx")) {
			*cond |= COND_NX;
		} else if (pd_arg_is(&a[i], "xx")) {
			*cond |= COND_XX;
		} else if (pd_arg_is(&a[i], "gt")) {
			*cond |= COND_GT;
		} else if (pd_arg_is(&a[i], "lt")) {
			*cond |= COND_LT;
		} else {
			pd_reply_errorf(&c->reply,
			    "ERR Unsupported option %.*s",
			    a[i].n < 128 ? (int)a[i].n : 128, a[i].p);
			return false;
		}
	}
	if (*cond & COND_NX && *cond != COND_NX) {
		pd_reply_error(&c->reply,
		    "ERR NX and XX, GT or LT options at the same time are "
		    "not compatible");
		return false;
	}
	if (*cond & COND_GT && *cond & COND_LT) {
		pd_reply_error(&c->reply,
		    "ERR GT and LT options at the same time are not "
		    "compatible");
		return false;
	}
	return true;
}

/* No expiry counts as later than any. */
static bool
allowed(unsigned cond, int64_t old, int64_t at)
{
	if (cond & COND_NX && old != 0)
		return false;
	if (cond & COND_XX && old == 0)
		return false;
	if (cond & COND_GT && (old == 0 || at <= old))
		return false;
	if (cond & COND_LT && old != 0 && at >= old)
		return false;
	return true;
}

/* A word as a time in ms since 1970; past ones are fine here. */
static bool
parse_when(struct pd_client *c, const struct pd_arg *a, int64_t unit_ms,
    bool relative, const char *cmd, int64_t *ms)
{
	const int64_t now = c->worker->now_ms;

	if (!pd_arg_int(c, a, ms))
		return false;
	if (__builtin_mul_overflow(*ms, unit_ms, ms) ||
	    (relative && __builtin_add_overflow(*ms, now, ms))) {
		pd_reply_errorf(
		    &c->reply, "ERR invalid expire time in '%s' command", cmd);
		return false;
	}
	return true;
}

static void
expire_key(struct pd_client *c, const struct pd_arg *a, uint32_t n,
    int64_t unit_ms, bool relative, const char *cmd)
{
	struct pd_store *st;
	struct pd_entry *e;
	struct pd_key k;
	unsigned cond = 0;
	int64_t at;

	if (!parse_conditions(c, a, n, &cond) ||
	    !parse_when(c, &a[2], unit_ms, relative, cmd, &at) ||
	    !pd_arg_key(c, &a[1], &k))
		return;
	st = pd_server_store(c->server, &k);
	e = pd_store_peek(st, &k);
	if (e == NULL || !allowed(cond, pd_entry_expiry(e), at)) {
		pd_reply_int(&c->reply, 0);
		return;
	}
	if (at <= st->now_ms) {
		pd_store_del(st, &k);
		pd_tell(c, PD_NOTIFY_GENERIC, "del", &k);
	} else if (pd_store_set_expiry(st, e, at) == NULL) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return;
	} else {
		pd_tell(c, PD_NOTIFY_GENERIC, "expire", &k);
	}
	pd_reply_int(&c->reply, 1);
}

static void
run_expire(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	expire_key(c, a, n, 1000, true, "expire");
}

static void
run_pexpire(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	expire_key(c, a, n, 1, true, "pexpire");
}

static void
run_expireat(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	expire_key(c, a, n, 1000, false, "expireat");
}

static void
run_pexpireat(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	expire_key(c, a, n, 1, false, "pexpireat");
}

/* Replies -2 for no key, -1 for no expiry; else *at is set. */
static bool
expiry_of(struct pd_client *c, const struct pd_arg *a, int64_t *at)
{
	const struct pd_entry *e;
	struct pd_key k;

	if (!pd_arg_key(c, &a[1], &k))
		return false;
	e = pd_store_peek(pd_server_store(c->server, &k), &k);
	if (e == NULL) {
		pd_reply_int(&c->reply, -2);
		return false;
	}
	if ((*at = pd_entry_expiry(e)) == 0) {
		pd_reply_int(&c->reply, -1);
		return false;
	}
	return true;
}

static int64_t
seconds(int64_t ms)
{
	return ms / 1000 + (ms % 1000 >= 500);
}

static void
run_ttl(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	int64_t at;

	(void)n;
	if (expiry_of(c, a, &at))
		pd_reply_int(&c->reply, seconds(at - c->worker->now_ms));
}

static void
run_pttl(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	int64_t at;

	(void)n;
	if (expiry_of(c, a, &at))
		pd_reply_int(&c->reply, at - c->worker->now_ms);
}

static void
run_expiretime(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	int64_t at;

	(void)n;
	if (expiry_of(c, a, &at))
		pd_reply_int(&c->reply, seconds(at));
}

static void
run_pexpiretime(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	int64_t at;

	(void)n;
	if (expiry_of(c, a, &at))
		pd_reply_int(&c->reply, at);
}

static void
run_persist(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_store *st;
	struct pd_entry *e;
	struct pd_key k;

	(void)n;
	if (!pd_arg_key(c, &a[1], &k))
		return;
	st = pd_server_store(c->server, &k);
	e = pd_store_peek(st, &k);
	if (e == NULL || pd_entry_expiry(e) == 0)
		pd_reply_int(&c->reply, 0);
	else if (pd_store_set_expiry(st, e, 0) == NULL)
		pd_reply_error(&c->reply, PD_ERR_OOM);
	else {
		pd_tell(c, PD_NOTIFY_GENERIC, "persist", &k);
		pd_reply_int(&c->reply, 1);
	}
}

#define W PD_CMD_WRITE
#define R PD_CMD_READONLY
#define F PD_CMD_FAST
#define DEF(name_, arity_, flags_, kflags)                                     \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = PD_CAT_KEYSPACE, .group = "generic", .complexity = "O(1)",     \
	.key = {{1, 0, 1, (kflags)}}
#define SETS(name) DEF(name, -3, W | F, PD_KEY_RW | PD_KEY_UPDATE)
#define ASKS(name) DEF(name, 2, R | F, PD_KEY_RO | PD_KEY_ACCESS)

const struct pd_command pd_commands_expire[] = {
    {SETS("expire"), .run = run_expire, .since = "1.0.0",
	.summary = "Let a key expire in some seconds."},
    {SETS("pexpire"), .run = run_pexpire, .since = "2.6.0",
	.summary = "Let a key expire in some milliseconds."},
    {SETS("expireat"), .run = run_expireat, .since = "1.2.0",
	.summary = "Let a key expire at a Unix time."},
    {SETS("pexpireat"), .run = run_pexpireat, .since = "2.6.0",
	.summary = "Let a key expire at a Unix time in milliseconds."},
    {ASKS("ttl"), .run = run_ttl, .since = "1.0.0",
	.tips = "nondeterministic_output",
	.summary = "Seconds until a key expires."},
    {ASKS("pttl"), .run = run_pttl, .since = "2.6.0",
	.tips = "nondeterministic_output",
	.summary = "Milliseconds until a key expires."},
    {ASKS("expiretime"), .run = run_expiretime, .since = "7.0.0",
	.summary = "The Unix time at which a key expires."},
    {ASKS("pexpiretime"), .run = run_pexpiretime, .since = "7.0.0",
	.summary = "The Unix time in milliseconds at which a key expires."},
    {DEF("persist", 2, W | F, PD_KEY_RW | PD_KEY_UPDATE), .run = run_persist,
	.since = "2.2.0", .summary = "Take a key's expiry away."},
    {.name = NULL},
};
