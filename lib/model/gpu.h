#ifndef PD_MODEL_GPU_H
#define PD_MODEL_GPU_H

/*
 * An ensemble on an NVIDIA card. Scores are the same bits as trees.h gives.
 * Built with CUDA=1 only, and even then nothing of NVIDIA's is linked: the
 * driver's libcuda.so.1 is opened when it is first asked for. Every failure
 * (no driver, no card, no memory, a lost card) frees what was taken and leaves
 * one reason; the caller then scores on the CPU. The interface is the CUDA
 * driver API, toolkit documentation 13.0.
 */

#include <stddef.h>

struct pd_err;
struct pd_gpu;
struct pd_trees;

/*
 * pd_gpu_open(t, err):
 * Take the first card (CUDA_VISIBLE_DEVICES picks it), load the kernel and
 * copy ${t} there, which is not needed afterwards. Costs the card's memory for
 * the ensemble, for 16,384 rows and their scores: under 5 MiB besides what
 * the driver takes for any program. NULL with a message.
 */
struct pd_gpu *pd_gpu_open(const struct pd_trees *t, struct pd_err *err);
/* Give everything back; NULL is fine. Pointers from pd_gpu_name() die. */
void pd_gpu_close(struct pd_gpu *g);

/* The card's name, as its driver gives it. */
const char *pd_gpu_name(const struct pd_gpu *g);

/*
 * pd_gpu_score(g, rows, n, out, err):
 * Margins of ${n} rows of pd_trees_cols() floats, one after the other; any
 * number of rows. Blocks until they are there. One thread at a time, any
 * thread. 0, or -1 with a message: ${out} is then worth nothing and ${g} is
 * only good for pd_gpu_close().
 */
int pd_gpu_score(struct pd_gpu *g, const float *rows, size_t n, float *out,
    struct pd_err *err);

#endif /* PD_MODEL_GPU_H */
