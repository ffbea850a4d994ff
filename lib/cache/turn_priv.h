#ifndef PD_CACHE_TURN_PRIV_H
#define PD_CACHE_TURN_PRIV_H

/* What the files of the turn share. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/client.h"
#include "cache/command.h"
#include "cache/server.h"
#include "data/hotkeys.h"

#define COMMANDS 512 /* parsed ahead at a time */
#define ARGS 4096    /* of them all */
#define NEAR 48	     /* keys brought near at a time, up to 64 */

/* A command that is whole. */
struct ahead {
	struct pd_cmd *cmd; /* NULL: look it up when it runs */
	struct pd_arg *argv;
	uint32_t argc;
	uint32_t key; /* the first of its keys in the turn's */
	size_t len;   /* of its bytes */
};

/* Clients whose next commands need the same shard, as places in wide[]. */
struct queue {
	uint16_t first;
	uint16_t last;
	uint16_t n;
};

struct pd_turn {
	uint8_t *input;
	size_t room;		 /* of it */
	size_t used;		 /* lent to clients */
	struct pd_client *first; /* that have something to do, in order */
	struct pd_client *last;
	struct pd_client *doomed;
	uint32_t nahead;
	uint32_t nargs;
	uint32_t nkeys;
	uint32_t near;	  /* below it, keys have been brought near */
	uint32_t most;	  /* commands of one client parsed at a time */
	uint64_t draw;	  /* as many keys parsed ahead: the last one is drawn */
	uint64_t pace_us; /* when draws are fitted to the traffic again */
	struct pd_hotkeys hot;
	struct ahead ahead[COMMANDS];
	uint64_t hash[ARGS]; /* of the keys */
	struct pd_arg arg[ARGS];
	/* turn_wide.c */
	uint32_t nwide; /* clients that wait in a queue */
	struct pd_client *wide[COMMANDS];
	uint16_t behind[COMMANDS]; /* the next one in its queue */
	struct queue queue[PD_SHARDS_MAX];
};

/* May it execute commands now? */
static inline bool
turn_may_run(const struct pd_client *c)
{
	return !c->closed && !c->close_after && !c->paused && !c->held_back;
}

/* Run a command of a client, who may. */
void turn_command(struct pd_client *c, const struct ahead *a);

/* turn_shards.c, with several loops only. */

/* How many clients make it worth while to go by shards; 0: never. */
uint32_t turn_wide_least(const struct pd_server *s);

/*
 * turn_wide(w, t, c):
 * Run commands of the clients from ${c} on in an order that suits the shards:
 * with the lock of one, the next commands of all clients who need it. The
 * order of a client's own commands stays. What is no plain command on one key
 * is left, with what follows it, and so are the last few clients.
 */
void turn_wide(struct pd_worker *w, struct pd_turn *t, struct pd_client *c);

/* Bring near what is kept of up to NEAR keys, and keep their shards' locks for
 * the commands to come if nobody has one of them. */
void turn_keep(struct pd_worker *w, const uint64_t *hash, uint32_t n);
/* Let go of them. */
void turn_let_go_slowly(struct pd_worker *w);
/* Can this command do with the shards that are kept? */
bool turn_can_use(
    struct pd_turn *t, struct pd_client *c, const struct ahead *a);

static inline void
turn_let_go(struct pd_worker *w)
{
	if (w->keeps)
		turn_let_go_slowly(w);
}

#endif /* PD_CACHE_TURN_PRIV_H */
