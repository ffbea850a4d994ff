#ifndef PD_BASE_TICKS_H
#define PD_BASE_TICKS_H

/*
 * The cheapest clock there is, for timing every command: the processor's
 * counter where user programs can read it, else nanoseconds. Its unit is
 * unknown until it has been compared with a clock (pd_latency_calibrate()),
 * and it may jump when a virtual machine moves: good for durations that
 * nothing depends on.
 */

#include <stdint.h>
#include <time.h>

static inline uint64_t
pd_ticks(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
#endif
}

#endif /* PD_BASE_TICKS_H */
