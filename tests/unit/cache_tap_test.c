/* The tap of a store: what the gate lets through, by one scheme and by several
 * at once, and the ring's account. */

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/hash.h"
#include "base/keyfile.h"
#include "cache/tap.h"

#define ACCESSES 200000u

struct seen {
	uint64_t of[PD_SCHEMES];
	uint64_t cold; /* accesses that the gate opened for */
};

static struct pd_keys keys;

static int
setup(void **state)
{
	(void)state;
	pd_keys_public(&keys);
	return 0;
}

static uint64_t
hash_of(uint64_t key)
{
	return pd_mix64(key + 77);
}

/* One access as a store makes it. */
static unsigned
offer(struct pd_tap *t, struct pd_gate *g, uint64_t key, uint64_t now_us)
{
	if (pd_gate_due(g, now_us))
		pd_tap_turn(t, now_us);
	if (!pd_gate_opens(g, hash_of(key)))
		return UINT32_MAX;
	return pd_tap_which(t, hash_of(key));
}

/* ${ACCESSES} of 5000 keys, one a millisecond. */
static struct seen
play(struct pd_tap *t, struct pd_gate *g)
{
	struct seen s = {0};
	unsigned which, k;
	uint64_t i;

	for (i = 0; i < ACCESSES; i++) {
		which = offer(t, g, i % 5000, 1000000 + i * 1000);
		if (which == UINT32_MAX)
			continue;
		s.cold++;
		for (k = 0; k < PD_SCHEMES; k++)
			s.of[k] += which >> k & 1;
	}
	return s;
}

static struct seen
play_at(double by_key, double by_event, double by_window)
{
	const struct pd_rates r = {.of = {[PD_SAMPLE_KEY] = by_key,
				       [PD_SAMPLE_EVENT] = by_event,
				       [PD_SAMPLE_WINDOW] = by_window}};
	struct pd_tap *t = pd_tap_new(&keys, 4096, &r, 0, NULL);
	struct pd_gate g;
	struct seen s;

	assert_non_null(t);
	pd_tap_attach(t, &g);
	s = play(t, &g);
	assert_int_equal(s.cold, 0); /* nobody listens */
	pd_tap_listen(t, true);
	s = play(t, &g);
	pd_tap_listen(t, false);
	assert_int_equal(play(t, &g).cold, 0);
	pd_tap_free(t);
	return s;
}

static void
nothing_at_rate_0(void **state)
{
	const struct seen s = play_at(0, 0, 0);

	(void)state;
	assert_int_equal(s.cold, 0);
}

static void
everything_at_rate_1(void **state)
{
	struct seen s;

	(void)state;
	s = play_at(1, 1, 1);
	assert_int_equal(s.of[PD_SAMPLE_KEY], ACCESSES);
	assert_int_equal(s.of[PD_SAMPLE_EVENT], ACCESSES);
	assert_int_equal(s.of[PD_SAMPLE_WINDOW], ACCESSES);
}

/* The same keys, and windows, as the rule that importers use. */
static void
as_the_rule_says(void **state)
{
	struct pd_sampler by_key, by_window;
	uint64_t i, in = 0, within = 0;
	struct seen s;

	(void)state;
	pd_sampler_init(&by_key, PD_SAMPLE_KEY, 0.1, keys.select_salt, 1);
	pd_sampler_init(&by_window, PD_SAMPLE_WINDOW, 0.2, keys.select_salt, 1);
	for (i = 0; i < ACCESSES; i++) {
		in += pd_sample_key(&by_key, hash_of(i % 5000));
		within += pd_sample_window(&by_window, 1000000 + i * 1000);
	}
	s = play_at(0.1, 0, 0);
	assert_int_equal(s.of[PD_SAMPLE_KEY], in);
	assert_int_equal(s.cold, in); /* no other access left the path */
	s = play_at(0, 0, 0.2);
	assert_int_equal(s.of[PD_SAMPLE_WINDOW], within);
	assert_int_equal(s.cold, within);
	s = play_at(0, 0.01, 0);
	assert_int_equal(s.cold, s.of[PD_SAMPLE_EVENT]);
	/* 2000 expected, standard deviation 44. */
	assert_in_range(s.of[PD_SAMPLE_EVENT], 1780, 2220);
	/* All at once, none disturbs another. */
	s = play_at(0.1, 0.01, 0.2);
	assert_int_equal(s.of[PD_SAMPLE_KEY], in);
	assert_int_equal(s.of[PD_SAMPLE_WINDOW], within);
	assert_in_range(s.of[PD_SAMPLE_EVENT], 1780, 2220);
}

