/* The log of keys that left, and the clock of ticks. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "cache/evictlog.h"
#include "cache/tickclock.h"

static void
add(struct pd_evictlog *l, uint64_t key, uint64_t tick)
{
	const struct pd_evictlog_entry e = {.tick = tick,
	    .score = NAN,
	    .age = (uint32_t)tick + 1,
	    .why = PD_GONE_DELETED};

	pd_evictlog_add(l, pd_mix64(key), &e);
}

static void
the_oldest_is_overwritten(void **state)
{
	const uint32_t n = 100;
	struct pd_evictlog *l =
	    pd_evictlog_new((size_t)n * PD_EVICTLOG_ENTRY + 39, NULL);
	struct pd_evictlog_entry e;
	size_t bytes;
	uint64_t i, k;

	(void)state;
	assert_non_null(l);
	assert_int_equal(pd_evictlog_size(l), n);
	bytes = pd_evictlog_memory(l);
	assert_in_range(
	    bytes, n * PD_EVICTLOG_ENTRY, n * PD_EVICTLOG_ENTRY + 64);
	for (i = 1; i <= 1000; i++) {
		add(l, i, i);
		assert_int_equal(pd_evictlog_used(l), i < n ? i : n);
		if (i % 37 != 0)
			continue;
		for (k = 1; k <= i + 1; k++) {
			assert_int_equal(pd_evictlog_find(l, pd_mix64(k), &e),
			    k + n > i && k <= i);
			if (k + n > i && k <= i) {
				assert_int_equal(e.tick, k);
				assert_int_equal(e.age, k + 1);
				assert_int_equal(e.why, PD_GONE_DELETED);
			}
		}
	}
	assert_int_equal(pd_evictlog_memory(l), bytes);
	pd_evictlog_free(l);
}

static void
the_newest_of_a_key_is_found(void **state)
{
	struct pd_evictlog *l =
	    pd_evictlog_new((size_t)8 * PD_EVICTLOG_ENTRY, NULL);
	struct pd_evictlog_entry e;
	uint64_t i;

	(void)state;
	for (i = 1; i <= 20; i++)
		add(l, i % 3, i);
	assert_true(pd_evictlog_find(l, pd_mix64(0), &e));
	assert_int_equal(e.tick, 18);
	assert_true(pd_evictlog_find(l, pd_mix64(2), &e));
	assert_int_equal(e.tick, 20);
	pd_evictlog_free(l);
}

static void
without_room_nothing_is_kept(void **state)
{
	struct pd_evictlog *l = pd_evictlog_new(PD_EVICTLOG_ENTRY - 1, NULL);
	struct pd_evictlog_entry e;

	(void)state;
	assert_non_null(l);
	add(l, 1, 1);
	assert_int_equal(pd_evictlog_used(l), 0);
	assert_false(pd_evictlog_find(l, pd_mix64(1), &e));
	pd_evictlog_free(l);
	pd_evictlog_free(NULL);
}

/* Ticks pass at a rate that changes: right to a mark's distance near the end,
 * never out of order, and exact at the ends. */
static void
ticks_have_a_time(void **state)
{
	struct pd_tickclock c;
	uint64_t tick = 5, us = 1000000, last = 0, t, at[4001];
	int i;

	(void)state;
	pd_tickclock_init(&c, tick, us);
	assert_int_equal(pd_tickclock_us(&c, 3, 5, us), us);
	for (i = 0; i <= 4000; i++) {
		at[i] = tick;
		pd_tickclock_mark(&c, tick, us);
		tick += i % 7 == 0 ? 0 : (uint64_t)(i % 50) * 10;
		us += 1000000;
	}
	assert_true(c.n <= PD_TICKCLOCK_PAIRS);
	assert_int_equal(pd_tickclock_us(&c, tick, tick, us), us);
	assert_int_equal(pd_tickclock_us(&c, 0, tick, us), 1000000);
	for (t = 0; t <= tick; t += 97) {
		const uint64_t v = pd_tickclock_us(&c, t, tick, us);

		assert_true(v >= last && v <= us);
		last = v;
	}
	/* 4,000 marks in 128 pairs: one of 64 is kept. */
	for (i = 100; i < 4000; i += 100)
		assert_true(fabs((double)pd_tickclock_us(&c, at[i], tick, us) -
				 (i + 1) * 1e6) < 66e6);
}

static void
a_clock_that_goes_back_stands(void **state)
{
	struct pd_tickclock c;

	(void)state;
	pd_tickclock_init(&c, 0, 100);
	pd_tickclock_mark(&c, 10, 200);
	pd_tickclock_mark(&c, 20, 150);
	pd_tickclock_mark(&c, 30, 300);
	assert_int_equal(pd_tickclock_us(&c, 10, 30, 300), 200);
	assert_int_equal(pd_tickclock_us(&c, 20, 30, 300), 250);
	assert_int_equal(pd_tickclock_us(&c, 30, 30, 100), 300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_oldest_is_overwritten),
	    cmocka_unit_test(the_newest_of_a_key_is_found),
	    cmocka_unit_test(without_room_nothing_is_kept),
	    cmocka_unit_test(ticks_have_a_time),
	    cmocka_unit_test(a_clock_that_goes_back_stands),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
