#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "cache/acl.h"
#include "cache/command.h"
#include "cache/resp.h"

struct world {
	struct pd_commands *commands;
	struct pd_acl *acl;
};

static int
set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));

	assert_non_null(w);
	w->commands = pd_commands_new();
	assert_non_null(w->commands);
	w->acl = pd_acl_new(w->commands);
	assert_non_null(w->acl);
	*state = w;
	return 0;
}

static int
tear_down(void **state)
{
	struct world *w = *state;

	pd_acl_free(w->acl);
	pd_commands_free(w->commands);
	free(w);
	return 0;
}

/* The words of a text. */
static uint32_t
words(const char *text, struct pd_arg *a)
{
	uint32_t n = 0;
	size_t len;

	for (text += strspn(text, " "); *text != '\0';
	     text += strspn(text, " ")) {
		len = strcspn(text, " ");
		a[n++] = (struct pd_arg){.p = text, .n = (uint32_t)len};
		text += len;
	}
	return n;
}

static struct pd_user *
set(struct world *w, const char *name, const char *rules, struct pd_err *err)
{
	struct pd_arg a[32];
	const uint32_t n = words(rules, a);

	return pd_acl_set_user(w->acl, name, strlen(name), a, n, err);
}

static enum pd_acl_result
check(struct world *w, const struct pd_user *u, const char *command)
{
	struct pd_arg a[32];
	const uint32_t n = words(command, a);
	struct pd_cmd *cmd = pd_commands_find(w->commands, a[0].p, a[0].n);
	uint32_t at;

	assert_non_null(cmd);
	if (cmd->nsubs > 0)
		cmd = pd_command_sub(cmd, a[1].p, a[1].n);
	assert_non_null(cmd);
	return pd_acl_check(u, cmd, a, n, &at);
}

static void
described(const struct pd_user *u, const char *want)
{
	struct pd_buf b = PD_BUF_INIT;

	pd_acl_describe(u, &b);
	assert_non_null(pd_buf_cstr(&b));
	assert_string_equal((char *)b.data, want);
	pd_buf_release(&b);
}

static void
the_standard_user_may_do_everything(void **state)
{
	struct world *w = *state;
	const struct pd_user *u = pd_acl_find(w->acl, "default", 7);

	assert_non_null(u);
	assert_true(u->mighty);
	described(u, "on nopass ~* &* +@all");
	assert_int_equal(check(w, u, "config set a b"), PD_ACL_OK);
	assert_true(pd_acl_password_ok(u, "anything", 8));
}

static void
commands_keys_and_channels(void **state)
{
	struct world *w = *state;
	const struct pd_user *u = set(w, "u",
	    "on >pw ~a* %R~r* %W~w* &c* +@string -append +config|get", NULL);

	assert_non_null(u);
	assert_false(u->mighty);
	assert_int_equal(check(w, u, "get a1"), PD_ACL_OK);
	assert_int_equal(check(w, u, "get r1"), PD_ACL_OK);
	assert_int_equal(check(w, u, "get w1"), PD_ACL_KEY);
	assert_int_equal(check(w, u, "set w1 v"), PD_ACL_OK);
	assert_int_equal(check(w, u, "set w1 v get"), PD_ACL_KEY);
	assert_int_equal(check(w, u, "set r1 v"), PD_ACL_KEY);
	assert_int_equal(check(w, u, "mget a1 b"), PD_ACL_KEY);
	assert_int_equal(check(w, u, "append a1 v"), PD_ACL_COMMAND);
	assert_int_equal(check(w, u, "config get x"), PD_ACL_OK);
	assert_int_equal(check(w, u, "config set x y"), PD_ACL_COMMAND);
	assert_int_equal(check(w, u, "publish c1 x"), PD_ACL_COMMAND);
	assert_non_null(set(w, "u", "+publish +psubscribe", NULL));
	assert_int_equal(check(w, u, "publish c1 x"), PD_ACL_OK);
	assert_int_equal(check(w, u, "publish d1 x"), PD_ACL_CHANNEL);
	/* A pattern must be allowed to the letter. */
	assert_int_equal(check(w, u, "psubscribe c*"), PD_ACL_OK);
	assert_int_equal(check(w, u, "psubscribe c1*"), PD_ACL_CHANNEL);
	assert_true(pd_acl_password_ok(u, "pw", 2));
	assert_false(pd_acl_password_ok(u, "pw", 1));
	assert_non_null(set(w, "u", "off", NULL));
	assert_false(pd_acl_password_ok(u, "pw", 2));
}

