#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "data/keyseen.h"
#include "data/pds_meta.h"
#include "data/tickspan.h"
#include "data/timeline.h"
#include "data/traffic.h"

#define EVENTS 40000
#define KEYS 3000
#define MANY ((size_t)KEYS * 10)

static struct pd_event traffic[EVENTS];
static struct pd_traffic whole, sampled;

/* Skewed keys; of each its own size, and a chance to be hit that is the higher
 * the more it is asked for. A millisecond apart. */
static void
make_traffic(void)
{
	struct pd_rng r;
	unsigned i;

	pd_rng_init(&r, 3);
	for (i = 0; i < EVENTS; i++) {
		const double u = pd_rng_double(&r);
		const unsigned k = (unsigned)(KEYS * u * u);
		struct pd_event *e = &traffic[i];

		pd_event_init(e);
		e->key = pd_mix64(k + 1);
		e->time_us = (uint64_t)i * 1000;
		e->tick = i;
		e->ns = k % 3;
		e->size = 10 + k % 100;
		e->op = PD_OP_GET;
		if (pd_rng_below(&r, 10) == 0)
			e->op = PD_OP_SET;
		else if (pd_rng_below(&r, 50) == 0)
			e->op = PD_OP_DEL;
		else if (pd_rng_double(&r) > u * u)
			e->flags = PD_EV_HIT;
	}
}

/* Add up what a sampler takes of the traffic. */
static void
add_sample(
    struct pd_traffic *t, enum pd_scheme scheme, double rate, uint64_t salt)
{
	struct pd_pds_meta m;
	struct pd_sampler s;
	unsigned i;

	pd_pds_meta_init(&m);
	m.scheme = scheme;
	m.rate = rate;
	m.window_us = 50000;
	pd_sampler_init(&s, scheme, rate, pd_mix64(salt), salt);
	s.window_us = m.window_us;
	pd_traffic_init(t);
	pd_traffic_header(t, &m);
	for (i = 0; i < EVENTS; i++)
		if (scheme == PD_SAMPLE_NONE ||
		    pd_sample(&s, traffic[i].key, traffic[i].time_us))
			(void)pd_traffic_add(t, &traffic[i]);
}

static void
test_all_of_it(void **state)
{
	double n = 0, gets = 0, hits = 0, out = 0, in = 0, sum = 0;
	struct pd_estimate e;
	unsigned i;

	(void)state;
	for (i = 0; i < EVENTS; i++) {
		const struct pd_event *ev = &traffic[i];

		n++;
		gets += ev->op == PD_OP_GET;
		hits += ev->op == PD_OP_GET && ev->flags & PD_EV_HIT;
		out +=
		    ev->op == PD_OP_GET && ev->flags & PD_EV_HIT ? ev->size : 0;
		in += ev->op == PD_OP_SET ? ev->size : 0;
	}
	assert_true(whole.events == EVENTS);
	assert_true(whole.last_us == UINT64_C(1000) * (EVENTS - 1));
	assert_true(whole.all.sum[PD_TRAFFIC_REQUESTS] == n);
	assert_true(whole.all.sum[PD_TRAFFIC_GETS] == gets);
	assert_true(whole.all.sum[PD_TRAFFIC_HITS] == hits);
	assert_true(whole.all.sum[PD_TRAFFIC_BYTES_OUT] == out);
	assert_true(whole.all.sum[PD_TRAFFIC_BYTES_IN] == in);
	e = pd_traffic_ratio(&whole.all, PD_TRAFFIC_HITS, PD_TRAFFIC_GETS);
	assert_true(e.value == hits / gets && e.se == 0);
	e = pd_traffic_total(&whole.all, PD_TRAFFIC_BYTES_OUT);
	assert_true(e.value == out && e.se == 0);
	assert_int_equal(whole.spaces, 3);
	for (i = 0; i < 3; i++)
		sum += whole.space[i].sums.sum[PD_TRAFFIC_BYTES_OUT];
	assert_true(sum == out);
	e = pd_traffic_op_total(&whole, PD_OP_GET);
	assert_true(e.value == gets && e.se == 0);
	/* Nothing there: no ratio. */
	pd_traffic_init(&sampled);
	assert_true(isnan(
	    pd_traffic_ratio(&sampled.all, PD_TRAFFIC_HITS, PD_TRAFFIC_GETS)
		.value));
	assert_true(isnan(pd_traffic_op_share(&sampled, 0).value));
}

/* What the estimates of many samples are off, and what they say they are. */
struct score {
	double sum, squares, said, n;
};

static void
score(struct score *s, struct pd_estimate e, double truth)
{
	s->sum += e.value - truth;
	s->squares += (e.value - truth) * (e.value - truth);
	s->said += e.se * e.se;
	s->n++;
}

