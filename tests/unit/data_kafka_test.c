/*
 * Against the mock cluster of librdkafka: three brokers in this process that
 * speak the real protocol over loopback TCP. Events are numbered by their
 * ticks, so that a lost one and a double are seen. PREDIS_NET_EVENTS sets
 * their number: `make check-long` takes a million.
 */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>
#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/event.h"
#include "data/pds.h"
#include "data/transport.h"
#include "io/fd.h"

static rd_kafka_t *owner;
static rd_kafka_mock_cluster_t *cluster;
static char brokers[256];
static char dir[64];
static pid_t consumer; /* 0: none runs */
static uint64_t events = 100000;

static int
setup(void **state)
{
	const char *n = getenv("PREDIS_NET_EVENTS");
	rd_kafka_conf_t *conf;
	char why[256];

	(void)state;
	if (n != NULL)
		events = strtoull(n, NULL, 10);
	conf = rd_kafka_conf_new();
	rd_kafka_conf_set_log_cb(conf, NULL);
	owner = rd_kafka_new(RD_KAFKA_PRODUCER, conf, why, sizeof(why));
	if (owner == NULL)
		return -1;
	cluster = rd_kafka_mock_cluster_new(owner, 3);
	snprintf(brokers, sizeof(brokers), "%s",
	    rd_kafka_mock_cluster_bootstraps(cluster));
	snprintf(dir, sizeof(dir), "/tmp/predis-kafka-XXXXXX");
	return mkdtemp(dir) == NULL ? -1 : 0;
}

static int
teardown(void **state)
{
	char command[128];

	(void)state;
	if (consumer > 0)
		kill(consumer, SIGKILL);
	rd_kafka_mock_cluster_destroy(cluster);
	rd_kafka_destroy(owner);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command); /* NOLINT(cert-env33-c): names made here */
}

/* A topic of its own for a test, and its address. */
static const char *
topic(const char *name, int partitions)
{
	static char url[400];

	assert_int_equal(
	    rd_kafka_mock_topic_create(cluster, name, partitions, 3), 0);
	snprintf(url, sizeof(url), "kafka://%s/%s", brokers, name);
	return url;
}

static int
into_transport(void *cookie, const void *p, size_t n, struct pd_err *err)
{
	return pd_transport_write(cookie, p, n, err);
}

/* Write numbered events in blocks of 1,000; half-way ${half} happens. */
static void
send_numbered(struct pd_transport *t, void (*half)(struct pd_transport *))
{
	static const char header[] = "{\"schema\":\"events\"}";
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_writer *w;
	struct pd_event e;

	w = pd_pds_writer_new(&(struct pd_pds_wopts){.fd = -1,
				  .write = into_transport,
				  .cookie = t,
				  .block_records = 1000},
	    &err);
	assert_non_null(w);
	assert_int_equal(pd_pds_header(w, header, strlen(header), &err), 0);
	pd_event_init(&e);
	for (uint64_t i = 0; i < events; i++) {
		e.time_us = e.tick = i;
		e.key = i % 977;
		if (pd_pds_add(w, &e, &err))
			fail_msg("%s", err.msg);
		if (half != NULL && i == events / 2)
			half(t);
	}
	if (pd_pds_end(w, &err) || pd_transport_flush(t, &err))
		fail_msg("%s", err.msg);
	pd_pds_writer_free(w);
}

/* Each tick from 0 to events - 1 is in ${b} exactly once, in order. */
static void
all_once(const struct pd_buf *b, bool whole)
{
	struct pd_pds_reader *r = pd_pds_reader_mem(b->data, b->len);
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_stats st;
	struct pd_event e;
	uint64_t i;

	for (i = 0; pd_pds_next_event(r, &e, &err) == PD_PDS_GOT; i++)
		if (e.tick != i || e.key != i % 977)
			fail_msg("tick %llu at %llu",
			    (unsigned long long)e.tick, (unsigned long long)i);
	assert_int_equal(i, events);
	pd_pds_reader_stats(r, &st);
	if (whole)
		assert_int_equal(st.damaged, 0);
	assert_int_equal(st.records_lost, 0);
	assert_false(st.truncated);
	pd_pds_reader_free(r);
}

