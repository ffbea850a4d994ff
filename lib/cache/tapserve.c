#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/code.h"
#include "base/err.h"
#include "cache/context.h"
#include "cache/lock.h"
#include "cache/server.h"
#include "cache/store.h"
#include "cache/tap.h"
#include "cache/tapserve.h"
#include "data/budget.h"
#include "data/pds.h"
#include "io/sock.h"

#define CLIENTS_MAX 64
#define QUEUE_MIN (64u << 10) /* of a client at least, unread bytes kept */
#define QUEUE_MAX (8u << 20)  /* of all clients at most */
#define QUEUE_SHARE 32u	      /* of all clients, of the memory limit */
#define EVENT_BYTES                                                            \
	256u	       /* of a queue, for an event in a block: with all        \
			  its copies until it is in the queue */
#define SHARE 4	       /* drained when 1/SHARE of the ring is full */
#define ROOM_KEYS 1000 /* from so many keys on the room is told */
#define ROOM_SLACK 8   /* a new header when it is off by 1/ROOM_SLACK */
#define SECOND_US 1000000u
#define PARTING_US                                                             \
	1000000		     /* clients have this long at the end to take any, \
			      */
#define PARTING_MOST 5000000 /* and this long to take all */

struct tapclient {
	struct pd_tapserver *server;
	struct pd_watch watch;
	struct pd_buf out;
	size_t sent;
	uint32_t block_records;
	struct pd_pds_writer *writer[PD_SCHEMES]; /* NULL: off */
	bool dead;
	struct tapclient *next;
};

struct pd_tapserver {
	struct pd_server *server;
	struct pd_addr addr;
	struct pd_watch watch;
	struct tapclient *clients;
	atomic_uint n;
	uint64_t capacity;     /* in objects, as the last header said */
	bool listening;	       /* somebody is: taps are on */
	atomic_bool resample;  /* rate or scheme changed: the loop's turn */
	uint32_t *heads;       /* of rings, up to where to read */
	struct pd_rates rates; /* in force */
	struct pd_budget budget;
	uint64_t sampled; /* events since the budget was told, lost ones too */
	uint64_t told_us;
	atomic_uint_least64_t bytes;
};

static void resample(struct pd_tapserver *t);
static void on_connect(void *cookie, unsigned ready);
static void on_client(void *cookie, unsigned ready);
static void send_some(struct tapclient *c);

/*
 * The tap asks for no password. Who opens it to other machines must have said
 * that these may come in without one.
 */
static int
check_exposed(
    const struct pd_tapserver *t, const char *address, struct pd_err *err)
{
	struct sockaddr_storage ss = {0};
	socklen_t len = sizeof(ss);

	if (!t->server->cfg.protected_mode)
		return 0;
	if (getsockname(t->watch.fd, (struct sockaddr *)&ss, &len))
		return pd_err_sys(err, "cannot ask for the tap's address");
	if (pd_sock_loopback(&ss))
		return 0;
	return pd_err_set(err,
	    "the tap has no password, and '%s' is open to other machines: use "
	    "a path or loopback, or --no-protected-mode",
	    address);
}

