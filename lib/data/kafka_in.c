/*
 * Without a group every partition is read from its beginning. In a group the
 * brokers share the partitions out; offsets are committed as far as everything
 * before them was acknowledged here.
 */
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/num.h"
#include "data/kafka_priv.h"
#include "data/pds_format.h"

#define MESSAGE_MAX "33554432"
#define PARTITIONS_MAX 65536

/* Offsets that were given and are not committed, ascending. */
struct partition {
	int64_t *offset;
	bool *acked;
	size_t n, cap;
	bool assigned, ended;
};

struct receiver {
	bool receives; /* first, as in the sender */
	rd_kafka_t *rk;
	const struct pd_carrier_env *env;
	struct partition *part;
	int nparts;
	uint64_t opened_us;
};

static void
forget(struct partition *p)
{
	free(p->offset);
	free(p->acked);
	memset(p, 0, sizeof(*p));
}

/* Partition ${i}, made when it is new; NULL: no memory, or nonsense. */
static struct partition *
partition(struct receiver *r, int32_t i)
{
	struct partition *p;

	if (i < 0 || i >= PARTITIONS_MAX)
		return NULL;
	if (i >= r->nparts) {
		p = realloc(r->part, ((size_t)i + 1) * sizeof(*p));
		if (p == NULL)
			return NULL;
		memset(
		    p + r->nparts, 0, (size_t)(i + 1 - r->nparts) * sizeof(*p));
		r->part = p;
		r->nparts = i + 1;
	}
	return &r->part[i];
}

/* Ask the brokers how many partitions the topic has. -1 with a message. */
static int
count_partitions(struct receiver *r, struct pd_err *err)
{
	const uint64_t ms = r->env->o.retry_us / 1000;
	const struct rd_kafka_metadata *md;
	rd_kafka_topic_t *t;
	rd_kafka_resp_err_t e;
	int n;

	t = rd_kafka_topic_new(r->rk, r->env->name, NULL);
	if (t == NULL)
		return pd_err_nomem(err);
	e = rd_kafka_metadata(
	    r->rk, 0, t, &md, ms > 2147483647 ? 2147483647 : (int)ms);
	rd_kafka_topic_destroy(t);
	if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
		return pd_err_set(err, "cannot ask for topic '%s': %s",
		    r->env->name, rd_kafka_err2str(e));
	n = md->topic_cnt == 1 ? md->topics[0].partition_cnt : 0;
	e = md->topic_cnt == 1 ? md->topics[0].err : e;
	rd_kafka_metadata_destroy(md);
	if (n == 0)
		return pd_err_set(err, "topic '%s' cannot be read: %s",
		    r->env->name, rd_kafka_err2str(e));
	return n;
}

