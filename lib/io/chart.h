#ifndef PD_IO_CHART_H
#define PD_IO_CHART_H

/*
 * Line charts. A chart is data and words, all borrowed from the caller; it is
 * drawn as SVG here, and as text by cli/plot.h. Colours are those of Okabe and
 * Ito ("Color universal design", 2008), which people of every colour vision
 * tell apart; from the eighth line on they come again with other dashes.
 */

#include <stdbool.h>
#include <stddef.h>

struct pd_buf;

enum pd_chart_unit {
	PD_CHART_COUNT, /* 1k is 1000 */
	PD_CHART_BYTES, /* 1k is 1024 */
	PD_CHART_RATIO,
};

struct pd_chart_line {
	const char *name;
	const double *x; /* ascending */
	const double *y; /* NAN leaves a gap */
	size_t n;
};

/* A place on the x axis with a word: something began there. */
struct pd_chart_mark {
	double x;
	const char *text;
};

/* A stretch of the x axis below the plot, in the colour of the line of that
 * name; names that no line has get the colours after those of the lines. */
struct pd_chart_span {
	double from;
	double to;
	const char *name;
};

struct pd_chart {
	const char *title;
	const char *subtitle; /* may be NULL */
	const char *x_label;
	const char *y_label;
	enum pd_chart_unit x_unit;
	enum pd_chart_unit y_unit;
	bool log_x;
	double x_from; /* the x axis spans at least this; both 0: the points */
	double x_to;
	const struct pd_chart_line *line;
	size_t lines;
	const struct pd_chart_mark *mark;
	size_t marks;
	const char *band; /* what the spans say */
	const struct pd_chart_span *span;
	size_t spans;
};

/*
 * pd_chart_svg(c, n, out):
 * Append one SVG 1.1 document with ${n} charts, one below the other, to
 * ${out}: no script, no font or file from elsewhere, light or dark as the
 * viewer asks. 0, or -1 out of memory.
 */
int pd_chart_svg(const struct pd_chart *c, size_t n, struct pd_buf *out);

/* An axis: what it spans, and where it has marks. */
#define PD_CHART_TICKS 16

struct pd_axis {
	double from;
	double to;
	bool log;
	enum pd_chart_unit unit;
	double tick[PD_CHART_TICKS];
	int ticks;
};

/* The axes of a chart: all of its points are in them. At most ${most} ticks
 * (2..PD_CHART_TICKS). */
void pd_chart_x_axis(const struct pd_chart *c, int most, struct pd_axis *a);
void pd_chart_y_axis(const struct pd_chart *c, int most, struct pd_axis *a);

/* Where ${v} lies on the axis, 0..1 within it. */
double pd_axis_place(const struct pd_axis *a, double v);

/* ${v} as the axis writes it, into ${text}: "250k", "0.35". */
void pd_axis_text(const struct pd_axis *a, double v, char *text, size_t size);

/* The number of the line whose colour span ${i} has; behind those of the lines
 * for another name. */
size_t pd_chart_span_line(const struct pd_chart *c, size_t i);

/* The lines' numbers into ${order} (lines of them), the highest first. */
void pd_chart_order(const struct pd_chart *c, size_t *order);

#endif /* PD_IO_CHART_H */
