#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/code.h"
#include "base/hash.h"
#include "base/rng.h"
#include "cache/learned.h"
#include "cache/minicache.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "data/event.h"
#include "data/feature.h"

#define SERVED 20
#define EVENTS 60000

/* What the learned policy saw in a run of the simulator, hit by hit. */
static struct {
	float row[EVENTS][SERVED];
	uint64_t key[EVENTS];
	size_t n;
} seen;

static void
row_of(const struct pd_served *s, float row[SERVED])
{
	uint8_t slots[SERVED];
	unsigned i;

	for (i = 0; i < SERVED; i++)
		slots[i] = (uint8_t)i;
	pd_feature_served(s, slots, SERVED, row);
}

static void
watched_hit(struct pd_policy *p, uint32_t slot, const struct pd_access *a)
{
	struct pd_served s;

	assert_true(pd_learned_served(p, slot, a->tick, &s));
	seen.key[seen.n] = a->key;
	row_of(&s, seen.row[seen.n++]);
	pd_policy_learned.hit(p, slot, a);
}

/* Zipf-like keys with a few deletions; ticks with holes, as in a sample. */
static void
make_event(struct pd_event *e, struct pd_rng *r, uint64_t i)
{
	uint64_t key = pd_rng_u64(r) >> (44 + pd_rng_below(r, 20));

	pd_event_init(e);
	e->key = pd_mix64(key + 1);
	e->tick = i * 3 + pd_rng_below(r, 3);
	e->time_us = i * 1000;
	e->size = 1 + (uint32_t)(e->key % 4000);
	e->op = (uint8_t)(pd_rng_below(r, 20) ? PD_OP_GET
					      : pd_rng_below(r, PD_OP_MAX));
}

/*
 * The same bits: rows of the miniature cache, and of the policy inside a run
 * of the simulator, for the same events.
 */
static void
parity(uint64_t capacity, bool by_bytes)
{
	struct pd_policy_ops watched = pd_policy_learned;
	struct pd_sim_params p = {.ops = &watched};
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_minicache *m =
	    pd_minicache_new(capacity, by_bytes, false, NULL);
	struct pd_minicache_stats st;
	struct pd_sim_result r;
	struct pd_served s;
	struct pd_event e;
	struct pd_rng rng;
	float row[SERVED];
	size_t i, hits = 0;
	int got;

	assert_non_null(t);
	assert_non_null(m);
	pd_rng_init(&rng, 31);
	for (i = 0; i < EVENTS; i++) {
		make_event(&e, &rng, i);
		assert_int_equal(pd_trace_add(t, &e, NULL, 0, NULL), 0);
	}
	watched.hit = watched_hit;
	p.policy.capacity = capacity;
	p.policy.by_bytes = by_bytes;
	p.end = t->n;
	seen.n = 0;
	assert_int_equal(pd_sim_run(t, &p, &r, NULL), 0);

	pd_rng_init(&rng, 31);
	for (i = 0; i < EVENTS; i++) {
		make_event(&e, &rng, i);
		got = pd_minicache_event(m, &e, &s);
		assert_true(got >= 0);
		if (got == 0)
			continue;
		assert_true(hits < seen.n);
		assert_int_equal(e.key, seen.key[hits]);
		row_of(&s, row);
		assert_memory_equal(row, seen.row[hits], sizeof(row));
		hits++;
	}
	assert_int_equal(hits, seen.n);
	pd_minicache_stats(m, &st);
	assert_int_equal(st.hits, hits);
	assert_int_equal(st.accesses - st.hits, r.misses);
	assert_int_equal(st.evictions, r.evictions);
	assert_int_equal(st.objects, r.resident);
	assert_true(st.evictions > 1000 && st.hits > 5000);
	pd_minicache_free(m);
	pd_trace_free(t);
}

static void
same_bits_as_in_a_run(void **state)
{
	(void)state;
	parity(500, false);
	parity(1000000, true);
}

static void
not_resident(void **state)
{
	struct pd_minicache *m = pd_minicache_new(2, false, false, NULL);
	struct pd_served s;
	struct pd_event e;
	float row[SERVED];
	uint64_t i;

	(void)state;
	for (i = 0; i < 10; i++) {
		pd_event_init(&e);
		e.key = i % 5;
		e.tick = i;
		assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	}
	row_of(&s, row);
	assert_true(isnan(row[PD_F_age]) && isnan(row[PD_F_residence]));
	assert_true(row[PD_F_hit_ratio_lately] == 0.0f);
	assert_int_equal(s.evict_age, pd_code(2));
	pd_minicache_free(m);
}

