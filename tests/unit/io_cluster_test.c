#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#include <hiredis/hiredis.h>

#include "base/err.h"
#include "io/cluster.h"

static uint16_t
slot(const char *key)
{
	return pd_cluster_slot(key, strlen(key));
}

/* The check value of CRC16/XMODEM (0x31c3), and what CLUSTER KEYSLOT of
 * redis-server 7.0 answers. */
static void
slots_are_those_of_redis(void **state)
{
	(void)state;
	assert_int_equal(slot("123456789"), 0x31c3 & 16383);
	assert_int_equal(slot("foo"), 12182);
	assert_int_equal(slot("bar"), 5061);
	assert_int_equal(slot(""), 0);
	assert_int_equal(slot("ev:{0}"), 13907);
	assert_int_equal(slot("ev:{15}"), 4178);
}

/* The examples of the specification's section on hash tags. */
static void
hash_tags(void **state)
{
	(void)state;
	assert_int_equal(
	    slot("{user1000}.following"), slot("{user1000}.followers"));
	assert_int_equal(slot("{user1000}.following"), slot("user1000"));
	assert_int_equal(slot("foo{bar}{zap}"), slot("bar"));
	assert_int_equal(slot("foo{{bar}}zap"), slot("{bar"));
	assert_int_not_equal(slot("foo{}{bar}"), slot("bar"));
	assert_int_not_equal(slot("foo{}{bar}"), slot(""));
	assert_int_not_equal(slot("foo{bar"), slot("bar"));
}

static void
redirections(void **state)
{
	static const char *const bad[] = {"", "MOVED", "MOVED ", "MOVED 1",
	    "MOVED x h:1", "MOVED 16384 h:1", "MOVED -1 h:1", "MOVED 1 h",
	    "MOVED 1 h:", "MOVED 1 h:1x", "MOVED 123456789 h:1",
	    "MOVED 1 h:1234567890123456", "ERR no", "moved 1 h:1"};
	char host[280], port[16], long_host[400];
	uint16_t s;
	bool ask;

	(void)state;
	assert_int_equal(pd_cluster_parse_redirect(
			     "MOVED 3999 127.0.0.1:6381", &ask, &s, host, port),
	    0);
	assert_false(ask);
	assert_int_equal(s, 3999);
	assert_string_equal(host, "127.0.0.1");
	assert_string_equal(port, "6381");
	assert_int_equal(pd_cluster_parse_redirect(
			     "ASK 16383 ::1:7000", &ask, &s, host, port),
	    0);
	assert_true(ask);
	assert_string_equal(host, "::1");
	assert_int_equal(
	    pd_cluster_parse_redirect("MOVED 0 :7000", &ask, &s, host, port),
	    0);
	assert_string_equal(host, "");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(
		    pd_cluster_parse_redirect(bad[i], &ask, &s, host, port),
		    -1);
	snprintf(long_host, sizeof(long_host), "MOVED 1 %0*d:1", 300, 0);
	assert_int_equal(
	    pd_cluster_parse_redirect(long_host, &ask, &s, host, port), -1);
}

static int
range(const char *resp, struct pd_cluster_range *out, char host[32])
{
	redisReader *r = redisReaderCreate();
	void *reply = NULL;
	int rc;

	assert_non_null(r);
	assert_int_equal(redisReaderFeed(r, resp, strlen(resp)), REDIS_OK);
	assert_int_equal(redisReaderGetReply(r, &reply), REDIS_OK);
	assert_non_null(reply);
	rc = pd_cluster_parse_range(reply, out);
	if (rc == 0)
		snprintf(host, 32, "%s", out->host != NULL ? out->host : "-");
	freeReplyObject(reply);
	redisReaderFree(r);
	return rc;
}

/* Entries of CLUSTER SLOTS; those of no sense are refused. */
static void
ranges(void **state)
{
	static const char *const bad[] = {":1\r\n", "*0\r\n",
	    "*2\r\n:0\r\n:1\r\n", "*3\r\n:0\r\n:1\r\n:2\r\n",
	    "*3\r\n:5\r\n:4\r\n*2\r\n$1\r\nh\r\n:1\r\n",
	    "*3\r\n:-1\r\n:4\r\n*2\r\n$1\r\nh\r\n:1\r\n",
	    "*3\r\n:0\r\n:16384\r\n*2\r\n$1\r\nh\r\n:1\r\n",
	    "*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n:65536\r\n",
	    "*3\r\n:0\r\n:1\r\n*2\r\n$1\r\nh\r\n$1\r\n1\r\n",
	    "*3\r\n:0\r\n:1\r\n*1\r\n$1\r\nh\r\n"};
	static const char *const asked[] = {"$0\r\n", "$-1\r\n", "$1\r\n?\r\n"};
	struct pd_cluster_range r;
	char host[32], text[128];

	(void)state;
	assert_int_equal(range("*3\r\n:5461\r\n:16383\r\n*2\r\n$3\r\n::1\r\n"
			       ":65535\r\n",
			     &r, host),
	    0);
	assert_int_equal(r.first, 5461);
	assert_int_equal(r.last, 16383);
	assert_int_equal(r.port, 65535);
	assert_string_equal(host, "::1");
	for (size_t i = 0; i < sizeof(asked) / sizeof(*asked); i++) {
		snprintf(text, sizeof(text),
		    "*3\r\n:0\r\n:0\r\n*2\r\n%s%s:1\r\n", asked[i],
		    i == 0 ? "\r\n" : "");
		assert_int_equal(range(text, &r, host), 0);
		assert_string_equal(host, "-");
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(range(bad[i], &r, host), -1);
}

static void
nobody_answers(void **state)
{
	const struct pd_cluster_opts o = {.retry_us = 200000};
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	assert_null(pd_cluster_open("127.0.0.1:1,127.0.0.1:2", &o, &err));
	assert_non_null(strstr(err.msg, "cannot connect"));
	assert_null(pd_cluster_open("", &o, &err));
	assert_null(pd_cluster_open("127.0.0.1:1,", &o, &err));
	assert_null(pd_cluster_open("127.0.0.1:99999", &o, &err));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(slots_are_those_of_redis),
	    cmocka_unit_test(hash_tags),
	    cmocka_unit_test(redirections),
	    cmocka_unit_test(ranges),
	    cmocka_unit_test(nobody_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
