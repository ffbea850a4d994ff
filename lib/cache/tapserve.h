#ifndef PD_CACHE_TAPSERVE_H
#define PD_CACHE_TAPSERVE_H

/*
 * The tap's listener: each client that connects gets a PDS stream of bare
 * frames (predis-stream(5)) of the sampled events, from its connection on.
 * A client that does not read loses events, which its next frame counts; it
 * never slows the server. Run by the first loop, outside its lock.
 */

#include <stdbool.h>
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
/* Take the events of the rings, if there are many or ${force}. */
void pd_tapserver_drain(struct pd_tapserver *t, bool force);
/* Close blocks that are a second old (called by the periodic work). */
void pd_tapserver_flush(struct pd_tapserver *t);
unsigned pd_tapserver_clients(const struct pd_tapserver *t);
/* Sample as the server's configuration says now; clients get what was sampled
 * before, then a new header. For who is alone; with several loops the first
 * one does it, soon. */
void pd_tapserver_resample(struct pd_tapserver *t);
/* Bytes of buffers, and of what gathers a block for each client. */
uint64_t pd_tapserver_memory(const struct pd_tapserver *t);

#endif /* PD_CACHE_TAPSERVE_H */
