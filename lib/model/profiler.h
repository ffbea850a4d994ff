#ifndef PD_MODEL_PROFILER_H
#define PD_MODEL_PROFILER_H

/*
 * Learns the cuts of a reference profile (data/profile.h) from rows of
 * features, in one pass and bounded memory: a KLL sketch (k = 4096) a feature,
 * and the exact set of values while there are at most 127 of them. A second
 * pass over the same rows, pd_profile_add(), then counts exactly. The same
 * rows in the same order give the same bytes.
 */

#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_profile;
struct pd_profiler;

/*
 * pd_profiler_new(slots, n):
 * For rows of ${n} <= 64 floats; column i is the feature ${slots}[i]; NULL
 * slots mean slots 0..n-1. NULL out of memory. free(NULL) does nothing.
 */
struct pd_profiler *pd_profiler_new(const uint8_t *slots, unsigned n);
void pd_profiler_free(struct pd_profiler *p);

/* Learn from one row. 0, or -1 out of memory. */
int pd_profiler_add(struct pd_profiler *p, const float *row);

/*
 * pd_profiler_finish(p):
 * A profile with cuts and no counts: feed the rows again with
 * pd_profile_add(). NULL out of memory. The profiler stays the caller's.
 */
struct pd_profile *pd_profiler_finish(struct pd_profiler *p);

/*
 * pd_profiler_rows(rows, nrows, slots, n, err):
 * Both passes over ${nrows} rows in memory, ${n} floats each. The profile,
 * free with free(); NULL with a message.
 */
struct pd_profile *pd_profiler_rows(const float *rows, size_t nrows,
    const uint8_t *slots, unsigned n, struct pd_err *err);

#endif /* PD_MODEL_PROFILER_H */
