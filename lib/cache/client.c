#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <arpa/inet.h>

#include "base/clock.h"
#include "base/ticks.h"
#include "cache/acl.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/command_util.h"
#include "cache/monitor.h"
#include "cache/server.h"
#include "cache/store.h"

#define READ_BYTES 65536
#define READ_MOST (1u << 20) /* in one turn, of a large value */
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
	if (c->reply.resp < 3 && c->subs[PD_SUB_CHANNEL].n +
					 c->subs[PD_SUB_PATTERN].n +
					 c->subs[PD_SUB_SHARD].n >
				     0)
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
pd_client_new(struct pd_worker *w, int fd, struct pd_tls_ctx *tls, bool is_unix)
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
	c->id = ++s->next_id;
	pd_resp_init(&c->parser);
	pd_reply_init(&c->reply);
	c->parser.keep_max = (uint32_t)s->cfg.max_value;
	log_in_as_standard(c);
	c->created_us = c->last_us = pd_clock_mono_us();
	set_addrs(c);
	c->watch = (struct pd_watch){
	    .fd = fd, .events = PD_LOOP_READ, .fn = on_ready, .cookie = c};
	if (pd_loop_add(w->loop, &c->watch))
		goto err0;
	c->next = w->clients;
	if (c->next != NULL)
		c->next->prev = c;
	w->clients = c;
	s->nclients++;
	return c;
err0:
	pd_conn_close(&conn);
	free(c);
	return NULL;
}

size_t
pd_client_memory(const struct pd_client *c)
{
	return sizeof(*c) + c->in.cap + pd_reply_memory(&c->reply) +
	       c->parser.cap * sizeof(struct pd_arg) + c->parser.words.cap +
	       c->queue_bytes + c->later.cap;
}

static void
account(struct pd_client *c)
{
	const uint64_t now = c->closed ? 0 : pd_client_memory(c);

	if (now == c->accounted)
		return;
	c->worker->clients_bytes += now - c->accounted;
	c->accounted = now;
	pd_server_account(c->server);
}

void
pd_client_close(struct pd_client *c)
{
	struct pd_worker *w = c->worker;

	if (c->closed)
		return;
	c->closed = true;
	pd_client_unwatch(c);
	pd_client_discard(c);
	pd_unsubscribe_all(c);
	pd_monitor_stop(c);
	pd_loop_remove(w->loop, &c->watch);
	pd_conn_close(&c->conn);
	if (c->next != NULL)
		c->next->prev = c->prev;
	if (c->prev != NULL)
		c->prev->next = c->next;
	else
		w->clients = c->next;
	w->server->nclients--;
	account(c);
	c->next_dead = w->dead;
	w->dead = c;
}

void
pd_clients_reap(struct pd_worker *w)
{
	struct pd_client *c;

	while ((c = w->dead) != NULL) {
		w->dead = c->next_dead;
		pd_reply_release(&c->reply);
		pd_resp_release(&c->parser);
		pd_buf_release(&c->in);
		pd_buf_release(&c->later);
		free(c->name);
		free(c->lib_name);
		free(c->lib_ver);
		free(c);
	}
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

/* What to wait for, after what was done. */
static void
rewatch(struct pd_client *c)
{
	unsigned events = 0;

	if (c->closed)
		return;
	if (!c->paused && !c->held_back && !c->close_after)
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
				pd_client_close(c);
			return;
		}
		c->worker->stats.net_output_bytes += (uint64_t)n;
		pd_reply_wrote(&c->reply, (size_t)n);
	}
}

void
pd_client_flush(struct pd_client *c)
{
	if (c->closed)
		return;
	if (c->reply.failed) {
		pd_client_close(c);
		return;
	}
	write_some(c);
	if (!c->closed && c->close_after && pd_reply_queued(&c->reply) == 0)
		pd_client_close(c);
	account(c);
	rewatch(c);
}

/* Too much unread output: stop reading, or give up. */
static void
check_output(struct pd_client *c)
{
	const struct pd_server_config *cfg = &c->server->cfg;

	if (pd_reply_queued(&c->reply) <= cfg->output_pause)
		return;
	write_some(c);
	if (c->closed || pd_reply_queued(&c->reply) <= cfg->output_pause)
		return;
	if (cfg->output_max > 0 &&
	    pd_reply_queued(&c->reply) > cfg->output_max) {
		pd_server_log(c->server, PD_LOG_WARNING,
		    "client %llu closed: %zu bytes of unread replies",
		    (unsigned long long)c->id, pd_reply_queued(&c->reply));
		c->worker->stats.connections_dropped++;
		pd_client_close(c);
		return;
	}
	c->paused = true;
}

