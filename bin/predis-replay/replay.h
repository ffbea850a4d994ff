#ifndef PREDIS_REPLAY_REPLAY_H
#define PREDIS_REPLAY_REPLAY_H

/*
 * What the files of predis-replay share: the options, a trace ready to play,
 * and one row of results.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/policy.h"

struct pd_err;
struct pd_model;
struct pd_sim_result;
struct pd_trace;

#define MAX_POLICIES 64
#define MAX_SIZES 64

/* A --size: a share of what the trace asks for, or a number of units. */
struct size {
	double share; /* 0: units is meant */
	uint64_t units;
};

struct options {
	const struct pd_policy_ops *policy[MAX_POLICIES]; /* NULL: belady */
	int policies;
	struct size size[MAX_SIZES];
	int sizes;
	const char *format;
	const char *scheme;
	const char *time_unit;
	const char *model_path;
	struct pd_model *model;
	bool all_policies;
	bool bytes;
	const char *objective_name;
	enum pd_objective objective;
	bool json;
	bool join;
	uint64_t jobs; /* 0: as many as there are processors */
	uint64_t seed;
	double train_on;
	uint64_t retrain;	 /* requests between two trainings; 0: none */
	uint64_t retrain_window; /* requests that one looks back; 0: all */
	double skip;
	double from;
	double to;
	uint64_t window; /* requests; 0: no series */
	bool mrc;
	uint64_t points; /* 0: CURVE_POINTS */
	bool exact;
	bool plot;
	const char *svg;
	/* --server */
	const char *server;
	uint64_t pipeline;
	uint64_t value_size;
	const char *prefix;
	const char *password_file;
	uint64_t timeout_us;
};

extern struct options opt;

/* Where one of several joined files begins. */
struct part {
	char *name;   /* without folder and endings */
	size_t begin; /* its first entry */
};

/* A trace and the part of it to play, as entries. */
struct play {
	struct pd_trace *trace;
	char name[256]; /* of the file or files, without folder and endings */
	size_t begin;	/* first one played, */
	size_t from;	/* first one counted, */
	size_t trained; /* first one not trained on */
	size_t end;	/* and one behind the last */
	uint64_t requests; /* from begin to end */
	uint64_t minute;   /* ticks, of the whole trace */
	struct part *part; /* the files that were joined, one at least */
	int parts;
	size_t *stop; /* with --window: where the windows end, the last at
		       * end; NULL: no windows */
	size_t stops;
};

/* What was counted between two moments. */
struct counts {
	uint64_t requests;
	uint64_t misses;
	uint64_t bytes;
	uint64_t byte_misses;
	uint64_t cost; /* microseconds; 0: the trace tells none */
	uint64_t cost_misses;
};

struct row {
	const char *trace;
	const char *policy;
	uint64_t size; /* objects, or bytes */
	bool size_known;
	double rate; /* share of keys in the trace; below 1 it is shown */
	struct counts n;
	double seconds;
	/* What follows is of simulations. */
	bool simulated;
	bool online; /* a policy that was simulated, not belady's bound */
	bool retrained;
	double gap_closed; /* NAN: unknown */
	double ns_per_request;
	uint64_t evictions;
	uint64_t resident; /* objects at the end */
	uint64_t policy_bytes;
	unsigned trainings; /* with --retrain */
	unsigned models;    /* of these, those that gave a model */
	double training_seconds;
	/* Of a curve: */
	const char *method; /* "stack", "simulated" or "sampled" */
	double miss_ratio;
	double byte_miss_ratio;
	double error; /* of the miss ratio, where it was sampled */
};

/* The columns or keys of one window. */
struct window {
	struct counts n;
	const char *ruling; /* policy in force at its end */
};

/* options.c: the values of --policy and --size; what the options mean
 * together: 0, or an exit status having reported. */
int call_policy(void *dest, const char *value, struct pd_err *err);
int call_size(void *dest, const char *value, struct pd_err *err);
int check_options(void);

/* load.c: the trace of ${n} files, and what of it to play, into ${p}, which
 * unload() releases. 0, or -1 having reported. */
int load(struct play *p, char **path, int n);
void unload(struct play *p);

/* The requests from p->begin to p->end. */
uint64_t play_requests(const struct play *p);

/* rows.c: write to standard output, the names of the columns before the
 * first. 0, or -1 having reported. */
int put_row(const struct row *r);
int put_window(const struct row *r, const struct window *w, size_t number,
    uint64_t from_request);
int put_point(const struct row *r);
double ratio(uint64_t part, uint64_t all);

/* simulate.c: simulate every size and policy. 0, or -1 having reported. */
int simulate(const struct play *p);

/* server.c: play against a server. 0, or -1 having reported. */
int play_server(const struct play *p);

#endif /* PREDIS_REPLAY_REPLAY_H */
