#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache_store.h"

#include "base/rng.h"
#include "cache/context.h"
#include "cache/store_priv.h"
#include "cache/tap.h"
#include "data/event.h"

static struct pd_store *
new_store(uint64_t maxmemory, uint64_t maxobjects, const char *policy)
{
	struct pd_store_config cfg = store_config(maxmemory, policy);

	cfg.maxobjects = maxobjects;

	return store_of(&cfg, UINT64_C(1000000000000));
}

static struct pd_key
key(const struct pd_store *st, const char *name)
{
	return pd_store_key(st, 0, name, strlen(name));
}

static enum pd_store_status
put(struct pd_store *st, const char *name, const char *v, int64_t expiry)
{
	const struct pd_key k = key(st, name);
	const struct pd_put p = {
	    .len = strlen(v), .expiry = expiry, .op = PD_OP_SET};
	enum pd_store_status r;
	uint8_t *value;

	r = pd_store_put(st, &k, &p, &value);
	if (r == PD_STORE_OK)
		memcpy(value, v, strlen(v));
	return r;
}

static const struct pd_entry *
peek(struct pd_store *st, const char *name)
{
	const struct pd_key k = key(st, name);

	return pd_store_peek(st, &k);
}

static void
expect(struct pd_store *st, const char *name, const char *v)
{
	const struct pd_entry *e = peek(st, name);

	assert_non_null(e);
	assert_int_equal(pd_entry_len(e), strlen(v));
	assert_memory_equal(pd_entry_value(e), v, strlen(v));
}

static void
values_come_back(void **state)
{
	struct pd_store *st = new_store(0, 0, "lru");
	struct pd_key k = key(st, "a");

	(void)state;
	assert_null(peek(st, "a"));
	put(st, "a", "one", 0);
	expect(st, "a", "one");
	put(st, "a", "", 0);
	expect(st, "a", "");
	put(st, "a", "a much longer value than before, in a new place", 0);
	expect(st, "a", "a much longer value than before, in a new place");
	assert_int_equal(st->total, 1);
	assert_true(pd_store_del(st, &k));
	assert_false(pd_store_del(st, &k));
	assert_int_equal(st->total, 0);
	assert_int_equal(st->entry_bytes, 0);
	pd_store_free(st);
}

/* Lengths and expiry in all combinations of before and after. */
static void
keeps_a_prefix_and_the_expiry(void **state)
{
	static const size_t lens[] = {0, 1, 7, 8, 9, 30, 100, 5000};
	struct pd_store *st = new_store(0, 0, "lru");
	struct pd_key k = key(st, "k");
	size_t i, j, t, b;
	uint8_t *v;

	(void)state;
	for (t = 0; t < 4; t++)
		for (i = 0; i < 8; i++)
			for (j = 0; j < 8; j++) {
				struct pd_put p = {.len = lens[i],
				    .expiry = t & 1 ? 5000000000 : 0,
				    .op = PD_OP_SET};
				const struct pd_entry *e;

				pd_store_del(st, &k);
				assert_int_equal(
				    pd_store_put(st, &k, &p, &v), 0);
				memset(v, 'x', lens[i]);
				p.len = p.keep = lens[j];
				p.expiry = t & 2 ? PD_EXPIRY_KEEP : 6000000000;
				assert_int_equal(
				    pd_store_put(st, &k, &p, &v), 0);
				e = pd_store_peek(st, &k);
				assert_int_equal(pd_entry_len(e), lens[j]);
				for (b = 0; b < lens[j]; b++)
					assert_int_equal(pd_entry_value(e)[b],
					    b < lens[i] ? 'x' : 0);
				assert_int_equal(
				    pd_entry_expiry(e), !(t & 2)  ? 6000000000
							: (t & 1) ? 5000000000
								  : 0);
				assert_memory_equal(pd_entry_key(e), "k", 1);
				assert_int_equal(
				    st->expiring[0], pd_entry_expiry(e) != 0);
			}
	pd_store_free(st);
}

