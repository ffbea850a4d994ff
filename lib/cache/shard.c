#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/command_util.h"
#include "cache/evictlog.h"
#include "cache/policy.h"
#include "cache/shard.h"
#include "cache/tap.h"

#define LOG_SHARE 512 /* of memory, for the keys that left */
#define LOG_LEAST (UINT64_C(16) << 10)
#define LOG_MOST (UINT64_C(4) << 20)
#define SHARD_BYTES (UINT64_C(16) << 20) /* a shard has at least */
#define SHARD_OBJECTS 2500
#define GHOSTS_LEAST 1250 /* objects of a ghost where shards are many */

/* The part of a limit that shard ${i} has; 0 is no limit. */
static uint64_t
part(const struct pd_server *s, uint64_t whole, uint32_t i)
{
	const uint64_t n = whole / s->nshards + (i < whole % s->nshards);

	return whole > 0 && n == 0 ? 1 : n;
}

static uint64_t
eviction_log(const struct pd_server *s)
{
	uint64_t n = s->cfg.eviction_log;

	if (n == PD_EVICTION_LOG_AUTO) {
		n = s->cfg.maxmemory / LOG_SHARE;
		if (n < LOG_LEAST)
			n = LOG_LEAST;
		if (n > LOG_MOST || s->cfg.maxmemory == 0)
			n = LOG_MOST;
	}
	return n / s->nshards;
}

/* Objects that a ghost of one shard holds: together they say as much of the
 * server as that of one shard would, and cost no more. */
static uint32_t
ghosts(const struct pd_server *s)
{
	const uint32_t n = PD_CONTEXT_MAX / s->nshards;

	return n < GHOSTS_LEAST ? GHOSTS_LEAST : n;
}

static int
open_one(struct pd_server *s, uint32_t i, struct pd_err *err)
{
	const struct pd_store_config sc = {
	    .maxmemory = part(s, s->cfg.maxmemory, i),
	    .maxobjects = part(s, s->cfg.maxobjects, i),
	    .max_value = s->cfg.max_value,
	    .max_share = s->cfg.max_share,
	    .eviction_log = eviction_log(s),
	    .evict = s->cfg.evict,
	    .ghosts = ghosts(s),
	    .evictable = PD_EVICT_ALL,
	    .policy = pd_policy_find(s->cfg.policy),
	    .objective = s->cfg.objective,
	    .verdict = s->verdict,
	    .leads = i == 0,
	    .keys = &s->cfg.keys,
	    .namespaces = &s->cfg.tap_namespaces,
	};
	struct pd_shard *sh = &s->shards[i];

	if (sc.policy == NULL)
		return pd_err_set(
		    err, "there is no policy '%s'", s->cfg.policy);
	sh->store = pd_store_new(&sc, &sh->stats, err);
	return sh->store == NULL ? -1 : 0;
}

/* As many as the threads want, as long as each has room for its ghosts: two
 * each, so that there is nearly always one that no other loop has. Two threads
 * are better off with two in all, whose batches are larger. */
static uint32_t
count_shards(const struct pd_server_config *cfg)
{
	const uint64_t want =
	    cfg->threads > 2 ? 2 * (uint64_t)cfg->threads : cfg->threads;
	uint32_t n = 1;

	if (cfg->shards != 0)
		return (uint32_t)cfg->shards;
	while (
	    n < want && n < PD_SHARDS_MAX &&
	    (cfg->maxmemory == 0 || cfg->maxmemory / 2 / n >= SHARD_BYTES) &&
	    (cfg->maxobjects == 0 || cfg->maxobjects / 2 / n >= SHARD_OBJECTS))
		n *= 2;
	return n;
}

int
pd_shards_open(struct pd_server *s, struct pd_err *err)
{
	uint32_t i;

	s->nshards = count_shards(&s->cfg);
	s->shards = aligned_alloc(
	    _Alignof(struct pd_shard), (size_t)s->nshards * sizeof(*s->shards));
	if (s->shards == NULL)
		return pd_err_nomem(err);
	memset(s->shards, 0, (size_t)s->nshards * sizeof(*s->shards));
	if (s->nshards > 1 && (s->verdict = pd_verdict_new()) == NULL)
		return pd_err_nomem(err);
	s->shard_mask = s->nshards - 1;
	for (i = 0; i < s->nshards; i++)
		if (open_one(s, i, err))
			return -1;
	return 0;
}

void
pd_shards_close(struct pd_server *s)
{
	uint32_t i;

	for (i = 0; s->shards != NULL && i < s->nshards; i++)
		if (s->shards[i].store != NULL) {
			pd_store_set_tap(s->shards[i].store, NULL);
			pd_store_free(s->shards[i].store);
			pd_tap_free(s->shards[i].tap);
		}
	free(s->shards);
	s->shards = NULL;
	pd_verdict_free(s->verdict);
	s->verdict = NULL;
}

