/*
 * Where the entries of a store lie: slots and items of the slab for small ones,
 * an allocation and a slot that points to it for large ones; room for them
 * within the limit; and the moves that empty pages and keep slots low. The
 * arrays by slot, the policy's too, are memory that the limit counts: they grow
 * in small steps and shrink with the residents.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "cache/store.h"
#include "cache/store_priv.h"

#define STEP_MOST 65536u    /* slots */
#define SPARSE 128u	    /* of 1024 items of a class free: worth moves, */
#define SPARSE_TIGHT 32u    /* and where the limit is near */
#define TIGHT_SHARE 64	    /* of the limit */
#define IDLE_SHARE 64	    /* of the pages may be free and kept */
#define EVICTIONS_A_LOOK 64 /* between looks at sparse pages, ... */
#define MOVES_A_LOOK 128    /* ... by who evicts */
#define SPARE_STEP 4096	    /* bytes by which the share for waste changes */
#define SPARE_CLASS 2048    /* bytes of a class that are waste, about, ... */
#define SPARE_CLASS_MOST 32768
#define SPARE_PART 32 /* ... and this part of all pages */

uint64_t
pd_store_slots_memory(const struct pd_store *st)
{
	return pd_slab_tables(&st->slab);
}

uint64_t
pd_store_waste(const struct pd_store *st)
{
	return st->slab.held > st->slab.used ? st->slab.held - st->slab.used
					     : 0;
}

size_t
pd_store_entry_bytes(const struct pd_store *st, const struct pd_entry *e)
{
	const struct pd_entry_parts r = pd_entry_parts(e);
	uint32_t class;

	if (r.large)
		return store_large_bytes(e) +
		       st->slab.class[PD_SLAB_POINTERS].bytes;
	class = pd_slab_class(
	    &st->slab, pd_entry_need(r.klen, r.vlen, r.db, r.expiry));
	return st->slab.class[class].bytes;
}

size_t
store_slot_bytes(const struct pd_store *st, uint32_t slot)
{
	const uint32_t class = pd_slab_page(&st->slab, slot)->class;
	const size_t n = st->slab.class[class].bytes;

	return class == PD_SLAB_POINTERS
		   ? n + store_large_bytes(store_at(st, slot))
		   : n;
}

static void
count_bytes(struct pd_store *st)
{
	st->entry_bytes = st->slab.used + st->large_bytes;
}

static void
add_large(struct pd_store *st, uint64_t n)
{
	st->large_bytes += n;
	if (st->large_bytes > st->large_most)
		st->large_most = st->large_bytes;
}

/* What waste of pages is to be expected, for the limit; it changes slowly, so
 * that nothing is evicted at once for it. */
void
store_expect_waste(struct pd_store *st)
{
	const uint64_t classes = st->slab.active;
	uint64_t want =
	    st->slab.held / SPARE_PART + classes * (uint64_t)SPARE_CLASS;

	if (want > classes * SPARE_CLASS_MOST)
		want = classes * SPARE_CLASS_MOST;
	if (want > st->spare_bytes + SPARE_STEP)
		want = st->spare_bytes + SPARE_STEP;
	st->spare_bytes = want;
}

/* Slots. */

/* Bytes that a slot costs, about. */
static uint64_t
slot_bytes(const struct pd_store *st)
{
	const uint64_t policy = st->policy->ops->memory(st->policy);
	const uint32_t slots = pd_slab_slots(&st->slab);

	return 1 + (slots == 0 ? 0 : policy / slots);
}

/*
 * How many slots to add: a 32nd, but no more than half of the memory left
 * pays for. 0 where evicting for the next object is better.
 */
static uint32_t
slot_step(const struct pd_store *st)
{
	const uint32_t slots = pd_slab_slots(&st->slab);
	uint64_t n = slots / 32, left, most;

	n = n < PD_STORE_SLOTS_MIN ? PD_STORE_SLOTS_MIN
	    : n > STEP_MOST	   ? STEP_MOST
				   : n / PD_SLAB_BLOCK * PD_SLAB_BLOCK;
	if (st->cfg.maxmemory == 0 || slots == 0)
		return (uint32_t)n;
	left = pd_store_memory(st);
	left = left < st->cfg.maxmemory ? st->cfg.maxmemory - left : 0;
	most = left / 2 / slot_bytes(st);
	if (most >= n)
		return (uint32_t)n;
	if (most > slots / 64 || !st->cfg.evict)
		return (uint32_t)(most / PD_SLAB_BLOCK + 1) * PD_SLAB_BLOCK;
	return st->total > 0 ? 0 : PD_SLAB_BLOCK;
}

