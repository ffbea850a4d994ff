/*
 * ARC (Megiddo and Modha, "ARC: a self-tuning, low overhead replacement
 * cache", FAST 2003): an LRU of objects asked once (T1) and one of objects
 * asked more often (T2), each with ghosts (B1, B2). A hit on a ghost of B1
 * gives T1 more room, one on a ghost of B2 less.
 */

#include "cache/policy_table.h"
#include "cache/queues.h"

enum {
	ONCE = 0, /* T1 and B1: the list, and the list of ghosts */
	OFTEN = 1,
};

struct arc {
	struct pd_queues q;
	uint64_t capacity;
	double target;	   /* units that T1 should have */
	int returning;	   /* list of the ghost that the miss found, or -1 */
	uint32_t incoming; /* units that the miss wants */
	bool forget;	   /* the victim just named leaves no ghost */
};

/* Ghosts and residents of T1 fit the capacity, all fit twice that. */
static void
set_capacity(struct pd_policy *p, uint64_t capacity)
{
	struct arc *a = (struct arc *)p;

	a->capacity = capacity;
	if (a->target > (double)capacity)
		a->target = (double)capacity;
	pd_ghosttab_trim(&a->q.ghosts, ONCE, capacity);
	pd_ghosttab_trim(&a->q.ghosts, OFTEN, capacity);
}

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct arc *a = pd_queues_new(sizeof(*a), &pd_policy_arc, params,
	    PD_SLOTS_LINK | PD_SLOTS_TAG | PD_SLOTS_SIZE, err);

	if (a == NULL)
		return NULL;
	a->returning = -1;
	set_capacity(&a->q.base, params->capacity);
	return &a->q.base;
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct arc *a = (struct arc *)p;

	(void)acc;
	pd_queue_shift(&a->q, slot, OFTEN);
}

/* Move the target towards the list whose ghost was asked for. */
static void
adapt(struct arc *a, int list)
{
	const double mine = (double)a->q.ghosts.list[list].units;
	const double other = (double)a->q.ghosts.list[!list].units;
	const double delta = other > mine ? other / mine : 1;
	const double capacity = (double)a->capacity;

	if (list == ONCE)
		a->target =
		    a->target + delta < capacity ? a->target + delta : capacity;
	else
		a->target = a->target > delta ? a->target - delta : 0;
}

static void
miss(struct pd_policy *p, const struct pd_access *acc)
{
	struct arc *a = (struct arc *)p;
	const uint32_t e =
	    pd_ghosttab_find(&a->q.ghosts, pd_slots_print(acc->key));

	a->incoming = acc->size;
	a->returning = -1;
	if (e == PD_NO_SLOT)
		return;
	a->returning = (int)a->q.ghosts.entry[e].list;
	adapt(a, a->returning);
	pd_ghosttab_del(&a->q.ghosts, e);
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct arc *a = (struct arc *)p;

	pd_queue_add(&a->q, slot, a->returning >= 0 ? OFTEN : ONCE, acc);
	a->returning = -1;
	a->incoming = 1;
}

/* REPLACE of the paper. */
static uint32_t
replace(const struct arc *a)
{
	const double once = (double)a->q.list[ONCE].units;

	if (a->q.list[OFTEN].count == 0 ||
	    (once > 0 && (once > a->target ||
			     (once >= a->target && a->returning == OFTEN))))
		return a->q.list[ONCE].oldest;
	return a->q.list[OFTEN].oldest;
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	struct arc *a = (struct arc *)p;
	struct pd_ghost_list *b1 = &a->q.ghosts.list[ONCE];
	struct pd_ghost_list *b2 = &a->q.ghosts.list[OFTEN];
	const uint64_t once = a->q.list[ONCE].units + b1->units;

	(void)tick;
	a->forget = false;
	if (a->returning >= 0)
		return replace(a);
	if (once + a->incoming > a->capacity) {
		if (b1->count > 0) {
			pd_ghosttab_del(&a->q.ghosts, b1->oldest);
		} else if (a->q.list[ONCE].count > 0) {
			a->forget = true;
			return a->q.list[ONCE].oldest;
		}
	} else if (once + a->q.list[OFTEN].units + b2->units >=
		       2 * a->capacity &&
		   b2->count > 0) {
		pd_ghosttab_del(&a->q.ghosts, b2->oldest);
	}
	return replace(a);
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct arc *a = (struct arc *)p;

	pd_queues_remove(p, slot, key, evicted);
	if (evicted && !a->forget)
		pd_queue_ghost(
		    &a->q, pd_queue_of(&a->q, slot), slot, key, a->capacity);
}

const struct pd_policy_ops pd_policy_arc = {
    .name = "arc",
    .help = "recency against frequency, tuned by ghosts (Megiddo 2003)",
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