struct pd_tapserver *
pd_tapserver_new(struct pd_server *s, const char *address, struct pd_err *err)
{
	struct pd_tapserver *t = calloc(1, sizeof(*t));

	if (t == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	t->server = s;
	t->rates = s->cfg.tap_rates;
	t->heads = calloc(s->nshards, sizeof(*t->heads));
	if (t->heads == NULL) {
		pd_err_nomem(err);
		goto err0;
	}
	if (pd_addr_parse(&t->addr, address, NULL, err))
		goto err0;
	t->watch.fd = pd_sock_listen(&t->addr, err);
	if (t->watch.fd < 0)
		goto err0;
	if (check_exposed(t, address, err)) {
		close(t->watch.fd);
		goto err0;
	}
	t->watch.events = PD_LOOP_READ;
	t->watch.fn = on_connect;
	t->watch.cookie = t;
	if (pd_loop_add(s->workers->loop, &t->watch)) {
		pd_err_sys(err, "cannot watch the tap");
		close(t->watch.fd);
		goto err0;
	}
	return t;
err0:
	free(t->heads);
	free(t);
	return NULL;
}

static void
listen_in(struct pd_tapserver *t, bool on)
{
	struct pd_server *s = t->server;
	uint32_t i;

	if (t->listening == on)
		return;
	t->listening = on;
	pd_worker_enter(s->workers);
	for (i = 0; i < s->nshards; i++) {
		pd_shard_lock(s->workers, &s->shards[i]);
		pd_tap_listen(s->shards[i].tap, on);
		pd_shard_unlock(s->workers, &s->shards[i]);
	}
	pd_worker_leave(s->workers);
}

/* Close; reap() frees it when no list is being walked. */
static void
drop_client(struct tapclient *c)
{
	struct pd_tapserver *t = c->server;

	if (c->dead)
		return;
	c->dead = true;
	pd_loop_remove(t->server->workers->loop, &c->watch);
	close(c->watch.fd);
	t->n--;
	listen_in(t, t->n > 0);
}

static void
free_client(struct tapclient *c)
{
	unsigned i;

	for (i = 0; i < PD_SCHEMES; i++)
		pd_pds_writer_free(c->writer[i]);
	pd_buf_release(&c->out);
	free(c);
}

static void
reap(struct pd_tapserver *t)
{
	struct tapclient **p = &t->clients, *c;

	while ((c = *p) != NULL) {
		if (!c->dead) {
			p = &c->next;
			continue;
		}
		*p = c->next;
		free_client(c);
	}
}

/* What headers say of the cache. */
struct source {
	uint64_t room;
	uint64_t evict_age;
};

/*
 * How many objects the cache has room for: the limit itself, or what a memory
 * limit comes to at the bytes that a key takes now, everything counted. 0
 * while there are too few keys to tell. And the age at which it evicts, in
 * ticks of the whole cache.
 */
static struct source
look_at_source(const struct pd_tapserver *t)
{
	struct pd_server *s = t->server;
	uint64_t keys = 0, memory = 0, evicted = 0, ages = 0, known = 0;
	struct pd_context_stats cs;
	struct source src = {s->cfg.maxobjects, 0};
	const struct pd_store *st;
	uint32_t i;

	pd_worker_enter(s->workers);
	for (i = 0; i < s->nshards; i++) {
		pd_shard_lock(s->workers, &s->shards[i]);
		st = s->shards[i].store;
		keys += st->total;
		memory += pd_store_memory(st);
		evicted += s->shards[i].stats.evicted;
		pd_context_stats(st->context, &cs);
		ages += cs.evict_age;
		known += cs.evict_age > 0;
		pd_shard_unlock(s->workers, &s->shards[i]);
	}
	if (known > 0)
		src.evict_age = ages * s->nshards / known;
	if (src.room == 0 && s->cfg.maxmemory > 0 && keys >= ROOM_KEYS)
		src.room = evicted > 0 ? keys
				       : (uint64_t)((double)keys *
						    (double)s->cfg.maxmemory /
						    (double)memory);
	pd_worker_leave(s->workers);
	return src;
}

/* What is queued counts as memory. */
static void
account(struct pd_tapserver *t)
{
	const struct tapclient *c;
	uint64_t n = sizeof(*t);
	unsigned i;

	for (c = t->clients; c != NULL; c = c->next) {
		n += sizeof(*c) + c->out.cap;
		for (i = 0; i < PD_SCHEMES; i++)
			if (c->writer[i] != NULL)
				n += pd_pds_memory(c->writer[i]);
	}
	atomic_store_explicit(&t->bytes, n, memory_order_relaxed);
	if (t->server->nworkers == 1)
		pd_server_account(t->server);
}

/* Whether a header would say another capacity than the last one did. */
static bool
room_changed(const struct pd_tapserver *t, uint64_t now)
{
	const uint64_t off =
	    now > t->capacity ? now - t->capacity : t->capacity - now;

	return now != 0 && off > t->capacity / ROOM_SLACK;
}

/* Wait until a client took what is queued, takes no more, or it is ${most}. */
static void
hand_over(struct tapclient *c, uint64_t most)
{
	struct pollfd p = {.fd = c->watch.fd, .events = POLLOUT};
	uint64_t now = pd_clock_mono_us(), until = now + PARTING_US;
	size_t left = c->out.len - c->sent;

	while (!c->dead && c->out.len > 0 && now < until && now < most) {
		poll(&p, 1, (int)((until - now) / 1000) + 1);
		send_some(c);
		now = pd_clock_mono_us();
		if (c->out.len - c->sent < left) {
			left = c->out.len - c->sent;
			until = now + PARTING_US;
		}
	}
}

/* Write the end markers, of those streams that ${keep} has not. 0 or -1. */
static int
end_streams(struct tapclient *c, unsigned keep)
{
	unsigned i;

	for (i = 0; i < PD_SCHEMES; i++) {
		if (c->writer[i] == NULL || (keep >> i & 1))
			continue;
		if (pd_pds_end(c->writer[i], NULL))
			return -1;
		pd_pds_writer_free(c->writer[i]);
		c->writer[i] = NULL;
	}
	return 0;
}

void
pd_tapserver_free(struct pd_tapserver *t)
{
	const uint64_t most = pd_clock_mono_us() + PARTING_MOST;
	struct tapclient *c;

	if (t == NULL)
		return;
	pd_tapserver_drain(t, true);
	for (c = t->clients; c != NULL; c = c->next) {
		if (!c->dead && end_streams(c, 0) == 0) {
			send_some(c);
			hand_over(c, most);
		}
		drop_client(c);
	}
	reap(t);
	pd_loop_remove(t->server->workers->loop, &t->watch);
	close(t->watch.fd);
	if (t->addr.is_unix)
		unlink(t->addr.host);
	free(t->heads);
	free(t);
}

/* What the header says of the source. */
static int
write_header(
    struct tapclient *c, enum pd_scheme scheme, const struct source *src)
{
	const struct pd_rates *rates = &c->server->rates;
	const bool alone = pd_rates_on(rates) == 1u << scheme;
	struct pd_server *s = c->server->server;
	struct pd_buf json = PD_BUF_INIT;
	struct pd_pds_meta m;
	char run[17];
	int r;

	pd_pds_meta_init(&m);
	/* All of it is no sample; beside others it has a name yet. */
	m.rate = rates->of[scheme];
	m.scheme = m.rate >= 1 && alone ? PD_SAMPLE_NONE : scheme;
	m.window_us = PD_SAMPLE_WINDOW_US;
	m.salt_id = s->cfg.keys.id;
	m.key_hash_id = s->cfg.keys.id;
	m.namespaces = s->cfg.tap_namespaces;
	snprintf(m.tool, sizeof(m.tool), "predis-serve %s", PD_VERSION);
	snprintf(m.source, sizeof(m.source), "predis-serve");
	m.start_us = s->workers->now_us;
	snprintf(run, sizeof(run), "%.16s", s->runid);
	m.run_id = strtoull(run, NULL, 16);
	m.shards = s->nshards;
	m.capacity_objects = c->server->capacity;
	if (s->cfg.maxobjects == 0)
		m.capacity_bytes = s->cfg.maxmemory;
	m.eviction_age = src->evict_age;
	r = pd_pds_meta_encode(&m, &json);
	if (r == 0)
		r = pd_pds_header(
		    c->writer[scheme], (const char *)json.data, json.len, NULL);
	pd_buf_release(&json);
	return r;
}

/*
 * A stream for each scheme that is on: one that was there ends, and begins anew
 * with what is true now. 0 or -1.
 */
static int
begin_streams(struct tapclient *c, const struct source *src)
{
	const unsigned on = pd_rates_on(&c->server->rates);
	struct pd_pds_wopts w = {
	    .fd = -1, .bare = true, .block_records = c->block_records};
	unsigned i;

	if (end_streams(c, on))
		return -1;
	w.out = &c->out;
	for (i = 0; i < PD_SCHEMES; i++) {
		if ((on >> i & 1) == 0)
			continue;
		if (c->writer[i] != NULL
			? pd_pds_end(c->writer[i], NULL)
			: (c->writer[i] = pd_pds_writer_new(&w, NULL)) == NULL)
			return -1;
		if (write_header(c, (enum pd_scheme)i, src))
			return -1;
	}
	return 0;
}

/* Write as far as it goes. */
static void
send_some(struct tapclient *c)
{
	ssize_t n;

	while (c->sent < c->out.len) {
		n = send(c->watch.fd, c->out.data + c->sent,
		    c->out.len - c->sent, MSG_NOSIGNAL);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n <= 0) {
			drop_client(c);
			return;
		}
		c->sent += (size_t)n;
	}
	if (c->sent > c->out.len / 2) {
		memmove(
		    c->out.data, c->out.data + c->sent, c->out.len - c->sent);
		c->out.len -= c->sent;
		c->sent = 0;
	}
	if (c->out.len == 0) {
		if (c->out.cap > QUEUE_MIN)
			pd_buf_release(&c->out);
		pd_buf_clear(&c->out);
	}
	pd_loop_change(c->server->server->workers->loop, &c->watch,
	    PD_LOOP_READ | (c->out.len > 0 ? (unsigned)PD_LOOP_WRITE : 0));
}

