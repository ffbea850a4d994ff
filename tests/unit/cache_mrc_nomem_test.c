/* A miss-ratio curve when memory runs out: a message, and nothing is left. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "nomem.h"

#include "base/err.h"
#include "base/hash.h"
#include "cache/mrc.h"
#include "data/event.h"
#include "data/pds_meta.h"

#if NOMEM_WORKS

/* Keys, deletions and enough accesses for all tables to grow. 0 or -1. */
static int
run(struct pd_err *err)
{
	const struct pd_mrc_params p = {true, 0};
	struct pd_mrc *m = pd_mrc_new(&p, err);
	struct pd_pds_meta meta;
	struct pd_event e;
	uint64_t i;
	int rc = 0;

	if (m == NULL)
		return -1;
	pd_pds_meta_init(&meta);
	for (i = 0; i < 90000 && rc == 0; i++) {
		pd_event_init(&e);
		e.tick = i;
		e.key = pd_mix64(i % 40000 + 1);
		e.op = i % 5 == 4 ? PD_OP_DEL : PD_OP_GET;
		rc = pd_mrc_add(m, &e, 0, &meta, err);
	}
	pd_mrc_free(m);
	return rc;
}

static void
test_each_allocation_may_fail(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	const long live = heap.live;
	long k;
	int rc = -1;

	(void)state;
	for (k = 0; rc != 0; k++) {
		assert_in_range(k, 0, 1000);
		heap.left = k;
		rc = run(&err);
		heap.left = -1;
		assert_int_equal(heap.live, live);
		if (rc != 0)
			assert_string_equal(err.msg, "out of memory");
	}
	assert_true(k > 20);
}

#else

static void
test_each_allocation_may_fail(void **state)
{
	(void)state;
	skip();
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_each_allocation_may_fail),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
