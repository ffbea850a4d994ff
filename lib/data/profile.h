#ifndef PD_DATA_PROFILE_H
#define PD_DATA_PROFILE_H

/*
 * A reference profile (.pdp): for each feature, counts of its values between
 * frozen cuts, how many were missing (NaN), and moments. Bin i holds
 * cuts[i-1] < x <= cuts[i]; the first and last bin are open. A value that
 * occurs often is a bin of its own: its cut and the float just below it are
 * both cuts. Invariants: cuts ascend strictly and are finite; the counts of a
 * feature sum to its n; n + missing = rows. Counting is exact, whatever the
 * cuts were learned from (model/profiler.h). The file format is in
 * predis-drift(1).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/feature.h"
#include "data/sample.h"

struct pd_buf;
struct pd_err;

#define PD_PROFILE_CUTS 255		/* at most, a feature */
#define PD_PROFILE_MAX_BYTES (1u << 18) /* of an encoded profile */

/* What a row is: profiles of different kinds cannot be compared. */
enum pd_profile_kind {
	PD_PROFILE_ACCESS,   /* one row an access (a features stream) */
	PD_PROFILE_RESIDENT, /* residents at random moments (training rows) */
};

struct pd_profile_feature {
	uint8_t slot; /* of the table in data/feature.h */
	unsigned ncuts;
	float cuts[PD_PROFILE_CUTS];
	uint64_t counts[PD_PROFILE_CUTS + 1];
	uint64_t n;	  /* values that are not NaN, infinities included */
	uint64_t missing; /* NaN */
	uint64_t finite;  /* values that the moments are of */
	double mean;
	double m2; /* sum of squared deviations from the mean */
	float min; /* of all n, infinities included; NaN when n is 0 */
	float max;
	/* Autocorrelation of consecutive rows: sums while counting, over
	 * pairs of values less base; lag1 when read from a file. */
	double lag1;
	double base;
	double products;
	uint64_t pairs;
	float previous; /* NaN when the last row had none */
};

struct pd_profile {
	uint64_t schema_id; /* pd_feature_schema_id() */
	uint64_t rows;
	uint64_t t_first_us; /* of the rows, set by the caller; 0 unknown */
	uint64_t t_last_us;
	double rate;	       /* sampling rate in 0..1, 0 unknown */
	uint64_t capacity;     /* of the cache whose state is in them, or 0 */
	enum pd_scheme scheme; /* how the events were sampled */
	enum pd_profile_kind kind;
	unsigned nfeatures;
	struct pd_profile_feature f[PD_FEATURES];
};

/* An empty profile of this build's schema, without features (about 200 KB):
 * rows of accesses, all events. NULL out of memory; free with free(). */
struct pd_profile *pd_profile_new(void);

/*
 * pd_profile_like(p):
 * A profile with the cuts and slots of ${p} and no rows. NULL out of memory.
 */
struct pd_profile *pd_profile_like(const struct pd_profile *p);

/*
 * pd_profile_add(p, row):
 * Count one row of p->nfeatures floats, in the order of p->f.
 */
void pd_profile_add(struct pd_profile *p, const float *row);

/* The feature of a slot, or NULL. */
const struct pd_profile_feature *pd_profile_find(
    const struct pd_profile *p, int slot);

/*
 * pd_profile_cdf(f, x):
 * The mid-distribution function of the reference at ${x}, in 0..1: linear
 * within a bin (the open ends reach to min and max), half of its mass at an
 * atom. NaN for a NaN or an empty feature.
 */
double pd_profile_cdf(const struct pd_profile_feature *f, double x);

/*
 * pd_profile_lag1(f):
 * The autocorrelation of consecutive rows, in 0..1 (negative ones are 0).
 */
double pd_profile_lag1(const struct pd_profile_feature *f);

/*
 * pd_profile_effective(f):
 * As how many independent values f->n count: n (1 - r) / (1 + r) for an
 * autocorrelation r (a first-order process), at least 1. A feature that moves
 * slowly, the cache's hit ratio say, is worth few values however many rows
 * repeat it.
 */
uint64_t pd_profile_effective(const struct pd_profile_feature *f);

/* True when bin ${i} holds one float only. */
bool pd_profile_is_atom(const struct pd_profile_feature *f, unsigned i);

/* Append the encoded profile to ${out}. 0, or -1 out of memory. */
int pd_profile_encode(const struct pd_profile *p, struct pd_buf *out);

/*
 * pd_profile_decode(bytes, n, err):
 * Check everything the invariants promise, and the CRC. NULL with a message.
 */
struct pd_profile *pd_profile_decode(
    const void *bytes, size_t n, struct pd_err *err);

/* A file, whole: written by rename; the message names the path. */
int pd_profile_write(
    const struct pd_profile *p, const char *path, struct pd_err *err);
struct pd_profile *pd_profile_read(const char *path, struct pd_err *err);

#endif /* PD_DATA_PROFILE_H */
