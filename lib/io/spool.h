#ifndef PD_IO_SPOOL_H
#define PD_IO_SPOOL_H

/* Input that is read more than once: what is no file is copied to one. */

struct pd_err;

/*
 * pd_spool(fd, err):
 * A descriptor with what ${fd} (stays yours) gives from now on, from offset 0:
 * a file in $TMPDIR, or /tmp, that has no name any more. -1 with a message.
 */
int pd_spool(int fd, struct pd_err *err);

#endif /* PD_IO_SPOOL_H */
