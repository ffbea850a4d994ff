#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <sys/stat.h>

#include "io/archive.h"
#include "io/atomicfile.h"
#include "model/golden.h"
#include "model/manifest.h"
#include "model/model.h"
#include "model/trees.h"
#include "model_fixture.h"

static struct golden g;
static char dir[] = "/tmp/predis-test.XXXXXX";

/* The members of a good bundle, to be packed again with one of them wrong. */
enum { GOLDEN, MANIFEST, METRICS, MODEL, N };
static struct pd_archive_want good[N] = {{"golden.bin", 1 << 20, {0}, false},
    {"manifest.json", 1 << 20, {0}, false},
    {"metrics.json", 1 << 20, {0}, false}, {"model.json", 1 << 20, {0}, false}};

static int
setup(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_bundle_parts p;

	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	golden_read(&g, "logistic_d3", 6);
	p = golden_parts(&g);
	if (pd_bundle_format(&p, &b, NULL) ||
	    pd_archive_unpack(b.data, b.len, 10, 1 << 20, good, N, NULL))
		return -1;
	pd_buf_release(&b);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	pd_archive_release(good, N);
	golden_release(&g);
	return rmdir(dir);
}

static void
path_in(char *out, size_t n, const char *name)
{
	snprintf(out, n, "%s/%s", dir, name);
}

static void
test_write_load(void **state)
{
	struct pd_bundle_parts p = golden_parts(&g);
	struct pd_err err = PD_ERR_INIT;
	struct pd_model *m;
	struct stat st;
	char path[128];

	(void)state;
	path_in(path, sizeof(path), "m.pdm");
	p.assoc = "assoc";
	p.assoc_len = 5;
	p.profile = "profile!";
	p.profile_len = 8;
	assert_int_equal(pd_bundle_write(path, &p, &err), 0);
	assert_int_equal(stat(path, &st), 0);
	m = pd_model_load(path, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(m);
	assert_string_equal(m->name, "acme-web");
	assert_string_equal(m->label, "beyond");
	assert_true(m->boundary == 1.0);
	assert_int_equal(m->capacity, 1000);
	assert_int_equal(m->trained_at, 1700000000000000);
	assert_true(m->schema_id == pd_feature_schema_id());
	assert_int_equal(m->cols, 6);
	assert_memory_equal(m->slots, p.slots, 6);
	assert_int_equal(m->golden_rows, GOLDEN_ROWS);
	assert_int_equal(m->assoc_len, 5);
	assert_memory_equal(m->assoc, "assoc", 5);
	assert_int_equal(m->profile_len, 8);
	assert_memory_equal(m->profile, "profile!", 8);
	assert_string_equal(m->metrics, "{\"auc\":0.8}");
	assert_non_null(strstr(m->manifest, "\"training\":{\"rows\":2000}"));
	assert_int_equal(strlen(m->digest), 64);
	assert_true(pd_model_memory(m) > pd_trees_memory(m->trees));
	assert_int_equal(
	    float_bits(pd_trees_score(m->trees, g.rows)), g.want[0]);
	pd_model_free(m);
	unlink(path);
}

/* What may be left out has a default that loads. */
static void
test_defaults(void **state)
{
	struct pd_bundle_parts p = golden_parts(&g);
	struct pd_buf b = PD_BUF_INIT;
	struct pd_model *m;

	(void)state;
	p.training = p.metrics = NULL;
	p.trained_at = 0;
	assert_int_equal(pd_bundle_format(&p, &b, NULL), 0);
	m = pd_model_parse(b.data, b.len, NULL);
	assert_non_null(m);
	assert_string_equal(m->metrics, "{}\n");
	assert_non_null(strstr(m->manifest, "\"training\":{}"));
	assert_null(m->assoc);
	assert_null(m->profile);
	pd_model_free(m);
	pd_buf_release(&b);
}

/* The same parts give the same bytes, and the digest follows the bytes. */
static void
test_reproducible(void **state)
{
	struct pd_bundle_parts p = golden_parts(&g);
	struct pd_buf a = PD_BUF_INIT, b = PD_BUF_INIT, c = PD_BUF_INIT;
	struct pd_model *m, *k;

	(void)state;
	assert_int_equal(pd_bundle_format(&p, &a, NULL), 0);
	assert_int_equal(pd_bundle_format(&p, &b, NULL), 0);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(a.data, b.data, a.len);
	/* gzip header: no flags, no time. */
	assert_memory_equal(a.data, "\x1f\x8b\x08\0\0\0\0\0", 8);
	p.capacity = 1001;
	assert_int_equal(pd_bundle_format(&p, &c, NULL), 0);
	m = pd_model_parse(a.data, a.len, NULL);
	k = pd_model_parse(c.data, c.len, NULL);
	assert_non_null(m);
	assert_non_null(k);
	assert_string_not_equal(m->digest, k->digest);
	pd_model_free(m);
	pd_model_free(k);
	pd_buf_release(&a);
	pd_buf_release(&b);
	pd_buf_release(&c);
}

static void
refused_parts(const struct pd_bundle_parts *p, const char *why)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;

	assert_int_equal(pd_bundle_format(p, &b, &err), -1);
	if (strstr(err.msg, why) == NULL)
		fail_msg("'%s' does not say '%s'", err.msg, why);
	pd_buf_release(&b);
}

