/*
 * Damage: small streams are cut, flipped and spliced at random, 100,000 times
 * from one seed. Whatever is done to a stream, the reader must not crash,
 * must deliver no record that was not written, must deliver every record of
 * every block whose bytes are still there, and must report damage when
 * anything is missing.
 */
#define _GNU_SOURCE /* memmem */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/rng.h"
#include "data/event.h"
#include "data/pds.h"

#ifdef __SANITIZE_ADDRESS__
#define ROUNDS 6000
#else
#define ROUNDS 100000
#endif
#define BLOCKS 5
#define BLOCK_EVENTS 24
#define EVENTS (BLOCKS * BLOCK_EVENTS)
#define STREAMS 4 /* two compressed, two bare */

struct stream {
	struct pd_buf bytes;
	size_t end[BLOCKS + 2]; /* of H, the blocks, Z */
	struct pd_event e[EVENTS];
};

static struct stream streams[STREAMS];

static void
random_event(struct pd_event *e, struct pd_rng *rng, uint64_t tick)
{
	pd_event_init(e);
	e->time_us = 1700000000000000 + tick * 1000 + pd_rng_below(rng, 999);
	e->tick = tick;
	e->key = pd_mix64(pd_rng_below(rng, 12));
	e->op = (uint8_t)pd_rng_below(rng, PD_OP_MAX);
	e->flags = (uint8_t)pd_rng_below(rng, 8);
	e->ttl_ms = e->flags & PD_EV_TTL ? pd_rng_below(rng, 100000) : 0;
	e->size = pd_rng_below(rng, 300);
	e->latency_us = pd_rng_below(rng, 200);
}

static void
make_stream(struct stream *s, unsigned which)
{
	struct pd_pds_wopts o = {.out = &s->bytes, .bare = which >= 2};
	struct pd_pds_writer *w = pd_pds_writer_new(&o, NULL);
	char header[40];
	struct pd_rng rng;

	assert_non_null(w);
	pd_rng_init(&rng, which);
	snprintf(header, sizeof(header), "{\"source\":\"s%u\"}", which);
	assert_int_equal(pd_pds_header(w, header, strlen(header), NULL), 0);
	s->end[0] = s->bytes.len;
	for (unsigned i = 0; i < EVENTS; i++) {
		/* Ticks of two streams never meet. */
		random_event(&s->e[i], &rng, which * 1000 + i);
		assert_int_equal(pd_pds_add(w, &s->e[i], NULL), 0);
		if (i % BLOCK_EVENTS == BLOCK_EVENTS - 1) {
			assert_int_equal(pd_pds_flush(w, NULL), 0);
			s->end[1 + i / BLOCK_EVENTS] = s->bytes.len;
		}
	}
	assert_int_equal(pd_pds_end(w, NULL), 0);
	s->end[BLOCKS + 1] = s->bytes.len;
	pd_pds_writer_free(w);
}

static int
setup(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STREAMS; i++)
		make_stream(&streams[i], i);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	for (unsigned i = 0; i < STREAMS; i++)
		pd_buf_release(&streams[i].bytes);
	return 0;
}

static void
flip(struct pd_buf *b, struct pd_rng *rng)
{
	unsigned n = 1 + pd_rng_below(rng, 4);

	while (n-- > 0 && b->len > 0)
		b->data[pd_rng_below(rng, (uint32_t)b->len)] ^=
		    (uint8_t)(1u << pd_rng_below(rng, 8));
}

/* Take out a range; now and then whole blocks, or the tail, or the head. */
static void
cut(struct pd_buf *b, struct pd_rng *rng, const struct stream *s)
{
	size_t from, to;

	if (b->len == 0)
		return;
	from = pd_rng_below(rng, (uint32_t)b->len);
	to = from + 1 + pd_rng_below(rng, (uint32_t)(b->len - from));
	switch (pd_rng_below(rng, 6)) {
	case 0:
		to = b->len;
		break;
	case 1:
		to = from;
		from = 0;
		break;
	case 2:
		from = s->end[pd_rng_below(rng, BLOCKS)];
		to = s->end[pd_rng_below(rng, BLOCKS + 2)];
		break;
	default:
		break;
	}
	if (to > b->len)
		to = b->len;
	if (from >= to)
		return;
	memmove(b->data + from, b->data + to, b->len - to);
	b->len -= to - from;
}

