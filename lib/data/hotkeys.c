#include <math.h>
#include <string.h>

#include "base/keyfile.h"
#include "base/log2.h"
#include "data/hotkeys.h"

#define SECOND 1000000u
#define DECAY_US 250000u /* no oftener */
#define SHORTEST 1.0	 /* seconds that a rate is taken over at least */
#define SHIFT_MOST 20	 /* one in a million */
#define LN2 0.69314718055994531

void
pd_hotkeys_init(struct pd_hotkeys *h, const struct pd_keys *keys, uint64_t seed)
{
	memset(h, 0, sizeof(*h));
	h->keys = keys;
	h->least = PD_HOTKEYS;
	pd_rng_init(&h->rng, seed);
}

/* Forget as much as the time that passed makes one forget. */
static void
decay(struct pd_hotkeys *h, uint64_t time_us, uint64_t least_us)
{
	uint64_t us;
	double f;
	uint32_t i;

	if (h->time_us == 0)
		h->time_us = time_us;
	us = time_us > h->time_us ? time_us - h->time_us : 0;
	if (us <= least_us)
		return;
	f = pd_exp2_neg((double)us / (double)SECOND / PD_HOTKEYS_HALF);
	for (i = 0; i < h->n; i++) {
		h->count[i] *= f;
		h->error[i] *= f;
		h->variance[i] *= f * f;
	}
	h->total *= f;
	h->span = h->span * f + PD_HOTKEYS_HALF / LN2 * (1 - f);
	h->time_us = time_us;
}

static uint32_t
home_of(uint64_t hash)
{
	return (uint32_t)(hash * 0x9e3779b97f4a7c15ULL >> 57);
}

/* The cell of a hash, or the empty one where it would be. */
static uint32_t
cell_of(const struct pd_hotkeys *h, uint64_t hash)
{
	uint32_t i = home_of(hash);

	while (h->cell[i] != 0 && h->hash[h->cell[i] - 1] != hash)
		i = (i + 1) % PD_HOTKEYS_CELLS;
	return i;
}

/* Empty a cell; what lies behind it and belongs before moves up. */
static void
empty_cell(struct pd_hotkeys *h, uint32_t i)
{
	uint32_t k = i, home;

	for (;;) {
		k = (k + 1) % PD_HOTKEYS_CELLS;
		if (h->cell[k] == 0)
			break;
		home = home_of(h->hash[h->cell[k] - 1]);
		if ((k - home) % PD_HOTKEYS_CELLS < (k - i) % PD_HOTKEYS_CELLS)
			continue;
		h->cell[i] = h->cell[k];
		i = k;
	}
	h->cell[i] = 0;
}

/* The counter of a hash, or h->n. */
static uint32_t
find(const struct pd_hotkeys *h, uint64_t hash)
{
	const uint8_t c = h->cell[cell_of(h, hash)];

	return c == 0 ? h->n : c - 1u;
}

/* Counter ${i} gets another hash; ${is_new}: it has none yet. */
static void
rehash(struct pd_hotkeys *h, uint32_t i, uint64_t hash, bool is_new)
{
	if (!is_new)
		empty_cell(h, cell_of(h, h->hash[i]));
	h->cell[cell_of(h, hash)] = (uint8_t)(i + 1);
	h->hash[i] = hash;
}

static uint32_t
smallest(struct pd_hotkeys *h)
{
	uint32_t i, least = 0;

	if (h->least < h->n)
		return h->least;
	for (i = 1; i < h->n; i++)
		if (h->count[i] < h->count[least])
			least = i;
	return h->least = least;
}

/* The counter that an access to a new key of ${weight} gets, or PD_HOTKEYS:
 * none this time. What it counted is its error. */
static uint32_t
admit(struct pd_hotkeys *h, uint64_t hash, double weight)
{
	uint32_t i;

	if (h->n < PD_HOTKEYS) {
		i = h->n++;
		h->count[i] = h->error[i] = 0;
		rehash(h, i, hash, true);
		return i;
	}
	i = smallest(h);
	if (pd_rng_double(&h->rng) * (h->count[i] + weight) >= weight)
		return PD_HOTKEYS;
	h->error[i] = h->count[i];
	rehash(h, i, hash, false);
	return i;
}

static void
name(struct pd_hotkeys *h, uint32_t i, uint64_t hash, const void *key, size_t n,
    unsigned db)
{
	struct pd_hotkey *k = &h->key[i];

	h->variance[i] = 0;
	k->db = (uint8_t)db;
	k->identity = hash;
	k->len = 0;
	if (key == NULL || n > UINT32_MAX)
		return;
	k->len = (uint32_t)n;
	memcpy(k->key, key, n < PD_HOTKEYS_KEY ? n : PD_HOTKEYS_KEY);
	if (h->keys != NULL)
		k->identity = pd_keys_identity_db(h->keys, db, key, k->len);
}

