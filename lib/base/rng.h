#ifndef PD_BASE_RNG_H
#define PD_BASE_RNG_H

/*
 * xorshift64* (Vigna 2016, "An experimental exploration of Marsaglia's
 * xorshift generators, scrambled"): fast, seeded, not for secrets. The same
 * seed gives the same numbers on every machine.
 */

#include <stdint.h>

#include "base/hash.h"

struct pd_rng {
	uint64_t state; /* never 0 */
};

static inline void
pd_rng_init(struct pd_rng *r, uint64_t seed)
{
	r->state = pd_mix64(seed + 0x9e3779b97f4a7c15ULL);
	if (r->state == 0)
		r->state = 1;
}

static inline uint64_t
pd_rng_u64(struct pd_rng *r)
{
	uint64_t x = r->state;

	x ^= x >> 12;
	x ^= x << 25;
	x ^= x >> 27;
	r->state = x;
	return x * 0x2545f4914f6cdd1dULL;
}

/* Uniform in 0..n-1 by multiply-shift; n must be > 0 (bias < n / 2^32). */
static inline uint32_t
pd_rng_below(struct pd_rng *r, uint32_t n)
{
	return (uint32_t)(((pd_rng_u64(r) >> 32) * n) >> 32);
}

/* Uniform in [0, 1) with 53 bits. */
static inline double
pd_rng_double(struct pd_rng *r)
{
	return (double)(pd_rng_u64(r) >> 11) * 0x1p-53;
}

#endif /* PD_BASE_RNG_H */