static void
expiry(void **state)
{
	struct pd_store *st = new_store(0, 0, "lru");
	const int64_t now = st->now_ms;
	struct pd_entry *e;
	char name[16];
	int i;

	(void)state;
	put(st, "a", "v", now + 10);
	assert_non_null(peek(st, "a"));
	pd_store_time(st, (uint64_t)(now + 9) * 1000, 0);
	assert_non_null(peek(st, "a"));
	pd_store_time(st, (uint64_t)(now + 10) * 1000, 0);
	assert_null(peek(st, "a"));
	assert_int_equal(stats.expired, 1);
	put(st, "b", "v", 0);
	e = (struct pd_entry *)(uintptr_t)peek(st, "b");
	e = pd_store_set_expiry(st, e, now + 100);
	assert_int_equal(pd_entry_expiry(e), now + 100);
	expect(st, "b", "v");
	e = pd_store_set_expiry(st, e, 0);
	assert_int_equal(pd_entry_expiry(e), 0);
	expect(st, "b", "v");
	assert_int_equal(st->expiring[0], 0);
	/* The active part finds what nobody asks for. */
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "x%d", i);
		put(st, name, "v", now + 20);
	}
	pd_store_time(st, (uint64_t)(now + 30) * 1000, 0);
	for (i = 0; i < 100 && st->expiring[0] > 0; i++)
		pd_store_expire_some(st, 100);
	assert_int_equal(st->expiring[0], 0);
	assert_int_equal(st->total, 1);
	pd_store_free(st);
}

/* Cache-aside over a skewed stream against a list that is kept by hand. */
static void
lru_as_simulated(void **state)
{
	enum { KEYS = 400, ROOM = 37, N = 50000 };
	struct pd_store *st = new_store(0, ROOM, "lru");
	uint32_t order[ROOM], held = 0, hits = 0, i, j;
	struct pd_rng r;
	char name[16];

	(void)state;
	pd_rng_init(&r, 11);
	for (i = 0; i < N; i++) {
		const uint32_t id =
		    pd_rng_below(&r, pd_rng_below(&r, KEYS) + 1);
		struct pd_key k;
		bool hit;

		snprintf(name, sizeof(name), "k%u", id);
		k = key(st, name);
		hit = pd_store_read(st, &k, PD_OP_GET) != NULL;
		if (!hit)
			put(st, name, "v", 0);
		for (j = 0; j < held && order[j] != id; j++)
			;
		assert_int_equal(hit, j < held);
		hits += hit;
		if (j == held && held < ROOM)
			held++;
		if (j == ROOM)
			j--;
		memmove(order + 1, order, j * sizeof(*order));
		order[0] = id;
		assert_int_equal(st->total, held);
	}
	assert_int_equal(stats.hits, hits);
	assert_int_equal(st->tick, N);
	assert_int_equal(stats.fills, N - hits);
	pd_store_free(st);
}

static void
what_counts_as_an_access(void **state)
{
	struct pd_store *st = new_store(0, 100, "lru");
	struct pd_key a = key(st, "a"), b = key(st, "b");

	(void)state;
	pd_store_read(st, &a, PD_OP_GET);
	assert_int_equal(st->tick, 1);
	put(st, "a", "v", 0); /* fills */
	assert_int_equal(st->tick, 1);
	put(st, "a", "v", 0); /* a write of a resident */
	assert_int_equal(st->tick, 2);
	put(st, "b", "v", 0); /* absent, and no miss before */
	assert_int_equal(st->tick, 3);
	pd_store_del(st, &b);
	put(st, "b", "v", 0);
	assert_int_equal(st->tick, 4);
	pd_store_peek(st, &a);
	pd_store_del(st, &a);
	assert_int_equal(st->tick, 4);
	/* Two misses, one fill, then a write of its own. */
	pd_store_read(st, &a, PD_OP_GET);
	pd_store_read(st, &a, PD_OP_GET);
	put(st, "a", "v", 0);
	assert_int_equal(st->tick, 6);
	assert_int_equal(stats.fills, 2);
	pd_store_free(st);
}

