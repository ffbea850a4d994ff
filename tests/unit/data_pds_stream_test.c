/* PDS streams as a whole: headers, gaps, several in one file, later versions.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/event.h"
#include "data/feature.h"
#include "data/pds.h"

#include "pds_fixture.h"

static void
add_n(struct pd_pds_writer *w, uint64_t from, uint64_t n)
{
	struct pd_event e;

	pd_event_init(&e);
	for (uint64_t i = 0; i < n; i++) {
		e.tick = e.time_us = from + i;
		assert_int_equal(pd_pds_add(w, &e, NULL), 0);
	}
	assert_int_equal(pd_pds_flush(w, NULL), 0);
}

static void
test_lost_and_missing(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, false, 0);
	const struct pd_pds_damage *d;
	struct pd_pds_reader *r;
	struct pd_pds_stats s;
	struct pd_event e;
	size_t end1 = 0, end2 = 0;
	unsigned n = 0;

	(void)state;
	pd_event_init(&e);
	for (unsigned i = 0; i < 300; i++) {
		if (i == 150)
			pd_pds_lost(w, 17);
		pd_pds_add(w, &e, NULL);
		if (i == 99 || i == 199) {
			pd_pds_flush(w, NULL);
			*(i == 99 ? &end1 : &end2) = b.len;
		}
	}
	end(w);
	/* Whole: only what the source lost. */
	r = pd_pds_reader_mem(b.data, b.len);
	while (pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT)
		;
	pd_pds_reader_stats(r, &s);
	assert_int_equal(s.source_lost, 17);
	assert_int_equal(s.damaged, 0);
	pd_pds_reader_free(r);
	/* Without the second block, cut out cleanly. */
	memmove(b.data + end1, b.data + end2, b.len - end2);
	r = pd_pds_reader_mem(b.data, b.len - (end2 - end1));
	while (pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT)
		n++;
	assert_int_equal(n, 200);
	assert_int_equal(pd_pds_damage(r, &d), 1);
	assert_int_equal(d->offset, end1);
	assert_int_equal(d->length, 0);
	assert_true(d->records_known);
	assert_int_equal(d->records, 100);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

/* A block that comes twice: its records twice, and said so. */
static void
test_out_of_order(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, false, 0);
	const struct pd_pds_damage *d;
	struct pd_pds_reader *r;
	struct pd_event e;
	size_t start, len;
	unsigned n = 0;

	(void)state;
	add_n(w, 0, 10);
	start = b.len;
	add_n(w, 10, 10);
	len = b.len - start;
	assert_int_equal(pd_buf_reserve(&b, len), 0);
	memcpy(b.data + b.len, b.data + start, len);
	b.len += len;
	end(w);
	r = pd_pds_reader_mem(b.data, b.len);
	while (pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT)
		n++;
	assert_int_equal(n, 30);
	assert_int_equal(pd_pds_damage(r, &d), 1);
	assert_int_equal(d->offset, start + len);
	assert_int_equal(d->length, 0);
	assert_int_equal(d->records, 0);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

/* `cat a b`: both, whatever a's end looks like. */
static void
test_concatenation(void **state)
{
	struct pd_buf a = PD_BUF_INIT, b = PD_BUF_INIT;
	struct pd_pds_writer *w;
	struct pd_pds_reader *r;
	struct pd_pds_stats s;
	struct pd_event e;
	uint64_t n = 0;
	size_t whole;

	(void)state;
	w = begin(&a, false, 0);
	add_n(w, 0, 100);
	end(w);
	whole = a.len;
	w = begin(&b, true, 0);
	add_n(w, 100, 50);
	end(w);
	pd_buf_add(&a, b.data, b.len);
	r = pd_pds_reader_mem(a.data, a.len);
	while (pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT)
		assert_int_equal(e.tick, n++);
	assert_int_equal(n, 150);
	pd_pds_reader_stats(r, &s);
	assert_int_equal(s.damaged, 0);
	assert_int_equal(s.streams, 2);
	pd_pds_reader_free(r);
	/* The same with a torn in its end marker. */
	a.len = whole - 3;
	pd_buf_add(&a, b.data, b.len);
	r = pd_pds_reader_mem(a.data, a.len);
	for (n = 0; pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT; n++)
		assert_int_equal(e.tick, n);
	assert_int_equal(n, 150);
	pd_pds_reader_stats(r, &s);
	assert_true(s.damaged > 0);
	pd_pds_reader_free(r);
	pd_buf_release(&a);
	pd_buf_release(&b);
}

