#include <inttypes.h>
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "data/kafka_priv.h"
#include "io/lines.h"

#define MESSAGE_MAX "33554432" /* a block is at most 16 MiB of payload */
#define POLL_MS 200

/* Either side, told apart by its first member. */
struct sender {
	bool receives;
	rd_kafka_t *rk;
	const struct pd_carrier_env *env;
	struct pd_parcel *list; /* while sending: what is asked about */
	uint64_t tickets;
	rd_kafka_resp_err_t failed; /* of the last report */
};

static int
set(rd_kafka_conf_t *conf, const char *name, const char *value,
    struct pd_err *err)
{
	char why[256] = "";

	if (rd_kafka_conf_set(conf, name, value, why, sizeof(why)) ==
	    RD_KAFKA_CONF_OK)
		return 0;
	return pd_err_set(err, "Kafka's setting '%s': %s", name, why);
}

/* librdkafka's own settings, a line NAME=VALUE each; '#' begins a comment. */
static int
read_config(rd_kafka_conf_t *conf, const char *path, struct pd_err *err)
{
	struct pd_lines *l;
	char *line, *value;
	ssize_t n;
	int rc = 0;

	if (path == NULL)
		return 0;
	if ((l = pd_lines_open(path, err)) == NULL)
		return -1;
	while (rc == 0 && (n = pd_lines_next(l, &line, err)) >= 0) {
		if (n == 0 || line[0] == '#')
			continue;
		if ((value = strchr(line, '=')) == NULL) {
			rc = pd_err_set(err,
			    "'%s' line %" PRIu64 ": not NAME=VALUE", path,
			    pd_lines_number(l));
			break;
		}
		*value++ = '\0';
		rc = set(conf, line, value, err);
	}
	if (rc == 0 && n < -1)
		rc = -1;
	pd_lines_close(l);
	return rc;
}

static int
configure(rd_kafka_conf_t *conf, const struct pd_carrier_env *env,
    const char *const *kv, struct pd_err *err)
{
	if (set(conf, "bootstrap.servers", env->hosts, err))
		return -1;
	for (; *kv != NULL; kv += 2)
		if (set(conf, kv[0], kv[1], err))
			return -1;
	return read_config(conf, env->o.kafka_config, err);
}

struct rd_kafka_s *
pd_kafka_client(bool producer, const struct pd_carrier_env *env,
    struct rd_kafka_conf_s *conf, const char *const *kv, struct pd_err *err)
{
	char why[256] = "";
	rd_kafka_t *rk;

	if (configure(conf, env, kv, err)) {
		rd_kafka_conf_destroy(conf);
		return NULL;
	}
	rd_kafka_conf_set_log_cb(conf, NULL);
	rk = rd_kafka_new(producer ? RD_KAFKA_PRODUCER : RD_KAFKA_CONSUMER,
	    conf, why, sizeof(why));
	if (rk == NULL) {
		pd_err_set(
		    err, "cannot set up a client of '%s': %s", env->hosts, why);
		rd_kafka_conf_destroy(conf);
	}
	return rk;
}

bool
pd_kafka_passes(int e)
{
	switch (e) {
	case RD_KAFKA_RESP_ERR__TRANSPORT:
	case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
	case RD_KAFKA_RESP_ERR__RESOLVE:
	case RD_KAFKA_RESP_ERR__TIMED_OUT:
	case RD_KAFKA_RESP_ERR__WAIT_COORD:
	case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
	case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
	case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
	case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
	case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
	case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
		return true;
	default:
		return false;
	}
}

/* The report on one message: its ticket finds its parcel, if that is still
 * there. */
static void
on_delivery(rd_kafka_t *rk, const rd_kafka_message_t *m, void *opaque)
{
	const uint64_t ticket = (uint64_t)(uintptr_t)m->_private;
	struct sender *s = opaque;
	struct pd_parcel *p = s->list;

	(void)rk;
	while (p != NULL && p->ticket != ticket)
		p = p->next;
	if (m->err != RD_KAFKA_RESP_ERR_NO_ERROR)
		s->failed = m->err;
	if (p == NULL)
		return;
	p->ticket = 0;
	p->acked = m->err == RD_KAFKA_RESP_ERR_NO_ERROR;
}

