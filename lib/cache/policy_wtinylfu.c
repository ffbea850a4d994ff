/*
 * W-TinyLFU with an adaptive window (Einziger, Friedman and Manes, "TinyLFU",
 * ACM ToS 2017; Einziger, Eytan, Friedman and Manes, "Adaptive software cache
 * management", Middleware 2018). New objects enter a window, an LRU; what
 * leaves it competes with the oldest of the main part (a segmented LRU:
 * probation and protected) by how often both were asked lately. The window's
 * share, 1% at first, climbs the hill of the hit ratio: after every ten
 * requests an object of the capacity it takes a step, on in the same direction
 * if the hit ratio rose, back if it fell. The first step enlarges it and is
 * taken after the cache filled (Caffeine's first one goes down, from where
 * there is nothing to take; measured on eight traces that costs 0.7 points).
 */

#include <stdlib.h>

#include "base/err.h"
#include "base/rng.h"
#include "cache/policy_table.h"
#include "cache/queues.h"
#include "cache/sketch.h"

enum {
	PROBATION,
	WINDOW,
	PROTECTED,
};

#define STEP 0.0625 /* of the capacity */
#define STEP_DECAY 0.98
#define STEP_LEAST 0.02 /* smaller ones drown in the noise of a sample */
#define RESTART 0.05	/* a change of the hit ratio that restores the step */
#define WINDOW_MAX 0.8	/* of the capacity */
#define SETTLE 16	/* objects moved between lists at once */
#define WARM 6		/* estimate from which a loser has a chance */

struct wtinylfu {
	struct pd_queues q;
	struct pd_sketch sketch;
	struct pd_rng rng;
	uint64_t capacity;
	uint64_t window_units; /* limits; the rest is probation */
	uint64_t protected_units;
	uint64_t sample; /* requests between two steps */
	uint64_t hits;	 /* of these, so far */
	uint64_t misses;
	double hit_ratio; /* of the sample before; below 0: none */
	double step;
	bool full;	   /* something had to leave: the hill is there */
	uint32_t incoming; /* units that the last miss wants */
};

static uint64_t
hash_of(uint32_t print)
{
	return pd_mix64((uint64_t)print | (uint64_t)print << 32);
}

static void
set_limits(struct wtinylfu *w, uint64_t window)
{
	const uint64_t main = w->capacity - window;

	w->window_units = window;
	w->protected_units = main / 5 * 4 + main % 5 * 4 / 5;
}

static void
set_capacity(struct pd_policy *p, uint64_t capacity)
{
	struct wtinylfu *w = (struct wtinylfu *)p;

	w->capacity = capacity;
	w->step = STEP * (double)capacity;
	w->hit_ratio = -1;
	set_limits(w, capacity / 100 > 0 ? capacity / 100 : 1);
}

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	uint64_t objects = params->objects_hint;
	struct wtinylfu *w;

	if (objects == 0)
		objects = params->by_bytes ? 1024 : params->capacity;
	if (objects > UINT32_MAX / 2)
		objects = UINT32_MAX / 2;
	w = pd_queues_new(sizeof(*w), &pd_policy_wtinylfu, params,
	    PD_SLOTS_LINK | PD_SLOTS_TAG | PD_SLOTS_PRINT | PD_SLOTS_SIZE, err);
	if (w == NULL)
		return NULL;
	if (pd_sketch_init(&w->sketch, (uint32_t)objects * 2, objects * 10) <
	    0) {
		pd_queues_destroy(&w->q.base);
		pd_err_nomem(err);
		return NULL;
	}
	w->sample = objects * 10;
	pd_rng_init(&w->rng, params->seed);
	set_capacity(&w->q.base, params->capacity);
	return &w->q.base;
}

static void
destroy(struct pd_policy *p)
{
	pd_sketch_release(&((struct wtinylfu *)p)->sketch);
	pd_queues_destroy(p);
}

static uint64_t
main_units(const struct wtinylfu *w)
{
	return w->q.list[PROBATION].units + w->q.list[PROTECTED].units;
}

/* One object over a border that moved or was crossed; was there one? */
static bool
settle_one(struct wtinylfu *w, uint32_t incoming)
{
	const struct pd_slist *window = &w->q.list[WINDOW];
	const struct pd_slist *probation = &w->q.list[PROBATION];
	const uint64_t main = w->capacity - w->window_units;

	if (w->q.list[PROTECTED].units > w->protected_units) {
		pd_queue_shift(&w->q, w->q.list[PROTECTED].oldest, PROBATION);
		return true;
	}
	if (window->count > 0 && window->units + incoming > w->window_units &&
	    main_units(w) + pd_slots_units(&w->q.slots, window->oldest) <=
		main) {
		pd_queue_shift(&w->q, window->oldest, PROBATION);
		return true;
	}
	if (probation->count > 0 && main_units(w) > main &&
	    window->units + incoming +
		    pd_slots_units(&w->q.slots, probation->oldest) <=
		w->window_units) {
		pd_queue_shift(&w->q, probation->oldest, WINDOW);
		return true;
	}
	return false;
}

