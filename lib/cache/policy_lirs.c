/*
 * LIRS (Jiang and Zhang, "LIRS: an efficient low inter-reference recency set
 * replacement policy", SIGMETRICS 2002). Residents are LIR (asked again within
 * a short distance; 99% of the capacity) or HIR. The stack S orders LIR, some
 * HIR and ghosts of HIR by their last request; its bottom is always LIR. An
 * object of S that is asked again has a shorter distance than the LIR at the
 * bottom and takes its place. Victims come from Q, the resident HIR in order
 * of arrival. Ghosts are bounded: S holds at most twice the capacity, beyond
 * it forgets the oldest ghosts.
 *
 * A place in S is named by a reference: a slot, or GHOST and the entry of a
 * ghost.
 */

#include <stdlib.h>

#include "base/err.h"
#include "cache/policy_table.h"
#include "cache/queues.h"

#define GHOST 0x80000000u

enum {
	LIR = 1,
	IN_STACK = 2,
};

struct lirs {
	struct pd_queues q;	 /* list 0: Q; own tag: LIR, IN_STACK */
	struct pd_slink *stack;	 /* by slot */
	struct pd_slink *gstack; /* by ghost entry */
	uint32_t gcap;
	uint32_t top; /* references, or PD_NO_SLOT */
	uint32_t bottom;
	uint64_t stack_units;
	uint64_t lir_units;
	uint64_t lir_limit;
	uint64_t stack_limit;
	bool returning; /* the miss before this insert found a ghost in S */
};

static struct pd_slink *
link_of(struct lirs *l, uint32_t ref)
{
	return ref & GHOST ? &l->gstack[ref & ~GHOST] : &l->stack[ref];
}

static uint32_t
units_of(const struct lirs *l, uint32_t ref)
{
	return ref & GHOST ? l->q.ghosts.entry[ref & ~GHOST].size
			   : pd_slots_units(&l->q.slots, ref);
}

static void
stack_push(struct lirs *l, uint32_t ref)
{
	struct pd_slink *k = link_of(l, ref);

	k->newer = PD_NO_SLOT;
	k->older = l->top;
	if (l->top != PD_NO_SLOT)
		link_of(l, l->top)->newer = ref;
	else
		l->bottom = ref;
	l->top = ref;
	l->stack_units += units_of(l, ref);
}

static void
stack_remove(struct lirs *l, uint32_t ref)
{
	const struct pd_slink k = *link_of(l, ref);

	if (k.newer != PD_NO_SLOT)
		link_of(l, k.newer)->older = k.older;
	else
		l->top = k.older;
	if (k.older != PD_NO_SLOT)
		link_of(l, k.older)->newer = k.newer;
	else
		l->bottom = k.newer;
	l->stack_units -= units_of(l, ref);
}

/* ${to} takes the place in S that ${from} has. */
static void
stack_replace(struct lirs *l, uint32_t from, uint32_t to)
{
	const struct pd_slink k = *link_of(l, from);

	*link_of(l, to) = k;
	if (k.newer != PD_NO_SLOT)
		link_of(l, k.newer)->older = to;
	else
		l->top = to;
	if (k.older != PD_NO_SLOT)
		link_of(l, k.older)->newer = to;
	else
		l->bottom = to;
}

/* Forget a ghost, which is in S. */
static void
drop_ghost(struct lirs *l, uint32_t entry)
{
	stack_remove(l, GHOST | entry);
	pd_ghosttab_del(&l->q.ghosts, entry);
}

/* Stack pruning: what lies below the oldest LIR tells nothing. */
static void
prune(struct lirs *l)
{
	uint32_t ref;

	while ((ref = l->bottom) != PD_NO_SLOT) {
		if (ref & GHOST) {
			drop_ghost(l, ref & ~GHOST);
			continue;
		}
		if (l->q.slots.tag[ref] & LIR)
			break;
		stack_remove(l, ref);
		l->q.slots.tag[ref] = 0;
	}
}

/* The LIR at the bottom becomes HIR, at the end of Q. */
static void
demote(struct lirs *l)
{
	const uint32_t slot = l->bottom;

	stack_remove(l, slot);
	l->lir_units -= pd_slots_units(&l->q.slots, slot);
	l->q.slots.tag[slot] = 0;
	pd_slist_push(&l->q.slots, &l->q.list[0], slot);
	prune(l);
}

static void
limit_lir(struct lirs *l)
{
	prune(l);
	while (l->lir_units > l->lir_limit)
		demote(l);
}

/* The reference that ${ref} is after its ghost got another entry. */
static uint32_t
renamed(const uint32_t *map, uint32_t ref)
{
	return ref & GHOST && ref != PD_NO_SLOT ? GHOST | map[ref & ~GHOST]
						: ref;
}

