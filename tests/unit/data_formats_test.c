#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/endian.h"
#include "base/err.h"
#include "data/detect.h"
#include "data/event.h"
#include "data/evreader.h"
#include "data/pds_meta.h"

static char path[] = "/tmp/predis-formats-XXXXXX";

static int
setup(void **state)
{
	const int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	return close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path);
}

/* Write ${p}; with ${gz} as gzip. */
static void
put(const void *p, size_t n, bool gz)
{
	gzFile f = gzopen(path, gz ? "wb" : "wbT");

	assert_non_null(f);
	assert_int_equal(gzwrite(f, p, (unsigned)n), n);
	assert_int_equal(gzclose(f), Z_OK);
}

static struct pd_evreader *
open_as(const char *format, enum pd_timeunit unit)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r =
	    pd_evreader_open(path, format, NULL, unit, &err);

	assert_string_equal(err.msg, "");
	assert_non_null(r);
	return r;
}

static struct pd_event
next(struct pd_evreader *r, const char *key, uint64_t tick)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;
	const char *text;
	size_t n;

	assert_int_equal(pd_evreader_next(r, &e, &err), 1);
	text = pd_evreader_keytext(r, &n);
	assert_int_equal(n, strlen(key));
	assert_memory_equal(text, key, n);
	assert_int_equal(e.tick, tick);
	return e;
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
refuse(const void *p, size_t n, const char *format, const char *word)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;
	struct pd_event e;
	int rc;

	put(p, n, false);
	r = open_as(format, PD_TIME_OWN);
	while ((rc = pd_evreader_next(r, &e, &err)) == 1)
		;
	assert_int_equal(rc, -1);
	assert_non_null(strstr(err.msg, word));
	pd_evreader_close(r);
}

/* --- vscsi ---------------------------------------------------------------- */

struct block {
	unsigned cmd;
	uint32_t len;
	uint64_t lbn, ts, rt;
};

static const struct block blocks[] = {{0x28, 4096, 6200, 1000000, 250},
    {0x2a, 8192, 17, 1000500, 90},
    {0x00, 0, 0, 1000600, 1}, /* TEST UNIT READY: no block */
    {0x88, 512, 6200, 2000000, 4000000000000}};
#define BLOCKS (sizeof(blocks) / sizeof(*blocks))

static size_t
vscsi(int version, uint8_t *out)
{
	uint8_t *p = out;

	memset(out, 0, BLOCKS * 40);
	for (size_t i = 0; i < BLOCKS; i++) {
		const struct block *b = &blocks[i];

		if (version == 1) {
			pd_put32(p + 4, b->len);
			pd_put16(p + 12, (uint16_t)b->cmd);
			pd_put16(p + 14, 0x0100);
		} else {
			pd_put16(p, (uint16_t)b->cmd);
			pd_put16(p + 2, 0x0200);
			pd_put32(p + 8, b->len);
			pd_put64(p + 32, b->rt);
		}
		pd_put64(p + 16, b->lbn);
		pd_put64(p + 24, b->ts);
		p += version == 1 ? 32 : 40;
	}
	return (size_t)(p - out);
}

static void
test_vscsi(void **state)
{
	uint8_t b[BLOCKS * 40];
	struct pd_evreader *r;
	struct pd_event e;
	size_t n;

	(void)state;
	for (int version = 1; version <= 2; version++) {
		n = vscsi(version, b);
		assert_string_equal(pd_detect(b, n), "vscsi");
		put(b, n, version == 2);
		r = open_as("auto", PD_TIME_OWN);
		e = next(r, "6200", 0);
		assert_int_equal(e.time_us, 1000000);
		assert_int_equal(e.op, PD_OP_GET);
		assert_int_equal(e.size, 4096);
		assert_int_equal(e.latency_us, version == 1 ? 0 : 250);
		assert_true(pd_evreader_meta(r)->hits_unknown);
		e = next(r, "17", 1);
		assert_int_equal(e.op, PD_OP_SET);
		e = next(r, "6200", 2);
		assert_int_equal(e.time_us, 2000000);
		assert_int_equal(e.latency_us, version == 1 ? 0 : UINT32_MAX);
		assert_int_equal(pd_evreader_ignored(r), 1);
		close_at_end(r);
	}
	put(b, 40, false); /* one record */
	r = open_as("vscsi", PD_TIME_MS);
	assert_int_equal(next(r, "6200", 0).time_us, 1000000000);
	close_at_end(r);
	refuse(b, 0, "vscsi", "is empty");
	refuse(b, 100, "vscsi", "record 2 at byte 80 is cut short");
	memset(b, 0, sizeof(b));
	refuse(b, sizeof(b), "vscsi", "neither version");
	assert_null(pd_detect(b, 10));
}

