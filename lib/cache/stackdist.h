#ifndef PD_CACHE_STACKDIST_H
#define PD_CACHE_STACKDIST_H

/*
 * What exact LRU misses at every capacity, from one pass over a trace: an
 * object at depth d of the LRU stack is a hit of every cache of at least d
 * objects (Mattson, Gecsei, Slutz, Traiger, "Evaluation techniques for storage
 * hierarchies", IBM Systems Journal 1970). Depths are counted with a Fenwick
 * tree over the entries (Olken, LBL-12370, 1981). Objects count 1: with sizes,
 * what is too large for a small cache never enters it, and the caches do not
 * contain each other. The figures are those of policy lru in pd_sim_run().
 */

#include <stddef.h>
#include <stdint.h>

struct pd_err;
struct pd_trace;

struct pd_stackdist {
	uint64_t *hits;	     /* [d]: counted hits at depth d, 1..most */
	uint64_t *hit_bytes; /* the same, of their bytes */
	uint32_t most;
	uint64_t requests; /* counted */
	uint64_t bytes;
};

struct pd_stackdist_params {
	size_t begin; /* as in struct pd_sim_params */
	size_t from;
	size_t end;
	/* Called now and then with the entry that comes next: 0, or -1 to end
	 * the run, whose message is the caller's matter. May be NULL. */
	int (*step)(void *cookie, size_t entry);
	void *cookie;
};

/*
 * pd_stackdist_run(t, p, s, err):
 * Fill ${s}, to be released. About 4 bytes an entry and 20 a key. 0, or -1
 * with a message.
 */
int pd_stackdist_run(const struct pd_trace *t,
    const struct pd_stackdist_params *p, struct pd_stackdist *s,
    struct pd_err *err);
void pd_stackdist_release(struct pd_stackdist *s);

/* Counted misses of a cache of ${capacity} objects, and in ${bytes} (may be
 * NULL) the sizes of what was missed. O(capacity). */
uint64_t pd_stackdist_misses(
    const struct pd_stackdist *s, uint64_t capacity, uint64_t *bytes);

#endif /* PD_CACHE_STACKDIST_H */
