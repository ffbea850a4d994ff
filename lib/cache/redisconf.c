#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/num.h"
#include "cache/acl.h"
#include "cache/redisconf.h"
#include "cache/resp.h"
#include "cache/server.h"
#include "io/fd.h"

#define FILE_MAX 1048576
#define WORDS_MAX 1024

/* Directives of Redis by their beginnings that change nothing of what a cache
 * answers, in any setting; noted. */
static const char *const without_effect[] = {"active", "always-show-logo",
    "aof", "append", "auto-aof", "bgsave_cpulist", "bio_cpulist",
    "busy-reply-threshold", "client-output-buffer-limit replica", "cluster-",
    "crash-", "daemonize", "databases", "dbfilename", "disable-thp",
    "dynamic-hz", "enable-module-command", "enable-protected-configs",
    "hash-max", "hll-", "hz", "ignore-warnings", "io-threads", "jemalloc-",
    "key-load-delay", "lazyfree-", "lfu-", "list-", "loading-process",
    "locale-collate", "lua-", "masteruser", "maxmemory-eviction",
    "maxmemory-samples", "min-replicas", "min-slaves", "no-appendfsync",
    "oom-score", "pidfile", "proc-title", "propagation-error", "rdb", "repl-",
    "replica-", "sanitize-dump", "save", "server_cpulist", "set-", "shutdown-",
    "slave-", "socket-mark", "stop-writes", "stream-", "supervised", "syslog-",
    "tcp-backlog", "tls-auth-clients", "tls-ciphers", "tls-client-",
    "tls-cluster", "tls-dh-", "tls-prefer", "tls-protocols", "tls-replication",
    "tls-session", "tracking-", "unixsocketperm", "use-exit-on-panic",
    "watchdog-period", "zset-max"};

/* Directives that someone relies on: rather no server than one without. */
static const struct {
	const char *name;
	const char *unless; /* this is its value */
	const char *why;
} refused[] = {
    {"cluster-enabled", "no", "there is no cluster"},
    {"include", NULL, "files are not included"},
    {"loadmodule", NULL, "there are no modules"},
    {"rename-command", NULL, "rules of users (ACL) take its place"},
    {"replicaof", NULL, "there is no replication"},
    {"slaveof", NULL, "there is no replication"},
    {"tls-ca-cert-dir", "", "tls-ca-cert-file takes its place"},
    {"tls-key-file-pass", "", "the key must not have a password"},
};

static char *
keep(struct pd_redisconf *rc, char *s)
{
	char **p;

	if (s == NULL)
		return NULL;
	p = realloc(rc->strings, (rc->nstrings + 1) * sizeof(*p));
	if (p == NULL) {
		free(s);
		return NULL;
	}
	rc->strings = p;
	rc->strings[rc->nstrings++] = s;
	return s;
}

/* The words from ${from} on with blanks between them; NULL out of memory. */
static char *
join(struct pd_redisconf *rc, const struct pd_arg *w, uint32_t from, uint32_t n)
{
	struct pd_buf b = PD_BUF_INIT;
	char *s = NULL;
	uint32_t i;

	for (i = from; i < n; i++) {
		if (i > from)
			pd_buf_addc(&b, ' ');
		pd_buf_add(&b, w[i].p, w[i].n);
	}
	if (pd_buf_cstr(&b) != NULL)
		s = keep(rc, strdup((const char *)b.data));
	pd_buf_release(&b);
	return s;
}

/* A path, from the folder of "dir". */
static char *
join_path(
    struct pd_redisconf *rc, const struct pd_arg *w, uint32_t from, uint32_t n)
{
	char *name = join(rc, w, from, n), *s;
	size_t size;

	if (name == NULL || rc->dir == NULL || name[0] == '/' ||
	    name[0] == '\0')
		return name;
	size = strlen(rc->dir) + strlen(name) + 2;
	if ((s = malloc(size)) == NULL)
		return NULL;
	snprintf(s, size, "%s/%s", rc->dir, name);
	return keep(rc, s);
}

static int
add_setting(struct pd_redisconf *rc, const char *name, char *value,
    unsigned line, struct pd_err *err)
{
	struct pd_redisconf_setting *p =
	    realloc(rc->settings, (rc->nsettings + 1) * sizeof(*p));
	char *own = keep(rc, strdup(name));

	if (p != NULL)
		rc->settings = p;
	if (p == NULL || own == NULL)
		return pd_err_nomem(err);
	rc->settings[rc->nsettings++] =
	    (struct pd_redisconf_setting){own, value, line};
	return 0;
}

static int
ignore(struct pd_redisconf *rc, const char *name, struct pd_err *err)
{
	if (rc->ignored.len > 0)
		pd_buf_addstr(&rc->ignored, ", ");
	pd_buf_addstr(&rc->ignored, name);
	return rc->ignored.failed ? pd_err_nomem(err) : 0;
}

/* Addresses: "*" is all of IPv4, those with '-' may be missing and are left
 * out. */
