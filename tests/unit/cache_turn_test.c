/*
 * What a client is answered does not depend on how its bytes came, nor on who
 * else is there: pipelines in which a command changes what the next ones mean
 * are sent whole, byte by byte and in between.
 */

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "cache_talk.h"

static const size_t pieces[] = {SIZE_MAX, 1, 2, 7, 30, 101};
#define PIECES (sizeof(pieces) / sizeof(pieces[0]))

/* What one client hears from a new server. */
static void
hears(const struct pd_server_config *cfg, const char *say, size_t n,
    size_t piece, struct pd_buf *out)
{
	struct pd_server_config own = *cfg;
	struct pd_server *s;
	struct talk t;

	if (cfg->password != NULL)
		own.password = strdup(cfg->password);
	s = pd_server_new(&own, NULL);
	assert_non_null(s);
	talk_init(&t, s, piece);
	assert_int_equal(talk_add(&t, say, n), 0);
	talk_run(&t, TALK_US);
	assert_true(t.who[0].ended);
	*out = t.who[0].heard;
	t.who[0].heard = (struct pd_buf)PD_BUF_INIT;
	talk_release(&t);
	pd_server_free(s);
}

static void
expect_with(const struct pd_server_config *cfg, const char *say, size_t n,
    const char *answer)
{
	struct pd_buf got;
	size_t i;

	for (i = 0; i < PIECES; i++) {
		hears(cfg, say, n, pieces[i], &got);
		assert_non_null(pd_buf_cstr(&got));
		assert_string_equal((char *)got.data, answer);
		pd_buf_release(&got);
	}
}

static void
expect(const char *say, const char *answer)
{
	struct pd_server_config cfg;

	talk_config(&cfg);
	expect_with(&cfg, say, strlen(say), answer);
}

/* Words separated by spaces, each command ended by a line end, as RESP. */
static void
add_commands(struct pd_buf *b, const char *text)
{
	size_t line, n, i;
	const char *p;

	for (; *text != '\0'; text += line + (text[line] == '\n')) {
		line = strcspn(text, "\n");
		for (n = 1, i = 0; i < line; i++)
			n += text[i] == ' ';
		pd_buf_printf(b, "*%zu\r\n", n);
		for (p = text; n > 0; n--, p += i + 1) {
			i = strcspn(p, " \n");
			pd_buf_printf(b, "$%zu\r\n%.*s\r\n", i, (int)i, p);
		}
	}
}

static void
expect_commands(
    const struct pd_server_config *cfg, const char *text, const char *answer)
{
	struct pd_server_config usual;
	struct pd_buf b = PD_BUF_INIT;

	talk_config(&usual);
	add_commands(&b, text);
	expect_with(cfg == NULL ? &usual : cfg, (char *)b.data, b.len, answer);
	pd_buf_release(&b);
}

static void
databases(void **state)
{
	(void)state;
	expect_commands(NULL,
	    "SET a 1\nSELECT 3\nGET a\nSET a 22\nMGET a b\nSELECT 0\n"
	    "GET a\nSELECT 99\nGET a\nRESET\nGET a\nDBSIZE",
	    "+OK\r\n+OK\r\n$-1\r\n+OK\r\n*2\r\n$2\r\n22\r\n$-1\r\n+OK\r\n"
	    "$1\r\n1\r\n-ERR DB index is out of range\r\n$1\r\n1\r\n+RESET\r\n"
	    "$1\r\n1\r\n:1\r\n");
}

static void
transactions(void **state)
{
	(void)state;
	expect_commands(NULL,
	    "SET a 1\nMULTI\nINCR a\nSELECT 2\nSET a x\nGET a\nEXEC\nGET a\n"
	    "MULTI\nGET\nGET a\nEXEC\nGET a\n"
	    "SELECT 0\nGET a\nWATCH a\nSET a 7\nMULTI\nGET a\nEXEC\nGET a\n"
	    "MULTI\nSET a 8\nDISCARD\nGET a",
	    "+OK\r\n+OK\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n+QUEUED\r\n*4\r\n"
	    ":2\r\n+OK\r\n+OK\r\n$1\r\nx\r\n$1\r\nx\r\n"
	    "+OK\r\n-ERR wrong number of arguments for 'get' command\r\n"
	    "+QUEUED\r\n-EXECABORT Transaction discarded because of previous "
	    "errors.\r\n$1\r\nx\r\n"
	    "+OK\r\n$1\r\n2\r\n+OK\r\n+OK\r\n+OK\r\n+QUEUED\r\n*-1\r\n$1\r\n7"
	    "\r\n+OK\r\n+QUEUED\r\n+OK\r\n$1\r\n7\r\n");
}

