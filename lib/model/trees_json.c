/*
 * XGBoost's JSON model format (https://xgboost.readthedocs.io, "Introduction
 * to Model IO") into the flat form of trees_priv.h. Everything that the walk
 * relies on is checked here: children inside the tree and reached once,
 * columns inside the row, finite values. Unknown members are ignored, so that
 * files of later versions load as long as they mean the same.
 */

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "base/err.h"
#include "io/jsonin.h"
#include "model/trees.h"
#include "model/trees_priv.h"

/* The arrays of one tree in the file. */
struct source {
	const json_t *left, *right, *column, *value, *def;
	const json_t *type;  /* may be absent */
	const json_t *cover; /* NULL: absent, or no use */
	size_t n;
	unsigned id; /* for messages */
};

/* A split or leaf on its way from file order to flat order. */
struct todo {
	uint32_t node; /* in the file */
	uint32_t at;   /* in the flat form */
	uint32_t depth;
};

/* ${key} of an object that must be there. */
static const json_t *
member(const json_t *obj, const char *key, struct pd_err *err)
{
	const json_t *v = json_object_get(obj, key);

	if (v == NULL)
		pd_err_set(err, "'%s' is missing", key);
	return v;
}

/* A whole number that may be written as a string ("64"); -1 if it is none. */
static json_int_t
whole(const json_t *v)
{
	const char *s;
	char *end;
	long long n;

	if (json_is_integer(v))
		return json_integer_value(v);
	if ((s = json_string_value(v)) == NULL || s[0] < '0' || s[0] > '9' ||
	    strlen(s) > 9)
		return -1;
	n = strtoll(s, &end, 10);
	return *end == '\0' ? n : -1;
}

/* A member that, when present, must be one of 0 and 1. */
static int
at_most_one(
    const json_t *obj, const char *key, const char *why, struct pd_err *err)
{
	const json_t *v = json_object_get(obj, key);

	if (v == NULL || whole(v) == 0 || whole(v) == 1)
		return 0;
	return pd_err_set(err, "%s ('%s') are not supported", why, key);
}

/* base_score: "5E-1" up to XGBoost 3.0, "[5E-1]" later, or a number. */
static int
base_score(const json_t *v, float *out)
{
	const char *s = json_string_value(v);
	char *end;

	if (json_is_array(v) && json_array_size(v) == 1)
		return pd_jsonin_float(json_array_get(v, 0), out);
	if (s == NULL)
		return pd_jsonin_float(v, out);
	if (*s == '[')
		s++;
	/* strtof() takes hexadecimal, "inf" and leading spaces; we do not. */
	if (s[strspn(s, "+-.0123456789eE")] != '\0' &&
	    s[strspn(s, "+-.0123456789eE")] != ']')
		return -1;
	*out = strtof(s, &end);
	if (end == s || !isfinite(*out))
		return -1;
	if (*end == ']')
		end++;
	return *end == '\0' ? 0 : -1;
}

static int
parse_head(struct pd_trees *t, const json_t *learner, struct pd_err *err)
{
	const json_t *par = member(learner, "learner_model_param", err);
	const json_t *obj = member(learner, "objective", err);
	const char *name = pd_jsonin_str(obj, "name");
	json_int_t cols;
	float base;

	if (par == NULL || obj == NULL)
		return -1;
	if (name != NULL && strcmp(name, "binary:logistic") == 0)
		t->logistic = true;
	else if (name == NULL || strcmp(name, "reg:squarederror") != 0)
		return pd_err_set(err,
		    "objective '%s' is not supported (binary:logistic and "
		    "reg:squarederror are)",
		    name ? name : "(none)");
	cols = whole(json_object_get(par, "num_feature"));
	if (cols < 1 || cols > PD_TREES_MAX_COLS)
		return pd_err_set(
		    err, "num_feature is not 1 to %d", PD_TREES_MAX_COLS);
	t->cols = (unsigned)cols;
	if (at_most_one(par, "num_class", "several classes", err) ||
	    at_most_one(par, "num_target", "several targets", err))
		return -1;
	if (base_score(json_object_get(par, "base_score"), &base))
		return pd_err_set(err, "base_score is not one number");
	if (!t->logistic) {
		t->base = base;
		return 0;
	}
	/* Given in output space; XGBoost's own formula, in float32. */
	if (!(base > 0.0f && base < 1.0f))
		return pd_err_set(err, "base_score is not between 0 and 1");
	t->base = -logf(1.0f / base - 1.0f);
	return 0;
}

