#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/utc.h"
#include "data/event.h"
#include "io/json.h"
#include "report.h"

#define ROWS 16 /* namespaces in a report for people */

static const struct pd_estimate unknown = {NAN, NAN};

void
report_number(char *text, double v, bool bytes)
{
	static const char units[] = " kMGTP";
	const double k = bytes ? 1024 : 1000;
	unsigned u = 0;

	if (!isfinite(v)) {
		snprintf(text, 16, "-");
		return;
	}
	/* What would be written as 1000k is 1M. */
	for (; fabs(v) >= k * 0.9995 && u < 5; u++)
		v /= k;
	if (u > 0)
		snprintf(text, 16, "%.*f%c",
		    fabs(v) < 9.995   ? 2
		    : fabs(v) < 99.95 ? 1
				      : 0,
		    v, units[u]);
	else
		snprintf(text, 16, "%.*f",
		    v == floor(v) || fabs(v) >= 9.995 ? 0 : 2, v);
}

void
report_moment(char *text, uint64_t us)
{
	char utc[PD_UTC_LEN + 1];

	pd_utc_format(utc, us);
	snprintf(text, 24, "%.4s-%.2s-%.2s %.2s:%.2s:%.2sZ", utc, utc + 4,
	    utc + 6, utc + 9, utc + 11, utc + 13);
}

void
report_estimate(char *text, struct pd_estimate e, bool bytes)
{
	char v[16], se[16];

	report_number(v, e.value, bytes);
	report_number(se, e.se, bytes);
	if (e.se > 0)
		snprintf(text, 40, "%s +-%s", v, se);
	else
		snprintf(text, 40, "%s", v);
}

struct pd_estimate
report_per(struct pd_estimate e, double by)
{
	if (!(by > 0))
		return unknown;
	return (struct pd_estimate){e.value / by, e.se / by};
}

void
report_json(struct pd_json *j, const char *key, struct pd_estimate e)
{
	char name[64];

	pd_json_key(j, key);
	pd_json_double(j, e.value);
	snprintf(name, sizeof(name), "%s_se", key);
	pd_json_key(j, name);
	pd_json_double(j, e.se);
}

struct pd_estimate
report_hit_ratio(const struct pd_traffic *t, const struct pd_traffic_sums *s)
{
	return t->hits_unknown
		   ? unknown
		   : pd_traffic_ratio(s, PD_TRAFFIC_HITS, PD_TRAFFIC_GETS);
}

static const char *
op_name(unsigned op)
{
	const char *name = pd_op_name(op);

	return name != NULL ? name : "unknown";
}

/* The ops that there are, the most frequent first. */
static unsigned
order_ops(const struct pd_traffic *t, unsigned *op)
{
	unsigned i, k, n = 0;

	for (i = 0; i <= PD_OP_MAX; i++) {
		if (!(t->op[i].sum > 0))
			continue;
		for (k = n++; k > 0 && t->op[op[k - 1]].sum < t->op[i].sum; k--)
			op[k] = op[k - 1];
		op[k] = i;
	}
	return n;
}

/* The namespaces, the one with the most requests first. */
static unsigned
order_spaces(const struct pd_traffic *t, const struct pd_traffic_space **space)
{
	unsigned i, k, n = 0;

	for (i = 0; i < t->spaces; i++) {
		const struct pd_traffic_space *s = &t->space[i];

		for (k = n++;
		     k > 0 && space[k - 1]->sums.sum[PD_TRAFFIC_REQUESTS] <
				  s->sums.sum[PD_TRAFFIC_REQUESTS];
		     k--)
			space[k] = space[k - 1];
		space[k] = s;
	}
	return n;
}

void
report_ops(struct pd_buf *b, const struct pd_traffic *t, double seconds)
{
	unsigned op[PD_OP_MAX + 1], i;
	const unsigned n = order_ops(t, op);
	char rate[40];

	pd_buf_printf(b, "%-10s %20s %20s\n", "OP", "a second", "share");
	for (i = 0; i < n; i++) {
		const struct pd_estimate share = pd_traffic_op_share(t, op[i]);

		report_estimate(rate,
		    report_per(pd_traffic_op_total(t, op[i]), seconds), false);
		pd_buf_printf(b, "%-10s %20s %11.3f%%", op_name(op[i]), rate,
		    100 * share.value);
		if (share.se > 0)
			pd_buf_printf(b, " +-%.3f", 100 * share.se);
		pd_buf_addc(b, '\n');
	}
}

