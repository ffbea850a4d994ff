#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <librdkafka/rdkafka.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/kafka.h"

#define SCHEME "kafka://"
#define MESSAGE_MAX "33554432" /* a block is at most 16 MiB of payload */
#define KEY "pds"	       /* one key: one partition, in order */

struct pd_kafka_out {
	rd_kafka_t *rk;
	char *topic;
	uint64_t undelivered;
	char reason[256]; /* of the last message that was not delivered */
};

struct pd_kafka_in {
	rd_kafka_t *rk;
	char *topic;
	bool follow;
	int open_partitions; /* not yet at their end */
};

bool
pd_kafka_is_address(const char *address)
{
	return strncmp(address, SCHEME, strlen(SCHEME)) == 0;
}

/* Split an address; both parts are to be freed. 0 or -1. */
static int
split(const char *address, char **brokers, char **topic, struct pd_err *err)
{
	const char *p = address + strlen(SCHEME), *slash;

	*brokers = *topic = NULL;
	slash = pd_kafka_is_address(address) ? strchr(p, '/') : NULL;
	if (slash == NULL || slash == p || slash[1] == '\0' ||
	    strchr(slash + 1, '/') != NULL)
		return pd_err_set(
		    err, "'%s' is not kafka://BROKER,.../TOPIC", address);
	*brokers = strndup(p, (size_t)(slash - p));
	*topic = strdup(slash + 1);
	if (*brokers == NULL || *topic == NULL) {
		free(*brokers);
		free(*topic);
		*brokers = *topic = NULL;
		return pd_err_nomem(err);
	}
	return 0;
}

/* A client of ${type} with the settings ${kv} (name, value, ..., NULL). */
static rd_kafka_t *
client(rd_kafka_type_t type, const char *brokers, const char *const *kv,
    void *opaque,
    void (*delivered)(rd_kafka_t *, const rd_kafka_message_t *, void *),
    struct pd_err *err)
{
	rd_kafka_conf_t *conf = rd_kafka_conf_new();
	char why[256] = "";
	rd_kafka_t *rk;

	if (rd_kafka_conf_set(conf, "bootstrap.servers", brokers, why,
		sizeof(why)) != RD_KAFKA_CONF_OK)
		goto err0;
	for (; *kv != NULL; kv += 2)
		if (rd_kafka_conf_set(conf, kv[0], kv[1], why, sizeof(why)) !=
		    RD_KAFKA_CONF_OK)
			goto err0;
	rd_kafka_conf_set_log_cb(conf, NULL);
	rd_kafka_conf_set_opaque(conf, opaque);
	if (delivered != NULL)
		rd_kafka_conf_set_dr_msg_cb(conf, delivered);
	rk = rd_kafka_new(type, conf, why, sizeof(why));
	if (rk == NULL)
		goto err0;
	return rk;
err0:
	pd_err_set(err, "cannot set up a client of '%s': %s", brokers, why);
	rd_kafka_conf_destroy(conf);
	return NULL;
}

static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	struct pd_kafka_out *k = opaque;

	(void)rk;
	if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR)
		return;
	k->undelivered++;
	snprintf(k->reason, sizeof(k->reason), "%s", rd_kafka_err2str(m->err));
}

struct pd_kafka_out *
pd_kafka_out_open(const char *address, struct pd_err *err)
{
	static const char *const kv[] = {"enable.idempotence", "true", "acks",
	    "all", "message.max.bytes", MESSAGE_MAX, "linger.ms", "5",
	    "message.timeout.ms", "30000", NULL};
	struct pd_kafka_out *k;
	char *brokers;

	if ((k = calloc(1, sizeof(*k))) == NULL) {
		(void)pd_err_nomem(err);
		return NULL;
	}
	if (split(address, &brokers, &k->topic, err))
		goto err0;
	k->rk = client(RD_KAFKA_PRODUCER, brokers, kv, k, on_delivery, err);
	free(brokers);
	if (k->rk == NULL)
		goto err1;
	return k;
err1:
	free(k->topic);
err0:
	free(k);
	return NULL;
}

static int
delivery_error(const struct pd_kafka_out *k, struct pd_err *err)
{
	return pd_err_set(err,
	    "%llu messages to topic '%s' were not "
	    "delivered: %s",
	    (unsigned long long)k->undelivered, k->topic, k->reason);
}

int
pd_kafka_out_send(
    struct pd_kafka_out *k, const void *p, size_t n, struct pd_err *err)
{
	rd_kafka_resp_err_t e;

