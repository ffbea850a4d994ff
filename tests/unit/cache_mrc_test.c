/* Miss-ratio curves from samples against exact ones. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "cache/lrustack.h"
#include "cache/mrc.h"
#include "data/event.h"
#include "data/pds_meta.h"
#include "data/sample.h"

/* The stack, naively: the most recent first. */
struct naive {
	uint32_t id[300];
	uint32_t size[300];
	uint32_t n;
};

static struct pd_lrustack_depth
naive_access(struct naive *v, uint32_t id, uint32_t size)
{
	struct pd_lrustack_depth d = {0, 0};
	uint64_t bytes = 0;
	uint32_t i;

	for (i = 0; i < v->n && v->id[i] != id; i++)
		bytes += v->size[i];
	if (i < v->n)
		d = (struct pd_lrustack_depth){i + 1, bytes + v->size[i]};
	else
		v->n++;
	memmove(v->id + 1, v->id, i * sizeof(*v->id));
	memmove(v->size + 1, v->size, i * sizeof(*v->size));
	v->id[0] = id;
	v->size[0] = size;
	return d;
}

/* Few positions, so that they are numbered anew all the time. */
static void
test_stack_as_naive(void **state)
{
	struct naive v = {.n = 0};
	struct pd_lrustack s;
	struct pd_lrustack_depth d, want;
	struct pd_rng r;
	uint32_t id, size, i;

	(void)state;
	pd_rng_init(&r, 1);
	assert_int_equal(pd_lrustack_init(&s, true, 3, 1, NULL), 0);
	for (i = 0; i < 40000; i++) {
		id = pd_rng_below(&r, 1 + pd_rng_below(&r, 1 + i / 150));
		size = 1 + pd_rng_below(&r, 1000);
		want = naive_access(&v, id, size);
		assert_int_equal(pd_lrustack_access(&s, id, size, &d, NULL), 0);
		assert_int_equal(d.objects, want.objects);
		assert_int_equal(d.bytes, want.bytes);
		if (i % 7 == 0) {
			v.size[0] += 5;
			pd_lrustack_resize(&s, id, v.size[0]);
		}
		if (i % 11 == 0) { /* it never was there */
			pd_lrustack_drop(&s, id);
			memmove(v.id, v.id + 1, --v.n * sizeof(*v.id));
			memmove(v.size, v.size + 1, v.n * sizeof(*v.size));
		}
	}
	assert_true(pd_lrustack_memory(&s) < 20000);
	pd_lrustack_clear(&s);
	assert_int_equal(pd_lrustack_access(&s, 5, 7, &d, NULL), 0);
	assert_int_equal(d.objects, 0);
	pd_lrustack_release(&s);
}

/* Zipf's law with exponent 0.9, over KEYS keys. */
#define KEYS 40000u
#define ACCESSES 400000u

static uint32_t *trace;

static int
make_trace(void **state)
{
	double *cdf = calloc(KEYS, sizeof(*cdf)), sum = 0, u;
	uint32_t i, lo, hi;
	struct pd_rng r;

	(void)state;
	trace = calloc(ACCESSES, sizeof(*trace));
	assert_non_null(cdf);
	assert_non_null(trace);
	pd_rng_init(&r, 2);
	for (i = 0; i < KEYS; i++)
		cdf[i] = sum += pow(i + 1, -0.9);
	for (i = 0; i < ACCESSES; i++) {
		u = pd_rng_double(&r) * sum;
		for (lo = 0, hi = KEYS - 1; lo < hi;)
			if (cdf[(lo + hi) / 2] < u)
				lo = (lo + hi) / 2 + 1;
			else
				hi = (lo + hi) / 2;
		trace[i] = lo;
	}
	free(cdf);
	return 0;
}

static int
free_trace(void **state)
{
	(void)state;
	free(trace);
	return 0;
}

static struct pd_event
event(uint32_t i)
{
	struct pd_event e;

	pd_event_init(&e);
	e.key = pd_mix64(trace[i] + 1);
	e.tick = i;
	e.time_us = i;
	e.size = 1 + trace[i] % 9;
	return e;
}

/* What exact LRU misses with room for ${capacity}. */
static double
exact(uint32_t capacity)
{
	struct pd_lrustack s;
	struct pd_lrustack_depth d;
	uint32_t hits = 0, i;

	assert_int_equal(pd_lrustack_init(&s, false, 1000, KEYS, NULL), 0);
	for (i = 0; i < ACCESSES; i++) {
		assert_int_equal(
		    pd_lrustack_access(&s, trace[i], 1, &d, NULL), 0);
		hits += d.objects > 0 && d.objects <= capacity;
	}
	pd_lrustack_release(&s);
	return 1 - (double)hits / ACCESSES;
}

