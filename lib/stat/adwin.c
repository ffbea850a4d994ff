/*
 * Buckets lie oldest first in their row, rows from new (0) to old. A check
 * walks from the oldest bucket to the newest and compares the two parts at
 * each boundary. Nearly all boundaries are refused by a bound without a
 * division or a square root; see may_differ().
 */
#include <assert.h>
#include <float.h>
#include <math.h>
#include <string.h>

#include "stat/adwin.h"

#define TOP (PD_ADWIN_ROWS - 1)

static void
empty(struct pd_adwin *a)
{
	a->total = 0;
	a->sumsq = 0;
	a->width = 0;
	a->rows = 1;
	memset(a->len, 0, sizeof(a->len));
}

void
pd_adwin_init(struct pd_adwin *a, const struct pd_adwin_params *params)
{
	assert(params->delta > 0 && params->delta < 1 && params->clock > 0 &&
	       params->min_part >= params->part_guard &&
	       params->part_guard > 0);
	memset(a, 0, sizeof(*a));
	a->params = *params;
	a->until_check = params->clock;
	empty(a);
}

double
pd_adwin_mean(const struct pd_adwin *a)
{
	return a->width > 0 ? a->total / (double)a->width : 0;
}

/* Forget the oldest bucket. */
static void
drop_oldest(struct pd_adwin *a)
{
	const uint32_t r = a->rows - 1;
	struct pd_adwin_bucket *row = a->row[r];
	const double n = (double)(UINT64_C(1) << r);
	double w, d;

	a->width -= UINT64_C(1) << r;
	a->total -= row[0].sum;
	w = (double)a->width;
	d = row[0].sum / n - a->total / w;
	a->sumsq -= row[0].sumsq + n * w * d * d / (n + w);
	a->len[r]--;
	memmove(row, row + 1, a->len[r] * sizeof(*row));
	while (a->rows > 1 && a->len[a->rows - 1] == 0)
		a->rows--;
}

/* Join the two oldest buckets of each row that is over full. */
static void
compress(struct pd_adwin *a)
{
	struct pd_adwin_bucket *row, *to;
	double n, d;
	uint32_t r;

	for (r = 0; a->len[r] > PD_ADWIN_BUCKETS; r++) {
		if (r == TOP) {
			drop_oldest(a);
			return;
		}
		row = a->row[r];
		n = (double)(UINT64_C(1) << r);
		to = &a->row[r + 1][a->len[r + 1]++];
		if (r + 1 == a->rows)
			a->rows++;
		d = row[0].sum / n - row[1].sum / n;
		to->sum = row[0].sum + row[1].sum;
		to->sumsq =
		    row[0].sumsq + row[1].sumsq + n * n * d * d / (n + n);
		a->len[r] -= 2;
		memmove(row, row + 2, a->len[r] * sizeof(*row));
	}
}

static void
insert(struct pd_adwin *a, double x)
{
	double w, d;

	a->width++;
	if (a->width > 1) {
		w = (double)(a->width - 1);
		d = x - a->total / w;
		a->sumsq += w * d * d / (double)a->width;
	}
	a->total += x;
	a->row[0][a->len[0]++] = (struct pd_adwin_bucket){x, 0};
	if (a->len[0] > PD_ADWIN_BUCKETS)
		compress(a);
}

/* What one walk over the boundaries needs to know. */
struct walk {
	double w; /* width */
	double total;
	double dd;    /* ln(2 ln(w) / delta) */
	double v;     /* variance of the window */
	double c;     /* squared bound, times (n0 n1)^2, a part */
	double slack; /* rounding of u0 w - total n0 */
};

static void
walk_init(struct walk *k, const struct pd_adwin *a)
{
	double abs_sum = 0;
	uint32_t r, i;

	for (r = 0; r < a->rows; r++)
		for (i = 0; i < a->len[r]; i++)
			abs_sum += fabs(a->row[r][i].sum);
	k->w = (double)a->width;
	k->total = a->total;
	k->dd = log(2 * log(k->w) / a->params.delta);
	k->v = a->sumsq / k->w;
	k->c = 2 * a->sumsq * k->dd * (1 - 1e-9);
	k->slack = 0x1p-42 * abs_sum * k->w;
}

/*
 * Can the parts of n0 and w - n0 values differ by more than the bound? The
 * bound is above sqrt(2 v dd (1/n0 + 1/n1)), so that is compared first, squared
 * and times (n0 n1)^2: (u0 w - total n0)^2 > 2 v dd w n0 n1, with a margin for
 * the rounding here and in the running sums. NaN says yes.
 */
static inline bool
may_differ(const struct walk *k, double n0, double u0)
{
	const double d = fabs(u0 * k->w - k->total * n0) + k->slack;

	return !(d * d <= k->c * n0 * (k->w - n0));
}

/* The test of Bifet & Gavalda with the variance of the window. */
static bool
differ(const struct pd_adwin *a, const struct walk *k, double n0, double n1,
    double u0, double u1)
{
	const double part = a->params.min_part, guard = a->params.part_guard;
	double m, eps;

	if (n0 < part || n1 < part)
		return false;
	m = 1 / (n0 - guard + 1) + 1 / (n1 - guard + 1);
	eps = sqrt(2 * m * k->v * k->dd) + 2.0 / 3.0 * k->dd * m;
	return fabs(u0 / n0 - u1 / n1) > eps;
}

/* The sum of the newer part at the boundary after bucket ${i} of row ${r},
 * taken off bucket by bucket: its rounding decides between equals. */
static double
newer_sum(const struct pd_adwin *a, uint32_t r, uint32_t i)
{
	double u1 = a->total;
	uint32_t q, j, end;

	for (q = a->rows; q-- > r;) {
		end = q == r ? i + 1 : a->len[q];
		for (j = 0; j < end; j++)
			u1 -= a->row[q][j].sum;
	}
	return u1;
}

/* Is there a boundary where the two parts differ? The newest bucket of row 0
 * is never a part of its own. */
static bool
find_cut(const struct pd_adwin *a)
{
	double n0 = 0, u0 = 0, n;
	struct walk k;
	uint32_t r, i, end;

	walk_init(&k, a);
	for (r = a->rows; r-- > 0;) {
		n = (double)(UINT64_C(1) << r);
		end = r > 0 || a->len[0] == 0 ? a->len[r] : a->len[0] - 1u;
		for (i = 0; i < end; i++) {
			n0 += n;
			u0 += a->row[r][i].sum;
			if (may_differ(&k, n0, u0) &&
			    differ(a, &k, n0, k.w - n0, u0, newer_sum(a, r, i)))
				return true;
		}
	}
	return false;
}

bool
pd_adwin_add(struct pd_adwin *a, double x)
{
	if (a->found && a->params.reset)
		empty(a);
	a->found = false;
	insert(a, x);
	if (--a->until_check > 0)
		return false;
	a->until_check = a->params.clock;
	if (a->width <= a->params.min_width)
		return false;
	while (a->width > 1 && find_cut(a)) {
		drop_oldest(a);
		a->found = true;
	}
	return a->found;
}
