/*
 * LFU: evict what was asked least often since it came in, among equals what
 * reached that count first. Buckets of equal counts in a list by count, so
 * every step is O(1) (Shah, Mitra and Matani, "An O(1) algorithm for
 * implementing the LFU cache eviction scheme", 2010).
 */

#include <limits.h>
#include <stdlib.h>

#include "base/err.h"
#include "cache/look.h"
#include "cache/policy_table.h"
#include "cache/queues.h"

#define FIRST 64u /* buckets */

struct bucket {
	uint32_t count;
	uint32_t lower; /* buckets, or PD_NO_SLOT */
	uint32_t higher;
	struct pd_slist list;
};

/* There are far fewer counts than residents: buckets are allocated as they
 * are needed, and a hit that finds no memory for one is not counted. */
struct lfu {
	struct pd_queues q; /* its links only */
	struct bucket *bucket;
	uint32_t *bucket_of; /* by slot */
	uint32_t cap;	     /* buckets */
	uint32_t used;	     /* buckets that hold residents */
	uint32_t spare;	     /* released buckets, chained by higher */
	uint32_t lowest;
};

static void
destroy(struct pd_policy *p)
{
	struct lfu *l = (struct lfu *)p;

	free(l->bucket);
	free(l->bucket_of);
	pd_queues_destroy(p);
}

/* Put the buckets from ${from} on on the list of spare ones. */
static void
spare_from(struct lfu *l, uint32_t from)
{
	uint32_t i;

	for (i = l->cap; i-- > from;) {
		l->bucket[i].higher = l->spare;
		l->spare = i;
	}
}

/* Half as many buckets again. 0, or -1 out of memory. */
static int
grow(struct lfu *l)
{
	const uint32_t old = l->cap, cap = old + old / 2 + FIRST;
	struct bucket *b = realloc(l->bucket, (size_t)cap * sizeof(*b));

	if (b == NULL)
		return -1;
	l->bucket = b;
	l->cap = cap;
	spare_from(l, old);
	return 0;
}

/* Room for ${cap} buckets, at least those in use, the lowest first: each list
 * keeps its order. What cannot shrink stays. */
static void
shrink(struct lfu *l, uint32_t cap)
{
	struct bucket *b = malloc((size_t)cap * sizeof(*b));
	uint32_t i, slot, used = 0;

	if (b == NULL)
		return;
	for (i = l->lowest; i != PD_NO_SLOT; i = l->bucket[i].higher) {
		b[used] = l->bucket[i];
		b[used].lower = used == 0 ? PD_NO_SLOT : used - 1;
		if (used > 0)
			b[used - 1].higher = used;
		b[used].higher = PD_NO_SLOT;
		for (slot = b[used].list.oldest; slot != PD_NO_SLOT;
		     slot = l->q.slots.link[slot].newer)
			l->bucket_of[slot] = used;
		used++;
	}
	free(l->bucket);
	l->bucket = b;
	l->cap = cap;
	l->lowest = used > 0 ? 0 : PD_NO_SLOT;
	l->spare = PD_NO_SLOT;
	spare_from(l, used);
}

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct lfu *l = pd_queues_new(
	    sizeof(*l), &pd_policy_lfu, params, PD_SLOTS_LINK, err);

	if (l == NULL)
		return NULL;
	l->lowest = PD_NO_SLOT;
	l->spare = PD_NO_SLOT;
	if (grow(l) < 0) {
		destroy(&l->q.base);
		pd_err_nomem(err);
		return NULL;
	}
	return &l->q.base;
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	struct lfu *l = (struct lfu *)p;
	uint32_t *of = realloc(l->bucket_of, n * sizeof(*of));

	if (of == NULL && n > l->q.slots.n)
		return -1;
	l->bucket_of = of != NULL ? of : l->bucket_of;
	if (n < l->q.slots.n && l->used + FIRST < l->cap / 2)
		shrink(l, l->used + FIRST);
	return pd_queues_reserve(p, n);
}

/* A new bucket for ${count} above ${lower} (PD_NO_SLOT: the lowest), or
 * PD_NO_SLOT out of memory. */
