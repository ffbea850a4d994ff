/*
 * Reading the partitions one entry each in turn, so that what is held back to
 * restore the order stays little. In a group: first what this consumer was
 * given before and did not acknowledge, then what others left behind, then new
 * entries.
 */
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/num.h"
#include "data/pds_format.h"
#include "data/redis_stream_priv.h"

#define FETCH "4" /* entries at once of a partition */
#define KEY_MAX 512
#define ID_MAX 48
#define IDLE_MIN_MS 5
#define IDLE_MAX_MS 200
#define ACKS_MAX 256 /* entries a command */

enum phase {
	OWN,   /* what this consumer has pending */
	CLAIM, /* what others have had pending for too long */
	FRESH,
};

struct partition {
	enum phase phase;
	char cursor[ID_MAX]; /* the ID last seen, "0-0" before any */
	redisReply *reply;   /* entries not yet taken ... */
	const redisReply *list;
	size_t at;
	uint64_t claim_us; /* when to claim again */
	bool ended;
};

struct receiver {
	struct pd_redis_link link; /* first: pd_redis_stream_close() */
	struct partition *part;
	uint32_t turn;
	int idle_ms;
	char consumer[320];
	char idle[24]; /* claim_us in ms */
};

static int
parse_hex(const char *p, size_t n, uint64_t *out)
{
	uint64_t v = 0;

	if (n == 0 || n > 16)
		return -1;
	for (size_t i = 0; i < n; i++) {
		const char *d = "0123456789abcdef", *at;

		if (p[i] == '\0' || (at = strchr(d, p[i])) == NULL)
			return -1;
		v = v << 4 | (uint64_t)(at - d);
	}
	*out = v;
	return 0;
}

static int
parse_id(const redisReply *r, struct pd_place *p)
{
	char text[ID_MAX], *dash;

	if (r->type != REDIS_REPLY_STRING || r->len >= sizeof(text) ||
	    strlen(r->str) != r->len)
		return -1;
	memcpy(text, r->str, r->len + 1);
	if ((dash = strchr(text, '-')) == NULL)
		return -1;
	*dash = '\0';
	return pd_parse_u64(text, &p->a, NULL) ||
		       pd_parse_u64(dash + 1, &p->b, NULL)
		   ? -1
		   : 0;
}

/* One field of an entry; the names are one letter. */
static int
take_field(struct pd_arrival *a, char name, const redisReply *v, unsigned *have)
{
	switch (name) {
	case 'i':
		*have |= 1;
		return parse_hex(v->str, v->len, &a->stream_id);
	case 'q':
		*have |= 2;
		if (strlen(v->str) != v->len)
			return -1;
		return pd_parse_u64(v->str, &a->seq, NULL);
	case 'b':
		*have |= 4;
		if (v->len == 0 || v->len > PD_PDS_MAX_MEMBER)
			return -1;
		pd_buf_clear(&a->data);
		return pd_buf_add(&a->data, v->str, v->len);
	case 'h':
		if (v->len > PD_PDS_MAX_MEMBER)
			return -1;
		pd_buf_clear(&a->header);
		return pd_buf_add(&a->header, v->str, v->len);
	default:
		return 0; /* of a later version */
	}
}

int
pd_redis_stream_entry(const struct redisReply *r, struct pd_arrival *a)
{
	const redisReply *f;
	unsigned have = 0;

	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    parse_id(r->element[0], &a->place))
		return -1;
	f = r->element[1];
	if (f->type != REDIS_REPLY_ARRAY || f->elements % 2 != 0)
		return -1;
	for (size_t i = 0; i < f->elements; i += 2) {
		const redisReply *name = f->element[i], *v = f->element[i + 1];

		if (name->type != REDIS_REPLY_STRING ||
		    v->type != REDIS_REPLY_STRING)
			return -1;
		if (name->len == 1 && take_field(a, name->str[0], v, &have))
			return -1;
	}
	return have == 7 ? 0 : -1;
}

