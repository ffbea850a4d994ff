#ifndef PD_CACHE_SLAB_H
#define PD_CACHE_SLAB_H

/*
 * Memory for the small entries of a store, and the names of all of them. Pages
 * of one size are cut into items of one class each (the slab allocator,
 * Bonwick, USENIX 1994). An item is named by its slot, the small integer that
 * policies know residents by (policy.h): slots come in blocks of 16 neighbours
 * in one page, a block is 8 bytes, and so a slot finds its item without an
 * array by slot. A block is given out when the first of its items is, and
 * returns when the last does; the lowest free block is taken first, so that
 * what is in use stays below pd_slab_slots().
 *
 * Classes are 2 bytes apart up to 128 bytes, from there on at most a 32nd.
 * What is left of a page is shared out among its items when bytes are counted.
 * A page is 4 to 64 KiB: about a sixteenth of what its class has, so that the
 * page that is not full yet costs little at every size.
 * Class PD_SLAB_POINTERS is for what is no item: the owner puts a pointer to
 * it there.
 *
 * An empty page goes to whatever class asks next, or back to the system. The
 * owner empties pages by moving items (pd_slab_sparse()).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/policy.h"

#define PD_SLAB_BLOCK 16u /* slots */
#define PD_SLAB_CLASSES 256u
#define PD_SLAB_LEVELS 8u  /* how full a page is */
#define PD_SLAB_SIZES 5u   /* of pages: 4 KiB << 0..4 */
#define PD_SLAB_MOST 4096u /* bytes of an item */
#define PD_SLAB_POINTERS 0u
#define PD_SLAB_NONE UINT32_MAX

struct pd_slab_page {
	uint8_t *base;
	uint32_t *block; /* by place, PD_SLAB_NONE until it is needed */
	uint32_t size;	 /* of an item, as it lies */
	uint32_t next;	 /* in the list of its class and level, or of ... */
	uint32_t prev;	 /* ... free pages */
	uint16_t items;
	uint16_t used;
	uint16_t hint; /* no block before it has a free item */
	uint8_t class;
	uint8_t level; /* PD_SLAB_LEVELS: in no list */
	uint8_t order; /* 4 KiB << order */
};

struct pd_slab_class {
	uint32_t size;		       /* of an item, as it lies */
	uint32_t bytes;		       /* with its share of the rest */
	uint32_t list[PD_SLAB_LEVELS]; /* pages with free items */
	uint32_t pages;
	uint64_t items; /* in them, ... */
	uint64_t used;	/* ... and of these in use */
};

/* Free pages of one size. */
struct pd_slab_pool {
	uint32_t idle; /* the first that has memory */
	uint32_t away; /* the first that has none */
};

/* Open for reading. */
struct pd_slab {
	/* A block: its page << 32 | its place in the page << 16 | a bit for
	 * each item in use. */
	uint64_t *block;
	struct pd_slab_page *page;
	uint64_t *free;	   /* a bit for each block */
	uint32_t blocks;   /* there are */
	uint32_t top;	   /* blocks from here on are free */
	uint32_t taken;	   /* blocks in use */
	uint32_t lowest;   /* no word of free[] before it has a bit */
	uint32_t most;	   /* bytes of an item */
	uint32_t pages;	   /* there are */
	uint64_t places;   /* of blocks in pages in use */
	uint64_t held;	   /* bytes of pages with memory */
	uint64_t idle;	   /* bytes of these that are free */
	uint64_t used;	   /* bytes of items in use, as the classes say */
	uint32_t emptying; /* a page that gives no items */
	unsigned classes;
	unsigned active; /* classes with pages */
	struct pd_slab_class class[PD_SLAB_CLASSES];
	struct pd_slab_pool pool[PD_SLAB_SIZES];
	void **region; /* what was mapped */
	uint32_t regions;
};

/* For items of a cache of ${limit} bytes, 0 unknown: in a small one the
 * largest items are small too. 0, or -1 out of memory. */
