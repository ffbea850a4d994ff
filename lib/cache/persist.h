#ifndef PD_CACHE_PERSIST_H
#define PD_CACHE_PERSIST_H

/*
 * When a server writes its snapshot and loads it: at the start while it
 * serves, every interval, by command and at the end. A snapshot that cannot be
 * written or read is logged and told by INFO, and hinders nobody.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_buf;
struct pd_err;
struct pd_persist;
struct pd_server;

/* For a server with its loop and stores; loading begins with the loop. 0, or
 * -1 with a message. */
int pd_persist_open(struct pd_server *s, struct pd_err *err);
void pd_persist_free(struct pd_persist *p);
/* Ten times a second. */
void pd_persist_cron(struct pd_server *s);

/* In every turn of the first loop. */
void pd_persist_turn(struct pd_server *s);

/* Begin to write a snapshot. 0, or -1 with a message. */
int pd_persist_background(struct pd_server *s, struct pd_err *err);
/* Write one before returning. 0, or -1 with a message. */
int pd_persist_now(struct pd_server *s, struct pd_err *err);
/* The same at the end of the server, when there is a file to write and it was
 * loaded whole; gives up when another signal comes. 0, or -1 having logged
 * what failed. */
int pd_persist_end(struct pd_server *s);

/* Seconds since 1970: when a snapshot was written last, or the start. */
uint64_t pd_persist_last(const struct pd_server *s);
/* The lines of INFO persistence. */
void pd_persist_info(const struct pd_server *s, struct pd_buf *b);
/* Bytes of memory. */
size_t pd_persist_memory(const struct pd_server *s);

#endif /* PD_CACHE_PERSIST_H */
