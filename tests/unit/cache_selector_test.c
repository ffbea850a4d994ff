/* Who rules when, what a change of rule does to the residents, and to memory
 * that runs out. That it keeps a policy's promises is tested with all policies
 * (cache_policy_test.c); floors with real models in tests/cli/floor.bats. */

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "cache/follow.h"
#include "cache/selector.h"
#include "cache_owner.h"
#include "cache_stairs.h"
#include "data/feature.h"
#include "nomem.h"

#define CAPACITY 400

/* What makes the minis see only a share of the keys. */
#define SAMPLED 110000

static const char *
ruling(const struct owner *o)
{
	return o->ops->ruling(o->policy);
}

static struct pd_selector_stats
stats_of(const struct owner *o)
{
	struct pd_selector_stats s;

	assert_true(pd_selector_stats(o->policy, &s));
	return s;
}

/* Misses of ${n} requests, each of a number of keys from ${first} on: a loop,
 * or the keys asked lately. The cache is full and stays so. */
static unsigned
loop(struct owner *o, uint32_t first, uint32_t keys, unsigned n)
{
	unsigned i, misses = 0;

	for (i = 0; i < n; i++)
		misses += !owner_access(o, first + i % keys, 1, true);
	return misses;
}

static unsigned
twice(struct owner *o, uint32_t first, uint32_t keys, unsigned n)
{
	unsigned i, misses = 0;
	uint32_t key;

	/* Every key comes again after 3/8 of the capacity, and then no more. */
	for (i = 0; i < n; i++) {
		key = i % 2 == 0 ? i / 2 : (i < 300 ? i / 2 : i / 2 - 150);
		misses += !owner_access(o, first + key % keys, 1, true);
	}
	return misses;
}

/* The same requests under LRU. */
static void
begin(struct owner *o, struct owner *lru)
{
	owner_init(o, &pd_policy_selector, CAPACITY, false, 3);
	owner_init(lru, pd_policy_find("lru"), CAPACITY, false, 3);
}

static void
end(struct owner *o, struct owner *lru)
{
	owner_release(o);
	owner_release(lru);
}

static void
rules_by_the_workload(void **state)
{
	struct pd_selector_stats s;
	struct owner o, lru;
	unsigned a, b;

	(void)state;
	begin(&o, &lru);
	assert_string_equal(ruling(&o), "lru");
	/* A loop a little larger than the cache: LRU misses all. */
	loop(&lru, 0, CAPACITY + 20, 30000);
	loop(&o, 0, CAPACITY + 20, 30000);
	b = loop(&lru, 0, CAPACITY + 20, 10000);
	a = loop(&o, 0, CAPACITY + 20, 10000);
	assert_true(b > 9500);
	assert_true(a < 4000);
	assert_string_not_equal(ruling(&o), "lru");
	s = stats_of(&o);
	assert_true(s.switches >= 1 && s.since > 0 && s.failed == 0);
	/* Then LRU is the best there is: what the turn costs is paid once. */
	b = twice(&lru, 1000, 3000, 30000);
	a = twice(&o, 1000, 3000, 30000);
	assert_string_equal(ruling(&o), "lru");
	assert_true(a <= b + b / 100 + CAPACITY);
	b = twice(&lru, 1000, 3000, 10000);
	a = twice(&o, 1000, 3000, 10000);
	assert_true(a <= b + b / 100);
	assert_int_equal(o.count, CAPACITY);
	end(&o, &lru);
}

/* Without evidence it is LRU to the last victim. */
static void
random_keys_are_lru(void **state)
{
	struct owner o, lru;
	struct pd_rng rng;
	uint32_t key;
	unsigned i;

	(void)state;
	begin(&o, &lru);
	pd_rng_init(&rng, 4);
	for (i = 0; i < 40000; i++) {
		key = pd_rng_below(&rng, OWNER_KEYS);
		owner_access(&o, key, 1, true);
		owner_access(&lru, key, 1, true);
	}
	if (stats_of(&o).switches == 0)
		assert_int_equal(o.victims, lru.victims);
	assert_true(stats_of(&o).switches < 20);
	end(&o, &lru);
}

