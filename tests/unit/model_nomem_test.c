/*
 * Memory that runs out at every possible place while a model is read: a
 * refusal each time, nothing leaked, and success in the end. The allocator is
 * replaced in this program, for jansson too. (Not through an archive:
 * libarchive 3.6 itself does not check every allocation.)
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "model/golden.h"
#include "model/manifest.h"
#include "model/model.h"
#include "model/trees.h"
#include "model_fixture.h"
#include "nomem.h"

#if !NOMEM_WORKS

static void
test_nomem(void **state)
{
	(void)state;
	skip();
}

#else

/*
 * Run ${fn} with the first, second, ... allocation failing until there are
 * that many no more. It may succeed all the same where a library can do
 * without. How many times it failed.
 */
static long
each_failure(int (*fn)(void *cookie, struct pd_err *err), void *cookie)
{
	struct pd_err err;
	long n, live, failed = 0;
	bool reached = true;
	int r = -1;

	for (n = 0; reached && n < 100000; n++) {
		err.msg[0] = '\0';
		live = heap.live;
		heap.left = n;
		r = fn(cookie, &err);
		reached = heap.left < 0;
		heap.left = -1;
		if (heap.live != live)
			fail_msg("allocation %ld: %ld blocks leaked: %s", n,
			    heap.live - live, err.msg);
		if (r != 0 && err.msg[0] == '\0')
			fail_msg("allocation %ld failed silently", n);
		failed += r != 0;
	}
	assert_int_equal(r, 0);
	return failed;
}

static int
trees(void *cookie, struct pd_err *err)
{
	const struct golden *g = cookie;
	struct pd_trees *t = pd_trees_parse(g->json.data, g->json.len, err);

	pd_trees_free(t);
	return t != NULL ? 0 : -1;
}

static int
manifest(void *cookie, struct pd_err *err)
{
	const struct pd_buf *b = cookie;
	struct pd_model m = {0};
	json_t *top = pd_manifest_parse(b->data, b->len, &m, err);

	json_decref(top);
	return top != NULL ? 0 : -1;
}

static int
golden(void *cookie, struct pd_err *err)
{
	const struct golden *g = cookie;
	struct pd_buf b = PD_BUF_INIT;
	struct pd_trees *t = pd_trees_parse(g->json.data, g->json.len, err);
	int r = -1;

	if (t != NULL &&
	    pd_golden_format(t, g->rows, GOLDEN_ROWS, &b, err) == 0)
		r = pd_golden_check(t, b.data, b.len, GOLDEN_ROWS, err);
	pd_trees_free(t);
	pd_buf_release(&b);
	return r;
}

static void
test_nomem(void **state)
{
	struct pd_bundle_parts p;
	struct pd_buf b = PD_BUF_INIT;
	struct golden g;

	(void)state;
	golden_read(&g, "logistic_d1_base", 3);
	p = golden_parts(&g);
	assert_int_equal(pd_manifest_format(&p, NULL, 0, &b, NULL), 0);
	assert_true(each_failure(trees, &g) > 100);
	assert_true(each_failure(golden, &g) > 100);
	assert_true(each_failure(manifest, &b) > 20);
	pd_buf_release(&b);
	golden_release(&g);
}

#endif

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_nomem),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
