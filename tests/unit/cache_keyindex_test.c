/* The index of an array by key, against a plain search. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "cache/keyindex.h"

#define N 300

struct entry {
	uint64_t key;
	char payload[16]; /* so that the stride is not the key's size */
};

static uint32_t
search(const struct entry *e, const char *used, uint64_t key)
{
	uint32_t i;

	for (i = 0; i < N; i++)
		if (used[i] && e[i].key == key)
			return i;
	return PD_KEYINDEX_NONE;
}

static void
equals_a_plain_search(void **state)
{
	struct entry e[N], moved[N];
	char used[N] = {0};
	struct pd_keyindex ix;
	struct pd_rng rng;
	uint64_t key;
	uint32_t i, step;

	(void)state;
	memset(e, 0, sizeof(e));
	assert_int_equal(pd_keyindex_init(&ix, e, sizeof(e[0])), 0);
	pd_rng_init(&rng, 11);
	for (step = 0; step < 200000; step++) {
		i = pd_rng_below(&rng, N);
		key = pd_rng_below(&rng, 500); /* neighbours in a row */
		if (step == 100000) {
			memcpy(moved, e, sizeof(e));
			pd_keyindex_move(&ix, moved);
			memset(e, 0xff, sizeof(e));
		}
		if (used[i]) {
			pd_keyindex_del(&ix, i);
			used[i] = 0;
		} else if (search(step < 100000 ? e : moved, used, key) ==
			   PD_KEYINDEX_NONE) {
			(step < 100000 ? e : moved)[i].key = key;
			assert_int_equal(
			    pd_keyindex_reserve(&ix, ix.used + 1), 0);
			pd_keyindex_add(&ix, i);
			used[i] = 1;
		}
		key = pd_rng_below(&rng, 500);
		assert_int_equal(pd_keyindex_find(&ix, key),
		    search(step < 100000 ? e : moved, used, key));
	}
	assert_true(pd_keyindex_memory(&ix) >= (size_t)ix.used * 4);
	pd_keyindex_release(&ix);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(equals_a_plain_search),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
