/* What every policy promises its owner, for all of them. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cache_owner.h"

/* Evict until nothing is left: each once, then PD_NO_SLOT. */
static void
drain(struct owner *o)
{
	uint32_t n = o->count;

	while (n-- > 0)
		owner_evict(o);
	assert_int_equal(o->count, 0);
	assert_int_equal(o->used, 0);
	assert_int_equal(o->ops->victim(o->policy, o->tick), PD_NO_SLOT);
}

/* Accesses, misses that are not stored, deletions and writes of other sizes,
 * in one random order. */
static void
shake(struct owner *o, struct pd_rng *rng, unsigned steps, uint32_t keys)
{
	uint32_t key, slot, size;
	unsigned i, what;

	for (i = 0; i < steps; i++) {
		key = owner_draw(rng, keys);
		what = pd_rng_below(rng, 100);
		slot = o->slot_of[key];
		size = 1 + pd_rng_below(rng, 200);
		if (what < 4) {
			owner_delete(o, key);
		} else if (what < 8 && o->by_bytes && slot != PD_NO_SLOT) {
			o->used = o->used - o->size_of[slot] + size;
			o->size_of[slot] = size;
			if (o->ops->set_size != NULL)
				o->ops->set_size(o->policy, slot,
				    &(struct pd_access){.key = key,
					.size = size,
					.bytes = size});
			while (o->used > o->capacity)
				owner_evict(o);
		} else {
			owner_access(o, key, size, what >= 12);
		}
	}
}

static void
keeps_its_promises(void **state)
{
	static const uint64_t capacities[] = {1, 2, 3, 5, 19, 100, 641};
	const struct pd_policy_ops *const *p;
	struct owner o;
	struct pd_rng rng;
	unsigned i, by_bytes;

	(void)state;
	for (p = pd_policies; *p != NULL; p++)
		for (i = 0; i < sizeof(capacities) / sizeof(*capacities); i++)
			for (by_bytes = 0; by_bytes < 2; by_bytes++) {
				pd_rng_init(&rng, 17 + i);
				owner_init(&o, *p,
				    capacities[i] * (by_bytes ? 100 : 1),
				    by_bytes, 5);
				shake(&o, &rng, 20000, 2000);
				assert_true(o.count > 0);
				drain(&o);
				shake(&o, &rng, 2000, 2000);
				assert_true((*p)->memory(o.policy) > 0);
				owner_release(&o);
			}
}

/* Half the capacity from one moment to the next, then twice as much. */
static void
follows_the_capacity(void **state)
{
	const struct pd_policy_ops *const *p;
	struct owner o;
	struct pd_rng rng;
	unsigned round;

	(void)state;
	for (p = pd_policies; *p != NULL; p++) {
		pd_rng_init(&rng, 3);
		owner_init(&o, *p, 800, false, 5);
		for (round = 0; round < 12; round++) {
			shake(&o, &rng, 3000, 3000);
			o.capacity =
			    round % 3 == 2 ? o.capacity * 4 : o.capacity / 2;
			if ((*p)->set_capacity != NULL)
				(*p)->set_capacity(o.policy, o.capacity);
			pd_context_set_capacity(o.ctx, o.capacity);
			while (o.used > o.capacity)
				owner_evict(&o);
		}
		drain(&o);
		owner_release(&o);
	}
}

static uint64_t
victims(const struct pd_policy_ops *ops, uint64_t seed, uint32_t reserve)
{
	struct owner o;
	struct pd_rng rng;
	uint64_t h;

	pd_rng_init(&rng, 99);
	owner_init(&o, ops, 150, false, seed);
	if (reserve > 0)
		owner_reserve(&o, reserve);
	shake(&o, &rng, 20000, 1500);
	h = o.victims;
	owner_release(&o);
	return h;
}

static void
is_the_same_by_seed(void **state)
{
	const struct pd_policy_ops *const *p;

	(void)state;
	for (p = pd_policies; *p != NULL; p++) {
		if (victims(*p, 1, 0) != victims(*p, 1, 0))
			fail_msg("%s differs between two runs", (*p)->name);
		if (victims(*p, 1, 0) != victims(*p, 1, 200))
			fail_msg("%s depends on how slots were reserved",
			    (*p)->name);
	}
	assert_true(victims(pd_policy_find("random"), 1, 0) !=
		    victims(pd_policy_find("random"), 2, 0));
	assert_true(victims(pd_policy_find("redis-lru"), 1, 0) !=
		    victims(pd_policy_find("redis-lru"), 2, 0));
}

enum compaction {
	NEVER,
	MOVE,
	SHRINK,
};

