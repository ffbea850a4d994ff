/*
 * Next requests are distinct entries of the trace, so "farthest" is the
 * largest member of a set of integers below n: a tree of bitmaps with 64
 * children a node, in which a change and the maximum cost one step a level
 * (4 for 2 million requests). Objects that are not asked again are kept on a
 * stack of their own and go first.
 */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/belady.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "data/event.h"

#define LEVELS 6 /* 64^6 > 2^32 */
#define NEVER UINT32_MAX

struct bitset {
	uint64_t *level[LEVELS]; /* level[0] has a bit for each member */
	unsigned levels;
	uint64_t *words;
};

static int
bitset_init(struct bitset *b, size_t n)
{
	size_t total = 0, words, at = 0;
	unsigned i;

	memset(b, 0, sizeof(*b));
	for (words = n; words != 1; total += words)
		words = (words + 63) / 64;
	b->words = calloc(total + 1, sizeof(*b->words));
	if (b->words == NULL)
		return -1;
	for (words = n, i = 0; words != 1; i++) {
		words = (words + 63) / 64;
		b->level[i] = b->words + at;
		at += words;
	}
	b->levels = i;
	return 0;
}

static void
bitset_set(struct bitset *b, uint32_t x)
{
	unsigned i;

	for (i = 0; i < b->levels; i++, x >>= 6)
		b->level[i][x >> 6] |= 1ULL << (x & 63);
}

static void
bitset_clear(struct bitset *b, uint32_t x)
{
	unsigned i;

	for (i = 0; i < b->levels; i++, x >>= 6) {
		b->level[i][x >> 6] &= ~(1ULL << (x & 63));
		if (b->level[i][x >> 6] != 0)
			break;
	}
}

/* The largest member, or NEVER. */
static uint32_t
bitset_max(const struct bitset *b)
{
	uint32_t x = 0;
	unsigned i = b->levels;

	if (b->level[i - 1][0] == 0)
		return NEVER;
	while (i-- > 0)
		x = x << 6 | (63 - (uint32_t)__builtin_clzll(b->level[i][x]));
	return x;
}

struct belady {
	const struct pd_trace *t;
	struct bitset set; /* next requests of the residents */
	uint32_t *next;	   /* by entry: the key's next one, or NEVER */
	uint32_t *at;	   /* by id: its member of the set, or NEVER */
	uint32_t *size;	   /* by id: units while resident, 0 absent */
	uint32_t *dead;	   /* stack of ids not asked again */
	uint32_t dead_count;
	uint64_t used;
	const struct pd_sim_params *p;
	struct pd_sim_result *r;
};

/* Where each entry's key is asked next; a deletion ends that. */
static void
find_next(struct belady *b, const struct pd_sim_params *p)
{
	const struct pd_trace *t = b->t;
	size_t i;
	uint32_t id;

	memset(b->at, 0xff, t->unique * sizeof(*b->at));
	for (i = p->end; i-- > p->begin;) {
		id = t->id[i];
		b->next[i] = b->at[id];
		b->at[id] = t->op != NULL && t->op[i] == PD_OP_DEL
				? NEVER
				: (uint32_t)i;
	}
	memset(b->at, 0xff, t->unique * sizeof(*b->at));
}

static void
evict(struct belady *b, uint32_t id)
{
	b->used -= b->size[id];
	b->size[id] = 0;
	if (b->at[id] != NEVER)
		bitset_clear(&b->set, b->at[id]);
	b->at[id] = NEVER;
}

/* Note when ${id}, resident, is asked next. */
static void
schedule(struct belady *b, uint32_t id, uint32_t next)
{
	if (b->at[id] != NEVER)
		bitset_clear(&b->set, b->at[id]);
	b->at[id] = next;
	if (next != NEVER)
		bitset_set(&b->set, next);
	else
		b->dead[b->dead_count++] = id;
}

static void
make_room(struct belady *b, uint64_t limit, struct pd_sim_result *r)
{
	uint32_t id;

	while (b->used > limit) {
		if (b->dead_count > 0) {
			id = b->dead[--b->dead_count];
			if (b->size[id] == 0 || b->at[id] != NEVER)
				continue; /* deleted meanwhile */
		} else {
			id = b->t->id[bitset_max(&b->set)];
		}
		evict(b, id);
		r->evictions++;
		r->resident--;
	}
}

static int
play(void *cookie, size_t from, size_t to)
{
	struct belady *b = cookie;
	const struct pd_sim_params *p = b->p;
	struct pd_sim_result *r = b->r;
	const struct pd_trace *t = b->t;
	const uint64_t capacity = p->policy.capacity;
	uint64_t counted, cost;
	size_t i;
	uint32_t id, units;

	for (i = from; i < to; i++) {
		id = t->id[i];
		if (t->op != NULL && t->op[i] == PD_OP_DEL) {
			r->resident -= b->size[id] != 0;
			evict(b, id);
			continue;
		}
		counted = i >= p->from;
		units = p->policy.by_bytes ? t->size[i] : 1;
		r->requests += counted;
		r->bytes += counted * t->size[i];
		cost = counted * pd_objective_weight(PD_OBJECTIVE_COST, units,
				     t->cost == NULL ? 0 : t->cost[id]);
		r->cost += cost;
		if (b->size[id] == 0) {
			r->misses += counted;
			r->byte_misses += counted * t->size[i];
			r->cost_misses += cost;
			if (units > capacity)
				continue;
			make_room(b, capacity - units, r);
			b->size[id] = units;
			b->used += units;
			r->resident++;
		}
		schedule(b, id, b->next[i]);
	}
	return 0;
}

int
pd_belady_run(const struct pd_trace *t, const struct pd_sim_params *p,
    struct pd_sim_result *r, struct pd_err *err)
{
	struct belady b = {.t = t, .p = p, .r = r};
	/* Pushed once at the last request and once before each deletion. */
	const size_t dead = t->unique + (t->n - (size_t)t->requests) + 1;
	int rc = -1;

	memset(r, 0, sizeof(*r));
	b.next = malloc((t->n + 1) * sizeof(*b.next));
	b.at = malloc(((size_t)t->unique + 1) * sizeof(*b.at));
	b.size = calloc((size_t)t->unique + 1, sizeof(*b.size));
	b.dead = malloc(dead * sizeof(*b.dead));
	if (b.next == NULL || b.at == NULL || b.size == NULL ||
	    b.dead == NULL || bitset_init(&b.set, t->n + 2) < 0) {
		pd_err_nomem(err);
		goto out;
	}
	find_next(&b, p);
	rc = pd_sim_pauses(p, r, NULL, play, &b);
out:
	free(b.next);
	free(b.at);
	free(b.size);
	free(b.dead);
	free(b.set.words);
	return rc;
}
