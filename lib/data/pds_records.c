#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/feature_code.h"
#include "data/pds_reader_priv.h"

/* The fewest payload bytes a record of each type takes: a count that the
 * payload cannot hold is refused before anything is allocated for it. */
#define MIN_EVENT 4
#define MIN_ROW (2 + 8) /* and its values */
#define MIN_LABEL (8 + 1 + 1 + 4 + 1)

/* Room for ${n} elements of ${size}; the old ones are not kept. */
static int
room(void **p, size_t *cap, size_t n, size_t size)
{
	if (n <= *cap)
		return 0;
	free(*p);
	*cap = 0;
	if ((*p = malloc(n * size)) == NULL)
		return -1;
	*cap = n;
	return 0;
}

static int
events_room(struct pd_pds_reader *r, size_t n)
{
	size_t cap = r->events_cap, cap2 = r->events_cap;
	void *e = r->events, *s = r->scratch, *h = r->shards;
	int rc;

	rc = room(&e, &r->events_cap, n, sizeof(struct pd_event)) |
	     room(&s, &cap, n, sizeof(uint32_t)) |
	     room(&h, &cap2, n, sizeof(uint32_t));
	r->events = e;
	r->scratch = s;
	r->shards = h;
	if (rc)
		r->events_cap = 0;
	return rc;
}

/* 0; 1: the columns disagree; -1 out of memory. */
static int
load_events(struct pd_pds_reader *r, const struct pd_pds_block *b)
{
	if (b->payload_len / MIN_EVENT < b->nrec)
		return 1;
	if (events_room(r, b->nrec))
		return -1;
	return pd_pds_decode_events(
		   b, r->events, r->scratch, r->shards, &r->has_shards)
		   ? 1
		   : 0;
}

static int
load_rows(struct pd_pds_reader *r, const struct pd_pds_block *b)
{
	const size_t size = pd_pds_rows_form(b, &r->row_slots, &r->row_codes);
	void *p = r->rows;
	int rc;

	if (size == 0 || b->payload_len / (MIN_ROW + size) < b->nrec)
		return 1;
	if (r->row_codes && r->codes == NULL) {
		if ((r->codes = malloc(sizeof(*r->codes))) == NULL)
			return -1;
		pd_feature_codes_init(r->codes);
	}
	rc = room(&p, &r->rows_cap, b->nrec, sizeof(*r->rows));
	r->rows = p;
	if (rc)
		return -1;
	return pd_pds_decode_rows(b, r->rows, r->codes) ? 1 : 0;
}

uint64_t
pd_pds_row_slots(const struct pd_pds_reader *r, bool *codes)
{
	if (codes != NULL)
		*codes = r->row_codes;
	return r->row_slots;
}

static int
load_labels(struct pd_pds_reader *r, const struct pd_pds_block *b)
{
	void *p = r->labels;
	int rc;

	if (b->payload_len / MIN_LABEL < b->nrec)
		return 1;
	rc = room(&p, &r->labels_cap, b->nrec, sizeof(*r->labels));
	r->labels = p;
	if (rc)
		return -1;
	return pd_pds_decode_labels(b, r->labels) ? 1 : 0;
}

static int
load(struct pd_pds_reader *r, const struct pd_pds_block *b)
{
	switch (b->type) {
	case PD_PDS_EVENTS:
		return load_events(r, b);
	case PD_PDS_FEATURES:
		return load_rows(r, b);
	case PD_PDS_LABELS:
		return load_labels(r, b);
	default:
		return 0;
	}
}

int
pd_pds_verify(struct pd_pds_reader *r, const struct pd_pds_block *b)
{
	const struct pd_pds_damage d = {.offset = b->offset,
	    .length = b->size,
	    .records = b->nrec,
	    .records_known = true,
	    .what = "a block's columns disagree"};
	const int rc = load(r, b);

	if (rc != 1)
		return rc;
	r->stats.records -= b->nrec;
	r->stats.blocks--;
	return pd_pds_track_damage(r, &d) ? -1 : 1;
}

const struct pd_event *
pd_pds_events(const struct pd_pds_reader *r)
{
	return r->events;
}

