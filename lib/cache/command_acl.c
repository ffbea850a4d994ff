/* ACL: users and what they may do (acl.c). */

#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "base/num.h"
#include "cache/acl.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/pubsub.h"

#define GENPASS_BITS 4096
#define SHOW(a) ((a).n < 128 ? (int)(a).n : 128), (a).p

static void
acl_whoami(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_bulk(&c->reply, c->user->name, c->user->name_len);
}

static void
acl_users(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_user *u;
	size_t found = 0;

	(void)a;
	(void)n;
	for (u = c->server->acl->users; u != NULL; u = u->next, found++)
		pd_reply_bulk(&c->reply, u->name, u->name_len);
	pd_reply_now_array(&c->reply, place, found);
}

static void
acl_list(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const size_t place = pd_reply_later(&c->reply);
	struct pd_buf b = PD_BUF_INIT;
	const struct pd_user *u;
	size_t found = 0;

	(void)a;
	(void)n;
	for (u = c->server->acl->users; u != NULL; u = u->next, found++) {
		pd_buf_clear(&b);
		pd_buf_printf(&b, "user %s ", u->name);
		pd_acl_describe(u, &b);
		pd_reply_bulk(&c->reply, b.data, b.len);
	}
	pd_reply_now_array(&c->reply, place, found);
	pd_buf_release(&b);
}

static void
reply_by(struct pd_reply *r, const char *name, const struct pd_selector *s,
    void (*describe)(const struct pd_selector *s, struct pd_buf *out))
{
	struct pd_buf b = PD_BUF_INIT;

	pd_reply_str(r, name);
	describe(s, &b);
	pd_reply_bulk(r, b.len > 0 ? (const char *)b.data : "", b.len);
	pd_buf_release(&b);
}

static void
reply_selector(struct pd_reply *r, const struct pd_selector *s)
{
	reply_by(r, "commands", s, pd_acl_describe_commands);
	reply_by(r, "keys", s, pd_acl_describe_keys);
	reply_by(r, "channels", s, pd_acl_describe_channels);
}

static void
reply_user_flags(struct pd_reply *r, const struct pd_user *u)
{
	static const struct pd_bitname names[] = {{PD_USER_ON, "on"},
	    {PD_USER_NOPASS, "nopass"},
	    {PD_USER_SKIP_SANITIZE, "skip-sanitize-payload"},
	    {PD_USER_SANITIZE, "sanitize-payload"}, {0, NULL}};
	const bool off = !(u->flags & PD_USER_ON);
	const struct pd_bitname *p;
	size_t n = off;

	for (p = names; p->name != NULL; p++)
		n += (u->flags & p->bit) != 0;
	pd_reply_set(r, n);
	if (off)
		pd_reply_str(r, "off");
	for (p = names; p->name != NULL; p++)
		if (u->flags & p->bit)
			pd_reply_str(r, p->name);
}

static void
acl_getuser(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_user *u = pd_acl_find(c->server->acl, a[2].p, a[2].n);
	struct pd_reply *r = &c->reply;
	char hex[2 * PD_ACL_HASH + 1];
	uint32_t i;

	(void)n;
	if (u == NULL) {
		pd_reply_null(r);
		return;
	}
	pd_reply_map(r, 6);
	pd_reply_str(r, "flags");
	reply_user_flags(r, u);
	pd_reply_str(r, "passwords");
	pd_reply_array(r, u->npass);
	for (i = 0; i < u->npass; i++) {
		sodium_bin2hex(hex, sizeof(hex), u->pass[i], PD_ACL_HASH);
		pd_reply_str(r, hex);
	}
	reply_selector(r, &u->sel[0]);
	pd_reply_str(r, "selectors");
	pd_reply_array(r, u->nsel - 1);
	for (i = 1; i < u->nsel; i++) {
		pd_reply_map(r, 3);
		reply_selector(r, &u->sel[i]);
	}
}

/* Clients of a user, whose rules changed: what they may do now, and whether
 * they may listen to what they listen to. */
