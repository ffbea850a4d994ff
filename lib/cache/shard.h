#ifndef PD_CACHE_SHARD_H
#define PD_CACHE_SHARD_H

/*
 * A server's shards as one cache: sums over them, and settings that are for
 * all of them. Limits are divided evenly. Who calls has the shards for himself
 * (the server serves with one loop, or is in an exclusive section).
 */

#include <stdbool.h>
#include <stdint.h>

#include "cache/context.h"
#include "cache/selector.h"
#include "cache/server.h"
#include "cache/store.h"
#include "cache/whatif.h"

struct pd_err;

/* Sums over all shards. Distances in ticks are those of the whole cache: what
 * a shard counts, times the number of shards. */
struct pd_totals {
	uint64_t count[PD_STORE_DBS];
	uint64_t expiring[PD_STORE_DBS];
	uint64_t total;
	uint64_t tick;
	uint64_t memory;
	uint64_t peak;
	uint64_t entry_bytes;
	uint64_t page_bytes;  /* of pages for small entries ... */
	uint64_t waste_bytes; /* ... what no entry uses of them */
	uint64_t index_bytes;
	bool moving; /* entries, so that pages become empty */
	uint64_t slots_bytes;
	uint64_t policy_bytes;
	uint64_t context_bytes;
	uint64_t context_capacity;
	uint64_t ghost_bytes;
	uint64_t eviction_log_bytes;
	uint64_t client_bytes;
	uint64_t tap_bytes; /* of rings */
	struct pd_context_stats context;
	struct pd_whatif_stats whatif;
	/* What the first shard's says, which judges for all; "mixed" while
	 * others do not rule so yet. */
	struct pd_selector_stats selector;
	bool selects; /* the policy is a selector */
};

/* Make cfg.shards of them. 0, or -1 with a message. */
int pd_shards_open(struct pd_server *s, struct pd_err *err);
void pd_shards_close(struct pd_server *s);

void pd_server_totals(const struct pd_server *s, struct pd_totals *t);
/* Keys of a database, those that have expired but are still there too. */
uint64_t pd_server_keys(const struct pd_server *s, unsigned db);
/* A store, drawn with the chance that a key of ${db} is in it; NULL when there
 * is none. */
struct pd_store *pd_server_random(struct pd_server *s, unsigned db);

void pd_server_set_limits(
    struct pd_server *s, uint64_t maxmemory, uint64_t maxobjects);
void pd_server_set_evict(struct pd_server *s, bool evict);
/* Which keys may be evicted; a change of policy makes it all of them. */
void pd_server_set_evictable(struct pd_server *s, enum pd_evictable which);
void pd_server_set_max_value(struct pd_server *s, uint64_t bytes);
/* 0, or -1 with a message and, but for want of memory, all as it was. */
int pd_server_set_objective(
    struct pd_server *s, enum pd_objective o, struct pd_err *err);

#endif /* PD_CACHE_SHARD_H */
