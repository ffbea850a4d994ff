#ifndef PD_MODEL_MODEL_H
#define PD_MODEL_MODEL_H

/*
 * A loaded model bundle (.pdm, predis-bundle(5)): checked whole, then only
 * read, so that several threads may use it. Whatever the label, a higher score
 * always means: evict sooner.
 */

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct pd_buf;
struct pd_err;
struct pd_trees;

struct pd_model {
	struct pd_trees *trees;
	unsigned cols;	   /* columns of a row */
	uint8_t slots[64]; /* column -> feature slot (data/feature.h) */
	char name[64];
	char digest[65];     /* SHA-256 of the bundle file, hex */
	char label[32];	     /* what the score means: "discount", "beyond" */
	double boundary;     /* the label's boundary, in eviction ages */
	uint64_t capacity;   /* objects of the cache that it was trained for */
	uint64_t schema_id;  /* pd_feature_schema_id() it was trained with */
	uint64_t trained_at; /* last event's time, us; 0 unknown */
	size_t golden_rows;  /* rows that scored their expected bits */
	char *manifest;	     /* manifest.json, NUL-terminated */
	char *metrics;	     /* metrics.json, NUL-terminated */
	uint8_t *assoc;	     /* assoc.bin; NULL without */
	size_t assoc_len;
	uint8_t *profile; /* profile.pdp; NULL without */
	size_t profile_len;
	atomic_uint refs; /* owners besides the first */
};

/*
 * pd_model_load(path, err):
 * Read and check a bundle: size, digest, archive under limits, manifest
 * (format, feature schema, served slots, digests of the members), trees,
 * golden rows bit for bit. NULL with a message that names the file and the
 * member; nothing of a bad file is kept.
 */
struct pd_model *pd_model_load(const char *path, struct pd_err *err);

/*
 * pd_model_load_trusted(path, key, err):
 * The same after checking the detached signature '${path}.minisig' over the
 * bytes that are then loaded, against the minisign public key file ${key}.
 */
struct pd_model *pd_model_load_trusted(
    const char *path, const char *key, struct pd_err *err);

/* The same as pd_model_load(); the member model.json, XGBoost's own JSON, is
 * appended to ${json}. */
struct pd_model *pd_model_load_source(
    const char *path, struct pd_buf *json, struct pd_err *err);

/* The bundle of ${n} bytes at ${p}, which are not needed afterwards. */
struct pd_model *pd_model_parse(const void *p, size_t n, struct pd_err *err);

/* The first 4 bytes of the digest as a number, to tell models apart; 0 where
 * there is no digest. */
uint32_t pd_model_mark(const struct pd_model *m);

/* One more owner of ${m}, who gives it up by pd_model_free(): what was loaded
 * once is freed with the last of its owners, in whatever thread. Returns
 * ${m}. */
struct pd_model *pd_model_ref(const struct pd_model *m);

/* Give up a model; its last owner frees it. NULL is fine. */
void pd_model_free(struct pd_model *m);

/* Bytes held, the structure itself included. */
size_t pd_model_memory(const struct pd_model *m);

#endif /* PD_MODEL_MODEL_H */
