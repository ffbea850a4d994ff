/*
 * Against the mock cluster of librdkafka: three brokers in this process that
 * speak the real protocol over loopback TCP.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/event.h"
#include "data/kafka.h"
#include "data/pds.h"

#define EVENTS 100000

static rd_kafka_t *owner;
static rd_kafka_mock_cluster_t *cluster;
static char address[256];

static int
setup(void **state)
{
	char why[256];

	(void)state;
	owner = rd_kafka_new(
	    RD_KAFKA_PRODUCER, rd_kafka_conf_new(), why, sizeof(why));
	if (owner == NULL)
		return -1;
	cluster = rd_kafka_mock_cluster_new(owner, 3);
	snprintf(address, sizeof(address), "kafka://%s/acme-events",
	    rd_kafka_mock_cluster_bootstraps(cluster));
	return rd_kafka_mock_topic_create(cluster, "acme-events", 4, 3);
}

static int
teardown(void **state)
{
	(void)state;
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(owner);
	return 0;
}

/* Send what the writer has finished. */
static void
ship(struct pd_kafka_out *k, struct pd_buf *b)
{
	struct pd_err err = PD_ERR_INIT;

	if (b->len > 0 && pd_kafka_out_send(k, b->data, b->len, &err))
		fail_msg("%s", err.msg);
	pd_buf_clear(b);
}

static void
a_stream_survives_a_dead_broker(void **state)
{
	static const char header[] = "{\"schema\":\"events\"}";
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf b = PD_BUF_INIT;
	struct pd_pds_writer *w;
	struct pd_pds_reader *r;
	struct pd_kafka_out *out;
	struct pd_kafka_in *in;
	struct pd_pds_stats st;
	struct pd_event e;
	uint64_t i;
	int got;

	(void)state;
	out = pd_kafka_out_open(address, &err);
	assert_non_null(out);
	w = pd_pds_writer_new(
	    &(struct pd_pds_wopts){.fd = -1, .out = &b}, &err);
	assert_non_null(w);
	assert_int_equal(pd_pds_header(w, header, strlen(header), &err), 0);
	pd_event_init(&e);
	for (i = 0; i < EVENTS; i++) {
		e.time_us = e.tick = i;
		e.key = i % 977;
		assert_int_equal(pd_pds_add(w, &e, &err), 0);
		if (i % 4096 == 0) {
			assert_int_equal(pd_pds_flush(w, &err), 0);
			ship(out, &b);
		}
		if (i == EVENTS / 2)
			rd_kafka_mock_broker_set_down(cluster, 1);
	}
	assert_int_equal(pd_pds_end(w, &err), 0);
	ship(out, &b);
	pd_pds_writer_free(w);
	rd_kafka_mock_broker_set_up(cluster, 1);
	if (pd_kafka_out_close(out, 20000, &err))
		fail_msg("%s", err.msg);

	in = pd_kafka_in_open(address, false, 10000, &err);
	if (in == NULL)
		fail_msg("%s", err.msg);
	while ((got = pd_kafka_in_next(in, &b, 10000, &err)) == 1)
		;
	assert_int_equal(got, 0);
	pd_kafka_in_close(in);
	r = pd_pds_reader_mem(b.data, b.len);
	for (i = 0; pd_pds_next_event(r, &e, &err) == PD_PDS_GOT; i++)
		assert_true(e.tick == i && e.key == i % 977);
	assert_int_equal(i, EVENTS);
	pd_pds_reader_stats(r, &st);
	assert_int_equal(st.damaged, 0);
	assert_false(st.truncated);
	pd_pds_reader_free(r);
	pd_buf_release(&b);
}

/* send and receive of the program itself, through the same brokers. */
static void
the_program_sends_and_receives(void **state)
{
	const char *bin = getenv("B");
	char command[2048];

	(void)state;
	if (bin == NULL)
		skip();
	rd_kafka_mock_topic_create(cluster, "acme-cli", 2, 3);
	address[strcspn(address + 8, "/") + 8] = '\0';
	snprintf(command, sizeof(command),
	    "d=$(mktemp -d) && seq 60000 | awk '{print "
	    "$1\",\"$1%%977\",1,get\"}'"
	    " | %s/predis-sample import --format csv -o $d/a -"
	    " && %s/predis-sample send --to %s/acme-cli $d/a"
	    " && %s/predis-sample receive --from %s/acme-cli >$d/b"
	    " && cmp $d/a $d/b; r=$?; rm -rf $d; exit $r",
	    bin, bin, address, bin, address);
	assert_int_equal(system(command), 0);
}

static void
nobody_there(void **state)
{
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	assert_null(
	    pd_kafka_in_open("kafka://127.0.0.1:1/t", false, 500, &err));
	assert_non_null(strstr(err.msg, "topic 't'"));
}

static void
wrong_addresses(void **state)
{
	static const char *const bad[] = {"kafka://", "kafka://h", "kafka://h/",
	    "kafka:///t", "kafka://h/a/b", "http://h/t"};
	struct pd_err err = PD_ERR_INIT;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(pd_kafka_out_open(bad[i], &err));
		assert_null(pd_kafka_in_open(bad[i], false, 100, &err));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stream_survives_a_dead_broker),
	    cmocka_unit_test(the_program_sends_and_receives),
	    cmocka_unit_test(nobody_there),
	    cmocka_unit_test(wrong_addresses),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
