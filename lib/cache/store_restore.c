/*
 * Keys of a snapshot become residents while clients use the store. They come
 * from the oldest to the newest, so that they are inserted as if they had
 * just been missed and filled; only that nobody asked: no tick passes, no
 * counter of hits or misses moves. What they were before, the policy is told
 * afterwards.
 *
 * A key that a client wrote or deleted since the start must not come back as
 * it was in the snapshot, also when it has been evicted in between. So the
 * hashes of such keys are kept as long as the snapshot loads; when they become
 * too many the rest of it is given up.
 */

#include <stdlib.h>
#include <string.h>

#include "cache/context.h"
#include "cache/keytab.h"
#include "cache/snapshot.h"
#include "cache/store.h"
#include "cache/store_priv.h"
#include "cache/whatif.h"
#include "data/event.h"

#define NOTED_MOST (1u << 20)

struct pd_restoring {
	struct pd_keytab noted;
	bool lost; /* one could not be noted */
	bool flushed[PD_STORE_DBS];
};

int
pd_store_restore_begin(struct pd_store *st)
{
	struct pd_restoring *r = calloc(1, sizeof(*r));

	if (r == NULL || pd_keytab_init(&r->noted, NOTED_MOST)) {
		free(r);
		return -1;
	}
	st->restoring = r;
	return 0;
}

void
pd_store_restore_end(struct pd_store *st)
{
	if (st->restoring == NULL)
		return;
	pd_keytab_release(&st->restoring->noted);
	free(st->restoring);
	st->restoring = NULL;
}

void
store_restore_note(struct pd_store *st, uint64_t hash)
{
	struct pd_restoring *r = st->restoring;

	if (pd_keytab_find(&r->noted, hash) == NULL &&
	    pd_keytab_add(&r->noted, hash) == NULL)
		r->lost = true;
}

void
pd_store_restore_flushed(struct pd_store *st, int db)
{
	unsigned i;

	if (st->restoring == NULL)
		return;
	for (i = 0; i < PD_STORE_DBS; i++)
		if (db < 0 || (unsigned)db == i)
			st->restoring->flushed[i] = true;
}

size_t
pd_store_restore_memory(const struct pd_store *st)
{
	return st->restoring == NULL ? 0
				     : pd_keytab_memory(&st->restoring->noted);
}

static pd_refetch_note
cost_of(struct pd_store *st, const struct pd_snapshot_record *r)
{
	if (r->cost == 0 || !st->costs.on)
		return 0;
	if (r->hinted)
		return pd_refetch_hinted(r->cost < PD_REFETCH_HINT_MOST
					     ? r->cost
					     : PD_REFETCH_HINT_MOST);
	return pd_refetch_measured(&st->costs, 0, r->cost);
}

/* What it was before. A key that was asked for more than once has a hit, which
 * is what policies that keep no record tell the worth of a key from. */
static void
tell_rank(struct pd_store *st, uint32_t slot, const struct pd_access *acc,
    const struct pd_rank *rank)
{
	const struct pd_policy_ops *ops = st->policy->ops;

	if (rank->frequency > 1)
		ops->hit(st->policy, slot, acc);
	if (ops->restore != NULL)
		ops->restore(st->policy, slot, st->tick, rank);
}

/* Make it a resident. 0, or -1. */
static int
insert(struct pd_store *st, const struct pd_key *k,
    const struct pd_snapshot_record *r, uint8_t **adopt)
{
	const size_t need = pd_entry_need(k->n, r->vlen, k->db, r->expiry);
	const bool adopted =
	    *adopt != NULL && pd_slab_class(&st->slab, need) == PD_SLAB_NONE;
	const pd_refetch_note cost = cost_of(st, r);
	struct store_form form;
	struct pd_access acc;
	uint32_t slot;

	if (store_form(
		st, k, r->vlen, r->expiry, adopted ? *adopt : NULL, &form))
		return -1;
	if (adopted)
		*adopt = NULL;
	acc = store_access_of(
	    st, k->hash, form.bytes, r->vlen, r->expiry, PD_OP_GET);
	acc.cost = pd_refetch_guess(&st->costs, cost);
	if (pd_context_fill(st->context, k->hash, acc.size, st->tick))
		store_told_fill(st, k, r->expiry, &acc);
	st->policy->ops->miss(st->policy, &acc);
	slot = store_make_room_for(st, form.bytes, 1)
		   ? store_void(&form)
		   : store_take(st, &form, k, r->vlen, r->expiry);
	if (slot == PD_NO_SLOT)
		goto err0;
	if (store_place(st, k, slot, &acc, cost)) {
		store_drop(st, slot);
		goto err0;
	}
	if (!adopted)
		memcpy(
		    store_entry_value(store_at(st, slot)), r->value, r->vlen);
	if (r->ranked)
		tell_rank(st, slot, &acc, &r->rank);
	return 0;
err0:
	pd_whatif_remove(st->whatif, k->hash, true);
	return -1;
}

enum pd_restored
pd_store_restore(
    struct pd_store *st, const struct pd_snapshot_record *r, uint8_t **adopt)
{
	const struct pd_key k = pd_store_key(st, r->db, r->key, r->klen);
	const uint64_t need = pd_entry_need(r->klen, r->vlen, r->db, INT64_MAX);
	const double share = (double)st->cfg.maxmemory * st->cfg.max_share;
	const struct pd_restoring *noted = st->restoring;

	if (noted != NULL && noted->lost)
		return PD_RESTORE_END;
	if (r->expiry != 0 && r->expiry <= st->now_ms)
		return PD_RESTORE_EXPIRED;
	if ((noted != NULL &&
		(noted->flushed[r->db] ||
		    pd_keytab_find(&noted->noted, k.hash) != NULL)) ||
	    pd_store_peek(st, &k) != NULL)
		return PD_RESTORE_NEWER;
	if (r->vlen > st->cfg.max_value ||
	    (st->cfg.maxmemory > 0 && (double)need > share) ||
	    (!st->cfg.evict && store_full(st, need)))
		return PD_RESTORE_REFUSED;
	if (st->changed != NULL)
		st->changed(st->changed_cookie, &k);
	return insert(st, &k, r, adopt) ? PD_RESTORE_REFUSED : PD_RESTORED;
}
