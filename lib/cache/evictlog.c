#include <stdlib.h>

#include "base/err.h"
#include "cache/evictlog.h"

/* Hashes lie together, because a look-up reads them all. */
struct pd_evictlog {
	uint64_t *hash;
	struct pd_evictlog_entry *entry;
	uint32_t size;
	uint32_t used;
	uint32_t next; /* where the next goes */
};

const char *
pd_gone_name(enum pd_gone why)
{
	static const char *const names[PD_GONE_REASONS] = {
	    [PD_GONE_SCORE] = "score",
	    [PD_GONE_LRU] = "lru-end",
	    [PD_GONE_POLICY] = "policy",
	    [PD_GONE_EXPIRED] = "expired",
	    [PD_GONE_DELETED] = "deleted",
	    [PD_GONE_FLUSHED] = "flushed",
	};

	return names[why];
}

struct pd_evictlog *
pd_evictlog_new(size_t bytes, struct pd_err *err)
{
	const size_t n = bytes / PD_EVICTLOG_ENTRY;
	struct pd_evictlog *l = calloc(1, sizeof(*l));

	_Static_assert(
	    sizeof(*l->hash) + sizeof(*l->entry) == PD_EVICTLOG_ENTRY,
	    "the bytes that are promised");
	if (l == NULL)
		goto err0;
	l->size = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
	if (l->size == 0)
		return l;
	l->hash = calloc(l->size, sizeof(*l->hash));
	l->entry = calloc(l->size, sizeof(*l->entry));
	if (l->hash == NULL || l->entry == NULL)
		goto err0;
	return l;
err0:
	pd_evictlog_free(l);
	(void)pd_err_nomem(err);
	return NULL;
}

void
pd_evictlog_free(struct pd_evictlog *l)
{
	if (l == NULL)
		return;
	free(l->hash);
	free(l->entry);
	free(l);
}

void
pd_evictlog_add(
    struct pd_evictlog *l, uint64_t hash, const struct pd_evictlog_entry *e)
{
	if (l->size == 0)
		return;
	l->hash[l->next] = hash;
	l->entry[l->next] = *e;
	l->next = l->next + 1 == l->size ? 0 : l->next + 1;
	l->used += l->used < l->size;
}

bool
pd_evictlog_find(
    const struct pd_evictlog *l, uint64_t hash, struct pd_evictlog_entry *out)
{
	const struct pd_evictlog_entry *last = NULL;
	uint32_t i = l->next, n;

	/* Of a flush it is noted later. */
	for (n = l->used; n > 0; n--) {
		i = i == 0 ? l->size - 1 : i - 1;
		if (l->hash[i] == hash &&
		    (last == NULL || l->entry[i].tick > last->tick))
			last = &l->entry[i];
	}
	if (last != NULL)
		*out = *last;
	return last != NULL;
}

uint32_t
pd_evictlog_size(const struct pd_evictlog *l)
{
	return l->size;
}

uint32_t
pd_evictlog_used(const struct pd_evictlog *l)
{
	return l->used;
}

size_t
pd_evictlog_memory(const struct pd_evictlog *l)
{
	return sizeof(*l) + (size_t)l->size * PD_EVICTLOG_ENTRY;
}