/* The clock may be set back: windows go by what it says. */
static void
windows_follow_the_clock(void **state)
{
	const struct pd_rates r = {.of = {[PD_SAMPLE_WINDOW] = 0.5}};
	struct pd_tap *t = pd_tap_new(&keys, 4096, &r, 0, NULL);
	struct pd_sampler rule;
	struct pd_gate g;
	uint64_t i, us;

	(void)state;
	assert_non_null(t);
	pd_sampler_init(&rule, PD_SAMPLE_WINDOW, 0.5, keys.select_salt, 1);
	pd_tap_attach(t, &g);
	pd_tap_listen(t, true);
	for (i = 0; i < 1000; i++) {
		us = 1000000000000 + pd_mix64(i) % 100000000;
		assert_int_equal(offer(t, &g, i, us) == 1u << PD_SAMPLE_WINDOW,
		    pd_sample_window(&rule, us));
	}
	pd_tap_free(t);
}

static void
a_full_ring_counts(void **state)
{
	const struct pd_rates r = {.of = {[PD_SAMPLE_EVENT] = 1}};
	struct pd_tap *t = pd_tap_new(&keys, 1, &r, 0, NULL);
	enum pd_scheme scheme;
	struct pd_event e;
	uint32_t i;

	(void)state;
	assert_non_null(t);
	pd_event_init(&e);
	for (i = 0; i < PD_TAP_RING_LEAST + 10; i++) {
		e.tick = i;
		assert_int_equal(pd_tap_push(t, PD_SAMPLE_EVENT, &e),
		    i < PD_TAP_RING_LEAST ? PD_TAP_PUSHED : PD_TAP_DROPPED);
	}
	assert_int_equal(t->count[PD_SAMPLE_EVENT].sampled, i);
	assert_int_equal(t->count[PD_SAMPLE_EVENT].dropped, 10);
	assert_int_equal(pd_tap_take_lost(t, PD_SAMPLE_EVENT), 10);
	assert_int_equal(pd_tap_take_lost(t, PD_SAMPLE_EVENT), 0);
	assert_int_equal(pd_tap_take_lost(t, PD_SAMPLE_KEY), 0);
	assert_int_equal(pd_tap_waiting(t), PD_TAP_RING_LEAST);
	for (i = 0; i < PD_TAP_RING_LEAST; i++) {
		assert_int_equal(
		    pd_tap_peek(t, pd_tap_head(t), &scheme)->tick, i);
		assert_int_equal(scheme, PD_SAMPLE_EVENT);
		pd_tap_pop(t);
	}
	assert_null(pd_tap_peek(t, pd_tap_head(t), &scheme));
	pd_tap_free(t);
}

static void *
produce(void *cookie)
{
	struct pd_tap *t = cookie;
	struct pd_event e;
	uint32_t i;

	pd_event_init(&e);
	for (i = 0; i < ACCESSES; i++) {
		e.tick = i;
		e.key = hash_of(i);
		pd_tap_push(t, PD_SAMPLE_EVENT, &e);
	}
	return NULL;
}

/* Two threads: what comes out is whole and in order, and with what was dropped
 * it is all. */
static void
one_writes_and_one_reads(void **state)
{
	const struct pd_rates r = {.of = {[PD_SAMPLE_EVENT] = 1}};
	struct pd_tap *t = pd_tap_new(&keys, 1024, &r, 0, NULL);
	const struct pd_event *e;
	uint64_t got = 0, lost = 0, next = 0;
	enum pd_scheme scheme;
	pthread_t thread;

	(void)state;
	assert_non_null(t);
	assert_int_equal(pthread_create(&thread, NULL, produce, t), 0);
	while (got + lost < ACCESSES) {
		const uint32_t head = pd_tap_head(t);

		while ((e = pd_tap_peek(t, head, &scheme)) != NULL) {
			assert_true(e->tick >= next);
			assert_int_equal(e->key, hash_of(e->tick));
			next = e->tick + 1;
			got++;
			pd_tap_pop(t);
		}
		lost += pd_tap_take_lost(t, PD_SAMPLE_EVENT);
	}
	pthread_join(thread, NULL);
	assert_int_equal(got + lost, ACCESSES);
	assert_int_equal(t->count[PD_SAMPLE_EVENT].dropped, lost);
	pd_tap_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(nothing_at_rate_0),
	    cmocka_unit_test(everything_at_rate_1),
	    cmocka_unit_test(as_the_rule_says),
	    cmocka_unit_test(windows_follow_the_clock),
	    cmocka_unit_test(a_full_ring_counts),
	    cmocka_unit_test(one_writes_and_one_reads),
	};

	return cmocka_run_group_tests(tests, setup, NULL);
}
