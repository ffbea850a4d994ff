/* One reader of the tap: its streams, what is queued for it, its end. */

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/code.h"
#include "cache/tapserve_priv.h"

#define QUEUE_MIN (64u << 10) /* of a client at least, unread bytes kept */
#define QUEUE_MAX (8u << 20)  /* of all clients at most */
#define QUEUE_SHARE 32u	      /* of all clients, of the memory limit */
#define PARTING_US 1000000    /* to take any of what is left */

void
tapclient_drop(struct tapclient *c)
{
	struct pd_tapserver *t = c->server;

	if (c->dead)
		return;
	c->dead = true;
	pd_loop_remove(t->server->workers->loop, &c->watch);
	close(c->watch.fd);
	t->n--;
	tapserve_listen(t, t->n > 0);
}

void
tapclient_free(struct tapclient *c)
{
	unsigned i;

	for (i = 0; i < PD_SCHEMES; i++)
		pd_pds_writer_free(c->writer[i]);
	pd_buf_release(&c->out);
	free(c);
}

void
tapclient_send(struct tapclient *c)
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
			tapclient_drop(c);
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

void
tapclient_hand_over(struct tapclient *c, uint64_t most)
{
	struct pollfd p = {.fd = c->watch.fd, .events = POLLOUT};
	uint64_t now = pd_clock_mono_us(), until = now + PARTING_US;
	size_t left = c->out.len - c->sent;

	while (!c->dead && c->out.len > 0 && now < until && now < most) {
		poll(&p, 1, (int)((until - now) / 1000) + 1);
		tapclient_send(c);
		now = pd_clock_mono_us();
		if (c->out.len - c->sent < left) {
			left = c->out.len - c->sent;
			until = now + PARTING_US;
		}
	}
}

int
tapclient_end(struct tapclient *c, unsigned keep)
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

/* What the header says of the source. */
static int
write_header(
    struct tapclient *c, enum pd_scheme scheme, const struct tapsource *src)
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

int
tapclient_begin(struct tapclient *c, const struct tapsource *src)
{
	const unsigned on = pd_rates_on(&c->server->rates);
	struct pd_pds_wopts w = {
	    .fd = -1, .bare = true, .block_records = c->block_records};
	unsigned i;

	if (tapclient_end(c, on))
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

size_t
tapclient_queue(const struct pd_tapserver *t, unsigned n)
{
	uint64_t all = t->server->cfg.maxmemory / QUEUE_SHARE;

	if (all == 0 || all > QUEUE_MAX)
		all = QUEUE_MAX;
	if (n > 1)
		all /= n;
	return all < QUEUE_MIN ? QUEUE_MIN : (size_t)all;
}

bool
tapclient_add(struct tapclient *c, enum pd_scheme scheme,
    const struct pd_event *e, uint32_t shard, size_t queue)
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
	if (pd_pds_pending(w) >= queue / PD_TAP_EVENT_BYTES) {
		pd_pds_flush(w, NULL);
		tapclient_send(c);
	}
	return true;
}

int
tapclient_flush(struct tapclient *c, size_t queue)
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
