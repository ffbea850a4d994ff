/*
 * Eviction among the keys that expire only, as Redis's volatile-* policies:
 * some of them are looked at, in the order of the index from where the last
 * look ended, and the best one goes. What counts is asked of the policy, which
 * knows of all keys. Where few keys expire, a victim costs a walk over many.
 */

#include "base/hash.h"
#include "cache/look.h"
#include "cache/store.h"
#include "cache/store_priv.h"

#define SAMPLES 10

struct draw {
	struct pd_store *st;
	uint32_t best;
	uint64_t score; /* its */
	unsigned seen;
};

/* The higher, the sooner it goes. */
static uint64_t
score(struct pd_store *st, uint32_t slot)
{
	const struct pd_policy *p = st->policy;
	struct pd_look l;

	if (st->cfg.evictable == PD_EVICT_EXPIRING_TTL)
		return UINT64_MAX -
		       (uint64_t)pd_entry_expiry(store_at(st, slot));
	if (st->cfg.evictable == PD_EVICT_EXPIRING_RANDOM)
		return st->rng = pd_mix64(st->rng + 0x9e3779b97f4a7c15ULL);
	pd_look_init(&l, 0);
	if (p->ops->look != NULL)
		p->ops->look(p, slot, st->tick, &l);
	if (st->cfg.evictable == PD_EVICT_EXPIRING_LRU)
		return l.aged ? l.age : 0;
	return l.counter >= 0 ? 255 - (uint64_t)l.counter : 0;
}

static void
consider(void *cookie, uint32_t slot)
{
	struct draw *d = cookie;
	uint64_t s;

	if (pd_entry_expiry(store_at(d->st, slot)) == 0)
		return;
	s = score(d->st, slot);
	if (d->seen++ == 0 || s > d->score) {
		d->best = slot;
		d->score = s;
	}
}

uint32_t
store_expiring_victim(struct pd_store *st)
{
	const uint64_t from = st->evict_cursor;
	struct draw d = {.st = st, .best = PD_NO_SLOT};
	bool again = false;
	uint64_t expiring = 0, at = from;
	unsigned i;

	for (i = 0; i < PD_STORE_DBS; i++)
		expiring += st->expiring[i];
	while (expiring > 0 && d.seen < SAMPLES) {
		at = pd_index_scan(&st->index, at, consider, &d);
		if (again && (at == 0 || at >= from))
			break;
		again |= at == 0;
	}
	st->evict_cursor = at;
	return d.best;
}
