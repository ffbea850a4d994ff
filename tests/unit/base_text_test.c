#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/text.h"

static void
assert_printed(const char *text, const char *keep, const char *want)
{
	char buf[64];

	assert_true(strlen(text) < sizeof(buf));
	memcpy(buf, text, strlen(text) + 1);
	pd_text_printable(buf, keep);
	assert_string_equal(buf, want);
}

static void
controls_become_question_marks(void **state)
{
	(void)state;
	assert_printed("", "", "");
	assert_printed("plain ~", "", "plain ~");
	assert_printed("\033[31mred\007\x7f", "\n\t", "?[31mred??");
	assert_printed("a\nb\tc\rd", "\n\t", "a\nb\tc?d");
	assert_printed("a\nb\tc", "", "a?b?c");
	/* U+009B is a control sequence introducer, U+00A0 a space. */
	assert_printed("\xc2\x9b\xc2\xa0", "", "??\xc2\xa0");
}

static void
only_utf8_stays(void **state)
{
	(void)state;
	assert_printed(
	    "z\xc3\xbcrich \xe2\x82\xac", "", "z\xc3\xbcrich \xe2\x82\xac");
	assert_printed("\xf0\x9f\x8c\x8d", "", "\xf0\x9f\x8c\x8d");
	assert_printed("\x9b[0m\xff", "", "?[0m?");
	assert_printed("\xc3", "", "?");
	assert_printed("\xe2\x82", "", "??");
	assert_printed("\xc0\xaf", "", "??");		/* too long */
	assert_printed("\xed\xa0\x80", "", "???");	/* a surrogate */
	assert_printed("\xf4\x90\x80\x80", "", "????"); /* above U+10FFFF */
	assert_printed("\xc3\033", "", "??");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(controls_become_question_marks),
	    cmocka_unit_test(only_utf8_stays),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
