/*
 * Every policy at every size, each a job of its own over the shared trace, and
 * before them, with --train-on, the training for that size.
 */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "cli/cli.h"
#include "jobs.h"
#include "lesson.h"
#include "model/model.h"
#include "replay.h"

/* A sampled trace tells little of a cache that holds fewer objects. */
#define MIN_SAMPLED 2500
#define STRIDE 65536	/* entries between two looks at the clock */
#define MODEL_WEIGHT 6	/* what a policy with a model costs, LRU being 1 */
#define TRAIN_WEIGHT 12 /* what training costs */

/* Training at one size. */
struct training {
	struct job job;
	const struct play *play;
	uint64_t shown;
	struct learnt learnt;
};

/* One policy at one size. The jobs of a size lie one behind the other. */
struct sim {
	struct job job;
	const struct play *play;
	const struct pd_policy_ops *ops; /* NULL: belady */
	struct training *training;	 /* NULL: none */
	struct sim *group;		 /* the first one of this size */
	uint64_t capacity;		 /* simulated */
	uint64_t shown;
	struct row row;
	struct window *window; /* play->stops of them */
	size_t windows;
	struct pd_sim_result last; /* at the end of the last window */
	size_t train_at;	   /* entry before which to train */
	struct learnt learnt;
	uint64_t training_ns;
	uint64_t training_us;
};

struct plan {
	struct training *training; /* one a size, with --train-on */
	struct sim *sim;
	struct window *window;
	struct job **job;
	size_t jobs;
};

static const char *
policy_name(const struct pd_policy_ops *ops)
{
	return ops == NULL ? "belady" : ops->name;
}

static bool
takes_model(const struct pd_policy_ops *ops)
{
	return ops != NULL && ops->set_model != NULL;
}

/*
 * The capacity to simulate, and in ${shown} the cache's that it stands for: a
 * trace that holds a share of the keys fills that share of the capacity.
 */
static uint64_t
capacity_of(const struct pd_trace *t, const struct size *s, uint64_t *shown)
{
	uint64_t units;

	if (s->share > 0) {
		units = pd_trace_capacity(t, s->share, opt.bytes);
		*shown = (uint64_t)floor((double)units / t->rate + 0.5);
		return units;
	}
	*shown = s->units;
	units = (uint64_t)floor((double)s->units * t->rate + 0.5);
	return units > 0 ? units : 1;
}

static int
run_training(struct job *j)
{
	struct training *g = (struct training *)j;
	const struct lesson l = {
	    .play = g->play,
	    .capacity = g->shown,
	    .begin = g->play->begin,
	    .end = g->play->trained,
	    .job = j,
	};

	return learn(&l, &g->learnt, &j->err);
}

static int
finish_training(struct job *j)
{
	const struct training *g = (const struct training *)j;

	if (g->learnt.model == NULL)
		pd_cli_note("'%s', capacity %" PRIu64
			    ": no model, so learned is LRU: %s",
		    g->play->name, g->shown, g->learnt.why);
	return 0;
}

/* What was counted up to ${r} and not up to ${last}. */
static struct counts
counts_since(const struct sim *s, const struct pd_sim_result *r,
    const struct pd_sim_result *last)
{
	struct counts n = {
	    .requests = r->requests - last->requests,
	    .misses = r->misses - last->misses,
	    .bytes = r->bytes - last->bytes,
	    .byte_misses = r->byte_misses - last->byte_misses,
	};

	if (s->play->trace->cost != NULL) {
		n.cost = r->cost - last->cost;
		n.cost_misses = r->cost_misses - last->cost_misses;
	}
	return n;
}

/* The window that ends here. */
static void
close_window(struct sim *s, const struct pd_sim_pause *at)
{
	const struct pd_sim_result *r = at->result;
	struct window *w = &s->window[s->windows++];

	w->n = counts_since(s, r, &s->last);
	w->ruling = s->ops != NULL && s->ops->ruling != NULL
			? s->ops->ruling(at->policy)
			: policy_name(s->ops);
	s->last = *r;
}

/* --retrain: learn from what was played, and from nothing else. */
static int
train_again(struct sim *s, const struct pd_sim_pause *at)
{
	const struct lesson l = {
	    .play = s->play,
	    .capacity = s->shown,
	    .begin = lesson_begin(s->play, at->entry),
	    .end = at->entry,
	    .again = true,
	};
	const uint64_t ns = pd_clock_thread_ns(), us = pd_clock_mono_us();
	struct learnt learnt;

	if (learn(&l, &learnt, &s->job.err) < 0)
		return -1;
	s->row.trainings++;
	if (learnt.model != NULL) {
		s->row.models++;
		s->ops->set_model(at->policy, learnt.model);
		pd_model_free(s->learnt.model);
		s->learnt = learnt;
	} else if (s->learnt.model == NULL) {
		s->learnt = learnt; /* why not */
	}
	s->training_ns += pd_clock_thread_ns() - ns;
	s->training_us += pd_clock_mono_us() - us;
	s->train_at = lesson_next(s->play, at->entry);
	return 0;
}

