#ifndef PD_DATA_RECORDER_H
#define PD_DATA_RECORDER_H

/*
 * Events on their way into a recorded directory (data/segment.h): batches that
 * become durable blocks, segments by time, retention, and an account by cause
 * of every event that did not stay. One thread; nothing here waits.
 *
 * Invariant, at any moment and after any kill, seen by the next recorder:
 *
 *	received = in segments + waiting for their batch + deleted
 *		 + lost on disk + lost by kills
 *
 * It holds because state.json, which has the counters, is written before the
 * blocks they count: what a dead recorder had received and what its torn
 *segment has tell what is missing. (After a loss of power, when state.json is
 *older than the segments or the other way round, it is a lower bound.)
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pd_err;
struct pd_event;
struct pd_pds_meta;
struct pd_recorder;

#define PD_RECORDER_STATE "state.json"
#define PD_RECORDER_LOCK ".lock"
/* Streams that grow at once. */
#define PD_RECORDER_LANES 64
#define PD_RECORDER_SOURCES 32

enum pd_recorder_full {
	PD_FULL_OLDEST, /* delete the oldest segments */
	PD_FULL_STOP,	/* leave events out until there is room */
};

enum pd_recorder_sync {
	PD_SYNC_NEVER,
	PD_SYNC_SEGMENT, /* when it is finished */
	PD_SYNC_BATCH,
};

/* Why events are not there. */
enum pd_recorder_cause {
	PD_LOST_SOURCE,	 /* dropped by the source, as it says itself */
	PD_LOST_GAP,	 /* passed while nobody listened (exact ones only) */
	PD_LOST_DAMAGED, /* came in a damaged frame */
	PD_LOST_DISK,	 /* no room, or the disk failed */
	PD_LOST_KILLED,	 /* waited in a recorder that was killed */
	PD_LOST_CAUSES,
};

/* What may be changed while it records. */
struct pd_recorder_limits {
	uint64_t segment_us; /* > 0 */
	uint64_t batch_us;
	uint64_t batch_events; /* > 0 */
	uint64_t max_bytes;    /* 0: no limit */
	uint64_t max_age_us;   /* 0: no limit */
	enum pd_recorder_full on_full;
	enum pd_recorder_sync sync;
};

/* The outermost calls, so that tests can play a disk. NULL: the real ones. */
struct pd_recorder_io {
	void *cookie;
	ssize_t (*pwrite)(
	    void *cookie, int fd, const void *p, size_t n, off_t at);
	int (*fsync)(void *cookie, int fd);
	int (*unlinkat)(void *cookie, int dirfd, const char *name);
	uint64_t (*wall_us)(void *cookie);
};

struct pd_recorder_opts {
	const char *dir;  /* made when it does not exist */
	const char *tool; /* "predis-sample 0.1.0", for headers */
	const char *host; /* for headers; NULL: none */
	struct pd_recorder_limits limits;
	struct pd_recorder_io io;
	/* Something worth a line in a log; NULL: nobody asks. */
	void (*note)(void *cookie, const char *text);
	void *note_cookie;
};

/* The limits that programs take by default. */
void pd_recorder_limits_init(struct pd_recorder_limits *l);

/* Take the lock of a directory: the descriptor that holds it, or -1 with a
 * message; ${*busy}: somebody else has it. */
int pd_recorder_lock(int dirfd, bool *busy, struct pd_err *err);

/* Does somebody hold it? */
bool pd_recorder_held(int dirfd);

/*
 * pd_recorder_open(o, busy, err):
 * Take the directory's lock, adopt what a killed recorder left, index what is
 * not indexed. NULL with a message; ${*busy} says that another recorder has the
 * directory. Strings in ${o} are copied.
 */
struct pd_recorder *pd_recorder_open(
    const struct pd_recorder_opts *o, bool *busy, struct pd_err *err);
void pd_recorder_limits(
    struct pd_recorder *r, const struct pd_recorder_limits *l);
/* Finish all segments, free. 0, or -1 with a message: something could not be
 * written and is counted as lost; it is freed all the same. */
int pd_recorder_close(struct pd_recorder *r, struct pd_err *err);
/* Free without writing anything, as a kill does. NULL is fine. */
void pd_recorder_abandon(struct pd_recorder *r);

/* A source of this name (pd_segment_stream_ok()); its number, or -1: too many,
 * or out of memory. What state.json knows of it is remembered. */
int pd_recorder_source(
    struct pd_recorder *r, const char *name, struct pd_err *err);
/* A connection begins, or ended; ${marked}: by an end marker. */
void pd_recorder_connected(struct pd_recorder *r, int source);
void pd_recorder_gone(struct pd_recorder *r, int source, bool marked);

/*
 * pd_recorder_header(r, source, m, err):
 * The stream of events with this header: its number, for the calls below; -1
 * with a message. One header again and again is one stream; a new one of the
 * same scheme and shard ends the stream before it within the segment.
 */
int pd_recorder_header(struct pd_recorder *r, int source,
    const struct pd_pds_meta *m, struct pd_err *err);
/* ${n} events of that stream; ${shard} NULL: all have the header's. 0, or -1
 * out of memory. What the disk does not take is counted, not reported here. */
int pd_recorder_events(struct pd_recorder *r, int stream,
    const struct pd_event *e, const uint32_t *shard, size_t n,
    struct pd_err *err);
/* ${n} events of it were lost before the next one. */
void pd_recorder_lost(struct pd_recorder *r, int stream, uint64_t n,
    enum pd_recorder_cause cause);

/* Write what is due, finish segments whose time is over, delete what is too
 * old or too much. To be called when pd_recorder_due() says, or more often. */
void pd_recorder_turn(struct pd_recorder *r);
/* Write every batch now. */
void pd_recorder_flush(struct pd_recorder *r);
/* Finish every segment now; the next event begins another. */
void pd_recorder_rotate(struct pd_recorder *r);
/* Microseconds until a turn has something to do, at most a second. */
uint64_t pd_recorder_due(const struct pd_recorder *r);
/* Whether nothing waits for its batch. */
bool pd_recorder_clean(const struct pd_recorder *r);
/* Events that came, now and in earlier lives of the directory. */
uint64_t pd_recorder_received(const struct pd_recorder *r);

#endif /* PD_DATA_RECORDER_H */
