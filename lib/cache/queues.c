#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/look.h"
#include "cache/queues.h"

void *
pd_queues_new(size_t own, const struct pd_policy_ops *ops,
    const struct pd_policy_params *params, unsigned want, struct pd_err *err)
{
	struct pd_queues *q = calloc(1, own);
	unsigned i;

	if (q == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	q->base.ops = ops;
	q->own = own;
	if (!params->by_bytes)
		want &= ~(unsigned)PD_SLOTS_SIZE;
	pd_slots_init(&q->slots, want);
	for (i = 0; i < PD_QUEUES; i++)
		pd_slist_init(&q->list[i]);
	pd_ghosttab_init(&q->ghosts);
	return q;
}

void
pd_queues_destroy(struct pd_policy *p)
{
	struct pd_queues *q = (struct pd_queues *)p;

	pd_slots_release(&q->slots);
	pd_ghosttab_release(&q->ghosts);
	free(q);
}

int
pd_queues_reserve(struct pd_policy *p, uint32_t n)
{
	return pd_slots_reserve(&((struct pd_queues *)p)->slots, n);
}

void
pd_queues_move(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct pd_queues *q = (struct pd_queues *)p;

	pd_slist_move(&q->slots, &q->list[pd_queue_of(q, from)], from, to);
}

void
pd_queues_remove(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct pd_queues *q = (struct pd_queues *)p;

	(void)key;
	(void)evicted;
	pd_slist_remove(&q->slots, &q->list[pd_queue_of(q, slot)], slot);
}

void
pd_queues_set_size(
    struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct pd_queues *q = (struct pd_queues *)p;

	pd_slist_resize(
	    &q->slots, &q->list[pd_queue_of(q, slot)], slot, acc->size);
}

void
pd_queues_set_history(struct pd_policy *p, uint64_t bytes)
{
	pd_ghosttab_limit(&((struct pd_queues *)p)->ghosts, bytes);
}

size_t
pd_queues_memory(const struct pd_policy *p)
{
	const struct pd_queues *q = (const struct pd_queues *)p;

	return q->own + pd_slots_memory(&q->slots) +
	       pd_ghosttab_memory(&q->ghosts);
}

/* What the lists of a policy are called, and whether the tag's own part is a
 * count of hits. */
static const struct {
	const char *policy;
	const char *list[PD_QUEUES];
	bool counts;
} names[] = {
    {"lru", {"lru"}, false},
    {"fifo", {"fifo"}, false},
    {"slru", {"segment-1", "segment-2", "segment-3", "segment-4"}, false},
    {"2q", {"in", "main"}, false},
    {"arc", {"once", "often"}, false},
    {"s3fifo", {"small", "main"}, true},
    {"qdlp", {"small", "main"}, true},
    {"wtinylfu", {"probation", "window", "protected"}, false},
};

void
pd_queues_look(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_look *out)
{
	const struct pd_queues *q = (const struct pd_queues *)p;
	const unsigned list = pd_queue_of(q, slot);
	size_t i;

	(void)tick;
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i].policy, p->ops->name) == 0) {
			out->queue = names[i].list[list];
			if (names[i].counts)
				out->counter =
				    q->slots.tag[slot] & PD_QUEUE_OWN;
		}
	out->queue_length = q->list[list].count;
	out->position =
	    pd_slist_place(&q->slots, &q->list[list], slot, out->far);
}

void
pd_queues_each(const struct pd_policy *p,
    void (*fn)(void *cookie, uint32_t slot), void *cookie)
{
	const struct pd_queues *q = (const struct pd_queues *)p;
	unsigned i;

	for (i = 0; i < PD_QUEUES; i++)
		pd_slist_each(&q->slots, &q->list[i], fn, cookie);
}

void
pd_policy_ignore_hit(
    struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	(void)p;
	(void)slot;
	(void)acc;
}

void
pd_policy_ignore_miss(struct pd_policy *p, const struct pd_access *acc)
{
	(void)p;
	(void)acc;
}
