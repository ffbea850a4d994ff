#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/code.h"
#include "base/hash.h"
#include "base/rng.h"

/* The code is 1 + floor(4 log2 d), away from the rounded quarter octaves. */
static void
codes_follow_log2(void **state)
{
	struct pd_rng r;
	uint64_t d;
	double x;
	int i;

	(void)state;
	assert_int_equal(pd_code(0), 0);
	assert_int_equal(pd_code(1), 1);
	assert_int_equal(pd_code(2), 5);
	assert_int_equal(pd_code(1024), 41);
	assert_int_equal(pd_code(UINT64_MAX), PD_CODE_MAX);
	pd_rng_init(&r, 7);
	for (i = 0; i < 200000; i++) {
		d = (pd_rng_u64(&r) >> pd_rng_below(&r, 64)) | 1;
		x = 4 * log2((double)d);
		if (x - floor(x) < 1e-3 || ceil(x) - x < 1e-3 || x > 252)
			continue;
		assert_int_equal(pd_code(d), 1 + (int)floor(x));
		/* The middle is at most an eighth of an octave away. */
		assert_true(
		    fabs((double)pd_code_log2(pd_code(d)) - x / 4) <= 0.1251);
	}
}

static void
codes_never_fall(void **state)
{
	uint64_t d;

	(void)state;
	for (d = 0; d < 300000; d++)
		assert_true(pd_code(d) <= pd_code(d + 1));
}

/* SipHash-2-4 of the bytes 0..14 under the key 0..15: the vector of the
 * paper's appendix A (Aumasson, Bernstein 2012). */
static void
siphash_of_the_paper(void **state)
{
	uint8_t key[PD_SIPKEY_BYTES], in[15];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)i;
	for (i = 0; i < sizeof(in); i++)
		in[i] = (uint8_t)i;
	assert_true(pd_siphash(in, sizeof(in), key) == 0xa129ca6149be45e5ULL);
}

/* XXH3-64 of the empty string, seed 0: the constant of xxHash's own tests. */
static void
xxh3_of_nothing(void **state)
{
	(void)state;
	assert_true(pd_hash64("", 0, 0) == 0x2d06800538d394c2ULL);
}

static void
random_numbers_spread(void **state)
{
	unsigned count[10] = {0};
	struct pd_rng r;
	int i;

	(void)state;
	pd_rng_init(&r, 1);
	for (i = 0; i < 100000; i++)
		count[pd_rng_below(&r, 10)]++;
	for (i = 0; i < 10; i++)
		assert_in_range(count[i], 9500, 10500);
	for (i = 0; i < 1000; i++) {
		const double v = pd_rng_double(&r);

		assert_true(v >= 0 && v < 1);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(codes_follow_log2),
	    cmocka_unit_test(codes_never_fall),
	    cmocka_unit_test(siphash_of_the_paper),
	    cmocka_unit_test(xxh3_of_nothing),
	    cmocka_unit_test(random_numbers_spread),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
