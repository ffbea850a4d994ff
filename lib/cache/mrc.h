#ifndef PD_CACHE_MRC_H
#define PD_CACHE_MRC_H

/*
 * What LRU misses at every capacity, estimated from accesses that were sampled
 * by key (SHARDS: Waldspurger, Park, Garthwaite, Ahmad, "Efficient MRC
 * construction with SHARDS", FAST 2015): stack distances (lrustack.h) over the
 * rate, each access counting its weight over the rate. How many accesses the
 * source had is known from its ticks, or its weights; what the sample is off
 * from that, because it holds the hottest keys or does not, is put to the
 * smallest distance (SHARDS-adj). With max_keys keys are sampled further, by
 * their identity, so that never more are tracked (SHARDS of a fixed size):
 * memory is constant then.
 *
 * Where the rate changes, or the source began anew, the stack does too. What
 * comes then is counted for those capacities only that have been filled since.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_event;
struct pd_mrc;
struct pd_pds_meta;

#define PD_MRC_KEYS_LEAST 1000 /* the least that max_keys may be */

struct pd_mrc_params {
	bool by_bytes;	   /* capacities are bytes, not objects */
	uint32_t max_keys; /* tracked at once; 0: all */
};

/* NULL with a message. */
struct pd_mrc *pd_mrc_new(const struct pd_mrc_params *p, struct pd_err *err);
void pd_mrc_free(struct pd_mrc *m);

/*
 * pd_mrc_add(m, e, shard, meta, err):
 * The next event, of ${shard} of the source that ${meta} describes. 0, or -1
 * with a message: out of memory, or a scheme that keeps some accesses of a key
 * and not others.
 */
int pd_mrc_add(struct pd_mrc *m, const struct pd_event *e, uint32_t shard,
    const struct pd_pds_meta *meta, struct pd_err *err);

struct pd_mrc_summary {
	uint64_t events;     /* accesses that were tracked */
	double accesses;     /* of the source, estimated */
	double off;	     /* those that the sample is off by, over them */
	uint64_t keys;	     /* tracked */
	double source_keys;  /* estimated */
	double source_bytes; /* of the values of all keys, estimated */
	double rate;	     /* share of keys, in the end */
	unsigned parts;	     /* 1: one rate, one run of the source */
	/* Mean absolute error of the miss ratio that is to be expected at
	 * most, from the number of tracked keys: sqrt((1 - rate) / keys). On
	 * the development traces it was 0.2 to 0.7 of that. */
	double error;
	size_t memory;
};
void pd_mrc_summary(struct pd_mrc *m, struct pd_mrc_summary *s);

/*
 * pd_mrc_at(m, capacity, byte_miss_ratio):
 * The miss ratio of LRU with room for ${capacity}, and that of bytes (may be
 * NULL); NaN where it cannot be told: nothing was counted, or the capacity is
 * less than an object of the sample stands for.
 */
double pd_mrc_at(struct pd_mrc *m, double capacity, double *byte_miss_ratio);

#endif /* PD_CACHE_MRC_H */
