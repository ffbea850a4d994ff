#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

#ifndef PD_TEST_CLOCK
#define PD_TEST_CLOCK 0
#endif

#if PD_TEST_CLOCK
#include <stdio.h>

static int
test_clock(uint64_t *us)
{
	const char *path = getenv("PREDIS_TEST_CLOCK");
	unsigned long long v;
	FILE *f;
	int n;

	if (path == NULL || (f = fopen(path, "r")) == NULL)
		return -1;
	n = fscanf(f, "%llu", &v);
	fclose(f);
	if (n != 1)
		return -1;
	*us = v;
	return 0;
}
#endif

static uint64_t
machine_clock(clockid_t id)
{
	struct timespec ts;

	clock_gettime(id, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint64_t
read_clock(clockid_t id)
{
#if PD_TEST_CLOCK
	uint64_t us;

	if (test_clock(&us) == 0)
		return us;
#endif
	return machine_clock(id);
}

uint64_t
pd_clock_wall_us(void)
{
	return read_clock(CLOCK_REALTIME);
}

uint64_t
pd_clock_mono_us(void)
{
	return read_clock(CLOCK_MONOTONIC);
}

uint64_t
pd_clock_machine_us(void)
{
	return machine_clock(CLOCK_MONOTONIC);
}

uint64_t
pd_clock_thread_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}
