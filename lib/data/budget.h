#ifndef PD_DATA_BUDGET_H
#define PD_DATA_BUDGET_H

/*
 * A limit on the events that are sampled in a second, kept by lowering the
 * rate: SHARDS of a fixed size (Waldspurger and others, FAST 2015), in which
 * only keys under the lower threshold stay sampled. The rate in force is the
 * one that was asked for over a power of two. It is lowered as soon as a
 * second had too many events, by as much as these call for, and doubled again
 * only when twice the events of each of the last PD_BUDGET_CALM seconds were
 * well below the limit: each change is a new header, and a new start for who
 * reads reuse distances.
 */

#include <stdbool.h>
#include <stdint.h>

#define PD_BUDGET_CALM 60  /* seconds */
#define PD_BUDGET_MOST 20  /* the rate is divided by 2^20 at most */
#define PD_BUDGET_SLACK 75 /* percent of the limit that may be expected */

struct pd_budget {
	uint64_t limit; /* events a second; 0: none */
	unsigned shift; /* the rate is divided by 2^shift */
	uint64_t calm_us;
};

/* Nothing is lowered. */
void pd_budget_init(struct pd_budget *b, uint64_t limit);

/*
 * pd_budget_tell(b, events, us):
 * ${events} were sampled in the last ${us}, about a second. Whether the rate
 * in force is another one now.
 */
bool pd_budget_tell(struct pd_budget *b, uint64_t events, uint64_t us);

/* The rate in force where ${wanted} was asked for. */
double pd_budget_rate(const struct pd_budget *b, double wanted);

#endif /* PD_DATA_BUDGET_H */
