/*
 * What a server answers to us: RESP2 over a socket, entries of streams,
 * redirections and slots of a cluster.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "data/redis_stream_priv.h"
#include "io/redis.h"
#include "io/sock.h"

#define INPUT_MAX 60000 /* fits into the socket */
#define ANSWERS 16

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
look_at(const redisReply *r)
{
	char host[280], port[16];
	struct pd_cluster_range range;
	struct pd_arrival *a;
	uint16_t slot;
	bool ask;

	if (r->type == REDIS_REPLY_ERROR)
		(void)pd_cluster_parse_redirect(
		    r->str, &ask, &slot, host, port);
	if (pd_cluster_parse_range(r, &range) == 0 &&
	    (range.last < range.first || range.last >= PD_CLUSTER_SLOTS))
		abort();
	if ((a = calloc(1, sizeof(*a))) == NULL)
		return;
	(void)pd_redis_stream_entry(r, a);
	pd_arrival_free(a);
	for (size_t i = 0; r->type == REDIS_REPLY_ARRAY && i < r->elements; i++)
		look_at(r->element[i]);
}

static char path[64];

static void
leave(void)
{
	unlink(path);
}

/* A listening socket of this process, made once. */
static int
listener(struct pd_addr *a)
{
	static int fd = -1;

	if (fd < 0)
		snprintf(
		    path, sizeof(path), "/tmp/redis-fuzz-%ld", (long)getpid());
	(void)pd_addr_parse(a, path, NULL, NULL);
	if (fd < 0) {
		fd = pd_sock_listen(a, NULL);
		(void)atexit(leave);
	}
	return fd;
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const ping[] = {"PING"};
	const struct pd_redis_opts o = {.timeout_ms = 1000};
	struct pd_redis *c;
	struct pd_addr a;
	redisReply *r;
	const int fd = listener(&a);
	int peer;

	if (fd < 0 || n > INPUT_MAX)
		return 0;
	c = pd_redis_open(&a, &o, NULL);
	peer = accept(fd, NULL, NULL);
	if (c != NULL && peer >= 0 && write(peer, p, n) == (ssize_t)n) {
		for (int i = 0; i < ANSWERS; i++)
			(void)pd_redis_add(c, 1, ping, NULL, NULL);
		(void)shutdown(peer, SHUT_WR);
		while ((r = pd_redis_next(c, NULL)) != NULL) {
			look_at(r);
			freeReplyObject(r);
		}
	}
	if (peer >= 0)
		close(peer);
	pd_redis_close(c);
	return 0;
}