/* An array of ${n} members of a tree; ${n} 0 takes any length. */
static const json_t *
column_of(const json_t *tree, const char *key, size_t n, unsigned id,
    struct pd_err *err)
{
	const json_t *a = json_object_get(tree, key);

	if (!json_is_array(a)) {
		pd_err_set(err, "tree %u: no array '%s'", id, key);
		return NULL;
	}
	if (n != 0 && json_array_size(a) != n) {
		pd_err_set(err, "tree %u: '%s' has %zu members instead of %zu",
		    id, key, json_array_size(a), n);
		return NULL;
	}
	return a;
}

/* The cover of a tree's nodes, which only explanations need: what is not as it
 * should be is as if it were absent. */
static const json_t *
cover_of(const json_t *tree, size_t n)
{
	const json_t *a = json_object_get(tree, "sum_hessian");
	size_t i;
	float v;

	if (json_array_size(a) != n)
		return NULL;
	for (i = 0; i < n; i++)
		if (pd_jsonin_float(json_array_get(a, i), &v) || !(v >= 0))
			return NULL;
	return a;
}

static int
open_tree(struct source *s, const json_t *tree, unsigned id, struct pd_err *err)
{
	s->id = id;
	if ((s->left = column_of(tree, "left_children", 0, id, err)) == NULL)
		return -1;
	s->n = json_array_size(s->left);
	if (s->n < 1)
		return pd_err_set(err, "tree %u: no nodes", id);
	s->right = column_of(tree, "right_children", s->n, id, err);
	s->column = s->right == NULL
			? NULL
			: column_of(tree, "split_indices", s->n, id, err);
	s->value = s->column == NULL
		       ? NULL
		       : column_of(tree, "split_conditions", s->n, id, err);
	s->def = s->value == NULL
		     ? NULL
		     : column_of(tree, "default_left", s->n, id, err);
	if (s->def == NULL)
		return -1;
	s->type = json_object_get(tree, "split_type");
	if (s->type != NULL && json_array_size(s->type) != s->n)
		return pd_err_set(err,
		    "tree %u: 'split_type' has %zu members instead of %zu", id,
		    json_array_size(s->type), s->n);
	s->cover = cover_of(tree, s->n);
	return at_most_one(json_object_get(tree, "tree_param"),
	    "size_leaf_vector", "vector leaves", err);
}

/* Member ${i} of an array as an index below ${limit}; -1 otherwise. */
static json_int_t
index_at(const json_t *a, uint32_t i, json_int_t limit)
{
	const json_t *v = json_array_get(a, i);

	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    json_integer_value(v) >= limit)
		return -1;
	return json_integer_value(v);
}

/* default_left: 0 or 1, in old files false or true. */
static int
default_left(const json_t *v)
{
	if (json_is_boolean(v))
		return json_is_true(v);
	if (json_is_integer(v) &&
	    (json_integer_value(v) == 0 || json_integer_value(v) == 1))
		return (int)json_integer_value(v);
	return -1;
}

/* The column word of a split's link, or -1 with a message. */
static int
split_column(const struct pd_trees *t, const struct source *s, uint32_t i,
    struct pd_err *err)
{
	const json_int_t col = index_at(s->column, i, t->cols);
	const int def = default_left(json_array_get(s->def, i));