/* Put a range of some stream somewhere, over what is there or between. */
static void
splice(struct pd_buf *b, struct pd_rng *rng)
{
	const struct stream *s = &streams[pd_rng_below(rng, STREAMS)];
	size_t from = pd_rng_below(rng, (uint32_t)s->bytes.len);
	size_t n = 1 + pd_rng_below(rng, (uint32_t)(s->bytes.len - from));
	size_t at = pd_rng_below(rng, (uint32_t)b->len + 1);

	if (pd_rng_below(rng, 3) == 0) { /* one whole block */
		const unsigned k = 1 + pd_rng_below(rng, BLOCKS + 1);

		from = s->end[k - 1];
		n = s->end[k] - from;
	}
	if (pd_rng_below(rng, 2) == 0) { /* over */
		if (n > b->len - at)
			n = b->len - at;
		memcpy(b->data + at, s->bytes.data + from, n);
		return;
	}
	assert_int_equal(pd_buf_reserve(b, n), 0);
	memmove(b->data + at + n, b->data + at, b->len - at);
	memcpy(b->data + at, s->bytes.data + from, n);
	b->len += n;
}

/* The reader over ${b}, all at once or as it arrives in pieces. */
static struct pd_pds_reader *
open_reader(const struct pd_buf *b, bool pieces)
{
	return pieces ? pd_pds_reader_new()
		      : pd_pds_reader_mem(b->data, b->len);
}

static int
next_event(struct pd_pds_reader *r, const struct pd_buf *b, size_t *fed,
    struct pd_rng *rng, struct pd_event *e)
{
	int rc;

	while ((rc = pd_pds_next_event(r, e, NULL)) == PD_PDS_MORE) {
		size_t n = 1 + pd_rng_below(rng, 200);

		if (n > b->len - *fed)
			n = b->len - *fed;
		assert_int_equal(pd_pds_reader_feed(r, b->data + *fed, n), 0);
		*fed += n;
	}
	return rc;
}

static const struct pd_event *
original(uint64_t tick)
{
	assert_true(tick / 1000 < STREAMS);
	assert_true(tick % 1000 < EVENTS);
	return &streams[tick / 1000].e[tick % 1000];
}

/* Every event of every block that is in ${b} whole was seen; and, unless all
 * of stream ${which} was, there is damage. */
static void
check_seen(const struct pd_buf *b, const uint8_t *seen, unsigned which,
    const struct pd_pds_stats *st)
{
	bool all = true;

	for (unsigned i = 0; i < STREAMS; i++) {
		const struct stream *s = &streams[i];

		for (unsigned k = 1; k <= BLOCKS; k++) {
			const uint8_t *at =
			    seen + i * EVENTS + (size_t)(k - 1) * BLOCK_EVENTS;
			const size_t from = s->end[k - 1];

			if (i == which)
				all &= at[0] != 0;
			if (b->len == 0 ||
			    memmem(b->data, b->len, s->bytes.data + from,
				s->end[k] - from) == NULL)
				continue;
			for (unsigned j = 0; j < BLOCK_EVENTS; j++)
				assert_int_equal(at[j], 1);
		}
	}
	if (!all && b->len > 0)
		assert_true(st->damaged > 0);
}

