#ifndef PD_DATA_SIZES_H
#define PD_DATA_SIZES_H

/*
 * The sizes of values last seen, by key, for sources that tell them with some
 * requests only. Direct-mapped: of two keys with one place the last one stays.
 * All zero is empty.
 */

#include <stdint.h>

#include "base/hash.h"
#include "data/import.h"

#define PD_SIZES_SLOTS 65536

struct pd_sizes {
	struct {
		uint64_t key;
		uint32_t size;
	} slot[PD_SIZES_SLOTS];
};

static inline uint64_t
pd_sizes_hash(const struct pd_import_key *key)
{
	return pd_hash64(key->p, key->n, key->db) | 1;
}

static inline void
pd_sizes_put(struct pd_sizes *s, const struct pd_import_key *key, uint64_t size)
{
	const uint64_t h = pd_sizes_hash(key);
	const uint64_t i = (h >> 32) % PD_SIZES_SLOTS;

	s->slot[i].key = h;
	s->slot[i].size = size > UINT32_MAX ? UINT32_MAX : (uint32_t)size;
}

/* 1 where it is not known. */
static inline uint32_t
pd_sizes_get(const struct pd_sizes *s, const struct pd_import_key *key)
{
	const uint64_t h = pd_sizes_hash(key);
	const uint64_t i = (h >> 32) % PD_SIZES_SLOTS;

	return s->slot[i].key == h ? s->slot[i].size : 1;
}

#endif /* PD_DATA_SIZES_H */
