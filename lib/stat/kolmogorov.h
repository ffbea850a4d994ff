#ifndef PD_STAT_KOLMOGOROV_H
#define PD_STAT_KOLMOGOROV_H

/*
 * The law of the one-sample Kolmogorov statistic, exact or to about 10 digits
 * by region of (n, x) as in Simard & L'Ecuyer, "Computing the two-sided
 * Kolmogorov-Smirnov distribution", J. Stat. Softw. 39(11), 2011:
 * Ruben-Gambino's closed forms at both ends, Durbin's matrix in the form of
 * Marsaglia, Tsang & Wang (2003) for small n, Pelz & Good's expansion (1976)
 * for large n, twice the one-sided law (Miller 1956) in the upper tail.
 */

#include <stdint.h>

/*
 * pd_kolmogorov_sf(n, x):
 * P(D_n > x) for a sample of ${n} from the continuous law it is compared
 * with. NaN for n = 0.
 */
double pd_kolmogorov_sf(uint64_t n, double x);

/*
 * pd_smirnov_sf(n, x):
 * P(D_n+ > x), one-sided: Birnbaum & Tingey's sum up to n = 1e6, beyond it
 * Maag & Dicaire's expansion.
 */
double pd_smirnov_sf(uint64_t n, double x);

#endif /* PD_STAT_KOLMOGOROV_H */
