#include <math.h>

#include "data/budget.h"

#define SECOND_US 1000000u

void
pd_budget_init(struct pd_budget *b, uint64_t limit)
{
	b->limit = limit;
	b->shift = 0;
	b->calm_us = 0;
}

/* The limit has gone. */
static bool
lift(struct pd_budget *b)
{
	const bool changed = b->shift > 0;

	b->shift = 0;
	b->calm_us = 0;
	return changed;
}

bool
pd_budget_tell(struct pd_budget *b, uint64_t events, uint64_t us)
{
	const unsigned was = b->shift;
	double rate;

	if (b->limit == 0)
		return lift(b);
	if (us == 0)
		return false;
	rate = (double)events * SECOND_US / (double)us / (double)b->limit;
	while (rate > 1 && b->shift < PD_BUDGET_MOST) {
		b->shift++;
		rate /= 2;
	}
	if (b->shift == 0 || b->shift != was || rate * 200 > PD_BUDGET_SLACK) {
		b->calm_us = 0;
		return b->shift != was;
	}
	b->calm_us += us;
	if (b->calm_us < (uint64_t)PD_BUDGET_CALM * SECOND_US)
		return false;
	b->calm_us = 0;
	b->shift--;
	return true;
}

double
pd_budget_rate(const struct pd_budget *b, double wanted)
{
	return ldexp(wanted, -(int)b->shift);
}
