#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <arpa/inet.h>

#include "base/clock.h"
#include "cache/acl.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/command_util.h"
#include "cache/large.h"
#include "cache/lock.h"
#include "cache/monitor.h"
#include "cache/server.h"
#include "cache/store.h"
#include "cache/turn.h"

#define PIECES 64

static void on_ready(void *cookie, unsigned ready);

static void
format_addr(int fd, bool peer, char *out, size_t n)
{
	struct sockaddr_storage ss;
	const struct sockaddr_in *in4 = (const void *)&ss;
	const struct sockaddr_in6 *in6 = (const void *)&ss;
	socklen_t len = sizeof(ss);
	char host[INET6_ADDRSTRLEN] = "?";

	if (peer ? getpeername(fd, (struct sockaddr *)&ss, &len)
		 : getsockname(fd, (struct sockaddr *)&ss, &len))
		return;
	if (ss.ss_family == AF_INET) {
		inet_ntop(AF_INET, &in4->sin_addr, host, sizeof(host));
		snprintf(out, n, "%s:%u", host, ntohs(in4->sin_port));
	} else if (ss.ss_family == AF_INET6) {
		inet_ntop(AF_INET6, &in6->sin6_addr, host, sizeof(host));
		snprintf(out, n, "[%s]:%u", host, ntohs(in6->sin6_port));
	}
}

static void
set_addrs(struct pd_client *c)
{
	if (c->is_unix) {
		snprintf(c->addr, sizeof(c->addr), "%.60s:0",
		    c->server->cfg.unixsocket);
		memcpy(c->laddr, c->addr, sizeof(c->laddr));
		return;
	}
	format_addr(c->conn.fd, true, c->addr, sizeof(c->addr));
	format_addr(c->conn.fd, false, c->laddr, sizeof(c->laddr));
}

void
pd_client_regate(struct pd_client *c)
{
	c->gate = 0;
	if (!c->authenticated)
		c->gate |= PD_GATE_AUTH;
	if (!c->user->mighty)
		c->gate |= PD_GATE_ACL;
	if (c->reply.resp < 3 && pd_client_subscribed(c))
		c->gate |= PD_GATE_SUBSCRIBER;
	c->parser.unauthenticated = !c->authenticated;
}

/* A new connection is the user "default", who may need a password. */
static void
log_in_as_standard(struct pd_client *c)
{
	c->user = c->server->acl->standard;
	c->authenticated =
	    (c->user->flags & PD_USER_NOPASS) && (c->user->flags & PD_USER_ON);
	pd_client_regate(c);
}

struct pd_client *
pd_client_new(struct pd_worker *w, int fd, struct pd_tls_ctx *tls, bool is_unix,
    bool is_local)
{
	struct pd_server *s = w->server;
	struct pd_client *c = calloc(1, sizeof(*c));
	struct pd_conn conn;

	if (pd_conn_open(&conn, fd, tls) || c == NULL)
		goto err0;
	c->server = s;
	c->worker = w;
	c->conn = conn;
	c->is_unix = is_unix;
	c->is_local = is_local;
	c->id = ++s->next_id;
	pd_resp_init(&c->parser);
	pd_reply_init(&c->reply);
	c->created_us = c->last_us = c->stuck_us = pd_clock_mono_us();
	set_addrs(c);
	c->watch = (struct pd_watch){
	    .fd = fd, .events = PD_LOOP_READ, .fn = on_ready, .cookie = c};
	if (pd_loop_add(w->loop, &c->watch))
		goto err0;
	pd_worker_enter(w);
	c->parser.keep_max = (uint32_t)s->cfg.max_value;
	log_in_as_standard(c);
	c->next = w->clients;
	if (c->next != NULL)
		c->next->prev = c;
	w->clients = c;
	pd_worker_leave(w);
	return c;
err0:
	pd_conn_close(&conn);
	free(c);
	return NULL;
}

size_t
pd_client_memory(const struct pd_client *c)
{
	return sizeof(*c) + (c->lent ? 0 : c->in.cap) +
	       pd_reply_memory(&c->reply) +
	       c->parser.cap * sizeof(struct pd_arg) + c->parser.words.cap +
	       c->queue_bytes + c->parser.far_got;
}

/* What CLIENT LIST tells of a client's buffers. */
struct shown {
	size_t unread;
	size_t held;
	size_t reply_cap;
	size_t reply_len;
	size_t in_len;
	size_t in_free;
	size_t words;
	size_t memory;
	unsigned events;
};

