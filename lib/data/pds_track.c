/*
 * The reader's account: which streams there are, whether their blocks follow
 * one another, what damage cost. A block says how many records its stream had
 * before it (FIRST), so what is missing between two good blocks is known
 * exactly; headers of members that stand inside the damage give a first
 * guess until such a block comes.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/pds_reader_priv.h"

/* More streams than this at once: the oldest is taken to have ended. */
#define MAX_STREAMS 1024

void
pd_pds_track_release(struct pd_pds_reader *r)
{
	for (size_t i = 0; i < r->nstreams; i++) {
		free(r->stream[i]->text);
		free(r->stream[i]);
	}
	free(r->stream);
}

int
pd_pds_track_damage(struct pd_pds_reader *r, const struct pd_pds_damage *d)
{
	r->stats.damaged++;
	r->stats.damaged_bytes += d->length;
	r->stats.records_lost += d->records;
	if (r->ndamage == PD_PDS_DAMAGE_KEPT)
		return 0;
	if (r->damage == NULL || r->ndamage == r->damage_cap) {
		const size_t cap = r->damage_cap ? 2 * r->damage_cap : 16;
		struct pd_pds_damage *p;

		if ((p = realloc(r->damage, cap * sizeof(*p))) == NULL)
			return -1;
		r->damage = p;
		r->damage_cap = cap;
	}
	r->damage[r->ndamage++] = *d;
	return 0;
}

static int
nothing_there(struct pd_pds_reader *r, uint64_t offset, uint64_t records,
    bool known, const char *what)
{
	const struct pd_pds_damage d = {.offset = offset,
	    .records = records,
	    .records_known = known,
	    .what = what};

	return pd_pds_track_damage(r, &d);
}

/* Between the last block of ${s} and ${b}, ${records} are missing (exactly,
 * when ${known}): say so at the damage that lies there, if any. */
static int
missing(struct pd_pds_reader *r, const struct pd_pds_stream *s,
    const struct pd_pds_block *b, uint64_t records, bool known)
{
	struct pd_pds_damage *d;

	d = r->ndamage > 0 ? &r->damage[r->ndamage - 1] : NULL;
	if (d == NULL || d->length == 0 || d->offset < s->last_offset)
		return nothing_there(
		    r, b->offset, records, known, "blocks are missing");
	if (!known)
		return 0;
	if (!d->records_known) {
		r->stats.records_lost -= d->records;
		d->records = 0;
		d->records_known = true;
	}
	d->records += records;
	r->stats.records_lost += records;
	return 0;
}

/* ${s} goes on where it was: damage just before ${b} cost it nothing. */
static void
nothing_missing(struct pd_pds_reader *r, const struct pd_pds_stream *s)
{
	struct pd_pds_damage *d;

	if (r->ndamage == 0 || r->nstreams != 1)
		return;
	d = &r->damage[r->ndamage - 1];
	if (d->records_known || d->offset < s->last_offset)
		return;
	r->stats.records_lost -= d->records;
	d->records = 0;
	d->records_known = true;
}

static struct pd_pds_stream *
find_stream(struct pd_pds_reader *r, uint64_t id)
{
	for (size_t i = r->nstreams; i-- > 0;)
		if (r->stream[i]->id == id) {
			r->cur = i;
			return r->stream[i];
		}
	return NULL;
}

/* Make room by forgetting a stream that has ended, else the oldest. */
static void
forget_one(struct pd_pds_reader *r)
{
	size_t i;

	for (i = 0; i < r->nstreams && r->stream[i]->open; i++)
		;
	if (i == r->nstreams) {
		i = 0;
		r->stats.truncated = true;
	}
	free(r->stream[i]->text);
	free(r->stream[i]);
	memmove(&r->stream[i], &r->stream[i + 1],
	    (r->nstreams - i - 1) * sizeof(struct pd_pds_stream *));
	r->nstreams--;
}

static struct pd_pds_stream *
new_stream(struct pd_pds_reader *r, uint64_t id, uint64_t offset)
{
	struct pd_pds_stream *s;
	void *p;

	/* `cat` of many short streams: those that ended make room. */
	while (r->nstreams > 0 && !r->stream[0]->open)
		forget_one(r);
	if (r->nstreams == MAX_STREAMS)
		forget_one(r);
	p = realloc(
	    r->stream, (r->nstreams + 1) * sizeof(struct pd_pds_stream *));
	if (p == NULL)
		return NULL;
	r->stream = p;
	if ((s = calloc(1, sizeof(*s))) == NULL)
		return NULL;
	s->id = id;
	s->open = true;
	s->last_offset = offset;
	pd_pds_meta_init(&s->meta);
	r->cur = r->nstreams;
	r->stream[r->nstreams++] = s;
	return s;
}

static int
take_header(
    struct pd_pds_stream *s, const struct pd_pds_block *b, struct pd_err *err)
{
	const char *p;
	char *text;
	size_t n;