/* Drop bytes of a word that is too long to be kept. */
static void
drop_word(struct pd_client *c)
{
	const size_t from = c->in_at + c->parser.len;
	const uint64_t there = c->in.len - from;
	const size_t n =
	    (size_t)(there < c->parser.discard ? there : c->parser.discard);

	memmove(c->in.data + from, c->in.data + from + n, c->in.len - from - n);
	c->in.len -= n;
	c->parser.discard -= n;
}

static bool
client_pause_holds(struct pd_client *c)
{
	struct pd_server *s = c->server;
	const struct pd_cmd *cmd;

	if (s->paused_until_ms == 0 || c->parser.oversize)
		return false;
	if (s->paused_all)
		return true;
	cmd = pd_commands_find(
	    s->commands, c->parser.argv[0].p, c->parser.argv[0].n);
	return cmd != NULL && (cmd->flags & PD_CMD_WRITE || c->multi);
}

static void
protocol_error(struct pd_client *c)
{
	pd_reply_errorf(&c->reply, "ERR Protocol error: %s", c->parser.error);
	c->worker->stats.protocol_errors++;
	c->close_after = true;
}

/* Messages that came while a command wrote its reply. */
static void
send_later(struct pd_client *c)
{
	pd_reply_raw(&c->reply, (const char *)c->later.data, c->later.len);
	pd_buf_release(&c->later);
}

/* A whole command is there. False: execute no more in this turn. */
static bool
execute(struct pd_client *c)
{
	if (c->parser.argc > 0) {
		if (client_pause_holds(c)) {
			pd_resp_next(&c->parser);
			c->held_back = true;
			return false;
		}
		c->reply.mute =
		    c->mute == PD_MUTE_OFF || c->mute == PD_MUTE_SKIP;
		pd_command_dispatch(c);
		c->reply.mute = false;
		if (c->mute == PD_MUTE_SKIP)
			c->mute = PD_MUTE_NO;
		else if (c->mute == PD_MUTE_SKIP_NEXT)
			c->mute = PD_MUTE_SKIP;
		if (c->later.len > 0)
			send_later(c);
	}
	if (c->closed)
		return false;
	c->in_at += c->parser.len;
	pd_resp_next(&c->parser);
	check_output(c);
	return true;
}

/* Execute what is there. */
static void
process(struct pd_client *c)
{
	enum pd_resp_status st;

	c->worker->current = c;
	c->worker->timing.at = pd_ticks();
	while (!c->closed && !c->close_after && !c->paused && !c->held_back) {
		if (c->parser.discard > 0)
			drop_word(c);
		st = pd_resp_parse(&c->parser,
		    (const char *)c->in.data + c->in_at, c->in.len - c->in_at);
		if (st == PD_RESP_MORE) {
			if (c->parser.discard > 0 &&
			    c->in.len > c->in_at + c->parser.len)
				continue;
			break;
		}
		if (st == PD_RESP_ERROR) {
			protocol_error(c);
			break;
		}
		if (!execute(c))
			break;
	}
	c->worker->current = NULL;
	if (c->closed)
		return;
	pd_buf_consume(&c->in, c->in_at);
	c->in_at = 0;
	c->request_us = c->in.len == 0	     ? 0
			: c->request_us == 0 ? c->worker->mono_us
					     : c->request_us;
	if (pd_reply_queued(&c->reply) > 0 || c->close_after)
		pd_client_mark_dirty(c);
	rewatch(c);
}

void
pd_client_resume(struct pd_client *c)
{
	if (c->closed)
		return;
	c->held_back = false;
	process(c);
	account(c);
}

/* How much to read at once: exactly a large value, else a good piece. */
static size_t
read_size(const struct pd_client *c)
{
	const size_t missing = pd_resp_missing(&c->parser, c->in.len);

	if (missing <= READ_BYTES)
		return READ_BYTES;
	return missing < READ_MOST ? missing : READ_MOST;
}

/*
 * A client that has nothing left from before reads into the server's one
 * buffer, which stays in the processor's cache and costs idle clients
 * nothing; what is not executed at once moves to a buffer of its own.
 */
static void
borrow_input(struct pd_client *c)
{
	pd_buf_release(&c->in);
	c->in = c->worker->input;
	c->worker->input = (struct pd_buf)PD_BUF_INIT;
}

