#define _GNU_SOURCE /* M_LN2 */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/code.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/rng.h"
#include "data/history.h"

#define SEC 1000000ULL

static struct pd_history *
tracker(uint32_t keys)
{
	struct pd_history *h;

	h = pd_history_new(&(struct pd_history_opts){.keys = keys}, NULL);
	assert_non_null(h);
	return h;
}

static struct pd_event
get(uint64_t key, uint64_t time_us, uint64_t tick)
{
	struct pd_event e;

	pd_event_init(&e);
	e.key = key;
	e.time_us = time_us;
	e.tick = tick;
	e.size = 100;
	e.flags = PD_EV_HIT;
	return e;
}

static void
near(float a, double b, double tolerance)
{
	if (!(fabs((double)a - b) <= tolerance))
		fail_msg("%.9g is not %.9g +- %g", a, b, tolerance);
}

static void
known(const float *row, int from, int to, bool yes)
{
	int i;

	for (i = from; i <= to; i++)
		if (isnan(row[i]) == yes)
			fail_msg("slot %d is %g", i, row[i]);
}

/* The first access of a key: no distances, counts 0. */
static void
first_row(void **state)
{
	struct pd_history *h = tracker(16);
	struct pd_event e = get(7, 5 * SEC, 100);
	struct pd_history_note note;
	float row[PD_FEATURES];

	(void)state;
	pd_history_add(h, &e, row, &note);
	assert_true(note.is_new && note.access && !note.dropped);
	assert_int_equal(note.distance, 0);
	known(row, PD_F_age, PD_F_gap4, false);
	assert_true(row[PD_F_frequency] == 0.0f);
	known(row, PD_F_hits_resident, PD_F_gap_spread, false);
	assert_true(row[PD_F_gaps_known] == 0.0f);
	assert_true(row[PD_F_size] == pd_code_log2(pd_code(100)));
	known(row, PD_F_ttl_left, PD_F_new_share_lately, false);
	known(row, PD_F_time_age, PD_F_gap12, false);
	assert_true(row[PD_F_gaps_in_hour] == 0.0f);
	known(row, PD_F_edc_1s, PD_F_edc_3d, true);
	assert_true(row[PD_F_edc_1s] == 0.0f && row[PD_F_edc_3d] == 0.0f);
	known(row, PD_F_rate_1m, PD_F_refetch_cost, false);
	assert_true(row[PD_F_count] == 0.0f && row[PD_F_life] == 0.0f);
	known(row, PD_F_read_share, PD_F_hit_share, false);
	assert_true(row[PD_F_last_hit] == 1.0f);
	known(row, PD_F_latency, PD_F_successor, false);
	pd_history_free(h);
}

/*
 * Accesses at 0, 10, 14 and 22 s, ticks 100, 110, 130, 170: gaps of 10, 4 and
 * 8 s, of 10, 20 and 40 ticks.
 */
