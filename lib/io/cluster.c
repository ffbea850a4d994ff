#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"
#include "io/cluster.h"
#include "io/sock.h"

#define RETRY_US 30000000
#define HOPS 5 /* redirections in a row without waiting */
#define SEEDS_MAX 64

struct node {
	struct pd_addr addr;
	struct pd_redis *conn;
	bool seed; /* was named by the user: asked for the map */
	bool met;  /* had a connection before */
};

struct pd_cluster {
	struct pd_cluster_opts o;
	struct node *node;
	size_t n, cap;
	uint16_t map[PD_CLUSTER_SLOTS]; /* node + 1; 0: nobody's */
	bool one;			/* a single server */
	bool stale;			/* the map is doubted */
	uint64_t reconnects;
};

uint16_t
pd_cluster_slot(const void *key, size_t n)
{
	const unsigned char *p = key, *open, *close;
	unsigned crc = 0;

	open = memchr(p, '{', n);
	if (open != NULL) {
		close = memchr(open + 1, '}', n - (size_t)(open + 1 - p));
		if (close != NULL && close > open + 1) {
			n = (size_t)(close - open - 1);
			p = open + 1;
		}
	}
	for (size_t i = 0; i < n; i++) {
		crc ^= (unsigned)p[i] << 8;
		for (int bit = 0; bit < 8; bit++)
			crc = crc & 0x8000 ? crc << 1 ^ 0x1021 : crc << 1;
	}
	return (uint16_t)(crc & (PD_CLUSTER_SLOTS - 1));
}

int
pd_cluster_parse_redirect(
    const char *text, bool *ask, uint16_t *slot, char host[280], char port[16])
{
	const char *p, *end, *colon;
	uint64_t n;
	char num[8];

	*ask = strncmp(text, "ASK ", 4) == 0;
	if (!*ask && strncmp(text, "MOVED ", 6) != 0)
		return -1;
	p = text + (*ask ? 4 : 6);
	end = strchr(p, ' ');
	if (end == NULL || (size_t)(end - p) >= sizeof(num))
		return -1;
	memcpy(num, p, (size_t)(end - p));
	num[end - p] = '\0';
	if (pd_parse_u64(num, &n, NULL) || n >= PD_CLUSTER_SLOTS)
		return -1;
	*slot = (uint16_t)n;
	p = end + 1;
	colon = strrchr(p, ':');
	if (colon == NULL || (size_t)(colon - p) >= 280 ||
	    strlen(colon + 1) >= 16 || colon[1] == '\0' ||
	    strspn(colon + 1, "0123456789") != strlen(colon + 1))
		return -1;
	memcpy(host, p, (size_t)(colon - p));
	host[colon - p] = '\0';
	memcpy(port, colon + 1, strlen(colon + 1) + 1);
	return 0;
}

/* The node of an address, made when it is new. Its number, or -1. */
static int
find_node(struct pd_cluster *cl, const char *host, const char *port,
    struct pd_err *err)
{
	struct node *p;
	size_t cap;

	for (size_t i = 0; i < cl->n; i++)
		if (strcmp(cl->node[i].addr.host, host) == 0 &&
		    strcmp(cl->node[i].addr.port, port) == 0)
			return (int)i;
	if (cl->n == PD_CLUSTER_NODES)
		return pd_err_set(err, "the cluster names too many nodes");
	if (strlen(host) >= sizeof(cl->node->addr.host) ||
	    strlen(port) >= sizeof(cl->node->addr.port))
		return pd_err_set(err, "a node's address is too long");
	if (cl->n == cl->cap) {
		cap = cl->cap > 0 ? 2 * cl->cap : 16;
		if ((p = realloc(cl->node, cap * sizeof(*p))) == NULL)
			return pd_err_nomem(err);
		cl->node = p;
		cl->cap = cap;
	}
	p = &cl->node[cl->n];
	memset(p, 0, sizeof(*p));
	snprintf(p->addr.host, sizeof(p->addr.host), "%s", host);
	snprintf(p->addr.port, sizeof(p->addr.port), "%s", port);
	return (int)cl->n++;
}

static void
hang_up(struct node *n)
{
	pd_redis_close(n->conn);
	n->conn = NULL;
}

