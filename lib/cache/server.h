#ifndef PD_CACHE_SERVER_H
#define PD_CACHE_SERVER_H

/*
 * A RESP server: shards that hold the keys, loops that serve clients, the
 * periodic work, the tap. What the server has to say goes through the log
 * function of its configuration; key names and values never do.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/keyfile.h"
#include "base/rng.h"
#include "cache/latency.h"
#include "cache/limits.h"
#include "cache/objective.h"
#include "cache/slowlog.h"
#include "cache/stats.h"
#include "data/namespace.h"
#include "data/sample.h"
#include "io/loop.h"

struct pd_acl;
struct pd_client;
struct pd_arrival;
struct pd_cmd_count;
struct pd_cmd_recent;
struct pd_commands;
struct pd_err;
struct pd_listener;
struct pd_model;
struct pd_monitors;
struct pd_persist;
struct pd_pubsub;
struct pd_store;
struct pd_tap;
struct pd_tapserver;
struct pd_tls_ctx;
struct pd_turn;
struct pd_verdict;
struct pd_watchtab;

#define PD_WORKERS_MAX 64
#define PD_SHARDS_MAX 256
#define PD_SERVER_PERCENTILES 16
#define PD_SERVER_KEPT 65
#define PD_SERVER_SECONDS 3600 /* idle times are told up to an hour */
#define PD_SERVER_ERRORS 64
#define PD_SERVER_CODE 24 /* bytes of an error's code */

enum pd_log_level {
	PD_LOG_DEBUG,
	PD_LOG_VERBOSE,
	PD_LOG_NOTICE,
	PD_LOG_WARNING,
	PD_LOG_NOTHING,
};

/* "debug", "verbose", "notice", "warning", "nothing"; -1 for another name. */
int pd_log_level_parse(const char *name);
const char *pd_log_level_name(enum pd_log_level level);

/* Who may use DEBUG. */
enum pd_debug_access {
	PD_DEBUG_NO,
	PD_DEBUG_LOCAL, /* connections from this machine */
	PD_DEBUG_YES,
};

/* A 512th of the memory, from 16 KiB to 4 MiB. */
#define PD_EVICTION_LOG_AUTO UINT64_MAX

struct pd_server_config {
	const char *bind; /* addresses, separated by spaces or commas */
	int64_t port;	  /* -1 none, 0 any */
	int64_t tls_port; /* -1 none, 0 any */
	const char *tls_cert;
	const char *tls_key;
	const char *tls_ca;	 /* NULL: clients need no certificate */
	const char *unixsocket;	 /* NULL none */
	char *password;		 /* NULL none; owned by the server */
	const char *aclfile;	 /* users; NULL none */
	const char *config_file; /* for CONFIG REWRITE; NULL none */
	bool redis_conf;	 /* it is one of Redis */
	bool protected_mode;
	enum pd_debug_access debug;
	uint64_t maxclients;
	uint64_t threads;	    /* loops, from 1 to PD_WORKERS_MAX */
	uint64_t shards;	    /* a power of two; 0: as threads ask for */
	uint64_t timeout_us;	    /* idle clients are closed; 0 never */
	uint64_t header_timeout_us; /* a request must be whole within it */
	uint64_t output_pause;	    /* queued bytes that pause a client */
	struct pd_out_limit output[PD_OUT_CLASSES]; /* and that end it */
	uint64_t clients_max;	  /* of all clients' buffers, PD_CLIENTS_AUTO */
	unsigned clients_percent; /* the same as a part of maxmemory; or 0 */
	unsigned keepalive_s;	  /* probes of silent connections; 0 none */
	uint64_t query_max;	  /* bytes of one request */
	uint64_t maxmemory;	  /* 0 no limit */
	uint64_t maxobjects;	  /* 0 no limit */
	uint64_t max_value;
	double max_share;
	uint64_t eviction_log; /* bytes; PD_EVICTION_LOG_AUTO */
	bool evict;
	const char *policy;
	enum pd_objective objective;
	const char *model;	 /* a bundle to start with, or NULL */
	const char *trusted_key; /* load only what it signed; or NULL */
	const char *tap;	 /* address, or NULL */
	struct pd_rates tap_rates;
	uint64_t tap_budget;		     /* events a second; 0 no limit */
	struct pd_namespaces tap_namespaces; /* told in streams, no others */
	struct pd_keys keys;
	const char *snapshot;	       /* a file, or NULL */
	uint64_t snapshot_interval_us; /* 0: at the end and when asked */
	uint64_t snapshot_max_bytes;   /* of the file; 0 no limit */
	bool snapshot_compress;
	enum pd_log_level log_level;
	void (*log)(void *cookie, enum pd_log_level level, const char *text);
	void *log_cookie;
};

/* Defaults for everything but keys and log. */
void pd_server_config_init(struct pd_server_config *cfg);
/* A quarter of the memory of the machine, or of the control group. */
uint64_t pd_server_default_memory(void);