static struct pd_mrc *
new_mrc(bool by_bytes, uint32_t max_keys)
{
	const struct pd_mrc_params p = {by_bytes, max_keys};
	struct pd_mrc *m = pd_mrc_new(&p, NULL);

	assert_non_null(m);
	return m;
}

/* Sample events [from, to) by key at ${rate} and add them. */
static void
add_salted(struct pd_mrc *m, double rate, uint32_t from, uint32_t to,
    struct pd_keycap *cap, uint64_t salt)
{
	struct pd_sampler s;
	struct pd_pds_meta meta;
	struct pd_event e;
	uint32_t i;

	pd_pds_meta_init(&meta);
	meta.scheme = rate < 1 ? PD_SAMPLE_KEY : PD_SAMPLE_NONE;
	meta.rate = rate;
	pd_sampler_init(&s, PD_SAMPLE_KEY, rate, salt, 0);
	for (i = from; i < to; i++) {
		e = event(i);
		if (!pd_sample_key(&s, pd_mix64(e.key + 99)))
			continue;
		if (cap != NULL && (e.weight = pd_keycap_take(cap, &e)) == 0)
			continue;
		assert_int_equal(pd_mrc_add(m, &e, 0, &meta, NULL), 0);
	}
}

static void
add(struct pd_mrc *m, double rate, uint32_t from, uint32_t to)
{
	add_salted(m, rate, from, to, NULL, 77);
}

static void
test_all_keys_are_exact(void **state)
{
	static const uint32_t at[] = {1, 7, 100, 1000, 5000, KEYS};
	struct pd_mrc *m = new_mrc(false, 0);
	struct pd_mrc_summary s;
	double bytes;

	(void)state;
	add(m, 1, 0, ACCESSES);
	pd_mrc_summary(m, &s);
	assert_int_equal(s.events, ACCESSES);
	assert_true(s.accesses == ACCESSES);
	assert_true(s.error == 0 && s.off == 0);
	assert_int_equal(s.parts, 1);
	for (unsigned i = 0; i < sizeof(at) / sizeof(*at); i++)
		/* Within a bucket of 0.1%. */
		assert_true(fabs(pd_mrc_at(m, at[i], &bytes) - exact(at[i])) <
			    (at[i] < 1000 ? 1e-9 : 2e-4));
	pd_mrc_free(m);
}

static double
mean_error(struct pd_mrc *m)
{
	return (fabs(pd_mrc_at(m, 400, NULL) - exact(400)) +
		   fabs(pd_mrc_at(m, 4000, NULL) - exact(4000)) +
		   fabs(pd_mrc_at(m, 12000, NULL) - exact(12000))) /
	       3;
}

/* One key in ten, all of them and half of them tracked. */
static void
test_samples(void **state)
{
	struct pd_mrc *m = new_mrc(false, 0), *few = new_mrc(false, 2000);
	struct pd_mrc_summary s, t;

	(void)state;
	add(m, 0.1, 0, ACCESSES);
	add(few, 0.1, 0, ACCESSES);
	pd_mrc_summary(m, &s);
	assert_true(fabs(s.source_keys / KEYS - 1) < 0.15);
	assert_true(fabs(s.accesses / ACCESSES - 1) < 0.001);
	assert_true(s.error > 0.014 && s.error < 0.017);
	assert_true(mean_error(m) < 0.015);
	pd_mrc_summary(few, &t);
	assert_in_range(t.keys, 1000, 2000);
	assert_true(t.error > s.error * 1.3);
	assert_true(mean_error(few) < 0.04);
	/* Less than one sampled key. */
	assert_true(isnan(pd_mrc_at(m, 9, NULL)));
	pd_mrc_free(m);
	pd_mrc_free(few);
}

/* A salt by which the hottest key is sampled. */
static uint64_t
hot_salt(void)
{
	struct pd_sampler s;
	uint64_t salt = 0;

	do
		pd_sampler_init(&s, PD_SAMPLE_KEY, 0.1, ++salt, 0);
	while (!pd_sample_key(&s, pd_mix64(pd_mix64(1) + 99)));
	return salt;
}

/* The hottest key is in the sample: capped it gives the same curve. */
static void
test_cap(void **state)
{
	struct pd_mrc *m = new_mrc(false, 0), *capped = new_mrc(false, 0);
	const uint64_t salt = hot_salt();
	struct pd_mrc_summary s, t;
	struct pd_keycap cap;

	(void)state;
	pd_keycap_init(&cap, 0.1);
	add_salted(m, 0.1, 0, ACCESSES, NULL, salt);
	add_salted(capped, 0.1, 0, ACCESSES, &cap, salt);
	pd_mrc_summary(m, &s);
	pd_mrc_summary(capped, &t);
	assert_true(s.off > 0.2);
	assert_true(t.events < s.events * 9 / 10);
	assert_true(fabs(t.off - s.off) < 0.002);
	assert_true(fabs(t.accesses - s.accesses) < 100);
	for (uint32_t c = 100; c < KEYS; c *= 2)
		assert_true(fabs(pd_mrc_at(m, c, NULL) -
				 pd_mrc_at(capped, c, NULL)) < 0.012);
	assert_true(mean_error(capped) < 0.025);
	pd_mrc_free(m);
	pd_mrc_free(capped);
}

