/*
 * An entry's bytes (entry.h): writing the header, changing an entry where it
 * is, and large entries, which replies may hold when they have left the store.
 */

#include <assert.h>
#include <malloc.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "cache/store.h"
#include "cache/store_priv.h"

#define FRONT (sizeof(struct pd_large) + PD_ENTRY_HEAD)

/* Write the header; returns where the key goes. */
static uint8_t *
write_head(
    uint8_t *p, const struct pd_key *k, size_t vlen, int64_t expiry, bool large)
{
	const bool wide = large || (uint64_t)expiry >> 48 != 0;
	const bool lengthy = large || k->n > PD_ENTRY_KEY;
	const bool ttl = large || expiry != 0;
	const bool more = lengthy || wide || k->db != 0;
	uint8_t *const first = p++;
	unsigned i;

	*first = (uint8_t)((lengthy ? 0 : k->n) | (ttl ? PD_ENTRY_TTL : 0) |
			   (more ? PD_ENTRY_MORE : 0));
	if (more)
		*p++ = (uint8_t)(k->db | (wide ? PD_ENTRY_WIDE : 0) |
				 (lengthy ? PD_ENTRY_LONG : 0) |
				 (large ? PD_ENTRY_LARGE : 0));
	if (lengthy) {
		*p++ = (uint8_t)k->n;
		*p++ = (uint8_t)(k->n >> 8);
	}
	for (i = 1; vlen > 0x7f || (large && i < 5); i++, vlen >>= 7)
		*p++ = (uint8_t)(vlen | 0x80);
	*p++ = (uint8_t)vlen;
	if (ttl)
		for (i = 0; i < (wide ? 8u : 6u); i++)
			*p++ = (uint8_t)((uint64_t)expiry >> 8 * i);
	return p;
}

/* A small entry at ${p}, the value not written. */
struct pd_entry *
store_entry_write(void *p, const struct pd_key *k, size_t vlen, int64_t expiry)
{
	memcpy(write_head(p, k, vlen, expiry, false), k->p, k->n);
	return p;
}

void
store_entry_reshape(
    struct pd_entry *e, size_t vlen, size_t keep, int64_t expiry)
{
	const struct pd_entry_parts r = pd_entry_parts(e);
	const struct pd_key k = {.n = r.klen, .db = r.db};
	uint8_t head[PD_ENTRY_HEAD];
	uint8_t *const p = (uint8_t *)e;
	const size_t n =
	    (size_t)(write_head(head, &k, vlen, expiry, r.large) - head);

	if (p + n != r.key)
		memmove(p + n, r.key, r.klen + (keep < r.vlen ? keep : r.vlen));
	memcpy(p, head, n);
}

/* Large entries. */

static struct pd_large *
front_of(struct pd_entry *e)
{
	return (struct pd_large *)(void *)e - 1;
}

uint8_t *
pd_store_value_new(size_t klen, size_t vlen)
{
	struct pd_large *l;

	if (vlen > SIZE_MAX / 2 || klen > PD_KEY_MAX ||
	    (l = malloc(FRONT + klen + vlen)) == NULL)
		return NULL;
	atomic_init(&l->refs, 1);
	l->key = (uint32_t)klen;
	/* malloc_usable_size() leaves out the chunk's own word. */
	l->bytes = malloc_usable_size(l) + sizeof(size_t);
	return (uint8_t *)l + FRONT + klen;
}

void
pd_store_value_free(uint8_t *value, size_t klen)
{
	struct pd_large *l;

	if (value == NULL)
		return;
	l = (struct pd_large *)(void *)(value - klen - FRONT);
	if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) == 1)
		free(l);
}

void
pd_store_value_keep(uint8_t *value, size_t klen)
{
	struct pd_large *l = (struct pd_large *)(void *)(value - klen - FRONT);

	atomic_fetch_add_explicit(&l->refs, 1, memory_order_relaxed);
}

struct pd_entry *
store_large_write(
    uint8_t *value, const struct pd_key *k, size_t vlen, int64_t expiry)
{
	uint8_t *const p = value - k->n - PD_ENTRY_HEAD;

	assert(((struct pd_large *)(void *)p - 1)->key == k->n);
	memcpy(write_head(p, k, vlen, expiry, true), k->p, k->n);
	return (struct pd_entry *)(void *)p;
}

struct pd_entry *
store_large_new(const struct pd_key *k, size_t vlen, int64_t expiry)
{
	uint8_t *const value = pd_store_value_new(k->n, vlen);

	return value == NULL ? NULL : store_large_write(value, k, vlen, expiry);
}

size_t
store_large_bytes(const struct pd_entry *e)
{
	return ((const struct pd_large *)(const void *)e - 1)->bytes;
}

struct pd_entry *
pd_store_hold(struct pd_entry *e)
{
	const struct pd_entry_parts r = pd_entry_parts(e);
	const struct pd_key k = {.p = r.key, .n = r.klen, .db = r.db};
	struct pd_entry *copy;

	if (r.large) {
		atomic_fetch_add_explicit(
		    &front_of(e)->refs, 1, memory_order_relaxed);
		return e;
	}
	if ((copy = store_large_new(&k, r.vlen, r.expiry)) != NULL)
		memcpy(store_entry_value(copy), r.key + r.klen, r.vlen);
	return copy;
}

void
pd_store_release(struct pd_entry *e)
{
	struct pd_large *l = front_of(e);

	assert(pd_entry_large(e));
	if (atomic_fetch_sub_explicit(&l->refs, 1, memory_order_acq_rel) == 1)
		free(l);
}

bool
store_large_held(struct pd_entry *e)
{
	return atomic_load_explicit(&front_of(e)->refs, memory_order_acquire) >
	       1;
}
