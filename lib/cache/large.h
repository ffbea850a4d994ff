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

#define PD_LARGE 65536 /* bytes from which it is worth it */

/*
 * pd_large_begin(c):
 * The parser needs more of a word of PD_LARGE bytes or more: make room for it,
 * unless there is another one in the request. One that is longer than a key
 * may be, or than memory allows, is dropped as it comes. 0, or -1: close the
 * client.
 */
int pd_large_begin(struct pd_client *c);
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
