#include <stdlib.h>
#include <string.h>

#include "cache/ghosttab.h"

#define INDEX_MIN 64u
#define INDEX_MAX (1u << 31)

/* The entry that an occupied index word names. */
static uint32_t
word_entry(uint64_t w)
{
	return (uint32_t)w - 1;
}

static uint32_t
word_print(uint64_t w)
{
	return (uint32_t)(w >> 32);
}

void
pd_ghosttab_init(struct pd_ghosttab *g)
{
	unsigned i;

	memset(g, 0, sizeof(*g));
	g->spare = PD_NO_SLOT;
	for (i = 0; i < PD_GHOST_LISTS; i++) {
		g->list[i].newest = PD_NO_SLOT;
		g->list[i].oldest = PD_NO_SLOT;
	}
}

void
pd_ghosttab_release(struct pd_ghosttab *g)
{
	free(g->entry);
	free(g->index);
	pd_ghosttab_init(g);
}

/* The index position of ${print}, or of the hole where it would go. */
static uint32_t
position(const struct pd_ghosttab *g, uint32_t print)
{
	const uint32_t mask = g->slots - 1;
	uint32_t i;

	for (i = print & mask; g->index[i] != 0; i = (i + 1) & mask)
		if (word_print(g->index[i]) == print)
			break;
	return i;
}

uint32_t
pd_ghosttab_find(const struct pd_ghosttab *g, uint32_t print)
{
	uint64_t w;

	if (g->slots == 0)
		return PD_NO_SLOT;
	w = g->index[position(g, print)];
	return w == 0 ? PD_NO_SLOT : word_entry(w);
}

/* An index of twice the size. */
static int
grow_index(struct pd_ghosttab *g)
{
	const uint32_t slots = g->slots == 0 ? INDEX_MIN : g->slots * 2;
	const uint32_t oldslots = g->slots;
	uint64_t *index, *old = g->index;
	uint32_t i;

	if (g->slots >= INDEX_MAX)
		return -1;
	index = calloc(slots, sizeof(*index));
	if (index == NULL)
		return -1;
	g->index = index;
	g->slots = slots;
	for (i = 0; i < oldslots; i++)
		if (old[i] != 0)
			index[position(g, word_print(old[i]))] = old[i];
	free(old);
	return 0;
}

/* An array of entries larger by a quarter. */
static int
grow_entries(struct pd_ghosttab *g)
{
	const uint32_t cap = g->cap + g->cap / 4 + INDEX_MIN;
	struct pd_ghost *entry;

	entry = realloc(g->entry, (size_t)cap * sizeof(*entry));
	if (entry == NULL)
		return -1;
	g->entry = entry;
	g->cap = cap;
	return 0;
}

/* An entry of the array that is not in use, or PD_NO_SLOT. */
static uint32_t
take_entry(struct pd_ghosttab *g)
{
	const uint64_t live = (uint64_t)g->list[0].count + g->list[1].count + 1;
	const uint32_t e = g->spare;

	if (live > (uint64_t)g->slots * 3 / 4 && grow_index(g) < 0)
		return PD_NO_SLOT;
	if (e != PD_NO_SLOT) {
		g->spare = g->entry[e].newer;
		return e;
	}
	if (g->used == g->cap && grow_entries(g) < 0)
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
		g->index[position(g, print)] =
		    (uint64_t)print << 32 | (uint64_t)(e + 1);
	}
	g->entry[e].size =
	    (size < PD_GHOST_SIZE_MAX ? size : PD_GHOST_SIZE_MAX) &
	    PD_GHOST_SIZE_MAX;
	link_newest(g, list, e);
	return e;
}

/* Close the hole at ${i}: words behind it move up unless they are at home. */
static void
index_del(struct pd_ghosttab *g, uint32_t i)
{
	const uint32_t mask = g->slots - 1;
	uint32_t j = i, home;

	for (;;) {
		j = (j + 1) & mask;
		if (g->index[j] == 0)
			break;
		home = word_print(g->index[j]) & mask;
		if (((j - home) & mask) < ((j - i) & mask))
			continue;
		g->index[i] = g->index[j];
		i = j;
	}
	g->index[i] = 0;
}

void
pd_ghosttab_del(struct pd_ghosttab *g, uint32_t e)
{
	unlink_entry(g, e);
	index_del(g, position(g, g->entry[e].print));
	g->entry[e].newer = g->spare;
	g->spare = e;
}

void
pd_ghosttab_trim(struct pd_ghosttab *g, unsigned list, uint64_t units)
{
	while (g->list[list].units > units)
		pd_ghosttab_del(g, g->list[list].oldest);
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
	return (size_t)g->slots * sizeof(*g->index) +
	       (size_t)g->cap * sizeof(*g->entry);
}
