/* The bytes of a snapshot: headers and records. predis-snapshot(5). */

#include <string.h>

#include "base/endian.h"
#include "base/err.h"
#include "base/hash.h"
#include "cache/snapshot.h"

#define RECORD 8 /* bytes that every record has before its options */
#define RANK 16

static const char magic[8] = {PD_SNAPSHOT_MAGIC};

enum { HAS_EXPIRY = 1, HAS_COST = 2, HAS_RANK = 4, COST_HINTED = 8 };

void
pd_snapshot_put_info(uint8_t *p, const struct pd_snapshot_info *i)
{
	memcpy(p, magic, sizeof(magic));
	pd_put32(p + 8, PD_SNAPSHOT_VERSION);
	pd_put32(p + 12, i->shards);
	pd_put64(p + 16, i->created_us);
	pd_put64(p + 24, i->salt);
	pd_put64(p + 32, pd_hash64(p, 32, 0));
}

int
pd_snapshot_get_info(
    const uint8_t *p, struct pd_snapshot_info *i, struct pd_err *err)
{
	if (memcmp(p, magic, sizeof(magic)) != 0)
		return pd_err_set(err, "it is no snapshot");
	if (pd_get32(p + 8) != PD_SNAPSHOT_VERSION)
		return pd_err_set(err,
		    "it is a snapshot of version %lu; %d is known",
		    (unsigned long)pd_get32(p + 8), PD_SNAPSHOT_VERSION);
	if (pd_get64(p + 32) != pd_hash64(p, 32, 0))
		return pd_err_set(err, "its header is damaged");
	i->shards = pd_get32(p + 12);
	i->created_us = pd_get64(p + 16);
	i->salt = pd_get64(p + 24);
	return 0;
}

void
pd_snapshot_put_head(
    uint8_t *p, const struct pd_snapshot_head *h, uint64_t salt)
{
	memcpy(p, PD_SNAPSHOT_BLOCK_MAGIC, 4);
	p[4] = h->kind;
	p[5] = h->packing;
	p[6] = h->age;
	p[7] = 0;
	pd_put32(p + 8, h->records);
	pd_put32(p + 12, h->raw);
	pd_put32(p + 16, h->stored);
	pd_put32(p + 20, 0);
	pd_put64(p + 24, h->hash);
	pd_put64(p + 32, pd_hash64(p, 32, salt));
}

bool
pd_snapshot_get_head(
    const uint8_t *p, struct pd_snapshot_head *h, uint64_t salt)
{
	if (memcmp(p, PD_SNAPSHOT_BLOCK_MAGIC, 4) != 0 ||
	    pd_get64(p + 32) != pd_hash64(p, 32, salt))
		return false;
	h->kind = p[4];
	h->packing = p[5];
	h->age = p[6];
	h->records = pd_get32(p + 8);
	h->raw = pd_get32(p + 12);
	h->stored = pd_get32(p + 16);
	h->hash = pd_get64(p + 24);
	return true;
}

size_t
pd_snapshot_record_size(const struct pd_snapshot_record *r)
{
	return RECORD + (r->expiry != 0 ? 8u : 0u) + (r->cost != 0 ? 4u : 0u) +
	       (r->ranked ? RANK : 0u) + r->klen;
}

void
pd_snapshot_put_record(uint8_t *p, const struct pd_snapshot_record *r)
{
	p[0] =
	    (uint8_t)((unsigned)r->db << 4 | (r->expiry != 0 ? HAS_EXPIRY : 0) |
		      (r->cost != 0 ? HAS_COST : 0) |
		      (r->ranked ? HAS_RANK : 0) |
		      (r->hinted && r->cost != 0 ? COST_HINTED : 0));
	p[1] = 0;
	pd_put16(p + 2, r->klen);
	pd_put32(p + 4, r->vlen);
	p += RECORD;
	if (r->expiry != 0) {
		pd_put64(p, (uint64_t)r->expiry);
		p += 8;
	}
	if (r->cost != 0) {
		pd_put32(p, r->cost);
		p += 4;
	}
	if (r->ranked) {
		pd_put32(p, r->rank.age);
		pd_put32(p + 4, r->rank.residence);
		memcpy(p + 8, r->rank.gap, sizeof(r->rank.gap));
		p[12] = r->rank.frequency;
		p[13] = r->rank.hits;
		p[14] = r->rank.ttl;
		p[15] = 0;
		p += RANK;
	}
	memcpy(p, r->key, r->klen);
}

/* Bytes of the options that flags ask for. */
static size_t
options(uint8_t flags)
{
	return (flags & HAS_EXPIRY ? 8u : 0u) + (flags & HAS_COST ? 4u : 0u) +
	       (flags & HAS_RANK ? RANK : 0u);
}

size_t
pd_snapshot_get_record(const uint8_t *p, size_t n, struct pd_snapshot_record *r)
{
	const uint8_t *from = p;

	if (n < RECORD)
		return 0;
	*r = (struct pd_snapshot_record){.db = p[0] >> 4,
	    .ranked = p[0] & HAS_RANK,
	    .hinted = p[0] & COST_HINTED,
	    .klen = pd_get16(p + 2),
	    .vlen = pd_get32(p + 4)};
	if (n - RECORD < options(p[0]) + r->klen ||
	    n - RECORD - options(p[0]) - r->klen < r->vlen)
		return 0;
	p += RECORD;
	if (*from & HAS_EXPIRY) {
		r->expiry = (int64_t)pd_get64(p);
		p += 8;
	}
	if (*from & HAS_COST) {
		r->cost = pd_get32(p);
		p += 4;
	}
	if (r->ranked) {
		r->rank.age = pd_get32(p);
		r->rank.residence = pd_get32(p + 4);
		memcpy(r->rank.gap, p + 8, sizeof(r->rank.gap));
		r->rank.frequency = p[12];
		r->rank.hits = p[13];
		r->rank.ttl = p[14];
		p += RANK;
	}
	r->key = p;
	r->value = p + r->klen;
	return (size_t)(r->value - from) + r->vlen;
}
