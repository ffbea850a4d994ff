/* The learned policy with models that say one simple thing; its records. That
 * it is LRU without a model, and keeps a policy's promises, is tested with all
 * policies (cache_policy_test.c). */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/code.h"
#include "cache/learned.h"
#include "cache/record.h"
#include "cache_owner.h"
#include "cache_stairs.h"
#include "data/event.h"
#include "data/feature.h"
#include "model/model.h"
#include "model/trees.h"

/* log2(1 + n) for the counts 1 to 8, between the codes. */
static const float counts[] = {0.1f, 0.6f, 1.1f, 1.4f, 1.9f, 2.2f, 2.4f, 2.6f};

static void
needs_a_context(void **state)
{
	const struct pd_policy_params params = {.capacity = 10, .seed = 1};
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	assert_null(pd_policy_learned.create(&params, &err));
	assert_string_equal(err.msg, "policy 'learned' needs a context");
}

/* Ten keys, key i asked for 1 + i times; the least asked leaves first. */
static void
fill_by_count(struct owner *o)
{
	uint32_t key, i;

	for (i = 0; i < 10; i++)
		for (key = i; key < 10; key++)
			owner_access(o, key, 1, true);
}

static void
the_highest_score_leaves(void **state)
{
	struct pd_model m;
	struct owner o;
	uint32_t i, key, least = 0;

	(void)state;
	stairs(&m, PD_F_frequency, counts, 8, true);
	owner_init(&o, &pd_policy_learned, 10, false, 1);
	fill_by_count(&o);
	pd_policy_learned.set_model(o.policy, &m);
	/* 8 draws of 10 residents, and a pool: nearly in order. */
	for (i = 0; i < 5; i++) {
		key = owner_evict(&o);
		least += key < 5;
	}
	assert_true(least >= 4);
	/* Back to LRU: the oldest of what is left. */
	pd_policy_learned.set_model(o.policy, NULL);
	for (key = 0; o.slot_of[key] == PD_NO_SLOT; key++)
		;
	assert_int_equal(owner_evict(&o), key);
	owner_release(&o);
	pd_trees_free(m.trees);
}

/* What was touched after it was scored is not what was scored. */
static void
the_pool_forgets_what_was_touched(void **state)
{
	struct pd_model m;
	struct owner o;
	uint32_t key, i;

	(void)state;
	stairs(&m, PD_F_frequency, counts, 8, true);
	owner_init(&o, &pd_policy_learned, 12, false, 3);
	for (key = 0; key < 12; key++)
		owner_access(&o, key, 1, true);
	pd_policy_learned.set_model(o.policy, &m);
	owner_evict(&o); /* the pool holds once-asked keys now */
	for (i = 0; i < 3; i++)
		for (key = 0; key < 12; key++)
			if (key != 5 && o.slot_of[key] != PD_NO_SLOT)
				owner_access(&o, key, 1, true);
	/* All but key 5 (if it still is there) were asked four times. */
	if (o.slot_of[5] != PD_NO_SLOT)
		for (i = 0; i < 3 && o.slot_of[5] != PD_NO_SLOT; i++)
			owner_evict(&o);
	assert_int_equal(o.slot_of[5], PD_NO_SLOT);
	owner_release(&o);
	pd_trees_free(m.trees);
}

static uint64_t
victims_of(uint64_t seed, const struct pd_model *m, uint32_t reserve)
{
	struct owner o;
	struct pd_rng rng;
	uint64_t v;
	unsigned i;

	owner_init(&o, &pd_policy_learned, 200, false, seed);
	if (reserve > 0)
		owner_reserve(&o, reserve);
	pd_policy_learned.set_model(o.policy, m);
	pd_rng_init(&rng, 9);
	for (i = 0; i < 20000; i++)
		owner_access(&o, owner_draw(&rng, 1500), 1, true);
	v = o.victims;
	owner_release(&o);
	return v;
}

static void
the_seed_decides(void **state)
{
	struct pd_model m;

	(void)state;
	stairs(&m, PD_F_frequency, counts, 8, true);
	assert_int_equal(victims_of(1, &m, 0), victims_of(1, &m, 0));
	assert_int_not_equal(victims_of(1, &m, 0), victims_of(2, &m, 0));
	assert_int_not_equal(victims_of(1, &m, 0), victims_of(1, NULL, 0));
	/* Candidates are drawn among the slots in use. */
	assert_int_equal(victims_of(1, &m, 0), victims_of(1, &m, 4000));
	pd_trees_free(m.trees);
}

/* A model that keeps what is frequent hits more than LRU on skewed keys with
 * a scan between them; a model that does the opposite is stopped. */
static unsigned
hits_of(const struct pd_model *m)
{
	struct owner o;
	struct pd_rng rng;
	unsigned i, hits = 0;

	owner_init(&o, &pd_policy_learned, 300, false, 1);
	pd_policy_learned.set_model(o.policy, m);
	pd_rng_init(&rng, 7);
	for (i = 0; i < 120000; i++)
		hits += owner_access(&o,
		    i % 2 == 0 ? owner_draw(&rng, 900) : 1000 + (i / 2) % 3000,
		    1, true);
	owner_release(&o);
	return hits;
}

