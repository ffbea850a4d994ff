/*
 * The evaluator beside libxgboost on one model: 30 trees, at most 32 leaves,
 * depth at most 6, 64 columns of which 8 have 5% NaN. First the margins of
 * 20,000 rows must be the same bits; then CPU time a row on one core, one row
 * at a time and 64 at a time, median of rounds that alternate between the two.
 *	trees_bench [ROUNDS]
 * Exit 1 when a bit differs or a bar is missed (400 ns and 300 ns a row).
 */
#include <stdio.h>

#if PD_MLOPS

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <xgboost/c_api.h>

#include "base/err.h"
#include "base/rng.h"
#include "model/trees.h"

#define TRAIN 50000
#define ROWS 20032 /* a whole number of batches */
#define COLS 64
#define BATCH 64
#define SINGLE 2048 /* rows one at a time by libxgboost, a round */
#define MAX_ROUNDS 99

#define BAR_SINGLE 400.0
#define BAR_BATCH 300.0

enum { OURS_1, OURS_64, XGB_1, XGB_64, WAYS };

struct bench {
	BoosterHandle xgb;
	struct pd_trees *trees;
	float *rows;	       /* ROWS x COLS */
	char (*interface)[96]; /* libxgboost's names of all rows, by batch */
	float *out;
	double ns[WAYS][MAX_ROUNDS];
};

static void
ok(int r)
{
	if (r != 0) {
		fprintf(stderr, "trees_bench: %s\n", XGBGetLastError());
		exit(2);
	}
}

static void *
need(void *p)
{
	if (p == NULL) {
		fprintf(stderr, "trees_bench: out of memory\n");
		exit(2);
	}
	return p;
}

static uint32_t
bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static double
cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void
synthesize(struct pd_rng *r, float *x, size_t n)
{
	size_t i;

	for (i = 0; i < n * COLS; i++)
		x[i] = i % COLS < 8 && pd_rng_below(r, 20) == 0
			   ? NAN
			   : (float)(pd_rng_double(r) * 4 - 2);
}

static BoosterHandle
train(struct pd_rng *r)
{
	static const char *const set[][2] = {{"objective", "binary:logistic"},
	    {"grow_policy", "lossguide"}, {"max_depth", "6"},
	    {"max_leaves", "32"}, {"tree_method", "hist"}, {"max_bin", "64"},
	    {"eta", "0.2"}, {"nthread", "1"}};
	float *x = need(malloc(sizeof(*x) * TRAIN * COLS));
	float *y = need(malloc(sizeof(*y) * TRAIN)), s;
	BoosterHandle b;
	DMatrixHandle d;
	size_t i, j;
	int k;

	synthesize(r, x, TRAIN);
	for (i = 0; i < TRAIN; i++) {
		const float *row = x + i * COLS;

		s = (float)(pd_rng_double(r) * 2 - 1);
		for (j = 0; j < 20; j++)
			if (!isnan(row[j]))
				s += row[j] * (float)((int)(j % 5) - 2) +
				     (j % 3 == 0 ? row[j] * row[j + 20] : 0);
		y[i] = s > 0;
	}
	ok(XGDMatrixCreateFromMat(x, TRAIN, COLS, NAN, &d));
	ok(XGDMatrixSetFloatInfo(d, "label", y, TRAIN));
	ok(XGBoosterCreate(&d, 1, &b));
	for (i = 0; i < sizeof(set) / sizeof(set[0]); i++)
		ok(XGBoosterSetParam(b, set[i][0], set[i][1]));
	for (k = 0; k < 30; k++)
		ok(XGBoosterUpdateOneIter(b, k, d));
	ok(XGDMatrixFree(d));
	free(x);
	free(y);
	return b;
}

static const float *
xgb_margins(const struct bench *b, const char *interface)
{
	static const char config[] = "{\"type\":1,\"training\":false,"
				     "\"iteration_begin\":0,"
				     "\"iteration_end\":0,"
				     "\"strict_shape\":false,"
				     "\"cache_id\":0,\"missing\":NaN}";
	const bst_ulong *shape;
	const float *out;
	bst_ulong dim;

	ok(XGBoosterPredictFromDense(
	    b->xgb, interface, config, NULL, &shape, &dim, &out));
	return out;
}

/* Libxgboost takes rows as JSON that holds their address; made beforehand. */
static void
name_rows(char *out, size_t size, const float *rows, size_t n)
{
	snprintf(out, size,
	    "{\"data\":[%zu,true],\"shape\":[%zu,%d],"
	    "\"typestr\":\"<f4\",\"version\":3}",
	    (size_t)(uintptr_t)rows, n, COLS);
}

