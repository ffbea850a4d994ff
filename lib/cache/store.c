/*
 * Keys by name: finding, reading, deleting; writing is in store_put.c. What is
 * resident has a slot (slots.c); the index finds the entry of a key. An entry's
 * bytes are in entry.c, walks over all keys in store_walk.c, eviction, limits
 * and the policy's own affairs in evict.c.
 */

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/code.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/keyfile.h"
#include "cache/context.h"
#include "cache/store.h"
#include "cache/store_priv.h"
#include "cache/tap.h"
#include "cache/whatif.h"
#include "data/event.h"
#include "data/namespace.h"

static uint64_t
entry_hash(const void *cookie, uint32_t slot)
{
	const struct pd_store *st = cookie;

	return pd_store_entry_key(st, store_at(st, slot)).hash;
}

struct pd_store *
pd_store_new(const struct pd_store_config *cfg, struct pd_stats *stats,
    struct pd_err *err)
{
	struct pd_store *st =
	    aligned_alloc(_Alignof(struct pd_store), sizeof(*st));

	if (st == NULL)
		goto err0;
	memset(st, 0, sizeof(*st));
	st->gate = (struct pd_gate)PD_GATE_SHUT;
	st->cfg = *cfg;
	st->stats = stats;
	st->seed = cfg->keys->table_seed;
	st->rng = pd_mix64(st->seed);
	st->pinned = PD_NO_SLOT;
	st->pending = calloc(PD_STORE_PENDING, sizeof(*st->pending));
	if (st->pending == NULL)
		goto err1;
	if (pd_index_init(&st->index, entry_hash, st))
		goto err2;
	if (pd_slab_init(&st->slab, cfg->maxmemory))
		goto err3;
	if (store_open_costs(st, err))
		goto err4;
	st->evictlog = pd_evictlog_new((size_t)cfg->eviction_log, err);
	if (st->evictlog == NULL)
		goto err5;
	if (store_open_policy(st, cfg->policy, err))
		goto err6;
	return st;
err6:
	pd_evictlog_free(st->evictlog);
err5:
	pd_refetch_release(&st->costs);
err4:
	pd_slab_release(&st->slab);
	pd_index_release(&st->index);
	free(st->pending);
	free(st);
	return NULL;
err3:
	pd_index_release(&st->index);
err2:
	free(st->pending);
err1:
	free(st);
err0:
	pd_err_nomem(err);
	return NULL;
}

void
pd_store_free(struct pd_store *st)
{
	uint32_t i;

	if (st == NULL)
		return;
	while (pd_store_bury_some(st))
		continue;
	for (i = 0; i < pd_slab_top(&st->slab); i++)
		if (pd_slab_used(&st->slab, i))
			store_drop(st, i);
	store_close_policy(st);
	pd_refetch_release(&st->costs);
	pd_evictlog_free(st->evictlog);
	pd_index_release(&st->index);
	pd_slab_release(&st->slab);
	free(st->pending);
	free(st);
}

void
pd_store_time(struct pd_store *st, uint64_t us, uint64_t mono_us)
{
	st->now_us = us;
	st->asked_us = mono_us;
	st->now_ms = (int64_t)(us / 1000);
	if (pd_gate_due(&st->gate, us) && st->tap != NULL)
		pd_tap_turn(st->tap, us);
	if (st->clock.n == 0)
		pd_tickclock_init(&st->clock, st->tick, us);
}

void
pd_store_set_tap(struct pd_store *st, struct pd_tap *t)
{
	if (st->tap != NULL)
		pd_tap_attach(st->tap, NULL);
	st->gate = (struct pd_gate)PD_GATE_SHUT;
	st->tap = t;
	if (t != NULL)
		pd_tap_attach(t, &st->gate);
}

struct pd_key
pd_store_key(const struct pd_store *st, unsigned db, const void *p, size_t n)
{
	struct pd_key k = {.p = p, .n = (uint32_t)n, .db = db};

	k.hash = pd_hash64(p, n, st->seed + db);
	return k;
}

struct pd_key
pd_store_entry_key(const struct pd_store *st, const struct pd_entry *e)
{
	const struct pd_entry_parts r = pd_entry_parts(e);

	return pd_store_key(st, r.db, r.key, r.klen);
}

struct pd_access
store_access_of(const struct pd_store *st, uint64_t hash, size_t bytes,
    size_t vlen, int64_t expiry, unsigned op)
{
	struct pd_access acc = {.key = hash,
	    .tick = st->tick,
	    .size = st->cfg.maxobjects > 0 ? 1 : (uint32_t)bytes,
	    .bytes = (uint32_t)vlen,
	    .op = (uint8_t)op,
	    .ttl = PD_CODE_NONE};

	if (expiry != 0)
		acc.ttl = pd_code(expiry > st->now_ms
				      ? (uint64_t)(expiry - st->now_ms) / 1000
				      : 0);
	return acc;
}