/* The numbers are right on average, and as far off as they say. */
static void
check_score(const struct score *s)
{
	const double off = sqrt(s->squares / s->n);

	assert_true(fabs(s->sum / s->n) < 3.5 * off / sqrt(s->n));
	assert_true(off / sqrt(s->said / s->n) > 0.85);
	assert_true(off / sqrt(s->said / s->n) < 1.18);
}

static void
check_scheme(enum pd_scheme scheme, double rate)
{
	static const enum pd_traffic_what what[] = {
	    PD_TRAFFIC_REQUESTS, PD_TRAFFIC_BYTES_OUT, PD_TRAFFIC_BYTES_IN};
	struct score total[3] = {{0}}, ratio = {0}, share = {0}, space = {0};
	const struct pd_estimate hit =
	    pd_traffic_ratio(&whole.all, PD_TRAFFIC_HITS, PD_TRAFFIC_GETS);
	double in_space = 0;
	unsigned i, k;

	for (k = 0; k < whole.spaces; k++)
		if (whole.space[k].ns == 1)
			in_space = whole.space[k].sums.sum[PD_TRAFFIC_GETS];
	for (i = 1; i <= 500; i++) {
		add_sample(&sampled, scheme, rate, i);
		for (k = 0; k < 3; k++)
			score(&total[k],
			    pd_traffic_total(&sampled.all, what[k]),
			    whole.all.sum[what[k]]);
		score(&ratio,
		    pd_traffic_ratio(
			&sampled.all, PD_TRAFFIC_HITS, PD_TRAFFIC_GETS),
		    hit.value);
		score(&share, pd_traffic_op_share(&sampled, PD_OP_SET),
		    pd_traffic_op_share(&whole, PD_OP_SET).value);
		for (k = 0; k < sampled.spaces; k++)
			if (sampled.space[k].ns == 1)
				score(&space,
				    pd_traffic_total(&sampled.space[k].sums,
					PD_TRAFFIC_GETS),
				    in_space);
	}
	for (k = 0; k < 3; k++)
		check_score(&total[k]);
	check_score(&ratio);
	check_score(&share);
	check_score(&space);
}

static void
test_by_event(void **state)
{
	(void)state;
	check_scheme(PD_SAMPLE_EVENT, 0.05);
}

static void
test_by_key(void **state)
{
	(void)state;
	check_scheme(PD_SAMPLE_KEY, 0.2);
}

static void
test_by_window(void **state)
{
	(void)state;
	check_scheme(PD_SAMPLE_WINDOW, 0.2);
}

/* The rate is changed on the way, as by PREDIS.TAP RATE. */
static void
test_another_rate(void **state)
{
	struct pd_pds_meta m;
	struct score total = {0};
	struct pd_sampler s;
	unsigned i, k;

	(void)state;
	pd_pds_meta_init(&m);
	m.scheme = PD_SAMPLE_EVENT;
	for (k = 1; k <= 200; k++) {
		pd_traffic_init(&sampled);
		for (i = 0; i < EVENTS; i++) {
			if (i % (EVENTS / 2) == 0) {
				m.rate = i == 0 ? 0.01 : 0.3;
				pd_sampler_init(&s, m.scheme, m.rate, 1,
				    k * 2U + i / (EVENTS / 2));
				pd_traffic_header(&sampled, &m);
			}
			if (pd_sample_event(&s))
				(void)pd_traffic_add(&sampled, &traffic[i]);
		}
		score(&total, pd_traffic_total(&sampled.all, PD_TRAFFIC_GETS),
		    whole.all.sum[PD_TRAFFIC_GETS]);
	}
	check_score(&total);
}

static void
test_weights(void **state)
{
	struct pd_event e = traffic[0];
	struct pd_pds_meta m;

	(void)state;
	pd_pds_meta_init(&m);
	m.scheme = PD_SAMPLE_KEY;
	m.rate = 0.25;
	pd_traffic_init(&sampled);
	pd_traffic_header(&sampled, &m);
	e.op = PD_OP_GET;
	e.flags = PD_EV_HIT;
	e.weight = 8;
	e.size = 100;
	assert_true(pd_traffic_add(&sampled, &e) == 32);
	assert_true(sampled.all.sum[PD_TRAFFIC_HITS] == 32);
	assert_true(sampled.all.sum[PD_TRAFFIC_BYTES_OUT] == 3200);
	/* A completed miss is no access of its own, but bytes came. */
	e.op = PD_OP_SET;
	e.flags = PD_EV_FILL;
	(void)pd_traffic_add(&sampled, &e);
	assert_true(sampled.all.sum[PD_TRAFFIC_ACCESSES] == 32);
	assert_true(sampled.all.sum[PD_TRAFFIC_REQUESTS] == 64);
	assert_true(sampled.all.sum[PD_TRAFFIC_BYTES_IN] == 3200);
	/* More namespaces than there is room for. */
	for (e.ns = 0; e.ns < PD_TRAFFIC_SPACES + 10; e.ns++)
		(void)pd_traffic_add(&sampled, &e);
	assert_int_equal(sampled.spaces, PD_TRAFFIC_SPACES);
	assert_int_equal(sampled.others, 10);
}

