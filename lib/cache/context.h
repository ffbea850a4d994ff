#ifndef PD_CACHE_CONTEXT_H
#define PD_CACHE_CONTEXT_H

/*
 * What a cache knows of itself and its traffic, shared by policy, features
 * and statistics: a ghost LRU of the same capacity (what LRU would have hit,
 * and the age at which it evicts), the recent hit ratio, and the recent share
 * of keys never seen. The owner of a policy (the server's shard, the
 * simulator) owns one and feeds it once per access, before the policy's
 * hit() or miss(), and tells it when what was missed is stored.
 *
 * The ghost runs on a sample of keys by hash (SHARDS, FAST 2015), at full rate
 * while it holds at most PD_CONTEXT_MAX objects; beyond, the rate is halved,
 * so that it always holds between PD_CONTEXT_MAX / 2 and PD_CONTEXT_MAX
 * objects, and its memory is bounded. All integers: the same stream gives the
 * same state on every machine. Not thread-safe: one a shard.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"

#define PD_CONTEXT_MAX 5000
#define PD_CONTEXT_SALT 0x70642d67686f7374ULL /* of the selection */

struct pd_context;
struct pd_err;

/* Codes for struct pd_served and struct pd_event (data/). */
struct pd_context_codes {
	uint8_t evict_age; /* base/code.h, PD_CODE_NONE before an eviction */
	uint8_t hit_ratio; /* 0..250, PD_CODE_NONE before an access */
	uint8_t new_share; /* 0..250, PD_CODE_NONE before an access */
};

struct pd_context_stats {
	uint64_t accesses;	 /* all that were fed */
	uint64_t hits;		 /* of these, hits of the real cache */
	uint64_t ghost_seen;	 /* accesses to sampled keys */
	uint64_t ghost_own_hits; /* of these, hits of the real cache */
	uint64_t ghost_hits;	 /* of these, hits of the ghost LRU */
	uint32_t ghost_objects;	 /* resident in the ghost */
	uint64_t evict_age;	 /* ticks; 0 unknown */
	double rate;		 /* share of keys that the ghost sees */
};

/*
 * pd_context_new(capacity, by_bytes, err):
 * A context for a cache of ${capacity} objects, or bytes with ${by_bytes}.
 * NULL with a message.
 */
struct pd_context *pd_context_new(
    uint64_t capacity, bool by_bytes, struct pd_err *err);
void pd_context_free(struct pd_context *ctx);

/* Whether ${key} is in the ghost's sample at rate 2^-shift, shift < 64: the
 * rule of all miniature caches. Asked at every access, and no most times. */
static inline bool
pd_context_selects(uint64_t key, unsigned shift)
{
	return shift == 0 ||
	       pd_mix64(key ^ PD_CONTEXT_SALT) >> (64 - shift) == 0;
}

/* The limit changed. */
void pd_context_set_capacity(struct pd_context *ctx, uint64_t capacity);

/* The ghost holds at most ${most} >= 1 objects from now on, and not
 * PD_CONTEXT_MAX: of several contexts that stand for one cache together. */
void pd_context_limit(struct pd_context *ctx, uint32_t most);

/* What it was told last. */
uint64_t pd_context_capacity(const struct pd_context *ctx);

/* The ghost's rate is 2^-shift. */
unsigned pd_context_shift(const struct pd_context *ctx);

/*
 * pd_context_access(ctx, key, hit, size, tick):
 * One access: ${hit} says whether the real cache had the key; ${size} counts
 * in by_bytes mode only, 0 where it is not known yet (a miss that has not
 * been filled). An object larger than the capacity is not kept. Whether the
 * key is in the sample; so do fill and delete.
 */
bool pd_context_access(struct pd_context *ctx, uint64_t key, bool hit,
    uint32_t size, uint64_t tick);

/*
 * pd_context_fill(ctx, key, size, tick):
 * The key that was missed is stored now, of ${size} units (by_bytes mode): the
 * ghost LRU stores it too. A miss that nobody fills, as of a key that does not
 * exist at all, is a miss of LRU as well.
 */
bool pd_context_fill(
    struct pd_context *ctx, uint64_t key, uint32_t size, uint64_t tick);

/* Whether the ghost had the key of the last access, or fill, that it was told
 * of: 1 or 0; -1: that key is not in its sample. */
int pd_context_last(const struct pd_context *ctx);

/* The size of a key's object became known or changed (by_bytes mode). */
void pd_context_set_size(struct pd_context *ctx, uint64_t key, uint32_t size);

/* The key was deleted or expired: LRU would not have it either. */
bool pd_context_delete(struct pd_context *ctx, uint64_t key);

/* All keys were deleted. */
void pd_context_flush(struct pd_context *ctx);

/* The state as codes, O(1). */
struct pd_context_codes pd_context_codes(const struct pd_context *ctx);

void pd_context_stats(
    const struct pd_context *ctx, struct pd_context_stats *out);

/* Bytes allocated. */
size_t pd_context_memory(const struct pd_context *ctx);

#endif /* PD_CACHE_CONTEXT_H */
