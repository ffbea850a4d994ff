/*
 * Two policies of one shape: new objects pass a small FIFO of a tenth of the
 * capacity; those that were asked again while there move on to a main FIFO,
 * the rest leave and are remembered as ghosts (as many units as nine tenths of
 * the capacity). A ghost that returns goes to main at once, and main gives
 * objects that were asked again another round, up to three.
 *
 * S3-FIFO (Yang et al., "FIFO queues are all you need for cache eviction",
 * SOSP 2023) asks for two hits in the small queue, and its main queue may grow
 * over its share until the next eviction. QD-LP-FIFO (Yang et al., "FIFO can
 * be better than LRU: the power of lazy promotion and quick demotion", HotOS
 * 2023) asks for one, and main never grows beyond its nine tenths.
 */

#include <stdlib.h>

#include "base/err.h"
#include "cache/ghosttab.h"
#include "cache/policy_table.h"
#include "cache/slist.h"

#define PROMOTE 2 /* hits in the small queue that earn a place in main */
#define HITS_MAX 3
#define IN_MAIN 0x80 /* in the tag, beside the hits */

struct twofifo {
	struct pd_policy base;
	struct pd_slots slots;
	struct pd_slist small;
	struct pd_slist main;
	struct pd_ghosttab ghosts;
	uint64_t main_units; /* limits */
	uint64_t ghost_units;
	uint64_t incoming; /* units about to enter main: a ghost returned */
};

static void
set_capacity(struct pd_policy *p, uint64_t capacity)
{
	struct twofifo *q = (struct twofifo *)p;
	const uint64_t small = capacity / 10;

	q->main_units = capacity - (small > 0 ? small : 1);
	q->ghost_units = capacity / 10 * 9 + capacity % 10 * 9 / 10;
	pd_ghosttab_trim(&q->ghosts, 0, q->ghost_units);
}

static struct pd_policy *
create(const struct pd_policy_params *params, const struct pd_policy_ops *ops,
    struct pd_err *err)
{
	struct twofifo *q = calloc(1, sizeof(*q));

