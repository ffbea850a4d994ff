#ifndef PREDIS_REPLAY_FIGURE_H
#define PREDIS_REPLAY_FIGURE_H

/*
 * What --svg and --plot draw: a chart for each trace's curves, or for each
 * capacity's windows. Rows are handed in as they are put out, and drawn at the
 * end. All functions do nothing where nothing is to be drawn; 0, or -1 having
 * reported.
 */

#include <stdbool.h>
#include <stddef.h>

#include "replay.h"

/* Whether there is something to draw. */
bool figure_wanted(void);

/* One point of a curve of ${p}. */
int figure_point(const struct play *p, const struct row *r);

/* One policy's windows at one capacity. */
int figure_windows(const struct play *p, const struct row *r,
    const struct window *w, size_t n);

/* The end: draw, the file of --svg, the text of --plot on standard output;
 * but not when something ${failed}, for half of a picture misleads. */
int figure_finish(bool failed);

#endif /* PREDIS_REPLAY_FIGURE_H */
