#include <math.h>
#include <stdint.h>

#include "model/trees_explain.h"
#include "model/trees_priv.h"

bool
pd_trees_has_cover(const struct pd_trees *t)
{
	return t->has_cover;
}

static uint32_t
left_of(const struct pd_trees_node *n)
{
	return n->link >> COL_BITS;
}

static bool
is_leaf(const struct pd_trees_node *n)
{
	return (n->link & COL_MASK) == NOT;
}

void
trees_fill_mean(struct pd_trees *t, const struct pd_trees_root *r, size_t end,
    const float *cover)
{
	size_t i;
	uint32_t l;
	double a, b;

	/* Children lie behind their parents. */
	for (i = end; i-- > r->at;) {
		if (is_leaf(&t->nodes[i])) {
			t->mean[i] = t->nodes[i].value;
			continue;
		}
		l = left_of(&t->nodes[i]);
		a = cover != NULL ? cover[l] : 0;
		b = cover != NULL ? cover[l + 1] : 0;
		if (!(a + b > 0))
			a = b = 1;
		t->mean[i] =
		    (float)((a * t->mean[l] + b * t->mean[l + 1]) / (a + b));
	}
}

/* The child that a row goes to, and the column that decides. */
static uint32_t
child(const struct pd_trees_node *n, const float *row, unsigned *col)
{
	const uint32_t at = n->link & COL_MASK;
	float v;

	*col = at < HI ? at : at - HI;
	v = row[*col];
	if (isnan(v))
		v = at < HI ? -INFINITY : INFINITY;
	return left_of(n) + !(v < n->value);
}

void
pd_trees_explain(const struct pd_trees *t, const float *row, double *out)
{
	uint32_t at, to;
	unsigned i, col;

	for (i = 0; i < t->cols; i++)
		out[i] = 0;
	out[t->cols] = t->base;
	for (i = 0; i < t->count; i++) {
		at = t->roots[i].at;
		out[t->cols] += t->mean[at];
		while (!is_leaf(&t->nodes[at])) {
			to = child(&t->nodes[at], row, &col);
			out[col] += (double)t->mean[to] - t->mean[at];
			at = to;
		}
	}
}
