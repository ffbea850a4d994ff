/* Charts on a terminal. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/text.h"
#include "cli/plot.h"
#include "io/chart.h"

static const double xs[] = {0, 10, 20};
static const double up[] = {0, 0.5, 1};
static const double flat[] = {0.5, 0.5, 0.5};

static const struct pd_chart_line lines[] = {
    {"rising", xs, up, 3}, {"level", xs, flat, 3}};
static const struct pd_chart_span spans[] = {
    {0, 10, "level"}, {10, 20, "other"}};
static const struct pd_chart_mark marks[] = {{10, "here"}};

static const struct pd_chart chart = {
    .title = "title",
    .x_label = "across",
    .y_label = "up",
    .y_unit = PD_CHART_RATIO,
    .line = lines,
    .lines = 2,
    .mark = marks,
    .marks = 1,
    .band = "band",
    .span = spans,
    .spans = 2,
};

static char *
plot(int width, bool utf8, bool colour, struct pd_buf *b)
{
	const struct pd_plot p = {width, 10, utf8, colour};

	assert_int_equal(pd_plot_chart(&p, &chart, b), 0);
	return pd_buf_cstr(b);
}

/* Columns of the longest line; every byte is part of valid UTF-8. */
static int
longest(const char *text)
{
	size_t left = strlen(text), n;
	int most = 0, now = 0;

	for (; left > 0; text += n, left -= n) {
		n = pd_utf8_len((const uint8_t *)text, left);
		assert_true(n > 0);
		now = *text == '\n' ? 0 : now + 1;
		most = now > most ? now : most;
	}
	return most;
}

static const char *
row(const char *text, int n)
{
	while (n-- > 0)
		text = strchr(text, '\n') + 1;
	return text;
}

static void
ascii(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	const char *text = plot(40, false, false, &b), *p;

	(void)state;
	assert_true(longest(text) <= 40);
	for (p = text; *p != '\0'; p++)
		assert_true(*p == '\n' || (*p >= ' ' && *p <= '~'));
	/* title, label of y, ten rows: the top right corner, the bottom left */
	assert_memory_equal(row(text, 2), "     1 |", 8);
	assert_int_equal(row(text, 3)[-2], 'a');
	assert_memory_equal(row(text, 11), "     0 |a", 9);
	/* the level line starts at the axis */
	assert_non_null(strstr(text, "|bbb"));
	/* the band: b rules the first half, one that is no line the other */
	assert_non_null(strstr(text, "bbbbbbbbbbbbbbbcccccccccccccccc\n"));
	assert_non_null(strstr(text, "c other"));
	assert_non_null(strstr(text, "a rising"));
	assert_non_null(strstr(text, "b level"));
	assert_non_null(strstr(text, ": here"));
	pd_buf_release(&b);
}

static void
braille(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	const char *text = plot(72, true, false, &b);

	(void)state;
	assert_int_equal(longest(text), 71);
	assert_null(strchr(text, '\033'));
	assert_non_null(strstr(text, "\xe2\xa0")); /* a braille cell */
	assert_non_null(strstr(text, "a"));
	pd_buf_clear(&b);
	text = plot(72, true, true, &b);
	assert_non_null(strstr(text, "\033[34m"));
	assert_non_null(strstr(text, "\033[0m"));
	pd_buf_release(&b);
}

static void
terminal(void **state)
{
	struct pd_plot p;

	(void)state;
	setenv("COLUMNS", "123", 1);
	setenv("LC_ALL", "C.UTF-8", 1);
	setenv("NO_COLOR", "1", 1);
	pd_plot_terminal(&p);
	assert_int_equal(p.width, 123);
	assert_true(p.utf8);
	assert_false(p.colour);
	setenv("COLUMNS", "3", 1);
	setenv("LC_ALL", "C", 1);
	pd_plot_terminal(&p);
	assert_int_equal(p.width, 40);
	assert_false(p.utf8);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ascii),
	    cmocka_unit_test(braille),
	    cmocka_unit_test(terminal),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