	for (;;) {
		/* The payload is copied (F_COPY), so the const holds. */
		e = rd_kafka_producev(k->rk, RD_KAFKA_V_TOPIC(k->topic),
		    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
		    RD_KAFKA_V_KEY(KEY, strlen(KEY)),
		    RD_KAFKA_V_VALUE((void *)(uintptr_t)p, n), RD_KAFKA_V_END);
		rd_kafka_poll(
		    k->rk, e == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
		if (k->undelivered > 0)
			return delivery_error(k, err);
		if (e == RD_KAFKA_RESP_ERR_NO_ERROR)
			return 0;
		if (e != RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return pd_err_set(err, "cannot send to topic '%s': %s",
			    k->topic, rd_kafka_err2str(e));
	}
}

int
pd_kafka_out_close(struct pd_kafka_out *k, int timeout_ms, struct pd_err *err)
{
	int r = 0;

	if (k == NULL)
		return 0;
	rd_kafka_flush(k->rk, timeout_ms);
	if (rd_kafka_outq_len(k->rk) > 0) {
		k->undelivered += (uint64_t)rd_kafka_outq_len(k->rk);
		snprintf(k->reason, sizeof(k->reason), "no answer within %d ms",
		    timeout_ms);
		rd_kafka_purge(
		    k->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	}
	if (k->undelivered > 0)
		r = delivery_error(k, err);
	rd_kafka_destroy(k->rk);
	free(k->topic);
	free(k);
	return r;
}

/* Ask the brokers how many partitions the topic has. -1 with a message. */
static int
partitions(struct pd_kafka_in *k, int timeout_ms, struct pd_err *err)
{
	const struct rd_kafka_metadata *md;
	rd_kafka_topic_t *t;
	rd_kafka_resp_err_t e;
	int n;

	t = rd_kafka_topic_new(k->rk, k->topic, NULL);
	if (t == NULL)
		return pd_err_nomem(err);
	e = rd_kafka_metadata(k->rk, 0, t, &md, timeout_ms);
	rd_kafka_topic_destroy(t);
	if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
		return pd_err_set(err, "cannot ask for topic '%s': %s",
		    k->topic, rd_kafka_err2str(e));
	n = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
	e = md->topic_cnt == 1 ? md->topics[0].err : e;
	rd_kafka_metadata_destroy(md);
	if (n == 0)
		return pd_err_set(err, "topic '%s' cannot be read: %s",
		    k->topic, rd_kafka_err2str(e));
	return n;
}

static int
assign(struct pd_kafka_in *k, int n, struct pd_err *err)
{
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t e;
	int i;

	list = rd_kafka_topic_partition_list_new(n);
	for (i = 0; i < n; i++)
		rd_kafka_topic_partition_list_add(list, k->topic, i)->offset =
		    RD_KAFKA_OFFSET_BEGINNING;
	e = rd_kafka_assign(k->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
		return pd_err_set(err, "cannot read topic '%s': %s", k->topic,
		    rd_kafka_err2str(e));
	k->open_partitions = n;
	return 0;
}

struct pd_kafka_in *
pd_kafka_in_open(
    const char *address, bool follow, int timeout_ms, struct pd_err *err)
{
	static const char *const kv[] = {"group.id", "predis-unused",
	    "enable.auto.commit", "false", "enable.partition.eof", "true",
	    "fetch.message.max.bytes", MESSAGE_MAX, NULL};
	struct pd_kafka_in *k;
	char *brokers;
	int n;

	if ((k = calloc(1, sizeof(*k))) == NULL) {
		(void)pd_err_nomem(err);
		return NULL;
	}
	k->follow = follow;
	if (split(address, &brokers, &k->topic, err))
		goto err0;
	k->rk = client(RD_KAFKA_CONSUMER, brokers, kv, k, NULL, err);
	free(brokers);
	if (k->rk == NULL)
		goto err0;
	rd_kafka_poll_set_consumer(k->rk);
	if ((n = partitions(k, timeout_ms, err)) < 0 || assign(k, n, err))
		goto err0;
	return k;
err0:
	pd_kafka_in_close(k);
	return NULL;
}

int
pd_kafka_in_next(struct pd_kafka_in *k, struct pd_buf *out, int timeout_ms,
    struct pd_err *err)
{
	rd_kafka_message_t *m;
	int r;

	while (k->follow || k->open_partitions > 0) {
		m = rd_kafka_consumer_poll(k->rk, timeout_ms);
		if (m == NULL)
			return 2;
		if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
			k->open_partitions--;
			rd_kafka_message_destroy(m);
			continue;
		}
		if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
			r = pd_err_set(err, "cannot read topic '%s': %s",
			    k->topic, rd_kafka_message_errstr(m));
			rd_kafka_message_destroy(m);
			return r;
		}
		r = pd_buf_add(out, m->payload, m->len);
		rd_kafka_message_destroy(m);
		return r ? pd_err_nomem(err) : 1;
	}
	return 0;
}

void
pd_kafka_in_close(struct pd_kafka_in *k)
{
	if (k == NULL)
		return;
	if (k->rk != NULL) {
		rd_kafka_consumer_close(k->rk);
		rd_kafka_destroy(k->rk);
	}
	free(k->topic);
	free(k);
}