static uint32_t
add_bucket(struct lfu *l, uint32_t count, uint32_t lower)
{
	struct bucket *b;
	uint32_t i;

	if (l->spare == PD_NO_SLOT && grow(l) < 0)
		return PD_NO_SLOT;
	i = l->spare;
	b = &l->bucket[i];
	l->spare = b->higher;
	l->used++;
	b->count = count;
	b->lower = lower;
	b->higher = lower == PD_NO_SLOT ? l->lowest : l->bucket[lower].higher;
	if (b->higher != PD_NO_SLOT)
		l->bucket[b->higher].lower = i;
	if (lower == PD_NO_SLOT)
		l->lowest = i;
	else
		l->bucket[lower].higher = i;
	pd_slist_init(&b->list);
	return i;
}

static void
put(struct lfu *l, uint32_t slot, uint32_t bucket)
{
	l->bucket_of[slot] = bucket;
	pd_slist_push(&l->q.slots, &l->bucket[bucket].list, slot);
}

/* Take ${slot} off its bucket, which goes when it is empty. */
static void
take(struct lfu *l, uint32_t slot)
{
	const uint32_t i = l->bucket_of[slot];
	struct bucket *b = &l->bucket[i];

	pd_slist_remove(&l->q.slots, &b->list, slot);
	if (b->list.count > 0)
		return;
	if (b->lower != PD_NO_SLOT)
		l->bucket[b->lower].higher = b->higher;
	else
		l->lowest = b->higher;
	if (b->higher != PD_NO_SLOT)
		l->bucket[b->higher].lower = b->lower;
	b->higher = l->spare;
	l->spare = i;
	l->used--;
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct lfu *l = (struct lfu *)p;
	const uint32_t i = l->bucket_of[from];

	pd_slist_move(&l->q.slots, &l->bucket[i].list, from, to);
	l->bucket_of[to] = i;
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lfu *l = (struct lfu *)p;
	const uint32_t i = l->bucket_of[slot];
	const uint32_t count = l->bucket[i].count;
	uint32_t next = l->bucket[i].higher;

	(void)acc;
	if (next == PD_NO_SLOT || l->bucket[next].count != count + 1)
		next = count == UINT32_MAX ? PD_NO_SLOT
					   : add_bucket(l, count + 1, i);
	if (next == PD_NO_SLOT) {
		pd_slist_renew(&l->q.slots, &l->bucket[i].list, slot);
		return;
	}
	take(l, slot);
	put(l, slot, next);
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lfu *l = (struct lfu *)p;

	(void)acc;
	/* Without memory the lowest count that there is has to do: there is
	 * one, or buckets are free. */
	if (l->lowest == PD_NO_SLOT || l->bucket[l->lowest].count != 1)
		(void)add_bucket(l, 1, PD_NO_SLOT);
	put(l, slot, l->lowest);
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	const struct lfu *l = (const struct lfu *)p;

	(void)tick;
	return l->lowest == PD_NO_SLOT ? PD_NO_SLOT
				       : l->bucket[l->lowest].list.oldest;
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	(void)key;
	(void)evicted;
	take((struct lfu *)p, slot);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct lfu *l = (const struct lfu *)p;

	return pd_queues_memory(p) + (size_t)l->cap * sizeof(*l->bucket) +
	       (size_t)l->q.slots.n * sizeof(*l->bucket_of);
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct lfu *l = (const struct lfu *)p;
	uint32_t i;

	for (i = l->lowest; i != PD_NO_SLOT; i = l->bucket[i].higher)
		pd_slist_each(&l->q.slots, &l->bucket[i].list, fn, cookie);
}

/* The accesses since it came in. */
static void
look(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_look *out)
{
	const struct lfu *l = (const struct lfu *)p;
	const uint32_t count = l->bucket[l->bucket_of[slot]].count;

	(void)tick;
	out->counter = count > INT_MAX ? INT_MAX : (int)count;
}

const struct pd_policy_ops pd_policy_lfu = {
    .name = "lfu",
    .help = "least frequently used since it came in",
    .create = create,
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
