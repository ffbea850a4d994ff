#ifndef PD_BASE_HASH_H
#define PD_BASE_HASH_H

/*
 * Hashes. pd_hash64() is XXH3 (libxxhash), the table's hash; pd_siphash() is
 * SipHash-2-4 (libsodium), the only form in which a key leaves a process;
 * pd_mix64() scatters integers that are already identities.
 */

#include <stddef.h>
#include <stdint.h>

#define PD_SIPKEY_BYTES 16

/* XXH3-64 of ${n} bytes under ${seed}. */
uint64_t pd_hash64(const void *p, size_t n, uint64_t seed);

/* SipHash-2-4 of ${n} bytes under a 16-byte key. */
uint64_t pd_siphash(const void *p, size_t n, const uint8_t *key);

/* A bijection of 64 bits with full avalanche (the finaliser of splitmix64). */
static inline uint64_t
pd_mix64(uint64_t x)
{
	x ^= x >> 30;
	x *= 0xbf58476d1ce4e5b9ULL;
	x ^= x >> 27;
	x *= 0x94d049bb133111ebULL;
	x ^= x >> 31;
	return x;
}

#endif /* PD_BASE_HASH_H */