static void
memory_stays_within(const char *policy)
{
	const uint64_t limit = 4 << 20;
	struct pd_store *st = new_store(limit, 0, policy);
	struct pd_rng r;
	char name[16], *v = malloc(20000);
	uint32_t i;

	assert_non_null(v);
	memset(v, 'v', 20000);
	pd_rng_init(&r, 1);
	for (i = 0; i < 30000; i++) {
		const uint32_t n = pd_rng_below(&r, 100) == 0
				       ? pd_rng_below(&r, 20000)
				       : pd_rng_below(&r, 300);

		snprintf(name, sizeof(name), "k%u", pd_rng_below(&r, 20000));
		v[n] = '\0';
		if (put(st, name, v, 0) != PD_STORE_OK)
			fail_msg("policy %s, write %u: refused with %u keys, "
				 "policy memory %zu",
			    policy, i, (unsigned)st->total,
			    st->policy->ops->memory(st->policy));
		v[n] = 'v';
		/* After the check the index may grow by a bucket, and what a
		 * policy remembers of others by a step; where that happens
		 * depends on what malloc gives. */
		if (pd_store_memory(st) >= limit + 8192)
			fail_msg("%s: %ju bytes above the limit", policy,
			    (uintmax_t)(pd_store_memory(st) - limit));
		if (i % 1000 == 0)
			pd_store_tune(st);
	}
	/* Few large ones for gdsf and lhd, which look at sizes. */
	assert_true(stats.evicted > 200);
	assert_true(pd_store_memory(st) > limit / 2);
	pd_store_set_limits(st, limit / 4 * 3, 0);
	if (pd_store_memory(st) > limit / 4 * 3 || st->total < 1000)
		fail_msg("policy %s: %u keys left, policy memory %zu", policy,
		    (unsigned)st->total, st->policy->ops->memory(st->policy));
	pd_store_flush(st, -1);
	assert_int_equal(st->total, 0);
	assert_int_equal(st->entry_bytes, 0);
	pd_store_free(st);
	free(v);
}

static void
memory_within_the_limit(void **state)
{
	const struct pd_policy_ops *const *p;

	(void)state;
	for (p = pd_policies; *p != NULL; p++)
		memory_stays_within((*p)->name);
}

/* Put keys of ${n} numbers from ${first} on, each with ${len} bytes. */
static void
put_many(struct pd_store *st, int first, int n, size_t len)
{
	struct pd_put p = {.len = len, .op = PD_OP_SET};
	struct pd_key k;
	char name[16];
	uint8_t *v;

	for (; n > 0; n--) {
		snprintf(name, sizeof(name), "k%d", first++);
		k = key(st, name);
		assert_int_equal(pd_store_put(st, &k, &p, &v), PD_STORE_OK);
		memset(v, name[1], len);
	}
}

/* After tiny values the memory goes to larger ones, a lower limit still holds
 * data, and a flush leaves nothing behind. */
static void
bookkeeping_shrinks(void **state)
{
	const struct pd_policy_ops *const *p;
	struct pd_store *st;
	const struct pd_entry *e;
	uint64_t empty, total;
	uint32_t i, n;

	(void)state;
	for (p = pd_policies; *p != NULL; p++) {
		st = new_store(8 << 20, 0, (*p)->name);
		empty = pd_store_memory(st);
		put_many(st, 0, 120000, 3);
		assert_true(pd_store_memory(st) <= 8 << 20);
		put_many(st, 200000, 20000, 1000);
		if (pd_store_memory(st) > 8 << 20)
			fail_msg("%s: %ju bytes", (*p)->name,
			    (uintmax_t)pd_store_memory(st));
		/* SLRU, LFU and such keep many of the old ones: rightly. */
		if (strcmp((*p)->name, "lru") == 0 ||
		    strcmp((*p)->name, "s3fifo") == 0 ||
		    strcmp((*p)->name, "learned") == 0)
			assert_true(st->entry_bytes > (8 << 20) / 5 * 4);
		while (pd_store_defrag(st, 100))
			;
		assert_true(pd_slab_slots(&st->slab) <=
			    st->total + st->total / 2 + 1024);
		put_many(st, 300000, 120000, 3);
		pd_store_set_limits(st, 2 << 20, 0);
		assert_true(pd_store_memory(st) <= 2 << 20);
		if (st->entry_bytes < 2 << 16)
			fail_msg("%s: %ju bytes of entries", (*p)->name,
			    (uintmax_t)st->entry_bytes);
		for (i = 0, n = 0; i < pd_slab_top(&st->slab); i++) {
			if ((e = store_slot(st, i)) == NULL)
				continue;
			assert_int_equal(pd_store_slot(st, e), i);
			assert_int_equal(
			    pd_entry_value(e)[0], pd_entry_key(e)[1]);
			n++;
		}
		assert_int_equal(n, st->total);
		total = st->total;
		put_many(st, 500000, 10000, 3);
		assert_true(st->total > total / 2);
		pd_store_flush(st, -1);
		assert_int_equal(st->entry_bytes, 0);
		/* The context, of bounded size, keeps what it knows. */
		assert_true(pd_store_memory(st) <= empty + (512 << 10));
		put_many(st, 0, 5000, 3);
		assert_true(st->total > 4000);
		pd_store_free(st);
	}
}

