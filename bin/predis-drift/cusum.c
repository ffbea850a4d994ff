/* predis-drift cusum: has a stream of numbers left its reference, and when? */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "drift.h"
#include "io/json.h"
#include "stat/ecusum.h"
#include "stat/quantile.h"

#define LEAST_PER_BIN 5 /* values of the reference */

static struct {
	uint64_t window;
	uint64_t bins;
	double arl;
	double month_fpr;
	uint64_t month;
	bool all;
	bool json;
} opt = {500, 20, 10000, 0, 720, false, false};

const struct pd_opt cusum_opts[] = {
    {0, "window", "N", PD_OPT_U64, &opt.window, NULL,
	"values in a window (default 500)"},
    {0, "bins", "N", PD_OPT_U64, &opt.bins, NULL,
	"bins of about equal share in the reference (default 20)"},
    {0, "arl", "N", PD_OPT_DOUBLE, &opt.arl, NULL,
	"windows between two false alarms, on average (default 10000)"},
    {0, "month-fpr", "P", PD_OPT_DOUBLE, &opt.month_fpr, NULL,
	"instead: chance of a false alarm in a month"},
    {0, "month", "N", PD_OPT_U64, &opt.month, NULL,
	"windows in a month (default 720, hourly ones)"},
    {0, "all", NULL, PD_OPT_FLAG, &opt.all, NULL,
	"print every window, not alarms only"},
    {0, "json", NULL, PD_OPT_FLAG, &opt.json, NULL,
	"print one JSON object a line"},
    PD_OPT_END,
};

struct stream {
	struct pd_ecusum cusum;
	double cuts[PD_ECUSUM_BINS];
	size_t ncuts;
	double limit; /* ln of the evidence that is an alarm */
	uint64_t counts[PD_ECUSUM_BINS];
	uint64_t in_window;
	uint64_t window;
	uint64_t missing;
	uint64_t alarms;
};

/* How many of the values around x[at], all sorted, equal it. */
static size_t
equals(const struct numbers *x, size_t at)
{
	size_t from = at, to = at;

	while (from > 0 && x->v[from - 1] == x->v[at])
		from--;
	while (to + 1 < x->n && x->v[to + 1] == x->v[at])
		to++;
	return to - from + 1;
}

/*
 * Cuts at values of the reference (sorted), about ${bins} of them. A value that
 * fills a fifth of a bin becomes a bin of its own. True when a value at a cut
 * repeats often enough (a hundredth of a bin) for the masses of the bins not to
 * be Dirichlet.
 */
static bool
cut(struct stream *s, const struct numbers *ref)
{
	const size_t bin = ref->n / (size_t)opt.bins;
	bool atoms = false;
	size_t i, same;
	double v, below;

	for (i = 1; i < opt.bins && s->ncuts < PD_ECUSUM_BINS - 2; i++) {
		v = ref->v[i * ref->n / (size_t)opt.bins];
		if (isinf(v) || (s->ncuts > 0 && v <= s->cuts[s->ncuts - 1]))
			continue;
		same = equals(ref, i * ref->n / (size_t)opt.bins);
		atoms |= same > 1 && same * 100 > bin;
		below = nextafter(v, -INFINITY);
		if (same > 1 && same * 5 > bin &&
		    (s->ncuts == 0 || below > s->cuts[s->ncuts - 1]))
			s->cuts[s->ncuts++] = below;
		s->cuts[s->ncuts++] = v;
	}
	return atoms;
}

static int
print_window(const struct stream *s, double evidence, bool alarm)
{
	const uint64_t since = pd_ecusum_since(&s->cusum);
	const double log10e = evidence / log(10);
	struct pd_buf b = PD_BUF_INIT;
	struct pd_json j;
	int r;

	if (opt.json) {
		pd_json_init(&j, &b);
		pd_json_open(&j, '{');
		pd_json_key(&j, "window");
		pd_json_u64(&j, s->window);
		pd_json_key(&j, "log10_evidence");
		pd_json_double(&j, log10e);
		pd_json_key(&j, "since_window");
		pd_json_u64(&j, since);
		pd_json_key(&j, "alarm");
		pd_json_bool(&j, alarm);
		pd_json_close(&j, '}');
	} else {
		pd_buf_printf(&b, "%llu\t%.3f\t%llu\t%s",
		    (unsigned long long)s->window, log10e,
		    (unsigned long long)since, alarm ? "alarm" : "-");
	}
	pd_buf_addc(&b, '\n');
	r = finish(&b, PD_EXIT_YES);
	/* The reader of a live stream wants to know now. */
	return r == PD_EXIT_YES && fflush(stdout) == 0 ? 0 : -1;
}

