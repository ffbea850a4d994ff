/*
 * CLOCK (Corbato 1968): a FIFO whose oldest gets another round when it was
 * asked since the last. SIEVE (Zhang et al., NSDI 2024): the same bit, but
 * survivors stay where they are and a hand walks from the oldest to the
 * newest, so that new objects are tried soon.
 */

#include <stdlib.h>

#include "base/err.h"
#include "cache/policy_table.h"
#include "cache/slist.h"

struct clock {
	struct pd_policy base;
	struct pd_slots slots; /* tag: asked since it was looked at */
	struct pd_slist list;
	uint32_t hand; /* sieve: where to look next, or PD_NO_SLOT */
};

static struct pd_policy *
create(const struct pd_policy_ops *ops, struct pd_err *err)
{
	struct clock *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	c->base.ops = ops;
	pd_slots_init(&c->slots, PD_SLOTS_LINK | PD_SLOTS_TAG);
	pd_slist_init(&c->list);
	c->hand = PD_NO_SLOT;
	return &c->base;
}

static struct pd_policy *
clock_create(const struct pd_policy_params *params, struct pd_err *err)
{
	(void)params;
	return create(&pd_policy_clock, err);
}

static struct pd_policy *
sieve_create(const struct pd_policy_params *params, struct pd_err *err)
{
	(void)params;
	return create(&pd_policy_sieve, err);
}

static void
destroy(struct pd_policy *p)
{
	struct clock *c = (struct clock *)p;

	pd_slots_release(&c->slots);
	free(c);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	return pd_slots_reserve(&((struct clock *)p)->slots, n);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct clock *c = (struct clock *)p;

	pd_slist_move(&c->slots, &c->list, from, to);
	if (c->hand == from)
		c->hand = to;
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	(void)acc;
	((struct clock *)p)->slots.tag[slot] = 1;
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
	struct clock *c = (struct clock *)p;

	(void)acc;
	c->slots.tag[slot] = 0;
	pd_slist_push(&c->slots, &c->list, slot);
}

static uint32_t
clock_victim(struct pd_policy *p, uint64_t tick)
{
	struct clock *c = (struct clock *)p;
	uint32_t slot;

	(void)tick;
	while ((slot = c->list.oldest) != PD_NO_SLOT && c->slots.tag[slot]) {
		c->slots.tag[slot] = 0;
		pd_slist_renew(&c->slots, &c->list, slot);
	}
	return slot;
}

static uint32_t
sieve_victim(struct pd_policy *p, uint64_t tick)
{
	struct clock *c = (struct clock *)p;
	uint32_t slot = c->hand;

	(void)tick;
	if (slot == PD_NO_SLOT)
		slot = c->list.oldest;
	while (slot != PD_NO_SLOT && c->slots.tag[slot]) {
		c->slots.tag[slot] = 0;
		slot = c->slots.link[slot].newer;
		if (slot == PD_NO_SLOT)
			slot = c->list.oldest;
	}
	c->hand = slot;
	return slot;
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct clock *c = (struct clock *)p;

	(void)key;
	(void)evicted;
	if (c->hand == slot)
		c->hand = c->slots.link[slot].newer;
	pd_slist_remove(&c->slots, &c->list, slot);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct clock *c = (const struct clock *)p;

	return sizeof(*c) + pd_slots_memory(&c->slots);
}

/* Those asked since they were looked at come last. */
static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct clock *c = (const struct clock *)p;
	unsigned asked;
	uint32_t i;

	for (asked = 0; asked <= 1; asked++)
		for (i = c->list.oldest; i != PD_NO_SLOT;
		     i = c->slots.link[i].newer)
			if (c->slots.tag[i] == asked)
				fn(cookie, i);
}

const struct pd_policy_ops pd_policy_clock = {
    .name = "clock",
    .help = "FIFO with one bit and a second round (Corbato 1968)",
    .create = clock_create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = clock_victim,
    .remove = remove_slot,
    .memory = memory,
    .each = each,
};

const struct pd_policy_ops pd_policy_sieve = {
    .name = "sieve",
    .help = "FIFO with one bit and a moving hand (Zhang 2024)",
    .create = sieve_create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = sieve_victim,
    .remove = remove_slot,
    .memory = memory,
    .each = each,
};
