/*
 * Keys by name: reading, writing, deleting. What is resident has a slot
 * (slots.c); the index finds the entry of a key. An entry's bytes are in
 * entry.c, walks over all keys in store_walk.c, eviction, limits and the
 * policy's own affairs in evict.c.
 */

#include <malloc.h>
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

#define PENDING_AGE 65536 /* ticks after which a miss has been given up */

static uint64_t
entry_hash(const void *cookie, const void *item)
{
	const struct pd_store *st = cookie;
	const struct pd_entry *e = item;

	return pd_hash64(pd_entry_key(e), e->klen, st->seed + pd_entry_db(e));
}

struct pd_store *
pd_store_new(const struct pd_store_config *cfg, struct pd_stats *stats,
    struct pd_err *err)
{
	struct pd_store *st = calloc(1, sizeof(*st));

	if (st == NULL)
		goto err0;
	st->cfg = *cfg;
	st->stats = stats;
	st->seed = cfg->keys->table_seed;
	st->rng = pd_mix64(st->seed);
	st->slot_free = PD_NO_SLOT;
	st->pending = calloc(PD_STORE_PENDING, sizeof(*st->pending));
	if (st->pending == NULL)
		goto err1;
	if (pd_index_init(&st->index, entry_hash, st))
		goto err2;
	if (store_open_costs(st, err))
		goto err3;
	st->evictlog = pd_evictlog_new((size_t)cfg->eviction_log, err);
	if (st->evictlog == NULL)
		goto err4;
	if (store_open_policy(st, cfg->policy, err))
		goto err5;
	return st;
err5:
	pd_evictlog_free(st->evictlog);
err4:
	pd_refetch_release(&st->costs);
err3:
	pd_index_release(&st->index);
	free(st->pending);
	free(st);
	return NULL;
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
	for (i = 0; i < st->slots_used; i++)
		if (store_slot(st, i) != NULL)
			free(st->slots[i]);
	store_close_policy(st);
	pd_refetch_release(&st->costs);
	pd_evictlog_free(st->evictlog);
	pd_index_release(&st->index);
	free(st->slots);
	free(st->pending);
	free(st);
}

void
pd_store_time(struct pd_store *st, uint64_t us, uint64_t mono_us)
{
	st->now_us = us;
	st->asked_us = mono_us;
	st->now_ms = (int64_t)(us / 1000);
	if (st->clock.n == 0)
		pd_tickclock_init(&st->clock, st->tick, us);
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
	return pd_store_key(st, pd_entry_db(e), pd_entry_key(e), e->klen);
}

size_t
pd_store_entry_bytes(const struct pd_entry *e)
{
	/* malloc_usable_size() leaves out the chunk's own word. */
	return malloc_usable_size((void *)(uintptr_t)e) + sizeof(size_t);
}

/* The policy's view of an access. */
struct pd_access
store_access(const struct pd_store *st, uint64_t hash, const struct pd_entry *e,
    unsigned op)
{
	struct pd_access acc = {.key = hash,
	    .tick = st->tick,
	    .size = 1,
	    .op = (uint8_t)op,
	    .ttl = PD_CODE_NONE};
	const int64_t t = e == NULL ? 0 : pd_entry_expiry(e);

	if (t != 0)
		acc.ttl = pd_code(
		    t > st->now_ms ? (uint64_t)(t - st->now_ms) / 1000 : 0);
	if (st->cfg.maxobjects == 0)
		acc.size = e == NULL ? 0 : (uint32_t)pd_store_entry_bytes(e);
	acc.bytes = e == NULL ? 0 : e->vlen;
	if (e != NULL && e->slot != PD_NO_SLOT)
		acc.cost = pd_refetch_guess(
		    &st->costs, pd_refetch_get(&st->costs, e->slot));
	return acc;
}

/* Say a sampled access, or deletion, to the tap. */
static void
tap(struct pd_store *st, const struct pd_key *k, unsigned op,
    const struct pd_entry *e, unsigned flags, uint64_t tick)
{
	const struct pd_context_codes codes = pd_context_codes(st->context);
	const int64_t t = e == NULL ? 0 : pd_entry_expiry(e);
	uint32_t cost = 0;
	struct pd_event ev;

	pd_event_init(&ev);
	ev.time_us = st->now_us;
	ev.tick = tick;
	ev.key = pd_keys_identity_db(st->cfg.keys, k->db, k->p, k->n);
	ev.size = e == NULL ? 0 : e->vlen;
	if (t != 0) {
		flags |= PD_EV_TTL;
		ev.ttl_ms = t > st->now_ms ? (uint64_t)(t - st->now_ms) : 0;
	}
	if (pd_op_writes(op) && e != NULL && e->slot != PD_NO_SLOT)
		cost = pd_refetch_us(pd_refetch_get(&st->costs, e->slot));
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
	if (pd_tap_push(st->tap, &ev))
		st->stats->tap_sampled++;
}

