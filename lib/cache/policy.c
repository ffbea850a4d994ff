#include <string.h>

#include "cache/learned.h"
#include "cache/policy.h"
#include "cache/policy_table.h"
#include "cache/selector.h"

const struct pd_policy_ops *const pd_policies[] = {
    &pd_policy_random,
    &pd_policy_fifo,
    &pd_policy_lru,
    &pd_policy_clock,
    &pd_policy_slru,
    &pd_policy_lfu,
    &pd_policy_2q,
    &pd_policy_arc,
    &pd_policy_lirs,
    &pd_policy_sieve,
    &pd_policy_s3fifo,
    &pd_policy_wtinylfu,
    &pd_policy_qdlp,
    &pd_policy_lhd,
    &pd_policy_gdsf,
    &pd_policy_redis_lru,
    &pd_policy_redis_lfu,
    &pd_policy_learned,
    &pd_policy_selector,
    NULL,
};

const struct pd_policy_ops *
pd_policy_find(const char *name)
{
	const struct pd_policy_ops *const *p;

	for (p = pd_policies; *p != NULL; p++)
		if (strcmp((*p)->name, name) == 0)
			return *p;
	return NULL;
}