#define TELL(member, v)                                                        \
	atomic_store_explicit(&c->seen.member, (v), memory_order_relaxed)
#define SEEN(member) atomic_load_explicit(&c->seen.member, memory_order_relaxed)

/* For other loops. */
static void
show(struct pd_client *c)
{
	TELL(unread, pd_reply_queued(&c->reply));
	TELL(held, c->reply.nheld - c->reply.first);
	TELL(reply_cap, c->reply.buf.cap);
	TELL(reply_len, c->reply.buf.len);
	TELL(in_len, c->in.len - c->in_at);
	TELL(in_free, c->in.cap - c->in.len);
	TELL(words, c->parser.cap * sizeof(struct pd_arg));
	TELL(memory, pd_client_memory(c));
	TELL(events, c->watch.events);
}

/* Does who runs now see its buffers as they are? */
static bool
is_own(const struct pd_client *c)
{
	const struct pd_worker *holder = c->server->holder;

	return holder == NULL || holder == c->worker;
}

size_t
pd_client_unread(const struct pd_client *c)
{
	return c->later.len +
	       (is_own(c) ? pd_reply_queued(&c->reply) : SEEN(unread));
}

/* Tell its loop that something is there for it. */
static void
post(struct pd_client *c)
{
	if (c->posted)
		return;
	c->posted = true;
	c->next_posted = c->worker->posted;
	c->worker->posted = c;
	atomic_store(&c->worker->has_posted, true);
	pd_worker_stir(c->worker);
}

static void
unpost(struct pd_client *c)
{
	struct pd_client **p;

	if (!c->posted)
		return;
	for (p = &c->worker->posted; *p != c; p = &(*p)->next_posted)
		;
	*p = c->next_posted;
	c->posted = false;
}

void
pd_client_send(struct pd_client *c, const void *p, size_t n, bool behind)
{
	const bool mute = c->reply.mute, own = is_own(c);

	if (!own || (behind && c == c->worker->current)) {
		c->broken |= pd_buf_add(&c->later, p, n) != 0;
	} else {
		c->reply.mute = false; /* CLIENT REPLY OFF is for replies */
		pd_reply_raw(&c->reply, p, n);
		c->reply.mute = mute;
	}
	if (own)
		pd_client_mark_dirty(c);
	else
		post(c);
}

void
pd_clients_collect(struct pd_worker *w)
{
	struct pd_client *c;

	atomic_store(&w->has_posted, false);
	while ((c = w->posted) != NULL) {
		w->posted = c->next_posted;
		c->posted = false;
		pd_reply_raw(
		    &c->reply, (const char *)c->later.data, c->later.len);
		pd_buf_release(&c->later);
		pd_client_mark_dirty(c);
	}
}

static void
account(struct pd_client *c)
{
	const uint64_t now = c->closed ? 0 : pd_client_memory(c);

	if (c->server->nworkers > 1)
		show(c);
	if (now == c->accounted && !c->came)
		return;
	c->came = false;
	c->worker->clients_bytes += now - c->accounted;
	c->accounted = now;
	/* Several loops: the periodic work does it. */
	if (c->server->nworkers == 1)
		pd_server_account(c->server);
}

/* Is it known elsewhere than in its loop? */
static bool
is_shared(const struct pd_client *c)
{
	return c->nwatched > 0 || c->is_monitor ||
	       c->subs[PD_SUB_CHANNEL].n + c->subs[PD_SUB_PATTERN].n +
		       c->subs[PD_SUB_SHARD].n >
		   0;
}

static void
unlink_client(struct pd_client *c)
{
	struct pd_worker *w = c->worker;

	c->closed = true;
	pd_client_unwatch(c);
	pd_unsubscribe_all(c);
	pd_monitor_stop(c);
	unpost(c);
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		w->clients = c->next;
	w->nclients--;
	w->server->nclients--;
	c->next_dead = w->dead;
	w->dead = c;
	atomic_store(&w->has_dead, true);
	pd_worker_stir(w);
}

void
pd_client_close(struct pd_client *c)
{
	struct pd_worker *w = c->worker;
	const bool alone = c->server->holder == NULL && is_shared(c);

	if (alone)
		pd_worker_alone(w);
	if (!c->closed)
		unlink_client(c);
	if (alone)
		pd_worker_together(w);
}

