/*
 * Serving and offline see the same: a store with the learned policy is asked
 * as a cache-aside client asks, its tap feeds a miniature cache at rate 1, and
 * the served features of residents are the same bits in both.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/code.h"
#include "base/keyfile.h"
#include "base/rng.h"
#include "cache/learned.h"
#include "cache/minicache.h"
#include "cache/stats.h"
#include "cache/store.h"
#include "cache/tap.h"
#include "data/event.h"
#include "data/feature.h"

#define SERVED 20
#define OBJECTS 400
#define KEYS 3000
#define REQUESTS 60000

static void
row_of(const struct pd_served *s, float row[SERVED])
{
	uint8_t slots[SERVED];
	unsigned i;

	for (i = 0; i < SERVED; i++)
		slots[i] = (uint8_t)i;
	pd_feature_served(s, slots, SERVED, row);
}

static struct pd_key
key_of(const struct pd_store *st, char *text, uint32_t number)
{
	int n = snprintf(text, 32, "user:%lu", (unsigned long)number);

	return pd_store_key(st, 0, text, (size_t)n);
}

/* Ask as a cache-aside client does, now and then write or delete. */
static void
request(struct pd_store *st, const struct pd_key *k, struct pd_rng *rng)
{
	struct pd_put put = {.len = 100 + k->n, .expiry = 0, .op = PD_OP_SET};
	uint32_t what = pd_rng_below(rng, 40);
	uint8_t *value;

	if (what == 0) {
		(void)pd_store_del(st, k);
		return;
	}
	if (what > 2 && pd_store_read(st, k, PD_OP_GET) != NULL)
		return;
	if (what == 3)
		return; /* nobody has it: the miss is not filled */
	if (what % 4 == 0)
		put.expiry = st->now_ms + 100000 + pd_rng_below(rng, 1u << 30);
	assert_int_equal(pd_store_put(st, k, &put, &value), PD_STORE_OK);
	memset(value, 'x', put.len);
}

/* 1 when the key is resident in both and its features are the same bits. */
static int
compare(struct pd_store *st, struct pd_minicache *m, const struct pd_key *k)
{
	struct pd_entry *e = pd_store_peek(st, k);
	uint64_t id = pd_keys_identity(st->cfg.keys, k->p, k->n);
	uint64_t tick = st->tick + 1;
	struct pd_served a, b;
	float ra[SERVED], rb[SERVED];
	bool resident = pd_minicache_served(m, id, tick, &b);

	if (e == NULL || !resident) {
		assert_true(e == NULL && !resident);
		return 0;
	}
	assert_true(
	    pd_learned_served(st->policy, pd_store_slot(st, e), tick, &a));
	/* Which keys look seen before depends on the hash, by its Bloom
	 * filter: the server's hash is not the stream's. */
	if (a.new_share != PD_CODE_NONE)
		assert_true(abs((int)a.new_share - (int)b.new_share) <= 1);
	b.new_share = a.new_share;
	row_of(&a, ra);
	row_of(&b, rb);
	assert_memory_equal(ra, rb, sizeof(ra));
	return 1;
}

static void
store_and_miniature_see_the_same(void **state)
{
	static struct pd_stats stats;
	struct pd_store_config cfg = {.maxobjects = OBJECTS,
	    .max_value = 1000,
	    .max_share = 1,
	    .evict = true,
	    .policy = &pd_policy_learned};
	struct pd_minicache *m = pd_minicache_new(OBJECTS, false, true, NULL);
	const struct pd_event *e;
	struct pd_served s;
	struct pd_keys keys;
	struct pd_store *st;
	struct pd_rng rng;
	struct pd_key k;
	const struct pd_rates all = {.of = {[PD_SAMPLE_KEY] = 1}};
	enum pd_scheme scheme;
	struct pd_tap *tap;
	char text[32];
	uint64_t i, same = 0;

	(void)state;
	pd_keys_public(&keys);
	cfg.keys = &keys;
	assert_non_null(m);
	assert_non_null(st = pd_store_new(&cfg, &stats, NULL));
	tap = pd_tap_new(&keys, 1, &all, 0, NULL);
	assert_non_null(tap);
	pd_store_set_tap(st, tap);
	pd_tap_listen(tap, true);
	pd_rng_init(&rng, 17);
	for (i = 0; i < REQUESTS; i++) {
		uint32_t number = pd_rng_below(&rng, KEYS);

		number &= pd_rng_below(&rng, KEYS);
		pd_store_time(st, 1000000000 + i * 1234, 0);
		k = key_of(st, text, number);
		request(st, &k, &rng);
		while (
		    (e = pd_tap_peek(tap, pd_tap_head(tap), &scheme)) != NULL) {
			assert_true(pd_minicache_event(m, e, &s) >= 0);
			pd_tap_pop(tap);
		}
		same += (uint64_t)compare(st, m, &k);
	}
	assert_int_equal(pd_tap_take_lost(tap, PD_SAMPLE_KEY), 0);
	assert_true(same > REQUESTS / 2);
	pd_store_set_tap(st, NULL);
	pd_tap_free(tap);
	pd_store_free(st);
	pd_minicache_free(m);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(store_and_miniature_see_the_same),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
