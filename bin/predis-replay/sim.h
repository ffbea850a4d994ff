#ifndef PREDIS_REPLAY_SIM_H
#define PREDIS_REPLAY_SIM_H

/*
 * One policy at one capacity, or one training, as a job. Jobs only read the
 * trace, so that many run over one.
 */

#include <stddef.h>
#include <stdint.h>

#include "cache/sim.h"
#include "jobs.h"
#include "lesson.h"
#include "replay.h"

/* A capacity to simulate: of ${shown} units, which is ${capacity} of the trace
 * that is played where that holds a share of the keys. */
struct point {
	const struct play *play;
	uint64_t capacity;
	uint64_t shown;
};

/* --train-on for one capacity. */
struct training {
	struct job job;
	struct point at;
	struct learnt learnt;
};

struct sim {
	struct job job;
	struct point at;
	const struct pd_policy_ops *ops; /* NULL: belady */
	const struct training *training; /* NULL: none */
	void *owner;			 /* the caller's */
	struct row row;			 /* the result */
	struct window *window;		 /* play->stops of them */
	size_t windows;			 /* that were filled */
	/* Of sim.c, while it runs. */
	struct pd_sim_result last; /* at the end of the last window */
	size_t train_at;	   /* entry before which to train */
	struct learnt learnt;
	uint64_t training_ns;
	uint64_t training_us;
};

const char *policy_name(const struct pd_policy_ops *ops);
bool takes_model(const struct pd_policy_ops *ops);

/* Make a job of ${g} or ${s}, zeroed but for at, ops, training, owner and
 * window; its finish() stays the caller's. */
void training_init(struct training *g);
void sim_init(struct sim *s);
void training_release(struct training *g);
void sim_release(struct sim *s);

/* Say on standard error why there is no model, where there should be one. */
void training_note(const struct training *g);
void sim_note(const struct sim *s);

#endif /* PREDIS_REPLAY_SIM_H */
