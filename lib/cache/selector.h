#ifndef PD_CACHE_SELECTOR_H
#define PD_CACHE_SELECTOR_H

/*
 * The policy "selector": one of several policies, its experts, rules the cache
 * at a time, the one that would miss least now. selector.c explains. LRU is
 * the default, so a model that is bad, stale or absent, and a workload on which
 * a policy fails, cost no more than it takes to see that.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/judge.h"
#include "cache/policy.h"

extern const struct pd_policy_ops pd_policy_selector;

/*
 * Who rules in several caches that are parts of one, by hash of the key: the
 * first of them judges by its miniature caches, whose sample is one of the
 * whole, and the others have none and do as it says. Written with the lock of
 * the first, read with those of the others.
 */
struct pd_verdict;

/* NULL out of memory. */
struct pd_verdict *pd_verdict_new(void);
void pd_verdict_free(struct pd_verdict *v);

struct pd_selector_expert {
	const char *name;
	bool rules;
	bool judged;	   /* false: no model, waiting, or out of memory */
	double miss_ratio; /* lately, on the sample, by the objective */
	double error;	   /* standard error of its difference to LRU's */
};

struct pd_selector_stats {
	const char *ruling;
	const char *contest;  /* of a new model: "none", "open", "worse" */
	const char *champion; /* digest of the model before, "" without */
	uint64_t since;	      /* tick at which it began */
	uint64_t switches;    /* between experts */
	uint64_t failed;      /* wanted, but memory ran out */
	uint64_t seen;	      /* accesses to keys of the sample */
	double rate;	      /* share of keys in the sample */
	size_t memory;	      /* bytes of the miniature caches */
	unsigned experts;
	struct pd_selector_expert expert[PD_JUDGE_EXPERTS];
};

/* False when ${p} is another policy. */
bool pd_selector_stats(
    const struct pd_policy *p, struct pd_selector_stats *out);

/* The instance of policy "learned" that keeps a record of every resident; NULL
 * when ${p} is another policy. Its model is not of use here. */
const struct pd_policy *pd_selector_learned(const struct pd_policy *p);

/* The model that rules in place of the one that was given last, NULL where
 * there is none that does. */
const struct pd_model *pd_selector_champion(const struct pd_policy *p);

/* One number of these for INFO and PREDIS.STATS. */
struct pd_selector_value {
	char name[48];
	double value; /* NAN: not known */
	bool whole;   /* a count */
};

#define PD_SELECTOR_VALUES (6 + 2 * PD_JUDGE_EXPERTS)

/* The numbers of ${s} into ${out}[PD_SELECTOR_VALUES]; how many. */
unsigned pd_selector_values(
    const struct pd_selector_stats *s, struct pd_selector_value *out);

#endif /* PD_CACHE_SELECTOR_H */
