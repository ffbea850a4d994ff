#include "stat_fixture.h"

#include "base/rng.h"
#include "stat/kolmogorov.h"
#include "stat/ks.h"

#define P_TOLERANCE 1e-9

/* Samples that the file does not hold but describes. */
static void
from_spec(const char *name, struct sample *x, struct sample *y)
{
	static const struct {
		const char *name;
		uint64_t seed;
		size_t n;
		size_t m;
		double scale;
		double shift;
	} spec[] = {
	    {"n1000_vs_1000_null", 7, 1000, 1000, 1, 0},
	    {"n1000_vs_777_scale", 9, 1000, 777, 1.1, 0},
	    {"n9999_vs_10000", 11, 9999, 10000, 1, 0},
	    {"n10001_vs_10000", 13, 10001, 10000, 1, 0.02},
	    {"n1e5_vs_1e5_tiny_shift", 15, 100000, 100000, 1, 0.01},
	    {"quantised_64_levels", 17, 5000, 5000, 1, 0},
	};
	size_t i, k;

	for (k = 0; strcmp(spec[k].name, name) != 0; k++)
		assert_true(k + 1 < sizeof(spec) / sizeof(spec[0]));
	*x = uniform(spec[k].seed, spec[k].n);
	*y = uniform(spec[k].seed + 1, spec[k].m);
	for (i = 0; i < y->n; i++)
		y->v[i] = y->v[i] * spec[k].scale + spec[k].shift;
	if (strcmp(name, "quantised_64_levels") != 0)
		return;
	for (i = 0; i < x->n; i++)
		x->v[i] = floor(x->v[i] * 64);
	for (i = 0; i < y->n; i++)
		y->v[i] = floor(pow(y->v[i], 1.05) * 64);
}

static struct sample
from_array(const json_t *a)
{
	struct sample s = {NULL, json_array_size(a)};
	size_t i;

	s.v = malloc(s.n * sizeof(double));
	assert_non_null(s.v);
	for (i = 0; i < s.n; i++)
		s.v[i] = golden_number(json_array_get(a, i));
	return s;
}

static void
check_case(const json_t *c, const char *name, const struct sample *x,
    const struct sample *y)
{
	const json_t *exact = json_object_get(c, "exact");
	const json_t *asymp = json_object_get(c, "asymp");
	const json_t *automatic = json_object_get(c, "auto");
	const struct pd_ks k = pd_ks_sorted(x->v, x->n, y->v, y->n);
	const double p[3] = {pd_ks_p(k.d, x->n, y->n, PD_KS_EXACT),
	    pd_ks_p(k.d, x->n, y->n, PD_KS_ASYMP),
	    pd_ks_p(k.d, x->n, y->n, PD_KS_AUTO)};

	if (!near(k.d, golden_get(exact, "D"), 1e-15) ||
	    k.location != golden_get(exact, "location") ||
	    k.sign != (int)golden_get(exact, "sign"))
		fail_msg("%s: D %.17g at %.17g, sign %d", name, k.d, k.location,
		    k.sign);
	if (!near(p[0], golden_get(exact, "p"), P_TOLERANCE) ||
	    !near(p[1], golden_get(asymp, "p"), P_TOLERANCE) ||
	    !near(p[1], golden_get(c, "kstwo_p_round_en"), P_TOLERANCE) ||
	    !near(p[2], golden_get(automatic, "p"), P_TOLERANCE))
		fail_msg("%s: p %.17g %.17g %.17g", name, p[0], p[1], p[2]);
}

static void
equals_the_reference(void **state)
{
	json_t *j = golden_cases(GOLDEN "ks_2samp.json"), *c;
	struct sample x, y;
	const char *name;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(j, "cases"), i, c)
	{
		name = json_string_value(json_object_get(c, "name"));
		if (json_object_get(c, "x") != NULL) {
			x = from_array(json_object_get(c, "x"));
			y = from_array(json_object_get(c, "y"));
		} else {
			from_spec(name, &x, &y);
		}
		assert_int_equal(pd_sort_doubles(x.v, x.n), 0);
		assert_int_equal(pd_sort_doubles(y.v, y.n), 0);
		check_case(c, name, &x, &y);
		sample_free(&x);
		sample_free(&y);
	}
	assert_int_equal(i, 18);
	json_decref(j);
}

/* P(D >= d) by visiting every order of n and m values. */
static double
by_enumeration(unsigned n, unsigned m, double d)
{
	const unsigned all = n + m;
	unsigned long mask, hits = 0, total = 0;
	unsigned b, i, j;
	double far;

	for (mask = 0; mask < 1UL << all; mask++) {
		if ((unsigned)__builtin_popcountl(mask) != n)
			continue;
		far = 0;
		i = j = 0;
		for (b = 0; b < all; b++) {
			if (mask >> b & 1)
				i++;
			else
				j++;
			far = fmax(far, fabs((double)i / n - (double)j / m));
		}
		total++;
		hits += far >= d - 1e-12;
	}
	return (double)hits / (double)total;
}

