#ifndef PD_CACHE_WHATIF_H
#define PD_CACHE_WHATIF_H

/*
 * What another policy would have hit in all the bytes that this cache is
 * allowed: ghosts (mini.h) of LRU and of the built-in fixed policy, always on.
 * Each has the whole limit for values and for what its own keys cost, so what
 * the policy in force spends on a model, on ghosts and on these very ghosts is
 * counted against it. The ghost LRU of context.h is another one: it has the
 * bytes that are left for values, because features are relative to its age.
 *
 * Both run on one sample of the keys by hash, at full rate while LRU's holds
 * at most PD_MINI_MAX objects, and never at a higher rate than the context's,
 * so that who is told by pd_context_access() that a key is not in its sample
 * need not ask here. What is gained is a sum over keys of differences (hits of
 * the cache less hits of the ghost), each weighted by one over the rate
 * (Horvitz-Thompson), and its standard error comes from the spread over
 * PD_WHATIF_GROUPS groups of keys by hash: it is that of the choice of keys,
 * and 0 at full rate. What the spread would not show, that the whole sample is
 * by chance too busy for its capacity, is kept small by giving the ghosts that
 * share of the capacity that the sample has of the cache's own residents.
 * Not thread-safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/mini.h"
#include "cache/policy.h"

struct pd_err;
struct pd_whatif;

#define PD_WHATIF_GROUPS 16
#define PD_WHATIF_BUILTIN_NAME "s3fifo"

enum pd_whatif_ghost { PD_WHATIF_LRU, PD_WHATIF_BUILTIN, PD_WHATIF_GHOSTS };

/* One access as the owner of the cache knows it. */
struct pd_whatif_access {
	struct pd_access acc; /* size and bytes 0 when not known */
	int64_t now_ms;
	int64_t expiry; /* of the value, ms since 1970; 0 none */
	unsigned db;	/* below 16 */
	bool hit;	/* the cache had it */
	bool read;	/* only reads are counted: a write saves no fetch */
	uint64_t used;	/* by all residents: their number, or acc.size's sum */
};

struct pd_whatif_gain {
	const char *policy;
	uint64_t capacity; /* units of the whole cache */
	uint64_t objects;  /* in the ghost */
	uint64_t used;	   /* units in the ghost */
	uint64_t hits;	   /* of the sampled reads */
	bool off;	   /* out of memory: the rest is what was before */
	double gained;	   /* hits of the cache above the ghost's, all keys */
	double gained_se;  /* its standard error */
	size_t memory;	   /* bytes */
};

struct pd_whatif_stats {
	uint64_t reads; /* of sampled keys */
	uint64_t hits;	/* of these, hits of the cache */
	double rate;	/* share of the keys, now */
	struct pd_whatif_gain ghost[PD_WHATIF_GHOSTS];
};

/*
 * pd_whatif_new(capacity, by_bytes, seed, err):
 * For a cache that is allowed ${capacity} objects, or bytes for everything
 * with ${by_bytes}. NULL with a message.
 */
struct pd_whatif *pd_whatif_new(
    uint64_t capacity, bool by_bytes, uint64_t seed, struct pd_err *err);
void pd_whatif_free(struct pd_whatif *w);

/* LRU's ghost holds at most ${most} objects, and not PD_MINI_MAX: of several
 * that stand for one cache together. */
void pd_whatif_limit(struct pd_whatif *w, uint32_t most, uint64_t tick);

/* The limit changed. */
void pd_whatif_set_capacity(
    struct pd_whatif *w, uint64_t capacity, uint64_t tick);
/* No higher rate than 2^-shift. */
void pd_whatif_set_shift(struct pd_whatif *w, unsigned shift, uint64_t tick);

/* An access. In byte mode acc.size is what the value's allocation takes; what
 * index and policy add for a key is added here. */
void pd_whatif_access(struct pd_whatif *w, const struct pd_whatif_access *a);
/* What was missed is stored, with size, expiry and database. */
void pd_whatif_fill(struct pd_whatif *w, const struct pd_whatif_access *a);
/* A key's expiry changed, 0 none. */
void pd_whatif_set_expiry(
    struct pd_whatif *w, uint64_t key, unsigned db, int64_t expiry);
/* The cache does not hold the key any more; unless it was evicted, nobody
 * would. */
void pd_whatif_remove(struct pd_whatif *w, uint64_t key, bool evicted);
/* A key that the cache does not hold was deleted: the ghosts may. */
void pd_whatif_delete(struct pd_whatif *w, uint64_t key);
/* All keys of one database, or of all with -1. */
void pd_whatif_flush(struct pd_whatif *w, int db);
/* Drop what has expired, O(objects): now and then. */
void pd_whatif_expire(struct pd_whatif *w, int64_t now_ms);

/* Count from 0. The ghosts keep what they hold. */
void pd_whatif_reset(struct pd_whatif *w);
void pd_whatif_stats(const struct pd_whatif *w, struct pd_whatif_stats *out);
/* Bytes allocated. */
size_t pd_whatif_memory(const struct pd_whatif *w);

#endif /* PD_CACHE_WHATIF_H */
