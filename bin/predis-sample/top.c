/*
 * What a server is asked right now, from its tap or a stream that arrives:
 * a report every few seconds, drawn anew on a terminal.
 */

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "data/event.h"
#include "data/hotkeys.h"
#include "data/traffic.h"
#include "io/json.h"
#include "io/sock.h"
#include "report.h"
#include "sample.h"
#include "screen.h"

#define CONNECT_MS 5000
#define LATE_US 1000000 /* events may come so much after they happened */

static struct {
	uint64_t reports;
	uint64_t interval_us;
	uint64_t keys;
	const char *scheme;
	bool once;
} opt = {.interval_us = 2000000, .keys = 10};

const struct pd_opt sample_top_opts[] = {
    {'n', "count", "N", PD_OPT_U64, &opt.reports, NULL,
	"end after N reports (default: no end)"},
    {0, "once", NULL, PD_OPT_FLAG, &opt.once, NULL,
	"one report, after one interval"},
    {0, "interval", "TIME", PD_OPT_DURATION, &opt.interval_us, NULL,
	"between two reports (2s)"},
    {0, "hot", "N", PD_OPT_U64, &opt.keys, NULL,
	"hot keys to show, up to 64 (10)"},
    {0, "scheme", "SCHEME", PD_OPT_STR, &opt.scheme, NULL,
	"only what was sampled so: none, key, event or window"},
    SAMPLE_JSON_OPT,
    PD_OPT_END,
};

/* What one way of sampling shows. */
struct view {
	struct pd_traffic now; /* since the last report */
	struct pd_traffic all; /* since the start */
	struct pd_hotkeys hot;
	double rate;
	uint64_t reported_us; /* the last event at the last report */
};

struct top {
	const char *name;
	int fd;
	bool live; /* time passes here as it does there */
	bool screen;
	struct pd_pds_reader *in;
	struct view *view[PD_SAMPLE_WINDOW + 1]; /* by scheme, or NULL */
	uint64_t due_us;			 /* monotonic: next report */
	uint64_t began_us;			 /* the interval */
	uint64_t dropped;			 /* at the last report */
	uint64_t reports;
	uint64_t fresh; /* events since the last report */
};

static int
out_of_memory(void)
{
	pd_cli_failf("out of memory");
	return -1;
}

/* Taking in. */

static int
take_header(struct top *t)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(t->in);
	struct view *v;

	if (m == NULL || m->scheme > PD_SAMPLE_WINDOW)
		return 0;
	if ((v = t->view[m->scheme]) == NULL) {
		if ((v = calloc(1, sizeof(*v))) == NULL)
			return out_of_memory();
		t->view[m->scheme] = v;
		pd_traffic_init(&v->now);
		pd_traffic_init(&v->all);
		pd_hotkeys_init(&v->hot, NULL, 1);
	}
	v->rate = m->rate;
	pd_traffic_header(&v->now, m);
	pd_traffic_header(&v->all, m);
	return 0;
}

/* All accesses of a key that is sampled by key are there. */
static double
stands_for(const struct view *v, const struct pd_event *e, double n)
{
	return v->all.scheme == PD_SAMPLE_KEY ? e->weight : n;
}

static int
take_events(struct top *t, const struct pd_pds_block *b, struct pd_err *err)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(t->in);
	const struct pd_event *e;
	struct view *v;
	uint32_t i;
	double n;
	int rc;

	if (m == NULL || m->scheme > PD_SAMPLE_WINDOW ||
	    t->view[m->scheme] == NULL)
		return 0;
	if ((rc = pd_pds_verify(t->in, b)) != 0)
		return rc < 0 ? pd_err_nomem(err) : 0;
	v = t->view[m->scheme];
	/* Shards, and others, may each have a rate. */
	if (m->rate != v->rate && take_header(t))
		return pd_err_nomem(err);
	e = pd_pds_events(t->in);
	for (i = 0; i < b->nrec; i++) {
		(void)pd_traffic_add(&v->all, &e[i]);
		n = pd_traffic_add(&v->now, &e[i]);
		if (pd_event_is_access(&e[i]))
			pd_hotkeys_note(&v->hot, e[i].key, NULL, 0, 0,
			    e[i].time_us, stands_for(v, &e[i], n));
	}
	t->fresh += b->nrec;
	return 0;
}