static int
set_bind(struct pd_redisconf *rc, char *value, struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT;
	char *p = value;
	size_t n;

	for (; *(p += strspn(p, " ")) != '\0'; p += n) {
		n = strcspn(p, " ");
		if (*p == '-')
			continue;
		if (b.len > 0)
			pd_buf_addc(&b, ' ');
		if (n == 1 && *p == '*')
			pd_buf_addstr(&b, "0.0.0.0");
		else
			pd_buf_add(&b, p, n);
	}
	if (b.len > 0 && pd_buf_cstr(&b) != NULL)
		rc->cfg->bind = keep(rc, strdup((const char *)b.data));
	n = b.len;
	pd_buf_release(&b);
	if (n == 0)
		return pd_err_set(err, "bind: no address");
	return rc->cfg->bind == NULL ? pd_err_nomem(err) : 0;
}

static int
set_port(int64_t *port, const char *value, struct pd_err *err)
{
	uint64_t n;

	if (pd_parse_u64(value, &n, err))
		return -1;
	if (n > 65535)
		return pd_err_set(err, "a port is at most 65535");
	*port = n == 0 ? -1 : (int64_t)n;
	return 0;
}

static int
set_maxclients(
    struct pd_server_config *cfg, const char *value, struct pd_err *err)
{
	if (pd_parse_u64(value, &cfg->maxclients, err))
		return -1;
	if (cfg->maxclients == 0 || cfg->maxclients > UINT32_MAX)
		return pd_err_set(
		    err, "maxclients: between 1 and %u", UINT32_MAX);
	return 0;
}

static int
set_debug(struct pd_server_config *cfg, const char *value, struct pd_err *err)
{
	if (strcasecmp(value, "no") == 0)
		cfg->debug = PD_DEBUG_NO;
	else if (strcasecmp(value, "local") == 0)
		cfg->debug = PD_DEBUG_LOCAL;
	else if (strcasecmp(value, "yes") == 0)
		cfg->debug = PD_DEBUG_YES;
	else
		return pd_err_set(err, "no, local or yes");
	return 0;
}

static int
add_user(struct pd_redisconf *rc, const struct pd_arg *w, uint32_t n,
    const char *line, struct pd_err *err)
{
	uint32_t i;

	for (i = 1; i < n; i++)
		if (memchr(w[i].p, ' ', w[i].n) != NULL)
			return pd_err_set(err,
			    "user: a rule with a blank (give a password by "
			    "its hash)");
	pd_buf_printf(&rc->users, "user %s\n", line);
	return rc->users.failed ? pd_err_nomem(err) : 0;
}

/* What must be known before the server is there. 1: it was none of these. */
static int
take_first(struct pd_redisconf *rc, const char *name, const struct pd_arg *w,
    uint32_t n, char *value, struct pd_err *err)
{
	struct pd_server_config *cfg = rc->cfg;
	const struct {
		const char *name;
		const char **to;
	} paths[] = {{"unixsocket", &cfg->unixsocket},
	    {"aclfile", &cfg->aclfile}, {"tls-cert-file", &cfg->tls_cert},
	    {"tls-key-file", &cfg->tls_key},
	    {"tls-ca-cert-file", &cfg->tls_ca}};
	size_t i;

	for (i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		if (strcmp(name, paths[i].name) != 0)
			continue;
		value = join_path(rc, w, 1, n);
		*paths[i].to = value != NULL && *value != '\0' ? value : NULL;
		return value == NULL ? pd_err_nomem(err) : 0;
	}
	if (strcmp(name, "dir") == 0)
		rc->dir = value;
	else if (strcmp(name, "logfile") == 0)
		rc->logfile = join_path(rc, w, 1, n);
	else if (strcmp(name, "bind") == 0)
		return set_bind(rc, value, err);
	else if (strcmp(name, "port") == 0)
		return set_port(&cfg->port, value, err);
	else if (strcmp(name, "tls-port") == 0)
		return set_port(&cfg->tls_port, value, err);
	else if (strcmp(name, "user") == 0)
		return add_user(rc, w, n, value, err);
	else if (strcmp(name, "maxclients") == 0)
		return set_maxclients(cfg, value, err);
	else if (strcmp(name, "maxmemory") == 0)
		return pd_parse_size(value, &cfg->maxmemory, err);
	else if (strcmp(name, "enable-debug-command") == 0)
		return set_debug(cfg, value, err);
	else
		return 1;
	return 0;
}

static int
refuse(const char *name, const char *value, struct pd_err *err)
{
	size_t i;

	for (i = 0; i < sizeof(refused) / sizeof(refused[0]); i++)
		if (strcmp(name, refused[i].name) == 0 &&
		    (refused[i].unless == NULL ||
			strcasecmp(value, refused[i].unless) != 0))
			return pd_err_set(err, "%s: %s", name, refused[i].why);
	return 0;
}

static bool
has_no_effect(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(without_effect) / sizeof(*without_effect); i++)
		if (strncmp(name, without_effect[i],
			strlen(without_effect[i])) == 0)
			return true;
	return false;
}

