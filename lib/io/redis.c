/*
 * hiredis gives the parser of answers; the socket, TLS and deadlines are ours,
 * since Debian's hiredis has no TLS and its timeouts count each read anew.
 */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "io/conn.h"
#include "io/redis.h"
#include "io/sock.h"
#include "io/tls.h"

#define TIMEOUT_MS 5000
/* What an answer may hold. */
#define ELEMENTS_MAX (1 << 20)
#define ANSWER_MAX ((size_t)256 << 20)

struct pd_redis {
	struct pd_conn conn;
	redisReader *reader;
	redisReplyObjectFunctions fn; /* with our limit */
	void *(*make_array)(const redisReadTask *, int);
	struct pd_buf out;
	size_t sent; /* of out */
	size_t outstanding;
	int timeout_ms;
	bool broken;
	char name[PD_ADDR_MAX + 20];
};

/* hiredis would take memory for as many elements as an answer promises. */
static void *
make_array(const redisReadTask *task, int elements)
{
	const struct pd_redis *c = task->privdata;

	return elements > ELEMENTS_MAX ? NULL : c->make_array(task, elements);
}

static int
make_reader(struct pd_redis *c)
{
	if ((c->reader = redisReaderCreate()) == NULL)
		return -1;
	c->fn = *c->reader->fn;
	c->make_array = c->fn.createArray;
	c->fn.createArray = make_array;
	c->reader->fn = &c->fn;
	c->reader->privdata = c;
	return 0;
}

static int
authenticate(
    struct pd_redis *c, const struct pd_redis_opts *o, struct pd_err *err)
{
	const char *argv[3] = {"AUTH", o->user, o->password};
	redisReply *r;
	int rc = 0;

	if (o->password == NULL)
		return 0;
	if (o->user == NULL)
		argv[1] = o->password;
	r = pd_redis_call(c, o->user != NULL ? 3 : 2, argv, NULL, err);
	if (r == NULL)
		return -1;
	if (r->type == REDIS_REPLY_ERROR)
		rc = pd_err_set(err, "'%s' refused AUTH: %s", c->name, r->str);
	freeReplyObject(r);
	return rc;
}

static int
connect_to(struct pd_redis *c, const struct pd_addr *a,
    const struct pd_redis_opts *o, struct pd_err *err)
{
	const int fd = pd_sock_connect(a, c->timeout_ms, err);

	if (fd < 0)
		return -1;
	(void)pd_sock_nonblock(fd, true);
	if (pd_conn_open(&c->conn, fd, o->tls))
		return pd_err_nomem(err);
#if PD_TLS
	if (o->tls != NULL && !a->is_unix &&
	    pd_tls_expect(c->conn.tls, a->host))
		return pd_err_nomem(err);
#endif
	return 0;
}

struct pd_redis *
pd_redis_open(
    const struct pd_addr *a, const struct pd_redis_opts *o, struct pd_err *err)
{
	struct pd_redis *c = calloc(1, sizeof(*c));

	if (c == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	c->conn.fd = -1;
	c->timeout_ms = o->timeout_ms > 0 ? o->timeout_ms : TIMEOUT_MS;
	snprintf(c->name, sizeof(c->name), "%s%s%s", a->host,
	    a->is_unix ? "" : ":", a->is_unix ? "" : a->port);
	if (make_reader(c))
		pd_err_nomem(err);
	else if (connect_to(c, a, o, err) == 0 && authenticate(c, o, err) == 0)
		return c;
	pd_redis_close(c);
	return NULL;
}

void
pd_redis_close(struct pd_redis *c)
{
	if (c == NULL)
		return;
	pd_conn_close(&c->conn);
	if (c->reader != NULL)
		redisReaderFree(c->reader);
	pd_buf_release(&c->out);
	free(c);
}

int
pd_redis_add(struct pd_redis *c, int argc, const char *const *argv,
    const size_t *len, struct pd_err *err)
{
	const size_t before = c->out.len;

	pd_buf_printf(&c->out, "*%d\r\n", argc);
	for (int i = 0; i < argc; i++) {
		const size_t n = len != NULL ? len[i] : strlen(argv[i]);

		pd_buf_printf(&c->out, "$%zu\r\n", n);
		pd_buf_add(&c->out, argv[i], n);
		pd_buf_addstr(&c->out, "\r\n");
	}
	if (c->out.failed) {
		c->out.len = before;
		c->out.failed = false;
		return pd_err_nomem(err);
	}
	c->outstanding++;
	return 0;
}

static int
broken(struct pd_redis *c, const char *why, struct pd_err *err)
{
	c->broken = true;
#if PD_TLS
	if (c->conn.tls != NULL && pd_tls_distrust(c->conn.tls) != NULL)
		why = pd_tls_distrust(c->conn.tls);
#endif
	return pd_err_set(err, "lost '%s': %s", c->name, why);
}

/* Send as far as it goes. */
static int
push(struct pd_redis *c, struct pd_err *err)
{
	struct iovec v;
	ssize_t n;

	while (c->sent < c->out.len) {
		v.iov_base = c->out.data + c->sent;
		v.iov_len = c->out.len - c->sent;
		n = pd_conn_writev(&c->conn, &v, 1);
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0)
			return broken(c, strerror(errno), err);
		c->sent += (size_t)n;
	}
	pd_buf_clear(&c->out);
	c->sent = 0;
	return 0;
}

