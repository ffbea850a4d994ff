#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/wait.h>

#include "model/model.h"
#include "model/signature.h"
#include "model_fixture.h"

/*
 * Known answers: minisign 0.11 signed "hello\n" with a key made for this
 * test, once prehashed ("ED", its default) and once in the legacy form ("Ed").
 */
static const char key[] =
    "untrusted comment: minisign public key 736ACFA279E0B0F\n"
    "RWQPC54n+qw2ByfxuFRP6vNXb6Csk4zeYKfTm34OAm4ea5wBDSZl7rRg\n";
static const char prehashed[] =
    "untrusted comment: signature from minisign secret key\n"
    "RUQPC54n+qw2BxSnc68iXB7ftENJtOiepBmZA0NmQ3rVfFVZ7UkGp2g+h295JgdE+9CJOFZ9"
    "1JtmqVgT55+dk9aiMy2R7+KJkAk=\n"
    "trusted comment: trusted words\n"
    "pubeKCFwkKU7xhb7+K06A0jjtPYnJCodqtAsQQjWOUSxQ6mEO/qotyVYyTjay7fd2S+DER+n"
    "6GmSuNJ7nxV/Ag==\n";
static const char legacy[] =
    "untrusted comment: signature from minisign secret key\n"
    "RWQPC54n+qw2B1mh8ZoN1piLm3xZIKMCZ81wyGRfAo+RBK6yXG3ZnZWlf/wbslDL1LacfTL0"
    "u+tEEZHyj9SkEtMa24J9XYWnhg8=\n"
    "trusted comment: timestamp:1795448021\tfile:a\n"
    "9skOhJT9yk0xamQBeRidupAx9R6nD1r5F9MXNDRO8bhLRKp9DeDIJWS9xKfiscm4WeoWLiqQ"
    "/kGAw7sFtfytDQ==\n";

static char dir[] = "/tmp/predis-test.XXXXXX";
static char path[64], sigpath[80], keypath[64];

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(path, sizeof(path), "%s/m.pdm", dir);
	snprintf(sigpath, sizeof(sigpath), "%s.minisig", path);
	snprintf(keypath, sizeof(keypath), "%s/k.pub", dir);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	unlink(path);
	unlink(sigpath);
	unlink(keypath);
	return rmdir(dir);
}

