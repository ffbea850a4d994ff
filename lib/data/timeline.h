#ifndef PD_DATA_TIMELINE_H
#define PD_DATA_TIMELINE_H

/*
 * Sums over time of a stream whose length nobody knows: equal stretches, twice
 * as long each time they would become too many. So there are between 128 and
 * 256 of them in the end, or fewer where there was less than a quarter of a
 * second.
 */

#include <stddef.h>
#include <stdint.h>

#define PD_TIMELINE 256
#define PD_TIMELINE_LEAST_US UINT64_C(1000)

struct pd_timeline {
	uint64_t from_us;
	uint64_t width_us; /* of a stretch; 0 before anything was added */
	size_t n;	   /* stretches, to the last that has something */
	double sum[PD_TIMELINE];
};

void pd_timeline_init(struct pd_timeline *t);
/* Add ${v} at a moment; what lies before the first one counts there. */
void pd_timeline_add(struct pd_timeline *t, uint64_t time_us, double v);

#endif /* PD_DATA_TIMELINE_H */
