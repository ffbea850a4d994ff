#ifndef PD_CACHE_POLICY_TABLE_H
#define PD_CACHE_POLICY_TABLE_H

/*
 * The policies that policy.c lists; nobody else includes this. A policy is
 * one file policy_<name>.c that defines one of these.
 */

#include "cache/policy.h"

extern const struct pd_policy_ops pd_policy_2q;
extern const struct pd_policy_ops pd_policy_arc;
extern const struct pd_policy_ops pd_policy_clock;
extern const struct pd_policy_ops pd_policy_fifo;
extern const struct pd_policy_ops pd_policy_gdsf;
extern const struct pd_policy_ops pd_policy_lfu;
extern const struct pd_policy_ops pd_policy_lhd;
extern const struct pd_policy_ops pd_policy_lirs;
extern const struct pd_policy_ops pd_policy_lru;
extern const struct pd_policy_ops pd_policy_qdlp;
extern const struct pd_policy_ops pd_policy_random;
extern const struct pd_policy_ops pd_policy_redis_lfu;
extern const struct pd_policy_ops pd_policy_redis_lru;
extern const struct pd_policy_ops pd_policy_s3fifo;
extern const struct pd_policy_ops pd_policy_sieve;
extern const struct pd_policy_ops pd_policy_slru;
extern const struct pd_policy_ops pd_policy_wtinylfu;

#endif /* PD_CACHE_POLICY_TABLE_H */
