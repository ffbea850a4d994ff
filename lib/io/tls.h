#ifndef PD_IO_TLS_H
#define PD_IO_TLS_H

/*
 * TLS for non-blocking sockets, accepted or connected (OpenSSL, 1.2 and up).
 * Only built with TLS=1. The OpenSSL error queue is emptied by each call.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct pd_err;
struct pd_tls;	   /* one connection */
struct pd_tls_ctx; /* certificates of a server, or what a client trusts */

/*
 * pd_tls_ctx_new(cert, key, ca, err):
 * PEM files: the server's chain, its key, and with ${ca} not NULL the
 * authorities that clients must have a certificate from. NULL with a message.
 */
struct pd_tls_ctx *pd_tls_ctx_new(
    const char *cert, const char *key, const char *ca, struct pd_err *err);
/*
 * pd_tls_ctx_client(ca, cert, key, err):
 * For the client's side: the server must have a certificate from one of ${ca}
 * (NULL: the system's authorities); ${cert} and ${key}, where not NULL, are
 * shown to it. NULL with a message.
 */
struct pd_tls_ctx *pd_tls_ctx_client(
    const char *ca, const char *cert, const char *key, struct pd_err *err);
void pd_tls_ctx_free(struct pd_tls_ctx *ctx);

/* The side of a connection on ${fd} that ${ctx} is for; fd stays the caller's.
 * NULL out of memory. The handshake happens in the first reads or writes. */
struct pd_tls *pd_tls_new(struct pd_tls_ctx *ctx, int fd);
/* The certificate must be for ${host}, a name or an IP address: before the
 * handshake of a client. 0 or -1. */
int pd_tls_expect(struct pd_tls *t, const char *host);
/* Why the peer's certificate was refused (static text); NULL: it was not. */
const char *pd_tls_distrust(const struct pd_tls *t);
/* Say goodbye if that does not block, and free. */
void pd_tls_free(struct pd_tls *t);

/* As read(2) and write(2): -1 with EAGAIN when it would block, EPROTO when
 * the peer breaks the protocol. */
ssize_t pd_tls_read(struct pd_tls *t, void *p, size_t n);
ssize_t pd_tls_write(struct pd_tls *t, const void *p, size_t n);
/* The last EAGAIN waits for the socket to become writable. */
bool pd_tls_wants_write(const struct pd_tls *t);
/* Decrypted bytes wait that epoll does not know of. */
bool pd_tls_pending(const struct pd_tls *t);

#endif /* PD_IO_TLS_H */
