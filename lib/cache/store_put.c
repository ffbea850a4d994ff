/*
 * Writing a key: a new entry, another value of one that is there, another
 * expiry. What is written keeps its slot while it fits, and is pinned while
 * room is made: the policy may choose to evict the very entry that is being
 * written, which is then made resident again.
 */

#include <string.h>

#include "base/err.h"
#include "cache/context.h"
#include "cache/store.h"
#include "cache/store_priv.h"
#include "cache/tap.h"
#include "cache/whatif.h"
#include "data/event.h"

#define PENDING_AGE 65536 /* ticks after which a miss has been given up */

/* The tick of the access that this write belongs to; *fill says whether it
 * completes an earlier miss, and *took how long ago that was, if it is known
 * to be longer than nothing. */
static uint64_t
access_miss(
    struct pd_store *st, const struct pd_key *k, bool *fill, uint64_t *took)
{
	struct pd_miss *m = store_pending(st, k->hash);
	struct pd_access acc;
	uint64_t tick;

	*took = 0;

	*fill = m->tick != 0 && m->hash == k->hash &&
		st->tick - m->tick < PENDING_AGE;
	if (*fill) {
		tick = m->tick;
		m->tick = 0;
		if (m->us != 0 && st->asked_us > m->us)
			*took = st->asked_us - m->us;
		st->stats->fills++;
		return tick;
	}
	st->tick++;
	if (pd_context_access(st->context, k->hash, false, 0, st->tick)) {
		acc = store_access(st, k->hash, PD_NO_SLOT, PD_OP_SET);
		store_told_access(st, k, NULL, &acc, false);
	}
	return st->tick;
}

static enum pd_store_status
refuse(struct pd_store *st)
{
	st->stats->refused_memory++;
	return PD_STORE_MEMORY;
}

int
store_place(struct pd_store *st, const struct pd_key *k, uint32_t slot,
    const struct pd_access *acc, pd_refetch_note cost)
{
	if (pd_index_add(&st->index, k->hash, slot))
		return -1;
	pd_refetch_set(&st->costs, slot, cost);
	st->policy->ops->insert(st->policy, slot, acc);
	st->count[k->db]++;
	st->total++;
	if (pd_entry_expiry(store_at(st, slot)) != 0)
		st->expiring[k->db]++;
	return 0;
}

/* What it takes to fetch a key again that is written now. */
static pd_refetch_note
cost_of(struct pd_store *st, const struct pd_key *k, const struct pd_put *put,
    uint64_t took)
{
	if (put->cost != 0)
		return pd_refetch_hinted(put->cost);
	return pd_refetch_measured(
	    &st->costs, pd_refetch_past(&st->costs, k->hash), took);
}

/* The value is all the caller's, but for what was to be kept of none. */
static void
zero_value(struct pd_entry *e, size_t from, const struct pd_put *put)
{
	const size_t to = put->keep < put->len ? put->keep : put->len;

	if (to > from)
		memset(store_entry_value(e) + from, 0, to - from);
}

static enum pd_store_status
insert(struct pd_store *st, const struct pd_key *k, const struct pd_put *put,
    int64_t expiry, uint32_t *out)
{
	struct store_form form;
	struct pd_access acc;
	pd_refetch_note cost;
	bool fill;
	uint64_t tick, took;
	uint32_t slot;

	tick = access_miss(st, k, &fill, &took);
	cost = cost_of(st, k, put, took);
	if (store_form(st, k, put->len, expiry, put->adopt, &form))
		return refuse(st);
	/* A fill is the read that missed: nobody wrote. */
	acc = store_access_of(st, k->hash, form.bytes, put->len, expiry,
	    fill ? PD_OP_GET : put->op);
	acc.tick = tick;
	acc.cost = pd_refetch_guess(&st->costs, cost);
	if (pd_context_fill(st->context, k->hash, acc.size, tick))
		store_told_fill(st, k, expiry, &acc);
	st->policy->ops->miss(st->policy, &acc);
	slot = store_make_room_for(st, form.bytes, 1)
		   ? store_void(&form)
		   : store_take(st, &form, k, put->len, expiry);
	if (slot == PD_NO_SLOT)
		goto err0;
	if (store_place(st, k, slot, &acc, cost)) {
		store_drop(st, slot);
		goto err0;
	}
	zero_value(store_at(st, slot), 0, put);
	if (fill) {
		st->stats->fill_bytes += put->len;
		st->stats->fill_cost_us += pd_refetch_us(cost);
	}
	if (store_tapped(st, k))
		store_tap(st, k, put->op, slot, fill ? PD_EV_FILL : 0, tick);
	*out = slot;
	return PD_STORE_OK;
err0:
	pd_whatif_remove(st->whatif, k->hash, true);
	return refuse(st);
}

