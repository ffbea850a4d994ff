/* SLOWLOG: the commands that took long (slowlog.c). */

#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"

static void
slowlog_get(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_slowlog *l = &c->server->slowlog;
	const struct pd_slow *e;
	int64_t count = 10;
	uint32_t i, k;

	if (n > 3) {
		pd_reply_subcommand_error(c, &a[1], "SLOWLOG");
		return;
	}
	if (n == 3 && (pd_parse_i64n(a[2].p, a[2].n, &count) || count < -1)) {
		pd_reply_error(&c->reply,
		    "ERR count should be greater than or equal to -1");
		return;
	}
	if (count == -1 || count > l->len)
		count = l->len;
	pd_reply_array(&c->reply, (size_t)count);
	for (i = 0; i < count; i++) {
		e = pd_slowlog_at(l, i);
		pd_reply_array(&c->reply, 6);
		pd_reply_int(&c->reply, (int64_t)e->id);
		pd_reply_int(&c->reply, e->at_s);
		pd_reply_int(&c->reply, (int64_t)e->us);
		pd_reply_array(&c->reply, e->argc);
		for (k = 0; k < e->argc; k++)
			pd_reply_bulk(&c->reply, e->argv[k].p, e->argv[k].n);
		pd_reply_str(&c->reply, e->addr);
		pd_reply_str(&c->reply, e->name);
	}
}

static void
slowlog_len(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_int(&c->reply, c->server->slowlog.len);
}

static void
slowlog_reset(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_slowlog_reset(&c->server->slowlog);
	pd_reply_ok(&c->reply);
}

static void
slowlog_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"GET [<count>]",
	    "    The newest entries (default: 10, -1: all): id, time, us,",
	    "    words, address and name of the client.", "LEN",
	    "    How many entries there are.", "RESET",
	    "    Forget all entries.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "SLOWLOG", lines);
}

#define BASE (PD_CMD_ADMIN | PD_CMD_LOADING | PD_CMD_STALE)
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_), .group = "server"

static const struct pd_command subs[] = {
    {DEF("get", -2, BASE), .run = slowlog_get, .since = "2.2.12",
	.complexity = "O(N)",
	.tips = "request_policy:all_nodes nondeterministic_output",
	.summary = "The commands that took long."},
    {DEF("help", 2, PD_CMD_LOADING | PD_CMD_STALE), .run = slowlog_help,
	.since = "6.2.0", .complexity = "O(1)",
	.summary = "Help on the subcommands."},
    {DEF("len", 2, BASE), .run = slowlog_len, .since = "2.2.12",
	.complexity = "O(1)",
	.tips = "request_policy:all_nodes response_policy:agg_sum "
		"nondeterministic_output",
	.summary = "How many entries there are."},
    {DEF("reset", 2, BASE), .run = slowlog_reset, .since = "2.2.12",
	.complexity = "O(N)",
	.tips = "request_policy:all_nodes response_policy:all_succeeded",
	.summary = "Forget all entries."},
    {.name = NULL},
};

const struct pd_command pd_commands_slowlog[] = {
    {DEF("slowlog", -2, 0), .subs = subs, .since = "2.2.12",
	.complexity = "Depends on subcommand.",
	.summary = "Commands on what took long."},
    {.name = NULL},
};
