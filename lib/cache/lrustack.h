#ifndef PD_CACHE_LRUSTACK_H
#define PD_CACHE_LRUSTACK_H

/*
 * The stack of exact LRU, of all capacities at once, fed access by access: at
 * which depth an object lies when it is asked for, in objects and in bytes
 * (Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage
 * hierarchies", IBM Systems Journal 1970; counted with a Fenwick tree over
 * positions in time as by Olken, LBL-12370, 1981). When the positions are used
 * up those still needed are numbered anew, so that memory goes by the objects.
 *
 * A deletion leaves a hole: every cache that held the object, one at least as
 * large as its depth, has a free place, which the next object that comes in
 * fills. Depths in objects are exact then too; those in bytes are not where
 * the one that fills is of another size.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_err;

struct pd_lrustack_hole {
	uint32_t at;
	uint32_t size;
};

struct pd_lrustack {
	uint32_t *tree;		       /* Fenwick, 1-based: marks */
	uint64_t *byte_tree;	       /* the same of their bytes, or NULL */
	uint32_t n;		       /* positions */
	uint32_t next;		       /* the next one to use */
	uint32_t marks;		       /* objects and holes */
	uint64_t bytes;		       /* of the marks, with byte_tree */
	uint32_t ids;		       /* below it, objects have entries in: */
	uint32_t *last;		       /* position, or PD_LRUSTACK_ABSENT */
	uint32_t *size;		       /* bytes, with byte_tree */
	struct pd_lrustack_hole *hole; /* heap, the youngest first */
	size_t holes;
	size_t hole_room;
};

#define PD_LRUSTACK_ABSENT UINT32_MAX

/*
 * pd_lrustack_init(s, by_bytes, positions, ids, err):
 * Empty; ${by_bytes}: depths in bytes too. Room for ${positions} accesses (at
 * least 1) and the objects 0..${ids} - 1 to begin with. 0, or -1 with a
 * message; releasing it is right in both cases.
 */
int pd_lrustack_init(struct pd_lrustack *s, bool by_bytes, uint32_t positions,
    uint32_t ids, struct pd_err *err);
void pd_lrustack_release(struct pd_lrustack *s);
/* Nothing has been asked for. */
void pd_lrustack_clear(struct pd_lrustack *s);

/* How deep something lies: 1 for what was asked for last, 0 for what is not
 * there. */
struct pd_lrustack_depth {
	uint32_t objects;
	uint64_t bytes; /* what lies above it and itself; 0 without by_bytes */
};

/* Object ${id} of ${size} bytes is asked for; ${d}: where it was found. 0, or
 * -1 with a message. */
int pd_lrustack_access(struct pd_lrustack *s, uint32_t id, uint32_t size,
    struct pd_lrustack_depth *d, struct pd_err *err);
/* Accesses since ${id} was asked for, itself too; 0: it is not there. What has
 * been numbered anew since counts only as far as it is still needed. */
uint32_t pd_lrustack_back(const struct pd_lrustack *s, uint32_t id);
/* How deep ${id}, which is there, would lie had it been asked for ${n}
 * accesses ago. */
struct pd_lrustack_depth pd_lrustack_recent(
    const struct pd_lrustack *s, uint32_t id, uint32_t n);
/* It is deleted. 0, or -1 with a message. */
int pd_lrustack_delete(struct pd_lrustack *s, uint32_t id, struct pd_err *err);
/* It never was there. */
void pd_lrustack_drop(struct pd_lrustack *s, uint32_t id);
/* Its size became known or changed. */
void pd_lrustack_resize(struct pd_lrustack *s, uint32_t id, uint32_t size);

/* Bytes allocated. */
size_t pd_lrustack_memory(const struct pd_lrustack *s);

#endif /* PD_CACHE_LRUSTACK_H */
