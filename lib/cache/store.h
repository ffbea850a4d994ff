#ifndef PD_CACHE_STORE_H
#define PD_CACHE_STORE_H

/*
 * The store of a cache: keys and values in memory within a limit, an index,
 * expiry, and an eviction policy that it feeds. It knows no sockets and no
 * protocol. Not thread-safe: one a shard.
 *
 * One access: a read is an access and counts a tick, hit or miss; a write to
 * a resident key is one too. A write of an absent key completes the miss
 * before it, if there was one: no tick of its own, and the policy learns of
 * the miss and the insertion together, with the tick of the miss. Deletions,
 * expiry and looks (pd_store_peek) are no accesses.
 *
 * A pointer to an entry is valid until the next call that can change the
 * store, unless the entry is held (pd_store_hold).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/entry.h"
#include "cache/index.h"
#include "cache/policy.h"
#include "cache/refetch.h"
#include "cache/slab.h"
#include "cache/stats.h"
#include "cache/tap.h"
#include "cache/tickclock.h"

struct pd_context;
struct pd_evictlog;
struct pd_keys;
struct pd_namespaces;
struct pd_model;
struct pd_restoring;
struct pd_verdict;
struct pd_whatif;
struct store_grave;

#define PD_STORE_DBS 16
#define PD_KEY_MAX 65535 /* bytes of a key */

/* A key of a command: borrowed bytes, its database and its hash. */
struct pd_key {
	const void *p;
	uint32_t n;
	uint32_t db;
	uint64_t hash;
};

enum pd_store_status {
	PD_STORE_OK,
	PD_STORE_LARGE,	 /* above the largest value, or the largest share */
	PD_STORE_MEMORY, /* nothing left to evict, or the machine is full */
};

/* Which keys may be evicted: all, by the policy; or those that expire only, of
 * a few the one that ... */
enum pd_evictable {
	PD_EVICT_ALL,
	PD_EVICT_EXPIRING_LRU,	  /* has not been asked for the longest */
	PD_EVICT_EXPIRING_LFU,	  /* is asked least */
	PD_EVICT_EXPIRING_RANDOM, /* comes first */
	PD_EVICT_EXPIRING_TTL,	  /* expires next */
};

struct pd_store_config {
	uint64_t maxmemory;    /* bytes; 0 no limit */
	uint64_t maxobjects;   /* 0 no limit */
	uint64_t max_value;    /* bytes of one value */
	double max_share;      /* of maxmemory, for one key with its value */
	uint64_t eviction_log; /* bytes to remember keys that left */
	uint32_t ghosts;       /* objects a ghost, 0: by itself */
	bool evict;	       /* false: refuse writes when full */
	enum pd_evictable evictable;
	const struct pd_policy_ops *policy;
	enum pd_objective objective; /* costs are kept with PD_OBJECTIVE_COST */
	struct pd_verdict *verdict;  /* selector.h; borrowed, may be NULL */
	bool leads;		     /* by it */
	const struct pd_keys *keys;  /* seed of the hash; borrowed */
	const struct pd_namespaces *namespaces; /* of taps; borrowed, or NULL */
};

#define PD_STORE_SLOTS_MIN 256 /* the least step by which slots grow */
#define PD_STORE_PENDING 4096  /* misses that wait for their fill */

struct pd_miss {
	uint64_t hash;
	uint64_t tick; /* 0: free */
	uint64_t us;   /* asked_us then */
};

