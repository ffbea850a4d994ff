#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "base/err.h"
#include "base/grow.h"
#include "base/rng.h"
#include "cache/context.h"
#include "cache/guard.h"
#include "cache/learned.h"
#include "cache/look.h"
#include "cache/record.h"
#include "cache/slist.h"
#include "data/feature.h"
#include "model/model.h"
#include "model/trees.h"

/*
 * Residents stand in LRU order, each with a 16-byte record of its accesses
 * (record.h). Evicted keys leave their record in a ghost, twice as many as
 * there are residents; a key that returns gets its history back, and the gap
 * over its absence counts as a gap. Without a model the LRU end is evicted.
 *
 * With a model, each victim is found by scoring CANDIDATES residents, drawn at
 * random but for one from the LRU end, in one batch, and merging them into a
 * pool of the POOL worst, of which the worst leaves. A pool entry is void once
 * its key was touched or left. The key that is being inserted is not resident
 * yet, so it is no candidate. Random candidates make queues unnecessary: what
 * a hit costs is the record's update (LRB, NSDI 2020; the pool is Redis's). The
 * LRU end finds the long idle at once. A model that does worse than LRU would
 * is paused (guard.h).
 *
 * What ranks a resident is its score alone, or with an objective for which
 * residents are not worth the same (objective.h) that too. Where their worth
 * has been seen to differ by a factor of 4 or more, the worst are few, and
 * CANDIDATES_WIDE are scored: on traces with sizes that costs four times the
 * scoring and gives up to 7 points of misses (0.328 to 0.267).
 */

#define CANDIDATES 8u
#define CANDIDATES_WIDE 32u
#define FROM_TAIL 1u
#define POOL 16u
#define POOL_WIDE 32u
#define WIDE 8	  /* quarter octaves */
#define GHOSTS 2u /* times the residents */
#define TRIES 4u  /* random slots looked at for a candidate, at most */

struct pooled {
	double rank; /* the higher, the sooner it leaves */
	float score;
	uint32_t slot;
	uint32_t last; /* the record's when it was scored */
};

struct learned {
	struct pd_policy base;
	const struct pd_context *context;
	const struct pd_model *model; /* NULL: LRU */
	struct pd_rng rng;
	struct pd_slots slots;
	struct pd_slist lru;
	struct pd_record *record; /* by slot */
	uint32_t used;		  /* no slot from here on was ever in use */
	struct pd_ghost_ring ghosts;
	uint64_t ghosts_most;
	struct pd_record_ghost found; /* by miss(), for the insert() after it */
	bool have_found;
	struct pd_guard guard;
	bool unguarded;
	enum pd_objective objective;
	bool by_bytes;
	enum pd_score_kind kind; /* of the model's score */
	int worth_least;	 /* of what came, in quarter octaves */
	int worth_most;
	uint32_t size_least; /* of what came */
	uint32_t size_most;
	uint32_t overhead; /* least bytes that a key took besides its value */
	uint8_t *cost; /* codes by slot; NULL: the objective asks for none */
	unsigned pooled;
	struct pooled pool[POOL_WIDE]; /* the best victim last */
	uint32_t chosen; /* by score, in the last victim(), or PD_NO_SLOT */
	float chosen_score;
	float rows[CANDIDATES_WIDE * PD_TREES_MAX_COLS];
};

static struct pd_policy *
learned_create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct learned *l;

	if (params->context == NULL) {
		(void)pd_err_set(err, "policy 'learned' needs a context");
		return NULL;
	}
	l = calloc(1, sizeof(*l));
	if (l == NULL)
		goto err0;
	l->base.ops = &pd_policy_learned;
	l->context = params->context;
	l->model = params->model;
	l->unguarded = params->unguarded;
	l->objective = params->objective;
	l->by_bytes = params->by_bytes;
	l->overhead = UINT32_MAX;
	l->size_least = UINT32_MAX;
	l->worth_least = INT_MAX / 2;
	l->worth_most = INT_MIN / 2;
	l->chosen = PD_NO_SLOT;
	if (l->model != NULL)
		l->kind = pd_score_kind(l->model->label);
	pd_guard_reset(&l->guard, l->context);
	pd_rng_init(&l->rng, params->seed);
	pd_slots_init(&l->slots, PD_SLOTS_LINK);
	l->ghosts_most = UINT64_MAX;
	pd_slist_init(&l->lru);
	if (pd_ghost_ring_init(&l->ghosts) == -1)
		goto err1;
	return &l->base;
