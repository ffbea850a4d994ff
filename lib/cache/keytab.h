#ifndef PD_CACHE_KEYTAB_H
#define PD_CACHE_KEYTAB_H

/*
 * A small table by identity: a number and a mark for each key. It grows by
 * a quarter up to a limit and never shrinks; 24 bytes a key and about 6 for the
 * index.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache/keyindex.h"

struct pd_keytab_entry {
	uint64_t key;
	int64_t value;
	uint32_t mark;
	uint32_t next; /* of the free ones */
};

struct pd_keytab {
	struct pd_keytab_entry *entry;
	struct pd_keyindex index;
	uint32_t most; /* entries, at most */
	uint32_t cap;
	uint32_t taken; /* ever used */
	uint32_t spare;
	uint32_t count;
};

/* An empty table of at most ${most} keys, at least 64. 0, or -1 out of
 * memory. */
int pd_keytab_init(struct pd_keytab *t, uint32_t most);
void pd_keytab_release(struct pd_keytab *t);
/* Without a key, and without their memory. */
void pd_keytab_clear(struct pd_keytab *t);

/* The entry of a key, valid until the next add, or NULL. */
struct pd_keytab_entry *pd_keytab_find(const struct pd_keytab *t, uint64_t key);
/* A new entry of a key that is not in the table, zeroed; NULL when it is full
 * or memory is. */
struct pd_keytab_entry *pd_keytab_add(struct pd_keytab *t, uint64_t key);
void pd_keytab_del(struct pd_keytab *t, struct pd_keytab_entry *e);
/* The entry in place ${i} < taken, or NULL when it is free: to walk over all,
 * which may delete what it meets. */
struct pd_keytab_entry *pd_keytab_at(const struct pd_keytab *t, uint32_t i);
/* Bytes allocated. */
size_t pd_keytab_memory(const struct pd_keytab *t);

#endif /* PD_CACHE_KEYTAB_H */