static void
selectors_are_alternatives(void **state)
{
	struct world *w = *state;
	const struct pd_user *u =
	    set(w, "u", "~a +get (~b +set) (+del ~c +get)", NULL);

	assert_non_null(u);
	described(u, "off ~a resetchannels -@all +get (~b resetchannels -@all "
		     "+set) (~c resetchannels -@all +del +get)");
	assert_int_equal(check(w, u, "get a"), PD_ACL_OK);
	assert_int_equal(check(w, u, "set a 1"), PD_ACL_KEY);
	assert_int_equal(check(w, u, "set b 1"), PD_ACL_OK);
	assert_int_equal(check(w, u, "get b"), PD_ACL_KEY);
	assert_int_equal(check(w, u, "get c"), PD_ACL_OK);
	assert_int_equal(check(w, u, "incr a"), PD_ACL_COMMAND);
	assert_non_null(set(w, "u", "clearselectors", NULL));
	assert_int_equal(check(w, u, "set b 1"), PD_ACL_COMMAND);
}

static void
a_mistake_changes_nothing(void **state)
{
	struct world *w = *state;
	struct pd_err err = PD_ERR_INIT;
	static const char *const wrong[] = {"on bogus", "+nothing", "-get|x",
	    "+@nothing", "#abc", "<none", "(+get", "~* ~a", "%Z~x", "&* &x",
	    "+config|get|x", "+get|"};
	const struct pd_user *u = set(w, "u", "off ~x +get", NULL);
	size_t i;

	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		err.msg[0] = '\0';
		assert_null(set(w, "u", wrong[i], &err));
		assert_true(err.msg[0] != '\0');
		assert_null(set(w, "new", wrong[i], NULL));
	}
	described(u, "off ~x resetchannels -@all +get");
	assert_null(pd_acl_find(w->acl, "new", 3));
}

static void
rules_that_are_void_are_forgotten(void **state)
{
	struct world *w = *state;
	const struct pd_user *u = set(
	    w, "u", "+get +set -get +config|get -config +@read -@read", NULL);

	described(u, "off resetchannels -@all +set -get -config -@read");
	assert_non_null(set(w, "u", "+@all +get -@string", NULL));
	described(u, "off resetchannels +@all -@string");
	/* A first word, where there are no subcommands. */
	assert_non_null(set(w, "u", "-@all +select|0", NULL));
	assert_int_equal(check(w, u, "select 0"), PD_ACL_OK);
	assert_int_equal(check(w, u, "select 1"), PD_ACL_COMMAND);
}

/* What is told of users makes the same users. */
static void
a_file_goes_round(void **state)
{
	struct world *w = *state;
	static const char text[] =
	    "user default on nopass ~* &* +@all\r\n\n"
	    "user b off ~k (%R~x resetchannels -@all +get)\n"
	    "  user a on >secret &ch1 &ch2 +@all -@dangerous +info";
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf one = PD_BUF_INIT, two = PD_BUF_INIT;
	const struct pd_user *u;

	assert_int_equal(pd_acl_load_text(w->acl, text, sizeof(text) - 1, "f",
			     NULL, NULL, &err),
	    0);
	assert_string_equal(w->acl->users->name, "a");
	for (u = w->acl->users; u != NULL; u = u->next) {
		pd_buf_printf(&one, "user %s ", u->name);
		pd_acl_describe(u, &one);
		pd_buf_addc(&one, '\n');
	}
	assert_int_equal(pd_acl_load_text(w->acl, (char *)one.data, one.len,
			     "f", NULL, NULL, &err),
	    0);
	for (u = w->acl->users; u != NULL; u = u->next) {
		pd_buf_printf(&two, "user %s ", u->name);
		pd_acl_describe(u, &two);
		pd_buf_addc(&two, '\n');
	}
	assert_int_equal(one.len, two.len);
	assert_memory_equal(one.data, two.data, one.len);
	assert_true(
	    pd_acl_password_ok(pd_acl_find(w->acl, "a", 1), "secret", 6));
	pd_buf_release(&one);
	pd_buf_release(&two);
}

