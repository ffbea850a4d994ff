/* COMMAND: the table of commands, described from the table itself. */

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "cache/command_table.h"
#include "cache/command_util.h"

static const struct pd_bitname flag_names[] = {{PD_CMD_WRITE, "write"},
    {PD_CMD_READONLY, "readonly"}, {PD_CMD_DENYOOM, "denyoom"},
    {PD_CMD_ADMIN, "admin"}, {PD_CMD_PUBSUB, "pubsub"},
    {PD_CMD_NOSCRIPT, "noscript"}, {PD_CMD_LOADING, "loading"},
    {PD_CMD_STALE, "stale"}, {PD_CMD_SKIP_MONITOR, "skip_monitor"},
    {PD_CMD_SKIP_SLOWLOG, "skip_slowlog"}, {PD_CMD_FAST, "fast"},
    {PD_CMD_NO_AUTH, "no_auth"},
    {PD_CMD_NO_MANDATORY_KEYS, "no_mandatory_keys"},
    {PD_CMD_NO_ASYNC_LOADING, "no_async_loading"},
    {PD_CMD_NO_MULTI, "no_multi"}, {PD_CMD_MOVABLE_KEYS, "movablekeys"},
    {PD_CMD_BUSY, "allow_busy"}, {0, NULL}};

static const struct pd_bitname key_names[] = {{PD_KEY_RO, "RO"},
    {PD_KEY_RW, "RW"}, {PD_KEY_OW, "OW"}, {PD_KEY_RM, "RM"},
    {PD_KEY_ACCESS, "access"}, {PD_KEY_UPDATE, "update"},
    {PD_KEY_INSERT, "insert"}, {PD_KEY_DELETE, "delete"},
    {PD_KEY_NOT_KEY, "not_key"}, {PD_KEY_VARIABLE, "variable_flags"},
    {0, NULL}};

/* The names of the bits that are set, as a set of status replies. */
static void
reply_names(struct pd_reply *r, const struct pd_bitname *t, uint32_t bits,
    const char *prefix)
{
	const struct pd_bitname *p;
	char text[64];
	size_t n = 0;

	for (p = t; p->name != NULL; p++)
		n += (bits & p->bit) != 0;
	pd_reply_set(r, n);
	for (p = t; p->name != NULL; p++)
		if (bits & p->bit) {
			snprintf(text, sizeof(text), "%s%s", prefix, p->name);
			pd_reply_status(r, text);
		}
}

/* "numkeys" and the keys behind it. */
static void
reply_counted(struct pd_reply *r)
{
	pd_reply_map(r, 2);
	pd_reply_str(r, "type");
	pd_reply_str(r, "keynum");
	pd_reply_str(r, "spec");
	pd_reply_map(r, 3);
	pd_reply_str(r, "keynumidx");
	pd_reply_int(r, 0);
	pd_reply_str(r, "firstkey");
	pd_reply_int(r, 1);
	pd_reply_str(r, "keystep");
	pd_reply_int(r, 1);
}

static void
reply_keyspec(struct pd_reply *r, const struct pd_keyspec *k)
{
	pd_reply_map(r, 3);
	pd_reply_str(r, "flags");
	reply_names(r, key_names, k->flags, "");
	pd_reply_str(r, "begin_search");
	pd_reply_map(r, 2);
	pd_reply_str(r, "type");
	pd_reply_str(r, "index");
	pd_reply_str(r, "spec");
	pd_reply_map(r, 1);
	pd_reply_str(r, "index");
	pd_reply_int(r, k->begin);
	pd_reply_str(r, "find_keys");
	if (k->last == PD_KEYS_COUNTED) {
		reply_counted(r);
		return;
	}
	pd_reply_map(r, 2);
	pd_reply_str(r, "type");
	pd_reply_str(r, "range");
	pd_reply_str(r, "spec");
	pd_reply_map(r, 3);
	pd_reply_str(r, "lastkey");
	pd_reply_int(r, k->last);
	pd_reply_str(r, "keystep");
	pd_reply_int(r, k->step);
	pd_reply_str(r, "limit");
	pd_reply_int(r, 0);
}

static unsigned
keyspecs(const struct pd_command *d)
{
	return (d->key[0].flags != 0 ? 1u : 0u) +
	       (d->key[1].flags != 0 ? 1u : 0u);
}

/* First and last key and step, of all key specifications together. */
static void
reply_range(struct pd_reply *r, const struct pd_command *d)
{
	const struct pd_keyspec *k = &d->key[keyspecs(d) == 2];
	const int last = k->last < 0 ? k->last : k->begin + k->last;
	const bool none =
	    d->key[0].flags == 0 || d->key[0].last == PD_KEYS_COUNTED;

	pd_reply_int(r, none ? 0 : d->key[0].begin);
	pd_reply_int(r, none ? 0 : last);
	pd_reply_int(r, none ? 0 : d->key[0].step);
}

