/*
 * What a server is asked right now, from its tap or a stream that arrives:
 * a report every few seconds, drawn anew on a terminal.
 */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/keyfile.h"
#include "data/event.h"
#include "data/source.h"
#include "first.h"
#include "io/sock.h"
#include "sample.h"
#include "screen.h"
#include "top.h"

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
    SAMPLE_BY_OPTS,
    SAMPLE_KEY_OPT,
    SAMPLE_SOURCE_OPTS,
    SAMPLE_JSON_OPT,
    PD_OPT_END,
};

struct top {
	const char *name;
	int fd;
	struct sample_first first; /* of a tap */
	struct pd_source *source;  /* in place of it, or NULL */
	bool live;		   /* time passes here as it does there */
	bool screen;
	struct pd_pds_reader *in;
	struct top_view *view[PD_SAMPLE_WINDOW + 1]; /* by scheme, or NULL */
	uint64_t due_us;   /* monotonic: next report */
	uint64_t began_us; /* the interval */
	uint64_t dropped;  /* at the last report */
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
	struct top_view *v;

	if (m == NULL || m->scheme > PD_SAMPLE_WINDOW)
		return 0;
	if ((v = t->view[m->scheme]) == NULL) {
		if ((v = calloc(1, sizeof(*v))) == NULL)
			return out_of_memory();
		t->view[m->scheme] = v;
		pd_traffic_init(&v->now);
		pd_traffic_init(&v->all);
		pd_hotkeys_init(&v->hot, NULL, 1);
		pd_tickspan_init(&v->ticks);
	}
	v->rate = m->rate;
	pd_traffic_header(&v->now, m);
	pd_traffic_header(&v->all, m);
	return 0;
}

/* All accesses of a key that is sampled by key are there. */
static double
stands_for(const struct top_view *v, const struct pd_event *e, double n)
{
	return v->all.scheme == PD_SAMPLE_KEY ? e->weight : n;
}