/*
 * A model that knows that only the first keys come again (their number of
 * accesses says so) rules; one that says the contrary never does; without a
 * model LRU, or another, rules again.
 */
static void
a_model_must_show_itself(void **state)
{
	static const float counts[] = {1.1f, 1.4f, 1.9f, 2.2f, 2.4f, 2.6f};
	struct pd_model good, bad;
	struct pd_selector_stats s;
	struct owner o;
	struct pd_rng rng;
	unsigned i, round, ruled[2] = {0, 0};
	uint32_t key;

	(void)state;
	stairs(&good, PD_F_frequency, counts, 6, true);
	stairs(&bad, PD_F_frequency, counts, 6, false);
	for (round = 0; round < 2; round++) {
		owner_init(&o, &pd_policy_selector, CAPACITY, false, 3);
		pd_rng_init(&rng, 4);
		for (i = 0; i < 60000; i++) {
			if (i == 20000) {
				assert_false(stats_of(&o).expert[1].judged);
				o.ops->set_model(
				    o.policy, round == 0 ? &good : &bad);
			}
			key = pd_rng_below(&rng, 2) == 0
				  ? pd_rng_below(&rng, 300)
				  : 300 + i % 3700;
			owner_access(&o, key, 1, true);
			ruled[round] += strcmp(ruling(&o), "learned") == 0;
		}
		s = stats_of(&o);
		assert_true(s.expert[1].judged);
		assert_string_equal(s.expert[1].name, "learned");
		if (round == 0)
			assert_true(
			    s.expert[1].miss_ratio < s.expert[0].miss_ratio);
		else
			assert_true(
			    s.expert[1].miss_ratio > s.expert[0].miss_ratio);
		o.ops->set_model(o.policy, NULL);
		assert_string_not_equal(ruling(&o), "learned");
		loop(&o, 0, 500, 2000);
		assert_int_equal(o.count, CAPACITY);
		owner_release(&o);
	}
	assert_int_equal(ruled[1], 0);
	pd_trees_free(good.trees);
	pd_trees_free(bad.trees);
}

/* It does not rule, and costs less than half a miss an object. */
static void
a_bad_model_after_a_good_one_costs_little(void **state)
{
	static const float counts[] = {1.1f, 1.4f, 1.9f, 2.2f, 2.4f, 2.6f};
	struct pd_model good, bad;
	struct owner o, lru;
	struct pd_rng rng;
	unsigned i, own = 0, other = 0;
	uint32_t key;
	bool a, b;

	(void)state;
	stairs(&good, PD_F_frequency, counts, 6, true);
	stairs(&bad, PD_F_frequency, counts, 6, false);
	begin(&o, &lru);
	pd_rng_init(&rng, 4);
	for (i = 0; i < 80000; i++) {
		if (i == 20000 || i == 40000)
			o.ops->set_model(o.policy, &good);
		if (i == 60000)
			o.ops->set_model(o.policy, &bad);
		key = pd_rng_below(&rng, 2) == 0 ? pd_rng_below(&rng, 390)
						 : 390 + i % 3600;
		a = owner_access(&o, key, 1, true);
		b = owner_access(&lru, key, 1, true);
		own += i >= 60000 && !a;
		other += i >= 60000 && !b;
	}
	assert_string_not_equal(ruling(&o), "learned");
	assert_true(own <= other + CAPACITY / 2);
	end(&o, &lru);
	pd_trees_free(good.trees);
	pd_trees_free(bad.trees);
}

/* Every key comes twice, more than the capacity apart, and then no more: what a
 * model can know and no other policy does. The misses of ${n} requests from
 * ${*i} on, of both caches. */
