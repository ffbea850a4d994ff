/* Explanations, the reasons in the log, and ghosts beside a whole store. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cache_store.h"

#include "base/rng.h"
#include "cache/context.h"
#include "cache/explain.h"
#include "cache/whatif.h"
#include "data/event.h"
#include "data/feature.h"
#include "model/model.h"
#include "model/trees.h"

static struct pd_store *
new_store(uint64_t maxmemory, uint64_t maxobjects, const char *policy)
{
	struct pd_store_config cfg = store_config(maxmemory, policy);

	cfg.maxobjects = maxobjects;
	cfg.eviction_log = UINT64_C(100) * PD_EVICTLOG_ENTRY;

	return store_of(&cfg, UINT64_C(1700000000000000));
}

static struct pd_key
key(const struct pd_store *st, uint32_t n, char *name)
{
	snprintf(name, 16, "k%u", n);
	return pd_store_key(st, 0, name, strlen(name));
}

/* Ask for a key and store it if it is missed: true when it was there. */
static bool
ask(struct pd_store *st, uint32_t n, size_t len, int64_t expiry)
{
	const struct pd_put p = {.len = len, .expiry = expiry, .op = PD_OP_SET};
	char name[16];
	const struct pd_key k = key(st, n, name);
	uint8_t *value;

	if (pd_store_read(st, &k, PD_OP_GET) != NULL)
		return true;
	assert_int_equal(pd_store_put(st, &k, &p, &value), PD_STORE_OK);
	memset(value, 'v', len);
	return false;
}

static void
explain(struct pd_store *st, uint32_t n, struct pd_explain *x)
{
	char name[16];
	const struct pd_key k = key(st, n, name);

	pd_explain(st, &k, x);
}

/* Two columns, frequency and age: the more often asked the lower the score;
 * then the older the higher. */
static void
make_model(struct pd_model *m)
{
	static const char json[] =
	    "{\"learner\":{\"learner_model_param\":{\"num_feature\":\"2\","
	    "\"base_score\":\"5E-1\",\"num_class\":\"0\"},"
	    "\"objective\":{\"name\":\"reg:squarederror\"},"
	    "\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{"
	    "\"tree_info\":[0],\"trees\":[{"
	    "\"left_children\":[1,3,-1,-1,-1],"
	    "\"right_children\":[2,4,-1,-1,-1],"
	    "\"split_indices\":[0,1,0,0,0],"
	    "\"split_conditions\":[2.1,0,-4,1,3],"
	    "\"sum_hessian\":[10,6,4,4,2],"
	    "\"default_left\":[0,1,0,0,0]}]}}}}";

	memset(m, 0, sizeof(*m));
	m->trees = pd_trees_parse(json, sizeof(json) - 1, NULL);
	assert_non_null(m->trees);
	m->cols = 2;
	m->slots[0] = PD_F_frequency;
	m->slots[1] = PD_F_age;
	m->manifest = m->metrics = (char[]){""};
	snprintf(m->name, sizeof(m->name), "two");
	snprintf(m->digest, sizeof(m->digest), "0badcafe%056d", 0);
	snprintf(m->label, sizeof(m->label), "beyond");
}

static void
contributions_make_the_score(const char *policy)
{
	struct pd_store *st = new_store(0, 50, policy);
	struct pd_explain x;
	struct pd_model m;
	uint32_t i, residents = 0;
	double sum;
	unsigned f;

	make_model(&m);
	pd_store_set_model(st, &m);
	for (i = 0; i < 200; i++)
		ask(st, i % 70, 10, 0);
	for (i = 0; i < 70; i++) {
		explain(st, i, &x);
		assert_string_equal(x.policy, policy);
		if (!x.resident) {
			assert_true(x.known);
			continue;
		}
		residents++;
		assert_true(x.scored);
		assert_true(x.by_cover);
		assert_int_equal(x.features, 2);
		sum = x.bias;
		for (f = 0; f < 2; f++)
			sum += x.feature[f].contribution;
		assert_true(fabs(sum - x.score) < 1e-6);
		assert_true(fabs(x.feature[0].contribution) >=
			    fabs(x.feature[1].contribution));
		/* 0.5 and the mean of -4, 1 and 3 by cover. */
		assert_true(fabs(x.bias - (0.5 - 16 / 10.0 + 4 / 10.0 +
					      6 / 10.0)) < 1e-6);
		assert_int_equal(x.candidates, PD_EXPLAIN_CANDIDATES);
		assert_in_range(x.rank, 1, PD_EXPLAIN_CANDIDATES + 1);
		/* The best there is has rank 1, the worst is behind it. */
		if (x.score > 3.4)
			assert_int_equal(x.rank, 1);
		assert_true(x.look.recorded);
		assert_int_equal(x.value_bytes, 10);
		assert_int_equal(
		    x.model_rules, strcmp(policy, "learned") == 0 ||
				       strcmp(x.ruling, "learned") == 0);
	}
	assert_int_equal(residents, 50);
	pd_store_free(st);
	pd_trees_free(m.trees);
}

