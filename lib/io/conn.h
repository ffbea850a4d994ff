#ifndef PD_IO_CONN_H
#define PD_IO_CONN_H

/*
 * An accepted, non-blocking connection, plain or TLS, behind the same calls.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct iovec;
struct pd_tls;
struct pd_tls_ctx;

struct pd_conn {
	int fd;		    /* -1: closed */
	struct pd_tls *tls; /* NULL: plain */
};

/* Take ${fd} over; with ${ctx} not NULL as TLS. 0, or -1 (fd is closed). */
int pd_conn_open(struct pd_conn *c, int fd, struct pd_tls_ctx *ctx);
void pd_conn_close(struct pd_conn *c);
/* As read(2) and writev(2), EINTR retried; -1 with EAGAIN would block. */
ssize_t pd_conn_read(struct pd_conn *c, void *p, size_t n);
ssize_t pd_conn_writev(struct pd_conn *c, const struct iovec *iov, int n);
/* Bytes are there that polling does not tell of. */
bool pd_conn_pending(const struct pd_conn *c);
/* Progress needs the socket to become writable, whatever is queued. */
bool pd_conn_wants_write(const struct pd_conn *c);

#endif /* PD_IO_CONN_H */
