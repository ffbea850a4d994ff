#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <signal.h>

#include <sodium.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"
#include "base/text.h"
#include "base/ticks.h"
#include "cache/acl.h"
#include "cache/client.h"
#include "cache/command.h"
#include "cache/command_util.h"
#include "cache/listen.h"
#include "cache/lock.h"
#include "cache/persist.h"
#include "cache/policy.h"
#include "cache/pubsub.h"
#include "cache/server.h"
#include "cache/shard.h"
#include "cache/store.h"
#include "cache/tap.h"
#include "cache/tapserve.h"
#include "data/event.h"
#include "io/fd.h"
#include "io/tls.h"
#include "model/model.h"

#define LINES_MOST 65536 /* bytes of lines that wait to be logged */
#define RING_SHARE 100	 /* the tap's rings are at most this part of memory */

static const char *const level_names[] = {
    "debug", "verbose", "notice", "warning", "nothing"};

int
pd_log_level_parse(const char *name)
{
	int i;

	for (i = 0; i <= PD_LOG_NOTHING; i++)
		if (strcasecmp(name, level_names[i]) == 0)
			return i;
	return -1;
}

const char *
pd_log_level_name(enum pd_log_level level)
{
	return level_names[level];
}

/* Several loops: a line is written once nobody waits for it. */
static void
note_line(struct pd_server *s, enum pd_log_level level, const char *text)
{
	pthread_mutex_lock(&s->notes);
	if (s->lines.len < LINES_MOST) {
		pd_buf_addc(&s->lines, (char)('0' + (int)level));
		pd_buf_add(&s->lines, text, strlen(text) + 1);
	}
	atomic_store_explicit(&s->has_lines, true, memory_order_relaxed);
	pthread_mutex_unlock(&s->notes);
}