static int
close_window(struct stream *s)
{
	const double evidence = pd_ecusum_add(&s->cusum, s->counts);
	const bool alarm = evidence >= s->limit;
	int r = 0;

	if (alarm || opt.all)
		r = print_window(s, evidence, alarm);
	if (alarm) {
		s->alarms++;
		pd_ecusum_restart(&s->cusum);
	}
	memset(s->counts, 0, sizeof(s->counts));
	s->in_window = 0;
	s->window++;
	return r;
}

/* One value, as numbers_each() has it. */
static int
take(void *cookie, double v, struct pd_err *err)
{
	struct stream *s = cookie;

	(void)err;
	if (isnan(v)) {
		s->missing++;
		return 0;
	}
	s->counts[pd_quantile_bin(s->cuts, s->ncuts, v)]++;
	if (++s->in_window < opt.window)
		return 0;
	return close_window(s) ? 1 : 0;
}

static int
check_options(void)
{
	if (opt.window < 1)
		return pd_cli_usage("option --window: 0 is too few");
	if (opt.bins < 2 || opt.bins > PD_ECUSUM_BINS)
		return pd_cli_usage(
		    "option --bins: not between 2 and %d", PD_ECUSUM_BINS);
	if (!(opt.arl > 1))
		return pd_cli_usage("option --arl: not above 1");
	if (!(opt.month_fpr >= 0 && opt.month_fpr < 1))
		return pd_cli_usage("option --month-fpr: not between 0 and 1");
	if (opt.month < 1)
		return pd_cli_usage("option --month: 0 is too few");
	return 0;
}

/* 0, or an exit status: the reference is in ${s}. */
static int
learn(struct stream *s, const char *path)
{
	struct pd_err err = PD_ERR_INIT;
	uint64_t ref[PD_ECUSUM_BINS] = {0};
	struct numbers x;
	int status = 0;
	bool atoms;

	if (numbers_read(&x, path, &err))
		return pd_cli_fail(&err);
	if (x.n < LEAST_PER_BIN * opt.bins) {
		pd_cli_note("too few values (%zu) in '%s' for %llu bins", x.n,
		    path, (unsigned long long)opt.bins);
		status = PD_EXIT_UNKNOWN;
	} else {
		atoms = cut(s, &x);
		pd_quantile_count(s->cuts, s->ncuts, x.v, x.n, ref);
		if (pd_ecusum_init(
			&s->cusum, ref, (unsigned)s->ncuts + 1, atoms)) {
			pd_cli_note("the values of '%s' are all alike", path);
			status = PD_EXIT_UNKNOWN;
		} else if (atoms) {
			pd_cli_note("values of '%s' repeat: the rate of false "
				    "alarms is approximate",
			    path);
		}
	}
	numbers_release(&x);
	return status;
}

int
cusum_run(int argc, char **argv)
{
	struct stream *s;
	int status;

	(void)argc;
	if ((status = check_options()) != 0)
		return status;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return pd_cli_failf("out of memory");
	s->limit = log(opt.month_fpr > 0
			   ? pd_ecusum_threshold(opt.month_fpr, opt.month)
			   : opt.arl);
	if ((status = learn(s, argv[0])) != 0)
		goto out;
	status = numbers_each(take, s);
	if (s->missing > 0)
		pd_cli_note("%llu missing values (nan) left out",
		    (unsigned long long)s->missing);
	if (status == PD_EXIT_YES && s->alarms > 0)
		status = PD_EXIT_NO;
	else if (status == PD_EXIT_YES && s->window == 0) {
		pd_cli_note("too few values (%llu) for one window",
		    (unsigned long long)s->in_window);
		status = PD_EXIT_UNKNOWN;
	}
out:
	free(s);
	return status;
}