/* Sums. */

static void
add_context(struct pd_context_stats *to, const struct pd_context_stats *c)
{
	to->accesses += c->accesses;
	to->hits += c->hits;
	to->ghost_seen += c->ghost_seen;
	to->ghost_own_hits += c->ghost_own_hits;
	to->ghost_hits += c->ghost_hits;
	to->ghost_objects += c->ghost_objects;
	to->rate += c->rate;
}

static void
add_gain(struct pd_whatif_gain *to, const struct pd_whatif_gain *g)
{
	to->policy = g->policy;
	to->capacity += g->capacity;
	to->objects += g->objects;
	to->used += g->used;
	to->hits += g->hits;
	to->off |= g->off;
	to->gained += g->gained;
	to->gained_se = hypot(to->gained_se, g->gained_se);
	to->memory += g->memory;
}

static void
add_whatif(struct pd_whatif_stats *to, const struct pd_whatif_stats *w)
{
	unsigned i;

	to->reads += w->reads;
	to->hits += w->hits;
	to->rate += w->rate;
	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		add_gain(&to->ghost[i], &w->ghost[i]);
}

static const char *
same_or(const char *a, const char *b, const char *other)
{
	return strcmp(a, b) == 0 ? a : other;
}

/* One of those that follow the first one's verdict, when they know of it. */
static void
add_selector(struct pd_selector_stats *to, const struct pd_selector_stats *ss)
{
	to->ruling = same_or(to->ruling, ss->ruling, "mixed");
	to->failed += ss->failed;
	to->memory += ss->memory;
}

static void
add_store(struct pd_totals *t, const struct pd_store *st)
{
	struct pd_context_stats cs;
	struct pd_whatif_stats ws;
	unsigned db;

	for (db = 0; db < PD_STORE_DBS; db++) {
		t->count[db] += st->count[db];
		t->expiring[db] += st->expiring[db];
	}
	t->total += st->total;
	t->tick += st->tick;
	t->memory += pd_store_counted(st);
	t->peak += pd_store_memory(st) > st->peak_bytes ? pd_store_memory(st)
							: st->peak_bytes;
	t->entry_bytes += st->entry_bytes;
	t->page_bytes += st->slab.held;
	t->waste_bytes += pd_store_waste(st);
	t->moving |= st->slab.emptying != PD_SLAB_NONE;
	t->index_bytes += pd_index_memory(&st->index);
	t->slots_bytes += pd_store_slots_memory(st);
	t->policy_bytes += st->policy->ops->memory(st->policy);
	t->context_bytes += pd_context_memory(st->context);
	t->context_capacity += pd_context_capacity(st->context);
	t->ghost_bytes += st->whatif_bytes;
	t->eviction_log_bytes += pd_evictlog_memory(st->evictlog);
	t->client_bytes += st->client_bytes;
	t->tap_bytes += pd_tap_memory(st->tap);
	pd_context_stats(st->context, &cs);
	add_context(&t->context, &cs);
	pd_whatif_stats(st->whatif, &ws);
	add_whatif(&t->whatif, &ws);
}

/* The policy's own numbers, where it is a selector: those of the first shard,
 * who judges for all on a sample of its keys, as numbers of the whole. */
static void
add_policies(const struct pd_server *s, struct pd_totals *t)
{
	struct pd_selector_stats ss;
	uint32_t k;

	if (!pd_selector_stats(pd_server_first(s)->policy, &t->selector))
		return;
	for (k = 1; k < s->nshards; k++)
		if (pd_selector_stats(s->shards[k].store->policy, &ss))
			add_selector(&t->selector, &ss);
	t->selects = true;
	t->selector.since *= s->nshards;
	t->selector.rate /= s->nshards;
}

void
pd_server_totals(const struct pd_server *s, struct pd_totals *t)
{
	struct pd_context_stats cs;
	uint64_t ages = 0, known = 0;
	uint32_t i;

	memset(t, 0, sizeof(*t));
	for (i = 0; i < s->nshards; i++) {
		add_store(t, s->shards[i].store);
		pd_context_stats(s->shards[i].store->context, &cs);
		ages += cs.evict_age;
		known += cs.evict_age > 0;
	}
	t->memory += s->above;
	t->client_bytes += s->above;
	if (t->peak < t->memory)
		t->peak = t->memory;
	t->context.evict_age = known == 0 ? 0 : ages * s->nshards / known;
	t->context.rate /= s->nshards;
	t->whatif.rate /= s->nshards;
	add_policies(s, t);
}

uint64_t
pd_server_keys(const struct pd_server *s, unsigned db)
{
	uint64_t n = 0;
	uint32_t i;

	for (i = 0; i < s->nshards; i++)
		n += s->shards[i].store->count[db];
	return n;
}

