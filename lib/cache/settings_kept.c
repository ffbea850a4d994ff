/*
 * Options of CONFIG that have no meaning here but that tools of Redis set or
 * ask for: they are kept and told again.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/num.h"
#include "cache/command_util.h"
#include "cache/server.h"

static const struct kept {
	const char *name;
	const char *value;
	const char *same; /* another name of that one */
	bool fixed;
} kept[] = {
    {"active-defrag-cycle-max", "25", NULL, false},
    {"active-defrag-cycle-min", "1", NULL, false},
    {"active-defrag-ignore-bytes", "104857600", NULL, false},
    {"active-defrag-max-scan-fields", "1000", NULL, false},
    {"active-defrag-threshold-lower", "10", NULL, false},
    {"active-defrag-threshold-upper", "100", NULL, false},
    {"active-expire-effort", "1", NULL, false},
    {"activedefrag", "no", NULL, false},
    {"activerehashing", "yes", NULL, false},
    {"always-show-logo", "no", NULL, true},
    {"auto-aof-rewrite-percentage", "100", NULL, false},
    {"busy-reply-threshold", "5000", NULL, false},
    {"cluster-enabled", "no", NULL, true},
    {"daemonize", "no", NULL, true},
    {"dynamic-hz", "yes", NULL, false},
    {"enable-module-command", "no", NULL, true},
    {"enable-protected-configs", "no", NULL, true},
    {"hash-max-listpack-entries", "512", NULL, false},
    {"hash-max-listpack-value", "64", NULL, false},
    {"hash-max-ziplist-entries", "512", "hash-max-listpack-entries", false},
    {"hash-max-ziplist-value", "64", "hash-max-listpack-value", false},
    {"hll-sparse-max-bytes", "3000", NULL, false},
    {"hz", "10", NULL, false},
    {"lazyfree-lazy-eviction", "no", NULL, false},
    {"lazyfree-lazy-expire", "no", NULL, false},
    {"lazyfree-lazy-server-del", "no", NULL, false},
    {"lazyfree-lazy-user-del", "no", NULL, false},
    {"lazyfree-lazy-user-flush", "no", NULL, false},
    {"lfu-decay-time", "1", NULL, false},
    {"lfu-log-factor", "10", NULL, false},
    {"list-compress-depth", "0", NULL, false},
    {"list-max-listpack-size", "-2", NULL, false},
    {"list-max-ziplist-size", "-2", "list-max-listpack-size", false},
    {"lua-time-limit", "5000", "busy-reply-threshold", false},
    {"maxmemory-eviction-tenacity", "10", NULL, false},
    {"maxmemory-samples", "5", NULL, false},
    {"min-replicas-max-lag", "10", NULL, false},
    {"min-replicas-to-write", "0", NULL, false},
    {"no-appendfsync-on-rewrite", "no", NULL, false},
    {"rdbcompression", "yes", NULL, false},
    {"repl-backlog-size", "1048576", NULL, false},
    {"repl-backlog-ttl", "3600", NULL, false},
    {"repl-disable-tcp-nodelay", "no", NULL, false},
    {"repl-diskless-sync", "yes", NULL, false},
    {"repl-diskless-sync-delay", "5", NULL, false},
    {"repl-ping-replica-period", "10", NULL, false},
    {"repl-timeout", "60", NULL, false},
    {"replica-lazy-flush", "no", NULL, false},
    {"replica-priority", "100", NULL, false},
    {"replica-read-only", "yes", NULL, false},
    {"replica-serve-stale-data", "yes", NULL, false},
    {"replicaof", "", NULL, true},
    {"set-max-intset-entries", "512", NULL, false},
    {"shutdown-timeout", "10", NULL, false},
    {"slaveof", "", NULL, true},
    {"stop-writes-on-bgsave-error", "yes", NULL, false},
    {"stream-node-max-bytes", "4096", NULL, false},
    {"stream-node-max-entries", "100", NULL, false},
    {"supervised", "no", NULL, true},
    {"syslog-enabled", "no", NULL, true},
    {"tracking-table-max-keys", "1000000", NULL, false},
    {"zset-max-listpack-entries", "128", NULL, false},
    {"zset-max-listpack-value", "64", NULL, false},
    {"zset-max-ziplist-entries", "128", "zset-max-listpack-entries", false},
    {"zset-max-ziplist-value", "64", "zset-max-listpack-value", false},
};

_Static_assert(sizeof(kept) / sizeof(kept[0]) == PD_SERVER_KEPT,
    "as many values as struct pd_server holds");

const char *
pd_setting_kept_name(size_t i)
{
	return i < PD_SERVER_KEPT ? kept[i].name : NULL;
}

/* Where the value of an option is. */
static size_t
kept_at(size_t i)
{
	size_t k;

	for (k = 0; kept[i].same != NULL && k < PD_SERVER_KEPT; k++)
		if (strcmp(kept[k].name, kept[i].same) == 0)
			return k;
	return i;
}

bool
pd_setting_kept_fixed(size_t i)
{
	return kept[i].fixed;
}

const char *
pd_setting_kept_value(const struct pd_server *s, size_t i)
{
	i = kept_at(i);
	return s->kept[i] != NULL ? s->kept[i] : kept[i].value;
}

int
pd_setting_keep(
    struct pd_server *s, size_t i, const char *v, struct pd_err *err)
{
	const bool yes_no = kept[i].value[0] == 'y' || kept[i].value[0] == 'n';
	char *copy;
	int64_t n;

	if (kept[i].fixed)
		return pd_err_set(err, "can't set immutable config");
	if (yes_no && strcasecmp(v, "yes") != 0 && strcasecmp(v, "no") != 0)
		return pd_err_set(err, "argument must be 'yes' or 'no'");
	if (!yes_no && pd_parse_i64n(v, strlen(v), &n))
		return pd_err_set(
		    err, "argument couldn't be parsed into an integer");
	if (!yes_no && (n < INT32_MIN || n > INT32_MAX))
		return pd_err_set(err,
		    "argument must be between %d and %d inclusive", INT32_MIN,
		    INT32_MAX);
	if ((copy = strdup(v)) == NULL)
		return pd_err_nomem(err);
	i = kept_at(i);
	free(s->kept[i]);
	s->kept[i] = copy;
	return 0;
}