static void
drop_reply(struct partition *p)
{
	if (p->reply != NULL)
		freeReplyObject(p->reply);
	p->reply = NULL;
	p->list = NULL;
	p->at = 0;
}

static void
release(void *c)
{
	struct receiver *r = c;

	for (uint32_t i = 0; r->part != NULL && i < r->link.n; i++)
		drop_reply(&r->part[i]);
	free(r->part);
}

/* Make the group of partition ${i} where it is not there. */
static int
make_group(struct receiver *r, uint32_t i, struct pd_err *err)
{
	char key[KEY_MAX];
	const char *const argv[] = {
	    "XGROUP", "CREATE", key, r->link.env->o.group, "0", "MKSTREAM"};
	struct pd_err e = PD_ERR_INIT;
	redisReply *got;

	pd_redis_link_key(&r->link, i, key, sizeof(key));
	got = pd_redis_link_call(&r->link, i, 6, argv, NULL, &e);
	if (got == NULL && strstr(e.msg, "BUSYGROUP") == NULL)
		return pd_err_set(err, "%s", e.msg);
	if (got != NULL)
		freeReplyObject(got);
	return 0;
}

static void
begin(struct receiver *r, uint32_t i)
{
	struct partition *p = &r->part[i];

	p->phase = r->link.env->o.group != NULL ? OWN : FRESH;
	snprintf(p->cursor, sizeof(p->cursor), "0-0");
}

static void
name_consumer(struct receiver *r)
{
	const char *name = r->link.env->o.consumer;
	char host[256] = "";

	if (name == NULL) {
		(void)gethostname(host, sizeof(host) - 1);
		snprintf(r->consumer, sizeof(r->consumer), "%s-%ld", host,
		    (long)getpid());
		return;
	}
	snprintf(r->consumer, sizeof(r->consumer), "%s", name);
}

void *
pd_redis_stream_receiver(struct pd_carrier_env *env, struct pd_err *err)
{
	struct receiver *r = calloc(1, sizeof(*r));

	if (r == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	r->link.release = release;
	r->idle_ms = IDLE_MIN_MS;
	if (pd_redis_link_open(
		&r->link, env, env->o.follow || env->o.group != NULL, err))
		goto err0;
	if ((r->part = calloc(r->link.n, sizeof(*r->part))) == NULL) {
		pd_err_nomem(err);
		goto err0;
	}
	name_consumer(r);
	snprintf(r->idle, sizeof(r->idle), "%" PRIu64, env->o.claim_us / 1000);
	for (uint32_t i = 0; i < r->link.n; i++) {
		begin(r, i);
		if (env->o.group != NULL && make_group(r, i, err))
			goto err0;
	}
	return r;
err0:
	pd_redis_stream_close(r);
	return NULL;
}

/* Entries of XREAD and XREADGROUP: [[key, [entry, ...]]], or nil. */
static const redisReply *
read_entries(const redisReply *r)
{
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 1)
		return NULL;
	r = r->element[0];
	if (r->type != REDIS_REPLY_ARRAY || r->elements != 2 ||
	    r->element[1]->type != REDIS_REPLY_ARRAY)
		return NULL;
	return r->element[1]->elements > 0 ? r->element[1] : NULL;
}

static redisReply *
ask(struct receiver *r, uint32_t i, int argc, const char *const *argv,
    struct pd_err *err)
{
	struct pd_err e = PD_ERR_INIT;
	redisReply *got;

	got = pd_redis_link_call(&r->link, i, argc, argv, NULL, &e);
	if (got != NULL)
		return got;
	/* A promoted replica may not know the group yet. */
	if (r->link.env->o.group != NULL && strstr(e.msg, "NOGROUP") != NULL &&
	    make_group(r, i, &e) == 0)
		got = pd_redis_link_call(&r->link, i, argc, argv, NULL, &e);
	if (got == NULL)
		pd_err_set(err, "%s", e.msg);
	return got;
}

