/* CONFIG: the options of the running server (settings*.c). */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "cache/acl.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/lock.h"
#include "cache/whatif.h"
#include "io/atomicfile.h"
#include "io/fd.h"

#define FILE_MAX 1048576 /* bytes of a configuration file */

/* An option by number: one with functions, or one that is only kept. */
struct option {
	const char *name; /* NULL: there are no more */
	const struct pd_setting *setting;
	size_t kept;
};

static const struct pd_setting *const tables[] = {
    pd_settings, pd_settings_operate, pd_settings_snapshot};

static struct option
option_at(size_t i)
{
	const struct pd_setting *p;
	size_t t;

	for (t = 0; t < sizeof(tables) / sizeof(tables[0]); t++)
		for (p = tables[t]; p->name != NULL; p++)
			if (i-- == 0)
				return (struct option){p->name, p, 0};
	return (struct option){pd_setting_kept_name(i), NULL, i};
}

static struct option
find(const struct pd_arg *a)
{
	struct option o;
	size_t i;

	for (i = 0; (o = option_at(i)).name != NULL; i++)
		if (pd_arg_is(a, o.name))
			break;
	return o;
}

static void
get_value(const struct pd_server *s, const struct option *o, struct pd_buf *b)
{
	pd_buf_clear(b);
	if (o->setting != NULL)
		o->setting->get(s, b);
	else
		pd_buf_addstr(b, pd_setting_kept_value(s, o->kept));
}

static int
set_value(struct pd_server *s, const struct option *o, const char *v,
    struct pd_err *err)
{
	return o->setting != NULL ? o->setting->set(s, v, err)
				  : pd_setting_keep(s, o->kept, v, err);
}

/* The word that asks for an option: its name in any case, or a pattern. */
static const struct pd_arg *
wanted(const char *name, const struct pd_arg *a, uint32_t n)
{
	char lower[128];
	uint32_t i, k;

	for (i = 2; i < n; i++) {
		for (k = 0; k < a[i].n && k < sizeof(lower); k++)
			lower[k] = a[i].p[k] >= 'A' && a[i].p[k] <= 'Z'
				       ? (char)(a[i].p[k] + 32)
				       : a[i].p[k];
		if (pd_glob_match(lower, k, name, strlen(name)))
			return &a[i];
	}
	return NULL;
}

static void
config_get(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const size_t place = pd_reply_later(&c->reply);
	struct pd_buf b = PD_BUF_INIT;
	const struct pd_arg *by;
	struct option o;
	size_t found = 0, i;

	for (i = 0; (o = option_at(i)).name != NULL; i++) {
		if ((by = wanted(o.name, a, n)) == NULL)
			continue;
		get_value(c->server, &o, &b);
		/* A name is told as it was asked. */
		if (by->n == strlen(o.name) && pd_arg_is(by, o.name))
			pd_reply_bulk(&c->reply, by->p, by->n);
		else
			pd_reply_str(&c->reply, o.name);
		pd_reply_bulk(
		    &c->reply, b.len > 0 ? (const char *)b.data : "", b.len);
		found++;
	}
	pd_reply_now_map(&c->reply, place, found);
	pd_buf_release(&b);
}

static void
set_failed(struct pd_client *c, const char *name, const char *why)
{
	pd_reply_errorf(&c->reply,
	    "ERR CONFIG SET failed (possibly related to argument '%s') - %s",
	    name, why);
}

/* Can all options be changed? Replies otherwise. */
static bool
check_set(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct option o;
	uint32_t i, k;

	for (i = 2; i < n; i += 2) {
		if (pd_arg_is(&a[i], "requirepass") ||
		    pd_arg_is(&a[i], "masterauth"))
			pd_command_secret(c, i + 1);
		if ((o = find(&a[i])).name == NULL) {
			pd_reply_errorf(&c->reply,
			    "ERR Unknown option or number of arguments for "
			    "CONFIG SET - '%.*s'",
			    a[i].n < 128 ? (int)a[i].n : 128, a[i].p);
			return false;
		}
		for (k = 2; k < i; k += 2)
			if (find(&a[k]).name == o.name) {
				set_failed(c, o.name, "duplicate parameter");
				return false;
			}
		if (o.setting != NULL ? o.setting->set == NULL
				      : pd_setting_kept_fixed(o.kept)) {
			set_failed(c, o.name, "can't set immutable config");
			return false;
		}
	}
	return true;
}

