#ifndef PD_BASE_SHA1_H
#define PD_BASE_SHA1_H

/*
 * SHA-1 (RFC 3174), as a name for texts that everybody has: nothing here may
 * depend on its strength.
 */

#include <stddef.h>
#include <stdint.h>

#define PD_SHA1_BYTES 20

void pd_sha1(const void *p, size_t n, uint8_t out[PD_SHA1_BYTES]);

#endif /* PD_BASE_SHA1_H */
