#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/keyfile.h"
#include "data/event.h"
#include "data/sample.h"

static void
test_by_key_keeps_all_of_a_key(void **state)
{
	struct pd_sampler a, b;
	unsigned n = 0;

	(void)state;
	/* Two servers with one key file, started apart, agree. */
	pd_sampler_init(&a, PD_SAMPLE_KEY, 0.01, 42, 1);
	pd_sampler_init(&b, PD_SAMPLE_KEY, 0.01, 42, 2);
	for (uint64_t k = 0; k < 200000; k++) {
		const uint64_t h = pd_hash64(&k, sizeof(k), 7);
		const bool on = pd_sample_key(&a, h);

		assert_int_equal(on, pd_sample_key(&b, h));
		assert_int_equal(on, pd_sample(&a, h, k));
		n += on;
	}
	/* 2000 expected, sd 44.5. */
	assert_in_range(n, 1800, 2200);
}

/* A lower rate is a subset of a higher one, another salt is not. */
static void
test_rates_nest_and_salts_differ(void **state)
{
	struct pd_sampler low, high, other;
	unsigned both = 0, n = 0;

	(void)state;
	pd_sampler_init(&low, PD_SAMPLE_KEY, 0.05, 1, 0);
	pd_sampler_init(&high, PD_SAMPLE_KEY, 0.2, 1, 0);
	pd_sampler_init(&other, PD_SAMPLE_KEY, 0.2, 2, 0);
	for (uint64_t k = 0; k < 100000; k++) {
		const uint64_t h = pd_hash64(&k, sizeof(k), 7);

		if (pd_sample_key(&low, h))
			assert_true(pd_sample_key(&high, h));
		n += pd_sample_key(&high, h);
		both += pd_sample_key(&high, h) && pd_sample_key(&other, h);
	}
	assert_in_range(n, 19400, 20600);
	assert_in_range(both, 3700, 4300);
}

static void
test_rate_one_is_everything(void **state)
{
	struct pd_sampler s;

	(void)state;
	for (int scheme = PD_SAMPLE_NONE; scheme <= PD_SAMPLE_WINDOW;
	     scheme++) {
		pd_sampler_init(&s, (enum pd_scheme)scheme, 1, 3, 4);
		for (uint64_t k = 0; k < 1000; k++)
			assert_true(
			    pd_sample(&s, k * 0x123456789abcdef1, k * 100000));
		assert_true(pd_sample(&s, UINT64_MAX, UINT64_MAX / 2));
	}
}

/* Skips have the geometric distribution: mean (1 - p) / p, P(0) = p. */
static void
test_by_event_is_geometric(void **state)
{
	struct pd_sampler s;
	uint64_t n = 0, zeros = 0, gap = 0, last = 0;
	double sum = 0;

	(void)state;
	pd_sampler_init(&s, PD_SAMPLE_EVENT, 0.02, 0, 5);
	for (uint64_t i = 1; i <= 5000000; i++) {
		if (!pd_sample_event(&s))
			continue;
		gap = i - last - 1;
		last = i;
		sum += (double)gap;
		zeros += gap == 0;
		n++;
	}
	/* 100,000 expected, sd 313; mean gap 49, sd of the mean 0.16. */
	assert_in_range(n, 98500, 101500);
	assert_true(fabs(sum / (double)n - 49) < 0.8);
	assert_true(fabs((double)zeros / (double)n - 0.02) < 0.0025);
}

static void
test_by_event_is_seeded(void **state)
{
	struct pd_sampler a, b, c;
	unsigned differ = 0;

	(void)state;
	pd_sampler_init(&a, PD_SAMPLE_EVENT, 0.1, 0, 5);
	pd_sampler_init(&b, PD_SAMPLE_EVENT, 0.1, 0, 5);
	pd_sampler_init(&c, PD_SAMPLE_EVENT, 0.1, 0, 6);
	for (int i = 0; i < 10000; i++) {
		const bool on = pd_sample_event(&a);

		assert_int_equal(on, pd_sample_event(&b));
		differ += on != pd_sample_event(&c);
	}
	assert_true(differ > 1000);
}

/* A window is in or out as a whole, for everybody with the salt. */
static void
test_by_window(void **state)
{
	struct pd_sampler a, b;
	unsigned on = 0;

	(void)state;
	pd_sampler_init(&a, PD_SAMPLE_WINDOW, 0.1, 9, 0);
	pd_sampler_init(&b, PD_SAMPLE_WINDOW, 0.1, 9, 1);
	for (uint64_t w = 0; w < 20000; w++) {
		const uint64_t t = w * PD_SAMPLE_WINDOW_US;
		const bool first = pd_sample_window(&a, t);

		assert_int_equal(
		    first, pd_sample_window(&a, t + PD_SAMPLE_WINDOW_US - 1));
		/* b comes late, and goes back in time now and then. */
		assert_int_equal(
		    first, pd_sample_window(&b, t + PD_SAMPLE_WINDOW_US / 2));
		(void)pd_sample_window(&b, t / 2);
		on += first;
	}
	assert_in_range(on, 1850, 2150);
}

/* The rule by arithmetic, so that other programs can follow it. */
static void
test_the_rule_itself(void **state)
{
	struct pd_sampler s;

	(void)state;
	pd_sampler_init(&s, PD_SAMPLE_KEY, 0.25, 0, 0);
	assert_int_equal(s.mul, pd_mix64(0) | 1);
	assert_int_equal(s.limit, 0x3fffffffffffffff);
	s.mul = 1;
	assert_true(pd_sample_key(&s, 0x3fffffffffffffff));
	assert_false(pd_sample_key(&s, 0x4000000000000000));
	pd_sampler_init(&s, PD_SAMPLE_KEY, -1, 0, 0);
	assert_true(s.rate > 0);
	pd_sampler_init(&s, PD_SAMPLE_KEY, (double)NAN, 0, 0);
	assert_true(s.rate > 0 && s.rate < 1e-9);
}

