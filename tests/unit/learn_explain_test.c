/* Path attribution against libxgboost's own approximate contributions. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>
#include <xgboost/c_api.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "learn/boost.h"
#include "model/trees.h"
#include "model/trees_explain.h"

enum { N = 3000, COLS = 7 };

/* Columns that interact; a tenth of the values is missing, column 4 never
 * tells anything. */
static void
draw_data(float *x, float *y, uint64_t seed)
{
	struct pd_rng rng;
	double z;
	size_t i, j;

	pd_rng_init(&rng, seed);
	for (i = 0; i < N; i++) {
		for (j = 0; j < COLS; j++)
			x[i * COLS + j] = (float)(pd_rng_double(&rng) * 8 - 4);
		z = x[i * COLS] > 0 ? x[i * COLS + 1]
				    : -2 * x[i * COLS + 2] + x[i * COLS + 3];
		y[i] = z + pd_rng_double(&rng) > 0.5 ? 1 : 0;
		for (j = 0; j < COLS; j++)
			if (pd_rng_below(&rng, 10) == 0)
				x[i * COLS + j] = NAN;
		if (pd_rng_below(&rng, 5) == 0)
			x[i * COLS + 5] = 1e30f;
	}
}

/* ${n} rows of contributions, COLS + 1 floats each, by libxgboost: valid until
 * the booster goes. */
static const float *
peer(BoosterHandle b, const struct pd_buf *json, const float *x, size_t n)
{
	static const char config[] =
	    "{\"type\":3,\"training\":false,\"iteration_begin\":0,"
	    "\"iteration_end\":0,\"strict_shape\":false}";
	const bst_ulong *shape;
	const float *out;
	bst_ulong dim;
	DMatrixHandle d;

	assert_int_equal(
	    XGBoosterLoadModelFromBuffer(b, json->data, json->len), 0);
	assert_int_equal(
	    XGDMatrixCreateFromMat(x, (bst_ulong)n, COLS, NAN, &d), 0);
	assert_int_equal(
	    XGBoosterPredictFromDMatrix(b, d, config, &shape, &dim, &out), 0);
	assert_int_equal(dim, 2);
	assert_int_equal(shape[0], n);
	assert_int_equal(shape[1], COLS + 1);
	XGDMatrixFree(d);
	return out;
}

static void
compare(const char *objective, unsigned depth, uint64_t seed)
{
	const struct pd_boost_params p = {objective, 40, depth, 0.2, seed};
	static float x[N * COLS], y[N];
	struct pd_buf json = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	double own[COLS + 1], sum, most = 0;
	const float *want;
	struct pd_trees *t;
	BoosterHandle b;
	size_t i, j;

	draw_data(x, y, seed);
	assert_int_equal(pd_boost_train(x, y, N, COLS, &p, &json, &err), 0);
	t = pd_trees_parse(json.data, json.len, &err);
	assert_non_null(t);
	assert_true(pd_trees_has_cover(t));
	assert_int_equal(XGBoosterCreate(NULL, 0, &b), 0);
	want = peer(b, &json, x, N);
	for (i = 0; i < N; i++) {
		pd_trees_explain(t, x + i * COLS, own);
		for (sum = 0, j = 0; j <= COLS; j++) {
			assert_true(
			    fabs(own[j] - (double)want[i * (COLS + 1) + j]) <
			    1e-5);
			most = fmax(most, fabs(own[j]));
			sum += own[j];
		}
		assert_true(
		    fabs(sum - (double)pd_trees_score(t, x + i * COLS)) < 1e-5);
	}
	/* They say something. */
	assert_true(most > 0.1);
	XGBoosterFree(b);
	pd_trees_free(t);
	pd_buf_release(&json);
}

static void
contributions_are_those_of_libxgboost(void **state)
{
	(void)state;
	compare("binary:logistic", 5, 1);
	compare("binary:logistic", 1, 2);
	compare("reg:squarederror", 6, 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(contributions_are_those_of_libxgboost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