/* Victims of a cache that is emptied by half now and then. */
static uint64_t
victims_moved(
    const struct pd_policy_ops *ops, enum compaction how, bool by_bytes)
{
	struct owner o;
	struct pd_rng rng;
	unsigned round, i;
	uint64_t h;

	pd_rng_init(&rng, 7);
	owner_init(&o, ops, by_bytes ? 15000 : 150, by_bytes, 3);
	for (round = 0; round < 30; round++) {
		shake(&o, &rng, 700, 1500);
		for (i = 0; i < 100 + 20 * round; i++)
			owner_delete(&o, i * 7 % 1500);
		if (how != NEVER)
			owner_compact(&o, how == SHRINK);
	}
	drain(&o);
	h = o.victims;
	owner_release(&o);
	return h;
}

/* Which slot a resident has, and how many there are, is nothing to the
 * decisions: ghosts too are kept. */
static void
moves_change_nothing(void **state)
{
	const struct pd_policy_ops *const *p;
	unsigned by_bytes;
	uint64_t h;

	(void)state;
	for (p = pd_policies; *p != NULL; p++)
		for (by_bytes = 0; by_bytes < 2; by_bytes++) {
			h = victims_moved(*p, NEVER, by_bytes);
			if (h != victims_moved(*p, MOVE, by_bytes))
				fail_msg("%s minds moves", (*p)->name);
			if (h != victims_moved(*p, SHRINK, by_bytes))
				fail_msg("%s minds shrinking", (*p)->name);
		}
}

/* After a burst of many residents memory is that of the few that stay. */
static void
memory_shrinks_with_the_residents(void **state)
{
	const struct pd_policy_ops *const *p;
	struct owner o;
	struct pd_rng rng;
	size_t empty, most, least;
	uint32_t k;

	(void)state;
	for (p = pd_policies; *p != NULL; p++) {
		pd_rng_init(&rng, 7);
		owner_init(&o, *p, 3000, false, 3);
		empty = (*p)->memory(o.policy);
		for (k = 0; k < OWNER_KEYS; k++)
			owner_access(&o, k, 1, true);
		most = (*p)->memory(o.policy) - empty;
		while (o.count > 20)
			owner_evict(&o);
		owner_compact(&o, true);
		if ((*p)->set_history != NULL)
			(*p)->set_history(o.policy, 0);
		least = (*p)->memory(o.policy);
		least -= least < empty ? least : empty;
		if (least > most / 3 || least > 10000)
			fail_msg("%s keeps %zu of %zu bytes", (*p)->name, least,
			    most);
		shake(&o, &rng, 20000, 2000);
		drain(&o);
		owner_release(&o);
	}
}

/* Ghosts stay within what they are given, and no policy minds having none. */
static void
history_is_bounded(void **state)
{
	const struct pd_policy_ops *const *p;
	struct owner o, without;
	struct pd_rng rng;
	size_t extra;

	(void)state;
	for (p = pd_policies; *p != NULL; p++) {
		if ((*p)->set_history == NULL)
			continue;
		owner_init(&o, *p, 1500, false, 3);
		owner_init(&without, *p, 1500, false, 3);
		(*p)->set_history(o.policy, 8192);
		(*p)->set_history(without.policy, 0);
		pd_rng_init(&rng, 7);
		shake(&o, &rng, 20000, 4000);
		pd_rng_init(&rng, 7);
		shake(&without, &rng, 20000, 4000);
		extra = (*p)->memory(o.policy);
		assert_true(extra >= (*p)->memory(without.policy));
		extra -= (*p)->memory(without.policy);
		if (extra > 8192 * 5 / 4)
			fail_msg("%s keeps %zu bytes", (*p)->name, extra);
		drain(&o);
		drain(&without);
		owner_release(&o);
		owner_release(&without);
	}
}

struct visit {
	const struct owner *o;
	uint8_t seen[OWNER_KEYS];
	uint32_t order[OWNER_KEYS];
	uint32_t n;
};

static void
visit(void *cookie, uint32_t slot)
{
	struct visit *v = cookie;

	assert_true(slot < v->o->cap);
	assert_int_not_equal(v->o->key_of[slot], PD_NO_SLOT);
	assert_int_equal(v->seen[slot]++, 0);
	v->order[v->n++] = v->o->key_of[slot];
}

static void
each_visits_every_resident_once(void **state)
{
	const struct pd_policy_ops *const *p;
	struct owner o;
	struct pd_rng rng;
	struct visit v;

	(void)state;
	for (p = pd_policies; *p != NULL; p++) {
		if ((*p)->each == NULL)
			continue;
		pd_rng_init(&rng, 11);
		owner_init(&o, *p, 300, false, 5);
		shake(&o, &rng, 10000, 2500);
		memset(&v, 0, sizeof(v));
		v.o = &o;
		(*p)->each(o.policy, visit, &v);
		assert_int_equal(v.n, o.count);
		owner_release(&o);
	}
}

/* Where nothing was asked twice these evict in the order of arrival, and say
 * so when they hand over. */
