#ifndef PD_LEARN_LABEL_H
#define PD_LEARN_LABEL_H

/*
 * What a row is trained to say: a number that grows with the distance to the
 * key's next access, so that the highest score leaves first.
 */

enum pd_label {
	/* d / (d + boundary): what keeping the object will not bring: near 0
	 * for one wanted at once, 1/2 at the boundary, 1 for never. */
	PD_LABEL_DISCOUNT,
	/* 1 when d is beyond the boundary (relaxed Belady: LRB, NSDI 2020). */
	PD_LABEL_BEYOND,
	/* log2(1 + d), at most that of 8 eviction ages. */
	PD_LABEL_LOG_GAP,
};

/* "discount", "beyond", "log_gap". */
const char *pd_label_name(enum pd_label l);
/* The label of a name, or -1. */
int pd_label_parse(const char *name);

/* XGBoost's objective for a label. */
const char *pd_label_objective(enum pd_label l);

/*
 * pd_label_horizon(l, boundary, age, most):
 * How much of the future must be known to label a row, in ticks: the boundary
 * or 8 eviction ages of ${age} ticks, but never more than ${most}. A row with
 * less than that before the end of the data is dropped, whatever becomes of
 * it: dropping only those that are not seen again would bias the rest.
 */
double pd_label_horizon(
    enum pd_label l, double boundary, double age, double most);

/* The label of the distance ${d} (INFINITY: not seen again); the boundary is
 * ${boundary} eviction ages. */
float pd_label_value(enum pd_label l, double boundary, double age, double d);

/* The label of one eviction age: above it, the better victims. */
double pd_label_split(enum pd_label l, double boundary, double age);

#endif /* PD_LEARN_LABEL_H */
