#include <stdlib.h>

#include "base/code.h"
#include "base/err.h"
#include "cache/context.h"
#include "cache/keyindex.h"

#define NIL UINT32_MAX
#define AGE_WEIGHT 256	  /* evictions in the moving mean of the age */
#define RATIO_WEIGHT 1024 /* accesses in the moving shares */
#define ONE (1u << 24)	  /* 1.0 of the moving shares */
#define BLOOM_BITS (1u << 17)
#define BLOOM_FILL 8192 /* keys a generation: 16 bits a key */

struct ghost {
	uint64_t key;
	uint64_t tick; /* last access */
	uint32_t size;
	uint32_t prev; /* towards the most recent */
	uint32_t next;
};

/*
 * The ghost is an array of entries with an intrusive list and a free list
 * (through next). "Never seen" is asked of two generations of a Bloom filter,
 * of 8,192 sampled keys each (2 hash functions, 2% wrong when full): "not
 * among the last 8,192 to 16,384 distinct sampled keys", which is at least
 * three times what the ghost holds.
 */
struct pd_context {
	struct pd_context_codes codes;
	bool by_bytes;
	unsigned shift;	   /* the rate is 2^-shift */
	uint64_t capacity; /* of the real cache */
	uint64_t used;	   /* by the ghost */
	struct ghost *ghost;
	uint32_t ghosts; /* allocated */
	uint32_t count;	 /* resident */
	uint32_t head;	 /* most recent */
	uint32_t tail;
	uint32_t free;
	struct pd_keyindex index;
	uint64_t age; /* moving mean of the eviction age, 8 fraction bits */
	uint64_t evictions;
	uint32_t hit_ratio; /* in ONE */
	uint32_t new_share; /* in ONE, over sampled accesses */
	uint64_t *bloom[2]; /* [0] fills */
	uint32_t bloom_keys;
	uint32_t most; /* objects of the ghost */
	uint64_t accesses;
	uint64_t hits;
	uint64_t seen;
	uint64_t own_hits;
	uint64_t ghost_hits;
	int last; /* pd_context_last() */
};

static bool
sampled(const struct pd_context *ctx, uint64_t key)
{
	return pd_context_selects(key, ctx->shift);
}

static uint64_t
ghost_capacity(const struct pd_context *ctx)
{
	return ctx->capacity >> ctx->shift;
}

/* A moving mean: a plain mean over the first ${weight} values. Inline, for
 * the division by a constant power of two. */
static inline uint64_t
moving(uint64_t mean, uint64_t value, uint64_t n, uint64_t weight)
{
	const bool up = value >= mean;
	uint64_t step = up ? value - mean : mean - value;

	step = n < weight ? step / n : step / weight;
	return up ? mean + step : mean - step;
}

static uint8_t
share_code(uint32_t v)
{
	return (uint8_t)(((uint64_t)v * 250 + ONE / 2) / ONE);
}

static void
unlink_ghost(struct pd_context *ctx, uint32_t i)
{
	const struct ghost *g = &ctx->ghost[i];

	if (g->prev == NIL)
		ctx->head = g->next;
	else
		ctx->ghost[g->prev].next = g->next;
	if (g->next == NIL)
		ctx->tail = g->prev;
	else
		ctx->ghost[g->next].prev = g->prev;
}

static void
push_ghost(struct pd_context *ctx, uint32_t i)
{
	struct ghost *g = &ctx->ghost[i];

	g->prev = NIL;
	g->next = ctx->head;
	if (ctx->head == NIL)
		ctx->tail = i;
	else
		ctx->ghost[ctx->head].prev = i;
	ctx->head = i;
}

static void
drop_ghost(struct pd_context *ctx, uint32_t i)
{
	unlink_ghost(ctx, i);
	pd_keyindex_del(&ctx->index, i);
	ctx->used -= ctx->by_bytes ? ctx->ghost[i].size : 1;
	ctx->count--;
	ctx->ghost[i].next = ctx->free;
	ctx->free = i;
}

/* Evict down to the capacity, learning the age at which LRU evicts. */
static void
shrink(struct pd_context *ctx, uint64_t tick)
{
	while (ctx->count > 0 && ctx->used > ghost_capacity(ctx)) {
		const uint64_t last = ctx->ghost[ctx->tail].tick;
		const uint64_t age = tick > last ? tick - last : 0;

		drop_ghost(ctx, ctx->tail);
		ctx->evictions++;
		ctx->age =
		    moving(ctx->age, age << 8, ctx->evictions, AGE_WEIGHT);
		ctx->codes.evict_age = pd_code(ctx->age >> 8);
	}
}

/* Halve the rate: keys outside the new sample leave, not as evictions. */
static void
halve(struct pd_context *ctx)
{
	uint32_t i, prev;

	ctx->shift++;
	for (i = ctx->tail; i != NIL; i = prev) {
		prev = ctx->ghost[i].prev;
		if (!sampled(ctx, ctx->ghost[i].key))
			drop_ghost(ctx, i);
	}
}