/* A broker dies; as in a real cluster, the others take its partitions. */
static void
kill_broker(struct pd_transport *t)
{
	(void)t;
	rd_kafka_mock_broker_set_down(cluster, 1);
	for (int p = 0; p < 4; p++)
		rd_kafka_mock_partition_set_leader(
		    cluster, "acme-events", p, 2 + p % 2);
}

static void
a_stream_survives_a_dead_broker(void **state)
{
	const char *url = topic("acme-events", 4);
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf b = PD_BUF_INIT;
	struct pd_transport_stats st;
	struct pd_transport *t;
	ssize_t n;

	(void)state;
	if ((t = pd_transport_sender(url, NULL, &err)) == NULL)
		fail_msg("%s", err.msg);
	send_numbered(t, kill_broker);
	rd_kafka_mock_broker_set_up(cluster, 1);
	pd_transport_stats(t, &st);
	assert_int_equal(st.blocks, (events + 999) / 1000 + 2);
	pd_transport_close(t);

	if ((t = pd_transport_receiver(url, NULL, &err)) == NULL)
		fail_msg("%s", err.msg);
	do {
		assert_int_equal(pd_buf_reserve(&b, 1 << 16), 0);
		n = pd_transport_read(t, b.data + b.len, 1 << 16, &err);
		if (n < 0)
			fail_msg("%s", err.msg);
		b.len += (size_t)n;
	} while (n > 0);
	pd_transport_stats(t, &st);
	assert_int_equal(st.missing + st.duplicates + st.bad, 0);
	pd_transport_close(t);
	all_once(&b, true);
	pd_buf_release(&b);
}

/* predis-sample receive, as a member of a group that keeps to one file. */
static pid_t
start_consumer(const char *bin, const char *url)
{
	char program[512], output[128], config[128];
	pid_t pid;

	snprintf(program, sizeof(program), "%s/predis-sample", bin);
	snprintf(output, sizeof(output), "%s/out.pds", dir);
	snprintf(config, sizeof(config), "%s/kafka.conf", dir);
	if ((pid = fork()) == 0) {
		execl(program, program, "receive", "--from", url, "--group",
		    "acme", "--follow", "--append", "-o", output,
		    "--kafka-config", config, (char *)NULL);
		_exit(127);
	}
	assert_true(pid > 0);
	consumer = pid;
	return pid;
}

static off_t
size_of(const char *name)
{
	char path[128];
	struct stat st;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return stat(path, &st) == 0 ? st.st_size : 0;
}

/* Wait until the output has more than ${size} bytes. */
static void
wait_size(off_t size)
{
	for (int i = 0; i < 1200 && size_of("out.pds") <= size; i++)
		(void)poll(NULL, 0, 50);
	assert_true(size_of("out.pds") > size);
}

static const char *consumer_bin, *consumer_url;

/* A consumer takes some blocks and is killed before it can have said so of all
 * of them. */
static void
kill_consumer(struct pd_transport *t)
{
	struct pd_err err = PD_ERR_INIT;
	pid_t pid;
	int how;

	if (pd_transport_flush(t, &err))
		fail_msg("%s", err.msg);
	pid = start_consumer(consumer_bin, consumer_url);
	wait_size(0);
	kill(pid, SIGKILL);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	consumer = 0;
}

/* A consumer is killed half-way; the next one of its group goes on, and its
 * file has every event once, also when all are sent once more. */