/* The connection to a node; NULL with a message. */
static struct pd_redis *
reach(struct pd_cluster *cl, struct node *n, struct pd_err *err)
{
	if (n->conn != NULL && pd_redis_broken(n->conn))
		hang_up(n);
	if (n->conn == NULL) {
		n->conn = pd_redis_open(&n->addr, &cl->o.conn, err);
		if (n->conn != NULL && n->met)
			cl->reconnects++;
		n->met |= n->conn != NULL;
	}
	return n->conn;
}

/* A reply's element ${i} when it is of that type. */
static const redisReply *
element(const redisReply *r, size_t i, int type)
{
	if (r->type != REDIS_REPLY_ARRAY || i >= r->elements ||
	    r->element[i]->type != type)
		return NULL;
	return r->element[i];
}

int
pd_cluster_parse_range(const redisReply *r, struct pd_cluster_range *out)
{
	const redisReply *from = element(r, 0, REDIS_REPLY_INTEGER);
	const redisReply *to = element(r, 1, REDIS_REPLY_INTEGER);
	const redisReply *m = element(r, 2, REDIS_REPLY_ARRAY);
	const redisReply *host, *port;

	if (from == NULL || to == NULL || m == NULL || from->integer < 0 ||
	    to->integer < from->integer || to->integer >= PD_CLUSTER_SLOTS)
		return -1;
	host = element(m, 0, REDIS_REPLY_STRING);
	port = element(m, 1, REDIS_REPLY_INTEGER);
	if (port == NULL || port->integer < 0 || port->integer > UINT16_MAX)
		return -1;
	out->first = (uint16_t)from->integer;
	out->last = (uint16_t)to->integer;
	out->port = (uint16_t)port->integer;
	out->host = host != NULL && host->len > 0 && strcmp(host->str, "?") != 0
			? host->str
			: NULL;
	return 0;
}

/* One entry of CLUSTER SLOTS; what makes no sense is left out. */
static int
take_range(struct pd_cluster *cl, const redisReply *r, const char *asked,
    struct pd_err *err)
{
	struct pd_cluster_range range;
	char port[8];
	int i;

	if (pd_cluster_parse_range(r, &range))
		return 0;
	snprintf(port, sizeof(port), "%u", range.port);
	i = find_node(cl, range.host != NULL ? range.host : asked, port, err);
	if (i < 0)
		return -1;
	for (unsigned s = range.first; s <= range.last; s++)
		cl->map[s] = (uint16_t)(i + 1);
	return 0;
}

static int
take_map(struct pd_cluster *cl, const redisReply *r, const char *asked,
    struct pd_err *err)
{
	memset(cl->map, 0, sizeof(cl->map));
	cl->one = false;
	for (size_t i = 0; i < r->elements; i++)
		if (take_range(cl, r->element[i], asked, err))
			return -1;
	return 0;
}

/* A server on its own: every slot is its. */
static void
take_single(struct pd_cluster *cl, size_t i)
{
	cl->one = true;
	for (size_t s = 0; s < PD_CLUSTER_SLOTS; s++)
		cl->map[s] = (uint16_t)(i + 1);
}

/* Ask one node for the map. */
static int
ask_map(struct pd_cluster *cl, size_t i, struct pd_err *err)
{
	static const char *const argv[] = {"CLUSTER", "SLOTS"};
	struct pd_redis *c = reach(cl, &cl->node[i], err);
	char asked[PD_ADDR_MAX];
	redisReply *r;
	int rc = 0;

	if (c == NULL || (r = pd_redis_call(c, 2, argv, NULL, err)) == NULL)
		return -1;
	snprintf(asked, sizeof(asked), "%s", cl->node[i].addr.host);
	if (r->type == REDIS_REPLY_ERROR &&
	    (strncmp(r->str, "LOADING", 7) == 0 ||
		strncmp(r->str, "NOAUTH", 6) == 0 ||
		strncmp(r->str, "NOPERM", 6) == 0))
		rc = pd_err_set(err, "'%s' says: %s", pd_redis_name(c), r->str);
	else if (r->type == REDIS_REPLY_ARRAY && r->elements > 0)
		rc = take_map(cl, r, asked, err);
	else if (r->type == REDIS_REPLY_ARRAY)
		rc = pd_err_set(err, "'%s' has no slots", pd_redis_name(c));
	else
		take_single(cl, i);
	freeReplyObject(r);
	return rc;
}

