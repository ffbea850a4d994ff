#include <errno.h>
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
#include "cache/tapserve_priv.h"
#include "io/sock.h"

#define CLIENTS_MAX 64
#define SHARE 4	       /* drained when 1/SHARE of the ring is full */
#define ROOM_KEYS 1000 /* from so many keys on the room is told */
#define ROOM_SLACK 8   /* a new header when it is off by 1/ROOM_SLACK */
#define SECOND_US 1000000u
#define PARTING_MOST 5000000 /* clients have this long at the end */

static void resample(struct pd_tapserver *t);
static void on_connect(void *cookie, unsigned ready);
static void on_client(void *cookie, unsigned ready);

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

void
tapserve_listen(struct pd_tapserver *t, bool on)
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
		tapclient_free(c);
	}
}

/*
 * How many objects the cache has room for: the limit itself, or what a memory
 * limit comes to at the bytes that a key takes now, everything counted. 0
 * while there are too few keys to tell. And the age at which it evicts, in
 * ticks of the whole cache.
 */
static struct tapsource
look_at_source(const struct pd_tapserver *t)
{
	struct pd_server *s = t->server;
	uint64_t keys = 0, memory = 0, evicted = 0, ages = 0, known = 0;
	struct pd_context_stats cs;
	struct tapsource src = {s->cfg.maxobjects, 0};
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

void
pd_tapserver_free(struct pd_tapserver *t)
{
	const uint64_t most = pd_clock_mono_us() + PARTING_MOST;
	struct tapclient *c;

	if (t == NULL)
		return;
	pd_tapserver_drain(t, true);
	for (c = t->clients; c != NULL; c = c->next) {
		if (!c->dead && tapclient_end(c, 0) == 0) {
			tapclient_send(c);
			tapclient_hand_over(c, most);
		}
		tapclient_drop(c);
	}
	reap(t);
	pd_loop_remove(t->server->workers->loop, &t->watch);
	close(t->watch.fd);
	if (t->addr.is_unix)
		unlink(t->addr.host);
	free(t->heads);
	free(t);
}

static struct tapclient *
new_client(struct pd_tapserver *t, int fd)
{
	const struct tapsource src = look_at_source(t);
	struct tapclient *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	if (t->n == 0)
		t->capacity = src.room;
	c->server = t;
	c->watch = (struct pd_watch){
	    .fd = fd, .events = PD_LOOP_READ, .fn = on_client, .cookie = c};
	c->block_records =
	    (uint32_t)(tapclient_queue(t, t->n + 1) / PD_TAP_EVENT_BYTES);
	if (tapclient_begin(c, &src) ||
	    pd_loop_add(t->server->workers->loop, &c->watch)) {
		tapclient_free(c);
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
	tapserve_listen(t, true);
	pd_server_log(t->server, PD_LOG_VERBOSE, "tap client connected");
	tapclient_send(c);
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
			tapclient_drop(c);
			reap(c->server);
			return;
		}
	}
	if (ready & PD_LOOP_WRITE)
		tapclient_send(c);
	reap(c->server);
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
	const size_t queue = tapclient_queue(t, t->n);
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
			sent |=
			    !c->dead && tapclient_add(c, scheme, e, i, queue);
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
	const struct tapsource src = look_at_source(t);
	struct tapclient *c;

	t->capacity = src.room;
	for (c = t->clients; c != NULL; c = c->next)
		if (!c->dead && tapclient_begin(c, &src))
			tapclient_drop(c);
	reap(t);
}

static void
flush(struct pd_tapserver *t)
{
	const size_t queue = tapclient_queue(t, t->n);
	struct tapclient *c;

	for (c = t->clients; c != NULL; c = c->next) {
		if (c->dead)
			continue;
		if (tapclient_flush(c, queue))
			tapclient_drop(c);
		else if (c->out.len > 0)
			tapclient_send(c);
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
