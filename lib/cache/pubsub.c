#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "cache/client.h"
#include "cache/command_util.h"
#include "cache/pubsub.h"
#include "cache/server.h"

#define FIRST_BUCKETS 64

/* A message in both protocols, made when first needed. */
struct message {
	const char *pattern; /* of a topic, or NULL */
	size_t pattern_len;
	enum pd_sub_kind kind;
	const char *channel;
	size_t channel_len;
	const char *text;
	size_t text_len;
	struct pd_buf wire[2]; /* RESP2, RESP3 */
};

struct pd_pubsub *
pd_pubsub_new(uint64_t seed)
{
	struct pd_pubsub *p = calloc(1, sizeof(*p));

	if (p != NULL) {
		p->seed = seed;
		p->limit = UINT64_C(32) << 20;
	}
	return p;
}

void
pd_pubsub_free(struct pd_pubsub *p)
{
	if (p == NULL)
		return;
	free(p->bucket);
	free(p);
}

size_t
pd_pubsub_memory(const struct pd_pubsub *p)
{
	return sizeof(*p) + p->buckets * sizeof(struct pd_topic *) + p->bytes;
}

static uint64_t
hash_of(const struct pd_pubsub *p, enum pd_sub_kind kind, const char *name,
    size_t n)
{
	return pd_hash64(name, n, p->seed + (uint64_t)kind);
}

static struct pd_topic **
find(const struct pd_pubsub *p, enum pd_sub_kind kind, const char *name,
    size_t n, uint64_t hash)
{
	struct pd_topic **t;

	if (p->buckets == 0)
		return NULL;
	t = &p->bucket[hash & (p->buckets - 1)];
	for (; *t != NULL; t = &(*t)->next)
		if ((*t)->hash == hash && (*t)->kind == kind &&
		    (*t)->name_len == n && memcmp((*t)->name, name, n) == 0)
			return t;
	return NULL;
}

const struct pd_topic *
pd_topic_find(const struct pd_pubsub *p, enum pd_sub_kind kind,
    const char *name, size_t n)
{
	struct pd_topic **t = find(p, kind, name, n, hash_of(p, kind, name, n));

	return t == NULL ? NULL : *t;
}

/* Twice the buckets when the names are as many. Without memory the chains
 * become longer; only the first buckets are needed. */
static int
grow(struct pd_pubsub *p)
{
	const uint32_t n = p->buckets == 0 ? FIRST_BUCKETS : p->buckets * 2;
	struct pd_topic **b, *t, *next;
	uint32_t i;

	if (p->count[0] + p->count[1] + p->count[2] < p->buckets)
		return 0;
	if ((b = calloc(n, sizeof(struct pd_topic *))) == NULL)
		return p->buckets == 0 ? -1 : 0;
	for (i = 0; i < p->buckets; i++)
		for (t = p->bucket[i]; t != NULL; t = next) {
			next = t->next;
			t->next = b[t->hash & (n - 1)];
			b[t->hash & (n - 1)] = t;
		}
	free(p->bucket);
	p->bucket = b;
	p->buckets = n;
	return 0;
}

static struct pd_topic *
topic_of(struct pd_pubsub *p, enum pd_sub_kind kind, const char *name, size_t n)
{
	const uint64_t hash = hash_of(p, kind, name, n);
	struct pd_topic **at = find(p, kind, name, n, hash), *t;

	if (at != NULL)
		return *at;
	if (grow(p) || (t = calloc(1, sizeof(*t) + n)) == NULL)
		return NULL;
	t->hash = hash;
	t->kind = kind;
	t->name_len = (uint32_t)n;
	memcpy(t->name, name, n);
	t->next = p->bucket[hash & (p->buckets - 1)];
	p->bucket[hash & (p->buckets - 1)] = t;
	p->count[kind]++;
	p->bytes += sizeof(*t) + n;
	return t;
}

static void
topic_drop_if_unused(struct pd_pubsub *p, struct pd_topic *t)
{
	struct pd_topic **at;

	if (t->nclients > 0)
		return;
	at = find(p, t->kind, t->name, t->name_len, t->hash);
	*at = t->next;
	p->count[t->kind]--;
	p->bytes -=
	    sizeof(*t) + t->name_len + t->cap * sizeof(struct pd_client *);
	free(t->clients);
	free(t);
}

/* Room for one more. */
static int
topic_reserve(struct pd_pubsub *p, struct pd_topic *t)
{
	const uint32_t cap = t->cap == 0 ? 2 : t->cap * 2;
	struct pd_client **v;

	if (t->nclients < t->cap)
		return 0;
	if ((v = realloc(t->clients, cap * sizeof(struct pd_client *))) == NULL)
		return -1;
	p->bytes += (cap - t->cap) * sizeof(struct pd_client *);
	t->clients = v;
	t->cap = cap;
	return 0;
}