/* Deleting most keys gives the memory of their slots back. */
static void
deletions_shrink_it(void **state)
{
	struct pd_store *st = new_store(0, 0, "learned");
	struct pd_key k;
	char name[16];
	int i;

	(void)state;
	put_many(st, 0, 50000, 3);
	for (i = 0; i < 50000; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		k = key(st, name);
		if (i % 100 != 0)
			assert_true(pd_store_del(st, &k));
	}
	assert_int_equal(st->total, 500);
	while (pd_store_defrag(st, 100))
		;
	assert_true(pd_slab_slots(&st->slab) < 1024);
	assert_true(st->policy->ops->memory(st->policy) < 100000);
	for (i = 0; i < 50000; i += 100) {
		snprintf(name, sizeof(name), "k%d", i);
		assert_non_null(peek(st, name));
	}
	pd_store_free(st);
}

static void
large_values_evict_nothing(void **state)
{
	struct pd_store *st = new_store(4 << 20, 0, "lru");
	const struct pd_key k = key(st, "big");
	struct pd_put p = {.len = (1 << 20) + 1, .op = PD_OP_SET};
	uint64_t total;
	char name[16];
	uint8_t *v;
	int i;

	(void)state;
	for (i = 0; i < 1000; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		put(st, name, "v", 0);
	}
	total = st->total;
	assert_int_equal(pd_store_put(st, &k, &p, &v), PD_STORE_LARGE);
	p.len = (4 << 20) / 4;
	assert_int_equal(pd_store_put(st, &k, &p, &v), PD_STORE_LARGE);
	assert_int_equal(st->total, total);
	assert_int_equal(stats.refused_large, 2);
	p.len = 900000;
	assert_int_equal(pd_store_put(st, &k, &p, &v), PD_STORE_OK);
	pd_store_free(st);
}

static void
no_eviction_refuses(void **state)
{
	struct pd_store *st = new_store(1 << 20, 0, "lru");
	char name[16], v[1001];
	int i;

	(void)state;
	memset(v, 'v', 1000);
	v[1000] = '\0';
	st->cfg.evict = false;
	for (i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		if (put(st, name, v, 0) != PD_STORE_OK)
			break;
	}
	assert_in_range(i, 500, 1000);
	assert_int_equal(stats.evicted, 0);
	assert_true(pd_store_memory(st) <= 1 << 20);
	expect(st, "k0", v);
	pd_store_free(st);
}

static void
held_values_stay_readable(void **state)
{
	struct pd_store *st = new_store(0, 1, "lru");
	struct pd_entry *e;

	(void)state;
	put(st, "a", "the first", 0);
	e = pd_store_hold((struct pd_entry *)(uintptr_t)peek(st, "a"));
	assert_non_null(e);
	put(st, "a", "another", 0);
	assert_memory_equal(pd_entry_value(e), "the first", 9);
	expect(st, "a", "another");
	put(st, "b", "evicts a", 0);
	assert_null(peek(st, "a"));
	assert_memory_equal(pd_entry_value(e), "the first", 9);
	pd_store_release(e);
	expect(st, "b", "evicts a");
	pd_store_free(st);
}

