/* Miniature caches against whole ones. */

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
#include "cache/context.h"
#include "cache/mini.h"
#include "cache/selector.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "data/event.h"
#include "nomem.h"

#define REQUESTS 40000

static uint32_t
size_of(uint64_t key)
{
	return 1 + (uint32_t)(key % 400);
}

/* Keys skewed to the small ones, and now and then a run of new ones. */
static uint64_t
draw(struct pd_rng *rng, uint64_t i, uint32_t keys)
{
	const double u = pd_rng_double(rng);

	if (i % 4000 < 600)
		return pd_mix64(1000000 + i);
	return pd_mix64((uint64_t)(u * u * u * keys));
}

static struct pd_trace *
make_trace(void)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_event e;
	struct pd_rng rng;
	uint64_t i;

	assert_non_null(t);
	pd_rng_init(&rng, 3);
	for (i = 0; i < REQUESTS; i++) {
		pd_event_init(&e);
		e.key = draw(&rng, i, 3000);
		e.tick = i;
		e.size = size_of(e.key);
		e.op = PD_OP_GET;
		assert_int_equal(pd_trace_add(t, &e, NULL, 0, NULL), 0);
	}
	return t;
}

static uint64_t
misses_of(const struct pd_policy_ops *ops, const struct pd_trace *t,
    uint64_t capacity, bool by_bytes)
{
	struct pd_context *ctx = pd_context_new(capacity, by_bytes, NULL);
	const struct pd_policy_params params = {
	    .capacity = capacity,
	    .by_bytes = by_bytes,
	    .seed = 5,
	    .minute = 1000,
	    .context = ctx,
	};
	struct pd_mini *m = pd_mini_new(ops, &params, 0, NULL);
	struct pd_access acc = {.op = PD_OP_GET, .ttl = PD_CODE_NONE};
	struct pd_mini_stats s;
	size_t i;

	assert_non_null(m);
	for (i = 0; i < t->n; i++) {
		acc.key = t->key[t->id[i]];
		acc.tick = i;
		acc.bytes = t->size[i];
		acc.size = by_bytes ? t->size[i] : 1;
		if (pd_mini_access(m, &acc) == PD_MINI_MISS)
			pd_mini_fill(m, &acc);
		assert_true(pd_mini_has(m, acc.key) || acc.size > capacity);
	}
	pd_mini_stats(m, &s);
	assert_int_equal(s.accesses, t->n);
	assert_true(s.used <= capacity);
	pd_mini_free(m);
	pd_context_free(ctx);
	return s.misses;
}

/* At rate 1 a mini is the cache: the same misses, for every policy that does
 * not depend on how many objects it was told to expect. */
static void
at_full_rate_it_is_the_cache(void **state)
{
	struct pd_trace *t = make_trace();
	const struct pd_policy_ops *const *p;
	struct pd_sim_params params = {.end = t->n};
	struct pd_sim_result r;
	unsigned by_bytes;

	(void)state;
	params.policy.seed = 5;
	params.policy.minute = 1000;
	for (p = pd_policies; *p != NULL; p++) {
		if (*p == &pd_policy_selector)
			continue;
		for (by_bytes = 0; by_bytes < 2; by_bytes++) {
			params.ops = *p;
			params.policy.by_bytes = by_bytes;
			params.policy.capacity = by_bytes ? 40000 : 300;
			assert_int_equal(pd_sim_run(t, &params, &r, NULL), 0);
			if (by_bytes && strcmp((*p)->name, "wtinylfu") == 0)
				continue;
			assert_int_equal(
			    misses_of(*p, t, params.policy.capacity, by_bytes),
			    r.misses);
		}
	}
	pd_trace_free(t);
}

/* A sample of 1/8 with 2,500 objects tells LRU's and S3-FIFO's miss ratio
 * within 1.5 points. */
static void
a_sample_tells_the_ratio(void **state)
{
	static const char *const names[] = {"lru", "s3fifo", "arc"};
	const struct pd_policy_params params = {.capacity = 20000};
	struct pd_access acc = {.size = 1, .ttl = PD_CODE_NONE};
	struct pd_mini_stats whole, part;
	struct pd_mini *m[2];
	struct pd_rng rng;
	unsigned k, i;
	uint64_t n;
	double a, b;

	(void)state;
	for (k = 0; k < sizeof(names) / sizeof(*names); k++) {
		for (i = 0; i < 2; i++) {
			m[i] = pd_mini_new(pd_policy_find(names[k]), &params,
			    i * pd_mini_shift(20000, 2500), NULL);
			assert_non_null(m[i]);
		}
		pd_rng_init(&rng, 8);
		for (n = 0; n < 400000; n++) {
			acc.key = draw(&rng, n, 100000);
			acc.tick = n;
			for (i = 0; i < 2; i++)
				if (pd_mini_access(m[i], &acc) == PD_MINI_MISS)
					pd_mini_fill(m[i], &acc);
		}
		pd_mini_stats(m[0], &whole);
		pd_mini_stats(m[1], &part);
		assert_true(part.accesses < whole.accesses / 6);
		assert_int_equal(part.objects, 2500);
		a = (double)whole.misses / (double)whole.accesses;
		b = (double)part.misses / (double)part.accesses;
		if (fabs(a - b) > 0.015)
			fail_msg("%s: %g, sampled %g", names[k], a, b);
		assert_true(part.memory < whole.memory / 4);
		pd_mini_free(m[0]);
		pd_mini_free(m[1]);
	}
}