/* Give back the memory of ghosts that are no more. What cannot shrink stays. */
static void
compact_ghosts(struct lirs *l)
{
	uint32_t *map = malloc(((size_t)l->gcap + 1) * sizeof(*map));
	struct pd_slink *g = malloc(((size_t)l->gcap + 1) * sizeof(*g));
	struct pd_slink k;
	uint32_t ref, next;
	void *less;

	if (map == NULL || g == NULL ||
	    pd_ghosttab_compact(&l->q.ghosts, map) < 0)
		goto out;
	for (ref = l->bottom; ref != PD_NO_SLOT; ref = next) {
		k = *link_of(l, ref);
		next = k.newer;
		k.older = renamed(map, k.older);
		k.newer = renamed(map, k.newer);
		if (ref & GHOST)
			g[map[ref & ~GHOST]] = k;
		else
			l->stack[ref] = k;
	}
	l->top = renamed(map, l->top);
	l->bottom = renamed(map, l->bottom);
	free(l->gstack);
	l->gstack = g;
	less = realloc(g, ((size_t)l->q.ghosts.cap + 1) * sizeof(*g));
	if (less != NULL) {
		l->gstack = less;
		l->gcap = l->q.ghosts.cap;
	}
	g = NULL;
out:
	free(map);
	free(g);
}

static void
limit_stack(struct lirs *l)
{
	while (l->q.ghosts.list[0].count > 0 &&
	       (l->stack_units > l->stack_limit ||
		   l->q.ghosts.list[0].count > l->q.ghosts.most))
		drop_ghost(l, l->q.ghosts.list[0].oldest);
	if (pd_ghosttab_is_loose(&l->q.ghosts))
		compact_ghosts(l);
}

static void
set_capacity(struct pd_policy *p, uint64_t capacity)
{
	struct lirs *l = (struct lirs *)p;
	const uint64_t hir = capacity / 100;

	l->lir_limit = capacity - (hir > 0 ? hir : 1);
	l->stack_limit = capacity * 2;
	limit_lir(l);
	limit_stack(l);
}

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct lirs *l = pd_queues_new(sizeof(*l), &pd_policy_lirs, params,
	    PD_SLOTS_LINK | PD_SLOTS_TAG | PD_SLOTS_SIZE, err);

	if (l == NULL)
		return NULL;
	l->top = PD_NO_SLOT;
	l->bottom = PD_NO_SLOT;
	set_capacity(&l->q.base, params->capacity);
	return &l->q.base;
}

static void
destroy(struct pd_policy *p)
{
	struct lirs *l = (struct lirs *)p;

	free(l->stack);
	free(l->gstack);
	pd_queues_destroy(p);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	struct lirs *l = (struct lirs *)p;
	struct pd_slink *stack;

	if (n >= GHOST)
		return -1;
	stack = realloc(l->stack, n * sizeof(*stack));
	if (stack == NULL && n > l->q.slots.n)
		return -1;
	l->stack = stack != NULL ? stack : l->stack;
	return pd_queues_reserve(p, n);
}

static void
make_lir(struct lirs *l, uint32_t slot)
{
	l->q.slots.tag[slot] = LIR | IN_STACK;
	l->lir_units += pd_slots_units(&l->q.slots, slot);
	stack_push(l, slot);
	limit_lir(l);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct lirs *l = (struct lirs *)p;
	const uint8_t tag = l->q.slots.tag[from];
	struct pd_slist none = PD_SLIST_INIT;

	if (tag & IN_STACK)
		stack_replace(l, from, to);
	/* LIR are on no list of the slots: they have no neighbours. */
	if (tag & LIR)
		l->q.slots.link[from] =
		    (struct pd_slink){PD_NO_SLOT, PD_NO_SLOT};
	pd_slist_move(&l->q.slots, tag & LIR ? &none : &l->q.list[0], from, to);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lirs *l = (struct lirs *)p;
	const uint8_t tag = l->q.slots.tag[slot];

	(void)acc;
	if (tag & IN_STACK)
		stack_remove(l, slot);
	if (tag & LIR) {
		stack_push(l, slot);
		prune(l);
	} else if (tag & IN_STACK) {
		pd_slist_remove(&l->q.slots, &l->q.list[0], slot);
		make_lir(l, slot);
	} else {
		l->q.slots.tag[slot] = IN_STACK;
		stack_push(l, slot);
		pd_slist_renew(&l->q.slots, &l->q.list[0], slot);
		limit_stack(l);
	}
}

