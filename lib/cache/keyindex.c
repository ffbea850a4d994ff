#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "base/hash.h"
#include "cache/keyindex.h"

#define MIN_CELLS 16u

static uint64_t
key_of(const struct pd_keyindex *ix, uint32_t entry)
{
	const char *at = (const char *)ix->keys + (size_t)entry * ix->stride;
	uint64_t key;
	uint32_t print;

	if (ix->width == sizeof(print)) {
		memcpy(&print, at, sizeof(print));
		return print;
	}
	memcpy(&key, at, sizeof(key));
	return key;
}

static uint32_t
home(const struct pd_keyindex *ix, uint64_t key)
{
	const uint64_t h =
	    ix->width == sizeof(uint32_t) ? key : (uint32_t)pd_mix64(key);

	return (uint32_t)(h * ix->cells >> 32);
}

static uint32_t
next(const struct pd_keyindex *ix, uint32_t c)
{
	return c + 1 == ix->cells ? 0 : c + 1;
}

/* Cells from ${a} on to ${b}, around the end. */
static uint32_t
distance(const struct pd_keyindex *ix, uint32_t a, uint32_t b)
{
	return b >= a ? b - a : b + (ix->cells - a);
}

static int
init(struct pd_keyindex *ix, const void *keys, size_t stride, uint32_t width)
{
	ix->cell = pd_grow(NULL, MIN_CELLS * sizeof(*ix->cell));
	ix->cells = MIN_CELLS;
	ix->used = 0;
	ix->width = width;
	ix->keys = keys;
	ix->stride = stride;
	return ix->cell == NULL ? -1 : 0;
}

int
pd_keyindex_init(struct pd_keyindex *ix, const void *keys, size_t stride)
{
	return init(ix, keys, stride, sizeof(uint64_t));
}

int
pd_keyindex_init32(struct pd_keyindex *ix, const void *keys, size_t stride)
{
	return init(ix, keys, stride, sizeof(uint32_t));
}

void
pd_keyindex_release(struct pd_keyindex *ix)
{
	pd_grow_free(ix->cell);
	ix->cell = NULL;
	ix->used = 0;
}

int
pd_keyindex_copy(
    struct pd_keyindex *to, const struct pd_keyindex *from, const void *keys)
{
	*to = *from;
	to->keys = keys;
	if ((to->cell = pd_grow(NULL, from->cells * sizeof(*to->cell))) == NULL)
		return -1;
	memcpy(to->cell, from->cell, from->cells * sizeof(*to->cell));
	return 0;
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
		c = next(ix, c);
	ix->cell[c] = entry + 1;
}

int
pd_keyindex_reserve(struct pd_keyindex *ix, uint32_t n)
{
	const uint32_t old_cells = ix->cells;
	uint32_t *old = ix->cell;
	uint32_t i;
	uint64_t cells = (uint64_t)n + n / 2 + 2;

	if (cells <= old_cells)
		return 0;
	if (cells < (uint64_t)old_cells + old_cells / 8)
		cells = (uint64_t)old_cells + old_cells / 8;
	if (cells > UINT32_MAX)
		return -1;
	ix->cell = pd_grow(NULL, (size_t)cells * sizeof(*ix->cell));
	if (ix->cell == NULL) {
		ix->cell = old;
		return -1;
	}
	ix->cells = (uint32_t)cells;
	/* Cells that nobody has touched take no memory: leave it so. */
	for (i = 0; ix->used > 0 && i < old_cells; i++)
		if (old[i] != 0)
			place(ix, old[i] - 1);
	pd_grow_free(old);
	return 0;
}

uint32_t
pd_keyindex_find(const struct pd_keyindex *ix, uint64_t key)
{
	uint32_t c = home(ix, key);

	if (ix->used == 0)
		return PD_KEYINDEX_NONE;
	while (ix->cell[c] != 0) {
		if (key_of(ix, ix->cell[c] - 1) == key)
			return ix->cell[c] - 1;
		c = next(ix, c);
	}
	return PD_KEYINDEX_NONE;
}

void
pd_keyindex_add(struct pd_keyindex *ix, uint32_t entry)
{
	assert(((uint64_t)ix->used + 1) * 3 <= (uint64_t)ix->cells * 2);
	place(ix, entry);
	ix->used++;
}

void
pd_keyindex_del(struct pd_keyindex *ix, uint32_t entry)
{
	uint32_t c = home(ix, key_of(ix, entry)), hole, want;

	while (ix->cell[c] != entry + 1) {
		assert(ix->cell[c] != 0);
		c = next(ix, c);
	}
	/* Close the hole with whoever may stand nearer to its home. */
	hole = c;
	for (c = next(ix, c); ix->cell[c] != 0; c = next(ix, c)) {
		want = home(ix, key_of(ix, ix->cell[c] - 1));
		if (distance(ix, want, c) >= distance(ix, hole, c)) {
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
	return (size_t)ix->cells * sizeof(*ix->cell);
}
