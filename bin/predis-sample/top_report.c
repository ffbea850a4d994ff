#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/clock.h"
#include "io/json.h"
#include "report.h"
#include "sample.h"
#include "screen.h"
#include "top.h"

struct hot {
	struct pd_hotkey_rate rate[PD_HOTKEYS];
	double error[PD_HOTKEYS];
	double share[PD_HOTKEYS];
	size_t n;
};

/* A key's rate is off by what was drawn, too. Only those are shown that stand
 * out from that. */
static void
hot_keys(struct hot *h, const struct top_report *r)
{
	struct pd_hotkey_rate rate[PD_HOTKEYS];
	struct pd_hotkeys *k = &r->v->hot;
	const uint64_t now = r->v->all.last_us;
	const double factor = r->v->all.factor;
	const bool by_key = r->scheme == PD_SAMPLE_KEY;
	const double total = pd_hotkeys_total(k, now) * (by_key ? factor : 1);
	const size_t n = pd_hotkeys_top(k, now, rate, r->hot);
	double error, count;
	size_t i;

	h->n = 0;
	for (i = 0; i < n; i++) {
		/* At least: what has decayed counts less. */
		count = rate[i].per_second * k->span;
		error = rate[i].error;
		if (!by_key && k->span > 0)
			error += 2 * sqrt(count * (factor - 1)) / k->span;
		if (rate[i].per_second <= 2 * error)
			continue;
		h->rate[h->n] = rate[i];
		h->error[h->n] = error;
		h->share[h->n++] = total > 0 ? rate[i].per_second / total : NAN;
	}
}

static const struct {
	const char *name;
	const char *key;
	enum pd_traffic_what what;
	bool bytes;
} rates[] = {
    {"requests", "requests", PD_TRAFFIC_REQUESTS, false},
    {"accesses", "accesses", PD_TRAFFIC_ACCESSES, false},
    {"bytes out", "bytes_out", PD_TRAFFIC_BYTES_OUT, true},
    {"bytes in", "bytes_in", PD_TRAFFIC_BYTES_IN, true},
};

static struct pd_estimate
rate_of(const struct pd_traffic *t, size_t i, double seconds)
{
	if (rates[i].what == PD_TRAFFIC_BYTES_OUT && t->hits_unknown)
		seconds = 0; /* nobody knows */
	return report_per(pd_traffic_total(&t->all, rates[i].what), seconds);
}

/* What the source counted, now or in all, a second. */
static struct pd_estimate
ticks_of(const struct top_report *r, bool in_all)
{
	struct pd_estimate e = {pd_tickspan_ticks(&r->v->ticks), 0};

	if (in_all)
		return report_per(e, r->all_s);
	e.value -= r->v->reported_ticks;
	return report_per(e, r->now_s);
}

static void
json_hot(struct pd_json *j, const struct hot *h)
{
	char key[20];
	size_t i;

	pd_json_key(j, "hot_keys");
	pd_json_open(j, '[');
	for (i = 0; i < h->n; i++) {
		snprintf(key, sizeof(key), "%016llx",
		    (unsigned long long)h->rate[i].key.identity);
		pd_json_open(j, '{');
		pd_json_key(j, "key");
		pd_json_str(j, key);
		pd_json_key(j, "accesses_per_second");
		pd_json_double(j, h->rate[i].per_second);
		pd_json_key(j, "error_per_second");
		pd_json_double(j, h->error[i]);
		pd_json_key(j, "share");
		pd_json_double(j, h->share[i]);
		pd_json_close(j, '}');
	}
	pd_json_close(j, ']');
}

static void
print_json(struct pd_buf *b, const struct top_report *r)
{
	char key[48];
	struct pd_json j;
	struct hot h;
	size_t i;

	hot_keys(&h, r);
	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	pd_json_key(&j, "source");
	pd_json_str(&j, r->name);
	pd_json_key(&j, "time_us");
	pd_json_u64(&j, pd_clock_wall_us());
	pd_json_key(&j, "seconds");
	pd_json_double(&j, r->now_s);
	pd_json_key(&j, "sampling");
	pd_json_str(&j, pd_scheme_name(r->scheme));
	pd_json_key(&j, "rate");
	pd_json_double(&j, r->v->rate);
	pd_json_key(&j, "events");
	pd_json_u64(&j, r->v->now.events);
	pd_json_key(&j, "events_in_all");
	pd_json_u64(&j, r->v->all.events);
	pd_json_key(&j, "dropped");
	pd_json_u64(&j, r->dropped_now);
	pd_json_key(&j, "dropped_in_all");
	pd_json_u64(&j, r->dropped);
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		snprintf(key, sizeof(key), "%s_per_second", rates[i].key);
		report_json(&j, key, rate_of(&r->v->now, i, r->now_s));
		snprintf(
		    key, sizeof(key), "%s_per_second_in_all", rates[i].key);
		report_json(&j, key, rate_of(&r->v->all, i, r->all_s));
	}
	for (i = 0; i < 2; i++) {
		pd_json_key(&j,
		    i == 0 ? "ticks_per_second" : "ticks_per_second_in_all");
		pd_json_double(&j, ticks_of(r, i == 1).value);
	}
	report_json(
	    &j, "hit_ratio", report_hit_ratio(&r->v->now, &r->v->now.all));
	report_json(&j, "hit_ratio_in_all",
	    report_hit_ratio(&r->v->all, &r->v->all.all));
	report_json_ops(&j, &r->v->now, r->now_s);
	report_json_spaces(&j, &r->v->now, r->now_s);
	json_hot(&j, &h);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