static const char *
why_gone(struct pd_store *st, const char *name)
{
	struct pd_evictlog_entry e;

	return pd_evictlog_find(st->evictlog, key(st, name).hash, &e)
		   ? pd_gone_name((enum pd_gone)e.why)
		   : "unknown";
}

/* Many keys are gone at once, though what they were in is given back little by
 * little; what comes meanwhile stays, what is read meanwhile too. */
static void
many_are_flushed_at_once(void **state)
{
	static const char *const policies[] = {
	    "lru", "lirs", "gdsf", "selector"};
	struct pd_store_config cfg;
	struct pd_store *st;
	struct pd_entry *held;
	char *v = malloc(20001);
	struct pd_key k;
	uint64_t empty;
	unsigned pieces, i;

	(void)state;
	assert_non_null(v);
	memset(v, 'v', 20000);
	v[20000] = '\0';
	for (i = 0; i < sizeof(policies) / sizeof(*policies); i++) {
		cfg = store_config(64 << 20, policies[i]);
		cfg.eviction_log = 1 << 20;
		st = store_of(&cfg, UINT64_C(1000000000000));
		empty = pd_store_memory(st);
		put_many(st, 0, 15000, 100);
		put(st, "large", v, 0);
		put(st, "larger", v, 0);
		held = pd_store_hold(
		    (struct pd_entry *)(uintptr_t)peek(st, "large"));
		assert_non_null(held);
		assert_false(pd_store_bury_some(st));
		pd_store_flush(st, 0);
		assert_int_equal(st->total, 0);
		assert_int_equal(st->count[0], 0);
		assert_int_equal(st->large_bytes, 0);
		assert_int_equal(stats.deleted, 15002);
		assert_null(peek(st, "k5"));
		assert_true(pd_store_memory(st) < empty + (4 << 20));
		put_many(st, 100, 50, 30);
		put(st, "k7", "new", 0);
		k = key(st, "k7");
		assert_true(pd_store_del(st, &k));
		for (pieces = 1; pd_store_bury_some(st); pieces++)
			continue;
		assert_in_range(pieces, 8, 60);
		assert_int_equal(st->total, 50);
		assert_int_equal(pd_entry_len(peek(st, "k149")), 30);
		assert_null(peek(st, "k150"));
		assert_string_equal(why_gone(st, "k5"), "flushed");
		assert_string_equal(why_gone(st, "k7"), "deleted");
		assert_memory_equal(pd_entry_value(held), v, 20000);
		pd_store_release(held);
		/* Twice, and freed with both still there. */
		put_many(st, 0, 12000, 20);
		pd_store_flush(st, -1);
		put_many(st, 0, 12000, 20);
		pd_store_flush(st, -1);
		assert_true(pd_store_bury_some(st));
		pd_store_free(st);
	}
	free(v);
}

static void
a_switch_keeps_the_order(void **state)
{
	struct pd_store *st = new_store(0, 10, "lru");
	struct pd_key k;
	char name[16];
	int i;

	(void)state;
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "k%d", i);
		put(st, name, "v", 0);
	}
	k = key(st, "k0");
	pd_store_read(st, &k, PD_OP_GET); /* k1 is the oldest now */
	assert_int_equal(
	    pd_store_set_policy(st, pd_policy_find("fifo"), NULL), 0);
	assert_int_equal(st->total, 10);
	put(st, "new1", "v", 0);
	assert_null(peek(st, "k1"));
	assert_non_null(peek(st, "k0"));
	assert_int_equal(
	    pd_store_set_policy(st, pd_policy_find("s3fifo"), NULL), 0);
	assert_int_equal(
	    pd_store_set_policy(st, pd_policy_find("learned"), NULL), 0);
	for (i = 0; i < 10; i++) {
		snprintf(name, sizeof(name), "n%d", i);
		put(st, name, "v", 0);
		assert_int_equal(st->total, 10);
	}
	assert_null(peek(st, "k2"));
	pd_store_free(st);
}

