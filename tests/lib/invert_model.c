/*
 * invert_model IN.pdm OUT.pdm: the same model with every leaf's sign turned, as
 * if it had been trained on inverted labels: what it would evict first it now
 * keeps longest. Bundled by the project's own writer, so that a server loads
 * it as it would any model. For tests of the floor.
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/archive.h"
#include "io/fd.h"
#include "model/bundle.h"
#include "model/golden.h"
#include "model/model.h"

enum { MODEL, GOLDEN, WANTS };

static int
invert_tree(json_t *tree)
{
	json_t *left = json_object_get(tree, "left_children");
	json_t *value = json_object_get(tree, "split_conditions");
	size_t i;

	if (json_array_size(left) == 0 ||
	    json_array_size(left) != json_array_size(value))
		return -1;
	for (i = 0; i < json_array_size(left); i++)
		if (json_integer_value(json_array_get(left, i)) == -1)
			json_array_set_new(value, i,
			    json_real(
				-json_number_value(json_array_get(value, i))));
	return 0;
}

/* The text of the inverted model, to be freed; NULL when it is no model. */
static char *
invert(const struct pd_buf *model)
{
	json_t *root =
		   json_loadb((const char *)model->data, model->len, 0, NULL),
	       *trees;
	char *text = NULL;
	size_t i;

	trees = json_object_get(root, "learner");
	trees = json_object_get(trees, "gradient_booster");
	trees = json_object_get(json_object_get(trees, "model"), "trees");
	for (i = 0; i < json_array_size(trees); i++)
		if (invert_tree(json_array_get(trees, i)) < 0)
			break;
	if (i > 0 && i == json_array_size(trees))
		text = json_dumps(root, JSON_COMPACT);
	json_decref(root);
	return text;
}

static int
rewrite(const struct pd_model *m, struct pd_archive_want *want,
    const char *path, struct pd_err *err)
{
	struct pd_bundle_parts parts = {
	    .name = m->name,
	    .label = m->label,
	    .boundary = m->boundary,
	    .capacity = m->capacity,
	    .schema_id = m->schema_id,
	    .trained_at = m->trained_at,
	    .slots = m->slots,
	    .cols = m->cols,
	    .golden_rows = m->golden_rows,
	};
	float *rows = calloc(m->golden_rows * m->cols + 1, sizeof(*rows));
	char *text = invert(&want[MODEL].data);
	int rc = -1;

	if (rows == NULL || text == NULL)
		pd_err_set(err, "no trees to invert");
	else if (pd_golden_rows(want[GOLDEN].data.data, want[GOLDEN].data.len,
		     m->cols, m->golden_rows, rows, err) == 0) {
		parts.golden = rows;
		parts.model = text;
		parts.model_len = strlen(text);
		rc = pd_bundle_write(path, &parts, err);
	}
	free(text);
	free(rows);
	return rc;
}

int
main(int argc, char **argv)
{
	struct pd_archive_want want[WANTS] = {
	    [MODEL] = {.name = "model.json", .max = 8 << 20},
	    [GOLDEN] = {.name = "golden.bin", .max = 1 << 20},
	};
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf file = PD_BUF_INIT;
	struct pd_model *m = NULL;
	int rc = -1;

	if (argc != 3) {
		fprintf(stderr, "usage: invert_model IN.pdm OUT.pdm\n");
		return 2;
	}
	if (pd_read_file(argv[1], PD_BUNDLE_MAX_FILE, &file, &err) == 0 &&
	    (m = pd_model_parse(file.data, file.len, &err)) != NULL &&
	    pd_archive_unpack(file.data, file.len, PD_BUNDLE_MAX_MEMBERS,
		PD_BUNDLE_MAX_TOTAL, want, WANTS, &err) == 0)
		rc = rewrite(m, want, argv[2], &err);
	if (rc < 0)
		fprintf(stderr, "invert_model: %s\n", err.msg);
	pd_archive_release(want, WANTS);
	pd_model_free(m);
	pd_buf_release(&file);
	return rc == 0 ? 0 : 2;
}
