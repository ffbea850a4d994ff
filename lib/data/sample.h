#ifndef PD_DATA_SAMPLE_H
#define PD_DATA_SAMPLE_H

/*
 * The sampling rule. By key (SHARDS: Waldspurger, Park, Garthwaite, Ahmad,
 * "Efficient MRC construction with SHARDS", FAST 2015): all accesses of the
 * keys whose table hash, times an odd number made of the salt, is under a
 * threshold. By event: geometric skips. By window: all events of a share of
 * short windows of time, chosen by the salt. Server and importer agree on the
 * keys because the hash is pd_hash64(key, keys->table_seed) in both.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/rng.h"

#define PD_SAMPLE_WINDOW_US 250000

enum pd_scheme {
	PD_SAMPLE_NONE, /* everything */
	PD_SAMPLE_KEY,
	PD_SAMPLE_EVENT,
	PD_SAMPLE_WINDOW,
};

struct pd_sampler {
	uint64_t mul;	/* odd, from the salt */
	uint64_t limit; /* sampled: hash * mul <= limit */
	uint64_t skip;	/* events up to the next sample, that one too */
	uint64_t window_from;
	uint64_t window_to; /* [from, to) has the decision window_on */
	bool window_on;
	enum pd_scheme scheme;
	double rate;
	double inv_log; /* 1 / log(1 - rate) */
	uint64_t window_us;
	struct pd_rng rng;
};

/* Names as in --by and in headers: "none", "key", "event", "window". */
const char *pd_scheme_name(enum pd_scheme s);
/* The scheme of a name, or -1. */
int pd_scheme_parse(const char *name);

/*
 * pd_sampler_init(s, scheme, rate, salt, seed):
 * ${rate} is clamped to (0, 1]; ${salt} is keys->select_salt; ${seed} starts
 * the geometric skips.
 */
void pd_sampler_init(struct pd_sampler *s, enum pd_scheme scheme, double rate,
    uint64_t salt, uint64_t seed);

/* Draw the next skip, at least 1: 1 with probability rate (slow path). */
uint64_t pd_sampler_draw(struct pd_sampler *s);
/* Decide anew for the window that holds ${time_us} (slow path). */
bool pd_sampler_window(struct pd_sampler *s, uint64_t time_us);

/* Four instructions on the path not taken: copy, multiply, compare, jump. */
static inline bool
pd_sample_key(const struct pd_sampler *s, uint64_t hash)
{
	return hash * s->mul <= s->limit;
}

/* Two instructions on the path not taken: decrement in memory, jump. */
static inline bool
pd_sample_event(struct pd_sampler *s)
{
	if (--s->skip != 0)
		return false;
	s->skip = pd_sampler_draw(s);
	return true;
}

static inline bool
pd_sample_window(struct pd_sampler *s, uint64_t time_us)
{
	if (time_us - s->window_from < s->window_to - s->window_from)
		return s->window_on;
	return pd_sampler_window(s, time_us);
}

/* By the sampler's own scheme; for readers and importers. */
bool pd_sample(struct pd_sampler *s, uint64_t hash, uint64_t time_us);

/*
 * The cap per key, applied to sampled events so that a hot key cannot blow the
 * budget: within each second, the first PD_KEYCAP_FREE events of a key are
 * kept, then every 2nd with weight 2, then every 4th with weight 4, doubling
 * the stride after each PD_KEYCAP_FREE kept ones. A direct-mapped table: two
 * hot keys in one place take turns, which keeps more than the cap allows,
 * never less.
 */
#define PD_KEYCAP_FREE 128
#define PD_KEYCAP_SLOTS 256

struct pd_keycap {
	struct {
		uint64_t key;
		uint32_t second;
		uint32_t seen; /* in this second */
	} slot[PD_KEYCAP_SLOTS];
};

void pd_keycap_init(struct pd_keycap *c);
/* The weight to record the event with, or 0: leave it out. */
uint32_t pd_keycap_take(struct pd_keycap *c, uint64_t key, uint64_t time_us);

#endif /* PD_DATA_SAMPLE_H */
