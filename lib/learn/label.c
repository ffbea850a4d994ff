#include <math.h>
#include <string.h>

#include "base/log2.h"
#include "learn/label.h"

#define LOOK_AHEAD 8.0 /* eviction ages */

static const char *const names[] = {
    [PD_LABEL_DISCOUNT] = "discount",
    [PD_LABEL_BEYOND] = "beyond",
    [PD_LABEL_LOG_GAP] = "log_gap",
};

const char *
pd_label_name(enum pd_label l)
{
	return names[l];
}

int
pd_label_parse(const char *name)
{
	unsigned i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], name) == 0)
			return (int)i;
	return -1;
}

const char *
pd_label_objective(enum pd_label l)
{
	return l == PD_LABEL_BEYOND ? "binary:logistic" : "reg:squarederror";
}

double
pd_label_horizon(enum pd_label l, double boundary, double age, double most)
{
	const double want =
	    l == PD_LABEL_BEYOND ? boundary * age : LOOK_AHEAD * age;

	return want < most ? want : most;
}

float
pd_label_value(enum pd_label l, double boundary, double age, double d)
{
	switch (l) {
	case PD_LABEL_BEYOND:
		return d > boundary * age ? 1.0f : 0.0f;
	case PD_LABEL_LOG_GAP:
		d = d < LOOK_AHEAD * age ? d : LOOK_AHEAD * age;
		return (float)pd_log2(1.0 + d);
	case PD_LABEL_DISCOUNT:
	default:
		return isinf(d) ? 1.0f : (float)(d / (d + boundary * age));
	}
}

double
pd_label_split(enum pd_label l, double boundary, double age)
{
	switch (l) {
	case PD_LABEL_BEYOND:
		return 0.5;
	case PD_LABEL_LOG_GAP:
		return pd_log2(1.0 + age);
	case PD_LABEL_DISCOUNT:
	default:
		return 1.0 / (1.0 + boundary);
	}
}
