#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <sodium.h>

#include "base/sha1.h"

static void
is(const void *p, size_t n, const char *hex)
{
	uint8_t sha1[PD_SHA1_BYTES];
	char text[2 * PD_SHA1_BYTES + 1];

	pd_sha1(p, n, sha1);
	sodium_bin2hex(text, sizeof(text), sha1, sizeof(sha1));
	assert_string_equal(text, hex);
}

/* RFC 3174, section 7.3, and FIPS 180's empty message. */
static void
known_answers(void **state)
{
	char *million = malloc(1000000);

	(void)state;
	assert_non_null(million);
	memset(million, 'a', 1000000);
	is("", 0, "da39a3ee5e6b4b0d3255bfef95601890afd80709");
	is("abc", 3, "a9993e364706816aba3e25717850c26c9cd0d89d");
	is("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq", 56,
	    "84983e441c3bd26ebaae4aa1f95129e5e54670f1");
	is(million, 1000000, "34aa973cd4c4daa4f61eeb2bdbad27316534016f");
	free(million);
}

/* The padding takes one block more from 56 bytes of the last on. */
static void
around_a_block(void **state)
{
	char text[64];

	(void)state;
	memset(text, 'x', sizeof(text));
	is(text, 55, "cef734ba81a024479e09eb5a75b6ddae62e6abf1");
	is(text, 56, "901305367c259952f4e7af8323f480d59f81335b");
	is(text, 64, "bb2fa3ee7afb9f54c6dfb5d021f14b1ffe40c163");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(known_answers),
	    cmocka_unit_test(around_a_block),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