static void
free_client(struct pd_client *c)
{
	pd_loop_remove(c->worker->loop, &c->watch);
	pd_conn_close(&c->conn);
	account(c);
	pd_client_discard(c);
	pd_reply_release(&c->reply);
	pd_large_end(c);
	pd_resp_release(&c->parser);
	if (!c->lent)
		pd_buf_release(&c->in);
	pd_buf_release(&c->later);
	free(c->name);
	free(c->lib_name);
	free(c->lib_ver);
	free(c);
}

void
pd_clients_reap(struct pd_worker *w)
{
	struct pd_client *c, *dead, *kept = NULL;

	if (!w->has_dead)
		return;
	pd_worker_enter(w);
	dead = w->dead;
	w->dead = NULL;
	w->has_dead = false;
	pd_worker_leave(w);
	while ((c = dead) != NULL) {
		dead = c->next_dead;
		if (c->is_ready || c->is_dirty || c->doomed) {
			c->next_dead = kept; /* a list of this loop has it */
			kept = c;
		} else {
			free_client(c);
		}
	}
	if (kept == NULL)
		return;
	pd_worker_enter(w);
	while ((c = kept) != NULL) {
		kept = c->next_dead;
		c->next_dead = w->dead;
		w->dead = c;
	}
	w->has_dead = true;
	pd_worker_leave(w);
}

void
pd_client_mark_dirty(struct pd_client *c)
{
	if (c->is_dirty || c->closed)
		return;
	c->is_dirty = true;
	c->next_dirty = c->worker->dirty;
	c->worker->dirty = c;
}

/* Is it to be read from? */
static bool
is_read(const struct pd_client *c)
{
	return !c->paused && !c->held_back && !c->waits && !c->close_after;
}

void
pd_client_rewatch(struct pd_client *c)
{
	unsigned events = 0;

	if (is_read(c))
		events |= PD_LOOP_READ;
	if (pd_reply_queued(&c->reply) > 0 || pd_conn_wants_write(&c->conn))
		events |= PD_LOOP_WRITE;
	pd_loop_change(c->worker->loop, &c->watch, events);
}

/* Write as far as it goes. */
static void
write_some(struct pd_client *c)
{
	struct iovec iov[PIECES];
	ssize_t n;
	int pieces;

	while ((pieces = pd_reply_pieces(&c->reply, iov, PIECES)) > 0) {
		n = pd_conn_writev(&c->conn, iov, pieces);
		if (n <= 0) {
			if (n == 0 || errno != EAGAIN)
				pd_turn_doom(c);
			return;
		}
		c->worker->io.out += (uint64_t)n;
		pd_reply_wrote(&c->reply, (size_t)n);
	}
}

/* How much of its output a client has not read. */
static void
look_at_unread(struct pd_client *c)
{
	const size_t queued = pd_reply_queued(&c->reply);
	bool over;

	if (queued == 0 && !c->paused)
		return;
	pd_worker_enter(c->worker);
	over = pd_limits_output(c);
	pd_worker_leave(c->worker);
	if (over) {
		pd_server_log(c->server, PD_LOG_WARNING,
		    "client %llu closed: %zu bytes of unread replies",
		    (unsigned long long)c->id, queued);
		c->worker->io.dropped++;
		pd_turn_doom(c);
	} else if (c->paused && queued <= c->worker->limits.output_pause / 2) {
		c->paused = false;
		pd_turn_add(c);
	}
}

void
pd_client_flush(struct pd_client *c)
{
	if (c->closed)
		return;
	if (c->reply.failed || c->broken)
		pd_turn_doom(c);
	else
		write_some(c);
	if (c->close_after && pd_reply_queued(&c->reply) == 0)
		pd_turn_doom(c);
	if (!c->doomed)
		look_at_unread(c);
	if (!c->doomed && !c->paused && !c->waits &&
	    pd_conn_pending(&c->conn)) {
		c->more = true;
		pd_turn_add(c);
	}
	account(c);
	pd_client_rewatch(c);
}

void
pd_client_resume(struct pd_client *c)
{
	if (c->closed)
		return;
	c->held_back = false;
	pd_turn_add(c);
}

static void
on_ready(void *cookie, unsigned ready)
{
	struct pd_client *c = cookie;

	if (c->closed)
		return;
	if (ready & PD_LOOP_WRITE)
		pd_client_mark_dirty(c);
	if (!(ready & PD_LOOP_READ))
		return;
	if (is_read(c))
		pd_turn_read(c);
	else if (!(c->watch.events & PD_LOOP_READ))
		/* A hang-up that comes while nothing is read. */
		pd_turn_doom(c);
}

