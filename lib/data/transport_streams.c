/*
 * What a receiver remembers of each stream: which of the last blocks came, as
 * bits, so that memory does not grow with the stream.
 */
#include <stdlib.h>
#include <string.h>

#include "data/transport_priv.h"

#define WINDOW ((uint64_t)PD_TRANSPORT_WINDOW)

static void
set_bit(struct pd_instream *s, uint64_t seq, bool on)
{
	const uint64_t bit = (uint64_t)1 << seq % 64;

	if (on)
		s->seen[seq % WINDOW / 64] |= bit;
	else
		s->seen[seq % WINDOW / 64] &= ~bit;
}

bool
pd_instream_came(const struct pd_instream *s, uint64_t seq)
{
	if (seq >= s->top || s->top - seq > WINDOW)
		return false;
	return s->seen[seq % WINDOW / 64] >> seq % 64 & 1;
}

enum pd_seen
pd_instream_see(struct pd_instream *s, uint64_t seq)
{
	if (seq == UINT64_MAX)
		return PD_SEEN_OLD;
	if (seq >= s->top) {
		if (seq - s->top >= WINDOW)
			memset(s->seen, 0, sizeof(s->seen));
		else
			for (uint64_t i = s->top; i < seq; i++)
				set_bit(s, i, false);
		s->top = seq + 1;
	} else if (s->top - seq > WINDOW) {
		return PD_SEEN_OLD;
	} else if (pd_instream_came(s, seq)) {
		return PD_SEEN_TWICE;
	}
	set_bit(s, seq, true);
	return PD_SEEN_NEW;
}

uint64_t
pd_instream_count(const struct pd_instream *s, uint64_t from, uint64_t to)
{
	uint64_t n = 0;

	if (s->top > WINDOW && from < s->top - WINDOW)
		from = s->top - WINDOW;
	for (; from < to && from < s->top; from++)
		n += pd_instream_came(s, from);
	return n;
}

/* Make room: the one unused longest that holds nothing back. */
static void
forget_one(struct pd_transport *t)
{
	struct pd_instream **at, **oldest = NULL, *s;

	for (at = &t->streams; *at != NULL; at = &(*at)->next)
		if ((*at)->held == NULL)
			oldest = at;
	if (oldest == NULL)
		return;
	s = *oldest;
	*oldest = s->next;
	t->nstreams--;
	free(s);
}

struct pd_instream *
pd_instream_find(struct pd_transport *t, uint64_t id)
{
	struct pd_instream **at = &t->streams, *s;

	while (*at != NULL && (*at)->id != id)
		at = &(*at)->next;
	s = *at;
	if (s != NULL) {
		*at = s->next;
	} else {
		if (t->nstreams >= PD_TRANSPORT_STREAMS)
			forget_one(t);
		if ((s = calloc(1, sizeof(*s))) == NULL)
			return NULL;
		s->id = id;
		t->nstreams++;
	}
	s->next = t->streams;
	t->streams = s;
	return s;
}
