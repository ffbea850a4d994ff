/*
 * Events as columns. Each event is taken apart as it arrives, so that closing
 * a block is only copying and deflating. A column that holds nothing but its
 * default is not begun; the first other value fills in the defaults before
 * it, each default being one repeated byte.
 */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/endian.h"
#include "data/pds_priv.h"

/* A block's bytes are counted only now and then; HEADROOM is more than the
 * directory and CHECK_EVERY events (of at most 77 bytes) can take. */
#define CHECK_EVERY 256
#define HEADROOM (CHECK_EVERY * 77 + 1024)

static const struct {
	uint8_t id;
	uint8_t encoding;
	uint8_t width; /* bytes a value in the directory, 0 variable */
	uint8_t room;  /* most bytes a value takes */
} spec[PD_EC_CTX + 1] = {
    [PD_EC_TIME] = {PD_PDS_COL_TIME, PD_PDS_DELTA, 0, 10},
    [PD_EC_TICK] = {PD_PDS_COL_TICK, PD_PDS_DELTA, 0, 10},
    [PD_EC_KEYREF] = {PD_PDS_COL_KEYREF, PD_PDS_DICT, 0, 5},
    [PD_EC_NEWKEY] = {PD_PDS_COL_NEWKEY, PD_PDS_RAW, 8, 8},
    [PD_EC_FLAGS] = {PD_PDS_COL_FLAGS, PD_PDS_RAW, 1, 1},
    [PD_EC_SIZE] = {PD_PDS_COL_SIZE, PD_PDS_VARINT, 0, 5},
    [PD_EC_TTL] = {PD_PDS_COL_TTL, PD_PDS_VARINT, 0, 10},
    [PD_EC_LATENCY] = {PD_PDS_COL_LATENCY, PD_PDS_VARINT, 0, 5},
    [PD_EC_NS] = {PD_PDS_COL_NS, PD_PDS_VARINT, 0, 5},
    [PD_EC_CLIENT] = {PD_PDS_COL_CLIENT, PD_PDS_RAW, 4, 4},
    [PD_EC_WEIGHT] = {PD_PDS_COL_WEIGHT, PD_PDS_VARINT, 0, 5},
    [PD_EC_SHARD] = {PD_PDS_COL_SHARD, PD_PDS_VARINT, 0, 5},
    [PD_EC_CTX] = {PD_PDS_COL_CTX, PD_PDS_RAW, 1, 1},
};

static unsigned
spec_of(unsigned c)
{
	return c < PD_EC_CTX ? c : PD_EC_CTX;
}

int
pd_pds_evenc_init(struct pd_pds_evenc *c, uint32_t max)
{
	size_t room = 0, slots;
	uint8_t *p;

	memset(c, 0, sizeof(*c));
	c->max = max;
	c->slot_bits = 4;
	while (((size_t)1 << c->slot_bits) < 2 * (size_t)max)
		c->slot_bits++;
	slots = (size_t)1 << c->slot_bits;
	for (unsigned i = 0; i < PD_EC_COUNT; i++)
		room += spec[spec_of(i)].room;
	c->memory_len = slots * sizeof(*c->slot) +
			(size_t)max * (room + sizeof(*c->last_size));
	if ((p = calloc(1, c->memory_len)) == NULL)
		return -1;
	c->memory = p;
	c->slot = (void *)p;
	p += slots * sizeof(*c->slot);
	c->last_size = (void *)p;
	p += (size_t)max * sizeof(*c->last_size);
	for (unsigned i = 0; i < PD_EC_COUNT; i++) {
		c->col[i].data = p;
		p += (size_t)max * spec[spec_of(i)].room;
	}
	pd_pds_evenc_clear(c);
	return 0;
}

void
pd_pds_evenc_release(struct pd_pds_evenc *c)
{
	free(c->memory);
	memset(c, 0, sizeof(*c));
}

void
pd_pds_evenc_clear(struct pd_pds_evenc *c)
{
	for (unsigned i = 0; i < PD_EC_COUNT; i++)
		c->col[i].len = 0;
	c->n = c->keys = 0;
	c->ctx_begun = false;
	c->last_tick = 0;
	if (++c->generation == 0) {
		memset(c->slot, 0, sizeof(*c->slot) << c->slot_bits);
		c->generation = 1;
	}
}

static inline void
put_varint(struct pd_pds_col *k, uint64_t v)
{
	uint8_t *p = k->data + k->len;

	while (v >= 0x80) {
		*p++ = (uint8_t)(v | 0x80);
		v >>= 7;
	}
	*p++ = (uint8_t)v;
	k->len = (size_t)(p - k->data);
}

static inline void
put_delta(struct pd_pds_col *k, uint64_t now, uint64_t last)
{
	const uint64_t d = now - last;

	put_varint(k, d << 1 ^ (0 - (d >> 63)));
}

/* A value of an optional column, whose default is the byte ${fill}. */
static inline void
put_optional(
    struct pd_pds_evenc *c, enum pd_pds_evcol i, uint64_t v, uint8_t fill)
{
	struct pd_pds_col *k = &c->col[i];

	if (k->len == 0) {
		if (v == fill)
			return;
		memset(k->data, fill, c->n);
		k->len = c->n;
	}
	put_varint(k, v);
}

static inline void
put_client(struct pd_pds_evenc *c, uint32_t v)
{
	struct pd_pds_col *k = &c->col[PD_EC_CLIENT];

	if (k->len == 0) {
		if (v == 0)
			return;
		k->len = 4 * (size_t)c->n;
		memset(k->data, 0, k->len);
	}
	pd_put32(k->data + k->len, v);
	k->len += 4;
}