void
pd_client_discard(struct pd_client *c)
{
	uint32_t i;

	for (i = 0; i < c->nqueue; i++)
		free(c->queue[i].argv);
	free(c->queue);
	c->queue = NULL;
	c->nqueue = c->queue_cap = 0;
	c->queue_bytes = 0;
	c->multi = c->multi_failed = false;
	c->multi_stale = false;
}

void
pd_client_reset(struct pd_client *c)
{
	pd_client_discard(c);
	pd_client_unwatch(c);
	c->db = 0;
	c->mute = PD_MUTE_NO;
	c->reply.mute = false;
	c->reply.resp = 2;
	pd_unsubscribe_all(c);
	pd_monitor_stop(c);
	log_in_as_standard(c);
	free(c->name);
	c->name = NULL;
	c->no_evict = c->no_touch = false;
}

/* Its loop's own sight of it where that may be had. */
static void
look(const struct pd_client *c, struct shown *o)
{
	if (is_own(c)) {
		*o = (struct shown){pd_reply_queued(&c->reply),
		    c->reply.nheld - c->reply.first, c->reply.buf.cap,
		    c->reply.buf.len, c->in.len - c->in_at,
		    c->in.cap - c->in.len,
		    c->parser.cap * sizeof(struct pd_arg), pd_client_memory(c),
		    c->watch.events};
		return;
	}
	*o = (struct shown){SEEN(unread), SEEN(held), SEEN(reply_cap),
	    SEEN(reply_len), SEEN(in_len), SEEN(in_free), SEEN(words),
	    SEEN(memory), SEEN(events)};
}

size_t
pd_client_input(const struct pd_client *c)
{
	struct shown o;

	look(c, &o);
	return o.in_len;
}

size_t
pd_client_output(const struct pd_client *c)
{
	struct shown o;

	look(c, &o);
	return o.reply_len;
}

void
pd_client_describe(const struct pd_client *c, struct pd_buf *out)
{
	const struct pd_worker *by =
	    c->server->holder != NULL ? c->server->holder : c->worker;
	const uint64_t now = by->mono_us;
	const bool subscribed = pd_client_subscribed(c);
	struct shown o;
	bool large;

	look(c, &o);
	large = o.unread > PD_REPLY_HOLD;
	pd_buf_printf(out,
	    "id=%llu addr=%s laddr=%s fd=%d name=%s age=%llu idle=%llu "
	    "flags=%s%s%s%s%s%s%s db=%u sub=%u psub=%u ssub=%u multi=%d "
	    "qbuf=%zu "
	    "qbuf-free=%zu argv-mem=%zu multi-mem=%zu rbs=%zu rbp=%zu obl=%zu "
	    "oll=%zu omem=%zu tot-mem=%zu events=%s%s cmd=%s user=%s "
	    "redir=-1 resp=%u",
	    (unsigned long long)c->id, c->addr, c->laddr, c->conn.fd,
	    c->name == NULL ? "" : c->name,
	    (unsigned long long)((
		now > c->created_us ? (now - c->created_us) / 1000000 : 0)),
	    (unsigned long long)(now > c->last_us ? (now - c->last_us) / 1000000
						  : 0),
	    c->is_monitor ? "O" : "", subscribed ? "P" : "",
	    c->multi ? "x" : "", c->multi_stale ? "d" : "",
	    c->is_unix ? "U" : "", c->no_evict ? "e" : "",
	    c->multi || c->multi_stale || c->is_unix || c->no_evict ||
		    c->is_monitor || subscribed
		? ""
		: "N",
	    c->db, c->subs[PD_SUB_CHANNEL].n, c->subs[PD_SUB_PATTERN].n,
	    c->subs[PD_SUB_SHARD].n, c->multi ? (int)c->nqueue : -1, o.in_len,
	    o.in_free, o.words, c->queue_bytes, o.reply_cap, o.reply_len,
	    large ? 0 : o.unread, o.held + large, large ? o.unread : 0,
	    o.memory, o.events & PD_LOOP_READ ? "r" : "",
	    o.events & PD_LOOP_WRITE ? "w" : "",
	    c->last == NULL ? "NULL" : c->last->full, c->user->name,
	    c->reply.resp);
	pd_buf_printf(out, " lib-name=%s lib-ver=%s\n",
	    c->lib_name == NULL ? "" : c->lib_name,
	    c->lib_ver == NULL ? "" : c->lib_ver);
}
