/*
 * An entry's bytes: header, expiry if there is one, key, value, in one
 * allocation. A reply may hold one that has left the store.
 */

#include <assert.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "cache/store.h"
#include "cache/store_priv.h"

void
store_entry_discard(struct pd_store *st, struct pd_entry *e)
{
	e->slot = PD_NO_SLOT;
	st->entry_bytes -= pd_store_entry_bytes(e);
	if (e->holds == 0)
		free(e);
}

struct pd_entry *
pd_store_hold(struct pd_entry *e)
{
	if (e->holds == UINT8_MAX)
		return NULL;
	e->holds++;
	return e;
}

void
pd_store_release(struct pd_entry *e)
{
	assert(e->holds > 0);
	e->holds--;
	if (e->holds == 0 && e->slot == PD_NO_SLOT)
		free(e);
}

struct pd_entry *
store_entry_new(
    struct pd_store *st, const struct pd_key *k, size_t vlen, int64_t expiry)
{
	const bool ttl = expiry != 0;
	struct pd_entry *e = malloc(store_entry_need(k->n, vlen, ttl));

	if (e == NULL)
		return NULL;
	e->vlen = (uint32_t)vlen;
	e->klen = (uint16_t)k->n;
	e->flags = (uint8_t)((ttl ? PD_ENTRY_TTL : 0) | k->db << 4);
	e->holds = 0;
	e->slot = PD_NO_SLOT;
	if (ttl)
		memcpy(e->data, &expiry, sizeof(expiry));
	memcpy(store_entry_value(e) - k->n, k->p, k->n);
	st->entry_bytes += pd_store_entry_bytes(e);
	return e;
}

void
store_entry_swap(
    struct pd_store *st, struct pd_entry *e, struct pd_entry *n, uint64_t hash)
{
	const unsigned db = pd_entry_db(e);

	n->slot = e->slot;
	pd_index_replace(&st->index, hash, e, n);
	st->slots[n->slot] = n;
	st->expiring[db] += (n->flags & PD_ENTRY_TTL) != 0;
	st->expiring[db] -= (e->flags & PD_ENTRY_TTL) != 0;
	store_entry_discard(st, e);
}

bool
store_entry_fits(const struct pd_entry *e, size_t need)
{
	const size_t have = malloc_usable_size((void *)(uintptr_t)e);

	return e->holds == 0 && need <= have && need >= have / 2;
}

void
store_entry_reshape(struct pd_store *st, struct pd_entry *e, size_t vlen,
    size_t keep, int64_t expiry)
{
	const bool had = e->flags & PD_ENTRY_TTL, has = expiry != 0;
	const unsigned db = pd_entry_db(e);

	if (had != has) {
		memmove(e->data + (has ? 8 : 0), e->data + (had ? 8 : 0),
		    e->klen + (keep < e->vlen ? keep : e->vlen));
		e->flags ^= PD_ENTRY_TTL;
		if (has)
			st->expiring[db]++;
		else
			st->expiring[db]--;
	}
	if (has)
		memcpy(e->data, &expiry, sizeof(expiry));
	e->vlen = (uint32_t)vlen;
}
