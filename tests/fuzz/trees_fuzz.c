/*
 * pd_trees_parse() over any bytes. What it accepts must be walkable: one row
 * at a time and in a batch, to the same bits, for awkward rows too.
 */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "model/trees.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
walk(const struct pd_trees *t)
{
	static const float v[] = {NAN, INFINITY, -INFINITY, -0.0f, 1e-42f, 0.5f,
	    -1.5f, 3e38f, 2.0f, -7.0f, 1.0f};
	const unsigned cols = pd_trees_cols(t);
	float rows[11 * PD_TREES_MAX_COLS], out[11], one;
	uint32_t a, b;
	size_t i;

	for (i = 0; i < 11 * (size_t)cols; i++)
		rows[i] = v[(i * 7 + i / cols) % 11];
	pd_trees_score_batch(t, rows, cols, 11, out);
	for (i = 0; i < 11; i++) {
		one = pd_trees_score(t, rows + i * cols);
		memcpy(&a, &one, sizeof(a));
		memcpy(&b, &out[i], sizeof(b));
		/* A sum of infinities may be NaN, of either sign. */
		if (a != b && !(isnan(one) && isnan(out[i])))
			abort();
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pd_trees *t = pd_trees_parse(p, n, NULL);

	if (t != NULL)
		walk(t);
	pd_trees_free(t);
	return 0;
}
