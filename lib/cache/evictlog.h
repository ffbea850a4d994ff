#ifndef PD_CACHE_EVICTLOG_H
#define PD_CACHE_EVICTLOG_H

/*
 * Why keys are not there any more: a ring of the last that left a cache, by
 * hash. Writing is O(1), a new entry pushes out the oldest; looking up reads
 * the hashes from the newest on, about 50 us for 100,000. With 64-bit hashes
 * another key's entry is taken for one's own about never. Not thread-safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_evictlog;

#define PD_EVICTLOG_ENTRY 40 /* bytes */
#define PD_EVICTLOG_UNKNOWN UINT32_MAX

enum pd_gone {
	PD_GONE_SCORE,	 /* evicted: the model's worst of some */
	PD_GONE_LRU,	 /* evicted from the LRU end */
	PD_GONE_POLICY,	 /* evicted by another rule of the policy */
	PD_GONE_EXPIRED, /* these three by nobody's choice */
	PD_GONE_DELETED,
	PD_GONE_FLUSHED,
	PD_GONE_REASONS
};

/* "score", "lru-end", "policy", "expired", "deleted", "flushed". */
const char *pd_gone_name(enum pd_gone why);

struct pd_evictlog_entry {
	uint64_t tick;
	float score;	    /* NaN without */
	uint32_t time_s;    /* since 1970 */
	uint32_t age;	    /* ticks since the last access, or UNKNOWN */
	uint32_t residence; /* ticks since the insertion, or UNKNOWN */
	uint32_t model;	    /* first 4 bytes of its digest, 0 none */
	uint8_t why;	    /* enum pd_gone */
	uint8_t policy;	    /* that ruled: place in pd_policies[] */
	uint8_t hits;	    /* since insertion, where age is known */
	uint8_t accesses;   /* known of the key, where age is known */
};

/* A log of ${bytes}, fewer than an entry's: none, which is a log too. NULL
 * with a message. */
struct pd_evictlog *pd_evictlog_new(size_t bytes, struct pd_err *err);
void pd_evictlog_free(struct pd_evictlog *l);

void pd_evictlog_add(
    struct pd_evictlog *l, uint64_t hash, const struct pd_evictlog_entry *e);
/* The newest entry of a key; false without. */
bool pd_evictlog_find(
    const struct pd_evictlog *l, uint64_t hash, struct pd_evictlog_entry *out);

uint32_t pd_evictlog_size(const struct pd_evictlog *l); /* entries at most */
uint32_t pd_evictlog_used(const struct pd_evictlog *l);
/* Bytes allocated. */
size_t pd_evictlog_memory(const struct pd_evictlog *l);

#endif /* PD_CACHE_EVICTLOG_H */
