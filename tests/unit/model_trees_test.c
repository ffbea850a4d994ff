#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>

#include "base/rng.h"
#include "model/trees.h"
#include "model_fixture.h"

static const float specials[] = {NAN, -NAN, INFINITY, -INFINITY, 0.0f, -0.0f,
    1e-42f, -1e-45f, 3.4e38f, -3.4e38f, 1.0f};

/* A float that is often one of the awkward ones. */
static float
draw(struct pd_rng *r)
{
	if (pd_rng_below(r, 3) == 0)
		return specials[pd_rng_below(
		    r, sizeof(specials) / sizeof(specials[0]))];
	return (float)(pd_rng_double(r) * 8 - 4);
}

/* Scores of ${n} rows by both ways must be the bits in ${want}. */
static void
check_scores(const struct pd_trees *t, const float *rows, size_t stride,
    size_t n, const uint32_t *want)
{
	float *out = calloc(n + 1, sizeof(*out));
	size_t i;

	assert_non_null(out);
	out[n] = 77;
	pd_trees_score_batch(t, rows, stride, n, out);
	for (i = 0; i < n; i++) {
		if (float_bits(pd_trees_score(t, rows + i * stride)) !=
			want[i] ||
		    float_bits(out[i]) != want[i])
			fail_msg("row %zu: %08x alone, %08x in a batch, "
				 "must be %08x",
			    i, float_bits(pd_trees_score(t, rows + i * stride)),
			    float_bits(out[i]), want[i]);
	}
	assert_true(out[n] == 77.0f);
	free(out);
}

/* What libxgboost 1.7.4 saved and scored (tests/golden/models/README). */
static void
test_golden_models(void **state)
{
	static const struct {
		const char *name;
		unsigned cols, trees;
	} m[] = {{"logistic_d3", 6, 6}, {"logistic_d1_base", 3, 9},
	    {"squared_d6", 6, 5}};
	struct pd_err err = PD_ERR_INIT;
	struct pd_trees *t;
	struct golden g;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(m) / sizeof(m[0]); i++) {
		golden_read(&g, m[i].name, m[i].cols);
		t = pd_trees_parse(g.json.data, g.json.len, &err);
		assert_string_equal(err.msg, "");
		assert_non_null(t);
		assert_int_equal(pd_trees_cols(t), m[i].cols);
		assert_int_equal(pd_trees_count(t), m[i].trees);
		check_scores(t, g.rows, g.cols, GOLDEN_ROWS, g.want);
		pd_trees_free(t);
		golden_release(&g);
	}
}

/*
 * Random ensembles, written as JSON and kept as plain arrays, against a walk
 * as the format's description has it.
 */
#define NODES 63

struct plain {
	unsigned n;
	int left[NODES], right[NODES], column[NODES], def[NODES];
	float value[NODES];
};

/* Split node ${i} until ${depth} or for lack of room; ids are shuffled by
 * growing the sides in random order. */
static void
grow(struct plain *p, struct pd_rng *r, int i, unsigned cols, unsigned depth)
{
	const int first = (int)pd_rng_below(r, 2);

	p->value[i] = (float)(pd_rng_double(r) * 6 - 3);
	if (pd_rng_below(r, 8) == 0)
		p->value[i] = pd_rng_below(r, 2) ? 0.0f : -0.0f;
	p->left[i] = p->right[i] = -1;
	p->column[i] = (int)pd_rng_below(r, cols);
	p->def[i] = (int)pd_rng_below(r, 2);
	if (depth == 0 || p->n + 2 > NODES || pd_rng_below(r, 6) == 0)
		return;
	p->left[i] = (int)p->n + first;
	p->right[i] = (int)p->n + !first;
	p->n += 2;
	grow(p, r, first ? p->right[i] : p->left[i], cols, depth - 1);
	grow(p, r, first ? p->left[i] : p->right[i], cols, depth - 1);
}

static float
plain_leaf(const struct plain *p, const float *row)
{
	int i = 0;

	while (p->left[i] != -1) {
		const float x = row[p->column[i]];

		if (isnan(x))
			i = p->def[i] ? p->left[i] : p->right[i];
		else
			i = x < p->value[i] ? p->left[i] : p->right[i];
	}
	return p->value[i];
}

static void
put_ints(struct pd_buf *b, const char *key, const int *v, unsigned n)
{
	unsigned i;

	pd_buf_printf(b, "\"%s\":[", key);
	for (i = 0; i < n; i++)
		pd_buf_printf(b, i ? ",%d" : "%d", v[i]);
	pd_buf_addstr(b, "],");
}