static void
a_killed_consumer_costs_nothing(void **state)
{
	const char *bin = getenv("B"), *url;
	struct pd_err err = PD_ERR_INIT;
	struct pd_transport *t;
	struct pd_buf b = PD_BUF_INIT;
	char path[128];
	FILE *f;
	pid_t pid;
	int how;

	(void)state;
	if (bin == NULL)
		skip();
	url = topic("acme-group", 4);
	snprintf(path, sizeof(path), "%s/kafka.conf", dir);
	f = fopen(path, "w");
	assert_non_null(f);
	fprintf(f, "# short, for a test\nsession.timeout.ms=5000\n"
		   "heartbeat.interval.ms=300\nfetch.message.max.bytes=4096\n"
		   "queued.min.messages=2\n");
	fclose(f);
	if ((t = pd_transport_sender(url, NULL, &err)) == NULL)
		fail_msg("%s", err.msg);
	consumer_bin = bin;
	consumer_url = url;
	send_numbered(t, kill_consumer);
	send_numbered(t, NULL);
	pd_transport_close(t);
	pid = start_consumer(bin, url);
	/* The Z block is the last of the stream. */
	snprintf(path, sizeof(path), "%s/out.pds", dir);
	for (int i = 0; i < 600; i++) {
		struct pd_pds_reader *r;
		struct pd_pds_stats st;
		struct pd_pds_block blk;

		pd_buf_clear(&b);
		assert_int_equal(
		    pd_read_file(path, (size_t)1 << 30, &b, &err), 0);
		r = pd_pds_reader_mem(b.data, b.len);
		while (pd_pds_next(r, &blk, &err) == PD_PDS_GOT)
			;
		pd_pds_reader_stats(r, &st);
		pd_pds_reader_free(r);
		if (!st.truncated && st.records >= events)
			break;
		(void)poll(NULL, 0, 100);
	}
	kill(pid, SIGTERM);
	assert_int_equal(waitpid(pid, &how, 0), pid);
	consumer = 0;
	assert_true(WIFEXITED(how));
	assert_int_equal(WEXITSTATUS(how), 0);
	pd_buf_clear(&b);
	assert_int_equal(pd_read_file(path, (size_t)1 << 30, &b, &err), 0);
	all_once(&b, false);
	pd_buf_release(&b);
}

/* send and receive of the program itself, through the same brokers. */
static void
the_program_sends_and_receives(void **state)
{
	const char *bin = getenv("B"), *url;
	char command[2048];

	(void)state;
	if (bin == NULL)
		skip();
	url = topic("acme-cli", 2);
	snprintf(command, sizeof(command),
	    "cd %s && seq 60000 | awk '{print $1\",\"$1%%977\",1,get\"}'"
	    " | %s/predis-sample import --format csv -o a -"
	    " && %s/predis-sample send --to %s a"
	    " && %s/predis-sample receive --from %s >b && cmp a b",
	    dir, bin, bin, url, bin, url);
	/* NOLINTNEXTLINE(cert-env33-c): names made here */
	assert_int_equal(system(command), 0);
}

static void
nobody_there(void **state)
{
	const struct pd_transport_opts o = {.retry_us = 500000};
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	assert_null(pd_transport_receiver("kafka://127.0.0.1:1/t", &o, &err));
	assert_non_null(strstr(err.msg, "topic 't'"));
}

/* Blocks for nobody are an error when their time is over, and stay held. */
static void
nobody_takes_them(void **state)
{
	const struct pd_transport_opts o = {.retry_us = 1000000};
	const struct pd_transport_block b = {
	    .stream_id = 1, .seq = 0, .data = "x", .n = 1, .type = 'H'};
	struct pd_err err = PD_ERR_INIT;
	struct pd_transport_stats st;
	struct pd_transport *t;

	(void)state;
	t = pd_transport_sender("kafka://127.0.0.1:1/t", &o, &err);
	assert_non_null(t);
	assert_int_equal(pd_transport_put(t, &b, &err), 0);
	assert_int_equal(pd_transport_flush(t, &err), -1);
	assert_non_null(strstr(err.msg, "1 blocks not delivered"));
	pd_transport_stats(t, &st);
	assert_int_equal(st.blocks, 0);
	pd_transport_close(t);
}

static void
wrong_addresses(void **state)
{
	static const char *const bad[] = {"kafka://", "kafka://h", "kafka://h/",
	    "kafka:///t", "kafka://h/a/b", "http://h/t"};
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_null(pd_transport_sender(bad[i], NULL, &err));
		assert_null(pd_transport_receiver(bad[i], NULL, &err));
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_stream_survives_a_dead_broker),
	    cmocka_unit_test(a_killed_consumer_costs_nothing),
	    cmocka_unit_test(the_program_sends_and_receives),
	    cmocka_unit_test(nobody_there),
	    cmocka_unit_test(nobody_takes_them),
	    cmocka_unit_test(wrong_addresses),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
