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

	if (p != NULL)
		p->seed = seed;
	return p;
}

void
pd_pubsub_free(struct pd_pubsub *p)
{
	if (p == NULL)
		return;
	free(p->bucket);
	free(p->sub);
	free(p);
}

size_t
pd_pubsub_memory(const struct pd_pubsub *p)
{
	return sizeof(*p) + p->buckets * sizeof(struct pd_topic *) +
	       p->sub_buckets * sizeof(struct pd_sub *) + p->bytes;
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

/* How many buckets ${n} names should have that have ${buckets} now. */
static uint32_t
wanted(uint32_t n, uint32_t buckets)
{
	if (n >= buckets)
		return buckets == 0 ? FIRST_BUCKETS : buckets * 2;
	if (n < buckets / 8 && buckets > FIRST_BUCKETS)
		return buckets / 2;
	return buckets;
}

/* Without memory the chains become longer; only the first buckets are
 * needed. */
static int
fit_topics(struct pd_pubsub *p)
{
	const uint32_t n =
	    wanted(p->count[0] + p->count[1] + p->count[2], p->buckets);
	struct pd_topic **b, *t, *next;
	uint32_t i;

	if (n == p->buckets)
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
	if (fit_topics(p) || (t = calloc(1, sizeof(*t) + n)) == NULL)
		return NULL;
	t->hash = hash;
	t->kind = kind;
	t->name_len = (uint32_t)n;
	memcpy(t->name, name, n);
	t->next = p->bucket[hash & (p->buckets - 1)];
	p->bucket[hash & (p->buckets - 1)] = t;
	if (kind == PD_SUB_PATTERN) {
		if ((t->more = p->patterns) != NULL)
			t->more->less = t;
		p->patterns = t;
	}
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
	if (t->kind == PD_SUB_PATTERN) {
		*(t->less != NULL ? &t->less->more : &p->patterns) = t->more;
		if (t->more != NULL)
			t->more->less = t->less;
	}
	p->bytes -= sizeof(*t) + t->name_len;
	free(t);
}

/* Where a client's subscription is, or would be, in its bucket. */
static struct pd_sub **
sub_at(const struct pd_pubsub *p, const struct pd_client *c,
    const struct pd_topic *t)
{
	const uint64_t h = t->hash ^ c->id * UINT64_C(0x9e3779b97f4a7c15);
	struct pd_sub **at = &p->sub[(h ^ h >> 32) & (p->sub_buckets - 1)];

	while (*at != NULL && ((*at)->client != c || (*at)->topic != t))
		at = &(*at)->chain;
	return at;
}

/* As fit_topics(), for the subscriptions. */
static int
fit_subs(struct pd_pubsub *p)
{
	const uint32_t had = p->sub_buckets, n = wanted(p->nsubs, had);
	struct pd_sub **old = p->sub, **b, *sub, *next;
	uint32_t i;

	if (n == had)
		return 0;
	if ((b = calloc(n, sizeof(struct pd_sub *))) == NULL)
		return had == 0 ? -1 : 0;
	p->sub = b;
	p->sub_buckets = n;
	for (i = 0; i < had; i++)
		for (sub = old[i]; sub != NULL; sub = next) {
			next = sub->chain;
			sub->chain = NULL;
			*sub_at(p, sub->client, sub->topic) = sub;
		}
	free(old);
	return 0;
}

int
pd_subscribe(
    struct pd_client *c, enum pd_sub_kind kind, const char *p, size_t n)
{
	struct pd_pubsub *ps = c->server->pubsub;
	struct pd_subs *subs = &c->subs[kind];
	struct pd_sub *sub, **at;
	struct pd_topic *t;

	if (fit_subs(ps) || (t = topic_of(ps, kind, p, n)) == NULL)
		return -1;
	if (*(at = sub_at(ps, c, t)) != NULL)
		return 0;
	if ((sub = calloc(1, sizeof(*sub))) == NULL) {
		topic_drop_if_unused(ps, t);
		return -1;
	}
	*at = sub;
	sub->client = c;
	sub->topic = t;
	sub->prev = subs->last;
	*(subs->last != NULL ? &subs->last->next : &subs->first) = sub;
	subs->last = sub;
	sub->topic_prev = t->last;
	*(t->last != NULL ? &t->last->topic_next : &t->first) = sub;
	t->last = sub;
	subs->n++;
	t->nclients++;
	ps->nsubs++;
	ps->bytes += sizeof(*sub);
	pd_client_regate(c);
	return 1;
}

static void
leave(struct pd_pubsub *p, struct pd_sub *sub)
{
	struct pd_topic *t = sub->topic;
	struct pd_subs *subs = &sub->client->subs[t->kind];

	*sub_at(p, sub->client, t) = sub->chain;
	*(sub->prev != NULL ? &sub->prev->next : &subs->first) = sub->next;
	*(sub->next != NULL ? &sub->next->prev : &subs->last) = sub->prev;
	*(sub->topic_prev != NULL ? &sub->topic_prev->topic_next : &t->first) =
	    sub->topic_next;
	*(sub->topic_next != NULL ? &sub->topic_next->topic_prev : &t->last) =
	    sub->topic_prev;
	subs->n--;
	t->nclients--;
	p->nsubs--;
	p->bytes -= sizeof(*sub);
	free(sub);
	topic_drop_if_unused(p, t);
	fit_subs(p);
	fit_topics(p);
}

int
pd_unsubscribe(
    struct pd_client *c, enum pd_sub_kind kind, const char *p, size_t n)
{
	struct pd_pubsub *ps = c->server->pubsub;
	struct pd_topic **t = find(ps, kind, p, n, hash_of(ps, kind, p, n));
	struct pd_sub *sub;

	if (t == NULL || (sub = *sub_at(ps, c, *t)) == NULL)
		return 0;
	leave(ps, sub);
	pd_client_regate(c);
	return 1;
}

void
pd_unsubscribe_all(struct pd_client *c)
{
	struct pd_pubsub *ps = c->server->pubsub;
	struct pd_sub *sub, *next;
	int kind;

	for (kind = 0; kind < PD_SUB_KINDS; kind++)
		for (sub = c->subs[kind].first; sub != NULL; sub = next) {
			next = sub->next;
			leave(ps, sub);
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

	if (c->closed)
		return;
	c->broken |= b->failed;
	pd_client_send(c, b->data, b->failed ? 0 : b->len, defer);
	if (!c->broken && pd_limits_output(c)) {
		pd_server_log(s, PD_LOG_WARNING,
		    "client %llu closed: a subscriber with %zu unread bytes",
		    (unsigned long long)c->id, pd_client_unread(c));
		c->worker->stats.connections_dropped++;
		c->broken = true; /* the end of the turn closes it */
	}
}

static int64_t
deliver_all(const struct pd_topic *t, struct message *m, bool defer)
{
	const struct pd_sub *sub;

	for (sub = t->first; sub != NULL; sub = sub->topic_next)
		deliver(sub->client, m, defer);
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

	if (t != NULL)
		to = deliver_all(t, &m, defer);
	if (kind == PD_SUB_SHARD)
		return to;
	for (t = p->patterns; t != NULL; t = t->more) {
		if (!pd_glob_match(t->name, t->name_len, channel, nc))
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
