#define XXH_INLINE_ALL /* a call for each key costs as much as its hash */

#include <sodium.h>
#include <xxhash.h>

#include "base/hash.h"

_Static_assert(PD_SIPKEY_BYTES == crypto_shorthash_KEYBYTES, "SipHash key");

uint64_t
pd_hash64(const void *p, size_t n, uint64_t seed)
{
	return XXH3_64bits_withSeed(p, n, seed);
}

uint64_t
pd_siphash(const void *p, size_t n, const uint8_t *key)
{
	uint8_t out[crypto_shorthash_BYTES];
	uint64_t v = 0;

	crypto_shorthash(out, p, n, key);
	for (int i = 7; i >= 0; i--)
		v = v << 8 | out[i];
	return v;
}
