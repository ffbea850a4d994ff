#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "data/detect.h"
#include "data/event.h"
#include "data/evreader.h"
#include "data/logpattern.h"
#include "data/logtime.h"
#include "data/pds_meta.h"

static char path[] = "/tmp/predis-log-XXXXXX";

static int
setup(void **state)
{
	const int fd = mkstemp(path);

	(void)state;
	if (fd < 0)
		return -1;
	return close(fd);
}

static int
teardown(void **state)
{
	(void)state;
	return unlink(path);
}

/* --- times ---------------------------------------------------------------- */

static void
test_time(void **state)
{
	/* The seconds are those of date -u -d TIME +%s. */
	static const struct {
		const char *text;
		enum pd_logtime form;
		uint64_t us;
	} good[] = {
	    {"1970-01-01T00:00:00Z", PD_LOGTIME_AUTO, 0},
	    {"2000-02-29T12:00:00Z", PD_LOGTIME_AUTO, 951825600000000},
	    {"2016-04-15T20:17:00.310Z", PD_LOGTIME_AUTO, 1460751420310000},
	    {"2016-04-15 20:17:00,310", PD_LOGTIME_ISO, 1460751420310000},
	    {"2016-04-15T20:17:00+02:00", PD_LOGTIME_AUTO, 1460744220000000},
	    {"2016-04-15T20:17:00-0230", PD_LOGTIME_AUTO, 1460760420000000},
	    {"2016-12-31T23:59:60Z", PD_LOGTIME_AUTO, 1483228800000000},
	    {"2016-04-15T20:17:00.1234567Z", PD_LOGTIME_AUTO, 1460751420123456},
	    {"06/Feb/2009:12:14:14.655", PD_LOGTIME_AUTO, 1233922454655000},
	    {"15/Oct/2019:19:41:46 +0000", PD_LOGTIME_AUTO, 1571168506000000},
	    {"15/Oct/2019:19:41:46 -0700", PD_LOGTIME_CLF, 1571193706000000},
	    {"0", PD_LOGTIME_AUTO, 0},
	    {"1571168506", PD_LOGTIME_AUTO, 1571168506000000},
	    {"1571168506.25", PD_LOGTIME_AUTO, 1571168506250000},
	    {"1571168506123", PD_LOGTIME_AUTO, 1571168506123000},
	    {"1571168506123456", PD_LOGTIME_AUTO, 1571168506123456},
	    {"1571168506123456789", PD_LOGTIME_AUTO, 1571168506123456},
	    {"12", PD_LOGTIME_MS, 12000},
	    {"12", PD_LOGTIME_US, 12},
	};
	uint64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		us = 1;
		assert_int_equal(pd_logtime_parse(good[i].text,
				     strlen(good[i].text), good[i].form, &us),
		    0);
		assert_int_equal(us, good[i].us);
	}
}

static void
test_no_time(void **state)
{
	static const char *const bad[] = {"", "x", "-", "2016-13-01T00:00:00Z",
	    "2015-02-29T00:00:00Z", "1900-01-01T00:00:00Z",
	    "2016-04-15T24:00:00Z", "2016-04-15T20:17", "2016-04-15T20:17:00.Z",
	    "2016-04-15T20:17:00Zx", "1970-01-01T00:00:00+01:00",
	    "06/Feb/2009:12:14:14 ", "06/Fex/2009:12:14:14",
	    "06/Feb/2009:12:14:14 +1", "31/Apr/2009:00:00:00", "12.3.4",
	    "99999999999999999999"};
	uint64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pd_logtime_parse(bad[i], strlen(bad[i]),
				     PD_LOGTIME_AUTO, &us),
		    -1);
	assert_int_equal(pd_logtime_parse("12", 2, PD_LOGTIME_ISO, &us), -1);
	assert_int_equal(pd_logtime_form("iso", 3), PD_LOGTIME_ISO);
	assert_int_equal(pd_logtime_form("isos", 4), -1);
}

