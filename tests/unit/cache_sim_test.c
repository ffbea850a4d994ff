/* The trace in memory and the simulator. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "data/event.h"

static void
add(struct pd_trace *t, uint64_t key, uint32_t size, enum pd_op op,
    unsigned flags)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;

	pd_event_init(&e);
	e.key = key;
	e.size = size;
	e.op = (uint8_t)op;
	e.flags = (uint8_t)flags;
	e.tick = t->n;
	e.time_us = t->n * 1000000;
	assert_int_equal(pd_trace_add(t, &e, NULL, 0, &err), 0);
}

static struct pd_trace *
digits(const char *keys)
{
	struct pd_trace *t = pd_trace_new(false, NULL);

	assert_non_null(t);
	for (; *keys != '\0'; keys++)
		add(t, (uint64_t)*keys, 1, PD_OP_GET, 0);
	return t;
}

static struct pd_sim_result
run(const struct pd_trace *t, const char *policy, uint64_t capacity,
    bool by_bytes, size_t from)
{
	struct pd_sim_params p = {
	    .ops = pd_policy_find(policy),
	    .policy = {.capacity = capacity, .by_bytes = by_bytes, .seed = 1},
	    .from = from,
	    .end = t->n,
	};
	struct pd_sim_result r;
	struct pd_err err = PD_ERR_INIT;

	if (pd_sim_run(t, &p, &r, &err) < 0)
		fail_msg("%s: %s", policy, err.msg);
	return r;
}

/* The reference strings of the textbooks (Silberschatz, Operating System
 * Concepts), and Belady's anomaly: FIFO misses more with more room. */
static void
textbook(void **state)
{
	struct pd_trace *t = digits("70120304230321201701");
	struct pd_trace *anomaly = digits("123412512345");

	(void)state;
	assert_int_equal(run(t, "fifo", 3, false, 0).misses, 15);
	assert_int_equal(run(t, "lru", 3, false, 0).misses, 12);
	assert_int_equal(run(t, "belady", 3, false, 0).misses, 9);
	assert_int_equal(run(anomaly, "fifo", 3, false, 0).misses, 9);
	assert_int_equal(run(anomaly, "fifo", 4, false, 0).misses, 10);
	assert_int_equal(run(anomaly, "lru", 4, false, 0).misses, 8);
	pd_trace_free(t);
	pd_trace_free(anomaly);
}

static void
counts_from_where_it_is_told(void **state)
{
	struct pd_trace *t = digits("abcabcabc");
	struct pd_sim_result r = run(t, "lru", 3, false, 3);

	(void)state;
	assert_int_equal(r.requests, 6);
	assert_int_equal(r.misses, 0);
	assert_int_equal(r.resident, 3);
	assert_int_equal(r.evictions, 0);
	r = run(t, "lru", 2, false, 3);
	assert_int_equal(r.misses, 6);
	assert_int_equal(r.evictions, 7);
	assert_int_equal(pd_trace_position(t, 0.5), 4);
	assert_int_equal(pd_trace_position(t, 1), 9);
	assert_int_equal(pd_trace_position(t, 0), 0);
	pd_trace_free(t);
}

/* A fill is part of its miss and tells its size; a deletion counts nowhere. */
static void
fills_and_deletions(void **state)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_sim_result r;

	(void)state;
	add(t, 1, 0, PD_OP_GET, 0);
	add(t, 1, 300, PD_OP_SET, PD_EV_FILL);
	add(t, 1, 300, PD_OP_GET, PD_EV_HIT);
	add(t, 1, 0, PD_OP_DEL, PD_EV_HIT);
	add(t, 1, 0, PD_OP_EXPIRE, 0);
	add(t, 1, 300, PD_OP_GET, 0);
	add(t, 2, 100, PD_OP_SET, PD_EV_FILL); /* its miss was not recorded */
	assert_int_equal(t->n, 5);
	assert_int_equal(t->requests, 4);
	assert_int_equal(t->unique, 2);
	assert_int_equal(t->unique_bytes, 400);
	assert_int_equal(t->total_bytes, 1000);
	r = run(t, "lru", 10, false, 0);
	assert_int_equal(r.requests, 4);
	assert_int_equal(r.misses, 3);
	assert_int_equal(r.bytes, 1000);
	assert_int_equal(r.byte_misses, 700);
	assert_int_equal(run(t, "belady", 10, false, 0).misses, 3);
	/* half of the four requests: the third, behind the deletion */
	assert_int_equal(pd_trace_position(t, 0.5), 3);
	pd_trace_free(t);
}

