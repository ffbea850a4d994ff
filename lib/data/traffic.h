#ifndef PD_DATA_TRAFFIC_H
#define PD_DATA_TRAFFIC_H

/*
 * What the traffic behind a sampled stream is like: numbers and bytes of all
 * requests, estimated from those that were sampled, with standard errors.
 *
 * An event of weight w that was sampled at rate p stands for w / p requests
 * (Horvitz and Thompson 1952). What is chosen at random is a key, an event or a
 * window, all of whose events are in, so the variance of a total is that of the
 * sums of these units: (1 - p) / p^2 times the sum of their squares. Units are
 * not kept one by one: they are thrown by hash into PD_TRAFFIC_GROUPS groups,
 * whose squared deviations have that sum as their expectation (random groups;
 * Wolter, "Introduction to Variance Estimation", 2007, chapter 2). The error of
 * a ratio is that of its residuals. At rate 1 there is none. What was dropped
 * before it was recorded is not made up for.
 */

#include <stdbool.h>
#include <stdint.h>

#include "data/event.h"
#include "data/namespace.h"
#include "data/sample.h"

struct pd_pds_meta;

#define PD_TRAFFIC_GROUPS 64
#define PD_TRAFFIC_SPACES 64 /* namespaces told apart */

/* What is added up. */
enum pd_traffic_what {
	PD_TRAFFIC_REQUESTS,  /* all events, fills and deletions too */
	PD_TRAFFIC_ACCESSES,  /* those with a tick of their own (event.h) */
	PD_TRAFFIC_GETS,      /* of these, reads */
	PD_TRAFFIC_HITS,      /* of these, hits */
	PD_TRAFFIC_BYTES_OUT, /* of values that were hit */
	PD_TRAFFIC_BYTES_IN,  /* of values that were written */
	PD_TRAFFIC_WHATS,
};

/* A number with its standard error. */
struct pd_estimate {
	double value;
	double se;
};

struct pd_traffic_sums {
	double sum[PD_TRAFFIC_WHATS];
	double part[PD_TRAFFIC_GROUPS][PD_TRAFFIC_WHATS];
};

/* One of the ops, by group. */
struct pd_traffic_op {
	double sum;
	double part[PD_TRAFFIC_GROUPS];
};

struct pd_traffic_space {
	uint32_t ns;
	struct pd_traffic_sums sums;
};

/* About 300 KB: for the heap, or static. */
struct pd_traffic {
	enum pd_scheme scheme;
	double factor;	  /* requests an event of weight 1 stands for */
	double deviation; /* the root of (1 - p), times that */
	uint64_t window_us;
	bool hits_unknown; /* of any stream that was added */
	uint64_t events;   /* sampled ones */
	uint64_t first_us; /* of the first and last of them, by time */
	uint64_t last_us;
	struct pd_traffic_sums all;
	struct pd_traffic_op op[PD_OP_MAX + 1];
	struct pd_traffic_space space[PD_TRAFFIC_SPACES];
	uint32_t spaces;
	struct pd_namespaces names; /* as headers tell them */
	uint64_t others; /* events of namespaces for which there was no room */
};

void pd_traffic_init(struct pd_traffic *t);
/* Events that come now were sampled as ${m} says. It may change on the way. */
void pd_traffic_header(struct pd_traffic *t, const struct pd_pds_meta *m);
/* Add a sampled event. Returns the requests that it stands for. */
double pd_traffic_add(struct pd_traffic *t, const struct pd_event *e);

/* What all requests since pd_traffic_init() come to. */
struct pd_estimate pd_traffic_total(
    const struct pd_traffic_sums *s, enum pd_traffic_what what);
/* The share of ${a} in ${b}; NaN where there is no ${b}. */
struct pd_estimate pd_traffic_ratio(const struct pd_traffic_sums *s,
    enum pd_traffic_what a, enum pd_traffic_what b);
/* Requests with an op (below PD_OP_MAX), and their share of all. */
struct pd_estimate pd_traffic_op_total(const struct pd_traffic *t, unsigned op);
struct pd_estimate pd_traffic_op_share(const struct pd_traffic *t, unsigned op);

#endif /* PD_DATA_TRAFFIC_H */
