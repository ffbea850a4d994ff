#define _GNU_SOURCE /* memfd_create */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "cache_snapshot.h"

#include "base/hash.h"

/* Damaged files: what can be read is read, what cannot is counted. */

static void
test_truncated(void **state)
{
	struct pd_snapshot_read_stats s = {0};
	int n, before = -1;
	size_t i;

	(void)state;
	make_file();
	for (i = 0; i < file.len; i++) {
		n = read_bytes(file.data, i, &s);
		assert_true(n >= before);
		assert_int_equal(n == -1, i < PD_SNAPSHOT_HEADER);
		before = n;
		if (n >= 0) {
			assert_true(s.torn);
			assert_true(n + (int)s.lost <= 40);
		}
	}
	assert_int_equal(before, 40);
	assert_int_equal(read_bytes(file.data, file.len, &s), 40);
	assert_false(s.torn);
	assert_int_equal(s.nflaws, 0);
}

static void
test_flipped(void **state)
{
	struct pd_snapshot_read_stats s = {0};
	uint32_t largest = 0;
	size_t i, at;
	int n;

	(void)state;
	make_file();
	for (at = PD_SNAPSHOT_HEADER; at < file.len;) {
		const uint8_t *p = file.data + at;
		const uint32_t records = p[8], stored = p[16] | p[17] << 8;

		largest = records > largest ? records : largest;
		at += PD_SNAPSHOT_HEAD + stored;
	}
	assert_true(largest < 20);
	for (i = 0; i < file.len; i++) {
		file.data[i] ^= (uint8_t)(1u << i % 8);
		n = read_bytes(file.data, file.len, &s);
		file.data[i] ^= (uint8_t)(1u << i % 8);
		if (i < PD_SNAPSHOT_HEADER) {
			assert_int_equal(n, -1);
			continue;
		}
		/* One block is lost, at most, and it is told where. */
		assert_true(n >= 40 - (int)largest);
		assert_true(n == 40 || s.nflaws == 1);
		assert_true(s.torn || n < 40);
		if (s.nflaws > 0)
			assert_true(s.flaw[0] <= i &&
				    i < s.flaw[0] + PD_SNAPSHOT_HEAD + 4096);
	}
}

/* A value that looks like a block is not one, and lengths are not believed. */
static void
test_forged(void **state)
{
	struct pd_snapshot_head h = {
	    .kind = PD_SNAPSHOT_KEYS, .records = 1, .raw = 8, .stored = 8};
	static const uint32_t wrong[][4] = {
	    /* packing, records, raw, stored */
	    {PD_SNAPSHOT_PLAIN, 1, UINT32_MAX, 8},
	    {PD_SNAPSHOT_PLAIN, 1, 16, 8},
	    {PD_SNAPSHOT_ZLIB, 1, UINT32_MAX, 8},
	    {PD_SNAPSHOT_ZLIB, 1, 1 << 20, 8},
	    {PD_SNAPSHOT_PLAIN, UINT32_MAX, 8, 8},
	    {PD_SNAPSHOT_PLAIN, 1, 8, UINT32_MAX},
	    {77, 1, 8, 8},
	};
	struct pd_snapshot_read_stats s = {0};
	struct pd_snapshot_info info = {.shards = 1, .salt = 99};
	uint8_t p[PD_SNAPSHOT_HEADER + 3 * PD_SNAPSHOT_HEAD + 16] = {0};
	uint8_t *at = p + PD_SNAPSHOT_HEADER;
	size_t i;

	(void)state;
	pd_snapshot_put_info(p, &info);
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		h.packing = (uint8_t)wrong[i][0];
		h.records = wrong[i][1];
		h.raw = wrong[i][2];
		h.stored = wrong[i][3];
		pd_snapshot_put_head(at, &h, 99);
		assert_int_equal(read_bytes(p, sizeof(p), &s), 0);
		assert_true(s.nflaws > 0);
	}
	/* Right but for the salt: not found in the search either. */
	h = (struct pd_snapshot_head){.kind = PD_SNAPSHOT_KEYS,
	    .records = 1,
	    .raw = 8,
	    .stored = 8,
	    .hash = pd_hash64("\0\0\0\0\0\0\0\0", 8, 98)};
	pd_snapshot_put_head(at + 1, &h, 98);
	assert_int_equal(read_bytes(p, sizeof(p), &s), 0);
	assert_int_equal(s.blocks, 0);
	assert_int_equal(s.damaged, 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_truncated),
	    cmocka_unit_test(test_flipped),
	    cmocka_unit_test(test_forged),
	};

	return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
