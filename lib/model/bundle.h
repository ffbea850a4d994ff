#ifndef PD_MODEL_BUNDLE_H
#define PD_MODEL_BUNDLE_H

/*
 * Writing model bundles (.pdm, predis-bundle(5)): a reproducible tar.gz of
 * manifest.json, model.json, golden.bin, metrics.json and, if given, assoc.bin
 * and profile.pdp. What is written has been read back by the same code that a
 * server loads it with. A higher score of the model must mean: evict sooner.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_buf;
struct pd_err;

/* Limits on a bundle, for writers and readers alike. */
#define PD_BUNDLE_MAX_FILE (64U << 20)	 /* bytes of the .pdm */
#define PD_BUNDLE_MAX_TOTAL (128U << 20) /* bytes unpacked */
#define PD_BUNDLE_MAX_MEMBERS 16
#define PD_BUNDLE_MAX_MANIFEST (1U << 20)
#define PD_BUNDLE_MAX_METRICS (1U << 20)
#define PD_BUNDLE_MAX_ASSOC (64U << 20)
#define PD_BUNDLE_MAX_PROFILE (4U << 20)
#define PD_BUNDLE_MAX_GOLDEN 1000 /* rows */

/* What goes into a bundle; everything is borrowed. */
struct pd_bundle_parts {
	const char *name;     /* see pd_bundle_name_ok() */
	const char *label;    /* "discount", "beyond": what the score means */
	double boundary;      /* the label's boundary, in eviction ages; > 0 */
	uint64_t capacity;    /* objects of the cache that it was trained for */
	uint64_t schema_id;   /* 0: pd_feature_schema_id() */
	uint64_t trained_at;  /* time of the last event seen, us; 0 unknown */
	const uint8_t *slots; /* ${cols} feature slots, in column order */
	unsigned cols;	      /* 1..64, the model's num_feature */
	const char *training; /* JSON object: how it was trained; may be NULL */
	const char *metrics;  /* JSON object for metrics.json; may be NULL */
	const void *model;    /* XGBoost JSON */
	size_t model_len;
	const void *assoc; /* may be NULL */
	size_t assoc_len;
	const void *profile; /* may be NULL */
	size_t profile_len;
	const float *golden; /* ${golden_rows} x ${cols}, 1..1000 rows; 100 is
			      * usual. The scores are computed here. */
	size_t golden_rows;
};

/*
 * pd_bundle_write(path, parts, err):
 * Write the bundle as ${path}, all or nothing. The same parts give the same
 * bytes. -1 with a message when a part is not what a reader would accept.
 */
int pd_bundle_write(
    const char *path, const struct pd_bundle_parts *parts, struct pd_err *err);

/* The same, appended to ${out}. */
int pd_bundle_format(const struct pd_bundle_parts *parts, struct pd_buf *out,
    struct pd_err *err);

/* True for 1 to 63 of A-Z a-z 0-9 . _ - that do not start with . or - */
bool pd_bundle_name_ok(const char *s);

#endif /* PD_MODEL_BUNDLE_H */