err1:
	free(l);
err0:
	(void)pd_err_nomem(err);
	return NULL;
}

static void
learned_destroy(struct pd_policy *p)
{
	struct learned *l = (struct learned *)p;

	pd_ghost_ring_release(&l->ghosts);
	pd_slots_release(&l->slots);
	pd_grow_free(l->record);
	pd_grow_free(l->cost);
	free(l);
}

/* A copy of ${n} of what ${p} points to; NULL out of memory. */
static void *
duplicate(const void *p, size_t n, size_t each)
{
	void *q = pd_grow(NULL, (n > 0 ? n : 1) * each);

	if (q != NULL && n > 0)
		memcpy(q, p, n * each);
	return q;
}

static struct pd_policy *
learned_copy(const struct pd_policy *p)
{
	const struct learned *l = (const struct learned *)p;
	const uint32_t n = l->slots.n;
	struct learned *c = malloc(sizeof(*c));

	if (c == NULL)
		return NULL;
	*c = *l;
	if (pd_ghost_ring_copy(&c->ghosts, &l->ghosts) == -1) {
		free(c);
		return NULL;
	}
	pd_slots_init(&c->slots, l->slots.want);
	c->record = duplicate(l->record, n, sizeof(*l->record));
	if (l->cost != NULL)
		c->cost = duplicate(l->cost, n, sizeof(*l->cost));
	if (c->record == NULL || (l->cost != NULL && c->cost == NULL) ||
	    pd_slots_reserve(&c->slots, n) == -1) {
		learned_destroy(&c->base);
		return NULL;
	}
	if (n > 0)
		memcpy(
		    c->slots.link, l->slots.link, n * sizeof(*c->slots.link));
	return &c->base;
}

/* Whether a pool entry still is what was scored. */
static bool
fresh(const struct learned *l, const struct pooled *e)
{
	return l->record[e->slot].frequency != 0 &&
	       l->record[e->slot].last == e->last;
}

/* Drop what is void. */
static void
pool_clean(struct learned *l)
{
	unsigned i, kept = 0;

	for (i = 0; i < l->pooled; i++)
		if (fresh(l, &l->pool[i]))
			l->pool[kept++] = l->pool[i];
	l->pooled = kept;
}

/* The ring has as much room as learned_remove() asks for with ${n} slots,
 * however they are reserved. */
static int
reserve_ghosts(struct learned *l, uint32_t n)
{
	uint64_t want = ((uint64_t)n + 1) * GHOSTS;

	if (want > l->ghosts_most)
		want = l->ghosts_most;
	if (want > UINT32_MAX / 2)
		return -1;
	return pd_ghost_ring_reserve(&l->ghosts, (uint32_t)want);
}

static int
reserve_costs(struct learned *l, uint32_t n)
{
	uint8_t *cost;

	if (l->objective != PD_OBJECTIVE_COST)
		return 0;
	cost = pd_grow(l->cost, n * sizeof(*cost));
	if (cost == NULL)
		return -1;
	l->cost = cost;
	return 0;
}

static int
learned_reserve(struct pd_policy *p, uint32_t n)
{
	struct learned *l = (struct learned *)p;
	const bool more = n > l->slots.n;
	struct pd_record *record;

	if (reserve_ghosts(l, n) == -1 && more)
		return -1;
	/* What was scored may be a slot that is no more. */
	if (!more)
		pool_clean(l);
	record = pd_grow(l->record, n * sizeof(*record));
	if (record == NULL && more)
		return -1;
	l->record = record != NULL ? record : l->record;
	if (reserve_costs(l, n) == -1 && more)
		return -1;
	if (l->used > n)
		l->used = n;
	return pd_slots_reserve(&l->slots, n);
}

