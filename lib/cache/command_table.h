#ifndef PD_CACHE_COMMAND_TABLE_H
#define PD_CACHE_COMMAND_TABLE_H

/* The arrays of commands, one a file command_*.c; see command.h. */

#include "cache/command.h"

/* clang-format off */
#define PD_COMMAND_ARRAYS \
	X(string) \
	X(number) \
	X(bit) \
	X(bitfield) \
	X(lcs) \
	X(key) \
	X(expire) \
	X(scan) \
	X(multi) \
	X(conn) \
	X(client) \
	X(config) \
	X(introspect) \
	X(server) \
	X(snapshot) \
	X(predis) \
	X(stats) \
	X(explain) \
	X(hint) \
	X(acl) \
	X(pubsub) \
	X(monitor) \
	X(slowlog) \
	X(latency) \
	X(script) \
	X(cluster) \
	X(debug)
/* clang-format on */

#define X(name) extern const struct pd_command pd_commands_##name[];
PD_COMMAND_ARRAYS
#undef X

#endif /* PD_CACHE_COMMAND_TABLE_H */
