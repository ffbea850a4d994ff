/*
 * Frames and members as bytes: making their headers, and recognising one at a
 * place in a stream that may be damaged.
 */
#include <string.h>

#include <zlib.h>

#include "base/endian.h"
#include "data/pds_priv.h"

static const uint8_t frame_magic[4] = {'P', 'D', 'S', '1'};
static const uint8_t gzip_magic[10] = {0x1f, 0x8b, 8, 4, 0, 0, 0, 0, 4, 255};

void
pd_pds_put_head(uint8_t *p, const struct pd_pds_block *b)
{
	memcpy(p, frame_magic, sizeof(frame_magic));
	p[4] = b->type;
	p[5] = b->version;
	pd_put16(p + 6, b->flags);
	pd_put32(p + 8, b->payload_len);
	pd_put32(p + 12, b->nrec);
	pd_put64(p + 16, b->stream_id);
	pd_put64(p + 24, b->seq);
	pd_put64(p + 32, b->lost);
	pd_put64(p + 40, b->t0_us);
}

void
pd_pds_put_member(
    uint8_t *p, const struct pd_pds_block *b, uint32_t member_size)
{
	memcpy(p, gzip_magic, sizeof(gzip_magic));
	pd_put16(p + 10, 4 + PD_PDS_EXTRA_LEN);
	p[12] = 'P';
	p[13] = 'D';
	pd_put16(p + 14, PD_PDS_EXTRA_LEN);
	p += 16;
	pd_put32(p, member_size);
	pd_put32(p + 4, b->nrec);
	pd_put64(p + 8, b->t_first_us);
	pd_put64(p + 16, b->t_last_us);
	p[24] = b->type;
	p[25] = b->version;
	pd_put16(p + 26, b->flags);
	pd_put32(p + 28, (uint32_t)crc32(0, p, 28));
}

uint32_t
pd_pds_frame_crc(const uint8_t *frame, size_t dir_len, size_t payload_len)
{
	const size_t field = PD_PDS_FRAME_HEAD + dir_len - 4;
	const size_t rest = payload_len - dir_len;
	uLong c;

	c = crc32(0, frame, (uInt)field);
	return (uint32_t)crc32(c, frame + field + 4, (uInt)rest);
}

static enum pd_pds_probe
probe_member(const uint8_t *p, size_t n, struct pd_pds_block *b, size_t *need)
{
	*need = PD_PDS_MEMBER_HEAD;
	if (n < PD_PDS_MEMBER_HEAD)
		return PD_PROBE_SHORT;
	/* The first ten bytes are always the same, so any change shows. */
	if (memcmp(p, gzip_magic, sizeof(gzip_magic)) != 0 ||
	    pd_get16(p + 10) != 4 + PD_PDS_EXTRA_LEN || p[12] != 'P' ||
	    p[13] != 'D' || pd_get16(p + 14) != PD_PDS_EXTRA_LEN)
		return PD_PROBE_BAD;
	p += 16;
	if (pd_get32(p + 28) != (uint32_t)crc32(0, p, 28))
		return PD_PROBE_BAD;
	*need = pd_get32(p);
	b->nrec = pd_get32(p + 4);
	if (*need < PD_PDS_MEMBER_HEAD + PD_PDS_MEMBER_TAIL + 2 ||
	    *need > PD_PDS_MAX_MEMBER || b->nrec > PD_PDS_MAX_RECORDS)
		return PD_PROBE_BAD;
	b->t_first_us = pd_get64(p + 8);
	b->t_last_us = pd_get64(p + 16);
	b->type = p[24];
	b->version = p[25];
	b->flags = pd_get16(p + 26);
	b->size = *need;
	return PD_PROBE_MEMBER;
}

static int
get_head(const uint8_t *p, struct pd_pds_block *b)
{
	if (memcmp(p, frame_magic, sizeof(frame_magic)) != 0)
		return -1;
	b->type = p[4];
	b->version = p[5];
	b->flags = pd_get16(p + 6);
	b->payload_len = pd_get32(p + 8);
	b->nrec = pd_get32(p + 12);
	b->stream_id = pd_get64(p + 16);
	b->seq = pd_get64(p + 24);
	b->lost = pd_get64(p + 32);
	b->t0_us = pd_get64(p + 40);
	if (b->payload_len > PD_PDS_MAX_PAYLOAD ||
	    b->payload_len < PD_PDS_COLUMN_LEN || b->nrec > PD_PDS_MAX_RECORDS)
		return -1;
	return 0;
}

static enum pd_pds_probe
probe_bare(const uint8_t *p, size_t n, struct pd_pds_block *b, size_t *need)
{
	*need = PD_PDS_FRAME_HEAD;
	if (n < PD_PDS_FRAME_HEAD)
		return PD_PROBE_SHORT;
	if (get_head(p, b) || !(b->flags & PD_PDS_CHECKED))
		return PD_PROBE_BAD;
	b->t_first_us = b->t_last_us = b->t0_us;
	b->size = *need = PD_PDS_FRAME_HEAD + (size_t)b->payload_len;
	return PD_PROBE_BARE;
}

enum pd_pds_probe
pd_pds_probe(const uint8_t *p, size_t n, struct pd_pds_block *b, size_t *need)
{
	*need = 4;
	if (n == 0)
		return PD_PROBE_SHORT;
	if (p[0] == gzip_magic[0]) {
		if (n > 1 && p[1] != gzip_magic[1])
			return PD_PROBE_BAD;
		return n < 2 ? PD_PROBE_SHORT : probe_member(p, n, b, need);
	}
	if (memcmp(p, frame_magic, n < 4 ? n : 4) != 0)
		return PD_PROBE_BAD;
	return n < 4 ? PD_PROBE_SHORT : probe_bare(p, n, b, need);
}

int
pd_pds_open_bare(const uint8_t *p, struct pd_pds_block *b, const char **what)
{
	struct pd_pds_payload y;

	b->payload = p + PD_PDS_FRAME_HEAD;
	*what = "a frame's column directory is wrong";
	if (pd_pds_payload_parse(&y, b->payload, b->payload_len))
		return -1;
	*what = "a frame's check does not match";
	if (y.crc != pd_pds_frame_crc(p, y.dir_len, b->payload_len))
		return -1;
	return 0;
}

int
pd_pds_open_frame(
    const uint8_t *p, size_t n, struct pd_pds_block *b, const char **what)
{
	struct pd_pds_block f = *b;
	struct pd_pds_payload y;

	*what = "a member holds no frame";
	if (n < PD_PDS_FRAME_HEAD || get_head(p, &f))
		return -1;
	*what = "a member and its frame disagree";
	if (f.payload_len != n - PD_PDS_FRAME_HEAD || f.type != b->type ||
	    f.nrec != b->nrec || f.flags != b->flags)
		return -1;
	f.payload = p + PD_PDS_FRAME_HEAD;
	*what = "a frame's column directory is wrong";
	if (pd_pds_payload_parse(&y, f.payload, f.payload_len))
		return -1;
	*b = f;
	return 0;
}
