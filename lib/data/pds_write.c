#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/err.h"
#include "base/hash.h"
#include "data/feature_code.h"
#include "data/pds_priv.h"
#include "data/pds_write.h"
#include "io/fd.h"

/* What the rows of a block may take: a row is at most a key, two varints of 10
 * bytes, and its values. */
#define ROWS_BYTES 1046528
#define ROW_FIXED 36
#define LABEL_BYTES (8 + 4 + 1)

struct pd_pds_writer {
	struct pd_pds_wopts o;
	struct pd_pds_evenc events; /* memory only once an event came */
	uint8_t kind;		    /* of the records being gathered, or 0 */
	uint32_t pending;
	uint32_t shard;
	/* Rows and labels being gathered. */
	struct pd_buf time, tick, fixed, values;
	struct pd_feature_codes *codes; /* NULL: rows as floats */
	uint8_t slot[PD_FEATURES];
	uint32_t slots;
	uint32_t block_rows;
	uint64_t t0, t_min, t_max, last_time, last_tick;
	/* Of the stream. */
	uint64_t stream_id, seq, records, lost, written;
	struct pd_buf frame, member, payload;
	z_stream z;
	bool z_ready;
};

struct pd_pds_writer *
pd_pds_writer_new(const struct pd_pds_wopts *o, struct pd_err *err)
{
	struct pd_pds_writer *w;

	if ((w = calloc(1, sizeof(*w))) == NULL)
		goto err0;
	w->o = *o;
	if (w->o.block_records == 0 ||
	    w->o.block_records > PD_PDS_BLOCK_RECORDS)
		w->o.block_records = PD_PDS_BLOCK_RECORDS;
	w->stream_id = o->stream_id;
	(void)pd_pds_row_form(w, UINT64_MAX, false, NULL);
	if (!o->bare) {
		/* Level 1: after the columns, level 6 gains 1 to 2%. */
		if (deflateInit2(&w->z, 1, Z_DEFLATED, -15, 8,
			Z_DEFAULT_STRATEGY) != Z_OK)
			goto err0;
		w->z_ready = true;
	}
	return w;
err0:
	pd_pds_writer_free(w);
	pd_err_nomem(err);
	return NULL;
}

void
pd_pds_writer_free(struct pd_pds_writer *w)
{
	if (w == NULL)
		return;
	if (w->z_ready)
		deflateEnd(&w->z);
	pd_pds_evenc_release(&w->events);
	pd_buf_release(&w->time);
	pd_buf_release(&w->tick);
	pd_buf_release(&w->fixed);
	pd_buf_release(&w->values);
	free(w->codes);
	pd_buf_release(&w->frame);
	pd_buf_release(&w->member);
	pd_buf_release(&w->payload);
	free(w);
}

static int
emit(struct pd_pds_writer *w, const struct pd_buf *b, struct pd_err *err)
{
	if (w->o.write != NULL) {
		if (w->o.write(w->o.cookie, b->data, b->len, err))
			return -1;
	} else if (w->o.out != NULL) {
		if (pd_buf_add(w->o.out, b->data, b->len))
			return pd_err_nomem(err);
	} else if (pd_write_full(w->o.fd, b->data, b->len)) {
		return w->o.name != NULL
			   ? pd_err_sys(err, "cannot write '%s'", w->o.name)
			   : pd_err_sys(err, "cannot write stream");
	}
	w->written += b->len;
	return 0;
}

/* w->frame as a gzip member in w->member. */
static int
deflate_frame(
    struct pd_pds_writer *w, const struct pd_pds_block *b, struct pd_err *err)
{
	struct pd_buf *m = &w->member;
	const size_t bound = deflateBound(&w->z, w->frame.len);
	uint8_t tail[PD_PDS_MEMBER_TAIL];

