#ifndef PD_DATA_SOURCE_H
#define PD_DATA_SOURCE_H

/*
 * Events of caches that know nothing of Predis, while they happen:
 *
 *	redis://[USER@]HOST:PORT	MONITOR of a Redis or Valkey
 *	rediss://[USER@]HOST:PORT	the same over TLS
 *	redis+unix:PATH			the same through a Unix socket
 *	memcached://HOST:PORT		watch fetchers mutations
 *	memcached+unix:PATH
 *
 * Requests are numbered as they come (tick), then sampled here, by the rule
 * of data/sample.h on the key's bytes, and leave with keyed hashes only. A
 * source can be read event by event, or as the bytes of a PDS stream, such as
 * the tap of predis-serve sends; not both. Nothing here blocks but connecting
 * (5 s) and asking for the server's load (1 s).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "data/pds_meta.h"
#include "data/sample.h"

struct pd_err;
struct pd_event;
struct pd_keys;
struct pd_source;

struct pd_source_opts {
	const struct pd_keys *keys; /* NULL: pd_keys_public(); copied */
	/* What to keep. PD_SAMPLE_NONE: everything. */
	struct pd_sampler sampler;
	/* Scheme, rate, host and the like of the header; NULL: everything was
	 * kept. Source, time, start and key hash are filled in here. */
	const struct pd_pds_meta *meta;
	const char *password_file; /* its first line; NULL: none */
	/* Of rediss://: PEM files, or NULL: the system's authorities, and no
	 * certificate of ours. All strings must outlive the source. */
	const char *tls_ca;
	const char *tls_cert;
	const char *tls_key;
	/* MONITOR ends when the server takes more than this many cores, for
	 * PD_SOURCE_LOAD_SECONDS one after another; 0: never. */
	double max_load;
	/* A lost connection is tried again for so long; 0: it is the end. */
	uint64_t retry_us;
};

#define PD_SOURCE_MAX_LOAD 0.8 /* what programs take by default */
#define PD_SOURCE_LOAD_SECONDS 3

enum pd_source_result {
	PD_SOURCE_AGAIN = -2, /* nothing now: poll */
	PD_SOURCE_FAILED = -1,
	PD_SOURCE_END = 0,
	PD_SOURCE_EVENT = 1,
	PD_SOURCE_HEADER = 2, /* a stream begins: pd_source_meta() */
};

struct pd_source_stats {
	uint64_t requests; /* numbered, that is before sampling */
	uint64_t events;   /* handed out */
	uint64_t ignored;  /* commands that stand for no access */
	uint64_t lost;	   /* log lines that the server says it dropped */
	uint64_t bad;	   /* lines that could not be understood */
	uint64_t reconnects;
	double load; /* cores that the server took lately, -1 unknown */
};

/* Does ${address} name a live source? */
bool pd_source_is_url(const char *address);

/* Is ${url} a whole address of one? 0, or -1 with a message. Nobody is
 * asked. */
int pd_source_check(const char *url, struct pd_err *err);

/* Connect. NULL with a message. */
struct pd_source *pd_source_open(
    const char *url, const struct pd_source_opts *o, struct pd_err *err);
/* NULL is fine. */
void pd_source_close(struct pd_source *s);

/* The descriptor to poll for reading, -1 while there is no connection. It
 * changes with a reconnection. */
int pd_source_fd(const struct pd_source *s);
/* Milliseconds until something is due though nothing came, at most 1000. */
int pd_source_timeout_ms(const struct pd_source *s);

/* One enum pd_source_result. */
int pd_source_next(struct pd_source *s, struct pd_event *e, struct pd_err *err);
/* Of the stream that is being read, for PD_SOURCE_HEADER. */
const struct pd_pds_meta *pd_source_meta(const struct pd_source *s);

/*
 * pd_source_read(s, p, n, err):
 * Bytes of bare PDS frames, as read(2): a header first, blocks that are at
 * most a second old, an end marker. 0 at the end, PD_SOURCE_AGAIN, or
 * PD_SOURCE_FAILED with a message.
 */
ssize_t pd_source_read(
    struct pd_source *s, void *p, size_t n, struct pd_err *err);

/* Something that a person should know, once each: what watching costs, a lost
 * connection, why it ended. NULL: nothing (more). */
const char *pd_source_note(struct pd_source *s);
/* It ended by itself because of max_load. */
bool pd_source_overloaded(const struct pd_source *s);
/* End now, as if the peer had: what is pending still comes. */
void pd_source_stop(struct pd_source *s);
void pd_source_stats(const struct pd_source *s, struct pd_source_stats *out);

#endif /* PD_DATA_SOURCE_H */