static void
put_tree(struct pd_buf *b, const struct plain *p)
{
	unsigned i;

	pd_buf_addc(b, '{');
	put_ints(b, "left_children", p->left, p->n);
	put_ints(b, "right_children", p->right, p->n);
	put_ints(b, "split_indices", p->column, p->n);
	put_ints(b, "default_left", p->def, p->n);
	pd_buf_addstr(b, "\"split_conditions\":[");
	for (i = 0; i < p->n; i++)
		pd_buf_printf(b, i ? ",%.9g" : "%.9g", (double)p->value[i]);
	pd_buf_addstr(b, "]}");
}

/* A model around the text of its trees. */
static void
put_model(struct pd_buf *b, const char *objective, const char *base,
    unsigned cols, const char *trees)
{
	pd_buf_printf(b,
	    "{\"learner\":{\"learner_model_param\":{\"base_score\":%s,"
	    "\"num_class\":\"0\",\"num_feature\":\"%u\"},"
	    "\"objective\":{\"name\":\"%s\"},\"gradient_booster\":"
	    "{\"name\":\"gbtree\",\"model\":{\"trees\":[%s]}}}}",
	    base, cols, objective, trees);
}

static void
random_case(struct pd_rng *r, unsigned trees, unsigned cols, unsigned depth)
{
	enum { ROWS = 37 };
	const size_t stride = cols + pd_rng_below(r, 3);
	struct plain *p = calloc(trees, sizeof(*p));
	float *rows = calloc((size_t)ROWS * stride, sizeof(*rows)), sum;
	struct pd_buf text = {0}, json = {0};
	struct pd_err err = PD_ERR_INIT;
	uint32_t want[ROWS];
	struct pd_trees *t;
	size_t i;
	unsigned k;

	assert_non_null(p);
	assert_non_null(rows);
	for (i = 0; i < trees; i++) {
		p[i].n = 1;
		grow(&p[i], r, 0, cols, depth);
		if (i > 0)
			pd_buf_addc(&text, ',');
		put_tree(&text, &p[i]);
	}
	put_model(&json, "reg:squarederror", "\"0\"", cols, pd_buf_cstr(&text));
	t = pd_trees_parse(json.data, json.len, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(t);
	for (i = 0; i < ROWS * stride; i++)
		rows[i] = draw(r);
	for (i = 0; i < ROWS; i++) {
		sum = 0.0f;
		for (k = 0; k < trees; k++)
			sum += plain_leaf(&p[k], rows + i * stride);
		want[i] = float_bits(sum);
	}
	for (i = 0; i <= 17; i++)
		check_scores(t, rows, stride, i, want);
	check_scores(t, rows, stride, ROWS, want);
	pd_trees_free(t);
	pd_buf_release(&text);
	pd_buf_release(&json);
	free(rows);
	free(p);
}

static void
test_random_ensembles(void **state)
{
	struct pd_rng r;
	unsigned i;

	(void)state;
	pd_rng_init(&r, 20);
	for (i = 1; i <= 40; i++)
		random_case(&r, i, 1 + pd_rng_below(&r, 64), i % 9);
	random_case(&r, 100, 64, 5);
	random_case(&r, 3, 1, 30);
}

/* A single leaf is the smallest tree; a margin starts from base_score. */
static float
base_of(const char *objective, const char *base, struct pd_err *err)
{
	static const char leaf[] =
	    "{\"left_children\":[-1],\"right_children\":[-1],"
	    "\"split_indices\":[0],\"split_conditions\":[-0.0],"
	    "\"default_left\":[false],\"split_type\":[0]}";
	const float row[1] = {NAN};
	struct pd_buf b = {0};
	struct pd_trees *t;
	float f = NAN;

	put_model(&b, objective, base, 1, leaf);
	err->msg[0] = '\0';
	t = pd_trees_parse(b.data, b.len, err);
	if (t != NULL)
		f = pd_trees_score(t, row);
	pd_trees_free(t);
	pd_buf_release(&b);
	return f;
}

static void
test_base_score(void **state)
{
	static const char *const bad[] = {"\"\"", "\"x\"", "\"0x1p2\"",
	    "\"inf\"", "\"nan\"", "\"1e99\"", "\" 1\"", "\"[1,2]\"", "\"[1]x\"",
	    "[1,2]", "[]", "{}", "null", "\"1]]\"", "1e99"};
	const char *sq = "reg:squarederror", *lo = "binary:logistic";
	struct pd_err err;
	size_t i;

	(void)state;
	/* The three forms: 1.x and 2.x, 3.1 and later, a plain number. */
	assert_true(base_of(sq, "\"5E-1\"", &err) == 0.5f);
	assert_true(base_of(sq, "\"[5E-1]\"", &err) == 0.5f);
	assert_true(base_of(sq, "0.5", &err) == 0.5f);
	assert_true(base_of(sq, "[0.5]", &err) == 0.5f);
	assert_true(base_of(sq, "-3", &err) == -3.0f);
	assert_true(base_of(sq, "\"1.1754944E-38\"", &err) == 0x1p-126f);
	/* -log(1/p - 1) in float32; 0.5 gives -0.0, and so does its sum. */
	assert_int_equal(float_bits(base_of(lo, "\"5E-1\"", &err)), 0x80000000);
	assert_true(base_of(lo, "0.25", &err) == -logf(3.0f));
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_true(isnan(base_of(sq, bad[i], &err)));
		assert_string_equal(err.msg, "base_score is not one number");
	}
	assert_true(isnan(base_of(lo, "0", &err)));
	assert_true(isnan(base_of(lo, "1", &err)));
	assert_string_equal(err.msg, "base_score is not between 0 and 1");
}

