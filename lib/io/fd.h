#ifndef PD_IO_FD_H
#define PD_IO_FD_H

/*
 * Whole reads and writes on blocking file descriptors; EINTR is retried.
 */

#include <stddef.h>
#include <sys/types.h>

struct pd_buf;
struct pd_err;

/* Read until ${n} bytes or end of file. Bytes read, or -1 with errno. */
ssize_t pd_read_full(int fd, void *p, size_t n);
/* Read once (1..n bytes, 0 at end of file). -1 with errno. */
ssize_t pd_read_some(int fd, void *p, size_t n);
/* Write all ${n} bytes. 0, or -1 with errno. */
int pd_write_full(int fd, const void *p, size_t n);

/*
 * pd_read_file(path, max, out, err):
 * Append the whole file (or standard input for "-") to ${out}; more than
 * ${max} bytes is an error. 0 or -1.
 */
int pd_read_file(
    const char *path, size_t max, struct pd_buf *out, struct pd_err *err);

#endif /* PD_IO_FD_H */