/* What others have not acknowledged for claim_us. 0 or -1. */
static int
fetch_claims(
    struct receiver *r, uint32_t i, const char *key, struct pd_err *err)
{
	struct partition *p = &r->part[i];
	const char *const argv[] = {"XAUTOCLAIM", key, r->link.env->o.group,
	    r->consumer, r->idle, p->cursor, "COUNT", FETCH};
	const redisReply *next;

	if ((p->reply = ask(r, i, 8, argv, err)) == NULL)
		return -1;
	if (p->reply->type != REDIS_REPLY_ARRAY || p->reply->elements < 2)
		return pd_err_set(err, "XAUTOCLAIM gave no list");
	next = p->reply->element[0];
	p->list = p->reply->element[1];
	if (p->list->type != REDIS_REPLY_ARRAY || p->list->elements == 0)
		p->list = NULL;
	if (next->type == REDIS_REPLY_STRING && next->len < ID_MAX &&
	    strcmp(next->str, "0-0") != 0) {
		snprintf(p->cursor, sizeof(p->cursor), "%s", next->str);
		return 0;
	}
	p->phase = FRESH;
	p->claim_us = pd_clock_mono_us() + r->link.env->o.claim_us / 2;
	return 0;
}

static int
fetch_group(struct receiver *r, uint32_t i, const char *key, struct pd_err *err)
{
	struct partition *p = &r->part[i];
	const char *const argv[] = {"XREADGROUP", "GROUP", r->link.env->o.group,
	    r->consumer, "COUNT", FETCH, "STREAMS", key,
	    p->phase == OWN ? p->cursor : ">"};

	if ((p->reply = ask(r, i, 9, argv, err)) == NULL)
		return -1;
	p->list = read_entries(p->reply);
	if (p->list == NULL && p->phase == OWN) {
		p->phase = CLAIM;
		snprintf(p->cursor, sizeof(p->cursor), "0-0");
	}
	return 0;
}

static int
fetch_all(struct receiver *r, uint32_t i, const char *key, struct pd_err *err)
{
	struct partition *p = &r->part[i];
	const char *const argv[] = {
	    "XREAD", "COUNT", FETCH, "STREAMS", key, p->cursor};

	if ((p->reply = ask(r, i, 6, argv, err)) == NULL)
		return -1;
	p->list = read_entries(p->reply);
	return 0;
}

/* Have entries of partition ${i}, if there are any. 0 or -1. */
static int
fetch(struct receiver *r, uint32_t i, struct pd_err *err)
{
	struct partition *p = &r->part[i];
	char key[KEY_MAX];
	enum phase was;
	int rc;

	pd_redis_link_key(&r->link, i, key, sizeof(key));
	if (p->phase == FRESH && p->claim_us != 0 && r->link.env->o.follow &&
	    pd_clock_mono_us() >= p->claim_us) {
		p->phase = CLAIM;
		snprintf(p->cursor, sizeof(p->cursor), "0-0");
	}
	do {
		was = p->phase;
		drop_reply(p);
		if (p->phase == CLAIM)
			rc = fetch_claims(r, i, key, err);
		else if (r->link.env->o.group != NULL)
			rc = fetch_group(r, i, key, err);
		else
			rc = fetch_all(r, i, key, err);
		/* A phase that gave nothing: the next one, at once. */
	} while (rc == 0 && p->list == NULL && was != FRESH);
	p->ended = rc == 0 && p->list == NULL;
	return rc;
}

/* Acknowledge what can never be delivered: it holds no block, or is no more. */
static void
discard(struct receiver *r, uint32_t i, const redisReply *id)
{
	char key[KEY_MAX];
	const char *argv[] = {"XACK", key, r->link.env->o.group, NULL};
	redisReply *got;

	r->link.env->stats->bad++;
	if (r->link.env->o.group == NULL || id->type != REDIS_REPLY_STRING)
		return;
	argv[3] = id->str;
	pd_redis_link_key(&r->link, i, key, sizeof(key));
	got = pd_redis_link_call(&r->link, i, 4, argv, NULL, NULL);
	if (got != NULL)
		freeReplyObject(got);
}