/* ${variance}: of the accesses that one stands for. */
static void
note(struct pd_hotkeys *h, uint64_t hash, const void *key, size_t n,
    unsigned db, double weight, double variance)
{
	uint32_t i = find(h, hash);

	h->total += weight;
	if (i == h->n) {
		i = admit(h, hash, weight);
		if (i == PD_HOTKEYS)
			return;
		name(h, i, hash, key, n, db);
	}
	h->count[i] += weight;
	h->variance[i] += variance;
	if (i == h->least)
		h->least = PD_HOTKEYS;
}

void
pd_hotkeys_note(struct pd_hotkeys *h, uint64_t hash, const void *key, size_t n,
    unsigned db, uint64_t time_us, double weight)
{
	decay(h, time_us, DECAY_US);
	note(h, hash, key, n, db, weight, 0);
}

/* Draw more rarely, or oftener, as there was more to draw from or less. */
static void
keep_pace(struct pd_hotkeys *h, uint64_t time_us)
{
	uint64_t us = time_us - h->second_us;
	uint64_t n = (uint64_t)h->drawn * SECOND;

	if (time_us < h->second_us || h->second_us == 0) {
		h->second_us = time_us;
		return;
	}
	if (h->drawn >= 2 * PD_HOTKEYS_PACE && h->shift < SHIFT_MOST) {
		h->shift++;
		h->drawn = PD_HOTKEYS_PACE;
	}
	if (us < SECOND)
		return;
	for (; h->shift > 0 && n < PD_HOTKEYS_PACE / 2 * us; n *= 2) {
		h->shift--;
		n = n > 0 ? n : us;
	}
	h->drawn = 0;
	h->second_us = time_us;
}

uint64_t
pd_hotkeys_skip(struct pd_hotkeys *h, uint64_t time_us)
{
	double k;

	keep_pace(h, time_us);
	h->at_shift = h->shift;
	if (h->shift == 0)
		return 1;
	k = log1p(-pd_rng_double(&h->rng)) / log1p(-ldexp(1, -(int)h->shift));
	return 1 + (uint64_t)k;
}

void
pd_hotkeys_draw(struct pd_hotkeys *h, uint64_t hash, const void *key, size_t n,
    unsigned db, uint64_t time_us)
{
	const double weight = ldexp(1, (int)h->at_shift);

	decay(h, time_us, DECAY_US);
	h->drawn++;
	note(h, hash, key, n, db, weight, weight * (weight - 1));
}

static void
add(struct pd_hotkeys *to, const struct pd_hotkeys *from, uint32_t j)
{
	const uint64_t hash = from->hash[j];
	uint32_t i = find(to, hash);

	if (i == to->n) {
		if (to->n < PD_HOTKEYS)
			rehash(to, to->n++, hash, true);
		else if (to->count[i = smallest(to)] >= from->count[j])
			return;
		else
			rehash(to, i, hash, false);
		to->key[i] = from->key[j];
		to->count[i] = to->error[i] = to->variance[i] = 0;
	}
	to->least = PD_HOTKEYS;
	to->count[i] += from->count[j];
	to->error[i] += from->error[j];
	to->variance[i] += from->variance[j];
}

void
pd_hotkeys_merge(
    struct pd_hotkeys *to, struct pd_hotkeys *from, uint64_t time_us)
{
	uint32_t i;

	decay(to, time_us, 0);
	decay(from, time_us, 0);
	for (i = 0; i < from->n; i++)
		add(to, from, i);
	to->total += from->total;
	if (to->span < from->span)
		to->span = from->span;
}

static double
seconds(const struct pd_hotkeys *h)
{
	return h->span > SHORTEST ? h->span : SHORTEST;
}

/* The middle of what it can be, and how far that reaches. */
static void
rate_of(const struct pd_hotkeys *h, uint32_t i, struct pd_hotkey_rate *r)
{
	const double s = seconds(h), n = h->count[i] - h->error[i] / 2;

	r->key = h->key[i];
	r->per_second = n / s;
	r->error = (h->error[i] / 2 + 2 * sqrt(h->variance[i])) / s;
	r->share = h->total > 0 ? n / h->total : 0;
}

size_t
pd_hotkeys_top(struct pd_hotkeys *h, uint64_t time_us,
    struct pd_hotkey_rate *out, size_t most)
{
	struct pd_hotkey_rate r;
	size_t n = 0, k;
	uint32_t i;

	decay(h, time_us, 0);
	for (i = 0; i < h->n; i++) {
		rate_of(h, i, &r);
		if (r.per_second <= 2 * r.error)
			continue;
		for (k = n; k > 0 && out[k - 1].per_second < r.per_second; k--)
			if (k < most)
				out[k] = out[k - 1];
		if (k < most)
			out[k] = r;
		n += n < most;
	}
	return n;
}

double
pd_hotkeys_total(struct pd_hotkeys *h, uint64_t time_us)
{
	decay(h, time_us, 0);
	return h->total / seconds(h);
}
