#ifndef PD_CACHE_INDEX_H
#define PD_CACHE_INDEX_H

/*
 * The hash index of a store: items (numbers that the owner gives, at most
 * PD_INDEX_MOST) by 64-bit hash. Linear hashing (Litwin, VLDB 1980) over the
 * leading bits of the hash: buckets are in hash order, a bucket splits into two
 * neighbours, and growth and shrink move one bucket at a time, so that no
 * operation pauses and the load stays the same at every size.
 *
 * A bucket is one cache line: 10 items, 16 hash bits of each, and the number
 * of the first overflow node. A node has two items more in 16 bytes: buckets
 * differ in load, and what does not fit in one costs little. A lookup costs
 * that line and, where the hash bits agree, what the owner looks at.
 *
 * Because buckets are in hash order, a scan's cursor is a position in hash
 * order that means the same at every size: items that are present from start
 * to end of a scan are seen at least once, whatever the index does meanwhile.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PD_INDEX_ITEMS 10
#define PD_INDEX_CURSOR ((UINT64_C(1) << 48) - 1) /* the largest cursor */
#define PD_INDEX_NONE UINT32_MAX
#define PD_INDEX_MOST (UINT32_MAX - 2)

/* Items are from the first place on; 0 is none, the others are one more than
 * what the owner said. */
struct pd_index_bucket {
	uint16_t tag[PD_INDEX_ITEMS];
	uint32_t item[PD_INDEX_ITEMS];
	uint32_t link; /* of the first node, 0 none */
};

struct pd_index_node {
	uint16_t tag[2];
	uint32_t item[2];
	uint32_t link; /* of the next; of a free node too */
};

struct pd_index {
	struct pd_index_bucket *small; /* 2^bits; those below split moved */
	struct pd_index_bucket *large; /* 2^(bits + 1), or NULL */
	struct pd_index_node *node;    /* 0 is not used */
	unsigned bits;
	uint64_t split;
	uint64_t used;	/* items */
	uint32_t nodes; /* that have been given out, free ones too */
	uint32_t cap;	/* of node[] */
	uint32_t spare; /* the first free node */
	uint32_t spares;
	bool moving; /* items: no node goes back to the system */
	uint64_t (*hash)(const void *cookie, uint32_t item);
	const void *cookie;
};

/* ${hash} gives an item's hash again. 0, or -1 out of memory. */
int pd_index_init(struct pd_index *ix,
    uint64_t (*hash)(const void *cookie, uint32_t item), const void *cookie);
void pd_index_release(struct pd_index *ix);

/* Add an item that is not in it. 0, or -1 out of memory. */
int pd_index_add(struct pd_index *ix, uint64_t h, uint32_t item);
/* Take an item out that is in it. */
void pd_index_del(struct pd_index *ix, uint64_t h, uint32_t item);
/* Put ${with} in the place of ${item}; both have hash ${h}. */
void pd_index_replace(
    struct pd_index *ix, uint64_t h, uint32_t item, uint32_t with);

/* Buckets in use. */
uint64_t pd_index_buckets(const struct pd_index *ix);
/* Bytes in use. */
size_t pd_index_memory(const struct pd_index *ix);

/*
 * pd_index_scan(ix, cursor, fn, cookie):
 * Call ${fn} for every item of the bucket at ${cursor} (0: the first). Returns
 * the next cursor, below 2^48, or 0 at the end. ${fn} must not change the
 * index.
 */
uint64_t pd_index_scan(const struct pd_index *ix, uint64_t cursor,
    void (*fn)(void *cookie, uint32_t item), void *cookie);

/* Any item, chosen by the random bits ${r}; PD_INDEX_NONE when empty. Items of
 * full buckets are chosen a little less often. */
uint32_t pd_index_random(const struct pd_index *ix, uint64_t r);

static inline uint16_t
pd_index_tag(uint64_t h)
{
	return (uint16_t)(h >> 32);
}

static inline struct pd_index_bucket *
pd_index_bucket(const struct pd_index *ix, uint64_t h)
{
	const uint64_t i = h >> (64 - ix->bits);

	return i >= ix->split ? ix->small + i
			      : ix->large + (h >> (63 - ix->bits));
}

/* Bring the bucket of ${h} towards the processor (slist.h says why always
 * inline). */
static inline __attribute__((always_inline)) void
pd_index_prefetch(const struct pd_index *ix, uint64_t h)
{
	__builtin_prefetch(pd_index_bucket(ix, h));
}

/* The first item of the bucket of ${h} that may be of that hash, for a
 * prefetch; PD_INDEX_NONE. */
static inline uint32_t
pd_index_likely(const struct pd_index *ix, uint64_t h)
{
	const struct pd_index_bucket *b = pd_index_bucket(ix, h);
	const uint16_t tag = pd_index_tag(h);
	unsigned i;

	for (i = 0; i < PD_INDEX_ITEMS; i++)
		if (b->tag[i] == tag && b->item[i] != 0)
			return b->item[i] - 1;
	return PD_INDEX_NONE;
}

/* The item of hash ${h} that ${same} accepts, or PD_INDEX_NONE. */
static inline uint32_t
pd_index_find(const struct pd_index *ix, uint64_t h,
    bool (*same)(const void *cookie, uint32_t item, const void *key),
    const void *key)
{
	const struct pd_index_bucket *b = pd_index_bucket(ix, h);
	const uint16_t tag = pd_index_tag(h);
	const struct pd_index_node *n;
	uint32_t link;
	unsigned i;

	for (i = 0; i < PD_INDEX_ITEMS; i++)
		if (b->tag[i] == tag && b->item[i] != 0 &&
		    same(ix->cookie, b->item[i] - 1, key))
			return b->item[i] - 1;
	for (link = b->link; link != 0; link = n->link) {
		n = &ix->node[link];
		for (i = 0; i < 2; i++)
			if (n->tag[i] == tag && n->item[i] != 0 &&
			    same(ix->cookie, n->item[i] - 1, key))
				return n->item[i] - 1;
	}
	return PD_INDEX_NONE;
}

#endif /* PD_CACHE_INDEX_H */
