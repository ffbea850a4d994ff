#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include <sodium.h>

#include "base/err.h"
#include "data/feature.h"
#include "io/json.h"
#include "io/jsonin.h"
#include "model/bundle.h"
#include "model/manifest.h"
#include "model/model.h"

static const struct pd_jsonin_limits limits = {
    PD_BUNDLE_MAX_MANIFEST, 4096, 65536};

void
pd_manifest_digest(const void *p, size_t n, char hex[65])
{
	uint8_t sum[crypto_hash_sha256_BYTES];

	crypto_hash_sha256(sum, p, n);
	sodium_bin2hex(hex, 65, sum, sizeof(sum));
}

bool
pd_bundle_name_ok(const char *s)
{
	const size_t n = strlen(s);

	return n >= 1 && n <= 63 && s[0] != '.' && s[0] != '-' &&
	       strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
			 "0123456789._-") == n;
}

/* Labels are words: a-z 0-9 _, 1 to 31 bytes. */
static bool
label_ok(const char *s)
{
	const size_t n = strlen(s);

	return n >= 1 && n <= 31 &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_") == n;
}

static int
format_columns(
    struct pd_json *j, const struct pd_bundle_parts *parts, struct pd_err *err)
{
	unsigned i;

	pd_json_key(j, "columns");
	pd_json_open(j, '[');
	for (i = 0; i < parts->cols; i++) {
		if (parts->slots[i] >= PD_FEATURES)
			return pd_err_set(err, "column %u: no feature slot %u",
			    i, parts->slots[i]);
		pd_json_str(j, pd_feature_info[parts->slots[i]].name);
	}
	pd_json_close(j, ']');
	return 0;
}

static void
format_members(
    struct pd_json *j, const struct pd_archive_member *members, size_t n)
{
	char hex[65];
	size_t i;

	pd_json_key(j, "members");
	pd_json_open(j, '{');
	for (i = 0; i < n; i++) {
		pd_manifest_digest(members[i].data, members[i].len, hex);
		pd_json_key(j, members[i].name);
		pd_json_open(j, '{');
		pd_json_key(j, "bytes");
		pd_json_u64(j, members[i].len);
		pd_json_key(j, "sha256");
		pd_json_str(j, hex);
		pd_json_close(j, '}');
	}
	pd_json_close(j, '}');
}

int
pd_manifest_format(const struct pd_bundle_parts *parts,
    const struct pd_archive_member *members, size_t n, struct pd_buf *out,
    struct pd_err *err)
{
	const uint64_t id =
	    parts->schema_id ? parts->schema_id : pd_feature_schema_id();
	char hex[17];
	struct pd_json j;

	if (parts->cols < 1 || parts->cols > PD_FEATURES)
		return pd_err_set(
		    err, "%u columns, not 1 to %d", parts->cols, PD_FEATURES);
	snprintf(hex, sizeof(hex), "%016" PRIx64, id);
	pd_json_init(&j, out);
	pd_json_open(&j, '{');
	pd_json_key(&j, "format");
	pd_json_str(&j, PD_MANIFEST_FORMAT);
	pd_json_key(&j, "version");
	pd_json_u64(&j, PD_MANIFEST_VERSION);
	pd_json_key(&j, "name");
	pd_json_str(&j, parts->name);
	pd_json_key(&j, "label");
	pd_json_str(&j, parts->label);
	pd_json_key(&j, "boundary_eviction_ages");
	pd_json_double(&j, parts->boundary);
	pd_json_key(&j, "capacity_objects");
	pd_json_u64(&j, parts->capacity);
	pd_json_key(&j, "trained_at_us");
	pd_json_u64(&j, parts->trained_at);
	pd_json_key(&j, "schema_id");
	pd_json_str(&j, hex);
	if (format_columns(&j, parts, err))
		return -1;
	pd_json_key(&j, "golden_rows");
	pd_json_u64(&j, parts->golden_rows);
	format_members(&j, members, n);
	pd_json_key(&j, "training");
	if (parts->training != NULL)
		pd_json_raw(&j, parts->training, strlen(parts->training));
	else
		pd_json_raw(&j, "{}", 2);
	pd_json_close(&j, '}');
	pd_buf_addc(out, '\n');
	return out->failed ? pd_err_nomem(err) : 0;
}

