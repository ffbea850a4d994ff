#ifndef PD_CACHE_STORE_PRIV_H
#define PD_CACHE_STORE_PRIV_H

/* What the files of the store share. */

#include "cache/evictlog.h"
#include "cache/policy.h"
#include "cache/store.h"
#include "cache/tap.h"

/* The slot that goes where only those that expire may (evict_expiring.c), or
 * PD_NO_SLOT. */
uint32_t store_expiring_victim(struct pd_store *st);

/* The entry of a slot in use. */
static inline struct pd_entry *
store_at(const struct pd_store *st, uint32_t slot)
{
	void *item = pd_slab_item(&st->slab, slot);
	struct pd_entry *e;

	if (pd_slab_page(&st->slab, slot)->class != PD_SLAB_POINTERS)
		return item;
	memcpy(&e, item, sizeof(void *));
	return e;
}

/* The same, or NULL when the slot is free. */
static inline struct pd_entry *
store_slot(const struct pd_store *st, uint32_t slot)
{
	return pd_slab_used(&st->slab, slot) ? store_at(st, slot) : NULL;
}

/* Where its value is written. */
static inline uint8_t *
store_entry_value(struct pd_entry *e)
{
	return (uint8_t *)(uintptr_t)pd_entry_value(e);
}

/* Bytes that the entry of a slot takes. */
size_t store_slot_bytes(const struct pd_store *st, uint32_t slot);
/* May it lie where it is, with what it needs as a small entry? */
bool store_entry_fits(
    const struct pd_store *st, struct pd_entry *e, size_t need);
/* A small entry at ${p}, the value not written. */
struct pd_entry *store_entry_write(
    void *p, const struct pd_key *k, size_t vlen, int64_t expiry);
/* Another header in place; the first ${keep} bytes of the value stay. */
void store_entry_reshape(
    struct pd_entry *e, size_t vlen, size_t keep, int64_t expiry);
/* A large entry around a value, which has room in front for just this key. */
struct pd_entry *store_large_write(
    uint8_t *value, const struct pd_key *k, size_t vlen, int64_t expiry);
/* A large entry, the value not written; NULL out of memory. */
struct pd_entry *store_large_new(
    const struct pd_key *k, size_t vlen, int64_t expiry);
/* Bytes allocated for it. */
size_t store_large_bytes(const struct pd_entry *e);
/* Does anybody read it besides the store? */
bool store_large_held(struct pd_entry *e);

/* What an entry will be. */
struct store_form {
	uint32_t class;
	size_t bytes;		/* that it will take, by its class */
	struct pd_entry *large; /* or NULL: it is small */
};

/* The form of an entry; a large one is made, out of ${adopt} where that is not
 * NULL (it is the form's then). 0, or -1 out of memory. */
int store_form(struct pd_store *st, const struct pd_key *k, size_t vlen,
    int64_t expiry, uint8_t *adopt, struct store_form *out);
/* Give a form up. PD_NO_SLOT. */
uint32_t store_void(const struct store_form *f);
/* Have a slot for it, and write it there but for the value; makes room by
 * moving and evicting. PD_NO_SLOT when there is none; the form is void then. */
uint32_t store_take(struct pd_store *st, const struct store_form *f,
    const struct pd_key *k, size_t vlen, int64_t expiry);
/* The slot is not used any more, nor is its entry. */
void store_drop(struct pd_store *st, uint32_t slot);
/* What is in slot ${from} is known as ${to} from now on: its bytes are there
 * already. */
void store_rename(struct pd_store *st, uint32_t from, uint32_t to);
/* Put another large entry in the place of the one of a slot. */
void store_replace_large(
    struct pd_store *st, uint32_t slot, struct pd_entry *e);
/* Have ${n} slots: the owner's arrays too. 0, or -1 out of memory. */
int store_set_slots(struct pd_store *st, uint32_t n);

/* Begin anew where nothing is resident; out of memory the tables stay. */
void store_reset_slots(struct pd_store *st);

/* Empty one page by moving what is in it. False when there is none to empty
 * with a gain. */
bool store_compact(struct pd_store *st);
/* While all memory with ${more} bytes is above the limit: move, evict. 0, or
 * -1 when that does not help. */
