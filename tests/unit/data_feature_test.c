#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/code.h"
#include "base/rng.h"
#include "data/feature_code.h"

static void
table_is_in_order(void **state)
{
	unsigned i, j, served = 0;

	(void)state;
	for (i = 0; i < PD_FEATURES; i++) {
		const struct pd_feature_info *f = &pd_feature_info[i];

		assert_non_null(f->name);
		assert_int_equal(pd_feature_find(f->name), i);
		assert_true(strlen(f->unit) > 0 && strlen(f->help) > 0);
		assert_int_equal(f->served, i < 20);
		served += f->served;
		for (j = 0; j < i; j++)
			assert_string_not_equal(
			    f->name, pd_feature_info[j].name);
	}
	assert_int_equal(served, 20);
	assert_int_equal(pd_feature_find("nonesuch"), -1);
	assert_int_equal(pd_feature_find(""), -1);
}

/* Every value read back is coded as before; ends are kept, NaN stays. */
static void
codes_round_trip(void **state)
{
	static struct pd_feature_codes c;
	unsigned slot, k;
	float v;

	(void)state;
	pd_feature_codes_init(&c);
	for (slot = 0; slot < PD_FEATURES; slot++) {
		for (k = 0; k < 256; k++) {
			v = c.value[slot][k];
			assert_int_equal(isnan(v) != 0, k == 255);
			assert_int_equal(pd_feature_code(&c, slot, v), k);
			if (k > 0 && k < 255)
				assert_true(v > c.value[slot][k - 1]);
		}
		assert_int_equal(pd_feature_code(&c, slot, 1e30f), 254);
		assert_int_equal(pd_feature_code(&c, slot, INFINITY), 254);
		assert_int_equal(pd_feature_code(&c, slot, -1e30f), 0);
		assert_int_equal(pd_feature_code(&c, slot, -INFINITY), 0);
	}
	/* Distances of served slots are multiples of 1/4 octave: exact. */
	for (v = -24; v < 7.75f; v += 0.25f)
		assert_true(
		    c.value[PD_F_gap1][pd_feature_code(&c, PD_F_gap1, v)] == v);
	for (v = 0; v < 13; v++)
		assert_true(c.value[PD_F_gaps_in_hour][pd_feature_code(
				&c, PD_F_gaps_in_hour, v)] == v);
	/* Half a step of an octave is 4.5% of a count. */
	for (v = 0.5f; v < 1e9f; v *= 1.07f)
		assert_true(fabsf(c.value[PD_F_edc_1h]
					 [pd_feature_code(&c, PD_F_edc_1h, v)] -
				  v) <= 0.0444f * (v + 1));
}

/* Names and units are an interface: changing one changes this number. */
static void
schema_id_is_known(void **state)
{
	(void)state;
	assert_int_equal(pd_feature_schema_id(), 0xba8c715b2e10eb34);
}

/* log2(1 + n) to within the code's width; exact where a code has one n. */
static void
counts_are_log2(void **state)
{
	uint64_t n;
	float v;

	(void)state;
	assert_true(isnan(pd_feature_count(PD_CODE_NONE)));
	assert_true(pd_feature_count(pd_code(0)) == 0.0f);
	assert_true(pd_feature_count(pd_code(1)) == 1.0f);
	assert_true(pd_feature_count(pd_code(3)) == 2.0f);
	for (n = 0; n < 8; n++) {
		v = pd_feature_count(pd_code(n));
		assert_true(fabs(v - log2(1.0 + (double)n)) < 6e-5);
	}
	for (n = 8; n < 1000000; n += 1 + n / 50) {
		v = pd_feature_count(pd_code(n));
		assert_true(fabs(v - log2(1.0 + (double)n)) < 0.13);
	}
	for (n = 1; n < PD_CODE_MAX; n++)
		assert_true(pd_feature_count((uint8_t)n) >
			    pd_feature_count((uint8_t)(n - 1)));
}

static struct pd_served
example(void)
{
	/* Codes of 100 (27), 10 (14), 20 (18), 40 (22), none, 1000 (40). */
	struct pd_served s = {
	    .age = pd_code(100),
	    .gap = {pd_code(10), pd_code(20), pd_code(40), PD_CODE_NONE},
	    .residence = pd_code(1000),
	    .resident_at_last = pd_code(900),
	    .frequency = pd_code(7),
	    .hits_resident = pd_code(3),
	    .evict_age = pd_code(500),
	    .size = pd_code(4096),
	    .ttl_left = PD_CODE_NONE,
	    .flags = PD_SERVED_WRITE,
	    .hit_ratio = 125,
	    .new_share = 50,
	};

	return s;
}

static void
row_of(const struct pd_served *s, float row[20])
{
	uint8_t slots[20];
	unsigned i;

	for (i = 0; i < 20; i++)
		slots[i] = (uint8_t)i;
	pd_feature_served(s, slots, 20, row);
}