static void
rows_by_hand(void **state)
{
	static const uint64_t at[4] = {0, 10, 14, 22};
	static const uint64_t tick[4] = {100, 110, 130, 170};
	const double g1 = log2(10001), g2 = log2(4001), g3 = log2(8001);
	struct pd_history *h = tracker(16);
	float row[4][PD_FEATURES], *r;
	struct pd_event e;
	double m, v, x;
	int i;

	(void)state;
	for (i = 0; i < 4; i++) {
		e = get(7, at[i] * SEC, tick[i]);
		e.ctx[PD_CTX_EVICT_AGE] = pd_code(500);
		pd_history_add(h, &e, row[i], NULL);
	}
	r = row[1];
	assert_true(r[PD_F_age] == 3.375f - 8.875f);
	known(r, PD_F_gap1, PD_F_gap4, false);
	assert_true(r[PD_F_frequency] == 1.0f && r[PD_F_count] == 1.0f);
	near(r[PD_F_time_age], g1, 1e-6);
	known(r, PD_F_gap_ewma, PD_F_gap_min, false);
	near(r[PD_F_edc_1s], exp2(-10), 1e-9);
	near(r[PD_F_edc_1m], exp2(-10.0 / 64), 1e-6);
	near(r[PD_F_edc_1h], exp2(-10.0 / 4096), 1e-6);
	near(r[PD_F_edc_3d], exp2(-10.0 / 262144), 1e-6);
	near(r[PD_F_life], g1, 1e-6);
	near(r[PD_F_rate_1m],
	    log2(M_LN2 / 64 * exp2(-10.0 / 64) / (1 - exp2(-10.0 / 64))), 1e-5);

	r = row[3];
	assert_true(r[PD_F_age] == 5.375f - 8.875f);
	assert_true(r[PD_F_gap1] == 4.375f - 8.875f);
	assert_true(r[PD_F_gap2] == 3.375f - 8.875f);
	known(r, PD_F_gap3, PD_F_gap4, false);
	assert_true(r[PD_F_gap_mean] == 3.875f - 8.875f);
	assert_true(r[PD_F_gaps_known] == 2.0f);
	assert_true(r[PD_F_count] == 2.0f);
	near(r[PD_F_time_age], g3, 1e-6);
	m = g1 + (g2 - g1) / 4;
	v = 0.75 * ((g2 - g1) * (g2 - g1) / 4);
	near(r[PD_F_gap_ewma], m, 2.0 / 1024);
	near(r[PD_F_gap_var], v, 0.02);
	near(r[PD_F_gap_min], g2, 1.0 / 1024);
	assert_true(r[PD_F_gaps_in_hour] == 3.0f);
	x = exp2(-22.0 / 64) + exp2(-12.0 / 64) + exp2(-8.0 / 64);
	near(r[PD_F_edc_1m], x, 1e-6);
	near(r[PD_F_rate_1m], log2(M_LN2 / 64 * x / (1 - exp2(-22.0 / 64))),
	    1e-5);
	near(r[PD_F_life], log2(22001), 1e-6);
	assert_true(r[PD_F_size_change] == 0.0f);
	assert_true(r[PD_F_read_share] == 1.0f && r[PD_F_hit_share] == 1.0f);
	pd_history_free(h);
}

/* What a row calls its age, the next one calls gap1, and so on to gap12. */
static void
gaps_shift(void **state)
{
	static const uint8_t order[13] = {PD_F_age, PD_F_gap1, PD_F_gap2,
	    PD_F_gap3, PD_F_gap4, PD_F_gap5, PD_F_gap6, PD_F_gap7, PD_F_gap8,
	    PD_F_gap9, PD_F_gap10, PD_F_gap11, PD_F_gap12};
	const float ea = pd_code_log2(pd_code(700));
	struct pd_history *h = tracker(4);
	float last[PD_FEATURES], row[PD_FEATURES], a, b;
	uint64_t now = 0, tick = 0;
	struct pd_event e;
	struct pd_rng rng;
	int i, j;

	(void)state;
	pd_rng_init(&rng, 5);
	for (i = 0; i < 3000; i++) {
		now += pd_rng_u64(&rng) >> (24 + pd_rng_below(&rng, 40));
		tick += 1 + (pd_rng_u64(&rng) >> (24 + pd_rng_below(&rng, 40)));
		e = get(1, now, tick);
		e.ctx[PD_CTX_EVICT_AGE] = pd_code(700);
		pd_history_add(h, &e, row, NULL);
		for (j = 1; i > 0 && j < 13; j++) {
			a = last[order[j - 1]] + (order[j - 1] < 5 ? ea : 0);
			b = row[order[j]] + (order[j] < 5 ? ea : 0);
			assert_true(a == b || (isnan(a) && isnan(b)));
		}
		if (i > 1)
			assert_true(row[PD_F_gap_min] <=
				    last[PD_F_time_age] + 1.0f / 1024);
		assert_true(row[PD_F_gaps_in_hour] >= 0 &&
			    row[PD_F_gaps_in_hour] <= 12);
		memcpy(last, row, sizeof(row));
	}
	pd_history_free(h);
}