	if (q == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	q->base.ops = ops;
	pd_slots_init(&q->slots, PD_SLOTS_LINK | PD_SLOTS_TAG |
				     (params->by_bytes ? PD_SLOTS_SIZE : 0));
	pd_slist_init(&q->small);
	pd_slist_init(&q->main);
	pd_ghosttab_init(&q->ghosts);
	set_capacity(&q->base, params->capacity);
	return &q->base;
}

static void
destroy(struct pd_policy *p)
{
	struct twofifo *q = (struct twofifo *)p;

	pd_slots_release(&q->slots);
	pd_ghosttab_release(&q->ghosts);
	free(q);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	return pd_slots_reserve(&((struct twofifo *)p)->slots, n);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	uint8_t *tag = &((struct twofifo *)p)->slots.tag[slot];

	(void)acc;
	if ((*tag & ~IN_MAIN) < HITS_MAX)
		(*tag)++;
}

static void
miss(struct pd_policy *p, const struct pd_access *acc)
{
	struct twofifo *q = (struct twofifo *)p;

	q->incoming =
	    pd_ghosttab_take(&q->ghosts, pd_slots_print(acc->key)) >= 0
		? acc->size
		: 0;
}

static struct pd_slist *
list_of(struct twofifo *q, uint32_t slot)
{
	return q->slots.tag[slot] & IN_MAIN ? &q->main : &q->small;
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct twofifo *q = (struct twofifo *)p;

	if (q->slots.size != NULL)
		q->slots.size[slot] = acc->size;
	q->slots.tag[slot] = q->incoming > 0 ? IN_MAIN : 0;
	pd_slist_push(&q->slots, list_of(q, slot), slot);
	q->incoming = 0;
}

/* The oldest of main that was not asked again since its last round. */
static uint32_t
victim_main(struct twofifo *q)
{
	uint32_t slot;

	for (;;) {
		slot = q->main.oldest;
		if (slot == PD_NO_SLOT || q->slots.tag[slot] == IN_MAIN)
			return slot;
		q->slots.tag[slot]--;
		pd_slist_renew(&q->slots, &q->main, slot);
	}
}

/* The oldest of small that did not earn main; the others before it move. */
static uint32_t
victim_small(struct twofifo *q)
{
	uint32_t slot;

	for (;;) {
		slot = q->small.oldest;
		if (slot == PD_NO_SLOT || q->slots.tag[slot] < PROMOTE)
			return slot;
		pd_slist_remove(&q->slots, &q->small, slot);
		q->slots.tag[slot] = IN_MAIN;
		pd_slist_push(&q->slots, &q->main, slot);
	}
}

static uint32_t
victim_s3fifo(struct pd_policy *p, uint64_t tick)
{
	struct twofifo *q = (struct twofifo *)p;
	uint32_t slot;

	(void)tick;
	if (q->main.units > q->main_units || q->small.count == 0)
		return victim_main(q);
	slot = victim_small(q);
	return slot != PD_NO_SLOT ? slot : victim_main(q);
}

static bool
main_is_full(const struct twofifo *q, uint64_t more)
{
	return q->main.count > 0 && q->main.units + more > q->main_units;
}

static uint32_t
victim_qdlp(struct pd_policy *p, uint64_t tick)
{
	struct twofifo *q = (struct twofifo *)p;
	uint32_t slot, out;

	(void)tick;
	if (q->incoming > 0 && main_is_full(q, q->incoming))
		return victim_main(q);
	for (;;) {
		slot = q->small.oldest;
		if (slot == PD_NO_SLOT)
			return victim_main(q);
		if (q->slots.tag[slot] == 0)
			return slot;
		out = main_is_full(q, pd_slots_units(&q->slots, slot))
			  ? victim_main(q)
			  : PD_NO_SLOT;
		pd_slist_remove(&q->slots, &q->small, slot);
		q->slots.tag[slot] = IN_MAIN;
		pd_slist_push(&q->slots, &q->main, slot);
		if (out != PD_NO_SLOT)
			return out;
	}
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct twofifo *q = (struct twofifo *)p;

	pd_slist_move(&q->slots, list_of(q, from), from, to);
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct twofifo *q = (struct twofifo *)p;
	struct pd_slist *l = list_of(q, slot);

	pd_slist_remove(&q->slots, l, slot);
	if (!evicted || l == &q->main)
		return;
	pd_ghosttab_push(&q->ghosts, 0, pd_slots_print(key),
	    pd_slots_units(&q->slots, slot));
	pd_ghosttab_trim(&q->ghosts, 0, q->ghost_units);
}

static void
set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	const uint32_t size = acc->size;
	struct twofifo *q = (struct twofifo *)p;

	pd_slist_resize(&q->slots, list_of(q, slot), slot, size);
}

static void
set_history(struct pd_policy *p, uint64_t bytes)
{
	struct twofifo *q = (struct twofifo *)p;

	pd_ghosttab_limit(&q->ghosts, bytes);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct twofifo *q = (const struct twofifo *)p;

	return sizeof(*q) + pd_slots_memory(&q->slots) +
	       pd_ghosttab_memory(&q->ghosts);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct twofifo *q = (const struct twofifo *)p;

	pd_slist_each(&q->slots, &q->small, fn, cookie);
	pd_slist_each(&q->slots, &q->main, fn, cookie);
}

static struct pd_policy *
create_s3fifo(const struct pd_policy_params *params, struct pd_err *err)
{
	return create(params, &pd_policy_s3fifo, err);
}

static struct pd_policy *
create_qdlp(const struct pd_policy_params *params, struct pd_err *err)
{
	return create(params, &pd_policy_qdlp, err);
}

const struct pd_policy_ops pd_policy_s3fifo = {
    .name = "s3fifo",
    .help = "small and main FIFO with ghosts (Yang 2023)",
    .create = create_s3fifo,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim_s3fifo,
    .remove = remove_slot,
    .set_capacity = set_capacity,
    .set_size = set_size,
    .set_history = set_history,
    .memory = memory,
    .each = each,
};

const struct pd_policy_ops pd_policy_qdlp = {
    .name = "qdlp",
    .help = "small FIFO before a CLOCK, with ghosts (Yang, HotOS 2023)",
    .create = create_qdlp,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim_qdlp,
    .remove = remove_slot,
    .set_capacity = set_capacity,
    .set_size = set_size,
    .set_history = set_history,
    .memory = memory,
    .each = each,
};
