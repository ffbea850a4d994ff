#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/endian.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/keyfile.h"
#include "data/event.h"
#include "data/evreader.h"
#include "data/pds.h"

static char dir[] = "/tmp/predis-import-XXXXXX";
static char path[64];

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/t", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	return rmdir(dir);
}

static void
put(const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static struct pd_evreader *
open_text(const char *text, const char *format, enum pd_timeunit unit)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;

	put(text, strlen(text));
	r = pd_evreader_open(path, format, NULL, unit, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(r);
	return r;
}

/* The next event, whose key is ${key} of ${db}; its tick is as said. */
static struct pd_event
next_db(struct pd_evreader *r, unsigned db, const char *key, uint64_t tick)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_keys public;
	struct pd_event e;
	const char *text;
	size_t n;

	pd_keys_public(&public);
	assert_int_equal(pd_evreader_next(r, &e, &err), 1);
	text = pd_evreader_keytext(r, &n);
	assert_int_equal(n, strlen(key));
	assert_memory_equal(text, key, n);
	assert_int_equal(
	    e.key, pd_keys_identity_db(&public, db, key, (uint32_t)n));
	assert_int_equal(
	    pd_evreader_keyhash(r), pd_hash64(key, n, public.table_seed + db));
	assert_int_equal(e.tick, tick);
	assert_int_equal(e.weight, 1);
	return e;
}

static struct pd_event
next(struct pd_evreader *r, const char *key, uint64_t tick)
{
	return next_db(r, 0, key, tick);
}

static void
close_at_end(struct pd_evreader *r)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;

	assert_int_equal(pd_evreader_next(r, &e, &err), 0);
	pd_evreader_close(r);
}

/* Reading fails, with ${word} in the message. */
static void
refuse(const char *text, size_t n, const char *format, const char *word)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;
	struct pd_event e;
	int rc;

	put(text, n);
	r = pd_evreader_open(path, format, NULL, PD_TIME_S, &err);
	assert_non_null(r);
	while ((rc = pd_evreader_next(r, &e, &err)) == 1)
		;
	assert_int_equal(rc, -1);
	assert_non_null(strstr(err.msg, word));
	pd_evreader_close(r);
}

static void
test_csv(void **state)
{
	struct pd_evreader *r = open_text("time,key,size,op\n"
					  "0,a,512,get\n"
					  "1.5,b b,0,SET\r\n"
					  "\n# a remark\n"
					  "2.0000019,a,5000000000,del\n",
	    NULL, PD_TIME_S);
	struct pd_event e;

	(void)state;
	e = next(r, "a", 0);
	assert_int_equal(e.time_us, 0);
	assert_int_equal(e.size, 512);
	assert_int_equal(e.op, PD_OP_GET);
	e = next(r, "b b", 1);
	assert_int_equal(e.time_us, 1500000);
	assert_int_equal(e.size, 0);
	assert_int_equal(e.op, PD_OP_SET);
	e = next(r, "a", 2);
	assert_int_equal(e.time_us, 2000001);
	assert_int_equal(e.size, UINT32_MAX);
	assert_int_equal(e.op, PD_OP_DEL);
	assert_string_equal(pd_evreader_meta(r)->source, "csv:t");
	assert_false(pd_evreader_is_pds(r));
	close_at_end(r);
}

static void
test_csv_without_names_and_with_others(void **state)
{
	struct pd_evreader *r = open_text("7,k\n8,l,3\n", NULL, PD_TIME_MS);
	struct pd_event e;

	(void)state;
	e = next(r, "k", 0);
	assert_int_equal(e.time_us, 7000);
	assert_int_equal(e.size, 1);
	assert_int_equal(e.op, PD_OP_GET);
	e = next(r, "l", 1);
	assert_int_equal(e.size, 3);
	close_at_end(r);
	/* Another order, a column more, no time: the request number. */
	r = open_text("op,extra,key\nwrite,9,k\n,,l\n", NULL, PD_TIME_S);
	e = next(r, "k", 0);
	assert_int_equal(e.op, PD_OP_SET);
	assert_int_equal(e.time_us, 0);
	e = next(r, "l", 1);
	assert_int_equal(e.time_us, 1);
	assert_int_equal(e.op, PD_OP_GET);
	close_at_end(r);
	r = open_text("99,k\n98,l\n", "csv", PD_TIME_SEQ);
	(void)next(r, "k", 0);
	e = next(r, "l", 1);
	assert_int_equal(e.time_us, 1);
	assert_string_equal(pd_evreader_meta(r)->time, "sequence");
	close_at_end(r);
	r = open_text("5,k\n", "csv", PD_TIME_US);
	assert_int_equal(next(r, "k", 0).time_us, 5);
	close_at_end(r);
}

