/* The loops of a server: their turns and their periodic work. */

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/ticks.h"
#include "cache/acl.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/large.h"
#include "cache/listen.h"
#include "cache/lock.h"
#include "cache/persist.h"
#include "cache/pubsub.h"
#include "cache/server.h"
#include "cache/store.h"
#include "cache/tap.h"
#include "cache/tapserve.h"
#include "cache/turn.h"

#define CRON_US 100000
#define DEFRAG_MOVES 128  /* in one go */
#define EXPIRE_SLOTS 2000 /* looked at in one go */
#define TRIM_LEAST (UINT64_C(1) << 20)

void
pd_worker_time(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	uint32_t i;

	w->mono_us = pd_clock_mono_us();
	w->now_us = w->mono_us + w->wall_offset_us;
	w->now_ms = (int64_t)(w->now_us / 1000);
	/* With several loops, a shard is told when it is locked. */
	for (i = 0; s->nworkers == 1 && i < s->nshards; i++)
		pd_store_time(s->shards[i].store, w->now_us, w->mono_us);
}

void
pd_worker_begin(struct pd_worker *w)
{
	const struct pd_server_config *cfg = &w->server->cfg;
	struct pd_io_stats *io = &w->io;

	pd_worker_time(w);
	w->stats.net_input_bytes += io->in;
	w->stats.net_output_bytes += io->out;
	w->stats.connections_received += io->received;
	w->stats.connections_rejected += io->rejected;
	w->stats.connections_dropped += io->dropped;
	w->stats.tap_sent += io->tap_sent;
	w->stats.tap_lost += io->tap_lost;
	*io = (struct pd_io_stats){0};
	w->limits = (struct pd_io_limits){cfg->query_max, cfg->output_pause};
	if (w->posted != NULL)
		pd_clients_collect(w);
}

void
pd_server_account(struct pd_server *s)
{
	uint64_t client = 0, turns = 0, rings = 0, all;
	struct pd_store *st;
	uint32_t i;

	for (i = 0; i < s->nworkers; i++) {
		client += s->workers[i].clients_bytes;
		turns += pd_turn_memory(s->workers[i].turn);
	}
	for (i = 0; i < s->nshards; i++)
		rings += pd_tap_memory(s->shards[i].tap);
	s->above = pd_limits_above(s, client);
	client += turns - s->above;
	all = client + rings + pd_pubsub_memory(s->pubsub) +
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

/* Drop what has expired, and move entries out of pages that are little used.
 * True when there is more. */
static bool
tidy_shard(struct pd_worker *w, struct pd_shard *sh)
{
	/* Who is told of it may be a client of another loop. */
	const bool alone = w->server->notify != 0;
	uint64_t expiring = 0;
	bool more = false;
	unsigned i;

	if (alone)
		pd_worker_alone(w);
	else
		pd_shard_lock(w, sh);
	for (i = 0; i < PD_STORE_DBS; i++)
		expiring += sh->store->expiring[i];
	if (expiring > 0 && !w->server->expire_lazily)
		more = pd_store_expire_some(sh->store, EXPIRE_SLOTS);
	more |= pd_store_defrag(sh->store, DEFRAG_MOVES);
	more |= pd_store_bury_some(sh->store);
	if (alone)
		pd_worker_together(w);
	else
		pd_shard_unlock(w, sh);
	return more;
}

static void
tidy_shards(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	const uint64_t from = pd_ticks();
	uint32_t i;

	w->more = false;
	for (i = w->number; i < s->nshards; i += s->nworkers)
		w->more |= tidy_shard(w, &s->shards[i]);
	pd_latency_event(w, PD_LATENCY_EXPIRE_CYCLE,
	    pd_timing_ns(&w->timing, pd_ticks() - from) / 1000000);
}

static void
end_pause(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	struct pd_client *c, *next;

	if (!w->holds_back || (int64_t)s->paused_until_ms > w->now_ms)
		return;
	w->holds_back = false;
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
		if (s->notify != 0)
			pd_worker_alone(w);
		else
			pd_shard_lock(w, sh);
		pd_store_tune(sh->store);
		sh->tick_was[sh->seconds++ % PD_SERVER_SECONDS] =
		    (uint32_t)sh->store->tick;
		if (s->holder == w)
			pd_worker_together(w);
		else
			pd_shard_unlock(w, sh);
	}
}

/* The periodic work of a loop, entered. */
static void
cron_within(struct pd_worker *w)
{
	tidy_shards(w);
	end_pause(w);
	if (w->cron_runs % 10 == 0) {
		pd_limits_sweep(w);
		tune_shards(w);
		pd_latency_calibrate(&w->timing, false);
	}
}

/*
 * Whether large values have become a quarter less: then malloc, which keeps
 * what is free between others, is told to give pages back. That takes some
 * microseconds a gap, of which there are no more than values that went.
 */