static void
twelve_in_an_hour(void **state)
{
	struct pd_history *h = tracker(4);
	float row[PD_FEATURES];
	struct pd_event e;
	int i;

	(void)state;
	for (i = 0; i < 20; i++) {
		e = get(1, (uint64_t)i * 600 * SEC, (uint64_t)i);
		pd_history_add(h, &e, row, NULL);
		/* 10 min apart: those 10 to 50 min ago are sure, the one 60
		 * min ago is at the edge of 16 s steps. */
		if (i >= 6)
			assert_true(row[PD_F_gaps_in_hour] >= 5 &&
				    row[PD_F_gaps_in_hour] <= 6);
		else
			assert_true(row[PD_F_gaps_in_hour] == (float)i);
	}
	for (i = 1; i < 20; i++) {
		e = get(1, 11400 * SEC + (uint64_t)i * 30 * SEC, 20);
		pd_history_add(h, &e, row, NULL);
	}
	assert_true(row[PD_F_gaps_in_hour] == 12.0f);
	e = get(1, 1000000 * SEC, 21);
	pd_history_add(h, &e, row, NULL);
	assert_true(row[PD_F_gaps_in_hour] == 0.0f);
	pd_history_free(h);
}

/* A miss and its fill are one access; the fill brings size and cost. */
static void
fill_belongs_to_its_miss(void **state)
{
	struct pd_history *h = tracker(4);
	struct pd_history_note note;
	float row[PD_FEATURES];
	struct pd_event e;

	(void)state;
	e = get(1, 0, 1);
	e.flags = 0;
	e.size = 0;
	pd_history_add(h, &e, row, NULL);
	known(row, PD_F_size, PD_F_size, false);
	assert_true(row[PD_F_last_hit] == 0.0f);

	row[0] = 42.0f;
	e = get(1, 31000, 1);
	e.op = PD_OP_SET;
	e.flags = PD_EV_FILL;
	e.size = 4096;
	pd_history_add(h, &e, row, &note);
	assert_false(note.access);
	assert_true(row[0] == 42.0f); /* untouched */

	e = get(1, 2 * SEC, 5);
	e.size = 8192;
	pd_history_add(h, &e, row, &note);
	assert_int_equal(note.distance, 4);
	assert_true(row[PD_F_count] == 1.0f);
	near(row[PD_F_time_age], log2(2001), 1e-6);
	near(row[PD_F_refetch_cost], 5.0, 1.0 / 1024);
	assert_true(row[PD_F_size_change] == 1.0f);
	assert_true(row[PD_F_read_share] == 1.0f);
	assert_true(row[PD_F_hit_share] == 0.0f);
	assert_true(row[PD_F_last_write] == 0.0f);

	/* A second SET in a row is no fill of the same miss. */
	e = get(1, 3 * SEC, 6);
	e.op = PD_OP_SET;
	e.flags = PD_EV_FILL | PD_EV_HIT;
	pd_history_add(h, &e, row, NULL);
	e = get(1, 4 * SEC, 7);
	pd_history_add(h, &e, row, NULL);
	near(row[PD_F_refetch_cost], 5.0, 1.0 / 1024);
	pd_history_free(h);
}

