#ifndef PD_CACHE_SLIST_H
#define PD_CACHE_SLIST_H

/*
 * What eviction policies keep of residents, in arrays by slot (policy.h), and
 * doubly linked lists threaded through those arrays. A slot is on at most one
 * list of one struct pd_slots. Arrays that a policy does not ask for are not
 * allocated, so that a resident costs no more than its policy needs.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/hash.h"
#include "cache/policy.h"

enum pd_slots_want {
	PD_SLOTS_LINK = 1 << 0,	 /* 8 bytes a slot: place in a list */
	PD_SLOTS_TAG = 1 << 1,	 /* 1 byte: queue number, counter, bit */
	PD_SLOTS_PRINT = 1 << 2, /* 4 bytes: fingerprint of the key */
	PD_SLOTS_SIZE = 1 << 3,	 /* 4 bytes: units, where they are not all 1 */
};

struct pd_slink {
	uint32_t older;
	uint32_t newer;
};

struct pd_slots {
	struct pd_slink *link;
	uint8_t *tag;
	uint32_t *print;
	uint32_t *size; /* NULL: every resident counts 1 */
	uint32_t n;
	unsigned want;
};

struct pd_slist {
	uint32_t newest;
	uint32_t oldest;
	uint32_t count;
	uint64_t units;
};

#define PD_SLIST_INIT                                                          \
	{                                                                      \
		PD_NO_SLOT, PD_NO_SLOT, 0, 0                                   \
	}

/* Empty, with the arrays of ${want} (enum pd_slots_want, or'ed). */
void pd_slots_init(struct pd_slots *s, unsigned want);
void pd_slots_release(struct pd_slots *s);
/* Room for exactly ${n} slots; less than before is allowed while no slot from
 * ${n} on is used. 0, or -1 out of memory with everything as it was. */
int pd_slots_reserve(struct pd_slots *s, uint32_t n);
/* Bytes allocated. */
size_t pd_slots_memory(const struct pd_slots *s);

/* The fingerprint by which ghosts are kept: two keys share one with
 * probability 2^-32. */
static inline uint32_t
pd_slots_print(uint64_t key)
{
	return (uint32_t)(pd_mix64(key) >> 32);
}

/* What a resident counts. */
static inline uint32_t
pd_slots_units(const struct pd_slots *s, uint32_t slot)
{
	return s->size == NULL ? 1 : s->size[slot];
}

static inline void
pd_slist_init(struct pd_slist *l)
{
	*l = (struct pd_slist)PD_SLIST_INIT;
}

/* Put ${slot}, which is on no list, at the newest end. */
static inline void
pd_slist_push(struct pd_slots *s, struct pd_slist *l, uint32_t slot)
{
	s->link[slot].newer = PD_NO_SLOT;
	s->link[slot].older = l->newest;
	if (l->newest != PD_NO_SLOT)
		s->link[l->newest].newer = slot;
	else
		l->oldest = slot;
	l->newest = slot;
	l->count++;
	l->units += pd_slots_units(s, slot);
}

/* Take ${slot}, which is on ${l}, off it. */
static inline void
pd_slist_remove(struct pd_slots *s, struct pd_slist *l, uint32_t slot)
{
	const struct pd_slink k = s->link[slot];

	if (k.newer != PD_NO_SLOT)
		s->link[k.newer].older = k.older;
	else
		l->newest = k.older;
	if (k.older != PD_NO_SLOT)
		s->link[k.older].newer = k.newer;
	else
		l->oldest = k.newer;
	l->count--;
	l->units -= pd_slots_units(s, slot);
}

/* What ${from}, which is on ${l}, has and is goes to the free slot ${to}. */
static inline void
pd_slist_move(
    struct pd_slots *s, struct pd_slist *l, uint32_t from, uint32_t to)
{
	const struct pd_slink k = s->link[from];

	s->link[to] = k;
	if (k.newer != PD_NO_SLOT)
		s->link[k.newer].older = to;
	else
		l->newest = to;
	if (k.older != PD_NO_SLOT)
		s->link[k.older].newer = to;
	else
		l->oldest = to;
	if (s->tag != NULL)
		s->tag[to] = s->tag[from];
	if (s->print != NULL)
		s->print[to] = s->print[from];
	if (s->size != NULL)
		s->size[to] = s->size[from];
}

/* To the newest end of the list that ${slot} is on. */
static inline void
pd_slist_renew(struct pd_slots *s, struct pd_slist *l, uint32_t slot)
{
	if (l->newest == slot)
		return;
	pd_slist_remove(s, l, slot);
	pd_slist_push(s, l, slot);
}

/* Bring what pd_slist_renew() of these slots touches towards the processor:
 * their places, then those of their neighbours. Always inline: gcc takes a
 * function that does nothing but prefetch for one without effects and drops
 * calls of it. */
__attribute__((always_inline)) static inline void
pd_slist_prefetch(const struct pd_slots *s, const uint32_t *slot, unsigned n)
{
	const struct pd_slink *k;
	unsigned i;

	for (i = 0; i < n; i++)
		__builtin_prefetch(&s->link[slot[i]], 1);
	for (i = 0; i < n; i++) {
		k = &s->link[slot[i]];
		if (k->newer != PD_NO_SLOT)
			__builtin_prefetch(&s->link[k->newer], 1);
		if (k->older != PD_NO_SLOT)
			__builtin_prefetch(&s->link[k->older], 1);
	}
}

/* Another size for a slot on ${l}. */
static inline void
pd_slist_resize(
    struct pd_slots *s, struct pd_slist *l, uint32_t slot, uint32_t size)
{
	if (s->size == NULL)
		return;
	l->units = l->units - s->size[slot] + size;
	s->size[slot] = size;
}

/* Call ${fn} from the oldest to the newest. */
static inline void
pd_slist_each(const struct pd_slots *s, const struct pd_slist *l,
    void (*fn)(void *cookie, uint32_t slot), void *cookie)
{
	uint32_t i;

	for (i = l->oldest; i != PD_NO_SLOT; i = s->link[i].newer)
		fn(cookie, i);
}

/* The place of ${slot} from the oldest on, 1 first; 0 when it is not among the
 * first ${far}. */
static inline uint64_t
pd_slist_place(const struct pd_slots *s, const struct pd_slist *list,
    uint32_t slot, uint32_t far)
{
	uint32_t at = list->oldest, n;

	for (n = 1; n <= far && at != PD_NO_SLOT; n++) {
		if (at == slot)
			return n;
		at = s->link[at].newer;
	}
	return 0;
}

#endif /* PD_CACHE_SLIST_H */
