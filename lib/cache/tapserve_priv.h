#ifndef PD_CACHE_TAPSERVE_PRIV_H
#define PD_CACHE_TAPSERVE_PRIV_H

/* Between the files of the tap's listener: tapclient.c has what is done for one
 * reader, tapserve.c the listener and the rings. */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "cache/server.h"
#include "cache/tap.h"
#include "cache/tapserve.h"
#include "data/budget.h"
#include "data/pds.h"
#include "io/sock.h"

/* Of a queue, for an event in a block: with all its copies until it is in the
 * queue. */
#define PD_TAP_EVENT_BYTES 256u

struct tapclient {
	struct pd_tapserver *server;
	struct pd_watch watch;
	struct pd_buf out;
	size_t sent;
	uint32_t block_records;
	struct pd_pds_writer *writer[PD_SCHEMES]; /* NULL: off */
	bool dead;
	struct tapclient *next;
};

struct pd_tapserver {
	struct pd_server *server;
	struct pd_addr addr;
	struct pd_watch watch;
	struct tapclient *clients;
	atomic_uint n;
	uint64_t capacity;     /* in objects, as the last header said */
	bool listening;	       /* somebody is: taps are on */
	atomic_bool resample;  /* rate or scheme changed: the loop's turn */
	uint32_t *heads;       /* of rings, up to where to read */
	struct pd_rates rates; /* in force */
	struct pd_budget budget;
	uint64_t sampled; /* events since the budget was told, lost ones too */
	uint64_t told_us;
	atomic_uint_least64_t bytes;
};

/* What headers say of the cache. */
struct tapsource {
	uint64_t room;
	uint64_t evict_age;
};

/* Somebody reads the tap from now on, or nobody does. */
void tapserve_listen(struct pd_tapserver *t, bool on);

/* Close its connection; the server frees it when no list is being walked. */
void tapclient_drop(struct tapclient *c);
void tapclient_free(struct tapclient *c);
/* Wait until a client took what is queued, takes no more, or it is ${most}. */
void tapclient_hand_over(struct tapclient *c, uint64_t most);
/* Write the end markers, of those streams that ${keep} has not. 0 or -1. */
int tapclient_end(struct tapclient *c, unsigned keep);
/*
 * A stream for each scheme that is on: one that was there ends, and begins anew
 * with what is true now. 0 or -1.
 */
int tapclient_begin(struct tapclient *c, const struct tapsource *src);
/* Write as far as it goes. */
void tapclient_send(struct tapclient *c);
/* Unread bytes that are kept for one of ${n} clients: they count as memory, so
 * a small cache keeps little, and many clients share it. */
size_t tapclient_queue(const struct pd_tapserver *t, unsigned n);
/*
 * One event for one client; dropped and counted when it does not read: false.
 * Ticks and the eviction age are those of the whole cache: a shard sees one
 * access in as many as there are shards.
 */
bool tapclient_add(struct tapclient *c, enum pd_scheme scheme,
    const struct pd_event *e, uint32_t shard, size_t queue);
/* Close its blocks; where it reads, say what it lost though nothing follows. 0
 * or -1. */
int tapclient_flush(struct tapclient *c, size_t queue);

#endif /* PD_CACHE_TAPSERVE_PRIV_H */
