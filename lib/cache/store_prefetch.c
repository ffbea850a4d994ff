/*
 * Memory that accesses will touch, fetched for many keys side by side: one
 * access alone waits for its bucket, then for the entry, then for what the
 * policy keeps of it.
 */

#include "cache/store.h"
#include "cache/store_priv.h"

#define NEAR 64		/* keys in one go */
#define ENTRY_LINES 192 /* bytes of an entry that are fetched */

static void
prefetch(const struct pd_store *st, const uint64_t *hash, unsigned n)
{
	uint32_t slot[NEAR];
	const char *item;
	unsigned i, k, found = 0;

	for (i = 0; i < n; i++)
		pd_index_prefetch(&st->index, hash[i]);
	for (i = 0; i < n; i++) {
		slot[found] = pd_index_likely(&st->index, hash[i]);
		if (slot[found] == PD_INDEX_NONE)
			continue;
		item = pd_slab_item(&st->slab, slot[found]);
		for (k = 0; k < ENTRY_LINES; k += 64)
			__builtin_prefetch(item + k);
		found++;
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