int
store_set_slots(struct pd_store *st, uint32_t n)
{
	assert(n >= pd_slab_top(&st->slab) && n > 0);
	if (n > PD_INDEX_MOST - STEP_MOST)
		return -1;
	if (st->policy->ops->reserve(st->policy, n) ||
	    pd_refetch_reserve(&st->costs, n))
		return -1;
	return pd_slab_set_slots(&st->slab, n);
}

void
store_reset_slots(struct pd_store *st)
{
	struct pd_slab fresh;

	assert(st->slab.used == 0);
	if (pd_slab_init(&fresh, st->cfg.maxmemory))
		return;
	pd_slab_release(&st->slab);
	st->slab = fresh;
	st->spare_bytes = 0;
}

static int
more_slots(struct pd_store *st)
{
	const uint32_t step = slot_step(st);

	return step == 0 ? store_evict_one(st)
			 : store_set_slots(st, pd_slab_slots(&st->slab) + step);
}

/* Forms. */

int
store_form(struct pd_store *st, const struct pd_key *k, size_t vlen,
    int64_t expiry, uint8_t *adopt, struct store_form *out)
{
	out->class =
	    pd_slab_class(&st->slab, pd_entry_need(k->n, vlen, k->db, expiry));
	out->large = NULL;
	if (out->class != PD_SLAB_NONE && adopt == NULL) {
		out->bytes = st->slab.class[out->class].bytes;
		return 0;
	}
	out->class = PD_SLAB_POINTERS;
	out->large = adopt != NULL ? store_large_write(adopt, k, vlen, expiry)
				   : store_large_new(k, vlen, expiry);
	if (out->large == NULL)
		return -1;
	out->bytes = st->slab.class[PD_SLAB_POINTERS].bytes +
		     store_large_bytes(out->large);
	return 0;
}

uint32_t
store_void(const struct store_form *f)
{
	if (f->large != NULL)
		pd_store_release(f->large);
	return PD_NO_SLOT;
}

bool
store_entry_fits(const struct pd_store *st, struct pd_entry *e, size_t need)
{
	const struct pd_entry_parts r = pd_entry_parts(e);
	const uint32_t class = pd_slab_class(&st->slab, need);
	size_t have;

	if (!r.large)
		return class ==
		       pd_slab_class(&st->slab,
			   pd_entry_need(r.klen, r.vlen, r.db, r.expiry));
	/* Its header is larger, its allocation holds a word of its own. */
	have = store_large_bytes(e) - sizeof(size_t) - sizeof(struct pd_large);
	return class == PD_SLAB_NONE && !store_large_held(e) &&
	       need + PD_ENTRY_HEAD <= have && need >= have / 2;
}

/* A page for a class. 0 to try again, or -1. */
static int
more_pages(struct pd_store *st, uint32_t class)
{
	const uint32_t cost = pd_slab_page_costs(&st->slab, class);

	if (cost == 0 || st->cfg.maxmemory == 0 ||
	    pd_store_memory(st) + cost <= st->cfg.maxmemory)
		return pd_slab_add_page(&st->slab, class);
	if (st->slab.idle > 0) {
		pd_slab_trim(&st->slab, 0);
		return 0;
	}
	if (store_compact(st))
		return 0;
	return st->cfg.evict ? store_evict_one(st) : -1;
}

static int
take_item(struct pd_store *st, uint32_t class, uint32_t *slot)
{
	for (;;)
		switch (pd_slab_take(&st->slab, class, slot)) {
		case PD_SLAB_TAKEN:
			return 0;
		case PD_SLAB_SLOTS:
			if (more_slots(st))
				return -1;
			break;
		case PD_SLAB_PAGE:
			if (more_pages(st, class))
				return -1;
			break;
		}
}

uint32_t
store_take(struct pd_store *st, const struct store_form *f,
    const struct pd_key *k, size_t vlen, int64_t expiry)
{
	uint32_t slot;
	void *item;

	if ((f->large != NULL && store_relieve(st, f->bytes)) ||
	    take_item(st, f->class, &slot))
		return store_void(f);
	item = pd_slab_item(&st->slab, slot);
	if (f->large != NULL) {
		memcpy(item, &f->large, sizeof(void *));
		add_large(st, store_large_bytes(f->large));
	} else {
		store_entry_write(item, k, vlen, expiry);
	}
	count_bytes(st);
	return slot;
}

void
store_drop(struct pd_store *st, uint32_t slot)
{
	struct pd_entry *e = store_at(st, slot);

	if (pd_entry_large(e)) {
		st->large_bytes -= store_large_bytes(e);
		pd_store_release(e);
	}
	pd_slab_give(&st->slab, slot);
	count_bytes(st);
}

