/* Commands on the connection: who, which database, which protocol. */

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cache/acl.h"
#include "cache/command_table.h"
#include "cache/command_util.h"

/* Those who read messages get one. */
static void
pong_subscriber(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	pd_reply_array(&c->reply, 2);
	pd_reply_str(&c->reply, "pong");
	pd_reply_bulk(&c->reply, n == 2 ? a[1].p : "", n == 2 ? a[1].n : 0);
}

static void
run_ping(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	if (n > 2)
		pd_reply_error(&c->reply,
		    "ERR wrong number of arguments for 'ping' command");
	else if (c->gate & PD_GATE_SUBSCRIBER)
		pong_subscriber(c, a, n);
	else if (n == 2)
		pd_reply_bulk(&c->reply, a[1].p, a[1].n);
	else
		pd_reply_status(&c->reply, "PONG");
}

static void
run_echo(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	pd_reply_bulk(&c->reply, a[1].p, a[1].n);
}

static void
run_quit(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_ok(&c->reply);
	c->close_after = true;
}

static void
run_select(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	int64_t db;

	(void)n;
	if (!pd_arg_int(c, &a[1], &db))
		return;
	if (db < 0 || db >= PD_STORE_DBS) {
		pd_reply_error(&c->reply, "ERR DB index is out of range");
		return;
	}
	c->db = (unsigned)db;
	pd_reply_ok(&c->reply);
}

static void
run_reset(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_client_reset(c);
	pd_reply_status(&c->reply, "RESET");
}

static bool
authenticate(struct pd_client *c, const char *user, size_t n,
    const struct pd_arg *pass, const struct pd_arg *cmd)
{
	struct pd_acl *acl = c->server->acl;
	struct pd_user *u = pd_acl_find(acl, user, n);

	if (!pd_acl_password_ok(u, pass->p, pass->n)) {
		c->worker->stats.auth_failures++;
		pd_acl_log(acl, c, PD_ACL_AUTH, cmd->p, cmd->n, user, n);
		pd_reply_error(&c->reply, "WRONGPASS invalid username-password "
					  "pair or user is disabled.");
		return false;
	}
	c->user = u;
	c->authenticated = true;
	pd_client_regate(c);
	return true;
}

static void
run_auth(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	if (n > 3) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	pd_command_secret(c, 1);
	if (n == 2 && c->server->acl->standard->flags & PD_USER_NOPASS) {
		pd_reply_error(&c->reply,
		    "ERR AUTH <password> called without any password "
		    "configured for the default user. Are you sure your "
		    "configuration is correct?");
		return;
	}
	if (authenticate(c, n == 3 ? a[1].p : "default", n == 3 ? a[1].n : 7,
		&a[n - 1], &a[0]))
		pd_reply_ok(&c->reply);
}

static bool
name_ok(struct pd_client *c, const struct pd_arg *a)
{
	uint32_t i;

	for (i = 0; i < a->n; i++)
		if (a->p[i] < '!' || a->p[i] > '~') {
			pd_reply_error(&c->reply,
			    "ERR Client names cannot contain spaces, newlines "
			    "or special characters.");
			return false;
		}
	return true;
}

bool
pd_client_set_name(struct pd_client *c, const struct pd_arg *a)
{
	char *name = NULL;

	if (!name_ok(c, a))
		return false;
	if (a->n > 0 && (name = pd_arg_dup(a)) == NULL) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return false;
	}
	free(c->name);
	c->name = name;
	return true;
}

static void
reply_hello(struct pd_client *c)
{
	struct pd_reply *r = &c->reply;

	pd_reply_map(r, 7);
	pd_reply_str(r, "server");
	pd_reply_str(r, "redis");
	pd_reply_str(r, "version");
	pd_reply_str(r, PD_COMPAT_VERSION);
	pd_reply_str(r, "proto");
	pd_reply_int(r, r->resp);
	pd_reply_str(r, "id");
	pd_reply_int(r, (int64_t)c->id);
	pd_reply_str(r, "mode");
	pd_reply_str(r, "standalone");
	pd_reply_str(r, "role");
	pd_reply_str(r, "master");
	pd_reply_str(r, "modules");
	pd_reply_array(r, 0);
}

