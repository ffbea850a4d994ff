#ifndef PD_LEARN_CHOOSE_H
#define PD_LEARN_CHOOSE_H

/*
 * Choosing features on the hold-out. The error is 1 - AUC for "the next access
 * is more than one eviction age away": an order is what the cache needs, and
 * it survives a hold-out whose level differs. The start is a set that served
 * well on every trace it was tried on. Then the feature that lowers the error
 * most is added, while one lowers it by 2%, and each is dropped without which
 * it is 2% lower: smaller differences, and those below 0.002, are noise.
 * Features that are the same for all residents at one moment cannot order them
 * and are not tried, nor are those that never vary in the rows.
 */

#include <stdint.h>

#include "learn/fit.h"

struct pd_err;

struct pd_choice {
	uint8_t slot;
	bool used;	    /* in the end */
	double error_other; /* with it added, or dropped, when last tried; NAN:
			     * not tried */
};

struct pd_choice_params {
	struct pd_fit_set fit;
	struct pd_fit_set holdout;
	struct pd_boost_params boost;
	double split; /* labels above it are the positives */
	void (*progress)(
	    void *cookie, const char *what, unsigned done, unsigned total);
	void *cookie;
};

/* The set to start from: slots into ${slots}[PD_ROWS_COLS], their number. */
unsigned pd_choose_default(uint8_t *slots);

/*
 * pd_choose(p, slots, n, tried, error, err):
 * Choose: ${slots} and ${n} hold the start and then the answer; ${tried}
 * (PD_ROWS_COLS entries) what was tried; ${error} the error of the answer. The
 * number of entries in ${tried}, or -1.
 */
int pd_choose(const struct pd_choice_params *p, uint8_t *slots, unsigned *n,
    struct pd_choice *tried, double *error, struct pd_err *err);

#endif /* PD_LEARN_CHOOSE_H */
