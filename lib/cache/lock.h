#ifndef PD_CACHE_LOCK_H
#define PD_CACHE_LOCK_H

/*
 * Who may touch what when several loops serve. Each loop has a lock and each
 * shard has one.
 *
 * - A loop holds its own lock whenever it touches clients, counters or
 *   anything of the server (pd_worker_enter(), once a turn, around EXECUTE).
 *   It then reads what all share and changes what is its own.
 * - A command that touches its own client and the keys that it names runs so,
 *   with the locks of the shards of these keys, taken in ascending order.
 * - Anything else runs alone: with the locks of all loops, so that nobody else
 *   is anywhere. Then everything may be read and changed, the clients of other
 *   loops and the shards too; but for what a loop uses outside its lock, for
 *   reading and writing: a client's connection, its input and its replies.
 *
 * No lock is held across a system call on a socket or a file. A server with
 * one loop takes no locks.
 */

#include <stdbool.h>
#include <stdint.h>

#include "cache/server.h"

struct pd_arg;
struct pd_client;
struct pd_cmd;

/* 0, or -1 with a message. */
int pd_locks_open(struct pd_server *s, struct pd_err *err);
void pd_locks_close(struct pd_server *s);

void pd_worker_enter_slowly(struct pd_worker *w);
void pd_worker_leave_slowly(struct pd_worker *w);
void pd_worker_alone_slowly(struct pd_worker *w);
void pd_worker_together_slowly(struct pd_worker *w);

/* Take the loop's own lock, and let it go. */
static inline void
pd_worker_enter(struct pd_worker *w)
{
	if (w->server->nworkers > 1)
		pd_worker_enter_slowly(w);
}

static inline void
pd_worker_leave(struct pd_worker *w)
{
	if (w->server->nworkers > 1)
		pd_worker_leave_slowly(w);
}

/*
 * Within, be alone; and go on beside the others. When pd_worker_alone()
 * returns, another loop may have been alone since: what was looked at before
 * must be looked at again (clients may be closed, users gone).
 */
static inline void
pd_worker_alone(struct pd_worker *w)
{
	if (w->server->nworkers > 1)
		pd_worker_alone_slowly(w);
}

static inline void
pd_worker_together(struct pd_worker *w)
{
	if (w->server->nworkers > 1)
		pd_worker_together_slowly(w);
}

/*
 * Let everything go for a call on a file, by who is alone for a command, and be
 * alone again. pd_worker_out() says whether it did: not with one loop, and not
 * within a transaction, which nothing may come between. What was looked at
 * before must be looked at again.
 */
bool pd_worker_out(struct pd_worker *w);
void pd_worker_in(struct pd_worker *w, bool was_out);

/* The server's slow log, latencies and users' log, when not alone. */
static inline void
pd_notes_lock(struct pd_server *s)
{
	if (s->nworkers > 1)
		pthread_mutex_lock(&s->notes);
}

static inline void
pd_notes_unlock(struct pd_server *s)
{
	if (s->nworkers > 1)
		pthread_mutex_unlock(&s->notes);
}

/* One shard, within and not alone. */
void pd_shard_lock(struct pd_worker *w, struct pd_shard *sh);
/* False: another loop has it. */
bool pd_shard_trylock(struct pd_worker *w, struct pd_shard *sh);
void pd_shard_unlock(struct pd_worker *w, struct pd_shard *sh);

/* Has it this shard, locked or alone? */
static inline bool
pd_worker_has_shard(const struct pd_worker *w, uint32_t i)
{
	return w->server->holder == w || w->held[i / 64] & UINT64_C(1)
							       << i % 64;
}

/* What a command needs, and giving it back. Only with several loops. */
void pd_command_lock(struct pd_client *c, const struct pd_cmd *cmd,
    const struct pd_arg *argv, uint32_t argc);
void pd_command_unlock(struct pd_client *c);

/* After pd_worker_enter(): read the clock, take over what others left and what
 * was counted outside the lock. */
void pd_worker_begin(struct pd_worker *w);

/* Another loop has something to do, seen when this one leaves. */
void pd_worker_stir(struct pd_worker *w);

#endif /* PD_CACHE_LOCK_H */