	pd_buf_clear(m);
	if (pd_buf_reserve(
		m, PD_PDS_MEMBER_HEAD + bound + PD_PDS_MEMBER_TAIL) ||
	    deflateReset(&w->z) != Z_OK)
		return pd_err_nomem(err);
	w->z.next_in = w->frame.data;
	w->z.avail_in = (uInt)w->frame.len;
	w->z.next_out = m->data + PD_PDS_MEMBER_HEAD;
	w->z.avail_out = (uInt)bound;
	if (deflate(&w->z, Z_FINISH) != Z_STREAM_END)
		return pd_err_set(err, "cannot compress a block");
	m->len = PD_PDS_MEMBER_HEAD + bound - w->z.avail_out;
	pd_put32(tail, (uint32_t)crc32(0, w->frame.data, (uInt)w->frame.len));
	pd_put32(tail + 4, (uint32_t)w->frame.len);
	pd_buf_add(m, tail, sizeof(tail));
	pd_pds_put_member(m->data, b, (uint32_t)m->len);
	return 0;
}

/* Write a block whose directory is in w->payload up to ${dir_len} (its end
 * entry still to come) and whose columns follow. */
static int
put_block(struct pd_pds_writer *w, struct pd_pds_block *b, size_t dir_len,
    struct pd_err *err)
{
	uint8_t head[PD_PDS_FRAME_HEAD], end[PD_PDS_COLUMN_LEN] = {0};
	const size_t len = w->payload.len + PD_PDS_COLUMN_LEN;

	if (w->payload.failed)
		return pd_err_nomem(err);
	if (len > PD_PDS_MAX_PAYLOAD)
		return pd_err_set(err, "a block of %zu bytes is too long", len);
	b->version = PD_PDS_VERSION;
	b->flags = w->o.bare ? PD_PDS_CHECKED : 0;
	b->payload_len = (uint32_t)len;
	b->stream_id = w->stream_id;
	b->seq = w->seq;
	b->lost = w->lost;
	pd_pds_put_head(head, b);
	pd_buf_clear(&w->frame);
	pd_buf_add(&w->frame, head, sizeof(head));
	pd_buf_add(&w->frame, w->payload.data, dir_len);
	pd_buf_add(&w->frame, end, sizeof(end));
	pd_buf_add(
	    &w->frame, w->payload.data + dir_len, w->payload.len - dir_len);
	if (w->frame.failed)
		return pd_err_nomem(err);
	dir_len += sizeof(end);
	if (w->o.bare)
		pd_put32(w->frame.data + sizeof(head) + dir_len - 4,
		    pd_pds_frame_crc(w->frame.data, dir_len, len));
	else if (deflate_frame(w, b, err))
		return -1;
	if (emit(w, w->o.bare ? &w->frame : &w->member, err))
		return -1;
	w->seq++;
	w->lost = 0;
	if (b->type != PD_PDS_HEADER)
		w->records += b->nrec;
	return 0;
}

/* The directory entry and the contents of the FIRST column. */
static void
dir_first(struct pd_pds_writer *w)
{
	pd_pds_dir(&w->payload, PD_PDS_COL_FIRST, PD_PDS_RAW, 8, 8);
}

static int
put_text(struct pd_pds_writer *w, uint8_t type, const char *text, size_t n,
    uint32_t nrec, struct pd_err *err)
{
	struct pd_pds_block b = {.type = type, .nrec = nrec};
	size_t dir;

	pd_buf_clear(&w->payload);
	if (type != PD_PDS_HEADER)
		dir_first(w);
	pd_pds_dir(&w->payload, PD_PDS_COL_TEXT, PD_PDS_TEXT, 0, n);
	dir = w->payload.len;
	if (type != PD_PDS_HEADER)
		pd_buf_add64(&w->payload, w->records);
	pd_buf_add(&w->payload, text, n);
	return put_block(w, &b, dir, err);
}

int
pd_pds_header(
    struct pd_pds_writer *w, const char *json, size_t n, struct pd_err *err)
{
	if (pd_pds_flush(w, err))
		return -1;
	if (w->o.stream_id == 0)
		w->stream_id = pd_hash64(json, n, 0);
	w->seq = w->records = 0;
	return put_text(w, PD_PDS_HEADER, json, n, 1, err);
}

int
pd_pds_drift(struct pd_pds_writer *w, const char *lines, size_t n,
    uint32_t nrec, struct pd_err *err)
{
	if (pd_pds_flush(w, err))
		return -1;
	return put_text(w, PD_PDS_DRIFT, lines, n, nrec, err);
}

