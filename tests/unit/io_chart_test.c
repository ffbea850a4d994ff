/* Charts: axes, and SVG that says what it should. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "io/chart.h"

static const double xs[] = {0, 1, 2, 3};
static const double up[] = {0.1, 0.2, 0.3, 0.4};
static const double gap[] = {0.9, NAN, 0.7, 0.6};

static struct pd_chart
chart(const struct pd_chart_line *line, size_t lines)
{
	return (struct pd_chart){
	    .title = "title",
	    .x_label = "across",
	    .y_label = "up",
	    .y_unit = PD_CHART_RATIO,
	    .line = line,
	    .lines = lines,
	};
}

/* The axis of one line from (x1, y1) to (x2, y2). */
static struct pd_axis
axis(double from, double to, bool log, enum pd_chart_unit unit, int most)
{
	const double x[] = {from, to}, y[] = {1, 2};
	const struct pd_chart_line l = {"l", x, y, 2};
	struct pd_chart c = chart(&l, 1);
	struct pd_axis a;

	c.log_x = log;
	c.x_unit = unit;
	pd_chart_x_axis(&c, most, &a);
	return a;
}

static void
assert_ticks(const struct pd_axis *a, const double *want, int n)
{
	int i;

	assert_int_equal(a->ticks, n);
	for (i = 0; i < n; i++)
		assert_true(fabs(a->tick[i] - want[i]) <= 1e-9 * want[i]);
}

static void
ticks(void **state)
{
	static const double fifties[] = {0, 50, 100, 150, 200};
	static const double decades[] = {100, 1000, 10000, 100000};
	static const double fine[] = {20, 50, 100, 200, 500};
	static const double bytes[] = {262144, 2097152, 16777216};
	struct pd_axis a;
	double f, t;
	int most, i;

	(void)state;
	a = axis(0, 200, false, PD_CHART_COUNT, 6);
	assert_ticks(&a, fifties, 5);
	a = axis(56, 200000, true, PD_CHART_COUNT, 6);
	assert_ticks(&a, decades, 4);
	a = axis(20, 500, true, PD_CHART_COUNT, 6);
	assert_ticks(&a, fine, 5);
	a = axis(40000, 20000000, true, PD_CHART_BYTES, 4);
	assert_ticks(&a, bytes, 3);
	/* whatever the range: some ticks, all within, never too many */
	for (most = 4; most <= PD_CHART_TICKS; most++)
		for (f = 1e-3; f < 1e9; f *= 3.7)
			for (t = 1.001; t < 1e6; t *= 5.1) {
				a = axis(f, f * t, false, PD_CHART_COUNT, most);
				assert_in_range(a.ticks, 1, most);
				for (i = 0; i < a.ticks; i++)
					assert_true(pd_axis_place(&a,
							a.tick[i]) >= -1e-6 &&
						    pd_axis_place(&a,
							a.tick[i]) <= 1 + 1e-6);
			}
}

static void
range_of_values(void **state)
{
	const struct pd_chart_line l[] = {{"up", xs, up, 4}, {"g", xs, gap, 4}};
	const double high[] = {0.91, 0.93, 0.92, 0.94};
	const struct pd_chart_line h = {"high", xs, high, 4};
	struct pd_chart c = chart(l, 2);
	struct pd_axis a;

	(void)state;
	pd_chart_y_axis(&c, 6, &a);
	assert_float_equal(a.from, 0, 1e-9);
	assert_float_equal(a.to, 1, 1e-9);
	c = chart(&h, 1);
	pd_chart_y_axis(&c, 6, &a);
	assert_true(a.from > 0.85 && a.from <= 0.91 && a.to >= 0.94);
	/* nothing at all, and a flat line */
	c = chart(NULL, 0);
	pd_chart_y_axis(&c, 6, &a);
	assert_true(a.to > a.from && a.ticks > 0);
	c.x_to = 7;
	pd_chart_x_axis(&c, 6, &a);
	assert_float_equal(a.to, 7, 1e-9);
}