static void
learned_move(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct learned *l = (struct learned *)p;
	unsigned i;

	/* A void entry of the pool must not become one of the new owner. */
	pool_clean(l);
	pd_slist_move(&l->slots, &l->lru, from, to);
	l->record[to] = l->record[from];
	l->record[from].frequency = 0;
	if (to >= l->used)
		l->used = to + 1;
	if (l->cost != NULL)
		l->cost[to] = l->cost[from];
	for (i = 0; i < l->pooled; i++)
		if (l->pool[i].slot == from)
			l->pool[i].slot = to;
}

static void
learned_set_history(struct pd_policy *p, uint64_t bytes)
{
	struct learned *l = (struct learned *)p;

	l->ghosts_most = bytes / PD_RECORD_GHOST_BYTES;
	/* Without memory the ring stays as it is. */
	if (l->slots.n > 0)
		(void)reserve_ghosts(l, l->slots.n);
}

/* What the record has no room for, when it says anything new. */
static void
note_new_worth(struct learned *l, uint32_t slot, const struct pd_access *a)
{
	int worth = l->by_bytes ? -(int)pd_code(a->size) : 0;

	if (a->size < l->size_least)
		l->size_least = a->size;
	if (a->size > l->size_most)
		l->size_most = a->size;
	if (l->objective != PD_OBJECTIVE_OBJECTS)
		worth += (int)pd_code(
		    pd_objective_weight(l->objective, a->bytes, a->cost));
	if (worth < l->worth_least)
		l->worth_least = worth;
	if (worth > l->worth_most)
		l->worth_most = worth;
	if (l->cost != NULL)
		l->cost[slot] = a->cost == 0 ? PD_CODE_NONE : pd_code(a->cost);
	if (l->by_bytes && a->size - a->bytes < l->overhead)
		l->overhead = a->size - a->bytes;
}

/* Where the size alone tells the worth, one between two that were noted is
 * nothing new. */
static inline void
note_worth(struct learned *l, uint32_t slot, const struct pd_access *a)
{
	if (l->objective != PD_OBJECTIVE_OBJECTS || a->size < l->size_least ||
	    a->size > l->size_most ||
	    (l->by_bytes && a->size - a->bytes < l->overhead))
		note_new_worth(l, slot, a);
}

/* The guard counts what the objective counts; for objects, as the context
 * does. */
static inline void
tell_guard(struct learned *l, bool missed, const struct pd_access *a)
{
	int had;

	if (l->objective == PD_OBJECTIVE_OBJECTS)
		return;
	had = pd_context_last(l->context);
	if (had != -1)
		pd_guard_missed(&l->guard, missed, had == 0,
		    (double)pd_objective_weight(
			l->objective, a->bytes, a->cost));
}

static void
learned_hit(struct pd_policy *p, uint32_t slot, const struct pd_access *a)
{
	struct learned *l = (struct learned *)p;

	tell_guard(l, false, a);
	pd_record_hit(&l->record[slot], a);
	note_worth(l, slot, a);
	pd_slist_renew(&l->slots, &l->lru, slot);
}

static void
learned_prefetch(const struct pd_policy *p, const uint32_t *slot, unsigned n)
{
	const struct learned *l = (const struct learned *)p;
	unsigned i;

	for (i = 0; i < n; i++)
		__builtin_prefetch(&l->record[slot[i]], 1);
	pd_slist_prefetch(&l->slots, slot, n);
}

/* The eviction that makes room may push the ghost out: it is copied. */
static void
learned_miss(struct pd_policy *p, const struct pd_access *a)
{
	struct learned *l = (struct learned *)p;

	tell_guard(l, true, a);
	l->have_found =
	    pd_ghost_ring_find(&l->ghosts, pd_slots_print(a->key), &l->found);
}

static void
learned_insert(struct pd_policy *p, uint32_t slot, const struct pd_access *a)
{
	struct learned *l = (struct learned *)p;
	const uint32_t print = pd_slots_print(a->key);
	const bool known = l->have_found && l->found.print == print;

	assert(slot < l->slots.n && l->record[slot].frequency == 0);
	pd_record_insert(&l->record[slot], a, known ? &l->found : NULL);
	if (slot >= l->used)
		l->used = slot + 1;
	if (known)
		pd_ghost_ring_del(&l->ghosts, print);
	note_worth(l, slot, a);
	l->have_found = false;
	pd_slist_push(&l->slots, &l->lru, slot);
}

