#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/err.h"
#include "base/rng.h"
#include "data/event.h"
#include "data/feature_code.h"
#include "data/pds.h"
#include "io/atomicfile.h"
#include "io/fd.h"

#include "pds_fixture.h"

static uint64_t
any_u64(struct pd_rng *rng)
{
	return pd_rng_u64(rng) >> pd_rng_below(rng, 64);
}

static uint32_t
any_u32(struct pd_rng *rng)
{
	return (uint32_t)any_u64(rng);
}

/* An event in which everything may be anything, each part seldom. */
static void
any_event(struct pd_event *e, struct pd_rng *rng, unsigned seldom)
{
	pd_event_init(e);
	e->time_us = any_u64(rng);
	e->tick = any_u64(rng);
	e->key = pd_rng_below(rng, 50);
	e->op = (uint8_t)pd_rng_below(rng, 8);
	e->flags = (uint8_t)pd_rng_below(rng, 8);
	if (e->flags & PD_EV_TTL)
		e->ttl_ms = any_u64(rng);
	e->size = pd_rng_below(rng, 3) ? 1 : any_u32(rng);
	if (pd_rng_below(rng, seldom) == 0)
		e->latency_us = any_u32(rng);
	if (pd_rng_below(rng, seldom) == 0)
		e->ns = any_u32(rng);
	if (pd_rng_below(rng, seldom) == 0)
		e->client = any_u32(rng);
	if (pd_rng_below(rng, seldom) == 0)
		e->weight = any_u32(rng);
	if (pd_rng_below(rng, seldom) == 0)
		e->ctx[pd_rng_below(rng, PD_CTX_COUNT)] =
		    (uint8_t)pd_rng_below(rng, 256);
}

static void
test_any_events_come_back(void **state)
{
	enum { N = 3000 };
	static struct pd_event e[N];
	static uint32_t shard[N];

	(void)state;
	for (unsigned round = 0; round < 12; round++) {
		struct pd_buf b = PD_BUF_INIT;
		struct pd_pds_writer *w = begin(&b, round % 2, 0);
		struct pd_pds_reader *r;
		struct pd_pds_stats s;
		struct pd_event got;
		struct pd_rng rng;

		pd_rng_init(&rng, round);
		for (unsigned i = 0; i < N; i++) {
			any_event(&e[i], &rng, 1 + round * 100);
			shard[i] = round % 3 == 0 ? pd_rng_below(&rng, 4) : 0;
			pd_pds_shard(w, shard[i]);
			assert_int_equal(pd_pds_add(w, &e[i], NULL), 0);
			if (pd_rng_below(&rng, 400) == 0)
				assert_int_equal(pd_pds_flush(w, NULL), 0);
		}
		end(w);
		r = pd_pds_reader_mem(b.data, b.len);
		for (unsigned i = 0; i < N; i++) {
			assert_int_equal(
			    pd_pds_next_event(r, &got, NULL), PD_PDS_GOT);
			assert_memory_equal(&got, &e[i], sizeof(got));
			assert_int_equal(pd_pds_event_shard(r), shard[i]);
		}
		assert_int_equal(pd_pds_next_event(r, &got, NULL), PD_PDS_EOF);
		pd_pds_reader_stats(r, &s);
		assert_int_equal(s.damaged, 0);
		assert_false(s.truncated);
		assert_int_equal(s.records, N);
		pd_pds_reader_free(r);
		pd_buf_release(&b);
	}
}

