/*
 * The resynchronising reader. Where the bytes are not a good block it moves on
 * by one byte until they are: a header that survived inside the damage may say
 * a length that is no longer true, so nothing but a whole block whose checks
 * hold is believed. Sequence numbers and record counts (the FIRST column) of
 * later blocks then tell what is missing; see pds_track.c.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/err.h"
#include "data/pds_reader_priv.h"
#include "io/fd.h"

#define CHUNK ((size_t)1 << 18)
#define NO_OFFSET UINT64_MAX
/* Deflate never makes less than one byte of this many (zlib's documents). */
#define DEFLATE_RATIO 1032

struct pd_pds_reader *
pd_pds_reader_new(void)
{
	struct pd_pds_reader *r;

	if ((r = calloc(1, sizeof(*r))) == NULL)
		return NULL;
	if (inflateInit2(&r->z, -15) != Z_OK) {
		free(r);
		return NULL;
	}
	r->fd = -1;
	r->bad_from = NO_OFFSET;
	r->to_us = UINT64_MAX;
	return r;
}

struct pd_pds_reader *
pd_pds_reader_fd(int fd)
{
	struct pd_pds_reader *r = pd_pds_reader_new();

	if (r != NULL)
		r->fd = fd;
	return r;
}

struct pd_pds_reader *
pd_pds_reader_call(
    ssize_t (*read)(void *cookie, void *p, size_t n, struct pd_err *err),
    void *cookie)
{
	struct pd_pds_reader *r = pd_pds_reader_new();

	if (r != NULL) {
		r->read = read;
		r->cookie = cookie;
	}
	return r;
}

struct pd_pds_reader *
pd_pds_reader_mem(const void *p, size_t n)
{
	struct pd_pds_reader *r = pd_pds_reader_new();

	if (r != NULL) {
		r->p = p;
		r->n = n;
		r->eof = r->fixed = true;
	}
	return r;
}

void
pd_pds_reader_endless(struct pd_pds_reader *r)
{
	r->endless = true;
}

void
pd_pds_reader_free(struct pd_pds_reader *r)
{
	if (r == NULL)
		return;
	inflateEnd(&r->z);
	pd_pds_track_release(r);
	pd_buf_release(&r->buf);
	pd_buf_release(&r->plain);
	free(r->events);
	free(r->scratch);
	free(r->shards);
	free(r->rows);
	free(r->codes);
	free(r->labels);
	free(r->damage);
	free(r);
}

int
pd_pds_reader_feed(struct pd_pds_reader *r, const void *p, size_t n)
{
	if (n == 0)
		r->eof = true;
	else if (pd_buf_add(&r->buf, p, n))
		return -1;
	r->p = r->buf.data;
	r->n = r->buf.len;
	return 0;
}

/* Forget what was handled, once it is most of the buffer. */
static void
compact(struct pd_pds_reader *r)
{
	if (r->fixed || r->pos == 0 || r->pos < r->n / 2)
		return;
	pd_buf_consume(&r->buf, r->pos);
	r->base += r->pos;
	r->pos = 0;
	r->p = r->buf.data;
	r->n = r->buf.len;
}

/* As read(2), into the room at the end of the buffer; -1 with a message. */
static ssize_t
read_more(struct pd_pds_reader *r, struct pd_err *err)
{
	uint8_t *at = r->buf.data + r->buf.len;
	const size_t room = r->buf.cap - r->buf.len;
	ssize_t got;

	if (r->read != NULL)
		return r->read(r->cookie, at, room, err);
	if ((got = pd_read_some(r->fd, at, room)) < 0)
		return pd_err_sys(err, "cannot read stream");
	return got;
}

/* Have ${need} bytes at pos, or all there are: GOT, MORE or -1. */
static int
fill(struct pd_pds_reader *r, size_t need, struct pd_err *err)
{
	while (r->n - r->pos < need && !r->eof) {
		ssize_t got;

		if (r->fd < 0 && r->read == NULL)
			return PD_PDS_MORE;
		if (pd_buf_reserve(&r->buf, CHUNK))
			return pd_err_nomem(err);
		got = read_more(r, err);
		if (got < 0)
			return -1;
		r->eof = got == 0;
		r->buf.len += (size_t)got;
		r->p = r->buf.data;
		r->n = r->buf.len;
	}
	return PD_PDS_GOT;
}

/* Inflate the member at ${p} and check it. 0, -1 with ${*what}, -2 memory. */
static int
open_member(struct pd_pds_reader *r, const uint8_t *p, struct pd_pds_block *b,
    const char **what)
{
	const uint8_t *tail = p + b->size - PD_PDS_MEMBER_TAIL;
	const size_t packed =
	    (size_t)b->size - PD_PDS_MEMBER_HEAD - PD_PDS_MEMBER_TAIL;
	const size_t len = pd_get32(tail + 4);

	*what = "a member's length is wrong";
	if (len < PD_PDS_FRAME_HEAD + PD_PDS_COLUMN_LEN ||
	    len > PD_PDS_FRAME_HEAD + PD_PDS_MAX_PAYLOAD ||
	    len / DEFLATE_RATIO > packed)
		return -1;
	pd_buf_clear(&r->plain);
	if (pd_buf_reserve(&r->plain, len) || inflateReset(&r->z) != Z_OK)
		return -2;
	r->z.next_in = p + PD_PDS_MEMBER_HEAD;
	r->z.avail_in = (uInt)packed;
	r->z.next_out = r->plain.data;
	r->z.avail_out = (uInt)len;
	*what = "a member's data is corrupt";
	if (inflate(&r->z, Z_FINISH) != Z_STREAM_END || r->z.avail_in != 0 ||
	    r->z.avail_out != 0)
		return -1;
	*what = "a member's check does not match";
	if (pd_get32(tail) != (uint32_t)crc32(0, r->plain.data, (uInt)len))
		return -1;
	return pd_pds_open_frame(r->plain.data, len, b, what);
}

