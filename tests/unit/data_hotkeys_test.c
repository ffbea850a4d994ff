#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/keyfile.h"
#include "data/hotkeys.h"

#define SECOND 1000000ull

/* A key of a Zipf law by the inverse of its distribution over ${n} keys. */
static double *
zipf_cdf(uint32_t n, double a)
{
	double *c = malloc(n * sizeof(*c)), sum = 0;

	assert_non_null(c);
	for (uint32_t i = 0; i < n; i++)
		c[i] = sum += pow(i + 1, -a);
	for (uint32_t i = 0; i < n; i++)
		c[i] /= sum;
	return c;
}

static uint32_t
zipf(const double *cdf, uint32_t n, struct pd_rng *r)
{
	const double u = pd_rng_double(r);
	uint32_t lo = 0, hi = n - 1;

	while (lo < hi) {
		const uint32_t mid = (lo + hi) / 2;

		if (cdf[mid] < u)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

/* ${per_s} accesses a second for ${s} seconds, told by skips. */
static void
feed(struct pd_hotkeys *h, const double *cdf, uint32_t n, uint64_t per_s,
    uint64_t from_s, uint64_t s, struct pd_rng *r)
{
	uint64_t t = from_s * SECOND, skip = pd_hotkeys_skip(h, t), key;

	for (uint64_t i = 0; i < per_s * s; i++) {
		t = from_s * SECOND + i * SECOND / per_s;
		if (i % per_s == 0)
			skip = pd_hotkeys_skip(h, t);
		if (--skip > 0)
			continue;
		key = zipf(cdf, n, r);
		pd_hotkeys_draw(h, pd_mix64(key + 1), &key, sizeof(key), 0, t);
		skip = pd_hotkeys_skip(h, t);
	}
}

static uint64_t
number(const struct pd_hotkey_rate *r)
{
	uint64_t key;

	assert_int_equal(r->key.len, sizeof(key));
	memcpy(&key, r->key.key, sizeof(key));
	return key;
}

/* The ten hottest of a million keys are known, in rate and share. */
static void
test_zipf(void **state)
{
	const uint32_t n = 1000000;
	double *cdf = zipf_cdf(n, 1.1);
	struct pd_hotkey_rate top[PD_HOTKEYS];
	struct pd_hotkeys h;
	struct pd_rng r;
	unsigned outside = 0, seen = 0;

	(void)state;
	pd_rng_init(&r, 5);
	pd_hotkeys_init(&h, NULL, 1);
	feed(&h, cdf, n, 200000, 1, 40, &r);
	assert_in_range(pd_hotkeys_top(&h, 41 * SECOND, top, 20), 20, 20);
	assert_true(fabs(pd_hotkeys_total(&h, 41 * SECOND) - 200000) < 6000);
	for (unsigned i = 0; i < 20; i++) {
		const uint64_t k = number(&top[i]);
		const double p = cdf[k] - (k > 0 ? cdf[k - 1] : 0);

		seen += k < 10;
		outside += fabs(top[i].per_second - p * 200000) > top[i].error;
		assert_true(fabs(top[i].share - p) < 0.1 * p + 0.001);
		assert_true(i == 0 || top[i - 1].share >= top[i].share);
	}
	assert_int_equal(seen, 10);
	assert_in_range(outside, 0, 3); /* two standard errors each */
	/* About the pace, however much there is: it doubles at most. */
	assert_in_range(h.shift, 6, 9);
	free(cdf);
}

/* A million keys asked for alike: none is hot. */
static void
test_uniform(void **state)
{
	struct pd_hotkey_rate top[PD_HOTKEYS];
	struct pd_hotkeys h;
	struct pd_rng r;
	double most = 0;
	size_t n;

	(void)state;
	pd_rng_init(&r, 6);
	pd_hotkeys_init(&h, NULL, 1);
	for (uint64_t i = 0; i < 200000; i++)
		pd_hotkeys_note(&h, pd_mix64(pd_rng_below(&r, 1000000)), NULL,
		    0, 0, SECOND + i * 100, 1);
	n = pd_hotkeys_top(&h, 21 * SECOND, top, PD_HOTKEYS);
	for (size_t i = 0; i < n; i++)
		most = top[i].share > most ? top[i].share : most;
	assert_true(n <= 1 && most < 0.002);
}

/* What is no longer asked for fades by halves; a new one takes over. */
static void
test_decay(void **state)
{
	struct pd_hotkey_rate top[4];
	struct pd_hotkeys h;
	double before;

	(void)state;
	pd_hotkeys_init(&h, NULL, 1);
	for (uint64_t i = 0; i < 100000; i++)
		pd_hotkeys_note(&h, 1, NULL, 0, 0, SECOND + i * 1000, 1);
	assert_int_equal(pd_hotkeys_top(&h, 101 * SECOND, top, 4), 1);
	before = top[0].per_second;
	assert_true(fabs(before - 1000) < 20);
	assert_int_equal(top[0].key.identity, 1);
	assert_int_equal(pd_hotkeys_top(&h, 131 * SECOND, top, 4), 1);
	/* Half is forgotten, and the seconds without it count now. */
	assert_true(fabs(top[0].per_second / before - 0.48) < 0.05);
	/* A clock that goes back harms nothing. */
	pd_hotkeys_note(&h, 2, NULL, 0, 0, 5, 1e6);
	assert_int_equal(pd_hotkeys_top(&h, 5, top, 1), 1);
	assert_int_equal(top[0].key.identity, 2);
}

/* From one in a thousand back to every access when traffic ends. */
static void
test_pace(void **state)
{
	double one = 1;
	struct pd_hotkeys h;
	struct pd_rng r;

	(void)state;
	pd_rng_init(&r, 7);
	pd_hotkeys_init(&h, NULL, 2);
	feed(&h, &one, 1, 1000000, 1, 4, &r);
	assert_in_range(h.shift, 8, 11);
	assert_true(fabs(pd_hotkeys_total(&h, 5 * SECOND) / 1e6 - 1) < 0.15);
	for (uint64_t t = 6; t < 30; t++)
		(void)pd_hotkeys_skip(&h, t * SECOND);
	assert_int_equal(h.shift, 0);
	assert_int_equal(pd_hotkeys_skip(&h, 31 * SECOND), 1);
}

/* Counters come and go: each is found by its hash, none by two. */
static void
test_index(void **state)
{
	struct pd_hotkeys h;
	struct pd_rng r;
	unsigned found;

	(void)state;
	pd_rng_init(&r, 8);
	pd_hotkeys_init(&h, NULL, 3);
	for (unsigned i = 0; i < 200000; i++) {
		pd_hotkeys_note(&h, pd_rng_below(&r, 300) * 0x100000001ull,
		    NULL, 0, 0, SECOND, 1 + pd_rng_below(&r, 1000 + i));
		if (i % 1000 > 0)
			continue;
		found = 0;
		for (unsigned k = 0; k < PD_HOTKEYS_CELLS; k++)
			found += h.cell[k] != 0;
		assert_int_equal(found, h.n);
		for (unsigned k = 0; k < h.n; k++)
			for (unsigned j = 0; j < k; j++)
				assert_true(h.hash[k] != h.hash[j]);
	}
	assert_int_equal(h.n, PD_HOTKEYS);
}

static void
test_merge(void **state)
{
	struct pd_hotkey_rate top[PD_HOTKEYS];
	struct pd_hotkeys a, b, sum;
	struct pd_keys keys;
	char key[300];

	(void)state;
	memset(key, 'k', sizeof(key));
	pd_keys_public(&keys);
	pd_hotkeys_init(&a, &keys, 1);
	pd_hotkeys_init(&b, &keys, 2);
	for (uint64_t t = 0; t < 10 * SECOND; t += 1000) {
		pd_hotkeys_note(&a, 9, key, sizeof(key), 3, SECOND + t, 1);
		pd_hotkeys_note(&b, 9, key, sizeof(key), 3, SECOND + t, 2);
		pd_hotkeys_note(&b, 8, "x", 1, 0, SECOND + t, 1);
	}
	pd_hotkeys_init(&sum, NULL, 0);
	pd_hotkeys_merge(&sum, &a, 11 * SECOND);
	pd_hotkeys_merge(&sum, &b, 11 * SECOND);
	assert_int_equal(pd_hotkeys_top(&sum, 11 * SECOND, top, PD_HOTKEYS), 2);
	assert_true(fabs(top[0].per_second - 3000) < 60);
	assert_true(fabs(top[0].share - 0.75) < 1e-9);
	assert_int_equal(top[0].key.len, 300);
	assert_int_equal(top[0].key.db, 3);
	assert_true(top[0].key.identity ==
		    pd_keys_identity_db(&keys, 3, key, sizeof(key)));
	assert_memory_equal(top[0].key.key, key, PD_HOTKEYS_KEY);
	assert_true(top[1].key.identity == pd_keys_identity(&keys, "x", 1));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_zipf),
	    cmocka_unit_test(test_uniform),
	    cmocka_unit_test(test_decay),
	    cmocka_unit_test(test_pace),
	    cmocka_unit_test(test_index),
	    cmocka_unit_test(test_merge),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