static void
exact_p_counts_orders(void **state)
{
	unsigned n, m, h;

	(void)state;
	for (n = 1; n <= 6; n++)
		for (m = 1; m <= 6; m++)
			for (h = 1; h <= n * m; h++) {
				const double d = (double)h / (n * m);
				const double p = pd_ks_p(d, n, m, PD_KS_EXACT);

				/* Only distances that can occur. */
				if (by_enumeration(n, m, d) ==
				    by_enumeration(n, m, d + 1e-6))
					continue;
				if (!near(p, by_enumeration(n, m, d), 1e-12))
					fail_msg("%u %u %g: %g", n, m, d, p);
			}
}

static void
symmetric_and_in_range(void **state)
{
	struct pd_rng r;
	double x[300], y[300];
	struct pd_ks a, b;
	unsigned t, i, n, m;
	double p;

	(void)state;
	pd_rng_init(&r, 3);
	for (t = 0; t < 500; t++) {
		n = 1 + pd_rng_below(&r, 300);
		m = 1 + pd_rng_below(&r, 300);
		for (i = 0; i < n; i++)
			x[i] = floor(pd_rng_double(&r) * (t % 50 + 1));
		for (i = 0; i < m; i++)
			y[i] = floor(pd_rng_double(&r) * (t % 50 + 1));
		pd_sort_doubles(x, n);
		pd_sort_doubles(y, m);
		a = pd_ks_sorted(x, n, y, m);
		b = pd_ks_sorted(y, m, x, n);
		assert_true(a.d == b.d && a.d >= 0 && a.d <= 1);
		p = pd_ks_p(a.d, n, m, PD_KS_AUTO);
		assert_true(p >= 0 && p <= 1);
		assert_true(near(p, pd_ks_p(a.d, m, n, PD_KS_AUTO), 1e-12));
		assert_true(pd_ks_sorted(x, n, x, n).d == 0);
	}
}

static void
heavy_tails_and_extremes(void **state)
{
	const double x[] = {-INFINITY, -1e308, 0, 1e-308, 1e308, INFINITY};
	const double y[] = {INFINITY, INFINITY};
	const double one[] = {1}, two[] = {2};
	struct pd_ks k;

	(void)state;
	k = pd_ks_sorted(x, 6, y, 2);
	assert_true(k.d == 5.0 / 6 && k.location == 1e308 && k.sign == 1);
	k = pd_ks_sorted(one, 1, two, 1);
	assert_true(k.d == 1 && k.location == 1);
	assert_true(pd_ks_p(1, 1, 1, PD_KS_AUTO) == 1);
	assert_true(isnan(pd_ks_p(1, 1, 1, PD_KS_ASYMP)));
	assert_true(isnan(pd_ks_p(0.5, 0, 10, PD_KS_AUTO)));
	/* Without overlap: 2 orders of all. */
	assert_true(near(
	    pd_ks_p(1, 30, 30, PD_KS_EXACT), 2 / 118264581564861424.0, 1e-12));
	assert_true(pd_ks_p(1, 1000, 900, PD_KS_EXACT) >= 0);
}

/* P(D_n > x) falls in x, without steps where the method changes. */
static void
one_sample_law_is_smooth(void **state)
{
	static const uint64_t sizes[] = {
	    1, 2, 5, 50, 139, 140, 141, 500, 5000, 100000, 100001, 1000001};
	double x, p, last;
	size_t i;
	int k;

	(void)state;
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		last = 1;
		for (k = 1; k < 160; k++) {
			x = k * 0.025 / sqrt((double)sizes[i]);
			p = pd_kolmogorov_sf(sizes[i], x);
			if (!(p >= 0 && p <= last + 1e-6 && p <= 1))
				fail_msg("n %lu x %g: %g after %g",
				    (unsigned long)sizes[i], x, p, last);
			last = p;
		}
	}
	/* D_1 is uniform on 1/2..1; the limit law is known. */
	assert_true(near(pd_kolmogorov_sf(1, 0.75), 0.5, 1e-12));
	assert_true(near(pd_kolmogorov_sf(1000000, 1.358099e-3), 0.05, 2e-3));
	assert_true(near(pd_smirnov_sf(1, 0.3), 0.7, 1e-12));
	assert_true(near(pd_smirnov_sf(2, 0.25), 0.6875, 1e-12));
}

/* Bounds from counts hold the true distance; single values leave no room. */
static void
bounds_hold_the_distance(void **state)
{
	const uint64_t r[] = {0, 40, 0, 60, 0}, c[] = {0, 70, 0, 30, 0};
	const unsigned char single[] = {0, 1, 0, 1, 0};
	const unsigned char open[] = {0, 0, 0, 0, 0};
	double lo, hi;

	(void)state;
	pd_ks_binned(r, c, 5, single, &lo, &hi);
	assert_true(near(lo, 0.3, 1e-12) && near(hi, 0.3, 1e-12));
	pd_ks_binned(r, c, 5, open, &lo, &hi);
	assert_true(near(lo, 0.3, 1e-12) && near(hi, 0.7, 1e-12));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_the_reference),
	    cmocka_unit_test(exact_p_counts_orders),
	    cmocka_unit_test(symmetric_and_in_range),
	    cmocka_unit_test(heavy_tails_and_extremes),
	    cmocka_unit_test(one_sample_law_is_smooth),
	    cmocka_unit_test(bounds_hold_the_distance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
