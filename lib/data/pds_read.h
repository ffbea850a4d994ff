#ifndef PD_DATA_PDS_READ_H
#define PD_DATA_PDS_READ_H

/*
 * Reading PDS streams from a descriptor, from memory, or from bytes as they
 * arrive. The reader resynchronises: a block whose checks fail is never
 * delivered, the next one whose checks hold is found, and the damaged range
 * in between is kept for the caller, with its offset and, where a later block
 * tells, how many records it held. Any number of H blocks is accepted
 * (`cat a b`), and several streams may be interleaved block by block (one a
 * shard); each block says which one it belongs to.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "data/pds_format.h"
#include "data/sample.h"

struct pd_err;
struct pd_event;
struct pd_pds_meta;
struct pd_pds_reader;

/* What the read functions return besides -1 (I/O or memory, with a message). */
enum pd_pds_got {
	PD_PDS_EOF = 0,
	PD_PDS_GOT = 1,
	PD_PDS_MORE = 2, /* a feed reader wants pd_pds_reader_feed() */
};

struct pd_pds_damage {
	uint64_t offset;    /* in the input */
	uint64_t length;    /* 0: nothing there, something is missing */
	uint64_t records;   /* lost, as far as known */
	bool records_known; /* exactly that many */
	const char *what;   /* static text */
};

/* Read from ${fd} (stays the caller's), from ${n} bytes that outlive the
 * reader, or from pd_pds_reader_feed(). NULL: out of memory. */
struct pd_pds_reader *pd_pds_reader_fd(int fd);
struct pd_pds_reader *pd_pds_reader_mem(const void *p, size_t n);
struct pd_pds_reader *pd_pds_reader_new(void);
/* Read from ${read}, which answers as read(2) does, or -1 with a message. */
struct pd_pds_reader *pd_pds_reader_call(
    ssize_t (*read)(void *cookie, void *p, size_t n, struct pd_err *err),
    void *cookie);
/* Streams without an end marker are no damage: they still grow. */
void pd_pds_reader_endless(struct pd_pds_reader *r);
/* Hand over ${n} bytes (copied); ${n} 0 says the input has ended. 0 or -1. */
int pd_pds_reader_feed(struct pd_pds_reader *r, const void *p, size_t n);
void pd_pds_reader_free(struct pd_pds_reader *r);

/*
 * pd_pds_next(r, b, err):
 * The next good block of any type, Z and unknown ones too. Use either this or
 * the record functions below on one reader.
 */
int pd_pds_next(
    struct pd_pds_reader *r, struct pd_pds_block *b, struct pd_err *err);
/* Decode the block just returned: 0; 1 when its columns
 * disagree with one another, which is added to the damage; -1 no memory. */
int pd_pds_verify(struct pd_pds_reader *r, const struct pd_pds_block *b);
/* After pd_pds_verify() gave 0 for an E, F or L block: its records. */
const struct pd_event *pd_pds_events(const struct pd_pds_reader *r);
const struct pd_pds_row *pd_pds_rows(const struct pd_pds_reader *r);
const struct pd_pds_label *pd_pds_labels(const struct pd_pds_reader *r);
/* The slots that the rows of the block last decoded carry, a bit each; the
 * others are NaN. ${codes}, unless NULL: they came as codes of one byte. */
uint64_t pd_pds_row_slots(const struct pd_pds_reader *r, bool *codes);
/* The text of an H or D block, ${*n} bytes, or NULL. */
const char *pd_pds_text(const struct pd_pds_block *b, size_t *n);
/* The next event, feature row or label; blocks of other types are skipped,
 * headers are taken notice of. */
int pd_pds_next_event(
    struct pd_pds_reader *r, struct pd_event *e, struct pd_err *err);
int pd_pds_next_row(
    struct pd_pds_reader *r, struct pd_pds_row *row, struct pd_err *err);
int pd_pds_next_label(
    struct pd_pds_reader *r, struct pd_pds_label *l, struct pd_err *err);
/*
 * A whole block of events at once, for speed: ${*e} has ${*n} of them until
 * the next call.
 */
int pd_pds_next_events(struct pd_pds_reader *r, const struct pd_event **e,
    uint32_t *n, struct pd_err *err);

/* Deliver no event or feature block that lies wholly outside
 * [from_us, to_us]; members are hopped over without inflating them. */
void pd_pds_reader_window(
    struct pd_pds_reader *r, uint64_t from_us, uint64_t to_us);

/*
 * Of an input that holds streams sampled by different schemes, deliver the
 * events of ${scheme} only, and count the losses of these. Without it
 * pd_pds_next_event() and pd_pds_next_events() refuse such an input. A stream
 * that is no sample fits any scheme.
 */
void pd_pds_reader_scheme(struct pd_pds_reader *r, enum pd_scheme scheme);
/* Is the stream of the block last returned of the scheme that is wanted? */
bool pd_pds_wanted(const struct pd_pds_reader *r);

/* The header of the block last returned (or of the next record's stream), as
 * text and parsed; NULL before any. Valid until the next read call. */
const char *pd_pds_header_text(const struct pd_pds_reader *r, size_t *n);
const struct pd_pds_meta *pd_pds_header_meta(const struct pd_pds_reader *r);
/* The shard of the event last returned by pd_pds_next_event(). */
uint32_t pd_pds_event_shard(const struct pd_pds_reader *r);
/* The shards of the events of the block last decoded, or NULL
 * when all have the header's. */
const uint32_t *pd_pds_event_shards(const struct pd_pds_reader *r);
/* The block that the record last returned came from. */
const struct pd_pds_block *pd_pds_current(const struct pd_pds_reader *r);

/* Damage so far: the first ${return} ranges (at most PD_PDS_DAMAGE_KEPT). */
#define PD_PDS_DAMAGE_KEPT 65536
size_t pd_pds_damage(
    const struct pd_pds_reader *r, const struct pd_pds_damage **list);

struct pd_pds_stats {
	uint64_t bytes;	      /* consumed */
	uint64_t blocks;      /* good ones */
	uint64_t skipped;     /* good ones of types not known here */
	uint64_t records;     /* in good E, F and L blocks */
	uint64_t source_lost; /* dropped at the source, as blocks say */
	uint64_t damaged;     /* ranges, also those no longer kept */
	uint64_t damaged_bytes;
	uint64_t records_lost; /* by damage, as far as known */
	uint64_t streams;      /* H blocks */
	bool truncated;	       /* at the end: a stream had no end marker */
};
void pd_pds_reader_stats(const struct pd_pds_reader *r, struct pd_pds_stats *s);

/* Bytes of the input handled, for progress. */
uint64_t pd_pds_reader_offset(const struct pd_pds_reader *r);

#endif /* PD_DATA_PDS_READ_H */
