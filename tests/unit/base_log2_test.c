#define _GNU_SOURCE /* M_LN2 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/log2.h"
#include "base/rng.h"

static void
powers_of_two_are_exact(void **state)
{
	int i;

	(void)state;
	for (i = -300; i <= 300; i++)
		assert_true(pd_log2(ldexp(1.0, i)) == (double)i);
	for (i = 0; i <= 1021; i++)
		assert_true(pd_exp2_neg((double)i) == ldexp(1.0, -i));
	assert_true(pd_exp2_neg(1022.0) == 0.0);
	assert_true(pd_exp2_neg(1e18) == 0.0);
}

static void
close_to_libm(void **state)
{
	struct pd_rng r;
	double x, e, worst_log = 0, worst_exp = 0;
	int i;

	(void)state;
	pd_rng_init(&r, 1);
	for (i = 0; i < 200000; i++) {
		x = (double)(pd_rng_u64(&r) >> (i % 60)) + 1.0;
		e = fabs(pd_log2(x) - log2(x));
		worst_log = e > worst_log ? e : worst_log;
		x = pd_rng_double(&r) * (double)(1 << i % 10);
		e = fabs(pd_exp2_neg(x) / exp2(-x) - 1.0);
		worst_exp = e > worst_exp ? e : worst_exp;
	}
	assert_true(worst_log < 3e-12);
	assert_true(worst_exp < 3e-13);
}

/* What is lost in a short time must be right to many digits: 1 - 2^-x. */
static void
small_arguments_keep_their_digits(void **state)
{
	double x = 1e-12;
	int i;

	(void)state;
	for (i = 0; i < 24; i++) {
		assert_true(fabs((1.0 - pd_exp2_neg(x)) / -expm1(-x * M_LN2) -
				 1.0) < 4e-16 / x);
		x *= 3;
	}
}

/* The bits themselves, made once: a change of them changes every stream. */
static void
bits_never_change(void **state)
{
	struct pd_rng r;
	uint64_t h = 0, b;
	double v;
	int i;

	(void)state;
	pd_rng_init(&r, 2);
	for (i = 0; i < 100000; i++) {
		v = pd_log2((double)(pd_rng_u64(&r) >> (i % 60)) + 1.0);
		memcpy(&b, &v, sizeof(b));
		h = pd_mix64(h ^ b);
		v = pd_exp2_neg(pd_rng_double(&r) * 100.0);
		memcpy(&b, &v, sizeof(b));
		h = pd_mix64(h ^ b);
	}
	assert_int_equal(h, 0x65ca815c3f2b72fb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(powers_of_two_are_exact),
	    cmocka_unit_test(close_to_libm),
	    cmocka_unit_test(small_arguments_keep_their_digits),
	    cmocka_unit_test(bits_never_change),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
