#ifndef PD_CACHE_REPLY_H
#define PD_CACHE_REPLY_H

/*
 * Replies to one client, RESP2 or RESP3, gathered until they are written.
 * Small values are copied; the values of large entries are held and written
 * from where they are. Running out of memory sets `failed`: the client must
 * be closed.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

struct iovec;
struct pd_entry;

#define PD_REPLY_HOLD 16384 /* values from this size are held */

#define PD_REPLY_CODE 24 /* bytes of an error's code */

struct pd_held {
	size_t at; /* the value goes before this offset of buf */
	struct pd_entry *entry;
};

struct pd_reply {
	struct pd_buf buf;
	size_t sent; /* bytes of buf written already */
	struct pd_held *held;
	uint32_t nheld; /* held[first..nheld) are to be written */
	uint32_t first;
	uint32_t cap;
	size_t held_sent;  /* bytes of held[first] written already */
	size_t held_bytes; /* of values that are to be written */
	uint8_t resp;	   /* 2 or 3 */
	bool mute;	   /* CLIENT REPLY OFF or SKIP: drop replies */
	bool failed;
	uint64_t errors;	  /* error replies, muted ones too */
	uint64_t blamed;	  /* of these, counted for a command already */
	char code[PD_REPLY_CODE]; /* of the last error: "ERR", "NOAUTH" ... */
};

void pd_reply_init(struct pd_reply *r);
/* Drops what is not written. */
void pd_reply_release(struct pd_reply *r);

/* Bytes still to be written. */
size_t pd_reply_queued(const struct pd_reply *r);
/* Bytes of memory, held values left out. */
size_t pd_reply_memory(const struct pd_reply *r);
/* Up to ${max} pieces of what is to be written; how many. */
int pd_reply_pieces(const struct pd_reply *r, struct iovec *iov, int max);
/* ${n} bytes have been written. */
void pd_reply_wrote(struct pd_reply *r, size_t n);

void pd_reply_raw(struct pd_reply *r, const char *p, size_t n);
void pd_reply_status(struct pd_reply *r, const char *s); /* +OK */
void pd_reply_ok(struct pd_reply *r);
/* -CODE text; line ends in the text become spaces. */
void pd_reply_error(struct pd_reply *r, const char *text);
void pd_reply_errorf(struct pd_reply *r, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
void pd_reply_int(struct pd_reply *r, int64_t v);
void pd_reply_bulk(struct pd_reply *r, const void *p, size_t n);
void pd_reply_str(struct pd_reply *r, const char *s);
/* A bulk string with a number in it. */
void pd_reply_bulk_int(struct pd_reply *r, int64_t v);
/* The ${n} bytes at ${from} of an entry's value. */
void pd_reply_value(
    struct pd_reply *r, struct pd_entry *e, size_t from, size_t n);
void pd_reply_null(struct pd_reply *r);
void pd_reply_null_array(struct pd_reply *r);
void pd_reply_array(struct pd_reply *r, size_t n);
void pd_reply_map(struct pd_reply *r, size_t pairs);
void pd_reply_set(struct pd_reply *r, size_t n);
/* A message that answers no command: in RESP2 an array. */
void pd_reply_push(struct pd_reply *r, size_t n);
/* A number, in RESP2 as text. */
void pd_reply_double(struct pd_reply *r, double v);
void pd_reply_bool(struct pd_reply *r, bool v);
/* Text for people, "txt" in RESP3. */
void pd_reply_text(struct pd_reply *r, const char *p, size_t n);

/*
 * An array whose length is not known yet: remember the place, add the
 * elements, then give their number. In between nothing may be written.
 */
size_t pd_reply_later(const struct pd_reply *r);
void pd_reply_now_array(struct pd_reply *r, size_t place, size_t n);
void pd_reply_now_map(struct pd_reply *r, size_t place, size_t pairs);

#endif /* PD_CACHE_REPLY_H */
