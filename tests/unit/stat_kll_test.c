#include "stat_fixture.h"

#include "base/rng.h"
#include "stat/kll.h"
#include "stat/quantile.h"

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
sorts_like_qsort(void **state)
{
	static const size_t sizes[] = {
	    0, 1, 2, 15, 16, 17, 31, 33, 100, 1000, 4095, 4096, 50000};
	static double x[50000], y[50000];
	struct pd_rng r;
	size_t i, k;

	(void)state;
	pd_rng_init(&r, 1);
	for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		for (i = 0; i < sizes[k]; i++) {
			x[i] = ldexp(pd_rng_double(&r) - 0.5,
			    (int)pd_rng_below(&r, 2000) - 1000);
			if (pd_rng_below(&r, 10) == 0)
				x[i] = i % 2 ? INFINITY : -INFINITY;
			if (pd_rng_below(&r, 10) == 0)
				x[i] = (double)pd_rng_below(&r, 5) - 2;
		}
		memcpy(y, x, sizes[k] * sizeof(*x));
		qsort(y, sizes[k], sizeof(*y), by_value);
		assert_int_equal(pd_sort_doubles(x, sizes[k]), 0);
		for (i = 0; i < sizes[k]; i++)
			assert_true(x[i] == y[i]);
	}
}

static void
drops_missing_values(void **state)
{
	double x[] = {NAN, 3, NAN, 1, INFINITY, NAN};

	(void)state;
	assert_int_equal(pd_sort_drop_nan(x, 6), 3);
	assert_true(x[0] == 3 && x[1] == 1 && x[2] == INFINITY);
}

static void
quantiles_of_samples(void **state)
{
	const double x[] = {1, 2, 4, 8}, inf[] = {-INFINITY, 0, INFINITY};
	double cuts[8];
	uint64_t n[4] = {0};

	(void)state;
	assert_true(pd_quantile(x, 4, 0) == 1 && pd_quantile(x, 4, 1) == 8);
	assert_true(pd_quantile(x, 4, 0.5) == 3);
	assert_true(near(pd_quantile(x, 4, 0.9), 6.8, 1e-15));
	assert_int_equal(pd_quantile_cuts(x, 4, 2, cuts), 1);
	assert_int_equal(pd_quantile_cuts(inf, 3, 4, cuts), 1);
	assert_true(cuts[0] == 0);
	cuts[1] = 5;
	pd_quantile_count(cuts, 2, (const double[]){NAN, 0, 5, 5.1, -1}, 5, n);
	assert_true(n[0] == 2 && n[1] == 1 && n[2] == 1);
}

/* The largest error of a rank, as a share of n, of a sketch of 0..n-1. */
static double
worst_rank(const struct pd_kll *s, uint64_t n)
{
	double q[199], v[199], worst = 0;
	int i;

	for (i = 0; i < 199; i++)
		q[i] = (i + 1) / 200.0;
	assert_int_equal(pd_kll_quantiles(s, q, 199, v), 0);
	for (i = 0; i < 199; i++) {
		worst = fmax(worst, fabs((v[i] + 1) / (double)n - q[i]));
		assert_true(i == 0 || v[i] >= v[i - 1]);
	}
	return worst;
}

/* Feed 0..n-1 in a scrambled order, from ${from} in steps of ${by}. */
static void
feed(struct pd_kll *s, uint64_t n, uint64_t from, uint64_t by)
{
	uint64_t i;

	for (i = from; i < n; i += by)
		assert_int_equal(pd_kll_add(s, (double)(i * 611953 % n)), 0);
}

static void
ranks_are_close(void **state)
{
	const uint64_t n = 1000003; /* a prime */
	struct pd_kll *s = pd_kll_new(PD_KLL_K, 1), *t;
	double q[2] = {0, 1}, v[2], w[2];

	(void)state;
	assert_non_null(s);
	feed(s, n, 0, 1);
	assert_int_equal(pd_kll_count(s), n);
	assert_true(worst_rank(s, n) < 0.002);
	assert_int_equal(pd_kll_quantiles(s, q, 2, v), 0);
	assert_true(v[0] == 0 && v[1] == (double)(n - 1));
	/* Seeded: the same again. */
	t = pd_kll_new(PD_KLL_K, 1);
	feed(t, n, 0, 1);
	q[0] = 0.3;
	q[1] = 0.7;
	pd_kll_quantiles(s, q, 2, v);
	pd_kll_quantiles(t, q, 2, w);
	assert_memory_equal(v, w, sizeof(v));
	pd_kll_free(s);
	pd_kll_free(t);
}

