#ifndef CACHE_TALK_H
#define CACHE_TALK_H

/*
 * Clients that talk to a server within one process, in one thread: each is one
 * end of a socketpair whose other end the server serves. What they send is
 * written in pieces, one for each turn of the server's loop. When nothing more
 * comes back the connection is half closed; what came is there when the server
 * has closed it.
 */

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "cache/client.h"
#include "cache/server.h"
#include "io/loop.h"
#include "io/sock.h"

#define TALK_MOST 64
#define TALK_US 60000000 /* nothing here takes so long */
#define TALK_QUIET 16

struct talker {
	struct talk *talk;
	struct pd_watch watch;
	const char *say;
	size_t n;
	size_t at;
	size_t deaf;	/* turns in which it does not read */
	unsigned quiet; /* turns without an answer since all is said */
	struct pd_buf heard;
	bool ended;
};

struct talk {
	struct pd_server *server;
	struct pd_timer timer;
	struct talker who[TALK_MOST];
	unsigned n;
	unsigned left;
	size_t piece;	  /* bytes a turn */
	uint64_t last_us; /* of the last turn */
	uint64_t until_us;
	size_t queued_most; /* replies that waited in the server */
};

static inline void
talk_config(struct pd_server_config *cfg)
{
	pd_server_config_init(cfg);
	cfg->port = -1;
	cfg->maxmemory = 64 << 20;
	cfg->log_level = PD_LOG_NOTHING;
	cfg->policy = "lru";
}

static inline void
talk_init(struct talk *t, struct pd_server *s, size_t piece)
{
	memset(t, 0, sizeof(*t));
	t->server = s;
	t->piece = piece;
}

static inline void
talk_read(void *cookie, unsigned ready)
{
	struct talker *w = cookie;
	struct talk *t = w->talk;
	ssize_t n = -1;

	(void)ready;
	if (w->deaf > 0)
		return;
	while (
	    pd_buf_reserve(&w->heard, 65536) == 0 &&
	    (n = read(w->watch.fd, w->heard.data + w->heard.len, 65536)) > 0) {
		w->heard.len += (size_t)n;
		w->quiet = 0;
	}
	if (n < 0 && errno == EAGAIN)
		return;
	pd_loop_remove(t->server->workers[0].loop, &w->watch);
	close(w->watch.fd);
	w->ended = true;
	if (--t->left == 0)
		pd_server_stop(t->server);
}

static inline void
talk_write(struct talk *t, struct talker *w)
{
	const size_t left = w->n - w->at;
	ssize_t n;

	if (w->deaf > 0)
		w->deaf--;
	if (w->ended)
		return;
	if (left == 0) {
		if (w->deaf == 0 && ++w->quiet == TALK_QUIET)
			shutdown(w->watch.fd, SHUT_WR);
		return;
	}
	n = send(w->watch.fd, w->say + w->at, left < t->piece ? left : t->piece,
	    MSG_NOSIGNAL);
	if (n > 0)
		w->at += (size_t)n;
	else if (n < 0 && errno != EAGAIN)
		w->at = w->n;
}

static inline void
talk_turn(void *cookie)
{
	struct talk *t = cookie;
	const uint64_t now = pd_clock_mono_us();
	struct pd_client *c;
	unsigned i;

	/* A timer that starts itself again may be due in the same turn. */
	for (i = 0; i < t->n && now != t->last_us; i++)
		talk_write(t, &t->who[i]);
	for (c = t->server->workers[0].clients; c != NULL; c = c->next)
		if (pd_reply_queued(&c->reply) > t->queued_most)
			t->queued_most = pd_reply_queued(&c->reply);
	t->last_us = now;
	if (now > t->until_us)
		pd_server_stop(t->server);
	else
		pd_loop_timer(t->server->workers[0].loop, &t->timer, 0);
}

/* One more client, who says ${n} bytes. 0, or -1. */
static inline int
talk_add(struct talk *t, const char *say, size_t n)
{
	struct talker *w = &t->who[t->n];
	struct pd_worker *worker = &t->server->workers[0];
	int fd[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd))
		return -1;
	pd_sock_nonblock(fd[0], true);
	pd_sock_nonblock(fd[1], true);
	if (pd_client_new(worker, fd[1], NULL, false, true) == NULL) {
		close(fd[0]);
		return -1;
	}
	*w = (struct talker){.talk = t, .say = say, .n = n};
	w->watch = (struct pd_watch){
	    .fd = fd[0], .events = PD_LOOP_READ, .fn = talk_read, .cookie = w};
	if (pd_loop_add(worker->loop, &w->watch))
		return -1;
	t->n++;
	t->left++;
	return 0;
}

/* Serve them all to the end, or for ${us}. */
static inline void
talk_run(struct talk *t, uint64_t us)
{
	t->until_us = pd_clock_mono_us() + us;
	t->timer = (struct pd_timer){.fn = talk_turn, .cookie = t};
	pd_loop_timer(t->server->workers[0].loop, &t->timer, 0);
	pd_server_run(t->server, NULL);
	pd_loop_untimer(t->server->workers[0].loop, &t->timer);
}

static inline void
talk_release(struct talk *t)
{
	unsigned i;

	for (i = 0; i < t->n; i++) {
		if (!t->who[i].ended) {
			pd_loop_remove(
			    t->server->workers[0].loop, &t->who[i].watch);
			close(t->who[i].watch.fd);
		}
		pd_buf_release(&t->who[i].heard);
	}
	t->n = 0;
}

#endif /* CACHE_TALK_H */
