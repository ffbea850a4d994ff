/* Who is said to rule, on misses whose truth is known. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rng.h"
#include "cache/judge.h"

#define OBJECTS 1000

/*
 * ${n} accesses; expert i misses ${ratio}[i] of them in a thousand. The noise
 * is shared: who misses less misses a part of what the others miss. Blocks at
 * whose end ${who} rules.
 */
static unsigned
play(struct pd_judge *j, struct pd_rng *rng, unsigned n,
    const unsigned ratio[3], unsigned who)
{
	unsigned i, k, draw, next, rules = 0;
	uint32_t missed;

	for (i = 0; i < n; i++) {
		draw = pd_rng_below(rng, 1000);
		missed = 0;
		for (k = 0; k < 3; k++)
			if (draw < ratio[k])
				missed |= 1U << k;
		if (!pd_judge_access(j, missed, 7, 1))
			continue;
		next = pd_judge_choose(j, 7);
		if (next != j->ruling)
			pd_judge_crown(j, next);
		rules += j->ruling == who;
	}
	return rules;
}

static void
begin(struct pd_judge *j, struct pd_rng *rng)
{
	pd_judge_init(j, 3);
	pd_judge_scale(j, OBJECTS);
	pd_rng_init(rng, 4);
}

static void
the_better_one_rules_and_the_default_otherwise(void **state)
{
	static const unsigned same[3] = {500, 500, 500};
	static const unsigned worse[3] = {500, 520, 600};
	static const unsigned better[3] = {500, 520, 450};
	struct pd_judge j;
	struct pd_rng rng;

	(void)state;
	begin(&j, &rng);
	(void)play(&j, &rng, 50000, same, 0);
	assert_int_equal(j.ruling, 0);
	(void)play(&j, &rng, 50000, worse, 0);
	assert_int_equal(j.ruling, 0);
	(void)play(&j, &rng, 60000, better, 2);
	assert_int_equal(j.ruling, 2);
	assert_true(fabs(pd_judge_ratio(&j, 2) - 0.45) < 0.02);
}

/* Independent misses of equal ratio are noise: the default rules nearly all
 * of the time, and what others would win there is never believed for long. */
static void
noise_does_not_rule(void **state)
{
	struct pd_judge j;
	struct pd_rng rng;
	unsigned i, blocks = 0, others = 0;
	uint32_t missed;

	(void)state;
	begin(&j, &rng);
	for (i = 0; i < 400000; i++) {
		missed = (uint32_t)pd_rng_u64(&rng) & 7;
		if (!pd_judge_access(&j, missed, 7, 1))
			continue;
		pd_judge_crown(&j, pd_judge_choose(&j, 7));
		blocks++;
		others += j.ruling != 0;
	}
	if (others * 4 > blocks)
		fail_msg("%u of %u blocks under noise", others, blocks);
}

/* Who was best for long is out at once when it turns bad. */
static void
a_turn_is_seen_within_a_quarter_of_the_objects(void **state)
{
	static const unsigned good[3] = {500, 300, 500};
	static const unsigned bad[3] = {500, 1000, 1000};
	struct pd_judge j;
	struct pd_rng rng;

	(void)state;
	begin(&j, &rng);
	(void)play(&j, &rng, 50000, good, 1);
	assert_int_equal(j.ruling, 1);
	(void)play(&j, &rng, OBJECTS * 3 / 8, bad, 0);
	assert_int_equal(j.ruling, 0);
	/* And it has to earn its place again. */
	(void)play(&j, &rng, 20000, good, 1);
	assert_int_equal(j.ruling, 1);
}

/* One that may not rule does not, and one whose past is forgotten must show
 * itself first. */
static void
only_who_may_rules(void **state)
{
	static const unsigned good[3] = {500, 300, 400};
	struct pd_judge j;
	struct pd_rng rng;
	unsigned i;

	(void)state;
	begin(&j, &rng);
	(void)play(&j, &rng, 20000, good, 1);
	assert_int_equal(pd_judge_choose(&j, 7), 1);
	assert_int_equal(pd_judge_choose(&j, 5), 2);
	assert_int_equal(pd_judge_choose(&j, 1), 0);
	pd_judge_forget(&j, 1);
	pd_judge_crown(&j, 0);
	assert_int_equal(pd_judge_choose(&j, 7), 2);
	for (i = 0; i < 20000; i++)
		(void)pd_judge_access(&j, 5, 7, 1);
	assert_int_equal(pd_judge_choose(&j, 7), 1);
}

/* The standard error is that of repeated runs. */
static void
the_error_is_the_spread_of_runs(void **state)
{
	double ratio, sum = 0, squares = 0, error = 0, spread;
	const unsigned runs = 200;
	struct pd_judge j;
	struct pd_rng rng;
	unsigned r, i;
	uint32_t missed;

	(void)state;
	pd_rng_init(&rng, 9);
	for (r = 0; r < runs; r++) {
		pd_judge_init(&j, 2);
		pd_judge_scale(&j, OBJECTS);
		for (i = 0; i < 40000; i++) {
			missed = pd_rng_below(&rng, 10) < 5;
			missed |= (uint32_t)(pd_rng_below(&rng, 10) < 4) << 1;
			(void)pd_judge_access(&j, missed, 3, 1);
		}
		ratio = pd_judge_ratio(&j, 0) - pd_judge_ratio(&j, 1);
		sum += ratio;
		squares += ratio * ratio;
		error += pd_judge_error(&j, 1, 0);
	}
	spread = sqrt(squares / runs - sum / runs * (sum / runs));
	assert_true(fabs(sum / runs - 0.1) < 0.005);
	error /= runs;
	if (error < 0.8 * spread || error > 1.25 * spread)
		fail_msg("error %g, spread %g", error, spread);
}

/* Misses count by weight. */
static void
weights_count(void **state)
{
	struct pd_judge j;
	unsigned i;

	(void)state;
	pd_judge_init(&j, 2);
	for (i = 0; i < 10000; i++)
		(void)pd_judge_access(&j, i % 2 ? 1 : 2, 3, i % 2 ? 3 : 1);
	assert_true(fabs(pd_judge_ratio(&j, 0) - 0.75) < 0.01);
	assert_true(fabs(pd_judge_ratio(&j, 1) - 0.25) < 0.01);
	assert_int_equal(pd_judge_choose(&j, 3), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_better_one_rules_and_the_default_otherwise),
	    cmocka_unit_test(noise_does_not_rule),
	    cmocka_unit_test(a_turn_is_seen_within_a_quarter_of_the_objects),
	    cmocka_unit_test(only_who_may_rules),
	    cmocka_unit_test(the_error_is_the_spread_of_runs),
	    cmocka_unit_test(weights_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
