/*
 * What comes from a carrier, without doubles and in order. A block that is
 * ahead of its stream is held back until those before it came, or for hold_us,
 * or until too much is held; then the gap is counted and delivery goes on.
 */
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "data/pds_read.h"
#include "data/transport_priv.h"

#define HELD_MAX 4096 /* blocks */
#define SLICE_MS 100

void
pd_arrival_free(struct pd_arrival *a)
{
	if (a == NULL)
		return;
	pd_buf_release(&a->data);
	pd_buf_release(&a->header);
	free(a);
}

void
pd_transport_in_release(struct pd_transport *t)
{
	struct pd_instream *s;
	struct pd_arrival *a;

	while ((s = t->streams) != NULL) {
		t->streams = s->next;
		while ((a = s->held) != NULL) {
			s->held = a->next;
			pd_arrival_free(a);
		}
		free(s);
	}
	pd_arrival_free(t->given);
	pd_arrival_free(t->after);
	free(t->done);
}

/* The entry at ${p} need not come again once the caller acks. */
static int
to_ack(struct pd_transport *t, const struct pd_place *p)
{
	struct pd_place *more;
	size_t cap;

	if (t->env.o.group == NULL)
		return 0;
	if (t->ndone == t->done_cap) {
		cap = t->done_cap > 0 ? 2 * t->done_cap : 256;
		if ((more = realloc(t->done, cap * sizeof(*more))) == NULL)
			return -1;
		t->done = more;
		t->done_cap = cap;
	}
	t->done[t->ndone++] = *p;
	return 0;
}

/* Hold ${a} back, in order of seq. */
static void
hold(struct pd_transport *t, struct pd_instream *s, struct pd_arrival *a)
{
	struct pd_arrival **at = &s->held;

	while (*at != NULL && (*at)->seq < a->seq)
		at = &(*at)->next;
	a->next = *at;
	*at = a;
	s->nheld++;
	t->in_held++;
	t->in_bytes += a->data.len + a->header.len;
}

/* Take the lowest of ${s}; what lies between is not waited for any longer. */
static struct pd_arrival *
release(struct pd_transport *t, struct pd_instream *s)
{
	struct pd_arrival *a = s->held;

	s->held = a->next;
	a->next = NULL;
	s->nheld--;
	t->in_held--;
	t->in_bytes -= a->data.len + a->header.len;
	if (a->seq > s->next_seq && (s->begun || t->env.o.group == NULL))
		t->stats.missing += a->seq - s->next_seq -
				    pd_instream_count(s, s->next_seq, a->seq);
	return a;
}

/* ${seq} was delivered: what is next? */
static void
step(struct pd_instream *s, uint64_t seq)
{
	s->begun = true;
	if (seq < s->next_seq)
		return;
	s->next_seq = seq + 1;
	while ((s->held == NULL || s->held->seq != s->next_seq) &&
	       pd_instream_came(s, s->next_seq))
		s->next_seq++;
}

/* A block that was held back and may go now; NULL: none. */
static struct pd_arrival *
ripe(struct pd_transport *t)
{
	const uint64_t now = pd_clock_mono_us();
	struct pd_instream *s, *oldest = NULL;

	if (t->in_held == 0)
		return NULL;
	for (s = t->streams; s != NULL; s = s->next) {
		if (s->held == NULL)
			continue;
		if (s->held->seq <= s->next_seq)
			return release(t, s);
		if (oldest == NULL ||
		    s->held->since_us < oldest->held->since_us)
			oldest = s;
	}
	if (oldest == NULL)
		return NULL;
	if (t->ended || t->in_held > HELD_MAX ||
	    t->in_bytes > t->env.o.buffer_max ||
	    now - oldest->held->since_us >= t->env.o.hold_us)
		return release(t, oldest);
	return NULL;
}

/* Decide on an arrival: deliver it now (true), or it is held or dropped. */
static bool
admit(struct pd_transport *t, struct pd_arrival *a, struct pd_instream *s)
{
	switch (pd_instream_see(
	    s, a->seq, pd_instream_check(a->data.data, a->data.len))) {
	case PD_SEEN_TWICE:
		t->stats.duplicates++;
		return false;
	case PD_SEEN_NAMESAKE:
		t->stats.namesakes++;
		return true;
	case PD_SEEN_OLD:
		t->stats.old++;
		return true;
	case PD_SEEN_NEW:
		break;
	}
	if (a->seq < s->next_seq) {
		t->stats.late++;
		if (t->stats.missing > 0)
			t->stats.missing--;
		return true;
	}
	if (a->seq == s->next_seq)
		return true;
	hold(t, s, a);
	return false;
}

/* Hand ${a} to the caller; where its stream's header is not known to him, that
 * first. */
static int
give(struct pd_transport *t, struct pd_arrival *a, struct pd_transport_block *b,
    struct pd_err *err)
{
	struct pd_instream *s = pd_instream_find(t, a->stream_id);

