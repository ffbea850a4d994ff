#ifndef PD_BASE_BUF_H
#define PD_BASE_BUF_H

/*
 * A byte buffer that grows. Invariant: len <= cap, and data is NULL only when
 * cap is 0. A failed append leaves the content as it was and sets `failed`,
 * which stays set until pd_buf_clear(): a row of appends needs one check at
 * the end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_buf {
	uint8_t *data;
	size_t len;
	size_t cap;
	bool failed; /* an append ran out of memory */
};

#define PD_BUF_INIT                                                            \
	{                                                                      \
		NULL, 0, 0, false                                              \
	}

/* Free the content; the buffer can be used again. */
void pd_buf_release(struct pd_buf *b);
/* Forget the content, keep the memory. */
void pd_buf_clear(struct pd_buf *b);
/* Make room for ${more} bytes after len. 0, or -1 out of memory. */
int pd_buf_reserve(struct pd_buf *b, size_t more);
/* Append ${n} bytes. 0, or -1 out of memory. */
int pd_buf_add(struct pd_buf *b, const void *p, size_t n);
/* Append a NUL-terminated string without its NUL. */
int pd_buf_addstr(struct pd_buf *b, const char *s);
int pd_buf_addc(struct pd_buf *b, char c);
/* Append formatted text. */
int pd_buf_printf(struct pd_buf *b, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Append little-endian integers. */
int pd_buf_add8(struct pd_buf *b, uint8_t v);
int pd_buf_add16(struct pd_buf *b, uint16_t v);
int pd_buf_add32(struct pd_buf *b, uint32_t v);
int pd_buf_add64(struct pd_buf *b, uint64_t v);
/* Append an LEB128 varint (1 to 10 bytes). */
int pd_buf_addvar(struct pd_buf *b, uint64_t v);
/* Drop the first ${n} bytes (n <= len). */
void pd_buf_consume(struct pd_buf *b, size_t n);
/* NUL-terminate (the NUL is not counted in len); NULL out of memory. */
char *pd_buf_cstr(struct pd_buf *b);

#endif /* PD_BASE_BUF_H */