/* Unread bytes that are kept for one of ${n} clients: they count as memory, so
 * a small cache keeps little, and many clients share it. */
static size_t
queue_max(const struct pd_tapserver *t, unsigned n)
{
	uint64_t all = t->server->cfg.maxmemory / QUEUE_SHARE;

	if (all == 0 || all > QUEUE_MAX)
		all = QUEUE_MAX;
	if (n > 1)
		all /= n;
	return all < QUEUE_MIN ? QUEUE_MIN : (size_t)all;
}

static struct tapclient *
new_client(struct pd_tapserver *t, int fd)
{
	const struct source src = look_at_source(t);
	struct tapclient *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if (t->n == 0)
		t->capacity = src.room;
	c->server = t;
	c->watch = (struct pd_watch){
	    .fd = fd, .events = PD_LOOP_READ, .fn = on_client, .cookie = c};
	c->block_records = (uint32_t)(queue_max(t, t->n + 1) / EVENT_BYTES);
	if (begin_streams(c, &src) ||
	    pd_loop_add(t->server->workers->loop, &c->watch)) {
		free_client(c);
		return NULL;
	}
	c->next = t->clients;
	t->clients = c;
	t->n++;
	return c;
}

static void
on_connect(void *cookie, unsigned ready)
{
	struct pd_tapserver *t = cookie;
	struct tapclient *c;
	int fd;

	(void)ready;
	if ((fd = accept(t->watch.fd, NULL, NULL)) < 0)
		return;
	/* Who was there before gets what came before. */
	pd_tapserver_drain(t, true);
	if (t->n >= CLIENTS_MAX || pd_sock_nonblock(fd, true) ||
	    (c = new_client(t, fd)) == NULL) {
		close(fd);
		return;
	}
	listen_in(t, true);
	pd_server_log(t->server, PD_LOG_VERBOSE, "tap client connected");
	send_some(c);
}

