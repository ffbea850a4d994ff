/* Asking the rules: may a user do this; and the log of what was refused. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "cache/acl.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/command_util.h"
#include "cache/lock.h"
#include "cache/server.h"
#include "cache/store.h"

#define LOG_SAME_MS 60000 /* the same within so long is counted */

/* What goes through the keys of a command. */
struct look {
	const struct pd_selector *s;
	const struct pd_arg *argv;
	uint32_t refused; /* the first word that is, or 0 */
};

static bool
key_ok(const struct pd_selector *s, const struct pd_arg *key, unsigned flags)
{
	unsigned need = 0;
	uint32_t i;

	if (flags & PD_KEY_ACCESS)
		need |= PD_ACL_READ;
	if (flags & (PD_KEY_INSERT | PD_KEY_DELETE | PD_KEY_UPDATE))
		need |= PD_ACL_WRITE;
	for (i = 0; i < s->keys.n; i++)
		if ((s->keys.v[i].flags & need) == need &&
		    pd_glob_match(
			s->keys.v[i].p, s->keys.v[i].n, key->p, key->n))
			return true;
	return false;
}

static void
look_at_key(void *cookie, uint32_t at, unsigned flags)
{
	struct look *l = cookie;

	if (l->refused == 0 && !(flags & PD_KEY_NOT_KEY) &&
	    !key_ok(l->s, &l->argv[at], flags))
		l->refused = at;
}

static bool
channel_ok(const struct pd_selector *s, const char *p, size_t n, bool pattern)
{
	const struct pd_acl_pattern *v;
	uint32_t i;

	for (i = 0; i < s->channels.n; i++) {
		v = &s->channels.v[i];
		/* Patterns must be allowed to the letter. */
		if (pattern ? v->n == n && memcmp(v->p, p, n) == 0
			    : pd_glob_match(v->p, v->n, p, n))
			return true;
	}
	return false;
}

bool
pd_acl_channel_ok(
    const struct pd_user *u, const char *p, size_t n, bool pattern)
{
	uint32_t i;

	for (i = 0; i < u->nsel; i++)
		if (u->sel[i].all_channels ||
		    channel_ok(&u->sel[i], p, n, pattern))
			return true;
	return false;
}

/* The first word that is a channel of which ${s} knows nothing, or 0. */
static uint32_t
refused_channel(const struct pd_selector *s, const struct pd_command *d,
    const struct pd_arg *argv, uint32_t argc)
{
	const uint32_t last = d->channels == PD_CHANNELS_FIRST ? 1 : argc - 1;
	uint32_t i;

	if (s->all_channels || d->channels == PD_CHANNELS_NONE)
		return 0;
	for (i = 1; i <= last && i < argc; i++)
		if (!channel_ok(s, argv[i].p, argv[i].n,
			d->channels == PD_CHANNELS_PATTERNS))
			return i;
	return 0;
}

static bool
command_ok(const struct pd_selector *s, const struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc)
{
	const uint32_t at = cmd->parent == NULL ? 1 : 2;
	uint32_t i;

	if (s->all_commands || cmd->flags & PD_CMD_NO_AUTH ||
	    s->allowed[cmd->id / 64] >> cmd->id % 64 & 1)
		return true;
	for (i = 0; i < s->nfirst && at < argc; i++)
		if (s->first[i].id == cmd->id &&
		    strlen(s->first[i].word) == argv[at].n &&
		    strncasecmp(s->first[i].word, argv[at].p, argv[at].n) == 0)
			return true;
	return false;
}

static enum pd_acl_result
check_selector(const struct pd_selector *s, const struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc, uint32_t *at)
{
	struct look l = {s, argv, 0};

	*at = 0;
	if (!command_ok(s, cmd, argv, argc))
		return PD_ACL_COMMAND;
	if (!s->all_keys) {
		pd_command_keys(cmd->parent != NULL ? cmd->parent : cmd, argv,
		    argc, look_at_key, &l);
		if ((*at = l.refused) != 0)
			return PD_ACL_KEY;
	}
	*at = refused_channel(s, cmd->def, argv, argc);
	return *at != 0 ? PD_ACL_CHANNEL : PD_ACL_OK;
}

enum pd_acl_result
pd_acl_check(const struct pd_user *u, const struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc, uint32_t *at)
{
	enum pd_acl_result worst = PD_ACL_COMMAND, r;
	uint32_t i, where;

	*at = 0;
	for (i = 0; i < u->nsel; i++) {
		r = check_selector(&u->sel[i], cmd, argv, argc, &where);
		if (r == PD_ACL_OK)
			return PD_ACL_OK;
		/* The selector that came furthest says what is missing. */
		if (r > worst || (r == worst && where > *at)) {
			worst = r;
			*at = where;
		}
	}
	return worst;
}

/* May a selector use every command of a category? */
static bool
category_ok(const struct pd_selector *s, const struct pd_commands *commands,
    unsigned category)
{
	const struct pd_cmd *cmd;
	size_t i;

	for (i = 0; (cmd = pd_commands_id(commands, i)) != NULL; i++)
		if (cmd->cats & category && !command_ok(s, cmd, NULL, 0))
			return false;
	return true;
}

bool
pd_acl_shows_key(const struct pd_user *u, const struct pd_commands *commands,
    unsigned category, const void *key, size_t n, bool more)
{
	const struct pd_arg a = {.p = key, .n = (uint32_t)n};
	const struct pd_selector *s;
	uint32_t i;

	for (i = 0; i < u->nsel; i++) {
		s = &u->sel[i];
		if (category_ok(s, commands, category) &&
		    (s->all_keys || (!more && key_ok(s, &a, PD_KEY_ACCESS))))
			return true;
	}
	return false;
}

