#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/err.h"
#include "io/archive.h"

static const struct pd_archive_member three[] = {
    {"b.txt", "bee", 3}, {"a.txt", "", 0}, {"c.bin", "\0\1\2", 3}};

static void
gunzip(const struct pd_buf *in, struct pd_buf *out)
{
	uint8_t chunk[4096];
	z_stream z = {0};
	int r;

	assert_int_equal(inflateInit2(&z, 16 + MAX_WBITS), Z_OK);
	z.next_in = in->data;
	z.avail_in = (uInt)in->len;
	do {
		z.next_out = chunk;
		z.avail_out = sizeof(chunk);
		r = inflate(&z, Z_NO_FLUSH);
		assert_true(r == Z_OK || r == Z_STREAM_END);
		pd_buf_add(out, chunk, sizeof(chunk) - z.avail_out);
	} while (r != Z_STREAM_END);
	/* Nothing behind the gzip member: `gzip -t` would complain. */
	assert_int_equal(z.avail_in, 0);
	inflateEnd(&z);
}

static void
gzip(const void *p, size_t n, struct pd_buf *out)
{
	uint8_t chunk[4096];
	z_stream z = {0};
	int r;

	assert_int_equal(
	    deflateInit2(&z, 6, Z_DEFLATED, 16 + MAX_WBITS, 8, 0), Z_OK);
	z.next_in = (void *)(uintptr_t)p;
	z.avail_in = (uInt)n;
	do {
		z.next_out = chunk;
		z.avail_out = sizeof(chunk);
		r = deflate(&z, Z_FINISH);
		pd_buf_add(out, chunk, sizeof(chunk) - z.avail_out);
	} while (r != Z_STREAM_END);
	deflateEnd(&z);
}

/* POSIX ustar header fields of the packed members, in sorted order. */
static void
test_ustar(void **state)
{
	struct pd_buf gz = PD_BUF_INIT, tar = PD_BUF_INIT;
	const char *h;

	(void)state;
	assert_int_equal(pd_archive_pack(three, 3, &gz, NULL), 0);
	assert_memory_equal(gz.data, "\x1f\x8b\x08\0\0\0\0\0", 8);
	gunzip(&gz, &tar);
	assert_true(tar.len >= 512 + 2 * 1024 + 1024);
	h = (const char *)tar.data;
	assert_string_equal(h, "a.txt");
	assert_string_equal(h + 512, "b.txt");
	assert_string_equal(h + 512 + 1024, "c.bin");
	h += 512;
	assert_int_equal(strtol(h + 100, NULL, 8), 0644);
	assert_int_equal(strtol(h + 108, NULL, 8), 0);
	assert_int_equal(strtol(h + 116, NULL, 8), 0);
	assert_int_equal(strtol(h + 124, NULL, 8), 3);
	assert_int_equal(strtol(h + 136, NULL, 8), 0);
	assert_int_equal(h[156], '0');
	assert_memory_equal(h + 257,
	    "ustar\0"
	    "00",
	    8);
	assert_string_equal(h + 265, "");
	assert_string_equal(h + 297, "");
	assert_memory_equal(h + 512, "bee\0", 4);
	pd_buf_release(&gz);
	pd_buf_release(&tar);
}

