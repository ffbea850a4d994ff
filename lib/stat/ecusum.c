#define _DEFAULT_SOURCE /* lgamma_r(): lgamma() writes a global */
#include <math.h>
#include <string.h>

#include "stat/ecusum.h"

static const double kappa[PD_ECUSUM_PARTS] = {50, 500, 5000};

static double
log_gamma(double x)
{
	int sign;

	return lgamma_r(x, &sign);
}

int
pd_ecusum_init(
    struct pd_ecusum *e, const uint64_t *ref, unsigned bins, bool atoms)
{
	double n = 0;
	unsigned i;

	if (bins < 2 || bins > PD_ECUSUM_BINS)
		return -1;
	memset(e, 0, sizeof(*e));
	e->bins = bins;
	for (i = 0; i < bins; i++)
		n += (double)ref[i];
	if (n == 0)
		return -1;
	for (i = 0; i < bins; i++) {
		e->null[i] = (double)ref[i] + (atoms ? 0.5 : 0);
		/* A bin that the reference left empty has no gap to speak of.
		 */
		if (e->null[i] == 0)
			e->null[i] = 0.5;
	}
	/* n values have n + 1 gaps: the one above the largest is the last's. */
	if (!atoms)
		e->null[bins - 1] = (double)ref[bins - 1] + 1;
	for (i = 0; i < bins; i++)
		e->total += e->null[i];
	for (i = 0; i < bins; i++)
		e->share[i] = e->null[i] / e->total;
	return 0;
}

/*
 * The logarithm of the Dirichlet-multinomial probability of counts ${c}, of
 * sum ${n}, less the multinomial coefficient, for the parameters
 * ${scale} ${a}[i] + ${more}[i] of sum ${total}.
 */
static double
log_dm(const uint64_t *c, double n, unsigned bins, const double *a,
    double scale, const uint64_t *more, double total)
{
	double s = log_gamma(total) - log_gamma(total + n), x;
	unsigned i;

	for (i = 0; i < bins; i++) {
		if (c[i] == 0)
			continue;
		x = scale * a[i] + (more == NULL ? 0 : (double)more[i]);
		s += log_gamma(x + (double)c[i]) - log_gamma(x);
	}
	return s;
}

double
pd_ecusum_add(struct pd_ecusum *e, const uint64_t *counts)
{
	struct pd_ecusum_part *p;
	double n = 0, null;
	unsigned i, k;

	for (i = 0; i < e->bins; i++)
		n += (double)counts[i];
	null = log_dm(counts, n, e->bins, e->null, 1, NULL, e->total);
	for (k = 0; k < PD_ECUSUM_PARTS; k++) {
		p = &e->part[k];
		if (p->log_m <= 0) {
			memset(p, 0, sizeof(*p));
			p->since = e->windows;
		}
		p->log_m += log_dm(counts, n, e->bins, e->share, kappa[k],
				p->counts, kappa[k] + (double)p->n) -
			    null;
		for (i = 0; i < e->bins; i++)
			p->counts[i] += counts[i];
		p->n += (uint64_t)n;
	}
	for (i = 0; i < e->bins; i++)
		e->null[i] += (double)counts[i];
	e->total += n;
	e->windows++;
	return pd_ecusum_evidence(e);
}

double
pd_ecusum_evidence(const struct pd_ecusum *e)
{
	double v[PD_ECUSUM_PARTS];
	unsigned k;

	for (k = 0; k < PD_ECUSUM_PARTS; k++)
		v[k] = e->part[k].log_m;
	return pd_ecusum_mean(v, PD_ECUSUM_PARTS);
}

uint64_t
pd_ecusum_since(const struct pd_ecusum *e)
{
	unsigned k, best = 0;

	for (k = 1; k < PD_ECUSUM_PARTS; k++) {
		if (e->part[k].log_m > e->part[best].log_m)
			best = k;
	}
	return e->part[best].since;
}

void
pd_ecusum_restart(struct pd_ecusum *e)
{
	memset(e->part, 0, sizeof(e->part));
}

double
pd_ecusum_mean(const double *v, unsigned n)
{
	double most = v[0], s = 0;
	unsigned i;

	for (i = 1; i < n; i++)
		most = fmax(most, v[i]);
	for (i = 0; i < n; i++)
		s += exp(v[i] - most);
	return most + log(s / n);
}

double
pd_ecusum_threshold(double fpr, uint64_t windows)
{
	return (double)windows / fpr;
}
