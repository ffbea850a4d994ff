/*
 * Rows of 64 features a second, in CPU time on one core: from events alone,
 * with a miniature cache beside them, and on into a stream. For each trace
 * named on the command line, or for a synthetic one (Zipf, exponent 0.9).
 *	feature_bench [TRACE.csv.gz ...]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "bench.h"
#include "cache/minicache.h"
#include "data/evreader.h"
#include "data/history.h"
#include "data/pds.h"

#define ZIPF_EVENTS 1000000u
#define ZIPF_KEYS 1000000u
#define ROUNDS 5
#define NEAR 6 /* events that are looked ahead */
#define FAR 14

static void
synthesize(struct pd_event *e, size_t n)
{
	double *cum = malloc(ZIPF_KEYS * sizeof(*cum)), u;
	size_t i, lo, hi, mid;
	struct pd_rng rng;
	uint64_t t = 0;

	if (cum == NULL)
		abort();
	for (i = 0; i < ZIPF_KEYS; i++)
		cum[i] = (i ? cum[i - 1] : 0) + pow((double)i + 1, -0.9);
	pd_rng_init(&rng, 1);
	for (i = 0; i < n; i++) {
		u = pd_rng_double(&rng) * cum[ZIPF_KEYS - 1];
		for (lo = 0, hi = ZIPF_KEYS - 1; lo < hi;) {
			mid = (lo + hi) / 2;
			if (cum[mid] < u)
				lo = mid + 1;
			else
				hi = mid;
		}
		pd_event_init(&e[i]);
		e[i].key = pd_mix64(lo + 1);
		e[i].tick = i;
		e[i].time_us = t += pd_rng_below(&rng, 2000);
		e[i].size = 64 + (uint32_t)(e[i].key % 4096);
		e[i].latency_us = 5 + pd_rng_below(&rng, 40);
		e[i].ns = 1 + (uint32_t)(lo % 7);
		e[i].op = pd_rng_below(&rng, 10) ? PD_OP_GET : PD_OP_SET;
		e[i].flags = pd_rng_below(&rng, 10) < 8 ? PD_EV_HIT : 0;
	}
	free(cum);
}

/* What is done with each event. */
enum mode { COUNT, ROWS, CAPACITY, BARE, CODES, GZIP, GZIP_CODES };

static double
run(const struct pd_event *e, size_t n, enum mode mode, double *bytes)
{
	struct pd_history *h =
	    pd_history_new(&(struct pd_history_opts){.keys = 0}, NULL);
	struct pd_minicache *m = pd_minicache_new(10000, false, false, NULL);
	struct pd_buf out = PD_BUF_INIT;
	struct pd_pds_wopts o = {
	    .fd = -1, .out = &out, .bare = mode == BARE || mode == CODES};
	struct pd_pds_writer *w = pd_pds_writer_new(&o, NULL);
	struct pd_history_note note;
	struct pd_pds_row row;
	struct pd_served s;
	uint64_t left = 0;
	uint8_t slots[20];
	size_t i;
	double t;

	for (i = 0; i < 20; i++)
		slots[i] = (uint8_t)i;
	if (h == NULL || m == NULL || w == NULL)
		abort();
	t = cpu_now();
	pd_pds_header(w, "{}", 2, NULL);
	if (mode == CODES || mode == GZIP_CODES)
		pd_pds_row_form(w, UINT64_MAX, true, NULL);
	for (i = 0; i < n; i++) {
		pd_history_ahead(h, e[i + NEAR < n ? i + NEAR : i].key,
		    e[i + FAR < n ? i + FAR : i].key);
		bool resident =
		    mode == CAPACITY && pd_minicache_event(m, &e[i], &s) == 1;

		pd_history_add(
		    h, &e[i], mode == COUNT ? NULL : row.value, &note);
		if (resident)
			pd_feature_served(&s, slots, 20, row.value);
		if (mode < BARE || !note.access)
			continue;
		row.time_us = e[i].time_us;
		row.tick = e[i].tick;
		row.key = e[i].key;
		pd_pds_add_row(w, &row, NULL);
		left += out.len;
		pd_buf_clear(&out);
	}
	pd_pds_end(w, NULL);
	*bytes = (double)(left + out.len) / (double)n;
	t = cpu_now() - t;
	pd_pds_writer_free(w);
	pd_buf_release(&out);
	pd_minicache_free(m);
	pd_history_free(h);
	return t;
}

static void
bench(const char *name, const struct pd_event *e, size_t n)
{
	static const char *const what[] = {
	    "count", "rows", "capacity", "bare", "codes", "gzip", "gzip_codes"};
	double best, bytes = 0;
	int i;

	printf("%-24s %8zu events ", name, n);
	for (enum mode mode = COUNT; mode <= GZIP_CODES; mode++) {
		best = 1e9;
		for (i = 0; i < (mode >= GZIP ? 2 : ROUNDS); i++)
			best = fmin(best, run(e, n, mode, &bytes));
		printf(" %s %.2f M/s", what[mode], (double)n / best / 1e6);
	}
	printf("  %.1f bytes_per_row\n", bytes);
}

int
main(int argc, char **argv)
{
	struct pd_event *e = malloc(MAX_EVENTS * sizeof(*e));
	const char *name;
	size_t n;
	int i;

	if (e == NULL)
		return 1;
	for (i = 1; i < argc; i++) {
		if (load_trace(argv[i], e, &n))
			break;
		name = strrchr(argv[i], '/');
		bench(name == NULL ? argv[i] : name + 1, e, n);
	}
	if (argc == 1) {
		synthesize(e, ZIPF_EVENTS);
		bench("zipf 0.9, 1M keys", e, ZIPF_EVENTS);
	}
	free(e);
	return i < argc;
}