/* The order in which members are given does not matter. */
static void
test_reproducible(void **state)
{
	const struct pd_archive_member other[] = {three[2], three[0], three[1]};
	struct pd_buf a = PD_BUF_INIT, b = PD_BUF_INIT;

	(void)state;
	assert_int_equal(pd_archive_pack(three, 3, &a, NULL), 0);
	assert_int_equal(pd_archive_pack(other, 3, &b, NULL), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	pd_buf_release(&a);
	pd_buf_release(&b);
}

static void
test_round_trip(void **state)
{
	struct pd_archive_want w[] = {{"c.bin", 3, PD_BUF_INIT, false},
	    {"a.txt", 0, PD_BUF_INIT, false}, {"none", 9, PD_BUF_INIT, true}};
	struct pd_buf b = PD_BUF_INIT;

	(void)state;
	assert_int_equal(pd_archive_pack(three, 3, &b, NULL), 0);
	assert_int_equal(pd_archive_unpack(b.data, b.len, 3, 6, w, 3, NULL), 0);
	assert_true(w[0].found);
	assert_int_equal(w[0].data.len, 3);
	assert_memory_equal(w[0].data.data, "\0\1\2", 3);
	assert_true(w[1].found);
	assert_int_equal(w[1].data.len, 0);
	assert_false(w[2].found);
	pd_archive_release(w, 3);
	pd_buf_release(&b);
}

static void
test_pack_refuses(void **state)
{
	const struct pd_archive_member twice[] = {three[0], three[0]};
	struct pd_archive_member m = {"", "x", 1};
	struct pd_buf b = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	char name[101];

	(void)state;
	assert_int_equal(pd_archive_pack(twice, 2, &b, &err), -1);
	assert_string_equal(err.msg, "two members 'b.txt'");
	assert_int_equal(pd_archive_pack(&m, 1, &b, &err), -1);
	m.name = "a/b";
	assert_int_equal(pd_archive_pack(&m, 1, &b, &err), -1);
	memset(name, 'n', 100);
	name[100] = '\0';
	m.name = name;
	assert_int_equal(pd_archive_pack(&m, 1, &b, &err), -1);
	name[99] = '\0';
	assert_int_equal(pd_archive_pack(&m, 1, &b, &err), 0);
	pd_buf_release(&b);
}

static void
refused(const struct pd_buf *b, unsigned members, uint64_t total, size_t max,
    const char *why)
{
	struct pd_archive_want w = {"b.txt", 0, PD_BUF_INIT, false};
	struct pd_err err = PD_ERR_INIT;

	w.max = max;
	assert_int_equal(
	    pd_archive_unpack(b->data, b->len, members, total, &w, 1, &err),
	    -1);
	if (strstr(err.msg, why) == NULL)
		fail_msg("'%s' does not say '%s'", err.msg, why);
	pd_archive_release(&w, 1);
}

static void
test_limits(void **state)
{
	struct pd_buf b = PD_BUF_INIT;

	(void)state;
	assert_int_equal(pd_archive_pack(three, 3, &b, NULL), 0);
	refused(&b, 2, 100, 100, "more than 2 members");
	refused(&b, 3, 5, 100, "more than 5 bytes when unpacked");
	refused(&b, 3, 100, 2, "b.txt: more than 2 bytes");
	b.len--;
	/* libarchive does not read gzip's check sum; the tar is whole. */
	b.len = b.len / 2;
	refused(&b, 3, 100, 100, "");
	b.len = 1;
	refused(&b, 3, 100, 100, "not a tar.gz");
	b.len = 0;
	refused(&b, 3, 100, 100, "not a tar.gz");
	pd_buf_release(&b);
}

/* A small file that unpacks to much: refused while it is being unpacked. */
static void
test_bomb(void **state)
{
	struct pd_archive_member m = {"zeros", NULL, 64 << 20};
	struct pd_buf b = PD_BUF_INIT;
	void *zeros = calloc(1, m.len);

	(void)state;
	assert_non_null(zeros);
	m.data = zeros;
	assert_int_equal(pd_archive_pack(&m, 1, &b, NULL), 0);
	assert_true(b.len < 100000);
	refused(&b, 3, 1 << 20, 100, "more than 1048576 bytes when unpacked");
	free(zeros);
	pd_buf_release(&b);
}

/* A tar made by hand: ${type} and ${name} as an attacker would have them. */
static void
crafted(struct pd_buf *out, const char *const *names, size_t n, char type)
{
	struct pd_buf tar = PD_BUF_INIT;
	char h[512];
	unsigned sum;
	size_t i, k;

	pd_buf_clear(out);
	for (i = 0; i < n; i++) {
		memset(h, 0, sizeof(h));
		snprintf(h, 100, "%s", names[i]);
		snprintf(h + 100, 8, "%07o", 0644U);
		snprintf(h + 108, 8, "%07o", 0U);
		snprintf(h + 116, 8, "%07o", 0U);
		snprintf(h + 124, 12, "%011o", 0U);
		snprintf(h + 136, 12, "%011o", 0U);
		memset(h + 148, ' ', 8);
		h[156] = type;
		snprintf(h + 157, 100, "/etc/passwd");
		snprintf(h + 257, 6, "ustar");
		memset(h + 263, '0', 2);
		for (sum = 0, k = 0; k < sizeof(h); k++)
			sum += (uint8_t)h[k];
		snprintf(h + 148, 8, "%06o", sum);
		pd_buf_add(&tar, h, sizeof(h));
	}
	memset(h, 0, sizeof(h));
	pd_buf_add(&tar, h, sizeof(h));
	pd_buf_add(&tar, h, sizeof(h));
	gzip(tar.data, tar.len, out);
	pd_buf_release(&tar);
}

static void
test_hostile_members(void **state)
{
	static const char *const one[] = {"b.txt", "b.txt"};
	static const char *const up[] = {"../b.txt", "/etc/passwd", "x/b.txt"};
	static const char types[] = "123456";
	struct pd_archive_want w = {"b.txt", 10, PD_BUF_INIT, false};
	struct pd_buf b = PD_BUF_INIT;
	size_t i;

	(void)state;
	for (i = 0; types[i] != '\0'; i++) {
		crafted(&b, one, 1, types[i]);
		refused(&b, 3, 100, 100, "'b.txt' is not a regular file");
	}
	crafted(&b, one, 2, '0');
	refused(&b, 3, 100, 100, "two members 'b.txt'");
	crafted(&b, one, 1, '0');
	assert_int_equal(
	    pd_archive_unpack(b.data, b.len, 3, 9, &w, 1, NULL), 0);
	assert_true(w.found);
	pd_archive_release(&w, 1);
	/* A path is a name like any other: nothing is written anywhere. */
	crafted(&b, up, 3, '0');
	assert_int_equal(
	    pd_archive_unpack(b.data, b.len, 3, 9, &w, 1, NULL), 0);
	assert_false(w.found);
	pd_archive_release(&w, 1);
	pd_buf_release(&b);
}

/* Cuts and flips: never a crash, never more than the limits. */
static void
test_damage(void **state)
{
	struct pd_archive_want w = {"b.txt", 3, PD_BUF_INIT, false};
	struct pd_buf b = PD_BUF_INIT;
	size_t i;

	(void)state;
	assert_int_equal(pd_archive_pack(three, 3, &b, NULL), 0);
	for (i = 0; i < b.len; i++) {
		pd_archive_unpack(b.data, i, 3, 6, &w, 1, NULL);
		assert_true(w.data.len <= 3);
		pd_archive_release(&w, 1);
	}
	for (i = 0; i < 8 * b.len; i++) {
		b.data[i / 8] ^= (uint8_t)(1U << (i % 8));
		pd_archive_unpack(b.data, b.len, 3, 6, &w, 1, NULL);
		assert_true(w.data.len <= 3);
		pd_archive_release(&w, 1);
		b.data[i / 8] ^= (uint8_t)(1U << (i % 8));
	}
	pd_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_ustar),
	    cmocka_unit_test(test_reproducible),
	    cmocka_unit_test(test_round_trip),
	    cmocka_unit_test(test_pack_refuses),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_bomb),
	    cmocka_unit_test(test_hostile_members),
	    cmocka_unit_test(test_damage),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