static void
good_models_help_and_bad_ones_are_paused(void **state)
{
	struct pd_model good, bad;
	unsigned lru, with;

	(void)state;
	stairs(&good, PD_F_frequency, counts, 8, true);
	stairs(&bad, PD_F_frequency, counts, 8, false);
	lru = hits_of(NULL);
	with = hits_of(&good);
	assert_true(with > lru + lru / 5);
	with = hits_of(&bad);
	if (with < lru - lru / 10)
		fail_msg("%u hits, LRU has %u", with, lru);
	pd_trees_free(good.trees);
	pd_trees_free(bad.trees);
}

static void
records_tell_the_history(void **state)
{
	struct pd_served s;
	struct owner o;
	uint32_t slot;

	(void)state;
	owner_init(&o, &pd_policy_learned, 2, false, 1);
	o.tick = 99;
	owner_access(&o, 1, 1, true); /* tick 100 */
	o.tick = 107;
	owner_access(&o, 1, 1, true); /* 108 */
	o.tick = 207;
	owner_access(&o, 1, 1, true); /* 208 */
	slot = o.slot_of[1];
	assert_true(pd_learned_served(o.policy, slot, 250, &s));
	assert_int_equal(s.age, pd_code(42));
	assert_int_equal(s.gap[0], pd_code(100));
	assert_int_equal(s.gap[1], pd_code(8));
	assert_int_equal(s.gap[2], PD_CODE_NONE);
	assert_int_equal(s.frequency, pd_code(3));
	assert_int_equal(s.hits_resident, pd_code(2));
	assert_int_equal(s.residence, pd_code(150));
	assert_int_equal(s.resident_at_last, pd_code(108));
	assert_int_equal(s.evict_age, PD_CODE_NONE);
	assert_int_equal(s.flags, 0);
	assert_false(pd_learned_served(o.policy, o.cap + 5, 250, &s));
	/* Evicted, and back: the ghost kept what it knew. */
	owner_access(&o, 2, 1, true); /* 209 */
	owner_access(&o, 3, 1, true); /* 210: key 1 leaves */
	assert_int_equal(o.slot_of[1], PD_NO_SLOT);
	o.tick = 307;
	owner_access(&o, 1, 1, true); /* 308 */
	assert_true(pd_learned_served(o.policy, o.slot_of[1], 310, &s));
	assert_int_equal(s.flags, PD_SERVED_RETURNING);
	assert_int_equal(s.gap[0], pd_code(100));
	assert_int_equal(s.gap[1], pd_code(100));
	assert_int_equal(s.gap[2], pd_code(8));
	assert_int_equal(s.frequency, pd_code(4));
	assert_int_equal(s.hits_resident, 0);
	assert_int_equal(s.residence, pd_code(2));
	assert_int_not_equal(s.evict_age, PD_CODE_NONE);
	owner_release(&o);
}

static void
ticks_wrap_around(void **state)
{
	const struct pd_access a = {.key = 1,
	    .tick = 0xfffffff0u,
	    .size = 1,
	    .bytes = 100,
	    .ttl = 9,
	    .op = PD_OP_SET};
	const struct pd_access b = {
	    .key = 1, .tick = 0x100000010u, .size = 1, .bytes = 300, .ttl = 7};
	const struct pd_access none = {.key = 1, .size = 1};
	const struct pd_context_codes c = {40, 50, 60};
	struct pd_record r;
	struct pd_served s;

	(void)state;
	pd_record_insert(&r, &a, NULL);
	pd_record_served(&r, &c, (uint32_t)a.tick, &s);
	assert_int_equal(s.flags, PD_SERVED_WRITE);
	assert_int_equal(s.size, pd_code(100));
	pd_record_hit(&r, &b);
	pd_record_served(&r, &c, 0x20, &s);
	assert_int_equal(s.gap[0], pd_code(0x20));
	assert_int_equal(s.age, pd_code(0x10));
	assert_int_equal(s.residence, pd_code(0x30));
	assert_int_equal(s.size, pd_code(300));
	assert_int_equal(s.ttl_left, 7);
	assert_int_equal(s.flags, 0);
	assert_int_equal(s.evict_age, 40);
	assert_int_equal(s.hit_ratio, 50);
	assert_int_equal(s.new_share, 60);
	pd_record_resize(&r, &a);
	pd_record_served(&r, &c, 0x20, &s);
	assert_int_equal(s.size, pd_code(100));
	assert_int_equal(s.age, pd_code(0x10));
	pd_record_resize(&r, &none);
	pd_record_served(&r, &c, 0x20, &s);
	assert_int_equal(s.size, PD_CODE_NONE);
}

