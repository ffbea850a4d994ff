#include <stddef.h>

#include "cache/tickclock.h"

void
pd_tickclock_init(struct pd_tickclock *c, uint64_t tick, uint64_t us)
{
	c->n = 1;
	c->every = 1;
	c->left = 1;
	c->pair[0].tick = tick;
	c->pair[0].us = us;
}

/* Keep every second pair, the first among them. */
static void
thin(struct pd_tickclock *c)
{
	size_t i;

	for (i = 0; 2 * i < c->n; i++)
		c->pair[i] = c->pair[2 * i];
	c->n = (uint32_t)i;
	c->every *= 2;
}

void
pd_tickclock_mark(struct pd_tickclock *c, uint64_t tick, uint64_t us)
{
	if (--c->left > 0)
		return;
	if (c->n == PD_TICKCLOCK_PAIRS)
		thin(c);
	c->left = c->every;
	if (tick <= c->pair[c->n - 1].tick || us < c->pair[c->n - 1].us)
		return;
	c->pair[c->n].tick = tick;
	c->pair[c->n].us = us;
	c->n++;
}

uint64_t
pd_tickclock_us(const struct pd_tickclock *c, uint64_t tick, uint64_t now_tick,
    uint64_t now_us)
{
	uint64_t t0, t1, u0, u1;
	uint32_t i = c->n;

	while (i > 1 && c->pair[i - 1].tick > tick)
		i--;
	t0 = c->pair[i - 1].tick;
	u0 = c->pair[i - 1].us;
	t1 = i < c->n ? c->pair[i].tick : now_tick;
	u1 = i < c->n ? c->pair[i].us : now_us;
	if (tick <= t0 || t1 <= t0 || u1 <= u0)
		return u0;
	if (tick >= t1)
		return u1;
	return u0 + (uint64_t)((double)(tick - t0) / (double)(t1 - t0) *
			       (double)(u1 - u0));
}
