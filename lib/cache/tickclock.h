#ifndef PD_CACHE_TICKCLOCK_H
#define PD_CACHE_TICKCLOCK_H

/*
 * When a tick was, about: pairs of tick and time, taken now and then. When the
 * pairs are full every second one is dropped, so that they always reach back
 * to the start, ever more coarsely; in between time is taken to pass evenly.
 */

#include <stdint.h>

#define PD_TICKCLOCK_PAIRS 128

struct pd_tickclock {
	uint32_t n;
	uint32_t every; /* keep one of so many marks */
	uint32_t left;	/* marks until the next is kept */
	struct {
		uint64_t tick;
		uint64_t us;
	} pair[PD_TICKCLOCK_PAIRS];
};

/* Starts at ${tick}, ${us} since 1970. */
void pd_tickclock_init(struct pd_tickclock *c, uint64_t tick, uint64_t us);
/* It is ${tick} at ${us}. A clock that went back is taken to have stood. */
void pd_tickclock_mark(struct pd_tickclock *c, uint64_t tick, uint64_t us);
/* The time of ${tick}, given that it is ${now_tick} at ${now_us}. */
uint64_t pd_tickclock_us(const struct pd_tickclock *c, uint64_t tick,
    uint64_t now_tick, uint64_t now_us);

#endif /* PD_CACHE_TICKCLOCK_H */
