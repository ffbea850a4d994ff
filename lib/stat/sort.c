#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "stat/sort.h"

#define DIGIT_BITS 11
#define DIGITS 6 /* 6 x 11 bits cover 64 */
#define RADIX (1u << DIGIT_BITS)
#define RADIX_MIN 4096 /* shorter: its tables cost more than merging */
#define RUN 16	       /* sorted by insertion */

size_t
pd_sort_drop_nan(double *x, size_t n)
{
	size_t i, k = 0;

	for (i = 0; i < n; i++)
		if (!isnan(x[i]))
			x[k++] = x[i];
	return k;
}

/* The bits of a double as an integer that sorts the same way. */
static inline uint64_t
image(double x)
{
	uint64_t u;

	memcpy(&u, &x, sizeof(u));
	return u >> 63 ? ~u : u | UINT64_C(1) << 63;
}

static inline unsigned
digit(double x, unsigned d)
{
	return (unsigned)(image(x) >> (d * DIGIT_BITS)) & (RADIX - 1);
}

static void
insertion_sort(double *x, size_t n)
{
	size_t i, j;
	double v;

	for (i = 1; i < n; i++) {
		v = x[i];
		for (j = i; j > 0 && image(x[j - 1]) > image(v); j--)
			x[j] = x[j - 1];
		x[j] = v;
	}
}

/* Merge the sorted runs [0, m) and [m, n) of ${x} into ${out}. */
static void
merge(const double *x, size_t m, size_t n, double *out)
{
	size_t i = 0, j = m, k;

	for (k = 0; k < n; k++)
		out[k] = j == n || (i < m && image(x[i]) <= image(x[j]))
			     ? x[i++]
			     : x[j++];
}

static void
merge_sort(double *x, double *tmp, size_t n)
{
	double *from = x, *to = tmp, *swap;
	size_t i, len, m, end;

	for (i = 0; i < n; i += RUN)
		insertion_sort(x + i, n - i < RUN ? n - i : RUN);
	for (len = RUN; len < n; len *= 2) {
		for (i = 0; i < n; i += 2 * len) {
			end = n - i < 2 * len ? n - i : 2 * len;
			m = end < len ? end : len;
			merge(from + i, m, end, to + i);
		}
		swap = from;
		from = to;
		to = swap;
	}
	if (from != x)
		memcpy(x, from, n * sizeof(*x));
}

/* Counts of each digit become the places where its first value goes. False
 * when all values share this digit. */
static bool
places(size_t *count, size_t n)
{
	size_t c, sum = 0;
	unsigned i;

	for (i = 0; i < RADIX; i++) {
		c = count[i];
		if (c == n)
			return false;
		count[i] = sum;
		sum += c;
	}
	return true;
}

static int
radix_sort(double *x, double *tmp, size_t n)
{
	double *from = x, *to = tmp, *swap;
	size_t(*count)[RADIX];
	unsigned d;
	size_t i;

	if ((count = calloc(DIGITS, sizeof(*count))) == NULL)
		return -1;
	for (i = 0; i < n; i++)
		for (d = 0; d < DIGITS; d++)
			count[d][digit(x[i], d)]++;
	for (d = 0; d < DIGITS; d++) {
		if (!places(count[d], n))
			continue;
		for (i = 0; i < n; i++)
			to[count[d][digit(from[i], d)]++] = from[i];
		swap = from;
		from = to;
		to = swap;
	}
	if (from != x)
		memcpy(x, from, n * sizeof(*x));
	free(count);
	return 0;
}

int
pd_sort_doubles(double *x, size_t n)
{
	double *tmp;
	int r = 0;

	if (n <= RUN) {
		insertion_sort(x, n);
		return 0;
	}
	if ((tmp = malloc(n * sizeof(*tmp))) == NULL)
		return -1;
	if (n < RADIX_MIN)
		merge_sort(x, tmp, n);
	else
		r = radix_sort(x, tmp, n);
	free(tmp);
	return r;
}
