/*
 * Columns back into records. Every length is checked against what is there,
 * and every column must be used up exactly: a block whose columns disagree is
 * refused whole.
 */
#include <math.h>
#include <string.h>

#include "base/endian.h"
#include "data/feature_code.h"
#include "data/pds_priv.h"

int
pd_pds_payload_parse(struct pd_pds_payload *y, const uint8_t *p, size_t n)
{
	size_t at = 0, used = 0;

	y->n = 0;
	for (;;) {
		struct pd_pds_colref *c = &y->col[y->n];

		if (n - at < PD_PDS_COLUMN_LEN || y->n == PD_PDS_MAX_COLUMNS)
			return -1;
		c->id = pd_get16(p + at);
		c->encoding = p[at + 2];
		c->width = p[at + 3];
		c->len = pd_get32(p + at + 4);
		at += PD_PDS_COLUMN_LEN;
		if (c->id == PD_PDS_COL_END)
			break;
		if (c->len > n - used)
			return -1;
		used += c->len;
		y->n++;
		if (y->n == PD_PDS_MAX_COLUMNS)
			return -1;
	}
	y->crc = y->col[y->n].len;
	y->dir_len = at;
	if (used != n - at)
		return -1;
	for (unsigned i = 0; i < y->n; i++) {
		y->col[i].data = p + at;
		at += y->col[i].len;
	}
	return 0;
}

const struct pd_pds_colref *
pd_pds_column(const struct pd_pds_payload *y, unsigned id,
    enum pd_pds_encoding enc, unsigned width)
{
	for (unsigned i = 0; i < y->n; i++)
		if (y->col[i].id == id)
			return y->col[i].encoding == enc &&
				       y->col[i].width == width
				   ? &y->col[i]
				   : NULL;
	return NULL;
}

int
pd_pds_first(const struct pd_pds_block *b, uint64_t *first)
{
	struct pd_pds_payload y;
	const struct pd_pds_colref *c;

	if (pd_pds_payload_parse(&y, b->payload, b->payload_len))
		return -1;
	c = pd_pds_column(&y, PD_PDS_COL_FIRST, PD_PDS_RAW, 8);
	if (c == NULL || c->len != 8)
		return -1;
	*first = pd_get64(c->data);
	return 0;
}

/* A place in a column; bad once something did not fit. */
struct cursor {
	const uint8_t *p;
	const uint8_t *end;
};

static inline struct cursor
cursor_of(const struct pd_pds_colref *c)
{
	static const uint8_t nothing;
	struct cursor k = {&nothing, &nothing};

	if (c != NULL) {
		k.p = c->data;
		k.end = c->data + c->len;
	}
	return k;
}

static int
varint_slow(struct cursor *k, uint64_t *v)
{
	unsigned shift = 0;

	*v = 0;
	while (k->p < k->end && shift < 64) {
		const uint8_t c = *k->p++;

		if (shift == 63 && c > 1)
			return -1;
		*v |= (uint64_t)(c & 0x7f) << shift;
		if (c < 0x80)
			return 0;
		shift += 7;
	}
	return -1;
}

static inline int
varint(struct cursor *k, uint64_t *v)
{
	if (k->p < k->end && *k->p < 0x80) {
		*v = *k->p++;
		return 0;
	}
	return varint_slow(k, v);
}

static inline uint64_t
unzigzag(uint64_t v)
{
	return v >> 1 ^ (0 - (v & 1));
}

int
pd_pds_decode_u64(const struct pd_pds_colref *c, uint64_t *out, size_t n)
{
	struct cursor k = cursor_of(c);
	uint64_t v, last = 0;

	for (size_t i = 0; i < n; i++) {
		if (varint(&k, &v))
			return -1;
		if (c->encoding == PD_PDS_DELTA)
			v = last += unzigzag(v);
		out[i] = v;
	}
	return k.p == k.end ? 0 : -1;
}

/* The columns that every event uses. */
struct core {
	struct cursor time, tick, ref, flags, size, ttl;
	const uint8_t *newkey;
	size_t newkeys;
	uint64_t now, at; /* last time and tick */
	uint32_t keys;	  /* dictionary entries so far */
};