/* DEL and EXPIRE ask for nothing, and make no key known. */
static void
asides_are_no_accesses(void **state)
{
	struct pd_history *h = tracker(4);
	struct pd_history_stats st;
	struct pd_history_note note;
	struct pd_event e = get(1, 0, 1);
	float row[PD_FEATURES];

	(void)state;
	e.op = PD_OP_DEL;
	pd_history_add(h, &e, row, &note);
	assert_false(note.access);
	assert_int_equal(note.slot, PD_HISTORY_NONE);
	e = get(1, SEC, 2);
	pd_history_add(h, &e, row, NULL);
	e = get(1, 2 * SEC, 3);
	e.op = PD_OP_EXPIRE;
	e.flags |= PD_EV_TTL;
	e.ttl_ms = 8000;
	pd_history_add(h, &e, row, &note);
	assert_false(note.access);
	e = get(1, 4 * SEC, 5);
	e.flags |= PD_EV_TTL;
	e.ttl_ms = 2000;
	pd_history_add(h, &e, row, NULL);
	near(row[PD_F_time_age], log2(3001), 1e-6);
	near(row[PD_F_ttl_total], 3.0, 1.0 / 1024);
	near(row[PD_F_ttl_share], 0.25, 1e-3);
	assert_true(row[PD_F_ttl_left] == pd_code_log2(pd_code(2)));
	pd_history_stats(h, &st);
	assert_int_equal(st.events, 4);
	assert_int_equal(st.accesses, 2);
	pd_history_free(h);
}

static void
time_to_live(void **state)
{
	struct pd_history *h = tracker(4);
	float row[PD_FEATURES];
	struct pd_event e = get(1, 0, 1);

	(void)state;
	/* A read of a key whose total nobody saw. */
	e.flags |= PD_EV_TTL;
	e.ttl_ms = 5000;
	pd_history_add(h, &e, row, NULL);
	known(row, PD_F_ttl_total, PD_F_ttl_share, false);
	known(row, PD_F_ttl_left, PD_F_ttl_left, true);
	/* A write carries the total itself. */
	e.op = PD_OP_SET;
	e.ttl_ms = 64000;
	pd_history_add(h, &e, row, NULL);
	near(row[PD_F_ttl_total], 6.0, 1.0 / 1024);
	assert_true(row[PD_F_ttl_share] == 1.0f);
	/* More left than the total: prolonged unseen. */
	e.op = PD_OP_GET;
	e.ttl_ms = 128000;
	pd_history_add(h, &e, row, NULL);
	near(row[PD_F_ttl_total], 7.0, 1.0 / 1024);
	assert_true(row[PD_F_ttl_share] == 1.0f);
	/* A write without one ends it. */
	e.op = PD_OP_SET;
	e.flags = PD_EV_HIT;
	e.ttl_ms = 0;
	pd_history_add(h, &e, row, NULL);
	known(row, PD_F_ttl_total, PD_F_ttl_share, false);
	assert_true(row[PD_F_last_write] == 0.0f);
	e = get(1, SEC, 9);
	e.flags |= PD_EV_TTL;
	e.ttl_ms = 1000;
	pd_history_add(h, &e, row, NULL);
	known(row, PD_F_ttl_total, PD_F_ttl_share, false);
	assert_true(row[PD_F_last_write] == 1.0f);
	pd_history_free(h);
}

/* What the server saw is passed on as it said. */
static void
context_codes(void **state)
{
	struct pd_history *h = tracker(4);
	float row[PD_FEATURES];
	struct pd_event e = get(1, 0, 1);

	(void)state;
	e.ctx[PD_CTX_EVICT_AGE] = 41;
	e.ctx[PD_CTX_HIT_RATIO] = 200;
	e.ctx[PD_CTX_NEW_SHARE] = 0;
	e.ctx[PD_CTX_PRED_GAP] = 33;
	e.ctx[PD_CTX_PRED_AGE] = 45;
	e.ctx[PD_CTX_GROUP_GAP] = 0;
	e.ctx[PD_CTX_STRIDE] = pd_code(3);
	e.ctx[PD_CTX_BATCH] = 250;
	e.ctx[PD_CTX_SUCCESSOR] = 125;
	pd_history_add(h, &e, row, NULL);
	assert_true(row[PD_F_hit_ratio_lately] == 0.8f);
	assert_true(row[PD_F_new_share_lately] == 0.0f);
	assert_true(row[PD_F_pred_gap] == -2.0f);
	assert_true(row[PD_F_pred_age] == 1.0f);
	assert_true(row[PD_F_group_gap] == -1.0f - 10.125f);
	known(row, PD_F_group_age, PD_F_group_age, false);
	assert_true(row[PD_F_stride] == 2.0f);
	assert_true(row[PD_F_batch_position] == 1.0f);
	assert_true(row[PD_F_successor] == 0.5f);
	e.ctx[PD_CTX_EVICT_AGE] = PD_CODE_NONE;
	pd_history_add(h, &e, row, NULL);
	known(row, PD_F_pred_gap, PD_F_group_age, false);
	pd_history_free(h);
}