static void
on_client(void *cookie, unsigned ready)
{
	struct tapclient *c = cookie;
	char junk[512];
	ssize_t n;

	if (ready & PD_LOOP_READ) {
		/* Nothing is expected; an end of file ends it. */
		n = recv(c->watch.fd, junk, sizeof(junk), 0);
		if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
			drop_client(c);
			reap(c->server);
			return;
		}
	}
	if (ready & PD_LOOP_WRITE)
		send_some(c);
	reap(c->server);
}

/*
 * One event for one client; dropped and counted when it does not read: false.
 * Ticks
 * and the eviction age are those of the whole cache: a shard sees one access
 * in as many as there are shards.
 */
static bool
add_event(struct tapclient *c, enum pd_scheme scheme, const struct pd_event *e,
    uint32_t shard, size_t queue)
{
	struct pd_pds_writer *w = c->writer[scheme];
	const uint32_t n = c->server->server->nshards;
	const unsigned more = 4 * (unsigned)__builtin_ctz(n);
	struct pd_event whole = *e;

	if (w == NULL)
		return false;
	if (c->out.len - c->sent > queue) {
		pd_pds_lost(w, 1);
		return false;
	}
	whole.tick = e->tick * n + shard;
	if (e->ctx[PD_CTX_EVICT_AGE] <= PD_CODE_MAX - more &&
	    e->ctx[PD_CTX_EVICT_AGE] > 0)
		whole.ctx[PD_CTX_EVICT_AGE] =
		    (uint8_t)(e->ctx[PD_CTX_EVICT_AGE] + more);
	pd_pds_shard(w, shard);
	pd_pds_add(w, &whole, NULL);
	if (pd_pds_pending(w) >= queue / EVENT_BYTES) {
		pd_pds_flush(w, NULL);
		send_some(c);
	}
	return true;
}

