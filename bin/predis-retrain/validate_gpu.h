#ifndef PREDIS_RETRAIN_VALIDATE_GPU_H
#define PREDIS_RETRAIN_VALIDATE_GPU_H

/*
 * predis-retrain validate --gpu: does the card score as the CPU does?
 */

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct pd_buf;
struct pd_json;
struct pd_model;

struct validate_gpu {
	bool used;
	char device[128];
	size_t rows;	   /* scored by both */
	size_t differ;	   /* of those, scores of other bits */
	struct pd_err why; /* not used: the reason */
};

/*
 * validate_gpu(file, model, out):
 * Score the golden rows of the bundle in ${file} and 4,096 rows drawn around
 * them by the card and by the CPU. Without a card that works this is no
 * failure: out->used is false.
 */
void validate_gpu(const struct pd_buf *file, const struct pd_model *m,
    struct validate_gpu *out);

/* Append a line of text, or the member "gpu" of an open object. */
void validate_gpu_text(const struct validate_gpu *v, struct pd_buf *out);
void validate_gpu_json(const struct validate_gpu *v, struct pd_json *j);

#endif /* PREDIS_RETRAIN_VALIDATE_GPU_H */
