/*
 * Scripts. There is no interpreter: the few scripts that clients use for
 * locks are known by the SHA-1 of their text and done here, so that they work
 * with EVALSHA, EVAL and SCRIPT LOAD. Another script is none that the server
 * has (NOSCRIPT), and cannot be loaded.
 */

#include <string.h>

#include <sodium.h>

#include "base/num.h"
#include "base/sha1.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/pubsub.h"

#define HEX (2 * PD_SHA1_BYTES)

/* KEYS[1] is a lock whose value is the owner's token, ARGV[1]. */
typedef void script_fn(struct pd_client *c, const struct pd_key *k,
    const struct pd_arg *argv, uint32_t argc);

static script_fn lock_release, lock_extend, lock_reacquire;

static const struct script {
	const char *sha1;
	uint32_t args; /* that it needs, the token first */
	script_fn *run;
} scripts[] = {
    /* redis-py, lock.py, since 2.10 and since 3.4 */
    {"c3f8721cbb97f72bc19e972846bd7aaf91901658", 1, lock_release},
    {"a4e8783852e6b949f9ef3a97212805108459a890", 3, lock_extend},
    {"1cac51482acf5858da00f6d685d68f886cd6b6b2", 2, lock_reacquire},
};

/* The lock, when ${token} is its owner's; NULL having replied 0. */
static struct pd_entry *
own_lock(
    struct pd_client *c, const struct pd_key *k, const struct pd_arg *token)
{
	struct pd_entry *e = pd_store_peek(pd_server_store(c->server, k), k);

	if (e != NULL && pd_entry_len(e) == token->n &&
	    memcmp(pd_entry_value(e), token->p, token->n) == 0)
		return e;
	pd_reply_int(&c->reply, 0);
	return NULL;
}

/* Let the lock expire in ${ms} from now, and reply 1. */
static void
expire_lock(
    struct pd_client *c, const struct pd_key *k, struct pd_entry *e, int64_t ms)
{
	struct pd_store *st = pd_server_store(c->server, k);

	if (ms > INT64_MAX - st->now_ms) {
		pd_reply_error(
		    &c->reply, "ERR invalid expire time in 'pexpire' command");
		return;
	}
	if (ms <= 0) {
		pd_store_del(st, k);
		pd_tell(c, PD_NOTIFY_GENERIC, "del", k);
	} else if (pd_store_set_expiry(st, e, st->now_ms + ms) == NULL) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return;
	} else {
		pd_tell(c, PD_NOTIFY_GENERIC, "expire", k);
	}
	pd_reply_int(&c->reply, 1);
}

static void
lock_release(struct pd_client *c, const struct pd_key *k,
    const struct pd_arg *argv, uint32_t argc)
{
	(void)argc;
	if (own_lock(c, k, &argv[0]) == NULL)
		return;
	pd_store_del(pd_server_store(c->server, k), k);
	pd_tell(c, PD_NOTIFY_GENERIC, "del", k);
	pd_reply_int(&c->reply, 1);
}

/* By ARGV[2] ms, from the end of the time left unless ARGV[3] is not "0". */
static void
lock_extend(struct pd_client *c, const struct pd_key *k,
    const struct pd_arg *argv, uint32_t argc)
{
	struct pd_entry *e = own_lock(c, k, &argv[0]);
	int64_t ms, left;

	(void)argc;
	if (e == NULL)
		return;
	left = pd_entry_expiry(e) - c->worker->now_ms;
	if (pd_entry_expiry(e) == 0) {
		pd_reply_int(&c->reply, 0);
		return;
	}
	if (!pd_arg_int(c, &argv[1], &ms))
		return;
	if (argv[2].n == 1 && argv[2].p[0] == '0')
		ms = ms > INT64_MAX - left ? INT64_MAX : ms + left;
	expire_lock(c, k, e, ms);
}

static void
lock_reacquire(struct pd_client *c, const struct pd_key *k,
    const struct pd_arg *argv, uint32_t argc)
{
	struct pd_entry *e = own_lock(c, k, &argv[0]);
	int64_t ms;

	(void)argc;
	if (e != NULL && pd_arg_int(c, &argv[1], &ms))
		expire_lock(c, k, e, ms);
}

static const struct script *
find(const struct pd_arg *sha1)
{
	size_t i;

	for (i = 0; i < sizeof(scripts) / sizeof(scripts[0]); i++)
		if (pd_arg_is(sha1, scripts[i].sha1))
			return &scripts[i];
	return NULL;
}

/* The script that a text is, or NULL; and its name. */
static const struct script *
find_text(const struct pd_arg *text, char hex[HEX + 1])
{
	uint8_t sha1[PD_SHA1_BYTES];
	struct pd_arg name = {.p = hex, .n = HEX};

	pd_sha1(text->p, text->n, sha1);
	sodium_bin2hex(hex, HEX + 1, sha1, sizeof(sha1));
	return find(&name);
}

/* EVALSHA and EVAL from the number of keys on. */
static void
run_script(struct pd_client *c, const struct script *s, const struct pd_arg *a,
    uint32_t n, const char *absent)
{
	struct pd_key k;
	int64_t keys;

	if (!pd_arg_int(c, &a[2], &keys))
		return;
	if (keys > n - 3) {
		pd_reply_error(&c->reply,
		    "ERR Number of keys can't be greater than number of args");
		return;
	}
	if (keys < 0) {
		pd_reply_error(
		    &c->reply, "ERR Number of keys can't be negative");
		return;
	}
	if (s == NULL) {
		pd_reply_error(&c->reply, absent);
		return;
	}
	if (keys != 1 || n - 4 < s->args) {
		pd_reply_error(&c->reply,
		    "ERR this script takes one key and the owner's token");
		return;
	}
	if (pd_arg_key(c, &a[3], &k))
		s->run(c, &k, a + 4, n - 4);
}

