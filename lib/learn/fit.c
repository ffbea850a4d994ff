#include <math.h>
#include <stdlib.h>

#include "base/err.h"
#include "learn/fit.h"
#include "model/trees.h"

static bool
in_set(const struct pd_fit_set *s, uint32_t i)
{
	return s->rows->tick[i] >= s->from && s->rows->tick[i] < s->to;
}

uint32_t
pd_fit_count(const struct pd_fit_set *s)
{
	uint32_t i, n = 0;

	for (i = 0; i < s->rows->n; i++)
		n += in_set(s, i);
	return n;
}

int64_t
pd_fit_gather(const struct pd_fit_set *s, const uint8_t *slots, unsigned n,
    float **x, float **y, struct pd_err *err)
{
	const uint32_t all = pd_fit_count(s);
	const uint32_t step =
	    s->most == 0 || all <= s->most ? 1 : (all + s->most - 1) / s->most;
	uint32_t i, seen = 0, kept = 0;
	const float *from;
	unsigned j;

	*x = malloc(((size_t)all / step + 1) * n * sizeof(**x));
	*y = malloc(((size_t)all / step + 1) * sizeof(**y));
	if (*x == NULL || *y == NULL) {
		free(*x);
		free(*y);
		*x = *y = NULL;
		return pd_err_nomem(err);
	}
	for (i = 0; i < s->rows->n; i++) {
		if (!in_set(s, i) || seen++ % step != 0)
			continue;
		from = s->rows->x + (size_t)i * PD_ROWS_COLS;
		for (j = 0; j < n; j++)
			(*x)[(size_t)kept * n + j] = from[slots[j]];
		(*y)[kept++] = s->label[i];
	}
	return kept;
}

int
pd_fit(const struct pd_fit_set *s, const uint8_t *slots, unsigned n,
    const struct pd_boost_params *p, const struct pd_buf *old,
    struct pd_buf *json, struct pd_err *err)
{
	float *x, *y;
	const int64_t rows = pd_fit_gather(s, slots, n, &x, &y, err);
	int rc = -1;

	if (rows >= 0 && old != NULL)
		rc = pd_boost_refresh(x, y, (size_t)rows, n, p, old, json, err);
	else if (rows >= 0)
		rc = pd_boost_train(x, y, (size_t)rows, n, p, json, err);
	free(x);
	free(y);
	return rc;
}

struct ranked {
	float score;
	bool positive;
};

static int
by_score(const void *a, const void *b)
{
	const struct ranked *p = a, *q = b;

	return (p->score > q->score) - (p->score < q->score);
}

/* Mann-Whitney: the mean rank of the positives, ties sharing theirs. */
double
pd_fit_auc(const float *score, const bool *positive, size_t n)
{
	struct ranked *r = malloc((n + 1) * sizeof(*r));
	double sum = 0, npos = 0, nneg;
	size_t i, j, k;

	if (r == NULL)
		return NAN;
	for (i = 0; i < n; i++) {
		r[i] = (struct ranked){score[i], positive[i]};
		npos += positive[i];
	}
	nneg = (double)n - npos;
	qsort(r, n, sizeof(*r), by_score);
	for (i = 0; i < n; i = j) {
		for (j = i; j < n && r[j].score <= r[i].score; j++)
			;
		for (k = i; k < j; k++)
			if (r[k].positive)
				sum += (double)(i + j + 1) / 2;
	}
	free(r);
	if (npos == 0 || nneg == 0)
		return NAN;
	return (sum - npos * (npos + 1) / 2) / (npos * nneg);
}

static double
one_loss(double score, double y, bool logistic)
{
	const double e = score - y;

	if (!logistic)
		return e * e;
	/* log(1 + exp(-|m|)) + max(m, 0) - y m */
	return log1p(exp(-fabs(score))) + (score > 0 ? score : 0) - y * score;
}

static void
losses(const float *score, const float *y, size_t n, bool logistic,
    struct pd_fit_score *out)
{
	double mean = 0, best;
	size_t i;

	out->loss = out->loss_mean = 0;
	for (i = 0; i < n; i++)
		mean += (double)y[i];
	mean /= (double)n;
	best = !logistic   ? mean
	       : mean <= 0 ? -30
	       : mean >= 1 ? 30
			   : log(mean / (1 - mean));
	for (i = 0; i < n; i++) {
		out->loss += one_loss((double)score[i], (double)y[i], logistic);
		out->loss_mean += one_loss(best, (double)y[i], logistic);
	}
	out->loss /= (double)n;
	out->loss_mean /= (double)n;
}

int
pd_fit_score(const struct pd_buf *json, const struct pd_fit_set *s,
    const uint8_t *slots, unsigned n, bool logistic, double split,
    struct pd_fit_score *out, struct pd_err *err)
{
	struct pd_trees *trees = pd_trees_parse(json->data, json->len, err);
	float *x = NULL, *y = NULL, *score = NULL;
	bool *positive = NULL;
	int64_t rows, i;
	int rc = -1;

	if (trees == NULL)
		return -1;
	rows = pd_fit_gather(s, slots, n, &x, &y, err);
	if (rows < 0)
		goto out;
	score = malloc(((size_t)rows + 1) * sizeof(*score));
	positive = malloc(((size_t)rows + 1) * sizeof(*positive));
	if (score == NULL || positive == NULL) {
		(void)pd_err_nomem(err);
		goto out;
	}
	*out = (struct pd_fit_score){.loss = NAN, .loss_mean = NAN, .auc = NAN};
	out->rows = (uint32_t)rows;
	if (rows > 0) {
		pd_trees_score_batch(trees, x, n, (size_t)rows, score);
		losses(score, y, (size_t)rows, logistic, out);
		for (i = 0; i < rows; i++)
			positive[i] = (double)y[i] > split;
		out->auc = pd_fit_auc(score, positive, (size_t)rows);
	}
	for (i = 0; logistic && i < rows; i++)
		score[i] = (float)(1 / (1 + exp(-(double)score[i])));
	if (pd_calibrate(score, y, (size_t)rows, &out->calibration) == -1) {
		(void)pd_err_nomem(err);
		goto out;
	}
	rc = 0;
out:
	pd_trees_free(trees);
	free(x);
	free(y);
	free(score);
	free(positive);
	return rc;
}
