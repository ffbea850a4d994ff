/*
 * Bytes an event, encode and decode speed of PDS streams, in CPU time on one
 * core: for each trace named on the command line, or for a synthetic one.
 *	pds_bench [TRACE.csv.gz ...]
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "bench.h"
#include "data/event.h"
#include "data/evreader.h"
#include "data/pds.h"

#define ROUNDS 5

/* A server's events: skewed keys, sizes by key, latencies, hits. */
static void
synthesize(struct pd_event *e, size_t n, uint32_t keys)
{
	struct pd_rng rng;
	uint64_t t = 1700000000000000, tick = 0;

	pd_rng_init(&rng, 1);
	for (size_t i = 0; i < n; i++) {
		const double u = pd_rng_double(&rng);
		const uint64_t k =
		    (uint64_t)(pow((double)keys, u) * pd_rng_double(&rng));

		pd_event_init(&e[i]);
		t += pd_rng_below(&rng, 2000);
		tick += 1 + pd_rng_below(&rng, 20);
		e[i].time_us = t;
		e[i].tick = tick;
		e[i].key = pd_mix64(k + 1);
		e[i].size = 64 + (uint32_t)(pd_mix64(k) % 4096);
		e[i].latency_us = 5 + pd_rng_below(&rng, 40);
		e[i].op = pd_rng_below(&rng, 10) == 0 ? PD_OP_SET : PD_OP_GET;
		e[i].flags = pd_rng_below(&rng, 10) < 8 ? PD_EV_HIT : 0;
	}
}

static double
encode(const struct pd_event *e, size_t n, struct pd_buf *out)
{
	struct pd_pds_wopts o = {.fd = -1, .out = out};
	struct pd_pds_writer *w = pd_pds_writer_new(&o, NULL);
	double t;

	if (w == NULL)
		abort();
	pd_buf_clear(out);
	t = cpu_now();
	pd_pds_header(w, "{}", 2, NULL);
	for (size_t i = 0; i < n; i++)
		pd_pds_add(w, &e[i], NULL);
	if (pd_pds_end(w, NULL))
		abort();
	t = cpu_now() - t;
	pd_pds_writer_free(w);
	return t;
}

static double
decode(const struct pd_buf *in, size_t expect, bool by_block)
{
	struct pd_pds_reader *r = pd_pds_reader_mem(in->data, in->len);
	uint64_t sum = 0;
	size_t n = 0;
	double t;

	if (r == NULL)
		abort();
	t = cpu_now();
	if (by_block) {
		const struct pd_event *e;
		uint32_t k;

		while (pd_pds_next_events(r, &e, &k, NULL) == PD_PDS_GOT) {
			for (uint32_t i = 0; i < k; i++)
				sum += e[i].key;
			n += k;
		}
	} else {
		struct pd_event e;

		while (pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT) {
			sum += e.key;
			n++;
		}
	}
	t = cpu_now() - t;
	pd_pds_reader_free(r);
	if (n != expect || sum == 1)
		abort();
	return t;
}

static void
bench(const char *name, const struct pd_event *e, size_t n)
{
	double enc = 1e9, dec = 1e9, one = 1e9;
	struct pd_buf out = PD_BUF_INIT;

	for (int i = 0; i < ROUNDS; i++) {
		enc = fmin(enc, encode(e, n, &out));
		dec = fmin(dec, decode(&out, n, true));
		one = fmin(one, decode(&out, n, false));
	}
	printf("%-28s %8zu events  %6.3f bytes_per_event  encode %6.2f M/s  "
	       "decode %6.2f M/s  one_by_one %6.2f M/s\n",
	    name, n, (double)out.len / (double)n, (double)n / enc / 1e6,
	    (double)n / dec / 1e6, (double)n / one / 1e6);
	pd_buf_release(&out);
}

int
main(int argc, char **argv)
{
	struct pd_event *e = calloc(MAX_EVENTS, sizeof(*e));
	size_t n;

	if (e == NULL)
		return 2;
	for (int i = 1; i < argc; i++) {
		const char *slash = strrchr(argv[i], '/');

		if (load_trace(argv[i], e, &n) || n == 0)
			return 2;
		bench(slash != NULL ? slash + 1 : argv[i], e, n);
	}
	if (argc == 1) {
		synthesize(e, 1000000, 1000000);
		bench("synthetic, 1M keys", e, 1000000);
		synthesize(e, 1000000, 10000);
		bench("synthetic, 10k keys", e, 1000000);
	}
	free(e);
	return 0;
}
