#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/command.h"
#include "cache/command_util.h"

static void
each_is_complete(const struct pd_cmd *cmd)
{
	const struct pd_command *d = cmd->def;
	uint32_t i;

	assert_true(d->arity != 0);
	assert_non_null(d->summary);
	assert_non_null(d->since);
	assert_non_null(d->group);
	assert_non_null(d->complexity);
	assert_true(d->run != NULL || cmd->nsubs > 0);
	assert_true(strlen(cmd->full) < sizeof(cmd->full) - 1);
	for (i = 0; i < 2; i++)
		if (d->key[i].flags != 0)
			assert_true(
			    d->key[i].begin >= 1 && d->key[i].step >= 1);
	/* Writes and reads of keys say so. */
	if (d->key[0].flags != 0 && !(d->key[0].flags & PD_KEY_NOT_KEY) &&
	    strcmp(d->name, "watch") != 0 && !(d->cats & PD_CAT_SCRIPTING))
		assert_true(d->flags & (PD_CMD_WRITE | PD_CMD_READONLY));
	for (i = 0; i < cmd->nsubs; i++)
		each_is_complete(&cmd->subs[i]);
}

static void
the_table_is_complete(void **state)
{
	struct pd_commands *t = pd_commands_new();
	struct pd_cmd *cmd;
	char upper[64];
	size_t i, k;

	(void)state;
	assert_non_null(t);
	for (i = 0; (cmd = pd_commands_at(t, i)) != NULL; i++) {
		each_is_complete(cmd);
		for (k = 0; cmd->def->name[k] != '\0'; k++)
			upper[k] =
			    cmd->def->name[k] >= 'a' && cmd->def->name[k] <= 'z'
				? (char)(cmd->def->name[k] - 32)
				: cmd->def->name[k];
		assert_ptr_equal(pd_commands_find(t, upper, k), cmd);
		assert_null(
		    pd_commands_find(t, upper, k - 1) == cmd ? cmd : NULL);
	}
	assert_int_equal(i, pd_commands_count(t));
	assert_null(pd_commands_find(t, "", 0));
	assert_null(pd_commands_find(t, "get\0", 4));
	assert_null(pd_commands_find(
	    t, "a name that is longer than any command has", 42));
	cmd = pd_commands_find(t, "client", 6);
	assert_string_equal(
	    pd_command_sub(cmd, "SetName", 7)->full, "client|setname");
	pd_commands_free(t);
}

static uint32_t places[8];
static unsigned nplaces;

static void
note(void *cookie, uint32_t at, unsigned flags)
{
	(void)cookie;
	assert_true(flags != 0);
	places[nplaces++] = at;
}

static int
keys_of(struct pd_commands *t, const char *line)
{
	struct pd_arg argv[8];
	uint32_t n = 0;
	size_t len;

	for (; *line != '\0'; line += len + (line[len] == ' ')) {
		len = strcspn(line, " ");
		argv[n++] = (struct pd_arg){.p = line, .n = (uint32_t)len};
	}
	nplaces = 0;
	return pd_command_keys(
	    pd_commands_find(t, argv[0].p, argv[0].n), argv, n, note, NULL);
}

static void
keys_are_found(void **state)
{
	struct pd_commands *t = pd_commands_new();

	(void)state;
	assert_int_equal(keys_of(t, "get a"), 1);
	assert_int_equal(places[0], 1);
	assert_int_equal(keys_of(t, "mset a 1 b 2"), 2);
	assert_int_equal(places[1], 3);
	assert_int_equal(keys_of(t, "del a b c"), 3);
	assert_int_equal(places[2], 3);
	assert_int_equal(keys_of(t, "rename a b"), 2);
	assert_int_equal(places[1], 2);
	assert_int_equal(keys_of(t, "object encoding a"), 1);
	assert_int_equal(places[0], 2);
	assert_int_equal(keys_of(t, "ping"), -1);
	assert_int_equal(keys_of(t, "get"), -2);
	assert_int_equal(keys_of(t, "object nosuch a"), -2);
	pd_commands_free(t);
}

static void
patterns(void **state)
{
	static const struct {
		const char *p;
		const char *s;
		bool match;
	} c[] = {
	    {"", "", true},
	    {"", "a", false},
	    {"*", "", true},
	    {"*", "abc", true},
	    {"a*", "abc", true},
	    {"*c", "abc", true},
	    {"a*c", "abbbc", true},
	    {"a*d", "abbbc", false},
	    {"*a*b*c*", "xxaxxbxxcxx", true},
	    {"*a*b*c*", "xxaxxcxxbxx", false},
	    {"?", "a", true},
	    {"?", "", false},
	    {"??", "a", false},
	    {"[abc]", "b", true},
	    {"[abc]", "d", false},
	    {"[a-c]", "b", true},
	    {"[c-a]", "b", true},
	    {"[^a-c]", "b", false},
	    {"[^a-c]", "z", true},
	    {"[\\]]", "]", true},
	    {"[a", "a", true},
	    {"[", "[", false},
	    {"\\*", "*", true},
	    {"\\*", "a", false},
	    {"a\\", "a\\", true},
	    {"h[^e]llo", "hallo", true},
	    {"h[^e]llo", "hello", false},
	    {"**", "a", true},
	    {"a**b", "ab", true},

	};
	char text[401];
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(c) / sizeof(c[0]); i++)
		if (pd_glob_match(c[i].p, strlen(c[i].p), c[i].s,
			strlen(c[i].s)) != c[i].match)
			fail_msg("'%s' and '%s'", c[i].p, c[i].s);
	/* Many stars are no exponential matter. */
	memset(text, 'a', 400);
	assert_false(pd_glob_match(
	    "*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*a*ab", 37, text, 400));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_table_is_complete),
	    cmocka_unit_test(keys_are_found),
	    cmocka_unit_test(patterns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
