#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/feature.h"
#include "io/fd.h"
#include "io/json.h"
#include "model/bundle.h"
#include "model/model.h"
#include "model/signature.h"
#include "model/trees.h"
#include "validate.h"
#include "validate_gpu.h"

static struct {
	bool json;
	const char *trusted_key;
	bool gpu;
} opt;

const struct pd_opt retrain_validate_opts[] = {
    {0, "gpu", NULL, PD_OPT_FLAG, &opt.gpu, NULL,
	"also compare the GPU's scores with the CPU's; exit 1 if they differ"},
    {0, "json", NULL, PD_OPT_FLAG, &opt.json, NULL,
	"print one JSON object instead of columns"},
    {0, "trusted-key", "FILE", PD_OPT_STR, &opt.trusted_key, NULL,
	"minisign public key that must have signed MODEL.pdm.minisig"},
    PD_OPT_END,
};

static void
columns_text(const struct pd_model *m, struct pd_buf *out)
{
	unsigned i;

	pd_buf_printf(out, "columns\t%u\n", m->cols);
	for (i = 0; i < m->cols; i++)
		pd_buf_printf(out, "column\t%u\t%s\n", i,
		    pd_feature_info[m->slots[i]].name);
}

static void
text(const struct pd_model *m, const char *why, const struct validate_gpu *gpu,
    struct pd_buf *out)
{
	if (m == NULL) {
		pd_buf_printf(out, "good\tno\nwhy\t%s\n", why);
		return;
	}
	pd_buf_printf(
	    out, "good\tyes\nname\t%s\ndigest\t%s\n", m->name, m->digest);
	pd_buf_printf(out, "signature\t%s\n",
	    opt.trusted_key != NULL ? "good" : "not checked");
	pd_buf_printf(out, "label\t%s\nboundary_eviction_ages\t%g\n", m->label,
	    m->boundary);
	pd_buf_printf(out, "capacity_objects\t%" PRIu64 "\n", m->capacity);
	pd_buf_printf(out, "trained_at_us\t%" PRIu64 "\n", m->trained_at);
	pd_buf_printf(out, "schema_id\t%016" PRIx64 "\n", m->schema_id);
	pd_buf_printf(out, "trees\t%u\n", pd_trees_count(m->trees));
	pd_buf_printf(out, "golden_rows_equal\t%zu\n", m->golden_rows);
	pd_buf_printf(out, "assoc_bytes\t%zu\nprofile_bytes\t%zu\n",
	    m->assoc_len, m->profile_len);
	pd_buf_printf(out, "memory_bytes\t%zu\n", pd_model_memory(m));
	columns_text(m, out);
	if (opt.gpu)
		validate_gpu_text(gpu, out);
}

static void
put_u64(struct pd_json *j, const char *key, uint64_t v)
{
	pd_json_key(j, key);
	pd_json_u64(j, v);
}

static void
put_str(struct pd_json *j, const char *key, const char *v)
{
	pd_json_key(j, key);
	pd_json_str(j, v);
}

static void
members_json(
    const struct pd_model *m, const struct validate_gpu *gpu, struct pd_json *j)
{
	char hex[17];
	unsigned i;

	snprintf(hex, sizeof(hex), "%016" PRIx64, m->schema_id);
	put_str(j, "name", m->name);
	put_str(j, "digest", m->digest);
	pd_json_key(j, "signature_checked");
	pd_json_bool(j, opt.trusted_key != NULL);
	put_str(j, "label", m->label);
	pd_json_key(j, "boundary_eviction_ages");
	pd_json_double(j, m->boundary);
	put_u64(j, "capacity_objects", m->capacity);
	put_u64(j, "trained_at_us", m->trained_at);
	put_str(j, "schema_id", hex);
	put_u64(j, "trees", pd_trees_count(m->trees));
	put_u64(j, "golden_rows_equal", m->golden_rows);
	put_u64(j, "assoc_bytes", m->assoc_len);
	put_u64(j, "profile_bytes", m->profile_len);
	put_u64(j, "memory_bytes", pd_model_memory(m));
	pd_json_key(j, "columns");
	pd_json_open(j, '[');
	for (i = 0; i < m->cols; i++)
		pd_json_str(j, pd_feature_info[m->slots[i]].name);
	pd_json_close(j, ']');
	if (opt.gpu)
		validate_gpu_json(gpu, j);
}

static void
json(const struct pd_model *m, const char *path, const char *why,
    const struct validate_gpu *gpu, struct pd_buf *out)
{
	struct pd_json j;

	pd_json_init(&j, out);
	pd_json_open(&j, '{');
	put_str(&j, "file", path);
	pd_json_key(&j, "good");
	pd_json_bool(&j, m != NULL);
	if (m != NULL)
		members_json(m, gpu, &j);
	else
		put_str(&j, "why", why);
	pd_json_close(&j, '}');
	pd_buf_addc(out, '\n');
}

static int
print(const struct pd_model *m, const char *path, const struct pd_err *err,
    const struct validate_gpu *gpu)
{
	struct pd_buf out = PD_BUF_INIT;
	int r;

	if (opt.json)
		json(m, path, err->msg, gpu, &out);
	else
		text(m, err->msg, gpu, &out);
	r = out.failed			    ? pd_cli_failf("out of memory")
	    : pd_cli_out(out.data, out.len) ? PD_EXIT_FAIL
	    : m == NULL || gpu->differ > 0  ? PD_EXIT_NO
					    : PD_EXIT_YES;
	pd_buf_release(&out);
	return r;
}

int
retrain_validate(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf file = PD_BUF_INIT;
	struct validate_gpu gpu = {0};
	struct pd_model *m = NULL;
	int r;

	(void)argc;
	if (opt.gpu && !PD_CUDA)
		return pd_cli_failf("--gpu: built without CUDA: make CUDA=1");
	if (opt.trusted_key != NULL && access(opt.trusted_key, R_OK))
		return pd_cli_failf("cannot read '%s'", opt.trusted_key);
	if (pd_read_file(argv[0], PD_BUNDLE_MAX_FILE, &file, &err)) {
		pd_buf_release(&file);
		return pd_cli_fail(&err);
	}
	if (opt.trusted_key == NULL ||
	    pd_signature_check(
		argv[0], file.data, file.len, opt.trusted_key, &err) == 0)
		m = pd_model_parse(file.data, file.len, &err);
	if (m != NULL && opt.gpu)
		validate_gpu(&file, m, &gpu);
	pd_buf_release(&file);
	r = print(m, argv[0], &err, &gpu);
	pd_model_free(m);
	return r;
}
