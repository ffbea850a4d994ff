#ifndef PD_CACHE_SKETCH_H
#define PD_CACHE_SKETCH_H

/*
 * How often keys were asked lately, approximately: a count-min sketch of
 * 4-bit counters, four to a key within one cache line, all halved after a
 * number of additions so that the past fades (TinyLFU: Einziger, Friedman and
 * Manes, ACM Transactions on Storage 2017). 8 bytes an object.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_sketch {
	uint64_t *word;	 /* 16 counters each */
	uint32_t blocks; /* of 8 words; a power of two */
	uint64_t added;
	uint64_t sample; /* additions between two halvings */
};

/* For about ${objects} objects and a halving after ${sample} additions. 0, or
 * -1 out of memory. */
int pd_sketch_init(struct pd_sketch *s, uint32_t objects, uint64_t sample);
void pd_sketch_release(struct pd_sketch *s);
/* Count one request of a key, given its scattered hash. */
void pd_sketch_add(struct pd_sketch *s, uint64_t hash);
/* The estimate, 0..15. */
unsigned pd_sketch_get(const struct pd_sketch *s, uint64_t hash);
/* Half the memory, at the price of more collisions. False when it is the
 * smallest already. */
bool pd_sketch_fold(struct pd_sketch *s);
size_t pd_sketch_memory(const struct pd_sketch *s);

#endif /* PD_CACHE_SKETCH_H */