static void
again(struct owner *o, struct owner *other, unsigned *i, unsigned n,
    unsigned *misses, unsigned *others)
{
	const unsigned to = *i + n;
	uint32_t key;

	for (*misses = *others = 0; *i < to; (*i)++) {
		key = (*i / 2 + (*i % 2) * (3800 - 250)) % 3800;
		*misses += !owner_access(o, key, 1, true);
		*others += !owner_access(other, key, 1, true);
	}
}

/*
 * Beside a champion the inverted model never rules, costs at most a twentieth
 * of a miss an object against the twin that keeps its model, and the report
 * says that it is worse; a model that is no worse takes over. Both models were
 * owned once before and are once after.
 */
static void
a_challenger_has_to_show_itself(void **state)
{
	static const float counts[] = {1.1f};
	struct pd_model good, bad, twin;
	struct pd_selector_stats s;
	struct owner o, keeps;
	unsigned sampled, n, own, other;
	size_t before;

	(void)state;
	stairs(&good, PD_F_frequency, counts, 1, false);
	stairs(&bad, PD_F_frequency, counts, 1, true);
	stairs(&twin, PD_F_frequency, counts, 1, false);
	for (sampled = 0; sampled < 2; sampled++) {
		owner_init(&o, &pd_policy_selector, CAPACITY, false, 3);
		owner_init(&keeps, &pd_policy_selector, CAPACITY, false, 3);
		if (sampled) {
			o.ops->set_history(o.policy, SAMPLED);
			keeps.ops->set_history(keeps.policy, SAMPLED);
		}
		o.ops->set_model(o.policy, &good);
		keeps.ops->set_model(keeps.policy, &good);
		n = 0;
		again(&o, &keeps, &n, 40000, &own, &other);
		assert_string_equal(stats_of(&o).ruling, "learned");
		assert_string_equal(stats_of(&o).contest, "none");
		before = o.ops->memory(o.policy);
		o.ops->set_model(o.policy, &bad);
		s = stats_of(&o);
		assert_string_equal(s.ruling, "champion");
		assert_string_equal(s.contest, "open");
		assert_string_equal(ruling(&o), "learned");
		assert_ptr_equal(pd_selector_champion(o.policy), &good);
		assert_true(
		    o.ops->memory(o.policy) > before + pd_model_memory(&good));
		again(&o, &keeps, &n, 40000, &own, &other);
		s = stats_of(&o);
		assert_string_equal(s.ruling, "champion");
		assert_string_equal(s.contest, "worse");
		assert_true(own <= other + CAPACITY / 20);
		assert_int_equal(atomic_load(&good.refs), 1);
		/* In place of the bad one; the champion stays. */
		o.ops->set_model(o.policy, &twin);
		assert_string_equal(stats_of(&o).contest, "open");
		again(&o, &keeps, &n, 40000, &own, &other);
		assert_string_equal(stats_of(&o).ruling, "learned");
		assert_string_equal(stats_of(&o).contest, "none");
		assert_null(pd_selector_champion(o.policy));
		assert_true(own <= other + other / 100 + CAPACITY / 20);
		assert_int_equal(atomic_load(&good.refs), 0);
		/* Without a model there is no champion. */
		o.ops->set_model(o.policy, &bad);
		o.ops->set_model(o.policy, NULL);
		assert_string_not_equal(ruling(&o), "learned");
		assert_int_equal(atomic_load(&twin.refs), 0);
		/* One at the end leaves with the policy. */
		o.ops->set_model(o.policy, &good);
		o.ops->set_model(o.policy, &bad);
		assert_int_equal(atomic_load(&good.refs), 1);
		owner_release(&o);
		owner_release(&keeps);
		assert_int_equal(atomic_load(&good.refs), 0);
	}
	pd_trees_free(good.trees);
	pd_trees_free(bad.trees);
	pd_trees_free(twin.trees);
}

