/*
 * DEBUG: what test suites of clients and servers need, harmless but for the
 * time that it takes; off unless --enable-debug-command says so.
 */

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "data/event.h"

#define ERR_OFF                                                                \
	"ERR DEBUG command not allowed. If the enable-debug-command option "   \
	"is set to \"local\", you can run it from a local connection, "        \
	"otherwise you need to set this option in the configuration file, "    \
	"and then restart the server."
#define SLEEP_MOST 3600.0 /* seconds */
#define POPULATE_MOST 10000000
#define PREFIX_MOST 64
#define VALUE_MOST 1024

typedef void debug_fn(struct pd_client *c, const struct pd_arg *a, uint32_t n);

static void
debug_sleep(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct timespec t;
	char text[32] = "";
	double s = 0;

	(void)n;
	if (a[2].n < sizeof(text))
		memcpy(text, a[2].p, a[2].n);
	if (pd_parse_double(text, &s, NULL) || s < 0 || s > SLEEP_MOST)
		s = 0;
	t.tv_sec = (time_t)s;
	t.tv_nsec = (long)((s - (double)t.tv_sec) * 1e9);
	while (nanosleep(&t, &t) != 0)
		continue;
	pd_reply_ok(&c->reply);
}

static void
debug_set_active_expire(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	c->server->expire_lazily = pd_arg_is(&a[2], "0");
	pd_reply_ok(&c->reply);
}

static void
debug_object(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_entry *e;
	struct pd_key k;
	char text[160];

	(void)n;
	if (!pd_arg_key(c, &a[2], &k))
		return;
	e = pd_store_peek(pd_server_store(c->server, &k), &k);
	if (e == NULL) {
		pd_reply_error(&c->reply, "ERR no such key");
		return;
	}
	snprintf(text, sizeof(text),
	    "Value at:%p refcount:1 encoding:%s serializedlength:%zu lru:0 "
	    "lru_seconds_idle:0",
	    (const void *)pd_entry_value(e), pd_value_encoding(e),
	    (size_t)pd_entry_len(e) + 1);
	pd_reply_status(&c->reply, text);
}

/* Write key ${i} of those that DEBUG POPULATE makes, unless it is there. */
static bool
populate_one(
    struct pd_client *c, const struct pd_arg *prefix, int64_t i, size_t size)
{
	char name[128], value[VALUE_MOST] = "";
	struct pd_arg word = {.p = name};
	struct pd_key k;
	size_t n;

	word.n = (uint32_t)snprintf(name, sizeof(name), "%.*s:%lld",
	    (int)prefix->n, prefix->p, (long long)i);
	if (!pd_arg_key(c, &word, &k))
		return false;
	if (pd_store_peek(pd_server_store(c->server, &k), &k) != NULL)
		return true;
	n = (size_t)snprintf(value, sizeof(value), "value:%lld", (long long)i);
	return pd_write_value(c, &k, value, size > 0 ? size : n, 0, PD_OP_SET);
}

/* COUNT [PREFIX [SIZE]] */
static void
debug_populate(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_arg prefix = {.p = "key", .n = 3};
	int64_t count, size = 0, i;

	if (!pd_arg_int(c, &a[2], &count) ||
	    (n == 5 && !pd_arg_int(c, &a[4], &size)))
		return;
	if (n > 3)
		prefix = a[3];
	if (count < 0 || count > POPULATE_MOST || size < 0 ||
	    size > VALUE_MOST || prefix.n > PREFIX_MOST) {
		pd_reply_errorf(&c->reply,
		    "ERR at most %d keys, of values up to %d bytes",
		    POPULATE_MOST, VALUE_MOST);
		return;
	}
	for (i = 0; i < count; i++)
		if (!populate_one(c, &prefix, i, (size_t)size))
			return;
	pd_reply_ok(&c->reply);
}

static void
debug_error(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	pd_reply_errorf(
	    &c->reply, "%.*s", a[2].n < 256 ? (int)a[2].n : 256, a[2].p);
}

static void
debug_log(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	pd_server_log(c->server, PD_LOG_WARNING, "DEBUG LOG: %.*s",
	    a[2].n < 256 ? (int)a[2].n : 256, a[2].p);
	pd_reply_ok(&c->reply);
}

#define ATTRIBUTED "$39\r\nSome real reply following the attribute\r\n"

