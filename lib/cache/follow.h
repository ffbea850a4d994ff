#ifndef PD_CACHE_FOLLOW_H
#define PD_CACHE_FOLLOW_H

/*
 * How a cache does what another one does, whatever it holds: it evicts what
 * the other does not hold (the lazy simulation of Blum and Burch, "On-line
 * learning and the metrical task system problem", 2000). Going from one leader
 * to another evicts nothing at once, and costs at most one miss for each
 * object that the new one holds and the cache does not, when that is asked
 * for; if the capacities are the same the cache then holds what its leader
 * holds. Residents are named by slot (policy.h) and known by key; 23 bytes
 * each, and no allocation but in reserve.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/keyindex.h"
#include "cache/slist.h"

struct pd_follow {
	struct pd_slots slots;
	struct pd_slist strays; /* what the leader does not hold */
	uint64_t *key;		/* by slot */
	uint8_t *state;		/* by slot */
	struct pd_keyindex index;
	uint32_t n;
	uint32_t count; /* residents */
};

/* 0, or -1 out of memory. */
int pd_follow_init(struct pd_follow *f);
void pd_follow_release(struct pd_follow *f);

/* Slots 0..n-1 are usable; there are no residents from n on. 0, or -1 out of
 * memory, with everything as it was. */
int pd_follow_reserve(struct pd_follow *f, uint32_t n);

/* ${key} becomes resident; ${held}: the leader holds it too. */
void pd_follow_insert(
    struct pd_follow *f, uint32_t slot, uint64_t key, bool held);
void pd_follow_remove(struct pd_follow *f, uint32_t slot);
void pd_follow_move(struct pd_follow *f, uint32_t from, uint32_t to);

/* The leader took ${key} in, or let it go. */
void pd_follow_mark(struct pd_follow *f, uint64_t key, bool held);

/* The same for the resident ${slot}; if not held, it is the last to go. */
void pd_follow_set(struct pd_follow *f, uint32_t slot, bool held);

/* The resident to evict: the one that was let go first; PD_NO_SLOT when the
 * leader holds them all. */
uint32_t pd_follow_victim(const struct pd_follow *f);

/* Bytes allocated. */
size_t pd_follow_memory(const struct pd_follow *f);

#endif /* PD_CACHE_FOLLOW_H */
