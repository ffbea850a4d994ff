#ifndef PD_CACHE_TAP_H
#define PD_CACHE_TAP_H

/*
 * The tap of a store: which accesses are sampled, and a bounded ring that
 * holds them until somebody drains it. One producer (who has the store) and one
 * consumer, in two threads or one. A full ring drops the new event and counts
 * it: readers can never slow the server. Raw keys do not pass: an event carries
 * the keyed hash of its key.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/event.h"
#include "data/sample.h"

struct pd_err;
struct pd_keys;

#define PD_TAP_RING_MIN 4096
#define PD_TAP_RING_MAX 1048576

struct pd_tap {
	atomic_bool on; /* somebody listens; nothing is sampled otherwise */
	struct pd_sampler sampler;
	const struct pd_keys *keys;
	uint64_t seed;		    /* of the geometric skips */
	atomic_uint_least64_t lost; /* dropped on a full ring, not told yet */
	struct pd_event *ring;
	uint32_t size;	       /* a power of two */
	_Atomic uint32_t head; /* next to write, counts up for ever */
	struct pd_keycap cap;
	_Atomic uint32_t tail; /* next to read */
};

/*
 * pd_tap_new(keys, events, scheme, rate, shard, err):
 * A tap with room for ${events} (rounded up to a power of two within the
 * limits above). ${keys} is borrowed; taps of other shards skip other events.
 * NULL with a message.
 */
struct pd_tap *pd_tap_new(const struct pd_keys *keys, uint64_t events,
    enum pd_scheme scheme, double rate, uint32_t shard, struct pd_err *err);
void pd_tap_free(struct pd_tap *t);

/* Sample otherwise from now on. */
void pd_tap_set_rate(struct pd_tap *t, enum pd_scheme scheme, double rate);
size_t pd_tap_memory(const struct pd_tap *t);

/* Is an access to a key of table hash ${hash} sampled? */
static inline bool
pd_tap_wants(struct pd_tap *t, uint64_t hash, uint64_t time_us)
{
	if (!atomic_load_explicit(&t->on, memory_order_relaxed))
		return false;
	switch (t->sampler.scheme) {
	case PD_SAMPLE_KEY:
		return pd_sample_key(&t->sampler, hash);
	case PD_SAMPLE_EVENT:
		return pd_sample_event(&t->sampler);
	case PD_SAMPLE_WINDOW:
		return pd_sample_window(&t->sampler, time_us);
	case PD_SAMPLE_NONE:
		break;
	}
	return true;
}

/* Put an event that is wanted into the ring; false: dropped and counted, or
 * left out by the cap per key. Sets its weight. */
bool pd_tap_push(struct pd_tap *t, struct pd_event *e);
/* For the consumer: up to where events can be read, ... */
uint32_t pd_tap_head(const struct pd_tap *t);
/* ... how many wait, ... */
uint32_t pd_tap_waiting(const struct pd_tap *t);
/* ... and the oldest before ${head}, or NULL; it stays valid until
 * pd_tap_pop(). */
const struct pd_event *pd_tap_peek(const struct pd_tap *t, uint32_t head);
void pd_tap_pop(struct pd_tap *t);
/* Take what was lost since it was last taken. */
uint64_t pd_tap_take_lost(struct pd_tap *t);

#endif /* PD_CACHE_TAP_H */