struct pd_access
store_access(
    const struct pd_store *st, uint64_t hash, uint32_t slot, unsigned op)
{
	const struct pd_entry *e;
	struct pd_entry_parts r;
	struct pd_access acc;

	if (slot == PD_NO_SLOT)
		return store_access_of(st, hash, 0, 0, 0, op);
	e = store_at(st, slot);
	r = pd_entry_parts(e);
	acc = store_access_of(
	    st, hash, store_slot_bytes(st, slot), r.vlen, r.expiry, op);
	acc.cost =
	    pd_refetch_guess(&st->costs, pd_refetch_get(&st->costs, slot));
	return acc;
}

static void
tell_tap(struct pd_store *st, unsigned which, struct pd_event *ev)
{
	unsigned i;

	for (i = PD_SAMPLE_KEY; i < PD_SCHEMES; i++) {
		if ((which >> i & 1) == 0)
			continue;
		switch (pd_tap_push(st->tap, (enum pd_scheme)i, ev)) {
		case PD_TAP_DROPPED:
			st->stats->tap_lost++;
			st->stats->tap_sampled++;
			break;
		case PD_TAP_PUSHED:
			st->stats->tap_sampled++;
			break;
		case PD_TAP_LEFT_OUT:
			break;
		}
	}
}

void
store_tap(struct pd_store *st, const struct pd_key *k, unsigned op,
    uint32_t slot, unsigned flags, uint64_t tick)
{
	const unsigned which =
	    st->tap == NULL ? 0 : pd_tap_which(st->tap, k->hash);
	struct pd_entry_parts r = {.expiry = 0};
	struct pd_context_codes codes;
	uint32_t cost = 0;
	struct pd_event ev;

	if (which == 0)
		return;
	codes = pd_context_codes(st->context);
	if (slot != PD_NO_SLOT)
		r = pd_entry_parts(store_at(st, slot));
	pd_event_init(&ev);
	ev.time_us = st->now_us;
	ev.tick = tick;
	ev.key = pd_keys_identity_db(st->cfg.keys, k->db, k->p, k->n);
	if (st->cfg.namespaces != NULL && st->cfg.namespaces->n > 0)
		ev.ns = pd_namespaces_of(st->cfg.namespaces, k->p, k->n);
	ev.size = r.vlen;
	if (r.expiry != 0) {
		flags |= PD_EV_TTL;
		ev.ttl_ms = r.expiry > st->now_ms
				? (uint64_t)(r.expiry - st->now_ms)
				: 0;
	}
	if (pd_op_writes(op) && slot != PD_NO_SLOT)
		cost = pd_refetch_us(pd_refetch_get(&st->costs, slot));
	if (cost != 0) {
		flags |= PD_EV_COST;
		ev.latency_us = cost;
	} else if (st->asked_us != 0)
		ev.latency_us = (uint32_t)(pd_clock_mono_us() - st->asked_us);
	ev.op = (uint8_t)op;
	ev.flags = (uint8_t)flags;
	ev.ctx[PD_CTX_EVICT_AGE] = codes.evict_age;
	ev.ctx[PD_CTX_HIT_RATIO] = codes.hit_ratio;
	ev.ctx[PD_CTX_NEW_SHARE] = codes.new_share;
	tell_tap(st, which, &ev);
}

/* Lookup. */

static inline bool
same_key(const void *cookie, uint32_t slot, const void *key)
{
	const struct pd_entry_parts r = pd_entry_parts(store_at(cookie, slot));
	const struct pd_key *k = key;

	return r.klen == k->n && r.db == k->db &&
	       memcmp(r.key, k->p, k->n) == 0;
}

/* Take a resident out: of index, policy, slots and counts. */
void
store_remove(
    struct pd_store *st, uint32_t slot, uint64_t hash, enum pd_gone why)
{
	const struct pd_entry_parts r = pd_entry_parts(store_at(st, slot));
	const bool evicted = why <= PD_GONE_POLICY;

	store_told_gone(st, slot, hash, why);
	pd_index_del(&st->index, hash, slot);
	pd_refetch_leave(&st->costs, hash, pd_refetch_get(&st->costs, slot));
	st->policy->ops->remove(st->policy, slot, hash, evicted);
	if (evicted ? pd_context_selects(hash, pd_context_shift(st->context))
		    : pd_context_delete(st->context, hash))
		pd_whatif_remove(st->whatif, hash, evicted);
	st->count[r.db]--;
	st->total--;
	if (r.expiry != 0)
		st->expiring[r.db]--;
	if (slot == st->pinned)
		st->orphaned = true;
	else
		store_drop(st, slot);
}

