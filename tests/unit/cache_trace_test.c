/* Traces that are joined, and samples of their keys. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache/trace.h"
#include "data/event.h"

static void
add(struct pd_trace *t, uint64_t key, uint64_t tick, uint64_t us)
{
	struct pd_event e;

	pd_event_init(&e);
	e.key = key;
	e.size = (uint32_t)key + 1;
	e.op = PD_OP_GET;
	e.tick = tick;
	e.time_us = us;
	assert_int_equal(pd_trace_add(t, &e, NULL, 0, NULL), 0);
}

/* Another part: other keys, ticks and times that go on. */
static void
parts(void **state)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	uint64_t i;

	(void)state;
	for (i = 0; i < 4; i++)
		add(t, i % 2, i, 1000 + i * 10);
	assert_null(t->tick); /* they are the entries' numbers */
	pd_trace_part(t);
	for (i = 0; i < 4; i++)
		add(t, i % 2, 500 + i * 3, 7 + i);
	assert_int_equal(t->unique, 4);
	assert_int_equal(t->id[4], 2);
	assert_int_equal(t->id[6], 2);
	assert_int_equal(t->tick[3], 3);
	assert_int_equal(t->tick[4], 4);
	assert_int_equal(t->tick[5], 7);
	assert_int_equal(t->tick[7], 13);
	assert_int_equal(t->t_first_us, 1000);
	assert_int_equal(t->t_last_us, 1030 + 10 + 3);
	pd_trace_part(t);
	add(t, 0, 0, 0);
	assert_int_equal(t->unique, 5);
	assert_int_equal(t->tick[8], 14);
	pd_trace_free(t);
}

/* A part that goes on without a gap keeps ticks implicit. */
static void
parts_of_csvs(void **state)
{
	struct pd_trace *t = pd_trace_new(false, NULL);
	uint64_t i;

	(void)state;
	for (i = 0; i < 3; i++)
		add(t, i, i, i * 1000000);
	pd_trace_part(t);
	for (i = 0; i < 3; i++)
		add(t, i, i, i * 1000000);
	assert_null(t->tick);
	assert_int_equal(t->t_last_us, 5000000);
	pd_trace_free(t);
}

/* Two halves have each key once, with all of its accesses and their ticks. */
static void
samples(void **state)
{
	struct pd_trace *t = pd_trace_new(false, NULL), *half[2];
	size_t place[2][3] = {{0, 5000, 20000}, {0, 5000, 20000}};
	size_t *cut[3], i, k, n = 0;
	uint32_t keys = 0;

	(void)state;
	for (i = 0; i < 20000; i++)
		add(t, i * i % 4001, i, i);
	for (k = 0; k < 2; k++) {
		for (i = 0; i < 3; i++)
			cut[i] = &place[k][i];
		half[k] = pd_trace_sample(t, (double)k / 2, 0.5, cut, 3, NULL);
		assert_non_null(half[k]);
		assert_true(half[k]->rate == 0.5);
		assert_in_range(
		    half[k]->unique, t->unique * 4 / 10, t->unique * 6 / 10);
		keys += half[k]->unique;
		n += half[k]->n;
		assert_int_equal(place[k][0], 0);
		assert_int_equal(place[k][2], half[k]->n);
		assert_true(half[k]->tick[place[k][1]] >= 5000);
		assert_true(half[k]->tick[place[k][1] - 1] < 5000);
		for (i = 0; i < half[k]->n; i++) {
			const size_t at = (size_t)half[k]->tick[i];

			assert_int_equal(
			    half[k]->key[half[k]->id[i]], t->key[t->id[at]]);
			assert_int_equal(half[k]->size[i], t->size[at]);
		}
	}
	assert_int_equal(place[0][1] + place[1][1], 5000);
	assert_int_equal(keys, t->unique);
	assert_int_equal(n, t->n);
	pd_trace_free(half[0]);
	pd_trace_free(half[1]);
	pd_trace_free(t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(parts),
	    cmocka_unit_test(parts_of_csvs),
	    cmocka_unit_test(samples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
