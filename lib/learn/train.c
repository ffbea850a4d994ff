#include <inttypes.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/learned.h"
#include "cache/policy.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "learn/choose.h"
#include "learn/fit.h"
#include "learn/rows.h"
#include "learn/train.h"
#include "model/model.h"
#include "model/trees.h"

#define CHOOSE_ROWS 12000 /* to fit and to score with while choosing */
#define CHOOSE_TREES 20
#define LABEL_SPAN 0.01f /* labels closer together are the same */
#define SPAN_SHARE 0.4	 /* of the data, that a label may look ahead */

/* One training in progress. Times are ticks. */
struct training {
	const struct pd_trace *t;
	const struct pd_learn_params *p;
	struct pd_learn_result *r;
	struct pd_err *err;
	struct pd_nextuse next;
	struct pd_rows rows; /* of all rounds */
	float *label;	     /* by row, for the stage at hand */
	size_t held;	     /* first entry of the hold-out */
	uint64_t t_begin;
	uint64_t t_held;
	uint64_t t_choice; /* features are chosen on what is before */
	uint64_t t_end;
	uint64_t capacity; /* of the replay */
	double age;	   /* eviction age */
	uint64_t fit_to;   /* rows before it have a label before the hold-out */
	uint64_t hold_to;  /* rows before it have a label, within it */
	uint64_t all_to;   /* rows before it have a label, for the last fit */
	uint8_t slots[PD_ROWS_COLS];
	unsigned nslots;
	unsigned done; /* steps, for progress */
	unsigned steps;
};

void
pd_learn_params_init(struct pd_learn_params *p)
{
	memset(p, 0, sizeof(*p));
	p->seed = 1;
	p->rounds = 2;
	p->trees = 40;
	p->depth = 5;
	p->eta = 0.2;
	p->label = PD_LABEL_DISCOUNT;
	p->boundary = 1.0;
	p->holdout = 0.4;
	p->rows = 60000;
}

void
pd_learn_result_release(struct pd_learn_result *r)
{
	pd_buf_release(&r->model);
	free(r->rows);
	memset(r, 0, sizeof(*r));
}

static uint64_t
tick_at(const struct pd_trace *t, size_t i)
{
	return t->tick == NULL ? i : t->tick[i];
}

static void
step(struct training *g, const char *what)
{
	if (g->p->progress != NULL)
		g->p->progress(g->p->cookie, what, g->done, g->steps);
	g->done++;
}