/* The options of HELLO: false having replied. */
static bool
hello_options(struct pd_client *c, const struct pd_arg *a, uint32_t n,
    const struct pd_arg **name)
{
	uint32_t i;

	for (i = 2; i < n; i++) {
		if (i + 2 < n && pd_arg_is(&a[i], "auth")) {
			pd_command_secret(c, i + 1);
			if (!authenticate(
				c, a[i + 1].p, a[i + 1].n, &a[i + 2], &a[0]))
				return false;
			i += 2;
		} else if (i + 1 < n && pd_arg_is(&a[i], "setname")) {
			*name = &a[++i];
			if (!name_ok(c, *name))
				return false;
		} else {
			pd_reply_errorf(&c->reply,
			    "ERR Syntax error in HELLO option '%.*s'",
			    a[i].n < 128 ? (int)a[i].n : 128, a[i].p);
			return false;
		}
	}
	return true;
}

static void
run_hello(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_arg *name = NULL;
	int64_t version = 0;

	if (n > 1 && pd_parse_i64n(a[1].p, a[1].n, &version)) {
		pd_reply_error(&c->reply, "ERR Protocol version is not an "
					  "integer or out of range");
		return;
	}
	if (n > 1 && (version < 2 || version > 3)) {
		pd_reply_error(
		    &c->reply, "NOPROTO unsupported protocol version");
		return;
	}
	if (!hello_options(c, a, n, &name))
		return;
	if (!c->authenticated) {
		pd_reply_error(&c->reply,
		    "NOAUTH HELLO must be called with the client already "
		    "authenticated, otherwise the HELLO <proto> AUTH <user> "
		    "<pass> option can be used to authenticate the client and "
		    "select the RESP protocol version at the same time");
		return;
	}
	if (name != NULL && !pd_client_set_name(c, name))
		return;
	if (n > 1)
		c->reply.resp = (uint8_t)version;
	pd_client_regate(c);
	reply_hello(c);
}

#define F PD_CMD_FAST
#define OPEN                                                                   \
	(PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE | PD_CMD_FAST |       \
	    PD_CMD_NO_AUTH | PD_CMD_BUSY)
#define ANYTIME (PD_CMD_LOADING | PD_CMD_STALE | PD_CMD_FAST)
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = PD_CAT_CONNECTION, .group = "connection", .complexity = "O(1)"
#define SUBSCRIBER PD_CMD_SUBSCRIBER

const struct pd_command pd_commands_conn[] = {
    {DEF("ping", -1, F | SUBSCRIBER | PD_CMD_OWN), .run = run_ping,
	.since = "1.0.0",
	.tips = "request_policy:all_shards response_policy:all_succeeded",
	.summary = "Answer PONG, or the word given."},
    {DEF("echo", 2, ANYTIME | PD_CMD_OWN), .run = run_echo, .since = "1.0.0",
	.summary = "Answer the word given."},
    {DEF("quit", -1, OPEN | PD_CMD_NOT_QUEUED | SUBSCRIBER | PD_CMD_OWN),
	.run = run_quit, .since = "1.0.0", .summary = "Close the connection."},
    {DEF("select", 2, ANYTIME | PD_CMD_OWN), .run = run_select,
	.since = "1.0.0", .summary = "Choose a database."},
    {DEF("auth", -2, OPEN), .run = run_auth, .since = "1.0.0",
	.summary = "Give the password."},
    {DEF("hello", -1, OPEN), .run = run_hello, .since = "6.0.0",
	.summary = "Choose the protocol version, with password and name."},
    {DEF("reset", 1, OPEN | PD_CMD_NOT_QUEUED | SUBSCRIBER), .run = run_reset,
	.since = "6.2.0", .summary = "Make the connection as new."},
    {.name = NULL},
};
