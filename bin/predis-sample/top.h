#ifndef PREDIS_SAMPLE_TOP_H
#define PREDIS_SAMPLE_TOP_H

/* Between the two files of the verb top: what has come (top.c), and how it is
 * shown (top_report.c). */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/hotkeys.h"
#include "data/tickspan.h"
#include "data/traffic.h"

/* What one way of sampling shows. */
struct top_view {
	struct pd_traffic now; /* since the last report */
	struct pd_traffic all; /* since the start */
	struct pd_hotkeys hot;
	struct pd_tickspan ticks;
	double reported_ticks; /* at the last report */
	double rate;
	uint64_t reported_us; /* the last event at the last report */
};

struct top_report {
	const char *name; /* of the source */
	struct top_view *v;
	enum pd_scheme scheme;
	double now_s;	  /* seconds that the interval's events took */
	double all_s;	  /* those of all events */
	uint64_t dropped; /* in all */
	uint64_t dropped_now;
	size_t hot;  /* hot keys to show */
	bool screen; /* draw it on the terminal */
};

/* Show a report. 0, or -1 having reported. */
int top_show(const struct top_report *r);

#endif /* PREDIS_SAMPLE_TOP_H */
