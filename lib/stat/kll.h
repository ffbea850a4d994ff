#ifndef PD_STAT_KLL_H
#define PD_STAT_KLL_H

/*
 * KLL quantile sketch (Karnin, Lang & Liberty 2016, "Optimal quantile
 * approximation in streams"): a sample of the values seen, in levels; an item
 * of level h stands for 2^h values. Up to k values it is exact; beyond, the
 * error of a rank is about 2.3 / k^0.97 of n (k = 4096: 0.0007 n, with 99%
 * confidence) in about 3 k doubles of memory. Seeded: the same values in the
 * same order give the same sketch.
 */

#include <stddef.h>
#include <stdint.h>

#define PD_KLL_K 4096

struct pd_kll;

/* NULL out of memory, or k outside 8..65536. */
struct pd_kll *pd_kll_new(unsigned k, uint64_t seed);
void pd_kll_free(struct pd_kll *s);

/* Add one value; NaN is ignored. 0, or -1 out of memory (not added). */
int pd_kll_add(struct pd_kll *s, double x);

/* Add a value that stands for ${n} equal ones: O(log n). 0, or -1. */
int pd_kll_add_n(struct pd_kll *s, double x, uint64_t n);

/* Add what ${from} has seen (the same k). 0, or -1 out of memory. */
int pd_kll_merge(struct pd_kll *s, const struct pd_kll *from);

/* Values seen. */
uint64_t pd_kll_count(const struct pd_kll *s);

/*
 * pd_kll_quantiles(s, q, n, out):
 * The values at the ${n} ascending ranks ${q} (0..1). The smallest and the
 * largest value are exact. NaN when nothing was seen. 0, or -1 out of memory.
 */
int pd_kll_quantiles(
    const struct pd_kll *s, const double *q, size_t n, double *out);

#endif /* PD_STAT_KLL_H */
