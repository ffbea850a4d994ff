#include "stat_fixture.h"

#include "base/rng.h"
#include "stat/psi.h"
#include "stat/quantile.h"
#include "stat/special.h"

#define TOLERANCE 1e-12
#define MAX_BINS 16

static double
identity(double u, double k)
{
	(void)k;
	return u;
}

static double
shift(double u, double k)
{
	return u + k;
}

static double
scale(double u, double k)
{
	return u * k;
}

static double
six_levels(double u, double k)
{
	return floor((k == 1 ? u : pow(u, k)) * 6);
}

static double
heavy(double u, double k)
{
	const double e = -log(1 - u);

	(void)k;
	return e * e * e;
}

static const struct {
	const char *name;
	uint64_t seed;
	size_t n;
	double (*fn)(double, double);
	double ref;
	double cur;
} spec[] = {
    {"null_1000", 1, 1000, identity, 0, 0},
    {"null_1e5", 3, 100000, identity, 0, 0},
    {"shift_005", 5, 10000, shift, 0, 0.05},
    {"shift_030", 7, 10000, shift, 0, 0.3},
    {"disjoint", 9, 1000, shift, 0, 2},
    {"small_50", 11, 50, identity, 0, 0},
    {"discrete_6", 13, 5000, six_levels, 1, 1.3},
    {"mostly_zero", 15, 5000, NULL, 0.9, 0.8},
    {"heavy_tail", 19, 20000, heavy, 0, 0},
    {"one_empty_bin", 21, 2000, scale, 1, 0.85},
};

static struct sample
side(size_t k, int cur)
{
	const double arg = cur ? spec[k].cur : spec[k].ref;
	struct sample s, t;
	size_t i;

	if (spec[k].fn != NULL) {
		s = uniform(spec[k].seed + (unsigned)cur, spec[k].n);
		for (i = 0; i < s.n; i++)
			s.v[i] = spec[k].fn(s.v[i], arg);
		return s;
	}
	/* where(u(15) < .9, 0, u(16)) */
	s = uniform(spec[k].seed + (cur ? 2 : 0), spec[k].n);
	t = uniform(spec[k].seed + (cur ? 3 : 1), spec[k].n);
	for (i = 0; i < s.n; i++)
		s.v[i] = s.v[i] < arg ? 0 : t.v[i];
	sample_free(&t);
	return s;
}

static void
check_counts(const json_t *c, const char *key, const char *name,
    const uint64_t *counts, size_t bins)
{
	const json_t *a = json_object_get(c, key);
	size_t i;

	assert_int_equal(json_array_size(a), bins);
	for (i = 0; i < bins; i++)
		if (json_integer_value(json_array_get(a, i)) !=
		    (json_int_t)counts[i])
			fail_msg("%s %s[%zu]: %lu", name, key, i,
			    (unsigned long)counts[i]);
}

static void
check_rules(const json_t *c, const char *name, const uint64_t *r,
    const uint64_t *q, size_t bins)
{
	static const struct {
		const char *key;
		enum pd_psi_rule rule;
		double floor;
	} rules[] = {
	    {"psi_jeffreys_half", PD_PSI_HALF, 0},
	    {"psi_floor_0.0001", PD_PSI_FLOOR, 1e-4},
	    {"psi_floor_1e-06", PD_PSI_FLOOR, 1e-6},
	    {"psi_deepchecks_floor_0.01", PD_PSI_FLOOR, 0.01},
	    {"psi_evidently_zero_rule", PD_PSI_ADAPTIVE, 0},
	    {"psi_dataprofiler_drop_inf", PD_PSI_DROP, 0},
	    {"psi_frouros_float_min", PD_PSI_TINY, 0},
	};
	double v;
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		v = pd_psi(r, q, bins, rules[i].rule, rules[i].floor);
		if (!near(v, golden_get(c, rules[i].key), TOLERANCE))
			fail_msg("%s %s: %.17g", name, rules[i].key, v);
		/* Symmetric. */
		if (!near(v, pd_psi(q, r, bins, rules[i].rule, rules[i].floor),
			TOLERANCE))
			fail_msg("%s %s: turned", name, rules[i].key);
	}
}

static void
check_case(const json_t *c, size_t k)
{
	struct sample x = side(k, 0), y = side(k, 1);
	uint64_t r[MAX_BINS] = {0}, q[MAX_BINS] = {0};
	double cuts[MAX_BINS], v;
	size_t n, i;

	assert_int_equal(pd_sort_doubles(x.v, x.n), 0);
	n = pd_quantile_cuts(x.v, x.n, 10, cuts);
	assert_int_equal(n, json_array_size(json_object_get(c, "edges")));
	for (i = 0; i < n; i++)
		if (!near(cuts[i],
			json_number_value(
			    json_array_get(json_object_get(c, "edges"), i)),
			spec[k].fn == heavy ? 1e-15 : 0))
			fail_msg("%s cut %zu: %.17g", spec[k].name, i, cuts[i]);
	pd_quantile_count(cuts, n, x.v, x.n, r);
	pd_quantile_count(cuts, n, y.v, y.n, q);
	check_counts(c, "count_ref", spec[k].name, r, n + 1);
	check_counts(c, "count_cur", spec[k].name, q, n + 1);
	check_rules(c, spec[k].name, r, q, n + 1);
	v = pd_psi(r, q, n + 1, PD_PSI_HALF, 0);
	assert_true(near(pd_psi_critical(x.n, y.n, n + 1, 0.05),
	    golden_get(c, "yurdakul_crit_95"), TOLERANCE));
	assert_true(near(pd_psi_critical(x.n, y.n, n + 1, 0.001),
	    golden_get(c, "yurdakul_crit_999"), TOLERANCE));
	if (!near(pd_psi_p(v, x.n, y.n, n + 1),
		golden_get(c, "chi2_p_of_psi_jeffreys"), 1e-11))
		fail_msg(
		    "%s p: %.17g", spec[k].name, pd_psi_p(v, x.n, y.n, n + 1));
	sample_free(&x);
	sample_free(&y);
}