static void
user_changed(struct pd_server *s, const struct pd_user *u)
{
	struct pd_client *c, *next;
	const struct pd_sub *sub;
	const struct pd_topic *t;
	bool ok;
	int kind;

	for (c = pd_server_client(s, NULL); c != NULL; c = next) {
		next = pd_server_client(s, c);
		if (c->user != u)
			continue;
		pd_client_regate(c);
		ok = true;
		for (kind = 0; kind < PD_SUB_KINDS; kind++)
			for (sub = c->subs[kind].first; sub != NULL;
			     sub = sub->next) {
				t = sub->topic;
				ok &= pd_acl_channel_ok(u, t->name, t->name_len,
				    kind == PD_SUB_PATTERN);
			}
		if (!ok && c == s->holder->current)
			c->close_after = true;
		else if (!ok)
			pd_client_close(c);
	}
}

static void
acl_setuser(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_err err = PD_ERR_INIT;
	const struct pd_user *u;
	uint32_t i;

	pd_command_secret(c, 2);
	for (i = 0; i < a[2].n; i++)
		if (a[2].p[i] == '\0' || a[2].p[i] == ' ' ||
		    (a[2].p[i] >= '\t' && a[2].p[i] <= '\r'))
			break;
	if (i < a[2].n || a[2].n > PD_ACL_NAME_MAX) {
		pd_reply_error(&c->reply, "ERR Usernames can't contain spaces "
					  "or null characters");
		return;
	}
	/* A line of a file could not name it. */
	if (a[2].n == 0) {
		pd_reply_error(&c->reply, "ERR Usernames can't be empty");
		return;
	}
	u = pd_acl_set_user(c->server->acl, a[2].p, a[2].n, a + 3, n - 3, &err);
	if (u == NULL) {
		pd_reply_errorf(&c->reply, "ERR %s", err.msg);
		return;
	}
	user_changed(c->server, u);
	pd_reply_ok(&c->reply);
}

/* Clients of a user who is about to go. */
static void
close_clients(struct pd_server *s, const struct pd_user *u)
{
	struct pd_client *c, *next;

	for (c = pd_server_client(s, NULL); c != NULL; c = next) {
		next = pd_server_client(s, c);
		if (c->user != u)
			continue;
		c->user = s->acl->standard;
		c->authenticated = false;
		pd_client_regate(c);
		if (c == s->holder->current)
			c->close_after = true;
		else
			pd_client_close(c);
	}
}

static void
acl_deluser(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_acl *acl = c->server->acl;
	const struct pd_user *u;
	int64_t gone = 0;
	uint32_t i;

	pd_command_secret(c, 2);
	for (i = 2; i < n; i++)
		if (a[i].n == 7 && memcmp(a[i].p, "default", 7) == 0) {
			pd_reply_error(&c->reply,
			    "ERR The 'default' user cannot be removed");
			return;
		}
	for (i = 2; i < n; i++) {
		if ((u = pd_acl_find(acl, a[i].p, a[i].n)) == NULL)
			continue;
		close_clients(c->server, u);
		gone += pd_acl_del_user(acl, a[i].p, a[i].n);
	}
	pd_reply_int(&c->reply, gone);
}

static void
moved(void *cookie, const struct pd_user *old, struct pd_user *now)
{
	struct pd_server *s = cookie;
	struct pd_client *c;

	if (now == NULL) {
		close_clients(s, old);
		return;
	}
	for (c = pd_server_client(s, NULL); c != NULL;
	     c = pd_server_client(s, c))
		if (c->user == old)
			c->user = now;
	user_changed(s, now);
}

static bool
has_file(struct pd_client *c)
{
	if (c->server->cfg.aclfile != NULL)
		return true;
	pd_reply_error(&c->reply,
	    "ERR This Redis instance is not configured to use an ACL file: "
	    "see --aclfile. Users can be made by ACL SETUSER without one");
	return false;
}

static void
acl_load(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_err err = PD_ERR_INIT;

	(void)a;
	(void)n;
	if (!has_file(c))
		return;
	if (pd_acl_load(
		c->server->acl, c->server->cfg.aclfile, moved, c->server, &err))
		pd_reply_errorf(&c->reply,
		    "ERR %s WARNING: ACL errors detected, no change to the "
		    "previously active ACL rules was performed",
		    err.msg);
	else
		pd_reply_ok(&c->reply);
}

static void
acl_save(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_err err = PD_ERR_INIT;

	(void)a;
	(void)n;
	if (!has_file(c))
		return;
	if (pd_acl_save(c->server->acl, c->server->cfg.aclfile, &err)) {
		pd_server_log(c->server, PD_LOG_WARNING, "%s", err.msg);
		pd_reply_error(&c->reply,
		    "ERR There was an error trying to save the ACLs. Please "
		    "check the server logs for more information");
	} else {
		pd_reply_ok(&c->reply);
	}
}