/* More ghosts. False without memory: the ghost stays as large as it is. */
static bool
grow(struct pd_context *ctx)
{
	uint32_t n = ctx->ghosts == 0 ? 256 : ctx->ghosts * 2;
	struct ghost *g;
	uint32_t i;

	if (n > ctx->most)
		n = ctx->most;
	if (pd_keyindex_reserve(&ctx->index, n) == -1)
		return false;
	g = realloc(ctx->ghost, n * sizeof(*g));
	if (g == NULL)
		return false;
	for (i = n; i-- > ctx->ghosts;) {
		g[i].next = ctx->free;
		ctx->free = i;
	}
	ctx->ghost = g;
	ctx->ghosts = n;
	pd_keyindex_move(&ctx->index, g);
	return true;
}

struct pd_context *
pd_context_new(uint64_t capacity, bool by_bytes, struct pd_err *err)
{
	struct pd_context *ctx = calloc(1, sizeof(*ctx));

	if (ctx == NULL)
		goto err0;
	ctx->codes.evict_age = PD_CODE_NONE;
	ctx->codes.hit_ratio = PD_CODE_NONE;
	ctx->codes.new_share = PD_CODE_NONE;
	ctx->by_bytes = by_bytes;
	ctx->most = PD_CONTEXT_MAX;
	ctx->head = ctx->tail = ctx->free = NIL;
	ctx->bloom[0] = calloc(BLOOM_BITS / 64, sizeof(uint64_t));
	ctx->bloom[1] = calloc(BLOOM_BITS / 64, sizeof(uint64_t));
	if (ctx->bloom[0] == NULL || ctx->bloom[1] == NULL)
		goto err1;
	if (pd_keyindex_init(&ctx->index, NULL, sizeof(struct ghost)) == -1)
		goto err1;
	pd_context_set_capacity(ctx, capacity);
	return ctx;
err1:
	free(ctx->bloom[0]);
	free(ctx->bloom[1]);
	free(ctx);
err0:
	(void)pd_err_nomem(err);
	return NULL;
}

void
pd_context_free(struct pd_context *ctx)
{
	if (ctx == NULL)
		return;
	pd_keyindex_release(&ctx->index);
	free(ctx->ghost);
	free(ctx->bloom[0]);
	free(ctx->bloom[1]);
	free(ctx);
}

void
pd_context_set_capacity(struct pd_context *ctx, uint64_t capacity)
{
	ctx->capacity = capacity;
	while (!ctx->by_bytes && ghost_capacity(ctx) > ctx->most)
		halve(ctx);
	/* The next access evicts what is too much now. */
}

void
pd_context_limit(struct pd_context *ctx, uint32_t most)
{
	ctx->most = most;
	while (ctx->count > most)
		halve(ctx);
	pd_context_set_capacity(ctx, ctx->capacity);
}

/* Whether a key was asked for lately; it is remembered. */
static bool
seen_before(struct pd_context *ctx, uint64_t key)
{
	const uint64_t h = pd_mix64(key + PD_CONTEXT_SALT);
	const uint32_t a = (uint32_t)h % BLOOM_BITS;
	const uint32_t b = (uint32_t)(h >> 32) % BLOOM_BITS;
	const uint64_t ma = (uint64_t)1 << (a % 64);
	const uint64_t mb = (uint64_t)1 << (b % 64);
	uint64_t *f = ctx->bloom[0], *o = ctx->bloom[1];
	uint32_t i;
	bool old;

	if (f[a / 64] & ma && f[b / 64] & mb)
		return true;
	old = o[a / 64] & ma && o[b / 64] & mb;
	if (ctx->bloom_keys == BLOOM_FILL) {
		ctx->bloom[0] = o;
		ctx->bloom[1] = f;
		for (i = 0; i < BLOOM_BITS / 64; i++)
			o[i] = 0;
		ctx->bloom_keys = 0;
		f = o;
	}
	f[a / 64] |= ma;
	f[b / 64] |= mb;
	ctx->bloom_keys++;
	return old;
}

static void
ghost_add(struct pd_context *ctx, uint64_t key, uint32_t size, uint64_t tick)
{
	uint32_t i;

	if ((ctx->by_bytes ? size : 1) > ghost_capacity(ctx))
		return;
	if (ctx->count >= ctx->most) {
		halve(ctx);
		if (!sampled(ctx, key))
			return;
	}
	if (ctx->free == NIL && !grow(ctx))
		return;
	i = ctx->free;
	ctx->free = ctx->ghost[i].next;
	ctx->ghost[i].key = key;
	ctx->ghost[i].tick = tick;
	ctx->ghost[i].size = size;
	push_ghost(ctx, i);
	pd_keyindex_add(&ctx->index, i);
	ctx->count++;
	ctx->used += ctx->by_bytes ? size : 1;
}