/* From pos on, the next byte that a block could begin with. */
static void
skip_to_candidate(struct pd_pds_reader *r)
{
	const uint8_t *p = r->p + r->pos, *end = r->p + r->n;

	while (p < end && *p != 0x1f && *p != 'P')
		p++;
	r->pos = (size_t)(p - r->p);
}

/* The byte at pos begins no good block; ${nrec} records may be lost. */
static void
bad_byte(struct pd_pds_reader *r, const char *what, uint64_t nrec)
{
	if (r->bad_from == NO_OFFSET) {
		r->bad_from = r->base + r->pos;
		r->bad_what = what;
		r->bad_records = 0;
	}
	r->bad_records += nrec;
	r->pos++;
	skip_to_candidate(r);
}

/* The damage, if any, ends before pos. */
static int
close_damage(struct pd_pds_reader *r)
{
	struct pd_pds_damage d = {.offset = r->bad_from,
	    .length = r->base + r->pos - r->bad_from,
	    .records = r->bad_records,
	    .what = r->bad_what};

	if (r->bad_from == NO_OFFSET)
		return 0;
	r->bad_from = NO_OFFSET;
	return pd_pds_track_damage(r, &d);
}

static uint64_t
records_of(const struct pd_pds_block *b)
{
	return b->type == PD_PDS_HEADER ? 0 : b->nrec;
}

static bool
outside(const struct pd_pds_reader *r, const struct pd_pds_block *b)
{
	return (b->type == PD_PDS_EVENTS || b->type == PD_PDS_FEATURES) &&
	       (b->t_last_us < r->from_us || b->t_first_us > r->to_us);
}

/* Try the bytes at pos as a block. GOT; 0: they are none, and pos moved on, or
 * the block is hopped over; MORE; -1. */
static int
try_block(struct pd_pds_reader *r, struct pd_pds_block *b, struct pd_err *err)
{
	const char *what = "no block begins here";
	enum pd_pds_probe kind;
	size_t need;
	int rc;

	memset(b, 0, sizeof(*b));
	kind = pd_pds_probe(r->p + r->pos, r->n - r->pos, b, &need);
	if (kind != PD_PROBE_MEMBER && kind != PD_PROBE_BARE) {
		bad_byte(r, what, 0);
		return 0;
	}
	if ((rc = fill(r, need, err)) != PD_PDS_GOT)
		return rc;
	b->offset = r->base + r->pos;
	if (r->n - r->pos < need) {
		what = "a block is cut short";
		rc = -1;
	} else if (kind == PD_PROBE_BARE) {
		rc = pd_pds_open_bare(r->p + r->pos, b, &what);
	} else if (outside(r, b)) {
		r->pos += need;
		r->stats.blocks++;
		return 0;
	} else {
		rc = open_member(r, r->p + r->pos, b, &what);
	}
	if (rc == -2)
		return pd_err_nomem(err);
	if (rc == -1) {
		bad_byte(r, what, kind == PD_PROBE_MEMBER ? records_of(b) : 0);
		return 0;
	}
	if (close_damage(r))
		return pd_err_nomem(err);
	r->pos += need;
	return PD_PDS_GOT;
}

int
pd_pds_next(struct pd_pds_reader *r, struct pd_pds_block *b, struct pd_err *err)
{
	int rc;

	compact(r);
	r->loaded = 0;
	for (;;) {
		rc = fill(r, PD_PDS_MEMBER_HEAD, err);
		if (rc != PD_PDS_GOT)
			return rc;
		if (r->n == r->pos) {
			if (close_damage(r) || pd_pds_track_end(r))
				return pd_err_nomem(err);
			return PD_PDS_EOF;
		}
		rc = try_block(r, b, err);
		if (rc == PD_PDS_GOT && r->hopping && outside(r, b))
			continue;
		if (rc == PD_PDS_GOT) {
			r->block = *b;
			return pd_pds_track(r, b, err) ? -1 : PD_PDS_GOT;
		}
		if (rc != 0)
			return rc;
		compact(r);
	}
}

void
pd_pds_reader_window(struct pd_pds_reader *r, uint64_t from_us, uint64_t to_us)
{
	r->from_us = from_us;
	r->to_us = to_us;
	r->hopping = true;
}

uint64_t
pd_pds_reader_offset(const struct pd_pds_reader *r)
{
	return r->base + r->pos;
}

const struct pd_pds_block *
pd_pds_current(const struct pd_pds_reader *r)
{
	return &r->block;
}