/* A whole number of at least 0. */
static int
whole(const json_t *top, const char *key, uint64_t *out, struct pd_err *err)
{
	const json_t *v = json_object_get(top, key);

	if (!json_is_integer(v) || json_integer_value(v) < 0)
		return pd_err_set(err, "'%s' is not a whole number", key);
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

static int
parse_format(const json_t *top, struct pd_err *err)
{
	const char *format = pd_jsonin_str(top, "format");
	uint64_t version;

	if (format == NULL || strcmp(format, PD_MANIFEST_FORMAT) != 0)
		return pd_err_set(
		    err, "'format' is not '%s'", PD_MANIFEST_FORMAT);
	if (whole(top, "version", &version, err))
		return -1;
	if (version != PD_MANIFEST_VERSION)
		return pd_err_set(err,
		    "format version %" PRIu64 ", this program reads %d",
		    version, PD_MANIFEST_VERSION);
	return 0;
}

static int
parse_words(const json_t *top, struct pd_model *m, struct pd_err *err)
{
	const char *name = pd_jsonin_str(top, "name");
	const char *label = pd_jsonin_str(top, "label");
	const json_t *b = json_object_get(top, "boundary_eviction_ages");

	if (name == NULL || !pd_bundle_name_ok(name))
		return pd_err_set(err, "'name' is not a model's name");
	if (label == NULL || !label_ok(label))
		return pd_err_set(err, "'label' is not a label's name");
	snprintf(m->name, sizeof(m->name), "%s", name);
	snprintf(m->label, sizeof(m->label), "%s", label);
	m->boundary = json_number_value(b);
	if (!json_is_number(b) || !isfinite(m->boundary) || m->boundary <= 0)
		return pd_err_set(
		    err, "'boundary_eviction_ages' is not a positive number");
	return 0;
}

static int
parse_schema(const json_t *top, struct pd_model *m, struct pd_err *err)
{
	const char *hex = pd_jsonin_str(top, "schema_id");
	const uint64_t ours = pd_feature_schema_id();
	uint64_t id = 0;
	size_t i;

	if (hex == NULL || strlen(hex) != 16 ||
	    strspn(hex, "0123456789abcdef") != 16)
		return pd_err_set(
		    err, "'schema_id' is not 16 hexadecimal digits");
	for (i = 0; i < 16; i++)
		id = id << 4 | (uint64_t)(hex[i] <= '9' ? hex[i] - '0'
							: hex[i] - 'a' + 10);
	if (id != ours)
		return pd_err_set(err,
		    "trained with feature schema %s, this program has "
		    "%016" PRIx64 " (train again with this version)",
		    hex, ours);
	m->schema_id = id;
	return 0;
}

static int
parse_columns(const json_t *top, struct pd_model *m, struct pd_err *err)
{
	const json_t *a = json_object_get(top, "columns");
	const size_t n = json_array_size(a);
	uint64_t seen = 0;
	const char *name;
	size_t i;
	int slot;

	if (n < 1 || n > PD_FEATURES)
		return pd_err_set(
		    err, "'columns' is not an array of 1 to %d", PD_FEATURES);
	for (i = 0; i < n; i++) {
		name = json_string_value(json_array_get(a, i));
		if (name == NULL || (slot = pd_feature_find(name)) < 0)
			return pd_err_set(err, "column %zu: no feature '%.32s'",
			    i, name ? name : "");
		if (!pd_feature_info[slot].served)
			return pd_err_set(err,
			    "column %zu: a server does not have feature '%s'",
			    i, name);
		if (seen >> slot & 1)
			return pd_err_set(
			    err, "column %zu: '%s' twice", i, name);
		seen |= UINT64_C(1) << slot;
		m->slots[i] = (uint8_t)slot;
	}
	m->cols = (unsigned)n;
	return 0;
}

json_t *
pd_manifest_parse(
    const void *p, size_t n, struct pd_model *m, struct pd_err *err)
{
	uint64_t golden;
	json_t *top;

	if ((top = pd_jsonin_parse(p, n, &limits, err)) == NULL)
		return NULL;
	if (parse_format(top, err) || parse_words(top, m, err) ||
	    whole(top, "capacity_objects", &m->capacity, err) ||
	    whole(top, "trained_at_us", &m->trained_at, err) ||
	    parse_schema(top, m, err) || parse_columns(top, m, err) ||
	    whole(top, "golden_rows", &golden, err))
		goto err0;
	if (golden < 1 || golden > PD_BUNDLE_MAX_GOLDEN) {
		pd_err_set(
		    err, "'golden_rows' is not 1 to %d", PD_BUNDLE_MAX_GOLDEN);
		goto err0;
	}
	m->golden_rows = (size_t)golden;
	if (!json_is_object(json_object_get(top, "training"))) {
		pd_err_set(err, "'training' is not an object");
		goto err0;
	}
	return top;
err0:
	json_decref(top);
	return NULL;
}

int
pd_manifest_check(
    const json_t *top, const struct pd_archive_want *w, struct pd_err *err)
{
	const json_t *e =
	    json_object_get(json_object_get(top, "members"), w->name);
	const char *sum = pd_jsonin_str(e, "sha256");
	char hex[65];
	uint64_t bytes;

	if (e == NULL && !w->found)
		return 0;
	if (e == NULL)
		return pd_err_set(
		    err, "%s is not listed in manifest.json", w->name);
	if (!w->found)
		return pd_err_set(
		    err, "%s is listed in manifest.json and missing", w->name);
	if (sum == NULL || whole(e, "bytes", &bytes, NULL))
		return pd_err_set(err,
		    "manifest.json: %s without 'bytes' and 'sha256'", w->name);
	if (bytes != w->data.len)
		return pd_err_set(err,
		    "%s has %zu bytes, manifest.json says %" PRIu64, w->name,
		    w->data.len, bytes);
	pd_manifest_digest(w->data.data, w->data.len, hex);
	if (strcmp(hex, sum) != 0)
		return pd_err_set(err,
		    "%s does not have the SHA-256 that manifest.json lists",
		    w->name);
	return 0;
}
