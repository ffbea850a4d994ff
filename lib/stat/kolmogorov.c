/*
 * Which method where follows table 2 of Simard & L'Ecuyer. Pomeranz's
 * recurrence, which they use for 140 values and fewer in the middle, is left
 * out: Durbin's matrix is exact there too, and with a vector in place of the
 * matrix power it costs n m^2 / 2 multiplications for m <= 47.
 */
#include <assert.h>
#include <math.h>

#include "stat/kolmogorov.h"
#include "stat/special.h"

#define PI 3.14159265358979323846
#define MAX_M 128 /* rows of Durbin's matrix; 2 * 59 - 1 are needed */
#define SMALL_N 140
#define SUM_MAX_N 1000000 /* Birnbaum & Tingey's sum beyond it: too long */

/* ln(n! / n^n) */
static double
log_factorial_over_power(double n)
{
	return 0.5 * log(2 * PI * n) - n + pd_stirling_error(n);
}

/* Birnbaum & Tingey's term 0 < j < n as a binomial probability at its mode
 * times what the shift by x makes of it: nothing large cancels. */
static double
smirnov_term(double n, double x, double j)
{
	const double r = n - j;
	const double mode = sqrt(n / (2 * PI * j * r)) *
			    exp(pd_stirling_error(n) - pd_stirling_error(j) -
				pd_stirling_error(r));
	const double y = n * x < r ? n * x / r : 1;

	return mode * x / (x + j / n) *
	       exp(j * log1p(n * x / j) + r * log1p(-y));
}

/* The terms from ${from} to ${to}, one by one in the direction of ${step},
 * added to ${sum} until they no longer count. */
static double
smirnov_terms(
    double sum, double n, double x, int64_t from, int64_t to, int64_t step)
{
	double t;
	int64_t j;

	for (j = from; j != to + step; j += step) {
		t = smirnov_term(n, x, (double)j);
		sum += t;
		/* A short row is taken whole: its terms may rise again. */
		if (t < sum * 1e-18 && n > 1000)
			break;
	}
	return sum;
}

double
pd_smirnov_sf(uint64_t n, double x)
{
	const double dn = (double)n;
	int64_t last, mid;
	double z, sum;

	if (n == 0 || isnan(x))
		return NAN;
	if (x <= 0)
		return 1;
	if (x >= 1)
		return 0;
	if (n > SUM_MAX_N) {
		z = 6 * dn * x + 1;
		z = z * z / (18 * dn);
		return exp(-z) * (1 - (2 * z * z - 4 * z - 1) / (18 * dn));
	}
	/* Term 0, then from the middle outwards: they fall to both sides. */
	sum = exp(dn * log1p(-x));
	last = (int64_t)floor(dn * (1 - x));
	last = last < (int64_t)n ? last : (int64_t)n - 1;
	mid = last / 2 > 0 ? last / 2 : 1;
	if (last >= 1)
		sum = smirnov_terms(sum, dn, x, mid, last, 1);
	if (mid > 1)
		sum = smirnov_terms(sum, dn, x, mid - 1, 1, -1);
	return sum < 1 ? sum : 1;
}

/* One step of the row vector v times H / e, in place through w. */
static void
durbin_step(double *v, double *w, int m, const double *f, const double *h)
{
	/* h[i] = 1 - h^i; h[0] is the corner's factor. f[i] = 1 / (e i!) */
	const double last = v[m - 1];
	double s = 0;
	int i, j;

	for (i = 0; i < m - 1; i++)
		s += v[i] * h[i + 1] * f[i + 1];
	w[0] = s + last * h[0] * f[m];
	for (j = 1; j < m; j++) {
		s = 0;
		for (i = j - 1; i < m - 1; i++)
			s += v[i] * f[i - j + 1];
		w[j] = s + last * h[m - j] * f[m - j];
	}
	for (j = 0; j < m; j++)
		v[j] = w[j];
}

/*
 * P(D_n < x) by Durbin's matrix: element (k, k) of n! / n^n H^n, with k - 1 <
 * n x <= k and H of 2k - 1 rows. Each step is divided by e, so that
 * nothing overflows; n! e^n / n^n comes at the end.
 */
