#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/archive.h"
#include "io/atomicfile.h"
#include "io/jsonin.h"
#include "model/bundle.h"
#include "model/golden.h"
#include "model/manifest.h"
#include "model/model.h"
#include "model/trees.h"

/* Text that must be one JSON object under the limits of the manifest. */
static int
check_object(const char *what, const char *text, struct pd_err *err)
{
	static const struct pd_jsonin_limits limits = {
	    PD_BUNDLE_MAX_METRICS, 4096, 65536};
	json_t *j;

	if ((j = pd_jsonin_parse(text, strlen(text), &limits, err)) == NULL)
		return pd_err_prefix(err, "%s", what);
	if (!json_is_object(j)) {
		json_decref(j);
		return pd_err_set(err, "%s: not a JSON object", what);
	}
	json_decref(j);
	return 0;
}

static int
format_golden(
    const struct pd_bundle_parts *parts, struct pd_buf *out, struct pd_err *err)
{
	struct pd_trees *t;
	int r = -1;

	t = pd_trees_parse(parts->model, parts->model_len, err);
	if (t == NULL)
		return pd_err_prefix(err, "model.json");
	if (pd_trees_cols(t) != parts->cols)
		pd_err_set(err, "the model has %u columns, not %u",
		    pd_trees_cols(t), parts->cols);
	else if (parts->golden_rows < 1 ||
		 parts->golden_rows > PD_BUNDLE_MAX_GOLDEN)
		pd_err_set(err, "%zu golden rows, not 1 to %d",
		    parts->golden_rows, PD_BUNDLE_MAX_GOLDEN);
	else
		r = pd_golden_format(
		    t, parts->golden, parts->golden_rows, out, err);
	pd_trees_free(t);
	return r;
}

static void
add_member(struct pd_archive_member *m, size_t *n, const char *name,
    const void *p, size_t len)
{
	m[*n].name = name;
	m[*n].data = p;
	m[*n].len = len;
	(*n)++;
}

/* Read back what was packed, as a server will. */
static int
check_bundle(const struct pd_buf *out, size_t from, struct pd_err *err)
{
	struct pd_model *m;

	if (out->len - from > PD_BUNDLE_MAX_FILE)
		return pd_err_set(err, "the bundle has more than %u bytes",
		    PD_BUNDLE_MAX_FILE);
	m = pd_model_parse(out->data + from, out->len - from, err);
	if (m == NULL)
		return -1;
	pd_model_free(m);
	return 0;
}

int
pd_bundle_format(
    const struct pd_bundle_parts *parts, struct pd_buf *out, struct pd_err *err)
{
	const char *metrics = parts->metrics ? parts->metrics : "{}\n";
	struct pd_buf golden = PD_BUF_INIT, manifest = PD_BUF_INIT;
	struct pd_archive_member m[6];
	const size_t from = out->len;
	size_t n = 0;
	int r = -1;

	if (check_object("metrics", metrics, err) ||
	    (parts->training != NULL &&
		check_object("training", parts->training, err)) ||
	    format_golden(parts, &golden, err))
		goto out;
	/* In the order of their names, as the archive has them. */
	if (parts->assoc != NULL)
		add_member(m, &n, "assoc.bin", parts->assoc, parts->assoc_len);
	add_member(m, &n, "golden.bin", golden.data, golden.len);
	add_member(m, &n, "metrics.json", metrics, strlen(metrics));
	add_member(m, &n, "model.json", parts->model, parts->model_len);
	if (parts->profile != NULL)
		add_member(
		    m, &n, "profile.pdp", parts->profile, parts->profile_len);
	if (pd_manifest_format(parts, m, n, &manifest, err))
		goto out;
	add_member(m, &n, "manifest.json", manifest.data, manifest.len);
	if (pd_archive_pack(m, n, out, err))
		goto out;
	r = check_bundle(out, from, err);
out:
	pd_buf_release(&golden);
	pd_buf_release(&manifest);
	return r;
}

int
pd_bundle_write(
    const char *path, const struct pd_bundle_parts *parts, struct pd_err *err)
{
	struct pd_buf out = PD_BUF_INIT;
	int r;

	r = pd_bundle_format(parts, &out, err);
	if (r)
		pd_err_prefix(err, "cannot write '%s'", path);
	else
		r = pd_atomicfile_write(path, out.data, out.len, 0644, err);
	pd_buf_release(&out);
	return r;
}