static void
setup(struct bench *b)
{
	struct pd_err err = PD_ERR_INIT;
	const char *json;
	struct pd_rng r;
	bst_ulong len;

	pd_rng_init(&r, 1);
	b->xgb = train(&r);
	ok(XGBoosterSaveModelToBuffer(
	    b->xgb, "{\"format\":\"json\"}", &len, &json));
	if ((b->trees = pd_trees_parse(json, len, &err)) == NULL) {
		fprintf(stderr, "trees_bench: %s\n", err.msg);
		exit(2);
	}
	b->rows = need(malloc(sizeof(*b->rows) * ROWS * COLS));
	b->out = need(calloc(ROWS, sizeof(*b->out)));
	b->interface = need(calloc(SINGLE, sizeof(*b->interface)));
	synthesize(&r, b->rows, ROWS);
	printf("model: %u trees, depth <= 6, <= 32 leaves, %u columns, "
	       "%lu bytes of JSON, %zu bytes flat\n",
	    pd_trees_count(b->trees), pd_trees_cols(b->trees),
	    (unsigned long)len, pd_trees_memory(b->trees));
}

/* Rows whose margins differ in any bit, by either way of scoring. */
static size_t
differing(const struct bench *b)
{
	const float *want;
	char name[96];
	size_t i, bad = 0;
	float one;

	name_rows(name, sizeof(name), b->rows, ROWS);
	want = xgb_margins(b, name);
	pd_trees_score_batch(b->trees, b->rows, COLS, ROWS, b->out);
	for (i = 0; i < ROWS; i++) {
		one = pd_trees_score(b->trees, b->rows + i * COLS);
		bad += bits(one) != bits(want[i]) ||
		       bits(b->out[i]) != bits(want[i]);
	}
	return bad;
}

static double
time_ours(struct bench *b, size_t batch)
{
	const double t = cpu_ns();
	size_t i;

	for (i = 0; i < ROWS; i += batch) {
		if (batch == 1)
			b->out[i] =
			    pd_trees_score(b->trees, b->rows + i * COLS);
		else
			pd_trees_score_batch(b->trees, b->rows + i * COLS, COLS,
			    batch, b->out + i);
	}
	return (cpu_ns() - t) / ROWS;
}

static double
time_xgb(struct bench *b, size_t batch)
{
	const size_t calls = batch == 1 ? SINGLE : ROWS / batch;
	size_t i;
	double t;

	for (i = 0; i < calls; i++)
		name_rows(b->interface[i], sizeof(b->interface[i]),
		    b->rows + i * batch * COLS, batch);
	t = cpu_ns();
	for (i = 0; i < calls; i++)
		b->out[i] = xgb_margins(b, b->interface[i])[0];
	return (cpu_ns() - t) / (double)(calls * batch);
}

static int
ascending(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), ascending);
	return v[n / 2];
}

static int
report(struct bench *b, int rounds, size_t bad)
{
	double m[WAYS];
	int i;

	for (i = 0; i < WAYS; i++)
		m[i] = median(b->ns[i], rounds);
	printf("differing bits: %zu of %d rows\n", bad, ROWS);
	printf("ns a row        predis  libxgboost   ratio     bar\n");
	printf("one at a time %8.0f  %10.0f  %5.0fx  <= %.0f\n", m[OURS_1],
	    m[XGB_1], m[XGB_1] / m[OURS_1], BAR_SINGLE);
	printf("64 at a time  %8.0f  %10.0f  %5.1fx  <= %.0f\n", m[OURS_64],
	    m[XGB_64], m[XGB_64] / m[OURS_64], BAR_BATCH);
	return bad > 0 || m[OURS_1] > BAR_SINGLE || m[OURS_64] > BAR_BATCH;
}

int
main(int argc, char **argv)
{
	int rounds = argc > 1 ? (int)strtol(argv[1], NULL, 10) : 7, i;
	struct bench b = {0};
	size_t bad;

	if (rounds < 1 || rounds > MAX_ROUNDS)
		rounds = 7;
	setup(&b);
	bad = differing(&b);
	for (i = 0; i < rounds; i++) {
		b.ns[OURS_1][i] = time_ours(&b, 1);
		b.ns[XGB_1][i] = time_xgb(&b, 1);
		b.ns[OURS_64][i] = time_ours(&b, BATCH);
		b.ns[XGB_64][i] = time_xgb(&b, BATCH);
	}
	i = report(&b, rounds, bad);
	ok(XGBoosterFree(b.xgb));
	pd_trees_free(b.trees);
	free(b.rows);
	free(b.out);
	free(b.interface);
	return i;
}

#else

int
main(void)
{
	printf("trees_bench: skipped, built without libxgboost\n");
	return 0;
}

#endif
