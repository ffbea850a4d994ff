/* PREDIS.EXPLAIN: why a key is in the cache, or is not, as a map or as text. */

#include <math.h>
#include <stdarg.h>
#include <stdio.h>

#include "cache/command_table.h"
#include "cache/command_util.h"
#include "cache/context.h"
#include "cache/explain.h"
#include "cache/policy.h"
#include "model/model.h"

/* Where the answer goes: pairs of a map, or lines of text. */
struct answer {
	struct pd_reply *r;
	struct pd_buf *text; /* NULL: a map */
	size_t pairs;
};

static void
say_str(struct answer *o, const char *name, const char *v)
{
	o->pairs++;
	if (o->text != NULL)
		pd_buf_printf(o->text, "%-22s %s\n", name, v);
	else
		pd_reply_pair_str(o->r, name, v);
}

static void
say_int(struct answer *o, const char *name, int64_t v)
{
	o->pairs++;
	if (o->text != NULL) {
		pd_buf_printf(o->text, "%-22s %lld\n", name, (long long)v);
	} else {
		pd_reply_str(o->r, name);
		pd_reply_int(o->r, v);
	}
}

static void
say_real(struct answer *o, const char *name, double v)
{
	o->pairs++;
	if (o->text != NULL)
		pd_buf_printf(
		    o->text, "%-22s %.6g\n", name, isnan(v) ? (double)NAN : v);
	else
		pd_reply_pair_real(o->r, name, v);
}

/* Seconds from a time since 1970 to now. */
static void
say_ago(struct answer *o, const char *name, uint64_t now_us, uint64_t us)
{
	say_int(o, name, us < now_us ? (int64_t)((now_us - us) / 1000000) : 0);
}

static void
say_feature(struct answer *o, const struct pd_explain_feature *f)
{
	const struct pd_feature_info *info = &pd_feature_info[f->slot];

	if (o->text != NULL) {
		pd_buf_printf(o->text, "  %-20s %10.4g %-13s", info->name,
		    isnan(f->value) ? (double)NAN : (double)f->value,
		    info->unit);
		if (!isnan(f->contribution))
			pd_buf_printf(o->text, " %+10.4f", f->contribution);
		pd_buf_addstr(o->text, "\n");
		return;
	}
	pd_reply_map(o->r, isnan(f->contribution) ? 3 : 4);
	pd_reply_pair_str(o->r, "name", info->name);
	pd_reply_pair_str(o->r, "unit", info->unit);
	pd_reply_pair_real(o->r, "value", (double)f->value);
	if (!isnan(f->contribution))
		pd_reply_pair_real(o->r, "contribution", f->contribution);
}

static void
say_features(struct answer *o, const struct pd_explain *x)
{
	unsigned i;

	o->pairs++;
	if (o->text != NULL) {
		pd_buf_addstr(o->text, "features\n");
	} else {
		pd_reply_str(o->r, "features");
		pd_reply_array(o->r, x->features);
	}
	for (i = 0; i < x->features; i++)
		say_feature(o, &x->feature[i]);
}

static void
say_model(struct answer *o, const struct pd_server *s)
{
	say_str(o, "model", s->model != NULL ? s->model->name : "");
	say_str(o, "model_digest", s->model != NULL ? s->model->digest : "");
}

/* What the policy's own records say. */
static void
say_record(
    struct answer *o, const struct pd_store *st, const struct pd_explain *x)
{
	const struct pd_look *l = &x->look;

	say_int(o, "inserted_tick", (int64_t)(st->tick - l->residence));
	say_ago(o, "inserted_seconds_ago", st->now_us, x->inserted_us);
	say_int(o, "asked_tick", (int64_t)(st->tick - l->age));
	say_ago(o, "asked_seconds_ago", st->now_us, x->asked_us);
	say_int(o, "age_ticks", l->age);
	say_int(o, "residence_ticks", l->residence);
	say_int(o, "hits", l->hits);
	say_int(o, "accesses_known", l->accesses);
	say_int(o, "returning", l->returning);
}

static void
say_place(struct answer *o, const struct pd_look *l)
{
	if (l->queue != NULL) {
		say_str(o, "queue", l->queue);
		say_int(o, "queue_length", (int64_t)l->queue_length);
		if (l->position > 0)
			say_int(o, "queue_position", (int64_t)l->position);
	}
	if (l->counter >= 0)
		say_int(o, "counter", l->counter);
}

static void
say_score(struct answer *o, const struct pd_explain *x)
{
	say_int(o, "model_rules", x->model_rules);
	say_real(o, "score", x->score);
	say_real(o, "score_bias", x->bias);
	say_str(o, "attribution", x->by_cover ? "cover" : "equal");
	say_int(o, "rank", x->rank);
	say_int(o, "candidates", x->candidates);
}

static void
say_resident(
    struct answer *o, const struct pd_store *st, const struct pd_explain *x)
{
	struct pd_context_stats cs;

