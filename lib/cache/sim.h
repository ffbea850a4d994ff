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

/* The run between two entries. */
struct pd_sim_pause {
	struct pd_policy *policy;	    /* NULL: belady */
	const struct pd_sim_result *result; /* so far */
	size_t entry; /* the one that comes now; end: there is none left */
	size_t next;  /* to be set: pause before this one (> entry), or at the
		       * end if that comes first */
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
	/* Called before entry ${pause_at} (at least begin) is played, then
	 * whenever it asked for, and at the end. It may give the policy
	 * another model. 0, or -1: the run ends and fails, the message is the
	 * caller's own matter. NULL: no pauses. */
	int (*pause)(void *cookie, struct pd_sim_pause *at);
	void *pause_cookie;
	size_t pause_at;
};

struct pd_sim_result {
	uint64_t requests; /* counted ones, as all of these */
	uint64_t misses;
	uint64_t bytes;
	uint64_t byte_misses;
	/* Microseconds as pd_objective_weight() counts them. */
	uint64_t cost;
	uint64_t cost_misses;
	uint64_t evictions; /* from begin on */
	uint64_t resident;  /* objects at the end */
	size_t memory;	    /* bytes of the policy at the end */
};

/* What was missed (or asked for), as the objective counts it. */
static inline uint64_t
pd_sim_lost(const struct pd_sim_result *r, enum pd_objective o)
{
	return o == PD_OBJECTIVE_BYTES	? r->byte_misses
	       : o == PD_OBJECTIVE_COST ? r->cost_misses
					: r->misses;
}

static inline uint64_t
pd_sim_asked(const struct pd_sim_result *r, enum pd_objective o)
{
	return o == PD_OBJECTIVE_BYTES	? r->bytes
	       : o == PD_OBJECTIVE_COST ? r->cost
					: r->requests;
}

/*
 * Play a trace: 0, or -1 with a message (out of memory, or the policy could
 * not be made). Runs over one trace may go on in several threads.
 */
int pd_sim_run(const struct pd_trace *t, const struct pd_sim_params *p,
    struct pd_sim_result *r, struct pd_err *err);

/*
 * pd_sim_pauses(p, r, policy, stretch, cookie):
 * For what runs policies, belady among them: call ${stretch} for the stretches
 * of entries between the pauses, and the pauses. 0, or -1.
 */
int pd_sim_pauses(const struct pd_sim_params *p, const struct pd_sim_result *r,
    struct pd_policy *policy,
    int (*stretch)(void *cookie, size_t from, size_t to), void *cookie);

#endif /* PD_CACHE_SIM_H */
