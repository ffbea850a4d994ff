#ifndef PD_DATA_HOTKEYS_H
#define PD_DATA_HOTKEYS_H

/*
 * The keys that are asked for most, whether they are sampled by hash or not:
 * 64 counters that are told of accesses drawn at random. A key without a
 * counter takes over the smallest one, of count m, with probability
 * w / (m + w) for an access of weight w, and counts m + w then (Ben Basat,
 * Chen, Einziger, Friedman, Kassner, "Randomized admission policy for
 * efficient top-k and frequency estimation", INFOCOM 2017): the long tail of
 * keys that are asked for once hardly moves the counters, and expected counts
 * are true. What was taken over is the counter's error. Counts and errors
 * decay: half is forgotten in PD_HOTKEYS_HALF seconds.
 *
 * Who has more traffic than needs to be told tells of draws by
 * pd_hotkeys_skip(): geometric skips, whose mean adapts to about
 * PD_HOTKEYS_PACE draws a second. Not thread-safe: one a thread, merged for
 * who asks (pd_hotkeys_merge()). About 13 KiB.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rng.h"

#define PD_HOTKEYS 64	     /* counters */
#define PD_HOTKEYS_CELLS 128 /* of the index over them */
#define PD_HOTKEYS_KEY 128   /* bytes of a key that are kept */
#define PD_HOTKEYS_HALF 30   /* seconds */
#define PD_HOTKEYS_PACE 1024 /* draws a second, about */

struct pd_keys;

/* Whose counter it is. */
struct pd_hotkey {
	uint64_t identity; /* in streams; the hash where keys are unknown */
	uint32_t len;	   /* of the whole key; 0: its bytes are unknown */
	uint8_t db;
	uint8_t key[PD_HOTKEYS_KEY]; /* its first bytes */
};

struct pd_hotkeys {
	/* By counter: the hash that was noted, decayed accesses, how many of
	 * these may have been others', and the variance by drawing. */
	uint64_t hash[PD_HOTKEYS];
	double count[PD_HOTKEYS];
	double error[PD_HOTKEYS];
	double variance[PD_HOTKEYS];
	struct pd_hotkey key[PD_HOTKEYS];
	uint8_t cell[PD_HOTKEYS_CELLS]; /* counter + 1, open addressing */
	uint32_t least; /* the smallest counter, or PD_HOTKEYS: to be found */
	uint32_t n;	/* counters in use */
	const struct pd_keys *keys; /* borrowed, or NULL */
	double total;		    /* decayed accesses of all keys */
	double span;		    /* decayed seconds */
	uint64_t time_us;	    /* of the last decay, 0 before any */
	struct pd_rng rng;
	uint64_t second_us; /* when this second of draws began */
	uint32_t drawn;	    /* in it */
	uint32_t shift;	    /* draws are one in 2^shift accesses ... */
	uint32_t at_shift;  /* ... and this one was */
};

/* What is known of a key, for people: of lately. */
struct pd_hotkey_rate {
	struct pd_hotkey key;
	double per_second; /* accesses */
	double error;	   /* it lies within so much of that; drawing counts
			      with two standard errors */
	double share;	   /* of all accesses */
};

/* Nothing was noted. ${keys} (borrowed, may be NULL) give identities. */
void pd_hotkeys_init(
    struct pd_hotkeys *h, const struct pd_keys *keys, uint64_t seed);

/*
 * pd_hotkeys_note(h, hash, key, n, db, time_us, weight):
 * One access, standing for ${weight}, to the key of ${hash}; ${key} (NULL:
 * unknown) is its bytes. Time that goes back is taken to stand.
 */
void pd_hotkeys_note(struct pd_hotkeys *h, uint64_t hash, const void *key,
    size_t n, unsigned db, uint64_t time_us, double weight);

/*
 * pd_hotkeys_skip(h, time_us):
 * Accesses up to the next one to be told by pd_hotkeys_draw(), that one too,
 * >= 1. It may be asked anew at any time, and should be once a second.
 */
uint64_t pd_hotkeys_skip(struct pd_hotkeys *h, uint64_t time_us);
/* Note the access that a skip led to, with the weight that it has so. */
void pd_hotkeys_draw(struct pd_hotkeys *h, uint64_t hash, const void *key,
    size_t n, unsigned db, uint64_t time_us);

/* Add what ${from} knows; it is left as of ${time_us}. Of more than 64 keys
 * the smallest are left out. */
void pd_hotkeys_merge(
    struct pd_hotkeys *to, struct pd_hotkeys *from, uint64_t time_us);

/*
 * pd_hotkeys_top(h, time_us, out, most):
 * The hottest keys as of ${time_us}, the hottest first: those whose rate is
 * more than twice its error. Returns how many, up to ${most}.
 */
size_t pd_hotkeys_top(struct pd_hotkeys *h, uint64_t time_us,
    struct pd_hotkey_rate *out, size_t most);

/* Accesses a second of all keys, lately. */
double pd_hotkeys_total(struct pd_hotkeys *h, uint64_t time_us);

#endif /* PD_DATA_HOTKEYS_H */
