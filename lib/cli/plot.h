#ifndef PD_CLI_PLOT_H
#define PD_CLI_PLOT_H

/*
 * Line charts (io/chart.h) on a terminal: braille dots where the locale is
 * UTF-8, letters where it is not. Every line carries its letter, so that
 * colour is never needed to tell them apart.
 */

#include <stdbool.h>

struct pd_buf;
struct pd_chart;

struct pd_plot {
	int width;  /* columns, at least 40 */
	int height; /* rows of the plot itself, at least 4 */
	bool utf8;
	bool colour;
};

/*
 * pd_plot_terminal(p):
 * What standard output is: its width (COLUMNS, the terminal's, or 80), a
 * height that suits it, UTF-8 by the locale of the environment, colour on a
 * terminal unless NO_COLOR is set or TERM is dumb.
 */
void pd_plot_terminal(struct pd_plot *p);

/* Append a chart as lines of text to ${out}. 0, or -1 out of memory. */
int pd_plot_chart(
    const struct pd_plot *p, const struct pd_chart *c, struct pd_buf *out);

#endif /* PD_CLI_PLOT_H */