static void
equals_the_reference(void **state)
{
	json_t *j = golden_cases(GOLDEN "psi.json"), *c;
	size_t i;

	(void)state;
	json_array_foreach(json_object_get(j, "cases"), i, c)
	{
		assert_string_equal(
		    json_string_value(json_object_get(c, "name")),
		    spec[i].name);
		check_case(c, i);
	}
	assert_int_equal(i, sizeof(spec) / sizeof(spec[0]));
	json_decref(j);
}

static void
never_negative(void **state)
{
	static const enum pd_psi_rule rules[] = {PD_PSI_HALF, PD_PSI_FLOOR,
	    PD_PSI_ADAPTIVE, PD_PSI_DROP, PD_PSI_TINY};
	uint64_t a[12], b[12];
	struct pd_rng r;
	unsigned t, i, k;

	(void)state;
	pd_rng_init(&r, 11);
	for (t = 0; t < 2000; t++) {
		for (i = 0; i < 12; i++) {
			a[i] = pd_rng_below(&r, 8) ? pd_rng_below(&r, 50) : 0;
			b[i] = pd_rng_below(&r, 8) ? pd_rng_below(&r, 50) : 0;
		}
		a[0]++;
		b[0]++;
		for (k = 0; k < 5; k++) {
			assert_true(pd_psi(a, b, 12, rules[k], 1e-3) >= 0);
			assert_true(pd_psi(a, a, 12, rules[k], 1e-3) == 0);
		}
	}
}

/* Without drift PSI passes its critical value as often as alpha says. */
static void
critical_value_holds(void **state)
{
	const double crit = pd_psi_critical(2000, 1000, 10, 0.05);
	uint64_t a[10], b[10];
	struct pd_rng r;
	unsigned t, i, over = 0;

	(void)state;
	pd_rng_init(&r, 5);
	for (t = 0; t < 2000; t++) {
		memset(a, 0, sizeof(a));
		memset(b, 0, sizeof(b));
		for (i = 0; i < 2000; i++)
			a[pd_rng_below(&r, 10)]++;
		for (i = 0; i < 1000; i++)
			b[pd_rng_below(&r, 10)]++;
		over += pd_psi(a, b, 10, PD_PSI_HALF, 0) > crit;
	}
	/* 100 expected; five standard deviations are 49 */
	assert_in_range(over, 51, 149);
}

static void
edges(void **state)
{
	const uint64_t none[2] = {0, 0}, some[2] = {3, 4};

	(void)state;
	assert_true(isnan(pd_psi(none, some, 2, PD_PSI_HALF, 0)));
	assert_true(isnan(pd_psi(some, none, 2, PD_PSI_HALF, 0)));
	assert_true(pd_psi(some, some, 1, PD_PSI_HALF, 0) == 0);
	assert_true(pd_psi_critical(10, 10, 1, 0.05) == 0);
	assert_true(pd_psi_p(3, 10, 10, 1) == 1);
}

/* Published values: chi-squared tables, and closed forms of Q(a, x). */
static void
special_functions(void **state)
{
	double x;

	(void)state;
	assert_true(near(pd_chi2_isf(0.05, 1), 3.841458820694124, 1e-12));
	assert_true(near(pd_chi2_isf(0.05, 9), 16.918977604620448, 1e-12));
	assert_true(near(pd_chi2_isf(0.001, 255), 330.51970, 1e-5));
	for (x = 0.1; x < 600; x *= 1.7) {
		assert_true(near(pd_gamma_q(1, x), exp(-x), 1e-12));
		assert_true(near(pd_gamma_q(0.5, x), erfc(sqrt(x)), 1e-11));
		assert_true(near(pd_gamma_q(2, x), (1 + x) * exp(-x), 1e-12));
	}
	assert_true(pd_gamma_q(3, 0) == 1 && pd_gamma_q(3, INFINITY) == 0);
	assert_true(pd_chi2_sf(1, 0) == 1 && pd_chi2_isf(0.5, 0) == 0);
	for (x = 1; x < 40; x++)
		assert_true(fabs(pd_stirling_error(x) -
				 (lgamma(x + 1) - (x + 0.5) * log(x) + x -
				     0.91893853320467274178)) < 1e-13);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_the_reference),
	    cmocka_unit_test(never_negative),
	    cmocka_unit_test(critical_value_holds),
	    cmocka_unit_test(edges),
	    cmocka_unit_test(special_functions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