/* --- patterns ------------------------------------------------------------- */

static void
fits(const char *pattern, const char *line, enum pd_log_field field,
    const char *value)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_logpattern *p = pd_logpattern_new(pattern, &err);
	struct pd_log_values v;

	assert_string_equal(err.msg, "");
	assert_null(pd_logpattern_match(p, line, strlen(line), &v));
	assert_int_equal(v.v[field].n, strlen(value));
	assert_memory_equal(v.v[field].p, value, strlen(value));
	pd_logpattern_free(p);
}

static void
fits_not(const char *pattern, const char *line)
{
	struct pd_logpattern *p = pd_logpattern_new(pattern, NULL);
	struct pd_log_values v;

	assert_non_null(p);
	assert_non_null(pd_logpattern_match(p, line, strlen(line), &v));
	pd_logpattern_free(p);
}

static void
test_pattern(void **state)
{
	(void)state;
	fits("%{key}", "all of it", PD_LOG_KEY, "all of it");
	fits("%{key} %{size}", "a  \t 12", PD_LOG_KEY, "a");
	fits("%{key} %{size}", "a  \t 12", PD_LOG_SIZE, "12");
	fits("k=%{key};", "k=x;", PD_LOG_KEY, "x");
	fits("%{} %{key}", "one two three", PD_LOG_KEY, "two three");
	fits("100%% %{key}", "100% a", PD_LOG_KEY, "a");
	fits("\"%{key}\" %{op}", "\"a \\\" b\" get", PD_LOG_KEY, "a \\\" b");
	fits("[%{time}] %{key}", "[a b c] d", PD_LOG_TIME, "a b c");
	fits("%{key}, %{size}", "a,b, 5", PD_LOG_KEY, "a,b");
	/* Of two the first that says something. */
	fits("%{hit} %{key} %{hit}", "- k HIT", PD_LOG_HIT, "HIT");
	fits("%{hit} %{key} %{hit}", "MISS k HIT", PD_LOG_HIT, "MISS");
	fits("%{key} %{hit:within}", "k \"x\" cache=HIT;", PD_LOG_HIT, "HIT");
	fits("%{key} %{hit:within}", "k WHITE NOHIT", PD_LOG_HIT, "");
	fits("%{key} %{size}", "k -", PD_LOG_SIZE, "");
	fits("%{key} ", "k ", PD_LOG_KEY, "k");
	fits("%{} %{key} %{}", "a k b", PD_LOG_KEY, "k");
	fits_not("%{key} %{size}", "k");
	fits_not("%{key};", "k;x");
	fits_not("x%{key}", "k");
	fits_not("%{key} ", "k");
	fits_not("\"%{key}\" %{op}", "\"a\\\" get");
}

static void
test_pattern_wrong(void **state)
{
	static const struct {
		const char *pattern, *word;
	} wrong[] = {{"%{key}%{size}", "nothing between"},
	    {"%{kex}", "no field 'kex'"}, {"%{key", "no end"},
	    {"%key", "begins a field"}, {"%{size}", "needs %{key}"},
	    {"", "needs %{key}"}, {"%{key:hex}", "no form 'key:hex'"},
	    {"%{size:ms} %{key}", "no form"}, {"%{time:x} %{key}", "no form"},
	    {"%{key} 100%", "begins a field"},
	    {"%{key} %{size} %{key}", "twice"}};
	char many[4096] = "%{key}";
	struct pd_err err;

	(void)state;
	for (size_t i = 0; i < sizeof(wrong) / sizeof(*wrong); i++) {
		err.msg[0] = '\0';
		assert_null(pd_logpattern_new(wrong[i].pattern, &err));
		assert_non_null(strstr(err.msg, wrong[i].word));
	}
	for (int i = 0; i < 80; i++)
		strncat(many, " %{}", sizeof(many) - strlen(many) - 1);
	assert_null(pd_logpattern_new(many, &err));
	assert_non_null(strstr(err.msg, "more than"));
}

