/* Which keys go when only those that expire may, and limits that no eviction
 * can meet. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "cache_store.h"

#include "cache/evictlog.h"
#include "data/event.h"

#define NOW_US UINT64_C(1000000000000)
#define NOW_MS ((int64_t)(NOW_US / 1000))
#define VALUE 500 /* bytes */

static struct pd_store *
new_store(uint64_t maxmemory, const char *policy, enum pd_evictable evictable)
{
	struct pd_store_config cfg = store_config(maxmemory, policy);

	cfg.eviction_log = 1 << 16;
	cfg.evictable = evictable;

	return store_of(&cfg, NOW_US);
}

static struct pd_key
key(const struct pd_store *st, char *name, size_t size, int i)
{
	snprintf(name, size, "key:%d", i);
	return pd_store_key(st, 0, name, strlen(name));
}

static enum pd_store_status
put(struct pd_store *st, int i, int64_t expiry)
{
	char name[24];
	const struct pd_key k = key(st, name, sizeof(name), i);
	const struct pd_put p = {
	    .len = VALUE, .expiry = expiry, .op = PD_OP_SET};
	enum pd_store_status r;
	uint8_t *value;

	r = pd_store_put(st, &k, &p, &value);
	if (r == PD_STORE_OK)
		memset(value, 'v', VALUE);
	return r;
}

static bool
there(struct pd_store *st, int i)
{
	char name[24];
	const struct pd_key k = key(st, name, sizeof(name), i);

	return pd_store_peek(st, &k) != NULL;
}

static void
read_key(struct pd_store *st, int i)
{
	char name[24];
	const struct pd_key k = key(st, name, sizeof(name), i);

	pd_store_read(st, &k, PD_OP_GET);
}

/* Keys 0 to 999 stay, those from 1000 on expire: each policy. */
static void
those_that_expire_go(void **state)
{
	static const struct {
		const char *policy;
		enum pd_evictable which;
	} all[] = {{"redis-lru", PD_EVICT_EXPIRING_LRU},
	    {"redis-lfu", PD_EVICT_EXPIRING_LFU},
	    {"random", PD_EVICT_EXPIRING_RANDOM},
	    {"random", PD_EVICT_EXPIRING_TTL}};
	struct pd_store *st;
	size_t p;
	int i;

	(void)state;
	for (p = 0; p < sizeof(all) / sizeof(all[0]); p++) {
		st = new_store(2 << 20, all[p].policy, all[p].which);
		for (i = 0; i < 1000; i++)
			assert_int_equal(put(st, i, 0), PD_STORE_OK);
		for (i = 1000; i < 9000; i++)
			assert_int_equal(
			    put(st, i, NOW_MS + 100000 + i), PD_STORE_OK);
		assert_true(stats.evicted > 4000);
		assert_true(pd_store_memory(st) <= 2 << 20);
		for (i = 0; i < 1000; i++)
			assert_true(there(st, i));
		/* Nothing is left that may go: writes are refused. */
		for (i = 9000; i < 20000; i++)
			if (put(st, i, 0) != PD_STORE_OK)
				break;
		assert_in_range(i, 9100, 15000);
		assert_int_equal(put(st, 20000, 0), PD_STORE_MEMORY);
		for (i = 0; i < 1000; i++)
			assert_true(there(st, i));
		pd_store_free(st);
	}
}

/* How many of the keys from ${from} on are there. */
static int
count(struct pd_store *st, int from, int n)
{
	int i, sum = 0;

	for (i = from; i < from + n; i++)
		sum += there(st, i);
	return sum;
}

static void
the_next_to_expire_go_first(void **state)
{
	struct pd_store *st =
	    new_store(2 << 20, "random", PD_EVICT_EXPIRING_TTL);
	int i;

	(void)state;
	/* Of keys in no order, the later half lives longer. */
	for (i = 0; i < 2000; i++)
		put(st, i, NOW_MS + (i % 2 ? 1000000 : 100000) + i);
	for (; stats.evicted < 600; i++)
		assert_int_equal(put(st, i, NOW_MS + 1000000 + i), PD_STORE_OK);
	assert_true(count(st, 1, 1999) > 0);
	for (i = 0; i < 2000; i += 2)
		stats.deleted += (uint64_t)there(st, i);
	assert_in_range(stats.deleted, 300, 600); /* of 1000 */
	for (i = 1, stats.deleted = 0; i < 2000; i += 2)
		stats.deleted += (uint64_t)there(st, i);
	assert_true(stats.deleted >= 970);
	pd_store_free(st);
}

static void
those_asked_for_stay(void **state)
{
	struct pd_store *st =
	    new_store(2 << 20, "redis-lru", PD_EVICT_EXPIRING_LRU);
	int i, k;

	(void)state;
	for (i = 0; i < 2000; i++)
		put(st, i, NOW_MS + 1000000);
	for (k = 0; k < 500; k++)
		read_key(st, k);
	for (; stats.evicted < 1000; i++)
		put(st, i, NOW_MS + 1000000);
	assert_true(count(st, 0, 500) > 450);
	assert_true(count(st, 500, 1500) < 700);
	pd_store_free(st);
}

/* A limit below what the store needs without a key refuses writes at once. */
static void
a_hopeless_limit_takes_its_time(void **state)
{
	struct pd_store *st = new_store(4 << 20, "lru", PD_EVICT_ALL);
	int i;

	(void)state;
	for (i = 0; i < 1000; i++)
		put(st, i, 0);
	pd_store_set_limits(st, 1, 0);
	assert_int_not_equal(put(st, 1000, 0), PD_STORE_OK);
	assert_int_equal(st->total, 1000);
	assert_int_equal(stats.evicted, 0);
	assert_true(st->hopeless);
	/* Later they go, slowly. */
	pd_store_tune(st);
	assert_in_range(stats.evicted, 1, 50);
	for (i = 0; i < 10000 && st->total > 0; i++)
		pd_store_tune(st);
	assert_int_equal(st->total, 0);
	pd_store_set_limits(st, 4 << 20, 0);
	assert_int_equal(put(st, 1000, 0), PD_STORE_OK);
	pd_store_free(st);
}

static void
the_log_only_shrinks(void **state)
{
	struct pd_store *st = new_store(4 << 20, "lru", PD_EVICT_ALL);
	const size_t was = pd_evictlog_memory(st->evictlog);

	(void)state;
	pd_store_shrink_eviction_log(st, 1 << 20);
	assert_int_equal(pd_evictlog_memory(st->evictlog), was);
	pd_store_shrink_eviction_log(st, 1 << 12);
	assert_true(pd_evictlog_memory(st->evictlog) < was);
	pd_store_free(st);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(those_that_expire_go),
	    cmocka_unit_test(the_next_to_expire_go_first),
	    cmocka_unit_test(those_asked_for_stay),
	    cmocka_unit_test(a_hopeless_limit_takes_its_time),
	    cmocka_unit_test(the_log_only_shrinks),
	};

	pd_keys_public(&keys);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
