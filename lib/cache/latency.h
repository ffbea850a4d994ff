#ifndef PD_CACHE_LATENCY_H
#define PD_CACHE_LATENCY_H

/*
 * What takes how long. Every command is timed with one reading of the
 * processor's counter (base/ticks.h), its end being the next one's start; the
 * durations are counted in powers of two. What took longer than a threshold
 * is kept as an event with its time, the last 160 of each kind.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_worker;

#define PD_LATENCY_BUCKETS                                                     \
	40 /* [b]: durations below 2^b ns, not below half                      \
	    */
#define PD_LATENCY_SAMPLES 160

/* How commands are timed; in struct pd_worker. */
struct pd_timing {
	uint64_t at;	   /* counter at the end of the last command */
	uint64_t slow;	   /* a command of so many ticks is looked at */
	uint64_t mult;	   /* ns a tick, 32 fraction bits */
	uint64_t from;	   /* of the calibration */
	uint64_t from_us;  /* likewise, monotonic */
	int64_t slower_us; /* SLOWLOG's threshold, below 0 never */
	uint64_t event_ms; /* threshold of events, 0 none */
	bool tracking;	   /* fill histograms */
};

enum pd_latency_event {
	PD_LATENCY_COMMAND,
	PD_LATENCY_FAST_COMMAND,
	PD_LATENCY_EXPIRE_CYCLE,
	PD_LATENCY_EVENTS
};

struct pd_latency_sample {
	int64_t at_s; /* since 1970; 0: none */
	uint32_t ms;
};

struct pd_latency_series {
	struct pd_latency_sample sample[PD_LATENCY_SAMPLES];
	uint32_t next;
	uint32_t max_ms;
};

struct pd_latency {
	struct pd_latency_series *series[PD_LATENCY_EVENTS]; /* NULL: none */
};

/* Nanoseconds of some ticks. */
static inline uint64_t
pd_timing_ns(const struct pd_timing *t, uint64_t ticks)
{
	return ticks >> 31 == 0 ? ticks * t->mult >> 32
				: (ticks >> 16) * (t->mult >> 16);
}

/* The bucket of a duration. */
static inline unsigned
pd_latency_bucket(uint64_t ns)
{
	const unsigned b = 64u - (unsigned)__builtin_clzll(ns | 1);

	return b < PD_LATENCY_BUCKETS ? b : PD_LATENCY_BUCKETS - 1;
}

/* Learn what a tick is; ${first} waits half a millisecond for it. */
void pd_latency_calibrate(struct pd_timing *t, bool first);
/* The thresholds changed. */
void pd_latency_arm(struct pd_timing *t);

const char *pd_latency_event_name(enum pd_latency_event e);
/* Note an event that took ${ms} if that reaches the threshold; without memory
 * it is not noted. */
void pd_latency_event(
    struct pd_worker *w, enum pd_latency_event e, uint64_t ms);
/* Forget the events of one kind. Was there one? */
bool pd_latency_reset(struct pd_latency *l, enum pd_latency_event e);
/* Bytes allocated. */
size_t pd_latency_memory(const struct pd_latency *l);
void pd_latency_release(struct pd_latency *l);

/* The value below which a share ${q} of the counts lies, in us. */
double pd_latency_quantile(const uint64_t counts[PD_LATENCY_BUCKETS], double q);

#endif /* PD_CACHE_LATENCY_H */