/* --- whole logs ------------------------------------------------------------
 */

static void
put(const char *text)
{
	FILE *f = fopen(path, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static struct pd_evreader *
open_log(const char *text, const char *format, const char *pattern)
{
	const struct pd_evreader_opts o = {.format = format,
	    .unit = PD_TIME_OWN,
	    .pattern = &pattern,
	    .patterns = pattern != NULL};
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;

	put(text);
	r = pd_evreader_open_with(path, &o, &err);
	assert_string_equal(err.msg, "");
	assert_non_null(r);
	return r;
}

static struct pd_event
next(struct pd_evreader *r, const char *key)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;
	const char *text;
	size_t n;

	assert_int_equal(pd_evreader_next(r, &e, &err), 1);
	text = pd_evreader_keytext(r, &n);
	assert_int_equal(n, strlen(key));
	assert_memory_equal(text, key, n);
	return e;
}

/* No more events; ${rejects} lines were left out, the first because of
 * ${word}. */
static void
done(struct pd_evreader *r, uint64_t rejects, const char *word)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;

	assert_int_equal(pd_evreader_next(r, &e, &err), 0);
	assert_int_equal(pd_evreader_rejects(r)->count, rejects);
	if (rejects > 0)
		assert_non_null(strstr(pd_evreader_rejects(r)->first[0], word));
	pd_evreader_close(r);
}

static void
test_nginx(void **state)
{
	struct pd_evreader *r = open_log(
	    "10.1.2.3 - alice [15/Oct/2019:19:41:46 +0000] \"GET /a?b=1 "
	    "HTTP/1.1\" 200 396 \"-\" \"curl \\x22q\\x22\" \"-\"\n"
	    "::1 - - [15/Oct/2019:19:41:47 +0200] \"HEAD /a?b=1 HTTP/2.0\" "
	    "200 0 \"-\" \"HIT\"\n"
	    "::1 - - [15/Oct/2019:19:41:48 +0000] \"GET /a?b=1 HTTP/2.0\" "
	    "304 0 \"-\" \"-\"\n"
	    "::1 - - [15/Oct/2019:19:41:48 +0000] \"POST /f HTTP/2.0\" 200 9 "
	    "\"-\" \"-\"\n"
	    "::1 - - [15/Oct/2019:19:41:49 +0000] \"\\x16\\x03\" 400 9 \"-\" "
	    "\"-\"\n"
	    "::1 - - [15/Oct/2019:19:41:50 +0000] \"DELETE /\\x41 HTTP/1.1\" "
	    "204 0\n",
	    "nginx", NULL);
	struct pd_event e;

	(void)state;
	e = next(r, "/a?b=1");
	assert_int_equal(e.time_us, 1571168506000000);
	assert_int_equal(e.size, 396);
	assert_int_equal(e.op, PD_OP_GET);
	assert_int_not_equal(e.client, 0);
	assert_true(pd_evreader_meta(r)->hits_unknown);
	assert_string_equal(pd_evreader_meta(r)->time, "wall");
	e = next(r, "/a?b=1"); /* no body: the size known before */
	assert_int_equal(e.time_us, 1571161307000000);
	assert_int_equal(e.size, 396);
	assert_int_equal(e.flags, 0);
	assert_int_equal(next(r, "/a?b=1").size, 396);
	e = next(r, "/A");
	assert_int_equal(e.op, PD_OP_DEL);
	assert_int_equal(e.tick, 3);
	assert_int_equal(pd_evreader_ignored(r), 1);
	done(r, 1, ":5: no request (");
}

