/*
 * The evaluator against libxgboost itself: models trained here, 20,000 rows
 * each with NaN, infinities and denormals, not one bit of difference. (Named
 * after lib/learn so that builds without libxgboost leave it out.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xgboost/c_api.h>

#include "base/err.h"
#include "base/rng.h"
#include "model/trees.h"

#define TRAIN 4000
#define ROWS 20000

static void
ok(int r)
{
	if (r != 0)
		fail_msg("libxgboost: %s", XGBGetLastError());
}

static uint32_t
bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

/* 5% NaN; half of the others in eighths, so that they meet thresholds. */
static float *
synthetic(struct pd_rng *r, size_t rows, unsigned cols)
{
	float *x = malloc(rows * cols * sizeof(*x));
	double v;
	size_t i;

	assert_non_null(x);
	for (i = 0; i < rows * cols; i++) {
		v = pd_rng_double(r) * 8 - 4;
		if (pd_rng_below(r, 2) == 0)
			v = floor(v * 8) / 8;
		x[i] = pd_rng_below(r, 20) == 0 ? NAN : (float)v;
	}
	return x;
}

/* A label that depends on few columns, two of them together. */
static float *
labels(struct pd_rng *r, const float *x, unsigned cols, bool binary)
{
	float *y = malloc(TRAIN * sizeof(*y));
	size_t i, j;

	assert_non_null(y);
	for (i = 0; i < TRAIN; i++) {
		const float *row = x + i * cols;
		float s = (float)pd_rng_double(r);

		for (j = 0; j < cols && j < 8; j++)
			if (!isnan(row[j]))
				s += row[j] * (float)((int)(j % 3) - 1);
		if (cols > 1 && !isnan(row[0]) && !isnan(row[1]))
			s += row[0] * row[1];
		y[i] = binary ? s > 0.5f : s;
	}
	return y;
}

struct params {
	const char *objective, *policy, *depth, *leaves, *base, *method;
	unsigned cols;
	int rounds;
};

