/* Next uses against a plain search; rows as they are drawn from a replay. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "cache/learned.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "data/event.h"
#include "data/feature.h"
#include "learn/label.h"
#include "learn/rows.h"

/* ${n} events over ${keys} keys, ticks 3 apart, some deletions. */
static struct pd_trace *
make_trace(unsigned n, uint32_t keys, bool deletions)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_event e;
	struct pd_rng rng;
	unsigned i;

	assert_non_null(t);
	pd_rng_init(&rng, 8);
	for (i = 0; i < n; i++) {
		pd_event_init(&e);
		e.key = pd_mix64(pd_rng_below(&rng, keys) + 1);
		e.tick = 100 + 3 * i;
		e.time_us = i;
		e.size = 1;
		if (deletions && pd_rng_below(&rng, 10) == 0)
			e.op = PD_OP_DEL;
		assert_int_equal(pd_trace_add(t, &e, NULL, 0, NULL), 0);
	}
	return t;
}

static void
distances_equal_a_plain_search(void **state)
{
	struct pd_trace *t = make_trace(2000, 60, true);
	struct pd_nextuse u;
	uint32_t id;
	size_t i, j;
	double d;

	(void)state;
	assert_int_equal(pd_nextuse_init(&u, t, 100, 1900), 0);
	for (i = 100; i < 1900; i += 7)
		for (id = 0; id < t->unique; id++) {
			for (j = i + 1; j < 1900 && t->id[j] != id; j++)
				;
			d = pd_nextuse_distance(&u, id, i, t->tick[i]);
			if (j == 1900 || t->op[j] == PD_OP_DEL)
				assert_true(isinf(d));
			else
				assert_true(d >= 3.0 * (double)(j - i) &&
					    d <= 3.0 * (double)(j - i));
		}
	pd_nextuse_release(&u);
	pd_trace_free(t);
}

static void
replay(struct pd_trace *t, struct pd_rows *r, uint64_t capacity)
{
	struct pd_sim_params p = {0};
	struct pd_sim_result res;

	p.ops = &pd_policy_learned;
	p.policy.capacity = capacity;
	p.policy.seed = 1;
	p.end = t->n;
	p.evicting = pd_rows_draw;
	p.cookie = r;
	assert_int_equal(pd_sim_run(t, &p, &res, NULL), 0);
}

/* Few are wanted of many: they come from the whole replay, evenly. */
static void
rows_are_spread_evenly(void **state)
{
	struct pd_trace *t = make_trace(60000, 3000, false);
	struct pd_nextuse u;
	struct pd_rows r;
	unsigned part[4] = {0};
	double d, age;
	uint32_t i;

	(void)state;
	assert_int_equal(pd_nextuse_init(&u, t, 0, t->n), 0);
	assert_int_equal(pd_rows_init(&r, 4000, &u, 5), 0);
	replay(t, &r, 300);
	assert_in_range(r.n, 2000, 4000);
	assert_true(r.stride > 1);
	for (i = 0; i < r.n; i++) {
		assert_true(i == 0 || r.tick[i] >= r.tick[i - 1]);
		part[(r.tick[i] - 100) * 4 / 180000]++;
		/* age <= residence, in octaves of one eviction age */
		assert_true(r.x[(size_t)i * PD_ROWS_COLS + PD_F_age] <=
			    r.x[(size_t)i * PD_ROWS_COLS + PD_F_residence]);
		d = (double)r.distance[i];
		assert_true(d >= 0);
	}
	for (i = 0; i < 4; i++)
		assert_in_range(
		    part[i], r.n / 4 - r.n / 16, r.n / 4 + r.n / 16);
	/* Uniform over 3,000 keys, so LRU's age is about 3 x 300. */
	age = pd_rows_evict_age(&r);
	assert_true(age > 800 && age < 1200);
	pd_rows_release(&r);
	pd_nextuse_release(&u);
	pd_trace_free(t);
}

static void
rows_are_joined(void **state)
{
	struct pd_trace *t = make_trace(5000, 500, false);
	struct pd_nextuse u;
	struct pd_rows a, b;
	uint32_t n;

	(void)state;
	assert_int_equal(pd_nextuse_init(&u, t, 0, t->n), 0);
	assert_int_equal(pd_rows_init(&a, 2, &u, 5), 0);
	assert_int_equal(pd_rows_init(&b, 100000, &u, 6), 0);
	assert_true(pd_rows_evict_age(&a) <= 0);
	replay(t, &b, 50);
	n = b.n;
	assert_true(n > 1000);
	assert_int_equal(pd_rows_join(&a, &b), 0);
	assert_int_equal(pd_rows_join(&a, &b), 0);
	assert_int_equal(a.n, 2 * n);
	assert_memory_equal(a.x + (size_t)n * PD_ROWS_COLS, b.x,
	    (size_t)n * PD_ROWS_COLS * sizeof(*b.x));
	assert_int_equal(a.tick[2 * n - 1], b.tick[n - 1]);
	pd_rows_release(&a);
	pd_rows_release(&b);
	pd_nextuse_release(&u);
	pd_trace_free(t);
}

static bool
near(double a, double b)
{
	return fabs(a - b) < 1e-6;
}

static void
labels(void **state)
{
	const double age = 1000;
	enum pd_label l;
	double last;
	int i;

	(void)state;
	assert_true(
	    near((double)pd_label_value(PD_LABEL_DISCOUNT, 1, age, 1000), 0.5));
	assert_true(near(
	    (double)pd_label_value(PD_LABEL_DISCOUNT, 1, age, INFINITY), 1));
	assert_true(
	    near((double)pd_label_value(PD_LABEL_BEYOND, 2, age, 2000), 0));
	assert_true(
	    near((double)pd_label_value(PD_LABEL_BEYOND, 2, age, 2001), 1));
	assert_true(
	    near((double)pd_label_value(PD_LABEL_LOG_GAP, 1, age, 1023), 10));
	assert_true(
	    pd_label_value(PD_LABEL_LOG_GAP, 1, age, INFINITY) >= 12.9f);
	assert_true(
	    near(pd_label_horizon(PD_LABEL_DISCOUNT, 1, age, 1e9), 8000));
	assert_true(near(pd_label_horizon(PD_LABEL_BEYOND, 2, age, 1e9), 2000));
	assert_true(near(pd_label_horizon(PD_LABEL_BEYOND, 2, age, 50), 50));
	/* Farther is never lower, and the split parts at one eviction age. */
	for (l = PD_LABEL_DISCOUNT; l <= PD_LABEL_LOG_GAP; l++) {
		assert_int_equal(pd_label_parse(pd_label_name(l)), l);
		last = -1;
		for (i = 0; i < 50; i++) {
			const double d = exp2(0.6 * i + 0.01);
			const double v = (double)pd_label_value(l, 1, age, d);

			assert_true(v >= last);
			assert_int_equal(
			    v > pd_label_split(l, 1, age), d > age);
			last = v;
		}
	}
	assert_int_equal(pd_label_parse("nonsense"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(distances_equal_a_plain_search),
	    cmocka_unit_test(rows_are_spread_evenly),
	    cmocka_unit_test(rows_are_joined),
	    cmocka_unit_test(labels),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
