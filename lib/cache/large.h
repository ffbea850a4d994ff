#ifndef PD_CACHE_LARGE_H
#define PD_CACHE_LARGE_H

/*
 * Long words of requests, as large values are: the socket is read straight
 * into memory that the store can take over as the value of a key, so that the
 * bytes are not copied. One a request; others come as usual.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct pd_client;
struct pd_key;
struct pd_put;
struct pd_worker;

#define PD_LARGE 65536 /* bytes from which it is worth it */

/*
 * pd_large_begin(c):
 * The parser needs more of a word of PD_LARGE bytes or more: make room for it,
 * unless there is another one in the request. One that is longer than a key
 * may be, or than memory allows, is dropped as it comes. 0, or -1: close the
 * client.
 */
int pd_large_begin(struct pd_client *c);
/*
 * pd_large_waits(c):
 * Is it not to be read from for now? When the buffers of all clients have taken
 * half of what they may, large values come in one after the other: a client
 * that waits is not read from, and so need not be closed, until it is its turn
 * or there is room again.
 */
bool pd_large_waits(struct pd_client *c);
/* Before the loop waits: let those go on that may now. */
void pd_large_resume(struct pd_worker *w);
/* Read more of it, as pd_conn_read(). */
ssize_t pd_large_read(struct pd_client *c);
/* Where the ${put}->len bytes at ${p} are such a word, and ${k} the key that it
 * came for: what put->adopt is to be; else NULL. */
uint8_t *pd_large_adopt(struct pd_client *c, const struct pd_key *k,
    const void *p, const struct pd_put *put);
/* The request has run, is to be parsed again, or the client is gone: nothing
 * is left of it. */
void pd_large_end(struct pd_client *c);

#endif /* PD_CACHE_LARGE_H */
