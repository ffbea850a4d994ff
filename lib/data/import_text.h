#ifndef PD_DATA_IMPORT_TEXT_H
#define PD_DATA_IMPORT_TEXT_H

/*
 * What importers of text have in common: a file read by lines, of which those
 * that cannot be understood are counted and the first few remembered; with
 * strict the first one is an error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/evreader.h"

struct pd_err;
struct pd_lines;

struct pd_import_text {
	struct pd_lines *lines;
	char *name;
	enum pd_timeunit unit;
	bool strict;
	uint64_t records; /* handed out */
	uint64_t ignored; /* that stand for no access */
	struct pd_rejects rejects;
};

/* A part of a line. */
struct pd_text_field {
	const char *p;
	size_t n;
};

/* 0, or -1 with a message; release in both cases. */
int pd_import_text_open(struct pd_import_text *t, const char *path,
    const struct pd_evreader_opts *o, struct pd_err *err);
void pd_import_text_release(struct pd_import_text *t);
/* For struct pd_import; ${src} must begin with its struct pd_import_text. */
uint64_t pd_import_text_offset(const void *src);
uint64_t pd_import_text_ignored(const void *src);
const struct pd_rejects *pd_import_text_rejects(const void *src);
/* The next line that is not empty: 1, 0 at the end, -1 with a message. */
int pd_import_text_line(
    struct pd_import_text *t, char **line, size_t *n, struct pd_err *err);
/* The line last read says nothing: ${why}, and of what (${n} may be 0). 0: go
 * on; -1 with a message. */
int pd_import_text_reject(struct pd_import_text *t, const char *why,
    struct pd_text_field what, struct pd_err *err);

/* Split at commas into at most ${max} fields; a field in double quotes may
 * hold commas and "" for a quote, and is unquoted in place. Their number, or -1:
 * the line ends within quotes. */
int pd_import_text_split(
    char *line, size_t n, struct pd_text_field *f, int max);
/* Does ${f} hold ${word}? */
bool pd_text_field_is(struct pd_text_field f, const char *word);
/* A decimal number, the whole field. 0 or -1. */
int pd_text_field_u64(struct pd_text_field f, uint64_t *out);
/* The same; larger ones are the largest. */
int pd_text_field_u32(struct pd_text_field f, uint32_t *out);
/* A number with or without decimals, in units of ${scale} us (1000000: it
 * counts seconds), as microseconds. */
int pd_text_field_time(struct pd_text_field f, uint64_t scale, uint64_t *us);
/* Microseconds in a unit of time; 1 for PD_TIME_SEQ. */
uint64_t pd_timeunit_us(enum pd_timeunit unit);

/* The op of a word as caches, HTTP and traces use them (any case); PD_OP_OTHER
 * for what asks a cache for nothing (POST, OPTIONS ...); -1 unknown. */
int pd_text_field_op(struct pd_text_field f);

#endif /* PD_DATA_IMPORT_TEXT_H */
