/* Ghost table and frequency sketch. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "cache/ghosttab.h"
#include "cache/sketch.h"

static void
keeps_order_and_units(void **state)
{
	struct pd_ghosttab g;

	(void)state;
	pd_ghosttab_init(&g);
	assert_int_equal(pd_ghosttab_find(&g, 7), PD_NO_SLOT);
	assert_int_equal(pd_ghosttab_take(&g, 7), -1);
	pd_ghosttab_push(&g, 0, 1, 10);
	pd_ghosttab_push(&g, 0, 2, 20);
	pd_ghosttab_push(&g, 1, 3, 30);
	pd_ghosttab_push(&g, 0, 1, 15); /* renewed, another size */
	assert_int_equal(g.list[0].count, 2);
	assert_int_equal(g.list[0].units, 35);
	assert_int_equal(g.entry[g.list[0].oldest].print, 2);
	pd_ghosttab_trim(&g, 0, 34);
	assert_int_equal(pd_ghosttab_find(&g, 2), PD_NO_SLOT);
	assert_int_equal(pd_ghosttab_take(&g, 3), 1);
	assert_int_equal(pd_ghosttab_take(&g, 1), 0);
	assert_int_equal(g.list[0].units + g.list[1].units, 0);
	pd_ghosttab_release(&g);
}

#define PRINTS 600

/* Against an array by fingerprint; few index bits, so that clusters form. */
static void
equals_a_naive_one(void **state)
{
	uint64_t when[PRINTS] = {0};
	uint32_t size[PRINTS], print, k, oldest;
	struct pd_ghosttab g;
	struct pd_rng rng;
	uint64_t step, units = 0;

	(void)state;
	pd_rng_init(&rng, 4);
	pd_ghosttab_init(&g);
	for (step = 1; step < 200000; step++) {
		k = pd_rng_below(&rng, PRINTS);
		print = k % 40 + (k / 40) * 0x10000; /* collide below */
		if (step % 3 == 0) {
			assert_int_equal(
			    pd_ghosttab_take(&g, print), when[k] != 0 ? 0 : -1);
			units -= when[k] != 0 ? size[k] : 0;
			when[k] = 0;
			continue;
		}
		units -= when[k] != 0 ? size[k] : 0;
		size[k] = 1 + pd_rng_below(&rng, 9);
		units += size[k];
		when[k] = step;
		pd_ghosttab_push(&g, 0, print, size[k]);
		if (units > 1000) {
			for (k = oldest = 0; k < PRINTS; k++)
				if (when[k] != 0 && (when[oldest] == 0 ||
							when[k] < when[oldest]))
					oldest = k;
			units -= size[oldest];
			when[oldest] = 0;
			pd_ghosttab_del(&g, g.list[0].oldest);
		}
		assert_int_equal(g.list[0].units, units);
	}
	for (k = 0; k < PRINTS; k++)
		assert_int_equal(pd_ghosttab_find(&g,
				     k % 40 + (k / 40) * 0x10000) != PD_NO_SLOT,
		    when[k] != 0);
	assert_true(pd_ghosttab_memory(&g) > 0);
	pd_ghosttab_release(&g);
}

static void
sketch_counts_and_forgets(void **state)
{
	struct pd_sketch s;
	uint64_t h[100];
	unsigned i, k, exact = 0;

	(void)state;
	for (i = 0; i < 100; i++)
		h[i] = pd_mix64(i + 1);
	assert_int_equal(pd_sketch_init(&s, 1000, 1u << 20), 0);
	for (i = 0; i < 100; i++)
		for (k = 0; k < i % 10; k++)
			pd_sketch_add(&s, h[i]);
	for (i = 0; i < 100; i++) {
		assert_true(pd_sketch_get(&s, h[i]) >= i % 10);
		exact += pd_sketch_get(&s, h[i]) == i % 10;
	}
	assert_true(exact >= 98);
	for (k = 0; k < 50; k++)
		pd_sketch_add(&s, h[9]);
	assert_int_equal(pd_sketch_get(&s, h[9]), 15);
	pd_sketch_release(&s);

	/* After 100 additions everything is halved. */
	assert_int_equal(pd_sketch_init(&s, 1000, 100), 0);
	for (k = 0; k < 10; k++)
		pd_sketch_add(&s, h[0]);
	for (i = 0; i < 90; i++)
		pd_sketch_add(&s, pd_mix64(1000 + i));
	assert_in_range(pd_sketch_get(&s, h[0]), 5, 6);
	pd_sketch_release(&s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_order_and_units),
	    cmocka_unit_test(equals_a_naive_one),
	    cmocka_unit_test(sketch_counts_and_forgets),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
