#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "cache_store.h"

#include "base/rng.h"
#include "cache/slab.h"
#include "cache/store_priv.h"
#include "data/event.h"

/* The slab alone. */

static uint32_t
take(struct pd_slab *s, uint32_t class)
{
	uint32_t slot;

	for (;;)
		switch (pd_slab_take(s, class, &slot)) {
		case PD_SLAB_TAKEN:
			return slot;
		case PD_SLAB_SLOTS:
			assert_int_equal(
			    pd_slab_set_slots(s, pd_slab_slots(s) + 256), 0);
			break;
		case PD_SLAB_PAGE:
			assert_int_equal(pd_slab_add_page(s, class), 0);
			break;
		}
}

static void
classes_waste_little(void **state)
{
	struct pd_slab s;
	double waste = 0;
	uint32_t c, n;

	(void)state;
	assert_int_equal(pd_slab_init(&s, 0), 0);
	assert_int_equal(s.most, PD_SLAB_MOST);
	for (n = 1; n <= s.most; n++) {
		c = pd_slab_class(&s, n);
		assert_true(c > PD_SLAB_POINTERS && c < s.classes);
		assert_true(s.class[c].size >= n);
		if (c > 1)
			assert_true(s.class[c - 1].size < n);
		/* With its share of what is left of a page. */
		if (n >= 64) {
			assert_true(s.class[c].bytes <= n + n / 10);
			waste += (double)(s.class[c].bytes - n) / n;
		}
	}
	assert_true(waste / (s.most - 63) < 0.04);
	assert_int_equal(pd_slab_class(&s, s.most + 1), PD_SLAB_NONE);
	pd_slab_release(&s);
	assert_int_equal(pd_slab_init(&s, 1 << 20), 0);
	assert_int_equal(s.most, 512);
	pd_slab_release(&s);
}

enum { ITEMS = 4000 };

struct item {
	uint32_t slot; /* PD_NO_SLOT: none */
	uint32_t size;
	uint8_t byte;
};

static void
check_item(const struct pd_slab *s, const struct item *it)
{
	const uint8_t *p = pd_slab_item(s, it->slot);
	uint32_t i;

	assert_true(pd_slab_used(s, it->slot));
	assert_true(it->slot < pd_slab_top(s));
	for (i = 0; i < it->size; i++)
		if (p[i] != it->byte)
			fail_msg(
			    "slot %u: byte %u of %u", it->slot, i, it->size);
}

static struct item *
owner_of(struct item *items, uint32_t slot)
{
	unsigned i;

	for (i = 0; i < ITEMS; i++)
		if (items[i].slot == slot)
			return &items[i];
	fail_msg("slot %u is nobody's", slot);
	return NULL;
}

/* Empty the sparsest page, if there is one. */
static void
empty_page(struct pd_slab *s, struct item *items)
{
	struct item *it;
	uint32_t from, to;

	if (pd_slab_sparse(s, 0) == PD_SLAB_NONE)
		return;
	while ((from = pd_slab_to_move(s)) != PD_NO_SLOT) {
		it = owner_of(items, from);
		to = take(s, pd_slab_class(s, it->size));
		memcpy(pd_slab_item(s, to), pd_slab_item(s, from), it->size);
		it->slot = to;
		pd_slab_give(s, from);
	}
}

static void
lower(struct pd_slab *s, struct item *items)
{
	uint32_t from, to;
	unsigned bits, i;

	bits = pd_slab_lower(s, &from, &to);
	assert_true(bits == 0 || from > to);
	for (i = 0; i < PD_SLAB_BLOCK; i++)
		if (bits >> i & 1)
			owner_of(items, from + i)->slot = to + i;
	pd_slab_set_slots(s, (s->top + 1) * PD_SLAB_BLOCK);
}

