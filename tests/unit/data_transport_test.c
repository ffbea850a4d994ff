/*
 * What transports share, without a network: a carrier that gives a list of
 * entries, or takes some and refuses others. Real peers are in
 * tests/cli/network.bats and data_kafka_test.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/rng.h"
#include "data/transport_priv.h"

#define WINDOW ((uint64_t)PD_TRANSPORT_WINDOW)
#define STREAM 0xabcdef0123456789

/* The entries still to be given, and what was acknowledged. */
struct source {
	const uint64_t *seq;
	size_t n, at;
	uint64_t acked[512];
	size_t nacked;
	bool header;
};

static int
next_entry(void *c, struct pd_arrival *a, int timeout_ms, struct pd_err *err)
{
	struct source *s = c;
	char text[32];

	(void)timeout_ms;
	(void)err;
	if (s->at == s->n)
		return 0;
	a->stream_id = STREAM;
	a->seq = s->seq[s->at];
	a->place.a = s->at++;
	snprintf(text, sizeof(text), "%llu", (unsigned long long)a->seq);
	assert_int_equal(pd_buf_addstr(&a->data, text), 0);
	if (s->header)
		assert_int_equal(pd_buf_addstr(&a->header, "0"), 0);
	return 1;
}

static int
ack_entries(void *c, const struct pd_place *p, size_t n, struct pd_err *err)
{
	struct source *s = c;

	(void)err;
	for (size_t i = 0; i < n; i++)
		s->acked[s->nacked++] = p[i].a;
	return 0;
}

static void
close_nothing(void *c)
{
	(void)c;
}

static const struct pd_carrier giver = {.scheme = "test://",
    .next = next_entry,
    .ack = ack_entries,
    .close = close_nothing};

static struct pd_transport *
transport(const struct pd_carrier *k, void *c)
{
	struct pd_transport *t = calloc(1, sizeof(*t));

	assert_non_null(t);
	t->carrier = k;
	t->c = c;
	t->env.stats = &t->stats;
	t->env.o.buffer_max = (size_t)1 << 20;
	t->env.o.hold_us = 3600000000;
	t->env.o.retry_us = 1000000;
	return t;
}

/* The blocks that come, as text: "0 1 2". */
static const char *
drain(struct pd_transport *t)
{
	static char text[4096];
	struct pd_transport_block b;
	struct pd_err err = PD_ERR_INIT;
	size_t n = 0;
	int rc;

	text[0] = '\0';
	while ((rc = pd_transport_get(t, &b, 0, &err)) != 0) {
		assert_true(rc > 0);
		if (rc == 1)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
			    "%s%.*s", n > 0 ? " " : "", (int)b.n,
			    (const char *)b.data);
	}
	return text;
}

/* A block came in an earlier life. */
static void
seen(struct pd_transport *t, uint64_t id, uint64_t seq)
{
	char text[32];
	const struct pd_transport_block b = {.stream_id = id,
	    .seq = seq,
	    .data = text,
	    .n = (size_t)snprintf(
		text, sizeof(text), "%llu", (unsigned long long)seq)};

	assert_int_equal(pd_transport_seen(t, &b), 0);
}

#define SOURCE(...)                                                            \
	{                                                                      \
		.seq = (const uint64_t[]){__VA_ARGS__},                        \
		.n =                                                           \
		    sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t) \
	}

static void
the_window_forgets_by_age(void **state)
{
	struct pd_instream *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	assert_int_equal(pd_instream_see(s, 5, 7), PD_SEEN_NEW);
	assert_int_equal(pd_instream_see(s, 5, 7), PD_SEEN_TWICE);
	assert_int_equal(pd_instream_see(s, 3, 7), PD_SEEN_NEW);
	assert_false(pd_instream_came(s, 4));
	assert_int_equal(pd_instream_count(s, 0, 100), 2);
	/* The lowest that the window reaches, and one below. */
	assert_int_equal(pd_instream_see(s, WINDOW + 3, 7), PD_SEEN_NEW);
	assert_int_equal(pd_instream_see(s, 4, 7), PD_SEEN_NEW);
	assert_int_equal(pd_instream_see(s, 5, 7), PD_SEEN_TWICE);
	assert_int_equal(pd_instream_see(s, 3, 7), PD_SEEN_OLD);
	/* A leap beyond the window leaves nothing behind. */
	assert_int_equal(pd_instream_see(s, 10 * WINDOW, 7), PD_SEEN_NEW);
	assert_int_equal(pd_instream_count(s, 0, UINT64_MAX), 1);
	assert_int_equal(pd_instream_see(s, 10 * WINDOW - 1, 7), PD_SEEN_NEW);
	assert_int_equal(pd_instream_see(s, WINDOW + 3, 7), PD_SEEN_OLD);
	assert_int_equal(pd_instream_see(s, UINT64_MAX, 7), PD_SEEN_OLD);
	assert_int_equal(pd_instream_see(s, UINT64_MAX - 1, 7), PD_SEEN_NEW);
	free(s);
}

