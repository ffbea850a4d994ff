#define _GNU_SOURCE /* MAP_ANONYMOUS, madvise */

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/grow.h"
#include "cache/slab.h"

#define PAGE_LEAST 4096u
#define PAGE_MOST (PAGE_LEAST << (PD_SLAB_SIZES - 1))
#define PAGE_ITEMS 8u	/* in a page at least */
#define CLASS_PAGES 16u /* that a class should have */
#define ITEM_LEAST 512u
#define ITEMS_OF_LIMIT 8192u
#define REGION_PAGES 64u /* mapped at once */
#define BLOCK PD_SLAB_BLOCK
#define FULL ((1u << BLOCK) - 1)
#define NONE PD_SLAB_NONE
#define FREE_BLOCK UINT64_C(0xffffffffffff0000) /* no page, no items */

static uint32_t
bytes_of(const struct pd_slab_page *p)
{
	return PAGE_LEAST << p->order;
}

static uint32_t
step_of(uint32_t size)
{
	uint32_t step = 2;

	while (size >= 64 * step)
		step *= 2;
	return step;
}

static void
init_classes(struct pd_slab *s)
{
	uint32_t size = 4;
	unsigned c, l;

	s->class[PD_SLAB_POINTERS].size = sizeof(void *);
	for (c = 1; size <= s->most; size += step_of(size)) {
		assert(c < PD_SLAB_CLASSES);
		s->class[c++].size = size;
	}
	s->classes = c;
	for (c = 0; c < s->classes; c++) {
		const uint32_t n = PAGE_MOST / s->class[c].size;

		s->class[c].bytes = (PAGE_MOST + n - 1) / n;
		for (l = 0; l < PD_SLAB_LEVELS; l++)
			s->class[c].list[l] = NONE;
	}
}

int
pd_slab_init(struct pd_slab *s, uint64_t limit)
{
	unsigned i;

	memset(s, 0, sizeof(*s));
	s->most = PD_SLAB_MOST;
	while (limit > 0 && s->most > ITEM_LEAST &&
	       s->most > limit / ITEMS_OF_LIMIT)
		s->most /= 2;
	for (i = 0; i < PD_SLAB_SIZES; i++)
		s->pool[i].idle = s->pool[i].away = NONE;
	s->emptying = NONE;
	init_classes(s);
	s->block = pd_grow(NULL, sizeof(*s->block));
	s->free = pd_grow(NULL, sizeof(*s->free));
	s->page = pd_grow(NULL, sizeof(*s->page));
	if (s->block != NULL && s->free != NULL && s->page != NULL)
		return 0;
	pd_slab_release(s);
	return -1;
}

bool
pd_slab_release_some(struct pd_slab *s)
{
	const struct pd_slab_page *p;
	uint32_t i;

	if (s->regions == 0)
		return false;
	p = s->page + (size_t)--s->regions * REGION_PAGES;
	munmap(s->region[s->regions], (size_t)bytes_of(p) * REGION_PAGES);
	for (i = 0; i < REGION_PAGES; i++)
		free(p[i].block);
	s->pages -= REGION_PAGES;
	return true;
}

void
pd_slab_release(struct pd_slab *s)
{
	while (pd_slab_release_some(s))
		continue;
	free(s->region);
	pd_grow_free(s->block);
	pd_grow_free(s->free);
	pd_grow_free(s->page);
	memset(s, 0, sizeof(*s));
}

size_t
pd_slab_tables(const struct pd_slab *s)
{
	return s->blocks * sizeof(*s->block) + s->blocks / 8 +
	       s->pages * sizeof(*s->page) + s->places * sizeof(uint32_t);
}

uint32_t
pd_slab_class(const struct pd_slab *s, size_t n)
{
	uint32_t size, step, octave;

	if (n > s->most)
		return NONE;
	size = n < 4 ? 4 : (uint32_t)n;
	if (size <= 128)
		return 1 + (size - 4 + 1) / 2;
	octave = 31u - (uint32_t)__builtin_clz(size - 1); /* 7: 129..256 */
	step = octave - 5;				  /* its logarithm */
	return 1 + 62 + (octave - 7) * 32 +
	       (size - (1u << octave) + (1u << step) - 1) / (1u << step);
}

/* Lists of pages. */

static unsigned
level_of(const struct pd_slab_page *p)
{
	return p->used == p->items
		   ? PD_SLAB_LEVELS
		   : (unsigned)p->used * PD_SLAB_LEVELS / p->items;
}

