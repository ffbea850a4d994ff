#include <string.h>

#include "base/code.h"
#include "base/log2.h"
#include "cache/objective.h"

#define LOG2_E 1.4426950408889634
#define LEAST_USE (1.0 / 64) /* of a score that is no probability */

static const char *const names[] = {
    [PD_OBJECTIVE_OBJECTS] = "objects",
    [PD_OBJECTIVE_BYTES] = "bytes",
    [PD_OBJECTIVE_COST] = "cost",
};

const char *
pd_objective_name(enum pd_objective o)
{
	return names[o];
}

int
pd_objective_parse(const char *name)
{
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

enum pd_score_kind
pd_score_kind(const char *label)
{
	if (strcmp(label, "beyond") == 0)
		return PD_SCORE_BEYOND;
	if (strcmp(label, "log_gap") == 0)
		return PD_SCORE_LOG_GAP;
	return PD_SCORE_DISCOUNT;
}

/* log2(1 + 2^x). */
static double
log2_one_more(double x)
{
	return x > 0 ? x + pd_log2(1.0 + pd_exp2_neg(x))
		     : pd_log2(1.0 + pd_exp2_neg(-x));
}

/*
 * A regression's score may pass 1. Below LEAST_USE, 1 - score goes on as a
 * hyperbola that meets it with the same slope, so that the order of scores is
 * kept and the logarithm is defined.
 */
static double
positive(double use)
{
	if (use >= LEAST_USE)
		return use;
	return LEAST_USE * LEAST_USE / (2 * LEAST_USE - use);
}

double
pd_score_log2_use(enum pd_score_kind k, float score)
{
	switch (k) {
	case PD_SCORE_BEYOND:
		return -log2_one_more((double)score * LOG2_E);
	case PD_SCORE_LOG_GAP:
		return -(double)score;
	case PD_SCORE_DISCOUNT:
	default:
		return pd_log2(positive(1.0 - (double)score));
	}
}

/* log2 of a code; of ${unknown} where it is none. */
static double
log2_of(uint8_t code, double unknown)
{
	return code == PD_CODE_NONE ? unknown : (double)pd_code_log2(code);
}

/* log2 of ${overhead} more than 2^x. */
static double
log2_plus(double x, uint32_t overhead)
{
	const double y = overhead == 0 ? 0 : pd_log2((double)overhead);

	if (overhead == 0)
		return x;
	return y + log2_one_more(x - y);
}

double
pd_objective_log2_worth(enum pd_objective o, bool by_bytes, uint32_t overhead,
    uint8_t size, uint8_t cost)
{
	const double bytes = log2_of(size, 0);
	const double units = by_bytes ? log2_plus(bytes, overhead) : 0;

	switch (o) {
	case PD_OBJECTIVE_BYTES:
		return bytes - units;
	case PD_OBJECTIVE_COST:
		return log2_of(cost, pd_log2(PD_OBJECTIVE_COST_UNKNOWN)) -
		       units;
	case PD_OBJECTIVE_OBJECTS:
	default:
		return -units;
	}
}
