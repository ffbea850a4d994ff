#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/err.h"
#include "model/golden.h"
#include "model/trees.h"

#define HEADER 16

static const char magic[4] = {'P', 'D', 'G', '1'};

static uint32_t
bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static float
unbits(uint32_t u)
{
	float f;

	memcpy(&f, &u, sizeof(f));
	return f;
}

int
pd_golden_format(const struct pd_trees *t, const float *rows, size_t n,
    struct pd_buf *out, struct pd_err *err)
{
	const unsigned cols = pd_trees_cols(t);
	size_t i;

	pd_buf_add(out, magic, sizeof(magic));
	pd_buf_add32(out, (uint32_t)n);
	pd_buf_add32(out, cols);
	pd_buf_add32(out, 0);
	for (i = 0; i < n * cols; i++)
		pd_buf_add32(out, bits(rows[i]));
	for (i = 0; i < n; i++)
		pd_buf_add32(out, bits(pd_trees_score(t, rows + i * cols)));
	return out->failed ? pd_err_nomem(err) : 0;
}

/* Score and compare; ${rows} has ${n} rows, ${want} their scores. */
static int
check_rows(const struct pd_trees *t, const float *rows, const float *want,
    float *got, size_t n, struct pd_err *err)
{
	const unsigned cols = pd_trees_cols(t);
	float one;
	size_t i;

	pd_trees_score_batch(t, rows, cols, n, got);
	for (i = 0; i < n; i++) {
		one = pd_trees_score(t, rows + i * cols);
		if (!isfinite(one))
			return pd_err_set(
			    err, "golden row %zu: the score is not finite", i);
		if (bits(one) != bits(want[i]) || bits(one) != bits(got[i]))
			return pd_err_set(err,
			    "golden row %zu: scores %.9g alone and %.9g in a "
			    "batch, must be %.9g (bits %08x %08x %08x)",
			    i, (double)one, (double)got[i], (double)want[i],
			    bits(one), bits(got[i]), bits(want[i]));
	}
	return 0;
}

/* Is this the file for ${n} rows of ${cols} columns? */
static int
check_header(
    const uint8_t *b, size_t len, size_t cols, size_t n, struct pd_err *err)
{
	if (len != HEADER + 4 * n * (cols + 1) ||
	    memcmp(b, magic, sizeof(magic)) != 0 || pd_get32(b + 4) != n ||
	    pd_get32(b + 8) != cols || pd_get32(b + 12) != 0)
		return pd_err_set(err,
		    "not %zu golden rows of %zu columns in %zu bytes", n, cols,
		    len);
	return 0;
}

/* The first ${n} floats after the header. */
static void
get_floats(const uint8_t *b, size_t n, float *out)
{
	size_t i;

	for (i = 0; i < n; i++)
		out[i] = unbits(pd_get32(b + HEADER + 4 * i));
}

int
pd_golden_rows(const void *p, size_t len, size_t cols, size_t n, float *rows,
    struct pd_err *err)
{
	if (check_header(p, len, cols, n, err))
		return -1;
	get_floats(p, n * cols, rows);
	return 0;
}

int
pd_golden_check(const struct pd_trees *t, const void *p, size_t len, size_t n,
    struct pd_err *err)
{
	const size_t cols = pd_trees_cols(t);
	const size_t cells = n * (cols + 1);
	float *f;
	int r;

	if (check_header(p, len, cols, n, err))
		return -1;
	/* Rows, expected scores, and room for a batch of scores. */
	if ((f = calloc(cells + n, sizeof(*f))) == NULL)
		return pd_err_nomem(err);
	get_floats(p, cells, f);
	r = check_rows(t, f, f + n * cols, f + cells, n, err);
	free(f);
	return r;
}
