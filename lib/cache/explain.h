#ifndef PD_CACHE_EXPLAIN_H
#define PD_CACHE_EXPLAIN_H

/*
 * Why a key is where it is: what the policy knows of a resident, how the model
 * scores it and which features make that score, and where it stands among
 * others; of an absent key, when and why it left. Looking changes nothing but
 * that what has expired goes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/evictlog.h"
#include "cache/look.h"
#include "data/feature.h"

struct pd_key;
struct pd_store;

#define PD_EXPLAIN_SERVED 20	 /* served slots are 0..19 */
#define PD_EXPLAIN_CANDIDATES 64 /* drawn to compare with, at most */

struct pd_explain_feature {
	uint8_t slot;	     /* data/feature.h */
	float value;	     /* NaN unknown */
	double contribution; /* to the score; NaN without a model */
};

struct pd_explain {
	bool resident;
	const char *policy; /* in force */
	const char *ruling; /* that chooses victims now */
	/* Resident: */
	size_t value_bytes;
	size_t memory_bytes;
	int64_t expiry; /* ms since 1970, 0 none */
	struct pd_look look;
	uint64_t asked_us;    /* since 1970, where look.recorded */
	uint64_t inserted_us; /* since 1970, where look.recorded */
	unsigned features;    /* 0: the policy keeps no records; those of the
			       * model, the largest contribution first, or
			       * all that are known */
	struct pd_explain_feature feature[PD_FEATURES];
	bool scored;	     /* by a model: the next six */
	bool model_rules;    /* the score decides now */
	bool by_cover;	     /* pd_trees_has_cover() */
	double score;	     /* the higher, the sooner evicted */
	double bias;	     /* score = bias + contributions */
	unsigned candidates; /* other residents that were drawn */
	unsigned rank;	     /* 1: it would leave first of all of these */
	/* Not resident: */
	bool known; /* the log has it */
	struct pd_evictlog_entry gone;
};

void pd_explain(
    struct pd_store *st, const struct pd_key *k, struct pd_explain *out);

#endif /* PD_CACHE_EXPLAIN_H */