static void
give_input_back(struct pd_client *c)
{
	struct pd_buf rest = PD_BUF_INIT;

	if (!c->closed && pd_buf_add(&rest, c->in.data, c->in.len))
		pd_client_close(c);
	c->worker->input = c->in;
	c->worker->input.len = 0;
	c->in = rest;
}

static void
read_some(struct pd_client *c)
{
	const size_t missing = pd_resp_missing(&c->parser, c->in.len);
	const size_t want = read_size(c);
	const bool borrowed = c->in.len == 0;
	ssize_t n;

	if (c->in.len + want > c->server->cfg.query_max) {
		pd_server_log(c->server, PD_LOG_WARNING,
		    "client %llu closed: a request of more than %llu bytes",
		    (unsigned long long)c->id,
		    (unsigned long long)c->server->cfg.query_max);
		c->worker->stats.connections_dropped++;
		pd_client_close(c);
		return;
	}
	if (borrowed)
		borrow_input(c);
	if (pd_buf_reserve(&c->in, missing > want ? missing : want)) {
		pd_client_close(c);
		goto out;
	}
	n = pd_conn_read(&c->conn, c->in.data + c->in.len, want);
	if (n <= 0) {
		if (n == 0 || errno != EAGAIN)
			pd_client_close(c);
		goto out;
	}
	c->worker->stats.net_input_bytes += (uint64_t)n;
	c->in.len += (size_t)n;
	c->last_us = c->worker->mono_us;
	process(c);
out:
	if (borrowed)
		give_input_back(c);
	else if (c->in.len == 0)
		pd_buf_release(&c->in);
	account(c);
}

static void
on_ready(void *cookie, unsigned ready)
{
	struct pd_client *c = cookie;

	pd_worker_time(c->worker);
	if (ready & PD_LOOP_WRITE) {
		pd_client_flush(c);
		if (!c->closed && c->paused &&
		    pd_reply_queued(&c->reply) <
			c->server->cfg.output_pause / 2) {
			c->paused = false;
			process(c);
			account(c);
		}
	}
	if (c->closed)
		return;
	if (c->paused || c->held_back || c->close_after) {
		/* A hang-up that comes while nothing is read. */
		if (ready & PD_LOOP_READ && !(c->watch.events & PD_LOOP_READ))
			pd_client_close(c);
		return;
	}
	do
		read_some(c);
	while (!c->closed && !c->paused && !c->held_back &&
	       pd_conn_pending(&c->conn));
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
	c->multi = c->multi_failed = c->multi_stale = false;
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

void
pd_client_describe(const struct pd_client *c, struct pd_buf *out)
{
	const size_t queued = pd_reply_queued(&c->reply);
	const bool large = queued > PD_REPLY_HOLD;
	const uint64_t now = c->worker->mono_us;
	const bool subscribed = c->subs[PD_SUB_CHANNEL].n +
				    c->subs[PD_SUB_PATTERN].n +
				    c->subs[PD_SUB_SHARD].n >
				0;

	pd_buf_printf(out,
	    "id=%llu addr=%s laddr=%s fd=%d name=%s age=%llu idle=%llu "
	    "flags=%s%s%s%s%s%s%s db=%u sub=%u psub=%u ssub=%u multi=%d "
	    "qbuf=%zu "
	    "qbuf-free=%zu argv-mem=%zu multi-mem=%zu rbs=%zu rbp=%zu obl=%zu "
	    "oll=%u omem=%zu tot-mem=%zu events=%s%s cmd=%s user=%s "
	    "redir=-1 resp=%u",
	    (unsigned long long)c->id, c->addr, c->laddr, c->conn.fd,
	    c->name == NULL ? "" : c->name,
	    (unsigned long long)((now - c->created_us) / 1000000),
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
	    c->subs[PD_SUB_SHARD].n, c->multi ? (int)c->nqueue : -1,
	    c->in.len - c->in_at, c->in.cap - c->in.len,
	    c->parser.cap * sizeof(struct pd_arg), c->queue_bytes,
	    c->reply.buf.cap, c->reply.buf.len, large ? 0 : queued,
	    c->reply.nheld - c->reply.first + large, large ? queued : 0,
	    pd_client_memory(c), c->watch.events & PD_LOOP_READ ? "r" : "",
	    c->watch.events & PD_LOOP_WRITE ? "w" : "",
	    c->last == NULL ? "NULL" : c->last->full, c->user->name,
	    c->reply.resp);
	pd_buf_printf(out, " lib-name=%s lib-ver=%s\n",
	    c->lib_name == NULL ? "" : c->lib_name,
	    c->lib_ver == NULL ? "" : c->lib_ver);
}
