/*
 * The hot-key trap of sampling by key: when one of the hottest keys is in the
 * sample, the sample is many times as large as it should be, and when none is,
 * half as large. A million keys by Zipf's law with exponent 1.1, at a rate of
 * 0.1%, with 2,000 salts: what is recorded with the cap stays under twice
 * what it should be, at the 99th percentile, and weights count everything.
 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "data/event.h"
#include "data/sample.h"

#define KEYS 1000000u
#define EVENTS 2000000u
#define SALTS 2000u
#define RATE 0.001

/* Events by key: those of key k are at[first[k]] .. at[first[k + 1] - 1]. */
static uint32_t *first, *at;
static uint64_t *hash;

static void *
room(size_t n, size_t size)
{
	void *p = calloc(n, size);

	assert_non_null(p);
	return p;
}

/* The rank of a uniform ${u} by the sums in ${cdf}. */
static uint32_t
rank(const double *cdf, double u)
{
	uint32_t lo = 0, hi = KEYS - 1;

	while (lo < hi) {
		const uint32_t mid = (lo + hi) / 2;

		if (cdf[mid] < u)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int
make_events(void **state)
{
	double *cdf = room(KEYS, sizeof(*cdf)), sum = 0;
	uint32_t *key = room(EVENTS, sizeof(*key)), *next;
	struct pd_rng r;

	(void)state;
	for (uint32_t k = 0; k < KEYS; k++)
		cdf[k] = sum += pow(k + 1, -1.1);
	first = room(KEYS + 2, sizeof(*first));
	at = room(EVENTS, sizeof(*at));
	hash = room(KEYS, sizeof(*hash));
	pd_rng_init(&r, 1);
	for (uint32_t i = 0; i < EVENTS; i++) {
		key[i] = rank(cdf, pd_rng_double(&r) * sum);
		first[key[i] + 2]++;
	}
	for (uint32_t k = 1; k <= KEYS + 1; k++)
		first[k] += first[k - 1];
	next = first + 1;
	for (uint32_t i = 0; i < EVENTS; i++)
		at[next[key[i]]++] = i;
	for (uint32_t k = 0; k < KEYS; k++)
		hash[k] = pd_hash64(&k, sizeof(k), 7);
	free(cdf);
	free(key);
	return 0;
}

static int
free_events(void **state)
{
	(void)state;
	free(first);
	free(at);
	free(hash);
	return 0;
}

struct one {
	uint32_t at;
	uint32_t key;
};

static int
by_time(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	return x->at < y->at ? -1 : x->at > y->at;
}

/* Events of the keys that a salt samples, in order. */
static uint32_t
pick(uint64_t salt, struct one *out)
{
	struct pd_sampler s;
	uint32_t n = 0;

	pd_sampler_init(&s, PD_SAMPLE_KEY, RATE, salt, 0);
	for (uint32_t k = 0; k < KEYS; k++)
		if (pd_sample_key(&s, hash[k]))
			for (uint32_t i = first[k]; i < first[k + 1]; i++)
				out[n++] = (struct one){at[i], k};
	qsort(out, n, sizeof(*out), by_time);
	return n;
}

/* What is recorded of ${n} events. */
static uint32_t
record(const struct one *e, uint32_t n, uint64_t *weight)
{
	static struct pd_keycap c;
	uint32_t kept = 0;
	struct pd_event ev;

	pd_event_init(&ev);
	pd_keycap_init(&c, RATE);
	*weight = 0;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t w;

		ev.key = pd_mix64(e[i].key + 1);
		ev.tick = e[i].at;
		w = pd_keycap_take(&c, &ev);
		kept += w > 0;
		*weight += w;
	}
	/* Exact, but for what came after the last recorded ones. */
	assert_int_equal(*weight + pd_keycap_owed(&c) + c.forgotten, n);
	return kept;
}

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void
test_trap(void **state)
{
	static double share[SALTS], plain[SALTS];
	struct one *e = room(EVENTS, sizeof(*e));
	double sum = 0, square = 0, exact = 0, mean, error;
	uint64_t weight;

	(void)state;
	for (uint32_t s = 0; s < SALTS; s++) {
		const uint32_t n = pick(pd_mix64(s + 1), e);

		plain[s] = n / (RATE * EVENTS);
		exact += plain[s] / SALTS;
		share[s] = record(e, n, &weight) / (RATE * EVENTS);
		sum += (double)weight / (RATE * EVENTS);
		square += pow((double)weight / (RATE * EVENTS), 2);
	}
	mean = sum / SALTS;
	error = sqrt((square / SALTS - mean * mean) / SALTS);
	print_message("estimated events over true ones: %.4f +- %.4f "
		      "(%.4f without the cap)\n",
	    mean, error, exact);
	assert_true(fabs(mean - 1) < 3.5 * error);
	assert_true(fabs(mean - exact) < 0.01 * exact);
	qsort(plain, SALTS, sizeof(*plain), by_value);
	print_message("sampled over target: p50 %.3f p99 %.3f max %.3f\n",
	    plain[SALTS / 2], plain[SALTS * 99 / 100], plain[SALTS - 1]);
	assert_true(plain[SALTS * 99 / 100] > 4); /* it is a trap */
	qsort(share, SALTS, sizeof(*share), by_value);
	print_message("recorded over target: p50 %.3f p99 %.3f max %.3f\n",
	    share[SALTS / 2], share[SALTS * 99 / 100], share[SALTS - 1]);
	assert_true(share[SALTS * 99 / 100] <= 2);
	free(e);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_trap),
	};

	return cmocka_run_group_tests(tests, make_events, free_events);
}