static void
pool_drop(struct learned *l, unsigned i)
{
	for (l->pooled--; i < l->pooled; i++)
		l->pool[i] = l->pool[i + 1];
}

/*
 * Do residents differ much in what they are worth for their size? Then the
 * worst are few, and a few candidates would miss them.
 */
static bool
wide(const struct learned *l)
{
	return l->worth_most - l->worth_least >= WIDE;
}

/* Put a candidate into its place; an older score of it gives way. */
static void
pool_add(struct learned *l, const struct pooled *e)
{
	unsigned i;

	for (i = 0; i < l->pooled; i++)
		if (l->pool[i].slot == e->slot) {
			pool_drop(l, i);
			break;
		}
	if (l->pooled == (wide(l) ? POOL_WIDE : POOL)) {
		if (e->rank <= l->pool[0].rank)
			return;
		pool_drop(l, 0);
	}
	for (i = l->pooled++; i > 0 && l->pool[i - 1].rank > e->rank; i--)
		l->pool[i] = l->pool[i - 1];
	l->pool[i] = *e;
}

static unsigned
draw(struct learned *l, uint32_t *slot)
{
	const unsigned most = wide(l) ? CANDIDATES_WIDE : CANDIDATES;
	unsigned n = 0, tries;
	uint32_t s;

	for (s = l->lru.oldest; n < FROM_TAIL && s != PD_NO_SLOT;
	     s = l->slots.link[s].newer)
		slot[n++] = s;
	for (tries = 0; n < most && tries < most * TRIES; tries++) {
		s = pd_rng_below(&l->rng, l->used);
		if (l->record[s].frequency != 0)
			slot[n++] = s;
	}
	return n;
}

/*
 * The resident that brings least for the capacity that it takes ranks highest:
 * its chance to be asked soon, times what a hit saves, by its size.
 */
static double
rank_of(const struct learned *l, enum pd_score_kind kind, uint32_t slot,
    float score)
{
	if (pd_objective_only_score(l->objective, l->by_bytes))
		return (double)score;
	return -pd_score_log2_use(kind, score) -
	       pd_objective_log2_worth(l->objective, l->by_bytes, l->overhead,
		   l->record[slot].size,
		   l->cost == NULL ? PD_CODE_NONE : l->cost[slot]);
}

static void
score_some(struct learned *l, uint64_t tick)
{
	const struct pd_context_codes c = pd_context_codes(l->context);
	const unsigned cols = l->model->cols;
	uint32_t slot[CANDIDATES_WIDE];
	float score[CANDIDATES_WIDE];
	struct pd_served s;
	struct pooled e;
	unsigned n, i;

	pool_clean(l);
	n = draw(l, slot);
	for (i = 0; i < n; i++) {
		pd_record_served(&l->record[slot[i]], &c, (uint32_t)tick, &s);
		pd_feature_served(
		    &s, l->model->slots, cols, l->rows + (size_t)i * cols);
	}
	pd_trees_score_batch(l->model->trees, l->rows, cols, n, score);
	for (i = 0; i < n; i++) {
		e.rank = rank_of(l, l->kind, slot[i], score[i]);
		e.score = score[i];
		e.slot = slot[i];
		e.last = l->record[slot[i]].last;
		pool_add(l, &e);
	}
}

static uint32_t
learned_victim(struct pd_policy *p, uint64_t tick)
{
	struct learned *l = (struct learned *)p;

	l->chosen = PD_NO_SLOT;
	if (l->model == NULL || l->lru.count == 0)
		return l->lru.oldest;
	if (!l->unguarded && !pd_guard_allows(&l->guard, l->context, tick)) {
		l->pooled = 0;
		return l->lru.oldest;
	}
	/* Scores the LRU end at least, so the pool is not empty. */
	score_some(l, tick);
	l->pooled--;
	l->chosen = l->pool[l->pooled].slot;
	l->chosen_score = l->pool[l->pooled].score;
	return l->chosen;
}