static void
counters_saturate(void **state)
{
	const struct pd_context_codes c = {255, 255, 255};
	struct pd_access a = {.key = 1, .size = 1, .ttl = 255};
	struct pd_record r;
	struct pd_served s;
	unsigned i;

	(void)state;
	pd_record_insert(&r, &a, NULL);
	for (i = 1; i < 1000; i++) {
		a.tick = i;
		a.op = i % 2 ? PD_OP_UPDATE : PD_OP_GET;
		pd_record_hit(&r, &a);
		pd_record_served(&r, &c, i, &s);
		assert_int_equal(
		    s.frequency, pd_code(i + 1 < 255 ? i + 1 : 255));
		assert_int_equal(s.hits_resident, pd_code(i < 63 ? i : 63));
		assert_int_equal(s.flags, i % 2 ? PD_SERVED_WRITE : 0);
	}
	assert_int_equal(sizeof(struct pd_record), 16);
	assert_int_equal(sizeof(struct pd_record_ghost), 12);
}

/* The ring against the keys that were evicted last. */
static void
ghosts_are_a_fifo(void **state)
{
	struct pd_ghost_ring g;
	struct pd_record_ghost out;
	struct pd_record r = {.frequency = 3};
	uint32_t key;

	(void)state;
	assert_int_equal(pd_ghost_ring_init(&g), 0);
	pd_ghost_ring_add(&g, 1, &r, 10); /* no room reserved: nothing */
	assert_false(pd_ghost_ring_find(&g, 1, &out));
	assert_int_equal(pd_ghost_ring_reserve(&g, 10), 0);
	for (key = 1; key <= 25; key++) {
		r.last = key;
		pd_ghost_ring_add(&g, key, &r, 10);
	}
	for (key = 1; key <= 25; key++)
		assert_int_equal(pd_ghost_ring_find(&g, key, &out), key > 15);
	assert_int_equal(out.last, 25);
	pd_ghost_ring_del(&g, 20);
	assert_false(pd_ghost_ring_find(&g, 20, &out));
	pd_ghost_ring_del(&g, 20);
	/* More room keeps what is there, in order. */
	assert_int_equal(pd_ghost_ring_reserve(&g, 16), 0);
	for (key = 26; key <= 32; key++)
		pd_ghost_ring_add(&g, key, &r, 16);
	assert_true(pd_ghost_ring_find(&g, 16, &out));
	pd_ghost_ring_add(&g, 33, &r, 16);
	assert_false(pd_ghost_ring_find(&g, 16, &out));
	assert_true(pd_ghost_ring_find(&g, 17, &out));
	/* A lower limit forgets the oldest. */
	pd_ghost_ring_add(&g, 34, &r, 2);
	assert_false(pd_ghost_ring_find(&g, 32, &out));
	assert_true(pd_ghost_ring_find(&g, 33, &out));
	/* The same key again is one ghost. */
	pd_ghost_ring_add(&g, 33, &r, 16);
	pd_ghost_ring_del(&g, 33);
	assert_false(pd_ghost_ring_find(&g, 33, &out));
	assert_true(pd_ghost_ring_memory(&g) >= 16 * sizeof(out));
	/* Less room forgets the oldest, none everything. */
	assert_int_equal(pd_ghost_ring_reserve(&g, 10), 0);
	for (key = 40; key < 50; key++)
		pd_ghost_ring_add(&g, key, &r, 10);
	assert_int_equal(pd_ghost_ring_reserve(&g, 4), 0);
	for (key = 40; key < 50; key++)
		assert_int_equal(pd_ghost_ring_find(&g, key, &out), key >= 46);
	assert_int_equal(pd_ghost_ring_reserve(&g, 0), 0);
	pd_ghost_ring_add(&g, 49, &r, 10);
	assert_false(pd_ghost_ring_find(&g, 49, &out));
	pd_ghost_ring_release(&g);
}

/* 24 bytes a resident, and two ghosts of 12 with 6 for the index of each. */
static void
memory_is_bounded(void **state)
{
	struct owner o;
	size_t a, b;

	(void)state;
	owner_init(&o, &pd_policy_learned, 4096, false, 1);
	a = pd_policy_learned.memory(o.policy);
	owner_reserve(&o, 4096);
	b = pd_policy_learned.memory(o.policy);
	assert_in_range((b - a) / 4096, 23 + 2 * 18, 24 + 2 * 18);
	owner_release(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(needs_a_context),
	    cmocka_unit_test(the_highest_score_leaves),
	    cmocka_unit_test(the_pool_forgets_what_was_touched),
	    cmocka_unit_test(the_seed_decides),
	    cmocka_unit_test(good_models_help_and_bad_ones_are_paused),
	    cmocka_unit_test(records_tell_the_history),
	    cmocka_unit_test(ticks_wrap_around),
	    cmocka_unit_test(counters_saturate),
	    cmocka_unit_test(ghosts_are_a_fifo),
	    cmocka_unit_test(memory_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
