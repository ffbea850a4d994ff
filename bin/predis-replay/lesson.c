/* --train-on and --retrain: the trainer of predis-retrain, in this process. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "cache/trace.h"
#include "jobs.h"
#include "lesson.h"
#include "model/model.h"
#include "replay.h"

#define FIRST_REQUESTS 6000
#define FIRST_CACHES 4

size_t
lesson_first(const struct play *p, uint64_t capacity)
{
	const struct pd_trace *t = p->trace;
	double objects = (double)capacity;

	if (opt.bytes)
		objects *= (double)t->unique / ((double)t->unique_bytes + 1);
	objects = fmax(FIRST_CACHES * objects, FIRST_REQUESTS);
	if (objects >= (double)(p->end - p->begin))
		return p->end;
	return p->begin + (size_t)objects;
}

size_t
lesson_next(const struct play *p, size_t now)
{
	const size_t seen = now - p->begin;
	const size_t more = opt.retrain < seen ? (size_t)opt.retrain : seen;

	return more < p->end - now ? now + more : p->end;
}

size_t
lesson_begin(const struct play *p, size_t now)
{
	if (opt.retrain_window == 0 || opt.retrain_window > now - p->begin)
		return p->begin;
	return now - (size_t)opt.retrain_window;
}

#if PD_MLOPS

#include "learn/train.h"

static void
show_training(void *cookie, const char *what, unsigned done, unsigned total)
{
	struct job *j = cookie;

	(void)what;
	if (j != NULL && total > 0)
		job_step(j, j->weight * done / total);
}

/* Choosing features is most of a training's work, and they change little. */
static void
take_features(struct pd_learn_params *p, const struct pd_model *before)
{
	if (before == NULL || before->cols > PD_LEARN_FEATURES)
		return;
	memcpy(p->slots, before->slots, before->cols);
	p->nslots = before->cols;
}

int
learn(const struct lesson *l, struct learnt *out, struct pd_err *err)
{
	const struct pd_trace *t = l->play->trace;
	struct pd_learn_params params;
	struct pd_learn_result r;
	struct pd_buf bundle = PD_BUF_INIT;
	int rc = 0;

	memset(out, 0, sizeof(*out));
	pd_learn_params_init(&params);
	params.capacity = l->capacity;
	params.by_bytes = opt.bytes;
	params.objective = opt.objective;
	params.begin = l->begin;
	params.end = l->end;
	params.seed = opt.seed;
	params.small = t->rate == 1;
	params.progress = show_training;
	params.cookie = l->job;
	take_features(&params, l->before);
	if (pd_learn_train(t, &params, &r, err) < 0)
		return -1;
	if (r.outcome != PD_LEARN_GOOD) {
		snprintf(out->why, sizeof(out->why), "%s", r.why);
	} else {
		rc = pd_learn_bundle(
		    &r, &params, "replay", t->t_last_us, &bundle, err);
		if (rc == 0)
			out->model =
			    pd_model_parse(bundle.data, bundle.len, err);
		rc = out->model == NULL ? -1 : 0;
	}
	pd_buf_release(&bundle);
	pd_learn_result_release(&r);
	return rc;
}

#else

int
learn(const struct lesson *l, struct learnt *out, struct pd_err *err)
{
	(void)l;
	memset(out, 0, sizeof(*out));
	return pd_err_set(err, "this build cannot train (MLOPS_ENABLED=0)");
}

#endif
