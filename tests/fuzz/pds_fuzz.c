/*
 * Any bytes as a PDS stream: every block, every record, all at once and in
 * pieces; both ways must find the same. What is read is written again and must
 * come back equal.
 */
#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/event.h"
#include "data/pds.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

/* Read the events of ${r}, fed from p in pieces of ${step} if not 0, and add
 * them to ${w} if not NULL. Returns a sum over all. */
static uint64_t
events(struct pd_pds_reader *r, const uint8_t *p, size_t n, size_t step,
    struct pd_pds_writer *w)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;
	uint64_t sum = 0;
	size_t at = 0;
	int rc;

	for (;;) {
		rc = pd_pds_next_event(r, &e, &err);
		if (rc == PD_PDS_GOT) {
			sum = sum * 31 + (e.time_us ^ e.tick ^ e.key ^ e.size);
			if (w != NULL && pd_pds_add(w, &e, &err))
				abort();
		} else if (rc == PD_PDS_MORE) {
			const size_t k = step < n - at ? step : n - at;

			if (pd_pds_reader_feed(r, p + at, k))
				abort();
			at += k;
		} else {
			break;
		}
	}
	if (rc < 0)
		assert(err.msg[0] != '\0');
	return sum;
}

static void
blocks(const uint8_t *p, size_t n)
{
	struct pd_pds_reader *r = pd_pds_reader_mem(p, n);
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_stats s;
	struct pd_pds_block b;
	uint64_t at = 0;
	size_t len;

	if (r == NULL)
		abort();
	while (pd_pds_next(r, &b, &err) == PD_PDS_GOT) {
		assert(b.offset >= at && b.offset + b.size <= n);
		at = b.offset + b.size;
		(void)pd_pds_verify(r, &b);
		(void)pd_pds_text(&b, &len);
	}
	pd_pds_reader_stats(r, &s);
	assert(s.damaged_bytes <= n + s.bytes);
	pd_pds_reader_free(r);
}

/* The bytes as the payload of a block that passes every check: only what the
 * columns say is left to be doubted. */
static void
payload(const uint8_t *p, size_t n)
{
	static const uint8_t types[] = {'E', 'F', 'L', 'D', 'H'};
	struct pd_buf b = PD_BUF_INIT, y = PD_BUF_INIT;
	struct pd_pds_wopts o = {.out = &b, .bare = true};
	struct pd_pds_writer *w = pd_pds_writer_new(&o, NULL);

	if (w == NULL || n < 3 || pd_buf_add(&y, p + 3, n - 3))
		goto out;
	if (pd_pds_block(w, types[p[0] % sizeof(types)],
		p[1] | (uint32_t)p[2] << 8, 0, 0, &y, NULL) == 0)
		blocks(b.data, b.len);
out:
	pd_pds_writer_free(w);
	pd_buf_release(&b);
	pd_buf_release(&y);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pd_pds_reader *r = pd_pds_reader_mem(p, n);
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_wopts o = {.out = &b};
	struct pd_pds_writer *w = pd_pds_writer_new(&o, NULL);
	uint64_t whole, again;

	if (r == NULL || w == NULL || pd_pds_header(w, "{}", 2, NULL))
		abort();
	whole = events(r, NULL, 0, 0, w);
	pd_pds_reader_free(r);
	if (pd_pds_end(w, NULL) || (r = pd_pds_reader_new()) == NULL)
		abort();
	again = events(r, p, n, 61, NULL);
	assert(again == whole);
	pd_pds_reader_free(r);
	if ((r = pd_pds_reader_mem(b.data, b.len)) == NULL)
		abort();
	again = events(r, NULL, 0, 0, NULL);
	assert(again == whole);
	pd_pds_reader_free(r);
	pd_pds_writer_free(w);
	pd_buf_release(&b);
	blocks(p, n);
	payload(p, n);
	return 0;
}
