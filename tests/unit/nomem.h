#ifndef TESTS_NOMEM_H
#define TESTS_NOMEM_H

/*
 * Replaces the allocator of a test program, for the libraries in it too: one
 * allocation, counted from now, fails, and what was not freed is counted.
 * NOMEM_WORKS is 0 where that cannot be (another C library, AddressSanitizer).
 */

#include <stdbool.h>
#include <stddef.h>

#if defined(__SANITIZE_ADDRESS__) || !defined(__GLIBC__)
#define NOMEM_WORKS 0
#else
#define NOMEM_WORKS 1

void *__libc_malloc(size_t n);
void *__libc_calloc(size_t n, size_t size);
void *__libc_realloc(void *p, size_t n);
void __libc_free(void *p);

static struct {
	long left; /* allocations until one fails; < 0: none does */
	long live; /* allocated and not freed */
} heap = {-1, 0};

/* True when this allocation is the one that fails. */
static bool
fails(void)
{
	return heap.left >= 0 && heap.left-- == 0;
}

void *
malloc(size_t n)
{
	void *p = fails() ? NULL : __libc_malloc(n);

	heap.live += p != NULL;
	return p;
}

void *
calloc(size_t n, size_t size)
{
	void *p = fails() ? NULL : __libc_calloc(n, size);

	heap.live += p != NULL;
	return p;
}

void *
realloc(void *old, size_t n)
{
	void *p = fails() ? NULL : __libc_realloc(old, n);

	heap.live += old == NULL && p != NULL;
	return p;
}

void
free(void *p)
{
	heap.live -= p != NULL;
	__libc_free(p);
}

#endif

#endif /* TESTS_NOMEM_H */