static void
features_add_up(void **state)
{
	(void)state;
	contributions_make_the_score("learned");
	contributions_make_the_score("selector");
}

/* Two stores see the same; one is asked for explanations all the time. */
static void
looking_changes_nothing(void **state)
{
	struct pd_store *a, *b;
	struct pd_stats before;
	struct pd_explain x;
	struct pd_model m;
	struct pd_rng rng;
	uint64_t tick, hits_a = 0, hits_b = 0;
	uint32_t i, n;

	(void)state;
	make_model(&m);
	a = new_store(0, 100, "learned");
	b = new_store(0, 100, "learned");
	pd_store_set_model(a, &m);
	pd_store_set_model(b, &m);
	pd_rng_init(&rng, 3);
	for (i = 0; i < 5000; i++) {
		n = pd_rng_below(&rng, 300);
		hits_a += ask(a, n, 10, 0);
		hits_b += ask(b, n, 10, 0);
		assert_int_equal(hits_a, hits_b);
		before = stats;
		tick = b->tick;
		explain(b, pd_rng_below(&rng, 300), &x);
		assert_memory_equal(&before, &stats, sizeof(stats));
		assert_int_equal(b->tick, tick);
		assert_int_equal(b->rng, a->rng);
	}
	assert_in_range(hits_a, 500, 4500);
	pd_store_free(a);
	pd_store_free(b);
	pd_trees_free(m.trees);
}

static void
without_a_model_what_is_recorded(void **state)
{
	struct pd_store *st = new_store(0, 10, "learned");
	struct pd_explain x;
	uint32_t i;

	(void)state;
	for (i = 0; i < 10; i++)
		ask(st, i, 10, 0);
	ask(st, 0, 10, 0);
	ask(st, 0, 10, 0);
	explain(st, 0, &x);
	assert_true(x.resident);
	assert_false(x.scored);
	assert_int_equal(x.features, PD_EXPLAIN_SERVED);
	assert_true(isnan(x.feature[0].contribution));
	assert_int_equal(x.look.age, 0);
	assert_int_equal(x.look.residence, 11);
	assert_int_equal(x.look.hits, 2);
	assert_int_equal(x.look.accesses, 3);
	assert_string_equal(x.look.queue, "lru");
	assert_int_equal(x.look.position, 10);
	explain(st, 1, &x);
	assert_int_equal(x.look.position, 1);
	pd_store_free(st);
}

static void
other_policies_tell_their_queues(void **state)
{
	struct pd_store *st = new_store(0, 10, "s3fifo");
	struct pd_explain x;
	uint32_t i;

	(void)state;
	for (i = 0; i < 10; i++)
		ask(st, i, 10, 0);
	ask(st, 3, 10, 0);
	explain(st, 3, &x);
	assert_true(x.resident);
	assert_false(x.look.recorded);
	assert_int_equal(x.features, 0);
	assert_string_equal(x.look.queue, "small");
	assert_int_equal(x.look.counter, 1);
	assert_int_equal(x.look.position, 4);
	assert_int_equal(x.look.queue_length, 10);
	pd_store_free(st);
}

static void
expect_gone(struct pd_store *st, uint32_t n, enum pd_gone why)
{
	struct pd_explain x;

	explain(st, n, &x);
	assert_false(x.resident);
	assert_true(x.known);
	if (x.gone.why != why)
		fail_msg("key %u: %s, not %s", n,
		    pd_gone_name((enum pd_gone)x.gone.why), pd_gone_name(why));
}