static void
text_head(struct pd_buf *b, const struct top_report *r)
{
	char now[24];

	report_moment(now, pd_clock_wall_us());
	pd_buf_printf(b, "%s  %s  ", r->name, now);
	if (r->scheme == PD_SAMPLE_NONE)
		pd_buf_addstr(b, "all requests");
	else
		pd_buf_printf(b, "sampled by %s at %g",
		    pd_scheme_name(r->scheme), r->v->rate);
	pd_buf_printf(b, "  %llu events in %.1f s",
	    (unsigned long long)r->v->now.events, r->now_s);
	if (r->dropped > 0)
		pd_buf_printf(b, "  DROPPED %llu (%llu in all)",
		    (unsigned long long)r->dropped_now,
		    (unsigned long long)r->dropped);
	pd_buf_addc(b, '\n');
}

static void
text_ratio(char *text, struct pd_estimate e)
{
	if (isnan(e.value))
		snprintf(text, 40, "-");
	else if (e.se > 0)
		snprintf(text, 40, "%.4f +-%.4f", e.value, e.se);
	else
		snprintf(text, 40, "%.4f", e.value);
}

static void
text_rates(struct pd_buf *b, const struct top_report *r)
{
	char now[40], all[40];
	size_t i;

	pd_buf_printf(
	    b, "\n%-12s %20s %20s\n", "A SECOND", "now", "since the start");
	for (i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		report_estimate(
		    now, rate_of(&r->v->now, i, r->now_s), rates[i].bytes);
		report_estimate(
		    all, rate_of(&r->v->all, i, r->all_s), rates[i].bytes);
		pd_buf_printf(b, "%-12s %20s %20s\n", rates[i].name, now, all);
	}
	report_estimate(now, ticks_of(r, false), false);
	report_estimate(all, ticks_of(r, true), false);
	pd_buf_printf(b, "%-12s %20s %20s\n", "ticks", now, all);
	text_ratio(now, report_hit_ratio(&r->v->now, &r->v->now.all));
	text_ratio(all, report_hit_ratio(&r->v->all, &r->v->all.all));
	pd_buf_printf(b, "%-12s %20s %20s\n", "hit ratio", now, all);
}

static void
text_hot(struct pd_buf *b, const struct top_report *r, const struct hot *h)
{
	char rate[16], error[16];
	size_t i;

	if (r->hot == 0)
		return;
	pd_buf_addstr(b, "\nHOT KEYS");
	if (r->scheme == PD_SAMPLE_KEY && r->v->rate < 1)
		pd_buf_printf(b, " (of 1 key in %.0f)", 1 / r->v->rate);
	pd_buf_addstr(b, h->n > 0 ? "\n" : ": none stands out\n");
	for (i = 0; i < h->n; i++) {
		report_number(rate, h->rate[i].per_second, false);
		report_number(error, h->error[i], false);
		pd_buf_printf(b, "%016llx  %10s a second, within %s, %.2f%%\n",
		    (unsigned long long)h->rate[i].key.identity, rate, error,
		    100 * h->share[i]);
	}
}

static void
print_text(struct pd_buf *b, const struct top_report *r)
{
	struct hot h;

	hot_keys(&h, r);
	text_head(b, r);
	text_rates(b, r);
	pd_buf_addc(b, '\n');
	report_ops(b, &r->v->now, r->now_s);
	pd_buf_addc(b, '\n');
	report_spaces(b, &r->v->now, r->now_s);
	text_hot(b, r, &h);
	if (!r->screen)
		pd_buf_addc(b, '\n');
}

int
top_show(const struct top_report *r)
{
	struct pd_buf b = PD_BUF_INIT;
	int rc;

	if (sample_opt.json)
		print_json(&b, r);
	else
		print_text(&b, r);
	if (b.failed)
		rc = (pd_cli_failf("out of memory"), -1);
	else if (r->screen)
		rc = screen_draw((const char *)b.data, b.len);
	else
		rc = pd_cli_out(b.data, b.len);
	if (rc == 0 && fflush(stdout)) {
		pd_cli_failf("cannot write: %s", strerror(errno));
		rc = -1;
	}
	pd_buf_release(&b);
	return rc;
}