/* Two namespaces, one three times as busy. */
static void
namespaces(void **state)
{
	struct pd_history *h = tracker(1000);
	struct pd_history_stats st;
	float row[PD_FEATURES] = {0}, other[PD_FEATURES] = {0};
	struct pd_event e;
	int i;

	(void)state;
	for (i = 0; i < 4000; i++) {
		e = get((uint64_t)(i % 4 == 0 ? 1000 + i : i % 8),
		    (uint64_t)i * 1000, (uint64_t)i);
		e.ns = i % 4 == 0 ? 5 : 6;
		e.size = i % 4 == 0 ? 1024 : 64;
		pd_history_add(h, &e, i % 4 == 0 ? row : other, NULL);
	}
	near(row[PD_F_ns_share_1m], -2.0, 0.01);
	near(row[PD_F_ns_share_1h], -2.0, 0.01);
	near(other[PD_F_ns_share_1m], log2(0.75), 0.01);
	assert_true(row[PD_F_ns_reuse] == 0.0f);
	known(row, PD_F_ns_gap, PD_F_ns_gap, false);
	assert_true(row[PD_F_ns_size] == 10.0f && other[PD_F_ns_size] == 6.0f);
	near(other[PD_F_ns_reuse], 1.0, 1e-6);
	near(other[PD_F_ns_gap], log2(9), 1e-6);
	assert_true(row[PD_F_ns_bucket] >= 0 && row[PD_F_ns_bucket] < 64);
	assert_true(row[PD_F_ns_bucket] != other[PD_F_ns_bucket]);
	pd_history_stats(h, &st);
	assert_int_equal(st.namespaces, 2);
	assert_int_equal(st.namespaces_over, 0);
	pd_history_free(h);
}

static void
namespaces_are_bounded(void **state)
{
	struct pd_history_opts o = {.keys = 4, .namespaces = 3};
	struct pd_history *h = pd_history_new(&o, NULL);
	struct pd_history_stats st;
	float row[PD_FEATURES];
	struct pd_event e;
	uint32_t i;

	(void)state;
	for (i = 1; i <= 5; i++) {
		e = get(1, i * SEC, i);
		e.ns = i;
		pd_history_add(h, &e, row, NULL);
	}
	known(row, PD_F_ns_share_1m, PD_F_ns_size, false);
	known(row, PD_F_ns_bucket, PD_F_ns_bucket, true);
	pd_history_stats(h, &st);
	assert_int_equal(st.namespaces, 3);
	assert_int_equal(st.namespaces_over, 2);
	pd_history_free(h);
}

/* A key that was not asked for again goes, and is counted. */
static void
keys_are_bounded(void **state)
{
	struct pd_history *h = tracker(3);
	struct pd_history_stats before, st;
	struct pd_history_note note;
	static const uint64_t keys[] = {1, 2, 3, 1, 4, 2};
	struct pd_event e;
	uint64_t i;

	(void)state;
	pd_history_stats(h, &before);
	for (i = 0; i < 6; i++) {
		e = get(keys[i], i * SEC, i);
		pd_history_add(h, &e, NULL, &note);
		assert_int_equal(note.is_new, i != 3);
		assert_int_equal(note.dropped, i >= 4);
		assert_true(note.slot < 3);
	}
	for (i = 6; i < 100000; i++) {
		e = get(pd_mix64(i), i * SEC, i);
		pd_history_add(h, &e, NULL, &note);
		assert_true(note.is_new && note.dropped && note.slot < 3);
	}
	pd_history_stats(h, &st);
	assert_int_equal(st.keys, 3);
	assert_int_equal(st.keys_dropped, 100000 - 1 - 3);
	assert_int_equal(st.memory_bytes, before.memory_bytes);
	pd_history_free(h);
}

