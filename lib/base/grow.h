#ifndef PD_BASE_GROW_H
#define PD_BASE_GROW_H

/*
 * Arrays that grow and shrink without being copied: small ones come from
 * malloc, large ones are mapped, and the kernel moves their pages. What is new
 * is zero, and of a mapped array it costs memory only when it is touched. An
 * array starts on a cache line; its size stands on the line before it.
 */

#include <stddef.h>

/*
 * pd_grow(p, n):
 * The array ${p} (NULL: none yet) with ${n} > 0 bytes: what was below both
 * sizes is kept, what is new is zero. NULL out of memory, with ${p} as it was,
 * which never happens for less than it had.
 */
void *pd_grow(void *p, size_t n);
/* Free it; NULL is none. */
void pd_grow_free(void *p);
/* Its bytes, 0 of none. */
size_t pd_grow_size(const void *p);
/* The bytes from ${from} to ${to} are zero: give back the memory of those that
 * fill pages. */
void pd_grow_drop(void *p, size_t from, size_t to);

#endif /* PD_BASE_GROW_H */