/* Items keep their bytes whatever happens around them. */
static void
items_against_a_model(void **state)
{
	struct item *items = calloc(ITEMS, sizeof(*items)), *it;
	struct pd_slab s;
	struct pd_rng r;
	uint64_t used;
	unsigned i, step, most;

	(void)state;
	assert_non_null(items);
	pd_rng_init(&r, 11);
	assert_int_equal(pd_slab_init(&s, 0), 0);
	for (i = 0; i < ITEMS; i++)
		items[i].slot = PD_NO_SLOT;
	for (step = 0; step < 60000; step++) {
		it = &items[pd_rng_below(&r, ITEMS)];
		if (it->slot != PD_NO_SLOT) {
			check_item(&s, it);
			pd_slab_give(&s, it->slot);
			it->slot = PD_NO_SLOT;
		} else if (pd_rng_below(&r, 10) < (step / 10000 % 2 ? 3 : 9)) {
			/* Sizes change with time. */
			most = step / 20000 == 1 ? 60 : 1500;
			it->size = 1 + pd_rng_below(&r, most);
			it->byte = (uint8_t)pd_rng_below(&r, 256);
			it->slot = take(&s, pd_slab_class(&s, it->size));
			memset(pd_slab_item(&s, it->slot), it->byte, it->size);
		}
		if (step % 50 == 0)
			empty_page(&s, items);
		if (step % 40 == 0)
			lower(&s, items);
		if (step % 1000 == 0)
			pd_slab_trim(&s, 0);
	}
	for (i = 0, used = 0; i < ITEMS; i++)
		if (items[i].slot != PD_NO_SLOT) {
			check_item(&s, &items[i]);
			used += s.class[pd_slab_class(&s, items[i].size)].bytes;
			pd_slab_give(&s, items[i].slot);
		} else {
			used += 0;
		}
	assert_true(used > 0);
	assert_int_equal(s.used, 0);
	assert_int_equal(s.taken, 0);
	assert_int_equal(s.top, 0);
	assert_int_equal(s.active, 0);
	pd_slab_trim(&s, 0);
	assert_int_equal(s.held, 0);
	pd_slab_release(&s);
	free(items);
}

/* The store on it. */

static struct pd_store *
new_store(uint64_t memory, const char *policy)
{
	const struct pd_store_config cfg = store_config(memory, policy);

	return store_of(&cfg, 1000000);
}

enum { KEYS = 3000 };

struct model {
	bool there;
	uint32_t seed; /* of the value's bytes */
	uint32_t len;
	int64_t expiry;
};

static uint8_t
byte_of(uint32_t seed, uint32_t i)
{
	return (uint8_t)(seed * 2654435761u + i * 40503u);
}

static struct pd_key
key_of(const struct pd_store *st, uint32_t k, char name[400])
{
	int n;

	/* Some are long, some empty but for their database. */
	n = snprintf(name, 400, "%u", k);
	if (k % 50 == 7)
		n = snprintf(name, 400, "%0*u", 63 + (int)k % 300, k);
	return pd_store_key(st, k % 3 == 0 ? k / 3 % 16 : 0, name, (size_t)n);
}

static void
check_key(struct pd_store *st, uint32_t k, const struct model *m, bool all)
{
	char name[400];
	const struct pd_key key = key_of(st, k, name);
	const struct pd_entry *e = pd_store_peek(st, &key);
	const uint8_t *v;
	uint32_t i;

	/* What is not resident was evicted, if it was not deleted. */
	if (e == NULL) {
		assert_true(!all || !m->there);
		return;
	}
	assert_true(m->there);
	assert_int_equal(pd_entry_len(e), m->len);
	assert_int_equal(pd_entry_expiry(e), m->expiry);
	assert_int_equal(pd_entry_db(e), key.db);
	assert_int_equal(pd_entry_key_len(e), key.n);
	assert_memory_equal(pd_entry_key(e), name, key.n);
	v = pd_entry_value(e);
	for (i = 0; i < m->len; i++)
		if (v[i] != byte_of(m->seed, i))
			fail_msg("key %u: byte %u of %u", k, i, m->len);
	assert_ptr_equal(store_at(st, pd_store_slot(st, e)), e);
}

static uint32_t
random_len(struct pd_rng *r)
{
	switch (pd_rng_below(r, 20)) {
	case 0:
		return pd_rng_below(r, 20000);
	case 1:
		return pd_rng_below(r, 5000);
	default:
		return pd_rng_below(r, 200);
	}
}

static int64_t
random_expiry(struct pd_rng *r)
{
	static const int64_t some[] = {0, 0, 5000000, INT64_C(1) << 47,
	    INT64_C(1) << 48, (INT64_C(1) << 62) + 3};

	return some[pd_rng_below(r, 6)];
}

