#ifndef PD_CACHE_REFETCH_H
#define PD_CACHE_REFETCH_H

/*
 * What it takes to fetch a store's keys again: told by clients (a hint), or
 * measured as the time from a miss to its fill. One byte a resident, by slot,
 * and a bounded table of keys that have left, where the newer takes the place
 * of the older. Costs are microseconds as quarter-octave codes (base/code.h),
 * so they are kept to within 9%. Off, it holds nothing and knows nothing. Not
 * thread-safe: one a store.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PD_REFETCH_MOST_US 60000000	/* what is measured counts no more */
#define PD_REFETCH_HINT_MOST 2147483647 /* microseconds */

struct pd_refetch {
	bool on;
	uint8_t *slot; /* codes by slot, and whether hinted */
	uint32_t slots;
	uint32_t *print;  /* of keys that left */
	uint8_t *past;	  /* their codes */
	uint32_t pasts;	  /* a power of two */
	uint32_t typical; /* mean of known codes, in 1/256; 0 none */
	uint32_t known;	  /* codes in it, at first */
};

/*
 * pd_refetch_init(f, pasts, slots):
 * On, for ${slots} slots, remembering about ${pasts} keys that left, at least
 * 1. 0, or -1 out of memory: off.
 */
int pd_refetch_init(struct pd_refetch *f, uint64_t pasts, uint32_t slots);
/* Off. */
void pd_refetch_release(struct pd_refetch *f);
/* Slots 0 to ${n} - 1 may be used. 0, or -1 out of memory; never when fewer. */
int pd_refetch_reserve(struct pd_refetch *f, uint32_t n);

/* What is noted for a key: opaque, 0 for nothing. */
typedef uint8_t pd_refetch_note;

/* The note of a hint of ${us} (1 to PD_REFETCH_HINT_MOST). */
pd_refetch_note pd_refetch_hinted(uint32_t us);

/* What is known of a key that is not resident. */
pd_refetch_note pd_refetch_past(const struct pd_refetch *f, uint64_t hash);

/*
 * pd_refetch_measured(f, old, us):
 * The note after a fetch that took ${us} (0: not known) of a key with note
 * ${old}. A hint stays; a measurement moves what was measured before by a
 * quarter of the difference, of which at most 3 octaves count.
 */
pd_refetch_note pd_refetch_measured(
    struct pd_refetch *f, pd_refetch_note old, uint64_t us);

/* The resident of ${slot} has this note, and what it has. */
void pd_refetch_set(struct pd_refetch *f, uint32_t slot, pd_refetch_note n);
pd_refetch_note pd_refetch_get(const struct pd_refetch *f, uint32_t slot);
/* The resident of ${from} is called ${to} from now on. */
void pd_refetch_move(struct pd_refetch *f, uint32_t from, uint32_t to);
/* A key with this note that is not resident, or leaves. */
void pd_refetch_leave(struct pd_refetch *f, uint64_t hash, pd_refetch_note n);

/* Nothing is known of a key that is not resident. */
void pd_refetch_forget(struct pd_refetch *f, uint64_t hash);

/* Is it a hint? */
bool pd_refetch_is_hint(pd_refetch_note n);
/* Microseconds of a note; 0 for nothing. */
uint32_t pd_refetch_us(pd_refetch_note n);
/* The same, and for nothing what is typical: 0 only while none was known. */
uint32_t pd_refetch_guess(const struct pd_refetch *f, pd_refetch_note n);

/* Bytes allocated. */
size_t pd_refetch_memory(const struct pd_refetch *f);

#endif /* PD_CACHE_REFETCH_H */
