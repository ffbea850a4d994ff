#ifndef PD_LEARN_BOOST_H
#define PD_LEARN_BOOST_H

/*
 * libxgboost behind one function: rows and labels in, the model's JSON out.
 * One thread, so that the same input gives the same bytes (and because
 * libgomp's spinning makes a second thread slower on a busy machine).
 */

#include <stddef.h>
#include <stdint.h>

struct pd_buf;
struct pd_err;

struct pd_boost_params {
	const char *objective; /* "reg:squarederror" ... */
	unsigned trees;
	unsigned depth; /* at most 6: what the server can afford */
	double eta;
	uint64_t seed;
};

/*
 * pd_boost_train(x, y, n, cols, p, json, err):
 * Fit ${p}->trees trees to ${n} rows of ${cols} floats (NaN unknown) with
 * labels ${y} and append the model as XGBoost's JSON to ${json}. 0 or -1.
 */
int pd_boost_train(const float *x, const float *y, size_t n, unsigned cols,
    const struct pd_boost_params *p, struct pd_buf *json, struct pd_err *err);

/*
 * pd_boost_refresh(x, y, n, cols, p, old, json, err):
 * Keep the trees of the model ${old} (XGBoost's JSON) and fit the values of
 * its leaves to the rows anew: of ${p} only objective, eta and seed count. The
 * model is appended to ${json}. A leaf that no row reaches becomes 0. 0 or -1.
 */
int pd_boost_refresh(const float *x, const float *y, size_t n, unsigned cols,
    const struct pd_boost_params *p, const struct pd_buf *old,
    struct pd_buf *json, struct pd_err *err);

#endif /* PD_LEARN_BOOST_H */