static void
test_nginx_hits(void **state)
{
	struct pd_evreader *r = open_log(
	    "10.1.2.3 - HIT [15/Oct/2019:19:41:46 +0000]  \"GET /a HTTP/1.1\" "
	    "200 1 \"-\" \"-\"\n"
	    "10.1.2.3 - - [15/Oct/2019:19:41:46 +0000] \"GET /a HTTP/1.1\" "
	    "200 1 \"HIT\" \"HIT\" \"-\" cache_status=MISS\n"
	    "10.1.2.3 - - [15/Oct/2019:19:41:46 +0000] \"GET /a HTTP/1.1\" "
	    "200 1 \"-\" \"-\" STALE\n",
	    "nginx", NULL);

	(void)state;
	assert_int_equal(next(r, "/a").flags, PD_EV_HIT);
	assert_false(pd_evreader_meta(r)->hits_unknown);
	assert_int_equal(next(r, "/a").flags, 0);
	assert_int_equal(next(r, "/a").flags, PD_EV_HIT);
	done(r, 0, "");
}

static void
test_envoy(void **state)
{
	struct pd_evreader *r = open_log(
	    "[2016-04-15T20:17:00.310Z] \"GET /api/v1 HTTP/2\" 200 RFCF 154 "
	    "1500 226 100 \"10.0.35.28\" \"agent\" \"cc21d9b0\" \"acme\" "
	    "\"tcp://10.0.2.1:80\"\n"
	    "[2020-11-25T21:26:18.409Z] \"GET /status HTTP/2\" 200 - "
	    "via_upstream - \"-\" 0 135 4 3 \"-\" \"agent\" \"84961386\" "
	    "\"acme:8000\" \"127.0.0.1:80\" inbound|8000|| 127.0.0.1:41854 "
	    "10.44.1.27:80 10.44.1.23:37652 out default\n",
	    "envoy", NULL);
	struct pd_event e;

	(void)state;
	e = next(r, "/api/v1");
	assert_int_equal(e.time_us, 1460751420310000);
	assert_int_equal(e.size, 1500);
	assert_int_equal(e.latency_us, 226000);
	assert_int_equal(e.flags, PD_EV_HIT);
	assert_true(pd_evreader_meta(r)->hits_unknown);
	e = next(r, "/status");
	assert_int_equal(e.size, 135);
	assert_int_equal(e.latency_us, 4000);
	assert_int_equal(e.flags, 0);
	done(r, 0, "");
}

static void
test_haproxy(void **state)
{
	struct pd_evreader *r = open_log(
	    "Feb  6 12:14:14 acme haproxy[143]: 10.0.1.2:33317 "
	    "[06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 "
	    "200 2750 - - ---- 1/1/1/1/0 0/0 {acme} {} \"GET /index.html "
	    "HTTP/1.1\"\n"
	    "10.0.1.2:33317 [06/Feb/2009:12:14:15.000] http-in static/<CACHE> "
	    "0/0/0/0/+1 200 +2751 - - ---- 1/1/1/1/0 0/0 \"GET /index.html "
	    "HTTP/1.1\"\n"
	    "10.0.1.2:33317 [06/Feb/2009:12:14:15.000] http-in http-in/<NOSRV> "
	    "-1/-1/-1/-1/0 400 187 - - PR-- 1/1/0/0/0 0/0 \"<BADREQ>\"\n",
	    "haproxy", NULL);
	struct pd_event e;

	(void)state;
	e = next(r, "/index.html");
	assert_int_equal(e.time_us, 1233922454655000);
	assert_int_equal(e.latency_us, 109000);
	assert_int_equal(e.size, 2750);
	assert_int_not_equal(e.ns, 0);
	assert_int_equal(e.flags, 0);
	e = next(r, "/index.html");
	assert_int_equal(e.flags, PD_EV_HIT);
	assert_int_equal(e.latency_us, 1000);
	assert_int_equal(e.size, 2751);
	done(r, 1, "no request (8 bytes)");
}

