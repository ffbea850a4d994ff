#ifndef PD_CACHE_INDEX_H
#define PD_CACHE_INDEX_H

/*
 * The hash index of a store: items (pointers that the owner allocates) by
 * 64-bit hash. Linear hashing (Litwin, VLDB 1980) over the leading bits of the
 * hash: buckets are in hash order, a bucket splits into two neighbours, and
 * growth and shrink move one bucket at a time, so that no operation pauses and
 * the load stays the same at every size.
 *
 * A bucket is one cache line of 8 words: 15 hash bits and a 48-bit pointer
 * each. The last word may link an overflow bucket. A lookup costs that line
 * and, where the tag agrees, the item's.
 *
 * Because buckets are in hash order, a scan's cursor is a position in hash
 * order that means the same at every size: items that are present from start
 * to end of a scan are seen at least once, whatever the index does meanwhile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PD_INDEX_WORDS 8
#define PD_INDEX_PTR ((UINT64_C(1) << 48) - 1)
#define PD_INDEX_LINK (UINT64_C(1) << 63)

struct pd_index {
	uint64_t *small; /* 2^bits buckets; those below split have moved */
	uint64_t *large; /* 2^(bits + 1) buckets, or NULL */
	unsigned bits;
	uint64_t split;
	uint64_t used;	 /* items */
	uint64_t links;	 /* overflow buckets */
	uint64_t *spare; /* overflow buckets kept for a move */
	uint64_t (*hash)(const void *cookie, const void *item);
	void *cookie;
};

/* ${hash} gives an item's hash again. 0, or -1 out of memory. */
int pd_index_init(struct pd_index *ix,
    uint64_t (*hash)(const void *cookie, const void *item), void *cookie);
/* Free the index; items stay the owner's. */
void pd_index_release(struct pd_index *ix);

/* Add an item that is not in it. 0, or -1 out of memory. */
int pd_index_add(struct pd_index *ix, uint64_t h, void *item);
/* Take an item out that is in it. */
void pd_index_del(struct pd_index *ix, uint64_t h, const void *item);
/* Put ${with} in the place of ${item}; both have hash ${h}. */
void pd_index_replace(
    struct pd_index *ix, uint64_t h, const void *item, void *with);

/* Buckets in use, without overflow. */
uint64_t pd_index_buckets(const struct pd_index *ix);
/* Bytes allocated. */
size_t pd_index_memory(const struct pd_index *ix);

/*
 * pd_index_scan(ix, cursor, fn, cookie):
 * Call ${fn} for every item of the bucket at ${cursor} (0: the first). Returns
 * the next cursor, below 2^48, or 0 at the end. ${fn} must not change the
 * index.
 */
uint64_t pd_index_scan(const struct pd_index *ix, uint64_t cursor,
    void (*fn)(void *cookie, void *item), void *cookie);

/* Any item, chosen by the random bits ${r}; NULL when empty. Items of full
 * buckets are chosen a little less often. */
void *pd_index_random(const struct pd_index *ix, uint64_t r);

static inline uint64_t
pd_index_tag(uint64_t h)
{
	return (h >> 33 & 0x7fff) << 48;
}

static inline uint64_t *
pd_index_bucket(const struct pd_index *ix, uint64_t h)
{
	const uint64_t i = h >> (64 - ix->bits);

	return i >= ix->split
		   ? ix->small + i * PD_INDEX_WORDS
		   : ix->large + (h >> (63 - ix->bits)) * PD_INDEX_WORDS;
}

/* Bring the bucket of ${h} towards the processor. */
static inline void
pd_index_prefetch(const struct pd_index *ix, uint64_t h)
{
	__builtin_prefetch(pd_index_bucket(ix, h));
}

/* The item of hash ${h} that ${same} accepts, or NULL. */
static inline void *
pd_index_find(const struct pd_index *ix, uint64_t h,
    bool (*same)(const void *item, const void *key), const void *key)
{
	const uint64_t *b = pd_index_bucket(ix, h);
	const uint64_t tag = pd_index_tag(h);
	uint64_t w;
	unsigned i;

	for (;;) {
		for (i = 0; i < PD_INDEX_WORDS; i++) {
			w = b[i];
			if (w == 0)
				return NULL;
			if (w & PD_INDEX_LINK)
				break;
			if ((w & ~PD_INDEX_PTR) == tag &&
			    same((const void *)(uintptr_t)(w & PD_INDEX_PTR),
				key))
				return (void *)(uintptr_t)(w & PD_INDEX_PTR);
		}
		if (i == PD_INDEX_WORDS)
			return NULL;
		b = (const uint64_t *)(uintptr_t)(b[i] & PD_INDEX_PTR);
	}
}

#endif /* PD_CACHE_INDEX_H */
