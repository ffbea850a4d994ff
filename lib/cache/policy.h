#ifndef PD_CACHE_POLICY_H
#define PD_CACHE_POLICY_H

/*
 * An eviction policy: it decides which resident to evict and knows nothing of
 * keys' bytes, values, sockets or clocks. The owner (the server's store, or
 * the simulator of predis-replay) names residents by slot, a small integer
 * that it assigns and reuses; a policy keeps what it needs in arrays by slot.
 *
 * The owner's protocol, for every access:
 *	hit:	ops->hit(p, slot, &acc)
 *	miss:	ops->miss(p, &acc)		(ghosts are consulted here)
 *		while (used + size > capacity)
 *			slot = ops->victim(p); ... ops->remove(p, slot, key,
 *true) ops->insert(p, slot, &acc)	(only if the object is stored) delete,
 *expiry:	ops->remove(p, slot, key, false) victim() must name a resident
 *while there is one; a policy may move objects between its own queues in it,
 *and the owner always removes what it named. key is the hash that the resident
 *was inserted with: the owner knows it, so that a policy with ghosts need not
 *keep it for every resident. A slot is inserted at most once until it is
 *removed. miss() without a following insert() is allowed (the client did not
 *store the value).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/objective.h"

struct pd_context;
struct pd_err;
struct pd_look;
struct pd_model;
struct pd_policy;
struct pd_verdict;

#define PD_NO_SLOT UINT32_MAX

/* One access, as a policy sees it. */
struct pd_access {
	uint64_t key;	/* identity hash; ghosts are kept by it */
	uint64_t tick;	/* the owner's access counter */
	uint32_t size;	/* units of capacity: 1, or bytes in byte mode */
	uint32_t bytes; /* of the value, 0 unknown; for features only */
	uint32_t cost;	/* microseconds to fetch it again, 0 unknown */
	uint8_t op;	/* enum pd_op (data/event.h) */
	uint8_t ttl;	/* code of seconds left, PD_CODE_NONE without */
};

/* What a policy remembers of a resident beyond its place, for a snapshot:
 * distances are ticks back from now, gaps log codes (base/code.h). */
struct pd_rank {
	uint32_t age;	    /* since the last access */
	uint32_t residence; /* since the insertion */
	uint8_t gap[4];	    /* between accesses, newest first */
	uint8_t frequency;  /* accesses known, 255 stands for more */
	uint8_t hits;	    /* since the insertion, and flags of the policy */
	uint8_t ttl;	    /* code of seconds left at the last access */
};

struct pd_policy_params {
	uint64_t capacity; /* units: objects, or bytes with by_bytes */
	bool by_bytes;
	uint64_t seed;
	uint32_t objects_hint; /* expected residents, for ghost sizes */
	uint64_t minute;       /* ticks a minute, for redis-lfu; 0 unknown */
	enum pd_objective objective;  /* learned, gdsf; 0: object misses */
	const struct pd_model *model; /* learned: borrowed, may be NULL */
	/* The owner's, fed by it (cache/context.h): learned needs it, and
	 * refuses to be created without; the others ignore it. Borrowed. */
	const struct pd_context *context;
	/* learned: the model rules whatever the context says of it, because
	 * the owner compares it with others itself. */
	bool unguarded;
	/* selector: write to ${acc} what an access to the resident ${slot}
	 * would tell, but for its tick. Asked when residents are handed to
	 * another policy; selector refuses to be created without. */
	void (*resident)(
	    const void *owner, uint32_t slot, struct pd_access *acc);
	const void *owner;
	/* selector: one of several that rule alike (selector.h), or NULL. */
	struct pd_verdict *verdict;
	bool leads;
};