int
pd_pds_block(struct pd_pds_writer *w, uint8_t type, uint32_t nrec,
    uint64_t t_first_us, uint64_t t_last_us, const struct pd_buf *payload,
    struct pd_err *err)
{
	struct pd_pds_block b = {.type = type,
	    .nrec = nrec,
	    .t0_us = t_first_us,
	    .t_first_us = t_first_us,
	    .t_last_us = t_last_us};
	struct pd_pds_payload y;
	size_t dir;

	if (pd_pds_flush(w, err))
		return -1;
	if (pd_pds_payload_parse(&y, payload->data, payload->len))
		return pd_err_set(err, "a block's columns do not fit");
	dir = y.dir_len - PD_PDS_COLUMN_LEN;
	pd_buf_clear(&w->payload);
	dir_first(w);
	pd_buf_add(&w->payload, payload->data, dir);
	dir += PD_PDS_COLUMN_LEN; /* FIRST's entry */
	pd_buf_add64(&w->payload, w->records);
	pd_buf_add(
	    &w->payload, payload->data + y.dir_len, payload->len - y.dir_len);
	return put_block(w, &b, dir, err);
}

/* Records of ${kind} are gathered from now on. */
static int
gather(struct pd_pds_writer *w, uint8_t kind, struct pd_err *err)
{
	if (w->kind == kind)
		return 0;
	if (pd_pds_flush(w, err))
		return -1;
	if (kind == PD_PDS_EVENTS && w->events.memory == NULL &&
	    pd_pds_evenc_init(&w->events, w->o.block_records))
		return pd_err_nomem(err);
	w->kind = kind;
	return 0;
}

int
pd_pds_add(
    struct pd_pds_writer *w, const struct pd_event *e, struct pd_err *err)
{
	if (w->kind != PD_PDS_EVENTS && gather(w, PD_PDS_EVENTS, err))
		return -1;
	pd_pds_evenc_add(&w->events, e, w->shard);
	w->pending++;
	if (pd_pds_evenc_full(&w->events))
		return pd_pds_flush(w, err);
	return 0;
}

static void
add_delta(struct pd_buf *b, uint64_t now, uint64_t last)
{
	const uint64_t d = now - last;

	pd_buf_addvar(b, d << 1 ^ (0 - (d >> 63)));
}

int
pd_pds_row_form(
    struct pd_pds_writer *w, uint64_t slots, bool codes, struct pd_err *err)
{
	if (w->kind == PD_PDS_FEATURES && pd_pds_flush(w, err))
		return -1;
	if (codes && w->codes == NULL) {
		if ((w->codes = malloc(sizeof(*w->codes))) == NULL)
			return pd_err_nomem(err);
		pd_feature_codes_init(w->codes);
	} else if (!codes) {
		free(w->codes);
		w->codes = NULL;
	}
	w->slots = 0;
	for (unsigned i = 0; i < PD_FEATURES; i++)
		if (slots >> i & 1)
			w->slot[w->slots++] = (uint8_t)i;
	w->block_rows = ROWS_BYTES / (ROW_FIXED + w->slots * (codes ? 1 : 4));
	if (w->block_rows > PD_PDS_BLOCK_RECORDS)
		w->block_rows = PD_PDS_BLOCK_RECORDS;
	return 0;
}

/* The values of a row at the end of w->values. */
static void
add_values(struct pd_pds_writer *w, const float *value)
{
	const size_t size = w->codes != NULL ? 1 : sizeof(*value);
	uint8_t *p;
	uint32_t u;

	if (pd_buf_reserve(&w->values, w->slots * size))
		return;
	p = w->values.data + w->values.len;
	w->values.len += w->slots * size;
	for (unsigned i = 0; i < w->slots; i++) {
		const unsigned slot = w->slot[i];

		if (w->codes != NULL) {
			p[i] = pd_feature_code(w->codes, slot, value[slot]);
		} else {
			memcpy(&u, &value[slot], sizeof(u));
			pd_put32(p + 4 * (size_t)i, u);
		}
	}
}

