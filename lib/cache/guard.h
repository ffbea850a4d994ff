#ifndef PD_CACHE_GUARD_H
#define PD_CACHE_GUARD_H

/*
 * Keeps a bad model from doing harm: it compares the cache's own misses with
 * those of the ghost LRU (context.h) on the same sampled keys, and pauses the
 * model when these say that LRU would have done better. In misses for each
 * object that the ghost holds: a lead of up to 1 is kept as credit, and the
 * pause comes when, the credit spent, the model is 1/4 behind. So a model that
 * went stale costs at most 1.25 misses an object, and then ever more rarely: a
 * pause that follows soon after another is twice as long, from 4 eviction ages
 * to 64.
 */

#include <stdbool.h>
#include <stdint.h>

struct pd_context;

struct pd_guard {
	uint64_t own;  /* misses of the cache, when last looked, 1/256 */
	uint64_t lru;  /* misses of the ghost, 1/256 */
	bool weighted; /* they are what pd_guard_missed() was told */
	uint64_t told_own;
	uint64_t told_lru;
	double weights;	 /* their sum, and ... */
	double told;	 /* ... their number, both decayed */
	int64_t behind;	 /* 1/256 misses that the model is behind LRU */
	uint64_t until;	 /* pause until this tick */
	uint64_t pause;	 /* length of the last one, 0 none yet */
	uint64_t pauses; /* how many there were */
};

/* Begin with a new model: what was before does not count. */
void pd_guard_reset(struct pd_guard *g, const struct pd_context *ctx);

/*
 * pd_guard_missed(g, own, lru, weight):
 * An access to a sampled key that counts ${weight}: whether the cache missed
 * it, and LRU. From the first of these on misses are counted so, in units of
 * the mean weight, of which one access counts at most 64; without any they
 * are counted as the context counts them.
 */
void pd_guard_missed(struct pd_guard *g, bool own, bool lru, double weight);

/* Whether the model may rule at ${tick}; asked at each eviction. */
bool pd_guard_allows(
    struct pd_guard *g, const struct pd_context *ctx, uint64_t tick);

#endif /* PD_CACHE_GUARD_H */
