#ifndef PD_CACHE_COMMAND_HOTKEYS_H
#define PD_CACHE_COMMAND_HOTKEYS_H

/* PREDIS.STATS HOTKEYS, called by command_stats.c. */

#include <stdint.h>

struct pd_arg;
struct pd_client;

/* Reply with the hottest keys; ${a} are the ${n} words behind HOTKEYS. */
void pd_reply_hotkeys(struct pd_client *c, const struct pd_arg *a, uint32_t n);

#endif /* PD_CACHE_COMMAND_HOTKEYS_H */
