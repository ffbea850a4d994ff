#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "cache/lock.h"
#include "cache/persist.h"
#include "cache/server.h"
#include "cache/snapshot_load.h"
#include "cache/snapshot_save.h"
#include "cache/store.h"
#include "io/atomicfile.h"
#include "io/loop.h"

#define SAVE_US 300	      /* of walking ... */
#define SAVE_EVERY 700	      /* ... and then of everything else, at least */
#define LOAD_US 500	      /* of loading in one turn of the loop */
#define BEHIND_US 2000	      /* until the thread is asked again */
#define WHOLE_US 10000	      /* a slice when nobody is served in between */
#define LOAD_MOST_US 30000000 /* of loading the rest at the end */

struct pd_persist {
	struct pd_server *server;
	struct pd_store **store; /* of all shards */
	size_t memory;		 /* after the last step */
	struct pd_timer timer;
	bool timed;
	struct pd_save *save;
	struct pd_load *load;
	bool unloaded;	     /* loading has not begun */
	bool unread;	     /* what is there, which only a command replaces */
	uint64_t total;	     /* keys when the save began */
	uint64_t began_us;   /* monotonic: the save or load under way */
	uint64_t due_us;     /* the next by the interval */
	uint64_t last_s;     /* since 1970 */
	uint64_t changes;    /* of keys, at that time */
	int64_t took_s;	     /* the last save; -1 none */
	bool failed;	     /* the last save */
	uint64_t longest_us; /* a step between turns, of processor time */
	uint64_t saves;
	struct pd_save_stats saved;
	struct pd_load_stats loaded;
	uint64_t load_us; /* how long it took */
	uint64_t load_failures;
};

static uint64_t
changes(const struct pd_server *s)
{
	struct pd_stats sum;

	pd_server_stats(s, &sum);
	return sum.writes + sum.deleted;
}

/* What changed since the last snapshot; counters may have been reset. */
static uint64_t
unsaved(const struct pd_server *s)
{
	const uint64_t now = changes(s);

	return now >= s->persist->changes ? now - s->persist->changes : now;
}

static unsigned
shard_of(void *cookie, const struct pd_snapshot_record *r)
{
	const struct pd_server *s = cookie;
	const struct pd_key k =
	    pd_store_key(pd_server_first(s), r->db, r->key, r->klen);

	return (unsigned)(pd_server_shard(s, k.hash) - s->shards);
}

/* A slice runs beside the other loops and takes one shard at a time; what is
 * done alone has them all. */
static void
lock_shard(void *cookie, unsigned i)
{
	struct pd_server *s = cookie;

	if (s->holder == NULL)
		pd_shard_lock(s->workers, &s->shards[i]);
}

static void
unlock_shard(void *cookie, unsigned i)
{
	struct pd_server *s = cookie;

	if (s->holder == NULL)
		pd_shard_unlock(s->workers, &s->shards[i]);
}

static struct pd_snapshot_stores
stores_of(struct pd_persist *p)
{
	return (struct pd_snapshot_stores){.store = p->store,
	    .n = p->server->nshards,
	    .lock = lock_shard,
	    .unlock = unlock_shard,
	    .of = shard_of,
	    .cookie = p->server};
}

static void step(void *cookie);

static void
step_in(struct pd_persist *p, uint64_t us)
{
	if (p->timed)
		pd_loop_untimer(p->server->workers->loop, &p->timer);
	p->timed = true;
	p->timer.fn = step;
	p->timer.cookie = p;
	pd_loop_timer(p->server->workers->loop, &p->timer, us);
}

/* Saving. */

