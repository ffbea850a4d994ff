/* PREDIS.STATS and PREDIS.GHOST: counters, and what others would have hit. */

#include <math.h>

#include "cache/command_hotkeys.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/policy.h"
#include "cache/shard.h"
#include "model/model.h"

void
pd_server_gains(const struct pd_server *s, struct pd_gain_value *out)
{
	static const char *const names[PD_WHATIF_GHOSTS][4] = {
	    {"lru_hits", "lru_hits_gained", "lru_hits_gained_se",
		"lru_hits_gained_percent"},
	    {"builtin_hits", "builtin_hits_gained", "builtin_hits_gained_se",
		"builtin_hits_gained_percent"}};
	struct pd_totals t;
	struct pd_stats sum;
	double hits;
	unsigned i, k;

	pd_server_totals(s, &t);
	pd_server_stats(s, &sum);
	for (i = 0; i < PD_WHATIF_GHOSTS; i++) {
		hits = (double)sum.hits - t.whatif.ghost[i].gained;
		/* An estimate: never below none. */
		hits = hits < 0 ? 0 : hits;
		out[0].value = hits;
		out[1].value = t.whatif.ghost[i].gained;
		out[2].value = t.whatif.ghost[i].gained_se;
		out[3].value = hits > 0 ? 100 * t.whatif.ghost[i].gained / hits
					: (double)NAN;
		for (k = 0; k < 4; k++) {
			out[k].name = names[i][k];
			out[k].whole = k != 3;
			if (t.whatif.ghost[i].off)
				out[k].value = (double)NAN;
		}
		out += 4;
	}
}

static void
pair_value(struct pd_reply *r, const struct pd_gain_value *v)
{
	if (v->whole && !isnan(v->value))
		pd_reply_pair_round(r, v->name, v->value);
	else
		pd_reply_pair_real(r, v->name, v->value);
}

static double
share(uint64_t part, uint64_t rest)
{
	return part + rest == 0 ? (double)NAN
				: (double)part / (double)(part + rest);
}

#define RATIOS 4

/* What reads missed, as each objective counts it. */
static void
pair_ratios(
    struct pd_reply *r, const struct pd_server *s, const struct pd_stats *t)
{
	pd_reply_pair_str(r, "objective", pd_objective_name(s->cfg.objective));
	pd_reply_pair_real(r, "miss_ratio", share(t->misses, t->hits));
	pd_reply_pair_real(
	    r, "byte_miss_ratio", share(t->fill_bytes, t->hit_bytes));
	pd_reply_pair_real(
	    r, "cost_miss_ratio", share(t->fill_cost_us, t->hit_cost_us));
}

/* Of a policy that selects among others; ${n} numbers. */
static void
pair_selector(struct pd_reply *r, const struct pd_selector_stats *ss,
    const struct pd_selector_value *v, unsigned n)
{
	unsigned i;

	pd_reply_pair_str(r, "selector_ruling", ss->ruling);
	pd_reply_pair_str(r, "selector_contest", ss->contest);
	pd_reply_pair_str(r, "selector_champion_digest", ss->champion);
	for (i = 0; i < n; i++)
		if (v[i].whole)
			pd_reply_pair_round(r, v[i].name, v[i].value);
		else
			pd_reply_pair_real(r, v[i].name, v[i].value);
}

static void
run_stats(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_server *s = c->server;
	struct pd_gain_value gain[PD_GAIN_VALUES];
	struct pd_reply *r = &c->reply;
	struct pd_totals t;
	struct pd_stats sum;
	const struct pd_whatif_stats *ws = &t.whatif;
	struct pd_selector_value value[PD_SELECTOR_VALUES];
	unsigned values = 0;
	size_t i;

	if (n > 1 && pd_arg_is(&a[1], "hotkeys")) {
		pd_reply_hotkeys(c, a + 2, n - 2);
		return;
	}
	if (n > 1) {
		pd_reply_error(r, PD_ERR_SYNTAX);
		return;
	}
	pd_server_totals(s, &t);
	pd_server_stats(s, &sum);
	pd_server_gains(s, gain);
	if (t.selects)
		values = pd_selector_values(&t.selector, value);
	pd_reply_map(r, pd_stats_count + 13 + RATIOS + PD_GAIN_VALUES +
			    (values > 0 ? values + 3 : 0));
	pd_reply_pair_str(r, "policy", pd_server_first(s)->cfg.policy->name);
	pd_reply_pair_str(r, "model", s->model ? s->model->name : "");
	pd_reply_pair_str(r, "model_digest", s->model ? s->model->digest : "");
	pd_reply_pair_int(r, "tick", t.tick);
	pd_reply_pair_int(r, "objects", t.total);
	pd_reply_pair_int(r, "memory_bytes", t.memory);
	pd_reply_pair_int(r, "eviction_age_ticks", t.context.evict_age);
	pd_reply_pair_int(r, "ghost_seen", ws->reads);
	pd_reply_pair_int(r, "ghost_own_hits", ws->hits);
	pd_reply_pair_int(r, "ghost_hits", ws->ghost[PD_WHATIF_LRU].hits);
	pd_reply_pair_int(r, "ghost_objects", ws->ghost[PD_WHATIF_LRU].objects);
	pd_reply_pair_int(r, "ghost_rate_ppm", (uint64_t)(ws->rate * 1e6));
	pd_reply_pair_str(
	    r, "builtin_policy", ws->ghost[PD_WHATIF_BUILTIN].policy);
	pair_ratios(r, s, &sum);
	if (values > 0)
		pair_selector(r, &t.selector, value, values);
	for (i = 0; i < PD_GAIN_VALUES; i++)
		pair_value(r, &gain[i]);
	for (i = 0; i < pd_stats_count; i++)
		pd_reply_pair_int(r, pd_stats_table[i].name,
		    pd_counter_value(&pd_stats_table[i], &sum));
}

