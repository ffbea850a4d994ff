#include <math.h>
#include <string.h>

#include "data/event.h"
#include "data/tickspan.h"

void
pd_tickspan_init(struct pd_tickspan *s)
{
	memset(s, 0, sizeof(*s));
}

void
pd_tickspan_add(struct pd_tickspan *s, uint32_t shard, const struct pd_event *e)
{
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
		s->of[i].first = s->of[i].last = e->tick;
	} else if (e->tick > s->of[i].last) {
		s->of[i].last = e->tick;
	} else if (s->of[i].last - e->tick > PD_TICKSPAN_BACK) {
		s->before += s->of[i].last - s->of[i].first + 1;
		s->of[i].first = s->of[i].last = e->tick;
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
		n += s->of[i].last - s->of[i].first + 1;
	return (double)n;
}
