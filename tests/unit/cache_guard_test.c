/* When a model is paused. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "cache/context.h"
#include "cache/guard.h"

/* An access; what is missed is stored. */
static void
asked(struct pd_context *ctx, uint64_t key, bool hit, uint32_t size,
    uint64_t tick)
{
	pd_context_access(ctx, key, hit, size, tick);
	if (!hit && size != 0)
		pd_context_fill(ctx, key, size, tick);
}

#define OBJECTS 1000

/*
 * Accesses of which LRU hits about a half: a key of the last OBJECTS / 2, or a
 * new one. The cache hits as LRU would but for ${lost} in 1000 of its hits,
 * and in ${won} in 1000 of its misses. Accesses at which the model ruled.
 */
struct play {
	struct pd_context *ctx;
	struct pd_guard guard;
	struct pd_rng rng;
	uint64_t tick;
	uint64_t newest;
};

static void
play_init(struct play *p)
{
	uint64_t i;

	p->ctx = pd_context_new(OBJECTS, false, NULL);
	assert_non_null(p->ctx);
	pd_rng_init(&p->rng, 5);
	p->tick = p->newest = 0;
	for (i = 0; i < (uint64_t)2 * OBJECTS; i++)
		asked(p->ctx, pd_mix64(++p->newest), false, 1, ++p->tick);
	pd_guard_reset(&p->guard, p->ctx);
}

static unsigned
play_on(struct play *p, unsigned n, unsigned lost, unsigned won)
{
	unsigned i, ruled = 0;
	uint64_t key;
	bool hit;

	for (i = 0; i < n; i++) {
		hit = pd_rng_below(&p->rng, 2) == 0;
		key = hit ? p->newest - pd_rng_below(&p->rng, OBJECTS / 2)
			  : ++p->newest;
		hit = hit ? pd_rng_below(&p->rng, 1000) >= lost
			  : pd_rng_below(&p->rng, 1000) < won;
		asked(p->ctx, pd_mix64(key), hit, 1, ++p->tick);
		ruled += pd_guard_allows(&p->guard, p->ctx, p->tick);
	}
	return ruled;
}

static void
no_worse_is_never_paused(void **state)
{
	struct play p;

	(void)state;
	play_init(&p);
	assert_int_equal(play_on(&p, 100000, 0, 0), 100000);
	assert_int_equal(play_on(&p, 100000, 100, 110), 100000);
	assert_int_equal(p.guard.pauses, 0);
	pd_context_free(p.ctx);
}

static void
worse_is_paused_early(void **state)
{
	struct play p;
	unsigned ruled;

	(void)state;
	play_init(&p);
	/* 10% of the hits lost: 0.05 an access, so 250 after 5,000. */
	ruled = play_on(&p, 20000, 100, 0);
	assert_in_range(ruled, 4000, 16000);
	assert_true(p.guard.pauses >= 1);
	/* For good: less and less. */
	ruled = play_on(&p, 400000, 100, 0);
	assert_true(ruled < 250000);
	pd_context_free(p.ctx);
}

/* A lead is credit, but only so much of it. */
static void
credit_is_bounded(void **state)
{
	struct play p;
	unsigned ruled;

	(void)state;
	play_init(&p);
	assert_int_equal(play_on(&p, 200000, 0, 100), 200000);
	ruled = play_on(&p, 60000, 100, 0);
	/* 1,250 misses at 0.05 an access. */
	assert_in_range(ruled, 20000, 50000);
	assert_true(p.guard.pauses >= 1);
	pd_context_free(p.ctx);
}

static void
a_new_model_starts_afresh(void **state)
{
	struct play p;

	(void)state;
	play_init(&p);
	(void)play_on(&p, 4000, 100, 0);
	pd_guard_reset(&p.guard, p.ctx);
	assert_int_equal(p.guard.behind, 0);
	assert_true(pd_guard_allows(&p.guard, p.ctx, p.tick));
	assert_int_equal(play_on(&p, 50000, 0, 5), 50000);
	pd_context_free(p.ctx);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(no_worse_is_never_paused),
	    cmocka_unit_test(worse_is_paused_early),
	    cmocka_unit_test(credit_is_bounded),
	    cmocka_unit_test(a_new_model_starts_afresh),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
