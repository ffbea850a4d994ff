#include <math.h>
#include <string.h>

#include "base/err.h"
#include "data/feature.h"
#include "learn/choose.h"

#define GAIN 0.02   /* a change must lower the error by this share of it */
#define LEAST 0.002 /* and by this much */
#define MIN_FEATURES 4

static const uint8_t start[] = {
    PD_F_age,
    PD_F_gap1,
    PD_F_gap2,
    PD_F_gap3,
    PD_F_gap4,
    PD_F_frequency,
    PD_F_residence,
    PD_F_resident_at_last,
    PD_F_age_over_gap1,
};

unsigned
pd_choose_default(uint8_t *slots)
{
	memcpy(slots, start, sizeof(start));
	return sizeof(start);
}

/* Whether it can differ between the residents of one moment. */
static bool
ranks(uint8_t slot)
{
	return slot != PD_F_hit_ratio_lately && slot != PD_F_new_share_lately;
}

static bool
varies(const struct pd_rows *r, uint8_t slot)
{
	const float *x = r->x + slot;
	uint32_t i;
	float v;

	for (i = 1; i < r->n; i++) {
		v = x[(size_t)i * PD_ROWS_COLS];
		if (isnan(v) != isnan(x[0]) || v < x[0] || v > x[0])
			return true;
	}
	return false;
}

static int
error_of(const struct pd_choice_params *p, const uint8_t *slots, unsigned n,
    double *error, struct pd_err *err)
{
	struct pd_buf json = PD_BUF_INIT;
	struct pd_fit_score score;
	int rc = -1;

	if (pd_fit(&p->fit, slots, n, &p->boost, NULL, &json, err) == 0 &&
	    pd_fit_score(&json, &p->holdout, slots, n, false, p->split, &score,
		err) == 0) {
		*error = isnan(score.auc) ? 1 : 1 - score.auc;
		rc = 0;
	}
	pd_buf_release(&json);
	return rc;
}

/* The error that a change must reach to be no noise. */
static double
worth_it(double error)
{
	return error - (GAIN * error > LEAST ? GAIN * error : LEAST);
}

static struct pd_choice *
entry_of(struct pd_choice *tried, uint8_t slot)
{
	while (tried->slot != slot)
		tried++;
	return tried;
}

/* Try each unused feature with the set; the best one's place in tried, or
 * -1 when none helps enough, -2 on failure. */
static int
best_addition(const struct pd_choice_params *p, const uint8_t *slots,
    unsigned n, struct pd_choice *tried, unsigned ntried, double *error,
    struct pd_err *err)
{
	uint8_t with[PD_ROWS_COLS];
	double best = worth_it(*error);
	int found = -1;
	unsigned i;

	memcpy(with, slots, n);
	for (i = 0; i < ntried; i++) {
		if (tried[i].used || isnan(tried[i].error_other))
			continue;
		with[n] = tried[i].slot;
		if (error_of(p, with, n + 1, &tried[i].error_other, err) == -1)
			return -2;
		if (p->progress != NULL)
			p->progress(
			    p->cookie, "choosing features", i + 1, ntried);
		if (tried[i].error_other < best) {
			best = tried[i].error_other;
			found = (int)i;
		}
	}
	if (found >= 0)
		*error = best;
	return found;
}

/* Drop each feature without which the error is lower. */
static int
drop_useless(const struct pd_choice_params *p, uint8_t *slots, unsigned *n,
    struct pd_choice *tried, double *error, struct pd_err *err)
{
	uint8_t without[PD_ROWS_COLS];
	struct pd_choice *c;
	unsigned i = 0, total = *n;

	while (i<*n && * n> MIN_FEATURES) {
		c = entry_of(tried, slots[i]);
		memcpy(without, slots, i);
		memcpy(without + i, slots + i + 1, *n - i - 1);
		if (error_of(p, without, *n - 1, &c->error_other, err) == -1)
			return -1;
		if (p->progress != NULL)
			p->progress(
			    p->cookie, "dropping features", i + 1, total);
		if (c->error_other > worth_it(*error)) {
			i++;
			continue;
		}
		*error = c->error_other;
		c->used = false;
		memcpy(slots, without, --*n);
	}
	return 0;
}

int
pd_choose(const struct pd_choice_params *p, uint8_t *slots, unsigned *n,
    struct pd_choice *tried, double *error, struct pd_err *err)
{
	unsigned i, ntried = 0;
	int add;

	for (i = 0; i < PD_ROWS_COLS; i++) {
		tried[ntried].slot = (uint8_t)i;
		tried[ntried].used = memchr(slots, (int)i, *n) != NULL;
		tried[ntried].error_other =
		    ranks((uint8_t)i) && varies(p->fit.rows, (uint8_t)i) ? 0
									 : NAN;
		ntried++;
	}
	if (error_of(p, slots, *n, error, err) == -1)
		return -1;
	while ((add = best_addition(p, slots, *n, tried, ntried, error, err)) >=
	       0) {
		tried[add].used = true;
		slots[(*n)++] = tried[add].slot;
	}
	if (add == -2 || drop_useless(p, slots, n, tried, error, err) == -1)
		return -1;
	return (int)ntried;
}
