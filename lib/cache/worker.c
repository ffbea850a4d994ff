/* The loops of a server: their turns and their periodic work. */

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/ticks.h"
#include "cache/acl.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/listen.h"
#include "cache/persist.h"
#include "cache/pubsub.h"
#include "cache/server.h"
#include "cache/store.h"
#include "cache/tap.h"
#include "cache/tapserve.h"
#include "cache/turn.h"

#define CRON_US 100000
#define EXPIRE_SLOTS 2000 /* looked at in one go */

void
pd_worker_time(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	uint32_t i;

	w->mono_us = pd_clock_mono_us();
	w->now_us = w->mono_us + s->wall_offset_us;
	w->now_ms = (int64_t)(w->now_us / 1000);
	for (i = 0; i < s->nshards; i++)
		pd_store_time(s->shards[i].store, w->now_us, w->mono_us);
}

void
pd_server_account(struct pd_server *s)
{
	uint64_t client = 0, turns = 0, all;
	struct pd_store *st;
	uint32_t i;

	for (i = 0; i < s->nworkers; i++) {
		client += s->workers[i].clients_bytes;
		turns += pd_turn_memory(s->workers[i].turn);
	}
	s->above = pd_limits_above(s, client);
	client += turns - s->above;
	all = client + pd_tap_memory(s->tap) + pd_pubsub_memory(s->pubsub) +
	      pd_slowlog_memory(&s->slowlog) + pd_acl_memory(s->acl) +
	      pd_latency_memory(&s->latency) + pd_persist_memory(s) +
	      (s->tapserver ? pd_tapserver_memory(s->tapserver) : 0);
	for (i = 0; i < s->nshards; i++) {
		st = s->shards[i].store;
		st->client_bytes = client / s->nshards;
		st->extern_bytes = all / s->nshards;
	}
}

struct pd_client *
pd_server_client(const struct pd_server *s, const struct pd_client *c)
{
	unsigned i = 0;

	if (c != NULL) {
		if (c->next != NULL)
			return c->next;
		i = c->worker->number + 1;
	}
	for (; i < s->nworkers; i++)
		if (s->workers[i].clients != NULL)
			return s->workers[i].clients;
	return NULL;
}

/* Periodic work. */

static bool
expire_shard(struct pd_shard *sh)
{
	uint64_t expiring = 0;
	unsigned i;

	for (i = 0; i < PD_STORE_DBS; i++)
		expiring += sh->store->expiring[i];
	return expiring > 0 && pd_store_expire_some(sh->store, EXPIRE_SLOTS);
}

static void
expire_keys(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	const uint64_t from = pd_ticks();
	uint32_t i;

	w->more = false;
	if (s->expire_lazily)
		return;
	for (i = w->number; i < s->nshards; i += s->nworkers)
		w->more |= expire_shard(&s->shards[i]);
	pd_latency_event(w, PD_LATENCY_EXPIRE_CYCLE,
	    pd_timing_ns(&w->timing, pd_ticks() - from) / 1000000);
}

static void
end_pause(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	struct pd_client *c, *next;

	if (s->paused_until_ms == 0 || (int64_t)s->paused_until_ms > w->now_ms)
		return;
	s->paused_until_ms = 0;
	for (c = w->clients; c != NULL; c = next) {
		next = c->next;
		if (c->held_back)
			pd_client_resume(c);
	}
}

/* What is done once a second for the server as a whole. */
static void
count_ops(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	const uint64_t us = w->mono_us - s->ops_last_us;
	uint64_t n = 0;
	unsigned i;

	if (us == 0)
		return;
	for (i = 0; i < s->nworkers; i++)
		n += s->workers[i].stats.commands_processed;
	s->ops_a_second = (n - s->ops_last) * 1000000 / us;
	s->ops_last = n;
	s->ops_last_us = w->mono_us;
}

static void
tune_shards(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	struct pd_shard *sh;
	uint32_t i;

	for (i = w->number; i < s->nshards; i += s->nworkers) {
		sh = &s->shards[i];
		pd_store_tune(sh->store);
		sh->tick_was[sh->seconds++ % PD_SERVER_SECONDS] =
		    (uint32_t)sh->store->tick;
	}
}