/* A deletion and an expiry end a residence. */
static void
gone_is_no_hit(void **state)
{
	struct pd_minicache *m = pd_minicache_new(10, false, false, NULL);
	struct pd_minicache_stats st;
	struct pd_served s;
	struct pd_event e;

	(void)state;
	pd_event_init(&e);
	e.key = 1;
	e.op = PD_OP_SET;
	e.flags = PD_EV_TTL;
	e.ttl_ms = 2000;
	assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	e.op = PD_OP_GET;
	e.flags = 0;
	e.time_us = 1999999;
	e.tick = 1;
	assert_int_equal(pd_minicache_event(m, &e, &s), 1);
	assert_int_equal(s.ttl_left, pd_code(2));
	assert_int_equal(s.flags, PD_SERVED_WRITE);
	e.time_us = 2000000;
	e.tick = 2;
	assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	e.tick = 3;
	assert_int_equal(pd_minicache_event(m, &e, &s), 1);
	e.op = PD_OP_DEL;
	assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	e.op = PD_OP_GET;
	e.tick = 4;
	assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	pd_minicache_stats(m, &st);
	assert_int_equal(st.accesses, 5);
	assert_int_equal(st.hits, 2);
	assert_int_equal(st.objects, 1);
	pd_minicache_free(m);
}

/* In bytes: a fill brings the size, a larger one makes room, one that can
 * never fit is not kept. */
static void
sizes_in_byte_mode(void **state)
{
	struct pd_minicache *m = pd_minicache_new(1000, true, false, NULL);
	struct pd_minicache_stats st;
	struct pd_served s;
	struct pd_event e;
	uint64_t i;

	(void)state;
	for (i = 0; i < 4; i++) {
		pd_event_init(&e);
		e.key = i;
		e.tick = i;
		assert_int_equal(pd_minicache_event(m, &e, &s), 0);
		e.op = PD_OP_SET;
		e.flags = PD_EV_FILL;
		e.size = 300;
		assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	}
	pd_minicache_stats(m, &st);
	assert_int_equal(st.objects, 3);
	assert_int_equal(st.evictions, 1);
	pd_event_init(&e);
	e.key = 3;
	e.tick = 9;
	e.op = PD_OP_SET;
	e.size = 2000;
	assert_int_equal(pd_minicache_event(m, &e, &s), 1);
	assert_int_equal(s.size, pd_code(300));
	pd_minicache_stats(m, &st);
	assert_int_equal(st.objects, 2);
	pd_minicache_free(m);
	pd_minicache_free(NULL);
}

/* From a server: a miss is stored when its fill comes, if one does. */
static void
misses_wait_for_their_fill(void **state)
{
	struct pd_minicache *m = pd_minicache_new(10, false, true, NULL);
	struct pd_served s;
	struct pd_event e;

	(void)state;
	pd_event_init(&e);
	e.key = 1;
	e.tick = 1;
	assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	e.tick = 2;
	assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	e.op = PD_OP_SET;
	e.flags = PD_EV_FILL | PD_EV_TTL;
	e.ttl_ms = 9000;
	assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	e.op = PD_OP_GET;
	e.flags = 0;
	e.tick = 5;
	assert_int_equal(pd_minicache_event(m, &e, &s), 1);
	assert_int_equal(s.age, pd_code(3));
	assert_int_equal(s.ttl_left, pd_code(9));
	assert_int_equal(s.flags, 0);
	/* The server had it all the time: it would be filled here. */
	e.key = 2;
	e.flags = PD_EV_HIT;
	assert_int_equal(pd_minicache_event(m, &e, &s), 0);
	e.tick = 6;
	assert_int_equal(pd_minicache_event(m, &e, &s), 1);
	pd_minicache_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(same_bits_as_in_a_run),
	    cmocka_unit_test(not_resident),
	    cmocka_unit_test(gone_is_no_hit),
	    cmocka_unit_test(sizes_in_byte_mode),
	    cmocka_unit_test(misses_wait_for_their_fill),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