static int
begin_save(struct pd_persist *p, struct pd_err *err)
{
	const struct pd_server_config *cfg = &p->server->cfg;
	const struct pd_save_config sc = {.path = cfg->snapshot,
	    .max_bytes = cfg->snapshot_max_bytes,
	    .compress = cfg->snapshot_compress};
	const struct pd_snapshot_stores stores = stores_of(p);
	uint32_t i;

	if (cfg->snapshot == NULL)
		return pd_err_set(err, "no file for snapshots is set");
	if (p->load != NULL || p->unloaded)
		return pd_err_set(err, "the snapshot is still being loaded");
	p->began_us = pd_clock_mono_us();
	for (p->total = 0, i = 0; i < p->server->nshards; i++)
		p->total += p->store[i]->total;
	if ((p->save = pd_save_new(&sc, &stores, err)) == NULL) {
		p->failed = true;
		return -1;
	}
	return 0;
}

/* The save is over, one way or the other. */
static void
end_save(struct pd_persist *p, const struct pd_err *failure)
{
	struct pd_server *s = p->server;
	const uint64_t us = pd_clock_mono_us() - p->began_us;

	p->took_s = (int64_t)(us / 1000000);
	p->failed = failure != NULL;
	p->saved = *pd_save_stats(p->save);
	pd_save_free(p->save);
	p->save = NULL;
	if (failure != NULL) {
		pd_server_log(s, PD_LOG_WARNING,
		    "no snapshot, the one before stays: %s", failure->msg);
		return;
	}
	p->saves++;
	p->unread = false;
	p->last_s = pd_clock_wall_us() / 1000000;
	p->changes = changes(s);
	pd_server_log(s, PD_LOG_NOTICE,
	    "snapshot '%s': %llu keys, %llu bytes, %.2f s", s->cfg.snapshot,
	    (unsigned long long)p->saved.records,
	    (unsigned long long)p->saved.bytes, (double)us / 1e6);
	if (p->saved.left_out > 0)
		pd_server_log(s, PD_LOG_WARNING,
		    "snapshot '%s' lacks %llu keys, the oldest: "
		    "--snapshot-max-bytes is %llu",
		    s->cfg.snapshot, (unsigned long long)p->saved.left_out,
		    (unsigned long long)s->cfg.snapshot_max_bytes);
}

/* When is the next step, after ${more_us} where there is more to do? False: it
 * is over, and this loop is alone. */
static bool
goes_on(struct pd_persist *p, enum pd_snapshot_state state, uint64_t more_us)
{
	if (state == PD_SNAPSHOT_MORE || state == PD_SNAPSHOT_WAIT) {
		step_in(p, state == PD_SNAPSHOT_MORE ? more_us : BEHIND_US);
		return true;
	}
	pd_worker_alone(p->server->workers);
	return false;
}

static void
step_save(struct pd_persist *p)
{
	const struct pd_save *save = p->save;
	struct pd_err err = PD_ERR_INIT;

	if (goes_on(p, pd_save_step(p->save, SAVE_US, &err), SAVE_EVERY))
		return;
	/* Another loop may have given it up before. */
	if (p->save == save)
		end_save(p, err.msg[0] != '\0' ? &err : NULL);
}

/* Has another signal come that ends the server? */
static bool
signalled(void)
{
	sigset_t set;

	return sigpending(&set) == 0 && (sigismember(&set, SIGTERM) == 1 ||
					    sigismember(&set, SIGINT) == 1);
}

/* Give a thread that is behind some time. */
static void
let_come(void)
{
	const struct timespec a_little = {.tv_nsec = 1000000};

	nanosleep(&a_little, NULL);
}

/* Go on with the save until it is over. 0, or -1 with a message. */
static int
save_whole(struct pd_persist *p, struct pd_err *err)
{
	for (;;) {
		switch (pd_save_step(p->save, WHOLE_US, err)) {
		case PD_SNAPSHOT_WAIT:
			let_come();
			break;
		case PD_SNAPSHOT_MORE:
			break;
		case PD_SNAPSHOT_DONE:
			end_save(p, NULL);
			return 0;
		case PD_SNAPSHOT_FAILED:
			end_save(p, err);
			return -1;
		}
		if (signalled()) {
			(void)pd_err_set(err, "given up for a signal");
			end_save(p, err);
			return -1;
		}
	}
}