/* One without minis of its own does as another says, with its model and beside
 * a champion, and misses as few. */
static void
one_leads_and_one_obeys(void **state)
{
	static const float counts[] = {1.1f};
	struct pd_verdict *v = pd_verdict_new();
	struct pd_model good, bad, twin;
	struct owner leads, obeys;
	unsigned n = 0, own, other;

	(void)state;
	assert_non_null(v);
	stairs(&good, PD_F_frequency, counts, 1, false);
	stairs(&bad, PD_F_frequency, counts, 1, true);
	stairs(&twin, PD_F_frequency, counts, 1, false);
	owner_init_shared(
	    &leads, &pd_policy_selector, CAPACITY, false, 3, v, true);
	owner_init_shared(
	    &obeys, &pd_policy_selector, CAPACITY, false, 3, v, false);
	loop(&leads, 0, CAPACITY + 20, 30000);
	own = loop(&obeys, 0, CAPACITY + 20, 30000);
	assert_string_not_equal(ruling(&leads), "lru");
	assert_string_equal(ruling(&obeys), ruling(&leads));
	assert_true(own < 15000);
	assert_int_equal(stats_of(&obeys).experts, 0);
	assert_int_equal(stats_of(&obeys).memory, 0);

	end(&leads, &obeys);
	owner_init_shared(
	    &leads, &pd_policy_selector, CAPACITY, false, 3, v, true);
	owner_init_shared(
	    &obeys, &pd_policy_selector, CAPACITY, false, 3, v, false);
	leads.ops->set_model(leads.policy, &good);
	obeys.ops->set_model(obeys.policy, &good);
	again(&leads, &obeys, &n, 40000, &own, &other);
	assert_string_equal(stats_of(&leads).ruling, "learned");
	assert_string_equal(stats_of(&obeys).ruling, "learned");
	again(&leads, &obeys, &n, 40000, &own, &other);
	assert_true(other <= own + own / 50);

	leads.ops->set_model(leads.policy, &bad);
	obeys.ops->set_model(obeys.policy, &bad);
	assert_string_equal(stats_of(&obeys).ruling, "champion");
	assert_ptr_equal(pd_selector_champion(obeys.policy), &good);
	again(&leads, &obeys, &n, 40000, &own, &other);
	assert_string_equal(stats_of(&obeys).ruling, "champion");
	assert_true(other <= own + own / 50);

	/* The champion leaves both, and what follows it rules. */
	leads.ops->set_model(leads.policy, &twin);
	obeys.ops->set_model(obeys.policy, &twin);
	again(&leads, &obeys, &n, 40000, &own, &other);
	assert_string_equal(stats_of(&leads).ruling, "learned");
	assert_string_equal(stats_of(&obeys).ruling, "learned");
	assert_null(pd_selector_champion(obeys.policy));
	assert_int_equal(atomic_load(&good.refs), 0);

	leads.ops->set_model(leads.policy, NULL);
	obeys.ops->set_model(obeys.policy, NULL);
	assert_string_not_equal(ruling(&obeys), "learned");
	end(&leads, &obeys);
	pd_verdict_free(v);
	pd_trees_free(good.trees);
	pd_trees_free(bad.trees);
	pd_trees_free(twin.trees);
}

