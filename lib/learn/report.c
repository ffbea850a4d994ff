#include <stdlib.h>

#include "base/err.h"
#include "data/feature.h"
#include "data/profile.h"
#include "io/json.h"
#include "learn/train.h"
#include "model/bundle.h"
#include "model/profiler.h"

static const char *
outcome_name(enum pd_learn_outcome o)
{
	static const char *const names[] = {"good", "worse", "few"};

	return names[o];
}

static void
put_u64(struct pd_json *j, const char *key, uint64_t v)
{
	pd_json_key(j, key);
	pd_json_u64(j, v);
}

static void
put_double(struct pd_json *j, const char *key, double v)
{
	pd_json_key(j, key);
	pd_json_double(j, v);
}

static void
put_features(struct pd_json *j, const struct pd_learn_result *r)
{
	unsigned i;

	pd_json_key(j, "features");
	pd_json_open(j, '[');
	for (i = 0; i < r->nslots; i++)
		pd_json_str(j, pd_feature_info[r->slots[i]].name);
	pd_json_close(j, ']');
	pd_json_key(j, "choice");
	pd_json_open(j, '[');
	for (i = 0; i < r->choices; i++) {
		pd_json_open(j, '{');
		pd_json_key(j, "feature");
		pd_json_str(j, pd_feature_info[r->choice[i].slot].name);
		pd_json_key(j, "used");
		pd_json_bool(j, r->choice[i].used);
		put_double(j, "error_other", r->choice[i].error_other);
		pd_json_close(j, '}');
	}
	pd_json_close(j, ']');
}

/* The score beside the labels; of "log_gap" they are no chances, but logs. */
static void
put_calibration(struct pd_json *j, const struct pd_calibration *c)
{
	unsigned i;

	put_double(j, "holdout_calibration_error", c->error);
	put_double(j, "holdout_calibration_slope", c->slope);
	put_double(j, "holdout_calibration_intercept", c->intercept);
	pd_json_key(j, "holdout_calibration");
	pd_json_open(j, '[');
	for (i = 0; i < PD_CALIBRATION_BINS; i++) {
		pd_json_open(j, '{');
		put_u64(j, "rows", c->bin[i].rows);
		put_double(j, "predicted", c->bin[i].predicted);
		put_double(j, "observed", c->bin[i].observed);
		pd_json_close(j, '}');
	}
	pd_json_close(j, ']');
}

static void
put_holdout(struct pd_json *j, const struct pd_learn_result *r,
    const struct pd_learn_params *p)
{
	const double n = (double)r->holdout_requests;

	put_u64(j, "holdout_rows", r->rows_holdout);
	put_double(j, "holdout_loss", r->loss);
	put_double(j, "holdout_loss_of_mean", r->loss_mean);
	put_double(j, "holdout_auc", r->auc);
	put_calibration(j, &r->calibration);
	put_u64(j, "holdout_requests", r->holdout_requests);
	put_u64(j, "holdout_misses", r->holdout_misses);
	put_u64(j, "holdout_misses_lru", r->holdout_misses_lru);
	put_double(j, "holdout_miss_ratio", (double)r->holdout_misses / n);
	put_double(
	    j, "holdout_miss_ratio_lru", (double)r->holdout_misses_lru / n);
	put_double(j, "holdout_objective_ratio",
	    (double)r->holdout_lost / (double)r->holdout_asked);
	put_double(j, "holdout_objective_ratio_lru",
	    (double)r->holdout_lost_lru / (double)r->holdout_asked);
	if (p->old != NULL)
		put_u64(j, "holdout_misses_old", r->holdout_misses_old);
}

