#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "base/grow.h"
#include "cache/refetch.h"

#define HINTED 0x80u
#define CODE 0x7fu /* codes of up to PD_REFETCH_HINT_MOST are below it */
#define PASTS_MOST (1u << 20)
#define STEP_MOST 12	   /* quarter octaves that an outlier counts */
#define TYPICAL_WEIGHT 64u /* notes in the moving mean */

int
pd_refetch_init(struct pd_refetch *f, uint64_t pasts, uint32_t slots)
{
	uint32_t n = 1;

	while (n < pasts && n < PASTS_MOST)
		n *= 2;
	memset(f, 0, sizeof(*f));
	f->print = calloc(n, sizeof(*f->print));
	f->past = calloc(n, sizeof(*f->past));
	f->pasts = n;
	f->on = true;
	if (f->print == NULL || f->past == NULL ||
	    pd_refetch_reserve(f, slots) == -1) {
		pd_refetch_release(f);
		return -1;
	}
	return 0;
}

void
pd_refetch_release(struct pd_refetch *f)
{
	pd_grow_free(f->slot);
	free(f->print);
	free(f->past);
	memset(f, 0, sizeof(*f));
}

int
pd_refetch_reserve(struct pd_refetch *f, uint32_t n)
{
	uint8_t *slot;

	if (!f->on || n == f->slots || n == 0)
		return 0;
	slot = pd_grow(f->slot, n * sizeof(*slot));
	if (slot == NULL && n > f->slots)
		return -1;
	if (slot != NULL)
		f->slot = slot;
	f->slots = n;
	return 0;
}

bool
pd_refetch_is_hint(pd_refetch_note n)
{
	return n & HINTED;
}

static pd_refetch_note
note_of(uint64_t us)
{
	return pd_code(us);
}

pd_refetch_note
pd_refetch_hinted(uint32_t us)
{
	return (pd_refetch_note)(note_of(us) | HINTED);
}

static uint32_t
place(const struct pd_refetch *f, uint64_t hash)
{
	return (uint32_t)(hash & (f->pasts - 1));
}

pd_refetch_note
pd_refetch_past(const struct pd_refetch *f, uint64_t hash)
{
	uint32_t i;

	if (!f->on)
		return 0;
	i = place(f, hash);
	return f->print[i] == (uint32_t)(hash >> 32) ? f->past[i] : 0;
}

/* A cost became known: it moves what is typical. */
static void
learn_typical(struct pd_refetch *f, pd_refetch_note n)
{
	const int32_t v = (int32_t)((n & CODE) << 8);
	const int32_t t = (int32_t)f->typical;

	f->known += f->known < TYPICAL_WEIGHT;
	f->typical = (uint32_t)(t + (v - t) / (int32_t)f->known);
}

pd_refetch_note
pd_refetch_measured(struct pd_refetch *f, pd_refetch_note old, uint64_t us)
{
	int d;

	if (!f->on || us == 0 || old & HINTED)
		return old;
	if (us > PD_REFETCH_MOST_US)
		us = PD_REFETCH_MOST_US;
	if (old == 0) {
		old = note_of(us);
	} else {
		d = (int)note_of(us) - (int)old;
		d = d > STEP_MOST ? STEP_MOST : d < -STEP_MOST ? -STEP_MOST : d;
		/* Away from 0, so that a lasting change arrives. */
		old = (pd_refetch_note)((int)old + (d + (d > 0 ? 3 : -3)) / 4);
	}
	learn_typical(f, old);
	return old;
}

void
pd_refetch_set(struct pd_refetch *f, uint32_t slot, pd_refetch_note n)
{
	if (!f->on)
		return;
	f->slot[slot] = n;
	if (n & HINTED)
		learn_typical(f, n);
}

pd_refetch_note
pd_refetch_get(const struct pd_refetch *f, uint32_t slot)
{
	return f->on ? f->slot[slot] : 0;
}

void
pd_refetch_move(struct pd_refetch *f, uint32_t from, uint32_t to)
{
	if (f->on)
		f->slot[to] = f->slot[from];
}

void
pd_refetch_leave(struct pd_refetch *f, uint64_t hash, pd_refetch_note n)
{
	uint32_t i;

	if (!f->on || n == 0)
		return;
	i = place(f, hash);
	f->print[i] = (uint32_t)(hash >> 32);
	f->past[i] = n;
}

void
pd_refetch_forget(struct pd_refetch *f, uint64_t hash)
{
	if (pd_refetch_past(f, hash) != 0)
		f->past[place(f, hash)] = 0;
}

/* The middle of a code's range, in 16-bit fixed point: 2^(q/4 + 1/8). */
static uint32_t
us_of(unsigned code)
{
	static const uint32_t middle[] = {71468, 84990, 101070, 120194};
	const unsigned c = code - 1;

	return (uint32_t)((uint64_t)middle[c % 4] << (c / 4) >> 16);
}

uint32_t
pd_refetch_us(pd_refetch_note n)
{
	return (n & CODE) == 0 ? 0 : us_of(n & CODE);
}

uint32_t
pd_refetch_guess(const struct pd_refetch *f, pd_refetch_note n)
{
	const unsigned typical = f->typical >> 8;

	if ((n & CODE) == 0)
		return typical == 0 ? 0 : us_of(typical);
	return us_of(n & CODE);
}

size_t
pd_refetch_memory(const struct pd_refetch *f)
{
	return f->slots * sizeof(*f->slot) +
	       f->pasts * (sizeof(*f->print) + sizeof(*f->past));
}