static inline bool
tapped(const struct pd_store *st, const struct pd_key *k)
{
	return st->tap != NULL && pd_tap_wants(st->tap, k->hash, st->now_us);
}

/* Lookup. */

static inline bool
same_key(const void *item, const void *key)
{
	const struct pd_entry *e = item;
	const struct pd_key *k = key;

	return e->klen == k->n && pd_entry_db(e) == k->db &&
	       memcmp(pd_entry_key(e), k->p, k->n) == 0;
}

/* Take a resident out: of index, policy, slots and counts. */
void
store_remove(
    struct pd_store *st, struct pd_entry *e, uint64_t hash, enum pd_gone why)
{
	const bool evicted = why <= PD_GONE_POLICY;
	const uint32_t slot = e->slot;
	const unsigned db = pd_entry_db(e);

	store_told_gone(st, slot, hash, why);
	pd_index_del(&st->index, hash, e);
	pd_refetch_leave(&st->costs, hash, pd_refetch_get(&st->costs, slot));
	st->policy->ops->remove(st->policy, slot, hash, evicted);
	if (evicted ? pd_context_selects(hash, pd_context_shift(st->context))
		    : pd_context_delete(st->context, hash))
		pd_whatif_remove(st->whatif, hash, evicted);
	store_slot_give(st, slot);
	st->count[db]--;
	st->total--;
	if (e->flags & PD_ENTRY_TTL)
		st->expiring[db]--;
	store_entry_discard(st, e);
}

void
store_expire(struct pd_store *st, struct pd_entry *e, const struct pd_key *k)
{
	if (st->changed != NULL)
		st->changed(st->changed_cookie, k);
	if (st->left != NULL)
		st->left(st->left_cookie, k, false);
	st->stats->expired++;
	store_remove(st, e, k->hash, PD_GONE_EXPIRED);
}

struct pd_entry *
pd_store_peek(struct pd_store *st, const struct pd_key *k)
{
	struct pd_entry *e = pd_index_find(&st->index, k->hash, same_key, k);

	if (e != NULL && e->flags & PD_ENTRY_TTL &&
	    pd_entry_expiry(e) <= st->now_ms) {
		store_expire(st, e, k);
		return NULL;
	}
	return e;
}

static struct pd_miss *
pending_of(struct pd_store *st, uint64_t hash)
{
	return &st->pending[hash & (PD_STORE_PENDING - 1)];
}

/* The policy and the context learn of an access to a resident. */
static void
access_hit(struct pd_store *st, const struct pd_key *k, struct pd_entry *e,
    unsigned op, bool read)
{
	struct pd_access acc;

	st->tick++;
	acc = store_access(st, k->hash, e, op);
	if (pd_context_access(st->context, k->hash, true, acc.size, st->tick))
		store_told_access(st, k, e, &acc, read);
	st->policy->ops->hit(st->policy, e->slot, &acc);
}

struct pd_entry *
pd_store_read(struct pd_store *st, const struct pd_key *k, unsigned op)
{
	struct pd_entry *e = pd_store_peek(st, k);
	struct pd_access acc;
	struct pd_miss *m;

	if (e != NULL) {
		access_hit(st, k, e, op, true);
		st->stats->hits++;
		st->stats->hit_bytes += e->vlen;
		st->stats->hit_cost_us +=
		    pd_refetch_us(pd_refetch_get(&st->costs, e->slot));
	} else {
		st->tick++;
		if (pd_context_access(
			st->context, k->hash, false, 0, st->tick)) {
			acc = store_access(st, k->hash, NULL, op);
			store_told_access(st, k, NULL, &acc, true);
		}
		m = pending_of(st, k->hash);
		m->hash = k->hash;
		m->tick = st->tick;
		m->us = st->asked_us;
		st->stats->misses++;
	}
	if (tapped(st, k))
		tap(st, k, op, e, e != NULL ? PD_EV_HIT : 0, st->tick);
	return e;
}

/* Insert. */

/* The tick of the access that this write belongs to; *fill says whether it
 * completes an earlier miss, and *took how long ago that was, if it is known
 * to be longer than nothing. */
