/*
 * LFU: evict what was asked least often since it came in, among equals what
 * reached that count first. Buckets of equal counts in a list by count, so
 * every step is O(1) (Shah, Mitra and Matani, "An O(1) algorithm for
 * implementing the LFU cache eviction scheme", 2010).
 */

#include <stdlib.h>

#include "base/err.h"
#include "cache/policy_table.h"
#include "cache/slist.h"

struct bucket {
	uint32_t count;
	uint32_t lower; /* buckets, or PD_NO_SLOT */
	uint32_t higher;
	struct pd_slist list;
};

struct lfu {
	struct pd_policy base;
	struct pd_slots slots;
	struct bucket *bucket;
	uint32_t *bucket_of; /* by slot */
	uint32_t cap;	     /* buckets: one more than slots */
	uint32_t spare;	     /* released buckets, chained by higher */
	uint32_t lowest;
};

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct lfu *l = calloc(1, sizeof(*l));

	(void)params;
	if (l == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	l->base.ops = &pd_policy_lfu;
	pd_slots_init(&l->slots, PD_SLOTS_LINK);
	l->spare = PD_NO_SLOT;
	l->lowest = PD_NO_SLOT;
	return &l->base;
}

static void
destroy(struct pd_policy *p)
{
	struct lfu *l = (struct lfu *)p;

	pd_slots_release(&l->slots);
	free(l->bucket);
	free(l->bucket_of);
	free(l);
}

/* Buckets of ${n} slots, the lowest first: each list keeps its order. */
static int
shrink(struct lfu *l, uint32_t n)
{
	struct bucket *b;
	uint32_t *of, i, slot, used = 0;

	if (n + 1 >= l->cap ||
	    (b = malloc(((size_t)n + 1) * sizeof(*b))) == NULL)
		return 0;
	for (i = l->lowest; i != PD_NO_SLOT; i = l->bucket[i].higher) {
		b[used] = l->bucket[i];
		b[used].lower = used == 0 ? PD_NO_SLOT : used - 1;
		if (used > 0)
			b[used - 1].higher = used;
		b[used].higher = PD_NO_SLOT;
		for (slot = b[used].list.oldest; slot != PD_NO_SLOT;
		     slot = l->slots.link[slot].newer)
			l->bucket_of[slot] = used;
		used++;
	}
	free(l->bucket);
	l->bucket = b;
	l->cap = n + 1;
	l->lowest = used > 0 ? 0 : PD_NO_SLOT;
	l->spare = PD_NO_SLOT;
	for (i = used; i < l->cap; i++) {
		b[i].higher = l->spare;
		l->spare = i;
	}
	of = realloc(l->bucket_of, n * sizeof(*of));
	if (of != NULL)
		l->bucket_of = of;
	return pd_slots_reserve(&l->slots, n);
}

/* There are at most as many counts as residents, and one more on the way. */
static int
reserve(struct pd_policy *p, uint32_t n)
{
	struct lfu *l = (struct lfu *)p;
	struct bucket *b;
	uint32_t *of;

	if (n < l->cap)
		return shrink(l, n);
	of = realloc(l->bucket_of, n * sizeof(*of));
	if (of == NULL)
		return -1;
	l->bucket_of = of;
	b = realloc(l->bucket, ((size_t)n + 1) * sizeof(*b));
	if (b == NULL)
		return -1;
	l->bucket = b;
	if (pd_slots_reserve(&l->slots, n) < 0)
		return -1;
	for (; l->cap <= n; l->cap++) {
		b[l->cap].higher = l->spare;
		l->spare = l->cap;
	}
	return 0;
}

/* A new bucket for ${count} above ${lower} (PD_NO_SLOT: the lowest). */
static uint32_t
add_bucket(struct lfu *l, uint32_t count, uint32_t lower)
{
	const uint32_t i = l->spare;
	struct bucket *b = &l->bucket[i];

	l->spare = b->higher;
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
	pd_slist_push(&l->slots, &l->bucket[bucket].list, slot);
}

/* Take ${slot} off its bucket, which goes when it is empty. */
static void
take(struct lfu *l, uint32_t slot)
{
	const uint32_t i = l->bucket_of[slot];
	struct bucket *b = &l->bucket[i];

	pd_slist_remove(&l->slots, &b->list, slot);
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
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct lfu *l = (struct lfu *)p;
	const uint32_t i = l->bucket_of[from];

	pd_slist_move(&l->slots, &l->bucket[i].list, from, to);
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
	if (count == UINT32_MAX) {
		pd_slist_renew(&l->slots, &l->bucket[i].list, slot);
		return;
	}
	if (next == PD_NO_SLOT || l->bucket[next].count != count + 1)
		next = add_bucket(l, count + 1, i);
	take(l, slot);
	put(l, slot, next);
}

static void
miss(struct pd_policy *p, const struct pd_access *acc)
{
	(void)p;
	(void)acc;
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct lfu *l = (struct lfu *)p;

	(void)acc;
	if (l->lowest == PD_NO_SLOT || l->bucket[l->lowest].count != 1)
		add_bucket(l, 1, PD_NO_SLOT);
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

	return sizeof(*l) + pd_slots_memory(&l->slots) +
	       (size_t)l->cap * (sizeof(*l->bucket) + sizeof(*l->bucket_of));
}

static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct lfu *l = (const struct lfu *)p;
	uint32_t i;

	for (i = l->lowest; i != PD_NO_SLOT; i = l->bucket[i].higher)
		pd_slist_each(&l->slots, &l->bucket[i].list, fn, cookie);
}

const struct pd_policy_ops pd_policy_lfu = {
    .name = "lfu",
    .help = "least frequently used since it came in",
    .create = create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .memory = memory,
    .each = each,
};
