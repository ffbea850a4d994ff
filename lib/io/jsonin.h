#ifndef PD_IO_JSONIN_H
#define PD_IO_JSONIN_H

/*
 * Reading JSON from files that somebody else wrote: jansson behind limits. A
 * scan without allocation counts containers and values first, because a few
 * bytes of hostile text can ask jansson for a hundred times their memory.
 * Duplicate keys and trailing bytes are refused.
 */

#include <stddef.h>

#include <jansson.h>

struct pd_err;

struct pd_jsonin_limits {
	size_t bytes;	   /* of text */
	size_t containers; /* objects and arrays; about 200 bytes each */
	size_t values;	   /* members of them; about 60 bytes each */
};

/*
 * pd_jsonin_parse(p, n, limits, err):
 * Parse ${n} bytes. A new reference (json_decref() it), or NULL with a message
 * that gives line and column.
 */
json_t *pd_jsonin_parse(const void *p, size_t n,
    const struct pd_jsonin_limits *limits, struct pd_err *err);

/* The string member ${key} of an object; NULL if absent or no string. */
const char *pd_jsonin_str(const json_t *obj, const char *key);

/*
 * pd_jsonin_float(v, out):
 * The float32 nearest to a JSON number, the one that strtof() makes of its
 * text. jansson hands over a double, which is rounded once more: for text of
 * at most 15 digits, and for any number that is a float32, the result is
 * exact all the same. -1 if it is no number, out of range, or undecidable
 * (longer text that comes out exactly between two floats).
 */
int pd_jsonin_float(const json_t *v, float *out);

#endif /* PD_IO_JSONIN_H */
