#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "io/archive.h"
#include "io/fd.h"
#include "io/jsonin.h"
#include "model/bundle.h"
#include "model/golden.h"
#include "model/manifest.h"
#include "model/model.h"
#include "model/signature.h"
#include "model/trees.h"

/* The members that a server looks for. */
enum { MANIFEST, MODEL, GOLDEN, METRICS, ASSOC, PROFILE, MEMBERS };

static void
init_wants(struct pd_archive_want *w)
{
	memset(w, 0, MEMBERS * sizeof(*w));
	w[MANIFEST].name = "manifest.json";
	w[MANIFEST].max = PD_BUNDLE_MAX_MANIFEST;
	w[MODEL].name = "model.json";
	w[MODEL].max = PD_TREES_MAX_JSON;
	w[GOLDEN].name = "golden.bin";
	w[GOLDEN].max =
	    16 + sizeof(float) * PD_BUNDLE_MAX_GOLDEN * (PD_TREES_MAX_COLS + 1);
	w[METRICS].name = "metrics.json";
	w[METRICS].max = PD_BUNDLE_MAX_METRICS;
	w[ASSOC].name = "assoc.bin";
	w[ASSOC].max = PD_BUNDLE_MAX_ASSOC;
	w[PROFILE].name = "profile.pdp";
	w[PROFILE].max = PD_BUNDLE_MAX_PROFILE;
}

/* The count of owners is no part of the model that const protects. */
struct pd_model *
pd_model_ref(const struct pd_model *m)
{
	struct pd_model *own = (struct pd_model *)m;

	atomic_fetch_add(&own->refs, 1);
	return own;
}

void
pd_model_free(struct pd_model *m)
{
	if (m == NULL || atomic_fetch_sub(&m->refs, 1) > 0)
		return;
	pd_trees_free(m->trees);
	free(m->manifest);
	free(m->metrics);
	free(m->assoc);
	free(m->profile);
	free(m);
}

uint32_t
pd_model_mark(const struct pd_model *m)
{
	char first[9];

	memcpy(first, m->digest, 8);
	first[8] = '\0';
	return (uint32_t)strtoul(first, NULL, 16);
}

size_t
pd_model_memory(const struct pd_model *m)
{
	return sizeof(*m) + pd_trees_memory(m->trees) + strlen(m->manifest) +
	       strlen(m->metrics) + 2 + m->assoc_len + m->profile_len;
}

/* A member's bytes, trimmed, with a NUL after them; NULL out of memory. */
static void *
take(struct pd_archive_want *w)
{
	void *p;

	if (pd_buf_cstr(&w->data) == NULL ||
	    (p = realloc(w->data.data, w->data.len + 1)) == NULL)
		return NULL;
	w->data = (struct pd_buf)PD_BUF_INIT;
	return p;
}

/* metrics.json is for people; it only has to be an object. */
static int
check_metrics(const struct pd_archive_want *w, struct pd_err *err)
{
	static const struct pd_jsonin_limits limits = {
	    PD_BUNDLE_MAX_METRICS, 4096, 65536};
	json_t *j = pd_jsonin_parse(w->data.data, w->data.len, &limits, err);
	const bool ok = json_is_object(j);

	if (j != NULL && !ok)
		pd_err_set(err, "not a JSON object");
	json_decref(j);
	return ok ? 0 : pd_err_prefix(err, "metrics.json");
}

static int
parse_members(struct pd_model *m, struct pd_archive_want *w, struct pd_err *err)
{
	json_t *top;
	int i;

	for (i = MANIFEST; i <= METRICS; i++)
		if (!w[i].found)
			return pd_err_set(err, "no member %s", w[i].name);
	top = pd_manifest_parse(
	    w[MANIFEST].data.data, w[MANIFEST].data.len, m, err);
	if (top == NULL)
		return pd_err_prefix(err, "manifest.json");
	for (i = MODEL; i < MEMBERS; i++)
		if (pd_manifest_check(top, &w[i], err)) {
			json_decref(top);
			return -1;
		}
	json_decref(top);
	m->trees = pd_trees_parse(w[MODEL].data.data, w[MODEL].data.len, err);
	if (m->trees == NULL)
		return pd_err_prefix(err, "model.json");
	if (pd_trees_cols(m->trees) != m->cols)
		return pd_err_set(err,
		    "model.json has %u columns, manifest.json lists %u",
		    pd_trees_cols(m->trees), m->cols);
	if (pd_golden_check(m->trees, w[GOLDEN].data.data, w[GOLDEN].data.len,
		m->golden_rows, err))
		return pd_err_prefix(err, "golden.bin");
	return check_metrics(&w[METRICS], err);
}

