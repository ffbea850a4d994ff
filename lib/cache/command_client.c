/* CLIENT: the connections, this one and the others. */

#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "cache/acl.h"
#include "cache/command_table.h"
#include "cache/command_util.h"

static void
client_id(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_int(&c->reply, (int64_t)c->id);
}

static void
client_setname(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	if (pd_client_set_name(c, &a[2]))
		pd_reply_ok(&c->reply);
}

static void
client_getname(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	if (c->name == NULL)
		pd_reply_null(&c->reply);
	else
		pd_reply_str(&c->reply, c->name);
}

static void
client_setinfo(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const bool lib = pd_arg_is(&a[2], "lib-name");
	char **dest = lib ? &c->lib_name : &c->lib_ver, *text;
	uint32_t i;

	(void)n;
	if (!lib && !pd_arg_is(&a[2], "lib-ver")) {
		pd_reply_errorf(&c->reply, "ERR Unrecognized option '%.*s'",
		    a[2].n < 128 ? (int)a[2].n : 128, a[2].p);
		return;
	}
	for (i = 0; i < a[3].n; i++)
		if (a[3].p[i] < '!' || a[3].p[i] > '~') {
			pd_reply_errorf(&c->reply,
			    "ERR %s cannot contain spaces, newlines or "
			    "special characters.",
			    lib ? "lib-name" : "lib-ver");
			return;
		}
	if ((text = pd_arg_dup(&a[3])) == NULL) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return;
	}
	free(*dest);
	*dest = text;
	pd_reply_ok(&c->reply);
}

static void
client_info(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_buf b = PD_BUF_INIT;

	(void)a;
	(void)n;
	pd_client_describe(c, &b);
	pd_reply_text(&c->reply, (const char *)b.data, b.len);
	pd_buf_release(&b);
}

enum client_type {
	TYPE_ANY,
	TYPE_NORMAL,
	TYPE_PUBSUB,
	TYPE_NOBODY, /* masters and replicas */
};

static bool
type_is(const struct pd_client *c, enum client_type type)
{
	const bool subscribed = pd_client_subscribed(c);

	return type == TYPE_ANY || (type == TYPE_PUBSUB && subscribed) ||
	       (type == TYPE_NORMAL && !subscribed);
}

static bool
parse_type(struct pd_client *c, const struct pd_arg *a, enum client_type *type)
{
	*type = pd_arg_is(a, "normal")	 ? TYPE_NORMAL
		: pd_arg_is(a, "pubsub") ? TYPE_PUBSUB
					 : TYPE_NOBODY;
	if (*type != TYPE_NOBODY || pd_arg_is(a, "master") ||
	    pd_arg_is(a, "replica") || pd_arg_is(a, "slave"))
		return true;
	pd_reply_errorf(&c->reply, "ERR Unknown client type '%.*s'",
	    a->n < 128 ? (int)a->n : 128, a->p);
	return false;
}

static struct pd_client *
by_id(const struct pd_server *s, int64_t id)
{
	struct pd_client *o;

	for (o = pd_server_client(s, NULL); o != NULL;
	     o = pd_server_client(s, o))
		if (o->id == (uint64_t)id)
			return o;
	return NULL;
}

static bool
list_ids(
    struct pd_client *c, const struct pd_arg *a, uint32_t n, struct pd_buf *b)
{
	struct pd_client *o;
	int64_t id;
	uint32_t i;

	for (i = 0; i < n; i++) {
		if (pd_parse_i64n(a[i].p, a[i].n, &id)) {
			pd_reply_error(&c->reply, "ERR Invalid client ID");
			return false;
		}
		if ((o = by_id(c->server, id)) != NULL)
			pd_client_describe(o, b);
	}
	return true;
}

static int
older(const void *a, const void *b)
{
	const struct pd_client *const *x = a, *const *y = b;

	return ((*x)->id > (*y)->id) - ((*x)->id < (*y)->id);
}

/* Oldest first. */
static void
list_all(struct pd_client *c, enum client_type type, struct pd_buf *b)
{
	const struct pd_client **v, *o;
	size_t n = 0, i;

	if ((v = calloc(c->server->nclients + 1,
		 sizeof(const struct pd_client *))) == NULL)
		return;
	for (o = pd_server_client(c->server, NULL); o != NULL;
	     o = pd_server_client(c->server, o))
		v[n++] = o;
	qsort(v, n, sizeof(const struct pd_client *), older);
	for (i = 0; i < n; i++)
		if (type_is(v[i], type))
			pd_client_describe(v[i], b);
	free(v);
}

static void
client_list(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_buf b = PD_BUF_INIT;
	enum client_type type = TYPE_ANY;
	bool ok = true, all = n == 2;

	if (n == 4 && pd_arg_is(&a[2], "type")) {
		ok = all = parse_type(c, &a[3], &type);
	} else if (n > 3 && pd_arg_is(&a[2], "id")) {
		ok = list_ids(c, a + 3, n - 3, &b);
	} else if (n != 2) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		ok = false;
	}
	if (all)
		list_all(c, type, &b);
	if (ok)
		pd_reply_text(
		    &c->reply, b.len > 0 ? (const char *)b.data : "", b.len);
	pd_buf_release(&b);
}

