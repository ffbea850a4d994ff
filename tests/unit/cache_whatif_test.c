/* The ghosts that say what others would have hit, against whole simulations. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "cache/mini.h"
#include "cache/whatif.h"

#define KEYS 20000

/* An LRU by the definition: O(n) for an eviction, on numbered keys. */
struct naive {
	uint64_t tick[KEYS]; /* 0: not resident */
	uint64_t size[KEYS];
	int64_t expiry[KEYS];
	uint64_t used;
	uint64_t capacity;
};

static void
naive_del(struct naive *v, uint32_t k)
{
	if (v->tick[k] == 0)
		return;
	v->used -= v->size[k];
	v->tick[k] = 0;
}

static void
naive_put(
    struct naive *v, uint32_t k, uint64_t tick, uint64_t size, int64_t expiry)
{
	uint32_t i, oldest;

	naive_del(v, k);
	v->tick[k] = tick;
	v->size[k] = size;
	v->expiry[k] = expiry;
	v->used += size;
	while (v->used > v->capacity) {
		oldest = k;
		for (i = 0; i < KEYS; i++)
			if (v->tick[i] != 0 && v->tick[i] < v->tick[oldest])
				oldest = i;
		naive_del(v, oldest);
	}
}

static bool
naive_get(struct naive *v, uint32_t k, uint64_t tick, int64_t now)
{
	if (v->tick[k] != 0 && v->expiry[k] != 0 && v->expiry[k] <= now)
		naive_del(v, k);
	if (v->tick[k] == 0)
		return false;
	v->tick[k] = tick;
	return true;
}

static uint32_t
skewed(struct pd_rng *rng, uint32_t keys)
{
	const double u = pd_rng_double(rng);

	return (uint32_t)(u * u * u * keys);
}

/*
 * A cache that keeps nothing but every other fill beside one that is full of
 * everything: reads that hit and that miss, some never filled, writes of other
 * sizes, deletions, expiry. At rate 1 the ghost LRU is that LRU.
 */
static void
at_full_rate_it_is_lru(void **state)
{
	const uint64_t capacity = 30000;
	struct pd_whatif *w = pd_whatif_new(capacity, true, 1, NULL);
	struct naive *v = calloc(1, sizeof(*v));
	static bool own[KEYS];
	static uint32_t size[KEYS];
	struct pd_whatif_stats s;
	struct pd_whatif_access a;
	struct pd_rng rng;
	uint64_t t, reads = 0, hits = 0, lru = 0;
	uint32_t k, what;

	(void)state;
	assert_non_null(w);
	assert_non_null(v);
	v->capacity = capacity;
	pd_rng_init(&rng, 4);
	for (t = 1; t <= 30000; t++) {
		k = skewed(&rng, 1500);
		what = pd_rng_below(&rng, 20);
		a = (struct pd_whatif_access){
		    .acc = {.key = pd_mix64(k + 1), .tick = t},
		    .now_ms = (int64_t)t,
		    .used = 1};
		if (what == 0) {
			/* Deleted; half of the time the cache had it not. */
			if (own[k])
				pd_whatif_remove(w, a.acc.key, false);
			else
				pd_whatif_delete(w, a.acc.key);
			own[k] = false;
			naive_del(v, k);
			continue;
		}
		if (what == 1 && own[k]) {
			pd_whatif_remove(w, a.acc.key, true);
			own[k] = false;
			continue;
		}
		if (what == 2)
			size[k] = 10 + pd_rng_below(&rng, 300);
		if (size[k] == 0)
			size[k] = 10 + pd_rng_below(&rng, 300);
		a.read = what != 2;
		a.hit = own[k];
		a.acc.size = own[k] ? size[k] : 0;
		a.expiry = own[k] && k % 5 == 0 ? v->expiry[k] : 0;
		if (own[k] && k % 5 == 0 && v->tick[k] == 0)
			a.expiry = (int64_t)t + 400;
		if (a.read && naive_get(v, k, t, (int64_t)t))
			lru++;
		else if (!a.read)
			(void)naive_get(v, k, t, (int64_t)t);
		reads += a.read;
		hits += a.read && own[k];
		pd_whatif_access(w, &a);
		if (own[k])
			naive_put(v, k, t, size[k] + 17, a.expiry);
		/* One miss in ten is of what nobody has. */
		if (own[k] || k % 10 == 0)
			continue;
		a.acc.size = size[k];
		a.expiry = k % 5 == 0 ? (int64_t)t + 400 : 0;
		pd_whatif_fill(w, &a);
		own[k] = true;
		naive_put(v, k, t, size[k] + 17, a.expiry);
		if (t % 2 == 0) {
			pd_whatif_remove(w, a.acc.key, true);
			own[k] = false;
		}
	}
	pd_whatif_stats(w, &s);
	assert_true(s.rate >= 1);
	assert_int_equal(s.reads, reads);
	assert_int_equal(s.hits, hits);
	assert_in_range(lru, reads / 10, reads);
	assert_int_equal(s.ghost[PD_WHATIF_LRU].hits, lru);
	assert_true(fabs(s.ghost[PD_WHATIF_LRU].gained -
			 ((double)hits - (double)lru)) < 0.5);
	assert_true(s.ghost[PD_WHATIF_LRU].gained_se <= 0);
	assert_int_equal(s.ghost[PD_WHATIF_LRU].used, v->used);
	pd_whatif_free(w);
	free(v);
}