void
pd_server_log(
    struct pd_server *s, enum pd_log_level level, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if ((int)level < s->log_level || s->cfg.log == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	pd_text_printable(text, ""); /* names of models come from clients */
	if (s->serving)
		note_line(s, level, text);
	else
		s->cfg.log(s->cfg.log_cookie, level, text);
}

void
pd_server_write_log(struct pd_server *s)
{
	struct pd_buf lines;
	const char *p;

	if (!atomic_load_explicit(&s->has_lines, memory_order_relaxed))
		return;
	pthread_mutex_lock(&s->notes);
	lines = s->lines;
	s->lines = (struct pd_buf)PD_BUF_INIT;
	atomic_store_explicit(&s->has_lines, false, memory_order_relaxed);
	pthread_mutex_unlock(&s->notes);
	for (p = (const char *)lines.data;
	     p != NULL && p < (const char *)lines.data + lines.len;
	     p += strlen(p) + 1)
		s->cfg.log(
		    s->cfg.log_cookie, (enum pd_log_level)(*p - '0'), p + 1);
	pd_buf_release(&lines);
}

/* The number in a small file of the kernel, 0 when there is none. */
static uint64_t
read_limit(const char *path)
{
	struct pd_buf b = PD_BUF_INIT;
	uint64_t v = 0;
	char *nl;

	if (pd_read_file(path, 4096, &b, NULL) == 0 &&
	    pd_buf_cstr(&b) != NULL) {
		if ((nl = strchr((char *)b.data, '\n')) != NULL)
			*nl = '\0';
		if (pd_parse_u64((char *)b.data, &v, NULL))
			v = 0; /* "max" */
	}
	pd_buf_release(&b);
	return v;
}

uint64_t
pd_server_default_memory(void)
{
	static const char *const limits[] = {"/sys/fs/cgroup/memory.max",
	    "/sys/fs/cgroup/memory/memory.limit_in_bytes"};
	const long pages = sysconf(_SC_PHYS_PAGES);
	const long page = sysconf(_SC_PAGESIZE);
	uint64_t total = pages > 0 && page > 0
			     ? (uint64_t)pages * (uint64_t)page
			     : UINT64_C(1) << 30;
	uint64_t v;
	size_t i;

	for (i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		v = read_limit(limits[i]);
		if (v > 0 && v < total)
			total = v;
	}
	return total / 4;
}

void
pd_server_config_init(struct pd_server_config *cfg)
{
	memset(cfg, 0, sizeof(*cfg));
	cfg->bind = "127.0.0.1";
	cfg->port = 6379;
	cfg->tls_port = -1;
	cfg->protected_mode = true;
	cfg->maxclients = 10000;
	cfg->threads = 1;
	cfg->header_timeout_us = 60 * UINT64_C(1000000);
	cfg->output_pause = UINT64_C(64) << 20;
	cfg->output[PD_OUT_NORMAL].hard = UINT64_C(1) << 30;
	cfg->output[PD_OUT_PUBSUB] = (struct pd_out_limit){
	    UINT64_C(32) << 20, UINT64_C(8) << 20, 60 * UINT64_C(1000000)};
	cfg->clients_max = PD_CLIENTS_AUTO;
	cfg->keepalive_s = 300;
	cfg->query_max = UINT64_C(64) << 20;
	cfg->max_value = UINT64_C(8) << 20;
	cfg->max_share = 0.25;
	cfg->evict = true;
	cfg->eviction_log = PD_EVICTION_LOG_AUTO;
	cfg->policy = "selector";
	cfg->tap_rates.of[PD_SAMPLE_KEY] = PD_RATE_DEFAULT;
	cfg->log_level = PD_LOG_NOTICE;
}

/* Models and policies. */

/* The bundle at a path; other loops go on meanwhile. NULL with a message. */
static struct pd_model *
read_model(struct pd_server *s, const char *path, struct pd_err *err)
{
	struct pd_worker *w = s->holder;
	const bool out = pd_worker_out(w);
	struct pd_model *m =
	    s->cfg.trusted_key != NULL
		? pd_model_load_trusted(path, s->cfg.trusted_key, err)
		: pd_model_load(path, err);

	pd_worker_in(w, out);
	if (m == NULL) {
		w->stats.model_load_failures++;
		return NULL;
	}
	w->stats.model_loads++;
	return m;
}

/* A model for all shards, one after the other where other loops serve. */
static void
set_model(struct pd_server *s, const struct pd_model *m)
{
	struct pd_worker *w = s->holder;
	const bool out = pd_worker_out(w);
	struct pd_shard *sh;

	for (sh = s->shards; sh < s->shards + s->nshards; sh++) {
		if (out) {
			pd_worker_enter(w);
			pd_shard_lock(w, sh);
		}
		pd_store_set_model(sh->store, m);
		sh->store->model_bytes /= s->nshards; /* there is one */
		if (out) {
			pd_shard_unlock(w, sh);
			pd_worker_leave(w);
		}
	}
	pd_worker_in(w, out);
}

int
pd_server_load_model(struct pd_server *s, const char *path, struct pd_err *err)
{
	struct pd_model *m = NULL, *old = s->model;
	char *copy = NULL;

	if (s->loading_model)
		return pd_err_set(err, "another model is being loaded");
	if (path != NULL && (copy = strdup(path)) == NULL)
		return pd_err_nomem(err);
	s->loading_model = true;
	if (path != NULL && (m = read_model(s, path, err)) == NULL) {
		s->loading_model = false;
		free(copy);
		return -1;
	}
	set_model(s, m);
	s->loading_model = false;
	s->model_loaded_us = pd_clock_wall_us();
	s->model = m;
	free(s->model_path);
	s->model_path = copy;
	pd_model_free(old);
	return 0;
}

static void
on_signal(void *cookie, int signo)
{
	struct pd_server *s = cookie;

	pd_server_log(s, PD_LOG_NOTICE, "%s: shutting down",
	    signo == SIGTERM ? "SIGTERM" : "SIGINT");
	pd_worker_enter(s->workers);
	pd_worker_alone(s->workers);
	(void)pd_persist_end(s);
	pd_server_stop(s);
	pd_worker_together(s->workers);
	pd_worker_leave(s->workers);
}

/* Starting and ending. */

static int
open_tap(struct pd_server *s, struct pd_err *err)
{
	uint64_t events =
	    s->cfg.maxmemory > 0
		? s->cfg.maxmemory / RING_SHARE / (sizeof(struct pd_event) + 1)
		: PD_TAP_RING_MAX;
	struct pd_shard *sh;
	uint32_t i;

	if (s->cfg.tap == NULL)
		return 0;
	if (events > PD_TAP_RING_MAX)
		events = PD_TAP_RING_MAX;
	if (events < PD_TAP_RING_MIN)
		events = PD_TAP_RING_MIN;
	for (i = 0; i < s->nshards; i++) {
		sh = &s->shards[i];
		sh->tap = pd_tap_new(&s->cfg.keys, events / s->nshards,
		    &s->cfg.tap_rates, i, err);
		if (sh->tap == NULL)
			return -1;
		pd_store_set_tap(sh->store, sh->tap);
	}
	s->tapserver = pd_tapserver_new(s, s->cfg.tap, err);
	return s->tapserver == NULL ? -1 : 0;
}

/* The store lost a key by itself. */
static void
key_left(void *cookie, const struct pd_key *k, bool evicted)
{
	struct pd_server *s = cookie;

	if (s->notify == 0)
		return;
	if (evicted)
		pd_notify(s, PD_NOTIFY_EVICTED, "evicted", k);
	else
		pd_notify(s, PD_NOTIFY_EXPIRED, "expired", k);
}

static int
open_users(struct pd_server *s, struct pd_err *err)
{
	if (s->cfg.aclfile != NULL &&
	    pd_acl_load(s->acl, s->cfg.aclfile, NULL, NULL, err))
		return -1;
	if (s->cfg.password != NULL &&
	    pd_acl_set_password(
		s->acl, s->cfg.password, strlen(s->cfg.password)))
		return pd_err_nomem(err);
	return 0;
}

static int
start(struct pd_server *s, struct pd_err *err)
{
	static const int signals[] = {SIGTERM, SIGINT, 0};
	struct pd_err why = PD_ERR_INIT;
	struct pd_totals t;
	uint8_t id[20];
	unsigned i;

	if (pd_shards_open(s, err))
		return -1;
	if ((s->commands = pd_commands_new()) == NULL)
		return pd_err_nomem(err);
	if (pd_workers_open(s, err) || pd_locks_open(s, err))
		return -1;
	s->watches = pd_watchtab_new(s);
	s->pubsub = pd_pubsub_new(pd_server_first(s)->seed);
	if (s->watches == NULL || s->pubsub == NULL ||
	    (s->acl = pd_acl_new(s->commands)) == NULL)
		return pd_err_nomem(err);
	if (open_users(s, err))
		return -1;
	s->slowlog.max = 128;
	s->percentile[0] = 50;
	s->percentile[1] = 99;
	s->percentile[2] = 99.9;
	s->npercentiles = 3;
	for (i = 0; i < s->nshards; i++) {
		s->shards[i].store->left = key_left;
		s->shards[i].store->left_cookie = s;
	}
	randombytes_buf(id, sizeof(id));
	sodium_bin2hex(s->runid, sizeof(s->runid), id, sizeof(id));
	pd_worker_time(s->workers);
	s->started_us = s->workers->now_us;
	pd_rng_init(&s->rng, s->cfg.keys.table_seed);
	if (s->cfg.model != NULL && pd_server_load_model(s, s->cfg.model, &why))
		pd_server_log(
		    s, PD_LOG_WARNING, "serving without a model: %s", why.msg);
	if (pd_listen_open(s, err) || open_tap(s, err) ||
	    pd_persist_open(s, err) ||
	    pd_loop_signals(s->workers->loop, signals, on_signal, s, err))
		return -1;
	pd_server_account(s);
	pd_server_totals(s, &t);
	s->startup_bytes = t.memory - t.client_bytes;
	for (i = 0; i < s->nworkers; i++)
		pd_worker_start(&s->workers[i]);
	return 0;
}

struct pd_server *
pd_server_new(const struct pd_server_config *cfg, struct pd_err *err)
{
	struct pd_server *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	s->cfg = *cfg;
	s->log_level = (int)cfg->log_level;
	if (start(s, err)) {
		pd_server_free(s);
		return NULL;
	}
	return s;
}

int
pd_server_run(struct pd_server *s, struct pd_err *err)
{
	return pd_workers_run(s, err);
}

void
pd_server_stop(struct pd_server *s)
{
	unsigned i;

	atomic_store(&s->stopping, true);
	for (i = 0; i < s->nworkers; i++)
		if (s->nworkers > 1 && s->holder != NULL)
			pd_worker_stir(&s->workers[i]);
		else
			pd_loop_wake(s->workers[i].loop);
}

void
pd_server_free(struct pd_server *s)
{
	size_t i;

	if (s == NULL)
		return;
	pd_workers_end_clients(s);
	pd_tapserver_free(s->tapserver);
	pd_persist_free(s->persist);
	pd_locks_close(s);
	pd_shards_close(s);
	pd_model_free(s->model);
	free(s->model_path);
	pd_commands_free(s->commands);
	pd_watchtab_free(s->watches);
	pd_pubsub_free(s->pubsub);
	pd_acl_free(s->acl);
	pd_slowlog_release(&s->slowlog);
	pd_latency_release(&s->latency);
	for (i = 0; i < PD_SERVER_KEPT; i++)
		free(s->kept[i]);
	free(s->changed);
#if PD_TLS
	pd_tls_ctx_free(s->tls);
#endif
	pd_workers_close(s);
	if (s->cfg.password != NULL)
		sodium_memzero(s->cfg.password, strlen(s->cfg.password));
	free(s->cfg.password);
	free(s);
}
