#ifndef PD_STAT_PSI_H
#define PD_STAT_PSI_H

/*
 * Population stability index of two histograms over the same frozen bins:
 * sum over bins of (p - q) ln(p / q), with p and q the bins' shares in the
 * reference and the current sample. It is never negative and is symmetric. An
 * empty bin makes it infinite, so tools patch the shares, each in its own way,
 * and their numbers differ a thousandfold: the rule must be said with the
 * number.
 */

#include <stddef.h>
#include <stdint.h>

enum pd_psi_rule {
	PD_PSI_HALF,	 /* half a count more in each bin of both (Jeffreys) */
	PD_PSI_FLOOR,	 /* shares below a floor become the floor */
	PD_PSI_ADAPTIVE, /* empty bins only: 1e-4, or a millionth of the
			  * smallest other share where that is <= 1e-4 */
	PD_PSI_DROP,	 /* bins empty on one side are left out */
	PD_PSI_TINY,	 /* empty bins become the smallest normal double */
};

/*
 * pd_psi(ref, cur, bins, rule, floor):
 * PSI of two histograms; ${floor} is used by PD_PSI_FLOOR only. NaN when a
 * side holds no value.
 */
double pd_psi(const uint64_t *ref, const uint64_t *cur, size_t bins,
    enum pd_psi_rule rule, double floor);

/*
 * pd_psi_critical(n, m, bins, alpha):
 * The value that PSI exceeds with probability ${alpha} when both samples, of
 * ${n} and ${m} values, are from one law: (1/n + 1/m) times chi-squared's
 * quantile with bins - 1 degrees of freedom (Yurdakul 2018).
 */
double pd_psi_critical(uint64_t n, uint64_t m, size_t bins, double alpha);

/* The p-value of a PSI by the same approximation. */
double pd_psi_p(double psi, uint64_t n, uint64_t m, size_t bins);

#endif /* PD_STAT_PSI_H */
