#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/hash.h"
#include "base/rng.h"
#include "cache/index.h"

#define MANY 500000 /* beyond 2^16 buckets: splits read the kept bits */

struct thing {
	uint64_t id;
	bool in;
	unsigned seen;
};

static struct thing *things;

static uint64_t
hash_of(const void *cookie, uint32_t item)
{
	(void)cookie;
	return pd_mix64(things[item].id);
}

static bool
same(const void *cookie, uint32_t item, const void *key)
{
	(void)cookie;
	return &things[item] == key;
}

static uint32_t
number(const struct thing *t)
{
	return (uint32_t)(t - things);
}

static bool
has(const struct pd_index *ix, struct thing *t)
{
	return pd_index_find(ix, pd_mix64(t->id), same, t) == number(t);
}

static int
setup(void **state)
{
	size_t i;

	(void)state;
	things = calloc(MANY, sizeof(*things));
	for (i = 0; things != NULL && i < MANY; i++)
		things[i].id = i + 1;
	return things == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	free(things);
	return 0;
}

static void
grows_and_shrinks(void **state)
{
	struct pd_index ix;
	uint32_t i;
	size_t first;

	(void)state;
	assert_int_equal(pd_index_init(&ix, hash_of, NULL), 0);
	first = pd_index_memory(&ix);
	for (i = 0; i < MANY; i++)
		assert_int_equal(
		    pd_index_add(&ix, pd_mix64(things[i].id), i), 0);
	assert_int_equal(ix.used, MANY);
	for (i = 0; i < MANY; i++)
		assert_true(has(&ix, &things[i]));
	/* 8 bytes an item at the load of 8, and the nodes. */
	assert_in_range(pd_index_memory(&ix) * 10 / MANY, 80, 95);
	for (i = 0; i < MANY; i++) {
		pd_index_del(&ix, pd_mix64(things[i].id), i);
		if (i % 5000 == 0 && i + 1 < MANY) {
			assert_false(has(&ix, &things[i]));
			assert_true(has(&ix, &things[i + 1]));
			assert_true(has(&ix, &things[MANY - 1]));
		}
	}
	assert_int_equal(ix.used, 0);
	assert_true(pd_index_memory(&ix) <= first * 2);
	pd_index_release(&ix);
}

/* Random insertions and deletions against a plain array of flags. */
static void
random_changes(void **state)
{
	enum { N = 3000 };
	struct pd_index ix;
	struct pd_rng r;
	uint64_t used = 0;
	uint32_t i, k;

	(void)state;
	pd_rng_init(&r, 7);
	assert_int_equal(pd_index_init(&ix, hash_of, NULL), 0);
	for (i = 0; i < 400000; i++) {
		struct thing *t = &things[pd_rng_below(&r, N)];

		assert_int_equal(has(&ix, t), t->in);
		/* Waves: mostly adding, then mostly deleting. */
		if (!t->in && pd_rng_below(&r, 10) < (i / 20000 % 2 ? 2 : 8)) {
			pd_index_add(&ix, pd_mix64(t->id), number(t));
			t->in = true;
			used++;
		} else if (t->in &&
			   pd_rng_below(&r, 10) < (i / 20000 % 2 ? 8 : 2)) {
			pd_index_del(&ix, pd_mix64(t->id), number(t));
			t->in = false;
			used--;
		}
		assert_int_equal(ix.used, used);
	}
	for (k = 0; k < N; k++) {
		assert_int_equal(has(&ix, &things[k]), things[k].in);
		things[k].in = false;
	}
	pd_index_release(&ix);
}

static uint64_t
one_hash(const void *cookie, uint32_t item)
{
	(void)cookie;
	(void)item;
	return UINT64_C(0x123456789abcdef0);
}

