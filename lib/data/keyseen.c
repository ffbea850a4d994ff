#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "data/keyseen.h"

#define FIRST 1024 /* places */

#define ONCE 1U
#define TWICE 2U /* or more often */
#define SEEN 3U	 /* the bits of these; 0 is a free place */

/* By open addressing. */
struct place {
	uint64_t key;
	uint64_t tick;
	float rate;	/* the highest one it was seen under */
	uint32_t state; /* the epoch of its last access, and how often */
};

struct pd_keyseen {
	struct place *place;
	size_t mask;
	size_t used;
	size_t most;	/* places */
	unsigned shift; /* one key in 2^shift is in */
	float rate;	/* of what comes now */
	uint32_t epoch; /* counts rates, in steps above SEEN */
};

struct pd_keyseen *
pd_keyseen_new(size_t keys)
{
	struct pd_keyseen *k = calloc(1, sizeof(*k));

	if (k == NULL)
		return NULL;
	k->place = calloc(FIRST, sizeof(*k->place));
	if (k->place == NULL) {
		free(k);
		return NULL;
	}
	k->mask = FIRST - 1;
	k->rate = 1;
	for (k->most = FIRST; k->most / 2 < keys; k->most *= 2)
		;
	return k;
}

void
pd_keyseen_free(struct pd_keyseen *k)
{
	if (k == NULL)
		return;
	free(k->place);
	free(k);
}

void
pd_keyseen_sampled(struct pd_keyseen *k, double rate)
{
	k->rate = (float)rate;
	k->epoch += SEEN + 1;
}

/* Not the bits by which streams are sampled. */
static uint64_t
hash_of(uint64_t key)
{
	return pd_mix64(key ^ UINT64_C(0x9e3779b97f4a7c15));
}

static bool
is_in(const struct pd_keyseen *k, uint64_t hash)
{
	return hash >> 32 << k->shift <= UINT32_MAX;
}

static struct place *
find(const struct pd_keyseen *k, uint64_t key, uint64_t hash)
{
	size_t i = (size_t)hash & k->mask;

	while (k->place[i].state != 0 && k->place[i].key != key)
		i = (i + 1) & k->mask;
	return &k->place[i];
}

/* Into ${n} places, those that are in. 0, or -1 out of memory. */
static int
rehash(struct pd_keyseen *k, size_t n)
{
	struct place *old = k->place;
	const size_t places = k->mask + 1;
	size_t i;

	if ((k->place = calloc(n, sizeof(*k->place))) == NULL) {
		k->place = old;
		return -1;
	}
	k->mask = n - 1;
	k->used = 0;
	for (i = 0; i < places; i++) {
		const uint64_t hash = hash_of(old[i].key);

		if (old[i].state == 0 || !is_in(k, hash))
			continue;
		*find(k, old[i].key, hash) = old[i];
		k->used++;
	}
	free(old);
	return 0;
}

/* Room for one more. 0, or -1 out of memory. */
static int
make_room(struct pd_keyseen *k)
{
	const size_t places = k->mask + 1;

	if (k->used < places / 2)
		return 0;
	if (places < k->most && rehash(k, 2 * places) == 0)
		return 0;
	do {
		k->shift++;
		if (rehash(k, places)) {
			k->shift--;
			return -1;
		}
	} while (k->used >= places / 2);
	return 0;
}

unsigned
pd_keyseen_note(struct pd_keyseen *k, uint64_t key, uint64_t tick,
    uint32_t weight, uint64_t *gap)
{
	const uint64_t hash = hash_of(key);
	uint32_t seen = weight > 1 ? TWICE : ONCE;
	struct place *p;

	*gap = 0;
	if (!is_in(k, hash))
		return 0;
	p = find(k, key, hash);
	if (p->state == 0) {
		if (make_room(k) || !is_in(k, hash))
			return 0;
		p = find(k, key, hash);
		p->key = key;
		k->used++;
	} else {
		if (tick > p->tick && (p->state & ~SEEN) == k->epoch)
			*gap = tick - p->tick;
		seen = TWICE;
	}
	p->tick = tick;
	if (k->rate > p->rate)
		p->rate = k->rate;
	p->state = k->epoch | seen;
	return 1u << k->shift;
}

size_t
pd_keyseen_keys(const struct pd_keyseen *k)
{
	return k->used;
}

size_t
pd_keyseen_once(const struct pd_keyseen *k)
{
	size_t i, n = 0;

	for (i = 0; i <= k->mask; i++)
		n += (k->place[i].state & SEEN) == ONCE;
	return n;
}

double
pd_keyseen_share(const struct pd_keyseen *k)
{
	return 1.0 / (double)(UINT64_C(1) << k->shift);
}

double
pd_keyseen_total(const struct pd_keyseen *k, double *se)
{
	const double share = pd_keyseen_share(k);
	double n = 0, variance = 0;
	size_t i;

	for (i = 0; i <= k->mask; i++) {
		const double p = k->place[i].rate * share;

		if (k->place[i].state == 0)
			continue;
		n += 1 / p;
		variance += (1 - p) / (p * p);
	}
	*se = sqrt(variance);
	return n;
}