/* Some of what is due at a time, so that no access waits long. */
static void
settle(struct wtinylfu *w, uint32_t incoming)
{
	unsigned i;

	for (i = 0; i < SETTLE && settle_one(w, incoming); i++)
		continue;
}

/* Give the window another share. */
static void
resize_window(struct wtinylfu *w, double change)
{
	double units = (double)w->window_units + change;

	if (units > (double)w->capacity * WINDOW_MAX)
		units = (double)w->capacity * WINDOW_MAX;
	if (units < 1)
		units = 1;
	set_limits(w, (uint64_t)units);
}

/* A sample is complete: step on, or back. */
static void
climb(struct wtinylfu *w)
{
	const double ratio = (double)w->hits / (double)(w->hits + w->misses);
	const double change = w->hit_ratio < 0 ? 0 : ratio - w->hit_ratio;
	const double amount = change >= 0 ? w->step : -w->step;
	const double full = STEP * (double)w->capacity;
	const double least = STEP_LEAST * (double)w->capacity;

	w->hit_ratio = ratio;
	w->hits = 0;
	w->misses = 0;
	if (change >= RESTART || change <= -RESTART)
		w->step = amount >= 0 ? full : -full;
	else if (amount * STEP_DECAY < least && amount * STEP_DECAY > -least)
		w->step = amount >= 0 ? least : -least;
	else
		w->step = STEP_DECAY * amount;
	resize_window(w, amount);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct wtinylfu *w = (struct wtinylfu *)p;

	(void)acc;
	pd_sketch_add(&w->sketch, hash_of(w->q.slots.print[slot]));
	if (pd_queue_of(&w->q, slot) == PROBATION) {
		pd_queue_shift(&w->q, slot, PROTECTED);
		settle(w, 0);
	} else {
		pd_queue_renew(&w->q, slot);
	}
	w->hits += w->full;
	if (w->hits + w->misses >= w->sample)
		climb(w);
}

static void
miss(struct pd_policy *p, const struct pd_access *acc)
{
	struct wtinylfu *w = (struct wtinylfu *)p;

	pd_sketch_add(&w->sketch, hash_of(pd_slots_print(acc->key)));
	w->incoming = acc->size;
	w->misses += w->full;
	if (w->hits + w->misses >= w->sample)
		climb(w);
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct wtinylfu *w = (struct wtinylfu *)p;

	w->q.slots.print[slot] = pd_slots_print(acc->key);
	pd_queue_add(&w->q, slot, WINDOW, acc);
	w->incoming = 1;
	settle(w, 0);
}

/* May ${candidate}, from the window, take the place of ${oldest} of main? Now
 * and then a warm loser may, so that collisions cannot be exploited. */
static bool
admits(struct wtinylfu *w, uint32_t candidate, uint32_t oldest)
{
	const unsigned a =
	    pd_sketch_get(&w->sketch, hash_of(w->q.slots.print[candidate]));
	const unsigned b =
	    pd_sketch_get(&w->sketch, hash_of(w->q.slots.print[oldest]));

	if (a > b)
		return true;
	return a >= WARM && pd_rng_below(&w->rng, 128) == 0;
}

static uint32_t
oldest_of_main(const struct wtinylfu *w)
{
	return w->q.list[PROBATION].count > 0 ? w->q.list[PROBATION].oldest
					      : w->q.list[PROTECTED].oldest;
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	struct wtinylfu *w = (struct wtinylfu *)p;
	uint32_t candidate, oldest;

	(void)tick;
	w->full = true;
	settle(w, w->incoming);
	candidate = w->q.list[WINDOW].oldest;
	oldest = oldest_of_main(w);
	if (candidate == PD_NO_SLOT || oldest == PD_NO_SLOT)
		return candidate == PD_NO_SLOT ? oldest : candidate;
	if (w->q.list[WINDOW].units + w->incoming <= w->window_units)
		return oldest;
	if (!admits(w, candidate, oldest))
		return candidate;
	pd_queue_shift(&w->q, candidate, PROBATION);
	return oldest;
}

static void
set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	pd_queues_set_size(p, slot, acc);
	settle((struct wtinylfu *)p, 0);
}

static void
set_history(struct pd_policy *p, uint64_t bytes)
{
	struct wtinylfu *w = (struct wtinylfu *)p;

	while (
	    pd_sketch_memory(&w->sketch) > bytes && pd_sketch_fold(&w->sketch))
		continue;
}

static size_t
memory(const struct pd_policy *p)
{
	const struct wtinylfu *w = (const struct wtinylfu *)p;

	return pd_queues_memory(p) + pd_sketch_memory(&w->sketch);
}

const struct pd_policy_ops pd_policy_wtinylfu = {
    .name = "wtinylfu",
    .help = "frequency decides after an adaptive window (Einziger 2017)",
    .create = create,
    .destroy = destroy,
    .reserve = pd_queues_reserve,
    .move = pd_queues_move,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim,
    .remove = pd_queues_remove,
    .set_capacity = set_capacity,
    .set_size = set_size,
    .set_history = set_history,
    .memory = memory,
    .look = pd_queues_look,
    .each = pd_queues_each,
};
