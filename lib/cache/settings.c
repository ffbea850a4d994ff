/* The options that CONFIG GET and CONFIG SET know. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "cache/acl.h"
#include "cache/client.h"
#include "cache/command_util.h"
#include "cache/policy.h"
#include "cache/server.h"
#include "cache/shard.h"
#include "cache/store.h"
#include "cache/tap.h"
#include "cache/tapserve.h"

#define GET(name_)                                                             \
	static void name_(const struct pd_server *s, struct pd_buf *b)
#define SET(name_)                                                             \
	static int name_(struct pd_server *s, const char *v, struct pd_err *err)

static int
parse_yes(const char *v, bool *out, struct pd_err *err)
{
	if (strcasecmp(v, "yes") != 0 && strcasecmp(v, "no") != 0)
		return pd_err_set(err, "argument must be 'yes' or 'no'");
	*out = strcasecmp(v, "yes") == 0;
	return 0;
}

/* A fixed value is accepted as long as it is the one in force. */
static int
only(const char *v, const char *value, struct pd_err *err)
{
	if (strcasecmp(v, value) == 0)
		return 0;
	return pd_err_set(err, "only '%s' is supported", value);
}

static void
add_u64(struct pd_buf *b, uint64_t v)
{
	pd_buf_printf(b, "%llu", (unsigned long long)v);
}

GET(get_maxmemory)
{
	add_u64(b, s->cfg.maxmemory);
}

SET(set_maxmemory)
{
	uint64_t n;

	if (pd_parse_size(v, &n, err))
		return -1;
	pd_server_set_limits(s, n, s->cfg.maxobjects);
	return 0;
}

GET(get_maxobjects)
{
	add_u64(b, s->cfg.maxobjects);
}

SET(set_maxobjects)
{
	uint64_t n;

	if (pd_parse_u64(v, &n, err))
		return -1;
	if ((n == 0) != (s->cfg.maxobjects == 0))
		return pd_err_set(
		    err, "can't change between counting objects and bytes");
	pd_server_set_limits(s, s->cfg.maxmemory, n);
	return 0;
}

/* Redis's policies that evict keys with an expiry only, and which policy is
 * to know what they ask. */
static const struct {
	const char *name;
	const char *policy;
	enum pd_evictable which;
} expiring[] = {
    {"volatile-lru", "redis-lru", PD_EVICT_EXPIRING_LRU},
    {"volatile-lfu", "redis-lfu", PD_EVICT_EXPIRING_LFU},
    {"volatile-random", "random", PD_EVICT_EXPIRING_RANDOM},
    {"volatile-ttl", "random", PD_EVICT_EXPIRING_TTL},
};

void
pd_maxmemory_policy(const struct pd_server *s, struct pd_buf *b)
{
	const struct pd_store_config *cfg = &pd_server_first(s)->cfg;
	size_t i;

	for (i = 0; i < sizeof(expiring) / sizeof(expiring[0]); i++)
		if (s->cfg.evict && cfg->evictable == expiring[i].which) {
			pd_buf_addstr(b, expiring[i].name);
			return;
		}
	pd_buf_printf(b, "%s%s", s->cfg.evict ? "allkeys-" : "",
	    s->cfg.evict ? cfg->policy->name : "noeviction");
}

GET(get_maxmemory_policy)
{
	pd_maxmemory_policy(s, b);
}

SET(set_maxmemory_policy)
{
	size_t i;

	if (strcasecmp(v, "noeviction") == 0) {
		pd_server_set_evict(s, false);
		return 0;
	}
	for (i = 0; i < sizeof(expiring) / sizeof(expiring[0]); i++) {
		if (strcasecmp(v, expiring[i].name) != 0)
			continue;
		if (pd_server_set_policy(s, expiring[i].policy, err))
			return -1;
		pd_server_set_evictable(s, expiring[i].which);
		pd_server_set_evict(s, true);
		return 0;
	}
	if (strncasecmp(v, "allkeys-", 8) != 0)
		return pd_err_set(err,
		    "argument must be 'noeviction', 'allkeys-POLICY' or "
		    "'volatile-' and one of lru, lfu, random, ttl");
	if (pd_server_set_policy(s, v + 8, err))
		return -1;
	pd_server_set_evict(s, true);
	return 0;
}

GET(get_policy)
{
	pd_buf_addstr(b, pd_server_first(s)->cfg.policy->name);
}

SET(set_policy)
{
	return pd_server_set_policy(s, v, err);
}

GET(get_objective)
{
	pd_buf_addstr(b, pd_objective_name(s->cfg.objective));
}

SET(set_objective)
{
	const int o = pd_objective_parse(v);

	if (o < 0)
		return pd_err_set(
		    err, "argument must be 'objects', 'bytes' or 'cost'");
	return pd_server_set_objective(s, (enum pd_objective)o, err);
}

GET(get_max_value)
{
	add_u64(b, s->cfg.max_value);
}

SET(set_max_value)
{
	struct pd_client *c;
	uint64_t n;

	if (pd_parse_size(v, &n, err))
		return -1;
	if (n < 1024 || n > PD_RESP_BULK_MAX)
		return pd_err_set(
		    err, "argument must be between 1kb and 512mb");
	pd_server_set_max_value(s, n);
	for (c = pd_server_client(s, NULL); c != NULL;
	     c = pd_server_client(s, c))
		c->parser.keep_max = (uint32_t)n;
	return 0;
}

GET(get_empty)
{
	(void)s;
	(void)b;
}

SET(set_save)
{
	(void)s;
	return only(v, "", err);
}

GET(get_no)
{
	(void)s;
	pd_buf_addstr(b, "no");
}

SET(set_no)
{
	(void)s;
	return only(v, "no", err);
}

