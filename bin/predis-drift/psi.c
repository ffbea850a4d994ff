#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "drift.h"
#include "io/json.h"
#include "stat/psi.h"
#include "stat/quantile.h"

#define MAX_BINS 10000
#define LEAST_PER_BIN 5 /* values: below it chi-squared does not hold */

static struct {
	uint64_t bins;
	const char *smoothing;
	double alpha;
	double threshold;
	bool atoms;
	bool json;
	enum pd_psi_rule rule;
	double floor;
} opt = {10, "half", 0.05, 0.25, false, false, PD_PSI_HALF, 0};

const struct pd_opt psi_opts[] = {
    {0, "bins", "N", PD_OPT_U64, &opt.bins, NULL,
	"bins of equal share in A (default 10)"},
    {0, "atoms", NULL, PD_OPT_FLAG, &opt.atoms, NULL,
	"give a value that is frequent in A a bin of its own"},
    {0, "smoothing", "RULE", PD_OPT_STR, &opt.smoothing, NULL,
	"empty bins: half, floor:P, adaptive, drop or tiny (default half)"},
    {0, "alpha", "P", PD_OPT_DOUBLE, &opt.alpha, NULL,
	"drift needs PSI above its critical value at P (default 0.05)"},
    {0, "threshold", "X", PD_OPT_DOUBLE, &opt.threshold, NULL,
	"drift needs PSI of X or more (default 0.25)"},
    {0, "json", NULL, PD_OPT_FLAG, &opt.json, NULL, "print one JSON object"},
    PD_OPT_END,
};

static int
smoothing_parse(void)
{
	static const struct {
		const char *name;
		enum pd_psi_rule rule;
	} rules[] = {{"half", PD_PSI_HALF}, {"adaptive", PD_PSI_ADAPTIVE},
	    {"drop", PD_PSI_DROP}, {"tiny", PD_PSI_TINY}};
	size_t i;

	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		if (strcmp(opt.smoothing, rules[i].name) == 0) {
			opt.rule = rules[i].rule;
			return 0;
		}
	}
	opt.rule = PD_PSI_FLOOR;
	if (strncmp(opt.smoothing, "floor:", 6) != 0 ||
	    pd_parse_double(opt.smoothing + 6, &opt.floor, NULL) ||
	    !(opt.floor > 0 && opt.floor < 1))
		return -1;
	return 0;
}

struct histogram {
	double *cuts;
	size_t ncuts;
	uint64_t *ref;
	uint64_t *cur;
};

struct answer {
	double psi;
	double critical;
	double p;
	bool enough;
	bool drift;
};

/* Put the double just below each repeated quantile in front of it. */
static size_t
atom_cuts(const double *x, size_t n, size_t bins, double *cuts)
{
	const double step = 1 / (double)bins;
	double v, next;
	size_t i, k = 0;

	for (i = 1; i < bins; i++) {
		v = pd_quantile(x, n, (double)i * step);
		next = i + 1 < bins ? pd_quantile(x, n, (double)(i + 1) * step)
				    : INFINITY;
		if (!isfinite(v) || (k > 0 && v <= cuts[k - 1]))
			continue;
		if (v == next &&
		    (k == 0 || nextafter(v, -INFINITY) > cuts[k - 1]))
			cuts[k++] = nextafter(v, -INFINITY);
		cuts[k++] = v;
	}
	return k;
}

static int
histogram_init(
    struct histogram *h, const struct numbers *x, const struct numbers *y)
{
	h->cuts = calloc(opt.bins, sizeof(*h->cuts));
	h->ref = calloc(opt.bins + 1, sizeof(*h->ref));
	h->cur = calloc(opt.bins + 1, sizeof(*h->cur));
	if (h->cuts == NULL || h->ref == NULL || h->cur == NULL)
		return -1;
	h->ncuts = 0;
	if (x->n > 0)
		h->ncuts =
		    opt.atoms ? atom_cuts(x->v, x->n, opt.bins, h->cuts)
			      : pd_quantile_cuts(x->v, x->n, opt.bins, h->cuts);
	pd_quantile_count(h->cuts, h->ncuts, x->v, x->n, h->ref);
	pd_quantile_count(h->cuts, h->ncuts, y->v, y->n, h->cur);
	return 0;
}

static void
histogram_release(struct histogram *h)
{
	free(h->cuts);
	free(h->ref);
	free(h->cur);
}

static void
counts_json(
    struct pd_json *j, const char *key, const uint64_t *counts, size_t n)
{
	size_t i;

	pd_json_key(j, key);
	pd_json_open(j, '[');
	for (i = 0; i < n; i++)
		pd_json_u64(j, counts[i]);
	pd_json_close(j, ']');
}

