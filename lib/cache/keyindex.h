#ifndef PD_CACHE_KEYINDEX_H
#define PD_CACHE_KEYINDEX_H

/*
 * From a 64-bit identity, or a 32-bit fingerprint, to the number of an entry in
 * an array of the caller's, whose entries hold their keys: open addressing,
 * linear probing, deletion by shifting back, 4 bytes a cell, at most 2/3 full,
 * grown by an eighth. Identities are scattered here, so they may be anything;
 * fingerprints should be even already.
 */

#include <stddef.h>
#include <stdint.h>

#define PD_KEYINDEX_NONE UINT32_MAX

struct pd_keyindex {
	uint32_t *cell; /* entry + 1, 0 empty */
	uint32_t cells;
	uint32_t used;
	uint32_t width;	  /* bytes of a key: 8 or 4 */
	const void *keys; /* key of entry 0 */
	size_t stride;	  /* bytes from one entry's key to the next */
};

/*
 * Start an index over keys that lie ${stride} bytes apart (at multiples of 8)
 * from ${keys} on, which may be NULL until the first entry is added. 0, or -1
 * out of memory.
 */
int pd_keyindex_init(struct pd_keyindex *ix, const void *keys, size_t stride);
/* The same for fingerprints of 32 bits. */
int pd_keyindex_init32(struct pd_keyindex *ix, const void *keys, size_t stride);
void pd_keyindex_release(struct pd_keyindex *ix);

/* The array moved. */
void pd_keyindex_move(struct pd_keyindex *ix, const void *keys);

/* Make room for ${n} entries in all. 0, or -1 out of memory. */
int pd_keyindex_reserve(struct pd_keyindex *ix, uint32_t n);

/* The entry that holds ${key}, or PD_KEYINDEX_NONE. */
uint32_t pd_keyindex_find(const struct pd_keyindex *ix, uint64_t key);

/* Add ${entry}, whose key is in the array and not in the index. Room must
 * have been reserved. */
void pd_keyindex_add(struct pd_keyindex *ix, uint32_t entry);

/* Remove ${entry}, which is in the index. */
void pd_keyindex_del(struct pd_keyindex *ix, uint32_t entry);

/* Start ${to} with the entries of ${from}, whose array was copied to ${keys}.
 * 0, or -1 out of memory. */
int pd_keyindex_copy(
    struct pd_keyindex *to, const struct pd_keyindex *from, const void *keys);

/* Bytes allocated. */
size_t pd_keyindex_memory(const struct pd_keyindex *ix);

#endif /* PD_CACHE_KEYINDEX_H */
