/* --train-on: the trainer of predis-retrain, in this process. */

#include "replay.h"

#if PD_MLOPS

#include <stdio.h>

#include "base/buf.h"
#include "base/err.h"
#include "cache/trace.h"
#include "cli/cli.h"
#include "learn/train.h"
#include "model/model.h"

static void
show_training(void *cookie, const char *what, unsigned done, unsigned total)
{
	(void)cookie;
	pd_cli_progress(what, done, total);
}

struct pd_model *
train_model(const struct play *p, uint64_t capacity, struct pd_err *err)
{
	struct pd_learn_params params;
	struct pd_learn_result r;
	struct pd_model *model = NULL;
	struct pd_buf bundle = PD_BUF_INIT;

	pd_learn_params_init(&params);
	params.capacity = capacity;
	params.by_bytes = opt.bytes;
	params.begin = p->begin;
	params.end = p->trained;
	params.seed = opt.seed;
	params.small = p->trace->rate == 1;
	params.progress = show_training;
	if (pd_learn_train(p->trace, &params, &r, err) < 0)
		return NULL;
	pd_cli_progress_end();
	if (r.outcome != PD_LEARN_GOOD)
		pd_cli_note("'%s', capacity %llu: no model, so learned is LRU: "
			    "%s",
		    p->name, (unsigned long long)capacity, r.why);
	else if (pd_learn_bundle(&r, &params, p->name, p->trace->t_last_us,
		     &bundle, err) == 0)
		model = pd_model_parse(bundle.data, bundle.len, err);
	pd_buf_release(&bundle);
	pd_learn_result_release(&r);
	return model;
}

#else

struct pd_model *
train_model(const struct play *p, uint64_t capacity, struct pd_err *err)
{
	(void)p;
	(void)capacity;
	(void)err;
	return NULL;
}

#endif
