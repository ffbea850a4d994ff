/*
 * The GPU's path on a machine without one: the host code against the driver of
 * tests/gpu/, which runs the same kernel source on the host.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dlfcn.h>
#include <math.h>

#include "base/rng.h"
#include "model/gpu.h"
#include "model/trees.h"
#include "model/trees_priv.h"
#include "model_fixture.h"

/* More than one batch of gpu.c, and a last block that is not full. */
#define ROWS 20011U

static struct {
	void *library;
	void (*fail_call)(long n);
	long (*calls)(void);
	long (*live)(void);
} fake;

static void
symbol(void *fn, const char *name)
{
	void *p = dlsym(fake.library, name);

	if (p == NULL)
		fail_msg("libcuda.so.1 is not the test's: no %s", name);
	memcpy(fn, &p, sizeof(p));
}

static int
open_fake(void **state)
{
	(void)state;
	fake.library = dlopen("libcuda.so.1", RTLD_NOW);
	if (fake.library == NULL)
		fail_msg("%s", dlerror());
	symbol(&fake.fail_call, "fake_cuda_fail");
	symbol(&fake.calls, "fake_cuda_calls");
	symbol(&fake.live, "fake_cuda_live");
	return 0;
}

static int
close_fake(void **state)
{
	(void)state;
	return dlclose(fake.library);
}

/*
 * ${ROWS} rows of what a walk can stumble over: NaN, infinities, zeros of both
 * signs, denormals, and the thresholds themselves with their neighbours.
 */
static float *
draw_rows(const struct pd_trees *t, uint64_t seed)
{
	static const float specials[] = {NAN, NAN, NAN, -NAN, INFINITY,
	    -INFINITY, 0.0f, -0.0f, 1e-42f, -1e-45f, 3.4e38f, -3.4e38f};
	const size_t n = (size_t)ROWS * t->cols;
	float *rows = calloc(n, sizeof(*rows)), v;
	struct pd_rng r;
	size_t i;

	assert_non_null(rows);
	pd_rng_init(&r, seed);
	for (i = 0; i < n; i++) {
		v = t->nodes[pd_rng_below(&r, (uint32_t)t->nodes_len)].value;
		switch (pd_rng_below(&r, 4)) {
		case 0:
			v = specials[pd_rng_below(
			    &r, sizeof(specials) / sizeof(specials[0]))];
			break;
		case 1:
			v = nextafterf(v, pd_rng_below(&r, 2) ? -9e9f : 9e9f);
			break;
		case 2:
			v = (float)(pd_rng_double(&r) * 8 - 4);
			break;
		default:
			break;
		}
		rows[i] = v;
	}
	return rows;
}

/* The card must give the bits of the CPU for 1, some and many rows. */
static void
compare(const struct pd_trees *t, const char *what)
{
	static const uint32_t sizes[] = {1, 127, 128, 129, 16384, ROWS};
	struct pd_err err = PD_ERR_INIT;
	float *rows = draw_rows(t, 11), *want, *got;
	struct pd_gpu *g;
	size_t i, k;

	want = calloc(ROWS, sizeof(*want));
	got = calloc(ROWS + 1, sizeof(*got));
	assert_non_null(want);
	assert_non_null(got);
	pd_trees_score_batch(t, rows, t->cols, ROWS, want);
	fake.fail_call(0);
	g = pd_gpu_open(t, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(g);
	assert_string_equal(pd_gpu_name(g), "emulated on the host");
	for (k = 0; k < sizeof(sizes) / sizeof(sizes[0]); k++) {
		memset(got, 0xff, (ROWS + 1) * sizeof(*got));
		assert_int_equal(pd_gpu_score(g, rows, sizes[k], got, &err), 0);
		for (i = 0; i < sizes[k]; i++)
			if (float_bits(got[i]) != float_bits(want[i]))
				fail_msg("%s, row %zu of %u: %a, must be %a",
				    what, i, sizes[k], (double)got[i],
				    (double)want[i]);
		assert_int_equal(float_bits(got[sizes[k]]), 0xffffffff);
	}
	assert_int_equal(pd_gpu_score(g, rows, 0, got, &err), 0);
	pd_gpu_close(g);
	assert_int_equal(fake.live(), 0);
	free(rows);
	free(want);
	free(got);
}

static void
test_golden_models(void **state)
{
	static const struct {
		const char *name;
		unsigned cols;
	} m[] = {
	    {"logistic_d3", 6}, {"logistic_d1_base", 3}, {"squared_d6", 6}};
	struct pd_trees *t;
	struct golden g;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		golden_read(&g, m[i].name, m[i].cols);
		t = pd_trees_parse(g.json.data, g.json.len, NULL);
		assert_non_null(t);
		compare(t, m[i].name);
		pd_trees_free(t);
		golden_release(&g);
	}
}