/* The widest values in one block, and blocks that close by themselves. */
static void
test_blocks_close_by_records_and_bytes(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, false, 0);
	struct pd_pds_block k;
	struct pd_pds_reader *r;
	struct pd_event e;
	struct pd_rng rng;
	unsigned narrow = 0, wide = 0;

	(void)state;
	pd_event_init(&e);
	for (unsigned i = 0; i < PD_PDS_BLOCK_RECORDS + 1; i++)
		assert_int_equal(pd_pds_add(w, &e, NULL), 0);
	assert_int_equal(pd_pds_pending(w), 1);
	assert_int_equal(pd_pds_seq(w), 2);
	assert_int_equal(pd_pds_flush(w, NULL), 0);
	pd_rng_init(&rng, 1);
	for (unsigned i = 0; i < PD_PDS_BLOCK_RECORDS; i++) {
		e.time_us = pd_rng_u64(&rng);
		e.tick = pd_rng_u64(&rng);
		e.key = pd_rng_u64(&rng);
		e.flags = PD_EV_TTL;
		e.ttl_ms = UINT64_MAX;
		e.size = e.latency_us = e.ns = UINT32_MAX - i;
		e.client = e.weight = UINT32_MAX;
		memset(e.ctx, 7, sizeof(e.ctx));
		assert_int_equal(pd_pds_add(w, &e, NULL), 0);
	}
	end(w);
	r = pd_pds_reader_mem(b.data, b.len);
	while (pd_pds_next(r, &k, NULL) == PD_PDS_GOT) {
		assert_true(k.payload_len <= PD_PDS_BLOCK_BYTES);
		assert_int_equal(pd_pds_verify(r, &k), 0);
		if (k.type == PD_PDS_EVENTS && k.seq <= 2)
			narrow += k.nrec;
		else if (k.type == PD_PDS_EVENTS)
			wide += k.nrec;
		if (k.seq > 3 && k.type == PD_PDS_EVENTS)
			assert_true(k.payload_len > 900000 ||
				    wide == PD_PDS_BLOCK_RECORDS);
	}
	assert_int_equal(narrow, PD_PDS_BLOCK_RECORDS + 1);
	assert_int_equal(wide, PD_PDS_BLOCK_RECORDS);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

/* Rows of some slots, as floats and as codes, in one stream. */
static void
test_forms_of_rows(void **state)
{
	static const struct {
		uint64_t slots;
		bool codes;
	} form[] = {{UINT64_MAX, true}, {1, false}, {0x8000000000000021, true},
	    {0x8000000000000021, false}, {UINT64_MAX, false}};
	static struct pd_feature_codes c;
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, false, 0);
	struct pd_pds_reader *r;
	struct pd_pds_row row = {.time_us = 5, .key = 9}, got;
	bool codes;

	(void)state;
	pd_feature_codes_init(&c);
	for (unsigned f = 0; f < PD_FEATURES; f++)
		row.value[f] = (float)f / 3.0f;
	for (unsigned k = 0; k < 5 * 3000; k++) {
		if (k % 3000 == 0)
			assert_int_equal(
			    pd_pds_row_form(w, form[k / 3000].slots,
				form[k / 3000].codes, NULL),
			    0);
		row.tick = k;
		assert_int_equal(pd_pds_add_row(w, &row, NULL), 0);
	}
	end(w);
	r = pd_pds_reader_mem(b.data, b.len);
	for (unsigned k = 0; k < 5 * 3000; k++) {
		const uint64_t slots = form[k / 3000].slots;

		assert_int_equal(pd_pds_next_row(r, &got, NULL), PD_PDS_GOT);
		assert_true(pd_pds_row_slots(r, &codes) == slots);
		assert_int_equal(codes, form[k / 3000].codes);
		assert_int_equal(got.tick, k);
		for (unsigned f = 0; f < PD_FEATURES; f++) {
			const float v = row.value[f];

			if (!(slots >> f & 1))
				assert_true(isnan(got.value[f]));
			else if (codes)
				assert_true(
				    got.value[f] ==
				    c.value[f][pd_feature_code(&c, f, v)]);
			else
				assert_true(got.value[f] == v);
		}
	}
	assert_int_equal(pd_pds_next_row(r, &got, NULL), PD_PDS_EOF);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

