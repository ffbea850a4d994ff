/*
 * LHD (Beckmann, Chen and Cidon, "LHD: improving cache hit rate by maximizing
 * hit density", NSDI 2018): of residents drawn at random the one with the
 * lowest hit density leaves: the hits expected of it, divided by the time for
 * which it is expected to take up its space, and by its size. Both
 * expectations are given its age and its class, which the ages at its last two
 * hits decide, and come from histograms of the ages at which residents of the
 * class were hit or left, fading as new ones are made. A few residents in
 * probation are spared, so that hits at ages are seen at which the policy would
 * have evicted.
 *
 * The paper coarsens ages to a fixed number of equal steps, wide enough for the
 * cache at hand. Here a step is a quarter of an octave (base/code.h), so that
 * one histogram fits every cache and there is nothing to adapt; histograms are
 * read after a few thousand requests, not after a million, and a class with few
 * events leans on all classes together. On 34 cells of 12 traces with at least
 * 50 objects that closes 17% of the gap between LRU and Belady, where
 * libCacheSim's closes 3%.
 */

#include <stdlib.h>

#include "base/code.h"
#include "base/err.h"
#include "base/rng.h"
#include "cache/bag.h"
#include "cache/look.h"
#include "cache/policy_table.h"
#include "cache/queues.h"

#define AGES 129	  /* codes of 32-bit ages */
#define CLASSES 34	  /* octaves of the longer of two ages; 0: no hit yet */
#define SAMPLES 32	  /* candidates a victim */
#define RECENT 8	  /* and these of the latest, when they look bad */
#define DECAY 0.9f	  /* of the histograms, at each update */
#define PRIOR 16	  /* events */
#define UPDATE_LEAST 4096 /* accesses between two updates; or */
#define UPDATE_SHARE 2	  /* times the residents */
#define EXPLORE 32	  /* one in so many is spared, */
#define EXPLORE_SHARE 100 /* of at most this part of the residents */

struct record {
	uint32_t last; /* tick of the last request */
	uint8_t age;   /* code, at the last hit; 0 before it */
	uint8_t class;
	bool spared;
};

struct histogram {
	float hits[AGES];
	float gone[AGES];
	float density[AGES];
};

struct lhd {
	struct pd_policy base;
	struct pd_bag bag;
	struct record *rec; /* by slot */
	uint32_t *size;	    /* by slot; NULL in object mode */
	bool by_bytes;
	struct pd_rng rng;
	uint32_t spared;
	uint32_t tick;	/* of the last victim() */
	uint64_t left;	/* accesses until the next update */
	double typical; /* density of victims, a moving mean */
	unsigned next;	/* of recent */
	uint32_t recent[RECENT];
	struct histogram of[CLASSES];
};

/* Before anything is known: what was hit soon is hit soon. */
static void
guess(struct lhd *l)
{
	unsigned c, a;

	for (c = 0; c < CLASSES; c++)
		for (a = 0; a < AGES; a++)
			l->of[c].density[a] =
			    (float)(c == 0 ? 1 : CLASSES + 1 - c) /
			    (float)((UINT64_C(1) << (a / 4)) + 1);
}

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct lhd *l = calloc(1, sizeof(*l));
	unsigned i;

	if (l == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	l->base.ops = &pd_policy_lhd;
	l->by_bytes = params->by_bytes;
	pd_rng_init(&l->rng, params->seed);
	l->left = UPDATE_LEAST;
	for (i = 0; i < RECENT; i++)
		l->recent[i] = PD_NO_SLOT;
	guess(l);
	return &l->base;
}

static void
destroy(struct pd_policy *p)
{
	struct lhd *l = (struct lhd *)p;

	pd_bag_release(&l->bag);
	free(l->rec);
	free(l->size);
	free(l);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	struct lhd *l = (struct lhd *)p;
	struct record *rec = realloc(l->rec, n * sizeof(*rec));
	uint32_t *size;

	if (rec == NULL && n > l->bag.n)
		return -1;
	l->rec = rec != NULL ? rec : l->rec;
	if (l->by_bytes) {
		size = realloc(l->size, n * sizeof(*size));
		if (size == NULL && n > l->bag.n)
			return -1;
		l->size = size != NULL ? size : l->size;
	}
	return pd_bag_reserve(&l->bag, n);
}

static uint8_t
age_of(const struct record *r, uint32_t tick)
{
	return pd_code((uint32_t)(tick - r->last));
}

static double
density(const struct lhd *l, uint32_t slot, uint32_t tick)
{
	const struct record *r = &l->rec[slot];
	const double d = (double)l->of[r->class].density[age_of(r, tick)];

	if (r->spared)
		return d + 1;
	return l->size == NULL ? d : d / (l->size[slot] + 1.0);
}

/* Ticks in the step of code ${a}. */
static double
width(unsigned a)
{
	static const double quarter[] = {0.1892, 0.2250, 0.2676, 0.3182};

	return a == 0 ? 1
		      : quarter[(a - 1) % 4] *
			    (double)(UINT64_C(1) << ((a - 1) / 4));
}

/* What is expected from an age on, by the histogram of a class. */
struct outlook {
	double hits;
	double events;
	double lifetime; /* ticks, of all events together */
};

