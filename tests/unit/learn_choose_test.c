/* The choice of features on rows whose answer is known. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "data/feature.h"
#include "learn/choose.h"

#define N 8000

static float label[N];

/* Rows of noise but for the label's source ${cause}; ${flat} never varies. */
static void
make_rows(struct pd_rows *r, uint8_t cause, uint8_t flat)
{
	struct pd_rng rng;
	uint32_t i;
	float *x;
	int j;

	assert_int_equal(pd_rows_init(r, N, NULL, 1), 0);
	pd_rng_init(&rng, 17);
	for (i = 0; i < N; i++) {
		x = r->x + (size_t)i * PD_ROWS_COLS;
		for (j = 0; j < PD_ROWS_COLS; j++)
			x[j] = (float)pd_rng_below(&rng, 20);
		x[flat] = NAN;
		label[i] = (x[cause] + (float)pd_rng_below(&rng, 8)) / 28;
		r->tick[i] = i;
	}
	r->n = N;
}

static struct pd_choice_params
params_of(const struct pd_rows *r)
{
	return (struct pd_choice_params){
	    .fit = {r, label, 0, N / 2, 0},
	    .holdout = {r, label, N / 2, N, 0},
	    .boost = {"reg:squarederror", 15, 4, 0.3, 1},
	    .split = 0.5,
	};
}

static void
what_matters_is_added(void **state)
{
	struct pd_choice tried[PD_ROWS_COLS];
	uint8_t slots[PD_ROWS_COLS];
	struct pd_choice_params p;
	struct pd_rows r;
	unsigned n = pd_choose_default(slots);
	double error;
	int k;

	(void)state;
	make_rows(&r, PD_F_gap_spread, PD_F_ttl_left);
	assert_null(memchr(slots, PD_F_gap_spread, n));
	p = params_of(&r);
	k = pd_choose(&p, slots, &n, tried, &error, NULL);
	assert_int_equal(k, PD_ROWS_COLS);
	assert_non_null(memchr(slots, PD_F_gap_spread, n));
	assert_true(error < 0.2);
	for (k = 0; k < PD_ROWS_COLS; k++) {
		assert_int_equal(
		    tried[k].used, memchr(slots, tried[k].slot, n) != NULL);
		if (tried[k].slot == PD_F_ttl_left ||
		    tried[k].slot == PD_F_hit_ratio_lately ||
		    tried[k].slot == PD_F_new_share_lately)
			assert_true(isnan(tried[k].error_other));
	}
	/* Without it the order is chance. */
	assert_true(tried[PD_F_gap_spread].error_other > 0.4);
	pd_rows_release(&r);
}

/* With the cause in the start nothing else helps by 2%. */
static void
noise_is_not_added(void **state)
{
	struct pd_choice tried[PD_ROWS_COLS];
	uint8_t slots[PD_ROWS_COLS];
	struct pd_choice_params p;
	struct pd_rows r;
	unsigned n = pd_choose_default(slots), before = n;
	double error;

	(void)state;
	make_rows(&r, PD_F_age, PD_F_ttl_left);
	p = params_of(&r);
	assert_true(pd_choose(&p, slots, &n, tried, &error, NULL) > 0);
	assert_true(n <= before);
	assert_non_null(memchr(slots, PD_F_age, n));
	assert_true(tried[PD_F_age].used);
	pd_rows_release(&r);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_matters_is_added),
	    cmocka_unit_test(noise_is_not_added),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