static inline int
decode_key(
    struct core *c, struct pd_event *e, uint32_t *last_size, uint8_t flags)
{
	uint64_t v;
	uint32_t i;

	if (varint(&c->ref, &v) || v > c->keys)
		return -1;
	if (v == 0) {
		if (c->keys == c->newkeys)
			return -1;
		i = c->keys++;
		last_size[i] = 1;
	} else {
		i = c->keys - (uint32_t)v;
	}
	e->key = pd_get64(c->newkey + 8 * (size_t)i);
	if (flags & PD_PDS_F_SIZE) {
		if (varint(&c->size, &v) || v > UINT32_MAX)
			return -1;
		last_size[i] = (uint32_t)v;
	}
	e->size = last_size[i];
	return 0;
}

static inline int
decode_one(struct core *c, struct pd_event *e, uint32_t *last_size)
{
	const uint8_t flags = *c->flags.p++;
	uint64_t t, k;

	if (varint(&c->time, &t) || varint(&c->tick, &k))
		return -1;
	e->time_us = c->now += unzigzag(t);
	e->tick = c->at += unzigzag(k);
	e->op = flags & PD_PDS_F_OP;
	e->flags = (uint8_t)((flags & PD_PDS_F_HIT ? PD_EV_HIT : 0) |
			     (flags & PD_PDS_F_FILL ? PD_EV_FILL : 0) |
			     (flags & PD_PDS_F_COST ? PD_EV_COST : 0) |
			     (flags & PD_PDS_F_TTL ? PD_EV_TTL : 0));
	e->ttl_ms = 0;
	if ((flags & PD_PDS_F_TTL) && varint(&c->ttl, &e->ttl_ms))
		return -1;
	e->latency_us = e->ns = e->client = 0;
	e->weight = 1;
	memset(e->ctx, 255, sizeof(e->ctx));
	return decode_key(c, e, last_size, flags);
}

static int
decode_core(const struct pd_pds_payload *y, const struct pd_pds_block *b,
    struct pd_event *e, uint32_t *last_size)
{
	const struct pd_pds_colref *nk, *fl;
	struct core c;

	nk = pd_pds_column(y, PD_PDS_COL_NEWKEY, PD_PDS_RAW, 8);
	fl = pd_pds_column(y, PD_PDS_COL_FLAGS, PD_PDS_RAW, 1);
	if (nk == NULL || nk->len % 8 != 0 || fl == NULL || fl->len != b->nrec)
		return -1;
	c.newkey = nk->data;
	c.newkeys = nk->len / 8;
	c.flags = cursor_of(fl);
	c.time = cursor_of(pd_pds_column(y, PD_PDS_COL_TIME, PD_PDS_DELTA, 0));
	c.tick = cursor_of(pd_pds_column(y, PD_PDS_COL_TICK, PD_PDS_DELTA, 0));
	c.ref = cursor_of(pd_pds_column(y, PD_PDS_COL_KEYREF, PD_PDS_DICT, 0));
	c.size = cursor_of(pd_pds_column(y, PD_PDS_COL_SIZE, PD_PDS_VARINT, 0));
	c.ttl = cursor_of(pd_pds_column(y, PD_PDS_COL_TTL, PD_PDS_VARINT, 0));
	c.now = b->t0_us;
	c.at = 0;
	c.keys = 0;
	for (uint32_t i = 0; i < b->nrec; i++)
		if (decode_one(&c, &e[i], last_size))
			return -1;
	if (c.time.p != c.time.end || c.tick.p != c.tick.end ||
	    c.ref.p != c.ref.end || c.size.p != c.size.end ||
	    c.ttl.p != c.ttl.end || c.keys != c.newkeys)
		return -1;
	return 0;
}

/* A varint column of 32-bit values into every ${stride}th byte of ${out}. */
static int
decode_u32(
    const struct pd_pds_colref *c, uint32_t n, uint32_t *out, size_t stride)
{
	struct cursor k = cursor_of(c);
	uint64_t v;

	for (uint32_t i = 0; i < n; i++) {
		if (varint(&k, &v) || v > UINT32_MAX)
			return -1;
		*out = (uint32_t)v;
		out = (uint32_t *)(void *)((uint8_t *)out + stride);
	}
	return k.p == k.end ? 0 : -1;
}

