#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "drift.h"
#include "io/json.h"
#include "stat/adwin.h"

static struct {
	bool raw;
	double delta;
	uint64_t clock;
	uint64_t min_part;
	const char *reset;
	const char *profile;
	const char *feature;
	bool json;
} opt = {false, 0.002, 32, 5, "yes", NULL, NULL, false};

const struct pd_opt adwin_opts[] = {
    {0, "raw", NULL, PD_OPT_FLAG, &opt.raw, NULL,
	"take the values as they are (they should be within 0..1)"},
    {0, "profile", "FILE", PD_OPT_STR, &opt.profile, NULL,
	"reference profile to map values through (without --raw)"},
    {0, "feature", "NAME", PD_OPT_STR, &opt.feature, NULL,
	"the feature of the profile that the values are of"},
    {0, "delta", "D", PD_OPT_DOUBLE, &opt.delta, NULL,
	"confidence of one check (default 0.002)"},
    {0, "clock", "N", PD_OPT_U64, &opt.clock, NULL,
	"check at every Nth value (default 32)"},
    {0, "min-part", "N", PD_OPT_U64, &opt.min_part, NULL,
	"shortest part of the window compared (default 5; 7 as in MOA)"},
    {0, "reset", "yes|no", PD_OPT_STR, &opt.reset, NULL,
	"after a detection start from an empty window (default yes)"},
    {0, "json", NULL, PD_OPT_FLAG, &opt.json, NULL,
	"print one JSON object a detection"},
    PD_OPT_END,
};

struct stream {
	struct pd_adwin adwin;
	struct pd_profile *profile;		  /* NULL with --raw */
	const struct pd_profile_feature *feature; /* in it */
	uint64_t index; /* of the next value, NaN counted too */
	uint64_t missing;
	uint64_t detections;
};

static int
print_detection(const struct stream *s)
{
	const struct pd_adwin *a = &s->adwin;
	struct pd_buf b = PD_BUF_INIT;
	struct pd_json j;
	int r;

	if (opt.json) {
		pd_json_init(&j, &b);
		pd_json_open(&j, '{');
		pd_json_key(&j, "index");
		pd_json_u64(&j, s->index);
		pd_json_key(&j, "width");
		pd_json_u64(&j, a->width);
		pd_json_key(&j, "mean");
		pd_json_double(&j, pd_adwin_mean(a));
		pd_json_close(&j, '}');
	} else {
		pd_buf_printf(&b, "%llu\t%llu\t", (unsigned long long)s->index,
		    (unsigned long long)a->width);
		add_double(&b, pd_adwin_mean(a));
	}
	pd_buf_addc(&b, '\n');
	r = finish(&b, PD_EXIT_YES);
	/* The reader of a live stream wants to know now. */
	return r == PD_EXIT_YES && fflush(stdout) == 0 ? 0 : -1;
}

/* One value, as numbers_each() has it. */
static int
take(void *cookie, double v, struct pd_err *err)
{
	struct stream *s = cookie;

	if (isnan(v)) {
		s->missing++;
		s->index++;
		return 0;
	}
	if (s->feature != NULL)
		v = pd_profile_cdf(s->feature, v);
	else if (isinf(v))
		return pd_err_set(err, "a mean cannot take an infinite value");
	if (pd_adwin_add(&s->adwin, v)) {
		s->detections++;
		if (print_detection(s))
			return 1;
	}
	s->index++;
	return 0;
}

static int
load_profile(struct stream *s)
{
	struct pd_err err = PD_ERR_INIT;
	const int slot = pd_feature_find(opt.feature);

	if (slot < 0)
		return pd_cli_usage(
		    "option --feature: no feature '%s'", opt.feature);
	if ((s->profile = pd_profile_read(opt.profile, &err)) == NULL)
		return pd_cli_fail(&err);
	if (s->profile->schema_id != pd_feature_schema_id())
		return pd_cli_failf(
		    "'%s' is a profile of another feature table", opt.profile);
	s->feature = pd_profile_find(s->profile, slot);
	if (s->feature == NULL || s->feature->n == 0)
		return pd_cli_failf("'%s' has no values of the feature '%s'",
		    opt.profile, opt.feature);
	return 0;
}

static int
params(struct pd_adwin_params *p)
{
	*p = (struct pd_adwin_params)PD_ADWIN_RIVER;
	if (!(opt.delta > 0 && opt.delta < 1))
		return pd_cli_usage("option --delta: not between 0 and 1");
	if (opt.clock < 1 || opt.clock > UINT32_MAX)
		return pd_cli_usage(
		    "option --clock: not between 1 and %u", UINT32_MAX);
	if (opt.min_part < 5 || opt.min_part > UINT32_MAX)
		return pd_cli_usage(
		    "option --min-part: not between 5 and %u", UINT32_MAX);
	if (strcmp(opt.reset, "yes") != 0 && strcmp(opt.reset, "no") != 0)
		return pd_cli_usage(
		    "option --reset: '%s' is not yes or no", opt.reset);
	if (opt.raw && (opt.profile != NULL || opt.feature != NULL))
		return pd_cli_usage(
		    "options --raw and --profile exclude each other");
	if (!opt.raw && (opt.profile == NULL || opt.feature == NULL))
		return pd_cli_usage("ADWIN holds for values in 0..1 only: give "
				    "--profile and --feature, or --raw");
	p->delta = opt.delta;
	p->clock = (uint32_t)opt.clock;
	p->min_part = (uint32_t)opt.min_part;
	p->reset = strcmp(opt.reset, "yes") == 0;
	return 0;
}

int
adwin_run(int argc, char **argv)
{
	struct pd_adwin_params p;
	struct stream *s;
	uint64_t seen;
	int status;

	(void)argc;
	(void)argv;
	if ((status = params(&p)) != 0)
		return status;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return pd_cli_failf("out of memory");
	pd_adwin_init(&s->adwin, &p);
	if (!opt.raw && (status = load_profile(s)) != 0)
		goto out;
	status = numbers_each(take, s);
	seen = s->index - s->missing;
	if (s->missing > 0)
		pd_cli_note("%llu missing values (nan) left out",
		    (unsigned long long)s->missing);
	if (status == PD_EXIT_YES && s->detections > 0)
		status = PD_EXIT_NO;
	else if (status == PD_EXIT_YES &&
		 (seen < p.clock || seen <= p.min_width)) {
		pd_cli_note("too few values (%llu) for one check",
		    (unsigned long long)seen);
		status = PD_EXIT_UNKNOWN;
	}
out:
	free(s->profile);
	free(s);
	return status;
}
