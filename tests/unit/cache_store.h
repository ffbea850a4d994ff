#ifndef TEST_CACHE_STORE_H
#define TEST_CACHE_STORE_H

/* For the tests that need a store: a configuration to change, and the store of
 * it. Include after cmocka.h. */

#include <string.h>

#include "base/err.h"
#include "base/keyfile.h"
#include "cache/policy.h"
#include "cache/stats.h"
#include "cache/store.h"

static struct pd_keys keys;
static struct pd_stats stats;

static inline struct pd_store_config
store_config(uint64_t maxmemory, const char *policy)
{
	return (struct pd_store_config){
	    .maxmemory = maxmemory,
	    .max_value = 1 << 20,
	    .max_share = 0.25,
	    .evict = true,
	    .policy = pd_policy_find(policy),
	    .keys = &keys,
	};
}

/* A store whose time is ${us}; the counters begin anew. */
static inline struct pd_store *
store_of(const struct pd_store_config *cfg, uint64_t us)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_store *st;

	memset(&stats, 0, sizeof(stats));
	st = pd_store_new(cfg, &stats, &err);
	if (st == NULL)
		fail_msg("%s", err.msg);
	pd_store_time(st, us, 0);
	return st;
}

#endif /* TEST_CACHE_STORE_H */
