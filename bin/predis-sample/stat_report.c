#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "cli/plot.h"
#include "io/chart.h"
#include "io/json.h"
#include "report.h"
#include "sample.h"
#include "stat.h"

static const struct {
	const char *name;
	const char *key; /* with the unit in it */
	bool bytes;
} figures[STAT_FIGURES] = {
    {"size, bytes", "size_bytes", true},
    {"ttl, ms", "ttl_ms", false},
    {"gap, ticks", "gap_ticks", false},
    {"latency, us", "latency_us", false},
    {"cost, us", "cost_us", false},
};

#define POINTS 5
static const double points[POINTS] = {0, 0.5, 0.95, 0.99, 1};
static const char *const point_names[POINTS] = {
    "min", "p50", "p95", "p99", "max"};

/* Between the first and the last event. */
static double
seconds_of(const struct tally *t)
{
	if (strcmp(t->clock, "sequence") == 0)
		return 0;
	return (double)(t->traffic->last_us - t->traffic->first_us) * 1e-6;
}

static struct pd_estimate
keys_of(const struct tally *t)
{
	struct pd_estimate e = {NAN, NAN};

	if (t->seen != NULL)
		e.value = pd_keyseen_total(t->seen, &e.se);
	return e;
}

static struct pd_estimate
one_hit_share(const struct tally *t)
{
	double n, p, q;

	/* A key asked for once at a high rate may have been asked unseen at a
	 * lower one. */
	if (t->seen == NULL || t->least != t->most ||
	    (n = (double)pd_keyseen_keys(t->seen)) == 0)
		return (struct pd_estimate){NAN, NAN};
	q = (double)pd_keyseen_once(t->seen) / n;
	p = t->rate * pd_keyseen_share(t->seen);
	return (struct pd_estimate){q, sqrt(q * (1 - q) / n * (1 - p))};
}

static double
ttl_share(const struct tally *t)
{
	return t->writes > 0 ? t->with_ttl / t->writes : NAN;
}

static const struct {
	const char *name;
	const char *key;
	enum pd_traffic_what what;
	bool bytes;
} totals[] = {
    {"requests", "requests", PD_TRAFFIC_REQUESTS, false},
    {"accesses", "accesses", PD_TRAFFIC_ACCESSES, false},
    {"gets", "gets", PD_TRAFFIC_GETS, false},
    {"bytes out", "bytes_out", PD_TRAFFIC_BYTES_OUT, true},
    {"bytes in", "bytes_in", PD_TRAFFIC_BYTES_IN, true},
};

#define TOTALS (sizeof(totals) / sizeof(totals[0]))

/* Bytes go out where something is hit. */
static struct pd_estimate
total_of(const struct tally *t, size_t i)
{
	if (totals[i].what == PD_TRAFFIC_BYTES_OUT && t->traffic->hits_unknown)
		return (struct pd_estimate){NAN, NAN};
	return pd_traffic_total(&t->traffic->all, totals[i].what);
}

static void
json_quantiles(struct pd_json *j, const struct tally *t)
{
	double v[POINTS];
	char key[40];
	unsigned i, k;

	for (i = 0; i < STAT_FIGURES; i++) {
		if (pd_kll_quantiles(t->kll[i], points, POINTS, v))
			j->out->failed = true;
		for (k = 0; k < POINTS && !j->out->failed; k++) {
			snprintf(key, sizeof(key), "%s_%s", figures[i].key,
			    point_names[k]);
			pd_json_key(j, key);
			pd_json_double(j, v[k]);
		}
	}
}

/* Requests a second in a stretch; the last one ends with the last event. */
static double
rate_in(const struct tally *t, size_t i)
{
	const uint64_t from = t->time.from_us + i * t->time.width_us;
	uint64_t width = t->time.width_us;

	if (i + 1 == t->time.n && t->traffic->last_us - from < width / 2)
		return NAN; /* too short to tell */
	if (i + 1 == t->time.n && t->traffic->last_us - from < width)
		width = t->traffic->last_us - from;
	return t->time.sum[i] / ((double)width * 1e-6);
}