/* There is no model, and this is why. */
static int too_few(struct training *g, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

static int
too_few(struct training *g, const char *fmt, ...)
{
	va_list ap;

	g->r->outcome = PD_LEARN_FEW;
	va_start(ap, fmt);
	(void)vsnprintf(g->r->why, sizeof(g->r->why), fmt, ap);
	va_end(ap);
	return 1;
}

/* Labels by what is known at ${until}. */
static int
label_rows(struct training *g, uint64_t until)
{
	const struct pd_rows *r = &g->rows;
	float *label;
	double d;
	uint32_t i;

	label = realloc(g->label, (r->n + 1) * sizeof(*label));
	if (label == NULL)
		return pd_err_nomem(g->err);
	g->label = label;
	for (i = 0; i < r->n; i++) {
		d = (double)r->distance[i];
		if (r->tick[i] < until && d >= (double)(until - r->tick[i]))
			d = INFINITY;
		label[i] =
		    pd_label_value(g->p->label, g->p->boundary, g->age, d);
	}
	return 0;
}

static struct pd_fit_set
set_of(const struct training *g, uint64_t from, uint64_t to, uint32_t most)
{
	return (struct pd_fit_set){&g->rows, g->label, from, to, most};
}

static struct pd_boost_params
boost_of(const struct training *g, unsigned trees)
{
	return (struct pd_boost_params){pd_label_objective(g->p->label), trees,
	    g->p->depth, g->p->eta, g->p->seed};
}

/* A model for the simulator, without a bundle around it. */
static int
model_of(struct training *g, const struct pd_buf *json, struct pd_model *m)
{
	memset(m, 0, sizeof(*m));
	(void)snprintf(
	    m->label, sizeof(m->label), "%s", pd_label_name(g->p->label));
	m->trees = pd_trees_parse(json->data, json->len, g->err);
	m->cols = g->nslots;
	memcpy(m->slots, g->slots, g->nslots);
	return m->trees == NULL ? -1 : 0;
}

/* Replay through the cache that ${m} rules (NULL: LRU), drawing rows where
 * wanted; misses on the hold-out. The guard would hide what a model is like. */
static int
replay(struct training *g, const struct pd_model *m, struct pd_rows *draw,
    uint64_t *misses, uint64_t *lost)
{
	struct pd_sim_params p = {0};
	struct pd_sim_result r;

	p.ops = &pd_policy_learned;
	p.policy.capacity = g->capacity;
	p.policy.by_bytes = g->p->by_bytes;
	p.policy.objective = g->p->objective;
	p.policy.seed = g->p->seed;
	p.policy.model = m;
	p.policy.unguarded = true;
	p.begin = g->p->begin;
	p.from = g->held;
	p.end = g->p->end;
	p.evicting = draw == NULL ? NULL : pd_rows_draw;
	p.cookie = draw;
	if (pd_sim_run(g->t, &p, &r, g->err) == -1)
		return -1;
	g->r->holdout_requests = r.requests;
	g->r->holdout_asked = pd_sim_asked(&r, g->p->objective);
	*misses = r.misses;
	*lost = pd_sim_lost(&r, g->p->objective);
	return 0;
}

/* The eviction age is known: where rows must end for their labels' sake. */
static void
set_horizons(struct training *g)
{
	const double before = (double)(g->t_held - g->t_begin);
	const double held = (double)(g->t_end - g->t_held);
	const double b = g->p->boundary;
	double h;

	h = pd_label_horizon(g->p->label, b, g->age, SPAN_SHARE * before);
	g->fit_to = g->t_held - (uint64_t)h;
	h = pd_label_horizon(g->p->label, b, g->age, held / 2);
	g->hold_to = g->t_end - (uint64_t)h;
	h = pd_label_horizon(
	    g->p->label, b, g->age, SPAN_SHARE * (before + held));
	g->all_to = g->t_end - (uint64_t)h;
	g->r->horizon = (uint64_t)h;
	g->r->eviction_age = (uint64_t)g->age;
}

/*
 * Whether the labels of the fit are all the same. That all lie beyond one
 * eviction age is no reason to give up: so it is in a loop that is larger than
 * the cache, where LRU never hits and an order helps most.
 */
static bool
one_class(const struct training *g)
{
	float least = INFINITY, most = -INFINITY;
	uint32_t i;

	for (i = 0; i < g->rows.n; i++) {
		if (g->rows.tick[i] >= g->fit_to)
			continue;
		least = g->label[i] < least ? g->label[i] : least;
		most = g->label[i] > most ? g->label[i] : most;
	}
	return most - least < LABEL_SPAN;
}

/* Fit to the rows before the hold-out. 1: too few. */
static int
fit_before(struct training *g, struct pd_buf *json)
{
	const struct pd_boost_params b = boost_of(g, g->p->trees);
	struct pd_fit_set s;

	if (label_rows(g, g->t_held) == -1)
		return -1;
	s = set_of(g, 0, g->fit_to, 0);
	g->r->rows_fit = pd_fit_count(&s);
	if (g->r->rows_fit < PD_LEARN_MIN_ROWS)
		return too_few(g,
		    "%u rows have a known future before the hold-out, "
		    "%d are needed: give it more requests",
		    g->r->rows_fit, PD_LEARN_MIN_ROWS);
	if (one_class(g))
		return too_few(g,
		    "all rows have the same future: at this capacity there is "
		    "nothing to choose between");
	pd_buf_clear(json);
	return pd_fit(&s, g->slots, g->nslots, &b, g->p->old, json, g->err);
}

/* Rounds: draw under the policy so far, fit to all rows. 1: too few. */
static int
rounds(struct training *g, struct pd_buf *json)
{
	struct pd_model m = {0};
	struct pd_rows draw;
	uint64_t misses, lost;
	unsigned i;
	int rc = 0;

	for (i = 0; i < g->p->rounds && rc == 0; i++) {
		if (i > 0 &&
		    model_of(g, g->p->old == NULL ? json : g->p->old, &m) == -1)
			return -1;
		if (pd_rows_init(&draw, g->p->rows, &g->next, g->p->seed + i) ==
		    -1) {
			pd_trees_free(m.trees);
			return pd_err_nomem(g->err);
		}
		step(g, i == 0 ? "replaying under LRU"
			       : "replaying under the model");
		rc = replay(g, i == 0 ? NULL : &m, &draw, &misses, &lost);
		pd_trees_free(m.trees);
		m.trees = NULL;
		if (rc == 0 && i == 0) {
			g->r->holdout_misses_lru = misses;
			g->r->holdout_lost_lru = lost;
			g->age = pd_rows_evict_age(&draw);
			set_horizons(g);
		}
		if (rc == 0 && pd_rows_join(&g->rows, &draw) == -1)
			rc = pd_err_nomem(g->err);
		pd_rows_release(&draw);
		if (rc == 0 && g->rows.n == 0)
			return too_few(g,
			    "a cache of %" PRIu64
			    " never evicts here: nothing to learn%s",
			    g->capacity,
			    g->t->rate < 1 ? " (sample at a higher rate)" : "");
		if (rc == 0)
			rc = fit_before(g, json);
	}
	return rc;
}

static int
choose(struct training *g, struct pd_buf *json)
{
	struct pd_choice tried[PD_ROWS_COLS];
	struct pd_choice_params c = {
	    .fit = set_of(g, 0, g->fit_to, CHOOSE_ROWS),
	    .holdout = set_of(g, g->t_held,
		g->hold_to < g->t_choice ? g->hold_to : g->t_choice,
		CHOOSE_ROWS),
	    .boost = boost_of(g, CHOOSE_TREES),
	    .split = pd_label_split(g->p->label, g->p->boundary, g->age),
	    .progress = g->p->progress,
	    .cookie = g->p->cookie,
	};
	double error;
	int n, i;

	if (g->p->nslots != 0 || pd_fit_count(&c.holdout) < PD_LEARN_MIN_ROWS)
		return 0;
	n = pd_choose(&c, g->slots, &g->nslots, tried, &error, g->err);
	if (n == -1)
		return -1;
	for (i = 0; i < n; i++)
		g->r->choice[i] = (struct pd_learn_choice){
		    tried[i].slot, tried[i].used, tried[i].error_other};
	g->r->choices = (unsigned)n;
	return fit_before(g, json);
}

static const char *
unit_of(enum pd_objective o)
{
	return o == PD_OBJECTIVE_BYTES	? "bytes"
	       : o == PD_OBJECTIVE_COST ? "microseconds"
					: "requests";
}

/* A refreshed model must not be worse than it was. */
static int
judge_old(struct training *g)
{
	struct pd_learn_result *r = g->r;
	struct pd_model m;
	uint64_t lost;
	int rc;

	if (model_of(g, g->p->old, &m) == -1)
		return -1;
	rc = replay(g, &m, NULL, &r->holdout_misses_old, &lost);
	pd_trees_free(m.trees);
	if (rc == 0 && r->holdout_lost > lost) {
		r->outcome = PD_LEARN_WORSE;
		(void)snprintf(r->why, sizeof(r->why),
		    "the refreshed model is worse than the old one on the "
		    "hold-out: %" PRIu64 " %s missed, before %" PRIu64,
		    r->holdout_lost, unit_of(g->p->objective), lost);
	}
	return rc;
}

/* The verdict: loss and simulated misses on the hold-out. */
static int
judge(struct training *g, const struct pd_buf *json)
{
	struct pd_learn_result *r = g->r;
	struct pd_fit_score score;
	struct pd_fit_set held;
	struct pd_model m;
	int rc;

	if (label_rows(g, g->t_end) == -1)
		return -1;
	held = set_of(g, g->t_held, g->hold_to, 0);
	if (pd_fit_score(json, &held, g->slots, g->nslots,
		g->p->label == PD_LABEL_BEYOND,
		pd_label_split(g->p->label, g->p->boundary, g->age), &score,
		g->err) == -1)
		return -1;
	r->rows_holdout = score.rows;
	r->loss = score.loss;
	r->loss_mean = score.loss_mean;
	r->auc = score.auc;
	r->calibration = score.calibration;
	step(g, "simulating the hold-out");
	if (model_of(g, json, &m) == -1)
		return -1;
	rc = replay(g, &m, NULL, &r->holdout_misses, &r->holdout_lost);
	pd_trees_free(m.trees);
	if (rc == 0 && g->p->old != NULL)
		rc = judge_old(g);
	if (rc == 0 && r->holdout_lost >= r->holdout_lost_lru) {
		r->outcome = PD_LEARN_WORSE;
		(void)snprintf(r->why, sizeof(r->why),
		    "the model is no better than LRU on the hold-out: "
		    "%" PRIu64 " %s missed, LRU %" PRIu64,
		    r->holdout_lost, unit_of(g->p->objective),
		    r->holdout_lost_lru);
	}
	return rc;
}

/* Fit to everything, and keep what goes into the bundle. */
static int
finish(struct training *g)
{
	const struct pd_fit_set all = set_of(g, 0, g->all_to, 0);
	const struct pd_boost_params b = boost_of(g, g->p->trees);
	struct pd_learn_result *r = g->r;
	float *y = NULL;
	int64_t n;
	uint32_t i;
	int rc;

	n = pd_fit_gather(&all, g->slots, g->nslots, &r->rows, &y, g->err);
	if (n == -1)
		return -1;
	r->nrows = (uint32_t)n;
	r->rows_censored = g->rows.n - r->nrows;
	memcpy(r->slots, g->slots, g->nslots);
	r->nslots = g->nslots;
	r->golden_rows = n < PD_LEARN_GOLDEN ? (unsigned)n : PD_LEARN_GOLDEN;
	for (i = 0; i < r->golden_rows; i++)
		memcpy(r->golden + (size_t)i * r->nslots,
		    r->rows +
			((uint64_t)i * r->nrows / r->golden_rows) * r->nslots,
		    r->nslots * sizeof(float));
	step(g, "fitting to all rows");
	rc = g->p->old == NULL
		 ? pd_boost_train(
		       r->rows, y, r->nrows, r->nslots, &b, &r->model, g->err)
		 : pd_boost_refresh(r->rows, y, r->nrows, r->nslots, &b,
		       g->p->old, &r->model, g->err);
	free(y);
	return rc;
}

/* Where the hold-out begins, what to start with. 1: too few. */
static int
prepare(struct training *g)
{
	const struct pd_trace *t = g->t;
	const struct pd_learn_params *p = g->p;
	const size_t n = p->end - p->begin;

	g->r->rate = t->rate;
	g->r->t_first_us = t->t_first_us;
	g->capacity = p->capacity;
	if (t->rate < 1)
		g->capacity = (uint64_t)((double)p->capacity * t->rate + 0.5);
	if (!p->by_bytes && t->rate < 1 && !p->small &&
	    g->capacity < PD_LEARN_MIN_OBJECTS)
		g->capacity = PD_LEARN_MIN_OBJECTS;
	g->r->capacity = g->capacity;
	if (n < 100)
		return too_few(g, "%zu requests are too few", n);
	g->held = p->end - (size_t)((double)n * p->holdout + 0.5);
	if (g->held >= p->end)
		g->held = p->end - 1;
	g->t_begin = tick_at(t, p->begin);
	g->t_held = tick_at(t, g->held);
	g->t_choice = tick_at(t, g->held + (p->end - g->held) / 2);
	g->t_end = tick_at(t, p->end - 1) + 1;
	if (g->t_held <= g->t_begin || g->t_end <= g->t_held)
		return pd_err_set(
		    g->err, "ticks do not ascend: train on one shard's events");
	g->nslots = p->nslots;
	memcpy(g->slots, p->slots, p->nslots);
	if (g->nslots == 0)
		g->nslots = pd_choose_default(g->slots);
	g->steps = p->rounds + 3;
	if (pd_rows_init(&g->rows, 2, &g->next, p->seed) == -1 ||
	    pd_nextuse_init(&g->next, t, p->begin, p->end) == -1)
		return pd_err_nomem(g->err);
	return 0;
}

int
pd_learn_train(const struct pd_trace *t, const struct pd_learn_params *p,
    struct pd_learn_result *r, struct pd_err *err)
{
	struct training g = {.t = t, .p = p, .r = r, .err = err};
	struct pd_buf json = PD_BUF_INIT;
	int rc;

	memset(r, 0, sizeof(*r));
	rc = prepare(&g);
	if (rc == 0)
		rc = rounds(&g, &json);
	if (rc == 0) {
		step(&g, "choosing features");
		rc = choose(&g, &json);
	}
	if (rc == 0)
		rc = judge(&g, &json);
	if (rc == 0)
		rc = finish(&g);
	pd_buf_release(&json);
	pd_nextuse_release(&g.next);
	pd_rows_release(&g.rows);
	free(g.label);
	if (rc == -1)
		pd_learn_result_release(r);
	return rc == -1 ? -1 : 0;
}
