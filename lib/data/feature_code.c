#include <math.h>
#include <string.h>

#include "base/log2.h"
#include "data/feature_code.h"

#define CODE_MAX 254

/* By the unit of a slot. */
static const struct {
	const char *unit;
	double low, steps;
	bool log;
} scales[] = {
    {"oct", -24, 8, false},
    {"log2 1+count", 0, 8, false},
    {"log2 1+ms", 0, 8, false},
    {"log2 1+us", 0, 8, false},
    {"log2 1+n", 0, 8, false},
    {"log2 bytes", 0, 8, false},
    {"log2 ticks", -1, 8, false},
    {"log2 s", -10, 8, false},
    {"log2 ratio", -16, 8, false},
    {"log2 1/s", -14, 8, false},
    {"0..1", 0, 250, false},
    {"0..63", 0, 1, false},
    {"count", 0, 1, false},
    {"decayed count", 0, 8, true},
    {"octaves^2", 0, 16, true},
};

#define NSCALES (sizeof(scales) / sizeof(*scales))

static void
init_slot(struct pd_feature_codes *c, unsigned slot)
{
	const char *unit = pd_feature_info[slot].unit;
	unsigned k = 0, i;
	double v;

	while (k < NSCALES - 1 && strcmp(scales[k].unit, unit) != 0)
		k++;
	c->low[slot] = scales[k].low;
	c->steps[slot] = scales[k].steps;
	if (scales[k].log)
		c->logs |= 1ULL << slot;
	for (i = 0; i <= CODE_MAX; i++) {
		v = scales[k].low + (double)i / scales[k].steps;
		if (scales[k].log)
			v = 1.0 / pd_exp2_neg(v) - 1.0;
		c->value[slot][i] = (float)v;
	}
	c->value[slot][PD_FEATURE_CODE_NONE] = NAN;
}

void
pd_feature_codes_init(struct pd_feature_codes *c)
{
	unsigned i;

	c->logs = 0;
	for (i = 0; i < PD_FEATURES; i++)
		init_slot(c, i);
}

uint8_t
pd_feature_code(const struct pd_feature_codes *c, unsigned slot, float v)
{
	double x = (double)v;

	if (isnan(v))
		return PD_FEATURE_CODE_NONE;
	if (c->logs >> slot & 1)
		x = x <= 0 ? 0 : isinf(v) ? 1e300 : pd_log2(x + 1.0);
	x = (x - c->low[slot]) * c->steps[slot] + 0.5;
	return (uint8_t)(x < 0 ? 0 : x > CODE_MAX ? CODE_MAX : (int)x);
}