/* A bad champion that does not rule does not keep a better one from it. */
static void
a_better_challenger_takes_over(void **state)
{
	static const float counts[] = {1.1f};
	struct pd_model good, bad;
	struct owner o, lru;
	unsigned n = 0, own, other;

	(void)state;
	stairs(&good, PD_F_frequency, counts, 1, false);
	stairs(&bad, PD_F_frequency, counts, 1, true);
	begin(&o, &lru);
	o.ops->set_model(o.policy, &bad);
	again(&o, &lru, &n, 20000, &own, &other);
	o.ops->set_model(o.policy, &good);
	again(&o, &lru, &n, 20000, &own, &other);
	assert_string_equal(stats_of(&o).ruling, "learned");
	assert_string_equal(stats_of(&o).contest, "none");
	assert_int_equal(atomic_load(&bad.refs), 0);
	again(&o, &lru, &n, 10000, &own, &other);
	assert_true(own < other - other / 10);
	/* The minis come and go beside a champion. */
	o.ops->set_model(o.policy, &bad);
	o.ops->set_history(o.policy, SAMPLED);
	again(&o, &lru, &n, 5000, &own, &other);
	o.ops->set_history(o.policy, 0);
	assert_string_equal(stats_of(&o).contest, "none");
	again(&o, &lru, &n, 5000, &own, &other);
	o.ops->set_history(o.policy, UINT64_MAX);
	again(&o, &lru, &n, 5000, &own, &other);
	assert_int_equal(o.count, CAPACITY);
	end(&o, &lru);
	assert_int_equal(atomic_load(&good.refs), 0);
	pd_trees_free(good.trees);
	pd_trees_free(bad.trees);
}

/* Changes of rule evict nothing: as many residents as the capacity, and every
 * eviction for an insertion, with a sample too. */
static void
a_change_of_rule_evicts_nothing(void **state)
{
	struct pd_selector_stats s;
	struct owner o;
	unsigned sampled, round;
	uint64_t misses, evicted;

	(void)state;
	for (sampled = 0; sampled < 2; sampled++) {
		owner_init(&o, &pd_policy_selector, CAPACITY, false, 3);
		if (sampled)
			o.ops->set_history(o.policy, SAMPLED);
		misses = loop(&o, 0, CAPACITY, CAPACITY);
		for (round = 0; round < 4; round++) {
			misses += loop(&o, 0, CAPACITY + 20, 30000);
			assert_int_equal(o.count, CAPACITY);
			misses += twice(&o, 1000, 3000, 30000);
			assert_int_equal(o.count, CAPACITY);
		}
		s = stats_of(&o);
		assert_true(sampled ? s.rate < 1 : s.rate == 1);
		assert_true(s.switches >= 2);
		for (evicted = 0; o.count > 0; evicted++)
			owner_evict(&o);
		assert_int_equal(evicted, CAPACITY);
		assert_true(misses > CAPACITY);
		owner_release(&o);
	}
}

/* From a sample to all keys and back, and to no minis at all, in mid-run. */
static void
minis_come_and_go(void **state)
{
	static const uint64_t history[] = {
	    SAMPLED, UINT64_MAX, 0, UINT64_MAX, SAMPLED, 1000, 1u << 20};
	struct owner o;
	unsigned i;

	(void)state;
	owner_init(&o, &pd_policy_selector, CAPACITY, false, 3);
	for (i = 0; i < sizeof(history) / sizeof(*history); i++) {
		loop(&o, 0, CAPACITY + 20, 20000);
		o.ops->set_history(o.policy, history[i]);
		assert_true(history[i] > 1000 || stats_of(&o).experts == 0);
		if (stats_of(&o).experts == 0)
			assert_string_equal(ruling(&o), "lru");
		loop(&o, 0, CAPACITY + 20, 20000);
		assert_int_equal(o.count, CAPACITY);
	}
	/* A much larger cache, then a small one again. */
	o.capacity = 4000;
	o.ops->set_capacity(o.policy, 4000);
	twice(&o, 0, 4096, 20000);
	o.capacity = 50;
	o.ops->set_capacity(o.policy, 50);
	while (o.used > o.capacity)
		owner_evict(&o);
	loop(&o, 0, 60, 20000);
	assert_int_equal(o.count, 50);
	owner_release(&o);
}

#if NOMEM_WORKS

