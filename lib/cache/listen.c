/* Ports and sockets that clients come in by, and who is let in. */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/in.h>
#include <netinet/tcp.h>

#include "base/err.h"
#include "cache/acl.h"
#include "cache/client.h"
#include "cache/listen.h"
#include "cache/lock.h"
#include "cache/server.h"
#include "io/sock.h"
#include "io/tls.h"

#define ACCEPTS 64	 /* connections a turn */
#define UNIX_RESERVED 16 /* connections of the Unix socket above the limit */

struct pd_listener {
	struct pd_worker *worker;
	struct pd_watch watch;
	bool is_unix;
	bool is_tls;
	int failing; /* why nothing can be accepted, or 0 */
	struct pd_listener *next;
};

/* A connection that has been let in. */
struct pd_arrival {
	int fd;
	bool is_unix;
	bool is_tls;
	bool is_local;
	struct pd_arrival *next;
};

static void
refuse(int fd, const char *text)
{
	const ssize_t n = send(fd, text, strlen(text), MSG_NOSIGNAL);

	(void)n; /* a courtesy */
	close(fd);
}

static bool
needs_no_password(const struct pd_server *s)
{
	return s->acl->standard->flags & PD_USER_NOPASS;
}

/* Why a connection is not let in, or NULL. */
static const char *
reason(const struct pd_listener *l, const struct sockaddr_storage *ss)
{
	const struct pd_server *s = l->worker->server;

	if (s->nclients >= s->cfg.maxclients + (l->is_unix ? UNIX_RESERVED : 0))
		return "-ERR max number of clients reached\r\n";
	if (s->cfg.protected_mode && needs_no_password(s) && !l->is_unix &&
	    !pd_sock_loopback(ss))
		return "-DENIED predis-serve is in protected mode: it has no "
		       "password and serves this machine only. Give it "
		       "--requirepass-file, or --no-protected-mode.\r\n";
	return NULL;
}

/* The loop with the fewest clients; of equals this one. */
static struct pd_worker *
least_busy(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	struct pd_worker *least = w;
	unsigned i;

	for (i = 0; i < s->nworkers; i++)
		if (s->workers[i].nclients < least->nclients)
			least = &s->workers[i];
	return least;
}

/* Serve a connection that was let in. */
static void
serve(struct pd_worker *w, const struct pd_arrival *a)
{
	if (pd_client_new(w, a->fd, a->is_tls ? w->server->tls : NULL,
		a->is_unix, a->is_local) != NULL)
		return;
	w->nclients--;
	w->server->nclients--;
}

/* Leave a connection for another loop. */
static void
hand_over(struct pd_worker *to, const struct pd_arrival *a)
{
	struct pd_arrival *copy = malloc(sizeof(*copy));

	if (copy == NULL) {
		close(a->fd);
		to->nclients--;
		to->server->nclients--;
		return;
	}
	*copy = *a;
	pthread_mutex_lock(&to->door);
	copy->next = to->arrivals;
	to->arrivals = copy;
	pthread_mutex_unlock(&to->door);
	pd_loop_wake(to->loop);
}

void
pd_listen_receive(struct pd_worker *w)
{
	struct pd_arrival *a, *next;

	if (w->server->nworkers == 1)
		return;
	pthread_mutex_lock(&w->door);
	a = w->arrivals;
	w->arrivals = NULL;
	pthread_mutex_unlock(&w->door);
	for (; a != NULL; a = next) {
		next = a->next;
		serve(w, a);
		free(a);
	}
}

static void
set_option(int fd, int level, int name, int value)
{
	setsockopt(fd, level, name, &value, sizeof(value));
}

/* After ${seconds} of silence ask three times whether the other side is still
 * there, over as long again: about twice as long and it is closed. */
static void
keep_alive(int fd, unsigned seconds)
{
	if (seconds == 0)
		return;
	set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
	set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, (int)seconds);
	set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL,
	    seconds < 3 ? 1 : (int)(seconds / 3));
	set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, 3);
}

static void
accept_one(struct pd_listener *l, int fd, const struct sockaddr_storage *ss)
{
	const struct pd_arrival a = {.fd = fd,
	    .is_unix = l->is_unix,
	    .is_tls = l->is_tls,
	    .is_local = l->is_unix || pd_sock_loopback(ss)};
	struct pd_worker *w = l->worker, *to;
	unsigned keepalive_s;
	const char *why;

	w->io.received++;
	pd_worker_enter(w);
	why = reason(l, ss);
	keepalive_s = w->server->cfg.keepalive_s;
	pd_worker_leave(w);
	if (why != NULL) {
		w->io.rejected++;
		refuse(fd, why);
		return;
	}
	if (pd_sock_nonblock(fd, true)) {
		close(fd);
		return;
	}
	if (!l->is_unix) {
		set_option(fd, IPPROTO_TCP, TCP_NODELAY, 1);
		keep_alive(fd, keepalive_s);
	}
	to = least_busy(w);
	to->nclients++;
	w->server->nclients++;
	if (to == w)
		serve(w, &a);
	else
		hand_over(to, &a);
}

/*
 * Out of descriptors or memory: the periodic work listens again, or the loop
 * would spin. That is told once, and when it is over.
 */
