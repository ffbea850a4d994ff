#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/rng.h"
#include "io/jsonin.h"

static json_t *
parse(const char *s, const struct pd_jsonin_limits *lim, struct pd_err *err)
{
	err->msg[0] = '\0';
	return pd_jsonin_parse(s, strlen(s), lim, err);
}

static void
test_limits(void **state)
{
	const struct pd_jsonin_limits lim = {20, 3, 4};
	struct pd_err err;
	json_t *j;

	(void)state;
	j = parse("[[1,2],[3,4]]", &lim, &err);
	assert_non_null(j);
	json_decref(j);
	assert_null(parse("[[1,2],[[[]]]]", &lim, &err));
	assert_string_equal(err.msg, "more than 3 objects and arrays");
	assert_null(parse("[1,2,3,4,5]", &lim, &err));
	assert_string_equal(err.msg, "more than 4 values");
	assert_null(parse("[                   ]", &lim, &err));
	assert_string_equal(err.msg, "21 bytes of JSON, more than 20");
	/* What is inside a string does not count. */
	j = parse("[\"[[[{{,,,,,\\\"[\"]", &lim, &err);
	assert_non_null(j);
	assert_string_equal(
	    json_string_value(json_array_get(j, 0)), "[[[{{,,,,,\"[");
	json_decref(j);
	assert_null(parse("{\"a\":1,\"a\":2}", &lim, &err));
	assert_non_null(strstr(err.msg, "duplicate"));
	assert_null(parse("[1] x", &lim, &err));
	assert_null(parse("\"\\", &lim, &err));
	assert_null(parse("", &lim, &err));
}

static int
text_float(const char *s, float *f)
{
	char t[64];
	json_t *j;
	int r;

	snprintf(t, sizeof(t), "[%s]", s);
	j = json_loads(t, 0, NULL);
	assert_non_null(j);
	r = pd_jsonin_float(json_array_get(j, 0), f);
	json_decref(j);
	return r;
}

/* The same bits as strtof() for text that writers of floats produce. */
static void
test_float_round_trip(void **state)
{
	struct pd_rng r;
	float f, back, want;
	char t[32];
	uint32_t u;
	int i, p;

	(void)state;
	pd_rng_init(&r, 5);
	for (i = 0; i < 200000; i++) {
		u = (uint32_t)(pd_rng_u64(&r) >> 32);
		memcpy(&f, &u, sizeof(f));
		if (!isfinite(f))
			continue;
		p = 1 + (int)pd_rng_below(&r, 9);
		snprintf(t, sizeof(t), "%.*e", p, (double)f);
		want = strtof(t, NULL);
		if (!isfinite(want))
			continue;
		assert_int_equal(text_float(t, &back), 0);
		assert_memory_equal(&back, &want, sizeof(back));
	}
}

static void
test_float_edges(void **state)
{
	float f;

	(void)state;
	assert_int_equal(text_float("-0.0", &f), 0);
	assert_true(f == 0 && signbit(f));
	assert_int_equal(text_float("16777216", &f), 0);
	assert_true(f == 16777216.0f);
	assert_int_equal(text_float("1e-45", &f), 0);
	assert_true(f == 0x1p-149f);
	assert_int_equal(text_float("3.4028235e38", &f), 0);
	assert_true(f == FLT_MAX);
	/* Exactly between two floats: to even, as strtof() does. */
	assert_int_equal(text_float("16777217", &f), 0);
	assert_true(f == 16777216.0f);
	assert_int_equal(text_float("1.6777219E7", &f), 0);
	assert_true(f == 16777220.0f);
	assert_int_equal(text_float("1.501E9", &f), 0);
	assert_true(f == strtof("1.501E9", NULL));
	assert_int_equal(text_float("9223372036854775807", &f), 0);
	assert_true(f == 0x1p63f);
	/* 1 + 2^-24 is in between; a little more has the same double. */
	assert_int_equal(text_float("1.00000005960464477539062500001", &f), -1);
	/* Seventeen digits of a float are that float. */
	assert_int_equal(text_float("0.10000000149011612", &f), 0);
	assert_true(f == 0.1f);
	assert_int_equal(text_float("3.5e38", &f), -1);
	assert_int_equal(text_float("true", &f), -1);
	assert_int_equal(text_float("\"1\"", &f), -1);
	assert_int_equal(pd_jsonin_float(NULL, &f), -1);
}

static void
test_str(void **state)
{
	json_t *j = json_loads("{\"a\":\"x\",\"b\":1}", 0, NULL);

	(void)state;
	assert_string_equal(pd_jsonin_str(j, "a"), "x");
	assert_null(pd_jsonin_str(j, "b"));
	assert_null(pd_jsonin_str(j, "c"));
	assert_null(pd_jsonin_str(NULL, "a"));
	json_decref(j);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_float_round_trip),
	    cmocka_unit_test(test_float_edges),
	    cmocka_unit_test(test_str),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
