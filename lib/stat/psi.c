#include <float.h>
#include <math.h>

#include "stat/psi.h"
#include "stat/special.h"

static uint64_t
total(const uint64_t *c, size_t bins)
{
	uint64_t sum = 0;
	size_t i;

	for (i = 0; i < bins; i++)
		sum += c[i];
	return sum;
}

/* What an empty bin's share becomes. */
static double
patch_of_empty(
    const uint64_t *c, size_t bins, uint64_t n, enum pd_psi_rule rule)
{
	double least = 1, p;
	size_t i;

	if (rule == PD_PSI_TINY)
		return DBL_MIN;
	if (rule != PD_PSI_ADAPTIVE)
		return 0;
	for (i = 0; i < bins; i++) {
		p = (double)c[i] / (double)n;
		if (c[i] > 0 && p < least)
			least = p;
	}
	return least > 1e-4 ? 1e-4 : least / 1e6;
}

static double
share(uint64_t c, uint64_t n, size_t bins, enum pd_psi_rule rule, double patch)
{
	const double p = (double)c / (double)n;

	if (rule == PD_PSI_HALF)
		return ((double)c + 0.5) / ((double)n + 0.5 * (double)bins);
	if (rule == PD_PSI_FLOOR)
		return p > patch ? p : patch;
	return c > 0 ? p : patch;
}

double
pd_psi(const uint64_t *ref, const uint64_t *cur, size_t bins,
    enum pd_psi_rule rule, double floor)
{
	const uint64_t n = total(ref, bins), m = total(cur, bins);
	double rp, cp, p, q, sum = 0;
	size_t i;

	if (n == 0 || m == 0)
		return NAN;
	rp = rule == PD_PSI_FLOOR ? floor : patch_of_empty(ref, bins, n, rule);
	cp = rule == PD_PSI_FLOOR ? floor : patch_of_empty(cur, bins, m, rule);
	for (i = 0; i < bins; i++) {
		p = share(ref[i], n, bins, rule, rp);
		q = share(cur[i], m, bins, rule, cp);
		if (p > 0 && q > 0)
			sum += (p - q) * log(p / q);
	}
	return sum;
}

static double
unit(uint64_t n, uint64_t m)
{
	return 1 / (double)n + 1 / (double)m;
}

double
pd_psi_critical(uint64_t n, uint64_t m, size_t bins, double alpha)
{
	if (bins < 2)
		return 0;
	return unit(n, m) * pd_chi2_isf(alpha, (double)(bins - 1));
}

double
pd_psi_p(double psi, uint64_t n, uint64_t m, size_t bins)
{
	if (bins < 2)
		return 1;
	return pd_chi2_sf(psi / unit(n, m), (double)(bins - 1));
}