static void
json_time(struct pd_json *j, const struct tally *t)
{
	size_t i;

	pd_json_key(j, "rate_width_seconds");
	pd_json_double(j, (double)t->time.width_us * 1e-6);
	pd_json_key(j, "rate_requests_per_second");
	pd_json_open(j, '[');
	for (i = 0; i < t->time.n; i++)
		pd_json_double(j, rate_in(t, i));
	pd_json_close(j, ']');
}

static void
json_origin(struct pd_json *j, const struct tally *t)
{
	pd_json_key(j, "file");
	pd_json_str(j, t->name);
	pd_json_key(j, "sampling");
	pd_json_str(j, pd_scheme_name(t->scheme));
	pd_json_key(j, "rate");
	pd_json_double(j, t->rate);
	pd_json_key(j, "events");
	pd_json_u64(j, t->traffic->events);
	pd_json_key(j, "lost_at_source");
	pd_json_u64(j, t->source_lost);
	pd_json_key(j, "records_lost");
	pd_json_u64(j, t->records_lost);
	pd_json_key(j, "t_first_us");
	pd_json_u64(j, t->traffic->first_us);
	pd_json_key(j, "t_last_us");
	pd_json_u64(j, t->traffic->last_us);
	pd_json_key(j, "seconds");
	if (seconds_of(t) > 0)
		pd_json_double(j, seconds_of(t));
	else
		pd_json_null(j);
}