static BoosterHandle
train(const struct params *p, uint64_t seed)
{
	const char *const set[][2] = {{"objective", p->objective},
	    {"grow_policy", p->policy}, {"max_depth", p->depth},
	    {"max_leaves", p->leaves}, {"base_score", p->base},
	    {"tree_method", p->method}, {"max_bin", "64"}, {"eta", "0.3"},
	    {"nthread", "1"}};
	BoosterHandle b;
	DMatrixHandle d;
	struct pd_rng r;
	float *x, *y;
	size_t i;
	int k;

	pd_rng_init(&r, seed);
	x = synthetic(&r, TRAIN, p->cols);
	y = labels(&r, x, p->cols, p->objective[0] == 'b');
	ok(XGDMatrixCreateFromMat(x, TRAIN, p->cols, NAN, &d));
	ok(XGDMatrixSetFloatInfo(d, "label", y, TRAIN));
	ok(XGBoosterCreate(&d, 1, &b));
	for (i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		ok(XGBoosterSetParam(b, set[i][0], set[i][1]));
	for (k = 0; k < p->rounds; k++)
		ok(XGBoosterUpdateOneIter(b, k, d));
	ok(XGDMatrixFree(d));
	free(x);
	free(y);
	return b;
}

/* Margins of all rows by libxgboost; valid until the next call. */
static const float *
margins(BoosterHandle b, const float *rows, size_t n, unsigned cols)
{
	static const char config[] = "{\"type\":1,\"training\":false,"
				     "\"iteration_begin\":0,"
				     "\"iteration_end\":0,"
				     "\"strict_shape\":false,"
				     "\"cache_id\":0,\"missing\":NaN}";
	const bst_ulong *shape;
	const float *out;
	bst_ulong dim;
	char array[160];

	snprintf(array, sizeof(array),
	    "{\"data\":[%zu,true],\"shape\":[%zu,%u],"
	    "\"typestr\":\"<f4\",\"version\":3}",
	    (size_t)(uintptr_t)rows, n, cols);
	ok(XGBoosterPredictFromDense(
	    b, array, config, NULL, &shape, &dim, &out));
	assert_int_equal(shape[0], n);
	return out;
}

/* Rows unlike the training ones: more NaN, and what breaks comparisons. */
static float *
awkward_rows(struct pd_rng *r, unsigned cols)
{
	static const float special[] = {NAN, INFINITY, -INFINITY, -0.0f, 0.0f,
	    1e-42f, -1e-45f, 3.4e38f, -3.4e38f};
	float *x = synthetic(r, ROWS, cols);
	size_t i;

	for (i = 0; i < (size_t)ROWS * cols; i++)
		if (pd_rng_below(r, 10) == 0)
			x[i] = special[pd_rng_below(
			    r, sizeof(special) / sizeof(special[0]))];
	return x;
}

static void
compare(const struct params *p, uint64_t seed)
{
	struct pd_err err = PD_ERR_INIT;
	float *rows, *got, one;
	const float *want;
	const char *json;
	struct pd_trees *t;
	struct pd_rng r;
	BoosterHandle b;
	bst_ulong len;
	size_t i, bad = 0;

	b = train(p, seed);
	ok(XGBoosterSaveModelToBuffer(b, "{\"format\":\"json\"}", &len, &json));
	t = pd_trees_parse(json, len, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(t);
	pd_rng_init(&r, seed + 1);
	rows = awkward_rows(&r, p->cols);
	want = margins(b, rows, ROWS, p->cols);
	got = calloc(ROWS, sizeof(*got));
	assert_non_null(got);
	pd_trees_score_batch(t, rows, p->cols, ROWS, got);
	for (i = 0; i < ROWS; i++) {
		one = pd_trees_score(t, rows + i * p->cols);
		bad +=
		    bits(one) != bits(want[i]) || bits(got[i]) != bits(want[i]);
	}
	if (bad > 0)
		fail_msg("%s, %s, depth %s: %zu of %d rows differ",
		    p->objective, p->policy, p->depth, bad, ROWS);
	pd_trees_free(t);
	ok(XGBoosterFree(b));
	free(rows);
	free(got);
}

static void
test_depths(void **state)
{
	static const char *const depth[] = {"1", "2", "3", "4", "5", "6"};
	struct params p = {
	    "binary:logistic", "depthwise", "1", "0", "0.5", "hist", 20, 12};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(depth) / sizeof(depth[0]); i++) {
		p.depth = depth[i];
		p.objective = i % 2 ? "reg:squarederror" : "binary:logistic";
		p.rounds = 9 + 5 * (int)i;
		compare(&p, 100 + i);
	}
}

static void
test_lossguide(void **state)
{
	static const struct params p[] = {
	    {"binary:logistic", "lossguide", "6", "32", "0.5", "hist", 64, 30},
	    {"reg:squarederror", "lossguide", "6", "32", "0.5", "hist", 64, 30},
	    {"binary:logistic", "lossguide", "0", "32", "0.1", "hist", 22, 17},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(p) / sizeof(p[0]); i++)
		compare(&p[i], 200 + i);
}

/* exact and approx place thresholds elsewhere; pruning leaves dead nodes. */
static void
test_methods(void **state)
{
	static const struct params p[] = {
	    {"binary:logistic", "depthwise", "5", "0", "0.7", "exact", 5, 20},
	    {"reg:squarederror", "depthwise", "4", "0", "-3.25", "approx", 1,
		20},
	};
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(p) / sizeof(p[0]); i++)
		compare(&p[i], 300 + i);
}

/* What we do not serve is refused by name, not scored wrongly. */
static void
test_refused(void **state)
{
	static const struct {
		const char *key, *value, *why;
	} c[] = {
	    {"objective", "count:poisson", "'count:poisson' is not supported"},
	    {"booster", "dart", "booster 'dart' is not supported"},
	    {"booster", "gblinear", "booster 'gblinear' is not supported"},
	};
	struct pd_err err;
	DMatrixHandle d;
	struct pd_rng r;
	const char *json;
	BoosterHandle b;
	bst_ulong len;
	float *x, *y;
	size_t i;

	(void)state;
	pd_rng_init(&r, 1);
	x = synthetic(&r, TRAIN, 4);
	y = labels(&r, x, 4, true);
	ok(XGDMatrixCreateFromMat(x, TRAIN, 4, NAN, &d));
	ok(XGDMatrixSetFloatInfo(d, "label", y, TRAIN));
	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		ok(XGBoosterCreate(&d, 1, &b));
		ok(XGBoosterSetParam(b, "nthread", "1"));
		ok(XGBoosterSetParam(b, c[i].key, c[i].value));
		ok(XGBoosterUpdateOneIter(b, 0, d));
		ok(XGBoosterSaveModelToBuffer(
		    b, "{\"format\":\"json\"}", &len, &json));
		assert_null(pd_trees_parse(json, len, &err));
		if (strstr(err.msg, c[i].why) == NULL)
			fail_msg("'%s' does not say '%s'", err.msg, c[i].why);
		ok(XGBoosterFree(b));
	}
	ok(XGDMatrixFree(d));
	free(x);
	free(y);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_depths),
	    cmocka_unit_test(test_lossguide),
	    cmocka_unit_test(test_methods),
	    cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
