#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "data/profile.h"
#include "model/drift.h"
#include "model/profiler.h"
#include "stat/adwin.h"

#define COLS 4
#define ROWS 20000

/* Column 0 is uniform, 1 has six values, 2 is half zero and half normal-ish
 * with missing ones, 3 is always missing. */
static float *
make_rows(uint64_t seed, double shift, double missing)
{
	float *x = malloc(sizeof(float) * ROWS * COLS);
	struct pd_rng r;
	size_t i;

	assert_non_null(x);
	pd_rng_init(&r, seed);
	for (i = 0; i < ROWS; i++) {
		x[i * COLS] = (float)(pd_rng_double(&r) + shift);
		x[i * COLS + 1] =
		    floorf((float)(pd_rng_double(&r) * 6 + shift));
		x[i * COLS + 2] =
		    pd_rng_u64(&r) >> 63
			? 0
			: (float)(pd_rng_double(&r) + pd_rng_double(&r) - 1);
		if (pd_rng_double(&r) < missing)
			x[i * COLS + 2] = NAN;
		x[i * COLS + 3] = NAN;
	}
	return x;
}

static const uint8_t slots[COLS] = {5, 13, 15, 63};

static struct pd_profile *
profile_of(const float *rows)
{
	struct pd_profile *p = pd_profiler_rows(rows, ROWS, slots, COLS, NULL);

	assert_non_null(p);
	return p;
}

static struct pd_profile *
counted(const struct pd_profile *ref, const float *rows)
{
	struct pd_profile *p = pd_profile_like(ref);
	size_t i;

	assert_non_null(p);
	for (i = 0; i < ROWS; i++)
		pd_profile_add(p, rows + i * COLS);
	return p;
}

/* Each count against a plain loop over the values. */
static void
check_counts(const struct pd_profile_feature *f, const float *rows, unsigned c)
{
	uint64_t sum = 0, n;
	size_t k;
	unsigned i;
	float v;

	for (i = 0; i <= f->ncuts; i++) {
		n = 0;
		for (k = 0; k < ROWS; k++) {
			v = rows[k * COLS + c];
			n += !isnan(v) && (i == 0 || v > f->cuts[i - 1]) &&
			     (i == f->ncuts || v <= f->cuts[i]);
		}
		assert_true(f->counts[i] == n);
		sum += n;
	}
	assert_true(sum == f->n && f->n + f->missing == ROWS);
}

static void
counts_are_exact(void **state)
{
	float *rows = make_rows(1, 0, 0.25);
	struct pd_profile *p = profile_of(rows);
	unsigned c;

	(void)state;
	assert_int_equal(p->nfeatures, COLS);
	assert_true(p->rows == ROWS);
	for (c = 0; c < COLS; c++)
		check_counts(&p->f[c], rows, c);
	assert_true(p->f[0].ncuts > 200);
	assert_int_equal(p->f[1].ncuts, 12);
	assert_int_equal(p->f[3].ncuts, 0);
	assert_true(fabs(p->f[0].mean - 0.5) < 0.01);
	assert_true(fabs(p->f[0].m2 / ROWS - 1.0 / 12) < 0.002);
	assert_true(isnan(p->f[3].min) && p->f[3].missing == ROWS);
	assert_ptr_equal(pd_profile_find(p, 13), &p->f[1]);
	assert_null(pd_profile_find(p, 14));
	free(p);
	free(rows);
}

static void
frequent_values_have_bins(void **state)
{
	float *rows = make_rows(2, 0, 0);
	struct pd_profile *p = profile_of(rows);
	const struct pd_profile_feature *f = &p->f[2];
	unsigned i, atoms = 0;

	(void)state;
	for (i = 0; i <= f->ncuts; i++)
		if (pd_profile_is_atom(f, i) && f->cuts[i] == 0.0f)
			atoms += f->counts[i] > ROWS * 0.45;
	assert_int_equal(atoms, 1);
	assert_true(fabs(pd_profile_cdf(f, 0) - 0.5) < 0.01);
	assert_true(pd_profile_cdf(f, -2) == 0 && pd_profile_cdf(f, 2) == 1);
	assert_true(isnan(pd_profile_cdf(f, NAN)));
	assert_true(isnan(pd_profile_cdf(&p->f[3], 0)));
	for (i = 0; i < 100; i++)
		assert_true(fabs(pd_profile_cdf(&p->f[0], i / 100.0) -
				 i / 100.0) < 0.02);
	free(p);
	free(rows);
}

