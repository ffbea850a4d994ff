#define _GNU_SOURCE /* memfd_create */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "cache_snapshot.h"

#include "base/rng.h"
#include "cache/snapshot_load.h"

static bool
has_number(struct pd_store *st, unsigned i)
{
	char k[16], v[32];
	struct pd_key key;
	struct pd_entry *e;

	snprintf(k, sizeof(k), "k%u", i);
	snprintf(v, sizeof(v), "value %u", i);
	key = pd_store_key(st, 0, k, strlen(k));
	if ((e = pd_store_peek(st, &key)) == NULL)
		return false;
	assert_int_equal(pd_entry_len(e), strlen(v));
	assert_memory_equal(pd_entry_value(e), v, strlen(v));
	return true;
}

/* Load it; ${first} is called before any key comes. */
static struct pd_load_stats
load(struct pd_store *st, void (*first)(struct pd_store *))
{
	const struct pd_snapshot_stores stores = {.store = &st, .n = 1};
	const struct pd_snapshot_limits limits = {
	    .bytes = st->cfg.maxmemory, .max_value = st->cfg.max_value};
	struct pd_err err = PD_ERR_INIT;
	struct pd_load *l = pd_load_new(path, &limits, &stores, &err);
	struct pd_load_stats out;
	enum pd_snapshot_state state;

	assert_non_null(l);
	if (first != NULL)
		first(st);
	while ((state = pd_load_step(l, 1000)) == PD_SNAPSHOT_MORE ||
	       state == PD_SNAPSHOT_WAIT)
		if (state == PD_SNAPSHOT_WAIT)
			pause_a_little();
	assert_int_equal(state, PD_SNAPSHOT_DONE);
	out = *pd_load_stats(l);
	pd_load_free(l);
	assert_null(st->restoring);
	return out;
}

static void
all_fields(const char *policy, bool compress)
{
	static const char binary[] = "\0\r\n\xff PDsb";
	const struct pd_save_config cfg = {.path = path, .compress = compress};
	struct pd_store *a = new_store(0, policy, PD_OBJECTIVE_COST);
	struct pd_store *b = new_store(0, policy, PD_OBJECTIVE_COST);
	struct pd_save_stats out;
	struct pd_load_stats in;
	struct pd_entry *e;
	struct pd_key k;
	uint8_t *large = malloc(3 << 20);
	char key[16];
	unsigned i;

	assert_non_null(large);
	memset(large, 'L', 3 << 20);
	for (i = 0; i < PD_STORE_DBS; i++) {
		snprintf(key, sizeof(key), "db%u", i);
		put(a, i, key, strlen(key), key, strlen(key),
		    i % 2 ? NOW_MS + 1000 + i : 0);
		/* The same name everywhere. */
		put(a, i, "same", 4, &i, sizeof(i), 0);
		k = pd_store_key(a, i, key, strlen(key));
		assert_true(pd_store_hint(a, &k, 1000 * (i + 1)));
	}
	put(a, 3, binary, sizeof(binary), binary, sizeof(binary), 0);
	put(a, 0, "", 0, "", 0, 0);
	put(a, 0, large, PD_KEY_MAX, large, 3 << 20, NOW_MS + 5000);
	put(a, 0, "page", 4, large, 20000, 0);
	put(a, 0, "late", 4, "x", 1, NOW_MS + 1);
	pd_store_time(a, NOW_US + 2000, 0);
	pd_store_time(b, NOW_US + 2000, 0);
	assert_int_equal(save(a, &cfg, &out, NULL), PD_SNAPSHOT_DONE);
	assert_int_equal(out.records, 36);
	assert_int_equal(out.expired, 1);
	in = load(b, NULL);
	assert_int_equal(in.loaded, 36);
	assert_int_equal(in.read.records, 36);
	assert_false(in.read.torn);
	assert_int_equal(in.read.nflaws, 0);
	assert_int_equal(b->total, 36);
	assert_int_equal(b->tick, 0);
	for (i = 0; i < PD_STORE_DBS; i++) {
		snprintf(key, sizeof(key), "db%u", i);
		k = pd_store_key(b, i, key, strlen(key));
		assert_non_null(e = pd_store_peek(b, &k));
		assert_int_equal(
		    pd_entry_expiry(e), i % 2 ? NOW_MS + 1000 + i : 0);
		assert_memory_equal(pd_entry_value(e), key, strlen(key));
		assert_int_equal(pd_store_cost(b, &k),
		    pd_refetch_us(pd_refetch_hinted(1000 * (i + 1))));
		k = pd_store_key(b, i, "same", 4);
		assert_non_null(e = pd_store_peek(b, &k));
		assert_memory_equal(pd_entry_value(e), &i, sizeof(i));
	}
	k = pd_store_key(b, 3, binary, sizeof(binary));
	assert_non_null(e = pd_store_peek(b, &k));
	assert_memory_equal(pd_entry_value(e), binary, sizeof(binary));
	k = pd_store_key(b, 0, "", 0);
	assert_non_null(e = pd_store_peek(b, &k));
	assert_int_equal(pd_entry_len(e), 0);
	k = pd_store_key(b, 0, large, PD_KEY_MAX);
	assert_non_null(e = pd_store_peek(b, &k));
	assert_int_equal(pd_entry_len(e), 3 << 20);
	assert_memory_equal(pd_entry_value(e), large, 3 << 20);
	assert_int_equal(pd_entry_expiry(e), NOW_MS + 5000);
	pd_store_free(a);
	pd_store_free(b);
	free(large);
}

