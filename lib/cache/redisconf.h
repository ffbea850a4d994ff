#ifndef PD_CACHE_REDISCONF_H
#define PD_CACHE_REDISCONF_H

/*
 * A configuration file of Redis (redis.conf): lines of a directive and its
 * words, quoted as in an inline command. What means something here is taken;
 * what is of Redis and means nothing here is noted by name; what would be
 * missed, or is unknown, is an error with file and line. A relative path in
 * it is one from the folder that "dir" names.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct pd_err;
struct pd_server;
struct pd_server_config;

/* "name value" of a line, for when the server is there. */
struct pd_redisconf_setting {
	char *name;
	char *value;
	unsigned line;
};

struct pd_redisconf {
	const char *path;
	struct pd_server_config *cfg;
	struct pd_redisconf_setting *settings;
	unsigned nsettings;
	char **strings; /* that cfg borrows */
	unsigned nstrings;
	struct pd_buf users;   /* lines "user ..." */
	struct pd_buf ignored; /* names, separated by ", " */
	char *dir;
	char *logfile; /* NULL: not told; "": standard output */
};

/*
 * pd_redisconf_load(rc, path, cfg, err):
 * Read the file into ${cfg}, which borrows strings of ${rc}; both are
 * borrowed until pd_redisconf_release(). 0, or -1 with a message.
 */
int pd_redisconf_load(struct pd_redisconf *rc, const char *path,
    struct pd_server_config *cfg, struct pd_err *err);
/* The same of ${n} bytes of text; ${path} is for messages. */
int pd_redisconf_parse(struct pd_redisconf *rc, const char *path,
    const char *text, size_t n, struct pd_server_config *cfg,
    struct pd_err *err);
/* Users and options of a server made with that configuration, before it
 * serves. 0, or -1 with a message. */
int pd_redisconf_apply(
    const struct pd_redisconf *rc, struct pd_server *s, struct pd_err *err);
void pd_redisconf_release(struct pd_redisconf *rc);

#endif /* PD_CACHE_REDISCONF_H */