static void
one_round(uint64_t seed)
{
	uint8_t seen[STREAMS * EVENTS] = {0};
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_reader *r;
	const struct stream *s;
	struct pd_pds_stats st;
	unsigned ops, which;
	struct pd_event e;
	struct pd_rng rng;
	size_t fed = 0;
	int rc;

	pd_rng_init(&rng, seed);
	which = pd_rng_below(&rng, STREAMS);
	s = &streams[which];
	assert_int_equal(pd_buf_add(&b, s->bytes.data, s->bytes.len), 0);
	for (ops = 1 + pd_rng_below(&rng, 3); ops > 0; ops--)
		switch (pd_rng_below(&rng, 3)) {
		case 0:
			flip(&b, &rng);
			break;
		case 1:
			cut(&b, &rng, s);
			break;
		default:
			splice(&b, &rng);
		}
	r = open_reader(&b, pd_rng_below(&rng, 8) == 0);
	assert_non_null(r);
	while ((rc = next_event(r, &b, &fed, &rng, &e)) == PD_PDS_GOT) {
		assert_memory_equal(&e, original(e.tick), sizeof(e));
		seen[e.tick / 1000 * EVENTS + e.tick % 1000] = 1;
	}
	assert_int_equal(rc, PD_PDS_EOF);
	pd_pds_reader_stats(r, &st);
	assert_int_equal(st.bytes, b.len);
	check_seen(&b, seen, which, &st);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

static void
test_random_damage(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < ROUNDS; i++)
		one_round(i);
}

/* Each bit of a stream flipped alone: the damage is the block that holds it,
 * from its first byte to its last, and its records are counted. */
static void
test_each_bit(void **state)
{
	const struct stream *s = &streams[0];
	struct pd_buf b = PD_BUF_INIT;
	unsigned harmless = 0;

	(void)state;
	assert_int_equal(pd_buf_add(&b, s->bytes.data, s->bytes.len), 0);
	for (size_t i = 0; i < b.len * 8; i++) {
		const struct pd_pds_damage *d;
		struct pd_pds_reader *r;
		struct pd_event e;
		unsigned n = 0, k = 0;

		while (s->end[k] <= i / 8)
			k++;
		b.data[i / 8] ^= (uint8_t)(1u << i % 8);
		r = pd_pds_reader_mem(b.data, b.len);
		assert_non_null(r);
		while (pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT)
			n++;
		if (pd_pds_damage(r, &d) == 0) {
			/* Deflate says some bytes in more than one way, and
			 * has unused bits at its end. */
			assert_int_equal(n, EVENTS);
			harmless++;
		} else {
			assert_int_equal(
			    d[0].offset, k == 0 ? 0 : s->end[k - 1]);
			assert_int_equal(d[0].offset + d[0].length, s->end[k]);
			if (k <= BLOCKS)
				assert_true(d[0].records_known);
			assert_int_equal(d[0].records,
			    k >= 1 && k <= BLOCKS ? BLOCK_EVENTS : 0);
			assert_int_equal(n, EVENTS - d[0].records);
		}
		pd_pds_reader_free(r);
		b.data[i / 8] ^= (uint8_t)(1u << i % 8);
	}
	assert_true(harmless < b.len * 8 / 50);
	pd_buf_release(&b);
}

/* Cut anywhere: the whole blocks before it, and "truncated". */
static void
test_each_truncation(void **state)
{
	(void)state;
	for (unsigned which = 0; which < STREAMS; which += 2) {
		const struct stream *s = &streams[which];

		for (size_t len = 1; len < s->bytes.len; len++) {
			struct pd_pds_reader *r =
			    pd_pds_reader_mem(s->bytes.data, len);
			struct pd_pds_stats st;
			struct pd_event e;
			unsigned n = 0, whole = 0;

			assert_non_null(r);
			while (whole < BLOCKS && s->end[whole + 1] <= len)
				whole++;
			while (pd_pds_next_event(r, &e, NULL) == PD_PDS_GOT)
				n++;
			assert_int_equal(n, whole * BLOCK_EVENTS);
			pd_pds_reader_stats(r, &st);
			assert_true(st.damaged > 0);
			assert_int_equal(st.truncated, len >= s->end[0]);
			pd_pds_reader_free(r);
		}
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_random_damage),
	    cmocka_unit_test(test_each_bit),
	    cmocka_unit_test(test_each_truncation),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
