#ifndef PD_IO_ATOMICFILE_H
#define PD_IO_ATOMICFILE_H

/*
 * A file that appears whole or not at all: written beside its place under a
 * temporary name, fsynced, renamed, and the folder fsynced. A crash leaves at
 * most a file named '.NAME.tmp.XXXXXX', which nothing reads, and which the next
 * file of that NAME removes, as no writer holds a lock on it any more. Where
 * flock(2) does not work, it stays.
 *
 * Symbolic links stay: the file at their end is replaced. What is no regular
 * file, a pipe or a device, is opened and written as it is.
 */

#include <stddef.h>

struct pd_err;

struct pd_atomicfile {
	int fd;	    /* write here; -1 when not open */
	char *path; /* final name, symbolic links followed */
	char *tmp;  /* temporary name in its folder; NULL for a device */
};

#define PD_ATOMICFILE_INIT                                                     \
	{                                                                      \
		-1, NULL, NULL                                                 \
	}

/* Open a temporary beside ${path}; ${mode} as for open(2) (umask applies). The
 * open of a pipe waits for its reader. */
int pd_atomicfile_open(struct pd_atomicfile *f, const char *path, unsigned mode,
    struct pd_err *err);
/* Fsync, rename into place, fsync the folder, close. On failure the old file
 * stands and the temporary is removed. */
int pd_atomicfile_commit(struct pd_atomicfile *f, struct pd_err *err);
/* Close and remove the temporary; does nothing when not open. */
void pd_atomicfile_abort(struct pd_atomicfile *f);

/* Can ${path} be written, as far as can be told before? A pipe or a device is
 * not tried: to open one may wait. Removes leftovers. 0, or -1 with a
 * message. */
int pd_atomicfile_check(const char *path, struct pd_err *err);

/* Write ${n} bytes as the file ${path}, all or nothing. */
int pd_atomicfile_write(const char *path, const void *p, size_t n,
    unsigned mode, struct pd_err *err);

#endif /* PD_IO_ATOMICFILE_H */