static int
keep_members(struct pd_model *m, struct pd_archive_want *w, struct pd_err *err)
{
	m->assoc_len = w[ASSOC].data.len;
	m->profile_len = w[PROFILE].data.len;
	if ((m->manifest = take(&w[MANIFEST])) == NULL ||
	    (m->metrics = take(&w[METRICS])) == NULL ||
	    (w[ASSOC].found && (m->assoc = take(&w[ASSOC])) == NULL) ||
	    (w[PROFILE].found && (m->profile = take(&w[PROFILE])) == NULL))
		return pd_err_nomem(err);
	return 0;
}

struct pd_model *
pd_model_parse(const void *p, size_t n, struct pd_err *err)
{
	struct pd_archive_want w[MEMBERS];
	struct pd_model *m;
	int r;

	if ((m = calloc(1, sizeof(*m))) == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	pd_manifest_digest(p, n, m->digest);
	init_wants(w);
	r = pd_archive_unpack(
	    p, n, PD_BUNDLE_MAX_MEMBERS, PD_BUNDLE_MAX_TOTAL, w, MEMBERS, err);
	if (r == 0)
		r = parse_members(m, w, err);
	if (r == 0)
		r = keep_members(m, w, err);
	pd_archive_release(w, MEMBERS);
	if (r) {
		pd_model_free(m);
		return NULL;
	}
	return m;
}

/*
 * Read the bundle's file. Only a regular file: a server must not wait for the
 * other end of a pipe.
 */
static int
read_bundle(const char *path, struct pd_buf *out, struct pd_err *err)
{
	struct stat st;
	ssize_t got = -1;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) < 0 ||
	    fstat(fd, &st)) {
		pd_err_sys(err, "cannot open '%s'", path);
	} else if (!S_ISREG(st.st_mode)) {
		pd_err_set(err, "'%s' is not a regular file", path);
	} else if (st.st_size > (off_t)PD_BUNDLE_MAX_FILE) {
		pd_err_set(err, "'%s' is larger than %u bytes", path,
		    PD_BUNDLE_MAX_FILE);
	} else if (pd_buf_reserve(out, (size_t)st.st_size + 1)) {
		pd_err_nomem(err);
	} else if ((got = pd_read_full(fd, out->data, (size_t)st.st_size)) <
		   0) {
		pd_err_sys(err, "cannot read '%s'", path);
	}
	if (fd >= 0)
		close(fd);
	if (got < 0)
		return -1;
	out->len = (size_t)got;
	return 0;
}

/* ${key} NULL: no signature is asked for. */
static struct pd_model *
load(const char *path, const char *key, struct pd_err *err)
{
	struct pd_buf file = PD_BUF_INIT;
	struct pd_model *m = NULL;

	if (read_bundle(path, &file, err) ||
	    (key != NULL &&
		pd_signature_check(path, file.data, file.len, key, err)))
		goto out;
	m = pd_model_parse(file.data, file.len, err);
	if (m == NULL)
		pd_err_prefix(err, "cannot load '%s'", path);
out:
	pd_buf_release(&file);
	return m;
}

struct pd_model *
pd_model_load(const char *path, struct pd_err *err)
{
	return load(path, NULL, err);
}

struct pd_model *
pd_model_load_trusted(const char *path, const char *key, struct pd_err *err)
{
	return load(path, key, err);
}

struct pd_model *
pd_model_load_source(const char *path, struct pd_buf *json, struct pd_err *err)
{
	struct pd_archive_want w[MEMBERS];
	struct pd_buf file = PD_BUF_INIT;
	struct pd_model *m = NULL;

	if (read_bundle(path, &file, err) != 0)
		goto out;
	m = pd_model_parse(file.data, file.len, err);
	if (m == NULL) {
		pd_err_prefix(err, "cannot load '%s'", path);
		goto out;
	}
	init_wants(w);
	if (pd_archive_unpack(file.data, file.len, PD_BUNDLE_MAX_MEMBERS,
		PD_BUNDLE_MAX_TOTAL, w, MEMBERS, err) != 0) {
		pd_model_free(m);
		m = NULL;
	} else if (pd_buf_add(json, w[MODEL].data.data, w[MODEL].data.len)) {
		pd_err_nomem(err);
		pd_model_free(m);
		m = NULL;
	}
	pd_archive_release(w, MEMBERS);
out:
	pd_buf_release(&file);
	return m;
}