GET(get_databases)
{
	(void)s;
	add_u64(b, PD_STORE_DBS);
}

GET(get_maxclients)
{
	add_u64(b, s->cfg.maxclients);
}

SET(set_maxclients)
{
	uint64_t n;

	if (pd_parse_u64(v, &n, err))
		return -1;
	if (n == 0 || n > UINT32_MAX)
		return pd_err_set(
		    err, "argument must be between 1 and 4294967295");
	s->cfg.maxclients = n;
	return 0;
}

GET(get_timeout)
{
	add_u64(b, s->cfg.timeout_us / 1000000);
}

SET(set_timeout)
{
	return pd_parse_duration(v, &s->cfg.timeout_us, err);
}

GET(get_port)
{
	add_u64(b, s->port);
}

GET(get_tls_port)
{
	add_u64(b, s->tls_port);
}

/* A port in use may be set to what it is. */
static int
same_port(const char *v, uint16_t port, struct pd_err *err)
{
	char text[8];

	snprintf(text, sizeof(text), "%u", port);
	return only(v, text, err);
}

SET(set_port)
{
	return same_port(v, s->port, err);
}

SET(set_tls_port)
{
	return same_port(v, s->tls_port, err);
}

SET(set_bind)
{
	return only(v, s->cfg.bind, err);
}

GET(get_bind)
{
	pd_buf_addstr(b, s->cfg.bind);
}

GET(get_unixsocket)
{
	pd_buf_addstr(b, s->cfg.unixsocket ? s->cfg.unixsocket : "");
}

SET(set_requirepass)
{
	if (pd_acl_set_password(s->acl, v[0] == '\0' ? NULL : v, strlen(v)))
		return pd_err_nomem(err);
	return 0;
}

GET(get_loglevel)
{
	pd_buf_addstr(b, pd_log_level_name(s->cfg.log_level));
}

SET(set_loglevel)
{
	const int level = pd_log_level_parse(v);

	if (level < 0)
		return pd_err_set(err, "argument must be 'debug', 'verbose', "
				       "'notice', 'warning' or 'nothing'");
	s->cfg.log_level = (enum pd_log_level)level;
	s->log_level = level;
	return 0;
}

GET(get_protected_mode)
{
	pd_buf_addstr(b, s->cfg.protected_mode ? "yes" : "no");
}

SET(set_protected_mode)
{
	return parse_yes(v, &s->cfg.protected_mode, err);
}

GET(get_output_pause)
{
	add_u64(b, s->cfg.output_pause);
}

SET(set_output_pause)
{
	return pd_parse_size(v, &s->cfg.output_pause, err);
}

GET(get_query_max)
{
	add_u64(b, s->cfg.query_max);
}

SET(set_query_max)
{
	uint64_t n;

	if (pd_parse_size(v, &n, err))
		return -1;
	if (n < UINT64_C(1) << 20)
		return pd_err_set(err, "argument must be 1mb or more");
	s->cfg.query_max = n;
	return 0;
}

GET(get_tap_rate)
{
	pd_rates_format(&s->cfg.tap_rates, b);
}

GET(get_tap_by)
{
	pd_rates_format_by(&s->cfg.tap_rates, b);
}

static int
set_sampling(struct pd_server *s, const struct pd_rates *rates)
{
	s->cfg.tap_rates = *rates;
	if (s->tapserver != NULL)
		pd_tapserver_resample(s->tapserver);
	return 0;
}

SET(set_tap_rate)
{
	struct pd_rates rates = s->cfg.tap_rates;
	unsigned on = pd_rates_on(&rates);

	/* Where all are off, it is the keys that are sampled again. */
	if (on == 0)
		on = 1u << PD_SAMPLE_KEY;
	if (pd_rates_parse(v, on, &rates, err))
		return -1;
	return set_sampling(s, &rates);
}

SET(set_tap_by)
{
	struct pd_rates rates = s->cfg.tap_rates;
	unsigned by;

	if (pd_rates_parse_by(v, &by, err))
		return -1;
	pd_rates_set_by(&rates, by);
	return set_sampling(s, &rates);
}

GET(get_tap_budget)
{
	pd_buf_printf(b, "%llu", (unsigned long long)s->cfg.tap_budget);
}

SET(set_tap_budget)
{
	return pd_parse_u64(v, &s->cfg.tap_budget, err);
}

const struct pd_setting pd_settings[] = {
    {"appendonly", get_no, set_no},
    {"bind", get_bind, set_bind},
    {"client-output-pause", get_output_pause, set_output_pause},
    {"client-query-buffer-limit", get_query_max, set_query_max},
    {"databases", get_databases, NULL},
    {"loglevel", get_loglevel, set_loglevel},
    {"max-value", get_max_value, set_max_value},
    {"maxclients", get_maxclients, set_maxclients},
    {"maxmemory", get_maxmemory, set_maxmemory},
    {"maxmemory-policy", get_maxmemory_policy, set_maxmemory_policy},
    {"maxobjects", get_maxobjects, set_maxobjects},
    {"objective", get_objective, set_objective},
    {"policy", get_policy, set_policy},
    {"port", get_port, set_port},
    {"protected-mode", get_protected_mode, set_protected_mode},
    {"proto-max-bulk-len", get_max_value, set_max_value},
    {"requirepass", get_empty, set_requirepass},
    {"save", get_empty, set_save},
    {"tap-budget", get_tap_budget, set_tap_budget},
    {"tap-by", get_tap_by, set_tap_by},
    {"tap-rate", get_tap_rate, set_tap_rate},
    {"timeout", get_timeout, set_timeout},
    {"tls-port", get_tls_port, set_tls_port},
    {"unixsocket", get_unixsocket, NULL},
    {NULL, NULL, NULL},
};
