#include <math.h>
#include <string.h>

#include "data/event.h"
#include "data/tickspan.h"

void
pd_tickspan_init(struct pd_tickspan *s)
{
	memset(s, 0, sizeof(*s));
}

/* The accesses of a shard since it began, whose ticks go up by its step. */
static uint64_t
span(const struct pd_tickspan *s, uint32_t i)
{
	return (s->of[i].last - s->of[i].first) / s->of[i].step + 1;
}

static void
begin(struct pd_tickspan *s, uint32_t i, uint32_t step, uint64_t tick)
{
	s->of[i].step = step;
	s->of[i].first = s->of[i].last = tick;
}

void
pd_tickspan_add(struct pd_tickspan *s, uint32_t shard, uint32_t shards,
    const struct pd_event *e)
{
	const uint32_t step = shards > 0 ? shards : 1;
	uint32_t i;

	if (!pd_event_is_access(e))
		return;
	for (i = 0; i < s->n && s->of[i].shard != shard; i++)
		;
	if (i == PD_TICKSPAN_SHARDS) {
		s->full = true;
		return;
	}
	if (i == s->n) {
		s->n++;
		s->of[i].shard = shard;
		begin(s, i, step, e->tick);
	} else if (step != s->of[i].step ||
		   (e->tick < s->of[i].last &&
		       (s->of[i].last - e->tick) / step > PD_TICKSPAN_BACK)) {
		s->before += span(s, i);
		begin(s, i, step, e->tick);
	} else if (e->tick > s->of[i].last) {
		s->of[i].last = e->tick;
	} else if (e->tick < s->of[i].first) {
		s->of[i].first = e->tick;
	}
}

double
pd_tickspan_ticks(const struct pd_tickspan *s)
{
	uint64_t n = s->before;
	uint32_t i;

	if (s->full)
		return NAN;
	for (i = 0; i < s->n; i++)
		n += span(s, i);
	return (double)n;
}