static void
miss(struct pd_policy *p, const struct pd_access *acc)
{
	struct lirs *l = (struct lirs *)p;
	const uint32_t e =
	    pd_ghosttab_find(&l->q.ghosts, pd_slots_print(acc->key));

	l->returning = e != PD_NO_SLOT;
	if (l->returning)
		drop_ghost(l, e);
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lirs *l = (struct lirs *)p;

	if (l->q.slots.size != NULL)
		l->q.slots.size[slot] = acc->size;
	if (l->returning || l->lir_units + acc->size <= l->lir_limit) {
		make_lir(l, slot);
	} else {
		l->q.slots.tag[slot] = IN_STACK;
		stack_push(l, slot);
		pd_slist_push(&l->q.slots, &l->q.list[0], slot);
	}
	l->returning = false;
	limit_stack(l);
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	struct lirs *l = (struct lirs *)p;

	(void)tick;
	if (l->q.list[0].count == 0 && l->lir_units > 0)
		demote(l);
	return l->q.list[0].oldest;
}

/* Room for the stack's links of all ghost entries. */
static int
grow_gstack(struct lirs *l)
{
	struct pd_slink *g;

	if (l->gcap >= l->q.ghosts.cap)
		return 0;
	g = realloc(l->gstack, l->q.ghosts.cap * sizeof(*g));
	if (g == NULL)
		return -1;
	l->gstack = g;
	l->gcap = l->q.ghosts.cap;
	return 0;
}

/* ${slot}, HIR in S, leaves its place there to a ghost. */
static void
leave_ghost(struct lirs *l, uint32_t slot, uint64_t key)
{
	const uint32_t print = pd_slots_print(key);
	const uint32_t old = pd_ghosttab_find(&l->q.ghosts, print);
	uint32_t e;

	if (old != PD_NO_SLOT)
		drop_ghost(l, old); /* another key, the same fingerprint */
	e = pd_ghosttab_push(
	    &l->q.ghosts, 0, print, pd_slots_units(&l->q.slots, slot));
	if (e != PD_NO_SLOT && (e & GHOST || grow_gstack(l) < 0)) {
		pd_ghosttab_del(&l->q.ghosts, e);
		e = PD_NO_SLOT;
	}
	if (e == PD_NO_SLOT)
		stack_remove(l, slot);
	else
		stack_replace(l, slot, GHOST | e);
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct lirs *l = (struct lirs *)p;
	const uint8_t tag = l->q.slots.tag[slot];

	if (tag & LIR) {
		stack_remove(l, slot);
		l->lir_units -= pd_slots_units(&l->q.slots, slot);
		prune(l);
		return;
	}
	pd_slist_remove(&l->q.slots, &l->q.list[0], slot);
	if (!(tag & IN_STACK))
		return;
	if (evicted)
		leave_ghost(l, slot, key);
	else
		stack_remove(l, slot);
	limit_stack(l);
}

static void
set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	const uint32_t size = acc->size;
	struct lirs *l = (struct lirs *)p;
	const uint32_t old = pd_slots_units(&l->q.slots, slot);
	const uint8_t tag = l->q.slots.tag[slot];

	if (l->q.slots.size == NULL)
		return;
	if (tag & IN_STACK)
		l->stack_units = l->stack_units - old + size;
	if (tag & LIR) {
		l->lir_units = l->lir_units - old + size;
		l->q.slots.size[slot] = size;
		limit_lir(l);
	} else {
		pd_slist_resize(&l->q.slots, &l->q.list[0], slot, size);
	}
}

/* A ghost here has a link in S, too. */
static void
set_history(struct pd_policy *p, uint64_t bytes)
{
	struct lirs *l = (struct lirs *)p;
	const uint64_t most =
	    bytes / (PD_GHOST_BYTES + sizeof(struct pd_slink));

	l->q.ghosts.most = most < GHOST ? (uint32_t)most : GHOST - 1;
	limit_stack(l);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct lirs *l = (const struct lirs *)p;

	return pd_queues_memory(p) +
	       ((size_t)l->q.slots.n + l->gcap) * sizeof(*l->stack);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct lirs *l = (const struct lirs *)p;
	uint32_t ref;

	pd_slist_each(&l->q.slots, &l->q.list[0], fn, cookie);
	for (ref = l->bottom; ref != PD_NO_SLOT;) {
		if (ref & GHOST) {
			ref = l->gstack[ref & ~GHOST].newer;
			continue;
		}
		if (l->q.slots.tag[ref] & LIR)
			fn(cookie, ref);
		ref = l->stack[ref].newer;
	}
}

const struct pd_policy_ops pd_policy_lirs = {
    .name = "lirs",
    .help = "low inter-reference recency set (Jiang 2002)",
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