struct pd_policy_ops {
	const char *name;
	const char *help; /* one line, with the source (paper) */
	/* NULL with a message. */
	struct pd_policy *(*create)(
	    const struct pd_policy_params *, struct pd_err *);
	void (*destroy)(struct pd_policy *);
	/* Make slots 0..n-1 usable, n >= 1, and give back the memory of those
	 * from n on, of which none may be resident. 0, or -1 out of memory,
	 * which a smaller n than before never is. */
	int (*reserve)(struct pd_policy *, uint32_t n);
	/* The resident of slot ${from} is called ${to}, which is free and
	 * usable, from now on: nothing else changes. Not between victim() and
	 * remove(). */
	void (*move)(struct pd_policy *, uint32_t from, uint32_t to);
	void (*hit)(
	    struct pd_policy *, uint32_t slot, const struct pd_access *);
	void (*miss)(struct pd_policy *, const struct pd_access *);
	void (*insert)(
	    struct pd_policy *, uint32_t slot, const struct pd_access *);
	/* Bring what hits of these residents touch towards the processor (NULL
	 * op: not worth it). Changes nothing. */
	void (*prefetch)(
	    const struct pd_policy *, const uint32_t *slot, unsigned n);
	/* PD_NO_SLOT when nothing is resident. */
	uint32_t (*victim)(struct pd_policy *, uint64_t tick);
	/* evicted: chosen by victim(), as against deleted or expired. */
	void (*remove)(
	    struct pd_policy *, uint32_t slot, uint64_t key, bool evicted);
	/* The owner's limit or an object's size changed (may be NULL). */
	void (*set_capacity)(struct pd_policy *, uint64_t capacity);
	void (*set_size)(
	    struct pd_policy *, uint32_t slot, const struct pd_access *);
	/* Keep no more than about ${bytes} of what is not resident: ghosts,
	 * sketches. No limit until it is called (NULL op: keeps nothing). */
	void (*set_history)(struct pd_policy *, uint64_t bytes);
	/* Another instance that knows the same residents, in the same slots,
	 * and has the same history; NULL out of memory (NULL op: cannot). */
	struct pd_policy *(*copy)(const struct pd_policy *);
	/* Use another model from now on (NULL op: the policy has none). The
	 * one before may be given up by its owner afterwards: a policy that
	 * goes on using it is an owner too (pd_model_ref()). */
	void (*set_model)(struct pd_policy *, const struct pd_model *);
	/* The name of the policy that chooses victims now, where one of several
	 * rules by turns (NULL op: always this one). */
	const char *(*ruling)(const struct pd_policy *);
	/* Add to ${out}, which is initialised, what it knows of the resident
	 * ${slot} (NULL op: nothing). Changes nothing; O(1), but for
	 * positions in queues (cache/look.h). */
	void (*look)(const struct pd_policy *, uint32_t slot, uint64_t tick,
	    struct pd_look *out);
	/* What it remembers of the resident ${slot}, to ${out} (NULL op:
	 * nothing that lasts). */
	void (*save)(const struct pd_policy *, uint32_t slot, uint64_t tick,
	    struct pd_rank *out);
	/* The resident ${slot}, inserted just now, was known before with
	 * ${rank}: any values (NULL op: it is new). */
	void (*restore)(struct pd_policy *, uint32_t slot, uint64_t tick,
	    const struct pd_rank *rank);
	/* Bytes allocated, ghosts included. */
	size_t (*memory)(const struct pd_policy *);
	/* Unordered walk over residents and order hints for a hand-over from
	 * one policy to another: calls fn from the first to evict to the last
	 * (any order where there is none). May be NULL. */
	void (*each)(const struct pd_policy *,
	    void (*fn)(void *cookie, uint32_t slot), void *cookie);
};

/* A policy's instance starts with this. */
struct pd_policy {
	const struct pd_policy_ops *ops;
};

/* All policies, ended by NULL. Offline ones (belady) are not here. */
extern const struct pd_policy_ops *const pd_policies[];

/* By name ("lru", "s3fifo" ...), or NULL. */
const struct pd_policy_ops *pd_policy_find(const char *name);

#endif /* PD_CACHE_POLICY_H */