static void
test_rows_labels_and_text(void **state)
{
	enum { N = 4000 };
	static struct pd_pds_row row[N];
	struct pd_pds_label l = {7, 3, 9, 2.5f, 1}, got_l;
	struct pd_pds_row got;
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, false, 0);
	struct pd_pds_reader *r;
	struct pd_pds_block k;
	struct pd_rng rng;
	const char *text;
	unsigned drift = 0;
	size_t n;

	(void)state;
	pd_rng_init(&rng, 5);
	for (unsigned i = 0; i < N; i++) {
		row[i].time_us = 1000 + i;
		row[i].tick = any_u64(&rng);
		row[i].key = pd_rng_u64(&rng);
		for (unsigned f = 0; f < PD_FEATURES; f++) {
			const uint32_t u = any_u32(&rng); /* NaN too */

			memcpy(&row[i].value[f], &u, sizeof(u));
		}
		assert_int_equal(pd_pds_add_row(w, &row[i], NULL), 0);
	}
	assert_int_equal(pd_pds_add_label(w, &l, NULL), 0);
	assert_int_equal(pd_pds_drift(w, "{}\n{}\n", 6, 2, NULL), 0);
	end(w);
	r = pd_pds_reader_mem(b.data, b.len);
	for (unsigned i = 0; i < N; i++) {
		assert_int_equal(pd_pds_next_row(r, &got, NULL), PD_PDS_GOT);
		assert_memory_equal(&got, &row[i], sizeof(got));
	}
	assert_int_equal(pd_pds_next_label(r, &got_l, NULL), PD_PDS_GOT);
	assert_int_equal(got_l.stream_id, 7);
	assert_int_equal(got_l.seq, 3);
	assert_int_equal(got_l.row, 9);
	assert_true(got_l.value == 2.5f);
	assert_int_equal(got_l.censored, 1);
	pd_pds_reader_free(r);
	r = pd_pds_reader_mem(b.data, b.len);
	while (pd_pds_next(r, &k, NULL) == PD_PDS_GOT) {
		assert_true(k.payload_len <= PD_PDS_BLOCK_BYTES);
		if (k.type != PD_PDS_DRIFT)
			continue;
		text = pd_pds_text(&k, &n);
		assert_int_equal(n, 6);
		assert_memory_equal(text, "{}\n{}\n", 6);
		drift++;
	}
	assert_int_equal(drift, 1);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

/* Columns that hold only defaults are not in the block. */
static void
test_defaults_are_left_out(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, true, 0);
	struct pd_pds_reader *r;
	struct pd_pds_block k;
	struct pd_event e;
	unsigned columns = 0;

	(void)state;
	pd_event_init(&e);
	e.size = 1;
	for (unsigned i = 0; i < 100; i++)
		pd_pds_add(w, &e, NULL);
	end(w);
	r = pd_pds_reader_mem(b.data, b.len);
	pd_pds_next(r, &k, NULL);
	assert_int_equal(pd_pds_next(r, &k, NULL), PD_PDS_GOT);
	assert_int_equal(k.type, PD_PDS_EVENTS);
	while (pd_get16(k.payload + columns * 8) != 0)
		columns++;
	/* FIRST, TIME, TICK, KEYREF, NEWKEY, FLAGS */
	assert_int_equal(columns, 6);
	/* ... of 8, 100, 100, 100, 8 and 100 bytes, and 7 entries. */
	assert_int_equal(k.payload_len, 7 * 8 + 8 + 8 + 4 * 100);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

/* As RFC 1952 has it: any gzip decoder gets the frames, and the header of a
 * member says how far the next one is. */
