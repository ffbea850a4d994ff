#ifndef PD_DATA_DETECT_H
#define PD_DATA_DETECT_H

/*
 * Which trace format a file has, by its first bytes, gzip or not.
 */

#include <stddef.h>
#include <stdint.h>

#define PD_DETECT_BYTES 4096 /* more say no more */

/* The name of the format that the first ${n} bytes ${p} of a file show when
 * that is sure ("csv" for no bytes at all), else NULL. */
const char *pd_detect(const uint8_t *p, size_t n);

#endif /* PD_DATA_DETECT_H */
