/*
 * A feature whose values are few (codes, counts, shares) gets two cuts a
 * value, which makes each value a bin of its own and a KS distance exact. The
 * others get the quantiles 1/256 .. 255/256 of their sketch; a value that is
 * two or more of these quantiles becomes a bin of its own as well.
 */
#include <assert.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/profile.h"
#include "model/profiler.h"
#include "stat/kll.h"

#define FEW 127 /* values; two cuts each are 254 */
#define SEED 1	/* of every sketch: the same rows, the same cuts */

struct column {
	struct pd_kll *kll; /* NULL while the values are few */
	unsigned distinct;
	float value[FEW]; /* ascending */
	uint64_t count[FEW];
};

struct pd_profiler {
	unsigned n;
	uint8_t slots[PD_FEATURES];
	struct column col[PD_FEATURES];
};

struct pd_profiler *
pd_profiler_new(const uint8_t *slots, unsigned n)
{
	struct pd_profiler *p;
	unsigned i;

	assert(n <= PD_FEATURES);
	if ((p = calloc(1, sizeof(*p))) == NULL)
		return NULL;
	p->n = n;
	for (i = 0; i < n; i++)
		p->slots[i] = slots != NULL ? slots[i] : (uint8_t)i;
	return p;
}

void
pd_profiler_free(struct pd_profiler *p)
{
	unsigned i;

	if (p == NULL)
		return;
	for (i = 0; i < p->n; i++)
		pd_kll_free(p->col[i].kll);
	free(p);
}

/* The values are no longer few: tell the sketch what was counted. */
static int
start_sketch(struct column *c)
{
	uint64_t k;
	unsigned i;

	if ((c->kll = pd_kll_new(PD_KLL_K, SEED)) == NULL)
		return -1;
	for (i = 0; i < c->distinct; i++)
		for (k = 0; k < c->count[i]; k++)
			if (pd_kll_add(c->kll, (double)c->value[i]))
				return -1;
	return 0;
}

/* The first of the values that is not below ${x}. */
static unsigned
lower_bound(const struct column *c, float x)
{
	unsigned lo = 0, hi = c->distinct, mid;

	while (lo < hi) {
		mid = (lo + hi) / 2;
		if (c->value[mid] < x)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
add_value(struct column *c, float x)
{
	unsigned i;

	if (c->kll != NULL)
		return pd_kll_add(c->kll, (double)x);
	i = lower_bound(c, x);
	if (i < c->distinct && c->value[i] == x) {
		c->count[i]++;
		return 0;
	}
	if (c->distinct == FEW) {
		if (start_sketch(c))
			return -1;
		return pd_kll_add(c->kll, (double)x);
	}
	memmove(c->value + i + 1, c->value + i,
	    (c->distinct - i) * sizeof(c->value[0]));
	memmove(c->count + i + 1, c->count + i,
	    (c->distinct - i) * sizeof(c->count[0]));
	c->value[i] = x;
	c->count[i] = 1;
	c->distinct++;
	return 0;
}

int
pd_profiler_add(struct pd_profiler *p, const float *row)
{
	unsigned i;

	for (i = 0; i < p->n; i++)
		if (!isnan(row[i]) && add_value(&p->col[i], row[i]))
			return -1;
	return 0;
}

/* Infinities are no cuts: they fall into the open bins at the ends. */
static void
add_cut(struct pd_profile_feature *f, float v)
{
	if (isfinite(v) && (f->ncuts == 0 || v > f->cuts[f->ncuts - 1]) &&
	    f->ncuts < PD_PROFILE_CUTS)
		f->cuts[f->ncuts++] = v;
}

static void
add_atom(struct pd_profile_feature *f, float v)
{
	add_cut(f, nextafterf(v, -INFINITY));
	add_cut(f, v);
}

static int
quantile_cuts(const struct column *c, struct pd_profile_feature *f)
{
	double q[PD_PROFILE_CUTS], v[PD_PROFILE_CUTS];
	unsigned i;

	for (i = 0; i < PD_PROFILE_CUTS; i++)
		q[i] = (double)(i + 1) / (PD_PROFILE_CUTS + 1);
	if (pd_kll_quantiles(c->kll, q, PD_PROFILE_CUTS, v))
		return -1;
	for (i = 0; i < PD_PROFILE_CUTS; i++) {
		if (i + 1 < PD_PROFILE_CUTS && v[i] == v[i + 1])
			add_atom(f, (float)v[i]);
		else
			add_cut(f, (float)v[i]);
	}
	return 0;
}

struct pd_profile *
pd_profiler_finish(struct pd_profiler *p)
{
	struct pd_profile *out;
	struct pd_profile_feature *f;
	unsigned i, j;

	if ((out = pd_profile_new()) == NULL)
		return NULL;
	out->nfeatures = p->n;
	for (i = 0; i < p->n; i++) {
		f = &out->f[i];
		f->slot = p->slots[i];
		f->min = f->max = f->previous = NAN;
		if (p->col[i].kll != NULL) {
			if (quantile_cuts(&p->col[i], f)) {
				free(out);
				return NULL;
			}
			continue;
		}
		for (j = 0; j < p->col[i].distinct; j++)
			add_atom(f, p->col[i].value[j]);
	}
	return out;
}

struct pd_profile *
pd_profiler_rows(const float *rows, size_t nrows, const uint8_t *slots,
    unsigned n, struct pd_err *err)
{
	struct pd_profiler *p = pd_profiler_new(slots, n);
	struct pd_profile *out = NULL;
	size_t i;

	if (p == NULL)
		goto nomem;
	for (i = 0; i < nrows; i++)
		if (pd_profiler_add(p, rows + i * n))
			goto nomem;
	if ((out = pd_profiler_finish(p)) == NULL)
		goto nomem;
	for (i = 0; i < nrows; i++)
		pd_profile_add(out, rows + i * n);
	pd_profiler_free(p);
	return out;
nomem:
	pd_profiler_free(p);
	pd_err_nomem(err);
	return NULL;
}
