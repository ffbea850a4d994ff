#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "drift.h"
#include "io/json.h"
#include "model/drift.h"

static struct {
	const char *profile;
	struct pd_drift_params params;
	uint64_t bins;
	bool any_length;
	bool json;
} opt = {NULL, PD_DRIFT_DEFAULTS, 10, false, false};

/* Reference and stream may differ by this factor in length. Measured on an
 * unchanging workload: nothing drifts up to it, "life" does at 1.18. */
#define MAX_LENGTHS 1.1

const struct pd_opt test_opts[] = {
    {0, "profile", "FILE", PD_OPT_STR, &opt.profile, NULL,
	"the reference (from 'predis-drift profile')"},
    {0, "alpha", "P", PD_OPT_DOUBLE, &opt.params.alpha, NULL,
	"chance of a false alarm of all tests together (default 0.05)"},
    {0, "min-d", "D", PD_OPT_DOUBLE, &opt.params.min_d, NULL,
	"a distance or change of missing share counts from D (0.1)"},
    {0, "threshold", "X", PD_OPT_DOUBLE, &opt.params.min_psi, NULL,
	"PSI counts from X on (default 0.25)"},
    {0, "bins", "N", PD_OPT_U64, &opt.bins, NULL,
	"bins of PSI, about (default 10)"},
    {0, "min-rows", "N", PD_OPT_U64, &opt.params.min_n, NULL,
	"values a feature needs on both sides (default 500)"},
    {0, "any-length", NULL, PD_OPT_FLAG, &opt.any_length, NULL,
	"compare streams of other lengths too: not to be trusted"},
    {0, "json", NULL, PD_OPT_FLAG, &opt.json, NULL,
	"print one JSON object a feature and one for the whole"},
    PD_OPT_END,
};

/* The columns of the profile, picked out of a row of 64. */
struct counter {
	struct pd_profile *cur;
	float row[PD_FEATURES];
};

static int
count(void *cookie, const float *value)
{
	struct counter *c = cookie;
	unsigned i;

	for (i = 0; i < c->cur->nfeatures; i++)
		c->row[i] = value[c->cur->f[i].slot];
	pd_profile_add(c->cur, c->row);
	return 0;
}

static const char *
verdict(const struct pd_drift_feature *f)
{
	static const char *const names[] = {"same", "ks", "psi", "ks,psi",
	    "missing", "ks,missing", "psi,missing", "ks,psi,missing"};

	if (!f->compared && f->alarms == 0)
		return "few";
	return names[f->alarms & 7];
}

static void
print_text(struct pd_buf *b, const struct pd_drift *d)
{
	const struct pd_drift_feature *f;
	unsigned i;

	pd_buf_addstr(b, "feature\tverdict\td_low\td_high\tp\tpsi\t"
			 "psi_critical\tshift\tmissing_ref\tmissing_cur\n");
	for (i = 0; i < d->nfeatures; i++) {
		f = &d->f[i];
		pd_buf_printf(b,
		    "%s\t%s\t%.4f\t%.4f\t%.3g\t%.4f\t%.4f\t%.3f\t%.4f\t%.4f\n",
		    pd_feature_info[f->slot].name, verdict(f), f->d_low,
		    f->d_high, f->d_p, f->psi, f->psi_critical, f->shift,
		    f->missing_ref, f->missing_cur);
	}
}

static void
json_number(struct pd_json *j, const char *key, double v)
{
	if (isnan(v))
		return;
	pd_json_key(j, key);
	pd_json_double(j, v);
}

