#ifndef PD_LEARN_ROWS_H
#define PD_LEARN_ROWS_H

/*
 * Training rows: residents drawn when a simulated cache evicts, as the served
 * features of that moment, and how far away their next access is: some at
 * random and the one that was asked longest ago, as the policy's candidates.
 * While more rows come than were asked for, every second one is dropped and
 * half as many are drawn from then on, so that the rows stay spread evenly
 * over the replay.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

#define PD_ROWS_COLS 20 /* served slots 0..19, in order */

struct pd_err;
struct pd_sim_view;
struct pd_trace;

/* For each key of a part of a trace, where it is accessed. */
struct pd_nextuse {
	const struct pd_trace *trace;
	uint32_t *start; /* by key; [unique] ends */
	uint32_t *entry; /* entries of the trace, ascending within a key */
};

/* Of the entries ${begin} to ${end} - 1. 0, or -1 out of memory. */
int pd_nextuse_init(
    struct pd_nextuse *u, const struct pd_trace *t, size_t begin, size_t end);
void pd_nextuse_release(struct pd_nextuse *u);
/* Ticks from ${tick} to the first access of key ${id} after ${entry};
 * INFINITY when there is none before it is deleted. */
double pd_nextuse_distance(
    const struct pd_nextuse *u, uint32_t id, size_t entry, uint64_t tick);

struct pd_rows {
	float *x;	 /* n rows of PD_ROWS_COLS */
	float *distance; /* ticks to the next access, INFINITY: none */
	uint64_t *tick;	 /* when the row was drawn */
	uint32_t n;
	uint32_t cap;
	uint32_t stride; /* draw at every stride-th eviction */
	uint32_t evictions;
	double age_sum; /* of log2 of the eviction age over the rows drawn */
	uint64_t age_n;
	const struct pd_nextuse *next; /* borrowed */
	struct pd_rng rng;
};

/* Room for up to ${cap} >= 2 rows. 0, or -1 out of memory. */
int pd_rows_init(struct pd_rows *r, uint32_t cap, const struct pd_nextuse *next,
    uint64_t seed);
void pd_rows_release(struct pd_rows *r);

/* The simulator's evicting() (cache/sim.h) with a struct pd_rows as cookie;
 * the policy must be learned. */
void pd_rows_draw(void *cookie, const struct pd_sim_view *v);

/* The geometric mean of the eviction ages seen, in ticks; 0 for none. */
double pd_rows_evict_age(const struct pd_rows *r);

/* Append all of ${b} to ${a}. 0, or -1 out of memory. */
int pd_rows_join(struct pd_rows *a, const struct pd_rows *b);

#endif /* PD_LEARN_ROWS_H */
