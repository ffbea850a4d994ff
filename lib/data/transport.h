#ifndef PD_DATA_TRANSPORT_H
#define PD_DATA_TRANSPORT_H

/*
 * Blocks of PDS streams over a network, by URL:
 *
 *	redis-stream://HOST:PORT[,HOST:PORT...]/NAME	 (data/redis_stream.h)
 *	rediss-stream://...				 the same over TLS
 *	kafka://BROKER[:PORT][,...]/TOPIC		 (data/kafka.h, KAFKA=1)
 *
 * A sender keeps a block until the peer has acknowledged it and sends it again
 * when in doubt; a receiver drops what comes twice, told by (stream_id, seq),
 * puts the blocks of a stream in order again, and counts what never came.
 * Invariant: between a sender's flush and a receiver's ack each block is
 * delivered at least once; within the window (PD_TRANSPORT_WINDOW blocks of a
 * stream) exactly once. All memory is bounded.
 *
 * So (stream_id, seq) must name one block for ever: a new header that starts
 * seq at 0 again needs another stream_id (pd_pds_writer derives it from the
 * header's text, which holds start_us).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pd_err;
struct pd_pds_reader;
struct pd_transport;

/* Blocks of one stream, counted back from the highest seq seen, among which a
 * repetition is recognised: 64 KiB a stream. Of each a check of 16 bits is
 * kept, so that another block of the same name is not taken for one. */
#define PD_TRANSPORT_WINDOW 32768
/* Streams that are remembered at once; the one unused longest goes first. */
#define PD_TRANSPORT_STREAMS 1024

/* One block, byte for byte as a file has it: a gzip member or a bare frame. */
struct pd_transport_block {
	uint64_t stream_id;
	uint64_t seq;
	const void *data;
	size_t n;
	uint8_t type; /* of one to send (enum pd_pds_type): a header travels
		       * with each block after it, for those who read from
		       * there; 0 in one received */
};

struct pd_transport_opts {
	/* Both sides. */
	uint64_t retry_us; /* how long an unreachable peer is tried again
			    * before that is an error; 0: 30 s */
	size_t buffer_max; /* bytes of blocks held; 0: 64 MiB */
	const char *password_file; /* first line; NULL: none */
	const char *user;	   /* ACL user or NULL */
	const char *tls_ca;	   /* PEM; NULL: those of the system */
	const char *tls_cert;	   /* client certificate and key, or NULL */
	const char *tls_key;
	const char *kafka_config; /* file of librdkafka's NAME=VALUE lines */
	bool (*stopping)(void);	  /* asked while waiting; NULL: never */
	/* Sending. */
	bool live;	     /* the source cannot wait: put tries at once, at
			      * most one time, and a full buffer drops the
			      * oldest block and counts it */
	uint32_t partitions; /* of a new redis-stream; 0: 16 */
	uint64_t maxlen;     /* entries a partition keeps, about; 0: all */
	int replicas;	     /* acknowledgements of replicas to wait for; -1:
			      * one where a replica is connected */
	/* Receiving. */
	const char *group;    /* consumer group; NULL: read everything there is
			       * from the beginning, and leave no trace */
	const char *consumer; /* name in the group; NULL: HOST-PID */
	bool follow;	      /* wait for more at the end */
	uint64_t claim_us;    /* take over what another consumer of the group
			       * left unacknowledged this long; 0: 60 s */
	uint64_t hold_us;     /* how long a missing block is waited for before
			       * those after it are delivered; 0: 5 s */
};

struct pd_transport_stats {
	uint64_t blocks;     /* acknowledged by the peer, or delivered */
	uint64_t bytes;	     /* of those */
	uint64_t resent;     /* sent again, the answer being in doubt */
	uint64_t dropped;    /* sending live: no room, never acknowledged */
	uint64_t duplicates; /* came twice, delivered once */
	uint64_t late;	     /* delivered out of order */
	uint64_t old;	     /* below the window, delivered: may be doubles */
	uint64_t namesakes;  /* other blocks of the same name, delivered too */
	uint64_t missing;    /* gaps in seq: blocks that never came */
	uint64_t bad;	     /* entries that hold no block */
	uint64_t reconnects;
	uint64_t unreplicated; /* acknowledged by fewer replicas than asked */
};

/* Does ${address} begin with the scheme of a transport? */
bool pd_transport_is_url(const char *address);

/* Could ${url} ever be opened by this build? 0, or -1 with a message. Nobody
 * is asked. */
int pd_transport_check(const char *url, struct pd_err *err);

/* NULL with a message: a wrong URL, no peer within retry_us. ${o} NULL: all
 * defaults; its strings must outlive the transport. */
struct pd_transport *pd_transport_sender(
    const char *url, const struct pd_transport_opts *o, struct pd_err *err);
struct pd_transport *pd_transport_receiver(
    const char *url, const struct pd_transport_opts *o, struct pd_err *err);

/* Take a block (copied) to send; may send, and so wait, up to retry_us. 0, or
 * -1: the peer stayed away; the block is still held. */
int pd_transport_put(struct pd_transport *t, const struct pd_transport_block *b,
    struct pd_err *err);
/* Wait until all that was put is acknowledged. 0 or -1 as above. */
int pd_transport_flush(struct pd_transport *t, struct pd_err *err);
/* Sending live: a source that has nothing to put calls this now and then, so
 * that what is held is tried again. 0 or -1 as above. */
int pd_transport_tick(struct pd_transport *t, struct pd_err *err);
/* Split ${n} bytes of a PDS stream that arrive in any pieces into blocks and
 * put them; damage is left out. Do not mix with pd_transport_put(). */
int pd_transport_write(
    struct pd_transport *t, const void *p, size_t n, struct pd_err *err);

/*
 * pd_transport_get(t, b, timeout_ms, err):
 * The next block, in order within its stream, borrowed until the next call: 1;
 * 0 at the end (never with follow); 2: nothing within ${timeout_ms}; -1.
 */
int pd_transport_get(struct pd_transport *t, struct pd_transport_block *b,
    int timeout_ms, struct pd_err *err);
/* Everything that pd_transport_get() gave is safe at the caller's: the group
 * need not deliver it again. 0 or -1; without a group nothing. */
int pd_transport_ack(struct pd_transport *t, struct pd_err *err);
/* ${b} was received in an earlier life: it need not come again. Call before the
 * first pd_transport_get(). 0, or -1 out of memory. */
int pd_transport_seen(
    struct pd_transport *t, const struct pd_transport_block *b);
/* As read(2), for readers of bytes: the blocks one after another, each stream's
 * header in front; 0 at the end, -1 with a message. */
ssize_t pd_transport_read(
    struct pd_transport *t, void *p, size_t n, struct pd_err *err);
/* A reader of those bytes, to be freed before the transport is closed. NULL out
 * of memory. */
struct pd_pds_reader *pd_transport_reader(struct pd_transport *t);

void pd_transport_stats(
    const struct pd_transport *t, struct pd_transport_stats *s);
/* Free; what is not yet flushed or acked is forgotten. NULL is fine. */
void pd_transport_close(struct pd_transport *t);

#endif /* PD_DATA_TRANSPORT_H */
