#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "cache/keyindex.h"

#define MIN_CELLS 16u

static uint64_t
key_of(const struct pd_keyindex *ix, uint32_t entry)
{
	uint64_t key;

	memcpy(&key, (const char *)ix->keys + (size_t)entry * ix->stride,
	    sizeof(key));
	return key;
}

static uint32_t
home(const struct pd_keyindex *ix, uint64_t key)
{
	return (uint32_t)pd_mix64(key) & ix->mask;
}

int
pd_keyindex_init(struct pd_keyindex *ix, const void *keys, size_t stride)
{
	ix->cell = calloc(MIN_CELLS, sizeof(*ix->cell));
	ix->mask = MIN_CELLS - 1;
	ix->used = 0;
	ix->keys = keys;
	ix->stride = stride;
	return ix->cell == NULL ? -1 : 0;
}

void
pd_keyindex_release(struct pd_keyindex *ix)
{
	free(ix->cell);
	ix->cell = NULL;
	ix->used = 0;
}

void
pd_keyindex_move(struct pd_keyindex *ix, const void *keys)
{
	ix->keys = keys;
}

static void
place(struct pd_keyindex *ix, uint32_t entry)
{
	uint32_t c = home(ix, key_of(ix, entry));

	while (ix->cell[c] != 0)
		c = (c + 1) & ix->mask;
	ix->cell[c] = entry + 1;
}

int
pd_keyindex_reserve(struct pd_keyindex *ix, uint32_t n)
{
	const uint32_t old_cells = ix->mask + 1;
	uint32_t *old = ix->cell;
	uint32_t i;
	uint64_t cells = old_cells;

	while ((uint64_t)n * 3 > cells * 2)
		cells *= 2;
	if (cells == old_cells)
		return 0;
	if (cells > (uint64_t)UINT32_MAX + 1)
		return -1;
	ix->cell = calloc((size_t)cells, sizeof(*ix->cell));
	if (ix->cell == NULL) {
		ix->cell = old;
		return -1;
	}
	ix->mask = (uint32_t)(cells - 1);
	for (i = 0; i < old_cells; i++)
		if (old[i] != 0)
			place(ix, old[i] - 1);
	free(old);
	return 0;
}

uint32_t
pd_keyindex_find(const struct pd_keyindex *ix, uint64_t key)
{
	uint32_t c = home(ix, key);

	while (ix->cell[c] != 0) {
		if (key_of(ix, ix->cell[c] - 1) == key)
			return ix->cell[c] - 1;
		c = (c + 1) & ix->mask;
	}
	return PD_KEYINDEX_NONE;
}

void
pd_keyindex_add(struct pd_keyindex *ix, uint32_t entry)
{
	assert(((uint64_t)ix->used + 1) * 3 <= ((uint64_t)ix->mask + 1) * 2);
	place(ix, entry);
	ix->used++;
}

void
pd_keyindex_del(struct pd_keyindex *ix, uint32_t entry)
{
	uint32_t c = home(ix, key_of(ix, entry)), hole, want;

	while (ix->cell[c] != entry + 1) {
		assert(ix->cell[c] != 0);
		c = (c + 1) & ix->mask;
	}
	/* Close the hole with whoever may stand nearer to its home. */
	hole = c;
	for (c = (c + 1) & ix->mask; ix->cell[c] != 0; c = (c + 1) & ix->mask) {
		want = home(ix, key_of(ix, ix->cell[c] - 1));
		if (((c - want) & ix->mask) >= ((c - hole) & ix->mask)) {
			ix->cell[hole] = ix->cell[c];
			hole = c;
		}
	}
	ix->cell[hole] = 0;
	ix->used--;
}

size_t
pd_keyindex_memory(const struct pd_keyindex *ix)
{
	return ((size_t)ix->mask + 1) * sizeof(*ix->cell);
}
