#ifndef PD_CACHE_QUEUES_H
#define PD_CACHE_QUEUES_H

/*
 * What the fixed policies have in common: residents on up to PD_QUEUES lists,
 * and ghosts. A policy's instance starts with a struct pd_queues; where one of
 * the functions below says all there is to say it is the policy's op. The list
 * of a resident is in the high bits of its tag, the rest is the policy's own;
 * without tags all residents are on list 0.
 */

#include "cache/ghosttab.h"
#include "cache/policy.h"
#include "cache/slist.h"

#define PD_QUEUES 4
#define PD_QUEUE_SHIFT 6 /* of the list's number in the tag */
#define PD_QUEUE_OWN ((1u << PD_QUEUE_SHIFT) - 1)

struct pd_queues {
	struct pd_policy base;
	struct pd_slots slots;
	struct pd_slist list[PD_QUEUES]; /* those to evict first come first */
	struct pd_ghosttab ghosts;
	size_t own; /* bytes of the instance */
};

/*
 * pd_queues_new(own, ops, params, want, err):
 * An instance of ${own} bytes, zero behind its struct pd_queues, with the
 * arrays of ${want} (enum pd_slots_want); sizes only in byte mode. NULL with a
 * message.
 */
void *pd_queues_new(size_t own, const struct pd_policy_ops *ops,
    const struct pd_policy_params *params, unsigned want, struct pd_err *err);

/* Ops. pd_queues_remove() leaves no ghost. */
void pd_queues_destroy(struct pd_policy *p);
int pd_queues_reserve(struct pd_policy *p, uint32_t n);
void pd_queues_move(struct pd_policy *p, uint32_t from, uint32_t to);
void pd_queues_remove(
    struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted);
void pd_queues_set_size(
    struct pd_policy *p, uint32_t slot, const struct pd_access *acc);
void pd_queues_set_history(struct pd_policy *p, uint64_t bytes);
size_t pd_queues_memory(const struct pd_policy *p);
/* The queue and the position in it, and of the tag's own part the number. */
void pd_queues_look(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_look *out);
void pd_queues_each(const struct pd_policy *p,
    void (*fn)(void *cookie, uint32_t slot), void *cookie);

/* Ops of policies that learn nothing from a hit or a miss. */
void pd_policy_ignore_hit(
    struct pd_policy *p, uint32_t slot, const struct pd_access *acc);
void pd_policy_ignore_miss(struct pd_policy *p, const struct pd_access *acc);

/* The number of the list that ${slot} is on. */
static inline unsigned
pd_queue_of(const struct pd_queues *q, uint32_t slot)
{
	return q->slots.tag == NULL ? 0 : q->slots.tag[slot] >> PD_QUEUE_SHIFT;
}

/* A new resident, to the newest end of ${list}; the rest of its tag is 0. */
static inline void
pd_queue_add(struct pd_queues *q, uint32_t slot, unsigned list,
    const struct pd_access *acc)
{
	if (q->slots.size != NULL)
		q->slots.size[slot] = acc->size;
	if (q->slots.tag != NULL)
		q->slots.tag[slot] = (uint8_t)(list << PD_QUEUE_SHIFT);
	pd_slist_push(&q->slots, &q->list[list], slot);
}

/* From its list to the newest end of ${to}, the rest of the tag 0. */
static inline void
pd_queue_shift(struct pd_queues *q, uint32_t slot, unsigned to)
{
	pd_slist_remove(&q->slots, &q->list[pd_queue_of(q, slot)], slot);
	q->slots.tag[slot] = (uint8_t)(to << PD_QUEUE_SHIFT);
	pd_slist_push(&q->slots, &q->list[to], slot);
}

/* To the newest end of its own list. */
static inline void
pd_queue_renew(struct pd_queues *q, uint32_t slot)
{
	pd_slist_renew(&q->slots, &q->list[pd_queue_of(q, slot)], slot);
}

/* ${slot}, which just left, becomes a ghost on ${list}; no more than ${units}
 * of them are kept. */
static inline void
pd_queue_ghost(struct pd_queues *q, unsigned list, uint32_t slot, uint64_t key,
    uint64_t units)
{
	pd_ghosttab_push(&q->ghosts, list, pd_slots_print(key),
	    pd_slots_units(&q->slots, slot));
	pd_ghosttab_trim(&q->ghosts, list, units);
}

#endif /* PD_CACHE_QUEUES_H */