/* What has arrived. 0, or -1 having reported. */
static int
drain(struct top *t)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_block b;
	int rc;

	while ((rc = pd_pds_next(t->in, &b, &err)) == PD_PDS_GOT) {
		if (b.type == PD_PDS_HEADER && take_header(t))
			return -1;
		if (b.type == PD_PDS_EVENTS && take_events(t, &b, &err)) {
			rc = -1;
			break;
		}
	}
	if (rc >= 0)
		return 0;
	pd_cli_fail(&err);
	return -1;
}

/* Reports. */

/* What is shown: what was asked for, or else what tells most of rates. */
static enum pd_scheme
choose(const struct top *t)
{
	static const enum pd_scheme order[] = {
	    PD_SAMPLE_NONE, PD_SAMPLE_EVENT, PD_SAMPLE_KEY, PD_SAMPLE_WINDOW};
	size_t i;

	if (opt.scheme != NULL)
		return (enum pd_scheme)pd_scheme_parse(opt.scheme);
	for (i = 0; i < sizeof(order) / sizeof(order[0]) - 1; i++)
		if (t->view[order[i]] != NULL &&
		    t->view[order[i]]->all.events > 0)
			return order[i];
	for (i = 0; i < sizeof(order) / sizeof(order[0]) - 1; i++)
		if (t->view[order[i]] != NULL)
			return order[i];
	return order[i];
}

/* The seconds that the events of this interval took: between the last ones of
 * two reports, or, when none have come for a while, by the clock here. */
static double
span_of(const struct top *t, const struct view *v, uint64_t now_us)
{
	const uint64_t passed = now_us - t->began_us;
	uint64_t from = v->reported_us, span = 0;

	if (from == 0)
		from = v->all.first_us;
	if (v->all.last_us > from)
		span = v->all.last_us - from;
	if (!t->live)
		return (double)span * 1e-6;
	if (v->now.events == 0 || span + LATE_US < passed ||
	    span > passed + LATE_US)
		span = passed;
	return (double)span * 1e-6;
}

struct report {
	const struct view *v;
	enum pd_scheme scheme;
	double now_s;
	double all_s;
	uint64_t dropped; /* in all */
	uint64_t dropped_now;
	struct pd_hotkey_rate hot[PD_HOTKEYS];
	double hot_error[PD_HOTKEYS];
	double hot_share[PD_HOTKEYS];
	size_t nhot;
};

