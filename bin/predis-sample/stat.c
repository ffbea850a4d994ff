/*
 * What the traffic of a stream is like: totals, mix, sizes, times to live and
 * gaps of all requests, from those that were sampled.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/event.h"
#include "sample.h"
#include "stat.h"

#define KEYS (UINT64_C(1) << 21)

static struct {
	const char *format;
	const char *unit;
	const char *scheme;
	uint64_t keys;
	bool plot;
} opt = {.keys = KEYS, .plot = true};

const struct pd_opt sample_stat_opts[] = {
    {0, "format", "FORMAT", PD_OPT_STR, &opt.format, NULL,
	"a format of import (default: by content)"},
    {0, "time-unit", "UNIT", PD_OPT_STR, &opt.unit, NULL,
	"of a csv: s (default), ms, us or seq"},
    {0, "scheme", "SCHEME", PD_OPT_STR, &opt.scheme, NULL,
	"only what was sampled so: none, key, event or window"},
    {0, "keys", "N", PD_OPT_SIZE, &opt.keys, NULL,
	"keys watched for gaps, 48 bytes each, at most 96 (2M)"},
    {0, "plot", NULL, PD_OPT_FLAG, &opt.plot, NULL,
	"draw requests a second over time (default)"},
    SAMPLE_JSON_OPT,
    PD_OPT_END,
};

static int
out_of_memory(void)
{
	pd_cli_failf("out of memory");
	return -1;
}

/* Of an event that stands for ${n} others, relative to the first ones. */
static uint64_t
times(const struct tally *t, double n)
{
	const double r = n / t->first_factor;

	return r > 1 ? (uint64_t)(r + 0.5) : 1;
}

static int
note_key(struct tally *t, const struct pd_event *e)
{
	uint64_t gap;
	unsigned n;

	if (t->seen == NULL || !pd_event_is_access(e))
		return 0;
	n = pd_keyseen_note(t->seen, e->key, e->tick, e->weight, &gap);
	if (n == 0 || gap == 0)
		return 0;
	/* It stands for itself and those that were left out before it. */
	return pd_kll_add_n(t->kll[STAT_GAP], (double)gap / e->weight,
	    n * times(t, e->weight * t->traffic->factor));
}

static int
note(struct tally *t, const struct pd_event *e)
{
	const bool writes = pd_op_writes(e->op);
	double n;
	uint64_t k;

	n = pd_traffic_add(t->traffic, e);
	pd_timeline_add(&t->time, e->time_us, n);
	pd_tickspan_add(&t->ticks, pd_evreader_shard(t->in),
	    pd_evreader_meta(t->in)->shards, e);
	if (t->first_factor == 0)
		t->first_factor = t->traffic->factor;
	k = times(t, n);
	if ((writes || e->flags & PD_EV_HIT || t->traffic->hits_unknown) &&
	    pd_kll_add_n(t->kll[STAT_SIZE], e->size, k))
		return -1;
	if (writes) {
		t->writes += n;
		if (e->flags & PD_EV_TTL) {
			t->with_ttl += n;
			if (pd_kll_add_n(
				t->kll[STAT_TTL], (double)e->ttl_ms, k))
				return -1;
		}
	}
	if (e->latency_us > 0 &&
	    pd_kll_add_n(
		t->kll[e->flags & PD_EV_COST ? STAT_COST : STAT_LATENCY],
		e->latency_us, k))
		return -1;
	return note_key(t, e);
}

/* Where the scheme is another from here on, can what came be told with what
 * comes? Everything is a sample at rate 1, by whichever scheme. */
static int
follow_scheme(struct tally *t, const struct pd_pds_meta *m)
{
	if (t->scheme != PD_SAMPLE_NONE && m->scheme != PD_SAMPLE_NONE &&
	    t->scheme != m->scheme) {
		pd_cli_failf("'%s' was sampled by %s and by %s: take one with "
			     "--scheme",
		    t->name, pd_scheme_name(t->scheme),
		    pd_scheme_name(m->scheme));
		return -1;
	}
	if (m->scheme != PD_SAMPLE_NONE)
		t->scheme = m->scheme;
	if (t->scheme > PD_SAMPLE_KEY) {
		pd_keyseen_free(t->seen);
		t->seen = NULL;
	}
	return 0;
}

/* The header in force may be another from one event to the next. 0, or -1
 * having reported. */
static int
follow(struct tally *t)
{
	const struct pd_pds_meta *m = pd_evreader_meta(t->in);

	if (t->begun && m->scheme == t->traffic->scheme && m->rate == t->rate)
		return 0;
	if (t->begun && follow_scheme(t, m))
		return -1;
	pd_traffic_header(t->traffic, m);
	if (!t->begun) {
		snprintf(t->clock, sizeof(t->clock), "%s", m->time);
		if (m->scheme <= PD_SAMPLE_KEY &&
		    (t->seen = pd_keyseen_new((size_t)opt.keys)) == NULL)
			return out_of_memory();
	}
	if (!t->begun)
		t->scheme = m->scheme;
	if (t->seen != NULL)
		pd_keyseen_sampled(t->seen, m->rate);
	if (!t->begun || m->rate < t->least)
		t->least = m->rate;
	if (!t->begun || m->rate > t->most)
		t->most = m->rate;
	t->begun = true;
	t->rate = m->rate;
	return 0;
}