static void
refused(const char *json, size_t n, const char *why)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_trees *t = pd_trees_parse(json, n, &err);

	if (t != NULL)
		fail_msg("accepted, must say '%s'", why);
	if (strstr(err.msg, why) == NULL)
		fail_msg("'%s' does not say '%s'", err.msg, why);
}

/* Each way in which a model can be what we do not serve. */
static void
test_refusals(void **state)
{
#define NF "\"num_class\":\"0\",\"num_feature\":\""
	static const struct {
		const char *from, *to, *why;
	} c[] = {
	    {"\"num_nodes\":\"15\",\"size_leaf_vector\":\"0\"",
		"\"size_leaf_vector\":\"5\"", "vector leaves"},
	    {"\"learner\"", "\"lerner\"", "'learner' is missing"},
	    {"\"learner_model_param\"", "\"x\"", "'learner_model_param'"},
	    {"\"objective\":{\"name\"", "\"objective\":{\"nome\"", "(none)"},
	    {"binary:logistic", "multi:softmax", "'multi:softmax' is not"},
	    {"binary:logistic", "rank:pairwise", "'rank:pairwise' is not"},
	    {"\"gbtree\"", "\"dart\"", "booster 'dart' is not supported"},
	    {"\"gbtree\"", "\"gblinear\"", "'gblinear' is not supported"},
	    {"\"num_class\":\"0\"", "\"num_class\":\"3\"", "several classes"},
	    {"\"num_target\":\"1\"", "\"num_target\":\"2\"", "several targets"},
	    {NF "6\"", NF "65\"", "1 to 64"},
	    {NF "6\"", NF "0\"", "1 to 64"},
	    {NF "6\"", NF "-6\"", "1 to 64"},
	    {NF "6\"", NF "6x\"", "1 to 64"},
	    {NF "6\"", NF "5\"", "split index is not 0 to 4"},
	    {"\"tree_info\":[0,", "\"tree_info\":[1,", "'tree_info'"},
	    {"\"trees\":[", "\"trees\":[],\"x\":[", "'trees'"},
	    {"\"trees\":[", "\"trees\":{},\"x\":[", "'trees'"},
	    {"\"trees\":[", "\"trees\":[7,", "tree 0: no array"},
	    {"\"left_children\":[1", "\"left_children\":[0",
		"do not make a tree"},
	    {"\"left_children\":[1", "\"left_children\":[2",
		"do not make a tree"},
	    {"\"left_children\":[1", "\"left_children\":[-2",
		"do not make a tree"},
	    {"\"left_children\":[1", "\"left_children\":[99",
		"do not make a tree"},
	    {"\"left_children\":[1", "\"left_children\":[\"1\"",
		"do not make a tree"},
	    {"\"left_children\":[", "\"left_children\":[1,",
		"'right_children' has"},
	    {"\"right_children\":[2", "\"right_children\":[-1",
		"do not make a tree"},
	    {"\"split_conditions\":[", "\"split_conditions\":[1e39],\"x\":[",
		"'split_conditions' has 1"},
	    {"\"split_conditions\":[", "\"split_conditions\":[null,",
		"'split_conditions' has"},
	    {"\"default_left\":[1", "\"default_left\":[2", "default_left"},
	    {"\"default_left\":[1", "\"default_left\":[\"1\"", "default_left"},
	    {"\"split_type\":[0", "\"split_type\":[1", "categorical"},
	    {"\"split_type\":[0", "\"split_type\":[0,0", "'split_type' has"},
	    {"{", "{\"learner\":{},", "duplicate"},
	    {"{", "{,", "not JSON at line 1, column 2"},
	};
	struct golden g;
	struct pd_buf b = {0};
	const char *text, *p;
	size_t i;

	(void)state;
	golden_read(&g, "logistic_d3", 6);
	text = pd_buf_cstr(&g.json);
	assert_non_null(text);
	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		p = strstr(text, c[i].from);
		if (p == NULL)
			fail_msg("no '%s' in the model", c[i].from);
		pd_buf_clear(&b);
		pd_buf_add(&b, text, (size_t)(p - text));
		pd_buf_addstr(&b, c[i].to);
		pd_buf_addstr(&b, p + strlen(c[i].from));
		refused((char *)b.data, b.len, c[i].why);
	}
	/* Every cut, and bytes after the end. */
	for (i = 0; i < g.json.len; i += 31)
		refused((char *)g.json.data, i, "not JSON");
	pd_buf_clear(&b);
	pd_buf_printf(&b, "%s{}", text);
	refused((char *)b.data, b.len, "not JSON");
	pd_buf_release(&b);
	golden_release(&g);
}