static void
memory_is_as_said(void **state)
{
	struct pd_history *h = tracker(1u << 16);
	struct pd_history_stats st;

	(void)state;
	pd_history_stats(h, &st);
	/* 88 bytes a key, at most 4 of hash, and namespaces. */
	assert_true(st.memory_bytes <=
		    (1u << 16) * (size_t)PD_HISTORY_KEY_BYTES + 140000);
	pd_history_free(h);
	h = tracker((1u << 17) - 1);
	pd_history_stats(h, &st);
	assert_true(st.memory_bytes <=
		    ((1u << 17) - 1) * (size_t)PD_HISTORY_KEY_BYTES + 140000);
	pd_history_free(h);
}

/* Keys that are asked for each turn of the clock stay; others pass by. */
static void
clock_keeps_the_busy(void **state)
{
	struct pd_history *h = tracker(100);
	struct pd_history_note note;
	struct pd_event e;
	uint64_t i, again = 0;

	(void)state;
	for (i = 0; i < 100000; i++) {
		e = get(i % 3 == 0 ? i / 3 % 20 : pd_mix64(i), i * 1000, i);
		pd_history_add(h, &e, NULL, &note);
		again += !note.is_new;
	}
	assert_true(again > 33000);
	pd_history_free(h);
}

/* Looking ahead changes nothing, whatever is there. */
static void
ahead_changes_nothing(void **state)
{
	struct pd_history *a = tracker(50), *b = tracker(50);
	float ra[PD_FEATURES] = {0}, rb[PD_FEATURES] = {0};
	uint64_t keys[400];
	struct pd_event e;
	unsigned i;

	(void)state;
	for (i = 0; i < 400; i++)
		keys[i] = pd_mix64(i) % 70;
	for (i = 0; i < 400; i++) {
		e = get(keys[i], i * SEC, i);
		pd_history_ahead(a, keys[i], pd_mix64(keys[i]));
		pd_history_add(a, &e, ra, NULL);
		pd_history_add(b, &e, rb, NULL);
		assert_memory_equal(ra, rb, sizeof(ra));
	}
	pd_history_free(a);
	pd_history_free(b);
}

/* A count of a million is as true as one of ten: rounding has no bias. */
static void
large_counts_do_not_stick(void **state)
{
	struct pd_history *h = tracker(4);
	float row[PD_FEATURES];
	struct pd_event e;
	uint64_t i;

	(void)state;
	for (i = 0; i < 4000000; i++) {
		e = get(1, i, i); /* a million a second */
		pd_history_add(h, &e, NULL, NULL);
	}
	e = get(1, i, i);
	pd_history_add(h, &e, row, NULL);
	near(row[PD_F_edc_3d], 4e6, 2e4);
	near(row[PD_F_edc_1s], 1e6 / M_LN2 * (1 - exp2(-4)), 1.3e5);
	near(row[PD_F_rate_1m], log2(1e6), 0.02);
	pd_history_free(h);
}