int
pd_pds_add_row(
    struct pd_pds_writer *w, const struct pd_pds_row *r, struct pd_err *err)
{
	if (gather(w, PD_PDS_FEATURES, err))
		return -1;
	if (w->pending == 0) {
		w->t0 = w->t_min = w->t_max = w->last_time = r->time_us;
		w->last_tick = 0;
	}
	if (r->time_us < w->t_min)
		w->t_min = r->time_us;
	if (r->time_us > w->t_max)
		w->t_max = r->time_us;
	add_delta(&w->time, r->time_us, w->last_time);
	add_delta(&w->tick, r->tick, w->last_tick);
	w->last_time = r->time_us;
	w->last_tick = r->tick;
	pd_buf_add64(&w->fixed, r->key);
	add_values(w, r->value);
	if (++w->pending == w->block_rows)
		return pd_pds_flush(w, err);
	return 0;
}

static void
add_float(struct pd_buf *b, float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	pd_buf_add32(b, u);
}

int
pd_pds_add_label(
    struct pd_pds_writer *w, const struct pd_pds_label *l, struct pd_err *err)
{
	if (gather(w, PD_PDS_LABELS, err))
		return -1;
	if (w->pending == 0)
		w->last_time = w->last_tick = 0;
	/* time and tick hold seq and row; fixed holds stream, value, mark. */
	add_delta(&w->time, l->seq, w->last_time);
	add_delta(&w->tick, l->row, w->last_tick);
	w->last_time = l->seq;
	w->last_tick = l->row;
	pd_buf_add64(&w->fixed, l->stream_id);
	add_float(&w->fixed, l->value);
	pd_buf_add8(&w->fixed, l->censored);
	if (++w->pending == PD_PDS_BLOCK_RECORDS)
		return pd_pds_flush(w, err);
	return 0;
}

static int
flush_events(struct pd_pds_writer *w, struct pd_err *err)
{
	struct pd_pds_block b = {.type = PD_PDS_EVENTS,
	    .nrec = w->events.n,
	    .t0_us = w->events.t0,
	    .t_first_us = w->events.t_min,
	    .t_last_us = w->events.t_max};
	size_t dir;

	dir_first(w);
	pd_pds_evenc_dir(&w->events, &w->payload);
	dir = w->payload.len;
	pd_buf_add64(&w->payload, w->records);
	pd_pds_evenc_data(&w->events, &w->payload);
	if (put_block(w, &b, dir, err))
		return -1;
	pd_pds_evenc_clear(&w->events);
	return 0;
}

static int
flush_rows(struct pd_pds_writer *w, struct pd_err *err)
{
	struct pd_pds_block b = {.type = PD_PDS_FEATURES,
	    .nrec = w->pending,
	    .t0_us = w->t0,
	    .t_first_us = w->t_min,
	    .t_last_us = w->t_max};
	struct pd_buf *y = &w->payload;
	size_t dir;

	dir_first(w);
	pd_pds_dir(y, PD_PDS_COL_TIME, PD_PDS_DELTA, 0, w->time.len);
	pd_pds_dir(y, PD_PDS_COL_TICK, PD_PDS_DELTA, 0, w->tick.len);
	pd_pds_dir(y, PD_PDS_COL_KEY, PD_PDS_RAW, 8, w->fixed.len);
	if (w->slots < PD_FEATURES)
		pd_pds_dir(y, PD_PDS_COL_SLOTS, PD_PDS_RAW, 1, w->slots);
	if (w->codes != NULL)
		pd_pds_dir(y, PD_PDS_COL_CODES, PD_PDS_RAW, 1, w->values.len);
	else
		pd_pds_dir(y, PD_PDS_COL_VALUES, PD_PDS_RAW, 4, w->values.len);
	dir = y->len;
	pd_buf_add64(y, w->records);
	pd_buf_add(y, w->time.data, w->time.len);
	pd_buf_add(y, w->tick.data, w->tick.len);
	pd_buf_add(y, w->fixed.data, w->fixed.len);
	if (w->slots < PD_FEATURES)
		pd_buf_add(y, w->slot, w->slots);
	pd_buf_add(y, w->values.data, w->values.len);
	return put_block(w, &b, dir, err);
}

