#ifndef PD_DATA_SOURCE_PRIV_H
#define PD_DATA_SOURCE_PRIV_H

/*
 * Between data/source.c and the kinds of live sources: what a kind does, and
 * lines from a socket that never blocks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "data/import.h"
#include "io/sock.h"

struct pd_err;
struct pd_event;
struct pd_tls_ctx;

#define PD_LIVE_CLOSED (-2) /* the peer went away */
#define PD_LIVE_CONNECT_MS 5000
#define PD_LIVE_ASK_MS 1000

struct pd_live_login {
	const char *user;	/* NULL: none */
	const char *password;	/* NULL: none */
	struct pd_tls_ctx *tls; /* NULL: plain */
};

struct pd_live_counts {
	uint64_t ignored;
	uint64_t lost;
	uint64_t bad;
	double load; /* cores, -1 unknown */
};

struct pd_live {
	const char *scheme; /* "redis": redis://, redis+unix: */
	const char *port;   /* by default */
	const char *note;   /* what watching costs; NULL: nothing to say */
	bool hits;	    /* hits are known */
	bool tls;
	void *(*open)(const struct pd_addr *a, const struct pd_live_login *l,
	    struct pd_err *err);
	int (*fd)(const void *src);
	/* 1 an event (e->tick is the next one; changed only for a fill); 0
	 * nothing now; PD_LIVE_CLOSED; -1 with a message. */
	int (*next)(void *src, struct pd_event *e, struct pd_import_key *key,
	    struct pd_err *err);
	/* What was received is handed out, nothing more is read. */
	void (*finish)(void *src);
	/* Ask the server how it is; about once a second. */
	void (*check)(void *src, uint64_t now_us);
	const struct pd_live_counts *(*counts)(const void *src);
	void (*close)(void *src);
};

extern const struct pd_live pd_live_redis;
extern const struct pd_live pd_live_redis_tls;
extern const struct pd_live pd_live_memcached;

/* Lines ending in LF or CR LF. A line above PD_LIVE_LINE_MAX is left out and
 * counted. */
#define PD_LIVE_LINE_MAX ((size_t)64 << 20)

struct pd_live_lines {
	/* As read(2), without waiting. */
	ssize_t (*read)(void *cookie, void *p, size_t n);
	void *cookie;
	char *buf;
	size_t cap;
	size_t pos;	/* start of unread bytes */
	size_t scanned; /* of them, known to hold no end of line */
	size_t end;
	bool skipping; /* until the end of a line that is too long */
	uint64_t over; /* such lines */
	bool closed;   /* no more is read */
};

/* 0, or -1 out of memory; release in both cases. */
int pd_live_lines_init(struct pd_live_lines *l,
    ssize_t (*read)(void *cookie, void *p, size_t n), void *cookie);
void pd_live_lines_release(struct pd_live_lines *l);
/* 1 with a line (without its end, NUL-terminated), 0, PD_LIVE_CLOSED, -1. */
int pd_live_lines_next(
    struct pd_live_lines *l, char **line, size_t *n, struct pd_err *err);

#endif /* PD_DATA_SOURCE_PRIV_H */
