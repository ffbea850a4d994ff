/*
 * ARC (Megiddo and Modha, "ARC: a self-tuning, low overhead replacement
 * cache", FAST 2003): an LRU of objects asked once (T1) and one of objects
 * asked more often (T2), each with ghosts (B1, B2). A hit on a ghost of B1
 * gives T1 more room, one on a ghost of B2 less.
 */

#include <stdlib.h>

#include "base/err.h"
#include "cache/ghosttab.h"
#include "cache/policy_table.h"
#include "cache/slist.h"

enum {
	ONCE = 0, /* T1 and B1: the tag, and the list of ghosts */
	OFTEN = 1,
};

struct arc {
	struct pd_policy base;
	struct pd_slots slots;
	struct pd_slist list[2];
	struct pd_ghosttab ghosts;
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
	pd_ghosttab_trim(&a->ghosts, ONCE, capacity);
	pd_ghosttab_trim(&a->ghosts, OFTEN, capacity);
}

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct arc *a = calloc(1, sizeof(*a));

	if (a == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	a->base.ops = &pd_policy_arc;
	a->returning = -1;
	pd_slots_init(&a->slots, PD_SLOTS_LINK | PD_SLOTS_TAG |
				     (params->by_bytes ? PD_SLOTS_SIZE : 0));
	pd_slist_init(&a->list[ONCE]);
	pd_slist_init(&a->list[OFTEN]);
	pd_ghosttab_init(&a->ghosts);
	set_capacity(&a->base, params->capacity);
	return &a->base;
}

static void
destroy(struct pd_policy *p)
{
	struct arc *a = (struct arc *)p;

	pd_slots_release(&a->slots);
	pd_ghosttab_release(&a->ghosts);
	free(a);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	return pd_slots_reserve(&((struct arc *)p)->slots, n);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct arc *a = (struct arc *)p;

	pd_slist_move(&a->slots, &a->list[a->slots.tag[from]], from, to);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct arc *a = (struct arc *)p;

	(void)acc;
	pd_slist_remove(&a->slots, &a->list[a->slots.tag[slot]], slot);
	a->slots.tag[slot] = OFTEN;
	pd_slist_push(&a->slots, &a->list[OFTEN], slot);
}

/* Move the target towards the list whose ghost was asked for. */
static void
adapt(struct arc *a, int list)
{
	const double mine = (double)a->ghosts.list[list].units;
	const double other = (double)a->ghosts.list[!list].units;
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
	    pd_ghosttab_find(&a->ghosts, pd_slots_print(acc->key));

	a->incoming = acc->size;
	a->returning = -1;
	if (e == PD_NO_SLOT)
		return;
	a->returning = (int)a->ghosts.entry[e].list;
	adapt(a, a->returning);
	pd_ghosttab_del(&a->ghosts, e);
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct arc *a = (struct arc *)p;
	const uint8_t list = a->returning >= 0 ? OFTEN : ONCE;

	if (a->slots.size != NULL)
		a->slots.size[slot] = acc->size;
	a->slots.tag[slot] = list;
	pd_slist_push(&a->slots, &a->list[list], slot);
	a->returning = -1;
	a->incoming = 1;
}

/* REPLACE of the paper. */
static uint32_t
replace(const struct arc *a)
{
	const double once = (double)a->list[ONCE].units;

	if (a->list[OFTEN].count == 0 ||
	    (once > 0 && (once > a->target ||
			     (once >= a->target && a->returning == OFTEN))))
		return a->list[ONCE].oldest;
	return a->list[OFTEN].oldest;
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	struct arc *a = (struct arc *)p;
	struct pd_ghost_list *b1 = &a->ghosts.list[ONCE];
	struct pd_ghost_list *b2 = &a->ghosts.list[OFTEN];
	const uint64_t once = a->list[ONCE].units + b1->units;

	(void)tick;
	a->forget = false;
	if (a->returning >= 0)
		return replace(a);
	if (once + a->incoming > a->capacity) {
		if (b1->count > 0) {
			pd_ghosttab_del(&a->ghosts, b1->oldest);
		} else if (a->list[ONCE].count > 0) {
			a->forget = true;
			return a->list[ONCE].oldest;
		}
	} else if (once + a->list[OFTEN].units + b2->units >= 2 * a->capacity &&
		   b2->count > 0) {
		pd_ghosttab_del(&a->ghosts, b2->oldest);
	}
	return replace(a);
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct arc *a = (struct arc *)p;
	const uint8_t list = a->slots.tag[slot];

	pd_slist_remove(&a->slots, &a->list[list], slot);
	if (!evicted || a->forget)
		return;
	pd_ghosttab_push(&a->ghosts, list, pd_slots_print(key),
	    pd_slots_units(&a->slots, slot));
	pd_ghosttab_trim(&a->ghosts, list, a->capacity);
}

static void
set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	const uint32_t size = acc->size;
	struct arc *a = (struct arc *)p;

	pd_slist_resize(&a->slots, &a->list[a->slots.tag[slot]], slot, size);
}

static void
set_history(struct pd_policy *p, uint64_t bytes)
{
	struct arc *a = (struct arc *)p;

	pd_ghosttab_limit(&a->ghosts, bytes);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct arc *a = (const struct arc *)p;

	return sizeof(*a) + pd_slots_memory(&a->slots) +
	       pd_ghosttab_memory(&a->ghosts);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct arc *a = (const struct arc *)p;

	pd_slist_each(&a->slots, &a->list[ONCE], fn, cookie);
	pd_slist_each(&a->slots, &a->list[OFTEN], fn, cookie);
}

const struct pd_policy_ops pd_policy_arc = {
    .name = "arc",
    .help = "recency against frequency, tuned by ghosts (Megiddo 2003)",
    .create = create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .set_capacity = set_capacity,
    .set_size = set_size,
    .set_history = set_history,
    .memory = memory,
    .each = each,
};
