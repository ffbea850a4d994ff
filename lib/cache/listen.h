#ifndef PD_CACHE_LISTEN_H
#define PD_CACHE_LISTEN_H

/*
 * Where a server's clients come in: TCP ports on the addresses of its
 * configuration, with TLS or without, and a Unix socket, which the first loop
 * accepts from. The loop with the fewest clients serves a connection. One
 * beyond the limit, or one that protected mode forbids, is told so and closed.
 */

struct pd_err;
struct pd_server;
struct pd_worker;

/* Listen for all loops as ${s}->cfg says; ports that were chosen are in ${s}.
 * 0, or -1 with a message; what listens by then is closed by pd_listen_close().
 */
int pd_listen_open(struct pd_server *s, struct pd_err *err);

/* Serve the connections that other loops let in for this one. */
void pd_listen_receive(struct pd_worker *w);

/* Accept again, after descriptors or memory had run out. */
void pd_listen_resume(struct pd_worker *w);

void pd_listen_close(struct pd_worker *w);

#endif /* PD_CACHE_LISTEN_H */