static void
test_fields(void **state)
{
	struct stat st;

	(void)state;
	all_fields("selector", false);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	all_fields("learned", true);
	all_fields("lru", true);
}

/* The policy knows again what it knew, and evicts in the same order. */

struct order {
	struct pd_store *st;
	char text[8192];
};

static void
note_order(void *cookie, uint32_t slot)
{
	struct order *o = cookie;
	const struct pd_policy *p = o->st->policy;
	struct pd_rank r = {0};
	const size_t n = strlen(o->text);

	p->ops->save(p, slot, o->st->tick, &r);
	snprintf(o->text + n, sizeof(o->text) - n, "%u %u %u.%u.%u.%u %u %u\n",
	    r.age, r.residence, r.gap[0], r.gap[1], r.gap[2], r.gap[3],
	    r.frequency, r.hits);
}

static void
test_rank(void **state)
{
	struct pd_store *a = new_store(0, "learned", 0);
	struct pd_store *b = new_store(0, "learned", 0);
	struct order oa = {.st = a}, ob = {.st = b};
	struct pd_rng rng;
	unsigned i;

	(void)state;
	pd_rng_init(&rng, 7);
	/* Distances of more than a quarter octave: each a block of its own,
	 * or neighbours within one. */
	for (i = 0; i < 100; i++)
		put_number(a, i);
	for (i = 0; i < 3000; i++) {
		char k[16];
		struct pd_key key;

		snprintf(k, sizeof(k), "k%u",
		    (unsigned)(pd_rng_u64(&rng) % (1 + i % 100)));
		key = pd_store_key(a, 0, k, strlen(k));
		assert_non_null(pd_store_read(a, &key, PD_OP_GET));
	}
	save_file(a);
	assert_int_equal(load(b, NULL).loaded, 100);
	a->policy->ops->each(a->policy, note_order, &oa);
	b->policy->ops->each(b->policy, note_order, &ob);
	assert_string_equal(oa.text, ob.text);
	pd_store_free(a);
	pd_store_free(b);
}

/* What clients do meanwhile wins. */

static void
meanwhile(struct pd_store *st)
{
	struct pd_key k = pd_store_key(st, 0, "k1", 2);

	put(st, 0, "k0", 2, "new", 3, 0);
	assert_false(pd_store_del(st, &k));
	/* Written, and gone again. */
	put(st, 0, "k2", 2, "new", 3, 0);
	k = pd_store_key(st, 0, "k2", 2);
	assert_true(pd_store_del(st, &k));
	pd_store_flush(st, 1);
}

static void
test_meanwhile(void **state)
{
	struct pd_store *a = new_store(0, "selector", 0);
	struct pd_store *b = new_store(0, "selector", 0);
	struct pd_load_stats in;
	struct pd_entry *e;
	struct pd_key k;
	unsigned i;

	(void)state;
	for (i = 0; i < 10; i++)
		put_number(a, i);
	put(a, 1, "k5", 2, "other database", 14, 0);
	save_file(a);
	in = load(b, meanwhile);
	assert_int_equal(in.loaded, 7);
	assert_int_equal(in.newer, 4);
	assert_int_equal(b->total, 8);
	k = pd_store_key(b, 0, "k0", 2);
	assert_non_null(e = pd_store_peek(b, &k));
	assert_memory_equal(pd_entry_value(e), "new", 3);
	for (i = 1; i < 10; i++)
		assert_int_equal(has_number(b, i), i > 2);
	pd_store_free(a);
	pd_store_free(b);
}

/* Keys that are there all the time are met once, whatever the index does. */

static unsigned shrinking, when;

static void
shrink(struct pd_store *st)
{
	char k[16];
	struct pd_key key;

	if (when-- > 0)
		return;
	when = 0;
	while (shrinking > 100) {
		snprintf(k, sizeof(k), "k%u", --shrinking);
		key = pd_store_key(st, 0, k, strlen(k));
		pd_store_del(st, &key);
	}
}

