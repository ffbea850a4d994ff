#ifndef PD_IO_ARCHIVE_H
#define PD_IO_ARCHIVE_H

/*
 * Small tar.gz archives in memory, by libarchive. Packing is reproducible: the
 * same members give the same bytes (sorted names, no times, user and group 0,
 * mode 0644). Unpacking reads only the members that the caller names, each
 * under its own limit, and refuses everything that is not a regular file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct pd_err;

/* A file to pack; the bytes are borrowed. */
struct pd_archive_member {
	const char *name; /* 1 to 99 bytes, no '/' */
	const void *data;
	size_t len;
};

/* A file to look for when unpacking. */
struct pd_archive_want {
	const char *name;
	size_t max;	    /* bytes; more is an error */
	struct pd_buf data; /* out: the caller's to release */
	bool found;	    /* out */
};

/*
 * pd_archive_pack(members, n, out, err):
 * Append a gzip-compressed ustar archive of ${n} members to ${out}. Names must
 * differ. 0 or -1.
 */
int pd_archive_pack(const struct pd_archive_member *members, size_t n,
    struct pd_buf *out, struct pd_err *err);

/*
 * pd_archive_unpack(p, len, max_members, max_total, wants, n, err):
 * Read the archive of ${len} bytes at ${p}. Wanted members are copied, others
 * are skipped; all count towards ${max_members} and ${max_total} (bytes
 * unpacked). A name twice, a folder, a link or a device is an error, and so
 * is a cut or damaged archive. 0 or -1; ${wants} is to be released either way.
 */
int pd_archive_unpack(const void *p, size_t len, unsigned max_members,
    uint64_t max_total, struct pd_archive_want *wants, size_t n,
    struct pd_err *err);

/* Release what pd_archive_unpack() filled. */
void pd_archive_release(struct pd_archive_want *wants, size_t n);

#endif /* PD_IO_ARCHIVE_H */
