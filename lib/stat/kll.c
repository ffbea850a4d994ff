/*
 * Level h holds values that each stand for 2^h. Level 0 is unsorted, the others
 * ascend. When the levels together are full, the lowest one that is over its
 * own share is halved: sorted, and every second value, from a coin's toss on,
 * moves up. Shares shrink by 2/3 a level from k at the top.
 */
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"
#include "stat/kll.h"
#include "stat/sort.h"

#define LEVELS 56
#define LEAST 8 /* share of the lowest levels */

struct level {
	double *v;
	size_t n;
	size_t cap;
};

struct pd_kll {
	unsigned k;
	unsigned levels;
	size_t held;	 /* values in all levels */
	size_t capacity; /* of all levels together */
	uint64_t n;
	double min;
	double max;
	struct pd_rng rng;
	struct level level[LEVELS];
};

static size_t
level_share(const struct pd_kll *s, unsigned h)
{
	double c = s->k;
	unsigned i;

	for (i = h + 1; i < s->levels; i++)
		c = c * 2 / 3;
	return c > LEAST ? (size_t)ceil(c) : LEAST;
}

static void
set_levels(struct pd_kll *s, unsigned levels)
{
	unsigned h;

	s->levels = levels;
	s->capacity = 0;
	for (h = 0; h < levels; h++)
		s->capacity += level_share(s, h);
}