int
pd_learn_metrics(const struct pd_learn_result *r,
    const struct pd_learn_params *p, struct pd_buf *out)
{
	struct pd_json j;

	pd_json_init(&j, out);
	pd_json_open(&j, '{');
	pd_json_key(&j, "outcome");
	pd_json_str(&j, outcome_name(r->outcome));
	pd_json_key(&j, "why");
	pd_json_str(&j, r->why);
	pd_json_key(&j, "label");
	pd_json_str(&j, pd_label_name(p->label));
	pd_json_key(&j, "objective");
	pd_json_str(&j, pd_objective_name(p->objective));
	put_u64(&j, "capacity_objects", p->by_bytes ? 0 : p->capacity);
	put_u64(&j, "capacity_bytes", p->by_bytes ? p->capacity : 0);
	put_u64(&j, "replayed_capacity", r->capacity);
	put_u64(&j, "requests", p->end - p->begin);
	put_u64(&j, "eviction_age_ticks", r->eviction_age);
	put_u64(&j, "horizon_ticks", r->horizon);
	put_u64(&j, "rows", r->nrows);
	put_u64(&j, "rows_censored", r->rows_censored);
	put_u64(&j, "rows_before_holdout", r->rows_fit);
	if (r->outcome != PD_LEARN_FEW) {
		put_holdout(&j, r, p);
		put_features(&j, r);
	}
	pd_json_close(&j, '}');
	return out->failed ? -1 : 0;
}

/* How it was trained, for the manifest. */
static void
put_training(struct pd_buf *out, const struct pd_learn_params *p)
{
	struct pd_json j;

	pd_json_init(&j, out);
	pd_json_open(&j, '{');
	put_u64(&j, "seed", p->seed);
	put_u64(&j, "rounds", p->rounds);
	put_u64(&j, "trees", p->trees);
	put_u64(&j, "depth", p->depth);
	put_double(&j, "eta", p->eta);
	put_double(&j, "holdout", p->holdout);
	put_u64(&j, "rows_a_round", p->rows);
	pd_json_key(&j, "refreshed");
	pd_json_bool(&j, p->old != NULL);
	pd_json_key(&j, "by_bytes");
	pd_json_bool(&j, p->by_bytes);
	pd_json_close(&j, '}');
}

/* The reference profile of the training rows, for predis-drift. */
static int
put_profile(const struct pd_learn_result *r, const struct pd_learn_params *p,
    uint64_t t_last_us, struct pd_buf *out, struct pd_err *err)
{
	struct pd_profile *f =
	    pd_profiler_rows(r->rows, r->nrows, r->slots, r->nslots, err);
	int rc;

	if (f == NULL)
		return -1;
	f->kind = PD_PROFILE_RESIDENT;
	f->scheme = r->rate < 1 ? PD_SAMPLE_KEY : PD_SAMPLE_NONE;
	f->rate = r->rate;
	f->capacity = p->capacity;
	f->t_first_us = r->t_first_us;
	f->t_last_us = t_last_us;
	rc = pd_profile_encode(f, out);
	free(f);
	return rc == -1 ? pd_err_nomem(err) : 0;
}

int
pd_learn_bundle(const struct pd_learn_result *r,
    const struct pd_learn_params *p, const char *name, uint64_t trained_at_us,
    struct pd_buf *out, struct pd_err *err)
{
	struct pd_buf training = PD_BUF_INIT, metrics = PD_BUF_INIT;
	struct pd_buf profile = PD_BUF_INIT;
	struct pd_bundle_parts parts = {0};
	int rc = -1;

	put_training(&training, p);
	(void)pd_learn_metrics(r, p, &metrics);
	if (pd_buf_cstr(&training) == NULL || pd_buf_cstr(&metrics) == NULL) {
		(void)pd_err_nomem(err);
		goto out;
	}
	if (put_profile(r, p, trained_at_us, &profile, err) == -1)
		goto out;
	parts.name = name;
	parts.label = pd_label_name(p->label);
	parts.boundary = p->boundary;
	parts.capacity = p->capacity;
	parts.trained_at = trained_at_us;
	parts.slots = r->slots;
	parts.cols = r->nslots;
	parts.training = (const char *)training.data;
	parts.metrics = (const char *)metrics.data;
	parts.model = r->model.data;
	parts.model_len = r->model.len;
	parts.profile = profile.data;
	parts.profile_len = profile.len;
	parts.golden = r->golden;
	parts.golden_rows = r->golden_rows;
	rc = pd_bundle_format(&parts, out, err);
out:
	pd_buf_release(&training);
	pd_buf_release(&metrics);
	pd_buf_release(&profile);
	return rc;
}
