#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xgboost/c_api.h>

#include "base/buf.h"
#include "base/err.h"
#include "learn/boost.h"

/* What evict-design measured to do; the rest are XGBoost's defaults. */
static const char *const fixed[][2] = {
    {"booster", "gbtree"},
    {"tree_method", "hist"},
    {"max_bin", "128"},
    {"nthread", "1"},
    {"verbosity", "0"},
    {"subsample", "0.75"},
    {"lambda", "5"},
    {"min_child_weight", "1"},
    {"base_score", "0.5"},
};

static bool
set(BoosterHandle b, const char *name, const char *value)
{
	return XGBoosterSetParam(b, name, value) == 0;
}

static bool
configure(BoosterHandle b, const struct pd_boost_params *p)
{
	char depth[16], eta[32], seed[32];
	size_t i;

	(void)snprintf(depth, sizeof(depth), "%u", p->depth);
	(void)snprintf(eta, sizeof(eta), "%.9g", p->eta);
	(void)snprintf(seed, sizeof(seed), "%u",
	    (unsigned)(p->seed & 0x7fffffff)); /* an int in XGBoost */
	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!set(b, fixed[i][0], fixed[i][1]))
			return false;
	return set(b, "objective", p->objective) &&
	       set(b, "max_depth", depth) && set(b, "eta", eta) &&
	       set(b, "seed", seed);
}

static bool
grow_all(BoosterHandle b, DMatrixHandle d, unsigned trees)
{
	unsigned i;

	for (i = 0; i < trees; i++)
		if (XGBoosterUpdateOneIter(b, (int)i, d) != 0)
			return false;
	return true;
}

int
pd_boost_train(const float *x, const float *y, size_t n, unsigned cols,
    const struct pd_boost_params *p, struct pd_buf *json, struct pd_err *err)
{
	DMatrixHandle d = NULL;
	BoosterHandle b = NULL;
	bst_ulong len = 0;
	const char *text = NULL;
	int rc = -1;

	if (XGDMatrixCreateFromMat(x, n, cols, NAN, &d) != 0 ||
	    XGDMatrixSetFloatInfo(d, "label", y, n) != 0 ||
	    XGBoosterCreate(&d, 1, &b) != 0 || !configure(b, p) ||
	    !grow_all(b, d, p->trees) ||
	    XGBoosterSaveModelToBuffer(
		b, "{\"format\":\"json\"}", &len, &text) != 0) {
		(void)pd_err_set(
		    err, "cannot train: libxgboost: %s", XGBGetLastError());
		goto out;
	}
	if (pd_buf_add(json, text, len) == -1) {
		(void)pd_err_nomem(err);
		goto out;
	}
	rc = 0;
out:
	if (b != NULL)
		(void)XGBoosterFree(b);
	if (d != NULL)
		(void)XGDMatrixFree(d);
	return rc;
}
