#ifndef PD_MODEL_TREES_H
#define PD_MODEL_TREES_H

/*
 * A boosted tree ensemble: XGBoost's JSON in, a flat evaluator out. Scores are
 * bit-equal to libxgboost's margins: leaves are added in tree order in
 * float32, starting at the base margin; NaN goes the default way; x <
 * threshold goes left. DART, multi-class, vector leaves and categorical splits
 * are refused with a message.
 */

#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_trees;

/* Limits on what is parsed. A hostile file ends in a message, having cost at
 * most about 120 MiB and a second. */
#define PD_TREES_MAX 1000	 /* trees */
#define PD_TREES_MAX_NODES 65535 /* nodes of all trees together */
#define PD_TREES_MAX_DEPTH 64	 /* splits from root to leaf */
#define PD_TREES_MAX_COLS 64
#define PD_TREES_MAX_JSON (8U << 20) /* bytes of JSON */

/*
 * pd_trees_parse(json, n, err):
 * Read a model that XGBoost 1.x, 2.x or 3.x saved as JSON. Objectives
 * binary:logistic and reg:squarederror. NULL with a message; free the result
 * with pd_trees_free(), for which NULL is fine.
 */
struct pd_trees *pd_trees_parse(const void *json, size_t n, struct pd_err *err);
void pd_trees_free(struct pd_trees *t);

/* Number of input columns; rows have this many floats. */
unsigned pd_trees_cols(const struct pd_trees *t);
/* Number of trees. */
unsigned pd_trees_count(const struct pd_trees *t);
/* Bytes held. */
size_t pd_trees_memory(const struct pd_trees *t);

/*
 * pd_trees_score(t, row):
 * The margin of one row: log-odds for binary:logistic. In every model that
 * Predis trains and serves a higher score means: evict sooner. Any float is
 * allowed, NaN is unknown; no allocation, safe from several threads.
 */
float pd_trees_score(const struct pd_trees *t, const float *row);

/* Margins of ${n} rows, ${stride} floats apart. The same bits as one by one; in
 * eights, and where no tree has more than 32 leaves, in half the time or less
 * (trees_cuts.c). */
void pd_trees_score_batch(const struct pd_trees *t, const float *rows,
    size_t stride, size_t n, float *out);

#endif /* PD_MODEL_TREES_H */
