/* Stack distances against the simulator, which plays each capacity. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "cache/sim.h"
#include "cache/stackdist.h"
#include "cache/trace.h"
#include "data/event.h"

static void
add(struct pd_trace *t, uint64_t key, uint32_t size, enum pd_op op)
{
	struct pd_event e;

	pd_event_init(&e);
	e.key = key;
	e.size = size;
	e.op = (uint8_t)op;
	e.tick = t->n;
	assert_int_equal(pd_trace_add(t, &e, NULL, 0, NULL), 0);
}

static struct pd_stackdist
run(const struct pd_trace *t, size_t begin, size_t from, size_t end)
{
	const struct pd_stackdist_params p = {begin, from, end, NULL, NULL};
	struct pd_stackdist s;

	assert_int_equal(pd_stackdist_run(t, &p, &s, NULL), 0);
	return s;
}

/* The reference string of the textbooks; each depth by hand. */
static void
by_hand(void **state)
{
	static const char keys[] = "123412512345";
	/* 1 2 3 4 come first; 1 and 2 at depth 4; 5 comes first; 1 and 2 at
	 * depth 3; 3, 4 and 5 at depth 5. */
	static const uint64_t hits[] = {5, 0, 0, 2, 2, 3};
	static const uint64_t misses[] = {12, 12, 12, 10, 8, 5, 5};
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_stackdist s;
	uint64_t bytes, c;
	size_t i;

	(void)state;
	for (i = 0; keys[i] != '\0'; i++)
		add(t, (uint64_t)keys[i], 10, PD_OP_GET);
	s = run(t, 0, 0, t->n);
	assert_int_equal(s.most, 5);
	assert_int_equal(s.requests, 12);
	assert_memory_equal(s.hits, hits, sizeof(hits));
	for (c = 0; c <= 6; c++) {
		assert_int_equal(pd_stackdist_misses(&s, c, &bytes), misses[c]);
		assert_int_equal(bytes, misses[c] * 10);
	}
	pd_stackdist_release(&s);
	pd_trace_free(t);
}

/* Any mix of reads, writes and deletions, any part: LRU as simulated. */
static void
as_simulated(void **state)
{
	struct pd_sim_params p = {
	    .ops = pd_policy_find("lru"), .policy = {.seed = 1}};
	struct pd_trace *t;
	struct pd_sim_result r;
	struct pd_stackdist s;
	struct pd_rng rng;
	uint64_t bytes, misses, last, seed, c;
	int i;

	(void)state;
	for (seed = 1; seed <= 40; seed++) {
		pd_rng_init(&rng, seed);
		t = pd_trace_new(false, NULL);
		for (i = 0; i < 1500; i++)
			add(t, pd_rng_below(&rng, 1 + pd_rng_below(&rng, 60)),
			    1 + pd_rng_below(&rng, 9),
			    pd_rng_below(&rng, 10) < seed % 5 ? PD_OP_DEL
			    : pd_rng_below(&rng, 4) == 0      ? PD_OP_SET
							      : PD_OP_GET);
		p.begin = seed % 3 == 0 ? 100 : 0;
		p.from = seed % 2 == 0 ? 700 : p.begin;
		p.end = t->n - seed;
		s = run(t, p.begin, p.from, p.end);
		last = UINT64_MAX;
		for (c = 1; c <= 62; c++) {
			p.policy.capacity = c;
			assert_int_equal(pd_sim_run(t, &p, &r, NULL), 0);
			misses = pd_stackdist_misses(&s, c, &bytes);
			assert_int_equal(s.requests, r.requests);
			assert_int_equal(misses, r.misses);
			assert_int_equal(bytes, r.byte_misses);
			assert_true(misses <= last);
			last = misses;
		}
		pd_stackdist_release(&s);
		pd_trace_free(t);
	}
}

static int
refuse(void *cookie, size_t entry)
{
	size_t *seen = cookie;

	*seen = entry;
	return entry > 100000 ? -1 : 0;
}

static void
can_be_stopped(void **state)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_stackdist_params p = {.step = refuse};
	struct pd_stackdist s;
	size_t seen = 0, i;

	(void)state;
	for (i = 0; i < 200000; i++)
		add(t, i % 7, 1, PD_OP_GET);
	p.end = t->n;
	p.cookie = &seen;
	assert_int_equal(pd_stackdist_run(t, &p, &s, NULL), -1);
	assert_null(s.hits);
	assert_int_equal(seen, 131072);
	pd_trace_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(by_hand),
	    cmocka_unit_test(as_simulated),
	    cmocka_unit_test(can_be_stopped),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