/* --- oracleGeneral ---------------------------------------------------------
 */

static void
test_oracle_by_its_looks(void **state)
{
	uint8_t b[6 * 24];

	(void)state;
	for (size_t i = 0; i < 6; i++) {
		pd_put32(b + i * 24, 100 + (uint32_t)i);
		pd_put64(b + i * 24 + 4, 7 * i);
		pd_put32(b + i * 24 + 12, 512);
		pd_put64(b + i * 24 + 16, i == 5 ? UINT64_MAX : i + 3);
	}
	assert_string_equal(pd_detect(b, sizeof(b)), "oracle");
	assert_string_equal(pd_detect(b, 24), "oracle");
	assert_null(pd_detect(b, 25)); /* too little, and not whole */
	pd_put32(b + 24, 5);	       /* time goes back */
	assert_null(pd_detect(b, sizeof(b)));
}

/* --- Twitter and Meta ------------------------------------------------------
 */

static void
test_twitter(void **state)
{
	static const char text[] =
	    "0,nz:u:eeW511W3dcH3de3d15ec,22,304,15,set,86400\n"
	    "0,nz:u:eeW511W3dcH3de3d15ec,22,0,16,gets,0\n"
	    "1,q,1,17,16,prepend,0\n"
	    "1,q,1,17,16,fly,0\n"
	    "1,q,1,17\n"
	    "2,q,1,0,16,delete,0\n";
	struct pd_evreader *r;
	struct pd_event e, f;

	(void)state;
	for (int gz = 0; gz <= 1; gz++) {
		put(text, sizeof(text) - 1, gz);
		r = open_as("auto", PD_TIME_OWN);
		e = next(r, "nz:u:eeW511W3dcH3de3d15ec", 0);
		assert_int_equal(e.op, PD_OP_SET);
		assert_int_equal(e.size, 304);
		assert_int_equal(e.flags, PD_EV_TTL);
		assert_int_equal(e.ttl_ms, 86400000);
		f = next(r, "nz:u:eeW511W3dcH3de3d15ec", 1);
		assert_int_equal(f.size, 304); /* the last one known */
		assert_int_equal(f.flags, 0);
		assert_int_not_equal(e.client, f.client);
		e = next(r, "q", 2);
		assert_int_equal(e.op, PD_OP_UPDATE);
		assert_int_equal(e.time_us, 1000000);
		assert_int_equal(next(r, "q", 3).op, PD_OP_DEL);
		assert_int_equal(pd_evreader_rejects(r)->count, 2);
		assert_non_null(strstr(pd_evreader_rejects(r)->first[0],
		    ":4: no operation (3 bytes)"));
		assert_non_null(strstr(
		    pd_evreader_rejects(r)->first[1], ":5: too few fields"));
		close_at_end(r);
	}
}

static void
test_meta(void **state)
{
	static const char old[] = "key,op,size,op_count,key_size\n"
				  "1668,GET,82,3,24\n"
				  "77,SET,1000000,1,24\n"
				  "77,GET,1,0,24\n"
				  "77,GET,1,5000000,24\n";
	static const char with_time[] =
	    "op_time,key,key_size,op,op_count,size,cache_hits,ttl,usecase\n"
	    "5,k,7,GET_LEASE,1,60,1,,shop\n"
	    "6,k,7,SET_LEASE,1,70,0,3600,shop\n";
	struct pd_evreader *r;
	struct pd_event e;

	(void)state;
	put(old, sizeof(old) - 1, false);
	r = open_as("auto", PD_TIME_OWN);
	for (unsigned i = 0; i < 3; i++) {
		e = next(r, "1668", i);
		assert_int_equal(e.time_us, i);
		assert_int_equal(e.size, 82);
		assert_int_equal(e.op, PD_OP_GET);
	}
	e = next(r, "77", 3);
	assert_int_equal(e.op, PD_OP_SET);
	assert_int_equal(e.size, 1000000);
	close_at_end(r);
	put(old, sizeof(old) - 1, false);

	put(with_time, sizeof(with_time) - 1, false);
	r = open_as("auto", PD_TIME_OWN);
	e = next(r, "k", 0);
	assert_int_equal(e.time_us, 5000000);
	assert_int_equal(e.op, PD_OP_GET);
	e = next(r, "k", 1);
	assert_int_equal(e.op, PD_OP_SET);
	assert_int_equal(e.ttl_ms, 3600000);
	assert_int_not_equal(e.client, 0);
	close_at_end(r);
	refuse("a,b\n1,2\n", 8, "meta", "no line of names");
}