static void
put(const char *to, const void *p, size_t n)
{
	FILE *f = fopen(to, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	assert_int_equal(fclose(f), 0);
}

static int
check(const char *k, const void *sig, size_t n, const char *msg,
    struct pd_err *err)
{
	put(keypath, k, strlen(k));
	put(sigpath, sig, n);
	err->msg[0] = '\0';
	return pd_signature_check(path, msg, strlen(msg), keypath, err);
}

static void
test_known_answers(void **state)
{
	struct pd_err err;

	(void)state;
	assert_int_equal(
	    check(key, prehashed, strlen(prehashed), "hello\n", &err), 0);
	assert_int_equal(
	    check(key, legacy, strlen(legacy), "hello\n", &err), 0);
	/* The key file may hold the key alone. */
	assert_int_equal(check(strchr(key, '\n') + 1, legacy, strlen(legacy),
			     "hello\n", &err),
	    0);
	assert_int_equal(
	    check(key, legacy, strlen(legacy), "hellO\n", &err), -1);
	assert_non_null(strstr(err.msg, "does not fit the content"));
	assert_int_equal(
	    check(key, prehashed, strlen(prehashed), "", &err), -1);
	assert_non_null(strstr(err.msg, path));
}

/* Files that an editor gave other line ends. */
static void
test_line_ends(void **state)
{
	struct pd_err err;
	char s[512];
	size_t i, n = 0;

	(void)state;
	for (i = 0; legacy[i] != '\0'; i++) {
		if (legacy[i] == '\n')
			s[n++] = '\r';
		s[n++] = legacy[i];
	}
	assert_int_equal(check(key, s, n, "hello\n", &err), 0);
	/* No newline at the end; a line too many. */
	assert_int_equal(check(key, s, n - 2, "hello\n", &err), 0);
	s[n++] = '\n';
	assert_int_equal(check(key, s, n, "hello\n", &err), -1);
}

/* The end of the line that starts at ${p}, its newline included. */
static size_t
line_end(const char *p)
{
	return (size_t)(strchr(p, '\n') - p) + 1;
}

/* Each bit of a signature counts, but for the untrusted comment's. */
static void
test_every_bit(void **state)
{
	static const char *const sigs[] = {prehashed, legacy};
	struct pd_err err;
	char s[512];
	size_t i, k, from;

	(void)state;
	put(keypath, key, strlen(key));
	for (k = 0; k < 2; k++) {
		from = line_end(sigs[k]);
		snprintf(s, sizeof(s), "%s", sigs[k]);
		s[25] ^= 1;
		assert_int_equal(check(key, s, strlen(s), "hello\n", &err), 0);
		for (i = from; i + 1 < strlen(sigs[k]); i++) {
			memcpy(s, sigs[k], strlen(sigs[k]) + 1);
			s[i] ^= 1;
			err.msg[0] = '\0';
			put(sigpath, s, strlen(sigs[k]));
			if (pd_signature_check(
				path, "hello\n", 6, keypath, &err) == 0)
				fail_msg("byte %zu of signature %zu", i, k);
			assert_true(err.msg[0] != '\0');
		}
		for (i = 0; i + 1 < strlen(sigs[k]); i += 3)
			assert_int_equal(
			    check(key, sigs[k], i, "hello\n", &err), -1);
	}
}

static void
test_wrong_key(void **state)
{
	char k[256], s[512];
	struct pd_err err;

	(void)state;
	/* Another key id: the second character of its base64 part. */
	snprintf(k, sizeof(k), "%s", key);
	k[line_end(key) + 5] ^= 1;
	assert_int_equal(check(k, legacy, strlen(legacy), "hello\n", &err), -1);
	assert_non_null(strstr(err.msg, "signed by another key"));
	/* The same id with another key inside. */
	snprintf(k, sizeof(k), "%s", key);
	k[line_end(key) + 20] ^= 1;
	assert_int_equal(check(k, legacy, strlen(legacy), "hello\n", &err), -1);
	assert_int_equal(
	    check("RWQ\n", legacy, strlen(legacy), "hello\n", &err), -1);
	assert_non_null(strstr(err.msg, "not a minisign public key"));
	assert_int_equal(
	    check("", legacy, strlen(legacy), "hello\n", &err), -1);
	/* A trusted comment that was changed. */
	snprintf(s, sizeof(s), "%s", prehashed);
	*strstr(s, "words") = 'l';
	assert_int_equal(check(key, s, strlen(s), "hello\n", &err), -1);
	assert_non_null(strstr(err.msg, "trusted comment"));
	assert_int_equal(check(key, "", 0, "hello\n", &err), -1);
	assert_non_null(strstr(err.msg, "not a minisign signature"));
	unlink(sigpath);
	assert_int_equal(
	    pd_signature_check(path, "hello\n", 6, keypath, &err), -1);
	assert_non_null(strstr(err.msg, "No such file"));
	unlink(keypath);
	assert_int_equal(
	    pd_signature_check(path, "hello\n", 6, keypath, &err), -1);
}

static int
run(const char *fmt, ...)
{
	char cmd[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cmd, sizeof(cmd), fmt, ap);
	va_end(ap);
	return system(cmd); /* NOLINT(cert-env33-c): names made here */
}

/* A bundle signed by the real program loads; after one changed bit, not. */
static void
test_real_minisign(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_bundle_parts p;
	struct pd_model *m;
	struct golden g;
	char sec[80];

	(void)state;
	if (run("minisign -v >/dev/null 2>&1") != 0)
		skip();
	golden_read(&g, "logistic_d3", 6);
	p = golden_parts(&g);
	snprintf(sec, sizeof(sec), "%s/k.sec", dir);
	assert_int_equal(pd_bundle_write(path, &p, NULL), 0);
	assert_int_equal(
	    run("minisign -G -W -f -p %s -s %s >/dev/null", keypath, sec), 0);
	assert_int_equal(
	    run("minisign -S -W -s %s -m %s >/dev/null", sec, path), 0);
	m = pd_model_load_trusted(path, keypath, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(m);
	pd_model_free(m);
	assert_int_equal(
	    run("minisign -S -l -s %s -m %s >/dev/null", sec, path), 0);
	m = pd_model_load_trusted(path, keypath, &err);
	assert_non_null(m);
	pd_model_free(m);
	p.capacity++;
	assert_int_equal(pd_bundle_write(path, &p, NULL), 0);
	assert_null(pd_model_load_trusted(path, keypath, &err));
	assert_non_null(strstr(err.msg, "does not fit the content"));
	m = pd_model_load(path, &err);
	assert_non_null(m);
	pd_model_free(m);
	unlink(sec);
	golden_release(&g);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_known_answers),
	    cmocka_unit_test(test_line_ends),
	    cmocka_unit_test(test_every_bit),
	    cmocka_unit_test(test_wrong_key),
	    cmocka_unit_test(test_real_minisign),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
