#ifndef PD_STAT_ADWIN_H
#define PD_STAT_ADWIN_H

/*
 * ADWIN2 (Bifet & Gavalda 2007, "Learning from time-changing data with
 * adaptive windowing"): keeps a window of the latest values for as long as no
 * split of it shows two different means, and says when it had to shorten it.
 * Memory is O(log width). Meant for values in 0..1; on unbounded or
 * heavy-tailed values it alarms without drift. It watches the mean only. The
 * order of operations is fixed, so that detections are equal, bit for bit, to
 * those of river and MOA: compile without fused multiply-add.
 */

#include <stdbool.h>
#include <stdint.h>

#define PD_ADWIN_BUCKETS 5 /* a row, before its two oldest are joined */
#define PD_ADWIN_ROWS 40   /* the window holds at most 5 (2^40 - 1) values */

struct pd_adwin_params {
	double delta;	     /* confidence of one check, 0..1 */
	uint32_t clock;	     /* values between two checks, >= 1 */
	uint32_t min_width;  /* no check while the window is this or shorter */
	uint32_t min_part;   /* shorter parts are not compared ... */
	uint32_t part_guard; /* ... and this enters the bound; see below */
	bool reset;	     /* after a detection, start from nothing */
};

/*
 * river: parts of 5 values and more, window emptied after a detection.
 * MOA: parts of more than 6, window kept. Both: delta 0.002, clock 32, window
 * above 10; the bound uses 1/(n0 - 5 + 1) + 1/(n1 - 5 + 1).
 */
#define PD_ADWIN_RIVER                                                         \
	{                                                                      \
		0.002, 32, 10, 5, 5, true                                      \
	}
#define PD_ADWIN_MOA                                                           \
	{                                                                      \
		0.002, 32, 10, 7, 5, false                                     \
	}

struct pd_adwin {
	struct pd_adwin_params params;
	double total; /* of the window */
	double sumsq; /* squared deviations from the window's mean; can be
		       * below 0 by rounding after many cuts */
	uint64_t width;
	uint32_t until_check;
	uint32_t rows; /* in use */
	bool found;    /* the last value brought a detection */
	uint8_t len[PD_ADWIN_ROWS];
	/* Row r: buckets of 2^r values, oldest first. */
	struct pd_adwin_bucket {
		double sum;
		double sumsq;
	} row[PD_ADWIN_ROWS][PD_ADWIN_BUCKETS + 1];
};

/* Start from an empty window. */
void pd_adwin_init(struct pd_adwin *a, const struct pd_adwin_params *params);

/*
 * pd_adwin_add(a, x):
 * Take one value (finite). True when the window was shortened: width and
 * total are then those of what was kept.
 */
bool pd_adwin_add(struct pd_adwin *a, double x);

/* Mean of the window, 0 when it is empty. */
double pd_adwin_mean(const struct pd_adwin *a);

#endif /* PD_STAT_ADWIN_H */
