#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/err.h"
#include "data/source.h"
#include "data/source_priv.h"

/* What a socket gives: ${text} in pieces of ${piece} bytes, nothing at every
 * other call, then the end. ${fill} 'x' come before all of it. */
struct peer {
	const char *text;
	size_t at, piece;
	size_t fill;
	bool dry;
};

static ssize_t
read_peer(void *cookie, void *p, size_t n)
{
	struct peer *s = cookie;
	size_t left;

	if (s->fill > 0) {
		n = n < s->fill ? n : s->fill;
		memset(p, 'x', n);
		s->fill -= n;
		return (ssize_t)n;
	}
	s->dry = !s->dry;
	if (s->dry) {
		errno = EAGAIN;
		return -1;
	}
	left = strlen(s->text) - s->at;
	n = n < left ? n : left;
	n = n < s->piece ? n : s->piece;
	memcpy(p, s->text + s->at, n);
	s->at += n;
	return (ssize_t)n;
}

/* The next line; NULL at the end. */
static const char *
next(struct pd_live_lines *l)
{
	struct pd_err err = PD_ERR_INIT;
	char *line;
	size_t n;
	int rc;

	do
		rc = pd_live_lines_next(l, &line, &n, &err);
	while (rc == 0);
	if (rc == PD_LIVE_CLOSED)
		return NULL;
	assert_int_equal(rc, 1);
	assert_int_equal(n, strlen(line));
	return line;
}

static void
test_lines(void **state)
{
	static const char text[] = "+OK\r\n\nab\r\n\rc\nlast, without an end";
	struct pd_live_lines l;

	(void)state;
	for (size_t piece = 1; piece < sizeof(text); piece++) {
		struct peer p = {.text = text, .piece = piece};

		assert_int_equal(pd_live_lines_init(&l, read_peer, &p), 0);
		assert_string_equal(next(&l), "+OK");
		assert_string_equal(next(&l), "");
		assert_string_equal(next(&l), "ab");
		assert_string_equal(next(&l), "\rc");
		assert_null(next(&l));
		assert_null(next(&l));
		assert_int_equal(l.over, 0);
		pd_live_lines_release(&l);
	}
}

static void
test_long_lines(void **state)
{
	struct peer p = {
	    .text = "x\nshort\n", .piece = 3, .fill = PD_LIVE_LINE_MAX - 2};
	struct pd_live_lines l;
	const char *line;

	(void)state;
	assert_int_equal(pd_live_lines_init(&l, read_peer, &p), 0);
	line = next(&l); /* as long as may be */
	assert_int_equal(strlen(line), PD_LIVE_LINE_MAX - 1);
	assert_string_equal(next(&l), "short");
	assert_int_equal(l.over, 0);
	pd_live_lines_release(&l);

	p = (struct peer){
	    .text = "x\nshort\n", .piece = 3, .fill = PD_LIVE_LINE_MAX * 2};
	assert_int_equal(pd_live_lines_init(&l, read_peer, &p), 0);
	assert_string_equal(next(&l), "short");
	assert_int_equal(l.over, 1);
	assert_null(next(&l));
	pd_live_lines_release(&l);
}

static void
refused(const char *url, const char *word)
{
	const struct pd_source_opts o = {.max_load = 0};
	struct pd_err err = PD_ERR_INIT;

	assert_null(pd_source_open(url, &o, &err));
	assert_non_null(strstr(err.msg, word));
}

static void
test_urls(void **state)
{
	(void)state;
	assert_true(pd_source_is_url("redis://h:1"));
	assert_true(pd_source_is_url("rediss://u@h"));
	assert_true(pd_source_is_url("redis+unix:/x"));
	assert_true(pd_source_is_url("memcached://[::1]:1"));
	assert_true(pd_source_is_url("memcached+unix:/x"));
	assert_false(pd_source_is_url("redis-stream://h:1/n"));
	assert_false(pd_source_is_url("/run/predis/tap.sock"));
	assert_false(pd_source_is_url("unix:/run/x"));
	assert_false(pd_source_is_url("localhost:7000"));
	assert_false(pd_source_is_url("redis"));
	assert_false(pd_source_is_url(""));
	refused("redis://", "not redis://HOST:PORT");
	refused("redis://h:1/0", "not redis://HOST:PORT: a server is watched");
	refused("redis://a:b@h:1", "does not belong into an address");
	refused("redis://@h:1", "no name of a user");
	refused("redis://127.0.0.1:70000", "70000");
	refused("memcached+unix:/nonexistent/x", "nonexistent");
	refused("memcached://me@127.0.0.1:1", "without user");
	refused("http://h", "no live source");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_lines),
	    cmocka_unit_test(test_long_lines),
	    cmocka_unit_test(test_urls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