static void
space_row(struct pd_buf *b, const struct pd_traffic *t,
    const struct pd_traffic_space *s, double seconds)
{
	const struct pd_estimate hit = report_hit_ratio(t, &s->sums);
	const char *name = pd_namespaces_name(&t->names, s->ns);
	char rate[40], in[40], out[40], ratio[32], number[16];

	report_estimate(rate,
	    report_per(
		pd_traffic_total(&s->sums, PD_TRAFFIC_REQUESTS), seconds),
	    false);
	report_estimate(out,
	    report_per(
		pd_traffic_total(&s->sums, PD_TRAFFIC_BYTES_OUT), seconds),
	    true);
	report_estimate(in,
	    report_per(
		pd_traffic_total(&s->sums, PD_TRAFFIC_BYTES_IN), seconds),
	    true);
	if (isnan(hit.value))
		snprintf(ratio, sizeof(ratio), "-");
	else if (hit.se > 0)
		snprintf(
		    ratio, sizeof(ratio), "%.4f +-%.4f", hit.value, hit.se);
	else
		snprintf(ratio, sizeof(ratio), "%.4f", hit.value);
	snprintf(number, sizeof(number), "%u", s->ns);
	pd_buf_printf(b, "%-10s %18s %18s %15s %14s\n",
	    name != NULL ? name : number, rate, ratio,
	    t->hits_unknown ? "-" : out, in);
}

void
report_spaces(struct pd_buf *b, const struct pd_traffic *t, double seconds)
{
	const struct pd_traffic_space *space[PD_TRAFFIC_SPACES];
	const unsigned n = order_spaces(t, space);
	unsigned i;

	pd_buf_printf(b, "%-10s %18s %18s %15s %14s\n", "NAMESPACE", "a second",
	    "hit ratio", "bytes out/s", "bytes in/s");
	for (i = 0; i < n && i < ROWS; i++)
		space_row(b, t, space[i], seconds);
	if (n > ROWS || t->others > 0)
		pd_buf_printf(b, "(and others)\n");
}

void
report_json_ops(struct pd_json *j, const struct pd_traffic *t, double seconds)
{
	unsigned op[PD_OP_MAX + 1], i;
	const unsigned n = order_ops(t, op);

	pd_json_key(j, "ops");
	pd_json_open(j, '[');
	for (i = 0; i < n; i++) {
		const struct pd_estimate e = pd_traffic_op_total(t, op[i]);

		pd_json_open(j, '{');
		pd_json_key(j, "op");
		pd_json_str(j, op_name(op[i]));
		report_json(j, "requests", e);
		report_json(j, "requests_per_second", report_per(e, seconds));
		report_json(j, "share", pd_traffic_op_share(t, op[i]));
		pd_json_close(j, '}');
	}
	pd_json_close(j, ']');
}

void
report_json_spaces(
    struct pd_json *j, const struct pd_traffic *t, double seconds)
{
	const struct pd_traffic_space *space[PD_TRAFFIC_SPACES];
	const unsigned n = order_spaces(t, space);
	const char *name;
	unsigned i;

	pd_json_key(j, "namespaces");
	pd_json_open(j, '[');
	for (i = 0; i < n; i++) {
		const struct pd_traffic_sums *s = &space[i]->sums;
		const struct pd_estimate e =
		    pd_traffic_total(s, PD_TRAFFIC_REQUESTS);

		pd_json_open(j, '{');
		pd_json_key(j, "ns");
		pd_json_u64(j, space[i]->ns);
		name = pd_namespaces_name(&t->names, space[i]->ns);
		pd_json_key(j, "name");
		if (name != NULL)
			pd_json_str(j, name);
		else
			pd_json_null(j);
		report_json(j, "requests", e);
		report_json(j, "requests_per_second", report_per(e, seconds));
		report_json(j, "hit_ratio", report_hit_ratio(t, s));
		report_json(j, "bytes_out",
		    t->hits_unknown
			? unknown
			: pd_traffic_total(s, PD_TRAFFIC_BYTES_OUT));
		report_json(
		    j, "bytes_in", pd_traffic_total(s, PD_TRAFFIC_BYTES_IN));
		pd_json_close(j, '}');
	}
	pd_json_close(j, ']');
}
