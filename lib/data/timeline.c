#include <string.h>

#include "data/timeline.h"

void
pd_timeline_init(struct pd_timeline *t)
{
	memset(t, 0, sizeof(*t));
}

/* Half as many stretches, each twice as long. */
static void
widen(struct pd_timeline *t)
{
	size_t i;

	for (i = 0; i < PD_TIMELINE / 2; i++)
		t->sum[i] = t->sum[2 * i] + t->sum[2 * i + 1];
	memset(t->sum + i, 0, sizeof(t->sum) / 2);
	t->n = (t->n + 1) / 2;
	t->width_us *= 2;
}

void
pd_timeline_add(struct pd_timeline *t, uint64_t time_us, double v)
{
	uint64_t after;

	if (t->width_us == 0) {
		t->from_us = time_us;
		t->width_us = PD_TIMELINE_LEAST_US;
	}
	after = time_us > t->from_us ? time_us - t->from_us : 0;
	while (after / t->width_us >= PD_TIMELINE)
		widen(t);
	t->sum[after / t->width_us] += v;
	if (t->n <= after / t->width_us)
		t->n = (size_t)(after / t->width_us) + 1;
}
