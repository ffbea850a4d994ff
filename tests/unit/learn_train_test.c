/* The fit, and training on traces whose answer is known. */

#include <assert.h>
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
#include "learn/boost.h"
#include "learn/fit.h"
#include "learn/train.h"
#include "model/model.h"
#include "model/trees.h"

/* The share of pairs (positive, negative) in the right order. */
static double
plain_auc(const float *score, const bool *positive, size_t n)
{
	double good = 0, pairs = 0;
	size_t i, j;

	for (i = 0; i < n; i++)
		for (j = 0; j < n; j++)
			if (positive[i] && !positive[j]) {
				pairs++;
				good += score[i] > score[j]   ? 1
					: score[i] < score[j] ? 0
							      : 0.5;
			}
	return good / pairs;
}

static void
auc_is_the_share_of_ordered_pairs(void **state)
{
	float score[300];
	bool positive[300];
	struct pd_rng rng;
	unsigned i, round;

	(void)state;
	pd_rng_init(&rng, 2);
	for (round = 0; round < 5; round++) {
		for (i = 0; i < 300; i++) {
			positive[i] = pd_rng_below(&rng, 3) == 0;
			score[i] = (float)(pd_rng_below(&rng, 20) +
					   (positive[i] ? 5U : 0U));
		}
		assert_true(fabs(pd_fit_auc(score, positive, 300) -
				 plain_auc(score, positive, 300)) < 1e-9);
	}
	memset(positive, 1, sizeof(positive));
	assert_true(isnan(pd_fit_auc(score, positive, 300)));
	assert_true(isnan(pd_fit_auc(score, positive, 0)));
}

static void
boosting_fits_and_repeats(void **state)
{
	enum { N = 2000 };
	static float x[N * 2], y[N];
	struct pd_boost_params p = {"reg:squarederror", 30, 4, 0.3, 7};
	struct pd_buf a = PD_BUF_INIT, b = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	struct pd_trees *t;
	struct pd_rng rng;
	double e = 0;
	size_t i;

	(void)state;
	pd_rng_init(&rng, 1);
	for (i = 0; i < N; i++) {
		x[2 * i] = (float)pd_rng_double(&rng);
		x[2 * i + 1] = (float)pd_rng_double(&rng);
		y[i] = x[2 * i] > 0.3f && x[2 * i + 1] < 0.6f ? 1 : 0;
		if (i % 50 == 0)
			x[2 * i] = NAN;
	}
	assert_int_equal(pd_boost_train(x, y, N, 2, &p, &a, &err), 0);
	assert_int_equal(pd_boost_train(x, y, N, 2, &p, &b, &err), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	t = pd_trees_parse(a.data, a.len, &err);
	assert_non_null(t);
	assert_int_equal(pd_trees_count(t), 30);
	for (i = 0; i < N; i++)
		e += fabs((double)(pd_trees_score(t, x + 2 * i) - y[i]));
	assert_true(e / N < 0.05);
	pd_trees_free(t);
	/* The same trees on the opposite labels: the leaves turn. */
	for (i = 0; i < N; i++)
		y[i] = 1 - y[i];
	pd_buf_clear(&b);
	assert_int_equal(pd_boost_refresh(x, y, N, 2, &p, &a, &b, &err), 0);
	t = pd_trees_parse(b.data, b.len, &err);
	assert_non_null(t);
	assert_int_equal(pd_trees_count(t), 30);
	for (i = 0, e = 0; i < N; i++)
		e += fabs((double)(pd_trees_score(t, x + 2 * i) - y[i]));
	assert_true(e / N < 0.05);
	pd_trees_free(t);
	pd_buf_clear(&a);
	assert_int_equal(pd_buf_add(&a, "{}", 2), 0);
	assert_int_equal(pd_boost_refresh(x, y, N, 2, &p, &a, &b, &err), -1);
	/* A message of libxgboost's, not an end. */
	p.objective = "no:such";
	pd_buf_clear(&b);
	assert_int_equal(pd_boost_train(x, y, N, 2, &p, &b, &err), -1);
	assert_non_null(strstr(err.msg, "libxgboost"));
	pd_buf_release(&a);
	pd_buf_release(&b);
}

enum kind { SKEWED, UNIFORM, TURNING };

/*
 * SKEWED: half of the accesses go to 400 keys, the others pass once.
 * UNIFORM: 200 keys, no structure. TURNING: before 70% keys that were seen
 * twice come again and the others do not, then the other way round.
 */
static struct pd_trace *
make_trace(enum kind kind, unsigned n)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_event e;
	struct pd_rng rng;
	unsigned i;
	uint64_t key;

	assert_non_null(t);
	pd_rng_init(&rng, 12);
	for (i = 0; i < n; i++) {
		if (kind == UNIFORM)
			key = pd_rng_below(&rng, 200);
		else if (i % 2 == 0 && (kind == SKEWED || i < n / 10 * 8))
			key = pd_rng_below(&rng, 400);
		else if (kind == TURNING && i >= n / 10 * 8)
			key = 1000000 + (i / 400 * 100) + i % 2 * 1000000 +
			      pd_rng_below(&rng, 160);
		else
			key = 1000 + i;
		pd_event_init(&e);
		e.key = pd_mix64(key + 1);
		e.tick = i;
		e.time_us = i;
		e.size = 1;
		assert_int_equal(pd_trace_add(t, &e, NULL, 0, NULL), 0);
	}
	return t;
}

