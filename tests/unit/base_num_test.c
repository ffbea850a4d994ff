#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/num.h"

static void
sizes(void **state)
{
	static const struct {
		const char *s;
		uint64_t v;
	} good[] = {{"0", 0}, {"17", 17}, {"64k", 65536}, {"2M", 2097152},
	    {"1GB", 1073741824}, {"1.5k", 1536}, {"1T", 1099511627776},
	    {"5B", 5}};
	static const char *const bad[] = {
	    "", "k", "-1", "1x", "1kk", "99999999999G", " 1"};
	uint64_t v;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(pd_parse_size(good[i].s, &v, NULL), 0);
		assert_true(v == good[i].v);
	}
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pd_parse_size(bad[i], &v, NULL), -1);
}

static void
durations(void **state)
{
	uint64_t v;

	(void)state;
	assert_int_equal(pd_parse_duration("500ms", &v, NULL), 0);
	assert_true(v == 500000);
	assert_int_equal(pd_parse_duration("30", &v, NULL), 0);
	assert_true(v == 30000000);
	assert_int_equal(pd_parse_duration("2h", &v, NULL), 0);
	assert_true(v == 7200000000);
	assert_int_equal(pd_parse_duration("7d", &v, NULL), 0);
	assert_true(v == 604800000000);
	assert_int_equal(pd_parse_duration("5 s", &v, NULL), -1);
	assert_int_equal(pd_parse_duration("s", &v, NULL), -1);
}

static void
shares(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	double v;

	(void)state;
	assert_int_equal(pd_parse_share("0.1%", &v, NULL), 0);
	assert_true(v > 0.000999 && v < 0.001001);
	assert_int_equal(pd_parse_share("1/1024", &v, NULL), 0);
	assert_true(v == 1.0 / 1024);
	assert_int_equal(pd_parse_share("1", &v, NULL), 0);
	assert_true(v == 1);
	assert_int_equal(pd_parse_share("101%", &v, &err), -1);
	assert_string_equal(err.msg, "'101%' is not between 0 and 1");
	assert_int_equal(pd_parse_share("1/0", &v, NULL), -1);
	assert_int_equal(pd_parse_share("nan", &v, NULL), -1);
}

static void
whole_numbers(void **state)
{
	uint64_t u;
	int64_t i;

	(void)state;
	assert_int_equal(pd_parse_u64("18446744073709551615", &u, NULL), 0);
	assert_true(u == UINT64_MAX);
	assert_int_equal(pd_parse_u64("18446744073709551616", &u, NULL), -1);
	assert_int_equal(pd_parse_u64("-1", &u, NULL), -1);
	assert_int_equal(pd_parse_i64("-9223372036854775808", &i, NULL), 0);
	assert_true(i == INT64_MIN);
}

static int
redis_int(const char *s, int64_t *v)
{
	return pd_parse_i64n(s, strlen(s), v);
}

static void
integers_as_redis_takes_them(void **state)
{
	static const char *const bad[] = {"", "-", "+1", "01", "-0", "1 ", " 1",
	    "1a", "9223372036854775808", "-9223372036854775809",
	    "99999999999999999999999"};
	int64_t v;
	size_t i;

	(void)state;
	assert_int_equal(redis_int("0", &v), 0);
	assert_true(v == 0);
	assert_int_equal(redis_int("9223372036854775807", &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(redis_int("-9223372036854775808", &v), 0);
	assert_true(v == INT64_MIN);
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(redis_int(bad[i], &v), -1);
}

static void
hexadecimal_bytes(void **state)
{
	static const char *const bad[] = {"", "f", "0g", "g0", " 1", "1 ", "+1",
	    "0x", "@a", "`a",
	    "\x10"
	    "1"};
	char text[3];

	(void)state;
	for (int v = 0; v < 256; v++) {
		snprintf(text, sizeof(text), "%02x", (unsigned)v);
		assert_int_equal(pd_parse_hex2(text, 2), v);
		snprintf(text, sizeof(text), "%02X", (unsigned)v);
		assert_int_equal(pd_parse_hex2(text, 2), v);
	}
	assert_int_equal(pd_parse_hex2("7f1", 3), 0x7f);
	assert_int_equal(pd_parse_hex2("7f", 1), -1);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pd_parse_hex2(bad[i], strlen(bad[i])), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(sizes),
	    cmocka_unit_test(durations),
	    cmocka_unit_test(shares),
	    cmocka_unit_test(whole_numbers),
	    cmocka_unit_test(integers_as_redis_takes_them),
	    cmocka_unit_test(hexadecimal_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