static int
decode_fixed(const struct pd_pds_colref *c, uint32_t n, struct pd_event *e)
{
	if (c->id == PD_PDS_COL_CLIENT) {
		if (c->encoding != PD_PDS_RAW || c->width != 4 ||
		    c->len != (uint64_t)n * 4)
			return -1;
		for (uint32_t i = 0; i < n; i++)
			e[i].client = pd_get32(c->data + 4 * (size_t)i);
		return 0;
	}
	if (c->encoding != PD_PDS_RAW || c->width != 1 || c->len != n)
		return -1;
	for (uint32_t i = 0; i < n; i++)
		e[i].ctx[c->id - PD_PDS_COL_CTX] = c->data[i];
	return 0;
}

static int
decode_optional(const struct pd_pds_colref *c, uint32_t n, struct pd_event *e,
    uint32_t *shard, bool *has_shard)
{
	uint32_t *out;
	size_t stride = sizeof(*e);

	switch (c->id) {
	case PD_PDS_COL_LATENCY:
		out = &e->latency_us;
		break;
	case PD_PDS_COL_NS:
		out = &e->ns;
		break;
	case PD_PDS_COL_WEIGHT:
		out = &e->weight;
		break;
	case PD_PDS_COL_SHARD:
		out = shard;
		stride = sizeof(*shard);
		*has_shard = true;
		break;
	default:
		if (c->id == PD_PDS_COL_CLIENT ||
		    (c->id >= PD_PDS_COL_CTX &&
			c->id < PD_PDS_COL_CTX + PD_CTX_COUNT))
			return decode_fixed(c, n, e);
		return 0; /* decoded before, or not known here */
	}
	if (c->encoding != PD_PDS_VARINT)
		return -1;
	return decode_u32(c, n, out, stride);
}

int
pd_pds_decode_events(const struct pd_pds_block *b, struct pd_event *e,
    uint32_t *scratch, uint32_t *shard, bool *has_shard)
{
	struct pd_pds_payload y;

	*has_shard = false;
	if (pd_pds_payload_parse(&y, b->payload, b->payload_len) ||
	    decode_core(&y, b, e, scratch))
		return -1;
	for (unsigned i = 0; i < y.n; i++)
		if (decode_optional(&y.col[i], b->nrec, e, shard, has_shard))
			return -1;
	return 0;
}