static int
read_all(struct tally *t)
{
	const int only = opt.scheme == NULL ? -1 : pd_scheme_parse(opt.scheme);
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;
	int r;

	while ((r = pd_evreader_next(t->in, &e, &err)) == 1) {
		if (only >= 0 && (int)pd_evreader_meta(t->in)->scheme != only)
			continue;
		if (follow(t))
			return -1;
		if (note(t, &e))
			return out_of_memory();
		if ((t->traffic->events & 0xffff) == 0)
			pd_cli_progress("bytes", pd_evreader_offset(t->in),
			    pd_evreader_total(t->in));
	}
	pd_cli_progress_end();
	if (r < 0)
		pd_cli_fail(&err);
	return r;
}

/* What is missing of a file that has been read. */
static void
take_losses(struct tally *t, const char *path)
{
	const struct pd_pds_damage *list;
	const size_t n = pd_evreader_damage(t->in, &list);
	struct pd_pds_stats s;
	char damage[200];

	pd_evreader_stats(t->in, &s);
	t->source_lost += s.source_lost;
	if (n > 0 && sample_only_grows(path, &s, list, n))
		return;
	t->records_lost += s.records_lost;
	if (!pd_evreader_damage_text(t->in, damage, sizeof(damage)))
		return;
	pd_cli_note("'%s' %s", sample_name(path), damage);
	t->damaged = true;
}

static int
add_file(struct tally *t, const char *path)
{
	const int unit =
	    opt.unit == NULL ? PD_TIME_OWN : pd_timeunit_parse(opt.unit);
	struct pd_err err = PD_ERR_INIT;
	int rc;

	t->in = pd_evreader_open(
	    path, opt.format, NULL, (enum pd_timeunit)unit, &err);
	if (t->in == NULL)
		return pd_cli_fail(&err), -1;
	if (opt.scheme != NULL && strcmp(opt.scheme, "none") != 0 &&
	    pd_evreader_scheme(t->in, opt.scheme, &err)) {
		pd_evreader_close(t->in);
		return pd_cli_fail(&err), -1;
	}
	rc = read_all(t);
	if (rc == 0)
		take_losses(t, path);
	pd_evreader_close(t->in);
	return rc;
}

/* 0, or -1 having reported. */
static int
init_tally(struct tally *t)
{
	unsigned i;

	if ((t->traffic = malloc(sizeof(*t->traffic))) == NULL)
		return out_of_memory();
	pd_traffic_init(t->traffic);
	pd_timeline_init(&t->time);
	pd_tickspan_init(&t->ticks);
	for (i = 0; i < STAT_FIGURES; i++)
		if ((t->kll[i] = pd_kll_new(PD_KLL_K, i + 1)) == NULL)
			return out_of_memory();
	return 0;
}

static void
release_tally(struct tally *t)
{
	unsigned i;

	pd_keyseen_free(t->seen);
	for (i = 0; i < STAT_FIGURES; i++)
		pd_kll_free(t->kll[i]);
	free(t->traffic);
}

static int
tally_all(struct tally *t, int argc, char **argv)
{
	int i;

	if (init_tally(t))
		return PD_EXIT_FAIL;
	for (i = 0; i < argc; i++)
		if (add_file(t, argv[i]))
			return PD_EXIT_FAIL;
	if (t->traffic->events == 0) {
		pd_cli_failf("'%s' holds no event", t->name);
		return PD_EXIT_UNKNOWN;
	}
	if (stat_print(t, opt.plot))
		return PD_EXIT_FAIL;
	return t->damaged ? PD_EXIT_NO : PD_EXIT_YES;
}

int
sample_stat(int argc, char **argv)
{
	struct tally t = {0};
	char name[32], **path;
	int status;

	if (opt.keys == 0 || opt.keys > UINT64_C(1) << 32)
		return pd_cli_usage("--keys must be above 0, up to 4G");
	if (opt.unit != NULL && pd_timeunit_parse(opt.unit) < 0)
		return pd_cli_usage("--time-unit is s, ms, us or seq");
	if (opt.scheme != NULL && pd_scheme_parse(opt.scheme) < 0)
		return pd_cli_usage("--scheme is none, key, event or window");
	snprintf(name, sizeof(name), "%d files", argc);
	t.name = argc == 0   ? sample_name("-")
		 : argc == 1 ? sample_name(argv[0])
			     : name;
	if ((path = sample_operands(&argc, argv, 0, UINT64_MAX)) == NULL)
		return PD_EXIT_FAIL;
	status = tally_all(&t, argc, path);
	release_tally(&t);
	sample_operands_free(argc, path);
	return status;
}