int
pd_cluster_refresh(struct pd_cluster *cl, struct pd_err *err)
{
	const size_t n = cl->n;
	struct pd_err e = PD_ERR_INIT;

	/* Nodes that were found, the newest first, then those first named. */
	for (size_t i = n; i-- > 0;)
		if (ask_map(cl, i, &e) == 0) {
			cl->stale = false;
			return 0;
		}
	return pd_err_set(err, "%s", e.msg);
}

static int
add_seeds(struct pd_cluster *cl, const char *seeds, struct pd_err *err)
{
	struct pd_addr a;
	char one[PD_ADDR_MAX];
	size_t n;
	int i;

	for (const char *p = seeds;; p += n + 1) {
		n = strcspn(p, ",");
		if (n == 0 || n >= sizeof(one) || cl->n == SEEDS_MAX)
			return pd_err_set(
			    err, "'%s' is not HOST:PORT[,...]", seeds);
		memcpy(one, p, n);
		one[n] = '\0';
		if (pd_addr_parse(&a, one, "6379", err) ||
		    (i = find_node(cl, a.host, a.port, err)) < 0)
			return -1;
		cl->node[i].addr = a;
		cl->node[i].seed = true;
		if (p[n] == '\0')
			return 0;
	}
}

struct pd_cluster *
pd_cluster_open(
    const char *seeds, const struct pd_cluster_opts *o, struct pd_err *err)
{
	struct pd_cluster *cl = calloc(1, sizeof(*cl));
	struct pd_err e = PD_ERR_INIT;
	uint64_t end;

	if (cl == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	cl->o = *o;
	if (cl->o.retry_us == 0)
		cl->o.retry_us = RETRY_US;
	end = pd_clock_mono_us() + cl->o.retry_us;
	if (add_seeds(cl, seeds, err))
		goto err0;
	for (unsigned round = 0; pd_cluster_refresh(cl, &e); round++)
		if (!pd_cluster_backoff(cl, round, end)) {
			pd_err_set(err, "%s", e.msg);
			goto err0;
		}
	return cl;
err0:
	pd_cluster_close(cl);
	return NULL;
}

void
pd_cluster_close(struct pd_cluster *cl)
{
	if (cl == NULL)
		return;
	for (size_t i = 0; i < cl->n; i++)
		hang_up(&cl->node[i]);
	free(cl->node);
	free(cl);
}

bool
pd_cluster_is_one(const struct pd_cluster *cl)
{
	return cl->one;
}

uint64_t
pd_cluster_reconnects(const struct pd_cluster *cl)
{
	return cl->reconnects;
}

bool
pd_cluster_backoff(const struct pd_cluster *cl, unsigned round, uint64_t end_us)
{
	int ms = 50 << (round < 5 ? round : 5);

	if (ms > 1000)
		ms = 1000;
	for (; ms > 0; ms -= 50) {
		if ((cl->o.stopping != NULL && cl->o.stopping()) ||
		    pd_clock_mono_us() >= end_us)
			return false;
		(void)poll(NULL, 0, ms < 50 ? ms : 50);
	}
	return true;
}

int
pd_cluster_settle(struct pd_cluster *cl, struct pd_err *err)
{
	/* Of a pipeline that was given up: answers that nobody awaits. */
	for (size_t i = 0; i < cl->n; i++)
		if (cl->node[i].conn != NULL &&
		    pd_redis_outstanding(cl->node[i].conn) > 0)
			hang_up(&cl->node[i]);
	return cl->stale ? pd_cluster_refresh(cl, err) : 0;
}

struct pd_redis *
pd_cluster_node(struct pd_cluster *cl, uint16_t slot, struct pd_err *err)
{
	if (cl->map[slot] == 0) {
		cl->stale = true;
		pd_err_set(err, "no node has slot %u", slot);
		return NULL;
	}
	return reach(cl, &cl->node[cl->map[slot] - 1], err);
}

/* Errors that pass when the cluster has settled. */
static bool
passes(const char *text)
{
	static const char *const list[] = {"TRYAGAIN", "CLUSTERDOWN", "LOADING",
	    "MASTERDOWN", "READONLY", "UNBLOCKED", "BUSY ", "NOREPLICAS"};

	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		if (strncmp(text, list[i], strlen(list[i])) == 0)
			return true;
	return false;
}

bool
pd_cluster_again(struct pd_cluster *cl, const struct redisReply *answer)
{
	if (answer == NULL) {
		cl->stale = true;
		return true;
	}
	if (answer->type != REDIS_REPLY_ERROR)
		return false;
	/* Half a migration is no reason to doubt the map. */
	if (strncmp(answer->str, "ASK ", 4) == 0)
		return true;
	if (strncmp(answer->str, "MOVED ", 6) != 0 && !passes(answer->str))
		return false;
	cl->stale = true;
	return true;
}

/* Where the answer sends us; the node, or NULL with a message. */
static struct node *
redirected(struct pd_cluster *cl, const redisReply *r, const struct node *from,
    bool *ask, struct pd_err *err)
{
	char host[PD_ADDR_MAX], port[16];
	uint16_t slot;
	int i;

	if (pd_cluster_parse_redirect(r->str, ask, &slot, host, port)) {
		pd_err_set(err, "a redirection to nowhere: %.100s", r->str);
		return NULL;
	}
	if (host[0] == '\0')
		snprintf(host, sizeof(host), "%s", from->addr.host);
	if ((i = find_node(cl, host, port, err)) < 0)
		return NULL;
	if (!*ask) {
		cl->map[slot] = (uint16_t)(i + 1);
		cl->stale = true; /* its neighbours have moved too, likely */
	}
	return &cl->node[i];
}

/* One command to ${n}; with ${ask} it is let in while the slot migrates. */
static redisReply *
call_node(struct pd_cluster *cl, struct node *n, bool ask, int argc,
    const char *const *argv, const size_t *len, struct pd_err *err)
{
	static const char *const asking[] = {"ASKING"};
	struct pd_redis *c = reach(cl, n, err);

	if (c == NULL)
		return NULL;
	if (ask && pd_redis_add(c, 1, asking, NULL, err))
		return NULL;
	if (pd_redis_add(c, argc, argv, len, err))
		return NULL;
	if (ask) {
		redisReply *ok = pd_redis_next(c, err);

		if (ok == NULL)
			return NULL;
		freeReplyObject(ok);
	}
	return pd_redis_next(c, err);
}

/* Follow redirections from the node of ${slot}: an answer, or NULL. */
static redisReply *
call_once(struct pd_cluster *cl, uint16_t slot, int argc,
    const char *const *argv, const size_t *len, struct pd_err *err)
{
	struct node *n;
	bool ask = false;
	redisReply *r;
	int hops = 0;

	if (pd_cluster_settle(cl, err) ||
	    pd_cluster_node(cl, slot, err) == NULL) {
		cl->stale = true;
		return NULL;
	}
	n = &cl->node[cl->map[slot] - 1];
	for (;;) {
		r = call_node(cl, n, ask, argc, argv, len, err);
		if (r == NULL) {
			cl->stale = true;
			return NULL;
		}
		if (r->type != REDIS_REPLY_ERROR ||
		    (strncmp(r->str, "MOVED ", 6) != 0 &&
			strncmp(r->str, "ASK ", 4) != 0))
			return r;
		n = redirected(cl, r, n, &ask, err);
		freeReplyObject(r);
		if (n == NULL)
			return NULL;
		if (++hops == HOPS) {
			pd_err_set(err, "sent from node to node");
			return NULL;
		}
	}
}

struct redisReply *
pd_cluster_call(struct pd_cluster *cl, uint16_t slot, int argc,
    const char *const *argv, const size_t *len, struct pd_err *err)
{
	const uint64_t end = pd_clock_mono_us() + cl->o.retry_us;
	struct pd_err e = PD_ERR_INIT;
	redisReply *r;

	for (unsigned round = 0;; round++) {
		r = call_once(cl, slot, argc, argv, len, &e);
		if (r != NULL &&
		    (r->type != REDIS_REPLY_ERROR || !passes(r->str)))
			return r;
		if (r != NULL) {
			cl->stale = true;
			pd_err_set(&e, "%.200s", r->str);
			freeReplyObject(r);
		}
		if (!pd_cluster_backoff(cl, round, end)) {
			pd_err_set(err, "%s", e.msg);
			return NULL;
		}
	}
}
