#ifndef PD_DATA_REDIS_STREAM_PRIV_H
#define PD_DATA_REDIS_STREAM_PRIV_H

/*
 * Blocks as entries of Redis Streams, predis-stream(5) "On the network". The
 * stream NAME is N keys NAME:{0} ... NAME:{N-1}; NAME:partitions holds N. Block
 * seq of a stream is in partition (pd_mix64(stream_id) + seq) % N, so that
 * each node of a cluster takes its part of one stream, too. An entry has the
 * fields i (stream_id, 16 hexadecimal digits), q (seq, decimal), b (the block)
 * and h (the header of its stream, not with headers).
 */

#include <stdint.h>

#include "data/transport_priv.h"
#include "io/cluster.h"

struct pd_tls_ctx;
struct redisReply;

/* What both sides have. */
struct pd_redis_link {
	struct pd_carrier_env *env;
	struct pd_cluster *cl;
	struct pd_tls_ctx *tls;
	uint32_t n; /* partitions */
	uint16_t *slot;
	uint64_t reconnects;	 /* said so far */
	void (*release)(void *); /* of what is around it, or NULL */
};

/* Connect, and agree on the number of partitions; with ${make} a stream that
 * is not there begins. 0 or -1. */
int pd_redis_link_open(struct pd_redis_link *l, struct pd_carrier_env *env,
    bool make, struct pd_err *err);
void pd_redis_link_close(struct pd_redis_link *l);
/* The key of partition ${p}. */
void pd_redis_link_key(
    const struct pd_redis_link *l, uint32_t p, char *out, size_t n);
/* A command to the node of partition ${p}; NULL with a message. An error that
 * the server answers is one. */
struct redisReply *pd_redis_link_call(struct pd_redis_link *l, uint32_t p,
    int argc, const char *const *argv, const size_t *len, struct pd_err *err);

/* The receiver, redis_stream_in.c. */
void *pd_redis_stream_receiver(struct pd_carrier_env *env, struct pd_err *err);
int pd_redis_stream_next(
    void *c, struct pd_arrival *a, int timeout_ms, struct pd_err *err);
int pd_redis_stream_ack(
    void *c, const struct pd_place *p, size_t n, struct pd_err *err);
/* Take an entry (ID, fields) apart into ${a}. 0, or -1: it holds no block;
 * a->place.a and b are set where the ID can be read. */
int pd_redis_stream_entry(const struct redisReply *r, struct pd_arrival *a);
/* The base of both states: close either. */
void pd_redis_stream_close(void *c);

#endif /* PD_DATA_REDIS_STREAM_PRIV_H */
