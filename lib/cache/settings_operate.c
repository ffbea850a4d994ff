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

/* Clients are not evicted: their buffers have limits of their own. */
GET(get_zero)
{
	(void)s;
	pd_buf_addc(b, '0');
}

SET(set_zero)
{
	const size_t n = strlen(v);
	char share[16] = "";
	int64_t percent;

	(void)s;
	if (strcmp(v, "0") == 0 || strcmp(v, "0%") == 0)
		return 0;
	if (n > 1 && n < sizeof(share) && v[n - 1] == '%') {
		memcpy(share, v, n - 1);
		if (pd_parse_i64n(share, n - 1, &percent) == 0 && percent > 100)
			return pd_err_set(err, "percentage argument must be "
					       "less or equal to 100");
	}
	return pd_err_set(err, "only '0' is supported");
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

/* Hard limits on unread output, for two classes of clients. */
GET(get_output)
{
	pd_buf_printf(b, "normal %llu 0 0 slave 0 0 0 pubsub %llu 0 0",
	    (unsigned long long)s->cfg.output_max,
	    (unsigned long long)s->pubsub->limit);
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

SET(set_output)
{
	static const char wrong[] =
	    "Wrong number of arguments in buffer limit configuration.";
	uint64_t limit[3], normal = s->cfg.output_max,
			   pubsub = s->pubsub->limit;
	char class[32], word[32];
	const char *p;
	size_t words = 0;
	int i;

	for (p = v; *(p += strspn(p, " ")) != '\0'; p += strcspn(p, " "))
		words++;
	if (words == 0 || words % 4 != 0)
		return pd_err_set(err, "%s", wrong);
	while (next_word(&v, class, sizeof(class))) {
		for (i = 0; i < 3; i++) {
			if (!next_word(&v, word, sizeof(word)) ||
			    pd_parse_size(word, &limit[i], NULL))
				return pd_err_set(err,
				    "Error in hard, soft or soft_seconds "
				    "setting in buffer limit configuration.");
		}
		if (strcasecmp(class, "normal") == 0)
			normal = limit[0];
		else if (strcasecmp(class, "pubsub") == 0)
			pubsub = limit[0];
		else if (strcasecmp(class, "slave") != 0 &&
			 strcasecmp(class, "replica") != 0)
			return pd_err_set(err,
			    "Invalid client class specified in buffer limit "
			    "configuration.");
	}
	if (*v != '\0')
		return pd_err_set(err, "%s", wrong);
	s->cfg.output_max = normal;
	s->pubsub->limit = pubsub;
	return 0;
}

const struct pd_setting pd_settings_operate[] = {
    {"acl-pubsub-default", get_acl_channels, set_acl_channels},
    {"aclfile", get_aclfile, NULL},
    {"acllog-max-len", get_acllog_max, set_acllog_max},
    {"client-output-buffer-limit", get_output, set_output},
    {"enable-debug-command", get_debug, NULL},
    {"latency-monitor-threshold", get_latency, set_latency},
    {"latency-tracking", get_tracking, set_tracking},
    {"latency-tracking-info-percentiles", get_percentiles, set_percentiles},
    {"maxmemory-clients", get_zero, set_zero},
    {"notify-keyspace-events", get_notify, set_notify},
    {"slowlog-log-slower-than", get_slower, set_slower},
    {"slowlog-max-len", get_slow_max, set_slow_max},
    {NULL, NULL, NULL},
};