static void
test_writer_refuses(void **state)
{
	static const uint8_t twice[6] = {0, 1, 2, 3, 4, 1};
	static const uint8_t sampled[6] = {0, 1, 2, 3, 4, PD_F_latency};
	static const uint8_t none[6] = {0, 1, 2, 3, 4, 64};
	struct pd_bundle_parts p;

	(void)state;
#define REFUSE(field, value, why)                                              \
	p = golden_parts(&g);                                                  \
	p.field = value;                                                       \
	refused_parts(&p, why)
	REFUSE(name, "", "'name'");
	REFUSE(name, "../x", "'name'");
	REFUSE(name, "-x", "'name'");
	REFUSE(label, "Beyond", "'label'");
	REFUSE(boundary, 0, "'boundary_eviction_ages'");
	REFUSE(boundary, (double)NAN, "'boundary_eviction_ages'");
	REFUSE(capacity, UINT64_MAX, "manifest.json");
	REFUSE(schema_id, 7, "feature schema 0000000000000007");
	REFUSE(cols, 5, "the model has 6 columns, not 5");
	REFUSE(slots, twice, "'gap1' twice");
	REFUSE(slots, sampled, "does not have feature 'latency'");
	REFUSE(slots, none, "no feature slot 64");
	REFUSE(training, "[1]", "training: not a JSON object");
	REFUSE(training, "{", "training: not JSON");
	REFUSE(metrics, "7", "metrics: ");
	REFUSE(golden_rows, 0, "0 golden rows");
	REFUSE(golden_rows, 1001, "1001 golden rows");
	REFUSE(model_len, g.json.len / 2, "model.json: not JSON");
#undef REFUSE
}

/* A part that the writer refuses leaves no file, and an old one stands. */
static void
test_refusal_keeps_file(void **state)
{
	struct pd_bundle_parts p = golden_parts(&g);
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf b = PD_BUF_INIT;
	char path[128];

	(void)state;
	path_in(path, sizeof(path), "m.pdm");
	p.label = "";
	assert_int_equal(pd_bundle_write(path, &p, &err), -1);
	assert_non_null(strstr(err.msg, path));
	assert_int_equal(access(path, F_OK), -1);
	assert_int_equal(pd_atomicfile_write(path, "old", 3, 0644, NULL), 0);
	assert_int_equal(pd_bundle_write(path, &p, &err), -1);
	assert_int_equal(pd_read_file(path, 10, &b, NULL), 0);
	assert_int_equal(b.len, 3);
	pd_buf_release(&b);
	unlink(path);
}

/*
 * Pack the good members again with ${text} as number ${which} (left out when
 * NULL); ${fix} writes the new digests into the manifest, so that the check
 * behind them is reached.
 */
static void
repack(struct pd_buf *out, int which, const void *text, size_t len,
    const char *manifest)
{
	struct pd_archive_member m[N];
	size_t n = 0;
	int i;

	for (i = 0; i < N; i++) {
		if (i == which && text == NULL)
			continue;
		m[n].name = good[i].name;
		m[n].data = i == which ? text : good[i].data.data;
		m[n].len = i == which ? len : good[i].data.len;
		if (i == MANIFEST && manifest != NULL) {
			m[n].data = manifest;
			m[n].len = strlen(manifest);
		}
		n++;
	}
	assert_int_equal(pd_archive_pack(m, n, out, NULL), 0);
}

static void
refused_bundle(int which, const void *text, size_t len, const char *manifest,
    const char *why)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_err err = PD_ERR_INIT;
	struct pd_model *m;

	repack(&b, which, text, len, manifest);
	m = pd_model_parse(b.data, b.len, &err);
	assert_null(m);
	if (strstr(err.msg, why) == NULL)
		fail_msg("'%s' does not say '%s'", err.msg, why);
	pd_buf_release(&b);
}