struct pd_kll *
pd_kll_new(unsigned k, uint64_t seed)
{
	struct pd_kll *s;

	if (k < LEAST || k > 65536 || (s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->k = k;
	s->min = INFINITY;
	s->max = -INFINITY;
	pd_rng_init(&s->rng, seed);
	set_levels(s, 1);
	return s;
}

void
pd_kll_free(struct pd_kll *s)
{
	unsigned h;

	if (s == NULL)
		return;
	for (h = 0; h < LEVELS; h++)
		free(s->level[h].v);
	free(s);
}

static int
reserve(struct level *l, size_t n)
{
	size_t cap = l->cap > 0 ? l->cap : 64;
	double *v;

	if (n <= l->cap)
		return 0;
	while (cap < n)
		cap *= 2;
	if ((v = realloc(l->v, cap * sizeof(*v))) == NULL)
		return -1;
	l->v = v;
	l->cap = cap;
	return 0;
}

/* Merge ascending ${x} into the ascending values of ${l}, from the back. */
static void
merge_in(struct level *l, const double *x, size_t n)
{
	size_t i = l->n, k = l->n + n;

	l->n = k;
	while (n > 0)
		l->v[--k] =
		    i > 0 && l->v[i - 1] > x[n - 1] ? l->v[--i] : x[--n];
}

/* Halve level ${h} into the one above. 0, or -1 out of memory. */
static int
halve(struct pd_kll *s, unsigned h)
{
	struct level *l = &s->level[h], *up = &s->level[h + 1];
	const size_t half = l->n / 2, odd = l->n & 1;
	const uint64_t coins = pd_rng_u64(&s->rng);
	const size_t coin = coins >> 63;
	/* Of an odd number the first or the last stays. */
	const size_t from = odd & (size_t)(coins >> 62);
	double stays;
	size_t i;

	if (reserve(up, up->n + half) ||
	    (h == 0 && pd_sort_doubles(l->v, l->n)))
		return -1;
	stays = l->v[from > 0 ? 0 : l->n - 1];
	for (i = 0; i < half; i++)
		l->v[i] = l->v[from + 2 * i + coin];
	merge_in(up, l->v, half);
	l->v[0] = stays;
	l->n = odd;
	s->held -= half;
	return 0;
}

/* Make room: halve the lowest level that is over its share. */
static int
compress(struct pd_kll *s)
{
	unsigned h;

	for (h = 0; h < s->levels; h++) {
		if (s->level[h].n < level_share(s, h))
			continue;
		if (h + 1 == s->levels) {
			if (s->levels == LEVELS - 1)
				return -1;
			set_levels(s, s->levels + 1);
		}
		if (halve(s, h))
			return -1;
		if (s->held < s->capacity)
			return 0;
	}
	return 0;
}

int
pd_kll_add(struct pd_kll *s, double x)
{
	if (isnan(x))
		return 0;
	if (s->held >= s->capacity && compress(s))
		return -1;
	if (reserve(&s->level[0], s->level[0].n + 1))
		return -1;
	s->level[0].v[s->level[0].n++] = x;
	s->held++;
	s->n++;
	s->min = x < s->min ? x : s->min;
	s->max = x > s->max ? x : s->max;
	return 0;
}

int
pd_kll_add_n(struct pd_kll *s, double x, uint64_t n)
{
	unsigned h;

	if (isnan(x) || n == 0)
		return 0;
	if (n >= UINT64_C(1) << (LEVELS - 2))
		return -1;
	if ((n & 1) != 0 && pd_kll_add(s, x))
		return -1;
	for (h = 1; n >> h != 0; h++) {
		if ((n >> h & 1) == 0)
			continue;
		if (h >= s->levels)
			set_levels(s, h + 1);
		if (s->held >= s->capacity && compress(s))
			return -1;
		if (reserve(&s->level[h], s->level[h].n + 1))
			return -1;
		merge_in(&s->level[h], &x, 1);
		s->held++;
		s->n += UINT64_C(1) << h;
	}
	s->min = x < s->min ? x : s->min;
	s->max = x > s->max ? x : s->max;
	return 0;
}

int
pd_kll_merge(struct pd_kll *s, const struct pd_kll *from)
{
	unsigned h;

	if (from->levels > s->levels)
		set_levels(s, from->levels);
	for (h = 0; h < from->levels; h++)
		if (reserve(&s->level[h], s->level[h].n + from->level[h].n))
			return -1;
	for (h = 0; h < from->levels; h++) {
		const struct level *l = &from->level[h];
		struct level *to = &s->level[h];

		if (h == 0 && l->n > 0) {
			memcpy(to->v + to->n, l->v, l->n * sizeof(*l->v));
			to->n += l->n;
		} else {
			merge_in(to, l->v, l->n);
		}
		s->held += l->n;
	}
	s->n += from->n;
	s->min = from->min < s->min ? from->min : s->min;
	s->max = from->max > s->max ? from->max : s->max;
	while (s->held > s->capacity)
		if (compress(s))
			return -1;
	return 0;
}

uint64_t
pd_kll_count(const struct pd_kll *s)
{
	return s->n;
}

/* The smallest value that is still to come, of all levels. */
static bool
next_value(const struct pd_kll *s, const size_t *pos, unsigned *level)
{
	double best = 0;
	bool found = false;
	unsigned h;

	for (h = 0; h < s->levels; h++) {
		if (pos[h] >= s->level[h].n ||
		    (found && s->level[h].v[pos[h]] >= best))
			continue;
		best = s->level[h].v[pos[h]];
		*level = h;
		found = true;
	}
	return found;
}

int
pd_kll_quantiles(const struct pd_kll *s, const double *q, size_t n, double *out)
{
	struct pd_kll sorted = *s; /* shares all levels but 0 */
	size_t pos[LEVELS] = {0}, i = 0;
	double *v = NULL, total = (double)s->n, seen = 0;
	const size_t n0 = s->level[0].n;
	unsigned h = 0;

	if (n0 > 0) {
		if ((v = malloc(n0 * sizeof(*v))) == NULL)
			return -1;
		memcpy(v, s->level[0].v, n0 * sizeof(*v));
		if (pd_sort_doubles(v, n0)) {
			free(v);
			return -1;
		}
		sorted.level[0].v = v;
	}
	while (i < n && next_value(&sorted, pos, &h)) {
		seen += (double)(UINT64_C(1) << h);
		while (i < n && seen >= q[i] * total) {
			out[i] = q[i] <= 0   ? s->min
				 : q[i] >= 1 ? s->max
					     : sorted.level[h].v[pos[h]];
			i++;
		}
		pos[h]++;
	}
	for (; i < n; i++)
		out[i] = s->n > 0 ? s->max : NAN;
	free(v);
	return 0;
}
