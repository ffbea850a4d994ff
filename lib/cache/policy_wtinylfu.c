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
#include "cache/sketch.h"
#include "cache/slist.h"

enum {
	WINDOW,
	PROBATION,
	PROTECTED,
	LISTS,
};

#define STEP 0.0625 /* of the capacity */
#define STEP_DECAY 0.98
#define RESTART 0.05   /* a change of the hit ratio that restores the step */
#define WINDOW_MAX 0.8 /* of the capacity */
#define SETTLE 16      /* objects moved between lists at once */
#define WARM 6	       /* estimate from which a loser has a chance */

struct wtinylfu {
	struct pd_policy base;
	struct pd_slots slots; /* tag: the list */
	struct pd_slist list[LISTS];
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
	struct wtinylfu *w = calloc(1, sizeof(*w));
	uint64_t objects = params->objects_hint;
	unsigned i;

	if (objects == 0)
		objects = params->by_bytes ? 1024 : params->capacity;
	if (objects > UINT32_MAX / 2)
		objects = UINT32_MAX / 2;
	if (w == NULL || pd_sketch_init(&w->sketch, (uint32_t)objects * 2,
			     objects * 10) < 0) {
		free(w);
		pd_err_nomem(err);
		return NULL;
	}
	w->base.ops = &pd_policy_wtinylfu;
	w->sample = objects * 10;
	pd_rng_init(&w->rng, params->seed);
	pd_slots_init(&w->slots, PD_SLOTS_LINK | PD_SLOTS_TAG | PD_SLOTS_PRINT |
				     (params->by_bytes ? PD_SLOTS_SIZE : 0));
	for (i = 0; i < LISTS; i++)
		pd_slist_init(&w->list[i]);
	set_capacity(&w->base, params->capacity);
	return &w->base;
}

static void
destroy(struct pd_policy *p)
{
	struct wtinylfu *w = (struct wtinylfu *)p;

	pd_slots_release(&w->slots);
	pd_sketch_release(&w->sketch);
	free(w);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	return pd_slots_reserve(&((struct wtinylfu *)p)->slots, n);
}

static void
move(struct wtinylfu *w, uint32_t slot, unsigned to)
{
	pd_slist_remove(&w->slots, &w->list[w->slots.tag[slot]], slot);
	w->slots.tag[slot] = (uint8_t)to;
	pd_slist_push(&w->slots, &w->list[to], slot);
}

static uint64_t
main_units(const struct wtinylfu *w)
{
	return w->list[PROBATION].units + w->list[PROTECTED].units;
}

/* One object over a border that moved or was crossed; was there one? */
static bool
settle_one(struct wtinylfu *w, uint32_t incoming)
{
	const struct pd_slist *window = &w->list[WINDOW];
	const struct pd_slist *probation = &w->list[PROBATION];
	const uint64_t main = w->capacity - w->window_units;

	if (w->list[PROTECTED].units > w->protected_units) {
		move(w, w->list[PROTECTED].oldest, PROBATION);
		return true;
	}
	if (window->count > 0 && window->units + incoming > w->window_units &&
	    main_units(w) + pd_slots_units(&w->slots, window->oldest) <= main) {
		move(w, window->oldest, PROBATION);
		return true;
	}
	if (probation->count > 0 && main_units(w) > main &&
	    window->units + incoming +
		    pd_slots_units(&w->slots, probation->oldest) <=
		w->window_units) {
		move(w, probation->oldest, WINDOW);
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

	w->hit_ratio = ratio;
	w->hits = 0;
	w->misses = 0;
	if (change >= RESTART || change <= -RESTART)
		w->step = amount >= 0 ? full : -full;
	else
		w->step = STEP_DECAY * amount;
	resize_window(w, amount);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct wtinylfu *w = (struct wtinylfu *)p;

	pd_slist_move(&w->slots, &w->list[w->slots.tag[from]], from, to);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct wtinylfu *w = (struct wtinylfu *)p;

	(void)acc;
	pd_sketch_add(&w->sketch, hash_of(w->slots.print[slot]));
	if (w->slots.tag[slot] == PROBATION) {
		move(w, slot, PROTECTED);
		settle(w, 0);
	} else {
		pd_slist_renew(&w->slots, &w->list[w->slots.tag[slot]], slot);
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

	w->slots.print[slot] = pd_slots_print(acc->key);
	if (w->slots.size != NULL)
		w->slots.size[slot] = acc->size;
	w->slots.tag[slot] = WINDOW;
	pd_slist_push(&w->slots, &w->list[WINDOW], slot);
	w->incoming = 1;
	settle(w, 0);
}

/* May ${candidate}, from the window, take the place of ${oldest} of main? Now
 * and then a warm loser may, so that collisions cannot be exploited. */
static bool
admits(struct wtinylfu *w, uint32_t candidate, uint32_t oldest)
{
	const unsigned a =
	    pd_sketch_get(&w->sketch, hash_of(w->slots.print[candidate]));
	const unsigned b =
	    pd_sketch_get(&w->sketch, hash_of(w->slots.print[oldest]));

	if (a > b)
		return true;
	return a >= WARM && pd_rng_below(&w->rng, 128) == 0;
}

static uint32_t
oldest_of_main(const struct wtinylfu *w)
{
	return w->list[PROBATION].count > 0 ? w->list[PROBATION].oldest
					    : w->list[PROTECTED].oldest;
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	struct wtinylfu *w = (struct wtinylfu *)p;
	uint32_t candidate, oldest;

	(void)tick;
	w->full = true;
	settle(w, w->incoming);
	candidate = w->list[WINDOW].oldest;
	oldest = oldest_of_main(w);
	if (candidate == PD_NO_SLOT || oldest == PD_NO_SLOT)
		return candidate == PD_NO_SLOT ? oldest : candidate;
	if (w->list[WINDOW].units + w->incoming <= w->window_units)
		return oldest;
	if (!admits(w, candidate, oldest))
		return candidate;
	move(w, candidate, PROBATION);
	return oldest;
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct wtinylfu *w = (struct wtinylfu *)p;

	(void)key;
	(void)evicted;
	pd_slist_remove(&w->slots, &w->list[w->slots.tag[slot]], slot);
}

static void
set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	const uint32_t size = acc->size;
	struct wtinylfu *w = (struct wtinylfu *)p;

	pd_slist_resize(&w->slots, &w->list[w->slots.tag[slot]], slot, size);
	settle(w, 0);
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

	return sizeof(*w) + pd_slots_memory(&w->slots) +
	       pd_sketch_memory(&w->sketch);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct wtinylfu *w = (const struct wtinylfu *)p;

	pd_slist_each(&w->slots, &w->list[PROBATION], fn, cookie);
	pd_slist_each(&w->slots, &w->list[WINDOW], fn, cookie);
	pd_slist_each(&w->slots, &w->list[PROTECTED], fn, cookie);
}

const struct pd_policy_ops pd_policy_wtinylfu = {
    .name = "wtinylfu",
    .help = "frequency decides after an adaptive window (Einziger 2017)",
    .create = create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .set_capacity = set_capacity,
    .set_size = set_size,
    .set_history = set_history,
    .memory = memory,
    .each = each,
};