/* The manifest with the first ${from} replaced by ${to}. */
static char *
edited(const char *from, const char *to)
{
	const char *text = pd_buf_cstr(&good[MANIFEST].data), *p;
	char *out;
	size_t n;

	assert_non_null(text);
	p = strstr(text, from);
	if (p == NULL)
		fail_msg("no '%s' in the manifest", from);
	n = strlen(text) + strlen(to) + 1;
	out = malloc(n);
	assert_non_null(out);
	snprintf(
	    out, n, "%.*s%s%s", (int)(p - text), text, to, p + strlen(from));
	return out;
}

static void
test_manifest_fields(void **state)
{
	static const struct {
		const char *from, *to, *why;
	} c[] = {
	    {"{", "[", "manifest.json: not JSON"},
	    {"\"predis-bundle\"", "\"zip\"", "'format'"},
	    {"\"version\":1", "\"version\":2", "format version 2"},
	    {"\"version\":1", "\"version\":\"1\"", "'version'"},
	    {"\"acme-web\"", "\"a/b\"", "'name'"},
	    {"\"acme-web\"", "\"\"", "'name'"},
	    {"\"beyond\"", "7", "'label'"},
	    {"\"boundary_eviction_ages\":1", "\"boundary_eviction_ages\":-1",
		"'boundary_eviction_ages'"},
	    {"\"capacity_objects\":1000", "\"capacity_objects\":-1",
		"'capacity_objects'"},
	    {"\"trained_at_us\":", "\"trained_at\":", "'trained_at_us'"},
	    {"\"schema_id\":\"", "\"schema_id\":\"0", "'schema_id'"},
	    {"\"gap2\"", "\"gap77\"", "column 2: no feature 'gap77'"},
	    {"\"gap2\"", "\"age\"", "column 2: 'age' twice"},
	    {"\"gap2\"", "\"latency\"", "does not have feature 'latency'"},
	    {"\"gap2\",", "",
		"model.json has 6 columns, manifest.json lists 5"},
	    {"\"golden_rows\":64", "\"golden_rows\":63", "golden.bin: not 63"},
	    {"\"golden_rows\":64", "\"golden_rows\":0", "'golden_rows'"},
	    {"\"golden_rows\":64", "\"golden_rows\":1001", "'golden_rows'"},
	    {"\"golden.bin\"", "\"assoc.bin\"", "golden.bin is not listed"},
	    {"\"metrics.json\":{\"bytes\":", "\"metrics.json\":{\"bytes\":9",
		"metrics.json has 11 bytes"},
	    {"\"sha256\":\"", "\"sha256\":\"0", "SHA-256"},
	    {"\"sha256\"", "\"sha1\"", "without 'bytes' and 'sha256'"},
	    {"\"members\":{", "\"members\":{\"assoc.bin\":{},",
		"assoc.bin is listed in manifest.json and missing"},
	    {"\"training\":{\"rows\":2000}", "\"training\":[]", "'training'"},
	};
	char *text;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++) {
		text = edited(c[i].from, c[i].to);
		refused_bundle(-1, NULL, 0, text, c[i].why);
		free(text);
	}
}

static void
test_members(void **state)
{
	static const char *const names[N] = {"no member golden.bin",
	    "no member manifest.json", "no member metrics.json",
	    "no member model.json"};
	int i;

	(void)state;
	for (i = 0; i < N; i++)
		refused_bundle(i, NULL, 0, NULL, names[i]);
	refused_bundle(MODEL, "{}", 2, NULL, "model.json has 2 bytes");
	refused_bundle(METRICS, "{\"auc\":0.9}", 11, NULL,
	    "metrics.json does not have the SHA-256");
}

/* Replace a member and put its length and digest into the manifest. */
static void
refused_with_digest(int which, const void *p, size_t len, const char *why)
{
	char from[256], to[256], old[65], new[65], *text;

	pd_manifest_digest(good[which].data.data, good[which].data.len, old);
	pd_manifest_digest(p, len, new);
	snprintf(from, sizeof(from), "\"%s\":{\"bytes\":%zu,\"sha256\":\"%s\"",
	    good[which].name, good[which].data.len, old);
	snprintf(to, sizeof(to), "\"%s\":{\"bytes\":%zu,\"sha256\":\"%s\"",
	    good[which].name, len, new);
	text = edited(from, to);
	refused_bundle(which, p, len, text, why);
	free(text);
}

