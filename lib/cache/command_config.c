/* CONFIG: the options of the running server (settings.c). */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/whatif.h"

static const struct pd_setting *
find(const struct pd_arg *a)
{
	const struct pd_setting *p;

	for (p = pd_settings; p->name != NULL; p++)
		if (pd_arg_is(a, p->name))
			return p;
	return NULL;
}

/* The word that asks for an option: its name in any case, or a pattern. */
static const struct pd_arg *
wanted(const struct pd_setting *p, const struct pd_arg *a, uint32_t n)
{
	char lower[128];
	uint32_t i, k;

	for (i = 2; i < n; i++) {
		for (k = 0; k < a[i].n && k < sizeof(lower); k++)
			lower[k] = a[i].p[k] >= 'A' && a[i].p[k] <= 'Z'
				       ? (char)(a[i].p[k] + 32)
				       : a[i].p[k];
		if (pd_glob_match(lower, k, p->name, strlen(p->name)))
			return &a[i];
	}
	return NULL;
}

static void
config_get(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_setting *p;
	const struct pd_arg *by;
	struct pd_buf b = PD_BUF_INIT;
	size_t found = 0;

	for (p = pd_settings; p->name != NULL; p++) {
		if ((by = wanted(p, a, n)) == NULL)
			continue;
		pd_buf_clear(&b);
		p->get(c->server, &b);
		/* A name is told as it was asked. */
		if (by->n == strlen(p->name) && pd_arg_is(by, p->name))
			pd_reply_bulk(&c->reply, by->p, by->n);
		else
			pd_reply_str(&c->reply, p->name);
		pd_reply_bulk(&c->reply, b.data, b.len);
		found++;
	}
	pd_reply_now_map(&c->reply, place, found);
	pd_buf_release(&b);
}

/* Can all options be changed? Replies otherwise. */
static bool
check_set(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_setting *p;
	uint32_t i, k;

	for (i = 2; i < n; i += 2) {
		if ((p = find(&a[i])) == NULL) {
			pd_reply_errorf(&c->reply,
			    "ERR Unknown option or number of arguments for "
			    "CONFIG SET - '%.*s'",
			    a[i].n < 128 ? (int)a[i].n : 128, a[i].p);
			return false;
		}
		for (k = 2; k < i; k += 2)
			if (find(&a[k]) == p) {
				pd_reply_errorf(&c->reply,
				    "ERR CONFIG SET failed (possibly related "
				    "to argument '%s') - duplicate parameter",
				    p->name);
				return false;
			}
		if (p->set == NULL) {
			pd_reply_errorf(&c->reply,
			    "ERR CONFIG SET failed (possibly related to "
			    "argument '%s') - can't set immutable config",
			    p->name);
			return false;
		}
	}
	return true;
}

static bool
set_one(struct pd_client *c, const struct pd_arg *a, struct pd_err *err)
{
	char *value = pd_arg_dup(&a[1]);
	int r;

	if (value == NULL)
		return pd_err_nomem(err) == 0;
	r = find(a)->set(c->server, value, err);
	free(value);
	return r == 0;
}

static void
config_set(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_err err = PD_ERR_INIT;
	uint32_t i;

	if (n % 2 != 0) {
		pd_reply_error(&c->reply, "ERR wrong number of arguments for "
					  "'config|set' command");
		return;
	}
	if (!check_set(c, a, n))
		return;
	for (i = 2; i < n; i += 2)
		if (!set_one(c, &a[i], &err)) {
			pd_reply_errorf(&c->reply,
			    "ERR CONFIG SET failed (possibly related to "
			    "argument '%s') - %s",
			    find(&a[i])->name, err.msg);
			return;
		}
	pd_reply_ok(&c->reply);
}

static void
config_resetstat(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_counter_reset(pd_stats_table, pd_stats_count, &c->server->stats);
	pd_commands_reset_stats(c->server->commands);
	c->server->ops_last = 0;
	c->server->store->peak_bytes = 0;
	pd_whatif_reset(c->server->store->whatif);
	pd_reply_ok(&c->reply);
}

static void
config_rewrite(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_error(
	    &c->reply, "ERR The server is running without a config file");
}

static void
config_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"GET <pattern> [<pattern> ...]",
	    "    Options whose names match, with their values.", "RESETSTAT",
	    "    Set the counters of INFO to 0.", "REWRITE",
	    "    Refused: options are not written back.",
	    "SET <option> <value> [<option> <value> ...]",
	    "    Change options of the running server.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "CONFIG", lines);
}

#define BASE (PD_CMD_ADMIN | PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE)
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_), .group = "server"

static const struct pd_command subs[] = {
    {DEF("get", -3, BASE), .run = config_get, .since = "2.0.0",
	.complexity = "O(N)", .summary = "The values of options."},
    {DEF("help", 2, PD_CMD_LOADING | PD_CMD_STALE), .run = config_help,
	.since = "5.0.0", .complexity = "O(1)",
	.summary = "Help on the subcommands."},
    {DEF("resetstat", 2, BASE), .run = config_resetstat, .since = "2.0.0",
	.complexity = "O(1)", .summary = "Set counters to 0."},
    {DEF("rewrite", 2, BASE), .run = config_rewrite, .since = "2.8.0",
	.complexity = "O(N)", .summary = "Refused."},
    {DEF("set", -4, BASE), .run = config_set, .since = "2.0.0",
	.complexity = "O(N)",
	.tips = "request_policy:all_nodes response_policy:all_succeeded",
	.summary = "Change options."},
    {.name = NULL},
};

const struct pd_command pd_commands_config[] = {
    {DEF("config", -2, 0), .subs = subs, .since = "2.0.0",
	.complexity = "Depends on subcommand.",
	.summary = "Commands on the server's options."},
    {.name = NULL},
};