/* Against a plain list of what came within the window. */
static void
the_window_agrees_with_a_list(void **state)
{
	struct pd_instream *s = calloc(1, sizeof(*s));
	uint8_t *came = calloc(1, 400000);
	struct pd_rng rng;
	uint64_t top = 0;

	(void)state;
	assert_non_null(s);
	assert_non_null(came);
	pd_rng_init(&rng, 7);
	for (int i = 0; i < 300000; i++) {
		const uint64_t around = (uint64_t)i + pd_rng_below(&rng, 45000);
		enum pd_seen want = PD_SEEN_NEW;

		if (around < top && top - around > WINDOW)
			want = PD_SEEN_OLD;
		else if (came[around])
			want = PD_SEEN_TWICE;
		assert_int_equal(pd_instream_see(s, around, 7), want);
		came[around] = 1;
		if (around >= top)
			top = around + 1;
	}
	free(came);
	free(s);
}

/* Two streams that by mistake have one stream_id: nothing is lost. */
static void
a_namesake_is_no_double(void **state)
{
	struct pd_instream *s = calloc(1, sizeof(*s));

	(void)state;
	assert_non_null(s);
	assert_int_equal(pd_instream_see(s, 3, 1), PD_SEEN_NEW);
	assert_int_equal(pd_instream_see(s, 3, 2), PD_SEEN_NAMESAKE);
	assert_int_equal(pd_instream_see(s, 3, 2), PD_SEEN_TWICE);
	assert_int_not_equal(pd_instream_check("", 0), 0);
	free(s);
}

static void
order_is_restored_and_doubles_dropped(void **state)
{
	struct source s = SOURCE(0, 2, 1, 1, 5, 4, 3, 3, 0, 6);
	struct pd_transport *t = transport(&giver, &s);

	(void)state;
	assert_string_equal(drain(t), "0 1 2 3 4 5 6");
	assert_int_equal(t->stats.duplicates, 3);
	assert_int_equal(t->stats.missing + t->stats.late + t->stats.old, 0);
	assert_int_equal(t->stats.blocks, 7);
	pd_transport_close(t);
}

static void
gaps_are_counted(void **state)
{
	struct source s = SOURCE(2, 3, 7, 8);
	struct pd_transport *t = transport(&giver, &s);

	(void)state;
	assert_string_equal(drain(t), "2 3 7 8");
	assert_int_equal(t->stats.missing, 5);
	pd_transport_close(t);
}

/* A member of a group cannot know what the others had before its first. */
static void
a_group_begins_anywhere(void **state)
{
	struct source s = SOURCE(5, 6, 9);
	struct pd_transport *t = transport(&giver, &s);

	(void)state;
	t->env.o.group = "g";
	assert_string_equal(drain(t), "5 6 9");
	assert_int_equal(t->stats.missing, 2);
	pd_transport_close(t);
}

static void
what_is_late_is_delivered(void **state)
{
	struct source s = SOURCE(0, 2, 1, 3);
	struct pd_transport *t = transport(&giver, &s);

	(void)state;
	t->env.o.hold_us = 0;
	assert_string_equal(drain(t), "0 2 1 3");
	assert_int_equal(t->stats.late, 1);
	assert_int_equal(t->stats.missing, 0);
	pd_transport_close(t);
}

