#ifndef PD_BASE_NUM_H
#define PD_BASE_NUM_H

/*
 * Checked numbers from text, whole string or nothing. Sizes are powers of
 * 1024 (64k, 2M, 1G, 1T; a trailing B is accepted), durations carry a unit
 * (500us 30ms 5s 5m 2h 7d; no unit means seconds). All return 0, or -1 with a
 * message that quotes the text.
 */

#include <stddef.h>
#include <stdint.h>

struct pd_err;

int pd_parse_u64(const char *s, uint64_t *out, struct pd_err *err);
int pd_parse_i64(const char *s, int64_t *out, struct pd_err *err);
/* A finite double in C notation. */
int pd_parse_double(const char *s, double *out, struct pd_err *err);
/* Bytes. */
int pd_parse_size(const char *s, uint64_t *out, struct pd_err *err);
/* Microseconds. */
int pd_parse_duration(const char *s, uint64_t *out, struct pd_err *err);
/* A share in 0..1: "0.001", "0.1%" or "1/1024". */
int pd_parse_share(const char *s, double *out, struct pd_err *err);

/*
 * pd_parse_i64n(p, n, out):
 * A decimal integer of exactly ${n} bytes at ${p} as Redis accepts one: an
 * optional '-', no '+', no leading zeros, no spaces. 0, or -1 if it is none.
 */
int pd_parse_i64n(const char *p, size_t n, int64_t *out);

/* The byte that two hexadecimal digits, those first of ${n} bytes at ${p}, in
 * either case, stand for (0..255); -1 if they are none or too few. */
int pd_parse_hex2(const char *p, size_t n);

#endif /* PD_BASE_NUM_H */
