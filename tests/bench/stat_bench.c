/*
 * The statistics alone: ADWIN in values a second, the two-sample KS test and
 * PSI in seconds, in CPU time of one thread.
 */
#define _GNU_SOURCE /* CLOCK_THREAD_CPUTIME_ID with -std=c11 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/rng.h"
#include "stat/adwin.h"
#include "stat/kll.h"
#include "stat/ks.h"
#include "stat/psi.h"
#include "stat/quantile.h"
#include "stat/sort.h"

#define N 1000000
#define ROUNDS 3

static double
cpu(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

enum kind { BERNOULLI, UNIFORM, GAUSS, DRIFTING };

static void
fill(double *x, size_t n, enum kind kind, uint64_t seed)
{
	struct pd_rng r;
	size_t i;
	double u;
	int k;

	pd_rng_init(&r, seed);
	for (i = 0; i < n; i++) {
		u = pd_rng_double(&r);
		if (kind == BERNOULLI)
			u = u < 0.2;
		else if (kind == DRIFTING)
			u = u < (i / 20000 % 2 ? 0.8 : 0.2);
		else if (kind == GAUSS)
			for (k = 0, u -= 6; k < 11; k++)
				u += pd_rng_double(&r);
		x[i] = u;
	}
}

static void
bench_adwin(double *x, const char *name, enum kind kind, uint32_t clock)
{
	struct pd_adwin_params p = PD_ADWIN_RIVER;
	const size_t n = clock == 1 ? 4 * N / 10 : 4 * N;
	struct pd_adwin a;
	double t, best = 1e9;
	size_t i, found = 0;
	int k;

	p.clock = clock;
	fill(x, n, kind, 1);
	for (k = 0; k < ROUNDS; k++) {
		found = 0;
		pd_adwin_init(&a, &p);
		t = cpu();
		for (i = 0; i < n; i++)
			found += pd_adwin_add(&a, x[i]);
		t = cpu() - t;
		best = t < best ? t : best;
	}
	printf("adwin clock %u %s: %.1f M values/s (%zu detections)\n",
	    (unsigned)clock, name, (double)n / best / 1e6, found);
}

static void
bench_ks(double *x, double *y)
{
	double t, best = 1e9, sorting = 0, p = 0;
	struct pd_ks ks = {0, 0, 0};
	int k;

	for (k = 0; k < ROUNDS; k++) {
		fill(x, N, GAUSS, 1);
		fill(y, N, GAUSS, 2);
		t = cpu();
		if (pd_sort_doubles(x, N) || pd_sort_doubles(y, N))
			exit(2);
		sorting = cpu() - t;
		ks = pd_ks_sorted(x, N, y, N);
		p = pd_ks_p(ks.d, N, N, PD_KS_AUTO);
		t = cpu() - t;
		best = t < best ? t : best;
	}
	printf("ks %d x %d: %.4f s, %.4f s of it sorting (d %.6f, p %.4f)\n", N,
	    N, best, sorting, ks.d, p);
}

static void
bench_psi(double *x, const double *y)
{
	uint64_t a[10] = {0}, b[10] = {0};
	double cuts[9], t;
	size_t n;

	t = cpu();
	if (pd_sort_doubles(x, N))
		exit(2);
	n = pd_quantile_cuts(x, N, 10, cuts);
	pd_quantile_count(cuts, n, x, N, a);
	pd_quantile_count(cuts, n, y, N, b);
	t = cpu() - t;
	printf("psi %d x %d, 10 bins: %.4f s (psi %.6f)\n", N, N, t,
	    pd_psi(a, b, n + 1, PD_PSI_HALF, 0));
}

static void
bench_kll(const double *x)
{
	struct pd_kll *s = pd_kll_new(PD_KLL_K, 1);
	double t = cpu();
	size_t i;

	for (i = 0; s != NULL && i < N; i++)
		if (pd_kll_add(s, x[i]))
			exit(2);
	t = cpu() - t;
	printf("kll k %d: %.1f M values/s\n", PD_KLL_K, N / t / 1e6);
	pd_kll_free(s);
}

int
main(void)
{
	double *x = malloc(4 * N * sizeof(*x)), *y = malloc(N * sizeof(*y));

	if (x == NULL || y == NULL)
		return 2;
	bench_adwin(x, "bernoulli", BERNOULLI, 32);
	bench_adwin(x, "uniform", UNIFORM, 32);
	bench_adwin(x, "gauss", GAUSS, 32);
	bench_adwin(x, "drifting", DRIFTING, 32);
	bench_adwin(x, "bernoulli", BERNOULLI, 1);
	bench_ks(x, y);
	fill(x, N, GAUSS, 3);
	fill(y, N, GAUSS, 4);
	bench_kll(x);
	bench_psi(x, y);
	free(x);
	free(y);
	return 0;
}