static void
reply_tips(struct pd_reply *r, const char *tips)
{
	const char *p;
	size_t n = 0, len;

	for (p = tips; p != NULL && *p != '\0'; p += len + (p[len] == ' ')) {
		len = strcspn(p, " ");
		n++;
	}
	pd_reply_set(r, n);
	for (p = tips; p != NULL && *p != '\0'; p += len + (p[len] == ' ')) {
		len = strcspn(p, " ");
		pd_reply_bulk(r, p, len);
	}
}

static void
reply_command(struct pd_reply *r, const struct pd_cmd *cmd)
{
	const struct pd_command *d;
	uint32_t i;

	if (cmd == NULL) {
		pd_reply_null(r);
		return;
	}
	d = cmd->def;
	pd_reply_array(r, 10);
	pd_reply_str(r, cmd->full);
	pd_reply_int(r, d->arity);
	reply_names(r, flag_names, cmd->flags, "");
	reply_range(r, d);
	reply_names(r, pd_category_names, cmd->cats, "@");
	reply_tips(r, d->tips);
	pd_reply_set(r, keyspecs(d));
	for (i = 0; i < keyspecs(d); i++)
		reply_keyspec(r, &d->key[i]);
	pd_reply_set(r, cmd->nsubs);
	for (i = 0; i < cmd->nsubs; i++)
		reply_command(r, &cmd->subs[i]);
}

static void
reply_all(struct pd_client *c,
    void (*fn)(struct pd_reply *r, const struct pd_cmd *cmd))
{
	const struct pd_cmd *cmd;
	size_t i;

	for (i = 0; (cmd = pd_commands_at(c->server->commands, i)); i++)
		fn(&c->reply, cmd);
}

static void
run_command(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_array(&c->reply, pd_commands_count(c->server->commands));
	reply_all(c, reply_command);
}

static void
command_count(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_int(
	    &c->reply, (int64_t)pd_commands_count(c->server->commands));
}

static void
command_info(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	uint32_t i;

	if (n == 2) {
		run_command(c, a, n);
		return;
	}
	pd_reply_array(&c->reply, n - 2);
	for (i = 2; i < n; i++)
		reply_command(&c->reply,
		    pd_commands_full(c->server->commands, a[i].p, a[i].n));
}

static void
reply_doc(struct pd_reply *r, const struct pd_cmd *cmd)
{
	const struct pd_command *d = cmd->def;
	uint32_t i;

	pd_reply_str(r, cmd->full);
	pd_reply_map(r, 4 + (cmd->nsubs > 0));
	pd_reply_str(r, "summary");
	pd_reply_str(r, d->summary);
	pd_reply_str(r, "since");
	pd_reply_str(r, d->since);
	pd_reply_str(r, "group");
	pd_reply_str(r, d->group);
	pd_reply_str(r, "complexity");
	pd_reply_str(r, d->complexity);
	if (cmd->nsubs == 0)
		return;
	pd_reply_str(r, "subcommands");
	pd_reply_map(r, cmd->nsubs);
	for (i = 0; i < cmd->nsubs; i++)
		reply_doc(r, &cmd->subs[i]);
}

static void
command_docs(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_cmd *cmd;
	size_t found = 0;
	uint32_t i;

	if (n == 2) {
		reply_all(c, reply_doc);
		found = pd_commands_count(c->server->commands);
	}
	for (i = 2; i < n; i++)
		if ((cmd = pd_commands_full(
			 c->server->commands, a[i].p, a[i].n)) != NULL) {
			reply_doc(&c->reply, cmd);
			found++;
		}
	pd_reply_now_map(&c->reply, place, found);
}

/* What GETKEYS found. */
struct keys {
	struct pd_reply *r;
	const struct pd_arg *argv;
	bool with_flags;
};

static void
reply_key(void *cookie, uint32_t at, unsigned flags)
{
	const struct keys *k = cookie;

	if (k->with_flags)
		pd_reply_array(k->r, 2);
	pd_reply_bulk(k->r, k->argv[at].p, k->argv[at].n);
	if (k->with_flags)
		reply_names(k->r, key_names, flags, "");
}

static void
count_key(void *cookie, uint32_t at, unsigned flags)
{
	(void)cookie;
	(void)at;
	(void)flags;
}