static void
test_members_are_gzip(void **state)
{
	struct pd_buf b = PD_BUF_INIT, plain = PD_BUF_INIT, bare = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, false, 0);
	struct pd_pds_writer *v = begin(&bare, true, 0);
	size_t at = 0, frames = 0;
	struct pd_event e;
	z_stream z;

	(void)state;
	pd_event_init(&e);
	for (unsigned i = 0; i < 1000; i++) {
		e.tick = i;
		e.time_us = 5000000 + i;
		pd_pds_add(w, &e, NULL);
		pd_pds_add(v, &e, NULL);
	}
	end(w);
	end(v);
	while (at < b.len) {
		const uint8_t *p = b.data + at;

		assert_int_equal(p[0], 0x1f);
		assert_int_equal(p[1], 0x8b);
		assert_int_equal(pd_get32(p + 4), 0); /* MTIME */
		assert_int_equal(pd_get32(p + 44), crc32(0, p + 16, 28));
		memset(&z, 0, sizeof(z));
		assert_int_equal(inflateInit2(&z, 16 + 15), Z_OK);
		assert_int_equal(pd_buf_reserve(&plain, 100000), 0);
		z.next_in = b.data + at;
		z.avail_in = (uInt)(b.len - at);
		z.next_out = plain.data + plain.len;
		z.avail_out = 100000;
		assert_int_equal(inflate(&z, Z_FINISH), Z_STREAM_END);
		assert_int_equal(pd_get32(p + 16), z.total_in);
		assert_memory_equal(plain.data + plain.len, "PDS1", 4);
		if (plain.data[plain.len + 4] == 'E') {
			assert_int_equal(pd_get32(p + 20), 1000);
			assert_int_equal(pd_get64(p + 24), 5000000);
			assert_int_equal(pd_get64(p + 32), 5000999);
			assert_int_equal(p[40], 'E');
		}
		plain.len += z.total_out;
		at += z.total_in;
		frames++;
		inflateEnd(&z);
	}
	assert_int_equal(frames, 3);
	/* Bare frames are the same but for the check and the flag. */
	assert_int_equal(plain.len, bare.len);
	pd_buf_release(&b);
	pd_buf_release(&plain);
	pd_buf_release(&bare);
}

/* An E block of one event whose payload is ${y} from ${n} records: refused. */
static void
refuse(
    const char *directory, size_t dn, const char *data, size_t n, uint32_t nrec)
{
	struct pd_buf b = PD_BUF_INIT, y = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, false, 0);
	struct pd_pds_reader *r;
	struct pd_pds_stats s;
	struct pd_event e;

	pd_buf_add(&y, directory, dn);
	pd_buf_add64(&y, 0);
	pd_buf_add(&y, data, n);
	assert_int_equal(pd_pds_block(w, 'E', nrec, 0, 0, &y, NULL), 0);
	end(w);
	r = pd_pds_reader_mem(b.data, b.len);
	assert_int_equal(pd_pds_next_event(r, &e, NULL), PD_PDS_EOF);
	pd_pds_reader_stats(r, &s);
	assert_int_equal(s.damaged, 1);
	assert_int_equal(s.records, 0);
	assert_int_equal(s.records_lost, nrec);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
	pd_buf_release(&y);
}

static void
test_columns_that_disagree(void **state)
{
	static const char dir[] = "\1\0\2\0\1\0\0\0\2\0\2\0\1\0\0\0"
				  "\3\0\3\0\1\0\0\0\4\0\0\10\10\0\0\0"
				  "\5\0\0\1\1\0\0\0";

	(void)state;
	/* More records than the columns hold, a million of them. */
	refuse(dir, 40, "\0\4\0\1\2\3\4\5\6\7\10\11", 12, 2);
	refuse(dir, 40, "\0\4\0\1\2\3\4\5\6\7\10\11", 12, 1u << 20);
	/* A key reference to nothing; a varint that does not end. */
	refuse(dir, 40, "\0\4\1\1\2\3\4\5\6\7\10\11", 12, 1);
	refuse(dir, 40, "\200\4\0\1\2\3\4\5\6\7\10\11", 12, 1);
	/* A flag for a size that is not there, one for a ttl. */
	refuse(dir, 40, "\0\4\0\1\2\3\4\5\6\7\10\100", 12, 1);
	refuse(dir, 40, "\0\4\0\1\2\3\4\5\6\7\10\40", 12, 1);
	/* No columns at all. */
	refuse("", 0, "", 0, 3);
}