/* How often an error was answered. */
struct pd_errorstat {
	char code[PD_SERVER_CODE];
	uint64_t count;
};

/*
 * One part of the keys, by bits of their hash: a store with its policy, ghosts
 * and ticks. On cache lines of its own.
 */
struct pd_shard {
	_Alignas(64) pthread_mutex_t lock;    /* lock.h; who has it may ... */
	struct pd_store *store;		      /* ... use this store */
	struct pd_stats stats;		      /* the store's */
	struct pd_tap *tap;		      /* likewise; NULL without --tap */
	uint32_t tick_was[PD_SERVER_SECONDS]; /* the store's, each second */
	uint64_t seconds;		      /* how many have been noted */
};

/* What a loop counts while it reads and writes, outside its lock; moved into
 * its stats when it executes. */
struct pd_io_stats {
	uint64_t in;
	uint64_t out;
	uint64_t received;
	uint64_t rejected;
	uint64_t dropped;
	uint64_t tap_sent;
	uint64_t tap_lost;
};

/* What a loop wants to know of the configuration meanwhile, taken then too. */
struct pd_io_limits {
	uint64_t query_max;
	uint64_t output_pause;
};

/*
 * One thread's event loop with the clients that it serves and what it counts.
 * Others touch it as lock.h says.
 */
struct pd_worker {
	_Alignas(64) pthread_mutex_t lock;
	struct pd_server *server;
	unsigned number;
	pthread_t thread; /* but for the first one's */
	/* The loop's own, with its lock or without. */
	struct pd_loop *loop;
	struct pd_listener *listeners;
	struct pd_io_stats io;
	struct pd_io_limits limits;
	uint64_t held[PD_SHARDS_MAX / 64]; /* shards that a command has */
	uint64_t stirred;		   /* loops that have to be woken */
	uint64_t kept[PD_SHARDS_MAX / 64]; /* shards that its turn has */
	bool keeps;			   /* any: commands lock none */
	uint32_t nwaits; /* clients with large values that wait (large.h) */
	bool gave_turn;	 /* others may go on with theirs */
	atomic_uint_least64_t large_bytes; /* of large values on their way */
	pthread_mutex_t door;		   /* of the next one */
	struct pd_arrival *arrivals;	   /* connections from other loops */
	atomic_uint_least64_t nclients;
	atomic_bool has_posted;
	atomic_bool has_dead;
	/* With its lock. */
	struct pd_client *clients; /* newest first */
	struct pd_client *dirty;   /* with replies to write */
	struct pd_client *dead;	   /* closed in this turn */
	struct pd_client *posted;  /* that others have sent something to */
	struct pd_client *current; /* whose commands run, or NULL */
	atomic_uint_least64_t clients_bytes; /* of buffers */
	struct pd_turn *turn;
	struct pd_timing timing;
	struct pd_stats stats;
	struct pd_cmd_count *count; /* of commands, by id */
	struct pd_cmd_recent *recent;
	uint64_t secret_in;   /* the command with secret words ... */
	uint32_t secret_from; /* ... and the first of them */
	struct pd_errorstat errorstat[PD_SERVER_ERRORS];
	unsigned nerrorstat;
	uint64_t wall_offset_us; /* wall clock minus monotonic clock */
	uint64_t mono_us;	 /* the time of this turn, ... */
	uint64_t now_us;	 /* ... since 1970, ... */
	int64_t now_ms;		 /* ... and in ms */
	struct pd_timer cron;
	uint64_t cron_runs;
	bool holds_back; /* a client, for CLIENT PAUSE */
	bool more;	 /* expired keys are left: do not sleep */
};