static void
test_scheme_names(void **state)
{
	(void)state;
	for (int i = PD_SAMPLE_NONE; i <= PD_SAMPLE_WINDOW; i++)
		assert_int_equal(
		    pd_scheme_parse(pd_scheme_name((enum pd_scheme)i)), i);
	assert_int_equal(pd_scheme_parse("keys"), -1);
}

static struct pd_event
access_at(uint64_t key, uint64_t tick)
{
	struct pd_event e;

	pd_event_init(&e);
	e.key = key;
	e.tick = tick;
	return e;
}

/* The cap: a hot key costs a logarithm, weights and gaps keep their sums. */
static void
test_cap_per_key(void **state)
{
	struct pd_keycap c;
	struct pd_event e;
	uint64_t sum = 0, kept = 0, gaps = 0, last = 0;

	(void)state;
	pd_keycap_init(&c, 0.5);
	for (unsigned i = 0; i < PD_KEYCAP_FREE; i++) {
		e = access_at(7, i);
		assert_int_equal(pd_keycap_take(&c, &e), 1);
	}
	assert_int_equal(pd_keycap_take(&c, &e), 0);
	assert_int_equal(pd_keycap_take(&c, &e), 2);
	assert_int_equal(pd_keycap_take(&c, &e), 0);
	assert_int_equal(pd_keycap_owed(&c), 1);
	/* A new period, and a million events in it. */
	for (unsigned i = 0; i < 1000000; i++) {
		uint32_t w;

		e = access_at(7, 10000 + i);
		w = pd_keycap_take(&c, &e);
		sum += w;
		kept += w != 0;
		gaps += w != 0 && last != 0 ? e.tick - last : 0;
		last = w != 0 ? e.tick : last;
		if (i == 0)
			assert_int_equal(w, 2); /* and the one owed */
	}
	/* The one owed from before is in the first weight. */
	assert_int_equal(sum + pd_keycap_owed(&c), 1000000 + 1);
	assert_int_equal(gaps, last - 10000);
	/* 489 periods of 2,048: 4 strides and the first of a fifth. */
	assert_in_range(kept, 488 * 512, 489 * 520);
	assert_int_equal(c.forgotten, 0);
}

/* A period is 1,024 events' worth of ticks. */
static void
test_cap_period(void **state)
{
	struct pd_keycap c;
	struct pd_event e;
	unsigned kept = 0;

	(void)state;
	pd_keycap_init(&c, 0.01); /* 102,400 ticks */
	for (unsigned i = 0; i < 50000; i++) {
		e = access_at(7, i);
		kept += pd_keycap_take(&c, &e) > 0;
	}
	assert_in_range(kept, 128 * 8, 128 * 9);
	kept = 0;
	pd_keycap_set_rate(&c, 1);
	for (unsigned i = 0; i < 50000; i++) {
		e = access_at(7, i);
		kept += pd_keycap_take(&c, &e) > 0;
	}
	assert_in_range(kept, 50000 / 1024 * (128 * 4 - 128),
	    50000 / 1024 * 128 * 4 + 128 * 4);
	/* Fills, whose tick is older, do not end a period. */
	pd_keycap_init(&c, 0.5);
	for (unsigned i = 0; i < 1000; i++) {
		e = access_at(9, 5000 + i);
		(void)pd_keycap_take(&c, &e);
	}
	e = access_at(9, 4000);
	assert_int_equal(pd_keycap_take(&c, &e), 0);
}

/* A key that is missed and filled each time keeps both kinds. */
static void
test_cap_of_fills(void **state)
{
	struct pd_keycap c;
	uint64_t sum[2] = {0, 0};

	(void)state;
	pd_keycap_init(&c, 0.001);
	for (unsigned i = 0; i < 20000; i++) {
		struct pd_event e = access_at(3, i);

		sum[0] += pd_keycap_take(&c, &e);
		e.op = PD_OP_SET;
		e.flags = PD_EV_FILL;
		sum[1] += pd_keycap_take(&c, &e);
	}
	assert_true(sum[0] == sum[1]);
	assert_in_range(sum[0], 19800, 20000);
}

/* Where keys displace one another nothing is counted twice. */
static void
test_cap_of_many(void **state)
{
	struct pd_keycap c;
	struct pd_rng r;
	uint64_t sum = 0;

	(void)state;
	pd_rng_init(&r, 3);
	pd_keycap_init(&c, 0.001);
	for (unsigned i = 0; i < 2000000; i++) {
		struct pd_event e =
		    access_at((uint64_t)pd_rng_below(&r, 2000) * (i % 3), i);

		sum += pd_keycap_take(&c, &e);
	}
	assert_true(c.forgotten > 0);
	assert_int_equal(sum + pd_keycap_owed(&c) + c.forgotten, 2000000);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_by_key_keeps_all_of_a_key),
	    cmocka_unit_test(test_rates_nest_and_salts_differ),
	    cmocka_unit_test(test_rate_one_is_everything),
	    cmocka_unit_test(test_by_event_is_geometric),
	    cmocka_unit_test(test_by_event_is_seeded),
	    cmocka_unit_test(test_by_window),
	    cmocka_unit_test(test_the_rule_itself),
	    cmocka_unit_test(test_scheme_names),
	    cmocka_unit_test(test_cap_per_key),
	    cmocka_unit_test(test_cap_period),
	    cmocka_unit_test(test_cap_of_fills),
	    cmocka_unit_test(test_cap_of_many),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