static void
each_gives_the_order_of_eviction(void **state)
{
	static const char *const names[] = {
	    "lru", "fifo", "clock", "sieve", "s3fifo", "qdlp", "2q"};
	struct owner o;
	struct visit v;
	uint32_t k;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		owner_init(&o, pd_policy_find(names[i]), 100, false, 1);
		for (k = 0; k < 250; k++)
			owner_access(&o, k, 1, true);
		memset(&v, 0, sizeof(v));
		v.o = &o;
		o.ops->each(o.policy, visit, &v);
		assert_int_equal(v.n, 100);
		for (k = 0; k < 100; k++) {
			assert_int_equal(v.order[k], 150 + k);
			assert_int_equal(owner_evict(&o), 150 + k);
		}
		owner_release(&o);
	}
}

/* LRU and FIFO again, as an array that is searched. */
struct naive {
	uint32_t key[OWNER_KEYS]; /* first to evict first */
	uint32_t n;
	bool renew;
};

static void
naive_del(struct naive *v, uint32_t key)
{
	uint32_t i;

	for (i = 0; i < v->n; i++)
		if (v->key[i] == key) {
			memmove(&v->key[i], &v->key[i + 1],
			    (v->n - i - 1) * sizeof(v->key[0]));
			v->n--;
			return;
		}
}

static bool
naive_access(struct naive *v, uint32_t key, uint32_t capacity)
{
	uint32_t i;
	bool hit = false;

	for (i = 0; i < v->n; i++)
		hit |= v->key[i] == key;
	if (hit && !v->renew)
		return true;
	if (hit)
		naive_del(v, key);
	else if (v->n == capacity)
		naive_del(v, v->key[0]);
	v->key[v->n++] = key;
	return hit;
}

static void
lru_and_fifo_equal_naive_ones(void **state)
{
	static const char *const names[] = {"fifo", "lru", "learned"};
	struct naive v;
	struct owner o;
	struct pd_rng rng;
	uint32_t key;
	unsigned i, k;

	(void)state;
	for (i = 0; i < sizeof(names) / sizeof(*names); i++) {
		memset(&v, 0, sizeof(v));
		v.renew = i > 0; /* learned is LRU without a model */
		pd_rng_init(&rng, 21);
		owner_init(&o, pd_policy_find(names[i]), 60, false, 1);
		for (k = 0; k < 100000; k++) {
			key = owner_draw(&rng, 400);
			if (k % 29 == 0) {
				owner_delete(&o, key);
				naive_del(&v, key);
			} else if (owner_access(&o, key, 1, true) !=
				   naive_access(&v, key, 60)) {
				fail_msg("%s differs at step %u", names[i], k);
			}
			assert_int_equal(o.count, v.n);
		}
		owner_release(&o);
	}
}

/* Bytes a slot, all slots in use and no ghost yet. */
static void
residents_are_cheap(void **state)
{
	static const struct {
		const char *name;
		unsigned bytes;
	} want[] = {{"lru", 8}, {"fifo", 8}, {"clock", 9}, {"sieve", 9},
	    {"slru", 9}, {"2q", 9}, {"arc", 9}, {"s3fifo", 9}, {"qdlp", 9},
	    {"lfu", 12}, {"lirs", 17}, {"random", 8}, {"wtinylfu", 13},
	    {"gdsf", 36}, {"lhd", 16}};
	struct owner o;
	size_t none;
	uint32_t k;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(want) / sizeof(*want); i++) {
		owner_init(&o, pd_policy_find(want[i].name), 4096, false, 1);
		none = o.ops->memory(o.policy);
		owner_reserve(&o, 4096);
		for (k = 0; k < 4096; k++)
			owner_access(&o, k, 1, true);
		if (o.ops->memory(o.policy) - none != 4096 * want[i].bytes)
			fail_msg("%s: %zu bytes for 4096 slots", want[i].name,
			    o.ops->memory(o.policy) - none);
		owner_release(&o);
	}
}

static void
names(void **state)
{
	const struct pd_policy_ops *const *p;

	(void)state;
	for (p = pd_policies; *p != NULL; p++) {
		assert_ptr_equal(pd_policy_find((*p)->name), *p);
		assert_true(strlen((*p)->help) > 0);
	}
	assert_null(pd_policy_find("belady"));
	assert_null(pd_policy_find(""));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(keeps_its_promises),
	    cmocka_unit_test(follows_the_capacity),
	    cmocka_unit_test(is_the_same_by_seed),
	    cmocka_unit_test(moves_change_nothing),
	    cmocka_unit_test(memory_shrinks_with_the_residents),
	    cmocka_unit_test(history_is_bounded),
	    cmocka_unit_test(each_visits_every_resident_once),
	    cmocka_unit_test(each_gives_the_order_of_eviction),
	    cmocka_unit_test(lru_and_fifo_equal_naive_ones),
	    cmocka_unit_test(residents_are_cheap),
	    cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
