/* PREDIS.MODEL, PREDIS.POLICY and PREDIS.TAP. */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"
#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/policy.h"
#include "cache/tap.h"
#include "cache/tapserve.h"
#include "model/model.h"

static void
model_load(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_err err = PD_ERR_INIT;
	char *path = pd_arg_dup(&a[2]);

	(void)n;
	if (path == NULL || strlen(path) != a[2].n) {
		free(path);
		pd_reply_error(&c->reply, "ERR invalid path");
		return;
	}
	if (c->server->cfg.trusted_key == NULL && !c->is_local) {
		pd_reply_error(&c->reply,
		    "ERR without --trusted-key models are loaded from this "
		    "machine only");
		free(path);
		return;
	}
	if (pd_server_load_model(c->server, path, &err)) {
		pd_server_log(
		    c->server, PD_LOG_WARNING, "model not loaded: %s", err.msg);
		pd_reply_errorf(&c->reply, "ERR %s", err.msg);
	} else {
		pd_server_log(c->server, PD_LOG_NOTICE,
		    "model '%s' loaded, digest %.16s%s", c->server->model->name,
		    c->server->model->digest,
		    c->server->cfg.trusted_key != NULL ? "" : ", not signed");
		pd_reply_ok(&c->reply);
	}
	free(path);
}

static void
model_unload(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	(void)a;
	(void)n;
	pd_server_load_model(c->server, NULL, NULL);
	pd_reply_ok(&c->reply);
}

static void
model_info(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_server *s = c->server;
	const struct pd_model *m = s->model;
	struct pd_reply *r = &c->reply;
	struct pd_stats sum;

	(void)a;
	(void)n;
	pd_server_stats(s, &sum);
	pd_reply_map(r, 11);
	pd_reply_pair_int(r, "loaded", m != NULL);
	pd_reply_pair_str(r, "name", m ? m->name : "");
	pd_reply_pair_str(r, "digest", m ? m->digest : "");
	pd_reply_pair_str(r, "path", s->model_path ? s->model_path : "");
	pd_reply_pair_str(r, "label", m ? m->label : "");
	pd_reply_pair_int(r, "columns", m ? m->cols : 0);
	pd_reply_pair_int(r, "capacity_objects", m ? m->capacity : 0);
	pd_reply_pair_int(r, "trained_at_us", m ? m->trained_at : 0);
	pd_reply_pair_int(r, "loaded_at_us", m ? s->model_loaded_us : 0);
	pd_reply_pair_int(r, "loads", sum.model_loads);
	pd_reply_pair_int(r, "load_failures", sum.model_load_failures);
}

static void
model_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"INFO", "    The model in force.",
	    "LOAD <path>",
	    "    Check a bundle and use it; a bad one changes nothing.",
	    "UNLOAD", "    Use no model.", NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "PREDIS.MODEL", lines);
}

static void
run_policy(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_policy_ops *const *p;
	struct pd_err err = PD_ERR_INIT;
	size_t count = 0;
	char *name;

	if (n == 1) {
		for (p = pd_policies; *p != NULL; p++)
			count++;
		pd_reply_map(&c->reply, 2);
		pd_reply_pair_str(&c->reply, "policy",
		    pd_server_first(c->server)->cfg.policy->name);
		pd_reply_str(&c->reply, "available");
		pd_reply_array(&c->reply, count);
		for (p = pd_policies; *p != NULL; p++)
			pd_reply_str(&c->reply, (*p)->name);
		return;
	}
	if (n != 2 || (name = pd_arg_dup(&a[1])) == NULL) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	if (pd_server_set_policy(c->server, name, &err))
		pd_reply_errorf(&c->reply, "ERR %s", err.msg);
	else
		pd_reply_ok(&c->reply);
	free(name);
}

static const struct pd_setting *
setting(const char *name)
{
	const struct pd_setting *p = pd_settings;

	while (strcmp(p->name, name) != 0)
		p++;
	return p;
}

/* Change a tap option by word; false having replied. */
static bool
set_tap(struct pd_client *c, const char *name, const struct pd_arg *a)
{
	struct pd_err err = PD_ERR_INIT;
	char *v = pd_arg_dup(a);
	bool ok;

	ok = v != NULL && setting(name)->set(c->server, v, &err) == 0;
	if (!ok)
		pd_reply_errorf(&c->reply, "ERR %s", err.msg);
	free(v);
	return ok;
}

