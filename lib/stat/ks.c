/*
 * D is found in integers: the distance between the two functions after i and
 * j values is (i m - j n) / (n m), so ties in value and in distance are exact.
 */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "stat/kolmogorov.h"
#include "stat/ks.h"

/* The largest distance to one side, and where. */
struct reach {
	int64_t best;
	double at;
	bool in_x; /* ${at} is a value of the first sample */
};

/* Of equal distances the first in the first sample counts, then the first in
 * the second: the order in which scipy looks. */
static inline void
reach_update(struct reach *r, int64_t dist, double at, bool in_x)
{
	if (dist < r->best || (dist == r->best && (r->in_x || !in_x)))
		return;
	r->best = dist;
	r->at = at;
	r->in_x = in_x;
}

struct pd_ks
pd_ks_sorted(const double *x, size_t n, const double *y, size_t m)
{
	struct reach up = {INT64_MIN, 0, false}, down = up;
	size_t i = 0, j = 0, i0;
	struct pd_ks r;
	int64_t dist;
	double v;

	assert(n > 0 && m > 0 && n <= INT32_MAX && m <= INT32_MAX);
	while (i < n || j < m) {
		v = i == n || (j < m && y[j] < x[i]) ? y[j] : x[i];
		for (i0 = i; i < n && x[i] == v; i++)
			;
		for (; j < m && y[j] == v; j++)
			;
		dist = (int64_t)(i * m) - (int64_t)(j * n);
		reach_update(&up, dist, v, i > i0);
		reach_update(&down, -dist, v, i > i0);
	}
	if (down.best > up.best) {
		up = down;
		r.sign = -1;
	} else {
		r.sign = 1;
	}
	r.d = (double)up.best / ((double)n * (double)m);
	r.location = up.at;
	return r;
}

static uint64_t
gcd(uint64_t a, uint64_t b)
{
	uint64_t t;

	while (b > 0) {
		t = a % b;
		a = b;
		b = t;
	}
	return a;
}

/* P(D >= h / n) of two samples of n: Gnedenko & Korolyuk 1951, the
 * alternating sum nested from its last term. */
static double
equal_sizes_p(uint64_t n, uint64_t h)
{
	double p = 0, t;
	uint64_t j, k;

	for (k = n / h + 1; k-- > 0;) {
		t = 1;
		for (j = 0; j < h; j++)
			t = (double)(n - k * h - j) * t /
			    (double)(n + k * h + j + 1);
		p = t * (1 - p);
	}
	return 2 * p;
}

static int64_t
ceil_div(int64_t a, int64_t b)
{
	return a / b + (a % b > 0);
}

static int64_t
floor_div(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

/*
 * P(a random lattice path from (0, 0) to (m, n) leaves |x/m - y/n| < h / lcm)
 * for m >= n. a[j - lo] is that probability for a path to (i, j) inside the
 * band; a path to (i, j) comes from (i - 1, j) with probability i / (i + j).
 * NaN out of memory.
 */
static double
lattice_p(int64_t m, int64_t n, int64_t g, int64_t h)
{
	const int64_t mg = m / g, ng = n / g;
	int64_t lo = 0, hi, last, len, i, j, k;
	double *a, v;

	hi = ceil_div(h, mg) < n + 1 ? ceil_div(h, mg) : n + 1;
	len = 2 * hi + 2 < n + 1 ? 2 * hi + 2 : n + 1;
	if ((a = calloc((size_t)len, sizeof(*a))) == NULL)
		return NAN;
	for (j = 0; j < len; j++)
		a[j] = j < hi ? 0 : 1;
	for (i = 1; i <= m; i++) {
		k = lo;
		last = hi;
		lo = floor_div(ng * i - h, mg) + 1;
		lo = lo < 0 ? 0 : lo > n ? n : lo;
		hi = ceil_div(ng * i + h, mg);
		hi = hi < n + 1 ? hi : n + 1;
		if (hi <= lo) {
			free(a);
			return 1;
		}
		v = lo == 0 ? 0 : 1;
		for (j = lo; j < hi; j++) {
			v = (a[j - k] * (double)i + v * (double)j) /
			    (double)(i + j);
			a[j - lo] = v;
		}
		/* Outside the band every path has left it. */
		for (; j < last + (lo - k); j++)
			a[j - lo] = 1;
	}
	v = a[hi - lo - 1];
	free(a);
	return v;
}

/* NaN where the exact law cannot be had. */
static double
exact_p(double d, uint64_t n, uint64_t m)
{
	const uint64_t g = gcd(n, m), big = n > m ? n : m;
	const uint64_t small = n > m ? m : n;
	uint64_t h, lcm;

	if (big / g >= INT32_MAX / small)
		return NAN;
	lcm = big / g * small;
	h = (uint64_t)llrint(d * (double)lcm);
	if (h == 0)
		return 1;
	if (n == m)
		return equal_sizes_p(n, h);
	return lattice_p((int64_t)big, (int64_t)small, (int64_t)g, (int64_t)h);
}

double
pd_ks_p(double d, uint64_t n, uint64_t m, enum pd_ks_method method)
{
	const bool small = n <= PD_KS_EXACT_MAX && m <= PD_KS_EXACT_MAX;
	double p = NAN, en;

	if (n == 0 || m == 0 || isnan(d))
		return NAN;
	if (method == PD_KS_EXACT || (method == PD_KS_AUTO && small))
		p = exact_p(d, n, m);
	if (!isnan(p))
		return p < 0 ? 0 : p > 1 ? 1 : p;
	en = (double)n * ((double)m / ((double)n + (double)m));
	return pd_kolmogorov_sf((uint64_t)rint(en), d);
}

void
pd_ks_binned(const uint64_t *x, const uint64_t *y, size_t bins,
    const unsigned char *atom, double *lo, double *hi)
{
	double n = 0, m = 0, f = 0, p, q, most, inside;
	size_t i;

	for (i = 0; i < bins; i++) {
		n += (double)x[i];
		m += (double)y[i];
	}
	*lo = *hi = 0;
	if (n <= 0 || m <= 0)
		return;
	for (i = 0; i < bins; i++) {
		p = (double)x[i] / n;
		q = (double)y[i] / m;
		/* All of one side's mass may come before the other's. */
		inside = fmax(fabs(f + p), fabs(f - q));
		f += p - q;
		most = fabs(f);
		if (i + 1 < bins && most > *lo)
			*lo = most;
		if (!atom[i])
			most = fmax(most, inside);
		if (most > *hi && (i + 1 < bins || !atom[i]))
			*hi = most;
	}
	*hi = *hi < 1 ? *hi : 1;
}