void
store_expire(struct pd_store *st, uint32_t slot, const struct pd_key *k)
{
	if (st->changed != NULL)
		st->changed(st->changed_cookie, k);
	if (st->left != NULL)
		st->left(st->left_cookie, k, false);
	st->stats->expired++;
	store_remove(st, slot, k->hash, PD_GONE_EXPIRED);
}

uint32_t
store_find(struct pd_store *st, const struct pd_key *k)
{
	const uint32_t slot = pd_index_find(&st->index, k->hash, same_key, k);
	int64_t at;

	if (slot == PD_INDEX_NONE)
		return PD_NO_SLOT;
	at = pd_entry_expiry(store_at(st, slot));
	if (at == 0 || at > st->now_ms)
		return slot;
	store_expire(st, slot, k);
	return PD_NO_SLOT;
}

uint32_t
pd_store_slot(const struct pd_store *st, const struct pd_entry *e)
{
	const struct pd_key k = pd_store_entry_key(st, e);

	return pd_index_find(&st->index, k.hash, same_key, &k);
}

struct pd_entry *
pd_store_peek(struct pd_store *st, const struct pd_key *k)
{
	const uint32_t slot = store_find(st, k);

	return slot == PD_NO_SLOT ? NULL : store_at(st, slot);
}

void
store_access_hit(struct pd_store *st, const struct pd_key *k, uint32_t slot,
    unsigned op, bool read)
{
	struct pd_access acc;

	st->tick++;
	acc = store_access(st, k->hash, slot, op);
	if (pd_context_access(st->context, k->hash, true, acc.size, st->tick))
		store_told_access(st, k, store_at(st, slot), &acc, read);
	st->policy->ops->hit(st->policy, slot, &acc);
}

/* A read of a key that is not there. */
static void
read_miss(struct pd_store *st, const struct pd_key *k, unsigned op)
{
	struct pd_access acc;
	struct pd_miss *m;

	st->tick++;
	if (pd_context_access(st->context, k->hash, false, 0, st->tick)) {
		acc = store_access(st, k->hash, PD_NO_SLOT, op);
		store_told_access(st, k, NULL, &acc, true);
	}
	m = store_pending(st, k->hash);
	m->hash = k->hash;
	m->tick = st->tick;
	m->us = st->asked_us;
	st->stats->misses++;
}

struct pd_entry *
pd_store_read(struct pd_store *st, const struct pd_key *k, unsigned op)
{
	const uint32_t slot = store_find(st, k);
	struct pd_entry *e = NULL;

	if (slot != PD_NO_SLOT) {
		e = store_at(st, slot);
		store_access_hit(st, k, slot, op, true);
		st->stats->hits++;
		st->stats->hit_bytes += pd_entry_len(e);
		st->stats->hit_cost_us +=
		    pd_refetch_us(pd_refetch_get(&st->costs, slot));
	} else {
		read_miss(st, k, op);
	}
	if (store_tapped(st, k))
		store_tap(st, k, op, slot, e != NULL ? PD_EV_HIT : 0, st->tick);
	return e;
}

bool
pd_store_del(struct pd_store *st, const struct pd_key *k)
{
	const uint32_t slot = store_find(st, k);

	if (st->restoring != NULL)
		store_restore_note(st, k->hash);
	if (slot == PD_NO_SLOT) {
		pd_whatif_delete(st->whatif, k->hash);
		return false;
	}
	if (st->changed != NULL)
		st->changed(st->changed_cookie, k);
	if (store_tapped(st, k))
		store_tap(st, k, PD_OP_DEL, slot, PD_EV_HIT, st->tick);
	st->stats->deleted++;
	store_remove(st, slot, k->hash, PD_GONE_DELETED);
	return true;
}

bool
pd_store_hint(struct pd_store *st, const struct pd_key *k, uint32_t us)
{
	const pd_refetch_note n = us == 0 ? 0 : pd_refetch_hinted(us);
	uint32_t slot;

	if (!st->costs.on)
		return false;
	slot = store_find(st, k);
	if (slot != PD_NO_SLOT)
		pd_refetch_set(&st->costs, slot, n);
	pd_refetch_forget(&st->costs, k->hash);
	if (slot == PD_NO_SLOT)
		pd_refetch_leave(&st->costs, k->hash, n);
	return true;
}

uint32_t
pd_store_cost(struct pd_store *st, const struct pd_key *k)
{
	const uint32_t slot = store_find(st, k);

	return pd_refetch_us(slot != PD_NO_SLOT
				 ? pd_refetch_get(&st->costs, slot)
				 : pd_refetch_past(&st->costs, k->hash));
}
