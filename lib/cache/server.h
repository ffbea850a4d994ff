#ifndef PD_CACHE_SERVER_H
#define PD_CACHE_SERVER_H

/*
 * A RESP server over one store: listeners, clients, the periodic work, the
 * tap. One thread, one event loop. What the server has to say goes through
 * the log function of its configuration; key names and values never do.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/keyfile.h"
#include "cache/latency.h"
#include "cache/objective.h"
#include "cache/slowlog.h"
#include "cache/stats.h"
#include "data/sample.h"
#include "io/loop.h"

struct pd_acl;
struct pd_client;
struct pd_commands;
struct pd_err;
struct pd_listener;
struct pd_model;
struct pd_monitors;
struct pd_pubsub;
struct pd_store;
struct pd_tap;
struct pd_tapserver;
struct pd_tls_ctx;
struct pd_watchtab;

#define PD_SERVER_PERCENTILES 16
#define PD_SERVER_KEPT 26
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
	bool protected_mode;
	uint64_t maxclients;
	uint64_t timeout_us;	    /* idle clients are closed; 0 never */
	uint64_t header_timeout_us; /* a request must be whole within it */
	uint64_t output_pause;	    /* queued bytes that pause a client */
	uint64_t output_max;	    /* and that end it */
	uint64_t query_max;	    /* bytes of one request */
	uint64_t maxmemory;	    /* 0 no limit */
	uint64_t maxobjects;	    /* 0 no limit */
	uint64_t max_value;
	double max_share;
	uint64_t eviction_log; /* bytes; PD_EVICTION_LOG_AUTO */
	bool evict;
	const char *policy;
	enum pd_objective objective;
	const char *model;	 /* a bundle to start with, or NULL */
	const char *trusted_key; /* load only what it signed; or NULL */
	const char *tap;	 /* address, or NULL */
	enum pd_scheme tap_scheme;
	double tap_rate;
	struct pd_keys keys;
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

struct pd_server {
	struct pd_server_config cfg;
	struct pd_loop *loop;
	struct pd_store *store;
	struct pd_commands *commands;
	struct pd_stats stats;
	struct pd_listener *listeners;
	struct pd_tls_ctx *tls;
	struct pd_client *clients; /* newest first */
	struct pd_client *dirty;   /* with replies to write */
	struct pd_client *dead;	   /* closed in this turn */
	struct pd_client *current; /* whose commands run, or NULL */
	uint64_t nclients;
	uint64_t next_id;
	uint64_t clients_bytes; /* of buffers */
	struct pd_buf input;	/* lent to the client that is being read */
	struct pd_watchtab *watches;
	struct pd_acl *acl;
	struct pd_pubsub *pubsub;
	struct pd_monitors *monitors; /* NULL as long as nobody watches */
	struct pd_timing timing;
	struct pd_latency latency;
	struct pd_slowlog slowlog;
	uint64_t secret_in;   /* the command with secret words ... */
	uint32_t secret_from; /* ... and the first of them */
	unsigned notify;      /* enum pd_notify_class, 0 nobody is told */
	struct pd_errorstat errorstat[PD_SERVER_ERRORS];
	unsigned nerrorstat;
	double percentile[PD_SERVER_PERCENTILES]; /* of INFO latencystats */
	unsigned npercentiles;
	char *kept[PD_SERVER_KEPT]; /* options without meaning; NULL: default */
	const char **changed;	    /* names of options that CONFIG SET set */
	uint32_t nchanged;
	struct pd_tap *tap;
	struct pd_tapserver *tapserver;
	struct pd_model *model;
	char *model_path;
	uint64_t model_loaded_us; /* since 1970 */
	uint64_t mono_us;	  /* the time of this turn */
	uint64_t wall_offset_us;  /* wall clock minus monotonic clock */
	struct pd_timer cron;
	uint64_t started_us; /* since 1970 */
	uint64_t cron_runs;
	uint32_t tick_was[PD_SERVER_SECONDS]; /* the store's, each second */
	uint64_t seconds;		      /* how many have been noted */
	uint64_t ops_last;		      /* for the rate of commands */
	uint64_t ops_last_us;
	uint64_t ops_a_second;
	uint64_t paused_until_ms; /* CLIENT PAUSE */
	bool paused_all;	  /* not only writes */
	bool more;		  /* expired keys are left: do not sleep */
	char runid[41];
	uint16_t port; /* in use, 0 none */
	uint16_t tls_port;
};

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

/* Load a model (NULL: unload); a failure keeps the old one. 0 or -1. */
int pd_server_load_model(
    struct pd_server *s, const char *path, struct pd_err *err);
/* Switch the policy by name. 0 or -1. */
int pd_server_set_policy(
    struct pd_server *s, const char *name, struct pd_err *err);
/* Set an option as CONFIG SET does. 0, or -1 with a message. */
int pd_config_apply(struct pd_server *s, const char *name, const char *value,
    struct pd_err *err);
/* How long ago the store's tick was ${age} less, in seconds; an hour stands
 * for more. */
uint32_t pd_server_idle(const struct pd_server *s, uint32_t age);
/* Tell the store what buffers take. */
void pd_server_account(struct pd_server *s);
/* Read the clock, for the store too. */
void pd_server_time(struct pd_server *s);

#endif /* PD_CACHE_SERVER_H */
