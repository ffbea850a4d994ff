#ifndef PD_STAT_SPECIAL_H
#define PD_STAT_SPECIAL_H

/*
 * The special functions that the tests need: incomplete gamma and chi-squared
 * (series and Lentz's continued fraction, Abramowitz & Stegun 6.5.29 and
 * 6.5.31), the error of Stirling's formula. Relative error below 1e-12 for
 * probabilities above 1e-300 and up to 1e4 degrees of freedom.
 */

/* Q(a, x) = Gamma(a, x) / Gamma(a), a > 0, x >= 0: falls from 1 to 0. */
double pd_gamma_q(double a, double x);

/* P(X > x) of chi-squared with ${df} degrees of freedom; 1 for df = 0. */
double pd_chi2_sf(double x, double df);

/* The x with pd_chi2_sf(x, df) = p, 0 < p < 1; 0 for df = 0. */
double pd_chi2_isf(double p, double df);

/* ln(n!) - ln(sqrt(2 pi n) (n/e)^n) of a whole n >= 1. */
double pd_stirling_error(double n);

#endif /* PD_STAT_SPECIAL_H */