/* The ring whose next event is the oldest, or NULL. */
static struct pd_tap *
oldest(struct pd_tapserver *t, uint32_t *shard)
{
	const struct pd_event *e, *first = NULL;
	enum pd_scheme scheme;
	uint32_t i;

	for (i = 0; i < t->server->nshards; i++) {
		e = pd_tap_peek(t->server->shards[i].tap, t->heads[i], &scheme);
		if (e == NULL ||
		    (first != NULL && first->time_us <= e->time_us))
			continue;
		first = e;
		*shard = i;
	}
	return first == NULL ? NULL : t->server->shards[*shard].tap;
}

/* Say what rings dropped in the streams that it is missing from. The server's
 * counters know already. */
static void
tell_dropped(struct pd_tapserver *t)
{
	struct tapclient *c;
	uint64_t lost;
	uint32_t i;
	unsigned k;

	for (k = PD_SAMPLE_KEY; k < PD_SCHEMES; k++) {
		lost = 0;
		for (i = 0; i < t->server->nshards; i++)
			lost += pd_tap_take_lost(
			    t->server->shards[i].tap, (enum pd_scheme)k);
		for (c = t->clients; c != NULL && lost > 0; c = c->next)
			if (!c->dead && c->writer[k] != NULL)
				pd_pds_lost(c->writer[k], lost);
		t->sampled += lost;
	}
}

/* Send what is in the rings up to t->heads. */
static void
drain(struct pd_tapserver *t)
{
	const size_t queue = queue_max(t, t->n);
	struct pd_io_stats *io = &t->server->workers->io;
	const struct pd_event *e;
	enum pd_scheme scheme;
	struct tapclient *c;
	struct pd_tap *tap;
	uint32_t i = 0;
	bool sent;

	tell_dropped(t);
	while ((tap = oldest(t, &i)) != NULL) {
		e = pd_tap_peek(tap, t->heads[i], &scheme);
		sent = false;
		for (c = t->clients; c != NULL; c = c->next)
			sent |= !c->dead && add_event(c, scheme, e, i, queue);
		pd_tap_pop(tap);
		if (sent)
			io->tap_sent++;
		else
			io->tap_lost++;
		t->sampled++;
	}
}

static void
note_heads(struct pd_tapserver *t)
{
	uint32_t i;

	for (i = 0; i < t->server->nshards; i++)
		t->heads[i] = pd_tap_head(t->server->shards[i].tap);
}

/* Is a ring as full as to be drained? */
static bool
filled(const struct pd_tapserver *t)
{
	const struct pd_tap *tap;
	uint32_t i;

	for (i = 0; i < t->server->nshards; i++) {
		tap = t->server->shards[i].tap;
		if (pd_tap_waiting(tap) >= tap->size / SHARE)
			return true;
	}
	return false;
}

void
pd_tapserver_drain(struct pd_tapserver *t, bool force)
{
	if (atomic_load_explicit(&t->resample, memory_order_relaxed))
		resample(t);
	if (!force && (!t->listening || !filled(t)))
		return;
	note_heads(t);
	drain(t);
	account(t);
}

/* Tell every client how things are now. */
static void
new_headers(struct pd_tapserver *t)
{
	const struct source src = look_at_source(t);
	struct tapclient *c;

	t->capacity = src.room;
	for (c = t->clients; c != NULL; c = c->next)
		if (!c->dead && begin_streams(c, &src))
			drop_client(c);
	reap(t);
}

/* Close its blocks; where it reads, say what it lost though nothing follows. 0
 * or -1. */
