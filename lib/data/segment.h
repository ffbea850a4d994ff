#ifndef PD_DATA_SEGMENT_H
#define PD_DATA_SEGMENT_H

/*
 * A recorded directory: segments, which are PDS files whose names sort by the
 * time at which they were begun and say the stream,
 *
 *	20261124T063000.000000Z-NAME-SCHEME-SHARD.pds
 *
 * with ".part" behind it while the segment grows; and index.pdx, a PDS stream
 * with one X block a finished segment, whose TEXT is a JSON object {"segment",
 * "bytes", "events", "lost", "closed_us"} and whose columns list its blocks.
 *The index only saves reading: what it does not know is found out from the
 *file.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/pds_index.h"

struct pd_err;

#define PD_SEGMENT_INDEX "index.pdx"
#define PD_SEGMENT_PART ".part"
/* Longest NAME of a stream: letters, digits, '.' and '_'. */
#define PD_SEGMENT_STREAM_MAX 32
#define PD_SEGMENT_NAME_MAX 96

struct pd_segment {
	char name[PD_SEGMENT_NAME_MAX]; /* of the file */
	bool growing;
	bool known;	     /* the index told the fields from events on */
	uint64_t opened_us;  /* from the name */
	uint64_t bytes;	     /* of the file */
	uint64_t events;     /* records in good blocks */
	uint64_t lost;	     /* as its blocks say: before and between them */
	uint64_t closed_us;  /* when it was finished; 0 not known */
	uint64_t t_first_us; /* of its records */
	uint64_t t_last_us;
};

/* In order of name. */
struct pd_segments {
	struct pd_segment *v;
	size_t n, cap;
	struct pd_pds_index *blocks; /* one a segment; or NULL */
};

#define PD_SEGMENTS_INIT                                                       \
	{                                                                      \
		NULL, 0, 0, NULL                                               \
	}

/* May ${name} be the NAME of a stream? */
bool pd_segment_stream_ok(const char *name);

/* The name, without ".part". ${stream} is such a NAME. */
void pd_segment_name(char out[PD_SEGMENT_NAME_MAX], uint64_t opened_us,
    const char *stream, const char *scheme, uint32_t shard);
/* Take a file's name apart: s->name, growing and opened_us. False: it is no
 * segment's. */
bool pd_segment_parse(const char *name, struct pd_segment *s);
/* The part of a segment's name after the time, without ".pds": its stream. */
size_t pd_segment_lane(const char *name, const char **lane);

/*
 * pd_segments_load(l, dirfd, blocks, err):
 * List the segments of a directory with what the index knows of them; with
 * ${blocks} their blocks too. 0, or -1 with a message; a missing, torn or stale
 * index is no failure.
 */
int pd_segments_load(
    struct pd_segments *l, int dirfd, bool blocks, struct pd_err *err);
void pd_segments_release(struct pd_segments *l);
/* Insert in order; ${blocks} (or NULL) is emptied into l->blocks where the list
 * has any. 0, or -1 out of memory. */
int pd_segments_add(struct pd_segments *l, const struct pd_segment *s,
    struct pd_pds_index *blocks);
void pd_segments_remove(struct pd_segments *l, size_t i);
/* May segment ${s} have records of [from_us, to_us]? Yes, where it is not known
 * yet. */
bool pd_segment_overlaps(
    const struct pd_segment *s, uint64_t from_us, uint64_t to_us);

/* How a stream in a file ends. */
struct pd_segment_tail {
	uint64_t stream_id; /* of the last block */
	uint64_t seq;	    /* of the block that would come next */
	uint64_t records;   /* before it */
	uint64_t end;	    /* where the last good block ends */
	uint32_t blocks;    /* good ones */
	bool ended;	    /* by its end marker */
	bool damaged;	    /* something before ${end} is */
};

/* Read the whole file and set what the index would know (but closed_us), the
 * blocks and the tail, each where it is not NULL. 0, or -1 with a message. */
int pd_segment_scan(int fd, struct pd_segment *s, struct pd_pds_index *blocks,
    struct pd_segment_tail *tail, struct pd_err *err);

/*
 * pd_segment_adopt(dirfd, s, lost, blocks, err):
 * Finish the growing segment ${s} that a killed process left: what is torn at
 * its end is cut off, good blocks are kept, an end marker is written, which
 * says that ${lost} records more are lost, and the file gets its final name.
 * ${s} becomes that segment, ${blocks} its blocks. 0; 1: nothing was in it, and
 * the file is removed; -1 with a message, the file being as it was or without
 * its torn end.
 */
int pd_segment_adopt(int dirfd, struct pd_segment *s, uint64_t lost,
    struct pd_pds_index *blocks, struct pd_err *err);

/* The file index.pdx of a directory, for its one writer. */
struct pd_segment_index {
	int dirfd;	    /* borrowed */
	uint64_t stream_id; /* and place of the next block */
	uint64_t seq, records;
	uint64_t size; /* of the file; 0: there is none to append to */
	uint32_t entries;
};

/*
 * pd_segment_index_write(x, l, tool, err):
 * Make the file anew from the finished segments of ${l}, which was loaded with
 * blocks; those not known yet are read, and become known. 0, or -1 with a
 * message: the old file stands and x->size is 0.
 */
int pd_segment_index_write(struct pd_segment_index *x, struct pd_segments *l,
    const char *tool, struct pd_err *err);
/* Append a finished segment. 0, or -1 with a message; then x->size is 0, and
 * the file can be made anew later. */
int pd_segment_index_append(struct pd_segment_index *x,
    const struct pd_segment *s, const struct pd_pds_index *blocks,
    struct pd_err *err);

#endif /* PD_DATA_SEGMENT_H */
