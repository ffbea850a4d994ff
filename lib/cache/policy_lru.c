/*
 * LRU: evict what was asked longest ago. FIFO: evict what came in longest
 * ago. One list each, which a hit renews or does not.
 */

#include "cache/policy_table.h"
#include "cache/queues.h"

static struct pd_policy *
lru_create(const struct pd_policy_params *params, struct pd_err *err)
{
	return pd_queues_new(sizeof(struct pd_queues), &pd_policy_lru, params,
	    PD_SLOTS_LINK, err);
}

static struct pd_policy *
fifo_create(const struct pd_policy_params *params, struct pd_err *err)
{
	return pd_queues_new(sizeof(struct pd_queues), &pd_policy_fifo, params,
	    PD_SLOTS_LINK, err);
}

static void
lru_hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct pd_queues *q = (struct pd_queues *)p;

	(void)acc;
	pd_slist_renew(&q->slots, &q->list[0], slot);
}

static void
lru_prefetch(const struct pd_policy *p, const uint32_t *slot, unsigned n)
{
	pd_slist_prefetch(&((const struct pd_queues *)p)->slots, slot, n);
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	pd_queue_add((struct pd_queues *)p, slot, 0, acc);
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	(void)tick;
	return ((struct pd_queues *)p)->list[0].oldest;
}

const struct pd_policy_ops pd_policy_lru = {
    .name = "lru",
    .help = "least recently used",
    .create = lru_create,
    .destroy = pd_queues_destroy,
    .reserve = pd_queues_reserve,
    .move = pd_queues_move,
    .hit = lru_hit,
    .prefetch = lru_prefetch,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = victim,
    .remove = pd_queues_remove,
    .memory = pd_queues_memory,
    .look = pd_queues_look,
    .each = pd_queues_each,
};

const struct pd_policy_ops pd_policy_fifo = {
    .name = "fifo",
    .help = "first in, first out",
    .create = fifo_create,
    .destroy = pd_queues_destroy,
    .reserve = pd_queues_reserve,
    .move = pd_queues_move,
    .hit = pd_policy_ignore_hit,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = victim,
    .remove = pd_queues_remove,
    .memory = pd_queues_memory,
    .look = pd_queues_look,
    .each = pd_queues_each,
};