static void
test_golden_bits(void **state)
{
	uint8_t *p = malloc(good[GOLDEN].data.len);
	const size_t n = good[GOLDEN].data.len;

	(void)state;
	assert_non_null(p);
	memcpy(p, good[GOLDEN].data.data, n);
	/* The last score, by one bit. */
	p[n - 4] ^= 1;
	refused_with_digest(GOLDEN, p, n, "golden.bin: golden row 63: scores");
	p[n - 4] ^= 1;
	p[0] = 'X';
	refused_with_digest(GOLDEN, p, n, "golden.bin: not 64 golden rows");
	p[0] = 'P';
	p[12] = 1;
	refused_with_digest(GOLDEN, p, n, "golden.bin: not 64 golden rows");
	p[12] = 0;
	refused_with_digest(GOLDEN, p, n - 1, "golden.bin: not 64");
	refused_with_digest(GOLDEN, p, 0, "golden.bin: not 64");
	refused_with_digest(MODEL, "{}", 2, "model.json: 'learner' is missing");
	refused_with_digest(
	    METRICS, "[]", 2, "metrics.json: not a JSON object");
	free(p);
}

/* Leaves whose sum overflows: a server must never order by infinity. */
static void
test_golden_not_finite(void **state)
{
	static const char leaf[] =
	    "{\"left_children\":[-1],\"right_children\":[-1],"
	    "\"split_indices\":[0],\"split_conditions\":[3e38],"
	    "\"default_left\":[0]}";
	static const float row[1] = {0};
	static const uint8_t slot[1] = {PD_F_age};
	struct pd_bundle_parts p = golden_parts(&g);
	char json[1024];

	(void)state;
	snprintf(json, sizeof(json),
	    "{\"learner\":{\"learner_model_param\":{\"base_score\":\"0\","
	    "\"num_feature\":\"1\"},\"objective\":{\"name\":"
	    "\"reg:squarederror\"},\"gradient_booster\":{\"name\":\"gbtree\","
	    "\"model\":{\"trees\":[%s,%s]}}}}",
	    leaf, leaf);
	p.model = json;
	p.model_len = strlen(json);
	p.cols = 1;
	p.slots = slot;
	p.golden = row;
	p.golden_rows = 1;
	refused_parts(&p, "golden.bin: golden row 0: the score is not finite");
}

/* Every prefix and every flipped bit of a bundle: refused or unharmed. */
static void
test_torn_and_flipped(void **state)
{
	struct pd_bundle_parts p = golden_parts(&g);
	struct pd_buf b = PD_BUF_INIT;
	struct pd_model *m;
	size_t i, loaded = 0;

	(void)state;
	assert_int_equal(pd_bundle_format(&p, &b, NULL), 0);
	for (i = 0; i < b.len - 8; i += 7) {
		struct pd_err err = PD_ERR_INIT;

		m = pd_model_parse(b.data, i, &err);
		assert_null(m);
		assert_true(err.msg[0] != '\0');
	}
	for (i = 0; i < b.len; i++) {
		b.data[i] ^= (uint8_t)(1U << (i % 8));
		m = pd_model_parse(b.data, b.len, NULL);
		if (m != NULL) {
			/* Only bytes that carry nothing: same content. */
			assert_int_equal(
			    float_bits(pd_trees_score(m->trees, g.rows)),
			    g.want[0]);
			loaded++;
		}
		pd_model_free(m);
		b.data[i] ^= (uint8_t)(1U << (i % 8));
	}
	assert_true(loaded < 40);
	pd_buf_release(&b);
}

static void
refused_file(const char *path, const char *why)
{
	struct pd_err err = PD_ERR_INIT;

	assert_null(pd_model_load(path, &err));
	if (strstr(err.msg, why) == NULL || strstr(err.msg, path) == NULL)
		fail_msg("'%s' does not say '%s'", err.msg, why);
}

static void
test_files(void **state)
{
	char path[128];

	(void)state;
	path_in(path, sizeof(path), "m.pdm");
	refused_file(path, "No such file");
	refused_file(dir, "not a regular file");
	refused_file("-", "cannot open '-'");
	assert_int_equal(mkfifo(path, 0600), 0);
	refused_file(path, "not a regular file");
	unlink(path);
	assert_int_equal(pd_atomicfile_write(path, "", 0, 0644, NULL), 0);
	refused_file(path, "not a tar.gz archive");
	assert_int_equal(truncate(path, (off_t)PD_BUNDLE_MAX_FILE + 1), 0);
	refused_file(path, "is larger than");
	unlink(path);
	pd_model_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_write_load),
	    cmocka_unit_test(test_defaults),
	    cmocka_unit_test(test_reproducible),
	    cmocka_unit_test(test_writer_refuses),
	    cmocka_unit_test(test_refusal_keeps_file),
	    cmocka_unit_test(test_manifest_fields),
	    cmocka_unit_test(test_members),
	    cmocka_unit_test(test_golden_bits),
	    cmocka_unit_test(test_golden_not_finite),
	    cmocka_unit_test(test_torn_and_flipped),
	    cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
