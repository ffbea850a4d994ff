#ifndef PD_DATA_PDS_READER_PRIV_H
#define PD_DATA_PDS_READER_PRIV_H

/*
 * The reader's state, shared by its files: pds_read.c finds blocks,
 * pds_track.c keeps account of streams and damage, pds_records.c turns blocks
 * into records.
 */

#define ZLIB_CONST
#include <zlib.h>

#include "base/buf.h"
#include "data/feature_code.h"
#include "data/pds_meta.h"
#include "data/pds_priv.h"
#include "data/pds_read.h"

/* One stream of those that may be interleaved in the input. */
struct pd_pds_stream {
	uint64_t id;
	uint64_t next_seq;
	uint64_t next_record;
	uint64_t last_offset; /* of its last good block */
	bool open;	      /* no end marker yet */
	bool has_meta;
	char *text; /* of its header, NUL-terminated */
	size_t text_len;
	struct pd_pds_meta meta;
};

struct pd_pds_reader {
	/* The window of input: p[0..n) stands at offset base, pos is next. */
	const uint8_t *p;
	size_t n, pos;
	uint64_t base;
	struct pd_buf buf; /* holds the window unless fixed */
	int fd;
	ssize_t (*read)(void *, void *, size_t, struct pd_err *); /* or NULL */
	void *cookie;
	bool fixed; /* p is the caller's memory */
	bool eof;
	bool ended;   /* the end was accounted for */
	bool endless; /* end markers are not missed */
	/* The frame last inflated, and its block. */
	z_stream z;
	struct pd_buf plain;
	struct pd_pds_block block;
	/* The damage being passed. */
	uint64_t bad_from; /* UINT64_MAX: none */
	uint64_t bad_records;
	const char *bad_what;
	/* Only blocks that touch this window, when hopping. */
	bool hopping;
	uint64_t from_us, to_us;
	/* Of streams sampled by different schemes in one input: which is
	 * wanted (PD_SAMPLE_NONE: there must be one), and which there was. */
	enum pd_scheme scheme, seen;
	/* Account. */
	struct pd_pds_stream **stream;
	size_t nstreams, cur;
	struct pd_pds_damage *damage;
	size_t ndamage, damage_cap;
	struct pd_pds_stats stats;
	/* Records of the block, when loaded (its type). */
	uint8_t loaded;
	bool has_shards;
	uint32_t at, count;
	struct pd_event *events;
	uint32_t *scratch, *shards;
	size_t events_cap;
	struct pd_pds_row *rows;
	size_t rows_cap;
	uint64_t row_slots;
	bool row_codes;
	struct pd_feature_codes *codes; /* once a block had some */
	struct pd_pds_label *labels;
	size_t labels_cap;
};

/* Take account of a good block. 0, or -1 with a message. */
int pd_pds_track(
    struct pd_pds_reader *r, const struct pd_pds_block *b, struct pd_err *err);
/* Add a damaged range. 0, or -1 out of memory. */
int pd_pds_track_damage(struct pd_pds_reader *r, const struct pd_pds_damage *d);
/* The input ended. 0, or -1 out of memory. */
int pd_pds_track_end(struct pd_pds_reader *r);
void pd_pds_track_release(struct pd_pds_reader *r);

#endif /* PD_DATA_PDS_READER_PRIV_H */
