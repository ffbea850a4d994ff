/* The ghost LRU, its sample, and the recent shares. */

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
#include "cache/context.h"

/* An LRU of objects as an array in order, and the ages at which it evicts. */
/* An access; what is missed is stored. */
static void
asked(struct pd_context *ctx, uint64_t key, bool hit, uint32_t size,
    uint64_t tick)
{
	pd_context_access(ctx, key, hit, size, tick);
	if (!hit && size != 0)
		pd_context_fill(ctx, key, size, tick);
}

struct naive {
	uint64_t key[512];
	uint64_t tick[512];
	unsigned n;
	unsigned capacity;
	uint64_t hits;
	uint64_t evictions;
	double ages;
};

static void
naive_del(struct naive *v, unsigned i)
{
	v->n--;
	memmove(v->key + i, v->key + i + 1, (v->n - i) * sizeof(v->key[0]));
	memmove(v->tick + i, v->tick + i + 1, (v->n - i) * sizeof(v->tick[0]));
}

static void
naive_access(struct naive *v, uint64_t key, uint64_t tick)
{
	unsigned i;

	for (i = 0; i < v->n; i++)
		if (v->key[i] == key) {
			v->hits++;
			naive_del(v, i);
			break;
		}
	if (v->n == v->capacity) {
		v->evictions++;
		v->ages += (double)(tick - v->tick[0]);
		naive_del(v, 0);
	}
	v->key[v->n] = key;
	v->tick[v->n++] = tick;
}

static uint64_t
skewed(struct pd_rng *rng, uint32_t keys)
{
	const double u = pd_rng_double(rng);

	return pd_mix64((uint64_t)(u * u * u * keys) + 1);
}

static void
small_ghost_is_exact_lru(void **state)
{
	struct pd_context *ctx = pd_context_new(100, false, NULL);
	struct naive v = {.capacity = 100};
	struct pd_context_stats s;
	struct pd_rng rng;
	uint64_t t, key;

	(void)state;
	assert_non_null(ctx);
	pd_rng_init(&rng, 3);
	for (t = 1; t <= 256 + 2000; t++) {
		key = skewed(&rng, 1000);
		naive_access(&v, key, t);
		asked(ctx, key, t % 2 == 0, 1, t);
		pd_context_stats(ctx, &s);
		assert_int_equal(s.ghost_hits, v.hits);
		assert_int_equal(s.ghost_objects, v.n);
		if (v.evictions > 0 && v.evictions <= 256)
			assert_true(llabs((int64_t)s.evict_age -
					  (int64_t)(v.ages /
						    (double)v.evictions)) <= 1);
	}
	assert_int_equal(s.accesses, t - 1);
	assert_int_equal(s.ghost_seen, t - 1);
	assert_int_equal(s.hits, (t - 1) / 2);
	assert_true(s.rate >= 1);
	assert_int_equal(pd_context_codes(ctx).evict_age, pd_code(s.evict_age));
	pd_context_free(ctx);
}

static void
unknown_before_it_is_known(void **state)
{
	struct pd_context *ctx = pd_context_new(2, false, NULL);

	(void)state;
	assert_int_equal(pd_context_codes(ctx).evict_age, PD_CODE_NONE);
	assert_int_equal(pd_context_codes(ctx).hit_ratio, PD_CODE_NONE);
	assert_int_equal(pd_context_codes(ctx).new_share, PD_CODE_NONE);
	asked(ctx, 1, false, 1, 10);
	asked(ctx, 2, false, 1, 11);
	assert_int_equal(pd_context_codes(ctx).evict_age, PD_CODE_NONE);
	assert_int_equal(pd_context_codes(ctx).hit_ratio, 0);
	assert_int_equal(pd_context_codes(ctx).new_share, 250);
	asked(ctx, 3, false, 1, 20);
	assert_int_equal(pd_context_codes(ctx).evict_age, pd_code(10));
	pd_context_free(ctx);
}

/* Keys that do not exist are asked for again and again: LRU would not have
 * had them either. */
static void
what_nobody_stores_is_no_hit(void **state)
{
	struct pd_context *ctx = pd_context_new(100, false, NULL);
	struct pd_context_stats s;
	uint64_t i;

	(void)state;
	for (i = 0; i < 1000; i++)
		pd_context_access(ctx, i % 10, false, 0, i);
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_seen, 1000);
	assert_int_equal(s.ghost_hits, 0);
	assert_int_equal(s.ghost_objects, 0);
	/* Once one is stored, the next miss of the real cache is a hit of the
	 * ghost; a hit of the real cache stores what the ghost lacks. */
	pd_context_fill(ctx, 3, 1, 1000);
	pd_context_access(ctx, 3, false, 0, 1001);
	pd_context_access(ctx, 4, true, 1, 1002);
	pd_context_access(ctx, 4, true, 1, 1003);
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_hits, 2);
	assert_int_equal(s.ghost_objects, 2);
	pd_context_free(ctx);
}

static void
shares_follow_the_traffic(void **state)
{
	struct pd_context *ctx = pd_context_new(50, false, NULL);
	unsigned i;

	(void)state;
	for (i = 0; i < 10000; i++)
		asked(ctx, pd_mix64(i % 4 == 0 ? i : i % 4), i % 4 != 0, 1, i);
	assert_in_range(pd_context_codes(ctx).hit_ratio, 178, 197);
	assert_in_range(pd_context_codes(ctx).new_share, 53, 72);
	/* What is asked again is not new. */
	for (i = 0; i < 10000; i++)
		asked(ctx, pd_mix64(i % 3000), false, 1, i);
	assert_in_range(pd_context_codes(ctx).hit_ratio, 0, 1);
	assert_in_range(pd_context_codes(ctx).new_share, 0, 12);
	pd_context_free(ctx);
}

