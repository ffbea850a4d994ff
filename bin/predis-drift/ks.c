#include <string.h>

#include "base/buf.h"
#include "drift.h"
#include "io/json.h"
#include "stat/ks.h"

static struct {
	double alpha;
	double min_d;
	const char *method;
	bool json;
} opt = {0.05, 0.1, "auto", false};

const struct pd_opt ks_opts[] = {
    {0, "alpha", "P", PD_OPT_DOUBLE, &opt.alpha, NULL,
	"drift needs a p-value below P (default 0.05)"},
    {0, "min-d", "D", PD_OPT_DOUBLE, &opt.min_d, NULL,
	"drift needs a distance of D or more (default 0.1)"},
    {0, "method", "NAME", PD_OPT_STR, &opt.method, NULL,
	"p-value: auto, exact or asymp (default auto)"},
    {0, "json", NULL, PD_OPT_FLAG, &opt.json, NULL, "print one JSON object"},
    PD_OPT_END,
};

static int
method_parse(enum pd_ks_method *m)
{
	static const char *const names[] = {"auto", "exact", "asymp"};
	static const enum pd_ks_method values[] = {
	    PD_KS_AUTO, PD_KS_EXACT, PD_KS_ASYMP};
	size_t i;

	for (i = 0; i < 3; i++) {
		if (strcmp(opt.method, names[i]) == 0) {
			*m = values[i];
			return 0;
		}
	}
	return -1;
}

/* What was found, in both forms of output. */
struct answer {
	struct pd_ks ks;
	double p;
	bool drift;
	bool enough;
};

static void
print_text(struct pd_buf *b, const struct answer *a, const struct numbers *x,
    const struct numbers *y)
{
	if (x->n > 0 && y->n > 0) {
		put_double(b, "d", a->ks.d);
		put_double(b, "p", a->p);
		put_double(b, "location", a->ks.location);
		put_text(b, "sign", a->ks.sign > 0 ? "1" : "-1");
	}
	put_u64(b, "values_a", x->n);
	put_u64(b, "values_b", y->n);
	put_u64(b, "missing_a", x->missing);
	put_u64(b, "missing_b", y->missing);
	put_text(b, "drift", !a->enough ? "unknown" : a->drift ? "yes" : "no");
}

static void
print_json(struct pd_buf *b, const struct answer *a, const struct numbers *x,
    const struct numbers *y)
{
	const bool any = x->n > 0 && y->n > 0;
	struct pd_json j;

	pd_json_init(&j, b);
	pd_json_open(&j, '{');
	if (any) {
		pd_json_key(&j, "d");
		pd_json_double(&j, a->ks.d);
		pd_json_key(&j, "p");
		pd_json_double(&j, a->p);
		pd_json_key(&j, "location");
		pd_json_double(&j, a->ks.location);
		pd_json_key(&j, "sign");
		pd_json_i64(&j, a->ks.sign);
	}
	pd_json_key(&j, "values_a");
	pd_json_u64(&j, x->n);
	pd_json_key(&j, "values_b");
	pd_json_u64(&j, y->n);
	pd_json_key(&j, "missing_a");
	pd_json_u64(&j, x->missing);
	pd_json_key(&j, "missing_b");
	pd_json_u64(&j, y->missing);
	pd_json_key(&j, "alpha");
	pd_json_double(&j, opt.alpha);
	pd_json_key(&j, "min_d");
	pd_json_double(&j, opt.min_d);
	pd_json_key(&j, "drift");
	if (a->enough)
		pd_json_bool(&j, a->drift);
	else
		pd_json_null(&j);
	pd_json_close(&j, '}');
	pd_buf_addc(b, '\n');
}

static int
answer(const struct numbers *x, const struct numbers *y, enum pd_ks_method m)
{
	struct answer a = {{0, 0, 1}, 1, false, false};
	struct pd_buf b = PD_BUF_INIT;

	if (x->n > INT32_MAX || y->n > INT32_MAX)
		return pd_cli_failf(
		    "more than 2147483647 values in one sample");
	if (x->n > 0 && y->n > 0) {
		a.ks = pd_ks_sorted(x->v, x->n, y->v, y->n);
		a.p = pd_ks_p(a.ks.d, x->n, y->n, m);
		/* Could the largest distance there is be called drift? */
		a.enough = pd_ks_p(1, x->n, y->n, m) < opt.alpha;
		a.drift = a.p < opt.alpha && a.ks.d >= opt.min_d;
	}
	if (!a.enough)
		pd_cli_note("too few values (%zu and %zu) for alpha %g", x->n,
		    y->n, opt.alpha);
	(opt.json ? print_json : print_text)(&b, &a, x, y);
	return finish(&b, !a.enough ? PD_EXIT_UNKNOWN
			  : a.drift ? PD_EXIT_NO
				    : PD_EXIT_YES);
}

int
ks_run(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	enum pd_ks_method method;
	struct numbers x, y;
	int status;

	(void)argc;
	if (method_parse(&method))
		return pd_cli_usage("option --method: '%s' is not auto, exact "
				    "or asymp",
		    opt.method);
	if (!(opt.alpha > 0 && opt.alpha < 1))
		return pd_cli_usage("option --alpha: not between 0 and 1");
	if (!(opt.min_d >= 0 && opt.min_d <= 1))
		return pd_cli_usage("option --min-d: not within 0 to 1");
	if (strcmp(argv[0], "-") == 0 && strcmp(argv[1], "-") == 0)
		return pd_cli_usage("standard input can be one sample only");
	if (numbers_read(&x, argv[0], &err))
		return pd_cli_fail(&err);
	if (numbers_read(&y, argv[1], &err)) {
		numbers_release(&x);
		return pd_cli_fail(&err);
	}
	status = answer(&x, &y, method);
	numbers_release(&x);
	numbers_release(&y);
	return status;
}
