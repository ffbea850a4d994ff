#ifndef PD_CACHE_ENTRY_H
#define PD_CACHE_ENTRY_H

/*
 * How a key with its value lies in memory: two bytes before the key and the
 * value of a small one.
 *
 *	1	length of the key (6 bits), PD_ENTRY_TTL, PD_ENTRY_MORE
 *	[1	with PD_ENTRY_MORE: database, PD_ENTRY_LONG ...]
 *	[2	with PD_ENTRY_LONG: the length of the key]
 *	1..5	length of the value, 7 bits a byte, the lowest first
 *	[6, 8	with PD_ENTRY_TTL: when it expires, ms since 1970]
 *	key, value
 *
 * A small entry is an item of a slab (slab.h): it moves when the store changes
 * it and between turns. A large one is an allocation of its own, with a count
 * of those that read it, and never moves. Its header has all parts at full
 * width: 17 bytes, so that it can be told where its value lies before the key
 * is known.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define PD_ENTRY_KEY 0x3fu
#define PD_ENTRY_TTL 0x40u
#define PD_ENTRY_MORE 0x80u
/* The byte after it. */
#define PD_ENTRY_DB 0x1fu
#define PD_ENTRY_WIDE 0x20u  /* the expiry takes 8 bytes, not 6 */
#define PD_ENTRY_LONG 0x40u  /* the key's length is apart */
#define PD_ENTRY_LARGE 0x80u /* struct pd_large is in front */

#define PD_ENTRY_HEAD 17u /* bytes of the header of a large one */

struct pd_entry; /* opaque bytes */

/* What is in front of a large entry. */
struct pd_large {
	_Atomic uint32_t refs; /* the store is one */
	uint32_t key;	       /* bytes of the key that there is room for */
	size_t bytes;	       /* allocated */
};

struct pd_entry_parts {
	const uint8_t *key;
	uint32_t klen;
	uint32_t vlen;
	int64_t expiry; /* 0 never */
	unsigned db;
	bool large;
};

static inline struct pd_entry_parts
pd_entry_parts(const struct pd_entry *e)
{
	const uint8_t *p = (const uint8_t *)e;
	const unsigned flags = *p++;
	struct pd_entry_parts r = {.klen = flags & PD_ENTRY_KEY};
	unsigned more = 0, shift = 0, i, width;

	if (flags & PD_ENTRY_MORE) {
		more = *p++;
		r.db = more & PD_ENTRY_DB;
		r.large = more & PD_ENTRY_LARGE;
		if (more & PD_ENTRY_LONG) {
			r.klen = p[0] | (uint32_t)p[1] << 8;
			p += 2;
		}
	}
	for (; *p & 0x80; shift += 7)
		r.vlen |= (uint32_t)(*p++ & 0x7f) << shift;
	r.vlen |= (uint32_t)*p++ << shift;
	if (flags & PD_ENTRY_TTL) {
		width = more & PD_ENTRY_WIDE ? 8 : 6;
		for (i = 0; i < width; i++)
			r.expiry = (int64_t)((uint64_t)r.expiry | (uint64_t)p[i]
								      << 8 * i);
		p += width;
	}
	r.key = p;
	return r;
}

static inline const uint8_t *
pd_entry_key(const struct pd_entry *e)
{
	return pd_entry_parts(e).key;
}

static inline uint32_t
pd_entry_key_len(const struct pd_entry *e)
{
	return pd_entry_parts(e).klen;
}

static inline const uint8_t *
pd_entry_value(const struct pd_entry *e)
{
	const struct pd_entry_parts r = pd_entry_parts(e);

	return r.key + r.klen;
}

/* Bytes of the value. */
static inline uint32_t
pd_entry_len(const struct pd_entry *e)
{
	return pd_entry_parts(e).vlen;
}

static inline unsigned
pd_entry_db(const struct pd_entry *e)
{
	return pd_entry_parts(e).db;
}

/* When it expires, ms since 1970; 0 never. */
static inline int64_t
pd_entry_expiry(const struct pd_entry *e)
{
	return pd_entry_parts(e).expiry;
}

static inline bool
pd_entry_large(const struct pd_entry *e)
{
	const uint8_t *p = (const uint8_t *)e;

	return p[0] & PD_ENTRY_MORE && p[1] & PD_ENTRY_LARGE;
}

/* Bytes of a small entry with a key and a value of these lengths. */
static inline size_t
pd_entry_need(size_t klen, size_t vlen, unsigned db, int64_t expiry)
{
	const bool wide = (uint64_t)expiry >> 48 != 0;
	size_t n = 2 + klen + vlen;

	n += klen > PD_ENTRY_KEY || db != 0 || wide;
	n += klen > PD_ENTRY_KEY ? 2 : 0;
	n += expiry == 0 ? 0 : wide ? 8 : 6;
	for (; vlen > 0x7f; vlen >>= 7)
		n++;
	return n;
}

#endif /* PD_CACHE_ENTRY_H */
