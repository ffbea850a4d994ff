/*
 * Memory that accesses will touch, fetched for many keys side by side: one
 * access alone waits for its bucket, then for the entry, then for what the
 * policy keeps of it.
 */

#include "cache/store.h"
#include "cache/store_priv.h"

#define NEAR 64		/* keys in one go */
#define ENTRY_LINES 192 /* bytes of an entry that are fetched */

/* The first item whose tag agrees, seldom another's; NULL when there is none
 * in the bucket itself. */
static const struct pd_entry *
candidate(const struct pd_index *ix, uint64_t h)
{
	const uint64_t *b = pd_index_bucket(ix, h);
	const uint64_t tag = pd_index_tag(h);
	unsigned i;

	for (i = 0; i < PD_INDEX_WORDS; i++)
		if ((b[i] & ~PD_INDEX_PTR) == tag)
			return (const void *)(uintptr_t)(b[i] & PD_INDEX_PTR);
	return NULL;
}

static void
prefetch(const struct pd_store *st, const uint64_t *hash, unsigned n)
{
	const struct pd_entry *entry[NEAR];
	uint32_t slot[NEAR];
	unsigned i, k, found = 0;

	for (i = 0; i < n; i++)
		pd_index_prefetch(&st->index, hash[i]);
	for (i = 0; i < n; i++) {
		entry[found] = candidate(&st->index, hash[i]);
		if (entry[found] == NULL)
			continue;
		for (k = 0; k < ENTRY_LINES; k += 64)
			__builtin_prefetch((const char *)entry[found] + k);
		found++;
	}
	if (st->policy->ops->prefetch == NULL)
		return;
	for (i = 0; i < found; i++)
		slot[i] = entry[i]->slot;
	st->policy->ops->prefetch(st->policy, slot, found);
}

void
pd_store_prefetch(const struct pd_store *st, const uint64_t *hash, unsigned n)
{
	for (; n > NEAR; n -= NEAR, hash += NEAR)
		prefetch(st, hash, NEAR);
	prefetch(st, hash, n);
}
