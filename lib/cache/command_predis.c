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

/* ${a}: RATE share BY schemes: these are sampled so, the others as before. */
static bool
set_tap_by(struct pd_client *c, const struct pd_arg *a)
{
	struct pd_server *s = c->server;
	struct pd_rates rates = s->cfg.tap_rates;
	struct pd_err err = PD_ERR_INIT;
	char *share = pd_arg_dup(&a[2]), *by = pd_arg_dup(&a[4]);
	unsigned which;
	bool ok;

	ok = share != NULL && by != NULL &&
	     pd_rates_parse_by(by, &which, &err) == 0 &&
	     pd_rates_parse(share, which, &rates, &err) == 0;
	if (ok) {
		s->cfg.tap_rates = rates;
		if (s->tapserver != NULL)
			pd_tapserver_resample(s->tapserver);
	} else {
		pd_reply_errorf(&c->reply, "ERR %s", err.msg);
	}
	free(share);
	free(by);
	return ok;
}

static void
tap_rate(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	if (n != 3 && (n != 5 || !pd_arg_is(&a[3], "by"))) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	if (n == 3 ? set_tap(c, "tap-rate", &a[2]) : set_tap_by(c, a))
		pd_reply_ok(&c->reply);
}

static const struct {
	const char *rate, *sampled, *dropped;
} tap_names[PD_SCHEMES] = {
    [PD_SAMPLE_KEY] = {"key_rate", "key_sampled", "key_dropped"},
    [PD_SAMPLE_EVENT] = {"event_rate", "event_sampled", "event_dropped"},
    [PD_SAMPLE_WINDOW] = {"window_rate", "window_sampled", "window_dropped"},
};

/* What one scheme has and had. */
static void
tap_scheme(struct pd_reply *r, const struct pd_server *s, unsigned scheme)
{
	uint64_t sampled = 0, dropped = 0;
	const struct pd_tap *t;
	uint32_t i;

	for (i = 0; i < s->nshards && s->shards[i].tap != NULL; i++) {
		t = s->shards[i].tap;
		sampled += t->count[scheme].sampled;
		dropped += t->count[scheme].dropped;
	}
	pd_reply_pair_real(
	    r, tap_names[scheme].rate, s->cfg.tap_rates.of[scheme]);
	pd_reply_pair_int(r, tap_names[scheme].sampled, sampled);
	pd_reply_pair_int(r, tap_names[scheme].dropped, dropped);
}

static void
tap_info(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_server *s = c->server;
	struct pd_reply *r = &c->reply;
	struct pd_buf b = PD_BUF_INIT;
	uint64_t size = 0;
	struct pd_buf by = PD_BUF_INIT;
	unsigned scheme;
	struct pd_stats sum;
	uint32_t i;

	(void)a;
	(void)n;
	pd_server_stats(s, &sum);
	setting("tap-rate")->get(s, &b);
	setting("tap-by")->get(s, &by);
	pd_reply_map(r, 11 + 3 * (PD_SCHEMES - 1));
	pd_reply_pair_str(r, "address", s->cfg.tap ? s->cfg.tap : "");
	pd_reply_pair_str(r, "by", pd_buf_cstr(&by) ? (char *)by.data : "");
	pd_reply_pair_str(r, "rate", pd_buf_cstr(&b) ? (char *)b.data : "");
	pd_reply_pair_int(r, "clients",
	    s->tapserver ? pd_tapserver_clients(s->tapserver) : 0);
	for (i = 0; i < s->nshards && s->shards[i].tap != NULL; i++)
		size += s->shards[i].tap->size;
	pd_reply_pair_int(r, "ring_events", size);
	pd_reply_pair_int(
	    r, "waiting_events", sum.tap_sampled - sum.tap_sent - sum.tap_lost);
	pd_reply_pair_int(r, "sampled", sum.tap_sampled);
	pd_reply_pair_int(r, "sent", sum.tap_sent);
	pd_reply_pair_int(r, "lost", sum.tap_lost);
	pd_reply_pair_int(r, "budget_per_second", s->cfg.tap_budget);
	pd_buf_clear(&b);
	if (s->shards->tap != NULL)
		pd_rates_format(&s->shards->tap->rates, &b);
	pd_reply_pair_str(
	    r, "rate_in_force", pd_buf_cstr(&b) ? (char *)b.data : "");
	for (scheme = PD_SAMPLE_KEY; scheme < PD_SCHEMES; scheme++)
		tap_scheme(r, s, scheme);
	pd_buf_release(&by);
	pd_buf_release(&b);
}

static void
tap_rings(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	const struct pd_server *s = c->server;
	const uint32_t rings = s->shards->tap != NULL ? s->nshards : 0;
	struct pd_reply *r = &c->reply;
	uint64_t sampled, dropped;
	const struct pd_tap *t;
	uint32_t i, k;

	(void)a;
	(void)n;
	pd_reply_array(r, rings);
	for (i = 0; i < rings; i++) {
		t = s->shards[i].tap;
		sampled = dropped = 0;
		for (k = PD_SAMPLE_KEY; k < PD_SCHEMES; k++) {
			sampled += t->count[k].sampled;
			dropped += t->count[k].dropped;
		}
		/* Another loop may be taking some. */
		k = pd_tap_waiting(t);
		pd_reply_map(r, 6);
		pd_reply_pair_int(r, "shard", i);
		pd_reply_pair_int(r, "events", t->size);
		pd_reply_pair_int(r, "sampled", sampled);
		pd_reply_pair_int(r, "dropped", dropped);
		pd_reply_pair_int(r, "taken", sampled - dropped - k);
		pd_reply_pair_int(r, "waiting", k);
	}
}

static void
tap_help(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	static const char *const lines[] = {"INFO",
	    "    Sampling, clients and losses.",
	    "RATE <share> [BY <scheme>[,<scheme>...]]",
	    "    Sample so from now on, by what was sampled by or by these;",
	    "    0 is none. Clients get new headers.",
	    "RATE <scheme>=<share>[,<scheme>=<share>...]",
	    "    The same for each of key, event and window.", "RINGS",
	    "    Sampled, dropped, taken and waiting events of each ring.",
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
    {DEF("rings", 2, ASK), .run = tap_rings, .complexity = "O(N)",
	.summary = "What each ring of the tap sampled, dropped and holds."},
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
