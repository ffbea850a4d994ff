#ifndef PD_CACHE_RECORD_H
#define PD_CACHE_RECORD_H

/*
 * What the learned policy remembers of a key: a compact record for each
 * resident, by slot, and ghosts, which keep the history of evicted keys so
 * that one that returns does not start blank. Distances are ticks; a tick's
 * low 32 bits are kept, and differences are taken modulo 2^32: a key idle for
 * longer looks younger than it is, which costs one bad decision.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/keyindex.h"

struct pd_access;
struct pd_context_codes;
struct pd_look;
struct pd_rank;
struct pd_served;

/*
 * 16 bytes a resident. frequency 0 marks a slot without a resident. With the 8
 * of its place in LRU order that makes 24. What they buy, as the mean share of
 * the gap from LRU to Belady on 15 warm cells of 9 traces, two seeds (41.8
 * points; differences under 1.5 are ties): the insertion time 1.0, the
 * frequency 0.6, the hits since insertion and the fourth gap nothing: their
 * bytes would otherwise be padding. Ghosts for twice the residents instead of
 * as many: 2.5. The place in LRU order buys no hits for the model (42.2 without
 * a candidate from the LRU end): it is what evicts without a model and while
 * the guard pauses it, and the order in which residents are handed over.
 */
struct pd_record {
	uint32_t last;	   /* tick of the last access */
	uint32_t inserted; /* tick of the insertion */
	uint8_t gap[4];	   /* codes, newest first; PD_CODE_NONE unknown */
	uint8_t frequency; /* accesses known, at most 255 */
	uint8_t hits;	   /* since insertion, at most 63, and two flags */
	uint8_t size;	   /* code */
	uint8_t ttl;	   /* code of seconds left at the last access */
};

/*
 * What a ghost keeps of a record: 12 bytes, and about 6 for the index. The key
 * is its fingerprint (slist.h): with g ghosts a key that is none of them gets
 * the history of one with probability g / 2^32. The oldest gap of a record
 * falls off when the key returns, so it is not kept.
 */
struct pd_record_ghost {
	uint32_t print;
	uint32_t last;
	uint8_t gap[3];
	uint8_t frequency; /* 0: the entry is void */
};

#define PD_RECORD_GHOST_BYTES 18 /* about, with the index */

/* A ring of ghosts in the order of eviction, with an index by fingerprint. */
struct pd_ghost_ring {
	struct pd_record_ghost *entry;
	uint32_t size;	/* entries allocated */
	uint32_t first; /* the oldest */
	uint32_t used;	/* from the oldest to the newest, void ones too */
	struct pd_keyindex index;
};

/*
 * pd_record_insert(r, a, g):
 * Start the record of a key that becomes resident; ${g} is its ghost, or NULL
 * for one that is not known.
 */
void pd_record_insert(struct pd_record *r, const struct pd_access *a,
    const struct pd_record_ghost *g);

/* The resident was asked for. */
void pd_record_hit(struct pd_record *r, const struct pd_access *a);

/* Its size changed without an access. */
void pd_record_resize(struct pd_record *r, const struct pd_access *a);

/* The key as a model is told of it at ${tick}. */
void pd_record_served(const struct pd_record *r,
    const struct pd_context_codes *c, uint32_t tick, struct pd_served *out);

/* The key as people are told of it. */
void pd_record_look(
    const struct pd_record *r, uint32_t tick, struct pd_look *out);

/* What lasts of a record, and a record of it; its size stays. */
void pd_record_save(
    const struct pd_record *r, uint32_t tick, struct pd_rank *out);
void pd_record_restore(
    struct pd_record *r, uint32_t tick, const struct pd_rank *rank);

/* An empty ring. 0, or -1 out of memory. */
int pd_ghost_ring_init(struct pd_ghost_ring *g);
void pd_ghost_ring_release(struct pd_ghost_ring *g);
/* The same ghosts in another ring, which is not initialised yet. 0, or -1 out
 * of memory. */
int pd_ghost_ring_copy(
    struct pd_ghost_ring *to, const struct pd_ghost_ring *from);
/* Room for exactly ${n} ghosts; where there are more the oldest are forgotten.
 * 0, or -1 out of memory with everything as it was. */
int pd_ghost_ring_reserve(struct pd_ghost_ring *g, uint32_t n);
/* Remember an evicted key, keeping at most ${limit} ghosts (and no more than
 * there is room for). */
void pd_ghost_ring_add(struct pd_ghost_ring *g, uint32_t print,
    const struct pd_record *r, uint64_t limit);
/* Copy the ghost of ${print} to ${out}; false when there is none. */
bool pd_ghost_ring_find(
    const struct pd_ghost_ring *g, uint32_t print, struct pd_record_ghost *out);
/* Forget a key, if it is known. */
void pd_ghost_ring_del(struct pd_ghost_ring *g, uint32_t print);
/* Bytes allocated. */
size_t pd_ghost_ring_memory(const struct pd_ghost_ring *g);

#endif /* PD_CACHE_RECORD_H */