static void
cron(void *cookie)
{
	struct pd_worker *w = cookie;
	struct pd_server *s = w->server;

	pd_listen_resume(w);
	if (w->number == 0)
		s->wall_offset_us = pd_clock_wall_us() - pd_clock_mono_us();
	pd_worker_time(w);
	expire_keys(w);
	end_pause(w);
	if (w->number == 0)
		pd_persist_cron(s);
	if (w->number == 0 && s->tapserver != NULL && w->cron_runs % 5 == 0)
		pd_tapserver_flush(s->tapserver);
	if (w->cron_runs % 10 == 0) {
		pd_limits_sweep(w);
		if (w->number == 0) {
			count_ops(w);
			pd_server_account(s);
		}
		tune_shards(w);
		pd_latency_calibrate(&w->timing, false);
	}
	w->cron_runs++;
	pd_loop_timer(w->loop, &w->cron, CRON_US);
}

/* Before the loop waits: what has been read is executed and answered, the dead
 * are freed, the tap drained. */
static bool
before_wait(void *cookie)
{
	struct pd_worker *w = cookie;
	struct pd_server *s = w->server;

	pd_turn_read_more(w);
	pd_turn_execute(w);
	pd_turn_write(w);
	if (w->clients_bytes > PD_CLIENTS_LEAST)
		pd_limits_evict(w);
	pd_turn_sweep(w);
	if (w->dead != NULL)
		pd_clients_reap(w);
	if (w->number == 0 && s->tapserver != NULL && s->tap->on)
		pd_tapserver_drain(s->tapserver, 0);
	if (w->number == 0)
		pd_persist_turn(s);
	if (w->more)
		expire_keys(w);
	return w->more || pd_turn_waits(w->turn);
}

void
pd_worker_start(struct pd_worker *w)
{
	w->cron.fn = cron;
	w->cron.cookie = w;
	pd_loop_timer(w->loop, &w->cron, CRON_US);
	pd_loop_before(w->loop, before_wait, w);
}

void
pd_worker_reset_stats(struct pd_worker *w)
{
	pd_counter_reset(pd_stats_table, pd_stats_count, &w->stats);
	memset(w->count, 0,
	    pd_commands_total(w->server->commands) * sizeof(*w->count));
	memset(w->errorstat, 0, sizeof(w->errorstat));
	w->nerrorstat = 0;
}

static int
open_one(struct pd_server *s, unsigned i, struct pd_err *err)
{
	struct pd_worker *w = &s->workers[i];

	w->server = s;
	w->number = i;
	w->count = calloc(pd_commands_total(s->commands), sizeof(*w->count));
	w->recent = calloc(PD_COMMANDS_RECENT, sizeof(*w->recent));
	w->turn = pd_turn_new();
	if (w->count == NULL || w->recent == NULL || w->turn == NULL)
		return pd_err_nomem(err);
	w->timing.slower_us = 10000;
	w->timing.tracking = true;
	if (i == 0)
		pd_latency_calibrate(&w->timing, true);
	else
		w->timing = s->workers[0].timing;
	return (w->loop = pd_loop_new(err)) == NULL ? -1 : 0;
}

int
pd_workers_open(struct pd_server *s, struct pd_err *err)
{
	unsigned i;

	s->nworkers = 1;
	s->workers = aligned_alloc(
	    _Alignof(struct pd_worker), s->nworkers * sizeof(*s->workers));
	if (s->workers == NULL)
		return pd_err_nomem(err);
	memset(s->workers, 0, s->nworkers * sizeof(*s->workers));
	for (i = 0; i < s->nworkers; i++)
		if (open_one(s, i, err))
			return -1;
	return 0;
}

static void
end_clients(struct pd_worker *w)
{
	if (w->turn != NULL) {
		pd_turn_execute(w);
		pd_turn_write(w);
	}
	while (w->clients != NULL)
		pd_client_close(w->clients);
	pd_clients_reap(w);
}

void
pd_workers_end_clients(struct pd_server *s)
{
	unsigned i;

	for (i = 0; s->workers != NULL && i < s->nworkers; i++)
		if (s->workers[i].loop != NULL)
			pd_listen_close(&s->workers[i]);
	for (i = 0; s->workers != NULL && i < s->nworkers; i++)
		end_clients(&s->workers[i]);
}

void
pd_workers_close(struct pd_server *s)
{
	struct pd_worker *w;
	unsigned i;

	for (i = 0; s->workers != NULL && i < s->nworkers; i++) {
		w = &s->workers[i];
		pd_turn_free(w->turn);
		free(w->count);
		free(w->recent);
		pd_loop_free(w->loop);
	}
	free(s->workers);
	s->workers = NULL;
}