static struct pd_whatif_access
resident(uint64_t key, uint64_t tick, unsigned db, int64_t expiry)
{
	return (struct pd_whatif_access){
	    .acc = {.key = pd_mix64(key), .tick = tick, .size = 100},
	    .now_ms = (int64_t)tick,
	    .expiry = expiry,
	    .db = db,
	    .hit = true,
	    .read = true,
	    .used = 100};
}

/* Ask for a key that the cache has lost: does the ghost LRU have it? */
static bool
ghost_has(struct pd_whatif *w, uint64_t key, uint64_t tick)
{
	struct pd_whatif_access a = resident(key, tick, 0, 0);
	struct pd_whatif_stats before, after;

	a.hit = false;
	a.acc.size = 0;
	pd_whatif_stats(w, &before);
	pd_whatif_access(w, &a);
	pd_whatif_stats(w, &after);
	return after.ghost[PD_WHATIF_LRU].hits >
	       before.ghost[PD_WHATIF_LRU].hits;
}

static void
expiry_and_databases(void **state)
{
	struct pd_whatif *w = pd_whatif_new(1 << 20, true, 1, NULL);
	struct pd_whatif_access a;
	struct pd_whatif_stats s;
	uint64_t k;

	(void)state;
	for (k = 0; k < 100; k++) {
		a = resident(
		    k, k + 1, k % 3 == 0 ? 2 : 0, k % 2 == 0 ? 1000 : 0);
		pd_whatif_access(w, &a);
	}
	pd_whatif_set_expiry(w, pd_mix64(1), 0, 500);
	pd_whatif_set_expiry(w, pd_mix64(2), 0, 0);
	assert_true(ghost_has(w, 1, 400));
	assert_false(ghost_has(w, 1, 500));
	assert_true(ghost_has(w, 2, 2000));
	assert_false(ghost_has(w, 4, 1000));
	assert_true(ghost_has(w, 5, 1000));
	/* Database 2 goes: what is there and not yet gone. */
	pd_whatif_flush(w, 2);
	assert_false(ghost_has(w, 9, 1001));
	assert_true(ghost_has(w, 11, 1001));
	pd_whatif_expire(w, 1002);
	pd_whatif_stats(w, &s);
	/* Odd ones that are no multiples of 3, less key 1, and key 2. */
	assert_int_equal(s.ghost[PD_WHATIF_LRU].objects, 33);
	pd_whatif_flush(w, 0);
	assert_false(ghost_has(w, 11, 1003));
	pd_whatif_flush(w, -1);
	pd_whatif_stats(w, &s);
	assert_int_equal(s.ghost[PD_WHATIF_LRU].objects, 0);
	assert_int_equal(s.ghost[PD_WHATIF_BUILTIN].objects, 0);
	pd_whatif_reset(w);
	pd_whatif_stats(w, &s);
	assert_int_equal(s.reads + s.hits + s.ghost[PD_WHATIF_LRU].hits, 0);
	pd_whatif_free(w);
}

/* Memory and objects are bounded whatever comes, with all keys expiring. */
static void
bounded(void **state)
{
	struct pd_whatif *w = pd_whatif_new(UINT64_C(1) << 40, true, 1, NULL);
	struct pd_whatif_access a;
	struct pd_whatif_stats s;
	uint64_t k;

	(void)state;
	for (k = 1; k <= 200000; k++) {
		a = resident(k, k, 0, INT64_MAX);
		pd_whatif_access(w, &a);
		pd_whatif_remove(w, a.acc.key, true);
	}
	pd_whatif_stats(w, &s);
	assert_in_range(
	    s.ghost[PD_WHATIF_LRU].objects, PD_MINI_MAX / 2 - 200, PD_MINI_MAX);
	assert_true(pd_whatif_memory(w) < 1000000);
	pd_whatif_flush(w, -1);
	assert_true(pd_whatif_memory(w) < 10000);
	pd_whatif_free(w);
}