static void
bytes(void **state)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_sim_result r;

	(void)state;
	add(t, 1, 60, PD_OP_GET, 0);
	add(t, 2, 40, PD_OP_GET, 0);
	add(t, 1, 60, PD_OP_GET, 0);
	add(t, 3, 101, PD_OP_GET, 0); /* larger than the cache */
	add(t, 2, 40, PD_OP_GET, 0);
	add(t, 2, 50, PD_OP_SET, 0); /* grows: 1 must go */
	add(t, 1, 60, PD_OP_GET, 0);
	r = run(t, "lru", 100, true, 0);
	assert_int_equal(r.requests, 7);
	assert_int_equal(r.misses, 4); /* 1, 2, 3, 1 */
	assert_int_equal(r.byte_misses, 60 + 40 + 101 + 60);
	assert_int_equal(r.evictions, 2); /* 1 by the write, 2 by 1 */
	assert_int_equal(r.resident, 1);
	pd_trace_free(t);
}

/* The capacities of the reference figures: 20484 objects of web07. */
static void
shares_are_rounded(void **state)
{
	struct pd_trace t = {.unique = 20484, .unique_bytes = 56144585};

	(void)state;
	assert_int_equal(pd_trace_capacity(&t, 0.001, false), 20);
	assert_int_equal(pd_trace_capacity(&t, 0.01, false), 205);
	assert_int_equal(pd_trace_capacity(&t, 0.1, false), 2048);
	assert_int_equal(pd_trace_capacity(&t, 1e-9, false), 1);
	assert_int_equal(pd_trace_capacity(&t, 0.01, true), 561446);
}

static void
minutes(void **state)
{
	struct pd_trace t = {.n = 1000, .t_last_us = 999 * 1000000ULL};

	(void)state;
	assert_int_equal(pd_trace_minute(&t), 10); /* numbers, no clock */
	t.t_last_us = 999;
	assert_int_equal(pd_trace_minute(&t), 10);
	t.t_last_us = 600ULL * 1000000; /* ten minutes */
	assert_int_equal(pd_trace_minute(&t), 100);
	t.n = 0;
	assert_int_equal(pd_trace_minute(&t), 1);
}

/* Belady as an array that is searched, on random traces: the same misses, and
 * no policy has fewer. */
static uint64_t
naive_belady(const struct pd_trace *t, uint32_t capacity)
{
	uint32_t in[64], n = 0, k, far, far_at;
	uint64_t misses = 0;
	size_t i, j;

	for (i = 0; i < t->n; i++) {
		for (k = 0; k < n && in[k] != t->id[i]; k++)
			continue;
		if (k < n)
			continue;
		misses++;
		if (n < capacity) {
			in[n++] = t->id[i];
			continue;
		}
		for (k = far = far_at = 0; k < n; k++) {
			for (j = i + 1; j < t->n && t->id[j] != in[k]; j++)
				continue;
			if (j > far_at) {
				far_at = (uint32_t)j;
				far = k;
			}
		}
		in[far] = t->id[i];
	}
	return misses;
}

static void
belady_is_the_bound(void **state)
{
	static const uint32_t capacities[] = {1, 2, 7, 30};
	const struct pd_policy_ops *const *p;
	struct pd_trace *t;
	struct pd_rng rng;
	uint64_t least;
	unsigned i, k;

	(void)state;
	for (i = 0; i < 4; i++) {
		t = pd_trace_new(false, NULL);
		pd_rng_init(&rng, i);
		for (k = 0; k < 3000; k++)
			add(t,
			    (uint64_t)(pd_rng_double(&rng) *
				       pd_rng_double(&rng) * 120),
			    1, PD_OP_GET, 0);
		least = run(t, "belady", capacities[i], false, 0).misses;
		assert_int_equal(least, naive_belady(t, capacities[i]));
		for (p = pd_policies; *p != NULL; p++)
			assert_true(run(t, (*p)->name, capacities[i], false, 0)
					.misses >= least);
		/* room for all: one miss a key, whatever the policy */
		for (p = pd_policies; *p != NULL; p++)
			assert_int_equal(
			    run(t, (*p)->name, 500, false, 0).misses,
			    t->unique);
		pd_trace_free(t);
	}
}

