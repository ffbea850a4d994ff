#ifndef PD_DATA_PDS_FORMAT_H
#define PD_DATA_PDS_FORMAT_H

/*
 * PDS version 1, predis-stream(5): the numbers of the format and one decoded
 * frame. A stream is a row of gzip members, each with one frame in it, or a
 * row of bare frames; every integer is little-endian; no block depends on
 * another one.
 */

#include <stddef.h>
#include <stdint.h>

#define PD_PDS_VERSION 1

/* The 'PD' subfield, its member header, and the frame's fixed part. */
#define PD_PDS_EXTRA_LEN 32
#define PD_PDS_MEMBER_HEAD (10 + 2 + 4 + PD_PDS_EXTRA_LEN)
#define PD_PDS_MEMBER_TAIL 8
#define PD_PDS_FRAME_HEAD 48
#define PD_PDS_COLUMN_LEN 8

/* What a writer keeps to. */
#define PD_PDS_BLOCK_RECORDS 32768
#define PD_PDS_BLOCK_BYTES (1u << 20)
/* What a reader accepts, checked before anything is allocated. */
#define PD_PDS_MAX_PAYLOAD (16u << 20)
#define PD_PDS_MAX_RECORDS (1u << 20)
#define PD_PDS_MAX_MEMBER (PD_PDS_MAX_PAYLOAD + (1u << 16))
#define PD_PDS_MAX_COLUMNS 256
#define PD_PDS_MAX_SHARD 65535

enum pd_pds_type {
	PD_PDS_HEADER = 'H',
	PD_PDS_EVENTS = 'E',
	PD_PDS_FEATURES = 'F',
	PD_PDS_LABELS = 'L',
	PD_PDS_DRIFT = 'D',
	PD_PDS_INDEX = 'X',
	PD_PDS_END = 'Z',
};

/* Frame flags. */
#define PD_PDS_CHECKED 1 /* the directory's end holds a CRC-32 */

enum pd_pds_encoding {
	PD_PDS_RAW = 0,	   /* fixed width, little-endian */
	PD_PDS_VARINT = 1, /* LEB128 */
	PD_PDS_DELTA = 2,  /* LEB128 of the zigzag of the difference */
	PD_PDS_DICT = 3,   /* LEB128: 0 new, else distance from the newest */
	PD_PDS_TEXT = 4,   /* UTF-8 */
};

/* Column ids: one number space for all block types, never reused. */
enum pd_pds_column {
	PD_PDS_COL_END = 0,	    /* the end of the directory */
	PD_PDS_COL_TIME = 1,	    /* DELTA from t0_us */
	PD_PDS_COL_TICK = 2,	    /* DELTA from 0 */
	PD_PDS_COL_KEYREF = 3,	    /* DICT */
	PD_PDS_COL_NEWKEY = 4,	    /* RAW 8, one a KEYREF that is 0 */
	PD_PDS_COL_FLAGS = 5,	    /* RAW 1: op | PD_PDS_F_* */
	PD_PDS_COL_SIZE = 6,	    /* VARINT, one a PD_PDS_F_SIZE */
	PD_PDS_COL_TTL = 7,	    /* VARINT ms, one a PD_PDS_F_TTL */
	PD_PDS_COL_LATENCY = 8,	    /* VARINT us; 0 when left out */
	PD_PDS_COL_NS = 9,	    /* VARINT; 0 when left out */
	PD_PDS_COL_CLIENT = 10,	    /* RAW 4; 0 when left out */
	PD_PDS_COL_WEIGHT = 11,	    /* VARINT; 1 when left out */
	PD_PDS_COL_SHARD = 12,	    /* VARINT; the header's when left out */
	PD_PDS_COL_FIRST = 13,	    /* RAW 8, one: records before this block */
	PD_PDS_COL_CTX = 32,	    /* 32 + enum pd_ctx: RAW 1; 255 left out */
	PD_PDS_COL_KEY = 64,	    /* RAW 8: key of a feature row */
	PD_PDS_COL_VALUES = 65,	    /* RAW 4: float32, row after row */
	PD_PDS_COL_SLOTS = 66,	    /* RAW 1: slot of each value of a row,
				     * rising; all 64 when left out */
	PD_PDS_COL_CODES = 67,	    /* RAW 1, in place of VALUES */
	PD_PDS_COL_L_STREAM = 80,   /* RAW 8: stream_id of the labelled row */
	PD_PDS_COL_L_SEQ = 81,	    /* DELTA from 0: its block */
	PD_PDS_COL_L_ROW = 82,	    /* DELTA from 0: its place in the block */
	PD_PDS_COL_L_VALUE = 83,    /* RAW 4: float32 */
	PD_PDS_COL_L_CENSORED = 84, /* RAW 1: 1 = a lower bound only */
	PD_PDS_COL_X_OFFSET = 96,   /* DELTA from 0: offset of a member */
	PD_PDS_COL_X_FIRST = 97,    /* DELTA from 0: its first time, us */
	PD_PDS_COL_X_LAST = 98,	    /* DELTA from 0: its last time, us */
	PD_PDS_COL_X_RECORDS = 99,  /* VARINT: its records */
	PD_PDS_COL_X_TYPE = 100,    /* RAW 1: its block type */
	PD_PDS_COL_TEXT = 128,	    /* TEXT: the JSON of an H or D block */
};

/* The flags byte of an event: op in bits 0..2, then: */
#define PD_PDS_F_OP 0x07
#define PD_PDS_F_HIT 0x08
#define PD_PDS_F_FILL 0x10
#define PD_PDS_F_TTL 0x20
#define PD_PDS_F_SIZE 0x40 /* the size differs from the key's last one */
#define PD_PDS_F_COST 0x80 /* the latency is the cost of fetching it again */

/* One block as read: the frame's fields and its payload (directory and
 * columns), which is borrowed from the reader until its next call. */
struct pd_pds_block {
	uint8_t type; /* enum pd_pds_type, or one not known here */
	uint8_t version;
	uint16_t flags;
	uint32_t nrec;
	uint64_t stream_id;
	uint64_t seq;  /* number of the block in its stream, H is 0 */
	uint64_t lost; /* records dropped at the source since the last block */
	uint64_t t0_us;
	const uint8_t *payload;
	uint32_t payload_len;
	uint64_t offset;     /* of the member or bare frame in the input */
	uint64_t size;	     /* its bytes there */
	uint64_t t_first_us; /* a member's; t0_us for a bare frame */
	uint64_t t_last_us;
};

/* One row of an F block. */
struct pd_pds_row {
	uint64_t time_us;
	uint64_t tick;
	uint64_t key;
	float value[64]; /* PD_FEATURES (data/feature.h), NaN unknown */
};

/* One record of an L block: the label of row ${row} of block ${seq}. */
struct pd_pds_label {
	uint64_t stream_id;
	uint64_t seq;
	uint32_t row;
	float value;
	uint8_t censored;
};

#endif /* PD_DATA_PDS_FORMAT_H */
