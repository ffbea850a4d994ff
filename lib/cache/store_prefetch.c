/*
 * Memory that accesses will touch, fetched for many keys side by side: one
 * access alone waits for its bucket, then for the entry, then for what the
 * policy keeps of it.
 */

#include "cache/store.h"
#include "cache/store_priv.h"

#define NEAR PD_NEAR_MAX /* keys in one go */
#define ENTRY_LINES 192	 /* bytes of an entry that are fetched */

/* The entry that is likely that of a key; its slot, or PD_INDEX_NONE. The
 * bucket is near. */
static inline __attribute__((always_inline)) uint32_t
prefetch_entry(const struct pd_store *st, uint64_t hash)
{
	const uint32_t slot = pd_index_likely(&st->index, hash);
	const char *item;
	unsigned k;

	if (slot == PD_INDEX_NONE)
		return slot;
	item = pd_slab_item(&st->slab, slot);
	for (k = 0; k < ENTRY_LINES; k += 64)
		__builtin_prefetch(item + k);
	return slot;
}

static void
prefetch(const struct pd_store *st, const uint64_t *hash, unsigned n)
{
	uint32_t slot[NEAR];
	unsigned i, found = 0;

	for (i = 0; i < n; i++)
		pd_index_prefetch(&st->index, hash[i]);
	for (i = 0; i < n; i++) {
		slot[found] = prefetch_entry(st, hash[i]);
		found += slot[found] != PD_INDEX_NONE;
	}
	if (st->policy->ops->prefetch != NULL)
		st->policy->ops->prefetch(st->policy, slot, found);
}

void
pd_store_prefetch(const struct pd_store *st, const uint64_t *hash, unsigned n)
{
	for (; n > NEAR; n -= NEAR, hash += NEAR)
		prefetch(st, hash, NEAR);
	prefetch(st, hash, n);
}

void
pd_stores_prefetch(const struct pd_near *key, unsigned n)
{
	uint32_t slot[NEAR];
	unsigned i, end, found;

	for (i = 0; i < n; i++)
		pd_index_prefetch(&key[i].store->index, key[i].hash);
	for (i = 0; i < n; i++)
		slot[i] = prefetch_entry(key[i].store, key[i].hash);
	for (i = 0; i < n; i = end) {
		const struct pd_store *st = key[i].store;

		for (found = i, end = i; end < n && key[end].store == st; end++)
			if (slot[end] != PD_INDEX_NONE)
				slot[found++] = slot[end];
		if (st->policy->ops->prefetch != NULL)
			st->policy->ops->prefetch(
			    st->policy, slot + i, found - i);
	}
}