/* Two shards whose blocks alternate, each stream with its own header. */
static void
test_interleaved_streams(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_wopts o = {.out = &b, .bare = true, .stream_id = 1};
	struct pd_pds_writer *w0 = pd_pds_writer_new(&o, NULL), *w1;
	struct pd_pds_reader *r;
	struct pd_pds_stats s;
	struct pd_event e;
	unsigned n[2] = {0, 0};

	(void)state;
	o.stream_id = 2;
	w1 = pd_pds_writer_new(&o, NULL);
	assert_non_null(w0);
	assert_non_null(w1);
	pd_pds_header(w0, "{\"shard\":0,\"shards\":2}", 22, NULL);
	pd_pds_header(w1, "{\"shard\":1,\"shards\":2}", 22, NULL);
	for (unsigned i = 0; i < 5; i++) {
		add_n(w0, i * 10, 10);
		add_n(w1, i * 10, 10);
	}
	end(w0);
	end(w1);
	r = pd_pds_reader_mem(b.data, b.len);
	while (pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT) {
		const uint32_t shard = pd_pds_event_shard(r);

		assert_true(shard < 2);
		assert_int_equal(e.tick, n[shard]++);
	}
	assert_int_equal(n[0], 50);
	assert_int_equal(n[1], 50);
	pd_pds_reader_stats(r, &s);
	assert_int_equal(s.damaged, 0);
	assert_false(s.truncated);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

/* What a later version may add: a block type, and a column in an E block. */
static void
test_unknown_types_and_columns_are_skipped(void **state)
{
	struct pd_buf b = PD_BUF_INIT, y = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, false, 0);
	struct pd_pds_reader *r;
	struct pd_pds_stats s;
	struct pd_event e;

	(void)state;
	pd_buf_add16(&y, 900);
	pd_buf_add16(&y, 9);
	pd_buf_add32(&y, 3);
	pd_buf_add64(&y, 0);
	pd_buf_add(&y, "abc", 3);
	assert_int_equal(pd_pds_block(w, 'Q', 5, 0, 0, &y, NULL), 0);
	/* One event: time, tick, keyref, newkey, flags and column 901. */
	pd_buf_clear(&y);
	pd_buf_add(&y, "\1\0\2\0\1\0\0\0", 8);
	pd_buf_add(&y, "\2\0\2\0\1\0\0\0", 8);
	pd_buf_add(&y, "\3\0\3\0\1\0\0\0", 8);
	pd_buf_add(&y, "\4\0\0\10\10\0\0\0", 8);
	pd_buf_add(&y, "\5\0\0\1\1\0\0\0", 8);
	pd_buf_add(&y, "\205\3\0\1\2\0\0\0", 8);
	pd_buf_add64(&y, 0);
	pd_buf_add(&y, "\0\4\0\1\2\3\4\5\6\7\10\11zz", 14);
	assert_int_equal(pd_pds_block(w, 'E', 1, 77, 77, &y, NULL), 0);
	end(w);
	r = pd_pds_reader_mem(b.data, b.len);
	assert_int_equal(pd_pds_next_event(r, &e, NULL), PD_PDS_GOT);
	assert_int_equal(e.time_us, 77);
	assert_int_equal(e.tick, 2);
	assert_int_equal(e.key, 0x0807060504030201);
	assert_int_equal(e.op, PD_OP_SET);
	assert_int_equal(e.flags, PD_EV_HIT);
	assert_int_equal(pd_pds_next_event(r, &e, NULL), PD_PDS_EOF);
	pd_pds_reader_stats(r, &s);
	assert_int_equal(s.skipped, 1);
	assert_int_equal(s.damaged, 0);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
	pd_buf_release(&y);
}

static void
test_window_hops(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, false, 0);
	struct pd_pds_reader *r;
	struct pd_pds_stats s;
	struct pd_event e;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 10; i++)
		add_n(w, i * 100, 100);
	end(w);
	r = pd_pds_reader_mem(b.data, b.len);
	pd_pds_reader_window(r, 250, 399);
	while (pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT) {
		assert_int_equal(e.tick, 200 + n);
		n++;
	}
	assert_int_equal(n, 200);
	pd_pds_reader_stats(r, &s);
	assert_int_equal(s.damaged, 0);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

static void
test_meta_comes_back(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_meta m, got;

	(void)state;
	pd_pds_meta_init(&m);
	m.scheme = PD_SAMPLE_WINDOW;
	m.rate = 1.0 / 1024;
	m.window_us = 250000;
	m.salt_id = 4000000000u;
	m.key_hash_id = 3;
	m.shard = 2;
	m.shards = 8;
	snprintf(m.host, sizeof(m.host), "cache-1.acme");
	snprintf(m.tool, sizeof(m.tool), "t \"1\"");
	m.start_us = 1700000000000000;
	m.capacity_objects = 1000;
	m.capacity_bytes = 1 << 20;
	m.eviction_age = 12345;
	m.feature_schema = 0xfedcba9876543210;
	assert_int_equal(pd_pds_meta_encode(&m, &b), 0);
	assert_int_equal(
	    pd_pds_meta_parse(&got, (char *)b.data, b.len, &err), 0);
	assert_memory_equal(&got, &m, sizeof(m));
	pd_buf_release(&b);
}

static void
refuse_meta(const char *json, const char *word)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_meta m;

	assert_int_equal(pd_pds_meta_parse(&m, json, strlen(json), &err), -1);
	assert_non_null(strstr(err.msg, word));
}

static void
test_bad_headers(void **state)
{
	(void)state;
	refuse_meta("", "byte");
	refuse_meta("[]", "object");
	refuse_meta("{\"min_reader\":2}", "version 2");
	refuse_meta("{\"shard\":-1}", "shard");
	refuse_meta("{\"shard\":65536}", "shard");
	refuse_meta("{\"host\":7}", "host");
	refuse_meta("{\"sampling\":{\"scheme\":\"dice\"}}", "dice");
	refuse_meta("{\"sampling\":{\"rate\":0}}", "rate");
	refuse_meta("{\"sampling\":{\"rate\":1.5}}", "rate");
	refuse_meta("{\"feature_schema\":\"xyz\"}", "feature_schema");
}

static void
test_memory_is_reported(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, true, 1024);
	size_t small;

	(void)state;
	add_n(w, 0, 2000);
	small = pd_pds_memory(w);
	assert_true(small > 1024 * 50 && small < 1024 * 300);
	end(w);
	pd_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lost_and_missing),
	    cmocka_unit_test(test_out_of_order),
	    cmocka_unit_test(test_concatenation),
	    cmocka_unit_test(test_interleaved_streams),
	    cmocka_unit_test(test_unknown_types_and_columns_are_skipped),
	    cmocka_unit_test(test_window_hops),
	    cmocka_unit_test(test_meta_comes_back),
	    cmocka_unit_test(test_bad_headers),
	    cmocka_unit_test(test_memory_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
