#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/keyfile.h"
#include "data/namespace.h"
#include "data/pds_meta.h"

static uint32_t
of(const struct pd_namespaces *ns, const char *key)
{
	return pd_namespaces_of(ns, key, strlen(key));
}

static void
only_names_on_the_list(void **state)
{
	struct pd_namespaces ns = {.n = 0}, other;
	struct pd_keys public, secret;

	(void)state;
	pd_keys_public(&public);
	pd_keys_random(&secret);
	assert_int_equal(pd_namespaces_parse(&ns, "user,cart,u", NULL), 0);
	other = ns;
	pd_namespaces_key(&ns, &public);
	pd_namespaces_key(&other, &secret);
	assert_int_equal(of(&ns, "user:4711"), ns.of[0].id);
	assert_int_equal(of(&ns, "user/4711:x"), ns.of[0].id);
	assert_int_equal(of(&ns, "cart:"), ns.of[1].id);
	assert_int_equal(of(&ns, "u:1"), ns.of[2].id);
	assert_string_equal(pd_namespaces_name(&ns, ns.of[1].id), "cart");
	assert_null(pd_namespaces_name(&ns, 0));
	/* No name, another name, no separator, a part of a name. */
	assert_int_equal(of(&ns, ":user:1"), 0);
	assert_int_equal(of(&ns, "order:1"), 0);
	assert_int_equal(of(&ns, "user"), 0);
	assert_int_equal(of(&ns, "use:1"), 0);
	assert_int_equal(of(&ns, "users:1"), 0);
	assert_int_equal(of(&ns, ""), 0);
	assert_int_equal(
	    of(&ns, "a-name-that-is-longer-than-any-on-a-list:1"), 0);
	/* Ids tell nothing without the key file. */
	assert_int_not_equal(ns.of[0].id, other.of[0].id);
	assert_int_not_equal(ns.of[0].id, ns.of[1].id);
}

static void
lists_that_are_none(void **state)
{
	static const char *const list[] = {"", "a,", ",a", "a,b,a", "a:b", "a/",
	    "a23456789012345678901234567890123"};
	struct pd_namespaces ns;
	char many[300] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++) {
		ns.n = 0;
		assert_int_equal(pd_namespaces_parse(&ns, list[i], NULL), -1);
	}
	for (int i = 0; i < PD_NAMESPACES_MAX; i++)
		snprintf(many + strlen(many), 8, "%s%d", i ? "," : "", i);
	ns.n = 0;
	assert_int_equal(pd_namespaces_parse(&ns, many, NULL), 0);
	assert_int_equal(pd_namespaces_parse(&ns, "more", NULL), -1);
}

/* A header tells them; what is no list in it is refused. */
static void
header_tells_them(void **state)
{
	static const char *const bad[] = {"{\"namespaces\":1}",
	    "{\"namespaces\":[1]}", "{\"namespaces\":[{\"id\":0,\"name\":1}]}",
	    "{\"namespaces\":[{\"id\":-1,\"name\":\"a\"}]}",
	    "{\"namespaces\":[{\"id\":5000000000,\"name\":\"a\"}]}",
	    "{\"namespaces\":[{\"id\":1,\"name\":\"\"}]}"};
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_meta m, got;

	(void)state;
	pd_pds_meta_init(&m);
	assert_int_equal(pd_namespaces_add(&m.namespaces, 7, "user", 4), 0);
	assert_int_equal(pd_namespaces_add(&m.namespaces, 9, "ca\"rt", 5), 0);
	assert_int_equal(pd_pds_meta_encode(&m, &b), 0);
	assert_int_equal(
	    pd_pds_meta_parse(&got, (const char *)b.data, b.len, NULL), 0);
	assert_int_equal(got.namespaces.n, 2);
	assert_string_equal(pd_namespaces_name(&got.namespaces, 7), "user");
	assert_string_equal(pd_namespaces_name(&got.namespaces, 9), "ca\"rt");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(
		    pd_pds_meta_parse(&got, bad[i], strlen(bad[i]), NULL), -1);
	pd_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(only_names_on_the_list),
	    cmocka_unit_test(lists_that_are_none),
	    cmocka_unit_test(header_tells_them),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
