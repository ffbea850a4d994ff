#ifndef TESTS_BENCH_H
#define TESTS_BENCH_H

/* What the benchmarks of streams share: the clock, and a trace as events. */

#include <stddef.h>
#include <stdio.h>
#include <time.h>

#include "base/err.h"
#include "data/event.h"
#include "data/evreader.h"

#define MAX_EVENTS (1u << 21)

/* Seconds of CPU time of this process. */
static inline double
cpu_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Up to MAX_EVENTS events of ${path}. 0, or -1 having reported. */
static inline int
load_trace(const char *path, struct pd_event *e, size_t *n)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;
	int rc = 0;

	*n = 0;
	if ((r = pd_evreader_open(path, NULL, NULL, PD_TIME_S, &err)) == NULL)
		goto fail;
	while (*n < MAX_EVENTS && (rc = pd_evreader_next(r, &e[*n], &err)) > 0)
		(*n)++;
	pd_evreader_close(r);
	if (rc >= 0)
		return 0;
fail:
	fprintf(stderr, "bench: %s\n", err.msg);
	return -1;
}

#endif /* TESTS_BENCH_H */
