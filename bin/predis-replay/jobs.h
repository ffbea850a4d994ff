#ifndef PREDIS_REPLAY_JOBS_H
#define PREDIS_REPLAY_JOBS_H

/*
 * Work on several threads, handed back in order: whatever the number of
 * threads, jobs are finished one after the other, in the order in which they
 * were given, on the thread that called.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

struct job {
	/* On some thread: 0, or -1 with a message in job->err. */
	int (*run)(struct job *);
	/* On the calling thread, in order, once it ran: 0, or -1 reported. */
	int (*finish)(struct job *);
	struct job *after;  /* one before it in the list that must have run;
			     * may be NULL */
	uint64_t weight;    /* work, in a unit of the caller's; for progress */
	atomic_ullong done; /* of that */
	struct pd_err err;
	int state; /* of jobs.c */
};

/*
 * jobs_run(jobs, n, threads, what):
 * Run ${n} jobs on at most ${threads} threads, showing progress under the name
 * ${what}. When one fails, those that run are asked to stop, none is begun
 * or finished any more, and its message is printed. 0, or -1 having reported.
 */
int jobs_run(struct job **jobs, size_t n, unsigned threads, const char *what);

/* A job that runs shows how far it is, and hears whether to go on: 0, or -1
 * to end at once, without a message. */
int job_step(struct job *j, uint64_t done);

#endif /* PREDIS_REPLAY_JOBS_H */