	pd_context_stats(st->context, &cs);
	say_int(o, "value_bytes", (int64_t)x->value_bytes);
	say_int(o, "memory_bytes", (int64_t)x->memory_bytes);
	say_int(o, "ttl_ms", x->expiry != 0 ? x->expiry - st->now_ms : -1);
	say_int(o, "eviction_age_ticks", (int64_t)cs.evict_age);
	if (x->look.recorded)
		say_record(o, st, x);
	say_place(o, &x->look);
	if (x->scored)
		say_score(o, x);
	if (x->features > 0)
		say_features(o, x);
}

static void
say_gone(struct answer *o, const struct pd_store *st,
    const struct pd_evictlog_entry *e)
{
	static const char *const sentences[PD_GONE_REASONS] = {
	    [PD_GONE_SCORE] = "evicted: the model scored it highest of some",
	    [PD_GONE_LRU] = "evicted: of all it had not been asked for longest",
	    [PD_GONE_POLICY] = "evicted: the policy's choice",
	    [PD_GONE_EXPIRED] = "expired",
	    [PD_GONE_DELETED] = "deleted by a command",
	    [PD_GONE_FLUSHED] = "deleted with a whole database",
	};
	char mark[9];

	say_str(o, "reason", pd_gone_name((enum pd_gone)e->why));
	say_str(o, "explanation", sentences[e->why]);
	say_int(o, "gone_tick", (int64_t)e->tick);
	say_int(o, "gone_ticks_ago", (int64_t)(st->tick - e->tick));
	say_ago(
	    o, "gone_seconds_ago", st->now_us, (uint64_t)e->time_s * 1000000);
	say_str(o, "gone_policy", pd_policies[e->policy]->name);
	snprintf(mark, sizeof(mark), "%08lx", (unsigned long)e->model);
	say_str(o, "gone_model_digest", e->model != 0 ? mark : "");
	if (!isnan(e->score))
		say_real(o, "gone_score", (double)e->score);
	if (e->age == PD_EVICTLOG_UNKNOWN)
		return;
	say_int(o, "gone_age_ticks", e->age);
	say_int(o, "gone_residence_ticks", e->residence);
	say_int(o, "gone_hits", e->hits);
	say_int(o, "gone_accesses_known", e->accesses);
}

static void
say_absent(
    struct answer *o, const struct pd_store *st, const struct pd_explain *x)
{
	if (x->known) {
		say_gone(o, st, &x->gone);
	} else {
		say_str(o, "reason", "unknown");
		say_str(o, "explanation",
		    "never seen, or gone for longer than the log remembers: "
		    "these cannot be told apart");
	}
	say_int(o, "log_entries", pd_evictlog_used(st->evictlog));
	say_int(o, "log_size", pd_evictlog_size(st->evictlog));
	if (st->flushed_us != 0)
		say_ago(o, "flushed_seconds_ago", st->now_us, st->flushed_us);
}

static void
answer(struct answer *o, struct pd_client *c, const struct pd_store *st,
    const struct pd_explain *x)
{
	say_str(o, "state", x->resident ? "resident" : "absent");
	say_str(o, "policy", x->policy);
	say_str(o, "ruling", x->ruling);
	say_model(o, c->server);
	say_int(o, "tick", (int64_t)st->tick);
	if (x->resident)
		say_resident(o, st, x);
	else
		say_absent(o, st, x);
}

static void
run_explain(struct pd_client *c, const struct pd_arg *a, uint32_t n)
{
	struct pd_buf text = PD_BUF_INIT;
	struct answer o = {.r = &c->reply};
	struct pd_store *st;
	struct pd_explain x;
	struct pd_key k;
	size_t place;

	if (n > 3 || (n == 3 && !pd_arg_is(&a[2], "text"))) {
		pd_reply_error(&c->reply, PD_ERR_SYNTAX);
		return;
	}
	if (!pd_arg_key(c, &a[1], &k))
		return;
	st = pd_server_store(c->server, &k);
	pd_explain(st, &k, &x);
	if (n == 2) {
		place = pd_reply_later(&c->reply);
		answer(&o, c, st, &x);
		pd_reply_now_map(&c->reply, place, o.pairs);
		return;
	}
	o.text = &text;
	answer(&o, c, st, &x);
	if (pd_buf_cstr(&text) == NULL)
		pd_reply_error(&c->reply, "ERR out of memory");
	else
		pd_reply_text(&c->reply, (const char *)text.data, text.len);
	pd_buf_release(&text);
}

const struct pd_command pd_commands_explain[] = {
    {.name = "predis.explain",
	.arity = -2,
	.flags = PD_CMD_READONLY,
	.cats = PD_CAT_PREDIS | PD_CAT_KEYSPACE,
	.key = {{1, 0, 1, PD_KEY_RO}},
	.run = run_explain,
	.group = "predis",
	.since = "0.1.0",
	.complexity = "O(N) with N the keys that the log remembers.",
	.summary = "Why a key is in the cache, or is not."},
    {.name = NULL},
};
