#ifndef PD_LEARN_FIT_H
#define PD_LEARN_FIT_H

/*
 * One fit of trees to a part of the training rows, scored on another part:
 * what the choice of features and the reported metrics are made of.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "learn/boost.h"
#include "learn/calibrate.h"
#include "learn/rows.h"

struct pd_err;

/* Rows with labels; those with tick in [from, to) are meant. */
struct pd_fit_set {
	const struct pd_rows *rows;
	const float *label; /* by row */
	uint64_t from;
	uint64_t to;
	uint32_t most; /* use at most so many, evenly spread; 0: all */
};

/* Rows of the set. */
uint32_t pd_fit_count(const struct pd_fit_set *s);

/*
 * pd_fit_gather(s, slots, n, x, y, err):
 * The set's rows, columns ${slots}[0..n-1], as new arrays (free them). The
 * number of rows, or -1 out of memory.
 */
int64_t pd_fit_gather(const struct pd_fit_set *s, const uint8_t *slots,
    unsigned n, float **x, float **y, struct pd_err *err);

/* Fit to the set: XGBoost's JSON is appended to ${json}. With ${old} (XGBoost's
 * JSON, or NULL) its trees are kept and their leaves refreshed. 0 or -1. */
int pd_fit(const struct pd_fit_set *s, const uint8_t *slots, unsigned n,
    const struct pd_boost_params *p, const struct pd_buf *old,
    struct pd_buf *json, struct pd_err *err);

struct pd_fit_score {
	double loss;	  /* log loss of "beyond", else mean squared error */
	double loss_mean; /* of always saying the mean of the labels */
	double auc; /* of the score for "label above ${split}"; NAN one class */
	struct pd_calibration calibration; /* of "beyond": of its chances */
	uint32_t rows;
};

/*
 * pd_fit_score(json, s, slots, n, logistic, split, out, err):
 * Score the model ${json} on the set. 0 or -1.
 */
int pd_fit_score(const struct pd_buf *json, const struct pd_fit_set *s,
    const uint8_t *slots, unsigned n, bool logistic, double split,
    struct pd_fit_score *out, struct pd_err *err);

/* The area under the ROC curve of ${score} for ${positive}, ties at half;
 * NAN when one class is empty or memory ran out. */
double pd_fit_auc(const float *score, const bool *positive, size_t n);

#endif /* PD_LEARN_FIT_H */
