#include <assert.h>
#include <float.h>
#include <math.h>

#include "stat/special.h"

#define MAX_TERMS 100000

double
pd_stirling_error(double n)
{
	/* ln(n!) - (n + 1/2) ln n + n - ln(2 pi) / 2, for n = 1..15 */
	static const double table[16] = {
	    0,
	    0.0810614667953272582196702,
	    0.0413406959554092940938221,
	    0.02767792568499833914878929,
	    0.02079067210376509311152277,
	    0.01664469118982119216319487,
	    0.01387612882307074799874573,
	    0.01189670994589177009505572,
	    0.010411265261972096497478567,
	    0.009255462182712732917728637,
	    0.008330563433362871256469318,
	    0.007573675487951840794972024,
	    0.006942840107209529865664152,
	    0.006408994188004207068439631,
	    0.005951370112758847735624416,
	    0.005554733551962801371038690,
	};
	const double r = 1 / (n * n);

	if (n < 16)
		return table[(int)n];
	/* Bernoulli numbers: A&S 6.1.41 */
	return (1.0 / 12 -
		   r * (1.0 / 360 -
			   r * (1.0 / 1260 -
				   r * (1.0 / 1680 - r * (1.0 / 1188))))) /
	       n;
}

/* ln(x^a e^-x / Gamma(a)), without cancellation of the large parts. */
static double
log_front(double a, double x)
{
	double d;

	if (a < 16 || fabs(x - a) > a / 2)
		return a * log(x) - x - lgamma(a);
	/* Gamma(a) by Stirling; x = a (1 + d): a (ln(1 + d) - d). */
	d = (x - a) / a;
	return a * (log1p(d) - d) +
	       0.5 * log(a / (2 * 3.14159265358979323846)) -
	       pd_stirling_error(a);
}

double
pd_gamma_q(double a, double x)
{
	double front, sum, term, b, c, d, an, del;
	int i;

	if (isnan(x) || x <= 0)
		return isnan(x) ? x : 1;
	if (isinf(x))
		return 0;
	front = exp(log_front(a, x));
	if (x < a + 1) {
		sum = term = 1 / a;
		for (i = 1; i < MAX_TERMS; i++) {
			term *= x / (a + i);
			sum += term;
			if (term < sum * DBL_EPSILON / 4)
				break;
		}
		return 1 - sum * front;
	}
	b = x + 1 - a;
	c = 1 / DBL_MIN;
	d = 1 / b;
	sum = d;
	for (i = 1; i < MAX_TERMS; i++) {
		an = -i * (i - a);
		b += 2;
		d = an * d + b;
		d = 1 / (fabs(d) < DBL_MIN ? DBL_MIN : d);
		c = b + an / c;
		c = fabs(c) < DBL_MIN ? DBL_MIN : c;
		del = d * c;
		sum *= del;
		if (fabs(del - 1) < DBL_EPSILON)
			break;
	}
	return front * sum;
}

double
pd_chi2_sf(double x, double df)
{
	return df <= 0 ? 1 : pd_gamma_q(df / 2, x / 2);
}

double
pd_chi2_isf(double p, double df)
{
	double lo = 0, hi, mid;
	int i;

	assert(p > 0 && p < 1);
	if (df <= 0)
		return 0;
	hi = df + 1;
	while (pd_chi2_sf(hi, df) > p) {
		lo = hi;
		hi *= 2;
	}
	for (i = 0; i < 200; i++) {
		mid = lo + (hi - lo) / 2;
		if (mid <= lo || mid >= hi)
			break;
		if (pd_chi2_sf(mid, df) > p)
			lo = mid;
		else
			hi = mid;
	}
	return lo + (hi - lo) / 2;
}