/* Go one age back to ${a}. */
static void
step(struct outlook *o, double hits, double gone, unsigned a)
{
	/* Those of this step leave in its middle. */
	o->lifetime += (o->events + (hits + gone) / 2) * width(a);
	o->hits += hits;
	o->events += hits + gone;
}

/* Hit densities from the histograms, which fade. A class of which little is
 * known is taken to be like all together, as if PRIOR events said so. */
static void
update(struct lhd *l)
{
	struct outlook all = {0}, of[CLASSES] = {{0}};
	double hits, gone, prior;
	struct histogram *h;
	unsigned a, c;

	for (a = AGES; a-- > 0;) {
		hits = gone = 0;
		for (c = 0; c < CLASSES; c++) {
			hits += (double)l->of[c].hits[a];
			gone += (double)l->of[c].gone[a];
		}
		step(&all, hits, gone, a);
		if (all.events < 1e-5)
			continue;
		prior = PRIOR / all.events;
		for (c = 0; c < CLASSES; c++) {
			h = &l->of[c];
			step(&of[c], (double)h->hits[a], (double)h->gone[a], a);
			h->density[a] =
			    (float)((of[c].hits + prior * all.hits) /
				    (of[c].lifetime + prior * all.lifetime));
			h->hits[a] *= DECAY;
			h->gone[a] *= DECAY;
		}
	}
	l->left = (uint64_t)l->bag.count * UPDATE_SHARE;
	if (l->left < UPDATE_LEAST)
		l->left = UPDATE_LEAST;
}

/* After a request of ${slot}. */
static void
touch(struct lhd *l, uint32_t slot, const struct pd_access *acc)
{
	struct record *r = &l->rec[slot];

	r->last = (uint32_t)acc->tick;
	if (l->size != NULL)
		l->size[slot] = acc->size;
	l->spared -= r->spared;
	r->spared = l->spared < l->bag.count / EXPLORE_SHARE &&
		    pd_rng_below(&l->rng, EXPLORE) == 0;
	l->spared += r->spared;
	if (--l->left == 0)
		update(l);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lhd *l = (struct lhd *)p;
	struct record *r = &l->rec[slot];
	const uint8_t age = age_of(r, (uint32_t)acc->tick);

	l->of[r->class].hits[age]++;
	r->class = (uint8_t)(1 + (age > r->age ? age : r->age) / 4);
	r->age = age;
	touch(l, slot, acc);
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lhd *l = (struct lhd *)p;

	l->rec[slot] = (struct record){0};
	pd_bag_add(&l->bag, slot);
	touch(l, slot, acc);
	if (!l->rec[slot].spared &&
	    density(l, slot, (uint32_t)acc->tick) < l->typical)
		l->recent[l->next++ % RECENT] = slot;
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	struct lhd *l = (struct lhd *)p;
	uint32_t slot, worst = PD_NO_SLOT;
	double d, least = 0;
	unsigned i;

	l->tick = (uint32_t)tick;
	for (i = 0; i < SAMPLES + RECENT; i++) {
		slot = i < SAMPLES ? pd_bag_draw(&l->bag, &l->rng)
				   : l->recent[i - SAMPLES];
		if (slot == PD_NO_SLOT)
			continue;
		d = density(l, slot, l->tick);
		if (worst == PD_NO_SLOT || d < least) {
			worst = slot;
			least = d;
		}
	}
	l->typical = (double)DECAY * l->typical + (1 - (double)DECAY) * least;
	return worst;
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct lhd *l = (struct lhd *)p;
	const struct record *r = &l->rec[slot];
	unsigned i;

	(void)key;
	if (evicted)
		l->of[r->class].gone[age_of(r, l->tick)]++;
	l->spared -= r->spared;
	for (i = 0; i < RECENT; i++)
		if (l->recent[i] == slot)
			l->recent[i] = PD_NO_SLOT;
	pd_bag_del(&l->bag, slot);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct lhd *l = (struct lhd *)p;
	unsigned i;

	l->rec[to] = l->rec[from];
	if (l->size != NULL)
		l->size[to] = l->size[from];
	for (i = 0; i < RECENT; i++)
		if (l->recent[i] == from)
			l->recent[i] = to;
	pd_bag_move(&l->bag, from, to);
}

static void
set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lhd *l = (struct lhd *)p;

	if (l->size != NULL)
		l->size[slot] = acc->size;
}

static size_t
memory(const struct pd_policy *p)
{
	const struct lhd *l = (const struct lhd *)p;
	const size_t size = l->by_bytes ? sizeof(*l->size) : 0;

	return sizeof(*l) + pd_bag_memory(&l->bag) +
	       (size_t)l->bag.n * (sizeof(*l->rec) + size);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct lhd *l = (const struct lhd *)p;
	uint32_t i;

	for (i = 0; i < l->bag.count; i++)
		fn(cookie, l->bag.member[i]);
}

static void
look(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_look *out)
{
	out->aged = true;
	out->age = (uint32_t)tick - ((const struct lhd *)p)->rec[slot].last;
}

const struct pd_policy_ops pd_policy_lhd = {
    .name = "lhd",
    .help = "expected hits by space and time (Beckmann 2018)",
    .create = create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .set_size = set_size,
    .memory = memory,
    .each = each,
    .look = look,
};
