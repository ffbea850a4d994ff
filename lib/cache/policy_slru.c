/*
 * Segmented LRU (Karedla et al., "Caching strategies to improve disk system
 * performance", IEEE Computer 1994), here with four equal segments: a hit
 * moves an object one segment up, where it pushes the oldest of a full
 * segment one down. While the cache fills, new objects take the lowest
 * segment with room.
 */

#include "cache/policy_table.h"
#include "cache/queues.h"

#define SEGMENTS PD_QUEUES

struct slru {
	struct pd_queues q;
	uint64_t units; /* limit of a segment */
};

static void
set_capacity(struct pd_policy *p, uint64_t capacity)
{
	((struct slru *)p)->units = capacity / SEGMENTS;
}

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct slru *s = pd_queues_new(sizeof(*s), &pd_policy_slru, params,
	    PD_SLOTS_LINK | PD_SLOTS_TAG | PD_SLOTS_SIZE, err);

	if (s == NULL)
		return NULL;
	set_capacity(&s->q.base, params->capacity);
	return &s->q.base;
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct slru *s = (struct slru *)p;
	unsigned i = pd_queue_of(&s->q, slot);
	struct pd_slist *l;

	(void)acc;
	if (i == SEGMENTS - 1) {
		pd_slist_renew(&s->q.slots, &s->q.list[i], slot);
		return;
	}
	pd_queue_shift(&s->q, slot, ++i);
	for (; i > 0; i--) {
		l = &s->q.list[i];
		while (l->units > s->units && l->count > 1)
			pd_queue_shift(&s->q, l->oldest, i - 1);
	}
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct slru *s = (struct slru *)p;
	unsigned i;

	for (i = 0; i < SEGMENTS; i++)
		if (s->q.list[i].units + acc->size <= s->units)
			break;
	pd_queue_add(&s->q, slot, i == SEGMENTS ? 0 : i, acc);
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	const struct slru *s = (const struct slru *)p;
	unsigned i;

	(void)tick;
	for (i = 0; i < SEGMENTS; i++)
		if (s->q.list[i].count > 0)
			return s->q.list[i].oldest;
	return PD_NO_SLOT;
}

const struct pd_policy_ops pd_policy_slru = {
    .name = "slru",
    .help = "segmented LRU, four segments (Karedla 1994)",
    .create = create,
    .destroy = pd_queues_destroy,
    .reserve = pd_queues_reserve,
    .move = pd_queues_move,
    .hit = hit,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = victim,
    .remove = pd_queues_remove,
    .set_capacity = set_capacity,
    .set_size = pd_queues_set_size,
    .memory = pd_queues_memory,
    .look = pd_queues_look,
    .each = pd_queues_each,
};
