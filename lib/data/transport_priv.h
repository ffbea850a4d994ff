#ifndef PD_DATA_TRANSPORT_PRIV_H
#define PD_DATA_TRANSPORT_PRIV_H

/*
 * Between the transports and what they share: a carrier moves entries, knows
 * no order and may deliver twice; transport.c keeps what is not acknowledged,
 * transport_in.c drops doubles and puts in order.
 */

#include "base/buf.h"
#include "base/err.h"
#include "data/transport.h"

/* A block to send. */
struct pd_parcel {
	struct pd_parcel *next;
	uint64_t stream_id;
	uint64_t seq;
	size_t n;
	size_t header_n;
	bool acked;	 /* set by the carrier */
	bool tried;	 /* was sent before, answer unknown */
	uint64_t ticket; /* the carrier's; 0: not with it */
	uint8_t data[];	 /* the block, then the header */
};

/* Where an entry lies at the peer, for acknowledging it. */
struct pd_place {
	uint32_t partition;
	uint64_t a, b; /* ID of a stream's entry, or offset and 0 */
};

/* An entry received. */
struct pd_arrival {
	struct pd_arrival *next;
	uint64_t stream_id;
	uint64_t seq;
	uint64_t since_us; /* when it came */
	struct pd_place place;
	struct pd_buf data;
	struct pd_buf header;
};

/* What the carriers are told: the options with defaults filled in. */
struct pd_carrier_env {
	struct pd_transport_opts o;
	char password[256]; /* of o.password_file; "" none */
	struct pd_transport_stats *stats;
	const char *url; /* whole, for messages */
	const char *hosts;
	const char *name; /* after the slash */
	bool tls;
};

enum pd_carrier_result {
	PD_CARRIER_DONE = 0,
	PD_CARRIER_LATER = 1, /* with a message: trying again may help */
};

struct pd_carrier {
	const char *scheme; /* "kafka://" */
	bool tls;
	/* NULL with a message. ${env} outlives what is opened. */
	void *(*sender)(struct pd_carrier_env *env, struct pd_err *err);
	void *(*receiver)(struct pd_carrier_env *env, struct pd_err *err);
	/* Try once to send ${list}, or its first part, and mark what is acked.
	 * PD_CARRIER_*, or -1: it is no use. */
	int (*send)(void *c, struct pd_parcel *list, struct pd_err *err);
	/* One entry into ${a} (cleared by the caller): as pd_transport_get().
	 */
	int (*next)(
	    void *c, struct pd_arrival *a, int timeout_ms, struct pd_err *err);
	/* These ${n} entries are safe. 0 or -1. */
	int (*ack)(
	    void *c, const struct pd_place *p, size_t n, struct pd_err *err);
	void (*close)(void *c);
};

extern const struct pd_carrier pd_redis_stream;
extern const struct pd_carrier pd_redis_stream_tls;
extern const struct pd_carrier pd_kafka;

/* The streams that a receiver knows, transport_streams.c. */
struct pd_instream {
	struct pd_instream *next; /* in the order of last use */
	uint64_t id;
	uint64_t next_seq;	 /* delivered up to here */
	uint64_t top;		 /* one above the highest seq seen */
	bool begun;		 /* something was delivered, or seen before */
	bool headed;		 /* its header was delivered */
	struct pd_arrival *held; /* in order of seq */
	size_t nheld;
	uint16_t seen[PD_TRANSPORT_WINDOW]; /* checks by seq; 0: not seen */
};

enum pd_seen {
	PD_SEEN_NEW,
	PD_SEEN_TWICE,
	PD_SEEN_NAMESAKE, /* the same seq, another block */
	PD_SEEN_OLD,	  /* below the window: cannot be told */
};

/* The check of a block's bytes: not 0. */
uint16_t pd_instream_check(const void *p, size_t n);
/* Note that ${seq} came, with ${check}. */
enum pd_seen pd_instream_see(
    struct pd_instream *s, uint64_t seq, uint16_t check);
/* Did ${seq} come? Below the window: no. */
bool pd_instream_came(const struct pd_instream *s, uint64_t seq);
/* How many of [from, to) came, as far as the window reaches. */
uint64_t pd_instream_count(
    const struct pd_instream *s, uint64_t from, uint64_t to);
/* The stream ${id}, now the one used last; made when it is new, which may cost
 * the one unused longest that holds nothing. NULL out of memory. */
struct pd_instream *pd_instream_find(struct pd_transport *t, uint64_t id);
/* Arrivals, with buffers. NULL is fine. */
void pd_arrival_free(struct pd_arrival *a);

struct pd_transport {
	const struct pd_carrier *carrier;
	void *c;
	struct pd_carrier_env env;
	char *url, *hosts, *name;
	struct pd_transport_stats stats;
	/* Sending. */
	struct pd_parcel *head, *tail;
	size_t held_bytes, held;
	uint64_t failing_since_us; /* 0: not */
	uint64_t next_try_us;	   /* live: not before */

	unsigned failures; /* in a row */
	struct pd_pds_reader *split;
	struct pd_buf raw; /* bytes of the stream, from raw_base on */
	uint64_t raw_base;
	struct pd_outstream *heads; /* last header of each stream */
	size_t nheads;
	/* Receiving. */
	struct pd_instream *streams; /* used lately first */
	size_t nstreams;
	struct pd_arrival *given; /* borrowed by the caller */
	struct pd_arrival *after; /* to be given after its header */
	size_t in_bytes, in_held; /* of blocks held back */
	bool ended;
	struct pd_place *done; /* given, not acked */
	size_t ndone, done_cap;
	size_t read_at; /* pd_transport_read(): of the block given */
	struct pd_transport_block reading;
};

void pd_transport_in_release(struct pd_transport *t);

#endif /* PD_DATA_TRANSPORT_PRIV_H */