static void
served_row_by_hand(void **state)
{
	/* Octaves of the codes: (code - 1) / 4 + 1/8. */
	const float age = 6.625f, g1 = 3.375f, g2 = 4.375f, g3 = 5.375f,
		    res = 9.875f, at_last = 9.875f, ea = 8.875f;
	struct pd_served s = example();
	float row[20];

	(void)state;
	row_of(&s, row);
	assert_true(row[PD_F_age] == age - ea);
	assert_true(row[PD_F_gap1] == g1 - ea);
	assert_true(row[PD_F_gap2] == g2 - ea);
	assert_true(row[PD_F_gap3] == g3 - ea);
	assert_true(isnan(row[PD_F_gap4]));
	assert_true(row[PD_F_frequency] == 3.0f);
	assert_true(row[PD_F_hits_resident] == 2.0f);
	assert_true(row[PD_F_residence] == res - ea);
	assert_true(row[PD_F_resident_at_last] == at_last - ea);
	assert_true(row[PD_F_age_over_gap1] == age - g1);
	assert_true(row[PD_F_gap_mean] == 4.375f - ea);
	assert_true(row[PD_F_age_over_gap_mean] == age - 4.375f);
	assert_true(row[PD_F_gap_spread] == 2.0f);
	assert_true(row[PD_F_gaps_known] == 3.0f);
	assert_true(row[PD_F_size] == 12.125f);
	assert_true(isnan(row[PD_F_ttl_left]));
	assert_true(row[PD_F_last_write] == 1.0f);
	assert_true(row[PD_F_returning] == 0.0f);
	assert_true(row[PD_F_hit_ratio_lately] == 0.5f);
	assert_true(row[PD_F_new_share_lately] == 0.2f);
}

/* Everything unknown: NaN, but for the count of gaps and the two flags. */
static void
unknown_is_nan(void **state)
{
	struct pd_served s;
	float row[20];
	unsigned i;

	(void)state;
	memset(&s, PD_CODE_NONE, sizeof(s));
	s.flags = PD_SERVED_RETURNING;
	row_of(&s, row);
	for (i = 0; i < 20; i++)
		if (i == PD_F_gaps_known || i == PD_F_last_write)
			assert_true(row[i] == 0.0f);
		else if (i == PD_F_returning)
			assert_true(row[i] == 1.0f);
		else
			assert_true(isnan(row[i]));
}

/* Without an eviction age, what is relative to it is unknown, the rest not. */
static void
no_eviction_age(void **state)
{
	struct pd_served s = example();
	float row[20];

	(void)state;
	s.evict_age = PD_CODE_NONE;
	row_of(&s, row);
	assert_true(isnan(row[PD_F_age]) && isnan(row[PD_F_gap1]));
	assert_true(isnan(row[PD_F_residence]) && isnan(row[PD_F_gap_mean]));
	assert_true(isnan(row[PD_F_resident_at_last]));
	assert_true(row[PD_F_age_over_gap1] == 3.25f);
	assert_true(row[PD_F_age_over_gap_mean] == 2.25f);
	assert_true(row[PD_F_gap_spread] == 2.0f);
}

/* The eviction age shifts what is relative to it, and nothing else: that is
 * what lets a model move between capacities. */
static void
scale_free(void **state)
{
	struct pd_served s = example();
	float a[20], b[20];
	unsigned i;

	(void)state;
	row_of(&s, a);
	s.age += 8;
	s.gap[0] += 8;
	s.gap[1] += 8;
	s.gap[2] += 8;
	s.residence += 8;
	s.resident_at_last += 8;
	s.evict_age += 8;
	row_of(&s, b);
	for (i = 0; i < 20; i++)
		assert_true(a[i] == b[i] || (isnan(a[i]) && isnan(b[i])));
}

/* A model's own choice of slots gives the same bits as the whole row. */
static void
any_subset_gives_the_same_bits(void **state)
{
	struct pd_served s;
	uint8_t *raw = (uint8_t *)&s, slots[20];
	float all[20], some[20];
	struct pd_rng r;
	unsigned i, j, n;

	(void)state;
	pd_rng_init(&r, 3);
	for (i = 0; i < 2000; i++) {
		for (j = 0; j < sizeof(s); j++)
			raw[j] = pd_rng_below(&r, 4) == 0
				     ? PD_CODE_NONE
				     : (uint8_t)pd_rng_below(&r, 255);
		row_of(&s, all);
		n = pd_rng_below(&r, 21);
		for (j = 0; j < n; j++)
			slots[j] = (uint8_t)pd_rng_below(&r, 20);
		pd_feature_served(&s, slots, n, some);
		for (j = 0; j < n; j++)
			assert_memory_equal(
			    &some[j], &all[slots[j]], sizeof(float));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(table_is_in_order),
	    cmocka_unit_test(schema_id_is_known),
	    cmocka_unit_test(codes_round_trip),
	    cmocka_unit_test(counts_are_log2),
	    cmocka_unit_test(served_row_by_hand),
	    cmocka_unit_test(unknown_is_nan),
	    cmocka_unit_test(no_eviction_age),
	    cmocka_unit_test(scale_free),
	    cmocka_unit_test(any_subset_gives_the_same_bits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
