#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/grow.h"
#include "cache/follow.h"

enum state { FREE, HELD, STRAY }; /* new slots are zero */

int
pd_follow_init(struct pd_follow *f)
{
	memset(f, 0, sizeof(*f));
	pd_slots_init(&f->slots, PD_SLOTS_LINK);
	pd_slist_init(&f->strays);
	return pd_keyindex_init(&f->index, NULL, sizeof(*f->key));
}

void
pd_follow_release(struct pd_follow *f)
{
	pd_slots_release(&f->slots);
	pd_keyindex_release(&f->index);
	pd_grow_free(f->key);
	pd_grow_free(f->state);
	memset(f, 0, sizeof(*f));
}

/* Fewer slots: never fails. */
static void
shrink(struct pd_follow *f, uint32_t n)
{
	struct pd_keyindex index;
	uint64_t *key = pd_grow(f->key, n * sizeof(*key));
	uint8_t *state = pd_grow(f->state, n * sizeof(*state));
	uint32_t i;

	f->key = key != NULL ? key : f->key;
	f->state = state != NULL ? state : f->state;
	(void)pd_slots_reserve(&f->slots, n);
	f->n = n;
	pd_keyindex_move(&f->index, f->key);
	if (pd_keyindex_init(&index, f->key, sizeof(*f->key)) < 0)
		return;
	if (pd_keyindex_reserve(&index, n) < 0) {
		pd_keyindex_release(&index);
		return;
	}
	for (i = 0; i < n; i++)
		if (f->state[i] != FREE)
			pd_keyindex_add(&index, i);
	pd_keyindex_release(&f->index);
	f->index = index;
}

int
pd_follow_reserve(struct pd_follow *f, uint32_t n)
{
	uint64_t *key;
	uint8_t *state;

	if (n <= f->n) {
		shrink(f, n);
		return 0;
	}
	if ((key = pd_grow(f->key, n * sizeof(*key))) == NULL)
		return -1;
	f->key = key;
	pd_keyindex_move(&f->index, key);
	if ((state = pd_grow(f->state, n * sizeof(*state))) == NULL)
		return -1;
	f->state = state;
	if (pd_keyindex_reserve(&f->index, n) < 0 ||
	    pd_slots_reserve(&f->slots, n) < 0)
		return -1;
	f->n = n;
	return 0;
}

static void
set_state(struct pd_follow *f, uint32_t slot, enum state state)
{
	if (f->state[slot] == state)
		return;
	if (f->state[slot] == STRAY)
		pd_slist_remove(&f->slots, &f->strays, slot);
	if (state == STRAY)
		pd_slist_push(&f->slots, &f->strays, slot);
	f->state[slot] = (uint8_t)state;
}

void
pd_follow_insert(struct pd_follow *f, uint32_t slot, uint64_t key, bool held)
{
	assert(slot < f->n && f->state[slot] == FREE);
	f->key[slot] = key;
	pd_keyindex_add(&f->index, slot);
	set_state(f, slot, held ? HELD : STRAY);
	f->count++;
}

void
pd_follow_remove(struct pd_follow *f, uint32_t slot)
{
	assert(slot < f->n && f->state[slot] != FREE);
	set_state(f, slot, FREE);
	pd_keyindex_del(&f->index, slot);
	f->count--;
}

void
pd_follow_move(struct pd_follow *f, uint32_t from, uint32_t to)
{
	if (f->state[from] == STRAY)
		pd_slist_move(&f->slots, &f->strays, from, to);
	f->state[to] = f->state[from];
	f->state[from] = FREE;
	pd_keyindex_del(&f->index, from);
	f->key[to] = f->key[from];
	pd_keyindex_add(&f->index, to);
}

void
pd_follow_mark(struct pd_follow *f, uint64_t key, bool held)
{
	const uint32_t slot = pd_keyindex_find(&f->index, key);

	if (slot != PD_KEYINDEX_NONE)
		set_state(f, slot, held ? HELD : STRAY);
}

void
pd_follow_set(struct pd_follow *f, uint32_t slot, bool held)
{
	set_state(f, slot, HELD);
	if (!held)
		set_state(f, slot, STRAY);
}

uint32_t
pd_follow_victim(const struct pd_follow *f)
{
	return f->strays.oldest;
}

size_t
pd_follow_memory(const struct pd_follow *f)
{
	return pd_slots_memory(&f->slots) +
	       f->n * (sizeof(*f->key) + sizeof(*f->state)) +
	       pd_keyindex_memory(&f->index);
}