static void
acl_cat(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const size_t place = pd_reply_later(&c->reply);
	const struct pd_bitname *p;
	const struct pd_cmd *cmd;
	size_t found = 0, i;

	if (n > 3) {
		pd_reply_subcommand_error(c, &a[1], "ACL");
		return;
	}
	for (p = pd_category_names; p->name != NULL; p++) {
		if (n == 3 && pd_arg_is(&a[2], p->name))
			break;
		if (n == 2) {
			pd_reply_str(&c->reply, p->name);
			found++;
		}
	}
	if (n == 3 && p->name == NULL) {
		pd_reply_errorf(
		    &c->reply, "ERR Unknown category '%.*s'", SHOW(a[2]));
		return;
	}
	for (i = 0;
	     n == 3 && (cmd = pd_commands_id(c->server->commands, i)) != NULL;
	     i++)
		if (cmd->cats & p->bit) {
			pd_reply_str(&c->reply, cmd->full);
			found++;
		}
	pd_reply_now_array(&c->reply, place, found);
}

static void
acl_genpass(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char digits[] = "0123456789abcdef";
	uint8_t random[GENPASS_BITS / 4];
	char text[GENPASS_BITS / 4];
	int64_t bits = 256;
	size_t i, len;

	if (n > 3) {
		pd_reply_subcommand_error(c, &a[1], "ACL");
		return;
	}
	if (n == 3 && !pd_arg_int(c, &a[2], &bits))
		return;
	if (bits <= 0 || bits > GENPASS_BITS) {
		pd_reply_errorf(&c->reply,
		    "ERR ACL GENPASS argument must be the number of bits for "
		    "the output password, a positive number up to %d",
		    GENPASS_BITS);
		return;
	}
	len = (size_t)(bits + 3) / 4;
	randombytes_buf(random, len);
	for (i = 0; i < len; i++)
		text[i] = digits[random[i] & 15];
	pd_reply_bulk(&c->reply, text, len);
}

static void
reply_log_entry(struct pd_client *c, const struct pd_acl_entry *e)
{
	static const char *const why[] = {
	    "", "command", "key", "channel", "auth"};
	const int64_t ms = c->worker->now_ms - e->updated_ms;
	struct pd_reply *r = &c->reply;

	pd_reply_map(r, 10);
	pd_reply_str(r, "count");
	pd_reply_int(r, (int64_t)e->count);
	pd_reply_str(r, "reason");
	pd_reply_str(r, why[e->why]);
	pd_reply_str(r, "context");
	pd_reply_str(r, e->context);
	pd_reply_str(r, "object");
	pd_reply_bulk(r, e->object, e->object_len);
	pd_reply_str(r, "username");
	pd_reply_str(r, e->user);
	pd_reply_str(r, "age-seconds");
	pd_reply_double(r, (double)ms / 1000);
	pd_reply_str(r, "client-info");
	pd_reply_str(r, e->info);
	pd_reply_str(r, "entry-id");
	pd_reply_int(r, (int64_t)e->id);
	pd_reply_str(r, "timestamp-created");
	pd_reply_int(r, e->created_ms);
	pd_reply_str(r, "timestamp-last-updated");
	pd_reply_int(r, e->updated_ms);
}

static void
acl_log(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_acl *acl = c->server->acl;
	const uint32_t max = acl->log_max;
	int64_t count = 10;
	uint32_t i;

	if (n > 3) {
		pd_reply_subcommand_error(c, &a[1], "ACL");
		return;
	}
	if (n == 3 && pd_arg_is(&a[2], "reset")) {
		pd_acl_log_set_max(acl, 0);
		pd_acl_log_set_max(acl, max);
		pd_reply_ok(&c->reply);
		return;
	}
	if (n == 3 && !pd_arg_int(c, &a[2], &count))
		return;
	count = count < 0 ? 0 : count > acl->nlog ? acl->nlog : count;
	pd_reply_array(&c->reply, (size_t)count);
	for (i = 0; i < count; i++)
		reply_log_entry(c, &acl->log[i]);
}