int store_relieve(struct pd_store *st, uint64_t more);

/* Move towards what waste is to be expected of the pages. */
void store_expect_waste(struct pd_store *st);
/* One was evicted: now and then it is time to empty pages. */
void store_evicted(struct pd_store *st);

/* The resident slot of a key, or PD_NO_SLOT; drops what has expired. */
uint32_t store_find(struct pd_store *st, const struct pd_key *k);

/* Make what store_take() gave resident; there is room. 0, or -1 out of
 * memory. */
int store_place(struct pd_store *st, const struct pd_key *k, uint32_t slot,
    const struct pd_access *acc, pd_refetch_note cost);

/* A key's time is over. */
void store_expire(struct pd_store *st, uint32_t slot, const struct pd_key *k);

/* Take a resident out. PD_GONE_POLICY: victim() named it. */
void store_remove(
    struct pd_store *st, uint32_t slot, uint64_t hash, enum pd_gone why);
/* An access to an entry that takes ${bytes}, with no cost known. */
struct pd_access store_access_of(const struct pd_store *st, uint64_t hash,
    size_t bytes, size_t vlen, int64_t expiry, unsigned op);
/* An access to the resident ${slot} (PD_NO_SLOT: absent) for the policy, at
 * the current tick. */
struct pd_access store_access(
    const struct pd_store *st, uint64_t hash, uint32_t slot, unsigned op);

/* The policy and the context learn of an access to a resident. */
void store_access_hit(struct pd_store *st, const struct pd_key *k,
    uint32_t slot, unsigned op, bool read);

/* Where the last read that missed a key like this is noted. */
static inline struct pd_miss *
store_pending(struct pd_store *st, uint64_t hash)
{
	return &st->pending[hash & (PD_STORE_PENDING - 1)];
}

/* Does the tap want what happens to this key now? */
static inline bool
store_tapped(struct pd_store *st, const struct pd_key *k)
{
	return __builtin_expect(pd_gate_opens(&st->gate, k->hash), false);
}

/* Say an access, or deletion, to the tap, if it is sampled; ${flags}:
 * PD_EV_HIT... */
__attribute__((cold, noinline)) void store_tap(struct pd_store *st,
    const struct pd_key *k, unsigned op, uint32_t slot, unsigned flags,
    uint64_t tick);

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
    int64_t expiry, const struct pd_access *acc);

/* The resident of ${slot} is about to leave; for PD_GONE_POLICY the policy
 * says by what rule. */
void store_told_gone(
    struct pd_store *st, uint32_t slot, uint64_t hash, enum pd_gone why);

/* What is to be remembered of a key that leaves now, but for what the policy
 * knows of it alone. */
struct pd_evictlog_entry store_gone(struct pd_store *st, enum pd_gone why);
/* The key in ${slot} of a policy that was in force when it left, as ${gone}
 * says, which may be some time ago. */
void store_told_flushed(struct pd_store *st, const struct pd_policy *p,
    uint32_t slot, uint64_t hash, const struct pd_evictlog_entry *gone);

/* Keep costs if the objective asks for them. 0, or -1 with a message. */
int store_open_costs(struct pd_store *st, struct pd_err *err);
/* Make policy and context for an empty store. 0, or -1 with a message. */
int store_open_policy(
    struct pd_store *st, const struct pd_policy_ops *ops, struct pd_err *err);
void store_close_policy(struct pd_store *st);
/* A policy without a past; the old one, if it had one, is the caller's. 0, or
 * -1 out of memory with the old one in force. */
int store_renew_policy(struct pd_store *st);
/* A policy without a past for an empty store; out of memory the old stays. */
void store_reset_policy(struct pd_store *st);

/* Would ${more} bytes of entries pass the memory limit? Pages count with what
 * is in them and a share for what is not: the limit is met smoothly. */
bool store_full(const struct pd_store *st, uint64_t more);
/* Evict one. 0, or -1 when nothing is resident. */
int store_evict_one(struct pd_store *st);
/* Evict until ${bytes} and ${objects} more are within the limits. 0, or -1
 * when nothing is left to evict. */
int store_make_room_for(struct pd_store *st, uint64_t bytes, uint64_t objects);

#endif /* PD_CACHE_STORE_PRIV_H */
