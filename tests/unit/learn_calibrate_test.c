/* Calibration figures, against cases computed by hand. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "learn/calibrate.h"

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

/*
 * Predictions 0.0, 0.05 ... 0.95 out of order; labels 0.1 + x / 2. Bin k holds
 * 0.1 k and 0.1 k + 0.05: mean 0.1 k + 0.025 beside 0.1125 + 0.05 k. The
 * differences are 0.0875 - 0.05 k: 0.0875 0.0375 -0.0125 ... -0.3625, and the
 * mean of their absolutes (0.125 + 0.0125 + 0.0625 + ... + 0.3625) / 10 =
 * (0.125 + 1.5) / 10.
 */
static void
a_line_is_found(void **state)
{
	struct pd_calibration c;
	float x[20], y[20];
	unsigned i, k;

	(void)state;
	for (i = 0; i < 20; i++) {
		x[i] = 0.05f * (float)(i * 7 % 20);
		y[i] = 0.1f + x[i] / 2;
	}
	assert_int_equal(pd_calibrate(x, y, 20, &c), 0);
	assert_true(near(c.slope, 0.5));
	assert_true(near(c.intercept, 0.1));
	assert_true(near(c.error, 0.1625));
	for (k = 0; k < PD_CALIBRATION_BINS; k++) {
		assert_int_equal(c.bin[k].rows, 2);
		assert_true(near(c.bin[k].predicted, 0.1 * k + 0.025));
		assert_true(near(c.bin[k].observed, 0.1125 + 0.05 * k));
	}
}

/* Two predictions for 0, 0, 1 and 1, 1, 0: by hand slope 1/3 / 0.6. */
static void
ties_share_their_mean(void **state)
{
	const float x[] = {0.2f, 0.2f, 0.8f, 0.8f, 0.2f, 0.8f};
	const float y[] = {0, 1, 1, 0, 0, 1};
	struct pd_calibration c;
	uint32_t rows = 0;
	unsigned k;

	(void)state;
	assert_int_equal(pd_calibrate(x, y, 6, &c), 0);
	assert_true(near(c.slope, 5.0 / 9));
	assert_true(near(c.intercept, 2.0 / 9));
	assert_true(near(c.error, 2.0 / 15));
	for (k = 0; k < PD_CALIBRATION_BINS; k++)
		rows += c.bin[k].rows;
	assert_int_equal(rows, 6);
	assert_true(near(c.bin[1].observed, 1.0 / 3));
	assert_true(near(c.bin[9].observed, 2.0 / 3));
	assert_true(isnan(c.bin[0].observed));
}

static void
what_has_no_line(void **state)
{
	const float x[] = {0.4f, 0.4f, 0.4f};
	const float y[] = {0, 1, 1};
	struct pd_calibration c;

	(void)state;
	assert_int_equal(pd_calibrate(x, y, 3, &c), 0);
	assert_true(isnan(c.slope) && isnan(c.intercept));
	assert_true(near(c.error, 2.0 / 3 - 0.4));
	assert_int_equal(pd_calibrate(x, y, 0, &c), 0);
	assert_true(isnan(c.error) && isnan(c.slope));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_found),
	    cmocka_unit_test(ties_share_their_mean),
	    cmocka_unit_test(what_has_no_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