static void
acl_dryrun(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_user *u = pd_acl_find(c->server->acl, a[2].p, a[2].n);
	struct pd_cmd *cmd, *sub;
	enum pd_acl_result r;
	char text[256];
	uint32_t at;

	if (u == NULL) {
		pd_reply_errorf(
		    &c->reply, "ERR User '%.*s' not found", SHOW(a[2]));
		return;
	}
	cmd = pd_commands_find(c->server->commands, a[3].p, a[3].n);
	if (cmd != NULL && cmd->nsubs > 0 && n > 4) {
		sub = pd_command_sub(cmd, a[4].p, a[4].n);
		cmd = sub;
	}
	if (cmd == NULL) {
		pd_reply_errorf(
		    &c->reply, "ERR Command '%.*s' not found", SHOW(a[3]));
		return;
	}
	if (!pd_command_arity_ok(cmd->def, n - 3)) {
		pd_reply_errorf(&c->reply,
		    "ERR wrong number of arguments for '%s' command",
		    cmd->full);
		return;
	}
	r = pd_acl_check(u, cmd, a + 3, n - 3, &at);
	if (r == PD_ACL_OK) {
		pd_reply_ok(&c->reply);
		return;
	}
	if (r == PD_ACL_COMMAND)
		snprintf(text, sizeof(text),
		    "This user has no permissions to run the '%s' command",
		    cmd->full);
	else
		snprintf(text, sizeof(text),
		    "This user has no permissions to access the '%.*s' %s",
		    SHOW(a[3 + at]), r == PD_ACL_KEY ? "key" : "channel");
	pd_reply_str(&c->reply, text);
}

static void
acl_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"CAT [<category>]",
	    "    The categories, or the commands of one.",
	    "DELUSER <username> [<username> ...]", "    Remove users.",
	    "DRYRUN <username> <command> [<arg> ...]",
	    "    Whether a user may run a command.", "GENPASS [<bits>]",
	    "    A random password (default: 256 bits).", "GETUSER <username>",
	    "    What a user may do.", "LIST",
	    "    All users, as the ACL file has them.", "LOAD",
	    "    Take the users of the ACL file.", "LOG [<count>|RESET]",
	    "    What was refused, or forget it.", "SAVE",
	    "    Write the users to the ACL file.",
	    "SETUSER <username> [<rule> ...]", "    Make or change a user.",
	    "USERS", "    The names of all users.", "WHOAMI",
	    "    The user of this connection.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "ACL", lines);
}

#define OPEN (PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE)
#define ADMIN (OPEN | PD_CMD_ADMIN)
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.since = "6.0.0", .group = "server"

static const struct pd_command subs[] = {
    {DEF("cat", -2, OPEN), .run = acl_cat, .complexity = "O(1)",
	.summary = "The categories, or the commands of one."},
    {DEF("deluser", -3, ADMIN), .run = acl_deluser, .complexity = "O(N)",
	.summary = "Remove users."},
    {DEF("dryrun", -4, ADMIN), .run = acl_dryrun, .complexity = "O(1)",
	.summary = "Whether a user may run a command."},
    {DEF("genpass", -2, OPEN), .run = acl_genpass, .complexity = "O(1)",
	.summary = "A random password."},
    {DEF("getuser", 3, ADMIN), .run = acl_getuser, .complexity = "O(N)",
	.summary = "What a user may do."},
    {DEF("help", 2, PD_CMD_LOADING | PD_CMD_STALE), .run = acl_help,
	.complexity = "O(1)", .summary = "Help on the subcommands."},
    {DEF("list", 2, ADMIN), .run = acl_list, .complexity = "O(N)",
	.summary = "All users, as the ACL file has them."},
    {DEF("load", 2, ADMIN), .run = acl_load, .complexity = "O(N)",
	.summary = "Take the users of the ACL file."},
    {DEF("log", -2, ADMIN), .run = acl_log, .complexity = "O(N)",
	.summary = "What was refused."},
    {DEF("save", 2, ADMIN), .run = acl_save, .complexity = "O(N)",
	.summary = "Write the users to the ACL file."},
    {DEF("setuser", -3, ADMIN), .run = acl_setuser, .complexity = "O(N)",
	.summary = "Make or change a user."},
    {DEF("users", 2, ADMIN), .run = acl_users, .complexity = "O(N)",
	.summary = "The names of all users."},
    {DEF("whoami", 2, OPEN), .run = acl_whoami, .complexity = "O(1)",
	.summary = "The user of this connection."},
    {.name = NULL},
};

const struct pd_command pd_commands_acl[] = {
    {DEF("acl", -2, 0), .subs = subs, .complexity = "Depends on subcommand.",
	.summary = "Commands on users and what they may do."},
    {.name = NULL},
};
