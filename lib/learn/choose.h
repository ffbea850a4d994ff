#ifndef PD_LEARN_CHOOSE_H
#define PD_LEARN_CHOOSE_H

/*
 * Choosing features on the hold-out. The start is a set that served well on
 * every trace it was tried on; features that never vary in the rows are left
 * out; then the feature that lowers the hold-out's loss most is added, while
 * one lowers it by half a percent, and those are dropped whose loss without is
 * no higher. Fewer features generalise better and score faster.
 */

#include <stdint.h>

#include "learn/fit.h"

struct pd_err;

struct pd_choice {
	uint8_t slot;
	bool used;	   /* in the end */
	double loss_other; /* loss with it added, or dropped, when last tried;
			    * NAN: it never varies */
};

struct pd_choice_params {
	struct pd_fit_set fit;
	struct pd_fit_set holdout;
	struct pd_boost_params boost;
	bool logistic;
	void (*progress)(
	    void *cookie, const char *what, unsigned done, unsigned total);
	void *cookie;
};

/* The set to start from: slots into ${slots}[PD_ROWS_COLS], their number. */
unsigned pd_choose_default(uint8_t *slots);

/* Leave out the slots that have one value, or none, in all rows. */
unsigned pd_choose_varying(const struct pd_rows *r, uint8_t *slots, unsigned n);

/*
 * pd_choose(p, slots, n, tried, loss, err):
 * Choose: ${slots} and ${n} hold the start and then the answer; ${tried}
 * (PD_ROWS_COLS entries) what was tried; ${loss} the loss of the answer. The
 * number of entries in ${tried}, or -1.
 */
int pd_choose(const struct pd_choice_params *p, uint8_t *slots, unsigned *n,
    struct pd_choice *tried, double *loss, struct pd_err *err);

#endif /* PD_LEARN_CHOOSE_H */
