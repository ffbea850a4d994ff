/*
 * What Redis does under allkeys-lru and allkeys-lfu with their defaults: five
 * random residents a victim, the best 16 candidates kept in a pool from one
 * victim to the next by key; the most idle of the pool goes, though it may have
 * been asked, or have left and come back, since it got there. Idleness is the
 * time since the last request, or 255 less a logarithmic counter that a request
 * raises with falling probability and that each minute without one lowers. Real
 * Redis draws runs of neighbours in its table and measures idleness in seconds.
 */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/bag.h"
#include "cache/look.h"
#include "cache/policy_table.h"
#include "cache/queues.h"

#define SAMPLES 5
#define POOL 16
#define LFU_START 5
#define LFU_LOG_FACTOR 10

struct candidate {
	uint32_t print; /* of the key */
	uint32_t slot;	/* PD_NO_SLOT while the key is not resident */
	uint64_t idle;
};

struct record {
	uint64_t last; /* tick of the last request; lfu: its minute */
	uint32_t print;
	uint8_t counter;
};

struct redis {
	struct pd_policy base;
	struct pd_bag bag;
	struct record *rec; /* by slot */
	struct pd_rng rng;
	uint64_t minute; /* ticks */
	bool lfu;
	unsigned pooled;
	struct candidate pool[POOL]; /* rising idleness */
};

static struct pd_policy *
create(const struct pd_policy_params *params, bool lfu, struct pd_err *err)
{
	struct redis *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	r->base.ops = lfu ? &pd_policy_redis_lfu : &pd_policy_redis_lru;
	r->lfu = lfu;
	r->minute = params->minute > 0 ? params->minute : UINT64_MAX;
	pd_rng_init(&r->rng, params->seed);
	return &r->base;
}

static struct pd_policy *
lru_create(const struct pd_policy_params *params, struct pd_err *err)
{
	return create(params, false, err);
}

static struct pd_policy *
lfu_create(const struct pd_policy_params *params, struct pd_err *err)
{
	return create(params, true, err);
}

static void
destroy(struct pd_policy *p)
{
	struct redis *r = (struct redis *)p;

	pd_bag_release(&r->bag);
	free(r->rec);
	free(r);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	struct redis *r = (struct redis *)p;
	struct record *rec;

	rec = realloc(r->rec, n * sizeof(*rec));
	if (rec == NULL && n > r->bag.n)
		return -1;
	r->rec = rec != NULL ? rec : r->rec;
	return pd_bag_reserve(&r->bag, n);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct redis *r = (struct redis *)p;
	unsigned i;

	pd_bag_move(&r->bag, from, to);
	r->rec[to] = r->rec[from];
	for (i = 0; i < r->pooled; i++)
		if (r->pool[i].slot == from)
			r->pool[i].slot = to;
}

/* When, in the units that records keep. */
static uint64_t
time_of(const struct redis *r, uint64_t tick)
{
	return r->lfu ? tick / r->minute : tick;
}

/* The counter at ${tick}, less one for each minute since the last request. */
static uint8_t
decayed(const struct redis *r, const struct record *rec, uint64_t tick)
{
	const uint64_t minutes = time_of(r, tick) - rec->last;

	return minutes >= rec->counter ? 0 : (uint8_t)(rec->counter - minutes);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct redis *r = (struct redis *)p;
	struct record *rec = &r->rec[slot];
	unsigned base;

	if (r->lfu) {
		rec->counter = decayed(r, rec, acc->tick);
		base = rec->counter > LFU_START ? rec->counter - LFU_START : 0;
		if (rec->counter < 255 &&
		    pd_rng_double(&r->rng) * (base * LFU_LOG_FACTOR + 1) < 1)
			rec->counter++;
	}
	rec->last = time_of(r, acc->tick);
}

/* The pool knows keys by name: one that comes back is meant again. */
static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct redis *r = (struct redis *)p;
	const uint32_t print = pd_slots_print(acc->key);
	unsigned i;

	r->rec[slot] = (struct record){time_of(r, acc->tick), print, LFU_START};
	pd_bag_add(&r->bag, slot);
	for (i = 0; i < r->pooled; i++)
		if (r->pool[i].print == print)
			r->pool[i].slot = slot;
}

/* Put a candidate into the pool if it is more idle than one of it. */
static void
consider(struct redis *r, uint32_t slot, uint64_t idle)
{
	unsigned i = 0;

	while (i < r->pooled && r->pool[i].idle < idle)
		i++;
	if (r->pooled == POOL) {
		if (i == 0)
			return;
		i--; /* the least idle makes room */
		memmove(&r->pool[0], &r->pool[1], i * sizeof(r->pool[0]));
	} else {
		memmove(&r->pool[i + 1], &r->pool[i],
		    (r->pooled - i) * sizeof(r->pool[0]));
		r->pooled++;
	}
	r->pool[i] = (struct candidate){r->rec[slot].print, slot, idle};
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	struct redis *r = (struct redis *)p;
	uint32_t slot;
	unsigned i;

	if (r->bag.count == 0)
		return PD_NO_SLOT;
	for (;;) {
		for (i = 0; i < SAMPLES; i++) {
			slot = pd_bag_draw(&r->bag, &r->rng);
			consider(r, slot,
			    r->lfu ? 255U - decayed(r, &r->rec[slot], tick)
				   : tick - r->rec[slot].last);
		}
		while (r->pooled > 0) {
			slot = r->pool[--r->pooled].slot;
			if (slot != PD_NO_SLOT)
				return slot;
		}
	}
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct redis *r = (struct redis *)p;
	unsigned i;

	(void)key;
	(void)evicted;
	for (i = 0; i < r->pooled; i++)
		if (r->pool[i].slot == slot)
			r->pool[i].slot = PD_NO_SLOT;
	pd_bag_del(&r->bag, slot);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct redis *r = (const struct redis *)p;

	return sizeof(*r) + pd_bag_memory(&r->bag) +
	       (size_t)r->bag.n * sizeof(*r->rec);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct redis *r = (const struct redis *)p;
	uint32_t i;

	for (i = 0; i < r->bag.count; i++)
		fn(cookie, r->bag.member[i]);
}

static void
look(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_look *out)
{
	const struct redis *r = (const struct redis *)p;
	const struct record *rec = &r->rec[slot];

	if (r->lfu) {
		out->counter = decayed(r, rec, tick);
		return;
	}
	out->aged = true;
	out->age = tick - rec->last > UINT32_MAX ? UINT32_MAX
						 : (uint32_t)(tick - rec->last);
}

const struct pd_policy_ops pd_policy_redis_lru = {
    .name = "redis-lru",
    .help = "Redis's allkeys-lru: 5 samples, a pool of 16",
    .create = lru_create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .memory = memory,
    .each = each,
    .look = look,
};

const struct pd_policy_ops pd_policy_redis_lfu = {
    .name = "redis-lfu",
    .help = "Redis's allkeys-lfu: 5 samples, a pool of 16",
    .create = lfu_create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .memory = memory,
    .each = each,
    .look = look,
};