static int
subs_reserve(struct pd_pubsub *p, struct pd_subs *s)
{
	const uint32_t cap = s->cap == 0 ? 2 : s->cap * 2;
	struct pd_topic **v;

	if (s->n < s->cap)
		return 0;
	if ((v = realloc(s->v, cap * sizeof(struct pd_topic *))) == NULL)
		return -1;
	p->bytes += (cap - s->cap) * sizeof(struct pd_topic *);
	s->v = v;
	s->cap = cap;
	return 0;
}

int
pd_subscribe(
    struct pd_client *c, enum pd_sub_kind kind, const char *p, size_t n)
{
	struct pd_pubsub *ps = c->server->pubsub;
	struct pd_subs *subs = &c->subs[kind];
	struct pd_topic *t;
	uint32_t i;

	for (i = 0; i < subs->n; i++)
		if (subs->v[i]->name_len == n &&
		    memcmp(subs->v[i]->name, p, n) == 0)
			return 0;
	if ((t = topic_of(ps, kind, p, n)) == NULL)
		return -1;
	if (topic_reserve(ps, t) || subs_reserve(ps, subs)) {
		topic_drop_if_unused(ps, t);
		return -1;
	}
	t->clients[t->nclients++] = c;
	subs->v[subs->n++] = t;
	pd_client_regate(c);
	return 1;
}

/* Take a client from its i-th subscription of a kind. */
static void
leave(struct pd_client *c, enum pd_sub_kind kind, uint32_t i)
{
	struct pd_subs *subs = &c->subs[kind];
	struct pd_topic *t = subs->v[i];
	uint32_t k = 0;

	while (t->clients[k] != c)
		k++;
	t->nclients--;
	memmove(&t->clients[k], &t->clients[k + 1],
	    (t->nclients - k) * sizeof(struct pd_client *));
	subs->n--;
	memmove(&subs->v[i], &subs->v[i + 1],
	    (subs->n - i) * sizeof(struct pd_topic *));
	topic_drop_if_unused(c->server->pubsub, t);
}

int
pd_unsubscribe(
    struct pd_client *c, enum pd_sub_kind kind, const char *p, size_t n)
{
	struct pd_subs *subs = &c->subs[kind];
	uint32_t i;

	for (i = 0; i < subs->n; i++)
		if (subs->v[i]->name_len == n &&
		    memcmp(subs->v[i]->name, p, n) == 0) {
			leave(c, kind, i);
			pd_client_regate(c);
			return 1;
		}
	return 0;
}

void
pd_unsubscribe_all(struct pd_client *c)
{
	int kind;

	for (kind = 0; kind < PD_SUB_KINDS; kind++) {
		while (c->subs[kind].n > 0)
			leave(c, (enum pd_sub_kind)kind, c->subs[kind].n - 1);
		c->server->pubsub->bytes -=
		    c->subs[kind].cap * sizeof(struct pd_topic *);
		free(c->subs[kind].v);
		c->subs[kind] = (struct pd_subs){NULL, 0, 0};
	}
	pd_client_regate(c);
}

/* Messages. */

static const struct pd_buf *
wire(struct message *m, uint8_t resp)
{
	struct pd_reply r;
	struct pd_buf *b = &m->wire[resp >= 3];

	if (b->len > 0 || b->failed)
		return b;
	pd_reply_init(&r);
	r.resp = resp;
	pd_reply_push(&r, m->pattern != NULL ? 4 : 3);
	pd_reply_str(&r, m->pattern != NULL	   ? "pmessage"
			 : m->kind == PD_SUB_SHARD ? "smessage"
						   : "message");
	if (m->pattern != NULL)
		pd_reply_bulk(&r, m->pattern, m->pattern_len);
	pd_reply_bulk(&r, m->channel, m->channel_len);
	pd_reply_bulk(&r, m->text, m->text_len);
	*b = r.buf;
	b->failed = r.failed;
	return b;
}

/* Write a message into one client's buffer. */
static void
deliver(struct pd_client *c, struct message *m, bool defer)
{
	const struct pd_buf *b = wire(m, c->reply.resp);
	struct pd_server *s = c->server;
	const bool mute = c->reply.mute;

	if (c->closed)
		return;
	if (b->failed) {
		c->reply.failed = true;
	} else if (defer && c == c->worker->current) {
		if (pd_buf_add(&c->later, b->data, b->len))
			c->reply.failed = true;
	} else {
		c->reply.mute = false; /* CLIENT REPLY OFF is for replies */
		pd_reply_raw(&c->reply, (const char *)b->data, b->len);
		c->reply.mute = mute;
	}
	if (s->pubsub->limit > 0 &&
	    pd_reply_queued(&c->reply) + c->later.len > s->pubsub->limit) {
		pd_server_log(s, PD_LOG_WARNING,
		    "client %llu closed: a subscriber with %zu unread bytes",
		    (unsigned long long)c->id, pd_reply_queued(&c->reply));
		c->worker->stats.connections_dropped++;
		c->reply.failed = true; /* the end of the turn closes it */
	}
	pd_client_mark_dirty(c);
}

