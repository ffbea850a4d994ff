#ifndef PD_CACHE_MONITOR_H
#define PD_CACHE_MONITOR_H

/*
 * MONITOR: clients that are told every command, or those on a share of the
 * keys, or on keys with a prefix. What a monitor has not read is bounded:
 * further commands are dropped and counted, and a line tells how many once
 * it reads again. A slow reader never holds up the server.
 */

#include <stdint.h>

struct pd_arg;
struct pd_client;
struct pd_server;

#define PD_MONITOR_UNREAD 1048576 /* bytes; more are dropped */

struct pd_monitor {
	struct pd_client *client;
	struct pd_monitor *next;
	uint64_t most; /* greatest hash of keys to tell; UINT64_MAX: all */
	uint64_t lost; /* commands dropped since the last line */
	uint32_t prefix_len;
	char prefix[];
};

/* Those of a server; there as long as there are any. */
struct pd_monitors {
	struct pd_monitor *first;
};

/* Make a client a monitor, of a share in (0, 1] of the keys; one that is one
 * gets the new filter. 0, or -1 out of memory. */
int pd_monitor_start(
    struct pd_client *c, double share, const char *prefix, uint32_t n);
void pd_monitor_stop(struct pd_client *c);
/* Tell the monitors of a command; words from ${secret} on are not told. */
void pd_monitor_feed(struct pd_client *c, const struct pd_arg *argv,
    uint32_t argc, uint32_t secret);

#endif /* PD_CACHE_MONITOR_H */