static void
test_timeline(void **state)
{
	struct pd_timeline t;
	double sum = 0;
	uint64_t i;

	(void)state;
	pd_timeline_init(&t);
	pd_timeline_add(&t, 5000000, 1);
	assert_true(t.n == 1 && t.width_us == PD_TIMELINE_LEAST_US);
	pd_timeline_add(&t, 4000000, 1); /* before it */
	pd_timeline_add(&t, 5000000 + 255999, 1);
	assert_true(t.n == 256 && t.sum[0] == 2 && t.sum[255] == 1);
	pd_timeline_add(&t, 5000000 + 256000, 1);
	assert_true(t.n == 129 && t.width_us == 2 * PD_TIMELINE_LEAST_US);
	assert_true(t.sum[0] == 2 && t.sum[127] == 1 && t.sum[128] == 1);
	for (i = 1; i < 100000; i++)
		pd_timeline_add(&t, 5000000 + i * 7919, 1);
	for (i = 0; i < t.n; i++)
		sum += t.sum[i];
	assert_true(sum == 100003);
	assert_true(t.n > PD_TIMELINE / 2 && t.n <= PD_TIMELINE);
	/* The rate of a steady stream is the same in each. */
	for (i = 0; i + 1 < t.n; i++)
		assert_true(
		    fabs(t.sum[i] / (double)t.width_us * 7919 - 1) < 0.02);
	pd_timeline_add(&t, UINT64_MAX, 1);
	assert_true(t.sum[t.n - 1] == 1);
}

static void
test_keys(void **state)
{
	static uint64_t last[MANY + 1], count[MANY + 1];
	struct pd_keyseen *k = pd_keyseen_new(MANY);
	size_t once = 0, keys = 0;
	struct pd_rng r;
	uint64_t gap, i;

	(void)state;
	assert_non_null(k);
	pd_rng_init(&r, 9);
	for (i = 1; i < 60000; i++) {
		const uint64_t key = pd_rng_below(&r, MANY);

		assert_int_equal(pd_keyseen_note(k, key, i, 1, &gap), 1);
		assert_true(gap == (count[key] > 0 ? i - last[key] : 0));
		last[key] = i;
		count[key]++;
	}
	for (i = 0; i < MANY; i++) {
		keys += count[i] > 0;
		once += count[i] == 1;
	}
	assert_int_equal(pd_keyseen_keys(k), keys);
	assert_int_equal(pd_keyseen_once(k), once);
	assert_true(pd_keyseen_share(k) == 1);
	/* Time that goes back is no gap. */
	assert_int_equal(pd_keyseen_note(k, 1, 5, 1, &gap), 1);
	assert_int_equal(gap, 0);
	pd_keyseen_free(k);
}

/* Too many keys: a share of them, which stands for all. */
static void
test_many_keys(void **state)
{
	struct pd_keyseen *k = pd_keyseen_new(1000);
	uint64_t gap, i, noted = 0;
	double keys;

	(void)state;
	assert_non_null(k);
	for (i = 0; i < 100000; i++)
		noted += pd_keyseen_note(k, i, i, 1, &gap);
	assert_true(pd_keyseen_keys(k) <= 1024);
	assert_true(pd_keyseen_share(k) <= 1.0 / 64);
	keys = (double)pd_keyseen_keys(k) / pd_keyseen_share(k);
	assert_true(fabs(keys / 100000 - 1) < 0.15);
	assert_true(fabs((double)noted / 100000 - 1) < 0.15);
	/* Who stays is known as before. */
	for (i = 0; i < 100000; i++)
		if (pd_keyseen_note(k, i, 200000 + i, 2, &gap) > 0)
			assert_int_equal(gap, 200000);
	assert_int_equal(pd_keyseen_once(k), 0);
	pd_keyseen_free(k);
}

/* Of 50,000 keys that are asked twice, all are seen the first time, and those
 * of the lowest percent the second time; then as many others at 10%. */
