/* What single policies are known for, with answers that can be counted. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache_owner.h"

/* 40 hot keys, asked again and again, then a scan of 2000 others: how many of
 * the hot ones are left of a cache of 100? */
static void
scans(void **state)
{
	static const struct {
		const char *name;
		uint32_t least;
		uint32_t most;
	} want[] = {{"fifo", 0, 0}, {"lru", 0, 0}, {"clock", 0, 0},
	    {"2q", 40, 40}, {"arc", 40, 40}, {"lirs", 40, 40},
	    {"s3fifo", 40, 40}, {"qdlp", 40, 40}, {"wtinylfu", 38, 40},
	    {"slru", 25, 40}, {"lfu", 40, 40}, {"sieve", 40, 40}};
	struct owner o;
	uint32_t k, left, scan = 1000;
	unsigned i, round;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		owner_init(&o, pd_policy_find(want[i].name), 100, false, 1);
		for (round = 0; round < 20; round++) {
			for (k = 0; k < 40; k++)
				owner_access(&o, k, 1, true);
			for (k = 0; k < 20; k++)
				owner_access(&o, 100 + scan++ % 900, 1, true);
		}
		for (k = 1000; k < 3000; k++)
			owner_access(&o, k, 1, true);
		for (k = left = 0; k < 40; k++)
			left += o.slot_of[k] != PD_NO_SLOT;
		if (left < want[i].least || left > want[i].most)
			fail_msg("%s keeps %u of 40", want[i].name, left);
		owner_release(&o);
	}
}

/* Misses of ${name} over a loop of ${keys} keys, ${rounds} times. */
static uint32_t
loop(const char *name, uint64_t capacity, uint32_t keys, unsigned rounds)
{
	struct owner o;
	uint32_t k, misses = 0;
	unsigned i;

	owner_init(&o, pd_policy_find(name), capacity, false, 1);
	for (i = 0; i < rounds; i++)
		for (k = 0; k < keys; k++)
			misses += !owner_access(&o, k, 1, true);
	owner_release(&o);
	return misses;
}

/* LRU misses everything in a loop that is a little too long; LIRS keeps its
 * 99 LIR and misses the other 11 in each round. */
static void
loops(void **state)
{
	(void)state;
	assert_int_equal(loop("lru", 100, 110, 10), 1100);
	assert_int_equal(loop("fifo", 100, 110, 10), 1100);
	assert_int_equal(loop("lirs", 100, 110, 10), 110 + 9 * 11);
	assert_int_equal(loop("lru", 110, 110, 10), 110);
}

/* As many counts as residents: buckets come and go. */
static void
lfu_counts_apart(void **state)
{
	struct owner o;
	uint32_t k, i;

	(void)state;
	owner_init(&o, pd_policy_find("lfu"), 400, false, 1);
	for (k = 0; k < 400; k++)
		for (i = 0; i <= k; i++)
			owner_access(&o, k, 1, true);
	for (k = 0; k < 300; k++)
		assert_int_equal(owner_evict(&o), k);
	owner_compact(&o, true);
	for (k = 300; k < 350; k++)
		assert_int_equal(owner_evict(&o), k);
	for (i = 0; i < 360; i++)
		owner_access(&o, 1, 1, true);
	for (k = 350; k < 360; k++)
		assert_int_equal(owner_evict(&o), k);
	assert_int_equal(owner_evict(&o), 1); /* 360 like 359, but later */
	owner_release(&o);
}

/* Ties of LFU go by who got to the count first. */
static void
lfu_breaks_ties_by_age(void **state)
{
	static const uint32_t asked[] = {1, 2, 3, 3, 1, 2};
	struct owner o;
	unsigned i;

	(void)state;
	owner_init(&o, pd_policy_find("lfu"), 10, false, 1);
	for (i = 0; i < sizeof(asked) / sizeof(*asked); i++)
		owner_access(&o, asked[i], 1, true);
	owner_access(&o, 4, 1, true);
	assert_int_equal(owner_evict(&o), 4);
	assert_int_equal(owner_evict(&o), 3);
	assert_int_equal(owner_evict(&o), 1);
	assert_int_equal(owner_evict(&o), 2);
	owner_release(&o);
}

#define GDSF_SLOTS 40

/* GDSF again, as an array that is searched. */
struct naive_gdsf {
	double priority[GDSF_SLOTS]; /* 0: not resident */
	double worth[GDSF_SLOTS];    /* cost / size */
	uint32_t frequency[GDSF_SLOTS];
	uint64_t last[GDSF_SLOTS];
	double age;
};

static uint32_t
naive_gdsf_victim(const struct naive_gdsf *v)
{
	uint32_t i, worst = PD_NO_SLOT;

	for (i = 0; i < GDSF_SLOTS; i++)
		if (v->priority[i] > 0 &&
		    (worst == PD_NO_SLOT ||
			v->priority[i] < v->priority[worst] ||
			(v->priority[i] == v->priority[worst] &&
			    v->last[i] < v->last[worst])))
			worst = i;
	return worst;
}