/* Which clients CLIENT KILL means. */
struct kill_filter {
	int64_t id; /* 0: any */
	const struct pd_arg *addr;
	const struct pd_arg *laddr;
	const struct pd_user *user; /* NULL: any */
	int64_t max_age;	    /* seconds, 0: any */
	enum client_type type;
	bool skip_me;
};

static bool
text_is(const struct pd_arg *a, const char *text)
{
	return strlen(text) == a->n && memcmp(text, a->p, a->n) == 0;
}

static bool
kill_matches(const struct kill_filter *f, const struct pd_client *me,
    const struct pd_client *o)
{
	const uint64_t age = (me->worker->mono_us - o->created_us) / 1000000;

	return type_is(o, f->type) && (f->user == NULL || o->user == f->user) &&
	       !(f->skip_me && o == me) &&
	       (f->id == 0 || o->id == (uint64_t)f->id) &&
	       (f->addr == NULL || text_is(f->addr, o->addr)) &&
	       (f->laddr == NULL || text_is(f->laddr, o->laddr)) &&
	       (f->max_age == 0 || age >= (uint64_t)f->max_age);
}

static bool
parse_kill_option(
    struct pd_client *c, const struct pd_arg *a, struct kill_filter *f)
{
	if (pd_arg_is(&a[0], "id")) {
		if (pd_parse_i64n(a[1].p, a[1].n, &f->id) || f->id <= 0) {
			pd_reply_error(&c->reply,
			    "ERR client-id should be greater than 0");
			return false;
		}
	} else if (pd_arg_is(&a[0], "type")) {
		if (!parse_type(c, &a[1], &f->type))
			return false;
	} else if (pd_arg_is(&a[0], "addr")) {
		f->addr = &a[1];
	} else if (pd_arg_is(&a[0], "laddr")) {
		f->laddr = &a[1];
	} else if (pd_arg_is(&a[0], "user")) {
		f->user = pd_acl_find(c->server->acl, a[1].p, a[1].n);
		if (f->user == NULL) {
			pd_reply_errorf(&c->reply, "ERR No such user '%.*s'",
			    a[1].n < 128 ? (int)a[1].n : 128, a[1].p);
			return false;
		}
	} else if (pd_arg_is(&a[0], "maxage")) {
		if (!pd_arg_int(c, &a[1], &f->max_age))
			return false;
	} else if (pd_arg_is(&a[0], "skipme") && pd_arg_is(&a[1], "yes")) {
		f->skip_me = true;
	} else if (pd_arg_is(&a[0], "skipme") && pd_arg_is(&a[1], "no")) {
		f->skip_me = false;
	} else {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return false;
	}
	return true;
}

static int64_t
kill_all(struct pd_client *c, const struct kill_filter *f)
{
	struct pd_client *o, *next;
	int64_t n = 0;

	for (o = pd_server_client(c->server, NULL); o != NULL; o = next) {
		next = pd_server_client(c->server, o);
		if (!kill_matches(f, c, o))
			continue;
		n++;
		if (o == c)
			c->close_after = true;
		else
			pd_client_close(o);
	}
	return n;
}

static void
client_kill(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct kill_filter f = {.skip_me = true};
	uint32_t i;

	if (n == 3) {
		f.addr = &a[2];
		f.skip_me = false;
		if (kill_all(c, &f) == 0)
			pd_reply_error(&c->reply, "ERR No such client");
		else
			pd_reply_ok(&c->reply);
		return;
	}
	if (n % 2 != 0) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	for (i = 2; i + 1 < n; i += 2)
		if (!parse_kill_option(c, &a[i], &f))
			return;
	pd_reply_int(&c->reply, kill_all(c, &f));
}

static void
on_off(struct pd_client *c, const struct pd_arg *a, bool *dest)
{
	if (pd_arg_is(a, "on")) {
		*dest = true;
	} else if (pd_arg_is(a, "off")) {
		*dest = false;
	} else {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	pd_reply_ok(&c->reply);
}

static void
client_no_evict(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	on_off(c, &a[2], &c->no_evict);
}

static void
client_no_touch(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	on_off(c, &a[2], &c->no_touch);
}

static void
client_reply(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)n;
	if (pd_arg_is(&a[2], "on")) {
		c->mute = PD_MUTE_NO;
		c->reply.mute = false;
		pd_reply_ok(&c->reply);
	} else if (pd_arg_is(&a[2], "off")) {
		c->mute = PD_MUTE_OFF;
	} else if (pd_arg_is(&a[2], "skip")) {
		if (c->mute != PD_MUTE_OFF)
			c->mute = PD_MUTE_SKIP_NEXT;
	} else {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
	}
}

