#ifndef PD_IO_LINES_H
#define PD_IO_LINES_H

/*
 * Reading text by lines from a file or standard input, gzip or plain (zlib
 * tells which). Lines of any length up to PD_LINE_MAX; the newline and a
 * carriage return before it are removed, and so is a byte order mark in UTF-8
 * before the first line.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PD_LINE_MAX (1u << 20)
#define PD_LINES_LONG (-3)

struct pd_err;
struct pd_lines;

/* Open ${path}, or standard input for "-". NULL with a message. */
struct pd_lines *pd_lines_open(const char *path, struct pd_err *err);
/*
 * The next line, NUL-terminated, valid until the next call: its length, -1 at
 * the end, -2 with a message that names file and line.
 */
ssize_t pd_lines_next(struct pd_lines *l, char **line, struct pd_err *err);
/* From now on a line that is too long is passed over: pd_lines_next() returns
 * PD_LINES_LONG in its place, and it is no error. */
void pd_lines_pass_long(struct pd_lines *l);
/* The number of the line last returned, from 1. */
uint64_t pd_lines_number(const struct pd_lines *l);
/* Compressed bytes consumed so far, for progress. */
uint64_t pd_lines_offset(const struct pd_lines *l);
void pd_lines_close(struct pd_lines *l);

#endif /* PD_IO_LINES_H */
