/* More options of CONFIG: how the server is watched. */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "cache/acl.h"
#include "cache/command_util.h"
#include "cache/pubsub.h"
#include "cache/server.h"

#define GET(name_)                                                             \
	static void name_(const struct pd_server *s, struct pd_buf *b)
#define SET(name_)                                                             \
	static int name_(struct pd_server *s, const char *v, struct pd_err *err)

static int
parse_between(const char *v, int64_t least, int64_t most, int64_t *out,
    struct pd_err *err)
{
	int64_t n;

	if (pd_parse_i64n(v, strlen(v), &n))
		return pd_err_set(
		    err, "argument couldn't be parsed into an integer");
	if (n < least || n > most)
		return pd_err_set(err,
		    "argument must be between %lld and %lld inclusive",
		    (long long)least, (long long)most);
	*out = n;
	return 0;
}

GET(get_slower)
{
	pd_buf_printf(b, "%lld", (long long)s->workers->timing.slower_us);
}

SET(set_slower)
{
	int64_t us;
	unsigned i;

	if (parse_between(v, -1, INT64_MAX, &us, err))
		return -1;
	for (i = 0; i < s->nworkers; i++) {
		s->workers[i].timing.slower_us = us;
		pd_latency_arm(&s->workers[i].timing);
	}
	return 0;
}

GET(get_slow_max)
{
	pd_buf_printf(b, "%u", s->slowlog.max);
}

SET(set_slow_max)
{
	int64_t n;

	if (parse_between(v, 0, PD_SLOWLOG_MAX, &n, err))
		return -1;
	pd_slowlog_set_max(&s->slowlog, (uint32_t)n);
	return 0;
}

GET(get_latency)
{
	pd_buf_printf(
	    b, "%llu", (unsigned long long)s->workers->timing.event_ms);
}

SET(set_latency)
{
	int64_t n;
	unsigned i;

	if (parse_between(v, 0, INT64_MAX / 1000, &n, err))
		return -1;
	for (i = 0; i < s->nworkers; i++) {
		s->workers[i].timing.event_ms = (uint64_t)n;
		pd_latency_arm(&s->workers[i].timing);
	}
	return 0;
}

GET(get_tracking)
{
	pd_buf_addstr(b, s->workers->timing.tracking ? "yes" : "no");
}

SET(set_tracking)
{
	unsigned i;

	if (strcasecmp(v, "yes") != 0 && strcasecmp(v, "no") != 0)
		return pd_err_set(err, "argument must be 'yes' or 'no'");
	for (i = 0; i < s->nworkers; i++)
		s->workers[i].timing.tracking = strcasecmp(v, "yes") == 0;
	return 0;
}

GET(get_percentiles)
{
	unsigned i;

	for (i = 0; i < s->npercentiles; i++)
		pd_buf_printf(b, "%s%g", i == 0 ? "" : " ", s->percentile[i]);
}

SET(set_percentiles)
{
	double p[PD_SERVER_PERCENTILES];
	unsigned n = 0;
	char word[32];
	size_t len;

	for (v += strspn(v, " "); *v != '\0'; v += strspn(v, " ")) {
		len = strcspn(v, " ");
		if (n == PD_SERVER_PERCENTILES || len >= sizeof(word))
			return pd_err_set(
			    err, "at most %d numbers", PD_SERVER_PERCENTILES);
		memcpy(word, v, len);
		word[len] = '\0';
		if (pd_parse_double(word, &p[n], NULL) || p[n] < 0 ||
		    p[n] > 100)
			return pd_err_set(err,
			    "latency-tracking-info-percentiles sizes should be "
			    "between 0 and 100");
		n++;
		v += len;
	}
	memcpy(s->percentile, p, n * sizeof(*p));
	s->npercentiles = n;
	return 0;
}

GET(get_notify)
{
	pd_notify_format(s->notify, b);
}

SET(set_notify)
{
	const int classes = pd_notify_parse(v);

	if (classes < 0)
		return pd_err_set(err, "Invalid event class character. Use "
				       "'Ag$lshzxeKEtmdn'.");
	s->notify = (unsigned)classes;
	return 0;
}

GET(get_acllog_max)
{
	pd_buf_printf(b, "%u", s->acl->log_max);
}

SET(set_acllog_max)
{
	int64_t n;

	if (parse_between(v, 0, PD_SLOWLOG_MAX, &n, err))
		return -1;
	pd_acl_log_set_max(s->acl, (uint32_t)n);
	return 0;
}

GET(get_acl_channels)
{
	pd_buf_addstr(
	    b, s->acl->channels_by_default ? "allchannels" : "resetchannels");
}

SET(set_acl_channels)
{
	if (strcasecmp(v, "allchannels") != 0 &&
	    strcasecmp(v, "resetchannels") != 0)
		return pd_err_set(err, "argument(s) must be one of the "
				       "following: allchannels, resetchannels");
	s->acl->channels_by_default = strcasecmp(v, "allchannels") == 0;
	return 0;
}

GET(get_clients_max)
{
	const uint64_t n = pd_limits_clients(s);

	if (s->cfg.clients_percent > 0)
		pd_buf_printf(b, "%u%%", s->cfg.clients_percent);
	else
		pd_buf_printf(
		    b, "%llu", (unsigned long long)(n == UINT64_MAX ? 0 : n));
}