static void
accept_failed(struct pd_listener *l, int e)
{
	if (e == EAGAIN || e == EINTR || e == ECONNABORTED)
		return;
	if (e != l->failing)
		pd_server_log(l->worker->server, PD_LOG_WARNING,
		    "cannot accept connections: %s", strerror(e));
	l->failing = e;
	if (e == EMFILE || e == ENFILE || e == ENOMEM || e == ENOBUFS)
		pd_loop_change(l->worker->loop, &l->watch, 0);
}

static void
accepts_again(struct pd_listener *l)
{
	pd_server_log(
	    l->worker->server, PD_LOG_NOTICE, "connections are accepted again");
	l->failing = 0;
}

static void
on_accept(void *cookie, unsigned ready)
{
	struct pd_listener *l = cookie;
	struct sockaddr_storage ss;
	socklen_t len;
	int fd, i;

	(void)ready;
	for (i = 0; i < ACCEPTS; i++) {
		len = sizeof(ss);
		memset(&ss, 0, sizeof(ss));
		fd = accept(l->watch.fd, (struct sockaddr *)&ss, &len);
		if (fd < 0) {
			accept_failed(l, errno);
			return;
		}
		if (l->failing != 0)
			accepts_again(l);
		accept_one(l, fd, &ss);
	}
}

static int
listen_on(struct pd_worker *w, const struct pd_addr *addr, bool tls,
    struct pd_err *err)
{
	struct pd_listener *l = calloc(1, sizeof(*l));

	if (l == NULL)
		return pd_err_nomem(err);
	l->watch.fd = addr->is_unix || w->server->nworkers == 1
			  ? pd_sock_listen(addr, err)
			  : pd_sock_listen_shared(addr, w->number == 0, err);
	if (l->watch.fd < 0) {
		free(l);
		return -1;
	}
	l->worker = w;
	l->is_unix = addr->is_unix;
	l->is_tls = tls;
	l->watch.events = PD_LOOP_READ;
	l->watch.fn = on_accept;
	l->watch.cookie = l;
	if (pd_loop_add(w->loop, &l->watch)) {
		close(l->watch.fd);
		free(l);
		return pd_err_sys(err, "cannot watch a listener");
	}
	l->next = w->listeners;
	w->listeners = l;
	return 0;
}

/* Listen with one port on all addresses of cfg.bind; *out is the port. */
static int
listen_port(struct pd_worker *w, int64_t port, bool tls, uint16_t *out,
    struct pd_err *err)
{
	const char *p = w->server->cfg.bind;
	struct pd_addr addr;
	size_t n;

	for (;;) {
		p += strspn(p, " ,");
		if ((n = strcspn(p, " ,")) == 0)
			return 0;
		memset(&addr, 0, sizeof(addr));
		if (n >= sizeof(addr.host))
			return pd_err_set(
			    err, "address '%.*s' is too long", (int)n, p);
		memcpy(addr.host, p, n);
		snprintf(addr.port, sizeof(addr.port), "%u",
		    *out != 0 ? (unsigned)*out : (unsigned)port);
		if (listen_on(w, &addr, tls, err))
			return -1;
		*out = pd_sock_port(w->listeners->watch.fd);
		p += n;
	}
}

/* The ports, for one loop; the first one to ask chooses free ones. */
static int
listen_ports(struct pd_worker *w, struct pd_err *err)
{
	struct pd_server *s = w->server;

	if (s->cfg.port >= 0 &&
	    listen_port(w, s->cfg.port, false, &s->port, err))
		return -1;
	return s->cfg.tls_port < 0
		   ? 0
		   : listen_port(w, s->cfg.tls_port, true, &s->tls_port, err);
}

static int
listen_unix(struct pd_worker *w, struct pd_err *err)
{
	const char *path = w->server->cfg.unixsocket;
	struct pd_addr addr = {.is_unix = true};

	if (path == NULL)
		return 0;
	if (strlen(path) >= sizeof(addr.host))
		return pd_err_set(err, "socket path '%s' is too long", path);
	memcpy(addr.host, path, strlen(path) + 1);
	return listen_on(w, &addr, false, err);
}

static int
open_tls(struct pd_server *s, struct pd_err *err)
{
	if (s->cfg.tls_port < 0)
		return 0;
#if PD_TLS
	if (s->cfg.tls_cert == NULL || s->cfg.tls_key == NULL)
		return pd_err_set(err, "TLS needs a certificate and a key");
	s->tls =
	    pd_tls_ctx_new(s->cfg.tls_cert, s->cfg.tls_key, s->cfg.tls_ca, err);
	return s->tls == NULL ? -1 : 0;
#else
	return pd_err_set(err, "this build has no TLS (TLS=0)");
#endif
}

int
pd_listen_open(struct pd_server *s, struct pd_err *err)
{
	unsigned i;

	if (open_tls(s, err))
		return -1;
	for (i = 0; i < s->nworkers; i++)
		if (listen_ports(&s->workers[i], err))
			return -1;
	return listen_unix(&s->workers[0], err);
}

void
pd_listen_resume(struct pd_worker *w)
{
	struct pd_listener *l;

	for (l = w->listeners; l != NULL; l = l->next)
		pd_loop_change(w->loop, &l->watch, PD_LOOP_READ);
}

void
pd_listen_close(struct pd_worker *w)
{
	struct pd_listener *l;

	while ((l = w->listeners) != NULL) {
		w->listeners = l->next;
		pd_loop_remove(w->loop, &l->watch);
		close(l->watch.fd);
		if (l->is_unix)
			unlink(w->server->cfg.unixsocket);
		free(l);
	}
}