struct pd_server {
	struct pd_server_config cfg;
	struct pd_shard *shards;
	uint32_t nshards; /* a power of two */
	uint32_t shard_mask;
	struct pd_verdict *verdict; /* of their selectors; NULL with one */
	struct pd_worker *workers;
	unsigned nworkers;
	struct pd_commands *commands;
	struct pd_tls_ctx *tls;
	bool locks;		   /* are there */
	pthread_mutex_t turnstile; /* of who wants to be alone; lock.h */
	atomic_uint wanted;	   /* how many do */
	struct pd_worker *holder;  /* who is alone; NULL: nobody */
	pthread_mutex_t notes;	   /* of slowlog, latency, the users' log and
				    * what is to be logged */
	struct pd_buf lines;	   /* to be logged: level, text, NUL ... */
	atomic_bool has_lines;
	atomic_int log_level; /* enum pd_log_level */
	bool serving;	      /* with several loops: lines are logged later */
	atomic_bool stopping;
	/* The client whose large value is received come what may, and how many
	 * wait for that (large.h). */
	atomic_uint_least64_t large_turn;
	atomic_uint large_waiting;
	atomic_uint_least64_t nclients;
	uint64_t above; /* bytes of buffers that keys make no room for */
	uint64_t startup_bytes; /* counted at the start, without clients */
	atomic_uint_least64_t next_id;
	struct pd_watchtab *watches;
	struct pd_acl *acl;
	struct pd_pubsub *pubsub;
	struct pd_monitors *monitors; /* NULL as long as nobody watches */
	struct pd_latency latency;
	struct pd_slowlog slowlog;
	unsigned notify; /* enum pd_notify_class, 0 nobody is told */
	double percentile[PD_SERVER_PERCENTILES]; /* of INFO latencystats */
	unsigned npercentiles;
	char *kept[PD_SERVER_KEPT]; /* options without meaning; NULL: default */
	const char **changed;	    /* names of options that CONFIG SET set */
	uint32_t nchanged;
	struct pd_tapserver *tapserver;
	struct pd_persist *persist;
	struct pd_model *model;
	char *model_path;
	uint64_t model_loaded_us; /* since 1970 */
	bool loading_model;
	uint64_t started_us; /* since 1970 */
	uint64_t ops_last;   /* for the rate of commands */
	uint64_t ops_last_us;
	uint64_t ops_a_second;
	uint64_t paused_until_ms; /* CLIENT PAUSE */
	bool paused_all;	  /* not only writes */
	bool expire_lazily;	  /* DEBUG SET-ACTIVE-EXPIRE 0 */
	struct pd_rng rng;	  /* for drawing a shard */
	char runid[41];
	uint16_t port; /* in use, 0 none */
	uint16_t tls_port;
};

/* The shard of a key. Other bits decide where it is within the shard. */
static inline struct pd_shard *
pd_server_shard(const struct pd_server *s, uint64_t hash)
{
	const uint64_t mixed = hash * UINT64_C(0x9e3779b97f4a7c15);

	return &s->shards[(uint32_t)(mixed >> 40) & s->shard_mask];
}

/* The store that has a key, if any has. */
#define pd_server_store(s, k) (pd_server_shard((s), (k)->hash)->store)

/* Any store, for what is the same in all. */
static inline struct pd_store *
pd_server_first(const struct pd_server *s)
{
	return s->shards->store;
}

/* The client after ${c} of all loops, the first one after NULL; NULL at the
 * end. */
struct pd_client *pd_server_client(
    const struct pd_server *s, const struct pd_client *c);

/* The counters of all loops and shards. */
void pd_server_stats(const struct pd_server *s, struct pd_stats *sum);
void pd_server_reset_stats(struct pd_server *s);

/*
 * pd_server_new(cfg, err):
 * Make the store and listen. The configuration is copied, its strings are
 * borrowed. A model that cannot be loaded is logged, no more. NULL with a
 * message.
 */
struct pd_server *pd_server_new(
    const struct pd_server_config *cfg, struct pd_err *err);
/* Serve until pd_server_stop(), SIGTERM or SIGINT. 0, or -1 with a message. */
int pd_server_run(struct pd_server *s, struct pd_err *err);
void pd_server_stop(struct pd_server *s);
void pd_server_free(struct pd_server *s);

void pd_server_log(struct pd_server *s, enum pd_log_level level,
    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Write what loops wanted to log; who holds no lock. */
void pd_server_write_log(struct pd_server *s);

/* Load a model (NULL: unload); a failure keeps the old one. 0 or -1. */
int pd_server_load_model(
    struct pd_server *s, const char *path, struct pd_err *err);
/* Switch the policy by name. 0 or -1. */
int pd_server_set_policy(
    struct pd_server *s, const char *name, struct pd_err *err);
/* Set an option as CONFIG SET does. 0, or -1 with a message. */
int pd_config_apply(struct pd_server *s, const char *name, const char *value,
    struct pd_err *err);
/* How long ago the shard's tick was ${age} less, in seconds; an hour stands
 * for more. */
uint32_t pd_shard_idle(const struct pd_shard *sh, uint32_t age);
/* Tell the stores what buffers take. */
void pd_server_account(struct pd_server *s);
/* Read the clock, for the stores too. */
void pd_worker_time(struct pd_worker *w);

/* The loops, for pd_server_new() and pd_server_free(). 0, or -1 with a
 * message. */
int pd_workers_open(struct pd_server *s, struct pd_err *err);
/* Write what can be written to clients, then close them and the listeners. */
void pd_workers_end_clients(struct pd_server *s);
void pd_workers_close(struct pd_server *s);
/* Serve until the server is stopped: the first loop in this thread. 0, or -1
 * with a message. */
int pd_workers_run(struct pd_server *s, struct pd_err *err);
/* Begin the periodic work. */
void pd_worker_start(struct pd_worker *w);
void pd_worker_reset_stats(struct pd_worker *w);

#endif /* PD_CACHE_SERVER_H */
