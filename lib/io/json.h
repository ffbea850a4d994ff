#ifndef PD_IO_JSON_H
#define PD_IO_JSON_H

/*
 * Writing JSON (RFC 8259) into a pd_buf, compact, members in call order.
 * Commas are placed by the writer. Numbers that are not finite become null.
 * Text is written as UTF-8; a byte that is not valid UTF-8 becomes U+FFFD.
 * Reading is jansson's work.
 *
 *	pd_json_open(&j, &buf, '{');
 *	pd_json_key(&j, "trace"); pd_json_str(&j, name);
 *	pd_json_key(&j, "misses"); pd_json_u64(&j, misses);
 *	pd_json_close(&j, '}');
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_buf;

struct pd_json {
	struct pd_buf *out;
	bool comma; /* the next value needs one before it */
};

/* Start writing a value into ${out}, which stays the caller's. */
void pd_json_init(struct pd_json *j, struct pd_buf *out);
void pd_json_open(struct pd_json *j, char bracket);  /* '{' or '[' */
void pd_json_close(struct pd_json *j, char bracket); /* '}' or ']' */
void pd_json_key(struct pd_json *j, const char *key);
void pd_json_str(struct pd_json *j, const char *s);
void pd_json_strn(struct pd_json *j, const char *s, size_t n);
void pd_json_u64(struct pd_json *j, uint64_t v);
void pd_json_i64(struct pd_json *j, int64_t v);
/* Shortest text that strtod() reads back as the same double. */
void pd_json_double(struct pd_json *j, double v);
/* ${v} with ${digits} digits after the point. */
void pd_json_fixed(struct pd_json *j, double v, int digits);
void pd_json_bool(struct pd_json *j, bool v);
void pd_json_null(struct pd_json *j);
/* ${n} bytes that are one JSON value already. */
void pd_json_raw(struct pd_json *j, const char *p, size_t n);

#endif /* PD_IO_JSON_H */
