#include <math.h>
#include <stdlib.h>

#include "model/trees.h"
#include "model/trees_priv.h"

/* Trees walked side by side for one row, and rows for one tree in a batch:
 * enough independent chains of loads to hide their latency. Unrolled, because
 * gcc otherwise gathers the chains into vectors through memory: 290 ns a row
 * instead of 145, and 210 instead of 160 in batches (30 trees of depth 6). */
#define TREES_ABREAST 16U
#define ROWS_ABREAST 8U

void
pd_trees_free(struct pd_trees *t)
{
	if (t == NULL)
		return;
	free(t->nodes);
	free(t->roots);
	free(t->mean);
	trees_cuts_free(t);
	free(t);
}

unsigned
pd_trees_cols(const struct pd_trees *t)
{
	return t->cols;
}

unsigned
pd_trees_count(const struct pd_trees *t)
{
	return t->count;
}

size_t
pd_trees_memory(const struct pd_trees *t)
{
	return sizeof(*t) +
	       t->nodes_len * (sizeof(t->nodes[0]) + sizeof(t->mean[0])) +
	       t->count * sizeof(t->roots[0]) + trees_cuts_memory(t);
}

/* Copy a row twice, NaN as -Inf and as +Inf (trees_priv.h). The conditions
 * are false for NaN and compile to one instruction each. */
static inline void
expand(const float *row, unsigned cols, float *x)
{
	size_t j;

	for (j = 0; j < cols; j++) {
		x[LO + j] = row[j] > -INFINITY ? row[j] : -INFINITY;
		x[HI + j] = row[j] < INFINITY ? row[j] : INFINITY;
	}
	x[NOT] = NAN;
}

static inline uint32_t
step(const struct pd_trees_node *nodes, uint32_t i, const float *x)
{
	const struct pd_trees_node n = nodes[i];

	return (n.link >> COL_BITS) + !(x[n.link & COL_MASK] < n.value);
}

/*
 * Add ${n} <= ${abreast} trees from ${r} on to ${sum}, in their order.
 * ${abreast} is a constant, at most TREES_ABREAST.
 */
static inline float
add_trees(const struct pd_trees *t, const struct pd_trees_root *r, unsigned n,
    unsigned abreast, const float *x, float sum)
{
	const struct pd_trees_node *nodes = t->nodes;
	uint32_t at[TREES_ABREAST];
	uint32_t depth = 0, d;
	unsigned k;

	for (k = 0; k < abreast; k++)
		/* A short group walks its last tree again. */
		at[k] = r[k < n ? k : n - 1].at;
	for (k = 0; k < n; k++)
		depth = r[k].depth > depth ? r[k].depth : depth;
	for (d = 0; d < depth; d++) {
#pragma GCC unroll 16
		for (k = 0; k < abreast; k++)
			at[k] = step(nodes, at[k], x);
	}
	for (k = 0; k < n; k++)
		sum += nodes[at[k]].value;
	return sum;
}

static float
score_expanded(const struct pd_trees *t, const float *x)
{
	const struct pd_trees_root *r = t->roots;
	unsigned left = t->count;
	float sum = t->base;

	for (; left >= TREES_ABREAST; left -= TREES_ABREAST) {
		sum = add_trees(t, r, TREES_ABREAST, TREES_ABREAST, x, sum);
		r += TREES_ABREAST;
	}
	if (left > TREES_ABREAST / 2)
		return add_trees(t, r, left, TREES_ABREAST, x, sum);
	if (left > 0)
		return add_trees(t, r, left, TREES_ABREAST / 2, x, sum);
	return sum;
}

float
pd_trees_score(const struct pd_trees *t, const float *row)
{
	float x[ROWLEN];

	expand(row, t->cols, x);
	return score_expanded(t, x);
}

/* Score ROWS_ABREAST rows: every tree is walked for all of them at once. */
static void
score_rows(
    const struct pd_trees *t, const float *rows, size_t stride, float *out)
{
	const struct pd_trees_node *nodes = t->nodes;
	float x[ROWS_ABREAST][ROWLEN], sum[ROWS_ABREAST];
	uint32_t at[ROWS_ABREAST], d;
	unsigned i, k;

	for (k = 0; k < ROWS_ABREAST; k++) {
		expand(rows + k * stride, t->cols, x[k]);
		sum[k] = t->base;
	}
	for (i = 0; i < t->count; i++) {
		for (k = 0; k < ROWS_ABREAST; k++)
			at[k] = t->roots[i].at;
		for (d = 0; d < t->roots[i].depth; d++) {
#pragma GCC unroll 16
			for (k = 0; k < ROWS_ABREAST; k++)
				at[k] = step(nodes, at[k], x[k]);
		}
		for (k = 0; k < ROWS_ABREAST; k++)
			sum[k] += nodes[at[k]].value;
	}
	for (k = 0; k < ROWS_ABREAST; k++)
		out[k] = sum[k];
}

void
pd_trees_score_batch(const struct pd_trees *t, const float *rows, size_t stride,
    size_t n, float *out)
{
	size_t i;

	for (i = 0; t->cuts != NULL && i + TREES_ROWS <= n; i += TREES_ROWS)
		trees_cuts_score(t, rows + i * stride, stride, out + i);
	for (; i + ROWS_ABREAST <= n; i += ROWS_ABREAST)
		score_rows(t, rows + i * stride, stride, out + i);
	for (; i < n; i++)
		out[i] = pd_trees_score(t, rows + i * stride);
}