/* The log. */

static size_t
entry_bytes(const struct pd_acl_entry *e)
{
	return sizeof(*e) + e->object_len + strlen(e->user) + strlen(e->info) +
	       3;
}

static void
entry_release(struct pd_acl_entry *e)
{
	free(e->object);
	free(e->user);
	free(e->info);
}

/* Forget the oldest entry. */
static void
drop_last(struct pd_acl *a)
{
	struct pd_acl_entry *e = &a->log[--a->nlog];

	a->bytes -= entry_bytes(e);
	entry_release(e);
}

void
pd_acl_log_set_max(struct pd_acl *a, uint32_t max)
{
	a->log_max = max;
	while (a->nlog > max)
		drop_last(a);
}

static char *
dup_bytes(const char *p, size_t n)
{
	char *s = malloc(n + 1);

	if (s != NULL) {
		memcpy(s, p, n);
		s[n] = '\0';
	}
	return s;
}

static char *
client_info(const struct pd_client *c)
{
	struct pd_buf b = PD_BUF_INIT;

	pd_client_describe(c, &b);
	if (b.len > 0)
		b.len--;	/* the newline */
	return pd_buf_cstr(&b); /* the log's now */
}

/* Put an entry in front of the others. */
static void
to_front(struct pd_acl *a, const struct pd_acl_entry *e, uint32_t from)
{
	memmove(&a->log[1], &a->log[0], from * sizeof(*a->log));
	a->log[0] = *e;
}

void
pd_acl_log(struct pd_acl *a, const struct pd_client *c, enum pd_acl_result why,
    const char *object, size_t n, const char *user, size_t user_len)
{
	const int64_t now = c->worker->now_ms;
	struct pd_acl_entry e = {.count = 1,
	    .why = why,
	    .context = c->in_exec || c->multi ? "multi" : "toplevel",
	    .created_ms = now,
	    .updated_ms = now};
	struct pd_acl_entry *old;
	uint32_t i;

	if (n > PD_ACL_LOG_OBJECT)
		n = PD_ACL_LOG_OBJECT;
	if (user_len > PD_ACL_LOG_OBJECT)
		user_len = PD_ACL_LOG_OBJECT;
	e.object_len = (uint32_t)n;
	for (i = 0; i < a->nlog; i++) {
		old = &a->log[i];
		if (old->why != why || old->context != e.context ||
		    now - old->updated_ms > LOG_SAME_MS ||
		    old->object_len != n ||
		    memcmp(old->object, object, n) != 0 ||
		    strlen(old->user) != user_len ||
		    memcmp(old->user, user, user_len) != 0)
			continue;
		if ((e.info = client_info(c)) == NULL)
			return;
		a->bytes += strlen(e.info);
		a->bytes -= strlen(old->info);
		free(old->info);
		old->info = e.info;
		old->count++;
		old->updated_ms = now;
		e = *old;
		to_front(a, &e, i);
		return;
	}
	if (a->log_max == 0)
		return;
	if (a->nlog == a->log_max)
		drop_last(a);
	old = realloc(a->log, (a->nlog + 1) * sizeof(*old));
	if (old == NULL)
		return;
	a->log = old;
	e.object = dup_bytes(object, n);
	e.user = dup_bytes(user, user_len);
	e.info = client_info(c);
	if (e.object == NULL || e.user == NULL || e.info == NULL) {
		entry_release(&e);
		return;
	}
	e.id = a->log_id++;
	a->bytes += entry_bytes(&e);
	to_front(a, &e, a->nlog++);
}

/* The gate. */

static const char *
refused(struct pd_client *c, const struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc, char *text, size_t size)
{
	struct pd_stats *st = &c->worker->stats;
	uint32_t at;
	const enum pd_acl_result r =
	    pd_acl_check(c->user, cmd, argv, argc, &at);

	if (r == PD_ACL_OK)
		return NULL;
	if (r == PD_ACL_COMMAND) {
		st->acl_denied_commands++;
		snprintf(text, size,
		    "NOPERM this user has no permissions to run the '%s' "
		    "command",
		    cmd->full);
	} else if (r == PD_ACL_KEY) {
		st->acl_denied_keys++;
		snprintf(text, size,
		    "NOPERM this user has no permissions to access one of the "
		    "keys used as arguments");
	} else {
		st->acl_denied_channels++;
		snprintf(text, size,
		    "NOPERM this user has no permissions to access one of the "
		    "channels used as arguments");
	}
	pd_notes_lock(c->server);
	pd_acl_log(c->server->acl, c, r, at == 0 ? cmd->full : argv[at].p,
	    at == 0 ? strlen(cmd->full) : argv[at].n, c->user->name,
	    c->user->name_len);
	pd_notes_unlock(c->server);
	return text;
}

const char *
pd_gate(struct pd_client *c, const struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc, char *text, size_t size)
{
	const char *why;

	if (!c->authenticated && !(cmd->flags & PD_CMD_NO_AUTH))
		return "NOAUTH Authentication required.";
	if (c->gate & PD_GATE_ACL &&
	    (why = refused(c, cmd, argv, argc, text, size)) != NULL)
		return why;
	if (c->gate & PD_GATE_SUBSCRIBER && !(cmd->flags & PD_CMD_SUBSCRIBER)) {
		snprintf(text, size,
		    "ERR Can't execute '%s': only (P|S)SUBSCRIBE / "
		    "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in "
		    "this context",
		    cmd->full);
		return text;
	}
	return NULL;
}