static float
get_float(const uint8_t *p)
{
	const uint32_t u = pd_get32(p);
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

/* What the values of an F block's rows are. */
struct row_form {
	const struct pd_pds_colref *values;
	uint8_t slot[PD_FEATURES];
	unsigned slots;
	bool codes;
};

static int
row_form(const struct pd_pds_payload *y, uint32_t nrec, struct row_form *f)
{
	const struct pd_pds_colref *c;

	for (unsigned i = 0; i < PD_FEATURES; i++)
		f->slot[i] = (uint8_t)i;
	f->slots = PD_FEATURES;
	for (unsigned i = 0; i < y->n; i++) {
		c = &y->col[i];
		if (c->id != PD_PDS_COL_SLOTS)
			continue;
		if (c->encoding != PD_PDS_RAW || c->width != 1 || c->len == 0 ||
		    c->len > PD_FEATURES)
			return -1;
		f->slots = c->len;
		for (unsigned k = 0; k < c->len; k++) {
			if (c->data[k] >= PD_FEATURES ||
			    (k > 0 && c->data[k] <= c->data[k - 1]))
				return -1;
			f->slot[k] = c->data[k];
		}
		break;
	}
	f->values = pd_pds_column(y, PD_PDS_COL_VALUES, PD_PDS_RAW, 4);
	f->codes = f->values == NULL;
	if (f->codes)
		f->values = pd_pds_column(y, PD_PDS_COL_CODES, PD_PDS_RAW, 1);
	return f->values != NULL && f->values->len == (uint64_t)nrec *
							  f->slots *
							  (f->codes ? 1 : 4)
		   ? 0
		   : -1;
}

size_t
pd_pds_rows_form(const struct pd_pds_block *b, uint64_t *slots, bool *codes)
{
	struct pd_pds_payload y;
	struct row_form f;

	if (pd_pds_payload_parse(&y, b->payload, b->payload_len) ||
	    row_form(&y, b->nrec, &f))
		return 0;
	*slots = 0;
	for (unsigned i = 0; i < f.slots; i++)
		*slots |= 1ULL << f.slot[i];
	*codes = f.codes;
	return (size_t)f.slots * (f.codes ? 1 : 4);
}

static void
decode_values(const struct row_form *f, uint32_t i, float *value,
    const struct pd_feature_codes *c)
{
	const size_t at = (size_t)i * f->slots;
	const uint8_t *v = f->values->data;

	if (f->slots < PD_FEATURES)
		for (unsigned k = 0; k < PD_FEATURES; k++)
			value[k] = NAN;
	for (unsigned k = 0; k < f->slots; k++)
		value[f->slot[k]] = f->codes ? c->value[f->slot[k]][v[at + k]]
					     : get_float(v + 4 * (at + k));
}

int
pd_pds_decode_rows(const struct pd_pds_block *b, struct pd_pds_row *row,
    const struct pd_feature_codes *c)
{
	const struct pd_pds_colref *key;
	struct cursor time, tick;
	struct pd_pds_payload y;
	struct row_form form;
	uint64_t t, k, now = b->t0_us, at = 0;

	if (pd_pds_payload_parse(&y, b->payload, b->payload_len) ||
	    row_form(&y, b->nrec, &form))
		return -1;
	key = pd_pds_column(&y, PD_PDS_COL_KEY, PD_PDS_RAW, 8);
	if (key == NULL || key->len != (uint64_t)b->nrec * 8)
		return -1;
	time = cursor_of(pd_pds_column(&y, PD_PDS_COL_TIME, PD_PDS_DELTA, 0));
	tick = cursor_of(pd_pds_column(&y, PD_PDS_COL_TICK, PD_PDS_DELTA, 0));
	for (uint32_t i = 0; i < b->nrec; i++) {
		if (varint(&time, &t) || varint(&tick, &k))
			return -1;
		row[i].time_us = now += unzigzag(t);
		row[i].tick = at += unzigzag(k);
		row[i].key = pd_get64(key->data + 8 * (size_t)i);
		decode_values(&form, i, row[i].value, c);
	}
	return time.p == time.end && tick.p == tick.end ? 0 : -1;
}

int
pd_pds_decode_labels(const struct pd_pds_block *b, struct pd_pds_label *l)
{
	const struct pd_pds_colref *id, *val, *cen;
	struct pd_pds_payload y;
	struct cursor seq, row;
	uint64_t s, r, last_seq = 0, last_row = 0;

	if (pd_pds_payload_parse(&y, b->payload, b->payload_len))
		return -1;
	id = pd_pds_column(&y, PD_PDS_COL_L_STREAM, PD_PDS_RAW, 8);
	val = pd_pds_column(&y, PD_PDS_COL_L_VALUE, PD_PDS_RAW, 4);
	cen = pd_pds_column(&y, PD_PDS_COL_L_CENSORED, PD_PDS_RAW, 1);
	if (id == NULL || val == NULL || cen == NULL ||
	    id->len != (uint64_t)b->nrec * 8 ||
	    val->len != (uint64_t)b->nrec * 4 || cen->len != b->nrec)
		return -1;
	seq = cursor_of(pd_pds_column(&y, PD_PDS_COL_L_SEQ, PD_PDS_DELTA, 0));
	row = cursor_of(pd_pds_column(&y, PD_PDS_COL_L_ROW, PD_PDS_DELTA, 0));
	for (uint32_t i = 0; i < b->nrec; i++) {
		if (varint(&seq, &s) || varint(&row, &r))
			return -1;
		last_row += unzigzag(r);
		if (last_row > UINT32_MAX)
			return -1;
		l[i].stream_id = pd_get64(id->data + 8 * (size_t)i);
		l[i].seq = last_seq += unzigzag(s);
		l[i].row = (uint32_t)last_row;
		l[i].value = get_float(val->data + 4 * (size_t)i);
		l[i].censored = cen->data[i];
	}
	return seq.p == seq.end && row.p == row.end ? 0 : -1;
}