/*
 * A cache that is S3-FIFO of all keys, over requests that are skewed, with a
 * part that passes once: what it gains over LRU is known, and is estimated
 * from samples of the keys, one a seed.
 */
#define REQUESTS 60000
#define CAPACITY 2000
static struct {
	uint32_t key;
	bool hit;
	uint32_t gone; /* the key that left for it, or UINT32_MAX */
} log_of[REQUESTS];

static void
seen_gone(void *cookie, uint64_t key, bool held)
{
	if (!held)
		*(uint64_t *)cookie = key;
}

/* Fill log_of; what S3-FIFO hits more than LRU. */
static double
simulate(void)
{
	const struct pd_policy_params p = {.capacity = CAPACITY};
	struct pd_mini *own =
	    pd_mini_new(pd_policy_find("s3fifo"), &p, 0, NULL);
	struct pd_mini *lru = pd_mini_new(pd_policy_find("lru"), &p, 0, NULL);
	struct pd_rng rng;
	uint64_t left;
	double gained = 0;
	uint32_t i;

	pd_rng_init(&rng, 9);
	pd_mini_watch(own, seen_gone, &left);
	for (i = 0; i < REQUESTS; i++) {
		const struct pd_access acc = {.key = pd_rng_below(&rng, 4) == 0
							 ? 1000000 + i
							 : skewed(&rng, KEYS),
		    .tick = i + 1,
		    .size = 1};

		left = UINT32_MAX;
		log_of[i].key = (uint32_t)acc.key;
		log_of[i].hit = pd_mini_access(own, &acc) == PD_MINI_HIT;
		if (!log_of[i].hit)
			pd_mini_fill(own, &acc);
		log_of[i].gone = (uint32_t)left;
		gained += log_of[i].hit;
		if (pd_mini_access(lru, &acc) == PD_MINI_HIT)
			gained--;
		else
			pd_mini_fill(lru, &acc);
	}
	pd_mini_free(own);
	pd_mini_free(lru);
	return gained;
}

static void
estimate(uint64_t seed, unsigned shift, struct pd_whatif_stats *s)
{
	struct pd_whatif *w = pd_whatif_new(CAPACITY, false, 1, NULL);
	struct pd_whatif_access a;
	uint64_t used = 0;
	uint32_t i;

	pd_whatif_set_shift(w, shift, 0);
	for (i = 0; i < REQUESTS; i++) {
		a = (struct pd_whatif_access){
		    .acc = {.key = pd_mix64(log_of[i].key ^ seed << 32),
			.tick = i + 1,
			.size = 1},
		    .hit = log_of[i].hit,
		    .read = true,
		    .used = used};
		pd_whatif_access(w, &a);
		if (log_of[i].hit)
			continue;
		pd_whatif_fill(w, &a);
		used++;
		if (log_of[i].gone == UINT32_MAX)
			continue;
		pd_whatif_remove(
		    w, pd_mix64(log_of[i].gone ^ seed << 32), true);
		used--;
	}
	pd_whatif_stats(w, s);
	pd_whatif_free(w);
}

static void
the_standard_error_is_honest(void **state)
{
	enum { SEEDS = 40 };
	const double truth = simulate();
	struct pd_whatif_stats s;
	double z, squares = 0, bias = 0;
	unsigned in2 = 0, shift;
	uint64_t seed;

	(void)state;
	/* There is something to estimate. */
	assert_true(truth > REQUESTS * 0.01);
	estimate(1, 0, &s);
	assert_true(fabs(s.ghost[PD_WHATIF_LRU].gained - truth) < 0.5);
	assert_true(fabs(s.ghost[PD_WHATIF_BUILTIN].gained) < 0.5);
	for (shift = 1; shift <= 3; shift += 2) {
		squares = bias = 0;
		in2 = 0;
		for (seed = 1; seed <= SEEDS; seed++) {
			estimate(seed, shift, &s);
			z = (s.ghost[PD_WHATIF_LRU].gained - truth) /
			    s.ghost[PD_WHATIF_LRU].gained_se;
			assert_true(fabs(z) < 4.5);
			in2 += fabs(z) < 2;
			squares += z * z;
			bias += z;
		}
		/* 95 of 100 are expected, a mean square of 1, and no bias:
		 * its own error is 0.16. */
		assert_true(in2 >= SEEDS * 8 / 10);
		assert_in_range((int)(100 * sqrt(squares / SEEDS)), 60, 150);
		assert_true(fabs(bias / SEEDS) < 0.6);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(at_full_rate_it_is_lru),
	    cmocka_unit_test(expiry_and_databases),
	    cmocka_unit_test(bounded),
	    cmocka_unit_test(the_standard_error_is_honest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
