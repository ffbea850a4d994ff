/* What concerns keys by where they are, not by name: walks over all of them,
 * any of them, those that have expired. */

#include "base/hash.h"
#include "cache/store.h"
#include "cache/store_priv.h"

struct pd_entry *
pd_store_random(struct pd_store *st, unsigned db)
{
	struct pd_entry *e;
	uint32_t i, n;

	if (st->count[db] == 0)
		return NULL;
	for (n = 0; n < 100; n++) {
		st->rng = pd_mix64(st->rng + 0x9e3779b97f4a7c15ULL);
		e = store_at(st, pd_index_random(&st->index, st->rng));
		if (pd_entry_db(e) == db)
			return e;
	}
	for (i = 0; i < pd_slab_top(&st->slab); i++) {
		e = store_slot(st, i);
		if (e != NULL && pd_entry_db(e) == db)
			return e;
	}
	return NULL;
}

struct visit {
	const struct pd_store *st;
	void (*fn)(void *cookie, struct pd_entry *e);
	void *cookie;
};

static void
visit(void *cookie, uint32_t slot)
{
	const struct visit *v = cookie;

	v->fn(v->cookie, store_at(v->st, slot));
}

uint64_t
pd_store_scan(const struct pd_store *st, uint64_t cursor,
    void (*fn)(void *cookie, struct pd_entry *e), void *cookie)
{
	struct visit v = {.st = st, .fn = fn, .cookie = cookie};

	return pd_index_scan(&st->index, cursor, visit, &v);
}

bool
pd_store_expire_some(struct pd_store *st, unsigned n)
{
	struct pd_entry *e;
	struct pd_key k;
	const uint32_t top = pd_slab_top(&st->slab);
	unsigned i, looked = 0, gone = 0;
	int64_t at;

	if (n > top)
		n = top;
	for (i = 0; i < n; i++) {
		if (++st->expire_cursor >= top)
			st->expire_cursor = 0;
		e = store_slot(st, st->expire_cursor);
		if (e == NULL || (at = pd_entry_expiry(e)) == 0)
			continue;
		looked++;
		if (at > st->now_ms)
			continue;
		k = pd_store_entry_key(st, e);
		store_expire(st, st->expire_cursor, &k);
		gone++;
	}
	return gone * 10 > looked;
}
