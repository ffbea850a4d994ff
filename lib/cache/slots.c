/*
 * The slots of a store. slots[] finds the entry of a slot; free slots link to
 * one another in the same array: an odd number is twice the next free slot,
 * plus 1. The arrays by slot, the policy's too, are memory that the limit
 * counts: they grow in small steps and shrink with the residents.
 */

#include <stdlib.h>

#include "cache/store.h"
#include "cache/store_priv.h"

struct pd_entry *
store_slot(const struct pd_store *st, uint32_t slot)
{
	return (uintptr_t)st->slots[slot] & 1 ? NULL : st->slots[slot];
}

uint32_t
pd_store_slot(const struct pd_store *st, const struct pd_entry *e)
{
	(void)st;
	return e->slot;
}

uint64_t
pd_store_slots_memory(const struct pd_store *st)
{
	return st->slots_cap * (uint64_t)sizeof(struct pd_entry *);
}

/* Bytes that a slot costs besides its entry, about. */
static uint64_t
slot_bytes(const struct pd_store *st)
{
	const uint64_t policy = st->policy->ops->memory(st->policy);

	return sizeof(struct pd_entry *) +
	       (st->slots_cap == 0 ? 0 : policy / st->slots_cap);
}

/*
 * How many slots to add: an eighth, but no more than half of the memory left
 * pays for. 0 where evicting for the next object is better.
 */
static uint32_t
slot_step(const struct pd_store *st)
{
	uint64_t n = st->slots_cap / 8, left, most;

	if (n < PD_STORE_SLOTS_MIN)
		n = PD_STORE_SLOTS_MIN;
	if (st->cfg.maxmemory == 0 || st->slots_cap == 0)
		return (uint32_t)n;
	left = pd_store_memory(st);
	left = left < st->cfg.maxmemory ? st->cfg.maxmemory - left : 0;
	most = left / 2 / slot_bytes(st);
	if (most >= n)
		return (uint32_t)n;
	if (most > st->slots_cap / 64 || !st->cfg.evict)
		return (uint32_t)(most > 0 ? most : 1);
	return st->total > 0 ? 0 : 1;
}

/* 0, or -1 out of memory. */
static int
slots_resize(struct pd_store *st, uint32_t n)
{
	struct pd_entry **p;

	if (st->policy->ops->reserve(st->policy, n) ||
	    pd_refetch_reserve(&st->costs, n))
		return -1;
	p = realloc(st->slots, n * sizeof(struct pd_entry *));
	if (p == NULL && n > st->slots_cap)
		return -1;
	if (p != NULL)
		st->slots = p;
	st->slots_cap = n;
	return 0;
}

uint32_t
store_slot_take(struct pd_store *st)
{
	uint32_t slot, step;

	if (st->slot_free == PD_NO_SLOT && st->slots_used == st->slots_cap) {
		step = slot_step(st);
		if (st->slots_cap > PD_NO_SLOT / 2 - step ||
		    (step == 0 ? store_evict_one(st)
			       : slots_resize(st, st->slots_cap + step)))
			return PD_NO_SLOT;
	}
	slot = st->slot_free;
	if (slot == PD_NO_SLOT)
		return st->slots_used++;
	st->slot_free = (uint32_t)((uintptr_t)st->slots[slot] >> 1);
	return slot;
}

/* Give high residents the free slots below, and the rest back. */
static void
slots_compact(struct pd_store *st)
{
	uint32_t to = 0, from = st->slots_used;
	struct pd_entry *e;

	while (to < st->total) {
		if (store_slot(st, to) != NULL) {
			to++;
			continue;
		}
		do
			e = store_slot(st, --from);
		while (e == NULL);
		st->policy->ops->move(st->policy, from, to);
		pd_refetch_move(&st->costs, from, to);
		st->slots[to] = e;
		e->slot = to++;
	}
	st->slots_used = (uint32_t)st->total;
	st->slot_free = PD_NO_SLOT;
}

void
store_slots_fit(struct pd_store *st)
{
	const uint64_t n = st->total + st->total / 16 + PD_STORE_SLOTS_MIN;

	if (n >= st->slots_cap - st->slots_cap / 8)
		return;
	slots_compact(st);
	/* What could not shrink stays. */
	(void)slots_resize(st, (uint32_t)n);
}

void
store_slot_give(struct pd_store *st, uint32_t slot)
{
	st->slots[slot] =
	    (struct pd_entry *)((uintptr_t)st->slot_free << 1 | 1);
	st->slot_free = slot;
}