/* Deletions free what they delete, in every policy and in Belady. */
static void
deletions(void **state)
{
	const struct pd_policy_ops *const *p;
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_sim_result r;
	struct pd_rng rng;
	unsigned k;

	(void)state;
	pd_rng_init(&rng, 8);
	for (k = 0; k < 5000; k++)
		add(t, pd_rng_below(&rng, 200), 1 + pd_rng_below(&rng, 50),
		    k % 5 == 4 ? PD_OP_DEL : PD_OP_GET, 0);
	for (p = pd_policies; *p != NULL; p++) {
		r = run(t, (*p)->name, 60, false, 0);
		assert_int_equal(r.requests, 4000);
		assert_true(r.resident <= 60);
		assert_true(r.misses >= run(t, "belady", 60, false, 0).misses);
		r = run(t, (*p)->name, 1500, true, 0);
		assert_true(r.resident <= 1500);
	}
	pd_trace_free(t);
}

/* What is played twice is the same twice, and a part is a trace of its own. */
static void
a_part_is_a_trace(void **state)
{
	struct pd_trace *t = digits("abcdabcdeeabcdabcd");
	struct pd_trace *tail = digits("eeabcdabcd");
	struct pd_sim_params p = {.ops = pd_policy_find("s3fifo"),
	    .policy = {.capacity = 3},
	    .begin = 8,
	    .from = 8,
	    .end = 18};
	struct pd_sim_result r;

	(void)state;
	assert_int_equal(pd_sim_run(t, &p, &r, NULL), 0);
	assert_int_equal(r.misses, run(tail, "s3fifo", 3, false, 0).misses);
	p.ops = NULL;
	assert_int_equal(pd_sim_run(t, &p, &r, NULL), 0);
	assert_int_equal(r.misses, run(tail, "belady", 3, false, 0).misses);
	assert_int_equal(r.requests, 10);
	pd_trace_free(t);
	pd_trace_free(tail);
}

struct paused {
	uint64_t misses[16];
	size_t entry[16];
	int n;
	bool ruled;
};

static int
note_pause(void *cookie, struct pd_sim_pause *at)
{
	struct paused *p = cookie;

	p->misses[p->n] = at->result->misses;
	p->entry[p->n++] = at->entry;
	p->ruled = at->policy != NULL;
	at->next = at->entry + 4;
	return p->n < 6 ? 0 : -1;
}

/* Pauses come where they are asked for and change nothing; -1 ends it. */
static void
pauses(void **state)
{
	static const size_t want[] = {2, 6, 10, 12};
	struct pd_trace *t = digits("123412512345");
	struct pd_trace *longer = digits("123412512345123412512345");
	const char *const names[] = {"lru", "belady"};
	struct paused seen;
	struct pd_sim_params p = {
	    .policy = {.capacity = 3, .seed = 1},
	    .end = t->n,
	    .pause = note_pause,
	    .pause_cookie = &seen,
	    .pause_at = 2,
	};
	struct pd_sim_result r;
	struct pd_err err = PD_ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < 2; i++) {
		memset(&seen, 0, sizeof(seen));
		p.ops = pd_policy_find(names[i]);
		assert_int_equal(pd_sim_run(t, &p, &r, &err), 0);
		assert_int_equal(
		    r.misses, run(t, names[i], 3, false, 0).misses);
		assert_int_equal(seen.n, 4);
		assert_memory_equal(seen.entry, want, sizeof(want));
		assert_int_equal(seen.misses[0], 2);
		assert_int_equal(seen.misses[3], r.misses);
		assert_int_equal(seen.ruled, i == 0);
	}
	memset(&seen, 0, sizeof(seen));
	p.end = longer->n;
	assert_int_equal(pd_sim_run(longer, &p, &r, &err), -1);
	assert_int_equal(seen.n, 6);
	pd_trace_free(t);
	pd_trace_free(longer);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(textbook),
	    cmocka_unit_test(counts_from_where_it_is_told),
	    cmocka_unit_test(fills_and_deletions),
	    cmocka_unit_test(pauses),
	    cmocka_unit_test(bytes),
	    cmocka_unit_test(shares_are_rounded),
	    cmocka_unit_test(minutes),
	    cmocka_unit_test(belady_is_the_bound),
	    cmocka_unit_test(deletions),
	    cmocka_unit_test(a_part_is_a_trace),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