/* Lengths beyond the limits are refused before anything is allocated. */
static void
test_lengths_are_checked(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w = begin(&b, true, 0);
	struct pd_pds_reader *r;
	struct pd_pds_stats s;
	struct pd_pds_block k;
	static const size_t field[] = {8, 12};

	(void)state;
	end(w);
	for (unsigned i = 0; i < 2; i++) {
		uint8_t old[4];

		memcpy(old, b.data + field[i], 4);
		pd_put32(b.data + field[i], UINT32_MAX);
		r = pd_pds_reader_mem(b.data, b.len);
		assert_int_equal(pd_pds_next(r, &k, NULL), PD_PDS_GOT);
		assert_int_equal(k.type, PD_PDS_END);
		pd_pds_reader_stats(r, &s);
		assert_int_equal(s.damaged, 1);
		pd_pds_reader_free(r);
		memcpy(b.data + field[i], old, 4);
	}
	pd_buf_release(&b);
}

/* A stream with something of everything, written into ${b}. */
static void
tiny(struct pd_buf *b, bool bare)
{
	struct pd_pds_writer *w = begin(b, bare, 0);
	struct pd_event e;

	for (unsigned i = 0; i < 12; i++) {
		pd_event_init(&e);
		e.time_us = 1700000000000000 + i * 250000;
		e.tick = 1000 + i * i;
		e.key = pd_mix64(1 + i % 5);
		e.op = i == 11 ? PD_OP_DEL : i % 4 == 1 ? PD_OP_SET : PD_OP_GET;
		e.flags = i > 4 ? PD_EV_HIT : 0;
		e.size = 100 + i / 5;
		if (i % 3 == 0) {
			e.flags |= PD_EV_TTL;
			e.ttl_ms = 60000;
		}
		e.latency_us = 10 * i;
		e.ns = i / 6;
		e.client = i % 2 ? 0xdeadbeef : 0;
		e.weight = 1 + i / 10;
		e.ctx[PD_CTX_EVICT_AGE] = (uint8_t)(40 + i);
		pd_pds_shard(w, i / 8);
		assert_int_equal(pd_pds_add(w, &e, NULL), 0);
		if (i == 6) {
			assert_int_equal(pd_pds_flush(w, NULL), 0);
			pd_pds_lost(w, 3);
		}
	}
	end(w);
}

/* The bytes of the format must never change: streams outlive programs. */
static void
check_golden(const char *path, bool bare)
{
	struct pd_buf b = PD_BUF_INIT, golden = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;

	tiny(&b, bare);
	if (getenv("PREDIS_WRITE_GOLDEN") != NULL)
		assert_int_equal(
		    pd_atomicfile_write(path, b.data, b.len, 0644, &err), 0);
	assert_int_equal(pd_read_file(path, 1 << 16, &golden, &err), 0);
	assert_int_equal(b.len, golden.len);
	assert_memory_equal(b.data, golden.data, b.len);
	pd_buf_release(&b);
	pd_buf_release(&golden);
}

static void
test_golden(void **state)
{
	(void)state;
	check_golden("tests/golden/pds/tiny-bare.pds", true);
	check_golden("tests/golden/pds/tiny.pds", false);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_any_events_come_back),
	    cmocka_unit_test(test_blocks_close_by_records_and_bytes),
	    cmocka_unit_test(test_forms_of_rows),
	    cmocka_unit_test(test_rows_labels_and_text),
	    cmocka_unit_test(test_defaults_are_left_out),
	    cmocka_unit_test(test_members_are_gzip),
	    cmocka_unit_test(test_columns_that_disagree),
	    cmocka_unit_test(test_lengths_are_checked),
	    cmocka_unit_test(test_golden),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