static void
equal_hashes_chain(void **state)
{
	const uint64_t h = one_hash(NULL, 0);
	struct pd_index ix;
	uint32_t i;

	(void)state;
	assert_int_equal(pd_index_init(&ix, one_hash, NULL), 0);
	for (i = 0; i < 1000; i++)
		assert_int_equal(pd_index_add(&ix, h, i), 0);
	for (i = 0; i < 1000; i++)
		assert_int_equal(pd_index_find(&ix, h, same, &things[i]), i);
	pd_index_replace(&ix, h, 500, 2000);
	assert_int_equal(
	    pd_index_find(&ix, h, same, &things[500]), PD_INDEX_NONE);
	assert_int_equal(pd_index_find(&ix, h, same, &things[2000]), 2000);
	pd_index_del(&ix, h, 2000);
	for (i = 0; i < 1000; i++)
		if (i != 500)
			pd_index_del(&ix, h, i);
	assert_int_equal(ix.used, 0);
	assert_int_equal(ix.nodes, 1);
	pd_index_release(&ix);
}

static void
mark(void *cookie, uint32_t item)
{
	(void)cookie;
	things[item].seen++;
}

/* What is there all the time is seen, while others come and go. */
static void
scan_while_it_changes(void **state)
{
	enum { STAY = 1000, COME = 30000 };
	struct pd_index ix;
	uint64_t cursor, turns;
	uint32_t i, round, next;

	(void)state;
	for (round = 0; round < 2; round++) {
		assert_int_equal(pd_index_init(&ix, hash_of, NULL), 0);
		for (i = 0; i < STAY + (round ? COME : 0); i++)
			pd_index_add(&ix, pd_mix64(things[i].id), i);
		for (i = 0; i < STAY + COME; i++)
			things[i].seen = 0;
		next = STAY;
		turns = 0;
		cursor = 0;
		do {
			cursor = pd_index_scan(&ix, cursor, mark, NULL);
			/* Grow in the first round, shrink in the second. */
			for (i = 0; i < 20 && next < STAY + COME; i++) {
				struct thing *t = &things[next++];

				if (round == 0)
					pd_index_add(
					    &ix, pd_mix64(t->id), number(t));
				else
					pd_index_del(
					    &ix, pd_mix64(t->id), number(t));
			}
			turns++;
			assert_in_range(turns, 0, 1000000);
		} while (cursor != 0);
		for (i = 0; i < STAY; i++)
			assert_true(things[i].seen > 0);
		pd_index_release(&ix);
	}
}

static void
cursors_from_anywhere(void **state)
{
	struct pd_index ix;
	struct pd_rng r;
	uint32_t i;

	(void)state;
	pd_rng_init(&r, 3);
	assert_int_equal(pd_index_init(&ix, hash_of, NULL), 0);
	for (i = 0; i < 1000; i++)
		pd_index_add(&ix, pd_mix64(things[i].id), i);
	for (i = 0; i < 10000; i++) {
		uint64_t c = pd_rng_u64(&r);
		uint64_t n = pd_index_scan(&ix, c, mark, NULL);

		assert_true(n == 0 || n > (c & 0xffffffffffff));
		assert_true(n >> 48 == 0);
	}
	pd_index_release(&ix);
}

static void
random_items(void **state)
{
	struct pd_index ix;
	struct pd_rng r;
	unsigned counts[40] = {0};
	uint32_t i;

	(void)state;
	pd_rng_init(&r, 5);
	assert_int_equal(pd_index_init(&ix, hash_of, NULL), 0);
	assert_int_equal(pd_index_random(&ix, 1), PD_INDEX_NONE);
	for (i = 0; i < 40; i++)
		pd_index_add(&ix, pd_mix64(things[i].id), i);
	for (i = 0; i < 20000; i++) {
		counts[pd_index_random(&ix, pd_rng_u64(&r))]++;
	}
	for (i = 0; i < 40; i++)
		assert_in_range(counts[i], 20, 4000);
	pd_index_release(&ix);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(grows_and_shrinks),
	    cmocka_unit_test(random_changes),
	    cmocka_unit_test(equal_hashes_chain),
	    cmocka_unit_test(scan_while_it_changes),
	    cmocka_unit_test(cursors_from_anywhere),
	    cmocka_unit_test(random_items),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