	if ((p = pd_pds_text(b, &n)) == NULL)
		return pd_err_set(err, "header at offset %llu holds no text",
		    (unsigned long long)b->offset);
	if ((text = malloc(n + 1)) == NULL)
		return pd_err_nomem(err);
	memcpy(text, p, n);
	text[n] = '\0';
	free(s->text);
	s->text = text;
	s->text_len = n;
	s->has_meta = true;
	if (pd_pds_meta_parse(&s->meta, text, s->text_len, err))
		return pd_err_prefix(
		    err, "offset %llu", (unsigned long long)b->offset);
	return 0;
}

static int
track_header(
    struct pd_pds_reader *r, const struct pd_pds_block *b, struct pd_err *err)
{
	struct pd_pds_stream *s = find_stream(r, b->stream_id);

	r->stats.streams++;
	if (s != NULL && s->open && !r->hopping && s->next_seq > 0 &&
	    nothing_there(
		r, b->offset, 0, false, "a stream begins before its end"))
		return pd_err_nomem(err);
	if (s == NULL && (s = new_stream(r, b->stream_id, b->offset)) == NULL)
		return pd_err_nomem(err);
	s->open = true;
	s->next_seq = b->seq + 1;
	s->next_record = 0;
	s->last_offset = b->offset;
	return take_header(s, b, err);
}

/* Does ${b} follow what its stream had? */
static int
follow(struct pd_pds_reader *r, struct pd_pds_stream *s,
    const struct pd_pds_block *b)
{
	uint64_t first;
	int rc = 0;
	const bool known = pd_pds_first(b, &first) == 0;

	if (!known)
		first = s->next_record;
	if (b->seq == s->next_seq && first == s->next_record)
		nothing_missing(r, s);
	else if (b->seq < s->next_seq || first < s->next_record)
		rc = nothing_there(
		    r, b->offset, 0, true, "blocks are out of order");
	else
		rc = missing(r, s, b, first - s->next_record, known);
	s->next_seq = b->seq + 1;
	s->next_record = first + b->nrec;
	s->last_offset = b->offset;
	return rc;
}

static void
count(struct pd_pds_stats *t, const struct pd_pds_block *b)
{
	t->blocks++;
	switch (b->type) {
	case PD_PDS_EVENTS:
	case PD_PDS_FEATURES:
	case PD_PDS_LABELS:
		t->records += b->nrec;
		break;
	case PD_PDS_HEADER:
	case PD_PDS_DRIFT:
	case PD_PDS_INDEX:
	case PD_PDS_END:
		break;
	default:
		t->skipped++;
	}
}

int
pd_pds_track(
    struct pd_pds_reader *r, const struct pd_pds_block *b, struct pd_err *err)
{
	struct pd_pds_stream *s;

	count(&r->stats, b);
	if (b->type == PD_PDS_HEADER) {
		if (track_header(r, b, err))
			return -1;
		r->stats.source_lost += pd_pds_wanted(r) ? b->lost : 0;
		return 0;
	}
	s = find_stream(r, b->stream_id);
	if (s == NULL && (s = new_stream(r, b->stream_id,
			      r->ndamage > 0 ? r->damage[r->ndamage - 1].offset
					     : b->offset)) == NULL)
		return pd_err_nomem(err);
	r->stats.source_lost += pd_pds_wanted(r) ? b->lost : 0;
	if (!r->hopping && follow(r, s, b))
		return pd_err_nomem(err);
	s->open = b->type != PD_PDS_END;
	return 0;
}

int
pd_pds_track_end(struct pd_pds_reader *r)
{
	if (r->ended || r->endless)
		return 0;
	r->ended = true;
	for (size_t i = 0; i < r->nstreams; i++)
		r->stats.truncated |= r->stream[i]->open;
	if (!r->stats.truncated)
		return 0;
	return nothing_there(
	    r, r->base + r->pos, 0, false, "the stream has no end marker");
}

void
pd_pds_reader_scheme(struct pd_pds_reader *r, enum pd_scheme scheme)
{
	r->scheme = scheme;
}

bool
pd_pds_wanted(const struct pd_pds_reader *r)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(r);

	return r->scheme == PD_SAMPLE_NONE || m == NULL ||
	       m->scheme == PD_SAMPLE_NONE || m->scheme == r->scheme;
}

const char *
pd_pds_header_text(const struct pd_pds_reader *r, size_t *n)
{
	const struct pd_pds_stream *s;

	if (r->cur >= r->nstreams || !r->stream[r->cur]->has_meta)
		return NULL;
	s = r->stream[r->cur];
	*n = s->text_len;
	return s->text;
}

const struct pd_pds_meta *
pd_pds_header_meta(const struct pd_pds_reader *r)
{
	if (r->cur >= r->nstreams || !r->stream[r->cur]->has_meta)
		return NULL;
	return &r->stream[r->cur]->meta;
}

size_t
pd_pds_damage(const struct pd_pds_reader *r, const struct pd_pds_damage **list)
{
	*list = r->damage;
	return r->ndamage;
}

void
pd_pds_reader_stats(const struct pd_pds_reader *r, struct pd_pds_stats *s)
{
	*s = r->stats;
	s->bytes = r->base + r->pos;
}
