#ifndef CACHE_OWNER_H
#define CACHE_OWNER_H

/*
 * The owner of a policy, as small as it can be: it follows the protocol of
 * policy.h to the letter and checks after every step what a policy promises.
 * Include after cmocka.h.
 */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "cache/context.h"
#include "cache/policy.h"

#define OWNER_KEYS 4096

struct owner {
	const struct pd_policy_ops *ops;
	struct pd_policy *policy;
	struct pd_context *ctx;
	uint64_t capacity;
	bool by_bytes;
	uint64_t tick;
	uint64_t used;
	uint32_t cap;	/* slots reserved */
	uint32_t count; /* residents */
	uint32_t slot_of[OWNER_KEYS];
	uint32_t key_of[OWNER_KEYS];  /* by slot, or PD_NO_SLOT */
	uint32_t size_of[OWNER_KEYS]; /* by slot */
	uint64_t victims; /* hash of all that were named, in order */
};

/* A resident, to a policy that takes over. */
static inline void
owner_tell(const void *owner, uint32_t slot, struct pd_access *acc)
{
	const struct owner *o = (const struct owner *)owner;

	if (o->key_of[slot] == PD_NO_SLOT) {
		fail_msg("%s asks for slot %u, which is not resident",
		    o->ops->name, slot);
		return;
	}
	*acc = (struct pd_access){
	    .key = pd_mix64(o->key_of[slot]),
	    .size = o->by_bytes ? o->size_of[slot] : 1,
	    .ttl = 255,
	};
}

static inline void
owner_init_shared(struct owner *o, const struct pd_policy_ops *ops,
    uint64_t capacity, bool by_bytes, uint64_t seed, struct pd_verdict *verdict,
    bool leads)
{
	struct pd_policy_params params = {
	    .capacity = capacity,
	    .by_bytes = by_bytes,
	    .seed = seed,
	    .objects_hint = 64,
	    .minute = 100,
	    .verdict = verdict,
	    .leads = leads,
	};
	struct pd_err err = PD_ERR_INIT;

	memset(o, 0, sizeof(*o));
	o->ops = ops;
	o->capacity = capacity;
	o->by_bytes = by_bytes;
	memset(o->slot_of, 0xff, sizeof(o->slot_of));
	memset(o->key_of, 0xff, sizeof(o->key_of));
	o->ctx = pd_context_new(capacity, by_bytes, &err);
	assert_non_null(o->ctx);
	params.context = o->ctx;
	params.resident = owner_tell;
	params.owner = o;
	o->policy = ops->create(&params, &err);
	if (o->policy == NULL) {
		fail_msg("%s: %s", ops->name, err.msg);
		return;
	}
	assert_ptr_equal(o->policy->ops, ops);
}

static inline void
owner_init(struct owner *o, const struct pd_policy_ops *ops, uint64_t capacity,
    bool by_bytes, uint64_t seed)
{
	owner_init_shared(o, ops, capacity, by_bytes, seed, NULL, false);
}

static inline void
owner_release(struct owner *o)
{
	o->ops->destroy(o->policy);
	pd_context_free(o->ctx);
}

/* Slots 0..n-1 may be used. */
static inline void
owner_reserve(struct owner *o, uint32_t n)
{
	assert_true(n <= OWNER_KEYS);
	assert_int_equal(o->ops->reserve(o->policy, n), 0);
	if (n > o->cap)
		o->cap = n;
}

/* Give the residents the lowest slots, then the memory of the rest back with
 * ${shrink}. */
static inline void
owner_compact(struct owner *o, bool shrink)
{
	uint32_t to = 0, from = o->cap;

	while (to < o->count) {
		if (o->key_of[to] != PD_NO_SLOT) {
			to++;
			continue;
		}
		while (o->key_of[--from] == PD_NO_SLOT)
			continue;
		o->ops->move(o->policy, from, to);
		o->key_of[to] = o->key_of[from];
		o->size_of[to] = o->size_of[from];
		o->slot_of[o->key_of[to]] = to;
		o->key_of[from] = PD_NO_SLOT;
	}
	if (!shrink)
		return;
	o->cap = o->count > 0 ? o->count : 1;
	assert_int_equal(o->ops->reserve(o->policy, o->cap), 0);
}

static inline void
owner_drop(struct owner *o, uint32_t slot, bool evicted)
{
	const uint32_t key = o->key_of[slot];

	o->ops->remove(o->policy, slot, pd_mix64(key), evicted);
	o->used -= o->size_of[slot];
	o->count--;
	o->slot_of[key] = PD_NO_SLOT;
	o->key_of[slot] = PD_NO_SLOT;
}

/* Evict one; the policy must name a resident. Its key. */
static inline uint32_t
owner_evict(struct owner *o)
{
	const uint32_t slot = o->ops->victim(o->policy, o->tick);
	uint32_t key;

	if (slot >= o->cap || o->key_of[slot] == PD_NO_SLOT)
		fail_msg("%s names slot %u, which is not resident",
		    o->ops->name, slot);
	key = o->key_of[slot];
	owner_drop(o, slot, true);
	o->victims = pd_mix64(o->victims ^ (key + 1));
	return key;
}

/* A released slot is used again in no particular order: the lowest. */
static inline uint32_t
owner_slot(struct owner *o)
{
	uint32_t i;

	for (i = 0; i < o->cap; i++)
		if (o->key_of[i] == PD_NO_SLOT)
			return i;
	owner_reserve(o, o->cap + 1 + o->cap / 2 > OWNER_KEYS
			     ? OWNER_KEYS
			     : o->cap + 1 + o->cap / 2);
	return i;
}

static inline struct pd_access
owner_acc(struct owner *o, uint32_t key, uint32_t size)
{
	struct pd_access acc = {
	    .key = pd_mix64(key),
	    .tick = o->tick,
	    .size = o->by_bytes ? size : 1,
	    .ttl = 255,
	};

	return acc;
}

/* One access; a miss is stored unless ${store} is false. Was it a hit? */
static inline bool
owner_access(struct owner *o, uint32_t key, uint32_t size, bool store)
{
	struct pd_access acc;
	uint32_t slot = o->slot_of[key];

	o->tick++;
	acc = owner_acc(o, key, size);
	pd_context_access(
	    o->ctx, acc.key, slot != PD_NO_SLOT, acc.size, acc.tick);
	if (slot != PD_NO_SLOT) {
		o->ops->hit(o->policy, slot, &acc);
		return true;
	}
	if (store)
		pd_context_fill(o->ctx, acc.key, acc.size, acc.tick);
	o->ops->miss(o->policy, &acc);
	if (!store || acc.size > o->capacity)
		return false;
	while (o->used + acc.size > o->capacity)
		owner_evict(o);
	slot = owner_slot(o);
	o->slot_of[key] = slot;
	o->key_of[slot] = key;
	o->size_of[slot] = acc.size;
	o->used += acc.size;
	o->count++;
	o->ops->insert(o->policy, slot, &acc);
	assert_true(o->used <= o->capacity);
	return false;
}

static inline void
owner_delete(struct owner *o, uint32_t key)
{
	if (o->slot_of[key] != PD_NO_SLOT)
		owner_drop(o, o->slot_of[key], false);
	pd_context_delete(o->ctx, pd_mix64(key));
}

/* A key that is skewed to small numbers: the square of a uniform one. */
static inline uint32_t
owner_draw(struct pd_rng *rng, uint32_t keys)
{
	const double u = pd_rng_double(rng);

	return (uint32_t)(u * u * keys);
}

#endif /* CACHE_OWNER_H */