static void
client_pause(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_server *s = c->server;
	const int64_t now_ms = c->worker->now_ms;
	bool all = true;
	int64_t ms;

	if (n > 4) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	if (n == 4 && !pd_arg_is(&a[3], "write") && !pd_arg_is(&a[3], "all")) {
		pd_reply_error(
		    &c->reply, "ERR CLIENT PAUSE mode must be WRITE or ALL");
		return;
	}
	if (n == 4)
		all = pd_arg_is(&a[3], "all");
	if (pd_parse_i64n(a[2].p, a[2].n, &ms)) {
		pd_reply_error(
		    &c->reply, "ERR timeout is not an integer or out of range");
		return;
	}
	if (ms < 0) {
		pd_reply_error(&c->reply, "ERR timeout is negative");
		return;
	}
	if (now_ms > INT64_MAX - ms)
		ms = INT64_MAX - now_ms;
	s->paused_until_ms = (uint64_t)(now_ms + ms);
	s->paused_all = all;
	pd_reply_ok(&c->reply);
}

static void
client_unpause(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	c->server->paused_until_ms = 1; /* the periodic work ends it */
	pd_reply_ok(&c->reply);
}

static void
client_getredir(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_reply_int(&c->reply, -1);
}

static void
client_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"GETNAME",
	    "    The name of this connection.", "GETREDIR",
	    "    Always -1: there is no tracking.", "ID",
	    "    The id of this connection.", "INFO",
	    "    What is known of this connection.", "KILL <option> ...",
	    "    Close connections: <ip:port>, or ID, ADDR, LADDR, TYPE,",
	    "    USER, MAXAGE, SKIPME with a value.",
	    "LIST [TYPE <type>|ID <id> ...]",
	    "    What is known of all connections.", "NO-EVICT (ON|OFF)",
	    "    Accepted; connections are not evicted.", "NO-TOUCH (ON|OFF)",
	    "    Accepted.", "PAUSE <ms> [WRITE|ALL]",
	    "    Hold commands back for a while.", "REPLY (ON|OFF|SKIP)",
	    "    Whether replies are sent.", "SETINFO <option> <value>",
	    "    Name the client library.", "SETNAME <name>",
	    "    Name this connection.", "UNPAUSE", "    End a pause.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "CLIENT", lines);
}

#define BASE (PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE)
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = PD_CAT_CONNECTION, .group = "connection"

static const struct pd_command subs[] = {
    {DEF("getname", 2, BASE | PD_CMD_OWN), .run = client_getname,
	.since = "2.6.9", .complexity = "O(1)",
	.summary = "The connection's name."},
    {DEF("getredir", 2, BASE | PD_CMD_OWN), .run = client_getredir,
	.since = "6.0.0", .complexity = "O(1)", .summary = "Always -1."},
    {DEF("help", 2, PD_CMD_LOADING | PD_CMD_STALE), .run = client_help,
	.since = "5.0.0", .complexity = "O(1)",
	.summary = "Help on the subcommands."},
    {DEF("id", 2, BASE | PD_CMD_OWN), .run = client_id, .since = "5.0.0",
	.complexity = "O(1)", .summary = "The connection's id."},
    {DEF("info", 2, BASE | PD_CMD_OWN), .run = client_info, .since = "6.2.0",
	.complexity = "O(1)", .tips = "nondeterministic_output",
	.summary = "What is known of the connection."},
    {DEF("kill", -3, BASE | PD_CMD_ADMIN), .run = client_kill, .since = "2.4.0",
	.complexity = "O(N)", .summary = "Close connections."},
    {DEF("list", -2, BASE | PD_CMD_ADMIN), .run = client_list, .since = "2.4.0",
	.complexity = "O(N)", .tips = "nondeterministic_output",
	.summary = "What is known of all connections."},
    {DEF("no-evict", 3, BASE | PD_CMD_ADMIN | PD_CMD_OWN),
	.run = client_no_evict, .since = "7.0.0", .complexity = "O(1)",
	.summary = "Accepted."},
    {DEF("no-touch", 3, BASE | PD_CMD_OWN), .run = client_no_touch,
	.since = "7.2.0", .complexity = "O(1)", .summary = "Accepted."},
    {DEF("pause", -3, BASE | PD_CMD_ADMIN), .run = client_pause,
	.since = "3.0.0", .complexity = "O(1)",
	.summary = "Hold commands back."},
    {DEF("reply", 3, BASE | PD_CMD_OWN), .run = client_reply, .since = "3.2.0",
	.complexity = "O(1)", .summary = "Whether replies are sent."},
    {DEF("setinfo", 4, BASE | PD_CMD_OWN), .run = client_setinfo,
	.since = "7.2.0", .complexity = "O(1)",
	.summary = "Name the client library."},
    {DEF("setname", 3, BASE | PD_CMD_OWN), .run = client_setname,
	.since = "2.6.9", .complexity = "O(1)",
	.summary = "Name the connection."},
    {DEF("unpause", 2, BASE | PD_CMD_ADMIN), .run = client_unpause,
	.since = "6.2.0", .complexity = "O(N)", .summary = "End a pause."},
    {.name = NULL},
};

const struct pd_command pd_commands_client[] = {
    {DEF("client", -2, 0), .subs = subs, .since = "2.4.0",
	.complexity = "Depends on subcommand.",
	.summary = "Commands on connections."},
    {.name = NULL},
};
