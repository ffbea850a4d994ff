#include <math.h>
#include <stdlib.h>

#include "learn/calibrate.h"

struct pair {
	double predicted;
	double label;
};

static int
by_prediction(const void *a, const void *b)
{
	const struct pair *p = a, *q = b;

	return (p->predicted > q->predicted) - (p->predicted < q->predicted);
}

/* Give pairs of the same prediction the mean of their labels. */
static void
share_ties(struct pair *p, size_t n)
{
	double sum;
	size_t i, j, k;

	for (i = 0; i < n; i = j) {
		sum = 0;
		for (j = i; j < n && p[j].predicted <= p[i].predicted; j++)
			sum += p[j].label;
		for (k = i; k < j; k++)
			p[k].label = sum / (double)(j - i);
	}
}

static void
fill_bins(const struct pair *p, size_t n, struct pd_calibration *out)
{
	struct pd_calibration_bin *b;
	size_t i, from, to;
	unsigned k;

	out->error = n == 0 ? NAN : 0;
	for (k = 0; k < PD_CALIBRATION_BINS; k++) {
		from = n * k / PD_CALIBRATION_BINS;
		to = n * (k + 1) / PD_CALIBRATION_BINS;
		b = &out->bin[k];
		*b = (struct pd_calibration_bin){(uint32_t)(to - from), 0, 0};
		for (i = from; i < to; i++) {
			b->predicted += p[i].predicted;
			b->observed += p[i].label;
		}
		b->predicted /= (double)b->rows;
		b->observed /= (double)b->rows;
		if (b->rows > 0)
			out->error += (double)b->rows / (double)n *
				      fabs(b->observed - b->predicted);
	}
}

static void
fit_line(const struct pair *p, size_t n, struct pd_calibration *out)
{
	double mx = 0, my = 0, xx = 0, xy = 0, dx;
	size_t i;

	out->slope = out->intercept = NAN;
	/* All the same: rounding must not make a line of it. */
	if (n == 0 || p[0].predicted >= p[n - 1].predicted)
		return;
	for (i = 0; i < n; i++) {
		mx += p[i].predicted;
		my += p[i].label;
	}
	mx /= (double)n;
	my /= (double)n;
	for (i = 0; i < n; i++) {
		dx = p[i].predicted - mx;
		xx += dx * dx;
		xy += dx * (p[i].label - my);
	}
	out->slope = xy / xx;
	out->intercept = my - out->slope * mx;
}

int
pd_calibrate(const float *predicted, const float *label, size_t n,
    struct pd_calibration *out)
{
	struct pair *p = malloc((n + 1) * sizeof(*p));
	size_t i;

	if (p == NULL)
		return -1;
	for (i = 0; i < n; i++)
		p[i] = (struct pair){(double)predicted[i], (double)label[i]};
	qsort(p, n, sizeof(*p), by_prediction);
	share_ties(p, n);
	fill_bins(p, n, out);
	fit_line(p, n, out);
	free(p);
	return 0;
}
