/* A simulation, with its windows and trainings; a training before it. */

#include <inttypes.h>
#include <math.h>

#include "base/clock.h"
#include "base/err.h"
#include "cache/trace.h"
#include "cli/cli.h"
#include "model/model.h"
#include "sim.h"

#define STRIDE 65536	/* entries between two looks at whether to go on */
#define MODEL_WEIGHT 6	/* what a policy with a model costs, LRU being 1 */
#define TRAIN_WEIGHT 12 /* what training costs */

const char *
policy_name(const struct pd_policy_ops *ops)
{
	return ops == NULL ? "belady" : ops->name;
}

bool
takes_model(const struct pd_policy_ops *ops)
{
	return ops != NULL && ops->set_model != NULL;
}

static int
run_training(struct job *j)
{
	struct training *g = (struct training *)j;
	const struct lesson l = {
	    .play = g->at.play,
	    .capacity = g->at.shown,
	    .begin = g->at.play->begin,
	    .end = g->at.play->trained,
	    .job = j,
	};

	return learn(&l, &g->learnt, &j->err);
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

	if (s->at.play->trace->cost != NULL) {
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
	    .play = s->at.play,
	    .capacity = s->at.shown,
	    .begin = lesson_begin(s->at.play, at->entry),
	    .end = at->entry,
	    .before = s->learnt.model,
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
	s->train_at = lesson_next(s->at.play, at->entry);
	return 0;
}

static int
pause_sim(void *cookie, struct pd_sim_pause *at)
{
	struct sim *s = cookie;
	const struct play *p = s->at.play;
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
	const struct play *p = s->at.play;
	struct row *row = &s->row;

	row->trace = p->name;
	row->policy = policy_name(s->ops);
	row->size = s->at.shown;
	row->size_known = true;
	row->rate = p->trace->rate;
	row->n = counts_since(s, r, &none);
	row->simulated = true;
	row->online = s->ops != NULL;
	row->retrained = opt.retrain > 0 && takes_model(s->ops);
	row->gap_closed = NAN;
	row->method = "simulated";
	row->miss_ratio = ratio(r->misses, r->requests);
	row->byte_miss_ratio = ratio(r->byte_misses, r->bytes);
	row->error = 0;
	row->evictions = r->evictions;
	row->resident = r->resident;
	row->policy_bytes = r->memory;
	row->training_seconds = (double)s->training_us / 1e6;
}

static int
run_sim(struct job *j)
{
	struct sim *s = (struct sim *)j;
	const struct play *p = s->at.play;
	const struct pd_sim_params params = {
	    .ops = s->ops,
	    .policy =
		{
		    .capacity = s->at.capacity,
		    .by_bytes = opt.bytes,
		    .objective = opt.objective,
		    .seed = opt.seed,
		    .minute = p->minute,
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

void
training_init(struct training *g)
{
	const struct play *p = g->at.play;

	g->job.run = run_training;
	g->job.weight = TRAIN_WEIGHT * (p->trained - p->begin);
}

void
sim_init(struct sim *s)
{
	const struct play *p = s->at.play;
	const bool model = takes_model(s->ops);

	s->job.run = run_sim;
	s->job.weight = (model ? MODEL_WEIGHT : 1) * (p->end - p->begin);
	s->train_at = SIZE_MAX;
	if (model && opt.retrain > 0)
		s->train_at = lesson_first(p, s->at.capacity);
}

void
training_release(struct training *g)
{
	pd_model_free(g->learnt.model);
}

void
sim_release(struct sim *s)
{
	pd_model_free(s->learnt.model);
}

void
training_note(const struct training *g)
{
	if (g->learnt.model == NULL)
		pd_cli_note("'%s', capacity %" PRIu64
			    ": no model, so learned is LRU: %s",
		    g->at.play->name, g->at.shown, g->learnt.why);
}

void
sim_note(const struct sim *s)
{
	if (s->row.retrained && s->row.models == 0)
		pd_cli_note("'%s', capacity %" PRIu64 ": %s had no model: %s",
		    s->at.play->name, s->at.shown, s->row.policy,
		    s->row.trainings == 0 ? "the trace is too short to train"
					  : s->learnt.why);
}
