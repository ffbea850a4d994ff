#include <assert.h>
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/profile.h"

struct pd_profile *
pd_profile_new(void)
{
	struct pd_profile *p = calloc(1, sizeof(*p));

	if (p != NULL)
		p->schema_id = pd_feature_schema_id();
	return p;
}

struct pd_profile *
pd_profile_like(const struct pd_profile *p)
{
	struct pd_profile *q = malloc(sizeof(*q));
	struct pd_profile_feature *f;
	unsigned i;

	if (q == NULL)
		return NULL;
	*q = *p;
	q->rows = q->t_first_us = q->t_last_us = 0;
	for (i = 0; i < q->nfeatures; i++) {
		f = &q->f[i];
		memset(f->counts, 0, sizeof(f->counts));
		f->n = f->missing = f->finite = 0;
		f->mean = f->m2 = 0;
		f->min = f->max = f->previous = NAN;
		f->lag1 = f->base = f->products = 0;
		f->pairs = 0;
	}
	return q;
}

/* The number of cuts below ${x}: a binary search without branches. */
static inline unsigned
bin_of(const struct pd_profile_feature *f, float x)
{
	const float *base = f->cuts;
	unsigned n = f->ncuts, half;

	while (n > 1) {
		half = n / 2;
		base += base[half - 1] < x ? half : 0;
		n -= half;
	}
	return (unsigned)(base - f->cuts) + (n == 1 && *base < x);
}

/* One more pair of consecutive values. */
static inline void
add_pair(struct pd_profile_feature *f, float x)
{
	if (f->finite == 0)
		f->base = (double)x;
	else if (f->previous == f->previous) {
		f->products +=
		    ((double)x - f->base) * ((double)f->previous - f->base);
		f->pairs++;
	}
	f->previous = x;
}

static inline void
add_value(struct pd_profile_feature *f, float x)
{
	double d;

	f->counts[bin_of(f, x)]++;
	if (f->n++ == 0)
		f->min = f->max = x;
	f->min = x < f->min ? x : f->min;
	f->max = x > f->max ? x : f->max;
	if (fabsf(x) > FLT_MAX) {
		f->previous = NAN;
		return;
	}
	add_pair(f, x);
	d = (double)x - f->mean;
	f->mean += d / (double)++f->finite;
	f->m2 += d * ((double)x - f->mean);
}

void
pd_profile_add(struct pd_profile *p, const float *row)
{
	unsigned i;

	p->rows++;
	for (i = 0; i < p->nfeatures; i++) {
		if (row[i] == row[i]) {
			add_value(&p->f[i], row[i]);
		} else {
			p->f[i].missing++;
			p->f[i].previous = NAN;
		}
	}
}

const struct pd_profile_feature *
pd_profile_find(const struct pd_profile *p, int slot)
{
	unsigned i;

	for (i = 0; i < p->nfeatures; i++)
		if (p->f[i].slot == slot)
			return &p->f[i];
	return NULL;
}

double
pd_profile_lag1(const struct pd_profile_feature *f)
{
	const double off = f->mean - f->base;
	double r;

	if (f->pairs == 0)
		return f->lag1;
	if (!(f->m2 > 0))
		return 0;
	r = (f->products / (double)f->pairs - off * off) /
	    (f->m2 / (double)f->finite);
	return r > 0 ? fmin(r, 1) : 0;
}

uint64_t
pd_profile_effective(const struct pd_profile_feature *f)
{
	const double r = pd_profile_lag1(f);
	const double n = (double)f->n * (1 - r) / (1 + r);

	return n > 1 ? (uint64_t)n : 1;
}

bool
pd_profile_is_atom(const struct pd_profile_feature *f, unsigned i)
{
	assert(i <= f->ncuts);
	return i > 0 && i < f->ncuts &&
	       nextafterf(f->cuts[i], -INFINITY) == f->cuts[i - 1];
}

double
pd_profile_cdf(const struct pd_profile_feature *f, double x)
{
	const float v = (float)x;
	double below = 0, lo, hi, t;
	unsigned i, b;

	if (isnan(x) || f->n == 0)
		return NAN;
	if (v < f->min)
		return 0;
	if (v > f->max)
		return 1;
	b = bin_of(f, v);
	for (i = 0; i < b; i++)
		below += (double)f->counts[i];
	if (pd_profile_is_atom(f, b) || f->min == f->max) {
		t = 0.5;
	} else {
		lo = b > 0 && f->cuts[b - 1] > f->min ? f->cuts[b - 1] : f->min;
		hi = b < f->ncuts && f->cuts[b] < f->max ? f->cuts[b] : f->max;
		/* An infinite end has no place to interpolate from. */
		t = isfinite(lo) && isfinite(hi) && hi > lo
			? (x - lo) / (hi - lo)
			: 0.5;
		t = t < 0 ? 0 : t > 1 ? 1 : t;
	}
	return (below + t * (double)f->counts[b]) / (double)f->n;
}