#define NO_SCRIPT "NOSCRIPT No matching script. Please use EVAL."

static void
run_evalsha(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	if (a[1].n != HEX)
		pd_reply_error(&c->reply, NO_SCRIPT);
	else
		run_script(c, find(&a[1]), a, n, NO_SCRIPT);
}

#define NO_LUA                                                                 \
	"ERR there is no Lua here: only the lock scripts of redis-py are "     \
	"known"

static void
run_eval(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	char hex[HEX + 1];

	run_script(c, find_text(&a[1], hex), a, n, NO_LUA);
}

static void
script_exists(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	uint32_t i;

	pd_reply_array(&c->reply, n - 2);
	for (i = 2; i < n; i++)
		pd_reply_int(&c->reply, find(&a[i]) != NULL);
}

static void
script_load(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	char hex[HEX + 1];

	(void)n;
	if (find_text(&a[2], hex) == NULL)
		pd_reply_error(&c->reply, NO_LUA);
	else
		pd_reply_str(&c->reply, hex);
}

/* What is known stays known. */
static void
script_flush(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	if (n > 3 ||
	    (n == 3 && !pd_arg_is(&a[2], "sync") && !pd_arg_is(&a[2], "async")))
		pd_reply_error(&c->reply,
		    "ERR SCRIPT FLUSH only support SYNC|ASYNC option");
	else
		pd_reply_ok(&c->reply);
}

static void
script_kill(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_error(&c->reply, "NOTBUSY No scripts in execution right now.");
}

static void
script_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"EXISTS <sha1> [<sha1> ...]",
	    "    Whether scripts are known.", "FLUSH [ASYNC|SYNC]",
	    "    Accepted; known scripts stay.", "KILL",
	    "    There is never a script to kill.", "LOAD <script>",
	    "    The name of a known script.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "SCRIPT", lines);
}

static void
function_flush(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	if (n > 3 ||
	    (n == 3 && !pd_arg_is(&a[2], "sync") && !pd_arg_is(&a[2], "async")))
		pd_reply_error(&c->reply,
		    "ERR FUNCTION FLUSH only supports SYNC|ASYNC option");
	else
		pd_reply_ok(&c->reply);
}

static void
function_list(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_array(&c->reply, 0);
}

#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = PD_CAT_SCRIPTING, .group = "scripting"
#define RUN                                                                    \
	(PD_CMD_NOSCRIPT | PD_CMD_SKIP_MONITOR | PD_CMD_NO_MANDATORY_KEYS |    \
	    PD_CMD_STALE | PD_CMD_MOVABLE_KEYS)
#define COUNTED                                                                \
	.key = {{2, PD_KEYS_COUNTED, 1,                                        \
	    PD_KEY_RW | PD_KEY_ACCESS | PD_KEY_UPDATE}}
#define ALL_NODES                                                              \
	.tips = "request_policy:all_nodes response_policy:all_succeeded"

static const struct pd_command script_subs[] = {
    {DEF("exists", -3, PD_CMD_NOSCRIPT), .run = script_exists, .since = "2.6.0",
	.complexity = "O(N)",
	.tips = "request_policy:all_shards response_policy:agg_logical_and",
	.summary = "Whether scripts are known."},
    {DEF("flush", -2, PD_CMD_NOSCRIPT), .run = script_flush, .since = "2.6.0",
	.complexity = "O(1)", ALL_NODES, .summary = "Accepted."},
    {DEF("help", 2, PD_CMD_LOADING | PD_CMD_STALE), .run = script_help,
	.since = "5.0.0", .complexity = "O(1)",
	.summary = "Help on the subcommands."},
    {DEF("kill", 2, PD_CMD_NOSCRIPT | PD_CMD_BUSY), .run = script_kill,
	.since = "2.6.0", .complexity = "O(1)",
	.tips = "request_policy:all_shards response_policy:one_succeeded",
	.summary = "There is never a script to kill."},
    {DEF("load", 3, PD_CMD_NOSCRIPT | PD_CMD_STALE), .run = script_load,
	.since = "2.6.0", .complexity = "O(N)", ALL_NODES,
	.summary = "The name of a known script."},
    {.name = NULL},
};

static const struct pd_command function_subs[] = {
    {DEF("flush", -2, PD_CMD_NOSCRIPT | PD_CMD_WRITE), .run = function_flush,
	.since = "7.0.0", .complexity = "O(1)",
	.tips = "request_policy:all_shards response_policy:all_succeeded",
	.summary = "Accepted; there are no functions."},
    {DEF("list", -2, PD_CMD_NOSCRIPT), .run = function_list, .since = "7.0.0",
	.complexity = "O(1)", .tips = "nondeterministic_output_order",
	.summary = "Empty; there are no functions."},
    {.name = NULL},
};

const struct pd_command pd_commands_script[] = {
    {DEF("eval", -3, RUN), COUNTED, .run = run_eval, .since = "2.6.0",
	.complexity = "O(N) for a script of N bytes",
	.summary = "Run a known script by its text."},
    {DEF("evalsha", -3, RUN), COUNTED, .run = run_evalsha, .since = "2.6.0",
	.complexity = "O(1)", .summary = "Run a known script by its SHA-1."},
    {.name = "script",
	.arity = -2,
	.subs = script_subs,
	.since = "2.6.0",
	.group = "scripting",
	.complexity = "Depends on subcommand.",
	.summary = "Commands on scripts."},
    {.name = "function",
	.arity = -2,
	.subs = function_subs,
	.since = "7.0.0",
	.group = "scripting",
	.complexity = "Depends on subcommand.",
	.summary = "Commands on functions, of which there are none."},
    {.name = NULL},
};
