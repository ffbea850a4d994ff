#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "data/budget.h"

#define SECOND 1000000

static void
test_lowers_at_once(void **state)
{
	struct pd_budget b;

	(void)state;
	pd_budget_init(&b, 1000);
	assert_false(pd_budget_tell(&b, 1000, SECOND));
	assert_true(pd_budget_rate(&b, 0.5) == 0.5);
	/* 5,000: an eighth is under 1,000, a quarter is not. */
	assert_true(pd_budget_tell(&b, 5000, SECOND));
	assert_true(pd_budget_rate(&b, 0.5) == 0.0625);
	/* It did not help as much as it should have: once more. */
	assert_true(pd_budget_tell(&b, 1001, SECOND));
	assert_true(pd_budget_rate(&b, 0.5) == 0.03125);
	/* Half a second of 600 is as much as 1,200 a second. */
	assert_true(pd_budget_tell(&b, 600, SECOND / 2));
	assert_int_equal(b.shift, 5);
	assert_false(pd_budget_tell(&b, 1000, 0));
}

/* Up again only after a calm minute, one step at a time, and no flutter. */
static void
test_rises_slowly(void **state)
{
	struct pd_budget b;
	unsigned i, changes = 0;

	(void)state;
	pd_budget_init(&b, 1000);
	assert_true(pd_budget_tell(&b, 4000, SECOND));
	assert_int_equal(b.shift, 2);
	/* Twice 400 is too near to the limit, for ever. */
	for (i = 0; i < 1000; i++)
		assert_false(pd_budget_tell(&b, 400, SECOND));
	/* A second that is not calm begins the minute anew. */
	for (i = 0; i < 59; i++)
		assert_false(pd_budget_tell(&b, 100, SECOND));
	assert_false(pd_budget_tell(&b, 500, SECOND));
	for (i = 0; i < 59; i++)
		assert_false(pd_budget_tell(&b, 100, SECOND));
	assert_true(pd_budget_tell(&b, 100, SECOND));
	assert_int_equal(b.shift, 1);
	for (i = 0; i < 60; i++)
		changes += pd_budget_tell(&b, 200, SECOND);
	assert_int_equal(changes, 1);
	assert_true(pd_budget_rate(&b, 1) == 1);
	for (i = 0; i < 600; i++)
		assert_false(pd_budget_tell(&b, 200, SECOND));
}

static void
test_limits(void **state)
{
	struct pd_budget b;

	(void)state;
	pd_budget_init(&b, 1);
	assert_true(pd_budget_tell(&b, UINT64_MAX, SECOND));
	assert_int_equal(b.shift, PD_BUDGET_MOST);
	assert_false(pd_budget_tell(&b, UINT64_MAX, SECOND));
	/* Without a limit the rate is the one asked for. */
	b.limit = 0;
	assert_true(pd_budget_tell(&b, UINT64_MAX, SECOND));
	assert_true(pd_budget_rate(&b, 0.25) == 0.25);
	assert_false(pd_budget_tell(&b, UINT64_MAX, SECOND));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lowers_at_once),
	    cmocka_unit_test(test_rises_slowly),
	    cmocka_unit_test(test_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