static void
print_json(struct pd_buf *b, const struct tally *t)
{
	const double s = seconds_of(t);
	struct pd_json j;
	size_t i;

	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	json_origin(&j, t);
	pd_json_key(&j, "ticks");
	pd_json_double(&j, pd_tickspan_ticks(&t->ticks));
	for (i = 0; i < TOTALS; i++)
		report_json(&j, totals[i].key, total_of(t, i));
	report_json(&j, "requests_per_second", report_per(total_of(t, 0), s));
	report_json(
	    &j, "hit_ratio", report_hit_ratio(t->traffic, &t->traffic->all));
	report_json(&j, "keys", keys_of(t));
	report_json(&j, "one_hit_share", one_hit_share(t));
	pd_json_key(&j, "ttl_share");
	pd_json_double(&j, ttl_share(t));
	json_quantiles(&j, t);
	report_json_ops(&j, t->traffic, s);
	report_json_spaces(&j, t->traffic, s);
	json_time(&j, t);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

static void
text_origin(struct pd_buf *b, const struct tally *t)
{
	const struct pd_traffic *tr = t->traffic;
	char from[24], to[24];

	pd_buf_printf(
	    b, "%s: %llu events", t->name, (unsigned long long)tr->events);
	if (t->scheme != PD_SAMPLE_NONE)
		pd_buf_printf(b, ", sampled by %s at %g",
		    pd_scheme_name(t->scheme), t->least);
	if (t->most > t->least)
		pd_buf_printf(b, " to %g", t->most);
	if (t->source_lost + t->records_lost > 0)
		pd_buf_printf(b, ", %llu dropped at the source, %llu damaged",
		    (unsigned long long)t->source_lost,
		    (unsigned long long)t->records_lost);
	pd_buf_addc(b, '\n');
	if (strcmp(t->clock, "wall") == 0) {
		report_moment(from, tr->first_us);
		report_moment(to, tr->last_us);
		pd_buf_printf(b, "%s to %s, ", from, to);
	}
	if (seconds_of(t) > 0)
		pd_buf_printf(b, "%.3f seconds\n", seconds_of(t));
	else
		pd_buf_addstr(b, "no time\n");
}

static void
text_ratio(struct pd_buf *b, const char *name, struct pd_estimate e)
{
	if (isnan(e.value))
		pd_buf_printf(b, "%-16s %18s\n", name, "-");
	else if (e.se > 0)
		pd_buf_printf(b, "%-16s %8.4f +-%.4f\n", name, e.value, e.se);
	else
		pd_buf_printf(b, "%-16s %8.4f\n", name, e.value);
}

static void
text_totals(struct pd_buf *b, const struct tally *t)
{
	struct pd_estimate e = {0, 0};
	char all[40], rate[40];
	size_t i;

	pd_buf_printf(b, "%-16s %18s %18s\n", "", "in all", "a second");
	for (i = 0; i < TOTALS; i++) {
		e = total_of(t, i);
		report_estimate(all, e, totals[i].bytes);
		report_estimate(
		    rate, report_per(e, seconds_of(t)), totals[i].bytes);
		pd_buf_printf(
		    b, "%-16s %18s %18s\n", totals[i].name, all, rate);
	}
	e = (struct pd_estimate){pd_tickspan_ticks(&t->ticks), 0};
	report_estimate(all, e, false);
	report_estimate(rate, report_per(e, seconds_of(t)), false);
	pd_buf_printf(b, "%-16s %18s %18s\n", "ticks (counted)", all, rate);
	report_estimate(all, keys_of(t), false);
	pd_buf_printf(b, "%-16s %18s\n", "keys", all);
	text_ratio(
	    b, "hit ratio", report_hit_ratio(t->traffic, &t->traffic->all));
	text_ratio(b, "one-hit keys", one_hit_share(t));
	text_ratio(b, "writes with ttl", (struct pd_estimate){ttl_share(t), 0});
}

static void
text_quantiles(struct pd_buf *b, const struct tally *t)
{
	double v[POINTS];
	char text[16];
	unsigned i, k;

	pd_buf_printf(b, "%-16s", "QUANTILES");
	for (k = 0; k < POINTS; k++)
		pd_buf_printf(b, " %10s", point_names[k]);
	pd_buf_addc(b, '\n');
	for (i = 0; i < STAT_FIGURES; i++) {
		if (pd_kll_count(t->kll[i]) == 0)
			continue;
		if (pd_kll_quantiles(t->kll[i], points, POINTS, v)) {
			b->failed = true;
			return;
		}
		pd_buf_printf(b, "%-16s", figures[i].name);
		for (k = 0; k < POINTS; k++) {
			report_number(text, v[k], figures[i].bytes);
			pd_buf_printf(b, " %10s", text);
		}
		pd_buf_addc(b, '\n');
	}
}

static void
text_plot(struct pd_buf *b, const struct tally *t)
{
	double x[PD_TIMELINE], y[PD_TIMELINE];
	const double width = (double)t->time.width_us * 1e-6;
	const struct pd_chart_line line = {
	    .name = "requests", .x = x, .y = y, .n = t->time.n};
	const struct pd_chart chart = {.title = "Requests a second",
	    .x_label = "seconds",
	    .y_label = "requests/s",
	    .line = &line,
	    .lines = 1};
	struct pd_plot to;
	size_t i;

	for (i = 0; i < t->time.n; i++) {
		x[i] = ((double)i + 0.5) * width;
		y[i] = rate_in(t, i);
	}
	pd_plot_terminal(&to);
	pd_buf_addc(b, '\n');
	if (pd_plot_chart(&to, &chart, b))
		b->failed = true;
}

static void
print_text(struct pd_buf *b, const struct tally *t, bool plot)
{
	text_origin(b, t);
	pd_buf_addc(b, '\n');
	text_totals(b, t);
	pd_buf_addc(b, '\n');
	text_quantiles(b, t);
	pd_buf_addc(b, '\n');
	report_ops(b, t->traffic, seconds_of(t));
	pd_buf_addc(b, '\n');
	report_spaces(b, t->traffic, seconds_of(t));
	if (plot && t->time.n > 1 && seconds_of(t) > 0)
		text_plot(b, t);
}

int
stat_print(const struct tally *t, bool plot)
{
	struct pd_buf b = PD_BUF_INIT;
	int rc;

	if (sample_opt.json)
		print_json(&b, t);
	else
		print_text(&b, t, plot);
	rc = b.failed ? (pd_cli_failf("out of memory"), -1)
		      : pd_cli_out(b.data, b.len);
	pd_buf_release(&b);
	return rc;
}