static void
test_keys_under_rates(void **state)
{
	struct pd_keyseen *k = pd_keyseen_new(2 * MANY * 10);
	double n, se;
	uint64_t gap, i, gaps = 0;

	(void)state;
	assert_non_null(k);
	for (i = 0; i < 50000; i++)
		pd_keyseen_note(k, i, i, 1, &gap);
	assert_true(pd_keyseen_total(k, &se) == 50000);
	assert_true(se == 0);
	pd_keyseen_sampled(k, 0.01);
	for (i = 0; i < 500; i++) {
		pd_keyseen_note(k, i, 50000 + i, 1, &gap);
		gaps += gap;
	}
	/* Nobody knows what was asked in between. */
	assert_int_equal(gaps, 0);
	pd_keyseen_note(k, 7, 60000, 1, &gap);
	assert_int_equal(gap, 60000 - 50007);
	n = pd_keyseen_total(k, &se);
	assert_true(n == 50000 && se == 0);
	pd_keyseen_sampled(k, 0.1);
	for (i = 0; i < 5000; i++)
		pd_keyseen_note(k, 100000 + i, 100000 + i, 1, &gap);
	n = pd_keyseen_total(k, &se);
	assert_true(fabs(n / 100000 - 1) < 1e-6);
	/* Of 50,000 draws with a chance of 0.1, each weighing 10. */
	assert_true(fabs(se / (10 * sqrt(50000 * 0.1 * 0.9)) - 1) < 1e-6);
	pd_keyseen_free(k);
}

static void
note_tick(struct pd_tickspan *s, uint32_t shard, uint64_t tick)
{
	struct pd_event e;

	pd_event_init(&e);
	e.tick = tick;
	pd_tickspan_add(s, shard, 1, &e);
}

/* Shard 3 of 4 counts 7, 11, 15, ... : its accesses alone. */
static void
test_ticks_of_shards(void **state)
{
	struct pd_tickspan s;
	struct pd_event e;
	uint64_t i;

	(void)state;
	pd_tickspan_init(&s);
	pd_event_init(&e);
	for (i = 0; i < 4000; i++) {
		e.tick = 4 + i;
		pd_tickspan_add(&s, i % 4, 4, &e);
	}
	assert_true(pd_tickspan_ticks(&s) == 4000);
	e.tick = 8 + 4 * 250000; /* another rate: others were not seen */
	pd_tickspan_add(&s, 0, 4, &e);
	assert_true(pd_tickspan_ticks(&s) == 250002 + 3 * 1000);
	/* From here on there is one shard. */
	e.tick = 5000000;
	pd_tickspan_add(&s, 0, 1, &e);
	e.tick = 5000009;
	pd_tickspan_add(&s, 0, 1, &e);
	assert_true(pd_tickspan_ticks(&s) == 250002 + 3 * 1000 + 10);
}

static void
test_ticks(void **state)
{
	struct pd_tickspan s;
	struct pd_event e;
	uint32_t i;

	(void)state;
	pd_tickspan_init(&s);
	assert_true(pd_tickspan_ticks(&s) == 0);
	note_tick(&s, 0, 1000000);
	assert_true(pd_tickspan_ticks(&s) == 1);
	note_tick(&s, 0, 1000099);
	note_tick(&s, 0, 1000050); /* of another thread */
	note_tick(&s, 7, 500);
	note_tick(&s, 7, 400);
	assert_true(pd_tickspan_ticks(&s) == 100 + 101);
	/* A fill has the tick of its miss, long ago. */
	pd_event_init(&e);
	e.tick = 3;
	e.op = PD_OP_SET;
	e.flags = PD_EV_FILL;
	pd_tickspan_add(&s, 0, 1, &e);
	assert_true(pd_tickspan_ticks(&s) == 201);
	/* Another run of the server. */
	note_tick(&s, 0, 5);
	note_tick(&s, 0, 14);
	assert_true(pd_tickspan_ticks(&s) == 211);
	for (i = 0; i < PD_TICKSPAN_SHARDS; i++)
		note_tick(&s, 100 + i, 1);
	assert_true(isnan(pd_tickspan_ticks(&s)));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_all_of_it),
	    cmocka_unit_test(test_by_event),
	    cmocka_unit_test(test_by_key),
	    cmocka_unit_test(test_by_window),
	    cmocka_unit_test(test_another_rate),
	    cmocka_unit_test(test_weights),
	    cmocka_unit_test(test_timeline),
	    cmocka_unit_test(test_ticks),
	    cmocka_unit_test(test_ticks_of_shards),
	    cmocka_unit_test(test_keys),
	    cmocka_unit_test(test_many_keys),
	    cmocka_unit_test(test_keys_under_rates),
	};

	make_traffic();
	add_sample(&whole, PD_SAMPLE_NONE, 1, 1);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
