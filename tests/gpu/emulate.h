/*
 * Kernels of the small CUDA subset, compiled by the host's C++ compiler and run
 * thread after thread, the last block first. No barrier, no shared memory, no
 * atomics: a kernel that needs one does not compile here.
 */
#ifndef EMULATE_H
#define EMULATE_H

#include <cstddef>
#include <utility>

#define __global__

namespace emulate
{
struct dim {
	unsigned x, y, z;
};
} // namespace emulate
static emulate::dim blockIdx, blockDim, threadIdx;

namespace emulate
{
template <typename... A, std::size_t... I>
void
call(void (*kernel)(A...), void **params, std::index_sequence<I...>)
{
	kernel(*static_cast<A *>(params[I])...);
}

template <typename... A>
void
launch(void (*kernel)(A...), dim grid, dim block, void **params)
{
	blockDim = block;
	for (unsigned b = grid.x; b-- > 0;)
		for (unsigned t = block.x; t-- > 0;) {
			blockIdx = {b, 0, 0};
			threadIdx = {t, 0, 0};
			call(kernel, params, std::index_sequence_for<A...>());
		}
}
} // namespace emulate

#endif
