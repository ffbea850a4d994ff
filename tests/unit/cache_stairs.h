#ifndef CACHE_STAIRS_H
#define CACHE_STAIRS_H

/* A model that says one simple thing. Include after cmocka.h. */

#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "model/model.h"
#include "model/trees.h"

/*
 * A model of one column whose score is a staircase: +1 for each of the
 * thresholds that the value reaches, or -1 with ${down}; one stump a step.
 */
static inline void
stairs(
    struct pd_model *m, uint8_t slot, const float *step, unsigned n, bool down)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	unsigned i;

	static char none[] = "";

	memset(m, 0, sizeof(*m));
	m->manifest = none;
	m->metrics = none;
	pd_buf_printf(&b,
	    "{\"learner\":{\"attributes\":{},\"feature_names\":[],"
	    "\"feature_types\":[],\"gradient_booster\":{\"model\":{"
	    "\"gbtree_model_param\":{\"num_parallel_tree\":\"1\","
	    "\"num_trees\":\"%u\",\"size_leaf_vector\":\"0\"},"
	    "\"tree_info\":[",
	    n);
	for (i = 0; i < n; i++)
		pd_buf_printf(&b, "%s0", i > 0 ? "," : "");
	pd_buf_addstr(&b, "],\"trees\":[");
	for (i = 0; i < n; i++)
		pd_buf_printf(&b,
		    "%s{\"base_weights\":[0,0,1],\"categories\":[],"
		    "\"categories_nodes\":[],\"categories_segments\":[],"
		    "\"categories_sizes\":[],\"default_left\":[1,0,0],"
		    "\"id\":%u,\"left_children\":[1,-1,-1],"
		    "\"loss_changes\":[1,0,0],"
		    "\"parents\":[2147483647,0,0],"
		    "\"right_children\":[2,-1,-1],"
		    "\"split_conditions\":[%g,0,%d],"
		    "\"split_indices\":[0,0,0],\"split_type\":[0,0,0],"
		    "\"sum_hessian\":[2,1,1],\"tree_param\":{"
		    "\"num_deleted\":\"0\",\"num_feature\":\"1\","
		    "\"num_nodes\":\"3\",\"size_leaf_vector\":\"0\"}}",
		    i > 0 ? "," : "", i, (double)step[i], down ? -1 : 1);
	pd_buf_addstr(&b, "]},\"name\":\"gbtree\"},\"learner_model_param\":{"
			  "\"base_score\":\"0\",\"num_class\":\"0\","
			  "\"num_feature\":\"1\",\"num_target\":\"1\"},"
			  "\"objective\":{\"name\":\"reg:squarederror\","
			  "\"reg_loss_param\":{\"scale_pos_weight\":\"1\"}}},"
			  "\"version\":[1,7,4]}");
	assert_false(b.failed);
	m->trees = pd_trees_parse(b.data, b.len, &err);
	if (m->trees == NULL)
		fail_msg("%s", err.msg);
	m->cols = 1;
	m->slots[0] = slot;
	pd_buf_release(&b);
}

#endif /* CACHE_STAIRS_H */