static void
put_ctx(struct pd_pds_evenc *c, const uint8_t *ctx)
{
	for (unsigned i = 0; i < PD_CTX_COUNT; i++) {
		struct pd_pds_col *k = &c->col[PD_EC_CTX + i];

		if (k->len == 0) {
			if (ctx[i] == 255)
				continue;
			memset(k->data, 255, c->n);
			k->len = c->n;
		}
		k->data[k->len++] = ctx[i];
	}
}

/* The key's dictionary index; ${*is_new} when it had none. */
static inline uint32_t
find_key(struct pd_pds_evenc *c, uint64_t key, bool *is_new)
{
	const size_t mask = ((size_t)1 << c->slot_bits) - 1;
	size_t i = key * 0x9e3779b97f4a7c15ULL >> (64 - c->slot_bits);

	while (c->slot[i].generation == c->generation) {
		if (c->slot[i].key == key) {
			*is_new = false;
			return c->slot[i].index;
		}
		i = (i + 1) & mask;
	}
	c->slot[i].key = key;
	c->slot[i].index = c->keys;
	c->slot[i].generation = c->generation;
	*is_new = true;
	return c->keys;
}

static inline void
put_key(struct pd_pds_evenc *c, const struct pd_event *e, uint8_t *flags)
{
	struct pd_pds_col *nk = &c->col[PD_EC_NEWKEY];
	bool is_new;
	uint32_t i;

	i = find_key(c, e->key, &is_new);
	if (is_new) {
		pd_put64(nk->data + nk->len, e->key);
		nk->len += 8;
		c->last_size[i] = 1;
		c->keys++;
		put_varint(&c->col[PD_EC_KEYREF], 0);
	} else {
		put_varint(&c->col[PD_EC_KEYREF], c->keys - i);
	}
	if (c->last_size[i] != e->size) {
		*flags |= PD_PDS_F_SIZE;
		c->last_size[i] = e->size;
		put_varint(&c->col[PD_EC_SIZE], e->size);
	}
}

void
pd_pds_evenc_add(
    struct pd_pds_evenc *c, const struct pd_event *e, uint32_t shard)
{
	static const uint8_t unknown[PD_CTX_COUNT] = {
	    255, 255, 255, 255, 255, 255, 255, 255, 255, 255};
	uint8_t flags = e->op & PD_PDS_F_OP;

	if (c->n == 0) {
		c->t0 = c->t_min = c->t_max = c->last_time = e->time_us;
	} else if (e->time_us > c->t_max) {
		c->t_max = e->time_us;
	} else if (e->time_us < c->t_min) {
		c->t_min = e->time_us;
	}
	put_delta(&c->col[PD_EC_TIME], e->time_us, c->last_time);
	c->last_time = e->time_us;
	put_delta(&c->col[PD_EC_TICK], e->tick, c->last_tick);
	c->last_tick = e->tick;
	flags |= (uint8_t)((e->flags & PD_EV_HIT ? PD_PDS_F_HIT : 0) |
			   (e->flags & PD_EV_FILL ? PD_PDS_F_FILL : 0) |
			   (e->flags & PD_EV_COST ? PD_PDS_F_COST : 0));
	if (e->flags & PD_EV_TTL) {
		flags |= PD_PDS_F_TTL;
		put_varint(&c->col[PD_EC_TTL], e->ttl_ms);
	}
	put_key(c, e, &flags);
	c->col[PD_EC_FLAGS].data[c->col[PD_EC_FLAGS].len++] = flags;
	put_optional(c, PD_EC_LATENCY, e->latency_us, 0);
	put_optional(c, PD_EC_NS, e->ns, 0);
	put_client(c, e->client);
	put_optional(c, PD_EC_WEIGHT, e->weight, 1);
	put_optional(c, PD_EC_SHARD, shard, 0);
	if (c->ctx_begun || memcmp(e->ctx, unknown, sizeof(unknown)) != 0) {
		c->ctx_begun = true;
		put_ctx(c, e->ctx);
	}
	c->n++;
}

bool
pd_pds_evenc_full(const struct pd_pds_evenc *c)
{
	size_t used = 0;

	if (c->n == c->max)
		return true;
	if (c->n % CHECK_EVERY != 0)
		return false;
	for (unsigned i = 0; i < PD_EC_COUNT; i++)
		used += c->col[i].len;
	return used > PD_PDS_BLOCK_BYTES - HEADROOM;
}

void
pd_pds_dir(struct pd_buf *out, unsigned id, enum pd_pds_encoding enc,
    unsigned width, size_t len)
{
	pd_buf_add16(out, (uint16_t)id);
	pd_buf_add8(out, (uint8_t)enc);
	pd_buf_add8(out, (uint8_t)width);
	pd_buf_add32(out, (uint32_t)len);
}

void
pd_pds_evenc_dir(const struct pd_pds_evenc *c, struct pd_buf *out)
{
	for (unsigned i = 0; i < PD_EC_COUNT; i++) {
		const unsigned s = spec_of(i);

		if (c->col[i].len > 0)
			pd_pds_dir(out, spec[s].id + (i - s),
			    (enum pd_pds_encoding)spec[s].encoding,
			    spec[s].width, c->col[i].len);
	}
}

void
pd_pds_evenc_data(const struct pd_pds_evenc *c, struct pd_buf *out)
{
	for (unsigned i = 0; i < PD_EC_COUNT; i++)
		pd_buf_add(out, c->col[i].data, c->col[i].len);
}
