#ifndef PD_CACHE_PUBSUB_H
#define PD_CACHE_PUBSUB_H

/*
 * Publish and subscribe: who listens to which channels, patterns and shard
 * channels (which are a third kind of name here: there is no cluster), and
 * the notifications of what happens to keys. A message is written into the
 * buffers of its receivers at once; one who does not read loses the
 * connection when too much has gathered, and never delays the others.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_buf;
struct pd_client;
struct pd_key;
struct pd_server;
struct pd_topic;

enum pd_sub_kind { PD_SUB_CHANNEL, PD_SUB_PATTERN, PD_SUB_SHARD, PD_SUB_KINDS };

/* That one client listens to one topic. */
struct pd_sub {
	struct pd_topic *topic;
	struct pd_client *client;
	struct pd_sub *next; /* of the client, in order of subscription; */
	struct pd_sub *prev;
	struct pd_sub *topic_next; /* of the topic; */
	struct pd_sub *topic_prev;
	struct pd_sub *chain; /* in its bucket */
};

/* What one client listens to; in struct pd_client. */
struct pd_subs {
	struct pd_sub *first;
	struct pd_sub *last;
	uint32_t n;
};

/* A name that somebody listens to. */
struct pd_topic {
	struct pd_topic *next; /* in its bucket */
	uint64_t hash;
	enum pd_sub_kind kind;
	uint32_t name_len;
	uint32_t nclients;
	struct pd_sub *first;
	struct pd_sub *last;
	struct pd_topic *more; /* patterns, the newest first */
	struct pd_topic *less;
	char name[];
};

struct pd_pubsub {
	uint64_t seed;
	struct pd_topic **bucket;
	uint32_t buckets; /* a power of two, or 0 */
	uint32_t count[PD_SUB_KINDS];
	struct pd_topic *patterns;
	struct pd_sub **sub; /* buckets by client and topic */
	uint32_t sub_buckets;
	uint32_t nsubs;
	size_t bytes; /* of topics, and of who listens to what */
};

/* Classes of events: notify-keyspace-events. */
enum pd_notify_class {
	PD_NOTIFY_KEYSPACE = 1 << 0, /* K: by key */
	PD_NOTIFY_KEYEVENT = 1 << 1, /* E: by event */
	PD_NOTIFY_GENERIC = 1 << 2,  /* g */
	PD_NOTIFY_STRING = 1 << 3,   /* $ */
	PD_NOTIFY_EXPIRED = 1 << 5,  /* x */
	PD_NOTIFY_EVICTED = 1 << 6,  /* e */
	PD_NOTIFY_MISS = 1 << 7,     /* m */
	PD_NOTIFY_NEW = 1 << 8,	     /* n */
	PD_NOTIFY_LIST = 1 << 9,
	PD_NOTIFY_SET = 1 << 10,
	PD_NOTIFY_HASH = 1 << 11,
	PD_NOTIFY_ZSET = 1 << 12,
	PD_NOTIFY_STREAM = 1 << 13,
	PD_NOTIFY_MODULE = 1 << 14,
	PD_NOTIFY_ALL = PD_NOTIFY_GENERIC | PD_NOTIFY_STRING | PD_NOTIFY_LIST |
			PD_NOTIFY_SET | PD_NOTIFY_HASH | PD_NOTIFY_ZSET |
			PD_NOTIFY_EXPIRED | PD_NOTIFY_EVICTED |
			PD_NOTIFY_STREAM | PD_NOTIFY_MODULE, /* A */
};

/* NULL out of memory. */
struct pd_pubsub *pd_pubsub_new(uint64_t seed);
/* After all clients have gone. */
void pd_pubsub_free(struct pd_pubsub *p);
/* Bytes allocated, but for messages in the buffers of their receivers. */
size_t pd_pubsub_memory(const struct pd_pubsub *p);

/* Listen, and stop. 1: done, 0: it was so before, -1: no memory. */
int pd_subscribe(
    struct pd_client *c, enum pd_sub_kind kind, const char *p, size_t n);
int pd_unsubscribe(
    struct pd_client *c, enum pd_sub_kind kind, const char *p, size_t n);
/* A client leaves everything. */
void pd_unsubscribe_all(struct pd_client *c);

const struct pd_topic *pd_topic_find(const struct pd_pubsub *p,
    enum pd_sub_kind kind, const char *name, size_t n);

/*
 * pd_publish(s, kind, channel, nc, msg, nm, defer):
 * Send a message to who listens to a channel (or shard channel) and to
 * matching patterns. With ${defer}, the client that runs a command gets it
 * behind the reply. To how many it went.
 */
int64_t pd_publish(struct pd_server *s, enum pd_sub_kind kind,
    const char *channel, size_t nc, const char *msg, size_t nm, bool defer);

/* Tell of an event of one class; call it when s->notify has the class. */
void pd_notify(struct pd_server *s, unsigned class, const char *event,
    const struct pd_key *k);
/* "KEA" as classes, or -1; and back. */
int pd_notify_parse(const char *text);
void pd_notify_format(unsigned classes, struct pd_buf *out);

#endif /* PD_CACHE_PUBSUB_H */