/* --- csv with more columns, memcached --------------------------------------
 */

static void
test_csv_columns(void **state)
{
	static const char text[] = "key,hit,ttl,latency,ns,client,time\n"
				   "\"a,\"\"b\"\"\",1,1.5,30,4,c1,7\n"
				   "x,0,,,shop,,8\n";
	struct pd_evreader *r;
	struct pd_event e;

	(void)state;
	put(text, sizeof(text) - 1, false);
	r = open_as("csv", PD_TIME_S);
	e = next(r, "a,\"b\"", 0);
	assert_int_equal(e.flags, PD_EV_HIT | PD_EV_TTL);
	assert_int_equal(e.ttl_ms, 1500);
	assert_int_equal(e.latency_us, 30);
	assert_int_equal(e.ns, 4);
	assert_int_not_equal(e.client, 0);
	assert_int_equal(e.time_us, 7000000);
	assert_false(pd_evreader_meta(r)->hits_unknown);
	e = next(r, "x", 1);
	assert_int_equal(e.flags, 0);
	assert_int_not_equal(e.ns, 0);
	close_at_end(r);
	refuse("key,hit\na,2\n", 12, "csv", ":2: no hit (0 or 1) (1 byte)");
}

#define TS "ts=1795480562."

static void
test_memcached(void **state)
{
	static const char text[] =
	    "OK\r\n"
	    /* A miss, and the store that fills it with its look-up. */
	    TS "5 gid=1 type=item_get key=a%25b status=not_found clsid=0 "
	    "cfd=25 size=0\r\n" TS
	    "20 gid=2 type=item_get key=a%25b status=not_found clsid=0 "
	    "cfd=25 size=0\r\n" TS
	    "21 gid=3 type=item_store key=a%25b status=stored cmd=set "
	    "ttl=60 clsid=1 cfd=25 size=3\r\n" TS
	    "30 gid=4 type=item_get key=a%25b status=found clsid=1 cfd=25 "
	    "size=3\r\n"
	    "skipped=7\r\n" TS
	    "40 gid=12 type=item_get key=b status=found clsid=1 cfd=25 "
	    "size=5\r\n" TS
	    "41 gid=13 type=deleted key=b cmd=delete clsid=1 cfd=25 size=5"
	    "\r\n" TS
	    "50 gid=14 type=item_get key=b status=not_found clsid=0 cfd=25 "
	    "size=0\r\n" TS
	    "51 gid=15 type=item_store key=b status=not_stored cmd=replace "
	    "ttl=0 clsid=1 cfd=26 size=3\r\n" TS
	    "60 gid=16 type=eviction key=z fetch=yes ttl=-1 la=0\r\n";
	struct pd_evreader *r;
	struct pd_event e;

	(void)state;
	put(text, sizeof(text) - 1, false);
	r = open_as("auto", PD_TIME_OWN);
	e = next(r, "a%b", 0);
	assert_int_equal(e.time_us, 1795480562000005);
	assert_int_equal(e.op, PD_OP_GET);
	assert_int_equal(e.flags, 0);
	assert_false(pd_evreader_meta(r)->hits_unknown);
	e = next(r, "a%b", 0); /* the tick of the miss */
	assert_int_equal(e.op, PD_OP_SET);
	assert_int_equal(e.flags, PD_EV_FILL | PD_EV_TTL);
	assert_int_equal(e.ttl_ms, 60000);
	assert_int_equal(e.size, 3);
	e = next(r, "a%b", 1);
	assert_int_equal(e.flags, PD_EV_HIT);
	e = next(r, "b", 2);
	assert_int_equal(e.op, PD_OP_DEL);
	assert_int_equal(e.flags, PD_EV_HIT);
	/* Another connection: the look-up was a read. */
	e = next(r, "b", 3);
	assert_int_equal(e.op, PD_OP_GET);
	e = next(r, "b", 4);
	assert_int_equal(e.op, PD_OP_TOUCH);
	close_at_end(r);
	refuse("ts=1.2 gid=3 type=item_get key=%2 cfd=1\n", 40, "memcached",
	    ":1: no line of memcached's watch");
	refuse("hello\n", 6, "memcached", "no line of");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_vscsi),
	    cmocka_unit_test(test_oracle_by_its_looks),
	    cmocka_unit_test(test_twitter),
	    cmocka_unit_test(test_meta),
	    cmocka_unit_test(test_csv_columns),
	    cmocka_unit_test(test_memcached),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