static void
print_json(struct pd_buf *b, const struct answer *a, const struct histogram *h,
    const struct numbers *x, const struct numbers *y)
{
	struct pd_json j;
	size_t i;

	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	pd_json_key(&j, "psi");
	pd_json_double(&j, a->psi);
	pd_json_key(&j, "critical");
	pd_json_double(&j, a->critical);
	pd_json_key(&j, "p");
	pd_json_double(&j, a->p);
	pd_json_key(&j, "bins");
	pd_json_u64(&j, h->ncuts + 1);
	pd_json_key(&j, "smoothing");
	pd_json_str(&j, opt.smoothing);
	pd_json_key(&j, "alpha");
	pd_json_double(&j, opt.alpha);
	pd_json_key(&j, "threshold");
	pd_json_double(&j, opt.threshold);
	pd_json_key(&j, "values_a");
	pd_json_u64(&j, x->n);
	pd_json_key(&j, "values_b");
	pd_json_u64(&j, y->n);
	pd_json_key(&j, "missing_a");
	pd_json_u64(&j, x->missing);
	pd_json_key(&j, "missing_b");
	pd_json_u64(&j, y->missing);
	pd_json_key(&j, "cuts");
	pd_json_open(&j, '[');
	for (i = 0; i < h->ncuts; i++)
		pd_json_double(&j, h->cuts[i]);
	pd_json_close(&j, ']');
	counts_json(&j, "counts_a", h->ref, h->ncuts + 1);
	counts_json(&j, "counts_b", h->cur, h->ncuts + 1);
	pd_json_key(&j, "drift");
	if (a->enough)
		pd_json_bool(&j, a->drift);
	else
		pd_json_null(&j);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

static void
print_text(struct pd_buf *b, const struct answer *a, const struct histogram *h,
    const struct numbers *x, const struct numbers *y)
{
	put_double(b, "psi", a->psi);
	put_double(b, "critical", a->critical);
	put_double(b, "p", a->p);
	put_u64(b, "bins", h->ncuts + 1);
	put_text(b, "smoothing", opt.smoothing);
	put_u64(b, "values_a", x->n);
	put_u64(b, "values_b", y->n);
	put_u64(b, "missing_a", x->missing);
	put_u64(b, "missing_b", y->missing);
	put_text(b, "drift", !a->enough ? "unknown" : a->drift ? "yes" : "no");
}

static int
answer(const struct numbers *x, const struct numbers *y)
{
	struct answer a = {NAN, NAN, NAN, false, false};
	struct pd_buf b = PD_BUF_INIT;
	struct histogram h;
	size_t least;

	if (histogram_init(&h, x, y)) {
		histogram_release(&h);
		return pd_cli_failf("out of memory");
	}
	least = LEAST_PER_BIN * (h.ncuts + 1);
	a.enough = x->n >= least && y->n >= least && h.ncuts > 0;
	if (x->n > 0 && y->n > 0) {
		a.psi = pd_psi(h.ref, h.cur, h.ncuts + 1, opt.rule, opt.floor);
		a.critical =
		    pd_psi_critical(x->n, y->n, h.ncuts + 1, opt.alpha);
		a.p = pd_psi_p(a.psi, x->n, y->n, h.ncuts + 1);
		a.drift = a.psi > a.critical && a.psi >= opt.threshold;
	}
	if (!a.enough)
		pd_cli_note("too few values (%zu and %zu) for %zu bins", x->n,
		    y->n, h.ncuts + 1);
	else if (h.ncuts + 1 < opt.bins && !opt.atoms)
		pd_cli_note("%zu bins of %llu: some values of A are frequent; "
			    "--atoms gives them bins of their own",
		    h.ncuts + 1, (unsigned long long)opt.bins);
	(opt.json ? print_json : print_text)(&b, &a, &h, x, y);
	histogram_release(&h);
	return finish(&b, !a.enough ? PD_EXIT_UNKNOWN
			  : a.drift ? PD_EXIT_NO
				    : PD_EXIT_YES);
}

int
psi_run(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct numbers x, y;
	int status;

	(void)argc;
	if (smoothing_parse())
		return pd_cli_usage("option --smoothing: '%s' is not half, "
				    "floor:P, adaptive, drop or tiny",
		    opt.smoothing);
	if (!(opt.alpha > 0 && opt.alpha < 1))
		return pd_cli_usage("option --alpha: not between 0 and 1");
	if (opt.bins < 2 || opt.bins > MAX_BINS)
		return pd_cli_usage(
		    "option --bins: not between 2 and %d", MAX_BINS);
	if (strcmp(argv[0], "-") == 0 && strcmp(argv[1], "-") == 0)
		return pd_cli_usage("standard input can be one sample only");
	if (numbers_read(&x, argv[0], &err))
		return pd_cli_fail(&err);
	if (numbers_read(&y, argv[1], &err)) {
		numbers_release(&x);
		return pd_cli_fail(&err);
	}
	status = answer(&x, &y);
	numbers_release(&x);
	numbers_release(&y);
	return status;
}