static void
numbers(void **state)
{
	static const struct {
		enum pd_chart_unit unit;
		double v;
		const char *want;
	} t[] = {
	    {PD_CHART_COUNT, 0, "0"},
	    {PD_CHART_COUNT, 999, "999"},
	    {PD_CHART_COUNT, 1000, "1k"},
	    {PD_CHART_COUNT, 250000, "250k"},
	    {PD_CHART_COUNT, 2.5e6, "2.5M"},
	    {PD_CHART_BYTES, 1000, "1000"},
	    {PD_CHART_BYTES, 65536, "64k"},
	    {PD_CHART_BYTES, 1073741824, "1G"},
	    {PD_CHART_RATIO, 0.30000000000000004, "0.3"},
	    {PD_CHART_RATIO, 1e-17, "0"},
	};
	struct pd_axis a = {0};
	char text[32];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(t) / sizeof(t[0]); i++) {
		a.unit = t[i].unit;
		pd_axis_text(&a, t[i].v, text, sizeof(text));
		assert_string_equal(text, t[i].want);
	}
}

static size_t
count(const char *text, const char *what)
{
	size_t n = 0;

	for (; (text = strstr(text, what)) != NULL; text++)
		n++;
	return n;
}

/* Spans have the colours of lines; other names the next ones, each its own. */
static void
colours_of_spans(void **state)
{
	static const size_t want[] = {1, 2, 3, 2, 0, 3};
	const struct pd_chart_line l[] = {{"a", xs, up, 4}, {"b", xs, gap, 4}};
	const struct pd_chart_span s[] = {{0, 1, "b"}, {1, 2, "x"}, {2, 3, "y"},
	    {3, 4, "x"}, {4, 5, "a"}, {5, 6, "y"}};
	struct pd_chart c = chart(l, 2);
	size_t i;

	(void)state;
	c.span = s;
	c.spans = 6;
	for (i = 0; i < 6; i++)
		assert_int_equal(pd_chart_span_line(&c, i), want[i]);
}

static void
svg(void **state)
{
	const struct pd_chart_line l[] = {
	    {"a<b & c", xs, up, 4}, {"caf\xc3\xa9\xff\x01", xs, gap, 4}};
	const struct pd_chart_mark m[] = {{0, "one"}, {2, "two"}};
	const struct pd_chart_span s[] = {{0, 2, "a<b & c"}, {2, 3, "neither"}};
	struct pd_chart c[2] = {chart(l, 2), chart(l, 1)};
	struct pd_buf b = PD_BUF_INIT;
	size_t order[2];
	char *text;

	(void)state;
	c[0].mark = m;
	c[0].marks = 2;
	c[0].span = s;
	c[0].spans = 2;
	c[0].band = "band";
	assert_int_equal(pd_chart_svg(c, 2, &b), 0);
	text = pd_buf_cstr(&b);
	assert_non_null(text);
	assert_ptr_equal(strstr(text, "<svg"), text);
	assert_non_null(strstr(text, "</svg>\n"));
	assert_null(strstr(text, "a<b"));
	assert_null(strchr(text, '\x01'));
	assert_null(strchr(text, '\xff'));
	assert_null(strstr(text, "nan"));
	/* in lines, legends and the span */
	assert_int_equal(count(text, ">a&lt;b &amp; c<"), 6);
	assert_int_equal(count(text, ">caf\xc3\xa9?"
				     "?<"),
	    2);
	assert_int_equal(count(text, "<rect"), 3);
	assert_int_equal(count(text, "class=\"mark\""), 2);
	/* a gap starts the line anew; a legend's line has one M too */
	assert_int_equal(count(text, "class=\"l "), 6);
	assert_int_equal(count(text, "M") - count(text, "M7"), 4);
	pd_chart_order(&c[0], order);
	assert_int_equal(order[0], 1);
	pd_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(ticks),
	    cmocka_unit_test(range_of_values),
	    cmocka_unit_test(numbers),
	    cmocka_unit_test(colours_of_spans),
	    cmocka_unit_test(svg),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