/* Open for reading; only store*.c change it. */
struct pd_store {
	struct pd_store_config cfg;
	struct pd_index index;
	struct pd_slab slab; /* small entries, and all slots */
	uint64_t count[PD_STORE_DBS];
	uint64_t expiring[PD_STORE_DBS];
	uint64_t total;	       /* resident keys */
	uint64_t entry_bytes;  /* that entries take */
	uint64_t large_bytes;  /* of it, those that are no items */
	uint64_t large_most;   /* the most of that since malloc was trimmed */
	uint64_t spare_bytes;  /* what the limit leaves for parts of pages */
	uint64_t extern_bytes; /* the owner's: buffers, rings, clients; ... */
	uint64_t client_bytes; /* ... of it, what any server would need */
	uint64_t peak_bytes;
	/* One cache line, that every access writes to. */
	_Alignas(64) uint64_t tick;
	struct pd_gate gate; /* does the tap look at an access? */
	uint64_t now_us;     /* since 1970; the owner sets it with ... */
	uint64_t asked_us;   /* monotonic; 0 unknown */
	int64_t now_ms;	     /* ... pd_store_time(), once a turn or more */
	uint32_t expire_cursor;
	/* Without any key the limit would not hold either: seen when room was
	 * asked for last. */
	bool hopeless;
	uint64_t evict_cursor; /* of those that expire, on pd_store_scan() */
	uint32_t pinned; /* a slot that outlives its removal, or PD_NO_SLOT */
	bool orphaned;	 /* it was removed */
	uint32_t evictions; /* since the last look at pages */
	struct pd_policy *policy;
	/* What policies keep of a resident, as far as it has been asked. */
	struct {
		const struct pd_policy_ops *of;
		uint32_t bytes;
	} slot_cost[2];
	struct pd_context *context;
	struct pd_whatif *whatif;
	size_t whatif_bytes; /* that it has allocated */
	struct pd_evictlog *evictlog;
	struct pd_tickclock clock;
	const char *ruling;    /* the policy's name of ruling_at, ... */
	uint8_t ruling_at;     /* ... its place in pd_policies[], ... */
	bool ruling_lru;       /* ... and whether its rule is LRU */
	uint64_t flushed_tick; /* when all keys were last deleted at once */
	uint64_t flushed_us;   /* 0 never */
	uint32_t model_mark;   /* pd_model_mark(), 0 without a model */
	size_t model_bytes;    /* of that model, which every write counts */
	const struct pd_model *model; /* borrowed from the owner */
	struct pd_tap *tap;	      /* may be NULL */
	struct pd_stats *stats;	      /* the owner's */
	struct pd_miss *pending;
	struct pd_refetch costs;
	/* Called before a key changes or leaves; NULL when nobody watches. */
	void (*changed)(void *cookie, const struct pd_key *k);
	void *changed_cookie;
	/* Called before a key expires or is evicted; NULL when nobody asks. */
	void (*left)(void *cookie, const struct pd_key *k, bool evicted);
	void *left_cookie;
	struct store_grave *graves;	/* of what was flushed */
	struct pd_restoring *restoring; /* NULL but while a snapshot loads */
	uint64_t seed;
	uint64_t rng;
};

/* NULL with a message. ${stats} is borrowed. */
struct pd_store *pd_store_new(const struct pd_store_config *cfg,
    struct pd_stats *stats, struct pd_err *err);
void pd_store_free(struct pd_store *st);

/* It is ${us} since 1970 now; ${mono_us} is the time at which what is done now
 * was asked for, on pd_clock_mono_us(), for the latencies of sampled events (0:
 * they are left out). */
void pd_store_time(struct pd_store *st, uint64_t us, uint64_t mono_us);

/* What is asked from now on is offered to this tap; NULL: to none. It is the
 * caller's, and outlives the store or is taken away before. */
void pd_store_set_tap(struct pd_store *st, struct pd_tap *t);

/* The key of ${n} <= PD_KEY_MAX bytes in database ${db}. */
struct pd_key pd_store_key(
    const struct pd_store *st, unsigned db, const void *p, size_t n);
/* The key of a resident entry, borrowing its bytes. */
struct pd_key pd_store_entry_key(
    const struct pd_store *st, const struct pd_entry *e);

/* Bring what an access to these keys, given by their hashes, touches towards
 * the processor, in stages over all of them. Changes nothing. */
void pd_store_prefetch(
    const struct pd_store *st, const uint64_t *hash, unsigned n);

/* A key of one of several stores. */
struct pd_near {
	const struct pd_store *store;
	uint64_t hash;
};
/* The same for up to PD_NEAR_MAX keys; those of one store lie together. */
#define PD_NEAR_MAX 64
void pd_stores_prefetch(const struct pd_near *key, unsigned n);

