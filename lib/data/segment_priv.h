#ifndef PD_DATA_SEGMENT_PRIV_H
#define PD_DATA_SEGMENT_PRIV_H

/*
 * Between the files of a recorded directory.
 */

struct pd_err;
struct pd_segments;

/* Put what index.pdx says into the segments of the list that are still the
 * same. 0, or -1 out of memory. */
int pd_segment_index_read(struct pd_segments *l, int dirfd, struct pd_err *err);

#endif /* PD_DATA_SEGMENT_PRIV_H */
