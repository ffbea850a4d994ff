/*
 * The locks of a server with several loops: a big-reader lock, of which each
 * loop holds its own part while it executes and a loop that wants to be alone
 * takes all parts, and a mutex for each shard. Who waits to be alone goes
 * first: the others pass a turnstile before they take their part again.
 */

/* PTHREAD_MUTEX_ADAPTIVE_NP: commands are shorter than going to sleep. */
#define _GNU_SOURCE

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>

#include "base/err.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/command_util.h"
#include "cache/lock.h"
#include "cache/store.h"
#include "io/loop.h"

#define WORD 64

_Static_assert(PD_SHARDS_MAX % WORD == 0, "held[] counts whole words");
_Static_assert(PD_WORKERS_MAX <= WORD, "stirred is one word");

static int
mutex_init(pthread_mutex_t *m)
{
	pthread_mutexattr_t attr;
	int r;

	if (pthread_mutexattr_init(&attr))
		return -1;
	r = pthread_mutexattr_settype(&attr, PTHREAD_MUTEX_ADAPTIVE_NP);
	if (r == 0)
		r = pthread_mutex_init(m, &attr);
	pthread_mutexattr_destroy(&attr);
	return r == 0 ? 0 : -1;
}

int
pd_locks_open(struct pd_server *s, struct pd_err *err)
{
	int r = mutex_init(&s->turnstile) | mutex_init(&s->notes);
	uint32_t i;

	for (i = 0; i < s->nshards; i++)
		r |= mutex_init(&s->shards[i].lock);
	for (i = 0; i < s->nworkers; i++) {
		r |= mutex_init(&s->workers[i].lock);
		r |= mutex_init(&s->workers[i].door);
	}
	s->locks = r == 0;
	return r == 0 ? 0 : pd_err_set(err, "cannot make locks");
}

void
pd_locks_close(struct pd_server *s)
{
	uint32_t i;

	if (!s->locks)
		return;
	pthread_mutex_destroy(&s->turnstile);
	pthread_mutex_destroy(&s->notes);
	for (i = 0; i < s->nshards; i++)
		pthread_mutex_destroy(&s->shards[i].lock);
	for (i = 0; i < s->nworkers; i++) {
		pthread_mutex_destroy(&s->workers[i].lock);
		pthread_mutex_destroy(&s->workers[i].door);
	}
}

/* Loops. */

void
pd_worker_enter_slowly(struct pd_worker *w)
{
	struct pd_server *s = w->server;

	if (atomic_load_explicit(&s->wanted, memory_order_relaxed) > 0) {
		pthread_mutex_lock(&s->turnstile);
		pthread_mutex_unlock(&s->turnstile);
	}
	pthread_mutex_lock(&w->lock);
}

void
pd_worker_leave_slowly(struct pd_worker *w)
{
	uint64_t stirred = w->stirred;
	struct pd_worker *const all = w->server->workers;

	w->stirred = 0;
	pthread_mutex_unlock(&w->lock);
	for (; stirred != 0; stirred &= stirred - 1)
		pd_loop_wake(all[__builtin_ctzll(stirred)].loop);
}

void
pd_worker_alone_slowly(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	uint32_t i;

	if (s->holder == w)
		return;
	atomic_fetch_add_explicit(&s->wanted, 1, memory_order_relaxed);
	pthread_mutex_unlock(&w->lock);
	pthread_mutex_lock(&s->turnstile);
	for (i = 0; i < s->nworkers; i++)
		pthread_mutex_lock(&s->workers[i].lock);
	atomic_fetch_sub_explicit(&s->wanted, 1, memory_order_relaxed);
	s->holder = w;
	w->stats.lock_alone++;
	for (i = 0; i < s->nshards; i++)
		pd_store_time(s->shards[i].store, w->now_us, w->mono_us);
}

void
pd_worker_together_slowly(struct pd_worker *w)
{
	struct pd_server *s = w->server;
	uint32_t i;

	if (s->holder != w)
		return;
	s->holder = NULL;
	for (i = 0; i < s->nworkers; i++)
		if (&s->workers[i] != w)
			pthread_mutex_unlock(&s->workers[i].lock);
	pthread_mutex_unlock(&s->turnstile);
}

bool
pd_worker_out(struct pd_worker *w)
{
	if (w->server->nworkers == 1 || w->server->holder != w ||
	    !w->server->serving || w->current == NULL || w->current->in_exec)
		return false;
	pd_worker_together_slowly(w);
	pd_worker_leave_slowly(w);
	return true;
}

void
pd_worker_in(struct pd_worker *w, bool was_out)
{
	if (!was_out)
		return;
	pd_worker_enter_slowly(w);
	pd_worker_alone_slowly(w);
}