static uint64_t
misses(const struct pd_trace *t, const struct pd_model *m, uint64_t capacity)
{
	struct pd_sim_params p = {0};
	struct pd_sim_result r;

	p.ops = &pd_policy_learned;
	p.policy.capacity = capacity;
	p.policy.model = m;
	p.from = t->n / 2;
	p.end = t->n;
	assert_int_equal(pd_sim_run(t, &p, &r, NULL), 0);
	return r.misses;
}

static void
a_model_learns_what_passes_once(void **state)
{
	struct pd_trace *t = make_trace(SKEWED, 40000);
	struct pd_learn_params p;
	struct pd_learn_result r, again;
	struct pd_buf bundle = PD_BUF_INIT, metrics = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	struct pd_model *m;
	uint64_t lru, with;

	(void)state;
	pd_learn_params_init(&p);
	p.capacity = 450;
	p.end = t->n / 2;
	p.rows = 10000;
	assert_int_equal(pd_learn_train(t, &p, &r, &err), 0);
	assert_int_equal(r.outcome, PD_LEARN_GOOD);
	if (r.auc < 0.7)
		fail_msg("AUC %f", r.auc);
	assert_true(r.loss < r.loss_mean);
	assert_true(r.holdout_misses < r.holdout_misses_lru);
	assert_int_equal(r.holdout_requests, 8000);
	assert_int_equal(r.golden_rows, PD_LEARN_GOLDEN);
	/* Again: the same bytes. Another seed: others. */
	assert_int_equal(pd_learn_train(t, &p, &again, &err), 0);
	assert_int_equal(again.model.len, r.model.len);
	assert_memory_equal(again.model.data, r.model.data, r.model.len);
	pd_learn_result_release(&again);
	p.seed = 2;
	assert_int_equal(pd_learn_train(t, &p, &again, &err), 0);
	assert_true(again.model.len != r.model.len ||
		    memcmp(again.model.data, r.model.data, r.model.len) != 0);
	pd_learn_result_release(&again);
	/* The bundle loads and does in the second half what was promised. */
	assert_int_equal(pd_learn_bundle(&r, &p, "test", 42, &bundle, &err), 0);
	m = pd_model_parse(bundle.data, bundle.len, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(m);
	assert(m != NULL);
	assert_string_equal(m->label, "discount");
	assert_int_equal(m->capacity, 450);
	assert_int_equal(m->trained_at, 42);
	assert_non_null(m->profile);
	lru = misses(t, NULL, 450);
	with = misses(t, m, 450);
	/* LRU keeps most of what passes; the hot 400 fit. */
	assert_true(lru > 14000);
	if (with > 11500)
		fail_msg("%u misses", (unsigned)with);
	assert_int_equal(pd_learn_metrics(&r, &p, &metrics), 0);
	assert_non_null(strstr(pd_buf_cstr(&metrics), "\"outcome\":\"good\""));
	pd_model_free(m);
	pd_buf_release(&bundle);
	pd_buf_release(&metrics);
	pd_learn_result_release(&r);
	pd_trace_free(t);
}

/* No model where there is nothing to learn from, and a reason. */
static void
too_little_is_told(void **state)
{
	struct pd_trace *t = make_trace(UNIFORM, 5000);
	struct pd_learn_params p;
	struct pd_learn_result r;
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	pd_learn_params_init(&p);
	p.end = t->n;
	p.capacity = 300; /* everything fits */
	assert_int_equal(pd_learn_train(t, &p, &r, &err), 0);
	assert_int_equal(r.outcome, PD_LEARN_FEW);
	assert_non_null(strstr(r.why, "never evicts"));
	assert_int_equal(r.model.len, 0);
	pd_learn_result_release(&r);
	p.capacity = 100;
	p.end = 90;
	assert_int_equal(pd_learn_train(t, &p, &r, &err), 0);
	assert_int_equal(r.outcome, PD_LEARN_FEW);
	assert_non_null(strstr(r.why, "too few"));
	pd_learn_result_release(&r);
	p.end = 300;
	assert_int_equal(pd_learn_train(t, &p, &r, &err), 0);
	assert_int_equal(r.outcome, PD_LEARN_FEW);
	pd_learn_result_release(&r);
	/* A sample by key of a tenth: 100 objects become 10, which are too
	 * few, and of the 250 instead of them all 200 keys are a part. */
	p.end = t->n;
	t->rate = 0.1;
	assert_int_equal(pd_learn_train(t, &p, &r, &err), 0);
	assert_int_equal(r.outcome, PD_LEARN_FEW);
	assert_int_equal(r.capacity, PD_LEARN_MIN_OBJECTS);
	assert_non_null(strstr(r.why, "sample at a higher rate"));
	pd_learn_result_release(&r);
	p.small = true;
	assert_int_equal(pd_learn_train(t, &p, &r, &err), 0);
	assert_int_equal(r.capacity, 10);
	pd_learn_result_release(&r);
	pd_trace_free(t);
}

/* LRU never hits a loop that is larger than the cache, so all rows lie beyond
 * one eviction age; an order of them still saves a third of the misses. */
static void
a_loop_is_learned(void **state)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_learn_params p;
	struct pd_learn_result r;
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;
	unsigned i;

	(void)state;
	assert_non_null(t);
	for (i = 0; i < 30000; i++) {
		pd_event_init(&e);
		/* 300 keys in turn, and between them some that pass once. */
		e.key = pd_mix64(i % 2 == 0 ? i / 2 % 300 : 1000 + i / 2);
		e.tick = i;
		e.size = 1;
		assert_int_equal(pd_trace_add(t, &e, NULL, 0, NULL), 0);
	}
	pd_learn_params_init(&p);
	p.capacity = 250;
	p.end = t->n;
	p.rows = 10000;
	assert_int_equal(pd_learn_train(t, &p, &r, &err), 0);
	assert_int_equal(r.outcome, PD_LEARN_GOOD);
	assert_int_equal(r.holdout_misses_lru, r.holdout_requests);
	assert_true(r.holdout_misses < r.holdout_requests * 7 / 10);
	pd_learn_result_release(&r);
	pd_trace_free(t);
}

