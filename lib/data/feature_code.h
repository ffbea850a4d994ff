#ifndef PD_DATA_FEATURE_CODE_H
#define PD_DATA_FEATURE_CODE_H

/*
 * Features as one byte each, predis-features(7): eight steps an octave for
 * what is a logarithm (of decayed counts and variances it is taken first),
 * 1/250 for shares, whole numbers as they are. A value read back is the
 * nearest step, so coding it again gives the same byte.
 */

#include <stdint.h>

#include "data/feature.h"

#define PD_FEATURE_CODE_NONE 255 /* NaN */

struct pd_feature_codes {
	double low[PD_FEATURES];   /* what code 0 means */
	double steps[PD_FEATURES]; /* codes a unit */
	uint64_t logs; /* bits of the slots whose log2(1 + x) is coded */
	float value[PD_FEATURES][256];
};

/* Fill the tables, 72 KB. */
void pd_feature_codes_init(struct pd_feature_codes *c);
/* The code of ${v} in ${slot}; outside of the range the end of it. */
uint8_t pd_feature_code(
    const struct pd_feature_codes *c, unsigned slot, float v);

#endif /* PD_DATA_FEATURE_CODE_H */