static void
reasons(void **state)
{
	const int64_t soon = INT64_C(1700000000000) + 50;
	struct pd_store *st = new_store(0, 10, "learned");
	struct pd_explain x;
	struct pd_model m;
	struct pd_key k;
	char name[16];
	uint32_t i;

	(void)state;
	for (i = 0; i < 11; i++)
		ask(st, i, 10, 0);
	expect_gone(st, 0, PD_GONE_LRU);
	explain(st, 0, &x);
	assert_int_equal(x.gone.tick, 11);
	assert_int_equal(x.gone.age, 10);
	assert_int_equal(x.gone.residence, 10);
	assert_int_equal(x.gone.hits, 0);
	assert_int_equal(x.gone.time_s, 1700000000);
	assert_int_equal(x.gone.model, 0);
	assert_true(isnan(x.gone.score));
	assert_string_equal(pd_policies[x.gone.policy]->name, "learned");

	k = key(st, 5, name);
	assert_true(pd_store_del(st, &k));
	expect_gone(st, 5, PD_GONE_DELETED);
	ask(st, 100, 10, soon);
	pd_store_time(st, UINT64_C(1700000001000000), 0);
	expect_gone(st, 100, PD_GONE_EXPIRED);

	make_model(&m);
	pd_store_set_model(st, &m);
	for (i = 20; i < 40; i++)
		ask(st, i, 10, 0);
	expect_gone(st, 1, PD_GONE_SCORE);
	explain(st, 1, &x);
	assert_int_equal(x.gone.model, UINT32_C(0x0badcafe));
	assert_true(!isnan(x.gone.score));

	assert_int_equal(
	    pd_store_set_policy(st, pd_policy_find("s3fifo"), NULL), 0);
	for (i = 50; i < 70; i++)
		ask(st, i, 10, 0);
	expect_gone(st, 50, PD_GONE_POLICY);
	explain(st, 50, &x);
	assert_string_equal(pd_policies[x.gone.policy]->name, "s3fifo");
	assert_int_equal(x.gone.age, PD_EVICTLOG_UNKNOWN);

	pd_store_flush(st, -1);
	expect_gone(st, 69, PD_GONE_FLUSHED);
	/* What left before is still known ... */
	expect_gone(st, 50, PD_GONE_POLICY);
	assert_int_equal(st->flushed_us, UINT64_C(1700000001000000));
	explain(st, 12345, &x);
	assert_false(x.resident);
	assert_false(x.known);
	/* ... until 100 others have left. */
	for (i = 1000; i < 1120; i++)
		ask(st, i, 10, 0);
	explain(st, 50, &x);
	assert_false(x.known);
	assert_int_equal(pd_evictlog_used(st->evictlog), 100);
	pd_store_free(st);
	pd_trees_free(m.trees);
}

/*
 * A store that is LRU, in 3 MiB: its ghost LRU has all of them. A second store
 * has as much more as such a store spends on itself, so that it has 3 MiB for
 * index, keys and values: that is what the ghost stands for.
 */
static void
play(struct pd_store *st)
{
	struct pd_rng rng;
	uint32_t i, n;
	double u;

	pd_rng_init(&rng, 8);
	for (i = 0; i < 150000; i++) {
		u = pd_rng_double(&rng);
		n = (uint32_t)(u * u * 40000);
		ask(st, n, 60 + n * 7919u % 400, 0);
		if (i % 1000 == 0)
			pd_store_tune(st);
	}
}

static void
the_ghost_is_an_lru_of_all_the_bytes(void **state)
{
	const uint64_t limit = 3 << 20;
	struct pd_store *st = new_store(limit, 0, "lru");
	struct pd_whatif_stats s;
	double predicted, own;
	uint64_t more;

	(void)state;
	play(st);
	pd_whatif_stats(st->whatif, &s);
	predicted = (double)stats.hits - s.ghost[PD_WHATIF_LRU].gained;
	own = (double)stats.hits;
	more = st->whatif_bytes + pd_context_memory(st->context) +
	       (uint64_t)PD_STORE_PENDING * sizeof(struct pd_miss) +
	       pd_evictlog_memory(st->evictlog);
	pd_store_free(st);
	assert_true(s.rate < 1);
	st = new_store(limit + more, 0, "lru");
	play(st);
	/* What it spends on itself costs hits, and is seen. */
	assert_true((double)stats.hits > own * 1.03);
	assert_true(predicted > own * 1.03);
	assert_true(
	    fabs(predicted - (double)stats.hits) <
	    3 * s.ghost[PD_WHATIF_LRU].gained_se + 0.01 * (double)stats.hits);
	pd_store_free(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(features_add_up),
	    cmocka_unit_test(looking_changes_nothing),
	    cmocka_unit_test(without_a_model_what_is_recorded),
	    cmocka_unit_test(other_policies_tell_their_queues),
	    cmocka_unit_test(reasons),
	    cmocka_unit_test(the_ghost_is_an_lru_of_all_the_bytes),
	};

	memset(&keys, 7, sizeof(keys));
	return cmocka_run_group_tests(tests, NULL, NULL);
}