/* Steps backwards count as no distance; the later time stays. */
static void
backwards_is_no_distance(void **state)
{
	struct pd_history *h = tracker(4);
	struct pd_history_stats st;
	struct pd_history_note note;
	float row[PD_FEATURES];
	struct pd_event e;

	(void)state;
	e = get(1, 100 * SEC, 1000);
	pd_history_add(h, &e, row, NULL);
	e = get(1, 90 * SEC, 990);
	pd_history_add(h, &e, row, &note);
	assert_int_equal(note.distance, 0);
	assert_true(row[PD_F_time_age] == 0.0f);
	e = get(1, 101 * SEC, 1002);
	pd_history_add(h, &e, row, &note);
	assert_int_equal(note.distance, 2);
	near(row[PD_F_time_age], log2(1001), 1e-6);
	near(row[PD_F_edc_1m], 2 * exp2(-1.0 / 64), 1e-6);
	pd_history_stats(h, &st);
	assert_int_equal(st.backwards, 1);
	pd_history_free(h);
}

/* The same distances give the same rows wherever the counters start. */
static void
wraparound(void **state)
{
	const uint64_t base_tick = UINT64_MAX - 5000;
	/* 2^40 ms less 20 s, in us */
	const uint64_t base_time = ((1ULL << 40) - 20000) * 1000;
	struct pd_history *a = tracker(8), *b = tracker(8);
	float ra[PD_FEATURES], rb[PD_FEATURES];
	struct pd_event e;
	struct pd_rng rng;
	uint64_t i, t = 0, key;

	(void)state;
	pd_rng_init(&rng, 9);
	for (i = 0; i < 10000; i++) {
		t += 1000ULL * pd_rng_below(&rng, 9);
		key = 1 + pd_rng_below(&rng, 5);
		e = get(key, t, i);
		pd_history_add(a, &e, ra, NULL);
		e = get(key, base_time + t, base_tick + i);
		pd_history_add(b, &e, rb, NULL);
		/* in units of 16 s, their phase may differ */
		ra[PD_F_gaps_in_hour] = rb[PD_F_gaps_in_hour];
		assert_memory_equal(ra, rb, sizeof(ra));
	}
	pd_history_free(a);
	pd_history_free(b);
}

/* An event that stands for w accesses: gaps are shared out, counts are not. */
static void
weights(void **state)
{
	struct pd_history *h = tracker(4);
	struct pd_history_note note;
	float row[PD_FEATURES];
	struct pd_event e;

	(void)state;
	e = get(1, 0, 0);
	pd_history_add(h, &e, row, NULL);
	e = get(1, 8 * SEC, 80);
	e.weight = 8;
	pd_history_add(h, &e, row, &note);
	assert_int_equal(note.distance, 10);
	near(row[PD_F_time_age], log2(1001), 1e-6);
	e = get(1, 8 * SEC, 81);
	pd_history_add(h, &e, row, NULL);
	near(row[PD_F_count], log2(10), 1e-6);
	near(row[PD_F_edc_1m], 8 + exp2(-8.0 / 64), 2e-5);
	pd_history_free(h);
}

/* Extreme events break nothing: every value is a number or NaN, in range. */
static void
hostile_events(void **state)
{
	struct pd_history *h = tracker(64);
	float row[PD_FEATURES];
	struct pd_event e;
	struct pd_rng rng;
	int i, j;

	(void)state;
	pd_rng_init(&rng, 11);
	for (i = 0; i < 200000; i++) {
		memset(&e, 0, sizeof(e));
		e.time_us = pd_rng_u64(&rng) >> pd_rng_below(&rng, 64);
		e.tick = pd_rng_u64(&rng) >> pd_rng_below(&rng, 64);
		e.key = pd_rng_below(&rng, 100);
		e.ttl_ms = pd_rng_u64(&rng) >> pd_rng_below(&rng, 64);
		e.size = (uint32_t)pd_rng_u64(&rng);
		e.latency_us = (uint32_t)pd_rng_u64(&rng);
		e.ns = pd_rng_below(&rng, 4);
		e.weight = (uint32_t)pd_rng_u64(&rng) >> pd_rng_below(&rng, 32);
		e.op = (uint8_t)pd_rng_below(&rng, PD_OP_MAX);
		e.flags = (uint8_t)pd_rng_below(&rng, 8);
		for (j = 0; j < PD_CTX_COUNT; j++)
			e.ctx[j] = (uint8_t)pd_rng_u64(&rng);
		memset(row, 0, sizeof(row));
		pd_history_add(h, &e, row, NULL);
		for (j = 0; j < PD_FEATURES; j++)
			assert_true(isnan(row[j]) || fabsf(row[j]) < 1e9f ||
				    (j >= PD_F_edc_1s && j <= PD_F_edc_3d &&
					row[j] < 1e16f));
	}
	pd_history_free(h);
}

