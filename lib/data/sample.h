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

struct pd_buf;
struct pd_err;

#define PD_SAMPLE_WINDOW_US 250000

enum pd_scheme {
	PD_SAMPLE_NONE, /* everything */
	PD_SAMPLE_KEY,
	PD_SAMPLE_EVENT,
	PD_SAMPLE_WINDOW,
};

#define PD_SCHEMES 4

/* The share that each scheme samples, of several at once: 0 is off. None of
 * them is PD_SAMPLE_NONE. */
struct pd_rates {
	double of[PD_SCHEMES];
};

/* What is sampled where only a scheme was named. */
#define PD_RATE_DEFAULT 0.001

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

/* Which schemes are on, as bits 1 << scheme. */
unsigned pd_rates_on(const struct pd_rates *r);
/*
 * pd_rates_parse_by(text, by, err):
 * "key", "key,event" ... to bits. 0, or -1 with a message.
 */
int pd_rates_parse_by(const char *text, unsigned *by, struct pd_err *err);
/*
 * pd_rates_parse(text, by, r, err):
 * "0.1%", for each scheme of ${by}; or "key=0.1%,event=1/1000", for those that
 * it names. Others stay. 0, or -1 with a message and ${r} as it was.
 */
int pd_rates_parse(
    const char *text, unsigned by, struct pd_rates *r, struct pd_err *err);
/* Exactly the schemes of ${by} are on from now on: new ones at the rate of
 * the others, or the default. */
void pd_rates_set_by(struct pd_rates *r, unsigned by);
/* Append "0.001", or "key=0.001,event=0.01" where they differ; "0" when all
 * are off. And the names of those that are on: "key,event". */
void pd_rates_format(const struct pd_rates *r, struct pd_buf *out);
void pd_rates_format_by(const struct pd_rates *r, struct pd_buf *out);

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
 * budget: of a key, the first PD_KEYCAP_FREE events of a period are recorded,
 * then every 2nd, then every 4th, the stride doubling after each
 * PD_KEYCAP_FREE recorded ones. A period is the ticks in which
 * PD_KEYCAP_PERIOD events should be sampled: a second of a server with a
 * million accesses a second at 0.1%. In ticks, so that on any server a key is
 * capped that makes up more than an eighth of what should be sampled, and no
 * other: caps cost accuracy at short distances.
 *
 * What is recorded is the last event of its stride, with the number of events
 * since the one recorded before as its weight: sums of weights are exact but
 * for the events that came after the last recorded one, and gaps keep their
 * sum: the gap to the one before, over the weight, is the mean of those that
 * it stands for. Accesses and other events (fills, deletions) are counted
 * apart, so that a key that is missed and filled again and again is recorded
 * with both.
 *
 * A table of PD_KEYCAP_WAYS by PD_KEYCAP_SETS; where hot keys displace one
 * another, more is recorded, and what a displaced one stood for is counted.
 */
#define PD_KEYCAP_FREE 128
#define PD_KEYCAP_PERIOD 1024
#define PD_KEYCAP_WAYS 4
#define PD_KEYCAP_SETS 64

struct pd_event;

struct pd_keycap_slot {
	uint64_t key;
	uint64_t from; /* tick at which the period began */
	uint32_t seen; /* in this period; 0: the slot is free */
	uint32_t skipped;
};

struct pd_keycap {
	uint64_t ticks;	    /* of a period */
	uint64_t forgotten; /* skipped events that nothing will stand for */
	struct pd_keycap_slot slot[PD_KEYCAP_SETS][PD_KEYCAP_WAYS];
};

/* For sampling by key at ${rate}, (0, 1]. */
void pd_keycap_init(struct pd_keycap *c, double rate);
/* Sampled at another rate from now on: begin anew. */
void pd_keycap_set_rate(struct pd_keycap *c, double rate);
/* The weight to record the event with, or 0: leave it out. Events come in the
 * order of their time. */
uint32_t pd_keycap_take(struct pd_keycap *c, const struct pd_event *e);
/* Events skipped that no recorded one stands for yet. */
uint64_t pd_keycap_owed(const struct pd_keycap *c);

#endif /* PD_DATA_SAMPLE_H */