/*
 * 192 trees over all 64 columns, NaN left and right in turn, from a leaf alone
 * to chains of six splits; leaves whose sum depends on the order.
 */
static struct pd_trees *
wide(struct pd_buf *b)
{
	static const char *const shape[][2] = {{"[-1]", "[-1]"},
	    {"[1,-1,-1]", "[2,-1,-1]"},
	    {"[1,-1,3,-1,5,-1,7,-1,9,-1,11,-1,-1]",
		"[2,-1,4,-1,6,-1,8,-1,10,-1,12,-1,-1]"}};
	static const unsigned nodes[] = {1, 3, 13};
	unsigned i, k, s;

	pd_buf_addstr(b,
	    "{\"learner\":{\"learner_model_param\":{\"base_score\":\"0.3\","
	    "\"num_class\":\"0\",\"num_feature\":\"64\"},\"objective\":"
	    "{\"name\":\"reg:squarederror\"},\"gradient_booster\":{\"name\":"
	    "\"gbtree\",\"model\":{\"trees\":[");
	for (i = 0; i < 192; i++) {
		s = i % 3;
		pd_buf_printf(b,
		    "%s{\"left_children\":%s,\"right_children\":%s"
		    ",\"split_indices\":[",
		    i > 0 ? "," : "", shape[s][0], shape[s][1]);
		for (k = 0; k < nodes[s]; k++)
			pd_buf_printf(b, k ? ",%u" : "%u", (i + 11 * k) % 64);
		pd_buf_addstr(b, "],\"default_left\":[");
		for (k = 0; k < nodes[s]; k++)
			pd_buf_printf(b, k ? ",%u" : "%u", (i / 3 + k / 2) % 2);
		pd_buf_addstr(b, "],\"split_conditions\":[");
		for (k = 0; k < nodes[s]; k++)
			pd_buf_printf(b, k ? ",%.9g" : "%.9g",
			    sin(i * 13.0 + k) * (i % 5 == 0 ? 1e4 : 3));
		pd_buf_addstr(b, "]}");
	}
	pd_buf_addstr(b, "]}}}}");
	return pd_trees_parse(b->data, b->len, NULL);
}

static void
test_wide_model(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_trees *t = wide(&b);

	(void)state;
	assert_non_null(t);
	assert_int_equal(pd_trees_cols(t), 64);
	compare(t, "64 columns");
	pd_trees_free(t);
	pd_buf_release(&b);
}

/*
 * Each call of the driver fails in turn: one reason, nothing kept. Only the
 * calls that give back may fail unnoticed, when the scores are there.
 */
static void
test_each_call_fails(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_trees *t = wide(&b);
	float *rows, *out = calloc(ROWS, sizeof(*out));
	long n, failed = 0, unnoticed = 0;
	struct pd_err err;
	struct pd_gpu *g;
	int r;

	(void)state;
	assert_non_null(t);
	assert_non_null(out);
	rows = draw_rows(t, 12);
	for (n = 1;; n++) {
		memset(&err, 0, sizeof(err));
		fake.fail_call(n);
		r = -1;
		if ((g = pd_gpu_open(t, &err)) != NULL)
			r = pd_gpu_score(g, rows, ROWS, out, &err);
		pd_gpu_close(g);
		if (fake.live() != 0)
			fail_msg("call %ld: %ld leaked", n, fake.live());
		assert_int_equal(r != 0, err.msg[0] != '\0');
		if (fake.calls() < n)
			break;
		failed += r != 0;
		unnoticed += r == 0;
		if (r != 0)
			assert_non_null(strstr(err.msg, "made by the test"));
	}
	assert_int_equal(r, 0);
	/* 13 to open, 1 to choose the context, 2 batches of 4. */
	assert_int_equal(failed, 13 + 1 + 2 * 4);
	/* Choose the context, 4 buffers, module, no context, context. */
	assert_int_equal(unnoticed, 8);
	fake.fail_call(0);
	free(rows);
	free(out);
	pd_trees_free(t);
	pd_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden_models),
	    cmocka_unit_test(test_wide_model),
	    cmocka_unit_test(test_each_call_fails),
	};

	return cmocka_run_group_tests(tests, open_fake, close_fake);
}
