#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/grow.h"
#include "base/rng.h"

/* What is kept is kept, what is new is zero, over all borders of kinds and
 * pages. */
static void
keeps_and_zeroes(void **state)
{
	static const size_t borders[] = {1, 64, 4032, 4096, 262080, 262143,
	    262144, 262145, 266176, 270272, 1 << 20};
	uint8_t *model = calloc(1, 2 << 20), *p = NULL;
	size_t had = 0, n, i, k;
	struct pd_rng r;

	(void)state;
	assert_non_null(model);
	pd_rng_init(&r, 3);
	for (i = 0; i < 3000; i++) {
		n = borders[pd_rng_below(&r, 11)] + pd_rng_below(&r, 3);
		p = pd_grow(p, n);
		assert_non_null(p);
		assert_int_equal((uintptr_t)p % 64, 0);
		assert_int_equal(pd_grow_size(p), n);
		if (n < had)
			memset(model + n, 0, had - n);
		if (memcmp(p, model, n) != 0)
			fail_msg("step %zu: %zu bytes after %zu", i, n, had);
		if (i % 3 == 0) {
			const size_t from = pd_rng_below(&r, (uint32_t)n);
			const size_t to =
			    from + pd_rng_below(&r, (uint32_t)(n - from) + 1);

			memset(p + from, 0, to - from);
			memset(model + from, 0, to - from);
			pd_grow_drop(p, from, to);
			assert_memory_equal(p, model, n);
		}
		for (k = 0; k < 20; k++) {
			const size_t at = pd_rng_below(&r, (uint32_t)n);

			p[at] = model[at] = (uint8_t)pd_rng_below(&r, 256);
		}
		p[n - 1] = model[n - 1] = 7;
		had = n;
	}
	pd_grow_free(p);
	free(model);
}

static void
refuses_what_cannot_be(void **state)
{
	uint8_t *p = pd_grow(NULL, 10);

	(void)state;
	assert_non_null(p);
	p[9] = 3;
	assert_null(pd_grow(p, SIZE_MAX));
	assert_null(pd_grow(p, SIZE_MAX / 2));
	assert_int_equal(p[9], 3);
	assert_int_equal(pd_grow_size(p), 10);
	pd_grow_free(p);
	pd_grow_free(NULL);
	assert_int_equal(pd_grow_size(NULL), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_and_zeroes),
	    cmocka_unit_test(refuses_what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
