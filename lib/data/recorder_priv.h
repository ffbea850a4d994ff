#ifndef PD_DATA_RECORDER_PRIV_H
#define PD_DATA_RECORDER_PRIV_H

/*
 * Between the files of the recorder: recorder.c takes events in,
 * recorder_lane.c makes segments of them, recorder_keep.c deletes and indexes,
 * recorder_state.c has the account.
 */

#include "base/buf.h"
#include "data/pds_meta.h"
#include "data/recorder.h"
#include "data/segment.h"

struct pd_pds_writer;

#define PD_RECORDER_SHARDS 64	     /* whose ticks are followed */
#define PD_RECORDER_RETRY_US 1000000 /* until a full disk is tried again */

/* Why segments were deleted. */
enum pd_recorder_gone {
	PD_GONE_AGE,
	PD_GONE_BYTES,
	PD_GONE_FULL,
	PD_GONE_CAUSES,
};

/* One stream of a source, which fills one file at a time. */
struct pd_lane {
	char source[PD_SEGMENT_STREAM_MAX + 1];
	char scheme[16];
	uint32_t shard;
	/* What the source says of it; not set until a header came. */
	struct pd_pds_meta meta;
	struct pd_buf header; /* as text, for the stream that is written */
	bool has_header;
	bool new_header; /* the next event begins a stream */
	/* The growing segment; no name: there is none. */
	char segment[PD_SEGMENT_NAME_MAX];
	uint64_t opened_us;
	int fd;		   /* -1: not made yet */
	uint64_t size;	   /* of whole blocks in the file */
	uint64_t accepted; /* events for it, ... */
	uint64_t written;  /* ... of which so many are in it */
	uint64_t lost;	   /* to be said in it, ... */
	uint64_t told;	   /* ... of which the writer knows */
	uint32_t streams;  /* begun in it */
	struct pd_pds_index blocks;
	struct pd_pds_writer *writer;
	struct pd_buf out; /* blocks on their way to the file */
	uint64_t waits_us; /* since when events wait for their batch, or 0 */
	uint64_t retry_us; /* when to try the disk again */
	bool stuck;	   /* the disk did not take ${out} */
	/* Ticks, to know what passed while nobody listened. */
	uint64_t run_id;		   /* of the source's process */
	uint64_t before_id;		   /* before the last connection */
	uint64_t last[PD_RECORDER_SHARDS]; /* access of that shard, 0 none */
	bool fresh[PD_RECORDER_SHARDS];	   /* none came since a connection */
	uint64_t missed;		   /* accesses */
};

struct pd_recorder_source {
	char name[PD_SEGMENT_STREAM_MAX + 1];
	bool connected;
	uint64_t connects;
	uint64_t unclean; /* ends without an end marker */
};

struct pd_recorder {
	struct pd_recorder_limits limits;
	struct pd_recorder_io io;
	void (*note)(void *cookie, const char *text);
	void *note_cookie;
	char tool[64];
	char host[256];
	int dirfd, lockfd, statefd;
	struct pd_segments segments; /* finished ones */
	uint64_t bytes;		     /* of those */
	struct pd_segment_index index;
	bool noted_full, noted_index;
	/* The account, see recorder_state.c. */
	uint64_t started_us;
	uint64_t received;
	uint64_t lost[PD_LOST_CAUSES];
	uint64_t gone_segments[PD_GONE_CAUSES];
	uint64_t gone_events[PD_GONE_CAUSES];
	uint64_t gone_bytes[PD_GONE_CAUSES];
	char deleting[PD_SEGMENT_NAME_MAX];
	uint64_t batches, finished;
	uint64_t state_seq;
	size_t state_slot; /* bytes of each half of the file */
	bool dirty;	   /* not in the file yet */
	struct pd_recorder_source source[PD_RECORDER_SOURCES];
	size_t nsources;
	struct pd_lane *lane[PD_RECORDER_LANES];
	size_t nlanes;
	struct pd_buf text; /* scratch */
};

uint64_t pd_recorder_now(const struct pd_recorder *r);
void pd_recorder_note(struct pd_recorder *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* The stream with this name, made where it is not there. NULL: out of memory,
 * or too many. */
struct pd_lane *pd_lane_get(struct pd_recorder *r, const char *source,
    const char *scheme, uint32_t shard, struct pd_err *err);
void pd_lane_free(struct pd_lane *l);
/* Have a writer for the next event. 0 or -1. */
int pd_lane_begin(struct pd_recorder *r, struct pd_lane *l, struct pd_err *err);
/* Put what waits into the file. False: it still waits, or was given up. */
bool pd_lane_commit(struct pd_recorder *r, struct pd_lane *l);
/* End the stream and give the file its name. False: the disk is full. */
bool pd_lane_finish(struct pd_recorder *r, struct pd_lane *l);
/* Give up what waits: counted as lost. */
void pd_lane_drop(struct pd_recorder *r, struct pd_lane *l);
/* Forget the growing segment; the file is somebody else's matter. */
void pd_lane_reset(struct pd_lane *l);

/* Delete finished segment ${i}. */
void pd_recorder_delete(
    struct pd_recorder *r, size_t i, enum pd_recorder_gone why);
/* Delete what is too old or too much. */
void pd_recorder_retain(struct pd_recorder *r);
/* The disk is full: make room for what waits in ${l}. False: there is none. */
bool pd_recorder_room(struct pd_recorder *r, struct pd_lane *l);
/* Note a segment that has its final name, its blocks are taken over. */
void pd_recorder_finished(struct pd_recorder *r, const struct pd_segment *s,
    struct pd_pds_index *blocks);
/* Adopt and index what is in the directory. 0 or -1. */
int pd_recorder_adopt(struct pd_recorder *r, struct pd_err *err);

/* Load the account into a recorder that has nothing in it. 0, or -1: there is
 * one and it cannot be read. */
int pd_recorder_load(struct pd_recorder *r, struct pd_err *err);
/* Write it, when it changed. */
void pd_recorder_save(struct pd_recorder *r);

#endif /* PD_DATA_RECORDER_PRIV_H */
