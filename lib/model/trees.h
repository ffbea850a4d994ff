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

/* Limits on what is parsed: hostile files end in a message, not in memory. */
#define PD_TREES_MAX 1000	     /* trees */
#define PD_TREES_MAX_NODES 65535     /* nodes a tree */
#define PD_TREES_MAX_TOTAL (1 << 17) /* nodes in all */
#define PD_TREES_MAX_DEPTH 64	     /* splits from root to leaf */
#define PD_TREES_MAX_COLS 64
#define PD_TREES_MAX_JSON (16U << 20) /* bytes of JSON */

/* Parse ${n} bytes of XGBoost JSON (1.x, 2.x, 3.x). NULL with a message. */
struct pd_trees *pd_trees_parse(const void *json, size_t n, struct pd_err *err);
void pd_trees_free(struct pd_trees *t);

/* Number of input columns; rows have this many floats. */
unsigned pd_trees_cols(const struct pd_trees *t);
unsigned pd_trees_count(const struct pd_trees *t);
size_t pd_trees_memory(const struct pd_trees *t);

/* The margin (log-odds for binary:logistic) of one row. */
float pd_trees_score(const struct pd_trees *t, const float *row);
/* Margins of ${n} rows, ${stride} floats apart. The same bits as one by one. */
void pd_trees_score_batch(const struct pd_trees *t, const float *rows,
    size_t stride, size_t n, float *out);

#endif /* PD_MODEL_TREES_H */
