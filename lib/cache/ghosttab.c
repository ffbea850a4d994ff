#include <stdlib.h>
#include <string.h>

#include "cache/ghosttab.h"

#define FIRST 64u

void
pd_ghosttab_init(struct pd_ghosttab *g)
{
	unsigned i;

	memset(g, 0, sizeof(*g));
	g->spare = PD_NO_SLOT;
	g->most = UINT32_MAX;
	for (i = 0; i < PD_GHOST_LISTS; i++) {
		g->list[i].newest = PD_NO_SLOT;
		g->list[i].oldest = PD_NO_SLOT;
	}
}

void
pd_ghosttab_release(struct pd_ghosttab *g)
{
	free(g->entry);
	pd_keyindex_release(&g->index);
	pd_ghosttab_init(g);
}

uint32_t
pd_ghosttab_find(const struct pd_ghosttab *g, uint32_t print)
{
	/* PD_KEYINDEX_NONE is PD_NO_SLOT. */
	return g->cap == 0 ? PD_NO_SLOT : pd_keyindex_find(&g->index, print);
}

static uint32_t
live(const struct pd_ghosttab *g)
{
	return g->list[0].count + g->list[1].count;
}

/* Room for an eighth more. */
static int
grow(struct pd_ghosttab *g)
{
	const uint64_t cap = (uint64_t)g->cap + g->cap / 8 + FIRST;
	struct pd_ghost *entry;

	if (cap >= PD_NO_SLOT)
		return -1;
	if (g->cap == 0 &&
	    pd_keyindex_init32(&g->index, NULL, sizeof(*entry)) < 0)
		return -1;
	entry = realloc(g->entry, (size_t)cap * sizeof(*entry));
	if (entry == NULL)
		goto err0;
	g->entry = entry;
	pd_keyindex_move(&g->index, entry);
	if (pd_keyindex_reserve(&g->index, (uint32_t)cap) < 0)
		goto err0;
	g->cap = (uint32_t)cap;
	return 0;
err0:
	if (g->cap == 0)
		pd_keyindex_release(&g->index);
	return -1;
}

/* An entry of the array that is not in use, or PD_NO_SLOT. */
static uint32_t
take_entry(struct pd_ghosttab *g)
{
	const uint32_t e = g->spare;

	if (e != PD_NO_SLOT) {
		g->spare = g->entry[e].newer;
		return e;
	}
	if (g->used == g->cap && grow(g) < 0)
		return PD_NO_SLOT;
	return g->used++;
}

static void
link_newest(struct pd_ghosttab *g, unsigned list, uint32_t e)
{
	struct pd_ghost_list *l = &g->list[list];

	g->entry[e].list = list & 1;
	g->entry[e].newer = PD_NO_SLOT;
	g->entry[e].older = l->newest;
	if (l->newest != PD_NO_SLOT)
		g->entry[l->newest].newer = e;
	else
		l->oldest = e;
	l->newest = e;
	l->count++;
	l->units += g->entry[e].size;
}

static void
unlink_entry(struct pd_ghosttab *g, uint32_t e)
{
	const struct pd_ghost *x = &g->entry[e];
	struct pd_ghost_list *l = &g->list[x->list];

	if (x->newer != PD_NO_SLOT)
		g->entry[x->newer].older = x->older;
	else
		l->newest = x->older;
	if (x->older != PD_NO_SLOT)
		g->entry[x->older].newer = x->newer;
	else
		l->oldest = x->newer;
	l->count--;
	l->units -= x->size;
}

uint32_t
pd_ghosttab_push(
    struct pd_ghosttab *g, unsigned list, uint32_t print, uint32_t size)
{
	uint32_t e = pd_ghosttab_find(g, print);

	if (e != PD_NO_SLOT) {
		unlink_entry(g, e);
	} else {
		e = take_entry(g);
		if (e == PD_NO_SLOT)
			return e;
		g->entry[e].print = print;
		pd_keyindex_add(&g->index, e);
	}
	g->entry[e].size =
	    (size < PD_GHOST_SIZE_MAX ? size : PD_GHOST_SIZE_MAX) &
	    PD_GHOST_SIZE_MAX;
	link_newest(g, list, e);
	return e;
}

void
pd_ghosttab_del(struct pd_ghosttab *g, uint32_t e)
{
	unlink_entry(g, e);
	pd_keyindex_del(&g->index, e);
	g->entry[e].newer = g->spare;
	g->spare = e;
}

int
pd_ghosttab_compact(struct pd_ghosttab *g, uint32_t *map)
{
	struct pd_ghosttab to;
	uint32_t e, n, list;

	pd_ghosttab_init(&to);
	to.most = g->most;
	for (list = 0; list < PD_GHOST_LISTS; list++)
		for (e = g->list[list].oldest; e != PD_NO_SLOT;
		     e = g->entry[e].newer) {
			n = pd_ghosttab_push(
			    &to, list, g->entry[e].print, g->entry[e].size);
			if (n == PD_NO_SLOT) {
				pd_ghosttab_release(&to);
				return -1;
			}
			if (map != NULL)
				map[e] = n;
		}
	pd_ghosttab_release(g);
	*g = to;
	return 0;
}

bool
pd_ghosttab_is_loose(const struct pd_ghosttab *g)
{
	return g->cap > FIRST * 3 && live(g) < g->cap / 2;
}

/* Forget what is over the limit, of the longer list. */
static void
limit(struct pd_ghosttab *g)
{
	while (live(g) > g->most)
		pd_ghosttab_del(
		    g, g->list[g->list[1].count > g->list[0].count].oldest);
	if (pd_ghosttab_is_loose(g))
		(void)pd_ghosttab_compact(g, NULL);
}

void
pd_ghosttab_trim(struct pd_ghosttab *g, unsigned list, uint64_t units)
{
	while (g->list[list].units > units)
		pd_ghosttab_del(g, g->list[list].oldest);
	limit(g);
}

void
pd_ghosttab_limit(struct pd_ghosttab *g, uint64_t bytes)
{
	const uint64_t most = bytes / PD_GHOST_BYTES;

	g->most = most < PD_NO_SLOT ? (uint32_t)most : PD_NO_SLOT;
	limit(g);
}

int
pd_ghosttab_take(struct pd_ghosttab *g, uint32_t print)
{
	const uint32_t e = pd_ghosttab_find(g, print);
	int list;

	if (e == PD_NO_SLOT)
		return -1;
	list = (int)g->entry[e].list;
	pd_ghosttab_del(g, e);
	return list;
}

size_t
pd_ghosttab_memory(const struct pd_ghosttab *g)
{
	return (g->cap == 0 ? 0 : pd_keyindex_memory(&g->index)) +
	       (size_t)g->cap * sizeof(*g->entry);
}