/* Beyond PD_CONTEXT_MAX the ghost samples: its hit ratio must be that of the
 * whole LRU. */
static void
sampled_ghost_tells_the_same(void **state)
{
	struct pd_context *ctx = pd_context_new(40000, false, NULL);
	const uint32_t keys = 200000;
	const uint64_t n = 600000;
	/* Exact LRU: stack distances by a Fenwick tree over times. */
	int32_t *tree = calloc(n + 1, sizeof(*tree));
	uint64_t *last = calloc(keys + 1, sizeof(*last));
	struct pd_context_stats s;
	struct pd_rng rng;
	uint64_t t, i, distinct, seen = 0, hits = 0;

	(void)state;
	assert_non_null(tree);
	assert_non_null(last);
	pd_rng_init(&rng, 4);
	for (t = 1; t <= n; t++) {
		const double u = pd_rng_double(&rng);
		const uint32_t k = (uint32_t)(u * u * keys);

		distinct = UINT64_MAX;
		if (last[k] != 0) {
			distinct = 0;
			for (i = t - 1; i > 0; i -= i & -i)
				distinct += (uint64_t)tree[i];
			for (i = last[k]; i > 0; i -= i & -i)
				distinct -= (uint64_t)tree[i];
			for (i = last[k]; i <= n; i += i & -i)
				tree[i]--;
		}
		for (i = t; i <= n; i += i & -i)
			tree[i]++;
		last[k] = t;
		seen++;
		hits += distinct < 40000;
		asked(ctx, pd_mix64(k + 1), false, 1, t);
	}
	pd_context_stats(ctx, &s);
	assert_in_range(s.ghost_objects, 2000, PD_CONTEXT_MAX);
	assert_true(s.rate < 0.2 && s.rate > 0.05);
	{
		const double exact = (double)hits / (double)seen;
		const double ghost =
		    (double)s.ghost_hits / (double)s.ghost_seen;

		if (ghost < exact - 0.02 || ghost > exact + 0.02)
			fail_msg("hit ratio %f, exact %f", ghost, exact);
	}
	assert_true(pd_context_memory(ctx) < 600000);
	free(tree);
	free(last);
	pd_context_free(ctx);
}

static void
bytes_are_counted(void **state)
{
	struct pd_context *ctx = pd_context_new(1000, true, NULL);
	struct pd_context_stats s;

	(void)state;
	asked(ctx, 1, false, 400, 1);
	asked(ctx, 2, false, 0, 2); /* a miss, size unknown */
	pd_context_fill(ctx, 2, 500, 2);
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_objects, 2);
	assert_int_equal(s.evict_age, 0);
	asked(ctx, 3, false, 200, 7); /* key 1 leaves, aged 6 */
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_objects, 2);
	assert_int_equal(s.evict_age, 6);
	asked(ctx, 9, false, 1001, 8); /* larger than all */
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_objects, 2);
	asked(ctx, 2, true, 500, 9);
	asked(ctx, 3, true, 200, 10);
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_hits, 2);
	pd_context_delete(ctx, 2);
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_objects, 1);
	asked(ctx, 2, false, 500, 11);
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_hits, 2);
	/* A resident that grows beyond everything is dropped. */
	pd_context_set_size(ctx, 3, 2000);
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_objects, 1);
	pd_context_free(ctx);
}

/* In byte mode nobody knows the number of objects beforehand: the rate must
 * adapt, and memory stay bounded. */
static void
many_small_objects_lower_the_rate(void **state)
{
	struct pd_context *ctx = pd_context_new(1 << 30, true, NULL);
	struct pd_context_stats s;
	uint64_t i;

	(void)state;
	for (i = 0; i < 300000; i++)
		asked(ctx, pd_mix64(i), false, 10, i);
	pd_context_stats(ctx, &s);
	assert_in_range(s.ghost_objects, PD_CONTEXT_MAX / 3, PD_CONTEXT_MAX);
	assert_true(pd_context_memory(ctx) < 600000);
	pd_context_free(ctx);
}

static void
a_lower_limit_evicts(void **state)
{
	struct pd_context *ctx = pd_context_new(1000, false, NULL);
	struct pd_context_stats s;
	uint64_t i;

	(void)state;
	for (i = 0; i < 1000; i++)
		asked(ctx, i, false, 1, i);
	pd_context_set_capacity(ctx, 10);
	asked(ctx, 999, true, 1, 1000);
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_objects, 10);
	assert_int_equal(s.ghost_hits, 1);
	pd_context_set_capacity(ctx, 0);
	asked(ctx, 5000, false, 1, 1001);
	pd_context_stats(ctx, &s);
	assert_int_equal(s.ghost_objects, 0);
	pd_context_free(ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(small_ghost_is_exact_lru),
	    cmocka_unit_test(unknown_before_it_is_known),
	    cmocka_unit_test(what_nobody_stores_is_no_hit),
	    cmocka_unit_test(shares_follow_the_traffic),
	    cmocka_unit_test(sampled_ghost_tells_the_same),
	    cmocka_unit_test(bytes_are_counted),
	    cmocka_unit_test(many_small_objects_lower_the_rate),
	    cmocka_unit_test(a_lower_limit_evicts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
