#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "base/num.h"
#include "data/redis_stream_priv.h"
#include "io/tls.h"

#define PARTITIONS 16
#define PARTITIONS_MAX 4096
#define KEY_MAX 512
#define ANSWER_MS 5000
#define ANSWER_LIVE_MS 1000
#define WAIT_MS "700" /* below both */
/* What is sent at once. */
#define BATCH_BYTES ((size_t)4 << 20)
#define BATCH_BLOCKS 128

struct sender {
	struct pd_redis_link link; /* first: pd_redis_stream_close() */
};

/* A parcel under way. */
struct job {
	struct pd_parcel *p;
	struct pd_redis *conn;
	uint32_t partition;
	bool stored;
	bool ask; /* its slot migrates: elsewhere, by itself */
};

void
pd_redis_link_key(
    const struct pd_redis_link *l, uint32_t p, char *out, size_t n)
{
	snprintf(out, n, "%s:{%" PRIu32 "}", l->env->name, p);
}

static int
open_tls(struct pd_redis_link *l, struct pd_err *err)
{
#if PD_TLS
	const struct pd_transport_opts *o = &l->env->o;

	l->tls = pd_tls_ctx_client(o->tls_ca, o->tls_cert, o->tls_key, err);
	return l->tls != NULL ? 0 : -1;
#else
	(void)l;
	return pd_err_set(err, "built without TLS: make TLS=1");
#endif
}

static int
connect_cluster(struct pd_redis_link *l, struct pd_err *err)
{
	const struct pd_transport_opts *o = &l->env->o;
	struct pd_cluster_opts c = {.retry_us = o->retry_us,
	    .stopping = o->stopping,
	    .conn = {.user = o->user,
		.timeout_ms = o->live ? ANSWER_LIVE_MS : ANSWER_MS}};

	if (l->env->password[0] != '\0')
		c.conn.password = l->env->password;
	if (l->env->tls && open_tls(l, err))
		return -1;
	c.conn.tls = l->tls;
	l->cl = pd_cluster_open(l->env->hosts, &c, err);
	return l->cl != NULL ? 0 : -1;
}

/* Answer ${r} says a number of partitions. 0 or -1. */
static int
take_partitions(
    struct pd_redis_link *l, const redisReply *r, struct pd_err *err)
{
	uint64_t n;

	if (r->type == REDIS_REPLY_NIL)
		return pd_err_set(
		    err, "'%s': there is no such stream", l->env->url);
	if (r->type != REDIS_REPLY_STRING || pd_parse_u64(r->str, &n, NULL) ||
	    n == 0 || n > PARTITIONS_MAX)
		return pd_err_set(err,
		    "'%s': key '%s:partitions' holds no "
		    "number of partitions",
		    l->env->url, l->env->name);
	if (l->env->o.partitions != 0 && l->env->o.partitions != n)
		return pd_err_set(err,
		    "'%s' has %" PRIu64 " partitions, not %" PRIu32,
		    l->env->url, n, l->env->o.partitions);
	l->n = (uint32_t)n;
	return 0;
}

static int
agree_partitions(struct pd_redis_link *l, bool make, struct pd_err *err)
{
	const struct pd_transport_opts *o = &l->env->o;
	char key[KEY_MAX], number[16];
	const char *const set[] = {"SET", key, number, "NX"};
	const char *const get[] = {"GET", key};
	uint16_t slot;
	redisReply *r;
	int rc;

	if (strlen(l->env->name) > KEY_MAX - 32)
		return pd_err_set(err, "'%s': a long name", l->env->url);
	snprintf(key, sizeof(key), "%s:partitions", l->env->name);
	snprintf(number, sizeof(number), "%" PRIu32,
	    o->partitions != 0 ? o->partitions : PARTITIONS);
	slot = pd_cluster_slot(key, strlen(key));
	if (make) {
		r = pd_cluster_call(l->cl, slot, 4, set, NULL, err);
		if (r == NULL)
			return -1;
		freeReplyObject(r); /* what went wrong, GET tells */
	}
	if ((r = pd_cluster_call(l->cl, slot, 2, get, NULL, err)) == NULL)
		return -1;
	rc = r->type == REDIS_REPLY_ERROR
		 ? pd_err_set(err, "'%s' says: %s", l->env->url, r->str)
		 : take_partitions(l, r, err);
	freeReplyObject(r);
	return rc;
}

