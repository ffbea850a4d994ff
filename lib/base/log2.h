#ifndef PD_BASE_LOG2_H
#define PD_BASE_LOG2_H

/*
 * log2 and exp2 from additions, multiplications and one division in IEEE 754
 * double, which round alike everywhere: unlike libm's, their results are the
 * same bits on every machine (the build sets -ffp-contract=off). Relative
 * error under 3e-12, so that nearly every float32 made of them is the nearest.
 */

#include <stdint.h>
#include <string.h>

/*
 * log2 of a positive normal ${x}; exact for powers of two. With m in
 * [sqrt(1/2), sqrt(2)) and s = (m - 1) / (m + 1), ln m = 2 atanh s, whose
 * series is cut after s^13 (|s| <= 0.1716).
 */
static inline double
pd_log2(double x)
{
	const double k = 2.8853900817779268; /* 2 / ln 2 */
	uint64_t b;
	double m, s, z, p;
	int e;

	memcpy(&b, &x, sizeof(b));
	e = (int)(b >> 52) - 1023;
	b = (b & 0xfffffffffffffULL) | 0x3ff0000000000000ULL;
	memcpy(&m, &b, sizeof(m));
	if (m > 1.4142135623730951) {
		m *= 0.5;
		e++;
	}
	s = (m - 1.0) / (m + 1.0);
	z = s * s;
	p = z * (1.0 / 13);
	p = z * (p + 1.0 / 11);
	p = z * (p + 1.0 / 9);
	p = z * (p + 1.0 / 7);
	p = z * (p + 1.0 / 5);
	p = z * (p + 1.0 / 3);
	return (double)e + k * (s + s * p);
}

/*
 * 2^-x for ${x} >= 0; 0 where that is under 2^-1022. The fraction within
 * [-1/2, 1/2] goes through e^y's series, cut after y^11 (|y| <= 0.3466).
 */
static inline double
pd_exp2_neg(double x)
{
	uint64_t b;
	double y, p, scale;
	unsigned n;

	if (x > 1021.0)
		return 0.0;
	n = (unsigned)(x + 0.5);
	y = ((double)n - x) * 0.69314718055994531;
	p = 1.0 + y * (1.0 / 11);
	p = 1.0 + y * (1.0 / 10) * p;
	p = 1.0 + y * (1.0 / 9) * p;
	p = 1.0 + y * (1.0 / 8) * p;
	p = 1.0 + y * (1.0 / 7) * p;
	p = 1.0 + y * (1.0 / 6) * p;
	p = 1.0 + y * (1.0 / 5) * p;
	p = 1.0 + y * (1.0 / 4) * p;
	p = 1.0 + y * (1.0 / 3) * p;
	p = 1.0 + y * (1.0 / 2) * p;
	p = 1.0 + y * p;
	b = (uint64_t)(1023 - n) << 52;
	memcpy(&scale, &b, sizeof(scale));
	return p * scale;
}

#endif /* PD_BASE_LOG2_H */
