#include <math.h>
#include <stdio.h>
#include <string.h>

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/num.h"
#include "data/pds_format.h"
#include "data/pds_meta.h"
#include "io/json.h"

void
pd_pds_meta_init(struct pd_pds_meta *m)
{
	memset(m, 0, sizeof(*m));
	memcpy(m->schema, "events", sizeof("events"));
	memcpy(m->time, "wall", sizeof("wall"));
	m->scheme = PD_SAMPLE_NONE;
	m->rate = 1;
	m->shards = 1;
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
	if (v[0] == '\0')
		return;
	pd_json_key(j, key);
	pd_json_str(j, v);
}

/* 64-bit names go as 16 hexadecimal digits: jq reads numbers as doubles. */
static void
put_hex(struct pd_json *j, const char *key, uint64_t v)
{
	char text[17];

	snprintf(text, sizeof(text), "%016llx", (unsigned long long)v);
	put_str(j, key, text);
}

static void
put_sampling(struct pd_json *j, const struct pd_pds_meta *m)
{
	pd_json_key(j, "sampling");
	pd_json_open(j, '{');
	put_str(j, "scheme", pd_scheme_name(m->scheme));
	pd_json_key(j, "rate");
	pd_json_double(j, m->rate);
	put_u64(j, "salt_id", m->salt_id);
	if (m->scheme == PD_SAMPLE_WINDOW)
		put_u64(j, "window_us", m->window_us);
	pd_json_close(j, '}');
}

static void
put_namespaces(struct pd_json *j, const struct pd_namespaces *ns)
{
	pd_json_key(j, "namespaces");
	pd_json_open(j, '[');
	for (unsigned i = 0; i < ns->n; i++) {
		pd_json_open(j, '{');
		put_u64(j, "id", ns->of[i].id);
		put_str(j, "name", ns->of[i].name);
		pd_json_close(j, '}');
	}
	pd_json_close(j, ']');
}

int
pd_pds_meta_encode(const struct pd_pds_meta *m, struct pd_buf *out)
{
	struct pd_json j;

	pd_json_init(&j, out);
	pd_json_open(&j, '{');
	put_str(&j, "schema", m->schema);
	put_u64(&j, "schema_version", 1);
	put_u64(&j, "min_reader", PD_PDS_VERSION);
	put_str(&j, "tool", m->tool);
	put_str(&j, "source", m->source);
	put_str(&j, "host", m->host);
	put_str(&j, "time", m->time);
	pd_json_key(&j, "units");
	pd_json_open(&j, '{');
	put_str(&j, "time", "us");
	put_str(&j, "ttl", "ms");
	put_str(&j, "latency", "us");
	put_str(&j, "size", "bytes");
	pd_json_close(&j, '}');
	if (m->hits_unknown)
		put_str(&j, "hits", "unknown");
	if (m->start_us != 0)
		put_u64(&j, "start_us", m->start_us);
	if (m->run_id != 0)
		put_hex(&j, "run_id", m->run_id);
	put_sampling(&j, m);
	put_u64(&j, "key_hash_id", m->key_hash_id);
	put_u64(&j, "shard", m->shard);
	put_u64(&j, "shards", m->shards);
	if (m->capacity_objects != 0)
		put_u64(&j, "capacity_objects", m->capacity_objects);
	if (m->capacity_bytes != 0)
		put_u64(&j, "capacity_bytes", m->capacity_bytes);
	if (m->eviction_age != 0)
		put_u64(&j, "eviction_age_ticks", m->eviction_age);
	if (m->feature_schema != 0)
		put_hex(&j, "feature_schema", m->feature_schema);
	if (m->namespaces.n > 0)
		put_namespaces(&j, &m->namespaces);
	pd_json_close(&j, '}');
	return out->failed ? -1 : 0;
}

static int
get_u64(const json_t *o, const char *key, uint64_t max, uint64_t *out,
    struct pd_err *err)
{
	const json_t *v = json_object_get(o, key);

	if (v == NULL)
		return 0;
	if (!json_is_integer(v) || json_integer_value(v) < 0 ||
	    (uint64_t)json_integer_value(v) > max)
		return pd_err_set(err, "header: '%s' is out of range", key);
	*out = (uint64_t)json_integer_value(v);
	return 0;
}

static int
get_u32(const json_t *o, const char *key, uint64_t max, uint32_t *out,
    struct pd_err *err)
{
	uint64_t v = *out;

	if (get_u64(o, key, max, &v, err))
		return -1;
	*out = (uint32_t)v;
	return 0;
}

static int
get_str(const json_t *o, const char *key, char *out, size_t size,
    struct pd_err *err)
{
	const json_t *v = json_object_get(o, key);

	if (v == NULL)
		return 0;
	if (!json_is_string(v))
		return pd_err_set(err, "header: '%s' is no string", key);
	snprintf(out, size, "%s", json_string_value(v));
	return 0;
}