int
pd_persist_background(struct pd_server *s, struct pd_err *err)
{
	struct pd_persist *p = s->persist;

	if (p->save != NULL)
		return pd_err_set(err, "Background save already in progress");
	return begin_save(p, err);
}

void
pd_persist_turn(struct pd_server *s)
{
	struct pd_persist *p = s->persist;

	if (p->save != NULL && !p->timed)
		step_in(p, 0);
}

int
pd_persist_now(struct pd_server *s, struct pd_err *err)
{
	struct pd_persist *p = s->persist;

	if (p->save != NULL)
		return pd_err_set(err, "Background save already in progress");
	return begin_save(p, err) ? -1 : save_whole(p, err);
}

/* Loading. */

static void
begin_load(struct pd_persist *p)
{
	struct pd_server *s = p->server;
	const struct pd_snapshot_limits limits = {.bytes = s->cfg.maxmemory,
	    .objects = s->cfg.maxobjects,
	    .max_value = s->cfg.max_value};
	const struct pd_snapshot_stores stores = stores_of(p);
	struct pd_err err = PD_ERR_INIT;

	p->unloaded = false;
	p->began_us = pd_clock_mono_us();
	p->load = pd_load_new(s->cfg.snapshot, &limits, &stores, &err);
	if (p->load != NULL)
		return;
	if (errno == ENOENT) {
		pd_server_log(s, PD_LOG_NOTICE, "there is no snapshot '%s' yet",
		    s->cfg.snapshot);
		return;
	}
	p->load_failures++;
	p->unread = true;
	pd_server_log(s, PD_LOG_WARNING, "starting empty: %s", err.msg);
}

static void
log_flaws(struct pd_persist *p)
{
	const struct pd_snapshot_read_stats *r = &p->loaded.read;
	struct pd_buf b = PD_BUF_INIT;
	unsigned i;

	if (r->nflaws == 0 && !r->torn)
		return;
	for (i = 0; i < r->nflaws; i++)
		pd_buf_printf(&b, "%s%llu", i == 0 ? " at byte " : ", ",
		    (unsigned long long)r->flaw[i]);
	if (pd_buf_cstr(&b) != NULL)
		pd_server_log(p->server, PD_LOG_WARNING,
		    "snapshot '%s' is %s%s: at least %llu keys are lost",
		    p->server->cfg.snapshot, r->torn ? "cut off" : "damaged",
		    (char *)b.data, (unsigned long long)r->lost);
	pd_buf_release(&b);
}

static void
end_load(struct pd_persist *p, bool whole)
{
	struct pd_server *s = p->server;
	const struct pd_load_stats *l = &p->loaded;

	p->load_us = pd_clock_mono_us() - p->began_us;
	p->loaded = *pd_load_stats(p->load);
	pd_load_free(p->load);
	p->load = NULL;
	log_flaws(p);
	pd_server_log(s, whole ? PD_LOG_NOTICE : PD_LOG_WARNING,
	    "snapshot '%s'%s: %llu keys loaded in %.2f s; %llu expired, %llu "
	    "changed by clients, %llu did not fit",
	    s->cfg.snapshot,
	    whole ? "" : " given up, clients changed too many keys",
	    (unsigned long long)l->loaded, (double)p->load_us / 1e6,
	    (unsigned long long)l->expired, (unsigned long long)l->newer,
	    (unsigned long long)l->refused + l->read.skipped);
	p->changes = changes(s);
}

static void
step_load(struct pd_persist *p)
{
	const enum pd_snapshot_state state = pd_load_step(p->load, LOAD_US);

	if (!goes_on(p, state, 0))
		end_load(p, state == PD_SNAPSHOT_DONE);
}

/*
 * The server ends before all is loaded: a snapshot of what is there would lack
 * the rest, and none would lack what clients wrote. So load on while nobody is
 * served, but not for ever, nor against another signal.
 */