/* One tree written out, between the forms of several versions. */
static float
one_tree(const char *left, const char *values, const char *def, float x,
    struct pd_err *err)
{
	struct pd_buf tree = {0}, json = {0};
	struct pd_trees *t;
	float f = NAN;

	pd_buf_printf(&tree,
	    "{\"left_children\":%s,\"right_children\":[2,-1,-1],"
	    "\"split_indices\":[0,0,0],\"split_conditions\":%s,"
	    "\"default_left\":%s}",
	    left, values, def);
	put_model(&json, "reg:squarederror", "0", 1, pd_buf_cstr(&tree));
	err->msg[0] = '\0';
	t = pd_trees_parse(json.data, json.len, err);
	if (t != NULL)
		f = pd_trees_score(t, &x);
	pd_trees_free(t);
	pd_buf_release(&tree);
	pd_buf_release(&json);
	return f;
}

static void
test_forms(void **state)
{
	const char *left = "[1,-1,-1]", *values = "[0.5,-1,2]";
	struct pd_err err;

	(void)state;
	/* Numbers since 1.6, booleans before. */
	assert_true(one_tree(left, values, "[1,0,0]", NAN, &err) == -1.0f);
	assert_true(one_tree(left, values, "[0,0,0]", NAN, &err) == 2.0f);
	assert_true(
	    one_tree(left, values, "[true,false,false]", NAN, &err) == -1.0f);
	assert_true(
	    one_tree(left, values, "[false,false,false]", NAN, &err) == 2.0f);
	/* Less goes left, equal goes right. */
	assert_true(one_tree(left, values, "[0,0,0]", 0.5f, &err) == 2.0f);
	assert_true(
	    one_tree(left, values, "[0,0,0]", 0.49999997f, &err) == -1.0f);
	one_tree(left, "[0.5,-1,1e39]", "[1,0,0]", 1, &err);
	assert_string_equal(
	    err.msg, "tree 0, node 2: split condition is not a float32 number");
	one_tree(left, "[0.5,-1,null]", "[1,0,0]", 1, &err);
	assert_string_equal(
	    err.msg, "tree 0, node 2: split condition is not a float32 number");
	one_tree("[]", values, "[1,0,0]", 1, &err);
	assert_string_equal(err.msg, "tree 0: no nodes");
}

