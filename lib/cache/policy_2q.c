/*
 * 2Q (Johnson and Shasha, VLDB 1994), the full version: new objects enter a
 * FIFO of a quarter of the capacity; those that leave it are remembered as
 * ghosts, as many units as half the capacity; a ghost that returns goes to an
 * LRU. A hit in the FIFO changes nothing: it is taken for the same burst.
 */

#include <stdlib.h>

#include "base/err.h"
#include "cache/ghosttab.h"
#include "cache/policy_table.h"
#include "cache/slist.h"

struct twoq {
	struct pd_policy base;
	struct pd_slots slots; /* tag: 1 in the LRU */
	struct pd_slist in;
	struct pd_slist main;
	struct pd_ghosttab ghosts;
	uint64_t in_units; /* limits */
	uint64_t ghost_units;
	bool returning; /* the miss before this insert found a ghost */
};

static void
set_capacity(struct pd_policy *p, uint64_t capacity)
{
	struct twoq *q = (struct twoq *)p;

	q->in_units = capacity / 4;
	q->ghost_units = capacity / 2;
	pd_ghosttab_trim(&q->ghosts, 0, q->ghost_units);
}

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct twoq *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	q->base.ops = &pd_policy_2q;
	pd_slots_init(&q->slots, PD_SLOTS_LINK | PD_SLOTS_TAG |
				     (params->by_bytes ? PD_SLOTS_SIZE : 0));
	pd_slist_init(&q->in);
	pd_slist_init(&q->main);
	pd_ghosttab_init(&q->ghosts);
	set_capacity(&q->base, params->capacity);
	return &q->base;
}

static void
destroy(struct pd_policy *p)
{
	struct twoq *q = (struct twoq *)p;

	pd_slots_release(&q->slots);
	pd_ghosttab_release(&q->ghosts);
	free(q);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	return pd_slots_reserve(&((struct twoq *)p)->slots, n);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct twoq *q = (struct twoq *)p;

	(void)acc;
	if (q->slots.tag[slot])
		pd_slist_renew(&q->slots, &q->main, slot);
}

static void
miss(struct pd_policy *p, const struct pd_access *acc)
{
	struct twoq *q = (struct twoq *)p;

	q->returning =
	    pd_ghosttab_take(&q->ghosts, pd_slots_print(acc->key)) >= 0;
}

static struct pd_slist *
list_of(struct twoq *q, uint32_t slot)
{
	return q->slots.tag[slot] ? &q->main : &q->in;
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct twoq *q = (struct twoq *)p;

	if (q->slots.size != NULL)
		q->slots.size[slot] = acc->size;
	q->slots.tag[slot] = q->returning;
	pd_slist_push(&q->slots, list_of(q, slot), slot);
	q->returning = false;
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	const struct twoq *q = (const struct twoq *)p;

	(void)tick;
	if (q->in.units > q->in_units || q->main.count == 0)
		return q->in.oldest;
	return q->main.oldest;
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct twoq *q = (struct twoq *)p;

	pd_slist_move(&q->slots, list_of(q, from), from, to);
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct twoq *q = (struct twoq *)p;
	struct pd_slist *l = list_of(q, slot);

	pd_slist_remove(&q->slots, l, slot);
	if (!evicted || l == &q->main)
		return;
	pd_ghosttab_push(&q->ghosts, 0, pd_slots_print(key),
	    pd_slots_units(&q->slots, slot));
	pd_ghosttab_trim(&q->ghosts, 0, q->ghost_units);
}

static void
set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	const uint32_t size = acc->size;
	struct twoq *q = (struct twoq *)p;

	pd_slist_resize(&q->slots, list_of(q, slot), slot, size);
}

static void
set_history(struct pd_policy *p, uint64_t bytes)
{
	struct twoq *q = (struct twoq *)p;

	pd_ghosttab_limit(&q->ghosts, bytes);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct twoq *q = (const struct twoq *)p;

	return sizeof(*q) + pd_slots_memory(&q->slots) +
	       pd_ghosttab_memory(&q->ghosts);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct twoq *q = (const struct twoq *)p;

	pd_slist_each(&q->slots, &q->in, fn, cookie);
	pd_slist_each(&q->slots, &q->main, fn, cookie);
}

const struct pd_policy_ops pd_policy_2q = {
    .name = "2q",
    .help = "FIFO before an LRU, with ghosts (Johnson 1994)",
    .create = create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .set_capacity = set_capacity,
    .set_size = set_size,
    .set_history = set_history,
    .memory = memory,
    .each = each,
};