int
pd_redis_link_open(struct pd_redis_link *l, struct pd_carrier_env *env,
    bool make, struct pd_err *err)
{
	char key[KEY_MAX];

	l->env = env;
	if (connect_cluster(l, err) || agree_partitions(l, make, err))
		return -1;
	if ((l->slot = calloc(l->n, sizeof(*l->slot))) == NULL)
		return pd_err_nomem(err);
	for (uint32_t i = 0; i < l->n; i++) {
		pd_redis_link_key(l, i, key, sizeof(key));
		l->slot[i] = pd_cluster_slot(key, strlen(key));
	}
	return 0;
}

void
pd_redis_link_close(struct pd_redis_link *l)
{
	pd_cluster_close(l->cl);
#if PD_TLS
	pd_tls_ctx_free(l->tls);
#endif
	free(l->slot);
}

/* Keep the count of reconnections true. */
static void
count_reconnects(struct pd_redis_link *l)
{
	const uint64_t n = pd_cluster_reconnects(l->cl);

	l->env->stats->reconnects += n - l->reconnects;
	l->reconnects = n;
}

struct redisReply *
pd_redis_link_call(struct pd_redis_link *l, uint32_t p, int argc,
    const char *const *argv, const size_t *len, struct pd_err *err)
{
	redisReply *r;

	r = pd_cluster_call(l->cl, l->slot[p], argc, argv, len, err);
	count_reconnects(l);
	if (r == NULL) {
		(void)pd_err_prefix(err, "'%s'", l->env->url);
		return NULL;
	}
	if (r->type != REDIS_REPLY_ERROR)
		return r;
	pd_err_set(err, "'%s' refused %s: %s", l->env->url, argv[0], r->str);
	freeReplyObject(r);
	return NULL;
}

