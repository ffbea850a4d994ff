#include "stat_fixture.h"

#include "base/rng.h"
#include "stat/ecusum.h"
#include "stat/quantile.h"
#include "stat/sort.h"

#define BINS 20
#define N_REF 20000
#define WINDOW 500

static void
equal(double got, double want, double tolerance)
{
	if (!(fabs(got - want) <= tolerance))
		fail_msg("%.17g is not %.17g", got, want);
}

/* Multinomial coefficient of c, as a logarithm. */
static double
coefficient(const uint64_t *c, unsigned bins)
{
	double n = 0, s = 0;
	unsigned i;

	for (i = 0; i < bins; i++) {
		n += (double)c[i];
		s -= lgamma((double)c[i] + 1);
	}
	return s + lgamma(n + 1);
}

/* Its probability without a change, from the recursion of Polya's urn: draw
 * after draw with masses null[i] / total, each draw adding one. */
static double
urn(const struct pd_ecusum *e, const uint64_t *c)
{
	double p = 0, total = e->total;
	uint64_t k;
	unsigned i;

	for (i = 0; i < e->bins; i++) {
		for (k = 0; k < c[i]; k++)
			p += log((e->null[i] + (double)k) / total++);
	}
	return exp(p + coefficient(c, e->bins));
}

/* Sum of probability times M over all windows of n values in three bins, for
 * the detector k. */
static double
expectation(const struct pd_ecusum *e, uint64_t n, unsigned k, double *mass)
{
	struct pd_ecusum f;
	uint64_t c[3];
	double s = 0, p;

	*mass = 0;
	for (c[0] = 0; c[0] <= n; c[0]++) {
		for (c[1] = 0; c[0] + c[1] <= n; c[1]++) {
			c[2] = n - c[0] - c[1];
			f = *e;
			p = urn(e, c);
			*mass += p;
			pd_ecusum_add(&f, c);
			s += p * exp(f.part[k].log_m);
		}
	}
	return s;
}

static void
test_fair_game(void **state)
{
	const uint64_t ref[3] = {50, 90, 30}, first[3] = {1, 2, 9};
	struct pd_ecusum e;
	double before, mass;
	unsigned k;

	(void)state;
	assert_int_equal(pd_ecusum_init(&e, ref, 3, false), 0);
	for (k = 0; k < PD_ECUSUM_PARTS; k++) {
		equal(expectation(&e, 12, k, &mass), 1, 1e-10);
		equal(mass, 1, 1e-10);
	}
	/* Given any past, too: what it expects is what it has, at least 1. */
	pd_ecusum_add(&e, first);
	assert_true(e.part[0].log_m > 0);
	for (k = 0; k < PD_ECUSUM_PARTS; k++) {
		before = fmax(1, exp(e.part[k].log_m));
		equal(expectation(&e, 7, k, &mass), before, 1e-9 * before);
	}
}

static double
normal(struct pd_rng *r)
{
	const double u = 1 - pd_rng_double(r), v = pd_rng_double(r);

	return sqrt(-2 * log(u)) * cos(2 * 3.14159265358979323846 * v);
}

struct run {
	struct pd_rng rng;
	struct pd_ecusum e;
	double cuts[BINS];
	size_t ncuts;
	double x[N_REF];
};

static void
begin(struct run *r, uint64_t seed)
{
	uint64_t ref[BINS] = {0};
	size_t i;

	pd_rng_init(&r->rng, seed);
	for (i = 0; i < N_REF; i++)
		r->x[i] = normal(&r->rng);
	assert_int_equal(pd_sort_doubles(r->x, N_REF), 0);
	/* Cuts are values of the reference. */
	for (i = 1; i < BINS; i++)
		r->cuts[i - 1] = r->x[i * N_REF / BINS];
	r->ncuts = BINS - 1;
	pd_quantile_count(r->cuts, r->ncuts, r->x, N_REF, ref);
	assert_int_equal(pd_ecusum_init(&r->e, ref, BINS, false), 0);
}

static double
window(struct run *r, double shift)
{
	uint64_t c[BINS] = {0};
	unsigned i;

	for (i = 0; i < WINDOW; i++)
		c[pd_quantile_bin(
		    r->cuts, r->ncuts, normal(&r->rng) + shift)]++;
	return pd_ecusum_add(&r->e, c);
}

/* 40 months of 720 windows without a change, at 5% a month. */
static void
test_quiet_months(void **state)
{
	const double c = log(pd_ecusum_threshold(0.05, 720));
	struct run r;
	unsigned month, w, alarms = 0;
	bool alarm;

	(void)state;
	for (month = 0; month < 40; month++) {
		begin(&r, 100 + month);
		alarm = false;
		for (w = 0; w < 720; w++)
			alarm |= window(&r, 0) >= c;
		alarms += alarm;
	}
	/* 5 or more of 40 at 5% have a probability of 4.8%; seeds are fixed. */
	assert_in_range(alarms, 0, 4);
}

/* Windows from the shift on until evidence reaches 10,000; 360 at most. */
static unsigned
delay(struct run *r, uint64_t seed, double shift, uint64_t *since)
{
	unsigned w;

	begin(r, seed);
	for (w = 0; w < 100; w++)
		window(r, 0);
	for (w = 1; w <= 360; w++) {
		if (window(r, shift) >= log(10000))
			break;
	}
	*since = pd_ecusum_since(&r->e);
	return w;
}

static void
test_shift_found(void **state)
{
	struct run r;
	uint64_t since;
	unsigned i, d, late = 0, far = 0;

	(void)state;
	for (i = 0; i < 15; i++) {
		d = delay(&r, 500 + i, 0.2, &since);
		late += d > 4;
		far += since < 95 || since > 102;
		d = delay(&r, 600 + i, 0.1, &since);
		late += d > 40;
	}
	assert_in_range(late, 0, 3);
	assert_in_range(far, 0, 3);
}

static void
test_means_and_limits(void **state)
{
	const uint64_t none[2] = {0, 0}, some[2] = {3, 0};
	const double v[3] = {log(1), log(2), log(9)},
		     huge[2] = {800, -INFINITY};
	struct pd_ecusum e;
	unsigned i;

	(void)state;
	equal(pd_ecusum_mean(v, 3), log(4), 1e-15);
	equal(pd_ecusum_mean(huge, 2), 800 - log(2), 1e-12);
	equal(pd_ecusum_threshold(0.05, 720), 14400, 1e-9);
	assert_int_equal(pd_ecusum_init(&e, none, 2, false), -1);
	assert_int_equal(pd_ecusum_init(&e, some, 1, false), -1);
	assert_int_equal(
	    pd_ecusum_init(&e, some, PD_ECUSUM_BINS + 1, false), -1);
	/* An empty window is no evidence; an empty bin is not impossible. */
	assert_int_equal(pd_ecusum_init(&e, some, 2, true), 0);
	equal(pd_ecusum_add(&e, none), 0, 0);
	for (i = 0; i < 10; i++)
		assert_true(isfinite(pd_ecusum_add(&e, some)));
	pd_ecusum_restart(&e);
	equal(pd_ecusum_evidence(&e), 0, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fair_game),
	    cmocka_unit_test(test_quiet_months),
	    cmocka_unit_test(test_shift_found),
	    cmocka_unit_test(test_means_and_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