static void
passwords(void **state)
{
	static const char noauth[] = "-NOAUTH Authentication required.\r\n";
	struct pd_server_config cfg;
	char answer[2048];

	(void)state;
	talk_config(&cfg);
	cfg.password = strdup("secret");
	snprintf(answer, sizeof(answer),
	    "%s%s-WRONGPASS invalid username-password pair or user is "
	    "disabled.\r\n%s+OK\r\n+OK\r\n$1\r\n1\r\n"
	    "*11\r\n$1\r\n1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n$-1\r\n"
	    "$-1\r\n$-1\r\n$-1\r\n$-1\r\n+RESET\r\n%s"
	    "-ERR Protocol error: unauthenticated multibulk length\r\n",
	    noauth, noauth, noauth, noauth);
	/* Long requests are refused before a password only. */
	expect_commands(&cfg,
	    "SET a 2\nGET a\nAUTH wrong\nGET a\nAUTH secret\nSET a 1\nGET a\n"
	    "MGET a b c d e f g h i j k\nRESET\nGET a\n"
	    "MGET a b c d e f g h i j k\nAUTH secret\nSET a 3",
	    answer);
	free(cfg.password);
}

static void
rights(void **state)
{
	(void)state;
	expect_commands(NULL,
	    "SET a 1\nACL SETUSER default -get\nGET a\nSET a 2\n"
	    "ACL SETUSER default +get resetkeys ~b*\nGET a\nSET b 3\nGET b",
	    "+OK\r\n+OK\r\n-NOPERM this user has no permissions to run the "
	    "'get' command\r\n+OK\r\n+OK\r\n"
	    "-NOPERM this user has no permissions to access one of the keys "
	    "used "
	    "as arguments\r\n+OK\r\n$1\r\n3\r\n");
}

static void
errors_come_last(void **state)
{
	(void)state;
	expect("*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n"
	       "*1\r\n!oops\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n",
	    ":1\r\n:2\r\n-ERR Protocol error: expected '$', got '!'\r\n");
	expect("INCR n\r\n*2\r\n$4\r\nINCR\r\n$1\r\nn\r\n\r\n*0\r\n*-3\r\n"
	       "incr n\n*2\r\n$-1\r\nn\r\nINCR n\r\n",
	    ":1\r\n:2\r\n:3\r\n-ERR Protocol error: invalid bulk length\r\n");
	expect("SET n 5\r\nINCR n\r\nGET \"n\r\nINCR n\r\n",
	    "+OK\r\n:6\r\n-ERR Protocol error: unbalanced quotes in "
	    "request\r\n");
}

static void
long_words(void **state)
{
	struct pd_server_config cfg;
	struct pd_buf b = PD_BUF_INIT;
	char word[3001];

	(void)state;
	talk_config(&cfg);
	cfg.max_value = 1000;
	memset(word, 'x', 3000);
	word[3000] = '\0';
	add_commands(&b, "SET a 1\nGET a");
	pd_buf_printf(
	    &b, "*3\r\n$3\r\nSET\r\n$1\r\na\r\n$3000\r\n%s\r\n", word);
	add_commands(&b, "GET a\nSET a 2\nGET a");
	expect_with(&cfg, (char *)b.data, b.len,
	    "+OK\r\n$1\r\n1\r\n-ERR string exceeds maximum allowed size "
	    "(proto-max-bulk-len)\r\n$1\r\n1\r\n+OK\r\n$1\r\n2\r\n");
	pd_buf_release(&b);
}

static void
quitting(void **state)
{
	(void)state;
	expect_commands(NULL, "SET a 1\nGET a\nQUIT\nSET a 2\nGET a",
	    "+OK\r\n$1\r\n1\r\n+OK\r\n");
}