/* Any allocation may fail while it runs: it goes on evicting one for one. */
static void
survives_without_memory(void **state)
{
	struct owner o;
	unsigned sampled;
	long nth, live;

	(void)state;
	for (sampled = 0; sampled < 2; sampled++)
		for (nth = 0; nth < 90; nth += 1 + nth / 20) {
			live = heap.live;
			owner_init(&o, &pd_policy_selector, CAPACITY, false, 3);
			if (sampled)
				o.ops->set_history(o.policy, SAMPLED);
			owner_reserve(&o, CAPACITY);
			heap.left = nth;
			loop(&o, 0, CAPACITY + 20, 6000);
			twice(&o, 1000, 3000, 3000);
			heap.left = -1;
			assert_int_equal(o.count, CAPACITY);
			loop(&o, 0, CAPACITY + 20, 6000);
			assert_int_equal(o.count, CAPACITY);
			owner_release(&o);
			assert_int_equal(heap.live, live);
		}
}

#endif

static void
follows_a_leader(void **state)
{
	struct pd_follow f;
	uint32_t i;

	(void)state;
	assert_int_equal(pd_follow_init(&f), 0);
	assert_int_equal(pd_follow_reserve(&f, 4), 0);
	assert_int_equal(pd_follow_victim(&f), PD_NO_SLOT);
	for (i = 0; i < 4; i++)
		pd_follow_insert(&f, i, 100 + i, i != 2);
	assert_int_equal(pd_follow_victim(&f), 2);
	pd_follow_mark(&f, 100, false);
	pd_follow_mark(&f, 102, true);
	pd_follow_mark(&f, 999, false);
	assert_int_equal(pd_follow_victim(&f), 0);
	pd_follow_set(&f, 3, false);
	pd_follow_set(&f, 0, false);
	assert_int_equal(pd_follow_victim(&f), 3);
	pd_follow_remove(&f, 1);
	pd_follow_move(&f, 3, 1);
	assert_int_equal(pd_follow_victim(&f), 1);
	assert_int_equal(pd_follow_reserve(&f, 3), 0);
	pd_follow_mark(&f, 103, true);
	assert_int_equal(pd_follow_victim(&f), 0);
	pd_follow_remove(&f, 0);
	assert_int_equal(pd_follow_victim(&f), PD_NO_SLOT);
	pd_follow_release(&f);
}

/* Names and numbers for INFO. */
static void
tells_of_itself(void **state)
{
	struct pd_selector_value v[PD_SELECTOR_VALUES];
	struct pd_selector_stats s;
	struct owner o, lru;
	unsigned n;

	(void)state;
	begin(&o, &lru);
	loop(&o, 0, 500, 5000);
	assert_false(pd_selector_stats(lru.policy, &s));
	s = stats_of(&o);
	assert_int_equal(s.seen, 5000);
	assert_true(s.memory > 0 && s.memory < o.ops->memory(o.policy));
	assert_true(s.expert[0].rules || s.switches > 0);
	n = pd_selector_values(&s, v);
	assert_int_equal(n, 6 + 2 * s.experts);
	assert_string_equal(v[0].name, "selector_since_tick");
	assert_string_equal(v[6].name, "selector_lru_miss_ratio");
	assert_true(v[6].value > 0.99);
	assert_true(v[8].value != v[8].value);
	end(&o, &lru);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rules_by_the_workload),
		cmocka_unit_test(random_keys_are_lru),
		cmocka_unit_test(a_model_must_show_itself),
		cmocka_unit_test(a_bad_model_after_a_good_one_costs_little),
		cmocka_unit_test(a_challenger_has_to_show_itself),
		cmocka_unit_test(a_better_challenger_takes_over),
		cmocka_unit_test(one_leads_and_one_obeys),
		cmocka_unit_test(a_change_of_rule_evicts_nothing),
		cmocka_unit_test(minis_come_and_go),
#if NOMEM_WORKS
		cmocka_unit_test(survives_without_memory),
#endif
		cmocka_unit_test(follows_a_leader),
		cmocka_unit_test(tells_of_itself),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
