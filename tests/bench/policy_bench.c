/*
 * Nanoseconds a request of every policy, and millions of requests a second,
 * over a trace made here: Zipf-like keys with scans in between, 1% and 10% of
 * the objects. One thread; figures of one machine and run, to be compared
 * with each other only.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/rng.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "data/event.h"

#define REQUESTS 1000000
#define KEYS 100000

static struct pd_trace *
make_trace(struct pd_err *err)
{
	struct pd_trace *t = pd_trace_new(false, err);
	struct pd_rng rng;
	struct pd_event e;
	uint64_t scan = KEYS;
	double u;

	pd_rng_init(&rng, 1);
	pd_event_init(&e);
	while (t != NULL && t->n < REQUESTS) {
		u = pd_rng_double(&rng);
		e.tick = t->n;
		e.key = t->n % 5000 < 500 ? scan++
					  : (uint64_t)(u * u * u * u * KEYS);
		e.size = 1;
		if (pd_trace_add(t, &e, NULL, 0, err) < 0)
			return NULL;
	}
	return t;
}

static int
bench(const struct pd_trace *t, const struct pd_policy_ops *ops, double share,
    struct pd_err *err)
{
	const struct pd_sim_params p = {
	    .ops = ops,
	    .policy = {.capacity = pd_trace_capacity(t, share, false),
		.seed = 1,
		.minute = REQUESTS / 100},
	    .end = t->n,
	};
	const uint64_t start = pd_clock_mono_us();
	struct pd_sim_result r;
	double s;

	if (pd_sim_run(t, &p, &r, err) < 0)
		return -1;
	s = (double)(pd_clock_mono_us() - start) / 1e6;
	printf("%-10s %8" PRIu64 " objects  miss ratio %.4f  %6.1f ns/request"
	       "  %6.1f M/s  %5.1f bytes/object\n",
	    ops == NULL ? "belady" : ops->name, p.policy.capacity,
	    (double)r.misses / (double)r.requests, s * 1e9 / (double)r.requests,
	    (double)r.requests / s / 1e6,
	    (double)r.memory / (double)p.policy.capacity);
	return 0;
}

int
main(void)
{
	static const double shares[] = {0.01, 0.1};
	const struct pd_policy_ops *const *p;
	struct pd_err err = PD_ERR_INIT;
	struct pd_trace *t = make_trace(&err);
	int i, rc = t == NULL ? -1 : 0;

	for (i = 0; rc == 0 && i < 2; i++) {
		for (p = pd_policies; rc == 0 && *p != NULL; p++)
			rc = bench(t, *p, shares[i], &err);
		if (rc == 0)
			rc = bench(t, NULL, shares[i], &err);
	}
	if (rc != 0)
		fprintf(stderr, "policy_bench: %s\n", err.msg);
	pd_trace_free(t);
	return rc != 0;
}