	memset(b, 0, sizeof(*b));
	b->stream_id = a->stream_id;
	if (s == NULL) {
		pd_arrival_free(a);
		return pd_err_nomem(err);
	}
	if (!s->headed && a->seq > 0 && a->header.len > 0) {
		s->headed = true;
		(void)pd_instream_see(
		    s, 0, pd_instream_check(a->header.data, a->header.len));
		if (s->next_seq == 0)
			step(s, 0);
		t->after = a;
		b->data = a->header.data;
		b->n = a->header.len;
		return 1;
	}
	s->headed |= a->seq == 0;
	step(s, a->seq);
	t->given = a;
	t->stats.blocks++;
	t->stats.bytes += a->data.len;
	b->seq = a->seq;
	b->data = a->data.data;
	b->n = a->data.len;
	return to_ack(t, &a->place) ? pd_err_nomem(err) : 1;
}

/* The block ${seq} that is held back, or NULL. */
static const struct pd_arrival *
held_at(const struct pd_instream *s, uint64_t seq)
{
	const struct pd_arrival *a;

	for (a = s->held; a != NULL && a->seq < seq; a = a->next)
		;
	return a != NULL && a->seq == seq ? a : NULL;
}

/* An entry from the carrier: 1 with *${a} to deliver, 0 at the end, 2 for
 * nothing to deliver yet, -1. */
static int
fetch(struct pd_transport *t, struct pd_arrival **out, int wait_ms,
    struct pd_err *err)
{
	struct pd_arrival *a = calloc(1, sizeof(*a));
	struct pd_instream *s;
	const struct pd_arrival *other;
	struct pd_place place;
	uint64_t seq;
	int rc;

	*out = NULL;
	if (a == NULL)
		return pd_err_nomem(err);
	rc = t->carrier->next(t->c, a, wait_ms, err);
	if (rc != 1) {
		pd_arrival_free(a);
		return rc;
	}
	a->since_us = pd_clock_mono_us();
	place = a->place;
	seq = a->seq;
	if ((s = pd_instream_find(t, a->stream_id)) == NULL) {
		pd_arrival_free(a);
		return pd_err_nomem(err);
	}
	if (admit(t, a, s)) {
		*out = a;
		return 1;
	}
	if ((other = held_at(s, seq)) != NULL) {
		/* A double is not acked before the held one is given. */
		if (other != a)
			pd_arrival_free(a);
		return 2;
	}
	pd_arrival_free(a);
	return to_ack(t, &place) ? pd_err_nomem(err) : 2;
}

int
pd_transport_get(struct pd_transport *t, struct pd_transport_block *b,
    int timeout_ms, struct pd_err *err)
{
	const uint64_t end = pd_clock_mono_us() +
			     (uint64_t)(timeout_ms > 0 ? timeout_ms : 0) * 1000;
	struct pd_arrival *a;
	int rc;

	pd_arrival_free(t->given);
	t->given = NULL;
	if ((a = t->after) != NULL) {
		t->after = NULL;
		return give(t, a, b, err);
	}
	for (;;) {
		const uint64_t now = pd_clock_mono_us();
		const uint64_t left = now < end ? (end - now) / 1000 : 0;

		if ((a = ripe(t)) != NULL)
			return give(t, a, b, err);
		if (t->ended)
			return 0;
		rc = fetch(t, &a, left < SLICE_MS ? (int)left : SLICE_MS, err);
		if (rc == 1)
			return give(t, a, b, err);
		if (rc < 0)
			return -1;
		if (rc == 0)
			t->ended = true;
		else if (pd_clock_mono_us() >= end ||
			 (t->env.o.stopping != NULL && t->env.o.stopping()))
			return 2;
	}
}

int
pd_transport_ack(struct pd_transport *t, struct pd_err *err)
{
	if (t->ndone == 0)
		return 0;
	if (t->carrier->ack(t->c, t->done, t->ndone, err))
		return -1;
	t->ndone = 0;
	return 0;
}

int
pd_transport_seen(struct pd_transport *t, const struct pd_transport_block *b)
{
	struct pd_instream *s = pd_instream_find(t, b->stream_id);
	const uint64_t seq = b->seq;

	if (s == NULL)
		return -1;
	if (!s->begun)
		s->next_seq = seq;
	(void)pd_instream_see(s, seq, pd_instream_check(b->data, b->n));
	s->headed |= seq == 0;
	s->begun = true;
	if (seq == s->next_seq)
		step(s, seq);
	return 0;
}

ssize_t
pd_transport_read(struct pd_transport *t, void *p, size_t n, struct pd_err *err)
{
	struct pd_transport_block *b = &t->reading;
	int rc;

	while (t->read_at == b->n) {
		t->read_at = 0;
		b->n = 0;
		rc = pd_transport_get(t, b, 1000, err);
		if (rc <= 0)
			return rc;
		if (rc == 2 && t->env.o.stopping != NULL && t->env.o.stopping())
			return 0;
	}
	if (n > b->n - t->read_at)
		n = b->n - t->read_at;
	memcpy(p, (const uint8_t *)b->data + t->read_at, n);
	t->read_at += n;
	return (ssize_t)n;
}

static ssize_t
read_bytes(void *cookie, void *p, size_t n, struct pd_err *err)
{
	return pd_transport_read(cookie, p, n, err);
}

struct pd_pds_reader *
pd_transport_reader(struct pd_transport *t)
{
	return pd_pds_reader_call(read_bytes, t);
}
