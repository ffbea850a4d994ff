#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "base/log2.h"
#include "cache/learned.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "data/event.h"
#include "data/feature.h"
#include "learn/rows.h"

#define DRAWS 4 /* residents an eviction, at random */

static const uint8_t all_slots[PD_ROWS_COLS] = {
    0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19};

int
pd_nextuse_init(
    struct pd_nextuse *u, const struct pd_trace *t, size_t begin, size_t end)
{
	uint32_t *fill;
	size_t i;

	u->trace = t;
	u->start = calloc((size_t)t->unique + 1, sizeof(*u->start));
	u->entry = malloc((end - begin + 1) * sizeof(*u->entry));
	fill = malloc(((size_t)t->unique + 1) * sizeof(*fill));
	if (u->start == NULL || u->entry == NULL || fill == NULL) {
		free(fill);
		pd_nextuse_release(u);
		return -1;
	}
	for (i = begin; i < end; i++)
		u->start[t->id[i] + 1]++;
	for (i = 0; i < t->unique; i++)
		u->start[i + 1] += u->start[i];
	memcpy(fill, u->start, ((size_t)t->unique + 1) * sizeof(*fill));
	for (i = begin; i < end; i++)
		u->entry[fill[t->id[i]]++] = (uint32_t)i;
	free(fill);
	return 0;
}

void
pd_nextuse_release(struct pd_nextuse *u)
{
	free(u->start);
	free(u->entry);
	u->start = u->entry = NULL;
}

double
pd_nextuse_distance(
    const struct pd_nextuse *u, uint32_t id, size_t entry, uint64_t tick)
{
	const struct pd_trace *t = u->trace;
	uint32_t lo = u->start[id], hi = u->start[id + 1], mid;
	size_t at;

	while (lo < hi) {
		mid = lo + (hi - lo) / 2;
		if (u->entry[mid] <= entry)
			lo = mid + 1;
		else
			hi = mid;
	}
	if (lo == u->start[id + 1])
		return INFINITY;
	at = u->entry[lo];
	if (t->op != NULL && t->op[at] == PD_OP_DEL)
		return INFINITY;
	return (double)((t->tick == NULL ? at : t->tick[at]) - tick);
}

int
pd_rows_init(struct pd_rows *r, uint32_t cap, const struct pd_nextuse *next,
    uint64_t seed)
{
	memset(r, 0, sizeof(*r));
	r->x = malloc((size_t)cap * PD_ROWS_COLS * sizeof(*r->x));
	r->distance = malloc(cap * sizeof(*r->distance));
	r->tick = malloc(cap * sizeof(*r->tick));
	if (r->x == NULL || r->distance == NULL || r->tick == NULL) {
		pd_rows_release(r);
		return -1;
	}
	r->cap = cap;
	r->stride = 1;
	r->next = next;
	pd_rng_init(&r->rng, seed);
	return 0;
}

void
pd_rows_release(struct pd_rows *r)
{
	free(r->x);
	free(r->distance);
	free(r->tick);
	memset(r, 0, sizeof(*r));
}

static void
copy_row(struct pd_rows *to, uint32_t i, const struct pd_rows *from, uint32_t j)
{
	memmove(to->x + (size_t)i * PD_ROWS_COLS,
	    from->x + (size_t)j * PD_ROWS_COLS, PD_ROWS_COLS * sizeof(*to->x));
	to->distance[i] = from->distance[j];
	to->tick[i] = from->tick[j];
}

static void
thin(struct pd_rows *r)
{
	uint32_t i;

	for (i = 0; 2 * i < r->n; i++)
		copy_row(r, i, r, 2 * i);
	r->n = i;
	r->stride *= 2;
}

/* The resident of ${slot}, if there is one, as a row. */
static void
add_row(struct pd_rows *r, const struct pd_sim_view *v, uint32_t slot)
{
	struct pd_served s;

	if (!pd_learned_served(v->policy, slot, v->tick, &s) ||
	    s.evict_age == PD_CODE_NONE)
		return;
	if (r->n == r->cap)
		thin(r);
	pd_feature_served(
	    &s, all_slots, PD_ROWS_COLS, r->x + (size_t)r->n * PD_ROWS_COLS);
	r->distance[r->n] = (float)pd_nextuse_distance(
	    r->next, v->id_of[slot], v->entry, v->tick);
	r->tick[r->n] = v->tick;
	r->n++;
	r->age_sum += (double)pd_code_log2(s.evict_age);
	r->age_n++;
}

void
pd_rows_draw(void *cookie, const struct pd_sim_view *v)
{
	struct pd_rows *r = cookie;
	int i;

	if (r->evictions++ % r->stride != 0)
		return;
	for (i = 0; i < DRAWS; i++)
		add_row(r, v, pd_rng_below(&r->rng, v->slots));
	add_row(r, v, pd_learned_oldest(v->policy));
}

double
pd_rows_evict_age(const struct pd_rows *r)
{
	const double mean = r->age_n == 0 ? 0 : r->age_sum / (double)r->age_n;

	if (r->age_n == 0)
		return 0;
	return mean <= 0 ? 1.0 : 1.0 / pd_exp2_neg(mean);
}

int
pd_rows_join(struct pd_rows *a, const struct pd_rows *b)
{
	const uint32_t n = a->n + b->n;
	void *p;
	uint32_t i;

	if (n > a->cap) {
		p = realloc(a->x, (size_t)n * PD_ROWS_COLS * sizeof(*a->x));
		if (p == NULL)
			return -1;
		a->x = p;
		p = realloc(a->distance, n * sizeof(*a->distance));
		if (p == NULL)
			return -1;
		a->distance = p;
		p = realloc(a->tick, n * sizeof(*a->tick));
		if (p == NULL)
			return -1;
		a->tick = p;
		a->cap = n;
	}
	for (i = 0; i < b->n; i++)
		copy_row(a, a->n + i, b, i);
	a->n = n;
	return 0;
}