/* Look without an access. NULL when absent or expired. */
struct pd_entry *pd_store_peek(struct pd_store *st, const struct pd_key *k);
/* Read: one access with ${op} (enum pd_op). */
struct pd_entry *pd_store_read(
    struct pd_store *st, const struct pd_key *k, unsigned op);

#define PD_EXPIRY_KEEP (-1)

struct pd_put {
	size_t len;	/* of the new value */
	size_t keep;	/* leading bytes to keep of the old value */
	int64_t expiry; /* ms since 1970, 0 none, PD_EXPIRY_KEEP */
	unsigned op;	/* enum pd_op */
	uint32_t cost;	/* a hint: microseconds to fetch it again, 0 none */
	/* The whole value, from pd_store_value_new() for a key of this length:
	 * the store's from now on, whatever comes of it. NULL: the caller
	 * writes the value. */
	uint8_t *adopt;
};

/*
 * pd_store_put(st, k, put, &value):
 * Write: one access. The key is resident afterwards, with a value of put->len
 * bytes of which the first put->keep are the old ones (fewer where the old
 * value was shorter: the rest, and nothing else, is zeroed); the caller fills
 * in the others at ${value}. Anything but PD_STORE_OK leaves the key as it
 * was, or evicted.
 */
enum pd_store_status pd_store_put(struct pd_store *st, const struct pd_key *k,
    const struct pd_put *put, uint8_t **value);

/* Set (0: remove) the expiry of a resident entry. Returns the entry, which
 * may have moved, or NULL out of memory (unchanged). */
struct pd_entry *pd_store_set_expiry(
    struct pd_store *st, struct pd_entry *e, int64_t expiry);

/* Delete. False when it was absent. */
bool pd_store_del(struct pd_store *st, const struct pd_key *k);
/* Delete all keys of one database, or with -1 of all. Where many go at once,
 * what they were in is given back by pd_store_bury_some(), a piece at a time,
 * and not counted meanwhile. */
void pd_store_flush(struct pd_store *st, int db);
/* True when there is more. */
bool pd_store_bury_some(struct pd_store *st);

/*
 * pd_store_value_new(klen, vlen):
 * Room for a value of at most ${vlen} bytes, in front of which a key of exactly
 * ${klen} bytes will lie: where a large value is received, so that pd_store_put
 * can take it over as put->adopt without a copy (one that is too small to be
 * large is copied). NULL out of memory.
 */
uint8_t *pd_store_value_new(size_t klen, size_t vlen);
/* Free what was not handed over, or kept once more; NULL is none. */
void pd_store_value_free(uint8_t *value, size_t klen);
/* Go on reading it though it is handed over: free it once more. */
void pd_store_value_keep(uint8_t *value, size_t klen);

/*
 * pd_store_hold(e):
 * Keep an entry's bytes readable though it may be changed or evicted. Returns
 * what to read from then on, which need not be ${e} itself (a small entry is
 * copied), until pd_store_release(); NULL out of memory. Releasing needs no
 * store and no lock.
 */
struct pd_entry *pd_store_hold(struct pd_entry *e);
void pd_store_release(struct pd_entry *e);

/* The slot by which the policy knows a resident entry. */
uint32_t pd_store_slot(const struct pd_store *st, const struct pd_entry *e);

/*
 * pd_store_scan(st, cursor, fn, cookie):
 * Call ${fn} for some entries from ${cursor} on (0: the first), of all
 * databases, expired ones too. Returns the next cursor, or 0 at the end.
 * Entries that are there from start to end are seen at least once. ${fn} must
 * not change the store.
 */
uint64_t pd_store_scan(const struct pd_store *st, uint64_t cursor,
    void (*fn)(void *cookie, struct pd_entry *e), void *cookie);

/*
 * pd_store_hint(st, k, us):
 * It takes ${us} (at most PD_REFETCH_HINT_MOST; 0: that is not known any more)
 * to fetch this key again; noted for a resident at once, for another when it
 * comes. No access. False when costs are not kept.
 */
bool pd_store_hint(struct pd_store *st, const struct pd_key *k, uint32_t us);
/* What is known of that, in microseconds; 0 nothing. */
uint32_t pd_store_cost(struct pd_store *st, const struct pd_key *k);