const struct pd_pds_row *
pd_pds_rows(const struct pd_pds_reader *r)
{
	return r->rows;
}

const struct pd_pds_label *
pd_pds_labels(const struct pd_pds_reader *r)
{
	return r->labels;
}

const char *
pd_pds_text(const struct pd_pds_block *b, size_t *n)
{
	const struct pd_pds_colref *c;
	struct pd_pds_payload y;

	if (pd_pds_payload_parse(&y, b->payload, b->payload_len) ||
	    (c = pd_pds_column(&y, PD_PDS_COL_TEXT, PD_PDS_TEXT, 0)) == NULL)
		return NULL;
	*n = c->len;
	return (const char *)c->data;
}

/* Is the block's stream to be delivered? 1, 0, or -1: nobody said which. */
static int
choose(struct pd_pds_reader *r, struct pd_err *err)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(r);

	if (m == NULL || m->scheme == PD_SAMPLE_NONE)
		return 1;
	if (r->scheme != PD_SAMPLE_NONE)
		return m->scheme == r->scheme;
	if (r->seen == PD_SAMPLE_NONE)
		r->seen = m->scheme;
	if (m->scheme == r->seen)
		return 1;
	return pd_err_set(err,
	    "there are events sampled by %s and events sampled by %s: choose "
	    "with --scheme",
	    pd_scheme_name(r->seen), pd_scheme_name(m->scheme));
}

/* Load the next block of ${type} that has records. GOT, EOF, MORE or -1. */
static int
next_of(struct pd_pds_reader *r, uint8_t type, struct pd_err *err)
{
	struct pd_pds_block b;
	int rc;

	for (;;) {
		if ((rc = pd_pds_next(r, &b, err)) != PD_PDS_GOT)
			return rc;
		if (b.type != type || b.nrec == 0)
			continue;
		if (type == PD_PDS_EVENTS && (rc = choose(r, err)) <= 0) {
			if (rc < 0)
				return rc;
			continue;
		}
		if ((rc = pd_pds_verify(r, &b)) < 0)
			return pd_err_nomem(err);
		if (rc == 1)
			continue;
		r->loaded = type;
		r->at = 0;
		r->count = b.nrec;
		return PD_PDS_GOT;
	}
}

/* Have a record of ${type} at r->at. */
static inline int
have(struct pd_pds_reader *r, uint8_t type, struct pd_err *err)
{
	if (r->loaded == type && r->at < r->count)
		return PD_PDS_GOT;
	return next_of(r, type, err);
}

int
pd_pds_next_event(
    struct pd_pds_reader *r, struct pd_event *e, struct pd_err *err)
{
	const int rc = have(r, PD_PDS_EVENTS, err);

	if (rc == PD_PDS_GOT)
		*e = r->events[r->at++];
	return rc;
}

int
pd_pds_next_events(struct pd_pds_reader *r, const struct pd_event **e,
    uint32_t *n, struct pd_err *err)
{
	const int rc = next_of(r, PD_PDS_EVENTS, err);

	if (rc == PD_PDS_GOT) {
		*e = r->events;
		*n = r->at = r->count;
	}
	return rc;
}

int
pd_pds_next_row(
    struct pd_pds_reader *r, struct pd_pds_row *row, struct pd_err *err)
{
	const int rc = have(r, PD_PDS_FEATURES, err);

	if (rc == PD_PDS_GOT)
		*row = r->rows[r->at++];
	return rc;
}

int
pd_pds_next_label(
    struct pd_pds_reader *r, struct pd_pds_label *l, struct pd_err *err)
{
	const int rc = have(r, PD_PDS_LABELS, err);

	if (rc == PD_PDS_GOT)
		*l = r->labels[r->at++];
	return rc;
}

uint32_t
pd_pds_event_shard(const struct pd_pds_reader *r)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(r);

	if (r->has_shards && r->at > 0)
		return r->shards[r->at - 1];
	return m != NULL ? m->shard : 0;
}

const uint32_t *
pd_pds_event_shards(const struct pd_pds_reader *r)
{
	return r->has_shards ? r->shards : NULL;
}