struct words {
	struct pd_buf bytes;
	size_t at[WORDS_MAX];
	struct pd_arg w[WORDS_MAX];
	uint32_t n;
};

static int
add_word(void *cookie, size_t at, size_t len)
{
	struct words *ws = cookie;

	if (ws->n == WORDS_MAX)
		return -1;
	ws->at[ws->n] = at;
	ws->w[ws->n++].n = (uint32_t)len;
	return 0;
}

/* The words of a line; none of an empty one or a comment. */
static int
split(struct words *ws, const char *p, size_t n, struct pd_err *err)
{
	uint32_t i;

	ws->n = 0;
	pd_buf_clear(&ws->bytes);
	while (n > 0 && strchr(" \t\r", *p) != NULL && *p != '\0') {
		p++;
		n--;
	}
	if (n == 0 || *p == '#')
		return 0;
	if (pd_resp_split(&ws->bytes, p, n, add_word, ws))
		return pd_err_set(err, "wrong quotes, or too many words");
	if (ws->bytes.len > 0 && memchr(ws->bytes.data, '\0', ws->bytes.len))
		return pd_err_set(err, "a NUL in it");
	for (i = 0; i < ws->n; i++)
		ws->w[i].p = ws->w[i].n == 0
				 ? ""
				 : (const char *)ws->bytes.data + ws->at[i];
	return 0;
}

static int
take(struct pd_redisconf *rc, const struct words *ws, unsigned line,
    struct pd_err *err)
{
	char name[64], *value;
	uint32_t i;
	int r;

	if (ws->w[0].n >= sizeof(name))
		return pd_err_set(err, "no such directive");
	for (i = 0; i < ws->w[0].n; i++)
		name[i] = ws->w[0].p[i] >= 'A' && ws->w[0].p[i] <= 'Z'
			      ? (char)(ws->w[0].p[i] + 32)
			      : ws->w[0].p[i];
	name[i] = '\0';
	if ((value = join(rc, ws->w, 1, ws->n)) == NULL)
		return pd_err_nomem(err);
	if (refuse(name, value, err))
		return -1;
	if ((r = take_first(rc, name, ws->w, ws->n, value, err)) <= 0)
		return r;
	if (has_no_effect(name))
		return ignore(rc, name, err);
	return add_setting(rc, name, value, line, err);
}

int
pd_redisconf_parse(struct pd_redisconf *rc, const char *path, const char *text,
    size_t n, struct pd_server_config *cfg, struct pd_err *err)
{
	struct words *ws = calloc(1, sizeof(*ws));
	size_t at, len;
	const char *nl;
	unsigned line = 0;
	int r = 0;

	memset(rc, 0, sizeof(*rc));
	rc->path = path;
	rc->cfg = cfg;
	if (ws == NULL)
		return pd_err_nomem(err);
	for (at = 0; r == 0 && at < n; at += len + 1) {
		nl = memchr(text + at, '\n', n - at);
		len = nl == NULL ? n - at : (size_t)(nl - text) - at;
		line++;
		r = split(ws, text + at, len, err);
		if (r == 0 && ws->n > 0)
			r = take(rc, ws, line, err);
		if (r != 0)
			pd_err_prefix(err, "'%s', line %u", path, line);
	}
	pd_buf_release(&ws->bytes);
	free(ws);
	return r;
}

int
pd_redisconf_load(struct pd_redisconf *rc, const char *path,
    struct pd_server_config *cfg, struct pd_err *err)
{
	struct pd_buf b = PD_BUF_INIT;
	int r;

	memset(rc, 0, sizeof(*rc));
	if (pd_read_file(path, FILE_MAX, &b, err))
		return -1;
	r = pd_redisconf_parse(
	    rc, path, b.len > 0 ? (const char *)b.data : "", b.len, cfg, err);
	pd_buf_release(&b);
	return r;
}

int
pd_redisconf_apply(
    const struct pd_redisconf *rc, struct pd_server *s, struct pd_err *err)
{
	const struct pd_redisconf_setting *p = rc->settings;
	unsigned i;

	if (rc->users.len > 0 && s->cfg.aclfile != NULL)
		return pd_err_set(err,
		    "'%s': users are in it or in a file of their own (aclfile)",
		    rc->path);
	if (rc->users.len > 0 &&
	    pd_acl_load_text(s->acl, (const char *)rc->users.data,
		rc->users.len, rc->path, NULL, NULL, err))
		return -1;
	for (i = 0; i < rc->nsettings; i++, p++)
		if (pd_config_apply(s, p->name, p->value, err))
			return pd_err_prefix(
			    err, "'%s', line %u", rc->path, p->line);
	return 0;
}

void
pd_redisconf_release(struct pd_redisconf *rc)
{
	unsigned i;

	for (i = 0; i < rc->nstrings; i++)
		free(rc->strings[i]);
	free(rc->strings);
	free(rc->settings);
	pd_buf_release(&rc->users);
	pd_buf_release(&rc->ignored);
	memset(rc, 0, sizeof(*rc));
}
