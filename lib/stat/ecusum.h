#ifndef PD_STAT_ECUSUM_H
#define PD_STAT_ECUSUM_H

/*
 * An e-CUSUM on the counts of windows over frozen bins: has the law of a
 * stream changed since the reference was taken? Its answer is evidence with an
 * error guarantee that holds at any time and for any number of looks.
 *
 * The bins are cut at order statistics of the reference, so that the masses of
 * the bins, given the reference, are Dirichlet(gaps) whatever the law (the gap
 * is how many steps between order statistics a bin spans), and the counts of
 * the next window are Dirichlet-multinomial: nothing is estimated. The e-value
 * of a window is the ratio of two such probabilities,
 *
 *     DM(c | kappa p + since) / DM(c | gaps + earlier)
 *
 * where p are the reference's shares, `since` the counts since the detector
 * last began anew, `earlier` all counts since the reference. Its expectation
 * without a change, given the past, is 1. There is a detector for each kappa
 * of 50, 500 and 5000 (far, middle, close to the reference), M = max(1, M) E,
 * and the evidence is their mean, which is an e-detector again (Shin, Ramdas,
 * Rinaldo 2023, "E-detectors", arXiv 2309.09111): an alarm at evidence >= c
 * comes falsely once in c windows on average or more rarely, and within n
 * windows with a probability of n / c or less. The same holds for the mean
 * over features, however they depend on each other.
 *
 * What it needs: windows that are independent given the law. Atoms (values
 * that repeat) are not order statistics: there a half is added to each gap,
 * and the guarantee is approximate.
 */

#include <stdbool.h>
#include <stdint.h>

#define PD_ECUSUM_BINS 64 /* at most */
#define PD_ECUSUM_PARTS 3

struct pd_ecusum {
	unsigned bins;
	double total; /* of null[] */
	/* The Dirichlet of the next window without a change: gaps, then all
	 * counts. */
	double null[PD_ECUSUM_BINS];
	double share[PD_ECUSUM_BINS]; /* of the reference, sums to 1 */
	struct pd_ecusum_part {
		double log_m;	/* of M, >= 0 before a window is added */
		uint64_t since; /* first window of the present run */
		uint64_t n;	/* values in counts */
		uint64_t counts[PD_ECUSUM_BINS];
	} part[PD_ECUSUM_PARTS];
	uint64_t windows; /* added */
};

/*
 * pd_ecusum_init(e, ref, bins, atoms):
 * ${ref}: the reference's counts in ${bins} (2 to PD_ECUSUM_BINS) bins, where
 * bin i holds cuts[i-1] < x <= cuts[i] and the cuts are values of the
 * reference. ${atoms}: its values repeat. 0, or -1 when the reference is empty
 * or there are too few or many bins.
 */
int pd_ecusum_init(
    struct pd_ecusum *e, const uint64_t *ref, unsigned bins, bool atoms);

/*
 * pd_ecusum_add(e, counts):
 * One window's counts. Returns the natural logarithm of its evidence, that is
 * of the mean of the detectors' M.
 */
double pd_ecusum_add(struct pd_ecusum *e, const uint64_t *counts);

/* The logarithm of the evidence after the last window; 0 before the first. */
double pd_ecusum_evidence(const struct pd_ecusum *e);

/*
 * The window (from 0) with which the run of the strongest detector began: an
 * estimate of when the change was.
 */
uint64_t pd_ecusum_since(const struct pd_ecusum *e);

/* Begin anew after an alarm: no evidence, the same reference; what was counted
 * since it stays in the null. */
void pd_ecusum_restart(struct pd_ecusum *e);

/* ln of the mean of exp(v[i]), n > 0: how evidence of features is joined. */
double pd_ecusum_mean(const double *v, unsigned n);

/*
 * pd_ecusum_threshold(fpr, windows):
 * The evidence at which to alarm so that ${windows} windows without a change
 * bring an alarm with a probability of ${fpr} or less.
 */
double pd_ecusum_threshold(double fpr, uint64_t windows);

#endif /* PD_STAT_ECUSUM_H */
