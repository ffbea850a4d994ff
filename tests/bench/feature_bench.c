/*
 * Rows of 64 features a second, in CPU time on one core: the history alone
 * (count), with its rows, with a miniature cache beside them; and the whole
 * way from a compressed stream of events to a stream of rows, uncompressed and
 * compressed, as floats and as bytes, of all slots and of the served ones. For
 * each trace
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

#define SERVED ((1ULL << 20) - 1)

/* The core: what is done with each event in memory. */
enum core { COUNT, ROWS, CAPACITY };

static double
run_core(const struct pd_event *e, size_t n, enum core core)
{
	struct pd_history *h =
	    pd_history_new(&(struct pd_history_opts){.keys = 0}, NULL);
	struct pd_minicache *m = pd_minicache_new(10000, false, false, NULL);
	struct pd_served s;
	uint8_t slots[20];
	float row[PD_FEATURES];
	double t;

	for (size_t i = 0; i < 20; i++)
		slots[i] = (uint8_t)i;
	if (h == NULL || m == NULL)
		abort();
	t = cpu_now();
	for (size_t i = 0; i < n; i++) {
		bool resident =
		    core == CAPACITY && pd_minicache_event(m, &e[i], &s) == 1;

		pd_history_ahead(h, e[i + NEAR < n ? i + NEAR : i].key,
		    e[i + FAR < n ? i + FAR : i].key);
		pd_history_add(h, &e[i], core == COUNT ? NULL : row, NULL);
		if (resident)
			pd_feature_served(&s, slots, 20, row);
	}
	t = cpu_now() - t;
	pd_minicache_free(m);
	pd_history_free(h);
	return t;
}

/* From stream to stream. */
static const struct way {
	const char *name;
	uint64_t slots;
	bool bare, codes;
} ways[] = {
    {"bare", UINT64_MAX, true, false},
    {"bare_served", SERVED, true, false},
    {"bare_codes", UINT64_MAX, true, true},
    {"gzip_served", SERVED, false, false},
    {"gzip_codes", UINT64_MAX, false, true},
    {"gzip", UINT64_MAX, false, false},
};

static void
one_row(struct pd_history *h, struct pd_pds_writer *w, const struct pd_event *e)
{
	struct pd_history_note note;
	struct pd_pds_row row;

	pd_history_add(h, e, row.value, &note);
	if (!note.access)
		return;
	row.time_us = e->time_us;
	row.tick = e->tick;
	row.key = e->key;
	pd_pds_add_row(w, &row, NULL);
}

static double
run_way(const struct pd_buf *in, const struct way *way, double *bytes)
{
	struct pd_history_opts ho = {.slots = way->slots};
	struct pd_history *h = pd_history_new(&ho, NULL);
	struct pd_buf out = PD_BUF_INIT;
	struct pd_pds_wopts o = {.fd = -1, .out = &out, .bare = way->bare};
	struct pd_pds_writer *w = pd_pds_writer_new(&o, NULL);
	struct pd_pds_reader *r = pd_pds_reader_mem(in->data, in->len);
	const struct pd_event *e;
	uint64_t rows = 0, left = 0;
	uint32_t n;
	double t;

	if (h == NULL || w == NULL || r == NULL)
		abort();
	t = cpu_now();
	pd_pds_header(w, "{}", 2, NULL);
	pd_pds_row_form(w, way->slots, way->codes, NULL);
	while (pd_pds_next_events(r, &e, &n, NULL) == PD_PDS_GOT) {
		for (uint32_t i = 0; i < n; i++) {
			pd_history_ahead(h, e[i + NEAR < n ? i + NEAR : i].key,
			    e[i + FAR < n ? i + FAR : i].key);
			one_row(h, w, &e[i]);
			left += out.len;
			pd_buf_clear(&out);
		}
		rows += n;
	}
	pd_pds_end(w, NULL);
	t = cpu_now() - t;
	*bytes = (double)(left + out.len) / (double)rows;
	pd_pds_reader_free(r);
	pd_pds_writer_free(w);
	pd_buf_release(&out);
	pd_history_free(h);
	return t;
}

static void
encode(const struct pd_event *e, size_t n, struct pd_buf *out)
{
	struct pd_pds_wopts o = {.fd = -1, .out = out};
	struct pd_pds_writer *w = pd_pds_writer_new(&o, NULL);

	if (w == NULL)
		abort();
	pd_pds_header(w, "{}", 2, NULL);
	for (size_t i = 0; i < n; i++)
		pd_pds_add(w, &e[i], NULL);
	pd_pds_end(w, NULL);
	pd_pds_writer_free(w);
}

static void
bench(const char *name, const struct pd_event *e, size_t n)
{
	static const char *const what[] = {"count", "rows", "capacity"};
	struct pd_buf in = PD_BUF_INIT;
	double best, bytes = 0;

	printf("%-24s %8zu events ", name, n);
	for (enum core core = COUNT; core <= CAPACITY; core++) {
		best = 1e9;
		for (int i = 0; i < ROUNDS; i++)
			best = fmin(best, run_core(e, n, core));
		printf(" %s %.2f M/s", what[core], (double)n / best / 1e6);
	}
	printf("\n");
	encode(e, n, &in);
	for (size_t k = 0; k < sizeof(ways) / sizeof(*ways); k++) {
		best = 1e9;
		for (int i = 0; i < (ways[k].bare ? ROUNDS : 2); i++)
			best = fmin(best, run_way(&in, &ways[k], &bytes));
		printf("    stream to stream, %-12s %.2f M/s  %.1f "
		       "bytes_per_row\n",
		    ways[k].name, (double)n / best / 1e6, bytes);
	}
	pd_buf_release(&in);
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
