/*
 * Segmented LRU (Karedla et al., "Caching strategies to improve disk system
 * performance", IEEE Computer 1994), here with four equal segments: a hit
 * moves an object one segment up, where it pushes the oldest of a full
 * segment one down. While the cache fills, new objects take the lowest
 * segment with room.
 */

#include <stdlib.h>

#include "base/err.h"
#include "cache/policy_table.h"
#include "cache/slist.h"

#define SEGMENTS 4

struct slru {
	struct pd_policy base;
	struct pd_slots slots; /* tag: the segment */
	struct pd_slist segment[SEGMENTS];
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
	struct slru *s = calloc(1, sizeof(*s));
	unsigned i;

	if (s == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	s->base.ops = &pd_policy_slru;
	pd_slots_init(&s->slots, PD_SLOTS_LINK | PD_SLOTS_TAG |
				     (params->by_bytes ? PD_SLOTS_SIZE : 0));
	for (i = 0; i < SEGMENTS; i++)
		pd_slist_init(&s->segment[i]);
	set_capacity(&s->base, params->capacity);
	return &s->base;
}

static void
destroy(struct pd_policy *p)
{
	struct slru *s = (struct slru *)p;

	pd_slots_release(&s->slots);
	free(s);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	return pd_slots_reserve(&((struct slru *)p)->slots, n);
}

/* Take ${slot} off its segment and put it into segment ${to}. */
static void
move(struct slru *s, uint32_t slot, unsigned to)
{
	pd_slist_remove(&s->slots, &s->segment[s->slots.tag[slot]], slot);
	s->slots.tag[slot] = (uint8_t)to;
	pd_slist_push(&s->slots, &s->segment[to], slot);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct slru *s = (struct slru *)p;

	pd_slist_move(&s->slots, &s->segment[s->slots.tag[from]], from, to);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct slru *s = (struct slru *)p;
	unsigned i = s->slots.tag[slot];

	(void)acc;
	if (i == SEGMENTS - 1) {
		pd_slist_renew(&s->slots, &s->segment[i], slot);
		return;
	}
	move(s, slot, ++i);
	for (; i > 0; i--)
		while (
		    s->segment[i].units > s->units && s->segment[i].count > 1)
			move(s, s->segment[i].oldest, i - 1);
}

static void
miss(struct pd_policy *p, const struct pd_access *acc)
{
	(void)p;
	(void)acc;
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct slru *s = (struct slru *)p;
	unsigned i;

	if (s->slots.size != NULL)
		s->slots.size[slot] = acc->size;
	for (i = 0; i < SEGMENTS; i++)
		if (s->segment[i].units + acc->size <= s->units)
			break;
	if (i == SEGMENTS)
		i = 0;
	s->slots.tag[slot] = (uint8_t)i;
	pd_slist_push(&s->slots, &s->segment[i], slot);
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	const struct slru *s = (const struct slru *)p;
	unsigned i;

	(void)tick;
	for (i = 0; i < SEGMENTS; i++)
		if (s->segment[i].count > 0)
			return s->segment[i].oldest;
	return PD_NO_SLOT;
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct slru *s = (struct slru *)p;

	(void)key;
	(void)evicted;
	pd_slist_remove(&s->slots, &s->segment[s->slots.tag[slot]], slot);
}

static void
set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	const uint32_t size = acc->size;
	struct slru *s = (struct slru *)p;

	pd_slist_resize(&s->slots, &s->segment[s->slots.tag[slot]], slot, size);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct slru *s = (const struct slru *)p;

	return sizeof(*s) + pd_slots_memory(&s->slots);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct slru *s = (const struct slru *)p;
	unsigned i;

	for (i = 0; i < SEGMENTS; i++)
		pd_slist_each(&s->slots, &s->segment[i], fn, cookie);
}

const struct pd_policy_ops pd_policy_slru = {
    .name = "slru",
    .help = "segmented LRU, four segments (Karedla 1994)",
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
    .memory = memory,
    .each = each,
};