static void
get_keys(struct pd_client *c, const struct pd_arg *a, uint32_t n, bool flags)
{
	struct keys k = {&c->reply, a + 2, flags};
	const struct pd_cmd *cmd =
	    pd_commands_find(c->server->commands, a[2].p, a[2].n);
	int count;

	if (cmd == NULL) {
		pd_reply_error(&c->reply, "ERR Invalid command specified");
		return;
	}
	count = pd_command_keys(cmd, a + 2, n - 2, count_key, NULL);
	if (count == -1) {
		pd_reply_error(
		    &c->reply, "ERR The command has no key arguments");
	} else if (count < 0) {
		pd_reply_error(&c->reply,
		    "ERR Invalid number of arguments specified for command");
	} else {
		pd_reply_array(&c->reply, (size_t)count);
		pd_command_keys(cmd, a + 2, n - 2, reply_key, &k);
	}
}

static void
command_getkeys(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	get_keys(c, a, n, false);
}

static void
command_getkeysandflags(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	get_keys(c, a, n, true);
}

/* COMMAND LIST FILTERBY: does a command pass? */
static bool
passes(const struct pd_cmd *cmd, const struct pd_arg *kind,
    const struct pd_arg *what)
{
	const struct pd_bitname *p;

	if (kind == NULL)
		return true;
	if (pd_arg_is(kind, "pattern"))
		return pd_glob_match(
		    what->p, what->n, cmd->full, strlen(cmd->full));
	if (pd_arg_is(kind, "aclcat"))
		for (p = pd_category_names; p->name != NULL; p++)
			if (pd_arg_is(what, p->name))
				return (cmd->cats & p->bit) != 0;
	return false;
}

static void
command_list(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_arg *kind = n == 5 ? &a[3] : NULL;
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_cmd *cmd;
	size_t i, found = 0;
	uint32_t k;

	if (n != 2 &&
	    (n != 5 || !pd_arg_is(&a[2], "filterby") ||
		!(pd_arg_is(kind, "module") || pd_arg_is(kind, "aclcat") ||
		    pd_arg_is(kind, "pattern")))) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	for (i = 0; (cmd = pd_commands_at(c->server->commands, i)); i++) {
		if (passes(cmd, kind, &a[4])) {
			pd_reply_str(&c->reply, cmd->full);
			found++;
		}
		for (k = 0; kind != NULL && k < cmd->nsubs; k++)
			if (passes(&cmd->subs[k], kind, &a[4])) {
				pd_reply_str(&c->reply, cmd->subs[k].full);
				found++;
			}
	}
	pd_reply_now_array(&c->reply, place, found);
}

static void
command_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"(no subcommand)",
	    "    All commands.", "COUNT", "    How many there are.",
	    "DOCS [<name> ...]", "    What commands do.",
	    "GETKEYS <command> [<arg> ...]", "    The keys of a call.",
	    "GETKEYSANDFLAGS <command> [<arg> ...]",
	    "    The keys of a call, and what is done to them.",
	    "INFO [<name> ...]", "    How commands are called.",
	    "LIST [FILTERBY (MODULE|ACLCAT|PATTERN) <what>]",
	    "    The names of commands.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "COMMAND", lines);
}

#define BASE (PD_CMD_LOADING | PD_CMD_STALE | PD_CMD_OWN)
#define DEF(name_, arity_)                                                     \
	.name = (name_), .arity = (arity_), .flags = BASE,                     \
	.cats = PD_CAT_CONNECTION, .group = "server"

static const struct pd_command subs[] = {
    {DEF("count", 2), .run = command_count, .since = "2.8.13",
	.complexity = "O(1)", .summary = "How many commands there are."},
    {DEF("docs", -2), .run = command_docs, .since = "7.0.0",
	.complexity = "O(N)", .tips = "nondeterministic_output_order",
	.summary = "What commands do."},
    {DEF("getkeys", -4), .run = command_getkeys, .since = "2.8.13",
	.complexity = "O(N)", .summary = "The keys of a call."},
    {DEF("getkeysandflags", -4), .run = command_getkeysandflags,
	.since = "7.0.0", .complexity = "O(N)",
	.summary = "The keys of a call, and what is done to them."},
    {DEF("help", 2), .run = command_help, .since = "5.0.0",
	.complexity = "O(1)", .summary = "Help on the subcommands."},
    {DEF("info", -2), .run = command_info, .since = "2.8.13",
	.complexity = "O(N)", .tips = "nondeterministic_output_order",
	.summary = "How commands are called."},
    {DEF("list", -2), .run = command_list, .since = "7.0.0",
	.complexity = "O(N)", .tips = "nondeterministic_output_order",
	.summary = "The names of commands."},
    {.name = NULL},
};

const struct pd_command pd_commands_introspect[] = {
    {DEF("command", -1), .run = run_command, .subs = subs, .since = "2.8.13",
	.complexity = "O(N)", .tips = "nondeterministic_output_order",
	.summary = "All commands, described."},
    {.name = NULL},
};