static void *
open_sender(struct pd_carrier_env *env, struct pd_err *err)
{
	struct sender *s = calloc(1, sizeof(*s));

	if (s == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	if (pd_redis_link_open(&s->link, env, true, err) == 0)
		return s;
	pd_redis_link_close(&s->link);
	free(s);
	return NULL;
}

/* The command that stores a parcel, queued on ${conn}, or with NULL carried
 * out. */
struct xadd {
	const char *argv[14];
	size_t len[14];
	int n;
	char key[KEY_MAX], maxlen[24], id[20], seq[24];
};

static void
word(struct xadd *x, const void *p, size_t n)
{
	x->argv[x->n] = p;
	x->len[x->n++] = n;
}

static void
make_xadd(const struct sender *s, const struct job *j, struct xadd *x)
{
	const struct pd_parcel *p = j->p;

	x->n = 0;
	pd_redis_link_key(&s->link, j->partition, x->key, sizeof(x->key));
	snprintf(
	    x->maxlen, sizeof(x->maxlen), "%" PRIu64, s->link.env->o.maxlen);
	snprintf(x->id, sizeof(x->id), "%016" PRIx64, p->stream_id);
	snprintf(x->seq, sizeof(x->seq), "%" PRIu64, p->seq);
	word(x, "XADD", 4);
	word(x, x->key, strlen(x->key));
	if (s->link.env->o.maxlen > 0) {
		word(x, "MAXLEN", 6);
		word(x, "~", 1);
		word(x, x->maxlen, strlen(x->maxlen));
	}
	word(x, "*", 1);
	word(x, "i", 1);
	word(x, x->id, 16);
	word(x, "q", 1);
	word(x, x->seq, strlen(x->seq));
	word(x, "b", 1);
	word(x, p->data, p->n);
	if (p->header_n > 0) {
		word(x, "h", 1);
		word(x, p->data + p->n, p->header_n);
	}
}

/* Queue a job on the connection to its node. */
static int
queue_job(struct sender *s, struct job *j, struct pd_err *err)
{
	struct xadd x;

	j->conn = pd_cluster_node(s->link.cl, s->link.slot[j->partition], err);
	if (j->conn == NULL) {
		(void)pd_cluster_again(s->link.cl, NULL);
		return PD_CARRIER_LATER;
	}
	make_xadd(s, j, &x);
	if (j->p->tried)
		s->link.env->stats->resent++;
	j->p->tried = true;
	if (pd_redis_add(j->conn, x.n, x.argv, x.len, err))
		return -1;
	return PD_CARRIER_DONE;
}

/* Errors that no new try mends. */
static bool
for_ever(const char *text)
{
	return strncmp(text, "WRONGTYPE", 9) == 0 ||
	       strncmp(text, "NOPERM", 6) == 0 ||
	       strncmp(text, "NOAUTH", 6) == 0 || strncmp(text, "ERR ", 4) == 0;
}

/* While a slot migrates the answer is ASK: sent by itself. */
static int
ask_elsewhere(struct sender *s, struct job *j, struct pd_err *err)
{
	struct xadd x;
	redisReply *r;

	make_xadd(s, j, &x);
	r = pd_redis_link_call(&s->link, j->partition, x.n, x.argv, x.len, err);
	if (r == NULL)
		return PD_CARRIER_LATER;
	freeReplyObject(r);
	j->p->acked = true;
	s->link.env->stats->unreplicated++;
	return PD_CARRIER_DONE;
}

/* Read the answer to a job's XADD. */
static int
take_answer(struct sender *s, struct job *j, struct pd_err *err)
{
	redisReply *r;
	int rc = PD_CARRIER_LATER;

	if (pd_redis_broken(j->conn)) {
		(void)pd_cluster_again(s->link.cl, NULL);
		return rc;
	}
	if ((r = pd_redis_next(j->conn, err)) == NULL) {
		(void)pd_cluster_again(s->link.cl, NULL);
		return rc;
	}
	j->stored = r->type == REDIS_REPLY_STRING;
	j->ask =
	    r->type == REDIS_REPLY_ERROR && strncmp(r->str, "ASK ", 4) == 0;
	if (j->stored || j->ask) {
		rc = PD_CARRIER_DONE;
	} else {
		pd_err_set(err, "'%s' says: %.200s", pd_redis_name(j->conn),
		    r->type == REDIS_REPLY_ERROR ? r->str : "no ID");
		if (!pd_cluster_again(s->link.cl, r) &&
		    (r->type != REDIS_REPLY_ERROR || for_ever(r->str)))
			rc = -1;
	}
	freeReplyObject(r);
	return rc;
}

/* How many replicas have to have what was stored over ${conn}; -1: it broke. A
 * master tells itself: the map of a cluster leaves out replicas that have just
 * begun, for which it is most dangerous not to wait. */
static int
wanted(const struct sender *s, struct pd_redis *conn, struct pd_err *err)
{
	static const char *const argv[] = {"INFO", "replication"};
	const char *p = NULL;
	redisReply *r;
	int n;

	if (s->link.env->o.replicas >= 0)
		return s->link.env->o.replicas;
	if ((r = pd_redis_call(conn, 2, argv, NULL, err)) == NULL)
		return -1;
	if (r->type == REDIS_REPLY_STRING)
		p = strstr(r->str, "connected_slaves:");
	if (p != NULL)
		n = strncmp(strchr(p, ':'), ":0", 2) != 0;
	else
		n = pd_err_set(err,
		    "'%s' does not tell its replicas: say how "
		    "many (--replicas)",
		    pd_redis_name(conn));
	freeReplyObject(r);
	return n;
}

/* Do enough replicas have what was stored over ${conn}? */
static bool
replicated(struct sender *s, struct pd_redis *conn, struct pd_err *err)
{
	char number[16];
	const char *const argv[] = {"WAIT", number, WAIT_MS};
	redisReply *r;
	bool ok;
	int n;

	if (pd_redis_broken(conn) || (n = wanted(s, conn, err)) < 0)
		goto broken;
	if (n == 0)
		return true;
	snprintf(number, sizeof(number), "%d", n);
	if ((r = pd_redis_call(conn, 3, argv, NULL, err)) == NULL)
		goto broken;
	ok = r->type == REDIS_REPLY_INTEGER && r->integer >= n;
	if (!ok)
		pd_err_set(err, "'%s': too few replicas have acknowledged",
		    pd_redis_name(conn));
	freeReplyObject(r);
	return ok;
broken:
	(void)pd_cluster_again(s->link.cl, NULL);
	return false;
}

/* Each connection once: are its jobs safe? */
static int
confirm(struct sender *s, struct job *j, size_t n, struct pd_err *err)
{
	int rc = PD_CARRIER_DONE;
	struct pd_redis *conn;
	bool ok;

	for (size_t i = 0; i < n; i++) {
		if (j[i].conn == NULL || !j[i].stored || j[i].p->acked)
			continue;
		conn = j[i].conn;
		ok = replicated(s, conn, err);
		for (size_t k = i; k < n; k++)
			if (j[k].conn == conn && j[k].stored) {
				j[k].p->acked |= ok;
				j[k].conn = NULL;
			}
		if (!ok)
			rc = PD_CARRIER_LATER;
	}
	return rc;
}

static int
worse(int a, int b)
{
	return a < 0 || b < 0 ? -1 : a > b ? a : b;
}

static int
send_jobs(struct sender *s, struct job *j, size_t n, struct pd_err *err)
{
	int rc = PD_CARRIER_DONE, got;

	for (size_t i = 0; i < n && rc >= 0; i++)
		rc = worse(rc, queue_job(s, &j[i], err));
	for (size_t i = 0; i < n && rc >= 0; i++)
		if (j[i].conn != NULL)
			rc = worse(rc, take_answer(s, &j[i], err));
	if (rc < 0)
		return rc;
	got = confirm(s, j, n, err);
	rc = worse(rc, got);
	for (size_t i = 0; i < n; i++)
		if (j[i].ask)
			rc = worse(rc, ask_elsewhere(s, &j[i], err));
	return rc;
}

static int
send_list(void *c, struct pd_parcel *list, struct pd_err *err)
{
	struct sender *s = c;
	struct job j[BATCH_BLOCKS];
	size_t n = 0, bytes = 0;
	int rc;

	if (pd_cluster_settle(s->link.cl, err))
		return PD_CARRIER_LATER;
	memset(j, 0, sizeof(j));
	for (struct pd_parcel *p = list; p != NULL; p = p->next) {
		if (n == BATCH_BLOCKS || bytes >= BATCH_BYTES)
			break;
		j[n].p = p;
		j[n++].partition =
		    (uint32_t)((pd_mix64(p->stream_id) + p->seq) % s->link.n);
		bytes += p->n + p->header_n;
	}
	rc = send_jobs(s, j, n, err);
	count_reconnects(&s->link);
	return rc;
}

void
pd_redis_stream_close(void *c)
{
	struct pd_redis_link *l = c;

	if (l->release != NULL)
		l->release(c);
	pd_redis_link_close(l);
	free(c);
}

const struct pd_carrier pd_redis_stream = {
    .scheme = "redis-stream://",
    .sender = open_sender,
    .receiver = pd_redis_stream_receiver,
    .send = send_list,
    .next = pd_redis_stream_next,
    .ack = pd_redis_stream_ack,
    .close = pd_redis_stream_close,
};

const struct pd_carrier pd_redis_stream_tls = {
    .scheme = "rediss-stream://",
    .tls = true,
    .sender = open_sender,
    .receiver = pd_redis_stream_receiver,
    .send = send_list,
    .next = pd_redis_stream_next,
    .ack = pd_redis_stream_ack,
    .close = pd_redis_stream_close,
};