/* The bits of all rows of a made-up stream: the same on every machine. */
static void
bits_never_change(void **state)
{
	struct pd_history *h = tracker(200);
	float row[PD_FEATURES];
	struct pd_event e;
	struct pd_rng rng;
	uint64_t sum = 0, t = 0, i, key, tick;
	uint32_t b;
	int j;

	(void)state;
	pd_rng_init(&rng, 13);
	for (i = 0; i < 50000; i++) {
		key = pd_rng_u64(&rng);
		t += key >> (40 + pd_rng_below(&rng, 24));
		key = pd_rng_below(&rng, 300);
		key = 1 + (key & pd_rng_below(&rng, 300));
		tick = i + pd_rng_below(&rng, 2);
		e = get(key, t, tick);
		e.size = 1 + pd_rng_below(&rng, 5000);
		e.ns = pd_rng_below(&rng, 3);
		e.op = (uint8_t)pd_rng_below(&rng, PD_OP_MAX);
		e.flags = (uint8_t)pd_rng_below(&rng, 8);
		e.ttl_ms = e.flags & PD_EV_TTL ? pd_rng_below(&rng, 99999) : 0;
		e.latency_us = pd_rng_below(&rng, 3000);
		e.weight = 1 + (pd_rng_below(&rng, 10) == 0);
		for (j = 0; j < PD_CTX_COUNT; j++)
			e.ctx[j] = (uint8_t)pd_rng_below(&rng, 256);
		memset(row, 0, sizeof(row));
		pd_history_add(h, &e, row, NULL);
		for (j = 0; j < PD_FEATURES; j++) {
			memcpy(&b, &row[j], sizeof(b));
			sum = pd_mix64(sum ^ (isnan(row[j]) ? 1 : b));
			/* one NaN only, or files would differ */
			assert_true(!isnan(row[j]) || b == 0x7fc00000);
		}
	}
	pd_history_free(h);
	assert_int_equal(sum, 0x956415f1d40e222a);
}

static void
too_many_keys(void **state)
{
	struct pd_history_opts o = {.keys = UINT32_MAX};
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	assert_null(pd_history_new(&o, &err));
	assert_non_null(strstr(err.msg, "4294967295 keys"));
	pd_history_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(first_row),
	    cmocka_unit_test(rows_by_hand),
	    cmocka_unit_test(gaps_shift),
	    cmocka_unit_test(twelve_in_an_hour),
	    cmocka_unit_test(fill_belongs_to_its_miss),
	    cmocka_unit_test(asides_are_no_accesses),
	    cmocka_unit_test(time_to_live),
	    cmocka_unit_test(context_codes),
	    cmocka_unit_test(namespaces),
	    cmocka_unit_test(namespaces_are_bounded),
	    cmocka_unit_test(keys_are_bounded),
	    cmocka_unit_test(memory_is_as_said),
	    cmocka_unit_test(clock_keeps_the_busy),
	    cmocka_unit_test(ahead_changes_nothing),
	    cmocka_unit_test(large_counts_do_not_stick),
	    cmocka_unit_test(backwards_is_no_distance),
	    cmocka_unit_test(wraparound),
	    cmocka_unit_test(weights),
	    cmocka_unit_test(hostile_events),
	    cmocka_unit_test(bits_never_change),
	    cmocka_unit_test(too_many_keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
