#ifndef PD_DATA_TICKSPAN_H
#define PD_DATA_TICKSPAN_H

/*
 * How many accesses a source counted while a stream was taken: its ticks, which
 * sampled events carry, from the first to the last one of each shard. Unlike an
 * estimate from sampled events this is off by no more than the ticks before the
 * first sampled event and behind the last one. With several shards each access
 * moves the ticks of its shard on by the number of shards. A tick far below the
 * one before it is that of a source that began anew.
 */

#include <stdbool.h>
#include <stdint.h>

struct pd_event;

#define PD_TICKSPAN_SHARDS 256
#define PD_TICKSPAN_BACK                                                       \
	65536 /* accesses: threads may be told out of turn by so much          \
	       */

struct pd_tickspan {
	struct {
		uint32_t shard;
		uint32_t step; /* ticks an access: the number of shards */
		uint64_t first;
		uint64_t last;
	} of[PD_TICKSPAN_SHARDS];
	uint32_t n;
	uint64_t before; /* of sources that began anew */
	bool full;	 /* there were too many shards */
};

void pd_tickspan_init(struct pd_tickspan *s);
/* Take notice of an event of one of ${shards} shards (0: 1); only accesses
 * count. */
void pd_tickspan_add(struct pd_tickspan *s, uint32_t shard, uint32_t shards,
    const struct pd_event *e);
/* The accesses so far, 0 before any; NaN where there are too many shards. */
double pd_tickspan_ticks(const struct pd_tickspan *s);

#endif /* PD_DATA_TICKSPAN_H */