/* The rate halves and doubles, the source begins anew: no part is taken for a
 * flood of misses. */
static void
test_parts(void **state)
{
	struct pd_mrc *m = new_mrc(false, 0);
	struct pd_mrc_summary s;

	(void)state;
	add(m, 0.2, 0, ACCESSES / 4);
	add(m, 0.1, ACCESSES / 4, ACCESSES / 2);
	add(m, 0.2, ACCESSES / 2, ACCESSES);
	pd_mrc_summary(m, &s);
	assert_int_equal(s.parts, 3);
	assert_true(fabs(s.accesses / ACCESSES - 1) < 0.01);
	assert_true(mean_error(m) < 0.02);
	/* The same once more, from tick 0. */
	add(m, 0.2, 0, ACCESSES);
	pd_mrc_summary(m, &s);
	assert_int_equal(s.parts, 4);
	assert_true(fabs(s.accesses / ACCESSES - 2) < 0.02);
	assert_true(mean_error(m) < 0.02);
	pd_mrc_free(m);
}

/* Depth in bytes, misses of objects and of bytes; a fill tells the size. */
static void
test_bytes(void **state)
{
	static const struct {
		uint64_t key;
		uint32_t size;
		uint8_t flags;
	} told[] = {{1, 0, 0}, {1, 100, PD_EV_FILL}, {2, 50, 0}, {3, 10, 0},
	    {1, 100, 0}, {3, 10, 0}, {2, 50, 0}};
	struct pd_mrc *m = new_mrc(true, 0);
	struct pd_pds_meta meta;
	struct pd_event e;
	double bytes;

	(void)state;
	pd_pds_meta_init(&meta);
	for (unsigned i = 0; i < sizeof(told) / sizeof(*told); i++) {
		pd_event_init(&e);
		e.key = told[i].key;
		e.size = told[i].size;
		e.flags = told[i].flags;
		e.tick = i;
		e.op = e.flags ? PD_OP_SET : PD_OP_GET;
		assert_int_equal(pd_mrc_add(m, &e, 0, &meta, NULL), 0);
	}
	/* 1 lies 160 deep, then 3 110, then 2 160; the first miss of 1 had
	 * no size: it counts 1. */
	assert_true(pd_mrc_at(m, 109, &bytes) == 1);
	assert_true(fabs(pd_mrc_at(m, 110, &bytes) - 5.0 / 6) < 1e-9);
	assert_true(fabs(bytes - 211.0 / 221) < 1e-9);
	assert_true(fabs(pd_mrc_at(m, 160, &bytes) - 0.5) < 1e-9);
	assert_true(fabs(bytes - 61.0 / 221) < 1e-9);
	pd_mrc_free(m);
}

static void
test_refusals(void **state)
{
	struct pd_mrc *m = new_mrc(false, 0);
	struct pd_err err = PD_ERR_INIT;
	struct pd_mrc_summary s;
	struct pd_pds_meta meta;
	struct pd_event e;

	(void)state;
	assert_true(isnan(pd_mrc_at(m, 10, NULL)));
	pd_mrc_summary(m, &s);
	assert_int_equal(s.events, 0);
	pd_event_init(&e);
	pd_pds_meta_init(&meta);
	meta.scheme = PD_SAMPLE_EVENT;
	assert_int_equal(pd_mrc_add(m, &e, 0, &meta, &err), -1);
	assert_non_null(strstr(err.msg, "sampled by event"));
	meta.scheme = PD_SAMPLE_WINDOW;
	assert_int_equal(pd_mrc_add(m, &e, 0, &meta, &err), -1);
	meta.scheme = PD_SAMPLE_KEY;
	/* A shard that there cannot be is no way out of the array. */
	meta.shards = 2;
	assert_int_equal(pd_mrc_add(m, &e, 60000, &meta, &err), 0);
	pd_mrc_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_stack_as_naive),
	    cmocka_unit_test(test_all_keys_are_exact),
	    cmocka_unit_test(test_samples),
	    cmocka_unit_test(test_cap),
	    cmocka_unit_test(test_parts),
	    cmocka_unit_test(test_bytes),
	    cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, make_trace, free_trace);
}
