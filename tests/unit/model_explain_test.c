/* Path attribution: small ensembles worked out by hand. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "model/trees.h"
#include "model/trees_explain.h"
#include "model_fixture.h"

/*
 * Column 0 below 1: -1 (cover 30); else column 1 below 2 or unknown: 2 (cover
 * 6), else 5 (cover 4). The second tree is a leaf, 0.25. Base score 0.5.
 */
static struct pd_trees *
parse(const char *cover)
{
	static const char format[] =
	    "{\"learner\":{\"learner_model_param\":{\"num_feature\":\"3\","
	    "\"base_score\":\"5E-1\",\"num_class\":\"0\"},"
	    "\"objective\":{\"name\":\"reg:squarederror\"},"
	    "\"gradient_booster\":{\"name\":\"gbtree\",\"model\":{"
	    "\"tree_info\":[0,0],\"trees\":[{\"left_children\":[1,-1,3,-1,-1],"
	    "\"right_children\":[2,-1,4,-1,-1],"
	    "\"split_indices\":[0,0,1,0,0],"
	    "\"split_conditions\":[1,-1,2,2,5],%s"
	    "\"default_left\":[0,0,1,0,0]},"
	    "{\"left_children\":[-1],\"right_children\":[-1],"
	    "\"split_indices\":[0],\"split_conditions\":[0.25],%s"
	    "\"default_left\":[0]}]}}}}";
	char json[2000];
	char one[100] = "";
	int n;

	if (cover[0] != '\0')
		snprintf(one, sizeof(one), "\"sum_hessian\":[40],");
	n = snprintf(json, sizeof(json), format, cover, one);
	return pd_trees_parse(json, (size_t)n, NULL);
}

static void
expect(const struct pd_trees *t, float a, float b, double ca, double cb,
    double bias)
{
	const float row[3] = {a, b, 7};
	double out[4];

	pd_trees_explain(t, row, out);
	assert_true(fabs(out[0] - ca) < 1e-6);
	assert_true(fabs(out[1] - cb) < 1e-6);
	assert_true(out[2] == 0);
	assert_true(fabs(out[3] - bias) < 1e-6);
	assert_true(fabs(out[0] + out[1] + out[3] -
			 (double)pd_trees_score(t, row)) < 1e-6);
}

static void
weighted_by_cover(void **state)
{
	struct pd_trees *t = parse("\"sum_hessian\":[40,30,10,6,4],");
	const double inner = (6 * 2.0 + 4 * 5.0) / 10;	   /* 3.2 */
	const double root = (30 * -1.0 + 10 * inner) / 40; /* 0.05 */

	(void)state;
	assert_non_null(t);
	assert_true(pd_trees_has_cover(t));
	expect(t, 0, 9, -1 - root, 0, 0.75 + root);
	expect(t, 1, 9, inner - root, 5 - inner, 0.75 + root);
	expect(t, 1, 0, inner - root, 2 - inner, 0.75 + root);
	/* Unknown goes the default way, and counts as what was asked. */
	expect(t, NAN, NAN, inner - root, 2 - inner, 0.75 + root);
	expect(t, -INFINITY, INFINITY, -1 - root, 0, 0.75 + root);
	expect(t, INFINITY, INFINITY, inner - root, 5 - inner, 0.75 + root);
	pd_trees_free(t);
}

static void
without_a_cover_children_count_the_same(void **state)
{
	static const char *const covers[] = {"", "\"sum_hessian\":[1,2],",
	    "\"sum_hessian\":[40,30,10,\"x\",4],",
	    "\"sum_hessian\":[40,30,10,-6,4],", "\"sum_hessian\":7,"};
	struct pd_trees *t;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(covers) / sizeof(covers[0]); i++) {
		t = parse(covers[i]);
		assert_non_null(t);
		assert_false(pd_trees_has_cover(t));
		expect(t, 1, 9, 3.5 - 1.25, 1.5, 0.75 + 1.25);
		pd_trees_free(t);
	}
	/* No row reached a node: its children count the same. */
	t = parse("\"sum_hessian\":[40,40,0,0,0],");
	assert_true(pd_trees_has_cover(t));
	expect(t, 1, 9, 3.5 + 1, 1.5, 0.75 - 1);
	pd_trees_free(t);
}

static void
golden_models_add_up(void **state)
{
	static const struct {
		const char *name;
		unsigned cols;
	} m[] = {
	    {"logistic_d3", 6}, {"logistic_d1_base", 3}, {"squared_d6", 6}};
	double out[7], sum;
	struct golden g;
	struct pd_trees *t;
	size_t i, r, c;
	float want;

	(void)state;
	for (i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		golden_read(&g, m[i].name, m[i].cols);
		t = pd_trees_parse(g.json.data, g.json.len, NULL);
		assert_non_null(t);
		for (r = 0; r < GOLDEN_ROWS; r++) {
			pd_trees_explain(t, g.rows + r * g.cols, out);
			for (sum = 0, c = 0; c <= m[i].cols; c++)
				sum += out[c];
			memcpy(&want, &g.want[r], sizeof(want));
			assert_true(fabs(sum - (double)want) < 1e-5);
		}
		pd_trees_free(t);
		golden_release(&g);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(weighted_by_cover),
	    cmocka_unit_test(without_a_cover_children_count_the_same),
	    cmocka_unit_test(golden_models_add_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
