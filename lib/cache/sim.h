#ifndef PD_CACHE_SIM_H
#define PD_CACHE_SIM_H

/*
 * A cache without values over a trace: every miss is filled, as a client
 * that plays cache-aside does. The same policies as the server's, by the same
 * protocol (policy.h). An object keeps the size with which it came in until
 * it leaves or is written again; one larger than the capacity is never stored.
 * A policy that takes a model gets a context (context.h), fed here; the others
 * run without one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/policy.h"

struct pd_err;
struct pd_trace;

/* The cache at the moment before it chooses a victim. */
struct pd_sim_view {
	const struct pd_policy *policy;
	const uint32_t *id_of; /* key's number by slot, also of released ones */
	uint32_t slots;	       /* 0..slots-1 were used */
	size_t entry;	       /* of the trace, that is being admitted */
	uint64_t tick;
};

struct pd_sim_params {
	const struct pd_policy_ops *ops; /* NULL: belady */
	struct pd_policy_params policy;	 /* objects_hint and context are
					  * filled in */
	size_t begin;			 /* first entry played, */
	size_t from;			 /* first entry counted, */
	size_t end;			 /* and one behind the last */
	/* Called before each choice of a victim; NULL: not. */
	void (*evicting)(void *cookie, const struct pd_sim_view *v);
	void *cookie;
};

struct pd_sim_result {
	uint64_t requests; /* counted ones, as all of these */
	uint64_t misses;
	uint64_t bytes;
	uint64_t byte_misses;
	uint64_t evictions; /* from begin on */
	uint64_t resident;  /* objects at the end */
	size_t memory;	    /* bytes of the policy at the end */
};

/* Play a trace: 0, or -1 with a message (out of memory, or the policy could
 * not be made). */
int pd_sim_run(const struct pd_trace *t, const struct pd_sim_params *p,
    struct pd_sim_result *r, struct pd_err *err);

#endif /* PD_CACHE_SIM_H */