static uint64_t
access_miss(
    struct pd_store *st, const struct pd_key *k, bool *fill, uint64_t *took)
{
	struct pd_miss *m = pending_of(st, k->hash);
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
		acc = store_access(st, k->hash, NULL, PD_OP_SET);
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
store_place(struct pd_store *st, const struct pd_key *k, struct pd_entry *e,
    const struct pd_access *acc, pd_refetch_note cost)
{
	const uint32_t slot = store_slot_take(st);

	if (slot == PD_NO_SLOT)
		return -1;
	if (pd_index_add(&st->index, k->hash, e)) {
		store_slot_give(st, slot);
		return -1;
	}
	e->slot = slot;
	st->slots[slot] = e;
	pd_refetch_set(&st->costs, slot, cost);
	st->policy->ops->insert(st->policy, slot, acc);
	st->count[k->db]++;
	st->total++;
	if (e->flags & PD_ENTRY_TTL)
		st->expiring[k->db]++;
	return 0;
}

static enum pd_store_status
insert(struct pd_store *st, const struct pd_key *k, const struct pd_put *put,
    int64_t expiry, struct pd_entry **out)
{
	struct pd_entry *e;
	struct pd_access acc;
	pd_refetch_note cost;
	bool fill;
	uint64_t tick, took;

	tick = access_miss(st, k, &fill, &took);
	cost = put->cost != 0 ? pd_refetch_hinted(put->cost)
			      : pd_refetch_measured(&st->costs,
				    pd_refetch_past(&st->costs, k->hash), took);
	if ((e = store_entry_new(st, k, put->len, expiry)) == NULL)
		return refuse(st);
	/* A fill is the read that missed: nobody wrote. */
	acc = store_access(st, k->hash, e, fill ? PD_OP_GET : put->op);
	acc.tick = tick;
	acc.cost = pd_refetch_guess(&st->costs, cost);
	if (pd_context_fill(st->context, k->hash, acc.size, tick))
		store_told_fill(st, k, e, &acc);
	st->policy->ops->miss(st->policy, &acc);
	/* The entry is allocated, so its bytes are counted already. */
	if (store_make_room_for(st, 0, 1) ||
	    store_place(st, k, e, &acc, cost)) {
		pd_whatif_remove(st->whatif, k->hash, true);
		store_entry_discard(st, e);
		return refuse(st);
	}
	memset(store_entry_value(e), 0,
	    put->keep < put->len ? put->keep : put->len);
	if (fill) {
		st->stats->fill_bytes += e->vlen;
		st->stats->fill_cost_us += pd_refetch_us(cost);
	}
	if (tapped(st, k))
		tap(st, k, put->op, e, fill ? PD_EV_FILL : 0, tick);
	*out = e;
	return PD_STORE_OK;
}

static enum pd_store_status
update(struct pd_store *st, const struct pd_key *k, const struct pd_put *put,
    int64_t expiry, struct pd_entry *e, struct pd_entry **out)
{
	const size_t need = store_entry_need(k->n, put->len, expiry != 0);
	const size_t keep = put->keep < e->vlen ? put->keep : e->vlen;
	const size_t old = e->vlen;
	struct pd_entry *n = e;
	struct pd_access acc;
	pd_refetch_note cost;
	size_t kept;

	if (put->cost != 0)
		pd_refetch_set(
		    &st->costs, e->slot, pd_refetch_hinted(put->cost));
	if (store_entry_fits(e, need)) {
		store_entry_reshape(st, e, put->len, keep, expiry);
	} else {
		if ((n = store_entry_new(st, k, put->len, expiry)) == NULL)
			return refuse(st);
		kept = keep < put->len ? keep : put->len;
		memcpy(store_entry_value(n), pd_entry_value(e), kept);
		store_entry_swap(st, e, n, k->hash);
		acc = store_access(st, k->hash, n, put->op);
		if (st->cfg.maxobjects == 0 &&
		    st->policy->ops->set_size != NULL)
			st->policy->ops->set_size(st->policy, n->slot, &acc);
	}
	/* Size and time to live as they are now. */
	access_hit(st, k, n, put->op, false);
	if (put->keep > old && put->len > old)
		memset(store_entry_value(n) + old, 0,
		    (put->keep < put->len ? put->keep : put->len) - old);
	if (tapped(st, k))
		tap(st, k, put->op, n, PD_EV_HIT, st->tick);
	/* Held: the policy may choose to evict what has just been written. */
	n->holds++;
	if (store_make_room_for(st, 0, 0))
		goto err0;
	if (n->slot == PD_NO_SLOT) {
		st->entry_bytes += pd_store_entry_bytes(n);
		if (store_make_room_for(st, 0, 1))
			goto err1;
		acc = store_access(st, k->hash, n, put->op);
		cost = pd_refetch_past(&st->costs, k->hash);
		acc.cost = pd_refetch_guess(&st->costs, cost);
		st->policy->ops->miss(st->policy, &acc);
		if (store_place(st, k, n, &acc, cost))
			goto err1;
		store_told_fill(st, k, n, &acc);
	}
	n->holds--;
	*out = n;
	return PD_STORE_OK;
err1:
	st->entry_bytes -= pd_store_entry_bytes(n);
err0:
	pd_store_release(n);
	return refuse(st);
}

enum pd_store_status
pd_store_put(struct pd_store *st, const struct pd_key *k,
    const struct pd_put *put, uint8_t **value)
{
	const uint64_t need = store_entry_need(k->n, put->len, true);
	const double share = (double)st->cfg.maxmemory * st->cfg.max_share;
	struct pd_entry *e;
	enum pd_store_status r;
	int64_t expiry = put->expiry;

	if (put->len > st->cfg.max_value ||
	    (st->cfg.maxmemory > 0 && (double)need > share)) {
		st->stats->refused_large++;
		return PD_STORE_LARGE;
	}
	if (!st->cfg.evict && store_full(st, need))
		return refuse(st);
	e = pd_store_peek(st, k);
	if (st->restoring != NULL)
		store_restore_note(st, k->hash);
	if (st->changed != NULL)
		st->changed(st->changed_cookie, k);
	if (expiry == PD_EXPIRY_KEEP)
		expiry = e != NULL ? pd_entry_expiry(e) : 0;
	r = e != NULL ? update(st, k, put, expiry, e, &e)
		      : insert(st, k, put, expiry, &e);
	if (r != PD_STORE_OK)
		return r;
	st->stats->writes++;
	*value = store_entry_value(e);
	return PD_STORE_OK;
}

struct pd_entry *
pd_store_set_expiry(struct pd_store *st, struct pd_entry *e, int64_t expiry)
{
	const struct pd_key k = pd_store_entry_key(st, e);
	struct pd_entry *n = e;

	if (st->restoring != NULL)
		store_restore_note(st, k.hash);
	if (st->changed != NULL)
		st->changed(st->changed_cookie, &k);
	if (store_entry_fits(
		e, store_entry_need(e->klen, e->vlen, expiry != 0))) {
		store_entry_reshape(st, e, e->vlen, e->vlen, expiry);
	} else {
		if ((n = store_entry_new(st, &k, e->vlen, expiry)) == NULL)
			return NULL;
		memcpy(store_entry_value(n), pd_entry_value(e), e->vlen);
		store_entry_swap(st, e, n, k.hash);
	}
	pd_whatif_set_expiry(st->whatif, k.hash, k.db, expiry);
	if (st->tap != NULL && st->tap->on) {
		const struct pd_key now = {
		    pd_entry_key(n), n->klen, pd_entry_db(n), k.hash};

		if (tapped(st, &now))
			tap(st, &now, PD_OP_EXPIRE, n, PD_EV_HIT, st->tick);
	}
	return n;
}

bool
pd_store_del(struct pd_store *st, const struct pd_key *k)
{
	struct pd_entry *e = pd_store_peek(st, k);

	if (st->restoring != NULL)
		store_restore_note(st, k->hash);
	if (e == NULL) {
		pd_whatif_delete(st->whatif, k->hash);
		return false;
	}
	if (st->changed != NULL)
		st->changed(st->changed_cookie, k);
	if (tapped(st, k))
		tap(st, k, PD_OP_DEL, e, PD_EV_HIT, st->tick);
	st->stats->deleted++;
	store_remove(st, e, k->hash, PD_GONE_DELETED);
	store_slots_fit(st);
	return true;
}

bool
pd_store_hint(struct pd_store *st, const struct pd_key *k, uint32_t us)
{
	const pd_refetch_note n = us == 0 ? 0 : pd_refetch_hinted(us);
	struct pd_entry *e;

	if (!st->costs.on)
		return false;
	e = pd_store_peek(st, k);
	if (e != NULL)
		pd_refetch_set(&st->costs, e->slot, n);
	pd_refetch_forget(&st->costs, k->hash);
	if (e == NULL)
		pd_refetch_leave(&st->costs, k->hash, n);
	return true;
}

uint32_t
pd_store_cost(struct pd_store *st, const struct pd_key *k)
{
	const struct pd_entry *e = pd_store_peek(st, k);

	return pd_refetch_us(e != NULL ? pd_refetch_get(&st->costs, e->slot)
				       : pd_refetch_past(&st->costs, k->hash));
}
