#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "io/json.h"
#include "io/sock.h"

static void
shape(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_json j;

	(void)state;
	pd_json_init(&j, &b);
	pd_json_open(&j, '{');
	pd_json_key(&j, "a");
	pd_json_open(&j, '[');
	pd_json_u64(&j, UINT64_MAX);
	pd_json_i64(&j, -1);
	pd_json_double(&j, 0.1);
	pd_json_double(&j, NAN);
	pd_json_fixed(&j, 0.123456, 4);
	pd_json_bool(&j, true);
	pd_json_null(&j);
	pd_json_open(&j, '{');
	pd_json_close(&j, '}');
	pd_json_close(&j, ']');
	pd_json_key(&j, "b\"");
	pd_json_str(&j, "q\"\\\n\x01");
	pd_json_close(&j, '}');
	assert_string_equal(pd_buf_cstr(&b),
	    "{\"a\":[18446744073709551615,-1,0.1,null,0.1235,true,null,{}],"
	    "\"b\\\"\":\"q\\\"\\\\\\n\\u0001\"}");
	pd_buf_release(&b);
}

/* Any bytes at all become a string that a strict parser takes. */
static void
any_bytes_are_valid(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_json j;
	struct pd_rng r;
	char in[64];
	json_t *v;
	size_t n, k;
	int i;

	(void)state;
	pd_rng_init(&r, 3);
	for (i = 0; i < 20000; i++) {
		n = pd_rng_below(&r, sizeof(in));
		for (k = 0; k < n; k++)
			in[k] = (char)(pd_rng_below(&r, 2)
					   ? 0x80 + pd_rng_below(&r, 128)
					   : 1 + pd_rng_below(&r, 255));
		pd_buf_clear(&b);
		pd_json_init(&j, &b);
		pd_json_strn(&j, in, n);
		v = json_loadb((char *)b.data, b.len, JSON_DECODE_ANY, NULL);
		assert_non_null(v);
		json_decref(v);
	}
	pd_buf_release(&b);
}

static void
doubles_come_back(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_json j;
	struct pd_rng r;
	double v;
	int i;

	(void)state;
	pd_rng_init(&r, 4);
	for (i = 0; i < 20000; i++) {
		v = ldexp(
		    pd_rng_double(&r) - 0.5, (int)pd_rng_below(&r, 200) - 100);
		pd_buf_clear(&b);
		pd_json_init(&j, &b);
		pd_json_double(&j, v);
		assert_true(strtod(pd_buf_cstr(&b), NULL) == v);
	}
	pd_buf_release(&b);
}

static void
addresses(void **state)
{
	struct pd_addr a;

	(void)state;
	assert_int_equal(pd_addr_parse(&a, "acme:7000", NULL, NULL), 0);
	assert_string_equal(a.host, "acme");
	assert_string_equal(a.port, "7000");
	assert_int_equal(pd_addr_parse(&a, "[::1]:6379", NULL, NULL), 0);
	assert_string_equal(a.host, "::1");
	assert_int_equal(pd_addr_parse(&a, "6379", NULL, NULL), 0);
	assert_string_equal(a.host, "127.0.0.1");
	assert_string_equal(a.port, "6379");
	assert_int_equal(pd_addr_parse(&a, "acme", "1", NULL), 0);
	assert_string_equal(a.port, "1");
	assert_int_equal(pd_addr_parse(&a, "/run/s", NULL, NULL), 0);
	assert_true(a.is_unix);
	assert_int_equal(pd_addr_parse(&a, "unix:s", NULL, NULL), 0);
	assert_string_equal(a.host, "s");
	assert_int_equal(pd_addr_parse(&a, "acme", NULL, NULL), -1);
	assert_int_equal(pd_addr_parse(&a, "[::1", "1", NULL), -1);
	assert_int_equal(pd_addr_parse(&a, ":1", NULL, NULL), -1);
	assert_int_equal(pd_addr_parse(&a, "foo://x", NULL, NULL), -1);
	assert_int_equal(
	    pd_addr_parse(&a, "rediss-strem://h:1/n", NULL, NULL), -1);
	assert_int_equal(pd_addr_parse(&a, "./a://b", NULL, NULL), 0);
	assert_int_equal(pd_addr_parse(&a, "://b", NULL, NULL), 0);
}

static void
ports_are_16_bits(void **state)
{
	static const char *const bad[] = {"acme:65536", "acme:70000", "65536",
	    "[::1]:131072", "acme:-1", "acme:+80", "acme: 80", "acme:8 0",
	    "acme:18446744073709551617", "acme:99999999999999999999"};
	struct pd_err err = PD_ERR_INIT;
	struct pd_addr a;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(pd_addr_parse(&a, bad[i], NULL, NULL), -1);
	assert_int_equal(pd_addr_parse(&a, "acme", "65536", NULL), -1);
	assert_int_equal(pd_addr_parse(&a, "acme:65535", NULL, NULL), 0);
	assert_int_equal(pd_addr_parse(&a, "acme:0", NULL, NULL), 0);
	assert_int_equal(pd_addr_parse(&a, "acme:redis", NULL, NULL), 0);
	assert_int_equal(pd_addr_parse(&a, "acme:65536", NULL, &err), -1);
	assert_string_equal(err.msg,
	    "address 'acme:65536': port '65536' is not a number from 0 to "
	    "65535");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(shape),
	    cmocka_unit_test(any_bytes_are_valid),
	    cmocka_unit_test(doubles_come_back),
	    cmocka_unit_test(addresses),
	    cmocka_unit_test(ports_are_16_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
