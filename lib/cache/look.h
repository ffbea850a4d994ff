#ifndef PD_CACHE_LOOK_H
#define PD_CACHE_LOOK_H

/*
 * What a policy knows of one resident, for people and for the log of what was
 * evicted. What a policy does not know it leaves as pd_look_init() set it.
 */

#include <math.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_look {
	uint32_t far;  /* the caller's: places in a queue to walk, at most */
	bool aged;     /* age is known, of a record or otherwise */
	bool recorded; /* there is a record: the next five */
	bool returning;
	uint32_t age;	    /* ticks since the last access */
	uint32_t residence; /* ticks since the insertion */
	uint8_t hits;	    /* since insertion; 63 stands for more */
	uint8_t accesses;   /* known of the key; 255 stands for more */
	/* Of a resident that victim() has just named, by the model's score
	 * (NaN: by another measure of the policy). */
	bool by_score;
	float score;
	const char *queue;     /* where it stands, or NULL */
	uint64_t queue_length; /* residents there */
	/* From the end where it is evicted, 1 first; 0: not among the first
	 * ${far}, or not known. */
	uint64_t position;
	int counter; /* of the policy for this key, -1 none */
};

#define PD_LOOK_FAR 10000 /* takes about a millisecond */

static inline void
pd_look_init(struct pd_look *l, uint32_t far)
{
	*l = (struct pd_look){.far = far, .score = NAN, .counter = -1};
}

#endif /* PD_CACHE_LOOK_H */
