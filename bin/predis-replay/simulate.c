/*
 * Every policy at every capacity, each a job of its own over the shared trace,
 * and before them, with --train-on, the training for that capacity; what they
 * gave, in order.
 */

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cache/trace.h"
#include "cli/cli.h"
#include "curve.h"
#include "figure.h"
#include "replay.h"
#include "sim.h"

/* A sampled trace tells little of a cache that holds fewer objects. */
#define MIN_SAMPLED 2500

/* One capacity: its jobs lie one behind the other. */
struct group {
	struct plan *plan;
	struct point at;
	struct training training;
	struct sim *sim; /* opt.policies of them; for curves as many twins */
};

struct plan {
	const struct play *play;
	struct curve *curve; /* NULL: no curve is drawn */
	struct group *group;
	int groups;
	int each; /* simulations a group */
	struct sim *sim;
	struct window *window;
	struct job **job;
	size_t jobs;
};

/*
 * The capacity to simulate, and the cache's that it stands for: a trace that
 * holds a share of the keys fills that share of the capacity.
 */
static struct point
point_of(const struct play *p, const struct size *s)
{
	const struct pd_trace *t = p->trace;
	struct point at = {p, 0, s->units};

	if (s->share > 0) {
		at.capacity = pd_trace_capacity(t, s->share, opt.bytes);
		at.shown = (uint64_t)floor((double)at.capacity / t->rate + 0.5);
		return at;
	}
	at.capacity = (uint64_t)floor((double)s->units * t->rate + 0.5);
	if (at.capacity == 0)
		at.capacity = 1;
	return at;
}

/* The row of a policy among those of one capacity, or NULL. */
static const struct row *
find_row(const struct group *g, const char *name)
{
	int i;

	for (i = 0; i < opt.policies; i++)
		if (strcmp(policy_name(g->sim[i].ops), name) == 0)
			return &g->sim[i].row;
	return NULL;
}

/* How much of LRU's distance to the bound each one closes, in misses. */
static void
close_gaps(const struct group *g)
{
	const struct row *lru = find_row(g, "lru");
	const struct row *bound = find_row(g, "belady");
	double gap;
	int i;

	if (lru == NULL || bound == NULL || lru->n.misses == bound->n.misses)
		return;
	gap = (double)lru->n.misses - (double)bound->n.misses;
	for (i = 0; i < opt.policies; i++)
		g->sim[i].row.gap_closed =
		    ((double)lru->n.misses - (double)g->sim[i].row.n.misses) /
		    gap;
}

static int
put_windows(const struct sim *s)
{
	uint64_t from = 0;
	size_t i;

	if (figure_windows(s->at.play, &s->row, s->window, s->windows) < 0)
		return -1;
	if (opt.plot)
		return 0;
	for (i = 0; i < s->windows; i++) {
		if (put_window(&s->row, &s->window[i], i, from) < 0)
			return -1;
		from += s->window[i].n.requests;
	}
	return 0;
}

/* One policy's results at one capacity. */
static int
put_sim(const struct group *g, struct sim *s)
{
	if (g->plan->curve == NULL)
		return s->windows > 0 ? put_windows(s) : put_row(&s->row);
	if (s[opt.policies].at.play != NULL)
		curve_merge(g->plan->curve, &s->row, &s[opt.policies].row);
	if (figure_point(g->plan->play, &s->row) < 0)
		return -1;
	return opt.plot ? 0 : put_point(&s->row);
}

/* The last one of a capacity puts out the rows of all. */
static int
finish_sim(struct job *j)
{
	struct sim *s = (struct sim *)j;
	const struct group *g = s->owner;
	int i, rc = 0;

	sim_note(s);
	if (s != &g->sim[g->plan->each - 1])
		return 0;
	close_gaps(g);
	for (i = 0; i < opt.policies && rc == 0; i++)
		rc = put_sim(g, &g->sim[i]);
	return rc;
}

static int
finish_training(struct job *j)
{
	training_note((const struct training *)j);
	return 0;
}

/* LRU of a curve: no simulation. */
static int
run_read(struct job *j)
{
	struct sim *s = (struct sim *)j;
	const struct group *g = s->owner;

	curve_read(g->plan->curve, &g->at, &s->row);
	return 0;
}

/* The twin where there is no sample. */
static int
run_nothing(struct job *j)
{
	(void)j;
	return 0;
}

