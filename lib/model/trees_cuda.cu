/*
 * Scores a batch of rows, one thread a row, to the same bits as trees.c: trees
 * are added in their order in float32 from the base margin, nothing is fused
 * (--fmad=false) or flushed to zero, and each comparison means what it means
 * there. No barrier, no atomic, no shared memory, nothing of the CUDA runtime.
 *
 * A row is not expanded as in trees.c, which would take local memory. A column
 * below HI has its NaN go left, so right is x >= value; from HI on NaN goes
 * right, so right is !(x < value). Thresholds are finite.
 */
#include "model/trees_priv.h"

extern "C" __global__ void
pd_trees_cuda_score(const struct pd_trees_node *nodes,
    const struct pd_trees_root *roots, uint32_t count, float base,
    const float *rows, uint32_t cols, uint32_t n, float *out)
{
	const uint32_t i = blockIdx.x * blockDim.x + threadIdx.x;
	const float *row = rows + (size_t)i * cols;
	float sum = base;
	uint32_t t, at, d, column;

	if (i >= n)
		return;
	for (t = 0; t < count; t++) {
		at = roots[t].at;
		/* As deep as the tree at most, whatever the nodes hold. */
		for (d = roots[t].depth; d > 0; d--) {
			column = nodes[at].link & COL_MASK;
			if (column == NOT)
				break;
			at = (nodes[at].link >> COL_BITS) +
			     (column < HI ? row[column] >= nodes[at].value
					  : !(row[column - HI] <
						nodes[at].value));
		}
		sum += nodes[at].value;
	}
	out[i] = sum;
}
