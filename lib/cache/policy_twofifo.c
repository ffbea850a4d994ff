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

#include "cache/policy_table.h"
#include "cache/queues.h"

#define PROMOTE 2  /* hits in the small queue that earn a place in main */
#define HITS_MAX 3 /* counted in the own tag */

enum {
	SMALL,
	MAIN,
};

struct twofifo {
	struct pd_queues q;
	uint64_t main_units; /* limits */
	uint64_t ghost_units;
	uint64_t incoming; /* units about to enter main: a ghost returned */
};

static void
set_capacity(struct pd_policy *p, uint64_t capacity)
{
	struct twofifo *t = (struct twofifo *)p;
	const uint64_t small = capacity / 10;

	t->main_units = capacity - (small > 0 ? small : 1);
	t->ghost_units = capacity / 10 * 9 + capacity % 10 * 9 / 10;
	pd_ghosttab_trim(&t->q.ghosts, 0, t->ghost_units);
}

static struct pd_policy *
create(const struct pd_policy_params *params, const struct pd_policy_ops *ops,
    struct pd_err *err)
{
	struct twofifo *t = pd_queues_new(sizeof(*t), ops, params,
	    PD_SLOTS_LINK | PD_SLOTS_TAG | PD_SLOTS_SIZE, err);

	if (t == NULL)
		return NULL;
	set_capacity(&t->q.base, params->capacity);
	return &t->q.base;
}

static unsigned
hits_of(const struct twofifo *t, uint32_t slot)
{
	return t->q.slots.tag[slot] & PD_QUEUE_OWN;
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct twofifo *t = (struct twofifo *)p;

	(void)acc;
	if (hits_of(t, slot) < HITS_MAX)
		t->q.slots.tag[slot]++;
}

static void
miss(struct pd_policy *p, const struct pd_access *acc)
{
	struct twofifo *t = (struct twofifo *)p;
	const int ghost =
	    pd_ghosttab_take(&t->q.ghosts, pd_slots_print(acc->key));

	t->incoming = ghost >= 0 ? acc->size : 0;
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct twofifo *t = (struct twofifo *)p;

	pd_queue_add(&t->q, slot, t->incoming > 0 ? MAIN : SMALL, acc);
	t->incoming = 0;
}

/* The oldest of main that was not asked again since its last round. */
static uint32_t
victim_main(struct twofifo *t)
{
	uint32_t slot;

	for (;;) {
		slot = t->q.list[MAIN].oldest;
		if (slot == PD_NO_SLOT || hits_of(t, slot) == 0)
			return slot;
		t->q.slots.tag[slot]--;
		pd_slist_renew(&t->q.slots, &t->q.list[MAIN], slot);
	}
}

/* The oldest of small that did not earn main; the others before it move. */
static uint32_t
victim_small(struct twofifo *t)
{
	uint32_t slot;

	for (;;) {
		slot = t->q.list[SMALL].oldest;
		if (slot == PD_NO_SLOT || hits_of(t, slot) < PROMOTE)
			return slot;
		pd_queue_shift(&t->q, slot, MAIN);
	}
}

static uint32_t
victim_s3fifo(struct pd_policy *p, uint64_t tick)
{
	struct twofifo *t = (struct twofifo *)p;
	uint32_t slot;

	(void)tick;
	if (t->q.list[MAIN].units > t->main_units ||
	    t->q.list[SMALL].count == 0)
		return victim_main(t);
	slot = victim_small(t);
	return slot != PD_NO_SLOT ? slot : victim_main(t);
}

static bool
main_is_full(const struct twofifo *t, uint64_t more)
{
	return t->q.list[MAIN].count > 0 &&
	       t->q.list[MAIN].units + more > t->main_units;
}

static uint32_t
victim_qdlp(struct pd_policy *p, uint64_t tick)
{
	struct twofifo *t = (struct twofifo *)p;
	uint32_t slot, out;

	(void)tick;
	if (t->incoming > 0 && main_is_full(t, t->incoming))
		return victim_main(t);
	for (;;) {
		slot = t->q.list[SMALL].oldest;
		if (slot == PD_NO_SLOT)
			return victim_main(t);
		if (hits_of(t, slot) == 0)
			return slot;
		out = main_is_full(t, pd_slots_units(&t->q.slots, slot))
			  ? victim_main(t)
			  : PD_NO_SLOT;
		pd_queue_shift(&t->q, slot, MAIN);
		if (out != PD_NO_SLOT)
			return out;
	}
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct twofifo *t = (struct twofifo *)p;

	pd_queues_remove(p, slot, key, evicted);
	if (evicted && pd_queue_of(&t->q, slot) == SMALL)
		pd_queue_ghost(&t->q, 0, slot, key, t->ghost_units);
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
    .destroy = pd_queues_destroy,
    .reserve = pd_queues_reserve,
    .move = pd_queues_move,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim_s3fifo,
    .remove = remove_slot,
    .set_capacity = set_capacity,
    .set_size = pd_queues_set_size,
    .set_history = pd_queues_set_history,
    .memory = pd_queues_memory,
    .look = pd_queues_look,
    .each = pd_queues_each,
};

const struct pd_policy_ops pd_policy_qdlp = {
    .name = "qdlp",
    .help = "small FIFO before a CLOCK, with ghosts (Yang, HotOS 2023)",
    .create = create_qdlp,
    .destroy = pd_queues_destroy,
    .reserve = pd_queues_reserve,
    .move = pd_queues_move,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim_qdlp,
    .remove = remove_slot,
    .set_capacity = set_capacity,
    .set_size = pd_queues_set_size,
    .set_history = pd_queues_set_history,
    .memory = pd_queues_memory,
    .look = pd_queues_look,
    .each = pd_queues_each,
};
