#include <string.h>

#include "cache/context.h"
#include "cache/guard.h"

#define UNIT 256	    /* of a miss */
#define LRU_UNIT (UNIT + 1) /* LRU is given 0.4% of slack */
#define LEAST_OBJECTS 200   /* of the ghost, for the limits below */
#define CREDIT 4	    /* quarters of the objects */
#define LIMIT 1
#define UNITS_MOST 64 /* mean weights that one access counts */
#define WEIGHTS 65536 /* accesses in the mean */
#define PAUSE_AGES 4  /* eviction ages, at first */
#define PAUSE_MOST 64

void
pd_guard_reset(struct pd_guard *g, const struct pd_context *ctx)
{
	struct pd_context_stats s;

	memset(g, 0, sizeof(*g));
	pd_context_stats(ctx, &s);
	g->own = (s.ghost_seen - s.ghost_own_hits) * UNIT;
	g->lru = (s.ghost_seen - s.ghost_hits) * UNIT;
}

void
pd_guard_missed(struct pd_guard *g, bool own, bool lru, double weight)
{
	double units;

	if (!g->weighted) {
		g->weighted = true;
		g->own = g->lru = 0;
	}
	g->weights += weight;
	g->told += 1;
	if (g->told >= WEIGHTS) {
		g->weights /= 2;
		g->told /= 2;
	}
	units = weight * g->told / g->weights;
	units = units < UNITS_MOST ? units : UNITS_MOST;
	g->told_own += own ? (uint64_t)(units * UNIT) : 0;
	g->told_lru += lru ? (uint64_t)(units * UNIT) : 0;
}

static void
pause(struct pd_guard *g, uint64_t tick, uint64_t evict_age)
{
	const uint64_t age = evict_age == 0 ? 1 : evict_age;

	if (g->pause != 0 && tick < g->until + 4 * g->pause)
		g->pause *= 2;
	else
		g->pause = PAUSE_AGES * age;
	if (g->pause > PAUSE_MOST * age)
		g->pause = PAUSE_MOST * age;
	g->until = tick + g->pause;
	g->behind = 0;
	g->pauses++;
}

bool
pd_guard_allows(struct pd_guard *g, const struct pd_context *ctx, uint64_t tick)
{
	struct pd_context_stats s;
	int64_t objects;
	uint64_t own, lru;

	pd_context_stats(ctx, &s);
	own = g->weighted ? g->told_own
			  : (s.ghost_seen - s.ghost_own_hits) * UNIT;
	lru = g->weighted ? g->told_lru : (s.ghost_seen - s.ghost_hits) * UNIT;
	if (tick >= g->until) {
		objects = s.ghost_objects < LEAST_OBJECTS ? LEAST_OBJECTS
							  : s.ghost_objects;
		g->behind += (int64_t)(own - g->own) -
			     (int64_t)(lru - g->lru) * LRU_UNIT / UNIT;
		if (g->behind < -objects * UNIT * CREDIT / 4)
			g->behind = -objects * UNIT * CREDIT / 4;
		if (g->behind > objects * UNIT * LIMIT / 4)
			pause(g, tick, s.evict_age);
	}
	g->own = own;
	g->lru = lru;
	return tick >= g->until;
}