/* A random resident of ${db}, or NULL when there is none. */
struct pd_entry *pd_store_random(struct pd_store *st, unsigned db);

/* Look at up to ${n} slots for expired keys; true when worth another call
 * at once. */
bool pd_store_expire_some(struct pd_store *st, unsigned n);

/*
 * pd_store_defrag(st, n):
 * Move up to about ${n} entries from pages that are little used to others, and
 * give back what is empty. No command may be using an entry. True when worth
 * another call at once.
 */
bool pd_store_defrag(struct pd_store *st, unsigned n);

/* The same with the waste that is expected: what is compared with the limit,
 * which it comes near. */
uint64_t pd_store_counted(const struct pd_store *st);
/* Bytes in use, all that the limit counts. */
uint64_t pd_store_memory(const struct pd_store *st);
/* ... of it, what finds the entries of slots. */
uint64_t pd_store_slots_memory(const struct pd_store *st);
/* ... and of it, parts of pages that no entry uses. */
uint64_t pd_store_waste(const struct pd_store *st);
/* Bytes that a resident key costs in all: its entry, its places in the index
 * and among the slots, and what the policy in force keeps of it. */
uint64_t pd_store_key_bytes(struct pd_store *st, const struct pd_entry *e);
/* Bytes that one entry takes, with its share of the allocator's. */
size_t pd_store_entry_bytes(
    const struct pd_store *st, const struct pd_entry *e);
/* Evict until the limits hold with ${more} bytes. 0, or -1. */
int pd_store_make_room(struct pd_store *st, uint64_t more);

/*
 * A snapshot (snapshot.h) is loaded while the store is used. From begin() on
 * the keys that are written, deleted or flushed are noted, and restore() lets
 * none of them come back. 0, or -1 out of memory. end() forgets them.
 */
int pd_store_restore_begin(struct pd_store *st);
void pd_store_restore_end(struct pd_store *st);
/* The keys of a database, or with -1 of all, are not to be restored. */
void pd_store_restore_flushed(struct pd_store *st, int db);
/* Bytes of what is noted. */
size_t pd_store_restore_memory(const struct pd_store *st);

enum pd_restored {
	PD_RESTORED,
	PD_RESTORE_EXPIRED, /* its time is over */
	PD_RESTORE_NEWER,   /* clients wrote or deleted it meanwhile */
	PD_RESTORE_REFUSED, /* too large, or no memory */
	PD_RESTORE_END,	    /* what is noted became too much: no more */
};

struct pd_snapshot_record;

/* A key of a snapshot. No access and no miss: the policy, and the ghosts, learn
 * of it as of a key that is handed over. Where *adopt is not NULL it is the
 * value once more, in memory of pd_store_value_new() that the store may take
 * over: then *adopt is NULL afterwards. */
enum pd_restored pd_store_restore(
    struct pd_store *st, const struct pd_snapshot_record *r, uint8_t **adopt);

/* Tell policy and context what is left for entries; now and then. */
void pd_store_tune(struct pd_store *st);
/* Change limits; evicts at once when they shrink. */
void pd_store_set_limits(
    struct pd_store *st, uint64_t maxmemory, uint64_t maxobjects);
/* Remember keys that left in ${bytes}, if that is less than it takes now: what
 * it remembers is lost then. */
void pd_store_shrink_eviction_log(struct pd_store *st, uint64_t bytes);
/* Change the policy; residents are handed over in eviction order. 0 or -1. */
int pd_store_set_policy(
    struct pd_store *st, const struct pd_policy_ops *ops, struct pd_err *err);
/* Change the objective; the policy begins anew with the residents in eviction
 * order. 0 or -1, with all as it was. */
int pd_store_set_objective(
    struct pd_store *st, enum pd_objective o, struct pd_err *err);
/* The name of the policy that chooses victims now: that of the expert where
 * the policy is a selector. */
const char *pd_store_ruling(const struct pd_store *st);
/* Use another model, or NULL. The old one may be freed afterwards. */
void pd_store_set_model(struct pd_store *st, const struct pd_model *m);

#endif /* PD_CACHE_STORE_H */