static void
tap_rate(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	if (n != 3 && (n != 5 || !pd_arg_is(&a[3], "by"))) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	if (n == 5 && !set_tap(c, "tap-by", &a[4]))
		return;
	if (set_tap(c, "tap-rate", &a[2]))
		pd_reply_ok(&c->reply);
}

static void
tap_info(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_server *s = c->server;
	struct pd_reply *r = &c->reply;
	struct pd_buf b = PD_BUF_INIT;
	uint64_t size = 0, waiting = 0, lost = 0;
	struct pd_stats sum;
	uint32_t i;

	(void)a;
	(void)n;
	pd_server_stats(s, &sum);
	setting("tap-rate")->get(s, &b);
	pd_reply_map(r, 10);
	pd_reply_pair_str(r, "address", s->cfg.tap ? s->cfg.tap : "");
	pd_reply_pair_str(r, "by", pd_scheme_name(s->cfg.tap_scheme));
	pd_reply_pair_str(r, "rate", pd_buf_cstr(&b) ? (char *)b.data : "");
	pd_reply_pair_int(r, "clients",
	    s->tapserver ? pd_tapserver_clients(s->tapserver) : 0);
	for (i = 0; i < s->nshards && s->shards[i].tap != NULL; i++) {
		size += s->shards[i].tap->size;
		waiting += pd_tap_waiting(s->shards[i].tap);
		lost += s->shards[i].tap->lost;
	}
	pd_reply_pair_int(r, "ring_events", size);
	pd_reply_pair_int(r, "waiting_events", waiting);
	pd_reply_pair_int(r, "sampled", sum.tap_sampled);
	pd_reply_pair_int(r, "lost", sum.tap_lost + lost);
	pd_reply_pair_int(r, "budget_per_second", s->cfg.tap_budget);
	pd_reply_pair_real(r, "rate_in_force",
	    s->shards->tap != NULL ? s->shards->tap->sampler.rate : 0);
	pd_buf_release(&b);
}

static void
tap_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"INFO",
	    "    Sampling, clients and losses.",
	    "RATE <share> [BY (key|event|window)]",
	    "    Sample otherwise from now on; clients get a new header.",
	    NULL};

	(void)a;
	(void)n;
	pd_reply_help(c, "PREDIS.TAP", lines);
}

#define ADMIN (PD_CMD_ADMIN | PD_CMD_NOSCRIPT | PD_CMD_LOADING | PD_CMD_STALE)
#define ASK (PD_CMD_LOADING | PD_CMD_STALE)
#define DEF(name_, arity_, flags_)                                             \
	.name = (name_), .arity = (arity_), .flags = (flags_),                 \
	.cats = PD_CAT_PREDIS, .group = "predis", .since = "0.1.0"

static const struct pd_command model_subs[] = {
    {DEF("help", 2, ASK), .run = model_help, .complexity = "O(1)",
	.summary = "Help on the subcommands."},
    {DEF("info", 2, ASK), .run = model_info, .complexity = "O(1)",
	.summary = "The model in force."},
    {DEF("load", 3, ADMIN), .run = model_load, .complexity = "O(N)",
	.summary = "Check a model bundle and use it."},
    {DEF("unload", 2, ADMIN), .run = model_unload, .complexity = "O(1)",
	.summary = "Use no model."},
    {.name = NULL},
};

static const struct pd_command tap_subs[] = {
    {DEF("help", 2, ASK), .run = tap_help, .complexity = "O(1)",
	.summary = "Help on the subcommands."},
    {DEF("info", 2, ASK), .run = tap_info, .complexity = "O(1)",
	.summary = "Sampling, clients and losses of the tap."},
    {DEF("rate", -3, ADMIN), .run = tap_rate, .complexity = "O(1)",
	.summary = "Change the sampling of the tap."},
    {.name = NULL},
};

const struct pd_command pd_commands_predis[] = {
    {DEF("predis.model", -2, 0), .subs = model_subs,
	.complexity = "Depends on subcommand.",
	.summary = "Commands on the eviction model."},
    {DEF("predis.policy", -1, ADMIN), .run = run_policy, .complexity = "O(N)",
	.summary = "The eviction policy, or switch to another."},
    {DEF("predis.tap", -2, 0), .subs = tap_subs,
	.complexity = "Depends on subcommand.",
	.summary = "Commands on the tap."},
    {.name = NULL},
};
