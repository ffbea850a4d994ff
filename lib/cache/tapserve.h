#ifndef PD_CACHE_TAPSERVE_H
#define PD_CACHE_TAPSERVE_H

/*
 * The tap's listener: each client that connects gets a PDS stream of bare
 * frames (predis-stream(5)) of the sampled events, from its connection on.
 * A client that does not read loses events, which its next frame counts; it
 * never slows the server.
 */

#include <stdint.h>

struct pd_err;
struct pd_server;
struct pd_tapserver;

/* Listen on ${address}: in protected mode a path or loopback. NULL with a
 * message. */
struct pd_tapserver *pd_tapserver_new(
    struct pd_server *s, const char *address, struct pd_err *err);
/* Clients get what there still is and the end marker; who does not take it
 * within a second loses it. */
void pd_tapserver_free(struct pd_tapserver *t);
/* Take the events of the ring, if there are many or ${force}. */
void pd_tapserver_drain(struct pd_tapserver *t, int force);
/* Close blocks that are a second old (called by the periodic work). */
void pd_tapserver_flush(struct pd_tapserver *t);
unsigned pd_tapserver_clients(const struct pd_tapserver *t);
/* The sampling changed: clients get a new header. */
void pd_tapserver_changed(struct pd_tapserver *t);
/* Bytes of buffers, and of what gathers a block for each client. */
uint64_t pd_tapserver_memory(const struct pd_tapserver *t);

#endif /* PD_CACHE_TAPSERVE_H */
