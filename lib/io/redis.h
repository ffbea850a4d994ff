#ifndef PD_IO_REDIS_H
#define PD_IO_REDIS_H

/*
 * One client connection to a Redis, Valkey or anything that speaks RESP2:
 * commands are queued and sent together, answers are waited for with a
 * deadline, over TCP, a Unix socket or TLS. Answers are hiredis's struct
 * redisReply, to be freed with freeReplyObject(); lengths in them are held
 * against limits before memory is taken. Not for several threads.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pd_addr;
struct pd_err;
struct pd_redis;
struct pd_tls_ctx;
struct redisReply;

struct pd_redis_opts {
	const char *user;	/* ACL user; NULL: the default one */
	const char *password;	/* NULL: no AUTH */
	struct pd_tls_ctx *tls; /* a client's; NULL: plain */
	int timeout_ms;		/* to connect, and for each answer; 0: 5000 */
};

/* Connect and authenticate. NULL with a message. */
struct pd_redis *pd_redis_open(
    const struct pd_addr *a, const struct pd_redis_opts *o, struct pd_err *err);
/* NULL is fine. */
void pd_redis_close(struct pd_redis *c);

/* Queue a command of ${argc} strings (copied). 0, or -1 out of memory. */
int pd_redis_add(struct pd_redis *c, int argc, const char *const *argv,
    const size_t *len, struct pd_err *err);
/* Send what is queued and wait for the answer to the oldest command without
 * one. NULL with a message: the connection is of no more use. An error that
 * the server sent is an answer of type REDIS_REPLY_ERROR. */
struct redisReply *pd_redis_next(struct pd_redis *c, struct pd_err *err);
/* Both, when nothing is outstanding. */
struct redisReply *pd_redis_call(struct pd_redis *c, int argc,
    const char *const *argv, const size_t *len, struct pd_err *err);

/* Send what is queued without waiting for answers: 0 or -1. */
int pd_redis_send(struct pd_redis *c, struct pd_err *err);
/* For what a server sends unasked (MONITOR), once no answer is waited for:
 * bytes as they come, as read(2) on a non-blocking socket. */
ssize_t pd_redis_read(struct pd_redis *c, void *p, size_t n);

/* Commands without an answer yet. */
size_t pd_redis_outstanding(const struct pd_redis *c);
/* An answer was missed or could not be read: close it. */
bool pd_redis_broken(const struct pd_redis *c);
/* "host:port" or the path of the socket. */
const char *pd_redis_name(const struct pd_redis *c);
/* For poll(2), for those who wait for what a server sends unasked. */
int pd_redis_fd(const struct pd_redis *c);

#endif /* PD_IO_REDIS_H */
