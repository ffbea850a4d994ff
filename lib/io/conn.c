#include <errno.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "io/conn.h"
#include "io/tls.h"

int
pd_conn_open(struct pd_conn *c, int fd, struct pd_tls_ctx *ctx)
{
	c->fd = fd;
	c->tls = NULL;
	if (ctx == NULL)
		return 0;
#if PD_TLS
	if ((c->tls = pd_tls_new(ctx, fd)) != NULL)
		return 0;
#endif
	pd_conn_close(c);
	return -1;
}

void
pd_conn_close(struct pd_conn *c)
{
#if PD_TLS
	pd_tls_free(c->tls);
	c->tls = NULL;
#endif
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

ssize_t
pd_conn_read(struct pd_conn *c, void *p, size_t n)
{
	ssize_t r;

#if PD_TLS
	if (c->tls != NULL)
		return pd_tls_read(c->tls, p, n);
#endif
	do
		r = read(c->fd, p, n);
	while (r < 0 && errno == EINTR);
	return r;
}

#if PD_TLS
static ssize_t
tls_writev(struct pd_conn *c, const struct iovec *iov, int n)
{
	ssize_t r, total = 0;
	int i;

	for (i = 0; i < n; i++) {
		r = pd_tls_write(c->tls, iov[i].iov_base, iov[i].iov_len);
		if (r <= 0)
			return total > 0 ? total : r == 0 ? -1 : r;
		total += r;
		if ((size_t)r < iov[i].iov_len)
			break;
	}
	return total;
}
#endif

ssize_t
pd_conn_writev(struct pd_conn *c, const struct iovec *iov, int n)
{
	const struct msghdr m = {
	    .msg_iov = (struct iovec *)(uintptr_t)iov, .msg_iovlen = (size_t)n};
	ssize_t r;

#if PD_TLS
	if (c->tls != NULL)
		return tls_writev(c, iov, n);
#endif
	do
		r = n == 1 ? send(c->fd, iov[0].iov_base, iov[0].iov_len,
				 MSG_NOSIGNAL)
			   : sendmsg(c->fd, &m, MSG_NOSIGNAL);
	while (r < 0 && errno == EINTR);
	return r;
}

bool
pd_conn_pending(const struct pd_conn *c)
{
#if PD_TLS
	return c->tls != NULL && pd_tls_pending(c->tls);
#else
	(void)c;
	return false;
#endif
}

bool
pd_conn_wants_write(const struct pd_conn *c)
{
#if PD_TLS
	return c->tls != NULL && pd_tls_wants_write(c->tls);
#else
	(void)c;
	return false;
#endif
}