static void *
open_sender(struct pd_carrier_env *env, struct pd_err *err)
{
	char timeout[24];
	const char *const kv[] = {"enable.idempotence", "true", "acks", "all",
	    "message.max.bytes", MESSAGE_MAX, "linger.ms", "5",
	    "message.timeout.ms", timeout, NULL};
	const uint64_t ms = env->o.retry_us / 1000;
	struct sender *s = calloc(1, sizeof(*s));
	rd_kafka_conf_t *conf;

	if (s == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	s->env = env;
	snprintf(timeout, sizeof(timeout), "%" PRIu64,
	    ms < 1000	      ? 1000
	    : ms > 2147483647 ? 2147483647
			      : ms);
	conf = rd_kafka_conf_new();
	rd_kafka_conf_set_opaque(conf, s);
	rd_kafka_conf_set_dr_msg_cb(conf, on_delivery);
	s->rk = pd_kafka_client(true, env, conf, kv, err);
	if (s->rk != NULL)
		return s;
	free(s);
	return NULL;
}

static rd_kafka_resp_err_t
produce(struct sender *s, struct pd_parcel *p)
{
	char id[20], seq[24];
	rd_kafka_resp_err_t e;

	snprintf(id, sizeof(id), "%016" PRIx64, p->stream_id);
	snprintf(seq, sizeof(seq), "%" PRIu64, p->seq);
	p->ticket = ++s->tickets;
	e = rd_kafka_producev(s->rk, RD_KAFKA_V_TOPIC(s->env->name),
	    RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY), RD_KAFKA_V_KEY(id, 16),
	    RD_KAFKA_V_VALUE(p->data, p->n),
	    RD_KAFKA_V_HEADER("q", seq, (ssize_t)strlen(seq)),
	    RD_KAFKA_V_HEADER("h", (p->data + p->n), (ssize_t)p->header_n),
	    RD_KAFKA_V_OPAQUE((void *)(uintptr_t)p->ticket), RD_KAFKA_V_END);
	if (e != RD_KAFKA_RESP_ERR_NO_ERROR) {
		p->ticket = 0;
		return e;
	}
	if (p->tried)
		s->env->stats->resent++;
	p->tried = true;
	return e;
}

/* Hand over what librdkafka does not have yet. */
static int
hand_over(struct sender *s, struct pd_err *err)
{
	for (struct pd_parcel *p = s->list; p != NULL; p = p->next) {
		rd_kafka_resp_err_t e;

		if (p->acked || p->ticket != 0)
			continue;
		e = produce(s, p);
		if (e == RD_KAFKA_RESP_ERR__QUEUE_FULL)
			return PD_CARRIER_DONE; /* it has enough to do */
		if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
			return pd_err_set(err, "cannot send to topic '%s': %s",
			    s->env->name, rd_kafka_err2str(e));
	}
	return PD_CARRIER_DONE;
}

/* librdkafka tries again by itself: what it gives up has had its time. */
static int
send_list(void *c, struct pd_parcel *list, struct pd_err *err)
{
	struct sender *s = c;
	int rc;

	s->list = list;
	s->failed = RD_KAFKA_RESP_ERR_NO_ERROR;
	rc = hand_over(s, err);
	rd_kafka_poll(s->rk, 0);
	if (rc == PD_CARRIER_DONE && !s->env->o.live)
		rd_kafka_flush(s->rk, POLL_MS);
	s->list = NULL;
	if (rc < 0 || s->failed == RD_KAFKA_RESP_ERR_NO_ERROR)
		return rc;
	pd_err_set(
	    err, "topic '%s': %s", s->env->name, rd_kafka_err2str(s->failed));
	return pd_kafka_passes(s->failed) ? PD_CARRIER_LATER : -1;
}

static void
close_either(void *c)
{
	struct sender *s = c;

	if (s->receives) {
		pd_kafka_receiver_close(c);
		return;
	}
	rd_kafka_purge(
	    s->rk, RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
	rd_kafka_destroy(s->rk);
	free(s);
}

const struct pd_carrier pd_kafka = {
    .scheme = "kafka://",
    .sender = open_sender,
    .receiver = pd_kafka_receiver,
    .send = send_list,
    .next = pd_kafka_next,
    .ack = pd_kafka_ack,
    .close = close_either,
};