static void
learned_remove(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct learned *l = (struct learned *)p;
	const uint64_t limit = ((uint64_t)l->lru.count + 1) * GHOSTS;

	if (evicted)
		pd_ghost_ring_add(
		    &l->ghosts, pd_slots_print(key), &l->record[slot], limit);
	pd_slist_remove(&l->slots, &l->lru, slot);
	l->record[slot].frequency = 0;
}

static void
learned_set_size(
    struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct learned *l = (struct learned *)p;

	pd_record_resize(&l->record[slot], acc);
}

static void
learned_set_model(struct pd_policy *p, const struct pd_model *m)
{
	struct learned *l = (struct learned *)p;

	l->model = m;
	l->kind = pd_score_kind(m == NULL ? "" : m->label);
	l->pooled = 0;
	pd_guard_reset(&l->guard, l->context);
}

static void
learned_look(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_look *out)
{
	const struct learned *l = (const struct learned *)p;

	pd_record_look(&l->record[slot], (uint32_t)tick, out);
	out->queue = "lru";
	out->queue_length = l->lru.count;
	out->position = pd_slist_place(&l->slots, &l->lru, slot, out->far);
	if (slot != l->chosen)
		return;
	out->by_score = true;
	out->score = l->chosen_score;
}

static void
learned_save(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_rank *out)
{
	const struct learned *l = (const struct learned *)p;

	pd_record_save(&l->record[slot], (uint32_t)tick, out);
}

static void
learned_restore(struct pd_policy *p, uint32_t slot, uint64_t tick,
    const struct pd_rank *rank)
{
	struct learned *l = (struct learned *)p;

	pd_record_restore(&l->record[slot], (uint32_t)tick, rank);
}

static size_t
learned_memory(const struct pd_policy *p)
{
	const struct learned *l = (const struct learned *)p;

	return sizeof(*l) + pd_slots_memory(&l->slots) +
	       (l->cost == NULL ? 0 : l->slots.n * sizeof(*l->cost)) +
	       l->slots.n * sizeof(*l->record) +
	       pd_ghost_ring_memory(&l->ghosts);
}

static void
learned_each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct learned *l = (const struct learned *)p;

	pd_slist_each(&l->slots, &l->lru, fn, cookie);
}

bool
pd_learned_served(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_served *out)
{
	const struct learned *l = (const struct learned *)p;
	const struct pd_context_codes c = pd_context_codes(l->context);

	assert(p->ops == &pd_policy_learned);
	if (slot >= l->slots.n || l->record[slot].frequency == 0)
		return false;
	pd_record_served(&l->record[slot], &c, (uint32_t)tick, out);
	return true;
}

uint32_t
pd_learned_oldest(const struct pd_policy *p)
{
	assert(p->ops == &pd_policy_learned);
	return ((const struct learned *)p)->lru.oldest;
}

double
pd_learned_rank(const struct pd_policy *p, uint32_t slot,
    const struct pd_model *m, float score)
{
	assert(p->ops == &pd_policy_learned);
	return rank_of(
	    (const struct learned *)p, pd_score_kind(m->label), slot, score);
}

bool
pd_learned_rules(const struct pd_policy *p, uint64_t tick)
{
	const struct learned *l = (const struct learned *)p;

	assert(p->ops == &pd_policy_learned);
	return l->model != NULL && (l->unguarded || tick >= l->guard.until);
}

const struct pd_policy_ops pd_policy_learned = {
    .name = "learned",
    .help = "what a model expects to be asked last; LRU without a model",
    .create = learned_create,
    .destroy = learned_destroy,
    .reserve = learned_reserve,
    .move = learned_move,
    .hit = learned_hit,
    .miss = learned_miss,
    .insert = learned_insert,
    .prefetch = learned_prefetch,
    .victim = learned_victim,
    .remove = learned_remove,
    .set_size = learned_set_size,
    .set_history = learned_set_history,
    .copy = learned_copy,
    .set_model = learned_set_model,
    .memory = learned_memory,
    .look = learned_look,
    .save = learned_save,
    .restore = learned_restore,
    .each = learned_each,
};
