#ifndef PD_CACHE_GHOSTTAB_H
#define PD_CACHE_GHOSTTAB_H

/*
 * Ghosts: keys that were evicted not long ago, without their values, on up to
 * PD_GHOST_LISTS lists in order of eviction. A key is kept as a 32-bit
 * fingerprint (slist.h), so with g ghosts a key that is none of them is taken
 * for one with probability g / 2^32. 22 to 28 bytes a ghost. Memory grows with
 * the ghosts kept, by an eighth, and shrinks with them; when it runs out ghosts
 * are forgotten, nothing else happens.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/keyindex.h"
#include "cache/policy.h"

#define PD_GHOST_LISTS 2
#define PD_GHOST_BYTES 24 /* about, with the index */
#define PD_GHOST_SIZE_MAX 0x7fffffffu

struct pd_ghost {
	uint32_t print;
	uint32_t older;
	uint32_t newer;
	uint32_t size : 31; /* units; the largest stands for more */
	uint32_t list : 1;
};

struct pd_ghost_list {
	uint32_t newest;
	uint32_t oldest;
	uint32_t count;
	uint64_t units;
};

struct pd_ghosttab {
	struct pd_ghost *entry;
	struct pd_keyindex index; /* no cells while cap is 0 */
	uint32_t used;		  /* entries ever taken from the array */
	uint32_t cap;		  /* of the array */
	uint32_t spare;		  /* first of the released entries */
	uint32_t most;		  /* ghosts to keep; trim() sees to it */
	struct pd_ghost_list list[PD_GHOST_LISTS];
};

void pd_ghosttab_init(struct pd_ghosttab *g);
void pd_ghosttab_release(struct pd_ghosttab *g);
/* The entry with this fingerprint, or PD_NO_SLOT. */
uint32_t pd_ghosttab_find(const struct pd_ghosttab *g, uint32_t print);
/*
 * Put a fingerprint at the newest end of ${list}; one that is known already
 * moves there. The entry, or PD_NO_SLOT when memory ran out.
 */
uint32_t pd_ghosttab_push(
    struct pd_ghosttab *g, unsigned list, uint32_t print, uint32_t size);
/* Forget an entry. */
void pd_ghosttab_del(struct pd_ghosttab *g, uint32_t entry);
/* Forget the oldest of ${list} until its units are at most ${units}, and the
 * oldest of both until there are no more than the limit says; give memory back
 * when half of it is not in use. Entries may get other numbers. */
void pd_ghosttab_trim(struct pd_ghosttab *g, unsigned list, uint64_t units);
/* Keep as many ghosts as go into about ${bytes}. Entries may get other
 * numbers. */
void pd_ghosttab_limit(struct pd_ghosttab *g, uint64_t bytes);
/* Whether less than half of the memory is in use. */
bool pd_ghosttab_is_loose(const struct pd_ghosttab *g);
/* Give back what is not in use: entry e is entry map[e] from now on (${map} has
 * room for all that were taken; NULL: not asked). 0, or -1 out of memory with
 * everything as it was. */
int pd_ghosttab_compact(struct pd_ghosttab *g, uint32_t *map);
/* Forget this fingerprint: its list, or -1 when it is not known. */
int pd_ghosttab_take(struct pd_ghosttab *g, uint32_t print);
/* Bytes allocated. */
size_t pd_ghosttab_memory(const struct pd_ghosttab *g);

#endif /* PD_CACHE_GHOSTTAB_H */
