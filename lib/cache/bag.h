#ifndef PD_CACHE_BAG_H
#define PD_CACHE_BAG_H

/*
 * An unordered set of slots from which a random member can be drawn: a dense
 * array, and each member's place in it. 8 bytes a slot.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/rng.h"
#include "cache/policy.h"

struct pd_bag {
	uint32_t *member; /* [0..count-1] */
	uint32_t *place;  /* by slot, while it is a member */
	uint32_t count;
	uint32_t n; /* slots with room */
};

static inline void
pd_bag_release(struct pd_bag *b)
{
	free(b->member);
	free(b->place);
	*b = (struct pd_bag){0};
}

/* Room for slots 0..n-1 and no others; no slot from n on may be a member. 0, or
 * -1 out of memory, which a smaller n than before never is. */
static inline int
pd_bag_reserve(struct pd_bag *b, uint32_t n)
{
	uint32_t *p;

	if (n == b->n)
		return 0;
	p = realloc(b->member, n * sizeof(*p));
	if (p == NULL && n > b->n)
		return -1;
	b->member = p != NULL ? p : b->member;
	p = realloc(b->place, n * sizeof(*p));
	if (p == NULL && n > b->n)
		return -1;
	b->place = p != NULL ? p : b->place;
	b->n = n;
	return 0;
}

/* Add a slot that is no member. */
static inline void
pd_bag_add(struct pd_bag *b, uint32_t slot)
{
	b->place[slot] = b->count;
	b->member[b->count++] = slot;
}

/* Remove a member; the last one takes its place. */
static inline void
pd_bag_del(struct pd_bag *b, uint32_t slot)
{
	const uint32_t last = b->member[--b->count];

	b->member[b->place[slot]] = last;
	b->place[last] = b->place[slot];
}

/* The member ${from} is called ${to} from now on. */
static inline void
pd_bag_move(struct pd_bag *b, uint32_t from, uint32_t to)
{
	b->place[to] = b->place[from];
	b->member[b->place[to]] = to;
}

/* A random member, or PD_NO_SLOT. */
static inline uint32_t
pd_bag_draw(const struct pd_bag *b, struct pd_rng *rng)
{
	return b->count == 0 ? PD_NO_SLOT
			     : b->member[pd_rng_below(rng, b->count)];
}

static inline size_t
pd_bag_memory(const struct pd_bag *b)
{
	return (size_t)b->n * (sizeof(*b->member) + sizeof(*b->place));
}

#endif /* PD_CACHE_BAG_H */