void
store_replace_large(struct pd_store *st, uint32_t slot, struct pd_entry *e)
{
	struct pd_entry *old = store_at(st, slot);

	add_large(st, store_large_bytes(e) - store_large_bytes(old));
	memcpy(pd_slab_item(&st->slab, slot), &e, sizeof(void *));
	pd_store_release(old);
	count_bytes(st);
}

/* Moves. */

void
store_rename(struct pd_store *st, uint32_t from, uint32_t to)
{
	struct pd_key k;

	if (from == st->pinned) {
		st->pinned = to;
		if (st->orphaned)
			return;
	}
	k = pd_store_entry_key(st, store_at(st, to));
	pd_index_replace(&st->index, k.hash, from, to);
	st->policy->ops->move(st->policy, from, to);
	pd_refetch_move(&st->costs, from, to);
}

/* Move an item to another page. 0, or -1 when there is no room. */
static int
move_item(struct pd_store *st, uint32_t from)
{
	const struct pd_slab_page *p = pd_slab_page(&st->slab, from);
	const uint32_t class = p->class, size = p->size;
	uint32_t to;

	switch (pd_slab_take(&st->slab, class, &to)) {
	case PD_SLAB_TAKEN:
		break;
	case PD_SLAB_SLOTS:
		/* What is gained is more than what a few slots take. */
		if (store_set_slots(
			st, pd_slab_slots(&st->slab) + PD_SLAB_BLOCK) ||
		    pd_slab_take(&st->slab, class, &to) != PD_SLAB_TAKEN)
			return -1;
		break;
	case PD_SLAB_PAGE:
		return -1;
	}
	memcpy(
	    pd_slab_item(&st->slab, to), pd_slab_item(&st->slab, from), size);
	store_rename(st, from, to);
	pd_slab_give(&st->slab, from);
	return 0;
}

bool
store_compact(struct pd_store *st)
{
	uint32_t slot;

	if (pd_slab_sparse(&st->slab, 0) == PD_SLAB_NONE)
		return false;
	while ((slot = pd_slab_to_move(&st->slab)) != PD_NO_SLOT)
		if (move_item(st, slot)) {
			pd_slab_stay(&st->slab);
			return false;
		}
	return true;
}

int
store_relieve(struct pd_store *st, uint64_t more)
{
	while (st->cfg.maxmemory > 0 &&
	       pd_store_memory(st) + more > st->cfg.maxmemory) {
		if (st->slab.idle > 0)
			pd_slab_trim(&st->slab, 0);
		else if (!store_compact(st) &&
			 (!st->cfg.evict || store_evict_one(st)))
			return -1;
	}
	return 0;
}

/* Items of the highest slots get lower names, and the memory of slots that are
 * not used goes back. How many were moved, at most about ${n}. */
static unsigned
lower_slots(struct pd_store *st, unsigned n)
{
	const uint32_t want =
	    (st->slab.taken + st->slab.taken / 16) * PD_SLAB_BLOCK +
	    PD_STORE_SLOTS_MIN;
	const uint32_t slots = pd_slab_slots(&st->slab);
	unsigned moved = 0, bits, i;
	uint32_t from, to;

	if (want >= slots - slots / 8)
		return 0;
	while (moved < n && pd_slab_top(&st->slab) > want) {
		if ((bits = pd_slab_lower(&st->slab, &from, &to)) == 0)
			break;
		for (; bits != 0; bits &= bits - 1, moved++) {
			i = (unsigned)__builtin_ctz(bits);
			store_rename(st, from + i, to + i);
		}
	}
	if (pd_slab_top(&st->slab) <= want)
		(void)store_set_slots(st, want);
	return moved;
}

bool
pd_store_defrag(struct pd_store *st, unsigned n)
{
	const bool tight =
	    st->cfg.maxmemory > 0 &&
	    pd_store_memory(st) >
		st->cfg.maxmemory - st->cfg.maxmemory / TIGHT_SHARE;
	const unsigned least = tight ? SPARSE_TIGHT : SPARSE;
	unsigned moved = 0;
	uint32_t slot;

	while (moved < n) {
		if (pd_slab_sparse(&st->slab, least) == PD_SLAB_NONE)
			break;
		if ((slot = pd_slab_to_move(&st->slab)) == PD_NO_SLOT)
			continue;
		if (move_item(st, slot)) {
			pd_slab_stay(&st->slab);
			break;
		}
		moved++;
	}
	if (moved < n)
		moved += lower_slots(st, n - moved);
	pd_slab_trim(&st->slab, tight ? 0 : st->slab.held / IDLE_SHARE);
	return moved >= n;
}

void
store_evicted(struct pd_store *st)
{
	if (++st->evictions < EVICTIONS_A_LOOK)
		return;
	st->evictions = 0;
	(void)pd_store_defrag(st, MOVES_A_LOOK);
}