	if (s->type != NULL && index_at(s->type, i, 1) != 0)
		return pd_err_set(err,
		    "tree %u, node %u: categorical splits are not supported",
		    s->id, i);
	if (col < 0)
		return pd_err_set(err,
		    "tree %u, node %u: split index is not 0 to %u", s->id, i,
		    t->cols - 1);
	if (def < 0)
		return pd_err_set(err,
		    "tree %u, node %u: default_left is not 0 or 1", s->id, i);
	return (int)col + (def ? LO : HI);
}

/* Room to lay out one tree; the largest tree of the file fits. */
struct layout {
	struct todo *queue;
	uint8_t *seen; /* nodes of the file that are in the queue or done */
	float *cover;  /* by flat node, of all trees */
	size_t head, tail;
	uint32_t free_at; /* where the next two children go */
	size_t end;	  /* of what the tree's nodes may use */
};

static void
enqueue(struct layout *y, json_int_t node, uint32_t at, uint32_t depth)
{
	y->seen[node] = 1;
	y->queue[y->tail++] = (struct todo){(uint32_t)node, at, depth};
}

/* Fill in one node and put its children at the end of the queue. */
static int
place_node(struct pd_trees *t, const struct source *s, struct layout *y,
    struct todo q, struct pd_err *err)
{
	struct pd_trees_node *n = &t->nodes[q.at];
	const json_t *left = json_array_get(s->left, q.node);
	json_int_t l, r;
	int col;

	if (q.depth > PD_TREES_MAX_DEPTH)
		return pd_err_set(
		    err, "tree %u: deeper than %d", s->id, PD_TREES_MAX_DEPTH);
	if (pd_jsonin_float(json_array_get(s->value, q.node), &n->value))
		return pd_err_set(err,
		    "tree %u, node %u: split condition is not a float32 number",
		    s->id, q.node);
	if (s->cover != NULL)
		(void)pd_jsonin_float(
		    json_array_get(s->cover, q.node), &y->cover[q.at]);
	if (json_is_integer(left) && json_integer_value(left) == -1) {
		n->link = (q.at - 1) << COL_BITS | NOT;
		return 0;
	}
	l = index_at(s->left, q.node, (json_int_t)s->n);
	r = index_at(s->right, q.node, (json_int_t)s->n);
	if (l < 0 || r < 0 || l == r || y->seen[l] || y->seen[r] ||
	    y->free_at + 2 > y->end)
		return pd_err_set(err,
		    "tree %u, node %u: children do not make a tree", s->id,
		    q.node);
	if ((col = split_column(t, s, q.node, err)) < 0)
		return -1;
	n->link = y->free_at << COL_BITS | (uint32_t)col;
	enqueue(y, l, y->free_at, q.depth + 1);
	enqueue(y, r, y->free_at + 1, q.depth + 1);
	y->free_at += 2;
	return 0;
}

/*
 * Place the nodes of one tree breadth first from t->nodes_len on. A node is
 * queued once, which bounds the loop and the queue; nodes that the root does
 * not reach (pruned ones) are left out.
 */
static int
place_tree(struct pd_trees *t, const struct source *s, struct layout *y,
    struct pd_trees_root *root, struct pd_err *err)
{
	struct todo q;

	memset(y->seen, 0, s->n);
	y->head = y->tail = 0;
	y->end = t->nodes_len + s->n;
	root->at = (uint32_t)t->nodes_len;
	y->free_at = root->at + 1;
	enqueue(y, 0, root->at, 0);
	while (y->head < y->tail) {
		q = y->queue[y->head++];
		if (place_node(t, s, y, q, err))
			return -1;
		/* Breadth first: the last one is the deepest. */
		root->depth = q.depth;
	}
	t->nodes_len = y->free_at;
	trees_fill_mean(
	    t, root, t->nodes_len, s->cover != NULL ? y->cover : NULL);
	t->has_cover = t->has_cover && s->cover != NULL;
	return 0;
}

