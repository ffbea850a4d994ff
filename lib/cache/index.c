#define _GNU_SOURCE /* MAP_ANONYMOUS, madvise */

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "cache/index.h"

#define WORDS PD_INDEX_WORDS
#define LAST (WORDS - 1)
#define BUCKET_BYTES (WORDS * sizeof(uint64_t))
#define BITS_MIN 4
#define BITS_MAX 40
#define LOAD_MAX 6		     /* items a bucket: more splits one ... */
#define LOAD_MIN 3		     /* ... fewer merges one */
#define MAP_FROM (UINT64_C(1) << 20) /* tables of this size are mapped */
#define TAG_HIGH 47 /* the hash bits that a word keeps are 47 .. 33 */
#define TAG_LOW 33
#define PAGE 4096

static inline uint64_t *
link_of(uint64_t word)
{
	return (uint64_t *)(uintptr_t)(word & PD_INDEX_PTR);
}

static inline void *
item_of(uint64_t word)
{
	return (void *)(uintptr_t)(word & PD_INDEX_PTR);
}

/* 2^bits zeroed buckets on cache lines; large ones cost memory when used. */
static uint64_t *
table_new(unsigned bits)
{
	const size_t n = BUCKET_BYTES << bits;
	void *p;

	if (n >= MAP_FROM) {
		p = mmap(NULL, n, PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		return p == MAP_FAILED ? NULL : p;
	}
	if ((p = aligned_alloc(BUCKET_BYTES, n)) != NULL)
		memset(p, 0, n);
	return p;
}

static void
table_free(uint64_t *t, unsigned bits)
{
	const size_t n = BUCKET_BYTES << bits;

	if (t != NULL && n >= MAP_FROM)
		munmap(t, n);
	else
		free(t);
}

/* Give pages of a mapped table back whose buckets, below ${end}, are empty. */
static void
table_drop(uint64_t *t, unsigned bits, uint64_t end)
{
	const size_t per = PAGE / BUCKET_BYTES;

	if (BUCKET_BYTES << bits >= MAP_FROM && end % per == 0)
		madvise(t + (end - per) * WORDS, PAGE, MADV_DONTNEED);
}

int
pd_index_init(struct pd_index *ix,
    uint64_t (*hash)(const void *cookie, const void *item), void *cookie)
{
	memset(ix, 0, sizeof(*ix));
	ix->bits = BITS_MIN;
	ix->hash = hash;
	ix->cookie = cookie;
	ix->small = table_new(ix->bits);
	return ix->small == NULL ? -1 : 0;
}

static void
free_links(uint64_t *b)
{
	uint64_t *next;

	while (b != NULL) {
		next = b[LAST] & PD_INDEX_LINK ? link_of(b[LAST]) : NULL;
		free(b);
		b = next;
	}
}

static void
table_release(uint64_t *t, unsigned bits)
{
	uint64_t i;

	for (i = 0; t != NULL && i < UINT64_C(1) << bits; i++)
		if (t[i * WORDS + LAST] & PD_INDEX_LINK)
			free_links(link_of(t[i * WORDS + LAST]));
	table_free(t, bits);
}

void
pd_index_release(struct pd_index *ix)
{
	table_release(ix->small, ix->bits);
	table_release(ix->large, ix->bits + 1);
	free_links(ix->spare);
	memset(ix, 0, sizeof(*ix));
}

uint64_t
pd_index_buckets(const struct pd_index *ix)
{
	return (UINT64_C(1) << ix->bits) + ix->split;
}

size_t
pd_index_memory(const struct pd_index *ix)
{
	return (pd_index_buckets(ix) + ix->links) * BUCKET_BYTES;
}

/* A new overflow bucket, from the spares first. */
static uint64_t *
link_new(struct pd_index *ix)
{
	uint64_t *b = ix->spare;

	if (b != NULL)
		ix->spare = b[LAST] & PD_INDEX_LINK ? link_of(b[LAST]) : NULL;
	else
		b = aligned_alloc(BUCKET_BYTES, BUCKET_BYTES);
	if (b == NULL)
		return NULL;
	memset(b, 0, BUCKET_BYTES);
	ix->links++;
	return b;
}

/* Keep an emptied overflow bucket for the move under way. */
static void
link_spare(struct pd_index *ix, uint64_t *b)
{
	b[LAST] = ix->spare == NULL
		      ? 0
		      : (PD_INDEX_LINK | (uint64_t)(uintptr_t)ix->spare);
	ix->spare = b;
	ix->links--;
}

/* Append a word to a bucket's chain. 0, or -1 out of memory. */
static int
put(struct pd_index *ix, uint64_t *b, uint64_t word)
{
	uint64_t *more;
	unsigned i;

	while (b[LAST] & PD_INDEX_LINK)
		b = link_of(b[LAST]);
	for (i = 0; i < WORDS; i++)
		if (b[i] == 0) {
			b[i] = word;
			return 0;
		}
	if ((more = link_new(ix)) == NULL)
		return -1;
	more[0] = b[LAST];
	more[1] = word;
	b[LAST] = PD_INDEX_LINK | (uint64_t)(uintptr_t)more;
	return 0;
}

/* Is bit ${bit} set in the hash of ${word}'s item? */
static bool
hash_bit(const struct pd_index *ix, uint64_t word, unsigned bit)
{
	if (bit <= TAG_HIGH && bit >= TAG_LOW)
		return word >> (48 + bit - TAG_LOW) & 1;
	return ix->hash(ix->cookie, item_of(word)) >> bit & 1;
}

/*
 * Move the words of ${from}'s chain: to ${zero}, or to ${one} (may be NULL)
 * where the hash has ${bit}. The overflow buckets that ${from} frees are used
 * again, so that a split needs no memory.
 */
static void
move(struct pd_index *ix, uint64_t *from, uint64_t *zero, uint64_t *one,
    unsigned bit)
{
	uint64_t *b = from, *next, words[WORDS];
	unsigned i, n;
	int r;

	for (; b != NULL; b = next) {
		next = b[LAST] & PD_INDEX_LINK ? link_of(b[LAST]) : NULL;
		n = next != NULL ? LAST : WORDS;
		memcpy(words, b, sizeof(words));
		if (b != from)
			link_spare(ix, b);
		for (i = 0; i < n && words[i] != 0; i++) {
			r = put(ix,
			    one != NULL && hash_bit(ix, words[i], bit) ? one
								       : zero,
			    words[i]);
			assert(r == 0); /* the caller saw to spares */
			(void)r;
		}
	}
	memset(from, 0, BUCKET_BYTES);
}

static void
drop_spares(struct pd_index *ix)
{
	free_links(ix->spare);
	ix->spare = NULL;
}

static unsigned
chain_links(const uint64_t *b)
{
	unsigned n = 0;

	for (; b[LAST] & PD_INDEX_LINK; b = link_of(b[LAST]))
		n++;
	return n;
}

/* Have at least ${n} spare overflow buckets. 0, or -1 out of memory. */
static int
ensure_spares(struct pd_index *ix, unsigned n)
{
	uint64_t *b;

	while (n-- > 0) {
		b = aligned_alloc(BUCKET_BYTES, BUCKET_BYTES);
		if (b == NULL)
			return -1;
		ix->links++;
		link_spare(ix, b);
	}
	return 0;
}

/* Split one bucket. Without memory the chains grow longer, no more. */
static void
grow(struct pd_index *ix)
{
	uint64_t i;
	uint64_t *from;

	if (ix->large == NULL &&
	    (ix->bits == BITS_MAX ||
		(ix->large = table_new(ix->bits + 1)) == NULL))
		return;
	i = ix->split;
	from = ix->small + i * WORDS;
	/* A chain of n links refills at most n: its own come first, but one
	 * may be wanted before it is freed. */
	if (chain_links(from) > 0 && ensure_spares(ix, 1))
		return;
	move(ix, from, ix->large + 2 * i * WORDS,
	    ix->large + (2 * i + 1) * WORDS, 63 - ix->bits);
	drop_spares(ix);
	ix->split++;
	if (ix->split < UINT64_C(1) << ix->bits) {
		table_drop(ix->small, ix->bits, ix->split);
		return;
	}
	table_free(ix->small, ix->bits);
	ix->small = ix->large;
	ix->large = NULL;
	ix->bits++;
	ix->split = 0;
}

/* Merge two buckets into one. */
static void
shrink(struct pd_index *ix)
{
	uint64_t i, *t, *a, *b;

	if (ix->large == NULL) {
		if ((t = table_new(ix->bits - 1)) == NULL)
			return;
		ix->large = ix->small;
		ix->small = t;
		ix->bits--;
		ix->split = UINT64_C(1) << ix->bits;
	}
	assert(ix->large != NULL && ix->small != NULL);
	i = ix->split - 1;
	a = ix->large + 2 * i * WORDS;
	b = a + WORDS;
	if (ensure_spares(ix, chain_links(a) + chain_links(b) + 2)) {
		drop_spares(ix);
		return;
	}
	ix->split = i;
	move(ix, a, ix->small + i * WORDS, NULL, 0);
	move(ix, b, ix->small + i * WORDS, NULL, 0);
	drop_spares(ix);
	if (i == 0) {
		table_free(ix->large, ix->bits + 1);
		ix->large = NULL;
	}
}

int
pd_index_add(struct pd_index *ix, uint64_t h, void *item)
{
	const uint64_t p = (uint64_t)(uintptr_t)item;

	assert((p & ~PD_INDEX_PTR) == 0);
	if (put(ix, pd_index_bucket(ix, h), pd_index_tag(h) | p))
		return -1;
	ix->used++;
	if (ix->used > pd_index_buckets(ix) * LOAD_MAX)
		grow(ix);
	return 0;
}

/* The word of an item that is in the index. */
static uint64_t *
find_word(const struct pd_index *ix, uint64_t h, const void *item)
{
	const uint64_t want = pd_index_tag(h) | (uint64_t)(uintptr_t)item;
	uint64_t *b = pd_index_bucket(ix, h);
	unsigned i;

	for (;;) {
		for (i = 0; i < WORDS; i++)
			if (b[i] == want)
				return &b[i];
		assert(b[LAST] & PD_INDEX_LINK);
		b = link_of(b[LAST]);
	}
}

void
pd_index_del(struct pd_index *ix, uint64_t h, const void *item)
{
	uint64_t *hole = find_word(ix, h, item);
	uint64_t *b = pd_index_bucket(ix, h), *before = NULL;
	unsigned i;

	while (b[LAST] & PD_INDEX_LINK) {
		before = b;
		b = link_of(b[LAST]);
	}
	for (i = LAST; b[i] == 0; i--)
		;
	*hole = b[i];
	b[i] = 0;
	/* An overflow bucket down to one word gives it to the link's place. */
	if (before != NULL && i == 1) {
		before[LAST] = b[0];
		free(b);
		ix->links--;
	}
	ix->used--;
	if (ix->used < pd_index_buckets(ix) * LOAD_MIN &&
	    pd_index_buckets(ix) > UINT64_C(1) << BITS_MIN)
		shrink(ix);
}

void
pd_index_replace(struct pd_index *ix, uint64_t h, const void *item, void *with)
{
	*find_word(ix, h, item) = pd_index_tag(h) | (uint64_t)(uintptr_t)with;
}

uint64_t
pd_index_scan(const struct pd_index *ix, uint64_t cursor,
    void (*fn)(void *cookie, void *item), void *cookie)
{
	const uint64_t h = cursor << 16;
	const uint64_t *b = pd_index_bucket(ix, h);
	const bool moved = h >> (64 - ix->bits) < ix->split;
	const unsigned bits = ix->bits + moved;
	uint64_t next;
	unsigned i;

	while (b != NULL) {
		for (i = 0; i < WORDS && b[i] != 0; i++)
			if (!(b[i] & PD_INDEX_LINK))
				fn(cookie, item_of(b[i]));
		b = b[LAST] & PD_INDEX_LINK ? link_of(b[LAST]) : NULL;
	}
	next = ((h >> (64 - bits)) + 1) << (48 - bits);
	return next >> 48 ? 0 : next;
}

struct pick {
	uint64_t left; /* items to pass before the pick */
	uint64_t seen;
	void *item;
};

static void
pick(void *cookie, void *item)
{
	struct pick *p = cookie;

	if (p->seen++ <= p->left)
		p->item = item;
}

void *
pd_index_random(const struct pd_index *ix, uint64_t r)
{
	struct pick p = {.left = 0};
	uint64_t at = r >> 16, start;

	if (ix->used == 0)
		return NULL;
	do {
		p.seen = 0;
		start = at;
		at = pd_index_scan(ix, at, pick, &p);
	} while (p.seen == 0);
	p.left = (r & 0xffff) % p.seen;
	p.seen = 0;
	pd_index_scan(ix, start, pick, &p);
	return p.item;
}
