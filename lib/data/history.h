#ifndef PD_DATA_HISTORY_H
#define PD_DATA_HISTORY_H

/*
 * Per-key access history of a sampled stream, and the rows of 64 features
 * made of it (data/feature.h, predis-features(7)). Constant memory: all of it
 * is allocated by pd_history_new(), at most PD_HISTORY_KEY_BYTES a key; when
 * the table is full, a key that was not asked for lately is dropped (CLOCK)
 * and counted. O(1) per event: counters decay when they are looked at.
 *
 * A row describes a key at an access: its history before that access, and
 * what the event itself carries. So the gap1 of a key's next row is the age
 * of this one. Counts, gaps and shares never include the access of the row.
 *
 * Only additions, multiplications, divisions and conversions in IEEE 754
 * arithmetic: the same events give the same bits on every machine. Not
 * thread-safe.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/event.h"
#include "data/feature.h"

struct pd_err;
struct pd_history;

#define PD_HISTORY_KEYS (1u << 20)   /* default of opts.keys */
#define PD_HISTORY_SPACES (1u << 10) /* default of opts.namespaces */
#define PD_HISTORY_KEYS_MAX ((1u << 29) - 1)
#define PD_HISTORY_KEY_BYTES 92 /* entry and hash table, at most */
#define PD_HISTORY_NONE UINT32_MAX

struct pd_history_opts {
	uint32_t keys;	     /* tracked at once; 0: PD_HISTORY_KEYS */
	uint32_t namespaces; /* the same for namespaces */
	bool hits_unknown;   /* the events' PD_EV_HIT means nothing */
	uint64_t slots;	     /* bits of the slots wanted; 0: all */
};

struct pd_history_stats {
	uint64_t events;
	uint64_t accesses; /* of these, accesses: one row each */
	uint64_t keys;	   /* tracked now */
	uint64_t keys_dropped;
	uint64_t namespaces;	  /* tracked now */
	uint64_t namespaces_over; /* accesses in namespaces not tracked */
	uint64_t backwards;	  /* time or tick before the key's last one */
	size_t memory_bytes;	  /* allocated */
};

/* What one call of pd_history_add() did. */
struct pd_history_note {
	uint32_t slot;	   /* the key's place in the table, < opts.keys;
			    * PD_HISTORY_NONE: the key is not tracked */
	bool is_new;	   /* the place was given to this key just now ... */
	bool dropped;	   /* ... and taken from another one */
	bool access;	   /* it was an access: a row was written */
	uint64_t distance; /* ticks since the key's last access, as its gap
			    * counts them; 0 with is_new */
	uint64_t gap_ms;   /* the same in milliseconds */
};

/* NULL with a message. */
struct pd_history *pd_history_new(
    const struct pd_history_opts *opts, struct pd_err *err);
void pd_history_free(struct pd_history *h);

/*
 * pd_history_add(h, e, row, note):
 * Count the event ${e}. If it is an access (pd_event_is_access()), write the
 * key's features as they were before it to ${row}[0..63], unless ${row} is
 * NULL; a slot that opts.slots leaves out may hold anything. ${note} may be
 * NULL. Slots 0..19 are made of the events alone: see
 * predis-features(7); pd_feature_served() overwrites them where the cache's
 * state is known.
 */
void pd_history_add(struct pd_history *h, const struct pd_event *e, float *row,
    struct pd_history_note *note);

/*
 * For speed alone: events with these keys come soon. Fetches into the
 * processor's cache the hash chain of ${far}, some ten events ahead, and the
 * entry of ${near}, some five ahead, whose chain was fetched before.
 */
void pd_history_ahead(const struct pd_history *h, uint64_t near, uint64_t far);

void pd_history_stats(const struct pd_history *h, struct pd_history_stats *out);

#endif /* PD_DATA_HISTORY_H */
