#include "cache/limits.h"
#include "cache/client.h"
#include "cache/server.h"
#include "cache/turn.h"

#define LEAST_RATE 1024 /* bytes a second of a request that is on its way */

bool
pd_limits_output(struct pd_client *c)
{
	const struct pd_out_limit *l =
	    &c->server->cfg.output[pd_client_subscribed(c) ? PD_OUT_PUBSUB
							   : PD_OUT_NORMAL];
	const uint64_t queued = pd_client_unread(c);
	const struct pd_worker *by = c->server->holder;
	const uint64_t now = (by != NULL ? by : c->worker)->mono_us;

	if (l->hard > 0 && queued > l->hard)
		return true;
	if (l->soft == 0 || queued < l->soft) {
		c->soft_us = 0;
		return false;
	}
	if (c->soft_us == 0)
		c->soft_us = now;
	return now - c->soft_us > l->soft_us;
}

/* A paused client executes nothing, so its output becomes less, or it does
 * not read at all: since when? */
static bool
reads_nothing(struct pd_client *c, uint64_t limit_us)
{
	const uint64_t queued = pd_reply_queued(&c->reply);
	const uint64_t now = c->worker->mono_us;

	if (!c->paused || queued < c->queued_was)
		c->stuck_us = now;
	c->queued_was = queued;
	return now - c->stuck_us > limit_us;
}

/* A request that began long ago and comes in drops. */
static bool
comes_slowly(const struct pd_client *c, uint64_t limit_us)
{
	const uint64_t age = c->worker->mono_us - c->request_us;

	return c->parser.discard == 0 && age > limit_us &&
	       c->in.len + c->parser.far_got < age / 1000000 * LEAST_RATE;
}

/* Why a client is to be closed, or NULL. */
static const char *
why_late(struct pd_client *c)
{
	const struct pd_server_config *cfg = &c->server->cfg;
	const uint64_t now = c->worker->mono_us, limit = cfg->header_timeout_us;
	const uint64_t idle = now > c->last_us ? now - c->last_us : 0;

	if (cfg->timeout_us > 0 && idle > cfg->timeout_us &&
	    !pd_client_subscribed(c) && !c->is_monitor)
		return "idle";
	if (limit == 0)
		return NULL;
	if (!c->authenticated && now - c->created_us > limit)
		return "no password";
	if (c->close_after && idle > limit)
		return "it does not read its last reply";
	if (reads_nothing(c, limit))
		return "it does not read its replies";
	if (c->request_us != 0 && !c->paused && !c->held_back && !c->waits &&
	    (idle > limit || comes_slowly(c, limit)))
		return "a request that does not end";
	return NULL;
}

static void
end(struct pd_client *c, enum pd_log_level level, const char *why)
{
	pd_server_log(c->server, level, "client %llu closed: %s",
	    (unsigned long long)c->id, why);
	c->worker->stats.connections_dropped++;
	pd_turn_doom(c);
}

void
pd_limits_sweep(struct pd_worker *w)
{
	struct pd_client *c;
	const char *why;

	for (c = w->clients; c != NULL; c = c->next) {
		if (c->doomed)
			continue;
		if ((why = why_late(c)) != NULL)
			end(c, PD_LOG_VERBOSE, why);
		else if (pd_limits_output(c))
			end(c, PD_LOG_WARNING, "too many unread replies");
	}
}

/* What a percentage or PD_CLIENTS_AUTO stands for. */
uint64_t
pd_limits_clients(const struct pd_server *s)
{
	const uint64_t memory = s->cfg.maxmemory;

	if (s->cfg.clients_percent > 0)
		return memory == 0 ? UINT64_MAX
				   : memory / 100 * s->cfg.clients_percent;
	if (s->cfg.clients_max == PD_CLIENTS_AUTO)
		return memory == 0
			   ? UINT64_MAX
			   : memory / PD_CLIENTS_SHARE + PD_CLIENTS_ABOVE;
	return s->cfg.clients_max == 0 ? UINT64_MAX : s->cfg.clients_max;
}

uint64_t
pd_limits_above(const struct pd_server *s, uint64_t bytes)
{
	const uint64_t share = s->cfg.maxmemory / PD_CLIENTS_SHARE;

	if (bytes <= share)
		return 0;
	return bytes - share < PD_CLIENTS_ABOVE ? bytes - share
						: PD_CLIENTS_ABOVE;
}

static struct pd_client *
largest(const struct pd_worker *w)
{
	struct pd_client *c, *most = NULL;
	size_t n, top = 0;

	for (c = w->clients; c != NULL; c = c->next)
		if (!c->no_evict && !c->doomed &&
		    (n = pd_client_memory(c)) > top) {
			top = n;
			most = c;
		}
	return most;
}

/* Large values that are on their way in: who sends one would have the store
 * make room for it anyway, so as much as one key may take is no buffer. */
static uint64_t
arriving(const struct pd_server *s)
{
	const double share = (double)s->cfg.maxmemory * s->cfg.max_share;
	uint64_t n = 0;
	unsigned i;

	for (i = 0; i < s->nworkers; i++)
		n += s->workers[i].large_bytes;
	return (double)n < share ? n : (uint64_t)share;
}

uint64_t
pd_limits_taken(const struct pd_server *s)
{
	uint64_t n = 0;
	unsigned i;

	for (i = 0; i < s->nworkers; i++)
		n += s->workers[i].clients_bytes;
	return n;
}

/* What other loops have takes from nobody his equal part. */
void
pd_limits_evict(struct pd_worker *w)
{
	const uint64_t limit = pd_limits_clients(w->server);
	const uint64_t part = limit / w->server->nworkers;
	uint64_t all = pd_limits_taken(w->server), own = w->clients_bytes, n;
	struct pd_client *c;

	if (all <= limit)
		return;
	n = w->server->cfg.clients_max == PD_CLIENTS_AUTO ? arriving(w->server)
							  : 0;
	all -= n < all ? n : all;
	n = n < w->large_bytes ? n : w->large_bytes;
	own -= n < own ? n : own;
	while (all > limit && own > part && (c = largest(w)) != NULL) {
		n = pd_client_memory(c);
		all -= n < all ? n : all;
		own -= n < own ? n : own;
		w->stats.clients_evicted++;
		end(c, PD_LOG_NOTICE, "the buffers of all take too much");
	}
}
