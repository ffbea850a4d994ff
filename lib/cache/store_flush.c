/*
 * Deleting all keys at once. Where they are many, the store begins anew at
 * once and what it had is buried: given back in pieces, beside what clients
 * ask, with what has to be remembered of the keys.
 */

#include <stdlib.h>
#include <string.h>

#include "cache/context.h"
#include "cache/evictlog.h"
#include "cache/store.h"
#include "cache/store_priv.h"
#include "cache/whatif.h"

#define AT_ONCE 10000	      /* keys that are deleted while it is asked */
#define SLOTS_SOME 2048	      /* looked at in one go, ... */
#define BYTES_SOME (4u << 20) /* ... until so much of large ones is free */

/* What a store was made of. */
struct store_grave {
	struct store_grave *next;
	struct pd_slab slab;
	struct pd_index index;
	struct pd_policy *policy;
	struct pd_evictlog_entry gone; /* what the keys have in common */
	uint32_t at;		       /* slots before it have been seen */
	uint32_t notes;		       /* that the log has room for */
	uint64_t large;		       /* bytes of large entries */
};

/* Is there somebody who must hear of each key before it goes, or hold costs of
 * it afterwards? */
static bool
must_tell(const struct pd_store *st)
{
	return st->changed != NULL || st->costs.on;
}

/* A store without keys where there was one with many. 0, or -1 out of memory,
 * with all as it was. */
static int
bury(struct pd_store *st)
{
	struct store_grave *g = calloc(1, sizeof(*g));
	unsigned db;

	if (g == NULL)
		return -1;
	g->slab = st->slab;
	g->index = st->index;
	g->policy = st->policy;
	g->large = st->large_bytes;
	g->notes = pd_evictlog_size(st->evictlog);
	g->gone = store_gone(st, PD_GONE_FLUSHED);
	if (pd_index_init(&st->index, g->index.hash, g->index.cookie))
		goto err0;
	if (pd_slab_init(&st->slab, st->cfg.maxmemory))
		goto err1;
	if (store_renew_policy(st))
		goto err2;
	g->next = st->graves;
	st->graves = g;
	st->stats->deleted += st->total;
	for (db = 0; db < PD_STORE_DBS; db++)
		st->count[db] = st->expiring[db] = 0;
	st->total = st->entry_bytes = 0;
	st->large_bytes = st->large_most = st->spare_bytes = 0;
	st->expire_cursor = 0;
	st->evict_cursor = 0;
	st->evictions = 0;
	pd_context_flush(st->context);
	return 0;
err2:
	pd_slab_release(&st->slab);
err1:
	pd_index_release(&st->index);
err0:
	st->slab = g->slab;
	st->index = g->index;
	free(g);
	return -1;
}

/* Remember the key of a slot, and give a large entry back; its bytes. */
static size_t
leave(struct pd_store *st, struct store_grave *g, uint32_t slot)
{
	void *item = pd_slab_item(&g->slab, slot);
	struct pd_entry *e = item;
	size_t bytes = 0;

	if (pd_slab_page(&g->slab, slot)->class == PD_SLAB_POINTERS)
		memcpy(&e, item, sizeof(void *));
	if (g->notes > 0) {
		g->notes--;
		store_told_flushed(st, g->policy, slot,
		    pd_store_entry_key(st, e).hash, &g->gone);
	}
	if (e != item) {
		bytes = store_large_bytes(e);
		pd_store_release(e);
	}
	return bytes;
}

/* Does it hold anything that has to be looked at slot by slot? */
static bool
has_left(const struct store_grave *g)
{
	return g->at < pd_slab_top(&g->slab) && (g->notes > 0 || g->large > 0);
}

bool
pd_store_bury_some(struct pd_store *st)
{
	struct store_grave *g = st->graves;
	size_t bytes = 0;
	uint32_t i;

	if (g == NULL)
		return false;
	if (has_left(g)) {
		for (i = 0; i < SLOTS_SOME && bytes < BYTES_SOME && has_left(g);
		     i++, g->at++)
			if (pd_slab_used(&g->slab, g->at))
				bytes += leave(st, g, g->at);
		return true;
	}
	if (pd_slab_release_some(&g->slab))
		return true;
	st->graves = g->next;
	/* malloc is to give pages back. */
	st->large_most += g->large;
	pd_slab_release(&g->slab);
	pd_index_release(&g->index);
	g->policy->ops->destroy(g->policy);
	free(g);
	return st->graves != NULL;
}

static void
delete_each(struct pd_store *st, int db)
{
	struct pd_entry *e;
	struct pd_key k;
	uint32_t i;

	for (i = 0; i < pd_slab_top(&st->slab); i++) {
		e = store_slot(st, i);
		if (e == NULL || (db >= 0 && pd_entry_db(e) != (unsigned)db))
			continue;
		k = pd_store_entry_key(st, e);
		if (st->changed != NULL)
			st->changed(st->changed_cookie, &k);
		st->stats->deleted++;
		store_remove(st, i, k.hash, PD_GONE_FLUSHED);
	}
	if (st->total == 0) {
		store_reset_slots(st);
		store_reset_policy(st);
	}
}

void
pd_store_flush(struct pd_store *st, int db)
{
	const bool all = db < 0 || st->count[db] == st->total;

	if (!all || st->total <= AT_ONCE || must_tell(st) || bury(st))
		delete_each(st, db);
	pd_store_restore_flushed(st, db);
	st->flushed_tick = st->tick;
	st->flushed_us = st->now_us;
	pd_whatif_flush(st->whatif, db);
	st->whatif_bytes = pd_whatif_memory(st->whatif);
	pd_slab_trim(&st->slab, 0);
}
