#ifndef PD_DATA_NPY_H
#define PD_DATA_NPY_H

/*
 * NumPy's file format, version 1.0 (NEP 1): a header that says the type and
 * shape of an array, then its bytes in C order. The caller writes those.
 */

#include <stdint.h>

struct pd_buf;

/*
 * pd_npy_header(out, descr, shape, n):
 * Append the header of an array of the type ${descr}, a Python literal such as
 * "'<f4'" or "[('key','<u8'),('age','<f4')]", with ${n} dimensions (1 or 2).
 * Its length is a multiple of 64. 0, or -1: no memory, or a header above 64
 * KB.
 */
int pd_npy_header(
    struct pd_buf *out, const char *descr, const uint64_t *shape, unsigned n);

#endif /* PD_DATA_NPY_H */
