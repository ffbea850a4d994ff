/*
 * CLOCK (Corbato 1968): a FIFO whose oldest gets another round when it was
 * asked since the last. SIEVE (Zhang et al., NSDI 2024): the same bit, but
 * survivors stay where they are and a hand walks from the oldest to the
 * newest, so that new objects are tried soon.
 */

#include "cache/policy_table.h"
#include "cache/queues.h"

struct clock {
	struct pd_queues q; /* own tag: 1, asked since it was looked at */
	uint32_t hand;	    /* sieve: where to look next, or PD_NO_SLOT */
};

static struct pd_policy *
create(const struct pd_policy_ops *ops, const struct pd_policy_params *params,
    struct pd_err *err)
{
	struct clock *c = pd_queues_new(
	    sizeof(*c), ops, params, PD_SLOTS_LINK | PD_SLOTS_TAG, err);

	if (c == NULL)
		return NULL;
	c->hand = PD_NO_SLOT;
	return &c->q.base;
}

static struct pd_policy *
clock_create(const struct pd_policy_params *params, struct pd_err *err)
{
	return create(&pd_policy_clock, params, err);
}

static struct pd_policy *
sieve_create(const struct pd_policy_params *params, struct pd_err *err)
{
	return create(&pd_policy_sieve, params, err);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct clock *c = (struct clock *)p;

	pd_queues_move(p, from, to);
	if (c->hand == from)
		c->hand = to;
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	(void)acc;
	((struct clock *)p)->q.slots.tag[slot] = 1;
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct clock *c = (struct clock *)p;

	pd_queue_add(&c->q, slot, 0, acc);
}

static uint32_t
clock_victim(struct pd_policy *p, uint64_t tick)
{
	struct clock *c = (struct clock *)p;
	uint32_t slot;

	(void)tick;
	while ((slot = c->q.list[0].oldest) != PD_NO_SLOT &&
	       c->q.slots.tag[slot]) {
		c->q.slots.tag[slot] = 0;
		pd_queue_renew(&c->q, slot);
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
		slot = c->q.list[0].oldest;
	while (slot != PD_NO_SLOT && c->q.slots.tag[slot]) {
		c->q.slots.tag[slot] = 0;
		slot = c->q.slots.link[slot].newer;
		if (slot == PD_NO_SLOT)
			slot = c->q.list[0].oldest;
	}
	c->hand = slot;
	return slot;
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct clock *c = (struct clock *)p;

	if (c->hand == slot)
		c->hand = c->q.slots.link[slot].newer;
	pd_queues_remove(p, slot, key, evicted);
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
		for (i = c->q.list[0].oldest; i != PD_NO_SLOT;
		     i = c->q.slots.link[i].newer)
			if (c->q.slots.tag[i] == asked)
				fn(cookie, i);
}

const struct pd_policy_ops pd_policy_clock = {
    .name = "clock",
    .help = "FIFO with one bit and a second round (Corbato 1968)",
    .create = clock_create,
    .destroy = pd_queues_destroy,
    .reserve = pd_queues_reserve,
    .move = move_slot,
    .hit = hit,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = clock_victim,
    .remove = remove_slot,
    .memory = pd_queues_memory,
    .each = each,
};

const struct pd_policy_ops pd_policy_sieve = {
    .name = "sieve",
    .help = "FIFO with one bit and a moving hand (Zhang 2024)",
    .create = sieve_create,
    .destroy = pd_queues_destroy,
    .reserve = pd_queues_reserve,
    .move = move_slot,
    .hit = hit,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = sieve_victim,
    .remove = remove_slot,
    .memory = pd_queues_memory,
    .each = each,
};