static void
grow(struct pd_store *st)
{
	unsigned i;

	for (i = 0; i < 300 && shrinking < 20000; i++)
		put_number(st, shrinking++);
}

static void
walk_and_change(unsigned from, void (*between)(struct pd_store *))
{
	const struct pd_save_config cfg = {.path = path};
	struct pd_store *a = new_store(0, "lru", 0);
	struct pd_store *b = new_store(0, "lru", 0);
	struct pd_save_stats out;
	struct pd_load_stats in;
	unsigned i;

	for (i = 0; i < from; i++)
		put_number(a, i);
	shrinking = from;
	assert_int_equal(save(a, &cfg, &out, between), PD_SNAPSHOT_DONE);
	in = load(b, NULL);
	/* None twice, */
	assert_int_equal(in.newer, 0);
	assert_int_equal(in.loaded, out.records);
	/* and none forgotten. */
	for (i = 0; i < 100; i++)
		assert_true(has_number(b, i));
	pd_store_free(a);
	pd_store_free(b);
}

static void
test_walk(void **state)
{
	unsigned i;

	(void)state;
	for (i = 1; i < 30; i += 4) {
		when = i;
		walk_and_change(20000, shrink);
	}
	walk_and_change(100, grow);
}

/* Less memory than before: the keys used last are there, within the limit. */
static void
test_limit(void **state)
{
	struct pd_store *a = new_store(0, "selector", 0);
	struct pd_store *b = new_store(4 << 20, "selector", 0);
	struct pd_save_config cfg = {.path = path, .max_bytes = 1 << 20};
	struct pd_save_stats out;
	struct pd_load_stats in;
	uint8_t value[500] = {1};
	char key[16];
	struct pd_key k;
	unsigned i, have = 0, lately = 0;

	(void)state;
	for (i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		put(a, 0, key, strlen(key), value, sizeof(value), 0);
	}
	save_file(a);
	in = load(b, NULL);
	assert_true(in.read.skipped > 5000);
	assert_true(pd_store_memory(b) <= 4 << 20);
	assert_true(b->total > 2000);
	for (i = 0; i < 20000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		k = pd_store_key(b, 0, key, strlen(key));
		have = pd_store_peek(b, &k) != NULL;
		lately += i >= 18000 && have;
	}
	assert_true(lately > 1800);
	/* The same for the file. */
	assert_int_equal(save(a, &cfg, &out, NULL), PD_SNAPSHOT_DONE);
	assert_true(out.bytes <= 1 << 20 && out.bytes > 1 << 19);
	assert_int_equal(out.records + out.left_out, 20000);
	pd_store_free(a);
	pd_store_free(b);
	b = new_store(0, "selector", 0);
	assert_int_equal(load(b, NULL).loaded, out.records);
	for (i = 19400; i < 20000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		k = pd_store_key(b, 0, key, strlen(key));
		assert_non_null(pd_store_peek(b, &k));
	}
	pd_store_free(b);
}

/* A snapshot that cannot be written leaves the one before. */
static void
test_failure(void **state)
{
	struct pd_store *st = new_store(0, "selector", 0);
	const struct pd_save_config full = {.path = "/dev/full"};
	struct pd_save_config cfg = {.path = "/nonexistent/folder/snapshot"};
	const struct pd_snapshot_stores stores = {.store = &st, .n = 1};
	struct pd_save *s;
	struct pd_err err = PD_ERR_INIT;
	struct pd_snapshot_read_stats rs;
	unsigned i;

	(void)state;
	make_file();
	for (i = 0; i < 1000; i++)
		put_number(st, i);
	assert_int_equal(save(st, &full, NULL, NULL), PD_SNAPSHOT_FAILED);
	assert_int_equal(save(st, &cfg, NULL, NULL), PD_SNAPSHOT_FAILED);
	/* Given up in the middle. */
	cfg.path = path;
	assert_non_null(s = pd_save_new(&cfg, &stores, &err));
	assert_int_not_equal(pd_save_step(s, 0, &err), PD_SNAPSHOT_FAILED);
	pd_save_free(s);
	pd_buf_clear(&file);
	assert_int_equal(pd_read_file(path, 1 << 20, &file, &err), 0);
	assert_int_equal(read_bytes(file.data, file.len, &rs), 40);
	pd_store_free(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_fields),
	    cmocka_unit_test(test_rank),
	    cmocka_unit_test(test_meanwhile),
	    cmocka_unit_test(test_walk),
	    cmocka_unit_test(test_limit),
	    cmocka_unit_test(test_failure),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
