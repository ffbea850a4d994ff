/*
 * LRU: evict what was asked longest ago. FIFO: evict what came in longest
 * ago. One list each, which a hit renews or does not.
 */

#include <stdlib.h>

#include "base/err.h"
#include "cache/policy_table.h"
#include "cache/slist.h"

struct lru {
	struct pd_policy base;
	struct pd_slots slots;
	struct pd_slist list;
};

static struct pd_policy *
create(const struct pd_policy_ops *ops, struct pd_err *err)
{
	struct lru *l = calloc(1, sizeof(*l));

	if (l == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	l->base.ops = ops;
	pd_slots_init(&l->slots, PD_SLOTS_LINK);
	pd_slist_init(&l->list);
	return &l->base;
}

static struct pd_policy *
lru_create(const struct pd_policy_params *params, struct pd_err *err)
{
	(void)params;
	return create(&pd_policy_lru, err);
}

static struct pd_policy *
fifo_create(const struct pd_policy_params *params, struct pd_err *err)
{
	(void)params;
	return create(&pd_policy_fifo, err);
}

static void
lru_destroy(struct pd_policy *p)
{
	struct lru *l = (struct lru *)p;

	pd_slots_release(&l->slots);
	free(l);
}

static int
lru_reserve(struct pd_policy *p, uint32_t n)
{
	return pd_slots_reserve(&((struct lru *)p)->slots, n);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct lru *l = (struct lru *)p;

	pd_slist_move(&l->slots, &l->list, from, to);
}

static void
lru_hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lru *l = (struct lru *)p;

	(void)acc;
	pd_slist_renew(&l->slots, &l->list, slot);
}

static void
fifo_hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	(void)p;
	(void)slot;
	(void)acc;
}

static void
lru_miss(struct pd_policy *p, const struct pd_access *acc)
{
	(void)p;
	(void)acc;
}

static void
lru_insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lru *l = (struct lru *)p;

	(void)acc;
	pd_slist_push(&l->slots, &l->list, slot);
}

static uint32_t
lru_victim(struct pd_policy *p, uint64_t tick)
{
	(void)tick;
	return ((struct lru *)p)->list.oldest;
}

static void
lru_remove(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct lru *l = (struct lru *)p;

	(void)key;
	(void)evicted;
	pd_slist_remove(&l->slots, &l->list, slot);
}

static size_t
lru_memory(const struct pd_policy *p)
{
	const struct lru *l = (const struct lru *)p;

	return sizeof(*l) + pd_slots_memory(&l->slots);
}

static void
lru_each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct lru *l = (const struct lru *)p;

	pd_slist_each(&l->slots, &l->list, fn, cookie);
}

const struct pd_policy_ops pd_policy_lru = {
    .name = "lru",
    .help = "least recently used",
    .create = lru_create,
    .destroy = lru_destroy,
    .reserve = lru_reserve,
    .move = move_slot,
    .hit = lru_hit,
    .miss = lru_miss,
    .insert = lru_insert,
    .victim = lru_victim,
    .remove = lru_remove,
    .memory = lru_memory,
    .each = lru_each,
};

const struct pd_policy_ops pd_policy_fifo = {
    .name = "fifo",
    .help = "first in, first out",
    .create = fifo_create,
    .destroy = lru_destroy,
    .reserve = lru_reserve,
    .move = move_slot,
    .hit = fifo_hit,
    .miss = lru_miss,
    .insert = lru_insert,
    .victim = lru_victim,
    .remove = lru_remove,
    .memory = lru_memory,
    .each = lru_each,
};
