#ifndef PD_MODEL_MANIFEST_H
#define PD_MODEL_MANIFEST_H

/*
 * manifest.json of a bundle: written by bundle.c, read and checked by model.c.
 * Columns are written by feature name; a reader maps them to slots.
 */

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "base/buf.h"
#include "io/archive.h"

struct pd_bundle_parts;
struct pd_err;
struct pd_model;

#define PD_MANIFEST_FORMAT "predis-bundle"
#define PD_MANIFEST_VERSION 1

/* Append the manifest of ${parts} with the digests of ${n} other members. */
int pd_manifest_format(const struct pd_bundle_parts *parts,
    const struct pd_archive_member *members, size_t n, struct pd_buf *out,
    struct pd_err *err);

/*
 * pd_manifest_parse(p, n, m, err):
 * Read ${n} bytes of JSON into the fields of ${m} that it describes. Returns
 * the document for pd_manifest_check() (json_decref() it), or NULL.
 */
json_t *pd_manifest_parse(
    const void *p, size_t n, struct pd_model *m, struct pd_err *err);

/*
 * pd_manifest_check(top, w, err):
 * A member must have the length and SHA-256 that the manifest lists; it must
 * be there if and only if it is listed. 0 or -1.
 */
int pd_manifest_check(
    const json_t *top, const struct pd_archive_want *w, struct pd_err *err);

/* The SHA-256 of ${n} bytes as 64 hexadecimal digits and a NUL. */
void pd_manifest_digest(const void *p, size_t n, char hex[65]);

#endif /* PD_MODEL_MANIFEST_H */
