#include <string.h>

#include "base/buf.h"
#include "cache/client.h"
#include "cache/large.h"
#include "cache/limits.h"
#include "cache/lock.h"
#include "cache/server.h"
#include "cache/store.h"
#include "cache/turn.h"

#define READ_MOST (1u << 20) /* in one turn */

/* Could a key with a value of ${n} bytes be kept? */
static bool
fits(const struct pd_client *c, uint64_t n)
{
	const struct pd_store_config *cfg = &pd_server_first(c->server)->cfg;

	return cfg->maxmemory == 0 ||
	       (double)n <= (double)cfg->maxmemory * cfg->max_share;
}

/* The length of the key whose value comes: SET key value, MSET ... key value,
 * SETEX key time value. Where that guess is wrong the value is copied. */
static uint32_t
key_length(const struct pd_resp *r)
{
	uint32_t n = 0;

	if (r->argc == 3)
		n = r->argv[1].n;
	else if (r->argc > 0)
		n = r->argv[r->argc - 1].n;
	return n <= PD_KEY_MAX ? n : 0;
}

int
pd_large_begin(struct pd_client *c)
{
	struct pd_resp *r = &c->parser;
	const size_t from = c->in_at + r->len;
	const size_t there = c->in.len - from;
	uint8_t *p;

	if (r->far != NULL || r->dropped)
		return 0;
	if (!fits(c, (uint64_t)r->bulk)) {
		pd_resp_drop(r);
		r->no_room = true;
		c->worker->stats.refused_large++;
		return 0;
	}
	if (from + (uint64_t)r->bulk > c->server->cfg.query_max) {
		pd_server_log(c->server, PD_LOG_WARNING,
		    "client %llu closed: a request of more than %llu bytes",
		    (unsigned long long)c->id,
		    (unsigned long long)c->server->cfg.query_max);
		c->worker->stats.connections_dropped++;
		return -1;
	}
	r->far_key = key_length(r);
	if ((p = pd_store_value_new(r->far_key, (size_t)r->bulk + 2)) == NULL) {
		pd_resp_drop(r);
		r->no_memory = true;
		return 0;
	}
	pd_resp_far(r, p);
	/* More was missing, so all that is there belongs to it. */
	memcpy(p, c->in.data + from, there);
	r->far_got = there;
	c->in.len = from;
	c->worker->large_bytes += there;
	return 0;
}

/* May it go on? That may take the turn. */
static bool
may_come(struct pd_client *c)
{
	struct pd_server *s = c->server;
	uint_least64_t turn = s->large_turn;

	if (turn == c->id || pd_limits_taken(s) <= pd_limits_clients(s) / 2)
		return true;
	return turn == 0 &&
	       atomic_compare_exchange_strong(&s->large_turn, &turn, c->id);
}

bool
pd_large_waits(struct pd_client *c)
{
	if (c->waits || may_come(c))
		return c->waits;
	c->waits = true;
	c->waits_us = c->worker->mono_us;
	c->worker->nwaits++;
	c->server->large_waiting++;
	pd_client_mark_dirty(c);
	return true;
}

static void
wait_no_more(struct pd_client *c)
{
	if (!c->waits)
		return;
	c->waits = false;
	c->worker->nwaits--;
	c->server->large_waiting--;
}

/* The one that has waited longest, or NULL. */
static struct pd_client *
longest(const struct pd_worker *w)
{
	struct pd_client *c, *best = NULL;

	for (c = w->clients; c != NULL; c = c->next)
		if (c->waits && !c->doomed &&
		    (best == NULL || c->waits_us < best->waits_us))
			best = c;
	return best;
}

static void
wake_others(const struct pd_worker *w)
{
	const struct pd_server *s = w->server;
	unsigned i;

	for (i = 0; i < s->nworkers; i++)
		if (i != w->number)
			pd_loop_wake(s->workers[i].loop);
}

void
pd_large_resume(struct pd_worker *w)
{
	struct pd_client *c;

	if (w->gave_turn && w->server->large_waiting > w->nwaits)
		wake_others(w);
	w->gave_turn = false;
	if (w->nwaits == 0)
		return;
	pd_worker_enter(w);
	while ((c = longest(w)) != NULL && may_come(c)) {
		wait_no_more(c);
		/* Nobody was waited for: its request took no longer. */
		if (c->request_us != 0)
			c->request_us += w->mono_us - c->waits_us;
		c->last_us = w->mono_us;
		if ((c->more = pd_conn_pending(&c->conn)))
			pd_turn_add(c);
		pd_client_rewatch(c);
	}
	pd_worker_leave(w);
}

ssize_t
pd_large_read(struct pd_client *c)
{
	struct pd_resp *r = &c->parser;
	const size_t missing = r->far_size - r->far_got;
	ssize_t n;

	n = pd_conn_read(&c->conn, r->far + r->far_got,
	    missing < READ_MOST ? missing : READ_MOST);
	if (n > 0) {
		r->far_got += (size_t)n;
		/* At once: others ask in this very turn. */
		c->worker->large_bytes += (uint64_t)n;
		c->worker->clients_bytes += (uint64_t)n;
		c->accounted += (uint64_t)n;
		c->came = true;
	}
	return n;
}

uint8_t *
pd_large_adopt(struct pd_client *c, const struct pd_key *k, const void *p,
    const struct pd_put *put)
{
	const struct pd_resp *r = &c->parser;

	if (r->far == NULL || p != r->far || put->len + 2 != r->far_size ||
	    put->keep != 0 || k->n != r->far_key)
		return NULL;
	/* The words of the command are read to its end. */
	pd_store_value_keep(r->far, r->far_key);
	return r->far;
}

/* The request waits as it came, in one piece. */
static void
put_back(struct pd_client *c)
{
	struct pd_resp *r = &c->parser;
	uint8_t *at;

	if (pd_buf_reserve(&c->in, r->far_size)) {
		pd_turn_doom(c);
		return;
	}
	at = c->in.data + c->in_at + r->far_at;
	memmove(at + r->far_size, at, c->in.len - (size_t)(at - c->in.data));
	memcpy(at, r->far, r->far_size);
	c->in.len += r->far_size;
}

void
pd_large_end(struct pd_client *c)
{
	struct pd_resp *r = &c->parser;

	wait_no_more(c);
	if (r->far == NULL)
		return;
	c->worker->large_bytes -= r->far_got;
	if (c->server->large_turn == c->id) {
		c->server->large_turn = 0;
		c->worker->gave_turn = true;
	}
	if (c->held_back && !c->closed)
		put_back(c);
	pd_store_value_free(r->far, r->far_key);
	r->far = NULL;
	r->far_size = r->far_got = 0;
	r->far_coming = false;
}