static void
gdsf_equals_a_naive_one(void **state)
{
	const struct pd_policy_ops *ops = pd_policy_find("gdsf");
	struct naive_gdsf v = {.age = 0};
	struct pd_access acc = {.ttl = 255};
	const struct pd_policy_params params = {
	    .capacity = 1000, .by_bytes = true, .objective = PD_OBJECTIVE_COST};
	struct pd_err err = PD_ERR_INIT;
	struct pd_policy *p = ops->create(&params, &err);
	struct pd_rng rng;
	uint32_t slot;

	(void)state;
	pd_rng_init(&rng, 5);
	assert_non_null(p);
	assert_int_equal(ops->reserve(p, GDSF_SLOTS), 0);
	while (++acc.tick < 20000) {
		slot = pd_rng_below(&rng, GDSF_SLOTS);
		if (pd_rng_below(&rng, 3) == 0) {
			slot = ops->victim(p, acc.tick);
			assert_int_equal(slot, naive_gdsf_victim(&v));
			if (slot == PD_NO_SLOT)
				continue;
			ops->remove(p, slot, slot, true);
			v.age = v.priority[slot];
			v.priority[slot] = 0;
			v.frequency[slot] = 0;
			continue;
		}
		acc.size = 1u << pd_rng_below(&rng, 6);
		acc.cost = 1 + pd_rng_below(&rng, 20);
		if (v.priority[slot] > 0)
			ops->hit(p, slot, &acc);
		else
			ops->insert(p, slot, &acc);
		v.worth[slot] = (double)acc.cost / acc.size;
		v.last[slot] = acc.tick;
		v.priority[slot] = v.age + ++v.frequency[slot] * v.worth[slot];
	}
	ops->destroy(p);
}

/* What a miss costs is what the objective says; a cost that is not known is
 * taken for a thousand. */
static void
gdsf_heeds_the_objective(void **state)
{
	static const struct {
		enum pd_objective objective;
		uint32_t order[4];
	} want[] = {{PD_OBJECTIVE_OBJECTS, {0, 1, 2, 3}},
	    {PD_OBJECTIVE_COST, {0, 3, 2, 1}},
	    {PD_OBJECTIVE_BYTES, {1, 0, 3, 2}}};
	static const uint32_t cost[] = {400, 1800, 0, 600};
	static const uint32_t bytes[] = {40, 20, 400, 60};
	const struct pd_policy_ops *ops = pd_policy_find("gdsf");
	struct pd_policy_params params = {.capacity = 4};
	struct pd_access acc = {.size = 1, .ttl = 255};
	struct pd_err err = PD_ERR_INIT;
	struct pd_policy *p;
	unsigned i;
	uint32_t k;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		params.objective = want[i].objective;
		p = ops->create(&params, &err);
		assert_non_null(p);
		assert_int_equal(ops->reserve(p, 4), 0);
		for (k = 0; k < 4; k++) {
			acc.cost = cost[k];
			acc.bytes = bytes[k];
			acc.tick = k;
			ops->insert(p, k, &acc);
		}
		for (k = 0; k < 4; k++) {
			assert_int_equal(ops->victim(p, 9), want[i].order[k]);
			ops->remove(p, want[i].order[k], k, true);
		}
		ops->destroy(p);
	}
}

/* Of objects asked equally often, small ones are worth their space. */
static void
size_aware_ones_keep_the_small(void **state)
{
	static const char *const names[] = {"gdsf", "lhd"};
	struct owner o;
	struct pd_rng rng;
	uint32_t k, key, kept;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		pd_rng_init(&rng, 2);
		owner_init(&o, pd_policy_find(names[i]), 2000, true, 1);
		for (k = 0; k < 60000; k++) {
			key = pd_rng_below(&rng, 400);
			owner_access(&o, key, key % 2 ? 1 : 99, true);
		}
		for (k = kept = 0; k < 400; k++)
			kept += k % 2 && o.slot_of[k] != PD_NO_SLOT;
		if (kept < 190)
			fail_msg("%s keeps %u of 200", names[i], kept);
		owner_release(&o);
	}
}

/* A loop that is too long by half: LRU hits nothing, hit density learns that
 * what it keeps will be hit, and what is new will not. */
static void
lhd_learns_a_loop(void **state)
{
	uint32_t misses;

	(void)state;
	assert_int_equal(loop("lru", 100, 150, 200), 150 * 200);
	misses = loop("lhd", 100, 150, 200);
	if (misses > 150 * 200 * 0.6)
		fail_msg("%u misses of %u", misses, 150 * 200);
}

/* Misses, a million requested, of steps ${from} to ${to} of a stream in which
 * what is asked for is one of the last 300 keys that came in, seven times of
 * eight: recency is all, and frequency misleads. */
