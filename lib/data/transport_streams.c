/*
 * What a receiver remembers of each stream: which of the last blocks came, as
 * a check of each, so that memory does not grow with the stream.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "data/transport_priv.h"

#define WINDOW ((uint64_t)PD_TRANSPORT_WINDOW)

uint16_t
pd_instream_check(const void *p, size_t n)
{
	const uint16_t c = (uint16_t)pd_hash64(p, n, 0);

	return c != 0 ? c : 1;
}

bool
pd_instream_came(const struct pd_instream *s, uint64_t seq)
{
	if (seq >= s->top || s->top - seq > WINDOW)
		return false;
	return s->seen[seq % WINDOW] != 0;
}

enum pd_seen
pd_instream_see(struct pd_instream *s, uint64_t seq, uint16_t check)
{
	uint16_t *c = &s->seen[seq % WINDOW];
	const uint16_t was = *c;

	if (seq == UINT64_MAX || (seq < s->top && s->top - seq > WINDOW))
		return PD_SEEN_OLD;
	if (seq >= s->top) {
		if (seq - s->top >= WINDOW)
			memset(s->seen, 0, sizeof(s->seen));
		else
			for (uint64_t i = s->top; i < seq; i++)
				s->seen[i % WINDOW] = 0;
		s->top = seq + 1;
		*c = check;
		return PD_SEEN_NEW;
	}
	*c = check;
	return was == 0	      ? PD_SEEN_NEW
	       : was == check ? PD_SEEN_TWICE
			      : PD_SEEN_NAMESAKE;
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