struct pd_store *
pd_server_random(struct pd_server *s, unsigned db)
{
	uint64_t n = pd_server_keys(s, db);
	uint32_t i;

	if (n == 0)
		return NULL;
	n = s->nshards == 1 ? 0 : pd_rng_u64(&s->rng) % n;
	for (i = 0; n >= s->shards[i].store->count[db]; i++)
		n -= s->shards[i].store->count[db];
	return s->shards[i].store;
}

void
pd_server_stats(const struct pd_server *s, struct pd_stats *sum)
{
	uint32_t i;

	memset(sum, 0, sizeof(*sum));
	for (i = 0; i < s->nshards; i++)
		pd_counter_add(
		    pd_stats_table, pd_stats_count, sum, &s->shards[i].stats);
	for (i = 0; i < s->nworkers; i++)
		pd_counter_add(
		    pd_stats_table, pd_stats_count, sum, &s->workers[i].stats);
}

void
pd_server_reset_stats(struct pd_server *s)
{
	struct pd_stats sum;
	uint64_t waiting;
	uint32_t i;

	pd_server_stats(s, &sum);
	waiting = sum.tap_sampled - sum.tap_sent - sum.tap_lost;

	for (i = 0; i < s->nshards; i++) {
		pd_counter_reset(
		    pd_stats_table, pd_stats_count, &s->shards[i].stats);
		s->shards[i].store->peak_bytes = 0;
		pd_whatif_reset(s->shards[i].store->whatif);
	}
	for (i = 0; i < s->nworkers; i++)
		pd_worker_reset_stats(&s->workers[i]);
	/* What waits will be sent or lost. */
	s->shards->stats.tap_sampled = waiting;
	s->ops_last = 0;
}

uint32_t
pd_shard_idle(const struct pd_shard *sh, uint32_t age)
{
	const uint32_t now = (uint32_t)sh->store->tick;
	uint32_t i;

	/* Noted i seconds ago: was the access after it? */
	for (i = 0; i < PD_SERVER_SECONDS && i < sh->seconds; i++)
		if (now - sh->tick_was[(sh->seconds - 1 - i) %
				       PD_SERVER_SECONDS] >
		    age)
			break;
	return i;
}

/* Settings. */

void
pd_server_set_limits(
    struct pd_server *s, uint64_t maxmemory, uint64_t maxobjects)
{
	uint32_t i;

	s->cfg.maxmemory = maxmemory;
	s->cfg.maxobjects = maxobjects;
	for (i = 0; i < s->nshards; i++) {
		/* First, so that no key goes for the log. */
		pd_store_shrink_eviction_log(
		    s->shards[i].store, eviction_log(s));
		pd_store_set_limits(s->shards[i].store, part(s, maxmemory, i),
		    part(s, maxobjects, i));
	}
}

void
pd_server_set_evictable(struct pd_server *s, enum pd_evictable which)
{
	uint32_t i;

	for (i = 0; i < s->nshards; i++)
		s->shards[i].store->cfg.evictable = which;
}

/* What the stores know of the settings that just change a number. */
static void
tell_stores(struct pd_server *s)
{
	uint32_t i;

	for (i = 0; i < s->nshards; i++) {
		s->shards[i].store->cfg.evict = s->cfg.evict;
		s->shards[i].store->cfg.max_value = s->cfg.max_value;
	}
}

void
pd_server_set_evict(struct pd_server *s, bool evict)
{
	s->cfg.evict = evict;
	tell_stores(s);
}

void
pd_server_set_max_value(struct pd_server *s, uint64_t bytes)
{
	s->cfg.max_value = bytes;
	tell_stores(s);
}

int
pd_server_set_objective(
    struct pd_server *s, enum pd_objective o, struct pd_err *err)
{
	const enum pd_objective old = s->cfg.objective;
	uint32_t i;

	for (i = 0; i < s->nshards; i++)
		if (pd_store_set_objective(s->shards[i].store, o, err))
			break;
	if (i == s->nshards) {
		s->cfg.objective = o;
		return 0;
	}
	while (i-- > 0)
		pd_store_set_objective(s->shards[i].store, old, NULL);
	return -1;
}

int
pd_server_set_policy(struct pd_server *s, const char *name, struct pd_err *err)
{
	const struct pd_policy_ops *ops = pd_policy_find(name);
	const struct pd_policy_ops *old = pd_server_first(s)->cfg.policy;
	uint32_t i;

	if (ops == NULL)
		return pd_err_set(err, "there is no policy '%s'", name);
	pd_server_set_evictable(s, PD_EVICT_ALL);
	if (ops == old)
		return 0;
	for (i = 0; i < s->nshards; i++)
		if (pd_store_set_policy(s->shards[i].store, ops, err))
			break;
	if (i == s->nshards)
		return 0;
	while (i-- > 0)
		pd_store_set_policy(s->shards[i].store, old, NULL);
	return -1;
}
