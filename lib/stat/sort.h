#ifndef PD_STAT_SORT_H
#define PD_STAT_SORT_H

/*
 * Sorting doubles by the order-preserving image of their IEEE 754 bits: merge
 * sort, and radix sort from 4096 values on. Infinities are ordinary values, -0
 * sorts before +0.
 */

#include <stddef.h>

/*
 * pd_sort_drop_nan(x, n):
 * Move the values that are not NaN to the front, keeping their order. How many
 * there are.
 */
size_t pd_sort_drop_nan(double *x, size_t n);

/*
 * pd_sort_doubles(x, n):
 * Sort ascending; no NaN may be among them. Needs n doubles of memory beside
 * for n > 16. 0, or -1 out of memory with ${x} unchanged.
 */
int pd_sort_doubles(double *x, size_t n);

#endif /* PD_STAT_SORT_H */
