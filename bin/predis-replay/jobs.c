/* A pool of threads whose results come back in order. */

#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "cli/cli.h"
#include "jobs.h"

enum state { WAITING, RUNNING, RAN, FAILED };

#define SHOW_NS 200000000L /* between two looks at the progress */

struct pool {
	struct job **job;
	size_t n;
	const char *what;
	pthread_mutex_t lock; /* over the states of jobs and what is below */
	pthread_cond_t change;
	bool stop;   /* begin no more */
	size_t busy; /* threads that have not ended */
};

/* What job_step() hears; of the one pool that runs. */
static atomic_bool stopping;

int
job_step(struct job *j, uint64_t done)
{
	if (done > j->weight)
		done = j->weight;
	/* Training counts some of its steps twice: never go back. */
	if (done > atomic_load_explicit(&j->done, memory_order_relaxed))
		atomic_store_explicit(&j->done, done, memory_order_relaxed);
	return atomic_load_explicit(&stopping, memory_order_relaxed) ? -1 : 0;
}

/* The first job that can begin; NULL and ${more}: not yet. */
static struct job *
ready(const struct pool *p, bool *more)
{
	const struct job *a;
	size_t i;

	*more = false;
	for (i = 0; i < p->n && !p->stop; i++) {
		if (p->job[i]->state != WAITING)
			continue;
		a = p->job[i]->after;
		if (a == NULL || a->state == RAN)
			return p->job[i];
		*more = true;
	}
	return NULL;
}

static void *
work(void *cookie)
{
	struct pool *p = cookie;
	struct job *j;
	bool more;
	int rc;

	pthread_mutex_lock(&p->lock);
	for (;;) {
		j = ready(p, &more);
		if (j == NULL && !more)
			break;
		if (j == NULL) {
			pthread_cond_wait(&p->change, &p->lock);
			continue;
		}
		j->state = RUNNING;
		pthread_mutex_unlock(&p->lock);
		rc = j->run(j);
		job_step(j, j->weight);
		pthread_mutex_lock(&p->lock);
		j->state = rc == 0 ? RAN : FAILED;
		if (rc != 0) {
			p->stop = true;
			atomic_store(&stopping, true);
		}
		pthread_cond_broadcast(&p->change);
	}
	p->busy--;
	pthread_cond_broadcast(&p->change);
	pthread_mutex_unlock(&p->lock);
	return NULL;
}

static void
show(const struct pool *p)
{
	uint64_t done = 0, total = 0;
	size_t i;

	for (i = 0; i < p->n; i++) {
		done += atomic_load_explicit(
		    &p->job[i]->done, memory_order_relaxed);
		total += p->job[i]->weight;
	}
	pd_cli_progress(p->what, done, total);
}

/* Wait for a change, but not for long. */
static void
doze(struct pool *p)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += SHOW_NS;
	if (until.tv_nsec >= 1000000000L) {
		until.tv_nsec -= 1000000000L;
		until.tv_sec++;
	}
	pthread_cond_timedwait(&p->change, &p->lock, &until);
}

/* Finish jobs in order until all ran or one failed. */
static int
collect(struct pool *p)
{
	struct job *j;
	size_t at = 0;
	int rc = 0;

	pthread_mutex_lock(&p->lock);
	while (at < p->n && rc == 0) {
		j = p->job[at];
		if (j->state == RAN) {
			at++;
			pthread_mutex_unlock(&p->lock);
			rc = j->finish(j);
			pthread_mutex_lock(&p->lock);
		} else if (j->state == FAILED || p->busy == 0) {
			rc = -1;
		} else {
			show(p);
			doze(p);
		}
	}
	if (rc != 0) {
		p->stop = true;
		atomic_store(&stopping, true);
	}
	while (p->busy > 0)
		pthread_cond_wait(&p->change, &p->lock);
	pthread_mutex_unlock(&p->lock);
	return rc;
}

/* The first failure that has a message: the others were asked to stop. */
static void
report(const struct pool *p)
{
	size_t i;

	for (i = 0; i < p->n; i++)
		if (p->job[i]->state == FAILED &&
		    p->job[i]->err.msg[0] != '\0') {
			pd_cli_fail(&p->job[i]->err);
			return;
		}
}

/* Start up to ${threads} threads: how many there are. */
static unsigned
start(struct pool *p, pthread_t *thread, unsigned threads)
{
	unsigned i;

	pthread_mutex_lock(&p->lock);
	for (i = 0; i < threads; i++) {
		if (pthread_create(&thread[i], NULL, work, p) != 0)
			break;
		p->busy++;
	}
	pthread_mutex_unlock(&p->lock);
	return i;
}

int
jobs_run(struct job **jobs, size_t n, unsigned threads, const char *what)
{
	struct pool p = {.job = jobs, .n = n, .what = what};
	pthread_t *thread;
	unsigned started, i;
	int rc = -1;

	if (threads > n)
		threads = (unsigned)n;
	for (i = 0; i < n; i++)
		jobs[i]->state = WAITING;
	atomic_store(&stopping, false);
	thread = calloc(threads + 1, sizeof(*thread));
	if (thread == NULL) {
		pd_cli_failf("out of memory");
		return -1;
	}
	pthread_mutex_init(&p.lock, NULL);
	pthread_cond_init(&p.change, NULL);
	started = start(&p, thread, threads);
	if (started == 0 && n > 0)
		pd_cli_failf("cannot start a thread");
	else
		rc = collect(&p);
	for (i = 0; i < started; i++)
		pthread_join(thread[i], NULL);
	pd_cli_progress_end();
	if (rc != 0)
		report(&p);
	pthread_cond_destroy(&p.change);
	pthread_mutex_destroy(&p.lock);
	free(thread);
	return rc;
}