static int
pause_sim(void *cookie, struct pd_sim_pause *at)
{
	struct sim *s = cookie;
	const struct play *p = s->play;
	const double played =
	    (double)(at->entry - p->begin) / (double)(p->end - p->begin + 1);

	if (job_step(&s->job, (uint64_t)((double)s->job.weight * played)) < 0)
		return -1;
	while (s->windows < p->stops && p->stop[s->windows] <= at->entry)
		close_window(s, at);
	if (at->entry == p->end)
		return 0;
	if (s->train_at == at->entry && train_again(s, at) < 0)
		return -1;
	at->next = at->entry + STRIDE;
	if (s->windows < p->stops && p->stop[s->windows] < at->next)
		at->next = p->stop[s->windows];
	if (s->train_at < at->next)
		at->next = s->train_at;
	return 0;
}

static void
fill_row(struct sim *s, const struct pd_sim_result *r)
{
	static const struct pd_sim_result none;
	const struct play *p = s->play;
	struct row *row = &s->row;

	row->trace = p->name;
	row->policy = policy_name(s->ops);
	row->size = s->shown;
	row->size_known = true;
	row->rate = p->trace->rate;
	row->n = counts_since(s, r, &none);
	row->simulated = true;
	row->online = s->ops != NULL;
	row->retrained = opt.retrain > 0 && takes_model(s->ops);
	row->gap_closed = NAN;
	row->evictions = r->evictions;
	row->resident = r->resident;
	row->policy_bytes = r->memory;
	row->training_seconds = (double)s->training_us / 1e6;
}

static int
run_sim(struct job *j)
{
	struct sim *s = (struct sim *)j;
	const struct play *p = s->play;
	const struct pd_sim_params params = {
	    .ops = s->ops,
	    .policy =
		{
		    .capacity = s->capacity,
		    .by_bytes = opt.bytes,
		    .objective = opt.objective,
		    .seed = opt.seed,
		    .minute = pd_trace_minute(p->trace),
		    .model = s->training != NULL ? s->training->learnt.model
						 : opt.model,
		},
	    .begin = p->begin,
	    .from = p->from,
	    .end = p->end,
	    .pause = pause_sim,
	    .pause_cookie = s,
	    .pause_at = p->begin,
	};
	const uint64_t us = pd_clock_mono_us(), ns = pd_clock_thread_ns();
	struct pd_sim_result r;

	if (pd_sim_run(p->trace, &params, &r, &j->err) < 0) {
		if (j->err.msg[0] != '\0')
			pd_err_prefix(&j->err, "policy %s over '%s'",
			    policy_name(s->ops), p->name);
		return -1;
	}
	fill_row(s, &r);
	s->row.ns_per_request =
	    (double)(pd_clock_thread_ns() - ns - s->training_ns) /
	    (double)p->requests;
	s->row.seconds =
	    (double)(pd_clock_mono_us() - us - s->training_us) / 1e6;
	return 0;
}

/* The row of ${ops} among those of one size, or NULL. */
static const struct row *
find_row(const struct sim *group, const char *name)
{
	int i;

	for (i = 0; i < opt.policies; i++)
		if (strcmp(policy_name(group[i].ops), name) == 0)
			return &group[i].row;
	return NULL;
}

/* How much of LRU's distance to the bound each one closes, in misses. */
static void
close_gaps(struct sim *group)
{
	const struct row *lru = find_row(group, "lru");
	const struct row *bound = find_row(group, "belady");
	double gap;
	int i;

	if (lru == NULL || bound == NULL || lru->n.misses == bound->n.misses)
		return;
	gap = (double)lru->n.misses - (double)bound->n.misses;
	for (i = 0; i < opt.policies; i++)
		group[i].row.gap_closed =
		    ((double)lru->n.misses - (double)group[i].row.n.misses) /
		    gap;
}

static int
put_windows(const struct sim *s)
{
	uint64_t from = 0;
	size_t i;

	for (i = 0; i < s->windows; i++) {
		if (put_window(&s->row, &s->window[i], i, from) < 0)
			return -1;
		from += s->window[i].n.requests;
	}
	return 0;
}