static bool
should_trim(struct pd_server *s)
{
	uint64_t n = 0, most = 0;
	struct pd_store *st;
	uint32_t i;

	for (i = 0; i < s->nshards; i++) {
		n += s->shards[i].store->large_bytes;
		most += s->shards[i].store->large_most;
	}
	if (most - n < TRIM_LEAST || most - n < most / 4)
		return false;
	for (i = 0; i < s->nshards; i++) {
		st = s->shards[i].store;
		st->large_most = st->large_bytes;
	}
	return true;
}

/* That of the server as a whole. True when memory is to be given back. */
static bool
cron_alone(struct pd_worker *w)
{
	bool trim = false;

	pd_worker_alone(w);
	if (w->cron_runs % 10 == 0) {
		count_ops(w);
		trim = should_trim(w->server);
	}
	pd_persist_cron(w->server);
	/* With one loop it is known all the time. */
	if (w->server->nworkers > 1 || w->cron_runs % 10 == 0)
		pd_server_account(w->server);
	pd_worker_together(w);
	return trim;
}

static void
cron(void *cookie)
{
	struct pd_worker *w = cookie;
	struct pd_server *s = w->server;
	bool trim = false;

	pd_listen_resume(w);
	w->wall_offset_us = pd_clock_wall_us() - pd_clock_mono_us();
	pd_worker_enter(w);
	pd_worker_begin(w);
	if (w->number == 0)
		trim = cron_alone(w);
	cron_within(w);
	pd_worker_leave(w);
	if (trim)
		malloc_trim(0);
	if (w->number == 0 && s->tapserver != NULL && w->cron_runs % 5 == 0)
		pd_tapserver_flush(s->tapserver);
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

	if (atomic_load_explicit(&s->stopping, memory_order_relaxed)) {
		pd_loop_stop(w->loop);
		return false;
	}
	pd_listen_receive(w);
	pd_turn_read_more(w);
	pd_turn_execute(w);
	pd_turn_write(w);
	if (w->clients_bytes > PD_CLIENTS_LEAST) {
		pd_worker_enter(w);
		pd_limits_evict(w);
		pd_worker_leave(w);
	}
	pd_turn_sweep(w);
	pd_clients_reap(w);
	if (w->nwaits > 0 || w->gave_turn)
		pd_large_resume(w);
	if (w->number == 0 && s->tapserver != NULL)
		pd_tapserver_drain(s->tapserver, false);
	if (w->number == 0 && s->cfg.snapshot != NULL) {
		pd_worker_enter(w);
		pd_persist_turn(s);
		pd_worker_leave(w);
	}
	if (w->more) {
		pd_worker_enter(w);
		tidy_shards(w);
		pd_worker_leave(w);
	}
	pd_server_write_log(s);
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
	w->wall_offset_us = pd_clock_wall_us() - pd_clock_mono_us();
	w->count = calloc(pd_commands_total(s->commands), sizeof(*w->count));
	w->recent = calloc(PD_COMMANDS_RECENT, sizeof(*w->recent));
	w->turn = pd_turn_new(&s->cfg.keys, i, s->nworkers > 1);
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

	s->nworkers = (unsigned)s->cfg.threads;
	s->workers = aligned_alloc(_Alignof(struct pd_worker),
	    (size_t)s->nworkers * sizeof(*s->workers));
	if (s->workers == NULL)
		return pd_err_nomem(err);
	memset(s->workers, 0, (size_t)s->nworkers * sizeof(*s->workers));
	/* Alone for ever, or until it serves with several. */
	s->holder = s->workers;
	for (i = 0; i < s->nworkers; i++)
		if (open_one(s, i, err))
			return -1;
	return 0;
}

static void *
serve(void *cookie)
{
	struct pd_worker *w = cookie;
	struct pd_err err = PD_ERR_INIT;

	if (pd_loop_run(w->loop, &err)) {
		pd_server_log(w->server, PD_LOG_WARNING, "%s", err.msg);
		pd_server_stop(w->server);
	}
	return NULL;
}

int
pd_workers_run(struct pd_server *s, struct pd_err *err)
{
	unsigned n = 1;
	int r = 0;

	if (s->nworkers > 1) {
		s->serving = true;
		s->holder = NULL;
	}
	for (; n < s->nworkers; n++)
		if ((errno = pthread_create(&s->workers[n].thread, NULL, serve,
			 &s->workers[n])) != 0) {
			r = pd_err_sys(err, "cannot start a thread");
			break;
		}
	if (r == 0)
		r = pd_loop_run(s->workers->loop, err);
	pd_server_stop(s);
	while (--n > 0)
		pthread_join(s->workers[n].thread, NULL);
	pd_server_write_log(s);
	s->serving = false;
	return r;
}

static void
end_clients(struct pd_worker *w)
{
	if (w->turn != NULL) {
		pd_turn_execute(w);
		pd_turn_write(w);
	}
	pd_worker_enter(w);
	while (w->clients != NULL)
		pd_client_close(w->clients);
	pd_worker_leave(w);
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
