#ifndef PD_DATA_PDS_WRITE_H
#define PD_DATA_PDS_WRITE_H

/*
 * Writing a PDS stream, to a descriptor, a buffer or a function. Records are
 * gathered and leave as a block when 32,768 of them or about 1 MiB are there,
 * or at pd_pds_flush(): a live source calls that once a second. Invariant: what
 * has left is whole blocks, so a process killed at any moment loses the
 * records not yet flushed and, on a descriptor, at most the block that was
 * being written.
 *
 *	w = pd_pds_writer_new(&(struct pd_pds_wopts){.fd = fd}, err);
 *	pd_pds_header(w, json, strlen(json), err);
 *	pd_pds_add(w, &event, err); ...
 *	pd_pds_end(w, err);
 *	pd_pds_writer_free(w);
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/pds_format.h"

struct pd_buf;
struct pd_err;
struct pd_event;
struct pd_pds_writer;

struct pd_pds_wopts {
	int fd;		    /* written to unless out or write is set; yours */
	struct pd_buf *out; /* appended to; the caller consumes it */
	/* Called with each block instead, when not NULL: 0 or -1. */
	int (*write)(void *cookie, const void *p, size_t n, struct pd_err *err);
	void *cookie;
	const char *name;	/* of the file in messages, or NULL; kept */
	bool bare;		/* uncompressed frames (-0), for pipes */
	uint64_t stream_id;	/* 0: derived from the first header's text */
	uint32_t block_records; /* 0: 32,768; memory is about 100 B each */
};

/* NULL with a message. */
struct pd_pds_writer *pd_pds_writer_new(
    const struct pd_pds_wopts *o, struct pd_err *err);
/* Drops records not yet flushed; writer_free(NULL) is fine. */
void pd_pds_writer_free(struct pd_pds_writer *w);

/*
 * The functions below return 0, or -1 with a message; after a failure the
 * writer can only be freed.
 */

/* Write an H block with ${n} bytes of JSON (pd_pds_meta_encode() makes it).
 * The first block of a stream; another one restarts seq at 0. */
int pd_pds_header(
    struct pd_pds_writer *w, const char *json, size_t n, struct pd_err *err);
/* Add one record. Records of different kinds go to different blocks. */
int pd_pds_add(
    struct pd_pds_writer *w, const struct pd_event *e, struct pd_err *err);
int pd_pds_add_row(
    struct pd_pds_writer *w, const struct pd_pds_row *r, struct pd_err *err);
/* Rows from now on carry the slots of the bits of ${slots} (not 0) only, as
 * floats or, with ${codes}, as codes of one byte (data/feature_code.h). At
 * first all 64 as floats. */
int pd_pds_row_form(
    struct pd_pds_writer *w, uint64_t slots, bool codes, struct pd_err *err);
int pd_pds_add_label(
    struct pd_pds_writer *w, const struct pd_pds_label *l, struct pd_err *err);
/* Write a D block: ${nrec} lines of JSON. */
int pd_pds_drift(struct pd_pds_writer *w, const char *lines, size_t n,
    uint32_t nrec, struct pd_err *err);
/* Write a finished payload (directory and columns) as a block. */
int pd_pds_block(struct pd_pds_writer *w, uint8_t type, uint32_t nrec,
    uint64_t t_first_us, uint64_t t_last_us, const struct pd_buf *payload,
    struct pd_err *err);
/* Close the block that is being gathered, if it has records. */
int pd_pds_flush(struct pd_pds_writer *w, struct pd_err *err);
/* Where nothing is being gathered, say what was lost in a block without
 * records: none may follow for long. */
int pd_pds_tell_lost(struct pd_pds_writer *w, struct pd_err *err);
/* Flush and write the end marker Z. */
int pd_pds_end(struct pd_pds_writer *w, struct pd_err *err);

/*
 * pd_pds_resume(w, stream_id, seq, records):
 * Go on with a stream that another writer began: the next block has this
 * number, and ${records} records are before it.
 */
void pd_pds_resume(struct pd_pds_writer *w, uint64_t stream_id, uint64_t seq,
    uint64_t records);
/* ${n} records were dropped at the source: said in the next block. */
void pd_pds_lost(struct pd_pds_writer *w, uint64_t n);
/* The shard of the events added from now on, when it is not the header's. */
void pd_pds_shard(struct pd_pds_writer *w, uint32_t shard);
/* Identity and place: the next record of this kind lands in block
 * pd_pds_seq(w) as row pd_pds_pending(w). */
uint64_t pd_pds_stream_id(const struct pd_pds_writer *w);
uint64_t pd_pds_seq(const struct pd_pds_writer *w);
uint32_t pd_pds_pending(const struct pd_pds_writer *w);
/* Bytes allocated, and bytes that left so far. */
size_t pd_pds_memory(const struct pd_pds_writer *w);
uint64_t pd_pds_written(const struct pd_pds_writer *w);

#endif /* PD_DATA_PDS_WRITE_H */