static void
little_is_held(void **state)
{
	struct source s = SOURCE(0, 2, 3, 4, 5, 6, 7, 1);
	struct pd_transport *t = transport(&giver, &s);

	(void)state;
	t->env.o.buffer_max = 3; /* bytes: the texts have one each */
	assert_string_equal(drain(t), "0 2 3 4 5 6 7 1");
	assert_int_equal(t->stats.late, 1);
	pd_transport_close(t);
}

/* The header that travels with each block is delivered once, and first; a
 * stream whose own header comes needs none. */
static void
a_late_reader_gets_the_header(void **state)
{
	struct source s = SOURCE(40, 41, 0), whole = SOURCE(0, 1);
	struct pd_transport *t = transport(&giver, &s);

	(void)state;
	s.header = true;
	t->env.o.group = "g";
	t->env.o.hold_us = 0;
	assert_string_equal(drain(t), "0 40 41");
	assert_int_equal(t->stats.duplicates, 1);
	pd_transport_close(t);
	whole.header = true;
	t = transport(&giver, &whole);
	assert_string_equal(drain(t), "0 1");
	pd_transport_close(t);
}

/* Only what was given is acknowledged: not what is held, nor a double of it.
 */
static void
acks_follow_delivery(void **state)
{
	struct source s = SOURCE(0, 3, 3, 1);
	struct pd_transport *t = transport(&giver, &s);
	struct pd_transport_block b;

	(void)state;
	t->env.o.group = "g";
	assert_int_equal(pd_transport_get(t, &b, 0, NULL), 1); /* 0 */
	do
		assert_int_not_equal(pd_transport_get(t, &b, 0, NULL), 0);
	while (b.seq != 1);
	assert_int_equal(pd_transport_ack(t, NULL), 0);
	assert_int_equal(s.nacked, 2);
	assert_int_equal(s.acked[0], 0);
	assert_int_equal(s.acked[1], 3); /* the fourth entry */
	assert_string_equal(drain(t), "3");
	assert_int_equal(pd_transport_ack(t, NULL), 0);
	assert_int_equal(s.nacked, 3);
	assert_int_equal(s.acked[2], 1);
	pd_transport_close(t);
}

static void
an_earlier_life_is_remembered(void **state)
{
	struct source s = SOURCE(10, 11, 12, 13, 14);
	struct pd_transport *t = transport(&giver, &s);

	(void)state;
	t->env.o.group = "g";
	for (uint64_t i = 8; i < 12; i++)
		seen(t, STREAM, i);
	seen(t, STREAM, 13);
	assert_string_equal(drain(t), "12 14");
	assert_int_equal(t->stats.duplicates, 3);
	assert_int_equal(t->stats.missing, 0);
	/* They are safe already: to be acknowledged with the others. */
	assert_int_equal(pd_transport_ack(t, NULL), 0);
	assert_int_equal(s.nacked, 5);
	pd_transport_close(t);
}

static void
many_streams_cost_bounded_memory(void **state)
{
	struct pd_transport *t = transport(&giver, NULL);

	(void)state;
	for (uint64_t id = 0; id < 3 * (uint64_t)PD_TRANSPORT_STREAMS; id++)
		seen(t, id, 0);
	assert_int_equal(t->nstreams, PD_TRANSPORT_STREAMS);
	pd_transport_close(t);
}

/* A carrier that is away for some tries, or for ever. */
struct sink {
	int away;  /* tries that fail; -1: all */
	bool half; /* takes every other block only */
	uint64_t got[64];
	size_t n;
};

static int
take_list(void *c, struct pd_parcel *list, struct pd_err *err)
{
	struct sink *s = c;
	bool skip = false;

	if (s->away != 0) {
		s->away -= s->away > 0;
		(void)pd_err_set(err, "away");
		return PD_CARRIER_LATER;
	}
	for (struct pd_parcel *p = list; p != NULL; p = p->next) {
		p->acked = !skip;
		if (p->acked)
			s->got[s->n++] = p->seq;
		skip = s->half && !skip;
	}
	if (!s->half)
		return PD_CARRIER_DONE;
	(void)pd_err_set(err, "half");
	return PD_CARRIER_LATER;
}

static const struct pd_carrier taker = {
    .scheme = "test://", .send = take_list, .close = close_nothing};