static void
note_untrained(const struct sim *s)
{
	if (s->row.retrained && s->row.models == 0)
		pd_cli_note("'%s', capacity %" PRIu64 ": %s had no model: %s",
		    s->play->name, s->shown, s->row.policy,
		    s->row.trainings == 0 ? "the trace is too short to train"
					  : s->learnt.why);
}

/* The last one of a size puts out the rows of all. */
static int
finish_sim(struct job *j)
{
	struct sim *s = (struct sim *)j;
	int i, rc = 0;

	note_untrained(s);
	if (s != &s->group[opt.policies - 1])
		return 0;
	close_gaps(s->group);
	for (i = 0; i < opt.policies && rc == 0; i++)
		rc = s->play->stops > 0 ? put_windows(&s->group[i])
					: put_row(&s->group[i].row);
	return rc;
}

static void
plan_training(struct plan *q, const struct play *p, int i, uint64_t shown)
{
	struct training *g = &q->training[i];

	g->play = p;
	g->shown = shown;
	g->job.run = run_training;
	g->job.finish = finish_training;
	g->job.weight = TRAIN_WEIGHT * (p->trained - p->begin);
	q->job[q->jobs++] = &g->job;
}

static void
plan_sim(struct plan *q, const struct play *p, int i, int k)
{
	struct sim *s = &q->sim[i * opt.policies + k];
	const struct pd_policy_ops *ops = opt.policy[k];
	const bool model = takes_model(ops);

	s->play = p;
	s->ops = ops;
	s->group = s - k;
	s->capacity = capacity_of(p->trace, &opt.size[i], &s->shown);
	s->window = q->window + (size_t)(i * opt.policies + k) * p->stops;
	s->train_at = SIZE_MAX;
	if (model && opt.retrain > 0)
		s->train_at = lesson_first(p, s->capacity);
	if (model && q->training != NULL) {
		s->training = &q->training[i];
		s->job.after = &s->training->job;
	}
	s->job.run = run_sim;
	s->job.finish = finish_sim;
	s->job.weight = (model ? MODEL_WEIGHT : 1) * (p->end - p->begin);
	q->job[q->jobs++] = &s->job;
}

static void
note_sampled(const struct play *p, uint64_t capacity, uint64_t shown)
{
	if (p->trace->rate < 1 && !opt.bytes && capacity < MIN_SAMPLED)
		pd_cli_note("'%s' holds %g of the keys: %" PRIu64
			    " objects of it say little of a cache of "
			    "%" PRIu64 " (at least %d would)",
		    p->name, p->trace->rate, capacity, shown, MIN_SAMPLED);
}

static bool
any_model(void)
{
	int i;

	for (i = 0; i < opt.policies; i++)
		if (takes_model(opt.policy[i]))
			return true;
	return false;
}

/* 0, or -1 out of memory. */
static int
make_plan(struct plan *q, const struct play *p)
{
	const size_t sims = (size_t)opt.sizes * (size_t)opt.policies;
	uint64_t capacity, shown;
	int i, k;

	q->sim = calloc(sims, sizeof(*q->sim));
	q->window = calloc(sims * p->stops + 1, sizeof(*q->window));
	q->job = calloc(sims + (size_t)opt.sizes, sizeof(struct job *));
	if (q->sim == NULL || q->window == NULL || q->job == NULL)
		return -1;
	if (opt.train_on > 0 && any_model()) {
		q->training = calloc((size_t)opt.sizes, sizeof(*q->training));
		if (q->training == NULL)
			return -1;
	}
	for (i = 0; i < opt.sizes; i++) {
		capacity = capacity_of(p->trace, &opt.size[i], &shown);
		note_sampled(p, capacity, shown);
		if (q->training != NULL)
			plan_training(q, p, i, shown);
		for (k = 0; k < opt.policies; k++)
			plan_sim(q, p, i, k);
	}
	return 0;
}

static void
free_plan(struct plan *q)
{
	int i;

	for (i = 0; q->sim != NULL && i < opt.sizes * opt.policies; i++)
		pd_model_free(q->sim[i].learnt.model);
	for (i = 0; q->training != NULL && i < opt.sizes; i++)
		pd_model_free(q->training[i].learnt.model);
	free(q->training);
	free(q->sim);
	free(q->window);
	free(q->job);
}

int
simulate(const struct play *p)
{
	struct plan q = {0};
	int rc = -1;

	if (make_plan(&q, p) < 0)
		pd_cli_failf("out of memory");
	else
		rc = jobs_run(q.job, q.jobs, (unsigned)opt.jobs, "simulating");
	free_plan(&q);
	return rc;
}