/* Make the pinned slot, which was evicted, resident again. 0, or -1 out of
 * memory. */
static int
place_again(struct pd_store *st, const struct pd_key *k, unsigned op)
{
	const pd_refetch_note cost = pd_refetch_past(&st->costs, k->hash);
	struct pd_access acc = store_access(st, k->hash, st->pinned, op);

	acc.cost = pd_refetch_guess(&st->costs, cost);
	st->policy->ops->miss(st->policy, &acc);
	if (store_place(st, k, st->pinned, &acc, cost))
		return -1;
	st->orphaned = false;
	if (pd_context_selects(k->hash, pd_context_shift(st->context)))
		store_told_fill(
		    st, k, pd_entry_expiry(store_at(st, st->pinned)), &acc);
	return 0;
}

/* An entry that stays got another expiry. */
static void
count_expiry(struct pd_store *st, unsigned db, int64_t old, int64_t expiry)
{
	if (old == 0 && expiry != 0)
		st->expiring[db]++;
	else if (old != 0 && expiry == 0)
		st->expiring[db]--;
}

/* Give the pinned entry another form, in another slot or allocation, with the
 * first ${keep} bytes of its value. 0, or -1 out of memory. */
static int
transform(struct pd_store *st, const struct pd_key *k, const struct pd_put *put,
    int64_t expiry, size_t keep)
{
	const struct pd_entry_parts was =
	    pd_entry_parts(store_at(st, st->pinned));
	struct store_form form;
	struct pd_access acc;
	uint32_t old, slot;

	if (store_form(st, k, put->len, expiry, put->adopt, &form))
		return -1;
	if (keep > put->len)
		keep = put->len;
	if (form.large != NULL && was.large) {
		memcpy(store_entry_value(form.large),
		    pd_entry_value(store_at(st, st->pinned)), keep);
		store_replace_large(st, st->pinned, form.large);
		count_expiry(st, k->db, was.expiry, expiry);
	} else {
		slot = store_take(st, &form, k, put->len, expiry);
		if (slot == PD_NO_SLOT)
			return -1;
		/* It may have moved, or left, to make room. */
		old = st->pinned;
		memcpy(store_entry_value(store_at(st, slot)),
		    pd_entry_value(store_at(st, old)), keep);
		store_rename(st, old, slot);
		st->pinned = slot;
		store_drop(st, old);
		if (!st->orphaned)
			count_expiry(st, k->db, was.expiry, expiry);
		else if (place_again(st, k, put->op))
			return -1;
	}
	acc = store_access(st, k->hash, st->pinned, put->op);
	if (st->cfg.maxobjects == 0 && st->policy->ops->set_size != NULL)
		st->policy->ops->set_size(st->policy, st->pinned, &acc);
	return 0;
}

/* A change of the pinned entry's value or expiry. 0, or -1 out of memory. */
static int
change(struct pd_store *st, const struct pd_key *k, const struct pd_put *put,
    int64_t expiry)
{
	struct pd_entry *e = store_at(st, st->pinned);
	const struct pd_entry_parts r = pd_entry_parts(e);
	const size_t keep = put->keep < r.vlen ? put->keep : r.vlen;

	/* The most usual: only bytes change. Small entries are never held. */
	if (put->adopt == NULL && put->len == r.vlen && expiry == r.expiry &&
	    !pd_entry_large(e))
		return 0;
	if (put->adopt != NULL ||
	    !store_entry_fits(
		st, e, pd_entry_need(k->n, put->len, k->db, expiry)))
		return transform(st, k, put, expiry, keep);
	store_entry_reshape(e, put->len, keep, expiry);
	count_expiry(st, k->db, r.expiry, expiry);
	return 0;
}

/* No slot outlives its removal any more. */
static uint32_t
unpin(struct pd_store *st)
{
	uint32_t slot = st->pinned;

	st->pinned = PD_NO_SLOT;
	if (st->orphaned) {
		store_drop(st, slot);
		slot = PD_NO_SLOT;
	}
	st->orphaned = false;
	return slot;
}

/* What a change of a resident may make more of. */
static uint64_t
resident_bytes(const struct pd_store *st)
{
	return st->slab.held + st->slab.used + st->large_bytes +
	       st->spare_bytes + st->whatif_bytes;
}

