#define _GNU_SOURCE /* mremap */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "base/grow.h"

#define MAP_FROM ((size_t)256 << 10) /* arrays of this size are mapped */
#define PAGE ((size_t)4096)
#define HEAD ((size_t)64)

struct head {
	size_t n;   /* bytes of the array */
	void *base; /* what was allocated */
	bool mapped;
};

static struct head *
head_of(const void *p)
{
	return (struct head *)(void *)((uint8_t *)(uintptr_t)p - HEAD);
}

/* Bytes to map for an array of ${n}. */
static size_t
pages(size_t n)
{
	return (n + HEAD + PAGE - 1) / PAGE * PAGE;
}

static void *
fresh(size_t n)
{
	const bool mapped = n >= MAP_FROM;
	struct head *h;
	uint8_t *base;

	if (mapped) {
		base = mmap(NULL, pages(n), PROT_READ | PROT_WRITE,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (base == MAP_FAILED)
			return NULL;
		h = (struct head *)(void *)base;
	} else {
		if ((base = malloc(n + 2 * HEAD)) == NULL)
			return NULL;
		h = (struct head *)(void *)(base + HEAD -
					    (uintptr_t)base % HEAD);
		memset(h, 0, n + HEAD);
	}
	h->n = n;
	h->base = base;
	h->mapped = mapped;
	return (uint8_t *)h + HEAD;
}

void
pd_grow_free(void *p)
{
	if (p == NULL)
		return;
	if (head_of(p)->mapped)
		munmap(head_of(p), pages(head_of(p)->n));
	else
		free(head_of(p)->base);
}

size_t
pd_grow_size(const void *p)
{
	return p == NULL ? 0 : head_of(p)->n;
}

/* A mapped array of another size. */
static void *
remap(void *p, size_t n)
{
	struct head *h = head_of(p);
	const size_t had = h->n;

	if (n < had)
		memset((uint8_t *)p + n, 0,
		    (pages(n) < pages(had) ? pages(n) - HEAD : had) - n);
	if (pages(n) != pages(had)) {
		h = mremap(h, pages(had), pages(n), MREMAP_MAYMOVE);
		if (h == MAP_FAILED)
			return NULL;
	}
	h->n = n;
	h->base = h;
	return (uint8_t *)h + HEAD;
}

void *
pd_grow(void *p, size_t n)
{
	const size_t had = pd_grow_size(p);
	void *q;

	if (n > SIZE_MAX / 2)
		return NULL;
	if (p == NULL)
		return fresh(n);
	if (n == had)
		return p;
	if (head_of(p)->mapped && n >= MAP_FROM) {
		q = remap(p, n);
		return q == NULL && n < had ? p : q;
	}
	/* Where less cannot be had, what there is will do. */
	if ((q = fresh(n)) == NULL)
		return n < had ? p : NULL;
	memcpy(q, p, had < n ? had : n);
	pd_grow_free(p);
	return q;
}

void
pd_grow_drop(void *p, size_t from, size_t to)
{
	struct head *h = head_of(p);
	const size_t first = pages(from), end = (to + HEAD) / PAGE * PAGE;

	if (h->mapped && first < end)
		madvise((uint8_t *)h + first, end - first, MADV_DONTNEED);
}