static void
a_bad_file_changes_nothing(void **state)
{
	struct world *w = *state;
	struct pd_err err = PD_ERR_INIT;
	static const char *const wrong[] = {"user a on\nuser a off\n",
	    "usr a on\n", "user\n", "user a (+get\n", "user a on\nuser b +x\n"};
	size_t i;

	assert_non_null(set(w, "old", "on", NULL));
	for (i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		assert_int_equal(pd_acl_load_text(w->acl, wrong[i],
				     strlen(wrong[i]), "f", NULL, NULL, &err),
		    -1);
		assert_non_null(strstr(err.msg, "f:"));
		assert_non_null(pd_acl_find(w->acl, "old", 3));
		assert_null(pd_acl_find(w->acl, "a", 1));
	}
	/* A file without the user "default" gives the usual one. */
	assert_int_equal(
	    pd_acl_load_text(w->acl, "", 0, "f", NULL, NULL, &err), 0);
	assert_null(pd_acl_find(w->acl, "old", 3));
	assert_true(pd_acl_find(w->acl, "default", 7)->mighty);
}

/* What users and entries take is counted, and given back. */
static void
memory_is_counted(void **state)
{
	struct world *w = *state;
	const size_t before = pd_acl_memory(w->acl);
	struct pd_err err = PD_ERR_INIT;
	struct pd_arg a[64];
	size_t one, more;
	char name[16];
	int i;

	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		assert_non_null(pd_acl_set_user(w->acl, name, strlen(name), a,
		    words("on >secret ~acme:* &news (+get ~other:*)", a),
		    &err));
	}
	one = pd_acl_memory(w->acl);
	assert_true(one > before + 100 * sizeof(struct pd_user));
	/* The same again changes nothing; more rules cost more. */
	assert_non_null(
	    pd_acl_set_user(w->acl, "user7", 5, a, words("on", a), &err));
	assert_int_equal(pd_acl_memory(w->acl), one);
	assert_non_null(pd_acl_set_user(
	    w->acl, "user7", 5, a, words("~a-pattern-more", a), &err));
	more = pd_acl_memory(w->acl);
	assert_true(more >= one + strlen("a-pattern-more"));
	assert_null(pd_acl_set_user(
	    w->acl, "user7", 5, a, words("~x nonsense", a), &err));
	assert_int_equal(pd_acl_memory(w->acl), more);
	assert_int_equal(pd_acl_set_password(w->acl, "abc", 3), 0);
	assert_int_equal(pd_acl_memory(w->acl), more + PD_ACL_HASH);
	assert_int_equal(pd_acl_set_password(w->acl, NULL, 0), 0);
	for (i = 0; i < 100; i++) {
		snprintf(name, sizeof(name), "user%d", i);
		assert_true(pd_acl_del_user(w->acl, name, strlen(name)));
	}
	assert_int_equal(pd_acl_memory(w->acl), before);
	assert_int_equal(pd_acl_load_text(w->acl, "user acme on nopass\n", 20,
			     "file", NULL, NULL, &err),
	    0);
	assert_true(pd_acl_memory(w->acl) > before);
	assert_int_equal(
	    pd_acl_load_text(w->acl, "", 0, "file", NULL, NULL, &err), 0);
	assert_int_equal(pd_acl_memory(w->acl), before);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	    T(the_standard_user_may_do_everything),
	    T(commands_keys_and_channels),
	    T(selectors_are_alternatives),
	    T(a_mistake_changes_nothing),
	    T(rules_that_are_void_are_forgotten),
	    T(a_file_goes_round),
	    T(a_bad_file_changes_nothing),
	    T(memory_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
