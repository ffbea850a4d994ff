#ifndef PD_CACHE_MINICACHE_H
#define PD_CACHE_MINICACHE_H

/*
 * A miniature cache over a stream of events: the learned policy (exact LRU
 * while it has no model) with its context, run as the server runs them, for
 * the served features of rows made offline. Its capacity is the real one's
 * times the share of keys that the stream holds. What has expired or was
 * deleted is no hit. Memory is bounded by the capacity: about 100 bytes an
 * object, ghosts included. Not thread-safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_event;
struct pd_minicache;
struct pd_served;

struct pd_minicache_stats {
	uint64_t accesses;
	uint64_t hits;
	uint64_t evictions;
	uint64_t objects; /* resident now */
	size_t memory_bytes;
};

/*
 * pd_minicache_new(capacity, by_bytes, fills, err):
 * Of ${capacity} objects (or bytes with ${by_bytes}), at least 1. ${fills}:
 * the events come from a server, which tells of fills, so a read that missed
 * there too is stored when its fill comes, and never if none does. Otherwise
 * every miss is filled at once. NULL with a message.
 */
struct pd_minicache *pd_minicache_new(
    uint64_t capacity, bool by_bytes, bool fills, struct pd_err *err);
void pd_minicache_free(struct pd_minicache *m);

/*
 * pd_minicache_event(m, e, out):
 * Play one event. For an access (pd_event_is_access()) write to ${out} what a
 * model would have been told of the key, after the cache's recent ratios
 * counted the access and before the key's record did; where the key is not
 * resident only evict_age, hit_ratio and new_share are known. 1 resident, 0
 * not (or no access: ${out} is left alone), -1 out of memory.
 */
int pd_minicache_event(
    struct pd_minicache *m, const struct pd_event *e, struct pd_served *out);

/* What a model would be told of ${key} at ${tick}; false when it is not
 * resident. Changes nothing. */
bool pd_minicache_served(const struct pd_minicache *m, uint64_t key,
    uint64_t tick, struct pd_served *out);

void pd_minicache_stats(
    const struct pd_minicache *m, struct pd_minicache_stats *out);

#endif /* PD_CACHE_MINICACHE_H */
