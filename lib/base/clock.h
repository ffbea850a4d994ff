#ifndef PD_BASE_CLOCK_H
#define PD_BASE_CLOCK_H

/*
 * Time in microseconds. Programs read the clock through these functions
 * only, so that a test build (-DPD_TEST_CLOCK=1) can inject one: the
 * environment variable PREDIS_TEST_CLOCK names a file that holds the time as
 * a decimal number of microseconds, shared by all processes of a test.
 */

#include <stdint.h>

/* Microseconds since 1970-01-01 UTC. */
uint64_t pd_clock_wall_us(void);
/* Microseconds of a clock that never goes back; for durations. */
uint64_t pd_clock_mono_us(void);
/* The machine's own monotonic clock, also where a test injects another: for
 * measuring the machine, as with its counter of ticks. */
uint64_t pd_clock_machine_us(void);
/* Nanoseconds of processor time that the calling thread has used. */
uint64_t pd_clock_thread_ns(void);

#endif /* PD_BASE_CLOCK_H */