/* Set one option, telling its old value. */
static int
set_one(struct pd_server *s, const struct pd_arg *a, struct pd_buf *old,
    struct pd_err *err)
{
	const struct option o = find(a);
	char *value = pd_arg_dup(&a[1]);
	int r;

	get_value(s, &o, old);
	if (strcmp(o.name, "requirepass") == 0) { /* may have a NUL in it */
		free(value);
		return pd_acl_set_password(
			   s->acl, a[1].n == 0 ? NULL : a[1].p, a[1].n)
			   ? pd_err_nomem(err)
			   : 0;
	}
	if (value == NULL)
		return pd_err_nomem(err);
	r = strlen(value) == a[1].n
		? set_value(s, &o, value, err)
		: pd_err_set(err, "argument has a NUL in it");
	free(value);
	return r;
}

/* The first ${n} words have been set: back to what they were. */
static void
undo(
    struct pd_server *s, const struct pd_arg *a, uint32_t n, struct pd_buf *old)
{
	struct option o;
	uint32_t i;

	for (i = 2; i < n; i += 2) {
		o = find(&a[i]);
		if (pd_buf_cstr(&old[i / 2]) != NULL)
			set_value(s, &o, (const char *)old[i / 2].data, NULL);
	}
}

/* CONFIG REWRITE is to write this option. */
static void
note_changed(struct pd_server *s, const char *name)
{
	const char **p;
	uint32_t i;

	if (strcmp(name, "requirepass") == 0)
		return; /* no secrets in files that others read */
	for (i = 0; i < s->nchanged; i++)
		if (s->changed[i] == name)
			return;
	p = realloc(s->changed, (s->nchanged + 1) * sizeof(*p));
	if (p == NULL)
		return;
	s->changed = p;
	s->changed[s->nchanged++] = name;
}

static void
config_set(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf *old;
	uint32_t i;

	if (n % 2 != 0) {
		pd_reply_error(&c->reply, "ERR wrong number of arguments for "
					  "'config|set' command");
		return;
	}
	if (!check_set(c, a, n))
		return;
	if ((old = calloc(n, sizeof(*old))) == NULL) {
		pd_reply_error(&c->reply, PD_ERR_OOM);
		return;
	}
	for (i = 2; i < n; i += 2)
		if (set_one(c->server, &a[i], &old[i / 2], &err))
			break;
	if (i < n) {
		undo(c->server, a, i, old);
		set_failed(c, find(&a[i]).name, err.msg);
	} else {
		for (i = 2; i < n; i += 2)
			note_changed(c->server, find(&a[i]).name);
		pd_reply_ok(&c->reply);
	}
	for (i = 0; i < n; i++)
		pd_buf_release(&old[i]);
	free(old);
}

int
pd_config_apply(struct pd_server *s, const char *name, const char *value,
    struct pd_err *err)
{
	const struct pd_arg a = {.p = name, .n = (uint32_t)strlen(name)};
	const struct option o = find(&a);

	if (o.name == NULL)
		return pd_err_set(err, "there is no option '%s'", name);
	if (o.setting != NULL && o.setting->set == NULL)
		return pd_err_set(err, "option '%s' cannot be set so", name);
	if (set_value(s, &o, value, err))
		return pd_err_prefix(err, "option '%s'", name);
	return 0;
}

static void
config_resetstat(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_server_reset_stats(c->server);
	pd_reply_ok(&c->reply);
}

/* Is it a line on an option that is to be written: "set NAME=...", in a file
 * of Redis "NAME ..."? */
