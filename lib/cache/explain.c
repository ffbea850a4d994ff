#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/rng.h"
#include "cache/explain.h"
#include "cache/learned.h"
#include "cache/policy.h"
#include "cache/selector.h"
#include "cache/store.h"
#include "cache/store_priv.h"
#include "model/model.h"
#include "model/trees.h"
#include "model/trees_explain.h"

#define TRIES 4 /* random slots looked at for a candidate, at most */

/* The instance that keeps records of the residents, or NULL. */
static const struct pd_policy *
recorder(const struct pd_store *st)
{
	if (st->policy->ops == &pd_policy_learned)
		return st->policy;
	return pd_selector_learned(st->policy);
}

/* The model's row of a resident. */
static void
row_of(const struct pd_store *st, const struct pd_policy *p, uint32_t slot,
    float *row)
{
	struct pd_served s;
	unsigned i;

	/* Every resident has a record. */
	for (i = 0; i < st->model->cols; i++)
		row[i] = NAN;
	if (pd_learned_served(p, slot, st->tick, &s))
		pd_feature_served(&s, st->model->slots, st->model->cols, row);
}

static int
by_contribution(const void *a, const void *b)
{
	const struct pd_explain_feature *fa = a, *fb = b;
	const double ca = fabs(fa->contribution), cb = fabs(fb->contribution);

	if (ca != cb)
		return ca < cb ? 1 : -1;
	return (fa->slot > fb->slot) - (fa->slot < fb->slot);
}

/* The score and what makes it. */
static void
explain_score(const struct pd_store *st, const struct pd_policy *p,
    uint32_t slot, struct pd_explain *out)
{
	const struct pd_model *m = st->model;
	float row[PD_TREES_MAX_COLS];
	double part[PD_TREES_MAX_COLS + 1];
	unsigned i;

	row_of(st, p, slot, row);
	pd_trees_explain(m->trees, row, part);
	out->scored = true;
	out->by_cover = pd_trees_has_cover(m->trees);
	out->score = (double)pd_trees_score(m->trees, row);
	out->bias = part[m->cols];
	out->features = m->cols;
	for (i = 0; i < out->features; i++) {
		out->feature[i].slot = m->slots[i];
		out->feature[i].value = row[i];
		out->feature[i].contribution = part[i];
	}
	qsort(out->feature, out->features, sizeof(out->feature[0]),
	    by_contribution);
}

/* Without a model: all that is known. */
static void
list_features(const struct pd_store *st, const struct pd_policy *p,
    uint32_t slot, struct pd_explain *out)
{
	uint8_t slots[PD_EXPLAIN_SERVED];
	float row[PD_EXPLAIN_SERVED];
	struct pd_served s;
	unsigned i;

	if (!pd_learned_served(p, slot, st->tick, &s))
		return;
	for (i = 0; i < PD_EXPLAIN_SERVED; i++)
		slots[i] = (uint8_t)i;
	pd_feature_served(&s, slots, PD_EXPLAIN_SERVED, row);
	out->features = PD_EXPLAIN_SERVED;
	for (i = 0; i < PD_EXPLAIN_SERVED; i++) {
		out->feature[i].slot = slots[i];
		out->feature[i].value = row[i];
		out->feature[i].contribution = (double)NAN;
	}
}

/* Compare with others, drawn without touching the cache's own generators. */
static void
explain_rank(const struct pd_store *st, const struct pd_policy *p,
    uint32_t slot, uint64_t hash, struct pd_explain *out)
{
	const double own =
	    pd_learned_rank(p, slot, st->model, (float)out->score);
	float row[PD_TREES_MAX_COLS];
	struct pd_rng rng;
	uint32_t other;
	unsigned i;

	pd_rng_init(&rng, hash ^ pd_mix64(st->tick));
	out->rank = 1;
	for (i = 0; i < PD_EXPLAIN_CANDIDATES * TRIES &&
		    out->candidates < PD_EXPLAIN_CANDIDATES;
	     i++) {
		other = pd_rng_below(&rng, pd_slab_top(&st->slab));
		if (other == slot || store_slot(st, other) == NULL)
			continue;
		row_of(st, p, other, row);
		out->candidates++;
		if (pd_learned_rank(p, other, st->model,
			pd_trees_score(st->model->trees, row)) > own)
			out->rank++;
	}
}

static void
explain_resident(struct pd_store *st, const struct pd_entry *e, uint64_t hash,
    struct pd_explain *out)
{
	const struct pd_policy *p = recorder(st);
	const uint32_t slot = pd_store_slot(st, e);
	struct pd_look *l = &out->look;

	out->value_bytes = pd_entry_len(e);
	out->memory_bytes = pd_store_entry_bytes(st, e);
	out->expiry = pd_entry_expiry(e);
	if (st->policy->ops->look != NULL)
		st->policy->ops->look(st->policy, slot, st->tick, l);
	if (l->recorded && st->clock.n > 0) {
		out->asked_us = pd_tickclock_us(
		    &st->clock, st->tick - l->age, st->tick, st->now_us);
		out->inserted_us = pd_tickclock_us(
		    &st->clock, st->tick - l->residence, st->tick, st->now_us);
	}
	if (p == NULL)
		return;
	if (st->model == NULL) {
		list_features(st, p, slot, out);
		return;
	}
	explain_score(st, p, slot, out);
	explain_rank(st, p, slot, hash, out);
	out->model_rules = strcmp(out->ruling, "learned") == 0 &&
			   pd_selector_champion(st->policy) == NULL &&
			   (p != st->policy || pd_learned_rules(p, st->tick));
}

void
pd_explain(struct pd_store *st, const struct pd_key *k, struct pd_explain *out)
{
	const struct pd_entry *e = pd_store_peek(st, k);

	*out = (struct pd_explain){
	    .policy = st->cfg.policy->name,
	    .ruling = pd_store_ruling(st),
	};
	pd_look_init(&out->look, PD_LOOK_FAR);
	if (e != NULL) {
		out->resident = true;
		explain_resident(st, e, k->hash, out);
	} else {
		out->known =
		    pd_evictlog_find(st->evictlog, k->hash, &out->gone);
	}
}
