#ifndef PD_CACHE_LEARNED_H
#define PD_CACHE_LEARNED_H

/*
 * The learned policy: it evicts by a model's score of a few residents, and is
 * exact LRU while it has no model. learned.c explains the design. Beyond a
 * policy's operations, training needs to see residents as a model sees them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cache/policy.h"

struct pd_served;

extern const struct pd_policy_ops pd_policy_learned;

/*
 * pd_learned_served(p, slot, tick, out):
 * The resident ${slot} as a model would be told of it at ${tick}; false when
 * there is no resident in this slot. ${p} is an instance of this policy.
 */
bool pd_learned_served(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_served *out);

/* The resident that was asked longest ago, PD_NO_SLOT when there is none: it
 * is always among the candidates. ${p} is an instance of this policy. */
uint32_t pd_learned_oldest(const struct pd_policy *p);

/*
 * pd_learned_rank(p, slot, m, score):
 * By what the resident ${slot}, which the model ${m} gives ${score}, is
 * compared with others: the highest leaves first. The score itself, or what the
 * objective makes of it (objective.h).
 */
double pd_learned_rank(const struct pd_policy *p, uint32_t slot,
    const struct pd_model *m, float score);

/* Whether the model chooses at ${tick}: there is one, and the guard has not
 * paused it. */
bool pd_learned_rules(const struct pd_policy *p, uint64_t tick);

#endif /* PD_CACHE_LEARNED_H */