static void
print_feature_json(struct pd_buf *b, const struct pd_drift_feature *f)
{
	struct pd_json j;

	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	pd_json_key(&j, "record");
	pd_json_str(&j, "feature");
	pd_json_key(&j, "feature");
	pd_json_str(&j, pd_feature_info[f->slot].name);
	pd_json_key(&j, "compared");
	pd_json_bool(&j, f->compared);
	pd_json_key(&j, "drift");
	pd_json_bool(&j, f->alarms != 0);
	pd_json_key(&j, "verdict");
	pd_json_str(&j, verdict(f));
	pd_json_key(&j, "values_ref");
	pd_json_u64(&j, f->n_ref);
	pd_json_key(&j, "values_cur");
	pd_json_u64(&j, f->n_cur);
	if (f->compared) {
		pd_json_key(&j, "effective_ref");
		pd_json_u64(&j, f->effective_ref);
		pd_json_key(&j, "effective_cur");
		pd_json_u64(&j, f->effective_cur);
	}
	json_number(&j, "d_low", f->d_low);
	json_number(&j, "d_high", f->d_high);
	json_number(&j, "d_p", f->d_p);
	json_number(&j, "psi", f->psi);
	json_number(&j, "psi_critical", f->psi_critical);
	json_number(&j, "psi_p", f->psi_p);
	if (f->compared) {
		pd_json_key(&j, "psi_bins");
		pd_json_u64(&j, f->psi_bins);
	}
	json_number(&j, "shift_sd", f->shift);
	json_number(&j, "missing_ref", f->missing_ref);
	json_number(&j, "missing_cur", f->missing_cur);
	json_number(&j, "missing_p", f->missing_p);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

static void
print_json(struct pd_buf *b, const struct pd_drift *d, uint64_t rows_ref,
    uint64_t rows_cur)
{
	struct pd_json j;
	unsigned i;

	for (i = 0; i < d->nfeatures; i++)
		print_feature_json(b, &d->f[i]);
	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	pd_json_key(&j, "record");
	pd_json_str(&j, "summary");
	pd_json_key(&j, "drift");
	if (d->drifted > 0 || d->compared > 0)
		pd_json_bool(&j, d->drifted > 0);
	else
		pd_json_null(&j);
	pd_json_key(&j, "features");
	pd_json_u64(&j, d->nfeatures);
	pd_json_key(&j, "features_compared");
	pd_json_u64(&j, d->compared);
	pd_json_key(&j, "features_drifted");
	pd_json_u64(&j, d->drifted);
	pd_json_key(&j, "rows_ref");
	pd_json_u64(&j, rows_ref);
	pd_json_key(&j, "rows_cur");
	pd_json_u64(&j, rows_cur);
	pd_json_key(&j, "tests");
	pd_json_u64(&j, d->tests);
	pd_json_key(&j, "alpha");
	pd_json_double(&j, opt.params.alpha);
	pd_json_key(&j, "min_d");
	pd_json_double(&j, opt.params.min_d);
	pd_json_key(&j, "threshold");
	pd_json_double(&j, opt.params.min_psi);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

static int
answer(const struct pd_profile *ref, const struct pd_profile *cur)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_drift d;
	int status;

	pd_drift_compare(&d, ref, cur, &opt.params);
	if (opt.json)
		print_json(&b, &d, ref->rows, cur->rows);
	else
		print_text(&b, &d);
	status = d.drifted > 0	  ? PD_EXIT_NO
		 : d.compared > 0 ? PD_EXIT_YES
				  : PD_EXIT_UNKNOWN;
	if (status == PD_EXIT_UNKNOWN)
		pd_cli_note("no feature has %llu values on both sides",
		    (unsigned long long)opt.params.min_n);
	else
		pd_cli_note("%u of %u features drifted (%u compared, %llu rows "
			    "against %llu)",
		    d.drifted, d.nfeatures, d.compared,
		    (unsigned long long)cur->rows,
		    (unsigned long long)ref->rows);
	return finish(&b, status);
}

/*
 * Features remember: counts, ages and missing gaps of a key depend on how long
 * the stream was watched. So a third of a stream differs from the whole
 * without drift. Rows that were sampled stand for 1/rate requests.
 */
static int
lengths_match(const struct pd_profile *ref, const struct rows_info *info,
    const char *name)
{
	double a = (double)ref->rows, b = (double)info->rows;

	if (info->has_meta && ref->rate > 0 && info->rate > 0) {
		a /= ref->rate;
		b /= info->rate;
	}
	if (opt.any_length || (a <= MAX_LENGTHS * b && b <= MAX_LENGTHS * a))
		return PD_EXIT_YES;
	pd_cli_note("'%s' describes %.0f requests, '%s' holds %.0f: features "
		    "depend on how long a stream was watched, so these differ "
		    "without drift",
	    opt.profile, a, name, b);
	pd_cli_note("record as long as the reference, or cut the longer events "
		    "with 'predis-sample cat --from-us/--to-us' before "
		    "'predis-sample features' (--any-length compares all the "
		    "same)");
	return PD_EXIT_UNKNOWN;
}

/* Can rows like these be compared with the reference at all? */
static int
comparable(const struct pd_profile *ref, const struct rows_info *info,
    const char *name)
{
	if (ref->kind != PD_PROFILE_ACCESS) {
		pd_cli_note("'%s' describes residents drawn for training, not "
			    "accesses: they cannot be compared",
		    opt.profile);
		return PD_EXIT_UNKNOWN;
	}
	if (info->has_meta && !schemes_match(info->scheme, ref->scheme)) {
		pd_cli_note("'%s' was sampled by %s, '%s' by %s: features of "
			    "the two differ without drift",
		    opt.profile, pd_scheme_name(ref->scheme), name,
		    pd_scheme_name(info->scheme));
		return PD_EXIT_UNKNOWN;
	}
	if (info->rows == 0) {
		pd_cli_note("'%s' holds no rows", name);
		return PD_EXIT_UNKNOWN;
	}
	if (info->has_meta && info->rate != ref->rate && info->rate > 0 &&
	    ref->rate > 0)
		pd_cli_note(
		    "sampling rates differ: %g and %g", ref->rate, info->rate);
	/* Objects or bytes: 0 is unknown. */
	if (info->has_meta && info->capacity != ref->capacity &&
	    info->capacity > 0 && ref->capacity > 0)
		pd_cli_note("the caches are not of one size: %llu and %llu",
		    (unsigned long long)ref->capacity,
		    (unsigned long long)info->capacity);
	return lengths_match(ref, info, name);
}

static int
run(const struct pd_profile *ref, const char *name)
{
	struct pd_err err = PD_ERR_INIT;
	struct counter c;
	struct rows_info info;
	int fd, status;

	if ((c.cur = pd_profile_like(ref)) == NULL)
		return pd_cli_failf("out of memory");
	if ((fd = rows_open(name, false, &err)) < 0) {
		free(c.cur);
		return pd_cli_fail(&err);
	}
	status = rows_each(fd, name, count, &c, &info);
	close(fd);
	if (status == PD_EXIT_YES)
		status = comparable(ref, &info, name);
	if (status == PD_EXIT_YES)
		status = answer(ref, c.cur);
	free(c.cur);
	return status;
}

static int
check_options(void)
{
	struct pd_drift_params *p = &opt.params;

	if (opt.profile == NULL)
		return pd_cli_usage("missing option --profile FILE");
	if (!(p->alpha > 0 && p->alpha < 1))
		return pd_cli_usage("option --alpha: not between 0 and 1");
	if (!(p->min_d >= 0 && p->min_d <= 1))
		return pd_cli_usage("option --min-d: not within 0 to 1");
	if (opt.bins < 2 || opt.bins > PD_PROFILE_CUTS + 1)
		return pd_cli_usage(
		    "option --bins: not between 2 and %d", PD_PROFILE_CUTS + 1);
	if (p->min_n < 1)
		return pd_cli_usage("option --min-rows: 0 is too few");
	p->bins = (unsigned)opt.bins;
	return 0;
}

int
test_run(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_profile *ref;
	int status;

	(void)argc;
	if ((status = check_options()) != 0)
		return status;
	if ((ref = pd_profile_read(opt.profile, &err)) == NULL)
		return pd_cli_fail(&err);
	if (ref->schema_id != pd_feature_schema_id())
		status = pd_cli_failf(
		    "'%s' is a profile of another feature table", opt.profile);
	else
		status = run(ref, argv[0]);
	free(ref);
	return status;
}