/* A key's rate is off by what was drawn, too. */
static void
hot_keys(struct report *r, struct view *v)
{
	const double factor = v->all.factor;
	const bool by_key = r->scheme == PD_SAMPLE_KEY;
	double total, count;
	size_t i;

	r->nhot =
	    pd_hotkeys_top(&v->hot, v->all.last_us, r->hot, (size_t)opt.keys);
	total = pd_hotkeys_total(&v->hot, v->all.last_us);
	if (by_key)
		total *= factor;
	for (i = 0; i < r->nhot; i++) {
		/* Half of what has decayed went as squares. */
		count = r->hot[i].per_second * v->hot.span / 2;
		r->hot_error[i] = r->hot[i].error;
		if (!by_key && v->hot.span > 0)
			r->hot_error[i] +=
			    2 * sqrt(count * (factor - 1)) / v->hot.span * 2;
		r->hot_share[i] =
		    total > 0 ? r->hot[i].per_second / total : NAN;
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

static void
json_hot(struct pd_json *j, const struct report *r)
{
	char key[20];
	size_t i;

	pd_json_key(j, "hot_keys");
	pd_json_open(j, '[');
	for (i = 0; i < r->nhot; i++) {
		snprintf(key, sizeof(key), "%016llx",
		    (unsigned long long)r->hot[i].key.identity);
		pd_json_open(j, '{');
		pd_json_key(j, "key");
		pd_json_str(j, key);
		pd_json_key(j, "accesses_per_second");
		pd_json_double(j, r->hot[i].per_second);
		pd_json_key(j, "error_per_second");
		pd_json_double(j, r->hot_error[i]);
		pd_json_key(j, "share");
		pd_json_double(j, r->hot_share[i]);
		pd_json_close(j, '}');
	}
	pd_json_close(j, ']');
}

static void
print_json(struct pd_buf *b, const struct top *t, const struct report *r)
{
	char key[48];
	struct pd_json j;
	size_t i;

	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	pd_json_key(&j, "source");
	pd_json_str(&j, t->name);
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
	report_json(
	    &j, "hit_ratio", report_hit_ratio(&r->v->now, &r->v->now.all));
	report_json(&j, "hit_ratio_in_all",
	    report_hit_ratio(&r->v->all, &r->v->all.all));
	report_json_ops(&j, &r->v->now, r->now_s);
	report_json_spaces(&j, &r->v->now, r->now_s);
	json_hot(&j, r);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

static void
text_head(struct pd_buf *b, const struct top *t, const struct report *r)
{
	char now[24];

	report_moment(now, pd_clock_wall_us());
	pd_buf_printf(b, "%s  %s  ", t->name, now);
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
text_rates(struct pd_buf *b, const struct report *r)
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
	text_ratio(now, report_hit_ratio(&r->v->now, &r->v->now.all));
	text_ratio(all, report_hit_ratio(&r->v->all, &r->v->all.all));
	pd_buf_printf(b, "%-12s %20s %20s\n", "hit ratio", now, all);
}

static void
text_hot(struct pd_buf *b, const struct report *r)
{
	char rate[16], error[16];
	size_t i;

	if (opt.keys == 0)
		return;
	pd_buf_addstr(b, "\nHOT KEYS");
	if (r->scheme == PD_SAMPLE_KEY && r->v->rate < 1)
		pd_buf_printf(b, " (of 1 key in %.0f)", 1 / r->v->rate);
	pd_buf_addstr(b, "\n");
	for (i = 0; i < r->nhot; i++) {
		report_number(rate, r->hot[i].per_second, false);
		report_number(error, r->hot_error[i], false);
		pd_buf_printf(b, "%016llx  %10s a second, within %s, %.2f%%\n",
		    (unsigned long long)r->hot[i].key.identity, rate, error,
		    100 * r->hot_share[i]);
	}
}

static void
print_text(struct pd_buf *b, const struct top *t, const struct report *r)
{
	text_head(b, t, r);
	text_rates(b, r);
	pd_buf_addc(b, '\n');
	report_ops(b, &r->v->now, r->now_s);
	pd_buf_addc(b, '\n');
	report_spaces(b, &r->v->now, r->now_s);
	text_hot(b, r);
	if (!t->screen)
		pd_buf_addc(b, '\n');
}

static int
show(const struct top *t, const struct report *r)
{
	struct pd_buf b = PD_BUF_INIT;
	int rc;

	if (sample_opt.json)
		print_json(&b, t, r);
	else
		print_text(&b, t, r);
	if (b.failed)
		rc = out_of_memory();
	else if (t->screen)
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

/* Begin the next interval. */
static void
start_over(struct top *t, uint64_t now_us)
{
	struct pd_traffic *n;
	struct view *v;
	unsigned i;

	for (i = 0; i <= PD_SAMPLE_WINDOW; i++) {
		if ((v = t->view[i]) == NULL)
			continue;
		n = &v->now;
		v->reported_us = v->all.last_us;
		pd_traffic_init(n);
		n->scheme = v->all.scheme;
		n->factor = v->all.factor;
		n->deviation = v->all.deviation;
		n->window_us = v->all.window_us;
		n->hits_unknown = v->all.hits_unknown;
	}
	t->began_us = now_us;
	t->fresh = 0;
}

/* 0, or -1 having reported. */
static int
report(struct top *t)
{
	const uint64_t now = pd_clock_mono_us();
	struct report r = {.scheme = choose(t)};
	struct pd_pds_stats s;
	struct view *v = t->view[r.scheme];

	if (v == NULL)
		return 0; /* no stream yet */
	pd_pds_reader_stats(t->in, &s);
	r.v = v;
	r.now_s = span_of(t, v, now);
	r.all_s = (double)(v->all.last_us - v->all.first_us) * 1e-6;
	r.dropped = s.source_lost + s.records_lost;
	r.dropped_now = r.dropped - t->dropped;
	t->dropped = r.dropped;
	hot_keys(&r, v);
	t->reports++;
	if (show(t, &r))
		return -1;
	start_over(t, now);
	return 0;
}

/* The loop. */

static bool
done(const struct top *t)
{
	return pd_cli_stopping() ||
	       (opt.reports != 0 && t->reports >= opt.reports);
}

/* Read once. 1, 0 at the end, -1 having reported. */
static int
read_some(struct top *t)
{
	static uint8_t chunk[1 << 16];
	const ssize_t n = read(t->fd, chunk, sizeof(chunk));

	if (n < 0 && errno == EINTR)
		return 1;
	if (n < 0) {
		pd_cli_failf(
		    "cannot read from '%s': %s", t->name, strerror(errno));
		return -1;
	}
	if (pd_pds_reader_feed(t->in, chunk, (size_t)n))
		return out_of_memory();
	if (drain(t))
		return -1;
	return n > 0;
}

/* Milliseconds until the next report. */
static int
patience(const struct top *t)
{
	const uint64_t now = pd_clock_mono_us();

	return now >= t->due_us ? 0 : (int)((t->due_us - now + 999) / 1000);
}

/* While the other side lives. 0, or -1 having reported. */
static int
watch(struct top *t)
{
	struct pollfd p = {.fd = t->fd, .events = POLLIN};
	int more = 1;

	t->began_us = pd_clock_mono_us();
	t->due_us = t->began_us + opt.interval_us;
	while (more > 0 && !done(t)) {
		if (t->live && patience(t) == 0) {
			if (report(t))
				return -1;
			t->due_us = pd_clock_mono_us() + opt.interval_us;
			continue;
		}
		if (poll(&p, 1, t->live ? patience(t) : -1) > 0)
			more = read_some(t);
	}
	if (more < 0)
		return -1;
	/* The rest, or what a signal cut short. */
	if (!(opt.reports != 0 && t->reports >= opt.reports) &&
	    (t->fresh > 0 || t->reports == 0))
		return report(t);
	return 0;
}

/* A file or pipe that is there, or a tap to connect to. */
static int
open_source(struct top *t, const char *name)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_addr addr;
	struct stat st;

	t->name = sample_name(name);
	t->live = true;
	if (strcmp(name, "-") == 0 ||
	    (stat(name, &st) == 0 && !S_ISSOCK(st.st_mode))) {
		if ((t->fd = sample_open(name)) < 0)
			return -1;
		t->live = fstat(t->fd, &st) != 0 || !S_ISREG(st.st_mode);
		return 0;
	}
	if (pd_addr_parse(&addr, name, NULL, &err) == 0 &&
	    (t->fd = pd_sock_connect(&addr, CONNECT_MS, &err)) >= 0)
		return 0;
	pd_cli_fail(&err);
	return -1;
}

static int
check_options(void)
{
	if (opt.once)
		opt.reports = 1;
	if (opt.interval_us < 10000)
		return pd_cli_usage("--interval must be 10ms or more"), -1;
	if (opt.keys > PD_HOTKEYS)
		return pd_cli_usage("--hot must be %d or less", PD_HOTKEYS), -1;
	if (opt.scheme != NULL && pd_scheme_parse(opt.scheme) < 0)
		return pd_cli_usage("--scheme is none, key, event or window"),
		       -1;
	return 0;
}

int
sample_top(int argc, char **argv)
{
	struct top t = {.fd = -1};
	int rc = -1;
	unsigned i;

	if (check_options())
		return PD_EXIT_FAIL;
	pd_cli_catch_signals();
	if (open_source(&t, argc > 0 ? argv[0] : "-"))
		return PD_EXIT_FAIL;
	t.screen = isatty(STDOUT_FILENO) && !sample_opt.json && !opt.once;
	if ((t.in = pd_pds_reader_new()) == NULL) {
		out_of_memory();
	} else {
		if (t.screen)
			screen_begin();
		rc = watch(&t);
		screen_end();
	}
	if (rc == 0 && t.reports == 0 && !pd_cli_stopping()) {
		pd_cli_failf("no stream came from '%s'", t.name);
		rc = -1;
	}
	pd_pds_reader_free(t.in);
	for (i = 0; i <= PD_SAMPLE_WINDOW; i++)
		free(t.view[i]);
	close(t.fd);
	return rc == 0 ? PD_EXIT_YES : PD_EXIT_FAIL;
}