static void
test_own_pattern(void **state)
{
	struct pd_evreader *r =
	    open_log("1571168506.5 get k%41 miss 12 ns=7 30 1500\n"
		     "1571168506.5 put k2 hit 13 ns=shop - -\n"
		     "1571168506.5 frob k2 hit 13 ns=shop - -\n"
		     "yesterday get k2 hit 13 ns=shop - -\n"
		     "1571168506.5 get k2 maybe 13 ns=shop - -\n"
		     "1571168506.5 get k2 hit many ns=shop - -\n"
		     "1571168506.5 get - hit 1 ns=shop - -\n"
		     "something else\n",
		"log",
		"%{time} %{op} %{key:url} %{hit:hit|warm} %{size} ns=%{ns} "
		"%{ttl} %{latency}");
	struct pd_event e;

	(void)state;
	e = next(r, "kA");
	assert_int_equal(e.time_us, 1571168506500000);
	assert_int_equal(e.flags, PD_EV_TTL);
	assert_int_equal(e.ns, 7);
	assert_int_equal(e.ttl_ms, 30000);
	assert_int_equal(e.latency_us, 1500);
	assert_false(pd_evreader_meta(r)->hits_unknown);
	e = next(r, "k2");
	assert_int_equal(e.op, PD_OP_SET);
	assert_int_equal(e.flags, PD_EV_HIT);
	assert_int_equal(e.size, 13);
	/* With a list of words "maybe" is a miss. */
	assert_int_equal(next(r, "k2").flags, 0);
	done(r, 5, ":3: no operation (4 bytes)");
}

static void
test_strict_and_empty(void **state)
{
	const char *pattern = "%{time} %{key}";
	struct pd_evreader_opts o = {.format = "log",
	    .unit = PD_TIME_OWN,
	    .pattern = &pattern,
	    .patterns = 1,
	    .strict = true};
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;
	struct pd_event e;

	(void)state;
	put("1 a\nx b\n2 c\n");
	r = pd_evreader_open_with(path, &o, &err);
	assert_int_equal(pd_evreader_next(r, &e, &err), 1);
	assert_int_equal(pd_evreader_next(r, &e, &err), -1);
	assert_non_null(strstr(err.msg, ":2: no time (1 byte)"));
	pd_evreader_close(r);
	/* Nothing at all could be read: a wrong pattern. */
	o.strict = false;
	put("x a\ny b\n");
	r = pd_evreader_open_with(path, &o, &err);
	assert_int_equal(pd_evreader_next(r, &e, &err), -1);
	assert_non_null(strstr(err.msg, "no line of"));
	pd_evreader_close(r);
	/* Without a time the user says so. */
	pattern = "%{key}";
	assert_null(pd_evreader_open_with(path, &o, &err));
	assert_non_null(strstr(err.msg, "seq"));
	o.unit = PD_TIME_SEQ;
	r = pd_evreader_open_with(path, &o, &err);
	assert_int_equal(pd_evreader_next(r, &e, &err), 1);
	assert_int_equal(pd_evreader_next(r, &e, &err), 1);
	assert_int_equal(e.time_us, 1);
	assert_string_equal(pd_evreader_meta(r)->time, "sequence");
	pd_evreader_close(r);
}