/* One reply of each type, as it goes over the wire. */
static const struct sample {
	const char *name;
	const char *resp2;
	const char *resp3; /* NULL: the same */
} samples[] = {
    {"string", "$11\r\nHello World\r\n", NULL},
    {"integer", ":12345\r\n", NULL},
    {"double", "$5\r\n3.141\r\n", ",3.141\r\n"},
    {"null", "$-1\r\n", "_\r\n"},
    {"array", "*3\r\n:0\r\n:1\r\n:2\r\n", NULL},
    {"set", "*3\r\n:0\r\n:1\r\n:2\r\n", "~3\r\n:0\r\n:1\r\n:2\r\n"},
    {"map", "*6\r\n:0\r\n:0\r\n:1\r\n:1\r\n:2\r\n:0\r\n",
	"%3\r\n:0\r\n#f\r\n:1\r\n#t\r\n:2\r\n#f\r\n"},
    {"attrib", ATTRIBUTED,
	"|1\r\n$14\r\nkey-popularity\r\n*2\r\n$7\r\nkey:123\r\n:"
	"90\r\n" ATTRIBUTED},
    {"push", "-ERR RESP2 is not supported by this command\r\n",
	">2\r\n$16\r\nserver-cpu-usage\r\n:42\r\n"
	"$40\r\nSome real reply following the push reply\r\n"},
    {"verbatim", "$25\r\nThis is a verbatim\nstring\r\n",
	"=29\r\ntxt:This is a verbatim\nstring\r\n"},
    {"true", ":1\r\n", "#t\r\n"},
    {"false", ":0\r\n", "#f\r\n"},
    {"bignum", "$37\r\n1234567999999999999999999999999999999\r\n",
	"(1234567999999999999999999999999999999\r\n"},
};

static void
debug_protocol(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const char *text;
	size_t i;

	(void)n;
	for (i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		if (!pd_arg_is(&a[2], samples[i].name))
			continue;
		text = samples[i].resp2;
		if (c->reply.resp == 3 && samples[i].resp3 != NULL)
			text = samples[i].resp3;
		pd_reply_raw(&c->reply, text, strlen(text));
		return;
	}
	pd_reply_error(&c->reply,
	    "ERR Wrong protocol type name. Please use one of the following: "
	    "string|integer|double|bignum|null|array|set|map|attrib|push|"
	    "verbatim|true|false");
}

static void
debug_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"ERROR <string>",
	    "    Reply with an error of this text.", "LOG <message>",
	    "    Write to the server's log.", "OBJECT <key>",
	    "    Where the value of a key is, and how Redis would store it.",
	    "POPULATE <count> [<prefix>] [<size>]",
	    "    Write keys <prefix>:<number> that are not there.",
	    "PROTOCOL <type>", "    Reply with a value of this type.",
	    "SET-ACTIVE-EXPIRE <0|1>",
	    "    Whether keys that nobody asks for expire.", "SLEEP <seconds>",
	    "    Serve nobody for so long.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "DEBUG", lines);
}

static const struct {
	const char *name;
	uint32_t least; /* words */
	uint32_t most;
	debug_fn *run;
} debugs[] = {
    {"error", 3, 3, debug_error},
    {"help", 2, 2, debug_help},
    {"log", 3, 3, debug_log},
    {"object", 3, 4, debug_object},
    {"populate", 3, 5, debug_populate},
    {"protocol", 3, 3, debug_protocol},
    {"set-active-expire", 3, 3, debug_set_active_expire},
    {"sleep", 3, 3, debug_sleep},
};

static void
run_debug(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const enum pd_debug_access access = c->server->cfg.debug;
	size_t i;

	if (access == PD_DEBUG_NO ||
	    (access == PD_DEBUG_LOCAL && !c->is_local)) {
		pd_reply_error(&c->reply, ERR_OFF);
		return;
	}
	for (i = 0; i < sizeof(debugs) / sizeof(debugs[0]); i++)
		if (pd_arg_is(&a[1], debugs[i].name) && n >= debugs[i].least &&
		    n <= debugs[i].most) {
			debugs[i].run(c, a, n);
			return;
		}
	pd_reply_subcommand_error(c, &a[1], "DEBUG");
}

const struct pd_command pd_commands_debug[] = {
    {.name = "debug",
	.arity = -2,
	.flags = PD_CMD_ADMIN | PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE,
	.group = "server",
	.run = run_debug,
	.since = "1.0.0",
	.complexity = "Depends on subcommand.",
	.summary = "For tests of clients and servers; off by default."},
    {.name = NULL},
};
