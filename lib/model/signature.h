#ifndef PD_MODEL_SIGNATURE_H
#define PD_MODEL_SIGNATURE_H

/*
 * Detached Ed25519 signatures in the format of minisign
 * (https://jedisct1.github.io/minisign/): "Ed" signs the file, "ED" its
 * BLAKE2b-512; a second signature covers the trusted comment.
 */

#include <stddef.h>

struct pd_err;

/*
 * pd_signature_check(path, p, n, key, err):
 * Check '${path}.minisig' over the ${n} bytes at ${p} (the content of
 * ${path}) against the public key file ${key}. 0, or -1 with a message: no
 * signature, one by another key, or one of other bytes.
 */
int pd_signature_check(const char *path, const void *p, size_t n,
    const char *key, struct pd_err *err);

/*
 * pd_signature_verify(sig, key, p, n, err):
 * The same with the texts of the signature and public key files.
 */
int pd_signature_verify(const char *sig, const char *key, const void *p,
    size_t n, struct pd_err *err);

#endif /* PD_MODEL_SIGNATURE_H */