static void
mute(void **state)
{
	(void)state;
	expect_commands(NULL,
	    "SET a 1\nCLIENT REPLY SKIP\nGET a\nGET a\nCLIENT REPLY OFF\n"
	    "INCR a\nNOSUCH\nINCR a\nCLIENT REPLY ON\nGET a",
	    "+OK\r\n$1\r\n1\r\n+OK\r\n$1\r\n3\r\n");
}

static void
protocols(void **state)
{
	(void)state;
	expect_commands(NULL,
	    "GET a\nHELLO 3\nGET a\nSUBSCRIBE c\nPUBLISH c m\nGET a\n"
	    "HELLO 2\nGET a\nUNSUBSCRIBE c\nGET a",
	    "$-1\r\n%7\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n"
	    "$5\r\n7.2.4\r\n$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode"
	    "\r\n$10\r\nstandalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\n"
	    "modules\r\n*0\r\n_\r\n>3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n"
	    ">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n:1\r\n_\r\n"
	    "*14\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$5\r\n7.2.4"
	    "\r\n$5\r\nproto\r\n:2\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\n"
	    "standalone\r\n$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0"
	    "\r\n-ERR Can't execute 'get': only (P|S)SUBSCRIBE / "
	    "(P|S)UNSUBSCRIBE / PING / QUIT / RESET are allowed in this "
	    "context\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n$-1\r\n");
}

/* More keys than are looked at ahead, and more than fit. */
static void
many_keys(void **state)
{
	static const unsigned counts[] = {40, 300, 3000, 6000};
	struct pd_buf say = PD_BUF_INIT, answer = PD_BUF_INIT, got;
	struct pd_server_config cfg;
	unsigned i, k;

	(void)state;
	talk_config(&cfg);
	for (i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		pd_buf_clear(&say);
		pd_buf_clear(&answer);
		pd_buf_printf(&say, "*%u\r\n$4\r\nMSET\r\n", counts[i] * 2 + 1);
		for (k = 0; k < counts[i]; k++)
			pd_buf_printf(
			    &say, "$5\r\n%05u\r\n$5\r\n%05u\r\n", k, k + 7);
		pd_buf_printf(&say, "*%u\r\n$4\r\nMGET\r\n", counts[i] + 1);
		pd_buf_printf(&answer, "+OK\r\n*%u\r\n", counts[i]);
		for (k = 0; k < counts[i]; k++) {
			pd_buf_printf(&say, "$5\r\n%05u\r\n", k);
			pd_buf_printf(&answer, "$5\r\n%05u\r\n", k + 7);
		}
		add_commands(&say, "GET 00003");
		pd_buf_printf(&answer, "$5\r\n00010\r\n");
		assert_non_null(pd_buf_cstr(&answer));
		hears(&cfg, (char *)say.data, say.len, SIZE_MAX, &got);
		assert_non_null(pd_buf_cstr(&got));
		assert_string_equal((char *)got.data, (char *)answer.data);
		pd_buf_release(&got);
	}
	pd_buf_release(&say);
	pd_buf_release(&answer);
}

/* Clients of one turn, each with more commands than one looks ahead to. */
static void
many_clients(void **state)
{
	struct pd_server_config cfg;
	struct pd_buf say = PD_BUF_INIT;
	struct pd_server *s;
	struct talk t;
	long sum = 0, last, v;
	char *p;
	unsigned i;

	(void)state;
	talk_config(&cfg);
	assert_non_null(s = pd_server_new(&cfg, NULL));
	for (i = 0; i < 200; i++)
		add_commands(&say, "INCR n\nGET none\n");
	talk_init(&t, s, SIZE_MAX);
	for (i = 0; i < TALK_MOST; i++)
		assert_int_equal(talk_add(&t, (char *)say.data, say.len), 0);
	talk_run(&t, TALK_US);
	for (i = 0; i < TALK_MOST; i++) {
		last = 0;
		assert_non_null(p = pd_buf_cstr(&t.who[i].heard));
		while (*p == ':') {
			v = strtol(p + 1, &p, 10);
			assert_true(v > last);
			sum += last = v;
			assert_memory_equal(p, "\r\n$-1\r\n", 7);
			p += 7;
		}
		assert_int_equal(*p, '\0');
	}
	v = TALK_MOST * 200L;
	assert_int_equal(sum, v * (v + 1) / 2);
	talk_release(&t);
	pd_buf_release(&say);
	pd_server_free(s);
}

