#ifndef PD_CACHE_MINI_H
#define PD_CACHE_MINI_H

/*
 * A miniature cache: any policy, over the keys whose hash is below a threshold
 * (SHARDS, FAST 2015; the rule is that of context.h's ghost, so that a mini
 * and the ghost of the same rate see the same keys), in a capacity that is the
 * real one's times the rate. What it misses, of what it is shown, is what the
 * policy would miss in the real cache, with a sampling error. Ticks are the
 * true ones. The rate is a power of 1/2; minis that are to be compared are
 * given the same. Memory is bounded by the objects that the rate leaves, about
 * 60 to 100 bytes each with index, policy and ghosts. One that runs out of
 * memory frees what it holds and is off from then on: it sees and counts no
 * more. Not thread-safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/context.h"
#include "cache/policy.h"

struct pd_err;
struct pd_mini;
struct pd_model;

#define PD_MINI_MAX 5000 /* objects: the rate is halved above */
#define PD_MINI_SHIFT_MAX 40

struct pd_mini_stats {
	uint64_t accesses; /* to keys of the sample */
	uint64_t misses;
	uint64_t bytes; /* of the values asked for, where known */
	uint64_t byte_misses;
	uint64_t evictions;
	uint32_t objects; /* resident */
	uint64_t used;	  /* units */
	unsigned shift;	  /* the rate is 2^-shift */
	bool off;	  /* out of memory */
	size_t memory;	  /* bytes allocated */
};

enum pd_mini_found {
	PD_MINI_UNSEEN, /* the key is not in the sample, or the mini is off */
	PD_MINI_HIT,
	PD_MINI_MISS, /* not resident; stored when pd_mini_fill() comes */
};

/* The rate, as a shift, at which at most ${most} of ${objects} are left. */
unsigned pd_mini_shift(uint64_t objects, uint32_t most);

/* Whether a key is in the sample of rate 2^-shift. */
static inline bool
pd_mini_sampled(uint64_t key, unsigned shift)
{
	return pd_context_selects(key, shift);
}

/*
 * pd_mini_new(ops, real, shift, err):
 * A mini of policy ${ops} for the cache of which ${real} tells: capacity,
 * units, seed, model and context are taken from it (the last two borrowed),
 * objects_hint is not. NULL with a message.
 */
struct pd_mini *pd_mini_new(const struct pd_policy_ops *ops,
    const struct pd_policy_params *real, unsigned shift, struct pd_err *err);
void pd_mini_free(struct pd_mini *m);

/* A mini that holds and remembers the same, uses ${model} and has nobody that
 * watches it. NULL: out of memory, or ${m} is off, or its policy cannot. */
struct pd_mini *pd_mini_copy(
    const struct pd_mini *m, const struct pd_model *model);

/*
 * pd_mini_access(m, acc):
 * One access. acc->size counts where the key is not resident only when it is
 * filled; a resident keeps its own where acc->size is 0.
 */
enum pd_mini_found pd_mini_access(
    struct pd_mini *m, const struct pd_access *acc);

/* The key that was missed is stored, of acc->size units. Where it is resident
 * only its size changes. Never called: the miss is of a key that is not. */
void pd_mini_fill(struct pd_mini *m, const struct pd_access *acc);

/* The size of a key's object changed: no access. Nothing if not resident. */
void pd_mini_set_size(struct pd_mini *m, const struct pd_access *acc);

/* The key was deleted or expired. */
void pd_mini_delete(struct pd_mini *m, uint64_t key);

/* The real cache's limit changed. */
void pd_mini_set_capacity(struct pd_mini *m, uint64_t capacity, uint64_t tick);

/* Use another model from now on (NULL: none), where the policy takes one. */
void pd_mini_set_model(struct pd_mini *m, const struct pd_model *model);

/* Lower the rate to 2^-shift, or leave it where it is lower already: keys
 * outside the new sample leave, not as evictions. */
void pd_mini_set_shift(struct pd_mini *m, unsigned shift, uint64_t tick);

/* Call ${fn} (NULL: nobody) when a key comes in or leaves. */
void pd_mini_watch(struct pd_mini *m,
    void (*fn)(void *cookie, uint64_t key, bool held), void *cookie);

/* Whether the key is resident; false for one that is not in the sample. */
bool pd_mini_has(const struct pd_mini *m, uint64_t key);

/* Call ${fn} for each resident's key, in no order; it may delete that key. */
void pd_mini_each(const struct pd_mini *m,
    void (*fn)(void *cookie, uint64_t key), void *cookie);

uint32_t pd_mini_objects(const struct pd_mini *m);
void pd_mini_stats(const struct pd_mini *m, struct pd_mini_stats *out);
/* Bytes allocated. */
size_t pd_mini_memory(const struct pd_mini *m);

#endif /* PD_CACHE_MINI_H */