/* Nodes of all trees with one spare before the first, or 0 with a message. */
static size_t
count_nodes(const json_t *trees, size_t *largest, struct pd_err *err)
{
	size_t i, n, sum = 1;

	*largest = 1;
	for (i = 0; i < json_array_size(trees); i++) {
		n = json_array_size(
		    json_object_get(json_array_get(trees, i), "left_children"));
		if (n > *largest)
			*largest = n;
		sum += n;
	}
	if (sum - 1 > PD_TREES_MAX_NODES) {
		pd_err_set(err, "%zu nodes in all, more than %d", sum - 1,
		    PD_TREES_MAX_NODES);
		return 0;
	}
	return sum;
}

static int
parse_trees(struct pd_trees *t, const json_t *trees, struct pd_err *err)
{
	struct layout y = {0};
	struct source s;
	size_t largest, total;
	unsigned i;
	int r = -1;

	t->count = (unsigned)json_array_size(trees);
	if ((total = count_nodes(trees, &largest, err)) == 0)
		return -1;
	t->nodes = calloc(total, sizeof(t->nodes[0]));
	t->roots = calloc(t->count, sizeof(t->roots[0]));
	t->mean = calloc(total, sizeof(t->mean[0]));
	y.cover = calloc(total, sizeof(y.cover[0]));
	y.queue = calloc(largest, sizeof(y.queue[0]));
	y.seen = malloc(largest);
	if (t->nodes == NULL || t->roots == NULL || t->mean == NULL ||
	    y.queue == NULL || y.seen == NULL || y.cover == NULL) {
		pd_err_nomem(err);
		goto out;
	}
	/* Node 0 stays unused: a leaf's link is its own index minus one. */
	t->nodes_len = 1;
	t->has_cover = true;
	for (i = 0; i < t->count; i++)
		if (open_tree(&s, json_array_get(trees, i), i, err) ||
		    place_tree(t, &s, &y, &t->roots[i], err))
			goto out;
	if ((r = trees_cuts_make(t)) < 0)
		pd_err_nomem(err);
out:
	free(y.queue);
	free(y.seen);
	free(y.cover);
	return r;
}

/* Check what says how trees are summed up, then read them. */
static int
parse_booster(struct pd_trees *t, const json_t *learner, struct pd_err *err)
{
	const json_t *gb = member(learner, "gradient_booster", err);
	const char *name = pd_jsonin_str(gb, "name");
	const json_t *model, *trees, *info;
	size_t i;

	if (gb == NULL)
		return -1;
	if (name == NULL || strcmp(name, "gbtree") != 0)
		return pd_err_set(err,
		    "booster '%s' is not supported (gbtree is)",
		    name ? name : "(none)");
	if ((model = member(gb, "model", err)) == NULL ||
	    (trees = member(model, "trees", err)) == NULL)
		return -1;
	if (!json_is_array(trees) || json_array_size(trees) < 1 ||
	    json_array_size(trees) > PD_TREES_MAX)
		return pd_err_set(
		    err, "'trees' is not an array of 1 to %d", PD_TREES_MAX);
	info = json_object_get(model, "tree_info");
	for (i = 0; i < json_array_size(info); i++)
		if (whole(json_array_get(info, i)) != 0)
			return pd_err_set(err,
			    "several classes ('tree_info') are not supported");
	return parse_trees(t, trees, err);
}

struct pd_trees *
pd_trees_parse(const void *json, size_t n, struct pd_err *err)
{
	static const struct pd_jsonin_limits limits = {PD_TREES_MAX_JSON,
	    (size_t)64 * (PD_TREES_MAX + 1), (size_t)16 * PD_TREES_MAX_NODES};
	struct pd_trees *t = NULL;
	const json_t *learner;
	json_t *top;

	if ((top = pd_jsonin_parse(json, n, &limits, err)) == NULL)
		return NULL;
	if ((learner = member(top, "learner", err)) == NULL)
		goto err0;
	if ((t = calloc(1, sizeof(*t))) == NULL) {
		pd_err_nomem(err);
		goto err0;
	}
	if (parse_head(t, learner, err) || parse_booster(t, learner, err))
		goto err0;
	json_decref(top);
	return t;
err0:
	pd_trees_free(t);
	json_decref(top);
	return NULL;
}
