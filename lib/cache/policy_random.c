/*
 * Random replacement: the baseline that needs no memory of the past.
 */

#include <stdlib.h>

#include "base/err.h"
#include "cache/bag.h"
#include "cache/policy_table.h"
#include "cache/queues.h"

struct uniform {
	struct pd_policy base;
	struct pd_bag bag;
	struct pd_rng rng;
};

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct uniform *u = calloc(1, sizeof(*u));

	if (u == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	u->base.ops = &pd_policy_random;
	pd_rng_init(&u->rng, params->seed);
	return &u->base;
}

static void
destroy(struct pd_policy *p)
{
	struct uniform *u = (struct uniform *)p;

	pd_bag_release(&u->bag);
	free(u);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	return pd_bag_reserve(&((struct uniform *)p)->bag, n);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	pd_bag_move(&((struct uniform *)p)->bag, from, to);
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	(void)acc;
	pd_bag_add(&((struct uniform *)p)->bag, slot);
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	struct uniform *u = (struct uniform *)p;

	(void)tick;
	return pd_bag_draw(&u->bag, &u->rng);
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	(void)key;
	(void)evicted;
	pd_bag_del(&((struct uniform *)p)->bag, slot);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct uniform *u = (const struct uniform *)p;

	return sizeof(*u) + pd_bag_memory(&u->bag);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct uniform *u = (const struct uniform *)p;
	uint32_t i;

	for (i = 0; i < u->bag.count; i++)
		fn(cookie, u->bag.member[i]);
}

const struct pd_policy_ops pd_policy_random = {
    .name = "random",
    .help = "a random resident",
    .create = create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = pd_policy_ignore_hit,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .memory = memory,
    .each = each,
};
