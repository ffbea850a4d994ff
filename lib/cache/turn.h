#ifndef PD_CACHE_TURN_H
#define PD_CACHE_TURN_H

/*
 * One turn of a loop, in three phases, so that a lock need not be held across
 * a system call: clients that are ready are READ from, into one buffer that
 * they share; what they sent is EXECUTEd; replies are WRITTEN, with one call
 * for each client. Only reading and writing make system calls.
 *
 * Within EXECUTE, commands of all clients are parsed ahead, their keys hashed
 * and what these will touch brought towards the processor, before the first
 * of them runs. A client's commands run in its order, and its checks are made
 * when a command runs, never when it is parsed: parsing ahead ends behind the
 * first command that could change what the next ones mean, which is any but a
 * plain command on keys.
 */

#include <stdbool.h>
#include <stddef.h>

struct pd_client;
struct pd_hotkeys;
struct pd_keys;
struct pd_turn;
struct pd_worker;

/* Of loop ${number}; ${keys} are borrowed. NULL out of memory. */
struct pd_turn *pd_turn_new(
    const struct pd_keys *keys, unsigned number, bool several);
/* The keys that clients of the loop ask for most (data/hotkeys.h), sampled or
 * not. For who is alone. */
struct pd_hotkeys *pd_turn_hotkeys(struct pd_turn *t);
/* No client may be waiting in it. */
void pd_turn_free(struct pd_turn *t);
/* Bytes allocated. */
size_t pd_turn_memory(const struct pd_turn *t);

/* READ what a client sent. Where the turn's buffer is full, what is in it
 * EXECUTEs first. */
void pd_turn_read(struct pd_client *c);
/* The client has something to EXECUTE, or with c->more to be read. */
void pd_turn_add(struct pd_client *c);
/* The connection is lost or to be given up: it is closed within EXECUTE, or
 * where it sent something before by pd_turn_sweep(). */
void pd_turn_doom(struct pd_client *c);

/* READ from those whom polling does not tell of. */
void pd_turn_read_more(struct pd_worker *w);
/* EXECUTE what has been read. Afterwards no client waits. */
void pd_turn_execute(struct pd_worker *w);
/* WRITE what is to be written. */
void pd_turn_write(struct pd_worker *w);
/* Close the doomed who have nothing to execute any more. */
void pd_turn_sweep(struct pd_worker *w);
/* Does a client wait already, so that the loop should not? */
bool pd_turn_waits(const struct pd_turn *t);

#endif /* PD_CACHE_TURN_H */
