#ifndef PD_LEARN_CALIBRATE_H
#define PD_LEARN_CALIBRATE_H

/*
 * Does a score mean what it says? Predictions beside the labels that came
 * true, in bins of equally many rows (the reliability diagram of DeGroot and
 * Fienberg, The Statistician 32, 1983), and two figures of them.
 */

#include <stddef.h>
#include <stdint.h>

#define PD_CALIBRATION_BINS 10

struct pd_calibration_bin {
	uint32_t rows;
	double predicted; /* mean; NAN of no rows */
	double observed;  /* mean */
};

struct pd_calibration {
	/* From the lowest predictions to the highest; of fewer than ten rows
	 * some are empty. */
	struct pd_calibration_bin bin[PD_CALIBRATION_BINS];
	/* The expected calibration error: the mean over the rows of
	 * |observed - predicted| of their bin; NAN of no rows. */
	double error;
	/* The least squares line, label = intercept + slope * prediction: 0
	 * and 1 at best; NAN where all predictions are the same. */
	double slope;
	double intercept;
};

/*
 * pd_calibrate(predicted, label, n, out):
 * Compare. Rows of the same prediction share their labels' mean, so that the
 * order of the rows does not matter to the bins. 0, or -1 out of memory.
 */
int pd_calibrate(const float *predicted, const float *label, size_t n,
    struct pd_calibration *out);

#endif /* PD_LEARN_CALIBRATE_H */
