/*
 * Memory that runs out at every possible place while a stream is written and
 * read: a refusal each time, nothing leaked, and success in the end. The
 * allocator is replaced in this program, for zlib and jansson too.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/event.h"
#include "data/pds.h"
#include "nomem.h"

#if !NOMEM_WORKS

static void
test_nomem(void **state)
{
	(void)state;
	skip();
}

#else

#define EVENTS 300

/* A stream of all kinds of blocks. 0, or -1 with a message. */
static int
write_stream(struct pd_buf *out, struct pd_err *err)
{
	static const struct pd_pds_row row;
	static const struct pd_pds_label label;
	struct pd_pds_wopts o = {.out = out, .block_records = 128};
	struct pd_pds_writer *w;
	struct pd_event e;
	int rc;

	if ((w = pd_pds_writer_new(&o, err)) == NULL)
		return -1;
	rc = pd_pds_header(w, "{\"tool\":\"t\"}", 12, err);
	pd_event_init(&e);
	for (unsigned i = 0; rc == 0 && i < EVENTS; i++) {
		e.key = e.tick = i;
		rc = pd_pds_add(w, &e, err);
	}
	if (rc == 0)
		rc = pd_pds_add_row(w, &row, err);
	if (rc == 0)
		rc = pd_pds_add_label(w, &label, err);
	if (rc == 0)
		rc = pd_pds_drift(w, "{}\n", 3, 1, err);
	if (rc == 0)
		rc = pd_pds_end(w, err);
	pd_pds_writer_free(w);
	return rc;
}

/* Read it all again, fed in pieces. Events, or -1. */
static int
read_stream(const struct pd_buf *in, struct pd_err *err)
{
	struct pd_pds_reader *r = pd_pds_reader_new();
	struct pd_pds_stats s;
	struct pd_pds_block b;
	size_t at = 0;
	int rc, n = 0;

	if (r == NULL)
		return pd_err_nomem(err);
	for (;;) {
		rc = pd_pds_next(r, &b, err);
		if (rc == PD_PDS_MORE) {
			const size_t k = in->len - at < 99 ? in->len - at : 99;

			if (pd_pds_reader_feed(r, in->data + at, k)) {
				rc = pd_err_nomem(err);
				break;
			}
			at += k;
			continue;
		}
		if (rc != PD_PDS_GOT)
			break;
		if (pd_pds_verify(r, &b)) {
			rc = pd_err_nomem(err);
			break;
		}
		if (b.type == PD_PDS_EVENTS)
			n += (int)b.nrec;
	}
	pd_pds_reader_stats(r, &s);
	/* Want of memory is no damage. */
	assert_int_equal(s.damaged, 0);
	pd_pds_reader_free(r);
	return rc < 0 ? -1 : n;
}

static void
test_nomem(void **state)
{
	struct pd_buf whole = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	long n, live;
	int rc;

	(void)state;
	assert_int_equal(write_stream(&whole, &err), 0);
	for (n = 0, rc = -1; rc != 0; n++) {
		struct pd_buf b = PD_BUF_INIT;

		assert_true(n < 1000);
		err.msg[0] = '\0';
		live = heap.live;
		heap.left = n;
		rc = write_stream(&b, &err);
		heap.left = -1;
		assert_true((rc == 0) == (err.msg[0] == '\0'));
		pd_buf_release(&b);
		assert_int_equal(heap.live, live);
	}
	assert_true(n > 8);
	for (n = 0, rc = -1; rc < 0; n++) {
		assert_true(n < 1000);
		err.msg[0] = '\0';
		live = heap.live;
		heap.left = n;
		rc = read_stream(&whole, &err);
		heap.left = -1;
		assert_true((rc >= 0) == (err.msg[0] == '\0'));
		assert_int_equal(heap.live, live);
	}
	assert_int_equal(rc, EVENTS);
	assert_true(n > 8);
	pd_buf_release(&whole);
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
