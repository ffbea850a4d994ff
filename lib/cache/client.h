#ifndef PD_CACHE_CLIENT_H
#define PD_CACHE_CLIENT_H

/*
 * One connection of a RESP client: what it sent and is not executed yet, what
 * is to be written, and its state (database, protocol, transaction). A client
 * with too much unread output is not read from until it has read.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cache/pubsub.h"
#include "cache/reply.h"
#include "cache/resp.h"
#include "io/conn.h"
#include "io/loop.h"

struct pd_cmd;
struct pd_server;
struct pd_tls_ctx;
struct pd_user;
struct pd_worker;

/* What must be asked before a command runs; 0 for most clients. */
enum pd_client_gate {
	PD_GATE_AUTH = 1,	/* no AUTH yet */
	PD_GATE_ACL = 2,	/* the user may not do everything */
	PD_GATE_SUBSCRIBER = 4, /* RESP2 and subscribed: few commands */
};

/* A command of a transaction, with its words in the same allocation. */
struct pd_queued {
	struct pd_cmd *cmd;
	struct pd_arg *argv;
	uint32_t argc;
};

enum pd_client_mute {
	PD_MUTE_NO,
	PD_MUTE_OFF,	   /* CLIENT REPLY OFF */
	PD_MUTE_SKIP_NEXT, /* the command after this one */
	PD_MUTE_SKIP,	   /* this command */
};

/* What other loops may see of a client's buffers; its own loop says it. */
struct pd_client_seen {
	atomic_size_t unread; /* replies, of which ... */
	atomic_size_t held;   /* ... values where they are; how many */
	atomic_size_t reply_cap;
	atomic_size_t reply_len;
	atomic_size_t in_len;
	atomic_size_t in_free;
	atomic_size_t words;
	atomic_size_t memory;
	atomic_uint events;
};

struct pd_client {
	struct pd_server *server;
	struct pd_worker *worker; /* whose loop serves it */
	struct pd_watch watch;
	struct pd_conn conn;
	uint64_t id;
	struct pd_buf in;
	size_t in_at;	 /* executed so far */
	uint32_t ahead;	 /* of the turn's parsed commands, the first ... */
	uint32_t nahead; /* ... and how many are its */
	struct pd_resp parser;
	struct pd_reply reply;
	unsigned db;
	uint8_t mute; /* enum pd_client_mute */
	uint8_t gate; /* enum pd_client_gate */
	bool is_monitor;
	bool authenticated;
	bool paused;	  /* too much output: not read */
	bool held_back;	  /* CLIENT PAUSE */
	bool waits;	  /* with a large value, for others' (large.h) */
	bool came;	  /* more of it since the accounts were made */
	bool close_after; /* once the output is written */
	atomic_bool closed;
	bool is_unix;
	bool is_local; /* from this machine */
	bool no_evict;
	bool no_touch;
	bool is_dirty;
	bool is_ready;	   /* the turn's (turn.h) ... */
	bool lent;	   /* in is a part of its buffer */
	bool more;	   /* to be read from without being polled */
	bool doomed;	   /* to be closed at the end of it */
	bool unusual;	   /* parse on with the parser that keeps its place */
	bool multi;	   /* between MULTI and EXEC */
	bool multi_failed; /* a command was refused: EXEC aborts */
	atomic_bool multi_stale; /* a watched key changed */
	bool in_exec;
	struct pd_queued *queue;
	uint32_t nqueue;
	uint32_t queue_cap;
	size_t queue_bytes;
	uint32_t nwatched;
	struct pd_user *user;
	struct pd_subs subs[PD_SUB_KINDS];
	struct pd_buf later; /* messages for behind the reply, or from loops
			      * other than its own */
	bool posted;	     /* its loop has been told of these */
	atomic_bool broken;  /* one did not fit: to be closed */
	char *name;
	char *lib_name;
	char *lib_ver;
	char addr[64];
	char laddr[64];
	uint64_t created_us; /* monotonic */
	uint64_t last_us;    /* of the last command or read */
	uint64_t request_us; /* when the unfinished request began, or 0 */
	uint64_t soft_us;  /* when unread output reached the soft limit, or 0 */
	uint64_t stuck_us; /* when it last became less while paused */
	uint64_t queued_was; /* at the last sweep */
	uint64_t waits_us;   /* since when it waits */
	uint64_t accounted;  /* bytes of it in worker->clients_bytes */
	struct pd_cmd *last; /* last command */
	struct pd_client *next;
	struct pd_client *prev;
	struct pd_client *next_dirty;
	struct pd_client *next_dead;
	struct pd_client *next_ready;
	struct pd_client *next_doomed;
	struct pd_client *next_posted;
	struct pd_client_seen seen;
};

static inline bool
pd_client_subscribed(const struct pd_client *c)
{
	return c->subs[PD_SUB_CHANNEL].n + c->subs[PD_SUB_PATTERN].n +
		   c->subs[PD_SUB_SHARD].n >
	       0;
}

/* Serve an accepted socket, of this machine with ${is_local}. NULL when there
 * is no memory (fd is closed). */
struct pd_client *pd_client_new(struct pd_worker *w, int fd,
    struct pd_tls_ctx *tls, bool is_unix, bool is_local);
/* Close now; connection and memory go at the end of its loop's turn. For its
 * loop, which may become alone for it, or for who is alone. */
void pd_client_close(struct pd_client *c);
/* Send it what is no reply, behind its reply if it is about to get one and
 * ${behind}. For its loop, or for who is alone. */
void pd_client_send(struct pd_client *c, const void *p, size_t n, bool behind);
/* Bytes that it has not read, of what all may know. */
size_t pd_client_unread(const struct pd_client *c);
/* Take over what other loops have sent to this one's clients. */
void pd_clients_collect(struct pd_worker *w);
/* Write what is queued, as far as it goes; what is to be done then, see
 * turn.h. */
void pd_client_flush(struct pd_client *c);
/* See that what is queued gets written this turn, and its state looked at. */
void pd_client_mark_dirty(struct pd_client *c);
/* Have its loop wait for what it may do now. */
void pd_client_rewatch(struct pd_client *c);
/* Execute what has been read and waits (after a pause). */
void pd_client_resume(struct pd_client *c);
/* Free those closed in this turn. */
void pd_clients_reap(struct pd_worker *w);
/* Bytes of its buffers. */
size_t pd_client_memory(const struct pd_client *c);
/* Forget the transaction. */
void pd_client_discard(struct pd_client *c);
/* As after connecting (RESET). */
void pd_client_reset(struct pd_client *c);
/* Its user, protocol or subscriptions changed: set the gate. */
void pd_client_regate(struct pd_client *c);
/* Bytes that it sent and that wait to be executed, and of replies to it. */
size_t pd_client_input(const struct pd_client *c);
size_t pd_client_output(const struct pd_client *c);
/* One line of CLIENT LIST. */
void pd_client_describe(const struct pd_client *c, struct pd_buf *out);

#endif /* PD_CACHE_CLIENT_H */