/* A chain of ${depth} splits; every left child is a leaf. */
static void
put_chain(struct pd_buf *b, unsigned depth)
{
	const unsigned n = 2 * depth + 1;
	unsigned i;

	pd_buf_addstr(b, "{\"left_children\":[");
	for (i = 0; i < n; i++)
		pd_buf_printf(b, "%s%d", i ? "," : "",
		    i % 2 == 0 && i + 2 < n ? (int)i + 1 : -1);
	pd_buf_addstr(b, "],\"right_children\":[");
	for (i = 0; i < n; i++)
		pd_buf_printf(b, "%s%d", i ? "," : "",
		    i % 2 == 0 && i + 2 < n ? (int)i + 2 : -1);
	pd_buf_addstr(b, "],\"split_indices\":[");
	for (i = 0; i < n; i++)
		pd_buf_addstr(b, i ? ",0" : "0");
	pd_buf_addstr(b, "],\"default_left\":[");
	for (i = 0; i < n; i++)
		pd_buf_addstr(b, i ? ",0" : "0");
	pd_buf_addstr(b, "],\"split_conditions\":[");
	for (i = 0; i < n; i++)
		pd_buf_printf(b, i ? ",%u" : "%u", i);
	pd_buf_addstr(b, "]}");
}

static struct pd_trees *
chains(unsigned trees, unsigned depth, struct pd_err *err)
{
	struct pd_buf one = {0}, all = {0}, json = {0};
	struct pd_trees *t;
	unsigned i;

	put_chain(&one, depth);
	for (i = 0; i < trees; i++) {
		if (i > 0)
			pd_buf_addc(&all, ',');
		pd_buf_add(&all, one.data, one.len);
	}
	put_model(&json, "reg:squarederror", "\"0\"", 1, pd_buf_cstr(&all));
	err->msg[0] = '\0';
	t = pd_trees_parse(json.data, json.len, err);
	pd_buf_release(&one);
	pd_buf_release(&all);
	pd_buf_release(&json);
	return t;
}

/* Limits: the last thing inside is accepted, the first outside refused. */
static void
test_limits(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_trees *t;
	const float deep[1] = {1e9f};

	(void)state;
	t = chains(1, PD_TREES_MAX_DEPTH, &err);
	assert_string_equal(err.msg, "");
	assert_true(pd_trees_score(t, deep) == 2.0f * PD_TREES_MAX_DEPTH);
	pd_trees_free(t);
	assert_null(chains(1, PD_TREES_MAX_DEPTH + 1, &err));
	assert_string_equal(err.msg, "tree 0: deeper than 64");
	t = chains(PD_TREES_MAX, 1, &err);
	assert_non_null(t);
	assert_int_equal(pd_trees_count(t), PD_TREES_MAX);
	assert_true(pd_trees_memory(t) >= (size_t)3 * 8 * PD_TREES_MAX);
	pd_trees_free(t);
	assert_null(chains(PD_TREES_MAX + 1, 1, &err));
	assert_string_equal(err.msg, "'trees' is not an array of 1 to 1000");
	assert_null(chains(PD_TREES_MAX, 33, &err));
	assert_string_equal(err.msg, "67000 nodes in all, more than 65535");
	t = chains(1000, 32, &err);
	assert_non_null(t);
	pd_trees_free(t);
	pd_trees_free(NULL);
}

/* The limit on nodes stands before memory for them and the walk over them. */
static void
test_wide_tree(void **state)
{
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	assert_null(chains(1, 32768, &err));
	assert_string_equal(err.msg, "65537 nodes in all, more than 65535");
	assert_null(chains(1, 32767, &err));
	assert_string_equal(err.msg, "tree 0: deeper than 64");
}

/* Hostile text: deep nesting and floods end in a message, in bounded time. */
static void
test_hostile_json(void **state)
{
	const size_t n = PD_TREES_MAX_JSON + 1;
	char *p = malloc(n);

	(void)state;
	assert_non_null(p);
	memset(p, '[', n);
	refused(p, n, "bytes of JSON");
	refused(p, n - 1, "objects and arrays");
	refused(p, 60000, "not JSON");
	memset(p, ',', n);
	refused(p, n - 1, "values");
	memset(p, ' ', n);
	refused(p, n - 1, "not JSON");
	memset(p, '"', 1);
	refused(p, 1000, "not JSON");
	memset(p, '\\', n);
	p[0] = '"';
	refused(p, n - 1, "not JSON");
	refused("", 0, "not JSON");
	refused("[]", 2, "'learner' is missing");
	refused("{\"learner\":7}", 13, "is missing");
	free(p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_golden_models),
	    cmocka_unit_test(test_random_ensembles),
	    cmocka_unit_test(test_base_score),
	    cmocka_unit_test(test_refusals),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_limits),
	    cmocka_unit_test(test_wide_tree),
	    cmocka_unit_test(test_hostile_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
