#ifndef PD_IO_CLUSTER_H
#define PD_IO_CLUSTER_H

/*
 * A client of a Redis or Valkey Cluster, or of a single server, behind the
 * same calls: keys to slots (CRC16), slots to nodes (CLUSTER SLOTS), MOVED,
 * ASK and fail-over followed, the map of slots asked for again when it is
 * wrong, with back-off up to a bound. A command whose answer was lost may have
 * been carried out and is sent again: use what bears repetition. Not for
 * several threads.
 *
 * Source: the Redis Cluster specification, "Keys distribution model" and
 * "Redirection and resharding".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "io/redis.h"

struct pd_cluster;

#define PD_CLUSTER_SLOTS 16384
/* A wrong map may not name more nodes than this. */
#define PD_CLUSTER_NODES 1024

struct pd_cluster_opts {
	struct pd_redis_opts conn; /* its strings must outlive the cluster */
	uint64_t retry_us;	   /* how long one call tries; 0: 30 s */
	bool (*stopping)(void);	   /* end trying; NULL: never asked */
};

/* The slot of a key: CRC16 (XMODEM) of what stands between the first '{' and
 * the next '}', when that is not empty, else of the whole key. */
uint16_t pd_cluster_slot(const void *key, size_t n);

/* Connect to one of ${seeds}, "HOST:PORT[,HOST:PORT...]" or the path of a Unix
 * socket, and ask for the map. NULL with a message. */
struct pd_cluster *pd_cluster_open(
    const char *seeds, const struct pd_cluster_opts *o, struct pd_err *err);
void pd_cluster_close(struct pd_cluster *cl);

/* Several nodes that divide slots, or a single server? */
bool pd_cluster_is_one(const struct pd_cluster *cl);
/* Connections that were made after the first to each node. */
uint64_t pd_cluster_reconnects(const struct pd_cluster *cl);
/* Ask for the map again. 0, or -1: nobody tells. */
int pd_cluster_refresh(struct pd_cluster *cl, struct pd_err *err);

/*
 * pd_cluster_call(cl, slot, argc, argv, len, err):
 * One command to the node of ${slot}, with redirections followed, and tried
 * again while the cluster is failing over, for at most retry_us. The answer
 * (an error that is no redirection, too), or NULL with a message.
 */
struct redisReply *pd_cluster_call(struct pd_cluster *cl, uint16_t slot,
    int argc, const char *const *argv, const size_t *len, struct pd_err *err);

/*
 * For pipelines: pd_cluster_settle() asks for the map anew where it is doubted
 * (0, or -1: nobody tells); pd_cluster_node() gives the connection to the node
 * of ${slot}, good until the next call of another function, or NULL with a
 * message. Queue commands on connections, read their answers, and give each of
 * them to pd_cluster_again() (NULL where the connection broke): true when the
 * command has to be sent again, after settling or by pd_cluster_call().
 */
int pd_cluster_settle(struct pd_cluster *cl, struct pd_err *err);
struct pd_redis *pd_cluster_node(
    struct pd_cluster *cl, uint16_t slot, struct pd_err *err);
bool pd_cluster_again(struct pd_cluster *cl, const struct redisReply *answer);

/* Wait between two tries: 50 ms, doubled with each ${round} up to 1 s. False
 * when ${end_us} (pd_clock_mono_us()) has passed or stopping() says so. */
bool pd_cluster_backoff(
    const struct pd_cluster *cl, unsigned round, uint64_t end_us);

/*
 * The parser of redirections, for tests: "MOVED 3999 127.0.0.1:6381" or "ASK
 * ...". 0, or -1: it is none. An empty host leaves ${host} empty.
 */
int pd_cluster_parse_redirect(
    const char *text, bool *ask, uint16_t *slot, char host[280], char port[16]);

/* Slots and the node that serves them. */
struct pd_cluster_range {
	uint16_t first, last; /* both belong to it */
	uint16_t port;
	const char *host; /* the answer's; NULL: where the question was asked */
};

/*
 * The parser of one entry of the answer to CLUSTER SLOTS, for tests. 0, or -1:
 * it makes no sense.
 */
int pd_cluster_parse_range(
    const struct redisReply *r, struct pd_cluster_range *out);

#endif /* PD_IO_CLUSTER_H */