static int
get_sampling(struct pd_pds_meta *m, const json_t *root, struct pd_err *err)
{
	const json_t *o = json_object_get(root, "sampling");
	const json_t *rate = json_object_get(o, "rate");
	char name[16] = "none";
	int scheme;

	if (o == NULL)
		return 0;
	if (get_str(o, "scheme", name, sizeof(name), err) ||
	    get_u32(o, "salt_id", UINT32_MAX, &m->salt_id, err) ||
	    get_u64(o, "window_us", INT64_MAX, &m->window_us, err))
		return -1;
	if ((scheme = pd_scheme_parse(name)) < 0)
		return pd_err_set(err, "header: no sampling scheme '%s'", name);
	m->scheme = (enum pd_scheme)scheme;
	if (rate == NULL)
		return 0;
	m->rate = json_number_value(rate);
	if (!json_is_number(rate) || !(m->rate > 0) || m->rate > 1)
		return pd_err_set(err, "header: 'rate' is not in (0, 1]");
	return 0;
}

static int
get_hits(struct pd_pds_meta *m, const json_t *o, struct pd_err *err)
{
	char text[16] = "known";

	if (get_str(o, "hits", text, sizeof(text), err))
		return -1;
	m->hits_unknown = strcmp(text, "unknown") == 0;
	return 0;
}

static int
get_hex(const json_t *o, const char *key, uint64_t *out, struct pd_err *err)
{
	char text[20] = "";

	if (get_str(o, key, text, sizeof(text), err))
		return -1;
	if (strspn(text, "0123456789abcdef") != strlen(text) ||
	    strlen(text) > 16)
		return pd_err_set(err, "header: '%s' is not hexadecimal", key);
	*out = 0;
	for (const char *p = text; *p != '\0'; p++)
		*out = *out << 4 |
		       (uint64_t)(*p <= '9' ? *p - '0' : *p - 'a' + 10);
	return 0;
}

/* As many as there is room for; the others stay without a name. */
static int
get_namespaces(struct pd_namespaces *ns, const json_t *root, struct pd_err *err)
{
	const json_t *list = json_object_get(root, "namespaces");
	char name[PD_NAMESPACE_NAME] = "";
	uint32_t id = 0;
	size_t i;

	if (list != NULL && !json_is_array(list))
		return pd_err_set(err, "header: 'namespaces' is no list");
	for (i = 0; i < json_array_size(list); i++) {
		const json_t *o = json_array_get(list, i);

		if (!json_is_object(o) ||
		    get_u32(o, "id", UINT32_MAX, &id, err) ||
		    get_str(o, "name", name, sizeof(name), err) ||
		    name[0] == '\0')
			return pd_err_set(
			    err, "header: a namespace has no id and name");
		if (pd_namespaces_add(ns, id, name, strlen(name)))
			break;
	}
	return 0;
}

int
pd_pds_meta_parse(
    struct pd_pds_meta *m, const char *json, size_t n, struct pd_err *err)
{
	uint32_t min_reader = 1;
	json_error_t je;
	json_t *o;
	int rc = -1;

	pd_pds_meta_init(m);
	if ((o = json_loadb(json, n, JSON_REJECT_DUPLICATES, &je)) == NULL)
		return pd_err_set(
		    err, "header: %s at byte %d", je.text, je.position);
	if (!json_is_object(o)) {
		pd_err_set(err, "header: not a JSON object");
		goto out;
	}
	if (get_u32(o, "min_reader", UINT32_MAX, &min_reader, err))
		goto out;
	if (min_reader > PD_PDS_VERSION) {
		pd_err_set(err,
		    "header: the stream needs a reader of "
		    "version %u, this one has %d",
		    min_reader, PD_PDS_VERSION);
		goto out;
	}
	if (get_str(o, "schema", m->schema, sizeof(m->schema), err) ||
	    get_str(o, "tool", m->tool, sizeof(m->tool), err) ||
	    get_str(o, "source", m->source, sizeof(m->source), err) ||
	    get_str(o, "host", m->host, sizeof(m->host), err) ||
	    get_str(o, "time", m->time, sizeof(m->time), err) ||
	    get_u64(o, "start_us", INT64_MAX, &m->start_us, err) ||
	    get_u32(o, "key_hash_id", UINT32_MAX, &m->key_hash_id, err) ||
	    get_u32(o, "shard", PD_PDS_MAX_SHARD, &m->shard, err) ||
	    get_u32(o, "shards", PD_PDS_MAX_SHARD, &m->shards, err) ||
	    get_u64(
		o, "capacity_objects", INT64_MAX, &m->capacity_objects, err) ||
	    get_u64(o, "capacity_bytes", INT64_MAX, &m->capacity_bytes, err) ||
	    get_u64(
		o, "eviction_age_ticks", INT64_MAX, &m->eviction_age, err) ||
	    get_hits(m, o, err) ||
	    get_hex(o, "feature_schema", &m->feature_schema, err) ||
	    get_hex(o, "run_id", &m->run_id, err) ||
	    get_namespaces(&m->namespaces, o, err) || get_sampling(m, o, err))
		goto out;
	rc = 0;
out:
	json_decref(o);
	return rc;
}
