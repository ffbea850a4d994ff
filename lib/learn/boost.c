#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <xgboost/c_api.h>

#include "base/buf.h"
#include "base/err.h"
#include "learn/boost.h"
#include "model/trees.h"

#define LEAF_SHARE ((size_t)200) /* a leaf holds one row of so many, */
#define LEAF_MOST ((size_t)100)	 /* but no more than this need be in it */

/* What evict-design measured to do; the rest are XGBoost's defaults. */
static const char *const fixed[][2] = {
    {"booster", "gbtree"},
    {"tree_method", "hist"},
    {"max_bin", "128"},
    {"nthread", "1"},
    {"verbosity", "0"},
    {"subsample", "0.75"},
    {"lambda", "5"},
    {"base_score", "0.5"},
};

static bool
set(BoosterHandle b, const char *name, const char *value)
{
	return XGBoosterSetParam(b, name, value) == 0;
}

/* The rows that a leaf must hold: fewer say what chance did. */
static size_t
leaf_rows(size_t n)
{
	return n < 2 * LEAF_SHARE	    ? 1
	       : n < LEAF_MOST * LEAF_SHARE ? n / LEAF_SHARE
					    : LEAF_MOST;
}

static bool
configure(BoosterHandle b, const struct pd_boost_params *p, size_t n)
{
	char depth[16], eta[32], seed[32], leaf[32];
	size_t i;

	(void)snprintf(depth, sizeof(depth), "%u", p->depth);
	(void)snprintf(eta, sizeof(eta), "%.9g", p->eta);
	(void)snprintf(seed, sizeof(seed), "%u",
	    (unsigned)(p->seed & 0x7fffffff)); /* an int in XGBoost */
	(void)snprintf(leaf, sizeof(leaf), "%zu", leaf_rows(n));
	for (i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
		if (!set(b, fixed[i][0], fixed[i][1]))
			return false;
	return set(b, "objective", p->objective) &&
	       set(b, "min_child_weight", leaf) && set(b, "max_depth", depth) &&
	       set(b, "eta", eta) && set(b, "seed", seed);
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

/* The booster is to keep the trees of ${old} and to refresh their leaves. */
static bool
keep_trees(BoosterHandle b, const struct pd_buf *old)
{
	return XGBoosterLoadModelFromBuffer(b, old->data, old->len) == 0 &&
	       set(b, "process_type", "update") &&
	       set(b, "updater", "refresh") && set(b, "refresh_leaf", "1");
}

/* Fit ${trees} trees, or those of ${old} where it is not NULL. */
static int
fit(const float *x, const float *y, size_t n, unsigned cols,
    const struct pd_boost_params *p, const struct pd_buf *old, unsigned trees,
    struct pd_buf *json, struct pd_err *err)
{
	DMatrixHandle d = NULL;
	BoosterHandle b = NULL;
	bst_ulong len = 0;
	const char *text = NULL;
	int rc = -1;

	if (XGDMatrixCreateFromMat(x, n, cols, NAN, &d) != 0 ||
	    XGDMatrixSetFloatInfo(d, "label", y, n) != 0 ||
	    XGBoosterCreate(&d, 1, &b) != 0 ||
	    (old != NULL && !keep_trees(b, old)) || !configure(b, p, n) ||
	    !grow_all(b, d, trees) ||
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

int
pd_boost_train(const float *x, const float *y, size_t n, unsigned cols,
    const struct pd_boost_params *p, struct pd_buf *json, struct pd_err *err)
{
	return fit(x, y, n, cols, p, NULL, p->trees, json, err);
}

int
pd_boost_refresh(const float *x, const float *y, size_t n, unsigned cols,
    const struct pd_boost_params *p, const struct pd_buf *old,
    struct pd_buf *json, struct pd_err *err)
{
	struct pd_trees *t = pd_trees_parse(old->data, old->len, err);
	unsigned trees;

	if (t == NULL)
		return -1;
	trees = pd_trees_count(t);
	pd_trees_free(t);
	return fit(x, y, n, cols, p, old, trees, json, err);
}