/* The workload turns in the hold-out: the verdict must say so. */
static void
the_holdout_decides(void **state)
{
	struct pd_trace *t = make_trace(TURNING, 60000);
	struct pd_learn_params p;
	struct pd_learn_result r;
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	pd_learn_params_init(&p);
	p.capacity = 450;
	p.end = t->n;
	p.rows = 10000;
	p.holdout = 0.2;
	assert_int_equal(pd_learn_train(t, &p, &r, &err), 0);
	assert_int_equal(r.outcome, r.holdout_misses >= r.holdout_misses_lru
					? PD_LEARN_WORSE
					: PD_LEARN_GOOD);
	assert_int_equal(r.outcome, PD_LEARN_WORSE);
	assert_non_null(strstr(r.why, "no better than LRU"));
	assert_true(r.model.len > 0);
	pd_learn_result_release(&r);
	pd_trace_free(t);
}

/* Only what was asked for, in the order given. */
static void
features_can_be_named(void **state)
{
	struct pd_trace *t = make_trace(SKEWED, 20000);
	struct pd_learn_params p;
	struct pd_learn_result r;
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	pd_learn_params_init(&p);
	p.capacity = 450;
	p.end = t->n;
	p.rows = 5000;
	p.slots[0] = PD_F_frequency;
	p.slots[1] = PD_F_age;
	p.nslots = 2;
	p.label = PD_LABEL_BEYOND;
	assert_int_equal(pd_learn_train(t, &p, &r, &err), 0);
	assert_int_equal(r.nslots, 2);
	assert_int_equal(r.slots[0], PD_F_frequency);
	assert_int_equal(r.slots[1], PD_F_age);
	assert_int_equal(r.choices, 0);
	assert_true(r.loss < r.loss_mean);
	pd_learn_result_release(&r);
	pd_trace_free(t);
}

static void
ticks_must_ascend(void **state)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	struct pd_learn_params p;
	struct pd_learn_result r;
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;
	unsigned i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		pd_event_init(&e);
		e.key = i;
		e.tick = 5000 - i;
		e.size = 1;
		assert_int_equal(pd_trace_add(t, &e, NULL, 0, NULL), 0);
	}
	pd_learn_params_init(&p);
	p.capacity = 100;
	p.end = t->n;
	assert_int_equal(pd_learn_train(t, &p, &r, &err), -1);
	assert_non_null(strstr(err.msg, "ticks do not ascend"));
	pd_trace_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(auc_is_the_share_of_ordered_pairs),
	    cmocka_unit_test(boosting_fits_and_repeats),
	    cmocka_unit_test(a_model_learns_what_passes_once),
	    cmocka_unit_test(too_little_is_told),
	    cmocka_unit_test(a_loop_is_learned),
	    cmocka_unit_test(the_holdout_decides),
	    cmocka_unit_test(features_can_be_named),
	    cmocka_unit_test(ticks_must_ascend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
