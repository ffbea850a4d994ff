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

#define TREES_ROWS 8 /* rows scored at once by cuts */

/* A split as trees_cuts.c uses it. */
struct pd_trees_cut {
	float value;   /* threshold */
	uint32_t keep; /* leaves that remain where the row goes right */
	uint32_t at;   /* bytes from the first of the expanded columns */
};

struct pd_trees_cutter {
	uint32_t cuts; /* first cut, */
	uint32_t leaf; /* and first leaf of a tree */
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
	struct pd_trees_cut *cuts; /* NULL: there are none, trees are walked */
	uint32_t cuts_len;
	float *leaf; /* leaves' values, tree by tree, from left to right */
	uint32_t leaves;
	struct pd_trees_cutter *tree; /* by tree, and one behind the last */
	unsigned asked_len;
	uint8_t asked[NOT]; /* columns of the expanded row that cuts read */
};

/*
 * trees_fill_mean(t, r, end, cover):
 * The expected values of the nodes of the tree ${r}, which are the flat ones
 * from its root up to ${end}; ${cover}, by node, is the weight of the training
 * rows that reached it, or NULL.
 */
void trees_fill_mean(struct pd_trees *t, const struct pd_trees_root *r,
    size_t end, const float *cover);

/*
 * trees_cuts_make(t):
 * The cuts of all trees, where none has too many leaves and the machine has
 * vectors for them. 0, or -1 out of memory; trees_cuts_free() in any case.
 */
int trees_cuts_make(struct pd_trees *t);
void trees_cuts_free(struct pd_trees *t);
size_t trees_cuts_memory(const struct pd_trees *t);
/* Score TREES_ROWS rows; only where there are cuts. */
void trees_cuts_score(
    const struct pd_trees *t, const float *rows, size_t stride, float *out);

#endif /* PD_MODEL_TREES_PRIV_H */