/* A policy of a curve: read, simulated, or the other sample's. */
static void
plan_curve(struct plan *q, struct group *g, struct sim *s, bool twin)
{
	if (twin) {
		s->at = curve_twin(q->curve, &g->at);
		if (curve_reads(q->curve, s->ops))
			s->at.play = NULL;
		if (s->at.play != NULL)
			return;
		s->job.run = run_nothing;
	} else if (curve_reads(q->curve, s->ops)) {
		s->job.run = run_read;
		s->job.after = curve_job(q->curve);
	} else {
		return;
	}
	s->job.weight = 0;
}

static void
plan_sim(struct plan *q, struct group *g, int k)
{
	struct sim *s = &g->sim[k];

	s->owner = g;
	s->at = g->at;
	s->ops = opt.policy[k % opt.policies];
	s->window = q->window + (size_t)(s - q->sim) * q->play->stops;
	if (opt.train_on > 0 && takes_model(s->ops)) {
		s->training = &g->training;
		s->job.after = &g->training.job;
	}
	sim_init(s);
	if (q->curve != NULL)
		plan_curve(q, g, s, k >= opt.policies);
	s->job.finish = finish_sim;
	q->job[q->jobs++] = &s->job;
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

static void
plan_group(struct plan *q, int i, const struct point *at)
{
	struct group *g = &q->group[i];
	int k;

	g->plan = q;
	g->at = *at;
	g->sim = q->sim + (ptrdiff_t)i * q->each;
	if (opt.train_on > 0 && any_model()) {
		g->training.at = *at;
		training_init(&g->training);
		g->training.job.finish = finish_training;
		q->job[q->jobs++] = &g->training.job;
	}
	for (k = 0; k < q->each; k++)
		plan_sim(q, g, k);
}

static void
note_sampled(const struct point *at)
{
	const struct play *p = at->play;

	if (p->trace->rate < 1 && !opt.bytes && at->capacity < MIN_SAMPLED)
		pd_cli_note("'%s' holds %g of the keys: %" PRIu64
			    " objects of it say little of a cache of "
			    "%" PRIu64 " (at least %d would)",
		    p->name, p->trace->rate, at->capacity, at->shown,
		    MIN_SAMPLED);
}

/* 0, or -1 out of memory. */
static int
plan_groups(struct plan *q)
{
	const struct point *point = NULL;
	struct point at;
	size_t sims;
	int i;

	q->groups = opt.sizes;
	q->each = opt.policies;
	if (q->curve != NULL) {
		point = curve_points(q->curve, &q->groups);
		q->each *= 2;
	}
	sims = (size_t)q->groups * (size_t)q->each;
	q->group = calloc((size_t)q->groups, sizeof(*q->group));
	q->sim = calloc(sims, sizeof(*q->sim));
	q->window = calloc(sims * q->play->stops + 1, sizeof(*q->window));
	q->job = calloc(sims + (size_t)q->groups + 1, sizeof(struct job *));
	if (q->group == NULL || q->sim == NULL || q->window == NULL ||
	    q->job == NULL)
		return -1;
	if (q->curve != NULL && curve_job(q->curve) != NULL)
		q->job[q->jobs++] = curve_job(q->curve);
	for (i = 0; i < q->groups; i++) {
		at = point != NULL ? point[i] : point_of(q->play, &opt.size[i]);
		if (point == NULL)
			note_sampled(&at);
		plan_group(q, i, &at);
	}
	return 0;
}

static void
free_plan(struct plan *q)
{
	int i;

	for (i = 0; q->sim != NULL && i < q->groups * q->each; i++)
		sim_release(&q->sim[i]);
	for (i = 0; q->group != NULL && i < q->groups; i++)
		training_release(&q->group[i].training);
	curve_free(q->curve);
	free(q->group);
	free(q->sim);
	free(q->window);
	free(q->job);
}

int
simulate(const struct play *p)
{
	struct plan q = {.play = p};
	int rc = -1;

	if (opt.mrc) {
		q.curve = curve_new(p);
		if (q.curve == NULL)
			return -1;
	}
	if (plan_groups(&q) < 0)
		pd_cli_failf("out of memory");
	else
		rc = jobs_run(q.job, q.jobs, (unsigned)opt.jobs, "simulating");
	free_plan(&q);
	return rc;
}