static int
flush_labels(struct pd_pds_writer *w, struct pd_err *err)
{
	struct pd_pds_block b = {.type = PD_PDS_LABELS, .nrec = w->pending};
	const uint8_t *f = w->fixed.data;
	struct pd_buf *y = &w->payload;
	const size_t n = w->pending;
	size_t dir;

	dir_first(w);
	pd_pds_dir(y, PD_PDS_COL_L_STREAM, PD_PDS_RAW, 8, 8 * n);
	pd_pds_dir(y, PD_PDS_COL_L_SEQ, PD_PDS_DELTA, 0, w->time.len);
	pd_pds_dir(y, PD_PDS_COL_L_ROW, PD_PDS_DELTA, 0, w->tick.len);
	pd_pds_dir(y, PD_PDS_COL_L_VALUE, PD_PDS_RAW, 4, 4 * n);
	pd_pds_dir(y, PD_PDS_COL_L_CENSORED, PD_PDS_RAW, 1, n);
	dir = y->len;
	pd_buf_add64(y, w->records);
	for (size_t i = 0; i < n; i++)
		pd_buf_add(y, f + i * LABEL_BYTES, 8);
	pd_buf_add(y, w->time.data, w->time.len);
	pd_buf_add(y, w->tick.data, w->tick.len);
	for (size_t i = 0; i < n; i++)
		pd_buf_add(y, f + i * LABEL_BYTES + 8, 4);
	for (size_t i = 0; i < n; i++)
		pd_buf_add(y, f + i * LABEL_BYTES + 12, 1);
	return put_block(w, &b, dir, err);
}

int
pd_pds_flush(struct pd_pds_writer *w, struct pd_err *err)
{
	int rc = 0;

	if (w->pending == 0)
		return 0;
	if (w->time.failed || w->tick.failed || w->fixed.failed ||
	    w->values.failed)
		return pd_err_nomem(err);
	pd_buf_clear(&w->payload);
	if (w->kind == PD_PDS_EVENTS)
		rc = flush_events(w, err);
	else if (w->kind == PD_PDS_FEATURES)
		rc = flush_rows(w, err);
	else
		rc = flush_labels(w, err);
	w->pending = 0;
	pd_buf_clear(&w->time);
	pd_buf_clear(&w->tick);
	pd_buf_clear(&w->fixed);
	pd_buf_clear(&w->values);
	return rc;
}

int
pd_pds_tell_lost(struct pd_pds_writer *w, struct pd_err *err)
{
	if (w->lost == 0 || w->pending > 0)
		return 0;
	if (gather(w, PD_PDS_EVENTS, err))
		return -1;
	pd_buf_clear(&w->payload);
	return flush_events(w, err);
}

int
pd_pds_end(struct pd_pds_writer *w, struct pd_err *err)
{
	struct pd_pds_block b = {.type = PD_PDS_END};
	size_t dir;

	if (pd_pds_flush(w, err))
		return -1;
	pd_buf_clear(&w->payload);
	dir_first(w);
	dir = w->payload.len;
	pd_buf_add64(&w->payload, w->records);
	return put_block(w, &b, dir, err);
}

void
pd_pds_resume(
    struct pd_pds_writer *w, uint64_t stream_id, uint64_t seq, uint64_t records)
{
	w->stream_id = stream_id;
	w->seq = seq;
	w->records = records;
}

void
pd_pds_lost(struct pd_pds_writer *w, uint64_t n)
{
	w->lost += n;
}

void
pd_pds_shard(struct pd_pds_writer *w, uint32_t shard)
{
	w->shard = shard;
}

uint64_t
pd_pds_stream_id(const struct pd_pds_writer *w)
{
	return w->stream_id;
}

uint64_t
pd_pds_seq(const struct pd_pds_writer *w)
{
	return w->seq;
}

uint32_t
pd_pds_pending(const struct pd_pds_writer *w)
{
	return w->pending;
}

size_t
pd_pds_memory(const struct pd_pds_writer *w)
{
	return sizeof(*w) + w->events.memory_len + w->time.cap + w->tick.cap +
	       w->fixed.cap + w->values.cap + w->frame.cap + w->member.cap +
	       w->payload.cap + (w->codes != NULL ? sizeof(*w->codes) : 0) +
	       (w->z_ready ? (size_t)1 << 18 : 0);
}

uint64_t
pd_pds_written(const struct pd_pds_writer *w)
{
	return w->written;
}
