#ifndef PD_MODEL_TREES_EXPLAIN_H
#define PD_MODEL_TREES_EXPLAIN_H

/*
 * Why a row scores what it scores: path attribution (Saabas, "Interpreting
 * random forests", 2014), as libxgboost's approximate contributions. On its
 * way through a tree a row meets nodes; the value expected at a node is the
 * mean of the leaves below, weighted by the training rows that reached them.
 * What a step changes of it is credited to the column that was asked there.
 * O(splits on the row's paths), exact in the sum, not in the split of the sum
 * between columns that interact: what is asked near the root gets less.
 */

#include <stdbool.h>

struct pd_trees;

/*
 * pd_trees_explain(t, row, out):
 * Contributions of the columns to the margin of ${row} into ${out}[0..cols-1],
 * and into ${out}[cols] the bias: base margin and what the trees expect before
 * anything is known. All of them add up to pd_trees_score(), up to the
 * rounding of its float32 sum.
 */
void pd_trees_explain(const struct pd_trees *t, const float *row, double *out);

/* Whether the means are weighted by the cover of the model file's nodes
 * ("sum_hessian"); otherwise both children of a node count the same. */
bool pd_trees_has_cover(const struct pd_trees *t);

#endif /* PD_MODEL_TREES_EXPLAIN_H */