static bool
replaced(const struct pd_server *s, const char *line, size_t n)
{
	const bool redis = s->cfg.redis_conf;
	const char *end = redis ? " \t" : "=";
	size_t len, at = 0;
	uint32_t i;

	while (at < n && (line[at] == ' ' || line[at] == '\t'))
		at++;
	if (!redis) {
		if (n - at < 4 || memcmp(line + at, "set", 3) != 0)
			return false;
		for (at += 3; at < n && strchr(" \t=", line[at]) != NULL;)
			at++;
	}
	for (i = 0; i < s->nchanged; i++) {
		len = strlen(s->changed[i]);
		if (n - at > len && line[at + len] != '\0' &&
		    strchr(end, line[at + len]) != NULL &&
		    strncasecmp(line + at, s->changed[i], len) == 0)
			return true;
	}
	return false;
}

/* One option, as a line of the file. */
static void
write_option(const struct pd_server *s, const struct option *o,
    struct pd_buf *value, struct pd_buf *out)
{
	/* Of these a file of Redis has the words without quotes. */
	const bool quoted = strcmp(o->name, "client-output-buffer-limit") != 0;
	const char *v;

	get_value(s, o, value);
	if ((v = pd_buf_cstr(value)) == NULL)
		out->failed = true;
	else if (!s->cfg.redis_conf)
		pd_buf_printf(out, "set %s=%s\n", o->name, v);
	else
		pd_buf_printf(
		    out, quoted ? "%s \"%s\"\n" : "%s %s\n", o->name, v);
}

/* The file's text with what was changed in place of what it said of it. */
static void
rewrite(const struct pd_server *s, const struct pd_buf *in, struct pd_buf *out)
{
	const char *p = (const char *)in->data, *nl;
	struct pd_buf value = PD_BUF_INIT;
	struct pd_arg a;
	struct option o;
	size_t i, n;
	uint32_t k;

	for (i = 0; i < in->len; i += n) {
		nl = memchr(p + i, '\n', in->len - i);
		n = nl == NULL ? in->len - i : (size_t)(nl - p) - i + 1;
		if (replaced(s, p + i, n))
			continue;
		pd_buf_add(out, p + i, n);
		if (nl == NULL)
			pd_buf_addc(out, '\n');
	}
	for (k = 0; k < s->nchanged; k++) {
		a = (struct pd_arg){
		    .p = s->changed[k], .n = (uint32_t)strlen(s->changed[k])};
		o = find(&a);
		write_option(s, &o, &value, out);
	}
	pd_buf_release(&value);
}

static void
config_rewrite(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const char *path = c->server->cfg.config_file;
	struct pd_buf in = PD_BUF_INIT, out = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	bool out_of_it;
	int r;

	(void)a;
	(void)n;
	if (path == NULL) {
		pd_reply_error(&c->reply,
		    "ERR The server is running without a config file");
		return;
	}
	out_of_it = pd_worker_out(c->worker);
	r = pd_read_file(path, FILE_MAX, &in, &err);
	pd_worker_in(c->worker, out_of_it);
	if (r != 0) {
		pd_reply_errorf(
		    &c->reply, "ERR Rewriting config file: %s", err.msg);
		goto out;
	}
	rewrite(c->server, &in, &out);
	out_of_it = pd_worker_out(c->worker);
	if (!out.failed)
		r = pd_atomicfile_write(path, out.data, out.len, 0644, &err);
	pd_worker_in(c->worker, out_of_it);
	if (out.failed || r != 0)
		pd_reply_errorf(&c->reply, "ERR Rewriting config file: %s",
		    out.failed ? "out of memory" : err.msg);
	else
		pd_reply_ok(&c->reply);
out:
	pd_buf_release(&in);
	pd_buf_release(&out);
}

static void
config_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"GET <pattern> [<pattern> ...]",
	    "    Options whose names match, with their values.", "RESETSTAT",
	    "    Set the counters of INFO to 0.", "REWRITE",
	    "    Write options that were changed to the configuration file.",
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
	.complexity = "O(N)", .summary = "Write changed options to the file."},
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