/* Read what has come. */
static int
pull(struct pd_redis *c, struct pd_err *err)
{
	char chunk[1 << 16];
	ssize_t n;

	n = pd_conn_read(&c->conn, chunk, sizeof(chunk));
	if (n < 0 && errno == EAGAIN)
		return 0;
	if (n < 0)
		return broken(c, strerror(errno), err);
	if (n == 0)
		return broken(c, "it closed the connection", err);
	if (c->reader->len - c->reader->pos > ANSWER_MAX)
		return broken(c, "its answer is too long", err);
	if (redisReaderFeed(c->reader, chunk, (size_t)n) != REDIS_OK)
		return broken(c, c->reader->errstr, err);
	return 0;
}

/* Wait until something can be read or sent. 0, or -1 at the deadline. */
static int
wait_for(struct pd_redis *c, uint64_t deadline_us, struct pd_err *err)
{
	const uint64_t now = pd_clock_mono_us();
	struct pollfd p = {.fd = c->conn.fd, .events = POLLIN};
	int r;

	if (pd_conn_pending(&c->conn))
		return 0;
	if (now >= deadline_us)
		return broken(c, "no answer in time", err);
	if (c->sent < c->out.len || pd_conn_wants_write(&c->conn))
		p.events |= POLLOUT;
	r = poll(&p, 1, (int)((deadline_us - now + 999) / 1000));
	if (r < 0 && errno != EINTR)
		return broken(c, strerror(errno), err);
	return 0;
}

struct redisReply *
pd_redis_next(struct pd_redis *c, struct pd_err *err)
{
	const uint64_t end =
	    pd_clock_mono_us() + (uint64_t)c->timeout_ms * 1000;
	void *reply = NULL;

	if (c->broken || c->outstanding == 0) {
		pd_err_set(err, "'%s' is not connected", c->name);
		return NULL;
	}
	for (;;) {
		if (push(c, err))
			return NULL;
		if (redisReaderGetReply(c->reader, &reply) != REDIS_OK) {
			broken(c, c->reader->errstr, err);
			return NULL;
		}
		if (reply != NULL) {
			c->outstanding--;
			return reply;
		}
		if (wait_for(c, end, err) || pull(c, err))
			return NULL;
	}
}

struct redisReply *
pd_redis_call(struct pd_redis *c, int argc, const char *const *argv,
    const size_t *len, struct pd_err *err)
{
	if (pd_redis_add(c, argc, argv, len, err))
		return NULL;
	return pd_redis_next(c, err);
}

int
pd_redis_send(struct pd_redis *c, struct pd_err *err)
{
	const uint64_t end =
	    pd_clock_mono_us() + (uint64_t)c->timeout_ms * 1000;

	for (;;) {
		if (push(c, err))
			return -1;
		if (c->sent == c->out.len)
			return 0;
		if (wait_for(c, end, err) || pull(c, err))
			return -1;
	}
}

ssize_t
pd_redis_read(struct pd_redis *c, void *p, size_t n)
{
	const size_t kept = c->reader->len - c->reader->pos;

	if (kept == 0)
		return pd_conn_read(&c->conn, p, n);
	if (n > kept)
		n = kept;
	memcpy(p, c->reader->buf + c->reader->pos, n);
	c->reader->pos += n;
	return (ssize_t)n;
}

size_t
pd_redis_outstanding(const struct pd_redis *c)
{
	return c->outstanding;
}

bool
pd_redis_broken(const struct pd_redis *c)
{
	return c->broken;
}

const char *
pd_redis_name(const struct pd_redis *c)
{
	return c->name;
}

int
pd_redis_fd(const struct pd_redis *c)
{
	return c->conn.fd;
}
