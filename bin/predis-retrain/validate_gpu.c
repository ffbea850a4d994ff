#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/rng.h"
#include "io/archive.h"
#include "io/json.h"
#include "model/bundle.h"
#include "model/golden.h"
#include "model/gpu.h"
#include "model/model.h"
#include "model/trees.h"
#include "validate_gpu.h"

#define DRAWN 4096 /* rows besides the golden ones */

#if PD_CUDA

/*
 * Fill ${rows} with ${n} rows made of cells of the ${from} golden rows in
 * front of them: as they are, scaled, or one that no table has.
 */
static void
draw(float *rows, size_t n, const float *golden, size_t from, size_t cols)
{
	static const float odd[] = {
	    NAN, NAN, NAN, INFINITY, -INFINITY, 0, -0.0f};
	struct pd_rng r;
	size_t i, j;
	float v;

	pd_rng_init(&r, 1);
	for (i = 0; i < n; i++)
		for (j = 0; j < cols; j++) {
			v = golden[pd_rng_below(&r, (uint32_t)from) * cols + j];
			if (pd_rng_below(&r, 4) == 0)
				v = odd[pd_rng_below(
				    &r, sizeof(odd) / sizeof(odd[0]))];
			else if (pd_rng_below(&r, 2) == 0)
				v *= (float)(pd_rng_double(&r) + 0.5);
			rows[i * cols + j] = v;
		}
}

/* The golden rows and the drawn ones after them; NULL with a message. */
static float *
test_rows(const struct pd_archive_want *w, const struct pd_model *m,
    struct pd_err *err)
{
	const size_t n = m->golden_rows;
	float *rows = calloc((n + DRAWN) * m->cols, sizeof(*rows));

	if (rows == NULL) {
		pd_err_nomem(err);
	} else if (pd_golden_rows(
		       w->data.data, w->data.len, m->cols, n, rows, err)) {
		free(rows);
		rows = NULL;
	} else {
		draw(rows + n * m->cols, DRAWN, rows, n, m->cols);
	}
	return rows;
}

static uint32_t
bits(float f)
{
	uint32_t u;

	memcpy(&u, &f, sizeof(u));
	return u;
}

static int
compare(const struct pd_model *m, const float *rows, struct validate_gpu *out)
{
	const size_t n = m->golden_rows + DRAWN;
	float *scores = calloc(2 * n, sizeof(*scores));
	struct pd_gpu *g;
	size_t i;
	int r = -1;

	if (scores == NULL)
		return pd_err_nomem(&out->why);
	if ((g = pd_gpu_open(m->trees, &out->why)) != NULL) {
		snprintf(
		    out->device, sizeof(out->device), "%s", pd_gpu_name(g));
		r = pd_gpu_score(g, rows, n, scores, &out->why);
	}
	if (r == 0) {
		pd_trees_score_batch(m->trees, rows, m->cols, n, scores + n);
		for (i = 0; i < n; i++)
			out->differ += bits(scores[i]) != bits(scores[n + i]);
		out->rows = n;
	}
	pd_gpu_close(g);
	free(scores);
	return r;
}

void
validate_gpu(const struct pd_buf *file, const struct pd_model *m,
    struct validate_gpu *out)
{
	struct pd_archive_want w = {0};
	float *rows = NULL;

	w.name = "golden.bin";
	w.max = PD_BUNDLE_MAX_TOTAL;
	if (pd_archive_unpack(file->data, file->len, PD_BUNDLE_MAX_MEMBERS,
		PD_BUNDLE_MAX_TOTAL, &w, 1, &out->why) == 0)
		rows = test_rows(&w, m, &out->why);
	out->used = rows != NULL && compare(m, rows, out) == 0;
	free(rows);
	pd_archive_release(&w, 1);
}

#else /* retrain_validate() has refused --gpu */

void
validate_gpu(const struct pd_buf *file, const struct pd_model *m,
    struct validate_gpu *out)
{
	(void)file;
	(void)m;
	(void)out;
}

#endif

void
validate_gpu_text(const struct validate_gpu *v, struct pd_buf *out)
{
	if (!v->used)
		pd_buf_printf(out, "gpu: not used: %s\n", v->why.msg);
	else if (v->differ > 0)
		pd_buf_printf(out, "gpu: other bits on %zu of %zu rows (%s)\n",
		    v->differ, v->rows, v->device);
	else
		pd_buf_printf(out, "gpu: same bits on %zu rows (%s)\n", v->rows,
		    v->device);
}

void
validate_gpu_json(const struct validate_gpu *v, struct pd_json *j)
{
	pd_json_key(j, "gpu");
	pd_json_open(j, '{');
	pd_json_key(j, "used");
	pd_json_bool(j, v->used);
	pd_json_key(j, v->used ? "device" : "why");
	pd_json_str(j, v->used ? v->device : v->why.msg);
	if (v->used) {
		pd_json_key(j, "rows");
		pd_json_u64(j, v->rows);
		pd_json_key(j, "rows_that_differ");
		pd_json_u64(j, v->differ);
	}
	pd_json_close(j, '}');
}