static void
load_rest(struct pd_persist *p)
{
	const uint64_t until = pd_clock_mono_us() + LOAD_MOST_US;
	enum pd_snapshot_state state;

	if (p->unloaded)
		begin_load(p);
	while (p->load != NULL && !signalled() && pd_clock_mono_us() < until) {
		state = pd_load_step(p->load, WHOLE_US);
		if (state == PD_SNAPSHOT_WAIT)
			let_come();
		else if (state != PD_SNAPSHOT_MORE)
			end_load(p, state == PD_SNAPSHOT_DONE);
	}
}

int
pd_persist_end(struct pd_server *s)
{
	struct pd_persist *p = s->persist;
	struct pd_err err = PD_ERR_INIT;

	if (s->cfg.snapshot == NULL)
		return 0;
	load_rest(p);
	if (p->load != NULL) {
		pd_server_log(s, PD_LOG_WARNING,
		    "snapshot '%s' stays as it is: not all of it was loaded",
		    s->cfg.snapshot);
		return 0;
	}
	if (p->unread) {
		pd_server_log(s, PD_LOG_WARNING,
		    "'%s' stays as it is: it could not be read, and no SAVE "
		    "replaced it",
		    s->cfg.snapshot);
		return 0;
	}
	/* One under way may lack what was deleted since it began. */
	pd_save_free(p->save);
	p->save = NULL;
	if (begin_save(p, &err)) {
		pd_server_log(s, PD_LOG_WARNING,
		    "no snapshot, the one before stays: %s", err.msg);
		return -1;
	}
	return save_whole(p, &err);
}

/* Would a key that comes, or one that is evicted for it, concern others than
 * its shard? */
static bool
wants_all(const struct pd_persist *p)
{
	return p->load != NULL &&
	       (p->server->notify != 0 || p->store[0]->changed != NULL);
}

