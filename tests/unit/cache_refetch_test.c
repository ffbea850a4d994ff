/* What it costs to fetch keys again. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "cache/refetch.h"

static struct pd_refetch
fresh(uint64_t pasts, uint32_t slots)
{
	struct pd_refetch f;

	assert_int_equal(pd_refetch_init(&f, pasts, slots), 0);
	return f;
}

/* Within an eighth of an octave: -8.3% to +9.1%. */
static void
near(double is, double should)
{
	assert_true(is >= should * 0.91 - 1 && is <= should * 1.092);
}

static void
a_hint_is_kept_to_within_9_percent(void **state)
{
	struct pd_rng r;
	uint32_t us;
	int i;

	(void)state;
	pd_rng_init(&r, 1);
	for (i = 0; i < 100000; i++) {
		us = (uint32_t)(pd_rng_u64(&r) >> (33 + pd_rng_below(&r, 31)));
		us = us == 0 ? 1 : us;
		near(pd_refetch_us(pd_refetch_hinted(us)), us);
	}
	assert_int_equal(pd_refetch_us(pd_refetch_hinted(1)), 1);
	near(pd_refetch_us(pd_refetch_hinted(PD_REFETCH_HINT_MOST)),
	    PD_REFETCH_HINT_MOST);
	assert_int_equal(pd_refetch_us(0), 0);
}

static void
measurements_are_smoothed_and_outliers_capped(void **state)
{
	struct pd_refetch f = fresh(16, 4);
	pd_refetch_note n;
	int i;

	(void)state;
	n = pd_refetch_measured(&f, 0, 20000);
	near(pd_refetch_us(n), 20000);
	/* One that took a thousand times as long counts as 8 times. */
	near(pd_refetch_us(pd_refetch_measured(&f, n, 20000000)),
	    20000 * 1.6818);
	near(pd_refetch_us(pd_refetch_measured(&f, n, 20)), 20000 / 1.6818);
	/* Not known: nothing changes. */
	assert_int_equal(pd_refetch_measured(&f, n, 0), n);
	/* What lasts arrives. */
	for (i = 0; i < 60; i++)
		n = pd_refetch_measured(&f, n, 300);
	near(pd_refetch_us(n), 300);
	/* Never more than a minute. */
	near(pd_refetch_us(pd_refetch_measured(&f, 0, UINT64_MAX)),
	    PD_REFETCH_MOST_US);
	/* A hint is not measured away. */
	n = pd_refetch_hinted(70);
	assert_int_equal(pd_refetch_measured(&f, n, 20000), n);
	pd_refetch_release(&f);
}

static void
keys_that_left_are_remembered_within_bounds(void **state)
{
	struct pd_refetch f = fresh(1000, 4);
	const size_t memory = pd_refetch_memory(&f);
	unsigned i, known = 0;

	(void)state;
	assert_true(memory <= 4 + 1024 * 5);
	for (i = 0; i < 5000; i++)
		pd_refetch_leave(&f, pd_mix64(i + 1), pd_refetch_hinted(i + 1));
	assert_int_equal(pd_refetch_memory(&f), memory);
	for (i = 0; i < 5000; i++) {
		if (pd_refetch_past(&f, pd_mix64(i + 1)) == 0)
			continue;
		known++;
		near(
		    pd_refetch_us(pd_refetch_past(&f, pd_mix64(i + 1))), i + 1);
	}
	assert_true(known > 900 && known <= 1024);
	/* The last one is there; nothing known leaves nothing behind. */
	i = 4999;
	assert_int_not_equal(pd_refetch_past(&f, pd_mix64(i + 1)), 0);
	pd_refetch_leave(&f, pd_mix64(i + 1), 0);
	assert_int_not_equal(pd_refetch_past(&f, pd_mix64(i + 1)), 0);
	pd_refetch_forget(&f, pd_mix64(i + 1));
	assert_int_equal(pd_refetch_past(&f, pd_mix64(i + 1)), 0);
	pd_refetch_release(&f);
}

static void
slots_grow_shrink_and_move(void **state)
{
	struct pd_refetch f = fresh(1, 0);
	uint32_t i;

	(void)state;
	assert_int_equal(pd_refetch_reserve(&f, 10), 0);
	for (i = 0; i < 10; i++) {
		assert_int_equal(pd_refetch_get(&f, i), 0);
		pd_refetch_set(&f, i, pd_refetch_hinted(1000 * (i + 1)));
	}
	assert_int_equal(pd_refetch_reserve(&f, 1000), 0);
	near(pd_refetch_us(pd_refetch_get(&f, 9)), 10000);
	assert_int_equal(pd_refetch_get(&f, 999), 0);
	pd_refetch_move(&f, 9, 2);
	near(pd_refetch_us(pd_refetch_get(&f, 2)), 10000);
	assert_int_equal(pd_refetch_reserve(&f, 5), 0);
	near(pd_refetch_us(pd_refetch_get(&f, 4)), 5000);
	pd_refetch_release(&f);
}

static void
what_is_not_known_is_typical(void **state)
{
	struct pd_refetch f = fresh(16, 100);
	uint32_t i;

	(void)state;
	assert_int_equal(pd_refetch_guess(&f, 0), 0);
	for (i = 0; i < 100; i++)
		pd_refetch_set(&f, i, pd_refetch_hinted(i % 2 ? 100 : 10000));
	/* The mean of logarithms, with a little weight on the last. */
	assert_in_range(pd_refetch_guess(&f, 0), 700, 1400);
	near(pd_refetch_guess(&f, pd_refetch_get(&f, 1)), 100);
	pd_refetch_release(&f);
}

static void
off_it_holds_and_knows_nothing(void **state)
{
	struct pd_refetch f = {.on = false};

	(void)state;
	assert_int_equal(pd_refetch_memory(&f), 0);
	assert_int_equal(pd_refetch_reserve(&f, 100), 0);
	pd_refetch_set(&f, 7, pd_refetch_hinted(5));
	pd_refetch_move(&f, 7, 8);
	pd_refetch_leave(&f, 1, pd_refetch_hinted(5));
	pd_refetch_forget(&f, 1);
	assert_int_equal(pd_refetch_get(&f, 7), 0);
	assert_int_equal(pd_refetch_past(&f, 1), 0);
	assert_int_equal(pd_refetch_measured(&f, 0, 100), 0);
	assert_int_equal(pd_refetch_memory(&f), 0);
	pd_refetch_release(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_hint_is_kept_to_within_9_percent),
	    cmocka_unit_test(measurements_are_smoothed_and_outliers_capped),
	    cmocka_unit_test(keys_that_left_are_remembered_within_bounds),
	    cmocka_unit_test(slots_grow_shrink_and_move),
	    cmocka_unit_test(what_is_not_known_is_typical),
	    cmocka_unit_test(off_it_holds_and_knows_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