static void
write_key(struct pd_store *st, struct pd_rng *r, uint32_t k, struct model *m)
{
	char name[400];
	const struct pd_key key = key_of(st, k, name);
	const bool more = pd_rng_below(r, 4) == 0;
	struct pd_put put = {.len = random_len(r), .op = PD_OP_SET};
	const bool was = pd_store_peek(st, &key) != NULL;
	uint8_t *v;
	uint32_t i, from = 0;

	put.expiry =
	    pd_rng_below(r, 3) == 0 ? PD_EXPIRY_KEEP : random_expiry(r);
	if (more && was) {
		/* APPEND: what was there stays. */
		put.keep = from = m->len;
		put.len = m->len + pd_rng_below(r, 100);
	} else {
		m->seed = pd_rng_below(r, 1000);
		if (pd_rng_below(r, 3) == 0) {
			put.adopt = pd_store_value_new(key.n, put.len);
			assert_non_null(put.adopt);
			for (i = 0; i < put.len; i++)
				put.adopt[i] = byte_of(m->seed, i);
		}
	}
	assert_int_equal(pd_store_put(st, &key, &put, &v), PD_STORE_OK);
	for (i = from; put.adopt == NULL && i < put.len; i++)
		v[i] = byte_of(m->seed, i);
	if (put.expiry != PD_EXPIRY_KEEP)
		m->expiry = put.expiry;
	else if (!was)
		m->expiry = 0;
	m->there = true;
	m->len = (uint32_t)put.len;
}

/* A store against a plain table; ${all}: there is no limit. */
static void
play(struct pd_store *st, bool all, unsigned steps)
{
	struct model *m = calloc(KEYS, sizeof(*m));
	struct pd_entry *e, *held = NULL;
	uint32_t k, held_key = 0, n, db;
	struct model was = {0};
	uint64_t expiring;
	struct pd_rng r;
	char name[400];
	struct pd_key key;
	unsigned i;

	assert_non_null(m);
	pd_rng_init(&r, 5);
	for (i = 0; i < steps; i++) {
		k = pd_rng_below(&r, KEYS);
		key = key_of(st, k, name);
		switch (pd_rng_below(&r, 8)) {
		case 0:
			if (pd_store_del(st, &key))
				assert_true(m[k].there);
			m[k].there = false;
			break;
		case 1:
			if ((e = pd_store_peek(st, &key)) == NULL)
				break;
			m[k].expiry = random_expiry(&r);
			assert_non_null(
			    pd_store_set_expiry(st, e, m[k].expiry));
			break;
		case 2:
			if (held == NULL) {
				e = pd_store_peek(st, &key);
				held = e == NULL ? NULL : pd_store_hold(e);
				was = m[k];
				held_key = k;
				break;
			}
			assert_int_equal(pd_entry_len(held), was.len);
			for (n = 0; n < was.len; n++)
				assert_int_equal(pd_entry_value(held)[n],
				    byte_of(was.seed, n));
			pd_store_release(held);
			held = NULL;
			check_key(st, held_key, &m[held_key], all);
			break;
		case 3:
			(void)pd_store_read(st, &key, PD_OP_GET);
			break;
		default:
			write_key(st, &r, k, &m[k]);
			break;
		}
		check_key(st, k, &m[k], all);
		if (i % 100 == 0)
			(void)pd_store_defrag(st, 1 + pd_rng_below(&r, 60));
		if (st->cfg.maxmemory > 0 &&
		    pd_store_memory(st) > st->cfg.maxmemory + 8192)
			fail_msg("step %u: %ju bytes", i,
			    (uintmax_t)pd_store_memory(st));
	}
	if (held != NULL)
		pd_store_release(held);
	expiring = 0;
	for (k = 0, n = 0; k < KEYS; k++) {
		check_key(st, k, &m[k], all);
		key = key_of(st, k, name);
		e = pd_store_peek(st, &key);
		n += e != NULL;
		expiring += e != NULL && pd_entry_expiry(e) != 0;
	}
	assert_int_equal(st->total, n);
	for (db = 0; db < PD_STORE_DBS; db++)
		expiring -= st->expiring[db];
	assert_int_equal(expiring, 0);
	assert_int_equal(st->entry_bytes, st->slab.used + st->large_bytes);
	pd_store_flush(st, -1);
	assert_int_equal(st->entry_bytes, 0);
	assert_int_equal(st->slab.held, 0);
	free(m);
}

static void
entries_against_a_model(void **state)
{
	static const char *const policies[] = {
	    "lru", "learned", "selector", "lirs", "s3fifo", "lhd"};
	struct pd_store *st;
	unsigned i;

	(void)state;
	for (i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		st = new_store(0, policies[i]);
		play(st, true, 8000);
		play(st, true, 2000);
		pd_store_free(st);
		st = new_store(3 << 19, policies[i]);
		play(st, false, 8000);
		assert_true(stats.evicted > 20);
		pd_store_free(st);
	}
}

