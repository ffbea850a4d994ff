#ifndef PREDIS_REPLAY_CURVE_H
#define PREDIS_REPLAY_CURVE_H

/*
 * --mrc: miss ratios over capacities. Exact LRU at all of them comes from one
 * pass (cache/stackdist.h), where objects count 1. The other policies are
 * simulated at each; over a large trace, a capacity of more than twice
 * CURVE_OBJECTS is simulated on samples of the keys by hash (SHARDS,
 * Waldspurger et al., FAST 2015): half, a quarter ... as long as the cache
 * keeps CURVE_OBJECTS. Two samples without a common key are played; the figure
 * is their mean, and half of their difference is told as its error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay.h"
#include "sim.h"

#define CURVE_OBJECTS 2500
#define CURVE_EXACT 500000 /* requests: shorter ones are not sampled */
#define CURVE_POINTS 24
#define CURVE_LARGEST 64

struct curve;

/* The curve of a trace, its points chosen and its samples made; NULL having
 * reported. */
struct curve *curve_new(const struct play *p);
void curve_free(struct curve *c);

/* The capacities, ascending, the curve's. */
const struct point *curve_points(const struct curve *c, int *n);

/* The job of the one pass, NULL where there is none (--bytes, or nobody
 * asks). */
struct job *curve_job(struct curve *c);

/* Whether the policy is read from that pass. */
bool curve_reads(const struct curve *c, const struct pd_policy_ops *ops);

/* The point on the other sample, its play NULL where there is no sample. */
struct point curve_twin(const struct curve *c, const struct point *at);

/* The row of LRU at a point, once the job ran. */
void curve_read(const struct curve *c, const struct point *at, struct row *r);

/*
 * Make the row of a point the mean of it and of its twin's. Misses are related
 * to the requests that a sample should have, its share of all, and not to
 * those that it has: whether a very hot key is in it, which hardly ever misses,
 * then makes no difference (SHARDS-adj).
 */
void curve_merge(const struct curve *c, struct row *r, const struct row *twin);

#endif /* PREDIS_REPLAY_CURVE_H */