/* What all ghosts tell. */
struct ghost {
	const char *name;
	const char *policy;
	uint64_t capacity;
	double rate;
	uint64_t objects;
	uint64_t reads;
	uint64_t hits;
	uint64_t own_hits;
	size_t memory;
};

static void
reply_ghost(struct pd_client *c, const struct ghost *g)
{
	const bool by_bytes = c->server->cfg.maxobjects == 0;
	const uint64_t limit = c->server->cfg.maxmemory;
	struct pd_reply *r = &c->reply;

	/* 0: no limit. */
	pd_reply_map(r, 10);
	pd_reply_pair_str(r, "name", g->name);
	pd_reply_pair_str(r, "policy", g->policy);
	pd_reply_pair_int(r, by_bytes ? "capacity_bytes" : "capacity_objects",
	    by_bytes && limit == 0 ? 0 : g->capacity);
	pd_reply_pair_int(r, "rate_ppm", (uint64_t)(g->rate * 1e6));
	pd_reply_pair_int(r, "sampled_objects", g->objects);
	pd_reply_pair_int(r, "sampled_reads", g->reads);
	pd_reply_pair_int(r, "sampled_hits", g->hits);
	pd_reply_pair_int(r, "sampled_own_hits", g->own_hits);
	pd_reply_pair_real(r, "hit_ratio",
	    g->reads > 0 ? (double)g->hits / (double)g->reads : (double)NAN);
	pd_reply_pair_int(r, "memory_bytes", g->memory);
}

static void
run_ghost(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const names[PD_WHATIF_GHOSTS] = {"lru", "builtin"};
	struct pd_totals t;
	const struct pd_context_stats *cs = &t.context;
	const struct pd_whatif_stats *ws = &t.whatif;
	struct ghost g;
	unsigned i;

	(void)a;
	(void)n;
	pd_server_totals(c->server, &t);
	pd_reply_array(&c->reply, PD_WHATIF_GHOSTS + 1);
	for (i = 0; i < PD_WHATIF_GHOSTS; i++) {
		g = (struct ghost){names[i], ws->ghost[i].policy,
		    ws->ghost[i].capacity, ws->rate, ws->ghost[i].objects,
		    ws->reads, ws->ghost[i].hits, ws->hits,
		    ws->ghost[i].memory};
		reply_ghost(c, &g);
	}
	/* Counts writes too: it stands for accesses, which features count. */
	g = (struct ghost){"eviction-age", "lru", t.context_capacity, cs->rate,
	    cs->ghost_objects, cs->ghost_seen, cs->ghost_hits,
	    cs->ghost_own_hits, t.context_bytes};
	reply_ghost(c, &g);
}

#define ASK (PD_CMD_LOADING | PD_CMD_STALE)
#define DEF(name_, arity_)                                                     \
	.name = (name_), .arity = (arity_), .flags = ASK,                      \
	.cats = PD_CAT_PREDIS, .group = "predis", .since = "0.1.0",            \
	.complexity = "O(1)"

const struct pd_command pd_commands_stats[] = {
    {DEF("predis.ghost", 1), .run = run_ghost,
	.summary = "The ghost caches: capacity, rate, hits."},
    {DEF("predis.stats", -1), .run = run_stats,
	.summary = "Counters, and what other policies would have hit; or the "
		   "keys that are asked for most."},
    {.name = NULL},
};
