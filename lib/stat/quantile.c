#include <math.h>

#include "stat/quantile.h"

double
pd_quantile(const double *x, size_t n, double q)
{
	const double pos = q * (double)(n - 1);
	const size_t i = pos < (double)(n - 1) ? (size_t)pos : n - 1;
	const double t = pos - (double)i;
	double a, b;

	if (i + 1 >= n || t <= 0)
		return x[i];
	a = x[i];
	b = x[i + 1];
	if (a == b)
		return a; /* infinities too */
	/* From the nearer end, so that both ends are met exactly. */
	return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t);
}

size_t
pd_quantile_cuts(const double *x, size_t n, size_t bins, double *cuts)
{
	const double step = 1 / (double)bins;
	size_t i, k = 0;
	double v;

	for (i = 1; i < bins; i++) {
		v = pd_quantile(x, n, (double)i * step);
		if (isfinite(v) && (k == 0 || v > cuts[k - 1]))
			cuts[k++] = v;
	}
	return k;
}

size_t
pd_quantile_bin(const double *cuts, size_t ncuts, double x)
{
	size_t lo = 0, half;

	while (ncuts > 0) {
		half = ncuts / 2;
		if (cuts[lo + half] < x) {
			lo += half + 1;
			ncuts -= half + 1;
		} else {
			ncuts = half;
		}
	}
	return lo;
}

void
pd_quantile_count(const double *cuts, size_t ncuts, const double *x, size_t n,
    uint64_t *counts)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!isnan(x[i]))
			counts[pd_quantile_bin(cuts, ncuts, x[i])]++;
}