static int64_t
deliver_all(const struct pd_topic *t, struct message *m, bool defer)
{
	uint32_t i;

	for (i = 0; i < t->nclients; i++)
		deliver(t->clients[i], m, defer);
	pd_buf_release(&m->wire[0]);
	pd_buf_release(&m->wire[1]);
	return t->nclients;
}

int64_t
pd_publish(struct pd_server *s, enum pd_sub_kind kind, const char *channel,
    size_t nc, const char *msg, size_t nm, bool defer)
{
	const struct pd_pubsub *p = s->pubsub;
	const struct pd_topic *t = pd_topic_find(p, kind, channel, nc);
	struct message m = {.kind = kind,
	    .channel = channel,
	    .channel_len = nc,
	    .text = msg,
	    .text_len = nm};
	int64_t to = 0;
	uint32_t i;

	if (t != NULL)
		to = deliver_all(t, &m, defer);
	if (kind == PD_SUB_SHARD || p->count[PD_SUB_PATTERN] == 0)
		return to;
	for (i = 0; i < p->buckets; i++)
		for (t = p->bucket[i]; t != NULL; t = t->next) {
			if (t->kind != PD_SUB_PATTERN ||
			    !pd_glob_match(t->name, t->name_len, channel, nc))
				continue;
			m.pattern = t->name;
			m.pattern_len = t->name_len;
			to += deliver_all(t, &m, defer);
		}
	return to;
}

/* Notifications. */

static const struct {
	unsigned bit;
	char letter;
} classes[] = {
    {PD_NOTIFY_GENERIC, 'g'},
    {PD_NOTIFY_STRING, '$'},
    {PD_NOTIFY_LIST, 'l'},
    {PD_NOTIFY_SET, 's'},
    {PD_NOTIFY_HASH, 'h'},
    {PD_NOTIFY_ZSET, 'z'},
    {PD_NOTIFY_EXPIRED, 'x'},
    {PD_NOTIFY_EVICTED, 'e'},
    {PD_NOTIFY_STREAM, 't'},
    {PD_NOTIFY_MODULE, 'd'},
    {PD_NOTIFY_ALL, 'A'},
    {PD_NOTIFY_KEYSPACE, 'K'},
    {PD_NOTIFY_KEYEVENT, 'E'},
    {PD_NOTIFY_MISS, 'm'},
    {PD_NOTIFY_NEW, 'n'},
};

int
pd_notify_parse(const char *text)
{
	const size_t n = sizeof(classes) / sizeof(classes[0]);
	unsigned bits = 0;
	size_t i;

	for (; *text != '\0'; text++) {
		for (i = 0; i < n && classes[i].letter != *text; i++)
			;
		if (i == n)
			return -1;
		bits |= classes[i].bit;
	}
	return (int)bits;
}

/* As Redis tells them: n is left out beside A. */
void
pd_notify_format(unsigned bits, struct pd_buf *out)
{
	const bool all = (bits & PD_NOTIFY_ALL) == PD_NOTIFY_ALL;
	size_t i;

	if (all)
		pd_buf_addc(out, 'A');
	for (i = 0; i < sizeof(classes) / sizeof(classes[0]); i++)
		if (classes[i].bit != PD_NOTIFY_ALL && bits & classes[i].bit &&
		    !(all && classes[i].bit & (PD_NOTIFY_ALL | PD_NOTIFY_NEW)))
			pd_buf_addc(out, classes[i].letter);
}

void
pd_notify(struct pd_server *s, unsigned class, const char *event,
    const struct pd_key *k)
{
	struct pd_buf b = PD_BUF_INIT;
	const size_t len = strlen(event);

	if (!(s->notify & class))
		return;
	if (s->notify & PD_NOTIFY_KEYSPACE) {
		pd_buf_printf(&b, "__keyspace@%u__:", k->db);
		pd_buf_add(&b, k->p, k->n);
		if (!b.failed)
			pd_publish(s, PD_SUB_CHANNEL, (const char *)b.data,
			    b.len, event, len, true);
	}
	if (s->notify & PD_NOTIFY_KEYEVENT) {
		pd_buf_clear(&b);
		pd_buf_printf(&b, "__keyevent@%u__:%s", k->db, event);
		if (!b.failed)
			pd_publish(s, PD_SUB_CHANNEL, (const char *)b.data,
			    b.len, k->p, k->n, true);
	}
	pd_buf_release(&b);
}