/* The next entry of partition ${i} that holds a block: 1, else 0. */
static int
take(struct receiver *r, uint32_t i, struct pd_arrival *a)
{
	struct partition *p = &r->part[i];
	const redisReply *e;

	while (p->list != NULL && p->at < p->list->elements) {
		e = p->list->element[p->at++];
		if (e->type != REDIS_REPLY_ARRAY || e->elements < 1)
			continue; /* deleted meanwhile, as 6.2 says it */
		if (p->phase != CLAIM &&
		    e->element[0]->type == REDIS_REPLY_STRING &&
		    e->element[0]->len < ID_MAX)
			snprintf(p->cursor, sizeof(p->cursor), "%s",
			    e->element[0]->str);
		if (pd_redis_stream_entry(e, a) == 0) {
			a->place.partition = i;
			return 1;
		}
		pd_buf_clear(&a->data);
		pd_buf_clear(&a->header);
		discard(r, i, e->element[0]);
	}
	drop_reply(p);
	return 0;
}

static int
wait_idle(struct receiver *r, int timeout_ms)
{
	const int ms = r->idle_ms < timeout_ms ? r->idle_ms : timeout_ms;

	(void)poll(NULL, 0, ms);
	r->idle_ms =
	    r->idle_ms * 2 < IDLE_MAX_MS ? r->idle_ms * 2 : IDLE_MAX_MS;
	return 2;
}

int
pd_redis_stream_next(
    void *c, struct pd_arrival *a, int timeout_ms, struct pd_err *err)
{
	struct receiver *r = c;
	bool ended = true;
	uint32_t i, n;

	for (n = 0; n < r->link.n; n++) {
		i = r->turn;
		r->turn = (r->turn + 1) % r->link.n;
		if (take(r, i, a)) {
			r->idle_ms = IDLE_MIN_MS;
			return 1;
		}
		if (r->part[i].ended && !r->link.env->o.follow)
			continue;
		if (fetch(r, i, err) < 0)
			return -1;
		if (take(r, i, a)) {
			r->idle_ms = IDLE_MIN_MS;
			return 1;
		}
		ended &= r->part[i].ended;
	}
	if (ended && !r->link.env->o.follow)
		return 0;
	return wait_idle(r, timeout_ms);
}

/* One XACK of up to ACKS_MAX entries of a partition, from ${p}[*at] on. */
static int
ack_some(struct receiver *r, const struct pd_place *p, size_t n, size_t *at,
    struct pd_err *err)
{
	char key[KEY_MAX], id[ACKS_MAX][ID_MAX];
	const char *argv[3 + ACKS_MAX] = {"XACK", key, r->link.env->o.group};
	const uint32_t part = p[*at].partition;
	redisReply *got;
	int k;

	pd_redis_link_key(&r->link, part, key, sizeof(key));
	for (k = 0; k < ACKS_MAX && *at < n && p[*at].partition == part;
	     k++, (*at)++) {
		snprintf(
		    id[k], ID_MAX, "%" PRIu64 "-%" PRIu64, p[*at].a, p[*at].b);
		argv[3 + k] = id[k];
	}
	got = pd_redis_link_call(&r->link, part, 3 + k, argv, NULL, err);
	if (got == NULL)
		return -1;
	freeReplyObject(got);
	return 0;
}

static int
by_partition(const void *a, const void *b)
{
	const struct pd_place *x = a, *y = b;

	return (x->partition > y->partition) - (x->partition < y->partition);
}

int
pd_redis_stream_ack(
    void *c, const struct pd_place *p, size_t n, struct pd_err *err)
{
	struct receiver *r = c;
	struct pd_place *sorted;
	size_t at = 0;
	int rc = 0;

	if ((sorted = malloc(n * sizeof(*sorted))) == NULL)
		return pd_err_nomem(err);
	memcpy(sorted, p, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), by_partition);
	while (rc == 0 && at < n)
		rc = ack_some(r, sorted, n, &at, err);
	free(sorted);
	return rc;
}
