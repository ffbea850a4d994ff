#ifndef PD_DATA_PDS_PRIV_H
#define PD_DATA_PDS_PRIV_H

/*
 * Between the files of the PDS code: columns in memory, and the two codings
 * of a frame as bytes. Nothing here does I/O.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/event.h"
#include "data/pds_format.h"

struct pd_buf;
struct pd_feature_codes;

/* A column being gathered: fixed room, so that adding cannot fail. */
struct pd_pds_col {
	uint8_t *data;
	size_t len;
};

enum pd_pds_evcol {
	PD_EC_TIME,
	PD_EC_TICK,
	PD_EC_KEYREF,
	PD_EC_NEWKEY,
	PD_EC_FLAGS,
	PD_EC_SIZE,
	PD_EC_TTL,
	PD_EC_LATENCY,
	PD_EC_NS,
	PD_EC_CLIENT,
	PD_EC_WEIGHT,
	PD_EC_SHARD,
	PD_EC_CTX, /* and the PD_CTX_COUNT - 1 after it */
	PD_EC_COUNT = PD_EC_CTX + PD_CTX_COUNT,
};

/* The key dictionary of the block being gathered, open addressing; an entry
 * of another generation is free. */
struct pd_pds_slot {
	uint64_t key;
	uint32_t index;
	uint32_t generation;
};

struct pd_pds_evenc {
	struct pd_pds_col col[PD_EC_COUNT];
	struct pd_pds_slot *slot;
	uint32_t *last_size; /* by dictionary index */
	uint32_t slot_bits;
	uint32_t generation;
	uint32_t keys;
	uint32_t max;
	uint32_t n;
	bool ctx_begun;
	uint64_t t0, t_min, t_max;
	uint64_t last_time, last_tick;
	uint8_t *memory;
	size_t memory_len;
};

/* Room for blocks of ${max} records. 0, or -1 out of memory. */
int pd_pds_evenc_init(struct pd_pds_evenc *c, uint32_t max);
void pd_pds_evenc_release(struct pd_pds_evenc *c);
void pd_pds_evenc_clear(struct pd_pds_evenc *c);
/* Add an event; the caller closes the block when pd_pds_evenc_full(). */
void pd_pds_evenc_add(
    struct pd_pds_evenc *c, const struct pd_event *e, uint32_t shard);
bool pd_pds_evenc_full(const struct pd_pds_evenc *c);
/* Append directory entries and then, with pd_pds_evenc_data(), columns. */
void pd_pds_evenc_dir(const struct pd_pds_evenc *c, struct pd_buf *out);
void pd_pds_evenc_data(const struct pd_pds_evenc *c, struct pd_buf *out);

/* Append one directory entry. */
void pd_pds_dir(struct pd_buf *out, unsigned id, enum pd_pds_encoding enc,
    unsigned width, size_t len);

/* A payload taken apart. */
struct pd_pds_colref {
	uint16_t id;
	uint8_t encoding;
	uint8_t width;
	uint32_t len;
	const uint8_t *data;
};

struct pd_pds_payload {
	struct pd_pds_colref col[PD_PDS_MAX_COLUMNS];
	unsigned n;
	uint32_t crc;	/* the directory's end */
	size_t dir_len; /* with the end */
};

/* 0, or -1: the directory and the payload's length disagree. */
int pd_pds_payload_parse(struct pd_pds_payload *y, const uint8_t *p, size_t n);
/* The column with this id, encoding and width, or NULL. */
const struct pd_pds_colref *pd_pds_column(const struct pd_pds_payload *y,
    unsigned id, enum pd_pds_encoding enc, unsigned width);
/* The FIRST column's number. 0, or -1: it has none. */
int pd_pds_first(const struct pd_pds_block *b, uint64_t *first);

/*
 * Decode an E block into ${e} and ${shard}, both of b->nrec entries;
 * ${scratch} has b->nrec too. ${*has_shard} says whether the block has shards
 * of its own. 0, or -1: columns disagree with one another.
 */
int pd_pds_decode_events(const struct pd_pds_block *b, struct pd_event *e,
    uint32_t *scratch, uint32_t *shard, bool *has_shard);
/*
 * The form of an F block's rows: their slots, and whether they are codes. The
 * return value is the bytes of a row's values, 0 when the columns disagree.
 */
size_t pd_pds_rows_form(
    const struct pd_pds_block *b, uint64_t *slots, bool *codes);
/* Decode an F block; slots that it lacks are NaN. ${c} is needed for codes
 * only. 0 or -1 as above. */
int pd_pds_decode_rows(const struct pd_pds_block *b, struct pd_pds_row *row,
    const struct pd_feature_codes *c);
/* The same for labels. */
int pd_pds_decode_labels(
    const struct pd_pds_block *b, struct pd_pds_label *label);
/* Decode a varint or delta column of exactly ${n} values. */
int pd_pds_decode_u64(const struct pd_pds_colref *c, uint64_t *out, size_t n);

/* Fill the fixed part of a frame (PD_PDS_FRAME_HEAD bytes). */
void pd_pds_put_head(uint8_t *p, const struct pd_pds_block *b);
/* Fill the header of a member (PD_PDS_MEMBER_HEAD bytes). */
void pd_pds_put_member(
    uint8_t *p, const struct pd_pds_block *b, uint32_t member_size);
/* The CRC-32 of a checked frame: all but the four bytes that hold it. */
uint32_t pd_pds_frame_crc(
    const uint8_t *frame, size_t dir_len, size_t payload_len);

/* What stands at a place in a stream. */
enum pd_pds_probe {
	PD_PROBE_BAD,
	PD_PROBE_SHORT, /* ${*need} bytes would tell */
	PD_PROBE_MEMBER,
	PD_PROBE_BARE,
};

/* Look at ${n} bytes; for a member or a bare frame with a plausible header
 * ${b} gets what the header says and ${*need} the bytes of the whole. */
enum pd_pds_probe pd_pds_probe(
    const uint8_t *p, size_t n, struct pd_pds_block *b, size_t *need);
/* Check a whole bare frame of b->size bytes. 0, or -1 with ${*what}. */
int pd_pds_open_bare(
    const uint8_t *p, struct pd_pds_block *b, const char **what);
/* Check a frame that came out of a member against the member's header. */
int pd_pds_open_frame(
    const uint8_t *p, size_t n, struct pd_pds_block *b, const char **what);

#endif /* PD_DATA_PDS_PRIV_H */