static void
databases_are_apart(void **state)
{
	struct pd_store *st = new_store(0, 0, "lru");
	struct pd_key k0 = pd_store_key(st, 0, "k", 1);
	struct pd_key k1 = pd_store_key(st, 1, "k", 1);
	const struct pd_put p = {.len = 1, .op = PD_OP_SET};
	uint8_t *v;

	(void)state;
	pd_store_put(st, &k0, &p, &v);
	*v = '0';
	assert_null(pd_store_peek(st, &k1));
	pd_store_put(st, &k1, &p, &v);
	*v = '1';
	assert_int_equal(*pd_entry_value(pd_store_peek(st, &k0)), '0');
	assert_int_equal(*pd_entry_value(pd_store_peek(st, &k1)), '1');
	assert_int_equal(pd_entry_db(pd_store_random(st, 1)), 1);
	assert_null(pd_store_random(st, 2));
	pd_store_flush(st, 0);
	assert_null(pd_store_peek(st, &k0));
	assert_non_null(pd_store_peek(st, &k1));
	pd_store_free(st);
}

static const struct pd_event *
waiting(const struct pd_tap *t)
{
	enum pd_scheme scheme;

	return pd_tap_peek(t, pd_tap_head(t), &scheme);
}

static void
the_tap_tells_accesses(void **state)
{
	struct pd_store *st = new_store(0, 100, "lru");
	struct pd_key a = key(st, "a");
	const struct pd_event *e;
	const struct pd_rates all_keys = {.of = {[PD_SAMPLE_KEY] = 1}};
	struct pd_tap *tap;

	(void)state;
	tap = pd_tap_new(&keys, 0, &all_keys, 0, NULL);
	assert_non_null(tap);
	pd_store_set_tap(st, tap);
	put(st, "quiet", "v", 0);
	assert_null(waiting(tap)); /* nobody listens */
	pd_tap_listen(tap, true);
	pd_store_read(st, &a, PD_OP_GET);
	put(st, "a", "value", st->now_ms + 5000);
	pd_store_read(st, &a, PD_OP_GET);
	pd_store_del(st, &a);
	e = waiting(tap);
	assert_int_equal(e->op, PD_OP_GET);
	assert_int_equal(e->flags, 0);
	assert_int_equal(e->tick, 2);
	assert_int_equal(e->key, pd_keys_identity(&keys, "a", 1));
	pd_tap_pop(tap);
	e = waiting(tap);
	assert_int_equal(e->op, PD_OP_SET);
	assert_int_equal(e->flags, PD_EV_FILL | PD_EV_TTL);
	assert_int_equal(e->tick, 2);
	assert_int_equal(e->size, 5);
	assert_int_equal(e->ttl_ms, 5000);
	pd_tap_pop(tap);
	e = waiting(tap);
	assert_int_equal(e->flags, PD_EV_HIT | PD_EV_TTL);
	assert_int_equal(e->tick, 3);
	pd_tap_pop(tap);
	assert_int_equal(waiting(tap)->op, PD_OP_DEL);
	pd_tap_pop(tap);
	assert_null(waiting(tap));
	/* In another database the same name is another key. */
	a = pd_store_key(st, 3, "a", 1);
	pd_store_read(st, &a, PD_OP_GET);
	assert_int_equal(
	    waiting(tap)->key, pd_keys_identity_db(&keys, 3, "a", 1));
	assert_int_not_equal(
	    waiting(tap)->key, pd_keys_identity(&keys, "a", 1));
	pd_tap_pop(tap);
	pd_store_free(st);
	pd_tap_free(tap);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(values_come_back),
	    cmocka_unit_test(keeps_a_prefix_and_the_expiry),
	    cmocka_unit_test(expiry),
	    cmocka_unit_test(lru_as_simulated),
	    cmocka_unit_test(what_counts_as_an_access),
	    cmocka_unit_test(memory_within_the_limit),
	    cmocka_unit_test(bookkeeping_shrinks),
	    cmocka_unit_test(deletions_shrink_it),
	    cmocka_unit_test(large_values_evict_nothing),
	    cmocka_unit_test(no_eviction_refuses),
	    cmocka_unit_test(held_values_stay_readable),
	    cmocka_unit_test(many_are_flushed_at_once),
	    cmocka_unit_test(a_switch_keeps_the_order),
	    cmocka_unit_test(databases_are_apart),
	    cmocka_unit_test(the_tap_tells_accesses),
	};

	pd_keys_public(&keys);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
