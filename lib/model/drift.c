#include <assert.h>
#include <math.h>
#include <string.h>

#include "model/drift.h"
#include "stat/ks.h"
#include "stat/psi.h"
#include "stat/special.h"

#define EXACT_MAX 500 /* values a side: above it the exact law costs much */

/*
 * Join fine bins into about ${bins}: a group ends when it holds its share of
 * the reference, and before a single value that holds a share alone. The open
 * ends stay apart when the reference has nothing there: values out of its range
 * are news. Counts of the groups go to r and c. How many groups.
 */
static unsigned
coarsen(const struct pd_profile_feature *ref,
    const struct pd_profile_feature *cur, unsigned bins, uint64_t *r,
    uint64_t *c)
{
	const double want = (double)ref->n / bins;
	bool outside, alone;
	unsigned i, k = 0;

	r[0] = c[0] = 0;
	for (i = 0; i <= ref->ncuts; i++) {
		alone = pd_profile_is_atom(ref, i) &&
			(double)ref->counts[i] >= want;
		outside = ref->counts[i] == 0 && (i == 0 || i == ref->ncuts);
		if (i > 0 && r[k] > 0 && (alone || outside)) {
			k++;
			r[k] = c[k] = 0;
		}
		r[k] += ref->counts[i];
		c[k] += cur->counts[i];
		if (i < ref->ncuts && (outside || (double)r[k] >= want)) {
			k++;
			r[k] = c[k] = 0;
		}
	}
	/* What is left at the end is no bin if it holds little. */
	if (k > 0 && r[k] > 0 && (double)r[k] < want / 2) {
		r[k - 1] += r[k];
		c[k - 1] += c[k];
		k--;
	}
	return k + 1;
}

static void
compare_values(struct pd_drift_feature *o, const struct pd_profile_feature *ref,
    const struct pd_profile_feature *cur, unsigned bins)
{
	uint64_t r[PD_PROFILE_CUTS + 1], c[PD_PROFILE_CUTS + 1];
	unsigned char atom[PD_PROFILE_CUTS + 1];
	const uint64_t n = o->effective_ref, m = o->effective_cur;
	const bool few = n <= EXACT_MAX && m <= EXACT_MAX;
	unsigned i;
	double sd;

	for (i = 0; i <= ref->ncuts; i++)
		atom[i] = pd_profile_is_atom(ref, i);
	pd_ks_binned(ref->counts, cur->counts, ref->ncuts + 1, atom, &o->d_low,
	    &o->d_high);
	o->d_p = pd_ks_p(o->d_low, n, m, few ? PD_KS_EXACT : PD_KS_ASYMP);
	o->psi_bins = coarsen(ref, cur, bins, r, c);
	o->psi = pd_psi(r, c, o->psi_bins, PD_PSI_HALF, 0);
	o->psi_p = pd_psi_p(o->psi, n, m, o->psi_bins);
	sd = ref->finite > 1 ? sqrt(ref->m2 / (double)(ref->finite - 1)) : 0;
	if (sd > 0 && cur->finite > 0)
		o->shift = (cur->mean - ref->mean) / sd;
	else if (ref->finite > 0 && cur->finite > 0 && cur->mean == ref->mean)
		o->shift = 0;
}

/* Two shares against each other: the pooled z test, squared. */
static double
share_p(double p, double n, double q, double m)
{
	const double pool = (p * n + q * m) / (n + m);
	const double var = pool * (1 - pool) * (1 / n + 1 / m);

	return var > 0 ? pd_chi2_sf((p - q) * (p - q) / var, 1) : 1;
}

static void
measure(struct pd_drift_feature *o, const struct pd_profile *ref,
    const struct pd_profile *cur, unsigned i,
    const struct pd_drift_params *params)
{
	const struct pd_profile_feature *r = &ref->f[i], *c = &cur->f[i];

	memset(o, 0, sizeof(*o));
	o->d_low = o->d_high = o->d_p = o->psi = o->psi_critical = NAN;
	o->psi_p = o->shift = o->missing_p = NAN;
	o->slot = r->slot;
	o->n_ref = r->n;
	o->n_cur = c->n;
	o->effective_ref = pd_profile_effective(r);
	o->effective_cur = pd_profile_effective(c);
	o->missing_ref = (double)r->missing / (double)ref->rows;
	o->missing_cur = (double)c->missing / (double)cur->rows;
	if (r->missing + c->missing > 0 && r->n + c->n > 0 &&
	    ref->rows >= params->min_n && cur->rows >= params->min_n)
		o->missing_p = share_p(o->missing_ref, (double)ref->rows,
		    o->missing_cur, (double)cur->rows);
	o->compared = r->n >= params->min_n && c->n >= params->min_n;
	if (o->compared)
		compare_values(o, r, c, params->bins);
}

static void
judge(struct pd_drift_feature *o, double alpha,
    const struct pd_drift_params *params)
{
	if (o->compared) {
		o->psi_critical = pd_psi_critical(
		    o->effective_ref, o->effective_cur, o->psi_bins, alpha);
		if (o->d_p < alpha && o->d_low >= params->min_d)
			o->alarms |= PD_DRIFT_KS;
		if (o->psi > o->psi_critical && o->psi >= params->min_psi &&
		    o->psi_bins > 1)
			o->alarms |= PD_DRIFT_PSI;
	}
	if (o->missing_p < alpha &&
	    fabs(o->missing_cur - o->missing_ref) >= params->min_d)
		o->alarms |= PD_DRIFT_MISSING;
}

void
pd_drift_compare(struct pd_drift *d, const struct pd_profile *ref,
    const struct pd_profile *cur, const struct pd_drift_params *params)
{
	unsigned i;

	assert(params->bins >= 2 && params->bins <= PD_PROFILE_CUTS + 1 &&
	       params->alpha > 0 && params->alpha < 1 && params->min_n > 0);
	memset(d, 0, sizeof(*d));
	if (ref->rows == 0 || cur->rows == 0)
		return;
	d->nfeatures = ref->nfeatures;
	for (i = 0; i < d->nfeatures; i++) {
		measure(&d->f[i], ref, cur, i, params);
		d->compared += d->f[i].compared;
		d->tests += d->f[i].compared ? 2 : 0;
		d->tests += isnan(d->f[i].missing_p) ? 0 : 1;
	}
	d->alpha = d->tests > 0 ? params->alpha / d->tests : params->alpha;
	for (i = 0; i < d->nfeatures; i++) {
		judge(&d->f[i], d->alpha, params);
		d->drifted += d->f[i].alarms != 0;
	}
}
