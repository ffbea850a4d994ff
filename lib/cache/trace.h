#ifndef PD_CACHE_TRACE_H
#define PD_CACHE_TRACE_H

/*
 * A whole trace in memory, keys numbered densely in order of appearance, so
 * that a simulation needs arrays only. A fill (the SET that completes a GET's
 * miss) is no request of its own but tells the size of the one that missed; a
 * deletion is kept as an entry that counts nowhere. About 8 bytes a request and
 * 40 a key.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cache/keyindex.h"

struct pd_err;
struct pd_event;
struct pd_evreader;

struct pd_trace {
	uint32_t *id;	/* by entry: the key's number */
	uint32_t *size; /* by entry: bytes, at least 1 */
	uint64_t *tick; /* by entry, or NULL: the entry's number */
	uint8_t *op;	/* by entry, or NULL: all PD_OP_GET */
	size_t n;
	size_t cap;
	uint64_t *key;	      /* by id: identity */
	uint32_t *first_size; /* by id: size when first known, 0 unknown */
	uint32_t *last;	      /* by id: its last entry */
	/* By id: microseconds to fetch it, a moving mean of what the trace
	 * tells (PD_EV_COST), 0 unknown; NULL: it tells none. */
	uint32_t *cost;
	uint32_t unique;
	uint32_t unique_cap;
	uint64_t requests;     /* entries that are no deletion */
	uint64_t unique_bytes; /* sum of first_size, unknown counts 1 */
	uint64_t total_bytes;  /* sum of size over requests */
	uint64_t t_first_us;
	uint64_t t_last_us;
	double rate; /* share of keys in it: below 1 when sampled by key */
	struct pd_buf text; /* keys' bytes, with keep_text */
	size_t *text_at;    /* by id: offset in text; [unique] is its end */
	struct pd_keyindex index;
	bool keep_text;
	/* Of the part that is being appended (pd_trace_part()). */
	unsigned part;
	bool part_began;
	bool part_same;	    /* its keys are those from before */
	uint64_t part_tick; /* added to its ticks */
	uint64_t part_us;   /* added to its times */
};

/* What a caller of pd_trace_load() may want to show. */
typedef void pd_trace_progress(
    void *cookie, uint64_t done_bytes, uint64_t total_bytes);

/* An empty trace; with ${keep_text} it remembers the keys' bytes. NULL with
 * a message. */
struct pd_trace *pd_trace_new(bool keep_text, struct pd_err *err);
void pd_trace_free(struct pd_trace *t);

/*
 * pd_trace_add(t, e, text, len, err):
 * Append one event; ${text} (NULL: none) is the key's bytes. 0, or -1 with a
 * message: out of memory, or more than 2^32 - 2 entries or keys.
 */
int pd_trace_add(struct pd_trace *t, const struct pd_event *e, const char *text,
    size_t len, struct pd_err *err);

/*
 * pd_trace_part(t):
 * What is appended from now on comes from elsewhere, and after all that is
 * there: its keys are none of those before, whatever their identity, and its
 * ticks and times go on where the last ones ended. Its sampling rate must be
 * the same.
 */
void pd_trace_part(struct pd_trace *t);

/*
 * pd_trace_continue(t):
 * What is appended from now on is a later file of the same: its keys are those
 * from before. Its ticks and times stay where they are later than the last
 * ones, and go on where those ended else (a csv counts its own lines).
 */
void pd_trace_continue(struct pd_trace *t);

/*
 * pd_trace_load(t, r, fn, cookie, err):
 * Append all that ${r} gives, calling ${fn} (may be NULL) now and then. A
 * stream that was sampled by event or by window is refused: it holds some
 * accesses of a key and not others, so no cache can be simulated over it. 0,
 * or -1 with a message.
 */
int pd_trace_load(struct pd_trace *t, struct pd_evreader *r,
    pd_trace_progress *fn, void *cookie, struct pd_err *err);

/* The bytes of the key of ${id} and their number; NULL without keep_text. */
const char *pd_trace_text(const struct pd_trace *t, uint32_t id, size_t *len);

/*
 * pd_trace_capacity(t, share, by_bytes):
 * ${share} of the unique objects (or bytes), rounded to the nearest, at least
 * 1: the capacity column of the reference figures.
 */
uint64_t pd_trace_capacity(
    const struct pd_trace *t, double share, bool by_bytes);

/*
 * pd_trace_sample(t, from, share, cut, cuts, err):
 * A trace of the accesses to ${share} of the keys: those whose hash, as a
 * number in 0..1, lies in ${from} .. ${from} + ${share}. Ticks stay what they
 * were. Each of the ${cuts} entry numbers of ${t} at ${cut} becomes the number
 * of the first entry at or behind it. Keys' bytes are left out. NULL with a
 * message.
 */
struct pd_trace *pd_trace_sample(const struct pd_trace *t, double from,
    double share, size_t **cut, size_t cuts, struct pd_err *err);

/* Accesses a minute on average by the trace's clock, at least 1; a hundredth
 * of the requests where times are but the requests' numbers. */
uint64_t pd_trace_minute(const struct pd_trace *t);

/* The entry at which the last ${1 - share} of the requests begin. */
size_t pd_trace_position(const struct pd_trace *t, double share);

#endif /* PD_CACHE_TRACE_H */
