#include <stdlib.h>

#include "cache/keytab.h"

#define FIRST 64

int
pd_keytab_init(struct pd_keytab *t, uint32_t most)
{
	*t = (struct pd_keytab){.most = most, .spare = PD_KEYINDEX_NONE};
	return pd_keyindex_init(&t->index, NULL, sizeof(*t->entry));
}

void
pd_keytab_release(struct pd_keytab *t)
{
	pd_keyindex_release(&t->index);
	free(t->entry);
	t->entry = NULL;
}

void
pd_keytab_clear(struct pd_keytab *t)
{
	struct pd_keytab_entry *e;
	struct pd_keytab none;
	uint32_t i;

	for (i = 0; i < t->taken; i++)
		if ((e = pd_keytab_at(t, i)) != NULL)
			pd_keytab_del(t, e);
	/* Out of memory for the little that an empty one has: it keeps what
	 * it has. */
	if (pd_keytab_init(&none, t->most) == -1)
		return;
	pd_keytab_release(t);
	*t = none;
}

struct pd_keytab_entry *
pd_keytab_find(const struct pd_keytab *t, uint64_t key)
{
	const uint32_t i =
	    t->count == 0 ? PD_KEYINDEX_NONE : pd_keyindex_find(&t->index, key);

	return i == PD_KEYINDEX_NONE ? NULL : &t->entry[i];
}

/* False without memory, or at the limit. */
static bool
grow(struct pd_keytab *t)
{
	uint32_t n = t->cap + t->cap / 4 + FIRST;
	struct pd_keytab_entry *e;

	if (n > t->most)
		n = t->most;
	if (n == t->cap || pd_keyindex_reserve(&t->index, n) == -1 ||
	    (e = realloc(t->entry, n * sizeof(*e))) == NULL)
		return false;
	t->entry = e;
	t->cap = n;
	pd_keyindex_move(&t->index, e);
	return true;
}

struct pd_keytab_entry *
pd_keytab_add(struct pd_keytab *t, uint64_t key)
{
	uint32_t i = t->spare;

	if (i != PD_KEYINDEX_NONE) {
		t->spare = t->entry[i].next;
	} else {
		if (t->taken == t->cap && !grow(t))
			return NULL;
		i = t->taken++;
	}
	t->entry[i] = (struct pd_keytab_entry){.key = key};
	pd_keyindex_add(&t->index, i);
	t->count++;
	return &t->entry[i];
}

void
pd_keytab_del(struct pd_keytab *t, struct pd_keytab_entry *e)
{
	const uint32_t i = (uint32_t)(e - t->entry);

	pd_keyindex_del(&t->index, i);
	e->next = t->spare;
	t->spare = i;
	t->count--;
}

struct pd_keytab_entry *
pd_keytab_at(const struct pd_keytab *t, uint32_t i)
{
	return pd_keyindex_find(&t->index, t->entry[i].key) == i ? &t->entry[i]
								 : NULL;
}

size_t
pd_keytab_memory(const struct pd_keytab *t)
{
	return t->cap * sizeof(*t->entry) + pd_keyindex_memory(&t->index);
}
