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
	const char *time_unit;
	const char *model_path;
	struct pd_model *model;
	bool bytes;
	bool json;
	uint64_t seed;
	double train_on;
	double skip;
	double from;
	double to;
	/* --server */
	const char *server;
	uint64_t pipeline;
	uint64_t value_size;
	const char *prefix;
	const char *password_file;
	uint64_t timeout_us;
};

extern struct options opt;

/* A trace and the part of it to play, as entries. */
struct play {
	const struct pd_trace *trace;
	const char *name; /* the file's, without folder and endings */
	size_t begin;	  /* first one played, */
	size_t from;	  /* first one counted, */
	size_t trained;	  /* first one not trained on */
	size_t end;	  /* and one behind the last */
};

struct row {
	const char *trace;
	const char *policy;
	uint64_t size; /* objects, or bytes */
	bool size_known;
	double rate; /* share of keys in the trace; below 1 it is shown */
	uint64_t requests;
	uint64_t misses;
	uint64_t bytes;
	uint64_t byte_misses;
	double seconds;
};

/* Write a row to standard output, the names of the columns before the first.
 * 0, or -1 having reported. */
int put_row(const struct row *r);

/*
 * The model of policy learned for a cache of ${capacity} units, trained on the
 * leading part of the trace. NULL without a message: none, which was noted:
 * too little to learn from, or no better than LRU on the hold-out.
 */
struct pd_model *train_model(
    const struct play *p, uint64_t capacity, struct pd_err *err);

/* Simulate every size and policy. 0, or -1 having reported. */
int simulate(const struct play *p);

/* Play against a server. 0, or -1 having reported. */
int play_server(const struct play *p);

#endif /* PREDIS_REPLAY_REPLAY_H */
