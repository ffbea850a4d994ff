#ifndef PD_CACHE_TAP_H
#define PD_CACHE_TAP_H

/*
 * The tap of a store: which accesses are sampled, and a bounded ring that
 * holds them until somebody drains it. One producer (who has the store) and one
 * consumer, in two threads or one. A full ring drops the new event and counts
 * it: readers can never slow the server. Raw keys do not pass: an event carries
 * the keyed hash of its key.
 *
 * Any of the schemes may be on at once, each at its own rate. An access that
 * two of them sample is two events in the ring. What decides on the path of
 * every access is a struct pd_gate beside the store's other hot fields.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/event.h"
#include "data/sample.h"

struct pd_err;
struct pd_keys;

#define PD_TAP_RING_LEAST 256
#define PD_TAP_RING_MIN 4096	/* of all rings of a server */
#define PD_TAP_RING_MAX 1048576 /* the same */

/* Does the tap look at an access? Where it samples nothing it does not, but
 * for one hash of 2^64. */
struct pd_gate {
	uint64_t mul;	  /* odd; where hash * mul <= limit ... */
	uint64_t limit;	  /* ... by key, or the highest within a window */
	uint64_t skip;	  /* and after so many, by event */
	uint64_t from_us; /* what limit says holds from then ... */
	uint64_t for_us;  /* ... for so long */
};

#define PD_GATE_SHUT                                                           \
	{                                                                      \
		.mul = 1, .limit = 0, .skip = UINT64_MAX, .for_us = UINT64_MAX \
	}

/* Six instructions where it does not: two by event, four by key and window. */
static inline bool
pd_gate_opens(struct pd_gate *g, uint64_t hash)
{
	return --g->skip == 0 || hash * g->mul <= g->limit;
}

/* Is it time for pd_tap_turn()? */
static inline bool
pd_gate_due(const struct pd_gate *g, uint64_t now_us)
{
	return now_us - g->from_us >= g->for_us;
}

/* Of one scheme. Only the producer writes them. */
struct pd_tapcount {
	_Atomic uint64_t sampled; /* but for those that the cap leaves out */
	_Atomic uint64_t dropped; /* of them, on a full ring */
};

struct pd_tap {
	/* The producer's. */
	_Alignas(64) struct pd_gate *gate;
	struct pd_event *ring;
	uint8_t *scheme;       /* of each event in the ring */
	uint32_t size;	       /* a power of two */
	uint32_t tail_known;   /* of tail, some time ago */
	_Atomic uint32_t head; /* next to write, counts up for ever */
	bool on; /* somebody listens; nothing is sampled otherwise */
	struct pd_tapcount count[PD_SCHEMES];
	struct pd_rates rates;
	struct pd_sampler sampler[PD_SCHEMES];
	const struct pd_keys *keys;
	uint64_t seed; /* of the geometric skips */
	struct pd_keycap cap;
	/* The consumer's. */
	_Alignas(64) _Atomic uint32_t tail; /* next to read */
	uint64_t told[PD_SCHEMES];	    /* of count[].dropped */
};

/*
 * pd_tap_new(keys, events, rates, shard, err):
 * A tap with room for at most ${events}, a power of two and PD_TAP_RING_LEAST
 * at least. ${keys} is borrowed; taps of other shards skip other events.
 * Nobody listens yet, and it belongs to no store. NULL with a message.
 */
struct pd_tap *pd_tap_new(const struct pd_keys *keys, uint64_t events,
    const struct pd_rates *rates, uint32_t shard, struct pd_err *err);
void pd_tap_free(struct pd_tap *t);
size_t pd_tap_memory(const struct pd_tap *t);

/*
 * The functions below are the producer's, with the store.
 */

/* Decide through this gate from now on, which is the store's. */
void pd_tap_attach(struct pd_tap *t, struct pd_gate *g);
/* Somebody listens, or nobody does. */
void pd_tap_listen(struct pd_tap *t, bool on);
/* Sample otherwise from now on. */
void pd_tap_set_rates(struct pd_tap *t, const struct pd_rates *rates);
/* A window may begin or end. */
void pd_tap_turn(struct pd_tap *t, uint64_t now_us);
/* By which schemes is an access sampled that the gate opens for? Bits, 1 <<
 * scheme. */
unsigned pd_tap_which(struct pd_tap *t, uint64_t hash);

enum pd_tap_pushed {
	PD_TAP_LEFT_OUT, /* by the cap per key: others stand for it */
	PD_TAP_DROPPED,	 /* sampled, but the ring is full */
	PD_TAP_PUSHED,
};

/* Put an event that ${scheme} samples into the ring. Sets its weight. */
enum pd_tap_pushed pd_tap_push(
    struct pd_tap *t, enum pd_scheme scheme, struct pd_event *e);

/*
 * For the consumer: up to where events can be read, ...
 */
uint32_t pd_tap_head(const struct pd_tap *t);
/* ... how many wait, ... */
uint32_t pd_tap_waiting(const struct pd_tap *t);
/* ... and the oldest before ${head} and what sampled it, or NULL; it stays
 * valid until pd_tap_pop(). */
const struct pd_event *pd_tap_peek(
    const struct pd_tap *t, uint32_t head, enum pd_scheme *scheme);
void pd_tap_pop(struct pd_tap *t);
/* Take what was dropped of ${scheme} since it was last taken. */
uint64_t pd_tap_take_lost(struct pd_tap *t, enum pd_scheme scheme);

#endif /* PD_CACHE_TAP_H */