static void
list_remove(struct pd_slab *s, uint32_t page)
{
	struct pd_slab_page *p = &s->page[page];

	if (p->level == PD_SLAB_LEVELS)
		return;
	if (p->prev != NONE)
		s->page[p->prev].next = p->next;
	else
		s->class[p->class].list[p->level] = p->next;
	if (p->next != NONE)
		s->page[p->next].prev = p->prev;
	p->level = PD_SLAB_LEVELS;
}

/* Where it belongs now. */
static void
list_renew(struct pd_slab *s, uint32_t page)
{
	struct pd_slab_page *p = &s->page[page];
	const unsigned level =
	    page == s->emptying ? PD_SLAB_LEVELS : level_of(p);
	uint32_t *head;

	if (level == p->level)
		return;
	list_remove(s, page);
	if (level == PD_SLAB_LEVELS)
		return;
	head = &s->class[p->class].list[level];
	p->level = (uint8_t)level;
	p->prev = NONE;
	p->next = *head;
	if (*head != NONE)
		s->page[*head].prev = page;
	*head = page;
}

/* Pages. */

/* Map more pages, without memory yet. 0, or -1. */
static int
map_region(struct pd_slab *s, unsigned order)
{
	const size_t each = (size_t)PAGE_LEAST << order;
	struct pd_slab_page *p;
	void **r, *base;
	uint32_t i;

	if (s->pages >= NONE - 1 - REGION_PAGES)
		return -1;
	p = pd_grow(s->page, (s->pages + REGION_PAGES) * sizeof(*p));
	if (p == NULL)
		return -1;
	s->page = p;
	r = realloc(s->region, (s->regions + 1) * sizeof(*r));
	if (r == NULL)
		return -1;
	s->region = r;
	base = mmap(NULL, each * REGION_PAGES, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return -1;
	s->region[s->regions++] = base;
	for (i = REGION_PAGES; i-- > 0;) {
		p = &s->page[s->pages + i];
		*p = (struct pd_slab_page){
		    .base = (uint8_t *)base + i * each,
		    .level = PD_SLAB_LEVELS,
		    .next = s->pool[order].away,
		    .order = (uint8_t)order,
		};
		s->pool[order].away = s->pages + i;
	}
	s->pages += REGION_PAGES;
	return 0;
}

/* How large the next page of a class should be. */
static unsigned
order_of(const struct pd_slab_class *c)
{
	const uint64_t want = c->items * c->size / CLASS_PAGES;
	unsigned order = 0;

	while (order + 1 < PD_SLAB_SIZES &&
	       ((PAGE_LEAST << order) < want ||
		   (PAGE_LEAST << order) < PAGE_ITEMS * c->size))
		order++;
	return order;
}

uint32_t
pd_slab_page_costs(const struct pd_slab *s, uint32_t class)
{
	const unsigned order = order_of(&s->class[class]);

	return s->pool[order].idle != NONE ? 0 : PAGE_LEAST << order;
}

/* A free page with memory, or NONE. */
static uint32_t
page_take(struct pd_slab *s, unsigned order)
{
	struct pd_slab_pool *pool = &s->pool[order];
	uint32_t page = pool->idle;

	if (page != NONE) {
		pool->idle = s->page[page].next;
		s->idle -= bytes_of(&s->page[page]);
		return page;
	}
	if (pool->away == NONE && map_region(s, order))
		return NONE;
	page = pool->away;
	pool->away = s->page[page].next;
	s->held += bytes_of(&s->page[page]);
	return page;
}

int
pd_slab_add_page(struct pd_slab *s, uint32_t class)
{
	struct pd_slab_class *c = &s->class[class];
	const unsigned order = order_of(c);
	const uint32_t items = (PAGE_LEAST << order) / c->size;
	const uint32_t places = (items + BLOCK - 1) / BLOCK;
	uint32_t *block = malloc(places * sizeof(*block)), page;

	if (block == NULL)
		return -1;
	memset(block, 0xff, places * sizeof(*block));
	if ((page = page_take(s, order)) == NONE) {
		free(block);
		return -1;
	}
	s->page[page] = (struct pd_slab_page){
	    .base = s->page[page].base,
	    .block = block,
	    .size = c->size,
	    .items = (uint16_t)items,
	    .class = (uint8_t) class,
	    .level = PD_SLAB_LEVELS,
	    .order = (uint8_t)order,
	};
	s->places += places;
	c->items += items;
	if (c->pages++ == 0)
		s->active++;
	list_renew(s, page);
	return 0;
}

/* A page without items. */
static void
page_free(struct pd_slab *s, uint32_t page)
{
	struct pd_slab_page *p = &s->page[page];
	struct pd_slab_pool *pool = &s->pool[p->order];
	struct pd_slab_class *c = &s->class[p->class];

	list_remove(s, page);
	free(p->block);
	p->block = NULL;
	s->places -= (p->items + BLOCK - 1) / BLOCK;
	c->items -= p->items;
	if (--c->pages == 0)
		s->active--;
	if (page == s->emptying)
		s->emptying = NONE;
	p->items = 0;
	p->next = pool->idle;
	pool->idle = page;
	s->idle += bytes_of(p);
}

void
pd_slab_trim(struct pd_slab *s, uint64_t most)
{
	struct pd_slab_pool *pool;
	struct pd_slab_page *p;
	unsigned order;
	uint32_t page;

	for (order = PD_SLAB_SIZES; order-- > 0;) {
		pool = &s->pool[order];
		while (s->idle > most && (page = pool->idle) != NONE) {
			p = &s->page[page];
			pool->idle = p->next;
			s->idle -= bytes_of(p);
			s->held -= bytes_of(p);
			madvise(p->base, bytes_of(p), MADV_DONTNEED);
			p->next = pool->away;
			pool->away = page;
		}
	}
}

/* Blocks. */

int
pd_slab_set_slots(struct pd_slab *s, uint32_t n)
{
	const uint32_t blocks = n / BLOCK;
	uint64_t *p;
	uint32_t i;

	assert(n % BLOCK == 0 && blocks >= s->top);
	p = pd_grow(s->block, (blocks + 1) * sizeof(*p));
	if (p == NULL)
		return -1;
	s->block = p;
	p = pd_grow(s->free, (blocks / 64 + 1) * sizeof(*p));
	if (p == NULL)
		return -1;
	s->free = p;
	for (i = s->blocks; i < blocks; i++) {
		s->block[i] = FREE_BLOCK;
		s->free[i / 64] |= UINT64_C(1) << i % 64;
	}
	for (i = blocks; i < s->blocks; i++)
		if (i / 64 <= blocks / 64)
			s->free[i / 64] &= ~(UINT64_C(1) << i % 64);
	if (blocks > s->blocks && s->lowest > s->blocks / 64)
		s->lowest = s->blocks / 64;
	s->blocks = blocks;
	return 0;
}

/* The lowest free block, or NONE. */
static uint32_t
lowest_free(struct pd_slab *s)
{
	const uint32_t words = s->blocks / 64 + 1;

	while (s->lowest < words && s->free[s->lowest] == 0)
		s->lowest++;
	if (s->lowest >= words)
		return NONE;
	return s->lowest * 64 + (uint32_t)__builtin_ctzll(s->free[s->lowest]);
}

static void
block_take(struct pd_slab *s, uint32_t b, uint32_t page, uint32_t place)
{
	s->free[b / 64] &= ~(UINT64_C(1) << b % 64);
	s->block[b] = (uint64_t)page << 32 | (uint64_t)place << 16;
	s->page[page].block[place] = b;
	s->taken++;
	if (b >= s->top)
		s->top = b + 1;
}

static void
block_give(struct pd_slab *s, uint32_t b)
{
	s->block[b] = FREE_BLOCK;
	s->free[b / 64] |= UINT64_C(1) << b % 64;
	s->taken--;
	if (s->lowest > b / 64)
		s->lowest = b / 64;
	while (
	    s->top > 0 && s->free[(s->top - 1) / 64] >> (s->top - 1) % 64 & 1)
		s->top--;
}

/* Items. */

/* Bits of the items that the block at ${place} of a page has. */
static uint32_t
there(const struct pd_slab_page *p, uint32_t place)
{
	const uint32_t left = p->items - place * BLOCK;

	return left >= BLOCK ? FULL : (1u << left) - 1;
}

/* The first block of a page with a free item: its place. */
static uint32_t
place_with_room(const struct pd_slab *s, struct pd_slab_page *p)
{
	uint32_t at = p->hint;

	while (p->block[at] != NONE &&
	       (s->block[p->block[at]] & FULL) == there(p, at))
		at++;
	p->hint = (uint16_t)at;
	return at;
}

enum pd_slab_answer
pd_slab_take(struct pd_slab *s, uint32_t class, uint32_t *slot)
{
	struct pd_slab_class *c = &s->class[class];
	struct pd_slab_page *p;
	uint32_t page = NONE, place, b, bit;
	unsigned l;

	/* The fullest first: the others may become empty. */
	for (l = PD_SLAB_LEVELS; l-- > 0 && page == NONE;)
		page = c->list[l];
	if (page == NONE)
		return PD_SLAB_PAGE;
	p = &s->page[page];
	place = place_with_room(s, p);
	if ((b = p->block[place]) == NONE) {
		if ((b = lowest_free(s)) == NONE)
			return PD_SLAB_SLOTS;
		block_take(s, b, page, place);
	}
	bit = (uint32_t)__builtin_ctz(
	    ~(uint32_t)(s->block[b] & FULL) & there(p, place));
	s->block[b] |= UINT64_C(1) << bit;
	p->used++;
	c->used++;
	s->used += c->bytes;
	list_renew(s, page);
	*slot = b * BLOCK + bit;
	return PD_SLAB_TAKEN;
}

void
pd_slab_give(struct pd_slab *s, uint32_t slot)
{
	const uint32_t b = slot / BLOCK;
	const uint32_t page = (uint32_t)(s->block[b] >> 32);
	const uint32_t place = (uint32_t)(s->block[b] >> 16 & 0xffff);
	struct pd_slab_page *p = &s->page[page];

	assert(pd_slab_used(s, slot));
	s->block[b] &= ~(UINT64_C(1) << slot % BLOCK);
	p->used--;
	s->class[p->class].used--;
	s->used -= s->class[p->class].bytes;
	if (place < p->hint)
		p->hint = (uint16_t)place;
	if ((s->block[b] & FULL) == 0) {
		p->block[place] = NONE;
		block_give(s, b);
	}
	if (p->used == 0)
		page_free(s, page);
	else
		list_renew(s, page);
}

/* Making room. */

/* The emptiest page of a class, if others have room for its items. */
static uint32_t
emptiest(const struct pd_slab *s, const struct pd_slab_class *c)
{
	const uint64_t none = c->items - c->used;
	const struct pd_slab_page *p;
	uint32_t page = NONE;
	unsigned l;

	for (l = 0; page == NONE && l < PD_SLAB_LEVELS; l++)
		page = c->list[l];
	if (page == NONE)
		return NONE;
	p = &s->page[page];
	return none - (uint64_t)(p->items - p->used) >= p->used ? page : NONE;
}

uint32_t
pd_slab_sparse(struct pd_slab *s, unsigned least)
{
	const struct pd_slab_class *k;
	uint64_t most = 0, none;
	uint32_t page, best = NONE;
	unsigned c;

	if (s->emptying != NONE)
		return s->emptying;
	for (c = 0; c < s->classes; c++) {
		k = &s->class[c];
		none = (k->items - k->used) * 1024;
		if (k->pages < 2 || none < k->items * least ||
		    none / k->items <= most)
			continue;
		if ((page = emptiest(s, k)) != NONE) {
			best = page;
			most = none / k->items;
		}
	}
	if (best == NONE)
		return NONE;
	s->emptying = best;
	list_remove(s, best);
	return best;
}

void
pd_slab_stay(struct pd_slab *s)
{
	const uint32_t page = s->emptying;

	s->emptying = NONE;
	if (page != NONE)
		list_renew(s, page);
}

uint32_t
pd_slab_to_move(struct pd_slab *s)
{
	struct pd_slab_page *p;
	uint32_t at, b;

	if (s->emptying == NONE)
		return PD_NO_SLOT;
	p = &s->page[s->emptying];
	if (p->used == 0) {
		page_free(s, s->emptying);
		return PD_NO_SLOT;
	}
	for (at = (p->items - 1u) / BLOCK;; at--) {
		if ((b = p->block[at]) != NONE)
			return b * BLOCK +
			       (uint32_t)__builtin_ctzll(s->block[b] & FULL);
		assert(at > 0);
	}
}

unsigned
pd_slab_lower(struct pd_slab *s, uint32_t *from, uint32_t *to)
{
	const uint32_t high = s->top - 1, low = lowest_free(s);
	const uint64_t was = s->top == 0 ? 0 : s->block[high];

	if (s->top == 0 || low == NONE || low > high)
		return 0;
	block_take(
	    s, low, (uint32_t)(was >> 32), (uint32_t)(was >> 16 & 0xffff));
	s->block[low] = was;
	block_give(s, high);
	*from = high * BLOCK;
	*to = low * BLOCK;
	return (unsigned)(was & FULL);
}
