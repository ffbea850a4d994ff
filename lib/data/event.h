#ifndef PD_DATA_EVENT_H
#define PD_DATA_EVENT_H

/*
 * One sampled access to a cache. Distances that policies use are counted in
 * ticks (the source's access counter), so a sampled stream keeps the true
 * ones. A GET that misses and the SET that fills it are one access: the SET
 * has the tick of the miss (see predis-stream(5)).
 */

#include <stdbool.h>
#include <stdint.h>

enum pd_op {
	PD_OP_GET = 0,
	PD_OP_SET = 1,
	PD_OP_DEL = 2,
	PD_OP_EXPIRE = 3, /* the time to live changed */
	PD_OP_TOUCH = 4,
	PD_OP_UPDATE = 5, /* read and write: INCR, APPEND, GETSET ... */
	PD_OP_OTHER = 6,
	PD_OP_MAX = 7,
};

enum pd_event_flag {
	PD_EV_HIT = 1 << 0,  /* the key was resident */
	PD_EV_FILL = 1 << 1, /* a SET that completes the miss before it */
	PD_EV_TTL = 1 << 2,  /* the key has a time to live */
	PD_EV_COST = 1 << 3, /* latency_us is what fetching it again takes */
};

/*
 * Context that a sampled, hashed stream cannot rebuild: the server records it
 * on the sampled event as log codes (base/code.h), PD_CODE_NONE unknown.
 */
enum pd_ctx {
	PD_CTX_EVICT_AGE, /* eviction age of the ghost LRU, ticks */
	PD_CTX_HIT_RATIO, /* lately: 0..250, in 1/250 (not a log code) */
	PD_CTX_NEW_SHARE, /* never-seen keys lately: 0..250, in 1/250 */
	PD_CTX_PRED_GAP,  /* gap of the key before it, ticks */
	PD_CTX_PRED_AGE,  /* how long ago that key was last asked, ticks */
	PD_CTX_GROUP_GAP, /* mean gap of the key's group (prefix), ticks */
	PD_CTX_GROUP_AGE, /* ticks since the group was last asked */
	PD_CTX_STRIDE,	  /* difference of numeric suffixes to that key */
	PD_CTX_BATCH,	  /* position in an MGET or pipeline, 0..250 */
	PD_CTX_SUCCESSOR, /* confidence that this key follows it, 0..250 */
	PD_CTX_COUNT,
};

struct pd_event {
	uint64_t time_us; /* since 1970, or from 0 where the source has none */
	uint64_t tick;	  /* the source's access counter */
	uint64_t key;	  /* keyed hash (pd_keys_identity) */
	uint64_t ttl_ms;  /* time to live set or left; 0 without PD_EV_TTL */
	uint32_t size;	  /* bytes of the value (1 where unknown) */
	uint32_t latency_us; /* of the answer, or with PD_EV_COST of a fetch */
	uint32_t ns;	     /* namespace id, 0 none */
	uint32_t client;     /* client id hash, 0 unknown */
	uint32_t weight;     /* events this one stands for, >= 1 */
	uint8_t op;	     /* enum pd_op */
	uint8_t flags;	     /* enum pd_event_flag */
	uint8_t ctx[PD_CTX_COUNT];
};

/*
 * Is it an access, with a tick, a gap and a hit or miss of its own? A fill
 * belongs to the miss before it; DEL and EXPIRE ask for nothing; what OTHER
 * does is not known.
 */
static inline bool
pd_event_is_access(const struct pd_event *e)
{
	return (e->flags & PD_EV_FILL) == 0 && e->op != PD_OP_DEL &&
	       e->op != PD_OP_EXPIRE && e->op != PD_OP_OTHER;
}

/* Does an access with this op write? */
static inline bool
pd_op_writes(unsigned op)
{
	return op == PD_OP_SET || op == PD_OP_UPDATE;
}

/* Names as in --json and --csv: "get", "set" ...; NULL for no such op. */
const char *pd_op_name(unsigned op);
/* The op of a name (any case), or -1. */
int pd_op_parse(const char *name);

/* An event with weight 1 and every context unknown. */
void pd_event_init(struct pd_event *e);

#endif /* PD_DATA_EVENT_H */
