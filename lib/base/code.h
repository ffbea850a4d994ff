#ifndef PD_BASE_CODE_H
#define PD_BASE_CODE_H

/*
 * Log codes: a distance (ticks, bytes, microseconds) as one byte, 4 steps an
 * octave. Code 0 is the distance 0; code 1 + floor(4 log2 d) is a distance
 * d >= 1, up to PD_CODE_MAX; PD_CODE_NONE says unknown. Integer arithmetic
 * only, so a code is the same on every machine.
 */

#include <stdint.h>

#define PD_CODE_NONE 255
#define PD_CODE_MAX 254

/*
 * The code of ${d}. The quarter octave within [2^k, 2^(k+1)) is found against
 * 2^(1/4), 2^(1/2), 2^(3/4) in 16-bit fixed point.
 */
static inline uint8_t
pd_code(uint64_t d)
{
	unsigned k, q;
	uint64_t m;

	if (d == 0)
		return 0;
	k = 63 - (unsigned)__builtin_clzll(d);
	m = d << (63 - k) >> 47; /* 65536..131071 */
	q = (unsigned)(m >= 77936) + (m >= 92682) + (m >= 110218);
	k = 1 + 4 * k + q;
	return (uint8_t)(k > PD_CODE_MAX ? PD_CODE_MAX : k);
}

/*
 * The log2 of the middle of a code's range: (c - 1) / 4 + 1/8; code 0 gives
 * -1. The caller has checked for PD_CODE_NONE. Exact in float32.
 */
static inline float
pd_code_log2(uint8_t c)
{
	return c == 0 ? -1.0f : (float)(c - 1) * 0.25f + 0.125f;
}

#endif /* PD_BASE_CODE_H */
