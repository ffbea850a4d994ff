#ifndef PD_DATA_KEYSEEN_H
#define PD_DATA_KEYSEEN_H

/*
 * When a key was last asked, and how often it was: gaps, and how many keys are
 * asked for once, of a stream with all accesses of its keys. 24 bytes a key, in
 * a table of up to 2^n places. When that is half full, half of the keys are
 * left out from then on, by hash, those that are known too, and each one that
 * stays stands for twice as many (SHARDS's fixed size).
 *
 * A key sampled at rate p stands for 1 / p keys (Horvitz and Thompson 1952).
 * Where the rate changed on the way, p is the highest one under which the key
 * was seen: who is chosen at a low rate is at every higher one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_keyseen;

/* For at most about ${keys} keys. NULL out of memory. */
struct pd_keyseen *pd_keyseen_new(size_t keys);
void pd_keyseen_free(struct pd_keyseen *k);

/* What is noted from now on was sampled by key at ${rate}. Gaps begin anew, for
 * a key may have been asked unseen in between. Before the first call: 1. */
void pd_keyseen_sampled(struct pd_keyseen *k, double rate);

/*
 * pd_keyseen_note(k, key, tick, weight, gap):
 * An access to a key, one of ${weight} that it stands for. Returns how many
 * keys this one stands for, 0 when it is left out; ${*gap} is the distance in
 * ticks to its access before, or 0 when there was none (or the ticks went
 * back). Out of memory keys are left out, as when the table is full.
 */
unsigned pd_keyseen_note(struct pd_keyseen *k, uint64_t key, uint64_t tick,
    uint32_t weight, uint64_t *gap);

/* Keys in the table, of these the ones asked for once, and what share of all
 * keys that were noted is in it. */
size_t pd_keyseen_keys(const struct pd_keyseen *k);
size_t pd_keyseen_once(const struct pd_keyseen *k);
double pd_keyseen_share(const struct pd_keyseen *k);
/* Estimate of the keys that were asked for, sampled or not, and its standard
 * error. */
double pd_keyseen_total(const struct pd_keyseen *k, double *se);

#endif /* PD_DATA_KEYSEEN_H */
