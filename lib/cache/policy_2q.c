/*
 * 2Q (Johnson and Shasha, VLDB 1994), the full version: new objects enter a
 * FIFO of a quarter of the capacity; those that leave it are remembered as
 * ghosts, as many units as half the capacity; a ghost that returns goes to an
 * LRU. A hit in the FIFO changes nothing: it is taken for the same burst.
 */

#include "cache/policy_table.h"
#include "cache/queues.h"

enum {
	IN,
	MAIN,
};

struct twoq {
	struct pd_queues q;
	uint64_t in_units; /* limits */
	uint64_t ghost_units;
	bool returning; /* the miss before this insert found a ghost */
};

static void
set_capacity(struct pd_policy *p, uint64_t capacity)
{
	struct twoq *t = (struct twoq *)p;

	t->in_units = capacity / 4;
	t->ghost_units = capacity / 2;
	pd_ghosttab_trim(&t->q.ghosts, 0, t->ghost_units);
}

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct twoq *t = pd_queues_new(sizeof(*t), &pd_policy_2q, params,
	    PD_SLOTS_LINK | PD_SLOTS_TAG | PD_SLOTS_SIZE, err);

	if (t == NULL)
		return NULL;
	set_capacity(&t->q.base, params->capacity);
	return &t->q.base;
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct twoq *t = (struct twoq *)p;

	(void)acc;
	if (pd_queue_of(&t->q, slot) == MAIN)
		pd_slist_renew(&t->q.slots, &t->q.list[MAIN], slot);
}

static void
miss(struct pd_policy *p, const struct pd_access *acc)
{
	struct twoq *t = (struct twoq *)p;

	t->returning =
	    pd_ghosttab_take(&t->q.ghosts, pd_slots_print(acc->key)) >= 0;
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct twoq *t = (struct twoq *)p;

	pd_queue_add(&t->q, slot, t->returning ? MAIN : IN, acc);
	t->returning = false;
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	const struct twoq *t = (const struct twoq *)p;

	(void)tick;
	if (t->q.list[IN].units > t->in_units || t->q.list[MAIN].count == 0)
		return t->q.list[IN].oldest;
	return t->q.list[MAIN].oldest;
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct twoq *t = (struct twoq *)p;

	pd_queues_remove(p, slot, key, evicted);
	if (evicted && pd_queue_of(&t->q, slot) == IN)
		pd_queue_ghost(&t->q, 0, slot, key, t->ghost_units);
}

const struct pd_policy_ops pd_policy_2q = {
    .name = "2q",
    .help = "FIFO before an LRU, with ghosts (Johnson 1994)",
    .create = create,
    .destroy = pd_queues_destroy,
    .reserve = pd_queues_reserve,
    .move = pd_queues_move,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .set_capacity = set_capacity,
    .set_size = pd_queues_set_size,
    .set_history = pd_queues_set_history,
    .memory = pd_queues_memory,
    .look = pd_queues_look,
    .each = pd_queues_each,
};