int pd_slab_init(struct pd_slab *s, uint64_t limit);
void pd_slab_release(struct pd_slab *s);
/* A part of that, 4 MiB at most: nothing else may be done with it any more but
 * releasing. False: nothing was left of memory for items. */
bool pd_slab_release_some(struct pd_slab *s);

/* The class of items of ${n} bytes, or PD_SLAB_NONE when that is too many. */
uint32_t pd_slab_class(const struct pd_slab *s, size_t n);

enum pd_slab_answer {
	PD_SLAB_TAKEN,
	PD_SLAB_SLOTS, /* pd_slab_set_slots() first: more */
	PD_SLAB_PAGE,  /* pd_slab_add_page() first */
};

/* An item of a class. */
enum pd_slab_answer pd_slab_take(
    struct pd_slab *s, uint32_t class, uint32_t *slot);
void pd_slab_give(struct pd_slab *s, uint32_t slot);

/* Give a class another page. 0, or -1 out of memory. */
int pd_slab_add_page(struct pd_slab *s, uint32_t class);
/* What memory that would take from the system. */
uint32_t pd_slab_page_costs(const struct pd_slab *s, uint32_t class);

/* Have slots 0..n-1, ${n} a multiple of PD_SLAB_BLOCK, of which those that
 * were not there are free; none that are in use may go. 0, or -1 out of
 * memory, which fewer never are. */
int pd_slab_set_slots(struct pd_slab *s, uint32_t n);
/* There are so many; those from pd_slab_top() on are free. */
static inline uint32_t
pd_slab_slots(const struct pd_slab *s)
{
	return s->blocks * PD_SLAB_BLOCK;
}

static inline uint32_t
pd_slab_top(const struct pd_slab *s)
{
	return s->top * PD_SLAB_BLOCK;
}

/*
 * pd_slab_sparse(s, least):
 * A page whose items, when they move, find room in other pages of their class:
 * the emptiest page of a class that has at least ${least} free items and a
 * page's worth of them. It gives no items from now on. PD_SLAB_NONE where
 * there is none; least is in parts of 1024 of the class's items.
 */
uint32_t pd_slab_sparse(struct pd_slab *s, unsigned least);
/* It stays: it gives items again. */
void pd_slab_stay(struct pd_slab *s);
/* The first slot in use of the page that is being emptied; PD_NO_SLOT, and no
 * page is, when it is empty. */
uint32_t pd_slab_to_move(struct pd_slab *s);

/* The block with the highest slots goes, where there is a free one below:
 * *from and *to are its first slot and that of the other. The items keep their
 * places: only their names change, by as much. Bits of the slots in use, of
 * the first the lowest; 0: there is nothing to gain. */
unsigned pd_slab_lower(struct pd_slab *s, uint32_t *from, uint32_t *to);

/* Free pages keep their memory for a while; give back what is more than
 * ${most} bytes. */
void pd_slab_trim(struct pd_slab *s, uint64_t most);

/* Bytes of the tables. */
size_t pd_slab_tables(const struct pd_slab *s);

static inline bool
pd_slab_used(const struct pd_slab *s, uint32_t slot)
{
	return s->block[slot / PD_SLAB_BLOCK] >> slot % PD_SLAB_BLOCK & 1;
}

static inline const struct pd_slab_page *
pd_slab_page(const struct pd_slab *s, uint32_t slot)
{
	return &s->page[s->block[slot / PD_SLAB_BLOCK] >> 32];
}

/* The item of a slot in use. */
static inline void *
pd_slab_item(const struct pd_slab *s, uint32_t slot)
{
	const uint64_t b = s->block[slot / PD_SLAB_BLOCK];
	const struct pd_slab_page *p = &s->page[b >> 32];
	const uint32_t at =
	    (uint32_t)(b >> 16 & 0xffff) * PD_SLAB_BLOCK + slot % PD_SLAB_BLOCK;

	return p->base + (size_t)at * p->size;
}

#endif /* PD_CACHE_SLAB_H */
