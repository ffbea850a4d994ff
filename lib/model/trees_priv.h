#ifndef PD_MODEL_TREES_PRIV_H
#define PD_MODEL_TREES_PRIV_H

/*
 * The flat form of an ensemble, shared by trees_json.c (which builds and
 * checks it), trees.c (which walks it without a check) and trees_explain.c.
 *
 * A node is 8 bytes. The two children of a split lie side by side, so that
 * one step of a walk is
 *
 *	i = left + !(x[column] < value)
 *
 * with no branch. NaN is settled before the walk: a row is copied twice, once
 * with -Inf for NaN (nodes whose default is left) and once with +Inf (default
 * right). Thresholds are finite, so the comparison then goes the default way.
 * A leaf reads a column that always holds NaN and has left = itself - 1: it
 * steps to itself for every input, and a walk of the ensemble's depth needs
 * no test for the end. The leaf's value sits in place of the threshold.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/trees.h"

#define LO 0			     /* columns with -Inf for NaN */
#define HI PD_TREES_MAX_COLS	     /* columns with +Inf for NaN */
#define NOT (HI + PD_TREES_MAX_COLS) /* the column that is NaN */
#define ROWLEN (NOT + 4)	     /* floats of an expanded row */

#define COL_BITS 8
#define COL_MASK ((1U << COL_BITS) - 1)

struct pd_trees_node {
	float value;   /* threshold, or the leaf's value */
	uint32_t link; /* left child << COL_BITS | column of the row */
};

struct pd_trees_root {
	uint32_t at;	/* index of the root */
	uint32_t depth; /* splits on the longest path */
};

struct pd_trees {
	unsigned cols;
	unsigned count;
	bool logistic;
	float base; /* margin to start from */
	size_t nodes_len;
	struct pd_trees_node *nodes;
	struct pd_trees_root *roots;
	float *mean;	/* by node: expected value below it (trees_explain.h) */
	bool has_cover; /* means are weighted by what training saw */
};

/*
 * trees_fill_mean(t, r, end, cover):
 * The expected values of the nodes of the tree ${r}, which are the flat ones
 * from its root up to ${end}; ${cover}, by node, is the weight of the training
 * rows that reached it, or NULL.
 */
void trees_fill_mean(struct pd_trees *t, const struct pd_trees_root *r,
    size_t end, const float *cover);

#endif /* PD_MODEL_TREES_PRIV_H */