static void
merged_shards_are_close(void **state)
{
	const uint64_t n = 200003;
	struct pd_kll *all = pd_kll_new(1024, 1), *part;
	unsigned i;

	(void)state;
	for (i = 0; i < 16; i++) {
		part = pd_kll_new(1024, 2 + i);
		feed(part, n, i, 16);
		assert_int_equal(pd_kll_merge(all, part), 0);
		pd_kll_free(part);
	}
	assert_int_equal(pd_kll_count(all), n);
	assert_true(worst_rank(all, n) < 0.008);
	pd_kll_free(all);
}

/* Unbiased: the mean error over many seeds is near nothing. */
static void
ranks_are_unbiased(void **state)
{
	const uint64_t n = 10007;
	const double q = 0.37;
	double v, sum = 0;
	struct pd_kll *s;
	unsigned i;

	(void)state;
	for (i = 0; i < 200; i++) {
		s = pd_kll_new(64, i);
		feed(s, n, 0, 1);
		pd_kll_quantiles(s, &q, 1, &v);
		sum += (v + 1) / (double)n - q;
		pd_kll_free(s);
	}
	assert_true(fabs(sum / 200) < 0.005);
}

static void
small_samples_are_exact(void **state)
{
	struct pd_kll *s = pd_kll_new(64, 7);
	double q[3] = {0, 0.5, 1}, v[3];
	int i;

	(void)state;
	assert_int_equal(pd_kll_quantiles(s, q, 3, v), 0);
	assert_true(isnan(v[0]) && isnan(v[2]));
	for (i = 0; i < 63; i++)
		pd_kll_add(s, 62 - i);
	pd_kll_add(s, NAN);
	assert_int_equal(pd_kll_count(s), 63);
	assert_int_equal(pd_kll_quantiles(s, q, 3, v), 0);
	assert_true(v[0] == 0 && v[1] == 31 && v[2] == 62);
	pd_kll_free(s);
	assert_null(pd_kll_new(7, 1));
	assert_null(pd_kll_new(65537, 1));
	pd_kll_free(NULL);
}

/* A value that stands for many is as good as many values. */
static void
values_have_weights(void **state)
{
	const double q[] = {0, 0.1, 0.5, 0.9, 0.99, 1};
	struct pd_kll *s = pd_kll_new(PD_KLL_K, 5);
	struct pd_rng r;
	double v[6], total = 0, below[6] = {0};
	double x[20000];
	uint64_t w[20000];
	size_t i, k;

	(void)state;
	assert_non_null(s);
	assert_int_equal(pd_kll_add_n(s, 7, 0), 0);
	assert_int_equal(pd_kll_add_n(s, NAN, 3), 0);
	assert_int_equal(pd_kll_count(s), 0);
	pd_rng_init(&r, 11);
	for (i = 0; i < 20000; i++) {
		x[i] = pd_rng_double(&r) * 1000;
		w[i] = i % 50 == 0 ? 1 + pd_rng_below(&r, 5000) : 1;
		total += (double)w[i];
		assert_int_equal(pd_kll_add_n(s, x[i], w[i]), 0);
	}
	assert_true((double)pd_kll_count(s) == total);
	assert_int_equal(pd_kll_quantiles(s, q, 6, v), 0);
	for (i = 0; i < 20000; i++)
		for (k = 0; k < 6; k++)
			below[k] += x[i] <= v[k] ? (double)w[i] : 0;
	/* One value may stand for a thousandth by itself. */
	for (k = 1; k < 5; k++)
		assert_true(fabs(below[k] / total - q[k]) < 0.004);
	assert_true(below[5] == total);
	pd_kll_free(s);
	/* Few: exactly. */
	assert_non_null(s = pd_kll_new(8, 1));
	assert_int_equal(pd_kll_add_n(s, 1, 5), 0);
	assert_int_equal(pd_kll_add_n(s, 2, 1), 0);
	assert_int_equal(pd_kll_quantiles(s, q, 6, v), 0);
	assert_true(v[1] == 1 && v[2] == 1 && v[3] == 2 && v[5] == 2);
	pd_kll_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sorts_like_qsort),
	    cmocka_unit_test(drops_missing_values),
	    cmocka_unit_test(quantiles_of_samples),
	    cmocka_unit_test(ranks_are_close),
	    cmocka_unit_test(merged_shards_are_close),
	    cmocka_unit_test(ranks_are_unbiased),
	    cmocka_unit_test(small_samples_are_exact),
	    cmocka_unit_test(values_have_weights),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