static int
flush_client(struct tapclient *c, size_t queue)
{
	unsigned i;

	for (i = 0; i < PD_SCHEMES; i++) {
		if (c->writer[i] == NULL)
			continue;
		if (pd_pds_flush(c->writer[i], NULL) ||
		    (c->out.len - c->sent <= queue &&
			pd_pds_tell_lost(c->writer[i], NULL)))
			return -1;
	}
	return 0;
}

static void
flush(struct pd_tapserver *t)
{
	const size_t queue = queue_max(t, t->n);
	struct tapclient *c;

	for (c = t->clients; c != NULL; c = c->next) {
		if (c->dead)
			continue;
		if (flush_client(c, queue))
			drop_client(c);
		else if (c->out.len > 0)
			send_some(c);
	}
	reap(t);
}

/* The rate in force: what was asked for, or what the budget leaves of it.
 * What was sampled before comes before the new header. */
static void
resample(struct pd_tapserver *t)
{
	struct pd_server *s = t->server;
	uint32_t i;
	unsigned k;

	pd_worker_enter(s->workers);
	pd_worker_alone(s->workers);
	/* Who asks for a rate gets it, until the budget says otherwise. */
	if (atomic_exchange_explicit(&t->resample, false, memory_order_relaxed))
		pd_budget_init(&t->budget, s->cfg.tap_budget);
	for (k = PD_SAMPLE_KEY; k < PD_SCHEMES; k++)
		t->rates.of[k] =
		    s->cfg.tap_rates.of[k] > 0
			? pd_budget_rate(&t->budget, s->cfg.tap_rates.of[k])
			: 0;
	note_heads(t);
	for (i = 0; i < s->nshards; i++)
		pd_tap_set_rates(s->shards[i].tap, &t->rates);
	pd_worker_together(s->workers);
	pd_worker_leave(s->workers);
	drain(t);
	flush(t);
	new_headers(t);
}

/* Once a second: keep to the budget. */
static void
tell_budget(struct pd_tapserver *t)
{
	struct pd_server *s = t->server;
	const uint64_t us = s->workers->mono_us - t->told_us;
	const unsigned was = t->budget.shift;
	double wanted = 0;
	unsigned i;

	if (us < SECOND_US)
		return;
	pd_worker_enter(s->workers);
	t->budget.limit = s->cfg.tap_budget;
	for (i = PD_SAMPLE_KEY; i < PD_SCHEMES && wanted <= 0; i++)
		wanted = s->cfg.tap_rates.of[i];
	pd_worker_leave(s->workers);
	if (pd_budget_tell(&t->budget, t->sampled, us)) {
		pd_server_log(s,
		    t->budget.shift > was ? PD_LOG_WARNING : PD_LOG_NOTICE,
		    "tap: %llu events in %.1f s with a budget of %llu a "
		    "second: the rate is %g now",
		    (unsigned long long)t->sampled, (double)us / SECOND_US,
		    (unsigned long long)t->budget.limit,
		    pd_budget_rate(&t->budget, wanted));
		resample(t);
	}
	t->sampled = 0;
	t->told_us = s->workers->mono_us;
}

void
pd_tapserver_flush(struct pd_tapserver *t)
{
	struct pd_server *s = t->server;
	uint32_t i;

	pd_tapserver_drain(t, true);
	flush(t);
	tell_budget(t);
	if (t->n > 0 && room_changed(t, look_at_source(t).room))
		new_headers(t);
	/* The room that readers took, though nobody writes to the cache. */
	account(t);
	pd_worker_enter(s->workers);
	for (i = 0; i < s->nshards; i++) {
		pd_shard_lock(s->workers, &s->shards[i]);
		pd_store_make_room(s->shards[i].store, 0);
		pd_shard_unlock(s->workers, &s->shards[i]);
	}
	pd_worker_leave(s->workers);
}

void
pd_tapserver_resample(struct pd_tapserver *t)
{
	atomic_store_explicit(&t->resample, true, memory_order_relaxed);
	if (t->server->nworkers == 1)
		resample(t);
	else
		pd_worker_stir(t->server->workers);
}

unsigned
pd_tapserver_clients(const struct pd_tapserver *t)
{
	return t->n;
}

uint64_t
pd_tapserver_memory(const struct pd_tapserver *t)
{
	return atomic_load_explicit(&t->bytes, memory_order_relaxed);
}
