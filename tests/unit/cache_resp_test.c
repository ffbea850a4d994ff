#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache/resp.h"

/*
 * Parse ${in} with ${step} bytes more a time, as a client is read, and write
 * down what came out: "[a,b]" a command, "!text" an error.
 */
static void
trace(struct pd_resp *r, const char *in, size_t n, size_t step, char *out,
    size_t cap)
{
	size_t at = 0, fed = 0, k = 0, cut;
	char *buf = malloc(n + 1);
	enum pd_resp_status st;
	uint32_t i;

	assert_non_null(buf);
	out[0] = '\0';
	while (fed < n) {
		cut = n - fed < step ? n - fed : step;
		memcpy(buf + k, in + fed, cut);
		k += cut;
		fed += cut;
		for (;;) {
			if (r->discard > 0) {
				cut = k - at - r->len < r->discard
					  ? k - at - r->len
					  : (size_t)r->discard;
				memmove(buf + at + r->len,
				    buf + at + r->len + cut,
				    k - at - r->len - cut);
				k -= cut;
				r->discard -= cut;
			}
			st = pd_resp_parse(r, buf + at, k - at);
			if (st == PD_RESP_MORE && r->discard > 0 &&
			    k > at + r->len)
				continue;
			if (st != PD_RESP_COMMAND)
				break;
			strncat(out, r->oversize ? "<" : "[", cap);
			for (i = 0; i < r->argc; i++) {
				if (i > 0)
					strncat(out, ",", cap);
				strncat(out, r->argv[i].p, r->argv[i].n);
			}
			strncat(out, r->oversize ? ">" : "]", cap);
			at += r->len;
			pd_resp_next(r);
		}
		if (st == PD_RESP_ERROR) {
			strncat(out, "!", cap);
			strncat(out, r->error, cap);
			break;
		}
	}
	free(buf);
}

static const struct {
	const char *in;
	const char *out;
} cases[] = {
    {"*1\r\n$4\r\nPING\r\n", "[PING]"},
    {"*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\n", "[GET,a][PING]"},
    {"*2\r\n$4\r\nECHO\r\n$0\r\n\r\n", "[ECHO,]"},
    {"*2\r\n$4\r\nECHO\r\n$4\r\n\r\n\r\n\r\n", "[ECHO,\r\n\r\n]"},
    {"PING\r\n", "[PING]"},
    {"PING\n\r\n\nGET  a\r\n", "[PING][][][GET,a]"},
    {"*0\r\n*-1\r\n*-10\r\nPING\r\n", "[][][][PING]"},
    {"SET \"a b\" 'c \\' d' \"\\x41\\n\"\r\n", "[SET,a b,c ' d,A\n]"},
    {"ECHO \"\" ''\r\n", "[ECHO,,]"},
    {"ECHO a\"b c\"\r\n", "[ECHO,ab c]"},
    {"ECHO \"abc\r\n", "!unbalanced quotes in request"},
    {"ECHO 'abc\r\n", "!unbalanced quotes in request"},
    {"ECHO \"a\"b\r\n", "!unbalanced quotes in request"},
    {"*2147483648\r\n", "!invalid multibulk length"},
    {"*1073741824\r\n", "!invalid multibulk length"},
    {"*1048577\r\n", "!invalid multibulk length"},
    {"*x\r\n", "!invalid multibulk length"},
    {"*1 \r\n", "!invalid multibulk length"},
    {"*\r\n", "!invalid multibulk length"},
    {"*1\r\nPING\r\n", "!expected '$', got 'P'"},
    {"*1\r\n$536870913\r\n", "!invalid bulk length"},
    {"*1\r\n$-5\r\n", "!invalid bulk length"},
    {"*1\r\n$x\r\n", "!invalid bulk length"},
    {"*1\r\n$18446744073709551617\r\n", "!invalid bulk length"},
    {"*2\r\n$1\r\na\r\n$2\r\nbc\r\n", "[a,bc]"},
    {"*1\r\n$02\r\nab\r\n", "!invalid bulk length"},
    {"*01\r\n$2\r\nab\r\n", "!invalid multibulk length"},
    {"*1\r\n$12a\r\nabcdef\r\n", "!invalid bulk length"},
    {"*1\r\n$12345x\r\nabcdef\r\n", "!invalid bulk length"},
};

static void
pieces_of_any_size(void **state)
{
	struct pd_resp r;
	char out[512];
	size_t i, step, n;

	(void)state;
	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		n = strlen(cases[i].in);
		for (step = 1; step <= n; step++) {
			pd_resp_init(&r);
			trace(&r, cases[i].in, n, step, out, sizeof(out) - 1);
			assert_string_equal(out, cases[i].out);
			pd_resp_release(&r);
		}
	}
}

static void
long_words_are_dropped(void **state)
{
	static const char in[] = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$12\r\n"
				 "123456789012\r\n*1\r\n$4\r\nPING\r\n"
				 "*2\r\n$12\r\n123456789012\r\n$3\r\nabc\r\n";
	struct pd_resp r;
	char out[256];
	size_t step;

	(void)state;
	for (step = 1; step < sizeof(in); step++) {
		pd_resp_init(&r);
		r.keep_max = 10;
		trace(&r, in, sizeof(in) - 1, step, out, sizeof(out) - 1);
		assert_string_equal(out, "<SET,k,>[PING]<,abc>");
		pd_resp_release(&r);
	}
}

static void
before_authentication(void **state)
{
	struct pd_resp r;
	char out[256];

	(void)state;
	pd_resp_init(&r);
	r.unauthenticated = true;
	trace(&r, "*10\r\n", 5, 5, out, sizeof(out) - 1);
	assert_string_equal(out, "");
	pd_resp_release(&r);
	r.unauthenticated = true;
	trace(&r, "*11\r\n", 5, 5, out, sizeof(out) - 1);
	assert_string_equal(out, "!unauthenticated multibulk length");
	pd_resp_release(&r);
	r.unauthenticated = true;
	trace(&r, "*1\r\n$16385\r\n", 12, 12, out, sizeof(out) - 1);
	assert_string_equal(out, "!unauthenticated bulk length");
	pd_resp_release(&r);
}

static void
lines_have_an_end(void **state)
{
	static const struct {
		const char *head;
		const char *error;
	} heads[] = {{"A", "!too big inline request"},
	    {"*1", "!too big mbulk count string"},
	    {"*1\r\n$1", "!too big bulk count string"}};
	const size_t n = 80000;
	struct pd_resp r;
	char *in = malloc(n), out[256];
	size_t i;

	(void)state;
	assert_non_null(in);
	for (i = 0; i < 3; i++) {
		memset(in, '1', n);
		memcpy(in, heads[i].head, strlen(heads[i].head));
		pd_resp_init(&r);
		trace(&r, in, 60000, 1000, out, sizeof(out) - 1);
		assert_string_equal(out, "");
		pd_resp_release(&r);
		trace(&r, in, n, 1000, out, sizeof(out) - 1);
		assert_string_equal(out, heads[i].error);
		pd_resp_release(&r);
	}
	free(in);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(pieces_of_any_size),
	    cmocka_unit_test(long_words_are_dropped),
	    cmocka_unit_test(before_authentication),
	    cmocka_unit_test(lines_have_an_end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