static void
resize(struct pd_context *ctx, uint32_t i, uint32_t size)
{
	if (ctx->by_bytes)
		ctx->used = ctx->used - ctx->ghost[i].size + size;
	ctx->ghost[i].size = size;
}

uint64_t
pd_context_capacity(const struct pd_context *ctx)
{
	return ctx->capacity;
}

unsigned
pd_context_shift(const struct pd_context *ctx)
{
	return ctx->shift;
}

/* An access to a key of the sample. */
static void
access_sampled(struct pd_context *ctx, uint64_t key, bool hit, uint32_t size,
    uint64_t tick)
{
	uint32_t i;

	ctx->seen++;
	ctx->own_hits += hit;
	ctx->new_share = (uint32_t)moving(ctx->new_share,
	    seen_before(ctx, key) ? 0 : ONE, ctx->seen, RATIO_WEIGHT);
	ctx->codes.new_share = share_code(ctx->new_share);
	i = pd_keyindex_find(&ctx->index, key);
	ctx->last = i != PD_KEYINDEX_NONE;
	if (i != PD_KEYINDEX_NONE) {
		ctx->ghost_hits++;
		ctx->ghost[i].tick = tick;
		if (size != 0)
			resize(ctx, i, size);
		if (ctx->head != i) {
			unlink_ghost(ctx, i);
			push_ghost(ctx, i);
		}
	} else if (hit) {
		/* LRU would have missed it and stored it again. */
		ghost_add(ctx, key, size, tick);
	}
	shrink(ctx, tick);
}

bool
pd_context_access(struct pd_context *ctx, uint64_t key, bool hit, uint32_t size,
    uint64_t tick)
{
	ctx->accesses++;
	ctx->hits += hit;
	ctx->hit_ratio = (uint32_t)moving(
	    ctx->hit_ratio, hit ? ONE : 0, ctx->accesses, RATIO_WEIGHT);
	ctx->last = -1;
	if (!sampled(ctx, key))
		return false;
	access_sampled(ctx, key, hit, size, tick);
	return true;
}

bool
pd_context_fill(
    struct pd_context *ctx, uint64_t key, uint32_t size, uint64_t tick)
{
	uint32_t i;

	ctx->last = -1;
	if (!sampled(ctx, key))
		return false;
	i = pd_keyindex_find(&ctx->index, key);
	ctx->last = i != PD_KEYINDEX_NONE;
	if (i == PD_KEYINDEX_NONE)
		ghost_add(ctx, key, size, tick);
	else if (size <= ghost_capacity(ctx) || !ctx->by_bytes)
		resize(ctx, i, size);
	else
		drop_ghost(ctx, i);
	shrink(ctx, tick);
	return true;
}

void
pd_context_flush(struct pd_context *ctx)
{
	while (ctx->tail != NIL)
		drop_ghost(ctx, ctx->tail);
}

int
pd_context_last(const struct pd_context *ctx)
{
	return ctx->last;
}

void
pd_context_set_size(struct pd_context *ctx, uint64_t key, uint32_t size)
{
	uint32_t i;

	if (!ctx->by_bytes || !sampled(ctx, key))
		return;
	i = pd_keyindex_find(&ctx->index, key);
	if (i == PD_KEYINDEX_NONE)
		return;
	if (size > ghost_capacity(ctx)) {
		drop_ghost(ctx, i);
		return;
	}
	resize(ctx, i, size);
	shrink(ctx, ctx->ghost[ctx->head].tick);
}

bool
pd_context_delete(struct pd_context *ctx, uint64_t key)
{
	uint32_t i;

	if (!sampled(ctx, key))
		return false;
	i = pd_keyindex_find(&ctx->index, key);
	if (i != PD_KEYINDEX_NONE)
		drop_ghost(ctx, i);
	return true;
}

struct pd_context_codes
pd_context_codes(const struct pd_context *ctx)
{
	struct pd_context_codes codes = ctx->codes;

	if (ctx->accesses > 0)
		codes.hit_ratio = share_code(ctx->hit_ratio);
	return codes;
}

void
pd_context_stats(const struct pd_context *ctx, struct pd_context_stats *out)
{
	out->accesses = ctx->accesses;
	out->hits = ctx->hits;
	out->ghost_seen = ctx->seen;
	out->ghost_own_hits = ctx->own_hits;
	out->ghost_hits = ctx->ghost_hits;
	out->ghost_objects = ctx->count;
	out->evict_age = ctx->age >> 8;
	out->rate = 1.0 / (double)((uint64_t)1 << ctx->shift);
}

size_t
pd_context_memory(const struct pd_context *ctx)
{
	return sizeof(*ctx) + ctx->ghosts * sizeof(*ctx->ghost) +
	       pd_keyindex_memory(&ctx->index) +
	       (size_t)BLOOM_BITS / 64 * 2 * sizeof(uint64_t);
}