static int
take_events(struct top *t, const struct pd_pds_block *b, struct pd_err *err)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(t->in);
	const struct pd_event *e;
	const uint32_t *shard;
	struct top_view *v;
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
	shard = pd_pds_event_shards(t->in);
	for (i = 0; i < b->nrec; i++) {
		(void)pd_traffic_add(&v->all, &e[i]);
		n = pd_traffic_add(&v->now, &e[i]);
		pd_tickspan_add(&v->ticks, shard != NULL ? shard[i] : m->shard,
		    m->shards, &e[i]);
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
span_of(const struct top *t, const struct top_view *v, uint64_t now_us)
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

/* Begin the next interval. */
static void
start_over(struct top *t, uint64_t now_us)
{
	struct pd_traffic *n;
	struct top_view *v;
	unsigned i;

	for (i = 0; i <= PD_SAMPLE_WINDOW; i++) {
		if ((v = t->view[i]) == NULL)
			continue;
		n = &v->now;
		v->reported_us = v->all.last_us;
		v->reported_ticks = pd_tickspan_ticks(&v->ticks);
		pd_traffic_init(n);
		n->scheme = v->all.scheme;
		n->factor = v->all.factor;
		n->deviation = v->all.deviation;
		n->window_us = v->all.window_us;
		n->hits_unknown = v->all.hits_unknown;
		n->names = v->all.names;
	}
	t->began_us = now_us;
	t->fresh = 0;
}

/* 0, or -1 having reported. */
static int
report(struct top *t)
{
	const uint64_t now = pd_clock_mono_us();
	struct top_report r = {.scheme = choose(t)};
	struct pd_pds_stats s;
	struct top_view *v = t->view[r.scheme];

	if (v == NULL)
		return 0; /* no stream yet */
	pd_pds_reader_stats(t->in, &s);
	r.v = v;
	r.now_s = span_of(t, v, now);
	r.all_s = (double)(v->all.last_us - v->all.first_us) * 1e-6;
	r.dropped = s.source_lost + s.records_lost;
	r.dropped_now = r.dropped - t->dropped;
	t->dropped = r.dropped;
	r.name = t->name;
	r.hot = (size_t)opt.keys;
	r.screen = t->screen;
	t->reports++;
	if (top_show(&r))
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

/* As read(2); errno is EAGAIN where there is nothing now. */
static ssize_t
read_bytes(struct top *t, uint8_t *p, size_t n, struct pd_err *err)
{
	ssize_t r;

	if (t->source == NULL) {
		r = read(t->fd, p, n);
		return r < 0 && errno != EINTR
			   ? pd_err_sys(err, "cannot read from '%s'", t->name)
			   : r;
	}
	r = pd_source_read(t->source, p, n, err);
	sample_source_notes(t->source);
	errno = r == PD_SOURCE_AGAIN ? EAGAIN : 0;
	return r < 0 ? -1 : r;
}

/* Read once. 1, 0 at the end, -1 having reported. */
static int
read_some(struct top *t)
{
	static uint8_t chunk[1 << 16];
	struct pd_err err = PD_ERR_INIT;
	const ssize_t n = read_bytes(t, chunk, sizeof(chunk), &err);

	if (n < 0 && err.msg[0] == '\0' && (errno == EINTR || errno == EAGAIN))
		return 1;
	if (n < 0) {
		pd_cli_fail(&err);
		return -1;
	}
	if (sample_first_bytes(&t->first, chunk, (size_t)n, &err)) {
		pd_cli_fail(&err);
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

/* Wait until there may be something to read, or a report is due. False: there
 * is nothing. */
static bool
wait_for_it(const struct top *t)
{
	struct pollfd p = {.fd = t->fd, .events = POLLIN};
	int ms = t->live ? patience(t) : -1;

	if (t->source != NULL) {
		p.fd = pd_source_fd(t->source);
		if (pd_source_timeout_ms(t->source) < ms)
			ms = pd_source_timeout_ms(t->source);
		(void)poll(&p, 1, ms);
		return true; /* it may have something to do */
	}
	return poll(&p, 1, ms) > 0;
}

/* While the other side lives. 0, or -1 having reported. */
static int
watch(struct top *t)
{
	int more = 1;

	t->began_us = pd_clock_mono_us();
	t->due_us = t->began_us + opt.interval_us;
	while (more > 0 && !done(t)) {
		if (t->live && patience(t) == 0) {
			if (report(t))
				return -1;
			t->due_us = pd_clock_mono_us() + opt.interval_us;
			/* Who asked for some reports gets none. */
			if (sample_first_silent(&t->first) && opt.reports != 0)
				return 0;
			continue;
		}
		if (wait_for_it(t))
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

/* A server that is watched, a file or pipe that is there, or a tap to connect
 * to. */
static int
open_source(struct top *t, const char *name)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_keys keys;
	struct pd_addr addr;
	struct stat st;

	t->name = sample_name(name);
	t->live = true;
	if (pd_source_is_url(name)) {
		if (sample_keys(&keys))
			return -1;
		t->source = sample_source_open(name, NULL, &keys);
		return t->source == NULL ? -1 : 0;
	}
	if (sample_opt.rate < 1)
		return pd_cli_usage("a tap or a stream is sampled already: "
				    "--rate is for redis:// and the like"),
		       -1;
	if (strcmp(name, "-") == 0 ||
	    (stat(name, &st) == 0 && !S_ISSOCK(st.st_mode))) {
		if ((t->fd = sample_open(name)) < 0)
			return -1;
		t->live = fstat(t->fd, &st) != 0 || !S_ISREG(st.st_mode);
		return 0;
	}
	if (pd_addr_parse(&addr, name, NULL, &err) == 0 &&
	    (t->fd = pd_sock_connect(&addr, CONNECT_MS, &err)) >= 0) {
		sample_first_begin(&t->first, name);
		return 0;
	}
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
	int rc = -1, status = PD_EXIT_YES;
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
	if (rc == 0 && t.source != NULL && pd_source_overloaded(t.source))
		status = PD_EXIT_UNKNOWN;
	pd_source_close(t.source);
	pd_pds_reader_free(t.in);
	for (i = 0; i <= PD_SAMPLE_WINDOW; i++)
		free(t.view[i]);
	if (t.fd >= 0)
		close(t.fd);
	return rc == 0 ? status : PD_EXIT_FAIL;
}