static void
put(struct pd_transport *t, uint64_t seq)
{
	const struct pd_transport_block b = {.stream_id = STREAM,
	    .seq = seq,
	    .data = "0123456789",
	    .n = 10,
	    .type = seq == 0 ? 'H' : 'E'};
	struct pd_err err = PD_ERR_INIT;

	if (pd_transport_put(t, &b, &err))
		fail_msg("%s", err.msg);
}

static void
a_sender_tries_again(void **state)
{
	struct sink s = {.away = 2};
	struct pd_transport *t = transport(&taker, &s);
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	for (uint64_t i = 0; i < 3; i++)
		put(t, i);
	assert_int_equal(s.n, 0);
	assert_int_equal(pd_transport_flush(t, &err), 0);
	assert_int_equal(s.n, 3);
	assert_int_equal(t->stats.blocks, 3);
	assert_int_equal(t->held_bytes, 0);
	/* What was taken is not sent again with what was not. */
	s.half = true;
	for (uint64_t i = 3; i < 7; i++)
		put(t, i);
	assert_int_equal(pd_transport_flush(t, &err), 0);
	assert_int_equal(s.n, 7);
	assert_int_equal(s.got[3], 3);
	assert_int_equal(s.got[4], 5);
	assert_int_equal(s.got[5], 4);
	pd_transport_close(t);
}

static void
a_sender_gives_up_and_says_how_many(void **state)
{
	struct sink s = {.away = -1};
	struct pd_transport *t = transport(&taker, &s);
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	t->url = strdup("test://here");
	t->env.o.retry_us = 100000;
	put(t, 0);
	put(t, 1);
	assert_int_equal(pd_transport_flush(t, &err), -1);
	assert_string_equal(
	    err.msg, "'test://here': 2 blocks not delivered: away");
	pd_transport_close(t);
}

/* A live source is not held up: the newest that fit are kept, the others are
 * counted. Each has 10 bytes, and all but the first its header's 10. */
static void
a_live_source_drops_the_oldest(void **state)
{
	struct sink s = {.away = -1};
	struct pd_transport *t = transport(&taker, &s);

	(void)state;
	t->env.o.live = true;
	t->env.o.buffer_max = 100;
	t->env.o.retry_us = 3600000000;
	for (uint64_t i = 0; i < 20; i++)
		put(t, i);
	assert_int_equal(t->held, 5);
	assert_int_equal(t->stats.dropped, 15);
	s.away = 0;
	assert_int_equal(pd_transport_flush(t, NULL), 0);
	assert_int_equal(s.n, 5);
	for (uint64_t i = 0; i < 5; i++)
		assert_int_equal(s.got[i], 15 + i);
	pd_transport_close(t);
}

static void
what_an_address_is(void **state)
{
	(void)state;
	assert_true(pd_transport_is_url("redis-stream://h:1/n"));
	assert_true(pd_transport_is_url("rediss-stream://h:1/n"));
	assert_true(pd_transport_is_url("kafka://h/t"));
	assert_false(pd_transport_is_url("redis://h:1"));
	assert_false(pd_transport_is_url("a/redis-stream://"));
	assert_false(pd_transport_is_url("-"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_window_forgets_by_age),
	    cmocka_unit_test(the_window_agrees_with_a_list),
	    cmocka_unit_test(a_namesake_is_no_double),
	    cmocka_unit_test(order_is_restored_and_doubles_dropped),
	    cmocka_unit_test(gaps_are_counted),
	    cmocka_unit_test(a_group_begins_anywhere),
	    cmocka_unit_test(what_is_late_is_delivered),
	    cmocka_unit_test(little_is_held),
	    cmocka_unit_test(a_late_reader_gets_the_header),
	    cmocka_unit_test(acks_follow_delivery),
	    cmocka_unit_test(an_earlier_life_is_remembered),
	    cmocka_unit_test(many_streams_cost_bounded_memory),
	    cmocka_unit_test(a_sender_tries_again),
	    cmocka_unit_test(a_sender_gives_up_and_says_how_many),
	    cmocka_unit_test(a_live_source_drops_the_oldest),
	    cmocka_unit_test(what_an_address_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
