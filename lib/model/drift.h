#ifndef PD_MODEL_DRIFT_H
#define PD_MODEL_DRIFT_H

/*
 * Compares two profiles with the same cuts (data/profile.h), feature by
 * feature: KS distance (bounds from the counts), PSI over about ten coarser
 * bins, and the share of missing values. Each needs two things to alarm:
 * p under alpha divided by the number of tests made (Bonferroni), so that it
 * is not noise, and an effect above a floor, so that it matters.
 */

#include <stdbool.h>
#include <stdint.h>

#include "data/profile.h"

struct pd_drift_params {
	double alpha;	/* of all tests together */
	double min_d;	/* floor of the KS distance and of the change of the
			 * missing share */
	double min_psi; /* floor of PSI */
	unsigned bins;	/* of PSI, 2..256 */
	uint64_t min_n; /* values needed on both sides to compare them, and
			 * rows to compare shares of missing ones */
};

#define PD_DRIFT_DEFAULTS                                                      \
	{                                                                      \
		0.05, 0.1, 0.25, 10, 500                                       \
	}

enum pd_drift_alarm {
	PD_DRIFT_KS = 1 << 0,
	PD_DRIFT_PSI = 1 << 1,
	PD_DRIFT_MISSING = 1 << 2,
};

struct pd_drift_feature {
	uint8_t slot;
	bool compared;	     /* false: too few values, the next 7 are NaN */
	double d_low;	     /* distance at the cuts: reached for certain */
	double d_high;	     /* no more than this */
	double d_p;	     /* p-value of d_low */
	double psi;	     /* half a count more in each bin */
	double psi_critical; /* at the corrected alpha */
	double psi_p;
	double shift; /* change of the mean in reference deviations */
	unsigned psi_bins;
	double missing_ref; /* shares of the rows */
	double missing_cur;
	double missing_p;
	uint64_t n_ref;
	uint64_t n_cur;
	uint64_t effective_ref; /* pd_profile_effective() */
	uint64_t effective_cur;
	unsigned alarms; /* enum pd_drift_alarm */
};

struct pd_drift {
	unsigned nfeatures;
	unsigned compared; /* features */
	unsigned drifted;
	unsigned tests; /* made: the divisor of alpha */
	double alpha;	/* of one test */
	struct pd_drift_feature f[PD_FEATURES];
};

/*
 * pd_drift_compare(d, ref, cur, params):
 * ${cur} was made by pd_profile_like(${ref}). Features in the order of
 * ${ref}.
 */
void pd_drift_compare(struct pd_drift *d, const struct pd_profile *ref,
    const struct pd_profile *cur, const struct pd_drift_params *params);

#endif /* PD_MODEL_DRIFT_H */
