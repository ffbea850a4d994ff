#ifndef PD_CACHE_STORE_PRIV_H
#define PD_CACHE_STORE_PRIV_H

/* What the files of the store share. */

#include "cache/evictlog.h"
#include "cache/store.h"

/* The entry of a slot, or NULL when the slot is free. */
struct pd_entry *store_slot(const struct pd_store *st, uint32_t slot);

/* The key that goes where only those that expire may (evict_expiring.c), or
 * NULL. */
struct pd_entry *store_expiring_victim(struct pd_store *st);

/* Bytes of an entry with a key and a value of these lengths. */
static inline size_t
store_entry_need(size_t klen, size_t vlen, bool ttl)
{
	return sizeof(struct pd_entry) + (ttl ? 8 : 0) + klen + vlen;
}

/* Where its value is written. */
static inline uint8_t *
store_entry_value(struct pd_entry *e)
{
	return e->data + (e->flags & PD_ENTRY_TTL ? 8 : 0) + e->klen;
}

/* A new entry that is nowhere yet, the value not written; NULL out of
 * memory. */
struct pd_entry *store_entry_new(
    struct pd_store *st, const struct pd_key *k, size_t vlen, int64_t expiry);
/* Free what has left the store, or leave that to the last holder. */
void store_entry_discard(struct pd_store *st, struct pd_entry *e);
/* Put ${n} into the place of ${e} everywhere. */
void store_entry_swap(
    struct pd_store *st, struct pd_entry *e, struct pd_entry *n, uint64_t hash);
/* Whether a new form of ${need} bytes fits in the allocation, without wasting
 * much of it. */
bool store_entry_fits(const struct pd_entry *e, size_t need);
/* Change header and length in place; the first ${keep} bytes stay. */
void store_entry_reshape(struct pd_store *st, struct pd_entry *e, size_t vlen,
    size_t keep, int64_t expiry);
/* A key's time is over. */
void store_expire(
    struct pd_store *st, struct pd_entry *e, const struct pd_key *k);

/* A free slot, for which one is evicted where memory does not allow another;
 * PD_NO_SLOT when it ran out. */
uint32_t store_slot_take(struct pd_store *st);
/* ${slot} has no entry any more. */
void store_slot_give(struct pd_store *st, uint32_t slot);
/* Take a resident out. PD_GONE_POLICY: victim() named it. */
void store_remove(
    struct pd_store *st, struct pd_entry *e, uint64_t hash, enum pd_gone why);
/* An access to ${e} (NULL: absent) for the policy, at the current tick. */
struct pd_access store_access(const struct pd_store *st, uint64_t hash,
    const struct pd_entry *e, unsigned op);

/* Make an entry resident, for whom there is room. 0, or -1 out of memory. */
int store_place(struct pd_store *st, const struct pd_key *k, struct pd_entry *e,
    const struct pd_access *acc, pd_refetch_note cost);

/* While a snapshot is loaded: this key is what a client made of it. */
void store_restore_note(struct pd_store *st, uint64_t hash);

/*
 * The ghosts (whatif.h) learn of what happens to a key that the context said
 * is in its sample. store_told_access() of an access to ${e} (NULL: absent);
 * store_told_fill() of an insertion. What they have allocated is counted at
 * writes and now and then.
 */
void store_told_access(struct pd_store *st, const struct pd_key *k,
    const struct pd_entry *e, const struct pd_access *acc, bool read);
void store_told_fill(struct pd_store *st, const struct pd_key *k,
    const struct pd_entry *e, const struct pd_access *acc);

/* The resident of ${slot} is about to leave; for PD_GONE_POLICY the policy
 * says by what rule. */
void store_told_gone(
    struct pd_store *st, uint32_t slot, uint64_t hash, enum pd_gone why);

/* Where fewer slots than seven eighths are in use (and some), residents move to
 * the low ones and the memory of the rest goes back, the policy's too: after
 * removals, O(slots), once in many. Slots change. */
void store_slots_fit(struct pd_store *st);

/* Keep costs if the objective asks for them. 0, or -1 with a message. */
int store_open_costs(struct pd_store *st, struct pd_err *err);
/* Make policy and context for an empty store. 0, or -1 with a message. */
int store_open_policy(
    struct pd_store *st, const struct pd_policy_ops *ops, struct pd_err *err);
void store_close_policy(struct pd_store *st);
/* A policy without a past for an empty store; out of memory the old stays. */
void store_reset_policy(struct pd_store *st);

/* Would ${more} bytes pass the memory limit? */
bool store_full(const struct pd_store *st, uint64_t more);
/* Evict one. 0, or -1 when nothing is resident. */
int store_evict_one(struct pd_store *st);
/* Evict until ${bytes} and ${objects} more are within the limits. 0, or -1
 * when nothing is left to evict. */
int store_make_room_for(struct pd_store *st, uint64_t bytes, uint64_t objects);

#endif /* PD_CACHE_STORE_PRIV_H */
