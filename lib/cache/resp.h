#ifndef PD_CACHE_RESP_H
#define PD_CACHE_RESP_H

/*
 * Parsing requests: RESP arrays of bulk strings, and inline commands, from
 * the front of a buffer that the caller fills (Redis serialization protocol
 * specification). Nothing is copied but the words of inline commands;
 * lengths are checked before anything is allocated. The parser keeps its
 * place between calls, so a request may come in any number of pieces.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

#define PD_RESP_INLINE_MAX 65536
#define PD_RESP_ARGS_MAX 1048576
#define PD_RESP_BULK_MAX 536870912 /* beyond: a protocol error */

/* One word of a command: borrowed bytes, not NUL-terminated. */
struct pd_arg {
	const char *p;
	uint32_t n;
	uint32_t at;   /* the parser's: offset in the request */
	uint64_t hash; /* as a key of its client's database; 0 not known */
};

enum pd_resp_status {
	PD_RESP_MORE,	 /* feed more bytes */
	PD_RESP_COMMAND, /* argv, argc (maybe 0) and len are set */
	PD_RESP_ERROR,	 /* error is set; the connection is lost */
};

struct pd_resp {
	/* The caller's limits. */
	uint32_t keep_max;    /* longer words are dropped, see oversize */
	bool unauthenticated; /* small requests only */
	/* Results. */
	struct pd_arg *argv;
	uint32_t argc;
	size_t len; /* bytes of the buffer that the command took, or so far */
	bool oversize;	/* a word longer than keep_max was dropped (n is 0) */
	bool no_room;	/* ... and because of the caller: pd_resp_drop(); ... */
	bool no_memory; /* ... or because the machine is full */
	char error[64];
	/* State. */
	uint32_t cap;	  /* of argv */
	int64_t left;	  /* words still to come; 0 between requests */
	int64_t bulk;	  /* length of the word that is coming, or -1 */
	bool dropped;	  /* it is dropped as it comes */
	uint64_t discard; /* bytes to drop at len before going on */
	/* A long word that goes to memory of its own, and its line end. */
	uint8_t *far; /* the caller's; NULL none */
	size_t far_size;
	size_t far_got;	     /* bytes that the caller has put there */
	size_t far_at;	     /* its place in the request */
	uint32_t far_key;    /* the caller's */
	bool far_coming;     /* it is the word under way */
	struct pd_buf words; /* of an inline command */
};

void pd_resp_init(struct pd_resp *r);
void pd_resp_release(struct pd_resp *r);

/*
 * pd_resp_parse(r, data, n):
 * Go on with the request that starts at ${data}, of which ${n} bytes are
 * there. While r->discard is not 0, the caller removes that many bytes at
 * data + len, as they come, before it calls again. After a command the caller
 * drops r->len bytes and calls pd_resp_next().
 */
enum pd_resp_status pd_resp_parse(
    struct pd_resp *r, const char *data, size_t n);
void pd_resp_next(struct pd_resp *r);

/*
 * pd_resp_quick(data, n, longest, argv, max, &len):
 * The command that starts at ${data}, if all of it is there as clients write
 * it: an array of at most ${max} words of at most ${longest} bytes. Returns
 * the number of words, *len its bytes, as pd_resp_parse() would; or 0: ask
 * that one.
 */
uint32_t pd_resp_quick(const char *data, size_t n, uint32_t longest,
    struct pd_arg *argv, uint32_t max, size_t *len);

/*
 * pd_resp_far(r, p):
 * The word under way goes to ${p}, which has room for r->bulk + 2 bytes, and
 * not to the buffer: the caller puts its bytes there, counts them in far_got,
 * and frees ${p} before pd_resp_next(). Once for a request.
 */
void pd_resp_far(struct pd_resp *r, uint8_t *p);
/* The word under way is not wanted: as one that is longer than keep_max. */
void pd_resp_drop(struct pd_resp *r);

/* Bytes still missing of the word under way; for sizing the buffer. */
size_t pd_resp_missing(const struct pd_resp *r, size_t n);

/*
 * pd_resp_split(words, line, n, fn, cookie):
 * Split an inline command into words: quotes and \xHH as in a shell's way.
 * Calls fn(cookie, offset in words, length) for each. 0, or -1 on unbalanced
 * quotes or without memory.
 */
int pd_resp_split(struct pd_buf *words, const char *line, size_t n,
    int (*fn)(void *cookie, size_t at, size_t len), void *cookie);

#endif /* PD_CACHE_RESP_H */