SET(set_clients_max)
{
	const size_t len = strlen(v);
	uint64_t n;
	int64_t percent;

	if (strcasecmp(v, "auto") == 0) {
		s->cfg.clients_max = PD_CLIENTS_AUTO;
		s->cfg.clients_percent = 0;
		return 0;
	}
	if (len > 1 && v[len - 1] == '%') {
		if (pd_parse_i64n(v, len - 1, &percent) || percent < 0)
			return pd_err_set(
			    err, "argument must be a memory or percent value");
		if (percent > 100)
			return pd_err_set(err, "percentage argument must be "
					       "less or equal to 100");
		s->cfg.clients_max = 0;
		s->cfg.clients_percent = (unsigned)percent;
		return 0;
	}
	if (pd_parse_size(v, &n, NULL))
		return pd_err_set(
		    err, "argument must be a memory or percent value");
	if (n > 0 && n < PD_CLIENTS_LEAST)
		n = PD_CLIENTS_LEAST;
	s->cfg.clients_max = n;
	s->cfg.clients_percent = 0;
	return 0;
}

GET(get_keepalive)
{
	pd_buf_printf(b, "%u", s->cfg.keepalive_s);
}

SET(set_keepalive)
{
	int64_t n;

	if (parse_between(v, 0, INT32_MAX, &n, err))
		return -1;
	/* The kernel takes no more. */
	s->cfg.keepalive_s = n > 32767 ? 32767 : (unsigned)n;
	return 0;
}

GET(get_header_timeout)
{
	pd_buf_printf(b, "%llu",
	    (unsigned long long)(s->cfg.header_timeout_us / 1000000));
}

SET(set_header_timeout)
{
	return pd_parse_duration(v, &s->cfg.header_timeout_us, err);
}

GET(get_aclfile)
{
	pd_buf_addstr(b, s->cfg.aclfile != NULL ? s->cfg.aclfile : "");
}

GET(get_debug)
{
	static const char *const names[] = {"no", "local", "yes"};

	pd_buf_addstr(b, names[s->cfg.debug]);
}

static void
add_limit(struct pd_buf *b, const char *name, const struct pd_out_limit *l)
{
	pd_buf_printf(b, "%s %llu %llu %llu", name, (unsigned long long)l->hard,
	    (unsigned long long)l->soft,
	    (unsigned long long)(l->soft_us / 1000000));
}

GET(get_output)
{
	add_limit(b, "normal", &s->cfg.output[PD_OUT_NORMAL]);
	pd_buf_addstr(b, " slave 0 0 0 ");
	add_limit(b, "pubsub", &s->cfg.output[PD_OUT_PUBSUB]);
}

/* The next word of ${v} into ${out}; false at the end or when too long. */
static bool
next_word(const char **v, char *out, size_t size)
{
	size_t n;

	*v += strspn(*v, " ");
	n = strcspn(*v, " ");
	if (n == 0 || n >= size)
		return false;
	memcpy(out, *v, n);
	out[n] = '\0';
	*v += n;
	return true;
}

/* "hard soft seconds". */
static int
parse_limit(const char **v, struct pd_out_limit *l)
{
	uint64_t seconds;
	char word[32];

	if (!next_word(v, word, sizeof(word)) ||
	    pd_parse_size(word, &l->hard, NULL) ||
	    !next_word(v, word, sizeof(word)) ||
	    pd_parse_size(word, &l->soft, NULL) ||
	    !next_word(v, word, sizeof(word)) ||
	    pd_parse_u64(word, &seconds, NULL) || seconds > INT32_MAX)
		return -1;
	l->soft_us = seconds * 1000000;
	return 0;
}

SET(set_output)
{
	static const char wrong[] =
	    "Wrong number of arguments in buffer limit configuration.";
	struct pd_out_limit l, now[PD_OUT_CLASSES];
	char class[32];
	const char *p;
	size_t words = 0;

	memcpy(now, s->cfg.output, sizeof(now));
	for (p = v; *(p += strspn(p, " ")) != '\0'; p += strcspn(p, " "))
		words++;
	if (words == 0 || words % 4 != 0)
		return pd_err_set(err, "%s", wrong);
	while (next_word(&v, class, sizeof(class))) {
		if (parse_limit(&v, &l))
			return pd_err_set(err,
			    "Error in hard, soft or soft_seconds setting in "
			    "buffer limit configuration.");
		if (strcasecmp(class, "normal") == 0)
			now[PD_OUT_NORMAL] = l;
		else if (strcasecmp(class, "pubsub") == 0)
			now[PD_OUT_PUBSUB] = l;
		else if (strcasecmp(class, "slave") != 0 &&
			 strcasecmp(class, "replica") != 0)
			return pd_err_set(err,
			    "Invalid client class specified in buffer limit "
			    "configuration.");
	}
	if (*v != '\0')
		return pd_err_set(err, "%s", wrong);
	memcpy(s->cfg.output, now, sizeof(now));
	return 0;
}

GET(get_shards)
{
	pd_buf_printf(b, "%u", s->nshards);
}

GET(get_threads)
{
	pd_buf_printf(b, "%u", s->nworkers);
}

const struct pd_setting pd_settings_operate[] = {
    {"acl-pubsub-default", get_acl_channels, set_acl_channels},
    {"aclfile", get_aclfile, NULL},
    {"acllog-max-len", get_acllog_max, set_acllog_max},
    {"client-output-buffer-limit", get_output, set_output},
    {"enable-debug-command", get_debug, NULL},
    {"header-timeout", get_header_timeout, set_header_timeout},
    {"latency-monitor-threshold", get_latency, set_latency},
    {"latency-tracking", get_tracking, set_tracking},
    {"latency-tracking-info-percentiles", get_percentiles, set_percentiles},
    {"maxmemory-clients", get_clients_max, set_clients_max},
    {"notify-keyspace-events", get_notify, set_notify},
    {"shards", get_shards, NULL},
    {"slowlog-log-slower-than", get_slower, set_slower},
    {"slowlog-max-len", get_slow_max, set_slow_max},
    {"tcp-keepalive", get_keepalive, set_keepalive},
    {"threads", get_threads, NULL},
    {NULL, NULL, NULL},
};
