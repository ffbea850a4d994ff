#ifndef PD_MODEL_MODEL_H
#define PD_MODEL_MODEL_H

/*
 * A loaded model bundle (.pdm, predis-bundle(5)): checked whole, then only
 * read. Loading: digest, parse under limits, golden rows bit for bit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_trees;

struct pd_model {
	struct pd_trees *trees;
	unsigned cols;	   /* columns of a row */
	uint8_t slots[64]; /* column -> feature slot (data/feature.h) */
	char name[64];
	char digest[65];     /* SHA-256 of the bundle file, hex */
	char label[32];	     /* what the score means: "beyond", "log_gap" */
	double boundary;     /* the label's boundary, in eviction ages */
	uint64_t capacity;   /* objects of the cache that it was trained for */
	uint64_t schema_id;  /* pd_feature_schema_id() it was trained with */
	uint64_t trained_at; /* last event's time, us; 0 unknown */
	char *manifest;	     /* manifest.json, NUL-terminated */
};

/*
 * pd_model_load(path, err):
 * Read and check a bundle. A higher score always means: evict sooner.
 * The model is immutable and may be read by several threads. NULL with a
 * message; nothing of a bad file is kept.
 */
struct pd_model *pd_model_load(const char *path, struct pd_err *err);
void pd_model_free(struct pd_model *m);

#endif /* PD_MODEL_MODEL_H */