/* What this thread has had of the processor. */
static uint64_t
busy_us(void)
{
	struct timespec t = {0};

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

static void
step(void *cookie)
{
	struct pd_persist *p = cookie;
	struct pd_worker *w = p->server->workers;
	const uint64_t from = busy_us();
	uint64_t us;

	pd_worker_enter(w);
	if (p->unloaded || wants_all(p))
		pd_worker_alone(w);
	p->timed = false;
	if (p->unloaded)
		begin_load(p);
	if (p->load != NULL)
		step_load(p);
	else if (p->save != NULL)
		step_save(p);
	p->memory = sizeof(*p) +
		    (p->save != NULL ? pd_save_memory(p->save) : 0) +
		    (p->load != NULL ? pd_load_memory(p->load) : 0);
	us = busy_us() - from;
	if (us > p->longest_us)
		p->longest_us = us;
	pd_worker_together(w);
	pd_worker_leave(w);
}

int
pd_persist_open(struct pd_server *s, struct pd_err *err)
{
	struct pd_persist *p = calloc(1, sizeof(*p));
	uint32_t i;

	if (p == NULL)
		return pd_err_nomem(err);
	s->persist = p;
	p->server = s;
	if (s->cfg.snapshot != NULL &&
	    pd_atomicfile_check(s->cfg.snapshot, err))
		return -1;
	if ((p->store = calloc(s->nshards, sizeof(struct pd_store *))) == NULL)
		return pd_err_nomem(err);
	for (i = 0; i < s->nshards; i++)
		p->store[i] = s->shards[i].store;
	p->took_s = -1;
	p->last_s = pd_clock_wall_us() / 1000000;
	if (s->cfg.snapshot != NULL) {
		p->unloaded = true;
		step_in(p, 0);
	}
	return 0;
}

void
pd_persist_free(struct pd_persist *p)
{
	if (p == NULL)
		return;
	if (p->timed)
		pd_loop_untimer(p->server->workers->loop, &p->timer);
	pd_save_free(p->save);
	pd_load_free(p->load);
	free(p->store);
	free(p);
}

void
pd_persist_cron(struct pd_server *s)
{
	struct pd_persist *p = s->persist;
	const uint64_t now = pd_clock_mono_us();
	struct pd_err err = PD_ERR_INIT;

	if (s->cfg.snapshot == NULL || s->cfg.snapshot_interval_us == 0) {
		p->due_us = 0;
		return;
	}
	if (p->due_us == 0 || p->due_us > now + s->cfg.snapshot_interval_us)
		p->due_us = now + s->cfg.snapshot_interval_us;
	if (now < p->due_us || p->save != NULL || p->load != NULL ||
	    p->unloaded || p->unread)
		return;
	p->due_us = now + s->cfg.snapshot_interval_us;
	if (unsaved(s) > 0 && pd_persist_background(s, &err))
		pd_server_log(s, PD_LOG_WARNING,
		    "no snapshot, the one before stays: %s", err.msg);
}

uint64_t
pd_persist_last(const struct pd_server *s)
{
	return s->persist->last_s;
}

size_t
pd_persist_memory(const struct pd_server *s)
{
	return s->persist == NULL ? 0 : s->persist->memory;
}

static void
line(struct pd_buf *b, const char *name, uint64_t v)
{
	pd_buf_printf(b, "%s:%llu\r\n", name, (unsigned long long)v);
}

/* With the names of Redis; there is no child process. */
void
pd_persist_info(const struct pd_server *s, struct pd_buf *b)
{
	const struct pd_persist *p = s->persist;
	const struct pd_load_stats *l =
	    p->load != NULL ? pd_load_stats(p->load) : &p->loaded;
	const uint64_t us = pd_clock_mono_us() - p->began_us;

	line(b, "loading", 0); /* it serves while it loads */
	line(b, "async_loading", p->load != NULL || p->unloaded);
	line(b, "current_cow_peak", 0);
	line(b, "current_cow_size", 0);
	line(b, "current_cow_size_age", 0);
	pd_buf_addstr(b, "current_fork_perc:0.00\r\n");
	line(b, "current_save_keys_processed",
	    p->save != NULL ? pd_save_stats(p->save)->records : 0);
	line(b, "current_save_keys_total", p->save != NULL ? p->total : 0);
	line(b, "rdb_changes_since_last_save", unsaved(s));
	line(b, "rdb_bgsave_in_progress", p->save != NULL);
	line(b, "rdb_last_save_time", p->last_s);
	pd_buf_printf(
	    b, "rdb_last_bgsave_status:%s\r\n", p->failed ? "err" : "ok");
	pd_buf_printf(
	    b, "rdb_last_bgsave_time_sec:%lld\r\n", (long long)p->took_s);
	pd_buf_printf(b, "rdb_current_bgsave_time_sec:%lld\r\n",
	    p->save != NULL ? (long long)(us / 1000000) : -1);
	line(b, "rdb_saves", p->saves);
	line(b, "rdb_last_cow_size", 0);
	line(b, "rdb_last_load_keys_expired", l->expired);
	line(b, "rdb_last_load_keys_loaded", l->loaded);
	line(b, "aof_enabled", 0);
	line(b, "aof_rewrite_in_progress", 0);
	line(b, "aof_rewrite_scheduled", 0);
	pd_buf_addstr(b, "aof_last_rewrite_time_sec:-1\r\n");
	pd_buf_addstr(b, "aof_last_bgrewrite_status:ok\r\n");
	pd_buf_addstr(b, "aof_last_write_status:ok\r\n");
	line(b, "snapshot_last_bytes", p->saved.bytes);
	line(b, "snapshot_last_keys", p->saved.records);
	line(b, "snapshot_last_keys_left_out", p->saved.left_out);
	line(b, "snapshot_load_failures", p->load_failures);
	line(b, "snapshot_load_keys_changed", l->newer);
	line(b, "snapshot_load_keys_refused", l->refused + l->read.skipped);
	line(b, "snapshot_load_keys_lost", l->read.lost);
	line(b, "snapshot_load_damaged_bytes", l->read.damaged_bytes);
	line(b, "snapshot_load_torn", l->read.torn);
	line(b, "snapshot_load_ms", p->load_us / 1000);
	line(b, "snapshot_longest_step_us", p->longest_us);
}
