#include "stat_fixture.h"

#include "base/rng.h"
#include "stat/adwin.h"

static struct sample
read_stream(const char *name)
{
	struct sample s = {malloc(10000 * sizeof(double)), 0};
	char path[256];
	FILE *f;

	assert_non_null(s.v);
	snprintf(path, sizeof(path), GOLDEN "adwin/%s.txt", name);
	f = fopen(path, "r");
	assert_non_null(f);
	while (s.n < 10000 && fscanf(f, "%lf", &s.v[s.n]) == 1)
		s.n++;
	fclose(f);
	return s;
}

static struct pd_adwin_params
params_of(const char *impl)
{
	struct pd_adwin_params river = PD_ADWIN_RIVER, moa = PD_ADWIN_MOA;

	if (strcmp(impl, "moa-noreset") == 0)
		return moa;
	river.reset = strcmp(impl, "river-rust") == 0;
	return river;
}

/* Indices and widths exactly; sums to the last digit or two. */
static void
check_run(const json_t *e, const char *where)
{
	const json_t *out = json_object_get(e, "out");
	const json_t *det = json_object_get(out, "detections"), *d;
	struct pd_adwin_params p =
	    params_of(json_string_value(json_object_get(e, "impl")));
	struct sample s =
	    read_stream(json_string_value(json_object_get(e, "stream")));
	struct pd_adwin a;
	size_t i, k = 0;

	p.delta = golden_get(out, "delta");
	p.clock = (uint32_t)golden_get(out, "clock");
	assert_int_equal(s.n, (size_t)golden_get(out, "n"));
	pd_adwin_init(&a, &p);
	for (i = 0; i < s.n; i++) {
		if (!pd_adwin_add(&a, s.v[i]))
			continue;
		d = json_array_get(det, k++);
		if (d == NULL || i != (size_t)golden_get(d, "index") ||
		    a.width != (uint64_t)golden_get(d, "width") ||
		    !near(pd_adwin_mean(&a), golden_get(d, "mean"), 0))
			fail_msg("%s: detection %zu at %zu, width %lu, %.17g",
			    where, k, i, (unsigned long)a.width,
			    pd_adwin_mean(&a));
	}
	if (k != json_array_size(det) ||
	    a.width != (uint64_t)golden_get(out, "final_width") ||
	    a.total != golden_get(out, "final_total") ||
	    !near(a.sumsq, golden_get(out, "final_sum_sq_dev"), 1e-14))
		fail_msg("%s: %zu detections, width %lu, total %.17g, %.17g",
		    where, k, (unsigned long)a.width, a.total, a.sumsq);
	sample_free(&s);
}

static void
equals_river_and_moa(void **state)
{
	FILE *f = fopen(GOLDEN "adwin/adwin_expected.jsonl", "r");
	char *line = NULL;
	size_t cap = 0;
	unsigned n = 0;
	json_t *e;

	(void)state;
	assert_non_null(f);
	while (getline(&line, &cap, f) > 0) {
		e = json_loads(line, 0, NULL);
		assert_non_null(e);
		line[strlen(line) < 90 ? strlen(line) : 90] = '\0';
		check_run(e, line);
		json_decref(e);
		n++;
	}
	assert_int_equal(n, 144);
	free(line);
	fclose(f);
}

/* The window is a suffix of what was fed: width and total say so. */
static void
window_is_the_latest_values(void **state)
{
	static double x[30000];
	struct pd_adwin_params p = PD_ADWIN_MOA;
	struct pd_adwin a;
	struct pd_rng r;
	double sum, mean, sq;
	unsigned i;
	size_t k;

	(void)state;
	pd_rng_init(&r, 9);
	pd_adwin_init(&a, &p);
	for (i = 0; i < 30000; i++) {
		/* Halves add up exactly. */
		x[i] = (pd_rng_below(&r, 100) < (i / 5000 % 2 ? 80 : 20)) * .5;
		pd_adwin_add(&a, x[i]);
		if (i % 997 != 0)
			continue;
		sum = sq = 0;
		for (k = i + 1 - a.width; k <= i; k++)
			sum += x[k];
		mean = sum / (double)a.width;
		for (k = i + 1 - a.width; k <= i; k++)
			sq += (x[k] - mean) * (x[k] - mean);
		assert_true(sum == a.total);
		assert_true(near(sq, a.sumsq, 1e-9));
	}
}

/* Values without drift: hardly an alarm. A change: found, and soon. */
static void
finds_changes_only(void **state)
{
	struct pd_adwin_params p = PD_ADWIN_RIVER;
	unsigned run, i, alarms = 0, delay, worst = 0;
	struct pd_adwin a;
	struct pd_rng r;

	(void)state;
	for (run = 0; run < 20; run++) {
		pd_rng_init(&r, 100 + run);
		pd_adwin_init(&a, &p);
		for (i = 0; i < 20000; i++)
			alarms += pd_adwin_add(&a, pd_rng_double(&r));
		for (delay = 0; delay < 5000; delay++)
			if (pd_adwin_add(&a, 0.3 + 0.7 * pd_rng_double(&r)))
				break;
		worst = delay > worst ? delay : worst;
	}
	assert_true(alarms <= 2);
	assert_true(worst < 1000);
}

/* A large offset takes all digits: the fast bound must give way. */
static void
offset_changes_little(void **state)
{
	struct pd_adwin_params p = PD_ADWIN_RIVER;
	struct pd_adwin a, b;
	struct pd_rng r;
	unsigned i, same = 0, found = 0;
	double x;
	bool fa, fb;

	(void)state;
	pd_rng_init(&r, 4);
	pd_adwin_init(&a, &p);
	pd_adwin_init(&b, &p);
	for (i = 0; i < 20000; i++) {
		x = (double)pd_rng_below(&r, i / 4000 % 2 ? 9 : 5);
		fa = pd_adwin_add(&a, x);
		fb = pd_adwin_add(&b, x + 1e8);
		same += fa == fb;
		found += fa;
	}
	assert_true(found >= 4);
	assert_true(same >= 19990);
}

static void
odd_input(void **state)
{
	struct pd_adwin_params p = PD_ADWIN_RIVER;
	struct pd_adwin a;
	unsigned i;

	(void)state;
	p.clock = 1;
	pd_adwin_init(&a, &p);
	assert_true(pd_adwin_mean(&a) == 0);
	for (i = 0; i < 5000; i++)
		assert_false(pd_adwin_add(&a, 7.25));
	assert_int_equal(a.width, 5000);
	assert_true(pd_adwin_mean(&a) == 7.25);
	/* Sizes near the end of the scale: no trap, no endless loop. */
	pd_adwin_init(&a, &p);
	for (i = 0; i < 2000; i++)
		pd_adwin_add(&a, i % 2 ? 1e300 : -1e300);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_river_and_moa),
	    cmocka_unit_test(window_is_the_latest_values),
	    cmocka_unit_test(finds_changes_only),
	    cmocka_unit_test(offset_changes_little),
	    cmocka_unit_test(odd_input),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