static uint64_t
drifting(const char *name, uint64_t capacity, uint32_t from, uint32_t to)
{
	struct owner o;
	struct pd_rng rng;
	uint32_t i, key, newest = 300;
	uint64_t misses = 0;
	bool hit;

	pd_rng_init(&rng, 8);
	owner_init(&o, pd_policy_find(name), capacity, false, 1);
	for (i = 0; i < to; i++) {
		key = pd_rng_below(&rng, 8) == 0
			  ? ++newest
			  : newest - pd_rng_below(&rng, 300);
		hit = owner_access(&o, key % OWNER_KEYS, 1, true);
		misses += i >= from && !hit;
	}
	owner_release(&o);
	return misses * 1000000 / (to - from);
}

/* From the 1% at the start the window has to grow to its largest, 80%: an LRU
 * of 320 objects. It stays there. */
static void
wtinylfu_finds_its_window(void **state)
{
	const uint64_t want = drifting("lru", 320, 150000, 400000);
	const uint64_t early = drifting("wtinylfu", 400, 5000, 20000);
	const uint64_t late = drifting("wtinylfu", 400, 150000, 400000);

	(void)state;
	if (early < want + want / 3 || late > want + want / 4)
		fail_msg("lru %u, wtinylfu %u, then %u", (unsigned)want,
		    (unsigned)early, (unsigned)late);
}

/* SIEVE's hand stays where it evicted: survivors are not moved. */
static void
sieve_and_clock_differ(void **state)
{
	struct owner s, c;
	uint32_t k;

	(void)state;
	owner_init(&s, pd_policy_find("sieve"), 4, false, 1);
	owner_init(&c, pd_policy_find("clock"), 4, false, 1);
	for (k = 1; k <= 4; k++) {
		owner_access(&s, k, 1, true);
		owner_access(&c, k, 1, true);
	}
	owner_access(&s, 1, 1, true); /* asked twice */
	owner_access(&c, 1, 1, true);
	owner_access(&s, 5, 1, true); /* both evict 2 */
	owner_access(&c, 5, 1, true);
	assert_int_equal(s.slot_of[2], PD_NO_SLOT);
	assert_int_equal(c.slot_of[2], PD_NO_SLOT);
	/* sieve: 1 3 4 5, hand at 3; clock: 3 4 1 5 */
	assert_int_equal(owner_evict(&s), 3);
	assert_int_equal(owner_evict(&s), 4);
	assert_int_equal(owner_evict(&s), 5);
	assert_int_equal(owner_evict(&s), 1);
	assert_int_equal(owner_evict(&c), 3);
	assert_int_equal(owner_evict(&c), 4);
	assert_int_equal(owner_evict(&c), 1);
	assert_int_equal(owner_evict(&c), 5);
	owner_release(&s);
	owner_release(&c);
}

/* S3-FIFO wants two hits for main, QD-LP one; a ghost goes to main at once. */
static void
promotion(void **state)
{
	struct owner o;
	uint32_t k;

	(void)state;
	owner_init(&o, pd_policy_find("s3fifo"), 20, false, 1);
	owner_access(&o, 1, 1, true);
	owner_access(&o, 2, 1, true);
	owner_access(&o, 1, 1, true); /* once: not enough */
	owner_access(&o, 2, 1, true);
	owner_access(&o, 2, 1, true);
	for (k = 100; k < 120; k++)
		owner_access(&o, k, 1, true);
	assert_int_equal(o.slot_of[1], PD_NO_SLOT);
	assert_int_not_equal(o.slot_of[2], PD_NO_SLOT);
	owner_access(&o, 1, 1, true); /* a ghost: main */
	for (k = 200; k < 400; k++)
		owner_access(&o, k, 1, true);
	assert_int_not_equal(o.slot_of[1], PD_NO_SLOT);
	assert_int_not_equal(o.slot_of[2], PD_NO_SLOT);
	owner_release(&o);

	owner_init(&o, pd_policy_find("qdlp"), 20, false, 1);
	owner_access(&o, 1, 1, true);
	owner_access(&o, 1, 1, true);
	for (k = 100; k < 300; k++)
		owner_access(&o, k, 1, true);
	assert_int_not_equal(o.slot_of[1], PD_NO_SLOT);
	owner_release(&o);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(scans),
	    cmocka_unit_test(loops),
	    cmocka_unit_test(lfu_counts_apart),
	    cmocka_unit_test(lfu_breaks_ties_by_age),
	    cmocka_unit_test(gdsf_equals_a_naive_one),
	    cmocka_unit_test(gdsf_heeds_the_objective),
	    cmocka_unit_test(size_aware_ones_keep_the_small),
	    cmocka_unit_test(lhd_learns_a_loop),
	    cmocka_unit_test(wtinylfu_finds_its_window),
	    cmocka_unit_test(sieve_and_clock_differ),
	    cmocka_unit_test(promotion),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