static void
stores_what_is_filled_and_forgets_what_is_deleted(void **state)
{
	const struct pd_policy_params params = {
	    .capacity = 100, .by_bytes = true};
	struct pd_mini *m =
	    pd_mini_new(pd_policy_find("lru"), &params, 0, NULL);
	struct pd_access acc = {.key = 1, .size = 40};

	(void)state;
	assert_int_equal(pd_mini_access(m, &acc), PD_MINI_MISS);
	assert_int_equal(pd_mini_access(m, &acc), PD_MINI_MISS);
	pd_mini_fill(m, &acc);
	assert_int_equal(pd_mini_access(m, &acc), PD_MINI_HIT);
	acc.key = 2;
	pd_mini_fill(m, &acc);
	assert_true(pd_mini_has(m, 1));
	/* It grows: the other has to leave. */
	acc.size = 70;
	pd_mini_set_size(m, &acc);
	assert_false(pd_mini_has(m, 1));
	assert_true(pd_mini_has(m, 2));
	/* Larger than all. */
	acc.size = 101;
	pd_mini_set_size(m, &acc);
	assert_false(pd_mini_has(m, 2));
	acc.key = 3;
	pd_mini_fill(m, &acc);
	assert_false(pd_mini_has(m, 3));
	acc.size = 10;
	pd_mini_fill(m, &acc);
	pd_mini_delete(m, 4);
	assert_true(pd_mini_has(m, 3));
	pd_mini_delete(m, 3);
	assert_int_equal(pd_mini_objects(m), 0);
	pd_mini_free(m);
}

/* When the rate falls the others leave, the memory too, and it goes on. */
static void
thins_out(void **state)
{
	const struct pd_policy_ops *const *p;
	const struct pd_policy_params params = {.capacity = 4000, .seed = 1};
	struct pd_access acc = {.size = 1, .ttl = PD_CODE_NONE};
	struct pd_mini *m;
	struct pd_rng rng;
	size_t memory;
	uint64_t i, k;

	(void)state;
	for (p = pd_policies; *p != NULL; p++) {
		if ((*p)->set_model != NULL)
			continue; /* needs a context */
		m = pd_mini_new(*p, &params, 0, NULL);
		assert_non_null(m);
		pd_rng_init(&rng, 8);
		memory = 0;
		for (i = 0; i < 60000; i++) {
			if (i % 20000 == 19999) {
				memory = pd_mini_memory(m);
				pd_mini_set_shift(
				    m, (unsigned)(i / 20000 * 3 + 3), i);
				if (pd_mini_memory(m) > memory)
					fail_msg("%s grows", (*p)->name);
				for (k = 0; k < 5000; k++)
					if (pd_mini_has(m, pd_mix64(k)))
						assert_true(pd_mini_sampled(
						    pd_mix64(k),
						    (unsigned)(i / 20000 * 3 +
							       3)));
			}
			acc.key = draw(&rng, i, 30000);
			acc.tick = i;
			if (pd_mini_access(m, &acc) == PD_MINI_MISS)
				pd_mini_fill(m, &acc);
		}
		assert_true(pd_mini_objects(m) <= 4000 >> 6);
		pd_mini_set_capacity(m, 640, i);
		assert_true(pd_mini_objects(m) <= 10);
		pd_mini_free(m);
	}
}

#if NOMEM_WORKS

/* Out of memory it is off, says so, and holds nothing. */
static void
is_off_without_memory(void **state)
{
	const struct pd_policy_params params = {.capacity = 2000};
	struct pd_access acc = {.size = 1, .ttl = PD_CODE_NONE};
	struct pd_mini_stats s;
	struct pd_mini *m;
	unsigned offs = 0;
	long nth, live;
	uint64_t i;

	(void)state;
	for (nth = 0; nth < 60; nth++) {
		live = heap.live;
		heap.left = nth;
		m = pd_mini_new(pd_policy_find("s3fifo"), &params, 0, NULL);
		for (i = 0; m != NULL && i < 5000; i++) {
			acc.key = pd_mix64(i);
			acc.tick = i;
			if (pd_mini_access(m, &acc) == PD_MINI_MISS)
				pd_mini_fill(m, &acc);
		}
		heap.left = -1;
		if (m != NULL) {
			pd_mini_stats(m, &s);
			offs += s.off;
			if (s.off) {
				assert_int_equal(s.objects, 0);
				assert_int_equal(
				    pd_mini_access(m, &acc), PD_MINI_UNSEEN);
				pd_mini_fill(m, &acc);
				pd_mini_delete(m, acc.key);
				pd_mini_set_capacity(m, 10, 1);
				pd_mini_set_shift(m, 3, 1);
			}
		}
		pd_mini_free(m);
		assert_int_equal(heap.live, live);
	}
	assert_true(offs > 3);
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(at_full_rate_it_is_the_cache),
		cmocka_unit_test(a_sample_tells_the_ratio),
		cmocka_unit_test(
		    stores_what_is_filled_and_forgets_what_is_deleted),
		cmocka_unit_test(thins_out),
#if NOMEM_WORKS
		cmocka_unit_test(is_off_without_memory),
#endif
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