static int
assign_all(struct receiver *r, struct pd_err *err)
{
	rd_kafka_topic_partition_list_t *list;
	const int n = count_partitions(r, err);
	rd_kafka_resp_err_t e;
	struct partition *p;

	if (n < 0)
		return -1;
	if ((list = rd_kafka_topic_partition_list_new(n)) == NULL)
		return pd_err_nomem(err);
	for (int i = 0; i < n; i++) {
		rd_kafka_topic_partition_list_add(list, r->env->name, i)
		    ->offset = RD_KAFKA_OFFSET_BEGINNING;
		if ((p = partition(r, i)) != NULL)
			p->assigned = true;
	}
	e = rd_kafka_assign(r->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
		return pd_err_set(err, "cannot read topic '%s': %s",
		    r->env->name, rd_kafka_err2str(e));
	return r->nparts < n ? pd_err_nomem(err) : 0;
}

/* What the group gives us or takes away; what was not committed by then comes
 * again, to whoever has the partition. */
static void
on_rebalance(rd_kafka_t *rk, rd_kafka_resp_err_t e,
    rd_kafka_topic_partition_list_t *list, void *opaque)
{
	struct receiver *r = opaque;
	struct partition *p;

	for (int i = 0; i < r->nparts; i++)
		forget(&r->part[i]);
	if (e != RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS) {
		rd_kafka_assign(rk, NULL);
		return;
	}
	for (int i = 0; i < list->cnt; i++)
		if ((p = partition(r, list->elems[i].partition)) != NULL)
			p->assigned = true;
	rd_kafka_assign(rk, list);
}

static int
subscribe(struct receiver *r, struct pd_err *err)
{
	rd_kafka_topic_partition_list_t *list =
	    rd_kafka_topic_partition_list_new(1);
	rd_kafka_resp_err_t e;

	if (list == NULL)
		return pd_err_nomem(err);
	rd_kafka_topic_partition_list_add(
	    list, r->env->name, RD_KAFKA_PARTITION_UA);
	e = rd_kafka_subscribe(r->rk, list);
	rd_kafka_topic_partition_list_destroy(list);
	if (e != RD_KAFKA_RESP_ERR_NO_ERROR)
		return pd_err_set(err, "cannot read topic '%s': %s",
		    r->env->name, rd_kafka_err2str(e));
	return 0;
}

void
pd_kafka_receiver_close(void *c)
{
	struct receiver *r = c;

	if (r->rk != NULL) {
		rd_kafka_consumer_close(r->rk);
		rd_kafka_destroy(r->rk);
	}
	for (int i = 0; i < r->nparts; i++)
		forget(&r->part[i]);
	free(r->part);
	free(r);
}

void *
pd_kafka_receiver(struct pd_carrier_env *env, struct pd_err *err)
{
	const bool group = env->o.group != NULL;
	const char *const kv[] = {"group.id",
	    group ? env->o.group : "predis-unused", "enable.auto.commit",
	    "false", "enable.auto.offset.store", "false",
	    "enable.partition.eof", "true", "auto.offset.reset", "earliest",
	    "fetch.message.max.bytes", MESSAGE_MAX, "client.id",
	    env->o.consumer != NULL ? env->o.consumer : "predis-sample", NULL};
	struct receiver *r = calloc(1, sizeof(*r));
	rd_kafka_conf_t *conf;

	if (r == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	r->receives = true;
	r->env = env;
	r->opened_us = pd_clock_mono_us();
	conf = rd_kafka_conf_new();
	rd_kafka_conf_set_opaque(conf, r);
	if (group)
		rd_kafka_conf_set_rebalance_cb(conf, on_rebalance);
	r->rk = pd_kafka_client(false, env, conf, kv, err);
	if (r->rk == NULL)
		goto err0;
	rd_kafka_poll_set_consumer(r->rk);
	if ((group ? subscribe(r, err) : assign_all(r, err)) == 0)
		return r;
err0:
	pd_kafka_receiver_close(r);
	return NULL;
}

static int
parse_key(const rd_kafka_message_t *m, uint64_t *id)
{
	char text[20], *end;

	if (m->key == NULL || m->key_len != 16)
		return -1;
	memcpy(text, m->key, 16);
	text[16] = '\0';
	if (strspn(text, "0123456789abcdef") != 16)
		return -1;
	*id = strtoull(text, &end, 16);
	return 0;
}

static int
parse_headers(const rd_kafka_message_t *m, struct pd_arrival *a)
{
	rd_kafka_headers_t *h;
	const void *v;
	char seq[24];
	size_t n;

	if (rd_kafka_message_headers(m, &h) != RD_KAFKA_RESP_ERR_NO_ERROR ||
	    rd_kafka_header_get_last(h, "q", &v, &n) !=
		RD_KAFKA_RESP_ERR_NO_ERROR ||
	    v == NULL || n == 0 || n >= sizeof(seq))
		return -1;
	memcpy(seq, v, n);
	seq[n] = '\0';
	if (pd_parse_u64(seq, &a->seq, NULL))
		return -1;
	if (rd_kafka_header_get_last(h, "h", &v, &n) ==
		RD_KAFKA_RESP_ERR_NO_ERROR &&
	    v != NULL && n <= PD_PDS_MAX_MEMBER)
		return pd_buf_add(&a->header, v, n);
	return 0;
}

/* Note that an offset was given. */
static int
note_offset(struct receiver *r, int32_t part, int64_t offset)
{
	struct partition *p = partition(r, part);
	int64_t *o;
	bool *k;
	size_t cap;

	if (p == NULL)
		return -1;
	p->ended = false;
	if (r->env->o.group == NULL)
		return 0;
	if (p->n == p->cap) {
		cap = p->cap > 0 ? 2 * p->cap : 64;
		if ((o = realloc(p->offset, cap * sizeof(*o))) == NULL)
			return -1;
		p->offset = o;
		if ((k = realloc(p->acked, cap * sizeof(*k))) == NULL)
			return -1;
		p->acked = k;
		p->cap = cap;
	}
	p->offset[p->n] = offset;
	p->acked[p->n++] = false;
	return 0;
}

/* A message as an arrival: 1; 2: it holds no block; -1. */
static int
take(struct receiver *r, const rd_kafka_message_t *m, struct pd_arrival *a,
    struct pd_err *err)
{
	if (note_offset(r, m->partition, m->offset))
		return pd_err_nomem(err);
	a->place.partition = (uint32_t)m->partition;
	a->place.a = (uint64_t)m->offset;
	if (m->len == 0 || m->len > PD_PDS_MAX_MEMBER ||
	    parse_key(m, &a->stream_id) || parse_headers(m, a)) {
		r->env->stats->bad++;
		pd_buf_clear(&a->header);
		return pd_kafka_ack(r, &a->place, 1, err) ? -1 : 2;
	}
	return pd_buf_add(&a->data, m->payload, m->len) ? pd_err_nomem(err) : 1;
}

/* Has every partition that we have been read to its end? */
static bool
at_end(const struct receiver *r)
{
	int assigned = 0;

	if (r->env->o.follow)
		return false;
	for (int i = 0; i < r->nparts; i++) {
		if (r->part[i].assigned && !r->part[i].ended)
			return false;
		assigned += r->part[i].assigned;
	}
	return assigned > 0 ||
	       pd_clock_mono_us() - r->opened_us >= r->env->o.retry_us;
}

int
pd_kafka_next(void *c, struct pd_arrival *a, int timeout_ms, struct pd_err *err)
{
	struct receiver *r = c;
	struct partition *p;
	rd_kafka_message_t *m;
	int rc = 2;

	if (at_end(r))
		return 0;
	if ((m = rd_kafka_consumer_poll(r->rk, timeout_ms)) == NULL)
		return 2;
	if (m->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
		if ((p = partition(r, m->partition)) != NULL)
			p->ended = true;
	} else if (m->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
		rc = take(r, m, a, err);
	} else if (!pd_kafka_passes(m->err)) {
		rc = pd_err_set(err, "cannot read topic '%s': %s", r->env->name,
		    rd_kafka_message_errstr(m));
	}
	rd_kafka_message_destroy(m);
	return rc;
}

/* Mark one offset as acknowledged. */
static void
mark(struct receiver *r, const struct pd_place *p)
{
	struct partition *part = partition(r, (int32_t)p->partition);

	/* A partition that was taken away has none of them. */
	for (size_t i = 0; part != NULL && i < part->n; i++)
		if (part->offset[i] == (int64_t)p->a)
			part->acked[i] = true;
}

/* The offset to commit for a partition, or -1: nothing new. */
static int64_t
committable(struct partition *p)
{
	int64_t upto = -1;
	size_t k = 0;

	while (k < p->n && p->acked[k])
		upto = p->offset[k++] + 1;
	if (k > 0) {
		memmove(
		    p->offset, p->offset + k, (p->n - k) * sizeof(*p->offset));
		memmove(p->acked, p->acked + k, (p->n - k) * sizeof(*p->acked));
		p->n -= k;
	}
	return upto;
}

int
pd_kafka_ack(void *c, const struct pd_place *p, size_t n, struct pd_err *err)
{
	struct receiver *r = c;
	rd_kafka_topic_partition_list_t *list;
	rd_kafka_resp_err_t e = RD_KAFKA_RESP_ERR_NO_ERROR;

	if (r->env->o.group == NULL)
		return 0;
	for (size_t i = 0; i < n; i++)
		mark(r, &p[i]);
	if ((list = rd_kafka_topic_partition_list_new(r->nparts)) == NULL)
		return pd_err_nomem(err);
	for (int i = 0; i < r->nparts; i++) {
		const int64_t upto = committable(&r->part[i]);

		if (upto >= 0)
			rd_kafka_topic_partition_list_add(list, r->env->name, i)
			    ->offset = upto;
	}
	if (list->cnt > 0)
		e = rd_kafka_commit(r->rk, list, 0);
	rd_kafka_topic_partition_list_destroy(list);
	/* What passes costs a delivery more, which is told as a double. */
	if (e == RD_KAFKA_RESP_ERR_NO_ERROR || pd_kafka_passes(e))
		return 0;
	return pd_err_set(err, "cannot commit to topic '%s': %s", r->env->name,
	    rd_kafka_err2str(e));
}
