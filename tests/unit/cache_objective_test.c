/* Objectives: what a miss counts, and what a resident is worth. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/code.h"
#include "base/rng.h"
#include "cache/objective.h"

static void
near(double a, double b, double by)
{
	assert_true(fabs(a - b) <= by);
}

static void
names_and_objectives_agree(void **state)
{
	(void)state;
	assert_int_equal(pd_objective_parse("objects"), PD_OBJECTIVE_OBJECTS);
	assert_int_equal(pd_objective_parse("bytes"), PD_OBJECTIVE_BYTES);
	assert_int_equal(pd_objective_parse("cost"), PD_OBJECTIVE_COST);
	assert_int_equal(pd_objective_parse("Cost"), -1);
	assert_int_equal(pd_objective_parse(""), -1);
	assert_string_equal(pd_objective_name(PD_OBJECTIVE_COST), "cost");
}

static void
a_miss_counts_what_the_objective_says(void **state)
{
	(void)state;
	assert_int_equal(pd_objective_weight(PD_OBJECTIVE_OBJECTS, 9, 8), 1);
	assert_int_equal(pd_objective_weight(PD_OBJECTIVE_BYTES, 9, 8), 9);
	assert_int_equal(pd_objective_weight(PD_OBJECTIVE_BYTES, 0, 8), 1);
	assert_int_equal(pd_objective_weight(PD_OBJECTIVE_COST, 9, 8), 8);
	assert_int_equal(pd_objective_weight(PD_OBJECTIVE_COST, 9, 0),
	    PD_OBJECTIVE_COST_UNKNOWN);
}

/* The higher of two scores is worth less, whatever they are. */
static void
use_falls_with_the_score(void **state)
{
	static const struct {
		enum pd_score_kind kind;
		double from, to;
	} range[] = {{PD_SCORE_DISCOUNT, -2, 3}, {PD_SCORE_BEYOND, -12, 12},
	    {PD_SCORE_LOG_GAP, -1, 60}};
	struct pd_rng r;
	float a, b;
	int i, k;

	(void)state;
	pd_rng_init(&r, 3);
	for (i = 0; i < 30000; i++) {
		k = i % 3;
		a = (float)(range[k].from +
			    pd_rng_double(&r) * (range[k].to - range[k].from));
		b = i % 2 ? nextafterf(a, 100)
			  : a + (float)pd_rng_double(&r) + 1e-6f;
		assert_true(pd_score_log2_use(range[k].kind, a) >
			    pd_score_log2_use(range[k].kind, b));
	}
}

/* A score that is what its label means gives the label's own share. */
static void
use_is_what_the_label_means(void **state)
{
	double d = 0.125;
	int i;

	(void)state;
	/* 1 - d / (d + age) */
	for (i = 0; i < 9; i++, d *= 2)
		near(pd_score_log2_use(PD_SCORE_DISCOUNT, (float)(d / (d + 1))),
		    log2(1 / (1 + d)), 1e-5);
	/* Odds of 3 to 1 for beyond leave a quarter. */
	near(pd_score_log2_use(PD_SCORE_BEYOND, (float)log(3)), -2, 1e-6);
	near(pd_score_log2_use(PD_SCORE_LOG_GAP, 10.5f), -10.5, 0);
	assert_int_equal(pd_score_kind("beyond"), PD_SCORE_BEYOND);
	assert_int_equal(pd_score_kind("log_gap"), PD_SCORE_LOG_GAP);
	assert_int_equal(pd_score_kind("discount"), PD_SCORE_DISCOUNT);
	assert_int_equal(pd_score_kind(""), PD_SCORE_DISCOUNT);
}

static double
worth(enum pd_objective o, bool by_bytes, uint32_t overhead, uint32_t size,
    uint32_t cost)
{
	return pd_objective_log2_worth(o, by_bytes, overhead, pd_code(size),
	    cost == 0 ? PD_CODE_NONE : pd_code(cost));
}

static void
worth_is_benefit_by_size(void **state)
{
	const enum pd_objective o = PD_OBJECTIVE_OBJECTS,
				b = PD_OBJECTIVE_BYTES, c = PD_OBJECTIVE_COST;

	(void)state;
	/* Bytes for capacity: sizes of 2^k differ by k. */
	near(worth(o, true, 0, 1024, 0) - worth(o, true, 0, 64, 0), -4, 1e-9);
	near(worth(b, true, 0, 1024, 0), 0, 1e-9);
	near(worth(c, true, 0, 64, 4096) - worth(c, true, 0, 1024, 64), 10,
	    1e-9);
	/* Objects for capacity. */
	near(worth(o, false, 0, 1024, 0), 0, 0);
	near(worth(b, false, 0, 1024, 0) - worth(b, false, 0, 64, 0), 4, 1e-9);
	near(worth(c, false, 0, 1, 4096) - worth(c, false, 0, 9, 64), 6, 1e-9);
	assert_true(pd_objective_only_score(o, false));
	assert_false(pd_objective_only_score(o, true));
	assert_false(pd_objective_only_score(c, false));
	/* What is not known is typical, to an eighth of an octave. */
	near(worth(c, false, 0, 1, 0),
	    worth(c, false, 0, 1, PD_OBJECTIVE_COST_UNKNOWN), 0.126);
	/* A key's own bytes make small values alike. */
	near(worth(o, true, 64, 64, 0), -7.1, 0.1);
	assert_true(worth(o, true, 64, 1, 0) - worth(o, true, 64, 2, 0) < 0.05);
	assert_true(worth(b, true, 64, 4096, 0) > worth(b, true, 64, 8, 0) + 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_and_objectives_agree),
	    cmocka_unit_test(a_miss_counts_what_the_objective_says),
	    cmocka_unit_test(use_falls_with_the_score),
	    cmocka_unit_test(use_is_what_the_label_means),
	    cmocka_unit_test(worth_is_benefit_by_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
