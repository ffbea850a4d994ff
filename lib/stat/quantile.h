#ifndef PD_STAT_QUANTILE_H
#define PD_STAT_QUANTILE_H

/*
 * Quantiles of a sorted sample, cuts between bins, and counting by cuts.
 * Cuts ascend strictly; bin i of ncuts + 1 holds cuts[i-1] < x <= cuts[i].
 */

#include <stddef.h>
#include <stdint.h>

/*
 * pd_quantile(x, n, q):
 * The quantile ${q} in 0..1 of ${n} > 0 ascending values, linear between order
 * statistics (type 7 of Hyndman & Fan 1996, the default of R and numpy).
 */
double pd_quantile(const double *x, size_t n, double q);

/*
 * pd_quantile_cuts(x, n, bins, cuts):
 * Cuts at the quantiles 1/bins .. (bins-1)/bins of an ascending sample, equal
 * and non-finite ones left out. ${cuts} has room for bins - 1. How many.
 */
size_t pd_quantile_cuts(const double *x, size_t n, size_t bins, double *cuts);

/* The bin of ${x} (not NaN): the number of cuts below it. */
size_t pd_quantile_bin(const double *cuts, size_t ncuts, double x);

/* Add to ${counts}[0..ncuts] the bins of ${n} values; NaN are left out. */
void pd_quantile_count(const double *cuts, size_t ncuts, const double *x,
    size_t n, uint64_t *counts);

#endif /* PD_STAT_QUANTILE_H */