/* RSS of this process in bytes. */
static uint64_t
rss(void)
{
	unsigned long size = 0, pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	assert_non_null(f);
	assert_int_equal(fscanf(f, "%lu %lu", &size, &pages), 2);
	fclose(f);
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void
fill(struct pd_store *st, uint32_t first, uint32_t n, size_t len)
{
	struct pd_put put = {.len = len, .op = PD_OP_SET};
	struct pd_key k;
	char name[32];
	uint8_t *v;
	uint32_t i;

	for (i = first; i < first + n; i++) {
		k = pd_store_key(st, 0, name,
		    (size_t)snprintf(name, sizeof(name), "key:%012u", i));
		assert_int_equal(pd_store_put(st, &k, &put, &v), PD_STORE_OK);
		memset(v, 'v', len);
		if (i % 1000 == 0)
			(void)pd_store_defrag(st, 100);
	}
}

/* Values of other sizes take the place of those before: memory follows, keys
 * are as many as fit, and the account is true. */
static void
sizes_change(void **state)
{
	static const struct {
		size_t len;
		uint32_t n;
	} phase[] = {{100, 300000}, {50, 500000}, {1000, 60000}, {9000, 8000},
	    {100, 300000}};
	const uint64_t limit = 24 << 20, slack = 64 << 20;
	struct pd_store *st = new_store(limit, "lru");
	const uint64_t empty = rss();
	uint32_t i, first = 0;

	(void)state;
	for (i = 0; i < sizeof(phase) / sizeof(phase[0]); i++) {
		fill(st, first, phase[i].n, phase[i].len);
		first += phase[i].n;
		assert_true(pd_store_memory(st) <= limit + 4096);
		assert_true(st->entry_bytes > limit / 2);
		/* All are of the last phase: it was large enough. */
		assert_in_range((st->entry_bytes - 1) / st->total, phase[i].len,
		    phase[i].len + phase[i].len / 10 + 60);
#ifndef __SANITIZE_ADDRESS__
		if (rss() > empty + limit + slack / 2)
			fail_msg("phase %u: %ju bytes of RSS more", i,
			    (uintmax_t)(rss() - empty));
#endif
	}
	pd_store_flush(st, -1);
	assert_true(pd_store_memory(st) < limit / 8);
	fill(st, 0, 300000, 100);
	/* A lower limit, and deletions: the rest goes back. */
	pd_store_set_limits(st, limit / 4, 0);
	while (pd_store_defrag(st, 1000))
		;
	assert_true(pd_store_memory(st) <= limit / 4);
	assert_true(st->slab.held <= limit / 4);
#ifndef __SANITIZE_ADDRESS__
	if (rss() > empty + limit / 4 + slack / 2)
		fail_msg("%ju bytes of RSS more", (uintmax_t)(rss() - empty));
#endif
	pd_store_free(st);
	(void)empty;
	(void)slack;
}

/* After most keys are deleted here and there, pages and slots go back. */
static void
holes_are_closed(void **state)
{
	struct pd_store *st = new_store(0, "learned");
	struct pd_key k;
	uint64_t full;
	char name[32];
	uint32_t i;

	(void)state;
	fill(st, 0, 100000, 100);
	full = st->slab.held;
	for (i = 0; i < 100000; i++) {
		k = pd_store_key(st, 0, name,
		    (size_t)snprintf(name, sizeof(name), "key:%012u", i));
		if (i % 10 != 0)
			assert_true(pd_store_del(st, &k));
	}
	while (pd_store_defrag(st, 100))
		;
	assert_int_equal(st->total, 10000);
	assert_true(st->slab.held < full / 10 + full / 40);
	assert_true(pd_store_waste(st) < st->slab.used / 4);
	assert_true(pd_slab_slots(&st->slab) < 14000);
	for (i = 0; i < 100000; i += 10) {
		k = pd_store_key(st, 0, name,
		    (size_t)snprintf(name, sizeof(name), "key:%012u", i));
		assert_non_null(pd_store_peek(st, &k));
	}
	pd_store_free(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(classes_waste_little),
	    cmocka_unit_test(items_against_a_model),
	    cmocka_unit_test(entries_against_a_model),
	    cmocka_unit_test(sizes_change),
	    cmocka_unit_test(holes_are_closed),
	};

	pd_keys_public(&keys);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
