#ifndef PD_STAT_KS_H
#define PD_STAT_KS_H

/*
 * Kolmogorov-Smirnov test of two samples, two-sided. D is the largest distance
 * between the empirical distribution functions; ties are counted exactly, in
 * integers. p-values hold for independent values from a continuous law; with
 * ties they are conservative (too large).
 */

#include <stddef.h>
#include <stdint.h>

enum pd_ks_method {
	PD_KS_AUTO, /* exact when both samples hold at most 10,000 values */
	PD_KS_EXACT,
	PD_KS_ASYMP,
};

#define PD_KS_EXACT_MAX 10000 /* values a sample, for PD_KS_AUTO */

struct pd_ks {
	double d;
	double location; /* where that distance is reached first */
	int sign;	 /* +1: the first sample's function is above there */
};

/*
 * pd_ks_sorted(x, n, y, m):
 * Compare two ascending samples without NaN, 0 < n, m < 2^31. Infinities are
 * values like others.
 */
struct pd_ks pd_ks_sorted(const double *x, size_t n, const double *y, size_t m);

/*
 * pd_ks_p(d, n, m, method):
 * P(D >= d) when both samples are from one continuous law. Exact: lattice
 * paths (Hodges 1958; the product form for n = m, else the recurrence on
 * probabilities of Viehmann 2021, which keeps its digits for small p), or
 * asymptotic where memory for it is short or lcm(n, m) >= 2^31. Asymptotic:
 * the one-sample law at n m / (n + m), rounded; NaN when that is 0.
 */
double pd_ks_p(double d, uint64_t n, uint64_t m, enum pd_ks_method method);

/*
 * pd_ks_binned(x, y, bins, atom, lo, hi):
 * Bounds of D from counts in the same ${bins} bins: the distance at the cuts
 * is exact (lo); inside a bin it can be more by at most the bin's own mass,
 * but not in a bin that ${atom} says is a single value (hi).
 */
void pd_ks_binned(const uint64_t *x, const uint64_t *y, size_t bins,
    const unsigned char *atom, double *lo, double *hi);

#endif /* PD_STAT_KS_H */