static void
test_csv_that_is_none(void **state)
{
	static const struct {
		const char *text, *word;
	} bad[] = {{"hello world\n", ":1: neither"}, {"1,k\n2\n", ":2: no key"},
	    {"1,k,x\n", ":1: no size (1 byte)"},
	    {"1,k,1,frob\n", ":1: no operation (4 bytes)"},
	    {"1,k\nx,l\n", ":2: no time (1 byte)"},
	    {"1,k\n-1,l\n", ":2: no time"}, {"1x,k\n", ":1: no time"},
	    {"1.x,k\n", ":1: no time"},
	    {"99999999999999999999,k\n", ":1: no time"}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuse(bad[i].text, strlen(bad[i].text), "csv", bad[i].word);
}

static void
test_csv_gzip(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;
	gzFile f = gzopen(path, "wb");

	(void)state;
	assert_non_null(f);
	gzputs(f, "time,key\n3,z\n");
	gzclose(f);
	r = pd_evreader_open(path, NULL, NULL, PD_TIME_S, &err);
	assert_non_null(r);
	assert_int_equal(next(r, "z", 0).time_us, 3000000);
	close_at_end(r);
}

static void
test_oracle(void **state)
{
	uint8_t b[48] = {0};
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;
	struct pd_event e;

	(void)state;
	pd_put32(b, 10);
	pd_put64(b + 4, 18446744073709551615u);
	pd_put32(b + 12, 4096);
	pd_put32(b + 24, 4294967295u);
	pd_put64(b + 28, 7);
	put(b, sizeof(b));
	r = pd_evreader_open(path, "oracle", NULL, PD_TIME_S, &err);
	assert_non_null(r);
	e = next(r, "18446744073709551615", 0);
	assert_int_equal(e.time_us, 10000000);
	assert_int_equal(e.size, 4096);
	e = next(r, "7", 1);
	assert_int_equal(e.time_us, 4294967295000000);
	close_at_end(r);
	refuse((char *)b, 47, "oracle", "record 1 at byte 24 is cut short");
	refuse("\x28\xb5\x2f\xfd____________________", 24, "oracle", "zstd");
}

/* Lines as redis-cli MONITOR prints them. */
static void
test_monitor(void **state)
{
	struct pd_evreader *r = open_text(
	    "OK\n"
	    "1700000000.000001 [0 127.0.0.1:4711] \"SET\" \"a\" \"12345\""
	    " \"EX\" \"60\"\n"
	    "1700000000.000002 [3 unix:/run/r.sock] \"mget\" \"a\" \"b\"\n"
	    "1700000000.000003 [0 lua] \"ping\"\n"
	    "1700000000.000004 [0 127.0.0.1:4711] \"get\" "
	    "\"q\\\"\\\\\\n\\x00z\"\n"
	    "1700000000.500000 [0 127.0.0.1:4711] \"mset\" \"a\" \"1\" "
	    "\"b\" \"22\"\n"
	    "1700000000.600000 [0 127.0.0.1:4711] \"pexpireat\" \"a\" "
	    "\"1700000010600\"\n"
	    "1700000000.700000 [0 127.0.0.1:4711] \"setex\" \"b\" \"5\" "
	    "\"v\"\n"
	    "1700000000.700000 [0 127.0.0.1:4711] \"UNLINK\" \"b\"\n",
	    "monitor", PD_TIME_S);
	static const char odd[] = "q\"\\\n\0z";
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e, f;
	const char *text;
	size_t n;

	(void)state;
	e = next(r, "a", 0);
	assert_int_equal(e.time_us, 1700000000000001);
	assert_int_equal(e.op, PD_OP_SET);
	assert_int_equal(e.size, 5);
	assert_int_equal(e.flags, PD_EV_TTL);
	assert_int_equal(e.ttl_ms, 60000);
	assert_int_equal(e.ns, 0);
	/* Another database: another key, whose size is not known. */
	f = next_db(r, 3, "a", 1);
	assert_int_equal(f.op, PD_OP_GET);
	assert_int_equal(f.size, 1);
	assert_int_equal(f.ns, 3);
	assert_int_not_equal(f.key, e.key);
	assert_int_not_equal(f.client, e.client);
	f = next_db(r, 3, "b", 2);
	assert_int_equal(f.size, 1);
	assert_int_equal(f.time_us, 1700000000000002);
	assert_int_equal(pd_evreader_next(r, &f, &err), 1);
	text = pd_evreader_keytext(r, &n);
	assert_int_equal(n, 6);
	assert_memory_equal(text, odd, 6);
	assert_int_equal(f.client, e.client);
	assert_int_equal(next(r, "a", 4).size, 1);
	assert_int_equal(next(r, "b", 5).size, 2);
	f = next(r, "a", 6);
	assert_int_equal(f.op, PD_OP_EXPIRE);
	assert_int_equal(f.ttl_ms, 10000);
	f = next(r, "b", 7);
	assert_int_equal(f.op, PD_OP_SET);
	assert_int_equal(f.ttl_ms, 5000);
	assert_int_equal(f.size, 1);
	assert_int_equal(next(r, "b", 8).op, PD_OP_DEL);
	assert_int_equal(pd_evreader_ignored(r), 1);
	close_at_end(r);
}

static void
test_monitor_that_is_none(void **state)
{
	static const char *const bad[] = {"hello\n", "1.5 [0 x] get a\n",
	    "1.5 [0 x] \"get\" \"a\n", "1.5 [0 x] \"get\" \"a\\",
	    "1.5 [0 x] \"get\"\"a\"\n", "1.5 [0 x\n",
	    "1.5 [x y] \"get\" \"a\"\n", "1 [0 x] \"get\" \"a\"\n"};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		refuse(bad[i], strlen(bad[i]), "monitor",
		    ":1: no line of MONITOR");
}

static void
test_pds(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_wopts o = {0};
	FILE *f = fopen(path, "wb");
	struct pd_pds_writer *w;
	struct pd_evreader *r;
	struct pd_event e, got;
	size_t n;

	(void)state;
	assert_non_null(f);
	o.fd = fileno(f);
	w = pd_pds_writer_new(&o, &err);
	assert_non_null(w);
	pd_pds_header(w, "{\"capacity_objects\":77}", 23, &err);
	pd_event_init(&e);
	e.key = 99;
	e.tick = 5;
	pd_pds_add(w, &e, &err);
	assert_int_equal(pd_pds_end(w, &err), 0);
	pd_pds_writer_free(w);
	fclose(f);
	r = pd_evreader_open(path, NULL, NULL, PD_TIME_S, &err);
	assert_non_null(r);
	assert_true(pd_evreader_is_pds(r));
	assert_int_equal(pd_evreader_next(r, &got, &err), 1);
	assert_memory_equal(&got, &e, sizeof(e));
	assert_null(pd_evreader_keytext(r, &n));
	assert_int_equal(pd_evreader_keyhash(r), 99);
	assert_int_equal(pd_evreader_meta(r)->capacity_objects, 77);
	close_at_end(r);
	refuse("nothing of the kind", 19, "pds", "no block of a PDS stream");
}

static void
test_open_failures(void **state)
{
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	put("1,k\n", 4);
	assert_null(pd_evreader_open(path, "yaml", NULL, PD_TIME_S, &err));
	assert_non_null(strstr(err.msg, "yaml"));
	assert_null(
	    pd_evreader_open("/nonexistent/x", NULL, NULL, PD_TIME_S, &err));
	assert_non_null(strstr(err.msg, "/nonexistent/x"));
	assert_int_equal(pd_timeunit_parse("ms"), PD_TIME_MS);
	assert_int_equal(pd_timeunit_parse("minutes"), -1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_csv),
	    cmocka_unit_test(test_csv_without_names_and_with_others),
	    cmocka_unit_test(test_csv_that_is_none),
	    cmocka_unit_test(test_csv_gzip),
	    cmocka_unit_test(test_oracle),
	    cmocka_unit_test(test_monitor),
	    cmocka_unit_test(test_monitor_that_is_none),
	    cmocka_unit_test(test_pds),
	    cmocka_unit_test(test_open_failures),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
