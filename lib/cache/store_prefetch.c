/*
 * Memory that accesses will touch, fetched for many keys side by side: one
 * access alone waits for its bucket, then for the entry, then for what the
 * policy keeps of it.
 */

#include "cache/store.h"
#include "cache/store_priv.h"

void
pd_store_prefetch(const struct pd_store *st, const uint64_t *hash, unsigned n)
{
	unsigned i;

	for (i = 0; i < n; i++)
		pd_index_prefetch(&st->index, hash[i]);
}