void
pd_worker_stir(struct pd_worker *w)
{
	struct pd_worker *const by = w->server->holder;

	if (by != NULL && by != w)
		by->stirred |= UINT64_C(1) << w->number;
}

/* Shards. */

void
pd_shard_lock(struct pd_worker *w, struct pd_shard *sh)
{
	if (w->server->nworkers == 1)
		return;
	if (pthread_mutex_trylock(&sh->lock)) {
		w->stats.lock_waits++;
		pthread_mutex_lock(&sh->lock);
	}
	pd_store_time(sh->store, w->now_us, w->mono_us);
}

bool
pd_shard_trylock(struct pd_worker *w, struct pd_shard *sh)
{
	if (w->server->nworkers > 1 && pthread_mutex_trylock(&sh->lock))
		return false;
	pd_store_time(sh->store, w->now_us, w->mono_us);
	return true;
}

void
pd_shard_unlock(struct pd_worker *w, struct pd_shard *sh)
{
	if (w->server->nworkers > 1)
		pthread_mutex_unlock(&sh->lock);
}

/* Commands. */

struct keys {
	struct pd_client *c;
	const struct pd_arg *argv;
};

static void
need_key(void *cookie, uint32_t at, unsigned flags)
{
	const struct keys *ks = cookie;
	struct pd_worker *w = ks->c->worker;
	struct pd_server *s = w->server;
	const struct pd_arg *a = &ks->argv[at];
	struct pd_key k;
	uint32_t i;

	(void)flags;
	if (a->n > PD_KEY_MAX) /* the command refuses it */
		return;
	k = pd_store_key(pd_server_first(s), ks->c->db, a->p, a->n);
	i = (uint32_t)(pd_server_shard(s, k.hash) - s->shards);
	w->held[i / WORD] |= UINT64_C(1) << i % WORD;
}

static void
need_keys(struct pd_client *c, const struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc)
{
	struct keys ks = {c, argv};

	pd_command_keys(cmd, argv, argc, need_key, &ks);
}

/* The keys of a transaction. False: it must be alone. */
static bool
need_queued(struct pd_client *c)
{
	const struct pd_queued *q = c->queue;
	uint32_t i;

	if (c->nwatched > 0)
		return false;
	/* Another command could choose the database of the next keys. */
	for (i = 0; i < c->nqueue; i++)
		if (q[i].cmd->needs != PD_NEEDS_KEYS)
			return false;
	for (i = 0; i < c->nqueue; i++)
		need_keys(c, q[i].cmd, q[i].argv, q[i].argc);
	return true;
}

static void
lock_held(struct pd_worker *w)
{
	const uint32_t words = (w->server->nshards + WORD - 1) / WORD;
	uint64_t bits;
	uint32_t i;

	for (i = 0; i < words; i++)
		for (bits = w->held[i]; bits != 0; bits &= bits - 1)
			pd_shard_lock(
			    w, &w->server
				    ->shards[i * WORD +
					     (uint32_t)__builtin_ctzll(bits)]);
}

void
pd_command_lock(struct pd_client *c, const struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc)
{
	struct pd_worker *w = c->worker;
	const struct pd_server *s = w->server;
	enum pd_command_needs needs = cmd->needs;

	assert(s->holder != w);
	if (s->notify != 0 || s->monitors != NULL) {
		pd_worker_alone(w);
		return;
	}
	if (c->multi && !(cmd->flags & PD_CMD_NOT_QUEUED) &&
	    needs != PD_NEEDS_KEYS)
		return;
	switch (needs) {
	case PD_NEEDS_NOTHING:
		return;
	case PD_NEEDS_KEYS:
		need_keys(c, cmd, argv, argc);
		break;
	case PD_NEEDS_QUEUED:
		if (need_queued(c))
			break;
		pd_worker_alone(w);
		return;
	case PD_NEEDS_ALL:
		pd_worker_alone(w);
		return;
	}
	lock_held(w);
}

void
pd_command_unlock(struct pd_client *c)
{
	struct pd_worker *w = c->worker;
	const uint32_t words = (w->server->nshards + WORD - 1) / WORD;
	uint64_t bits;
	uint32_t i;

	if (w->server->holder == w) {
		pd_worker_together(w);
		return;
	}
	for (i = 0; i < words; i++) {
		for (bits = w->held[i]; bits != 0; bits &= bits - 1)
			pd_shard_unlock(
			    w, &w->server
				    ->shards[i * WORD +
					     (uint32_t)__builtin_ctzll(bits)]);
		w->held[i] = 0;
	}
}
