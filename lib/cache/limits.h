#ifndef PD_CACHE_LIMITS_H
#define PD_CACHE_LIMITS_H

/*
 * What ends a connection: unread replies beyond a hard limit, or beyond a soft
 * one for some time; requests that do not come to their end; silence; and the
 * buffers of all clients together, of which the largest goes first.
 */

#include <stdbool.h>
#include <stdint.h>

struct pd_client;
struct pd_server;
struct pd_worker;

enum pd_out_class { PD_OUT_NORMAL, PD_OUT_PUBSUB, PD_OUT_CLASSES };

/* Limits on the bytes of unread replies; 0: none. */
struct pd_out_limit {
	uint64_t hard;	  /* more: closed at once */
	uint64_t soft;	  /* so much, ... */
	uint64_t soft_us; /* ... and never less for so long */
};

/* Of these, keys make room for a 16th of the memory at most; the rest lies
 * above the memory limit. */
#define PD_CLIENTS_SHARE 16
#define PD_CLIENTS_ABOVE (UINT64_C(64) << 20)
#define PD_CLIENTS_LEAST 65536 /* never fewer */
/* maxmemory-clients: both. */
#define PD_CLIENTS_AUTO UINT64_MAX

/* Is there more unread by a client than its class allows? Notes since when
 * the soft limit has been reached. */
bool pd_limits_output(struct pd_client *c);

/* Close those that are too slow, silent, or late; once a second. */
void pd_limits_sweep(struct pd_worker *w);

/* Bytes that the buffers of all clients may take; UINT64_MAX: no limit. */
uint64_t pd_limits_clients(const struct pd_server *s);
/* What they take now. */
uint64_t pd_limits_taken(const struct pd_server *s);
/* Of ${bytes} of buffers, those that keys make no room for. */
uint64_t pd_limits_above(const struct pd_server *s, uint64_t bytes);
/* While the buffers of all loops take too much: close clients of a loop that
 * has more than its equal part, the largest first. */
void pd_limits_evict(struct pd_worker *w);

#endif /* PD_CACHE_LIMITS_H */