static enum pd_store_status
update(struct pd_store *st, const struct pd_key *k, const struct pd_put *put,
    int64_t expiry, uint32_t slot, uint32_t *out)
{
	const size_t old = pd_entry_len(store_at(st, slot));
	const uint64_t before = resident_bytes(st);

	if (put->cost != 0)
		pd_refetch_set(&st->costs, slot, pd_refetch_hinted(put->cost));
	/* The policy may choose to evict what has just been written. */
	st->pinned = slot;
	if (change(st, k, put, expiry))
		goto err0;
	/* Size and time to live as they are now. */
	store_access_hit(st, k, st->pinned, put->op, false);
	zero_value(store_at(st, st->pinned), old, put);
	if (store_tapped(st, k))
		store_tap(st, k, put->op, st->pinned, PD_EV_HIT, st->tick);
	if (resident_bytes(st) > before && store_make_room_for(st, 0, 0))
		goto err0;
	if (st->orphaned && place_again(st, k, put->op))
		goto err0;
	*out = unpin(st);
	return PD_STORE_OK;
err0:
	(void)unpin(st);
	return refuse(st);
}

/* A put whose adopt is NULL or will be a large entry. */
static enum pd_store_status
put_value(struct pd_store *st, const struct pd_key *k, const struct pd_put *put,
    uint8_t **value)
{
	const uint64_t need = pd_entry_need(k->n, put->len, k->db, INT64_MAX);
	const double share = (double)st->cfg.maxmemory * st->cfg.max_share;
	enum pd_store_status r;
	int64_t expiry = put->expiry;
	uint32_t slot;

	if (put->len > st->cfg.max_value ||
	    (st->cfg.maxmemory > 0 && (double)need > share)) {
		st->stats->refused_large++;
		pd_store_value_free(put->adopt, k->n);
		return PD_STORE_LARGE;
	}
	if (!st->cfg.evict && store_full(st, need)) {
		pd_store_value_free(put->adopt, k->n);
		return refuse(st);
	}
	slot = store_find(st, k);
	if (st->restoring != NULL)
		store_restore_note(st, k->hash);
	if (st->changed != NULL)
		st->changed(st->changed_cookie, k);
	if (expiry == PD_EXPIRY_KEEP)
		expiry = slot == PD_NO_SLOT
			     ? 0
			     : pd_entry_expiry(store_at(st, slot));
	r = slot != PD_NO_SLOT ? update(st, k, put, expiry, slot, &slot)
			       : insert(st, k, put, expiry, &slot);
	if (r != PD_STORE_OK)
		return r;
	st->stats->writes++;
	*value = store_entry_value(store_at(st, slot));
	return PD_STORE_OK;
}

/* What is adopted may be small enough to be copied after all. */
static enum pd_store_status
put_adopted(struct pd_store *st, const struct pd_key *k,
    const struct pd_put *put, uint8_t **value)
{
	struct pd_put small = *put;
	enum pd_store_status r;

	if (pd_slab_class(&st->slab, pd_entry_need(k->n, put->len, k->db,
					 put->expiry)) == PD_SLAB_NONE)
		return put_value(st, k, put, value);
	small.adopt = NULL;
	r = put_value(st, k, &small, value);
	if (r == PD_STORE_OK)
		memcpy(*value, put->adopt, put->len);
	pd_store_value_free(put->adopt, k->n);
	return r;
}

enum pd_store_status
pd_store_put(struct pd_store *st, const struct pd_key *k,
    const struct pd_put *put, uint8_t **value)
{
	return put->adopt == NULL ? put_value(st, k, put, value)
				  : put_adopted(st, k, put, value);
}

struct pd_entry *
pd_store_set_expiry(struct pd_store *st, struct pd_entry *e, int64_t expiry)
{
	const struct pd_put same = {.len = pd_entry_len(e),
	    .keep = pd_entry_len(e),
	    .op = PD_OP_EXPIRE};
	struct pd_key k = pd_store_entry_key(st, e);
	uint8_t name[PD_SLAB_MOST];
	uint32_t slot;
	int failed;

	if (st->restoring != NULL)
		store_restore_note(st, k.hash);
	if (st->changed != NULL)
		st->changed(st->changed_cookie, &k);
	st->pinned = store_find(st, &k);
	if (st->pinned == PD_NO_SLOT)
		return NULL;
	/* A small entry may move, and its key with it. */
	if (!pd_entry_large(e))
		k.p = memcpy(name, k.p, k.n);
	failed = change(st, &k, &same, expiry);
	slot = unpin(st);
	if (failed || slot == PD_NO_SLOT)
		return NULL;
	e = store_at(st, slot);
	k.p = pd_entry_key(e);
	pd_whatif_set_expiry(st->whatif, k.hash, k.db, expiry);
	if (store_tapped(st, &k))
		store_tap(st, &k, PD_OP_EXPIRE, slot, PD_EV_HIT, st->tick);
	return e;
}