static void
test_jsonl(void **state)
{
	struct pd_evreader *r = open_log(
	    "{\"time_ms\":1571168506123,\"key\":\"a\\u0041\",\"op\":\"set\","
	    "\"size_bytes\":12,\"hit\":true,\"ttl_s\":1.5,\"ns\":\"shop\"}\n"
	    "{\"@timestamp\":\"2016-04-15T20:17:00.310Z\",\"key\":17,"
	    "\"hit\":null}\n"
	    "[1]\n{\"key\":\"a\"}\n{\"key\":\"a\",\"time\":1,\"op\":{}}\n",
	    "jsonl", NULL);
	struct pd_event e;

	(void)state;
	e = next(r, "aA");
	assert_int_equal(e.time_us, 1571168506123000);
	assert_int_equal(e.op, PD_OP_SET);
	assert_int_equal(e.size, 12);
	assert_int_equal(e.flags, PD_EV_HIT | PD_EV_TTL);
	assert_int_equal(e.ttl_ms, 1500);
	assert_false(pd_evreader_meta(r)->hits_unknown);
	e = next(r, "17");
	assert_int_equal(e.time_us, 1460751420310000);
	assert_int_equal(e.flags, 0);
	assert_int_equal(next(r, "a").time_us, 1000000);
	done(r, 2, ":3: no JSON object");

	r = open_log("{\"t\":5,\"http\":{\"path\":\"http://acme/x?y\"},"
		     "\"cache\":\"MISS\",\"took\":7}\n",
	    "jsonl", "time:ms=t key:path=http.path hit=cache latency:ms=took");
	e = next(r, "/x");
	assert_int_equal(e.time_us, 5000);
	assert_int_equal(e.latency_us, 7000);
	assert_false(pd_evreader_meta(r)->hits_unknown);
	done(r, 0, "");
}

static void
test_detect(void **state)
{
	static const struct {
		const char *text, *format;
	} sure[] = {
	    {"", "csv"},
	    {"time,key,size,op\n1,a,2,get\n", "csv"},
	    {"key,size\n", "csv"},
	    {"# a remark\n\n0,a\n", "csv"},
	    {"1.5,a,10", "csv"},
	    {"0,nz:u:eeW511W3dcH3de3d15ec,14,0,15,get,0\n", "twitter"},
	    {"key,op,size,op_count,key_size\n1,GET,2,1,4\n", "meta"},
	    {"OK\r\n1339518083.107412 [0 127.0.0.1:60866] \"get\" \"x\"\n",
		"monitor"},
	    {"OK\nts=1795480562.214545 gid=2 type=item_get key=foo "
	     "status=not_found clsid=0 cfd=25 size=0\n",
		"memcached"},
	    {"{\"key\":1}\n", "jsonl"},
	    {"10.1.2.3 - - [15/Oct/2019:19:41:46 +0000] \"GET /a HTTP/1.1\" "
	     "200 396 \"-\" \"-\"\n",
		"nginx"},
	    {"[2016-04-15T20:17:00.310Z] \"GET /a HTTP/2\" 204 - 154 0 226 "
	     "100 \"-\" \"-\" \"-\" \"-\" \"-\"\n",
		"envoy"},
	    {"Feb  6 12:14:14 a haproxy[1]: 10.0.1.2:33317 "
	     "[06/Feb/2009:12:14:14.655] http-in static/srv1 10/0/30/69/109 "
	     "200 2750 - - ---- 1/1/1/1/0 0/0 {a} {} \"GET /i HTTP/1.1\"\n",
		"haproxy"},
	    {"hello\n", NULL},
	    {"1 2 3\n", NULL},
	    {"a,b,c\n", NULL},
	    {"1,a,b\n", NULL},
	    {"{\n", NULL},
	};

	(void)state;
	for (size_t i = 0; i < sizeof(sure) / sizeof(*sure); i++) {
		const char *format = pd_detect(
		    (const uint8_t *)sure[i].text, strlen(sure[i].text));

		if (sure[i].format == NULL)
			assert_null(format);
		else
			assert_string_equal(format, sure[i].format);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_time),
	    cmocka_unit_test(test_no_time),
	    cmocka_unit_test(test_pattern),
	    cmocka_unit_test(test_pattern_wrong),
	    cmocka_unit_test(test_nginx),
	    cmocka_unit_test(test_nginx_hits),
	    cmocka_unit_test(test_envoy),
	    cmocka_unit_test(test_haproxy),
	    cmocka_unit_test(test_own_pattern),
	    cmocka_unit_test(test_strict_and_empty),
	    cmocka_unit_test(test_jsonl),
	    cmocka_unit_test(test_detect),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