static void
bytes_come_back(void **state)
{
	float *rows = make_rows(3, 0, 0.1);
	struct pd_profile *p = profile_of(rows), *q;
	struct pd_buf a = PD_BUF_INIT, b = PD_BUF_INIT;

	(void)state;
	p->rate = 0.125;
	p->scheme = PD_SAMPLE_KEY;
	p->kind = PD_PROFILE_RESIDENT;
	p->t_last_us = 77;
	assert_int_equal(pd_profile_encode(p, &a), 0);
	q = pd_profile_decode(a.data, a.len, NULL);
	assert_non_null(q);
	assert_int_equal(pd_profile_encode(q, &b), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	assert_true(q->rate == 0.125 && q->scheme == PD_SAMPLE_KEY);
	assert_true(q->kind == PD_PROFILE_RESIDENT && q->t_last_us == 77);
	free(q);
	/* The same rows give the same bytes. */
	q = profile_of(rows);
	q->rate = p->rate;
	q->scheme = p->scheme;
	q->kind = p->kind;
	q->t_last_us = 77;
	pd_buf_clear(&b);
	pd_profile_encode(q, &b);
	assert_memory_equal(a.data, b.data, a.len);
	pd_buf_release(&a);
	pd_buf_release(&b);
	free(p);
	free(q);
	free(rows);
}

static void
largest_profile_fits(void **state)
{
	float row[PD_FEATURES];
	struct pd_profiler *l = pd_profiler_new(NULL, PD_FEATURES);
	struct pd_buf b = PD_BUF_INIT;
	struct pd_profile *p;
	struct pd_rng r;
	unsigned i, k;

	(void)state;
	pd_rng_init(&r, 1);
	for (i = 0; i < 2000; i++) {
		for (k = 0; k < PD_FEATURES; k++)
			row[k] = (float)pd_rng_double(&r);
		assert_int_equal(pd_profiler_add(l, row), 0);
	}
	p = pd_profiler_finish(l);
	assert_non_null(p);
	assert_int_equal(p->f[63].ncuts, PD_PROFILE_CUTS);
	assert_int_equal(pd_profile_encode(p, &b), 0);
	assert_true(b.len <= PD_PROFILE_MAX_BYTES);
	pd_buf_release(&b);
	free(p);
	pd_profiler_free(l);
	pd_profiler_free(NULL);
}

/* Every byte matters: one flipped bit or one byte less is refused. */
static void
damage_is_refused(void **state)
{
	float *rows = make_rows(4, 0, 0.1);
	struct pd_profile *p = profile_of(rows);
	struct pd_buf b = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	size_t i;

	(void)state;
	pd_profile_encode(p, &b);
	for (i = 0; i < b.len; i++) {
		b.data[i] ^= (uint8_t)(1 << i % 8);
		assert_null(pd_profile_decode(b.data, b.len, &err));
		b.data[i] ^= (uint8_t)(1 << i % 8);
	}
	assert_string_equal(err.msg, "the profile is damaged (CRC)");
	for (i = 0; i < b.len; i += 7)
		assert_null(pd_profile_decode(b.data, i, NULL));
	/* A file that lies under a right CRC. */
	p->f[0].counts[0]++;
	pd_buf_clear(&b);
	pd_profile_encode(p, &b);
	assert_null(pd_profile_decode(b.data, b.len, &err));
	assert_string_equal(err.msg, "counts of feature 5 do not add up");
	p->f[0].counts[0]--;
	p->f[1].slot = 5;
	pd_buf_clear(&b);
	pd_profile_encode(p, &b);
	assert_null(pd_profile_decode(b.data, b.len, &err));
	assert_string_equal(err.msg, "feature 5 is there twice");
	assert_null(pd_profile_read("/nonexistent/x.pdp", &err));
	pd_buf_release(&b);
	free(p);
	free(rows);
}

static struct pd_drift
compare(uint64_t seed, double shift, double missing)
{
	const struct pd_drift_params params = PD_DRIFT_DEFAULTS;
	float *a = make_rows(seed, 0, 0.1), *b;
	struct pd_profile *ref = profile_of(a), *cur;
	struct pd_drift d;

	b = make_rows(seed + 1000, shift, missing);
	cur = counted(ref, b);
	pd_drift_compare(&d, ref, cur, &params);
	free(ref);
	free(cur);
	free(a);
	free(b);
	return d;
}

static void
equal_rows_do_not_alarm(void **state)
{
	struct pd_drift d;
	unsigned i;

	(void)state;
	for (i = 0; i < 5; i++) {
		d = compare(i, 0, 0.1);
		assert_int_equal(d.drifted, 0);
		assert_int_equal(d.compared, 3);
		assert_int_equal(d.tests, 7);
		assert_false(d.f[3].compared);
		assert_true(d.f[0].d_low <= d.f[0].d_high);
		assert_true(d.f[0].d_high - d.f[0].d_low < 0.01);
		/* Six values: no room between the bounds. Two more bins
		 * for what is below and above them. */
		assert_true(d.f[1].d_low == d.f[1].d_high);
		assert_int_equal(d.f[1].psi_bins, 8);
	}
}

static void
drift_is_named(void **state)
{
	struct pd_drift d = compare(3, 0.5, 0.1);

	(void)state;
	assert_int_equal(d.drifted, 2);
	assert_int_equal(d.f[0].alarms, PD_DRIFT_KS | PD_DRIFT_PSI);
	assert_true(fabs(d.f[0].d_low - 0.5) < 0.02);
	assert_true(fabs(d.f[0].shift - 0.5 * sqrt(12)) < 0.1);
	/* A seventh value: no distance to speak of, but news. */
	assert_int_equal(d.f[1].alarms, PD_DRIFT_PSI);
	assert_int_equal(d.f[2].alarms, 0);
	d = compare(3, 0, 0.4);
	assert_int_equal(d.drifted, 1);
	assert_int_equal(d.f[2].alarms, PD_DRIFT_MISSING);
	/* Real but small: significant, under the floors. */
	d = compare(3, 0.05, 0.1);
	assert_true(d.f[0].d_p < 1e-6);
	assert_int_equal(d.f[0].alarms, 0);
}

/* Heavy-tailed values that change at 3000: as they are
 * ADWIN alarms before it, through the reference after it only. */
static void
mapping_cures_heavy_tails(void **state)
{
	struct pd_adwin_params params = PD_ADWIN_RIVER;
	struct pd_adwin raw, mapped;
	struct pd_profile *p;
	static float ref[3000];
	unsigned i, n, early_raw = 0, early = 0, late = 0;
	double x[6000];
	FILE *f = fopen("tests/golden/drift/adwin/s8_lognormal_heavy.txt", "r");

	(void)state;
	assert_non_null(f);
	for (n = 0; n < 6000 && fscanf(f, "%lf", &x[n]) == 1; n++)
		if (n < 3000)
			ref[n] = (float)x[n];
	fclose(f);
	assert_int_equal(n, 6000);
	p = pd_profiler_rows(ref, 3000, slots, 1, NULL);
	assert_non_null(p);
	pd_adwin_init(&raw, &params);
	pd_adwin_init(&mapped, &params);
	for (i = 0; i < n; i++) {
		early_raw += pd_adwin_add(&raw, x[i]) && i < 3000;
		if (pd_adwin_add(&mapped, pd_profile_cdf(&p->f[0], x[i])))
			*(i < 3000 ? &early : &late) += 1;
	}
	assert_int_equal(early_raw, 2);
	assert_int_equal(early, 0);
	assert_true(late >= 1);
	free(p);
}

/* A slow first-order process is worth (1 - r) / (1 + r) of its rows. */
static void
neighbours_alike_count_less(void **state)
{
	static const float cut[2] = {0, 0};
	struct pd_profiler *l = pd_profiler_new(NULL, 2);
	struct pd_profile *p, *q;
	struct pd_buf b = PD_BUF_INIT;
	float row[2] = {1000, 0};
	struct pd_rng r;
	int i;

	(void)state;
	pd_profiler_add(l, cut);
	p = pd_profiler_finish(l);
	pd_rng_init(&r, 8);
	for (i = 0; i < 200000; i++) {
		row[0] = 1000 + 0.9f * (row[0] - 1000) +
			 (float)pd_rng_double(&r) - 0.5f;
		row[1] = (float)pd_rng_double(&r);
		pd_profile_add(p, row);
	}
	assert_true(fabs(pd_profile_lag1(&p->f[0]) - 0.9) < 0.01);
	assert_true(
	    fabs((double)pd_profile_effective(&p->f[0]) - 200000 / 19.) < 1200);
	assert_true(pd_profile_effective(&p->f[1]) > 190000);
	pd_profile_encode(p, &b);
	q = pd_profile_decode(b.data, b.len, NULL);
	assert_non_null(q);
	assert_true(pd_profile_lag1(&q->f[0]) == pd_profile_lag1(&p->f[0]));
	pd_buf_release(&b);
	pd_profiler_free(l);
	free(p);
	free(q);
}

static void
infinities_and_constants(void **state)
{
	float row[2] = {5, INFINITY};
	struct pd_profiler *l = pd_profiler_new(NULL, 2);
	struct pd_profile *p;

	(void)state;
	pd_profiler_add(l, row);
	p = pd_profiler_finish(l);
	assert_non_null(p);
	assert_int_equal(p->f[0].ncuts, 2);
	assert_int_equal(p->f[1].ncuts, 1); /* just below infinity */
	pd_profile_add(p, row);
	row[0] = 4;
	row[1] = -INFINITY;
	pd_profile_add(p, row);
	assert_true(p->f[0].counts[0] == 1 && p->f[0].counts[1] == 1);
	assert_true(p->f[1].finite == 0 && p->f[1].mean == 0);
	assert_true(p->f[1].n == 2 && p->f[1].min == -INFINITY);
	assert_true(pd_profile_cdf(&p->f[1], 0) == 0.25);
	pd_profiler_free(l);
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(counts_are_exact),
	    cmocka_unit_test(frequent_values_have_bins),
	    cmocka_unit_test(bytes_come_back),
	    cmocka_unit_test(largest_profile_fits),
	    cmocka_unit_test(damage_is_refused),
	    cmocka_unit_test(equal_rows_do_not_alarm),
	    cmocka_unit_test(drift_is_named),
	    cmocka_unit_test(mapping_cures_heavy_tails),
	    cmocka_unit_test(neighbours_alike_count_less),
	    cmocka_unit_test(infinities_and_constants),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