static double
durbin_cdf(uint64_t n, double x)
{
	const double t = (double)n * x;
	const int k = (int)t + 1, m = 2 * k - 1;
	const double h = k - t;
	double v[MAX_M] = {0}, w[MAX_M] = {0}, f[MAX_M] = {0};
	double hh[MAX_M] = {0}, p = 1;
	uint64_t s;
	int i;

	assert(m < MAX_M);
	f[0] = exp(-1);
	for (i = 1; i <= m; i++)
		f[i] = f[i - 1] / i;
	for (i = 1; i < m; i++) {
		p *= h;
		hh[i] = 1 - p;
	}
	p *= h;
	hh[0] = 1 - 2 * p + (2 * h > 1 ? pow(2 * h - 1, m) : 0);
	v[k - 1] = 1;
	for (s = 0; s < n; s++)
		durbin_step(v, w, m, f, hh);
	return v[k - 1] * sqrt(2 * PI * (double)n) *
	       exp(pd_stirling_error((double)n));
}

/* Pelz & Good's expansion of P(D_n < x) to order n^-3/2. */
static double
pelz_good_cdf(double n, double x)
{
	const double z = sqrt(n) * x, z2 = z * z, z4 = z2 * z2, z6 = z4 * z2;
	const double pi2 = PI * PI, pi4 = pi2 * pi2, pi6 = pi4 * pi2;
	double k0 = 0, k1 = 0, k2 = 0, k3 = 0, k2b = 0, k3b = 0, q, e, a, a2;
	int k;

	if (z2 < 1e-3)
		return 0;
	for (k = (int)(16 * z / PI) + 1; k >= 0; k--) {
		a = k + 0.5;
		a2 = a * a;
		e = exp(-pi2 * a2 / (2 * z2));
		k0 += e;
		k1 += (pi2 * a2 - z2) * e;
		k2 += (6 * z6 + 2 * z4 + pi2 * (2 * z4 - 5 * z2) * a2 +
			  pi4 * (1 - 2 * z2) * a2 * a2) *
		      e;
		k3 += (pi6 * a2 * a2 * a2 * (5 - 30 * z2) +
			  pi4 * a2 * a2 * (-60 * z2 + 212 * z4) +
			  pi2 * a2 * (135 * z4 - 96 * z6) - 30 * z6 -
			  90 * z6 * z2) *
		      e;
		a2 = (double)k * k;
		e = exp(-pi2 * a2 / (2 * z2));
		k2b += pi2 * a2 * e;
		k3b += (3 * pi2 * a2 * z2 - pi4 * a2 * a2) * e;
	}
	/* The sums over all whole k are twice those over k >= 0. */
	q = sqrt(PI / 2);
	k0 *= sqrt(2 * PI) / z;
	k1 *= 2 * q / (6 * z4);
	k2 = 2 * q * (k2 / (72 * z6 * z) - k2b / (36 * z2 * z));
	k3 = 2 * q * (k3 / (6480 * z6 * z4) + k3b / (216 * z6));
	return k0 + k1 / sqrt(n) + k2 / n + k3 / (n * sqrt(n));
}

/* P(D_n < x) where neither tail's closed form holds. */
static double
middle_cdf(uint64_t n, double x)
{
	const double dn = (double)n;

	if (n <= SMALL_N || (n <= 100000 && dn * pow(x, 1.5) <= 1.4))
		return durbin_cdf(n, x);
	return pelz_good_cdf(dn, x);
}

static double
clamp(double p)
{
	return p < 0 ? 0 : p > 1 ? 1 : p;
}

double
pd_kolmogorov_sf(uint64_t n, double x)
{
	const double dn = (double)n, t = dn * x, nxx = t * x;

	if (n == 0 || isnan(x))
		return NAN;
	if (x >= 1)
		return 0;
	if (t <= 0.5)
		return 1;
	if (t <= 1)
		return clamp(1 - exp(log_factorial_over_power(dn) +
				     dn * log(2 * t - 1)));
	if (t >= dn - 1)
		return clamp(2 * pow(1 - x, dn));
	if (nxx >= 370)
		return 0;
	if (x >= 0.5 || nxx > (n <= SMALL_N ? 4 : 2.2))
		return clamp(2 * pd_smirnov_sf(n, x));
	return clamp(1 - middle_cdf(n, x));
}