/* A server with two clients, the first of which sends ${a} and the other
 * ${b}. */
static struct pd_server *
two(struct talk *t, const char *a, const char *b)
{
	struct pd_server_config cfg;
	struct pd_server *s;

	talk_config(&cfg);
	assert_non_null(s = pd_server_new(&cfg, NULL));
	talk_init(t, s, SIZE_MAX);
	assert_int_equal(talk_add(t, a, strlen(a)), 0);
	assert_int_equal(talk_add(t, b, strlen(b)), 0);
	return s;
}

/* One ends another that has sent commands in the same turn. */
static void
killing(void **state)
{
	static const char kill[] = "CLIENT KILL ID 2\r\nGET a\r\n";
	static const char write[] = "INCR a\r\nINCR a\r\nPING\r\n";
	struct pd_server *s;
	struct talk t;

	(void)state;
	s = two(&t, kill, write);
	talk_run(&t, TALK_US);
	assert_true(t.who[0].ended && t.who[1].ended);
	assert_non_null(pd_buf_cstr(&t.who[0].heard));
	assert_string_equal((char *)t.who[0].heard.data, ":1\r\n$-1\r\n");
	assert_int_equal(t.who[1].heard.len, 0);
	talk_release(&t);
	pd_server_free(s);
}

/* Who does not read is not executed for, and gets all of it later. */
static void
unread(void **state)
{
	struct pd_server_config cfg;
	struct pd_buf say = PD_BUF_INIT;
	struct pd_server *s;
	struct talk t;
	unsigned i;

	(void)state;
	talk_config(&cfg);
	cfg.output_pause = 100000;
	cfg.output[PD_OUT_NORMAL].hard = 200000;
	assert_non_null(s = pd_server_new(&cfg, NULL));
	add_commands(&say, "SETRANGE a 9999 x\n");
	for (i = 0; i < 1000; i++)
		add_commands(&say, "GET a\n");
	talk_init(&t, s, SIZE_MAX);
	assert_int_equal(talk_add(&t, (char *)say.data, say.len), 0);
	t.who[0].deaf = 500;
	talk_run(&t, TALK_US);
	assert_true(t.queued_most > 0 && t.queued_most < 120000);
	assert_int_equal(t.who[0].heard.len,
	    strlen(":10000\r\n") + 1000 * strlen("$10000\r\n\r\n") +
		(size_t)1000 * 10000);
	talk_release(&t);
	pd_buf_release(&say);
	pd_server_free(s);
}

/* CLIENT PAUSE from another holds commands that were parsed already. */
static void
pausing(void **state)
{
	static const char pause[] = "CLIENT PAUSE 30 WRITE\r\nGET a\r\n";
	static const char write[] =
	    "GET a\r\nSET a 1\r\nGET a\r\nCLIENT NO-EVICT ON\r\nGET a\r\n";
	struct pd_server *s;
	struct talk t;

	(void)state;
	s = two(&t, pause, write);
	t.who[1].deaf = 1;
	talk_run(&t, TALK_US);
	assert_non_null(pd_buf_cstr(&t.who[0].heard));
	assert_string_equal((char *)t.who[0].heard.data, "+OK\r\n$-1\r\n");
	assert_non_null(pd_buf_cstr(&t.who[1].heard));
	assert_string_equal((char *)t.who[1].heard.data,
	    "$-1\r\n+OK\r\n$1\r\n1\r\n+OK\r\n$1\r\n1\r\n");
	talk_release(&t);
	pd_server_free(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(databases),
	    cmocka_unit_test(transactions),
	    cmocka_unit_test(passwords),
	    cmocka_unit_test(rights),
	    cmocka_unit_test(errors_come_last),
	    cmocka_unit_test(long_words),
	    cmocka_unit_test(quitting),
	    cmocka_unit_test(mute),
	    cmocka_unit_test(protocols),
	    cmocka_unit_test(many_keys),
	    cmocka_unit_test(many_clients),
	    cmocka_unit_test(killing),
	    cmocka_unit_test(unread),
	    cmocka_unit_test(pausing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
