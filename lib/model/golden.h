#ifndef PD_MODEL_GOLDEN_H
#define PD_MODEL_GOLDEN_H

/*
 * golden.bin: rows and the exact bits that they must score. A machine or a
 * build whose floating point differs from the trainer's refuses the model
 * instead of serving something else. Little-endian: "PDG1", u32 rows, u32
 * columns, u32 zero, rows x columns float32, rows float32 scores.
 */

#include <stddef.h>
#include <stdint.h>

struct pd_buf;
struct pd_err;
struct pd_trees;

/* Append the file for ${n} rows of pd_trees_cols(t) floats, scored by ${t}. */
int pd_golden_format(const struct pd_trees *t, const float *rows, size_t n,
    struct pd_buf *out, struct pd_err *err);

/*
 * pd_golden_check(t, p, len, n, err):
 * Score the ${n} rows of the file one by one and as a batch; every bit must be
 * as stored, and every score finite. 0 or -1.
 */
int pd_golden_check(const struct pd_trees *t, const void *p, size_t len,
    size_t n, struct pd_err *err);

/*
 * pd_golden_rows(p, len, cols, n, rows, err):
 * Copy the file's ${n} rows of ${cols} floats to ${rows}. 0, or -1 when it is
 * not such a file.
 */
int pd_golden_rows(const void *p, size_t len, size_t cols, size_t n,
    float *rows, struct pd_err *err);

#endif /* PD_MODEL_GOLDEN_H */
