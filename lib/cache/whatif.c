#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "cache/keytab.h"
#include "cache/policy_cost.h"
#include "cache/whatif.h"

#define GROUP_SALT 0x70642d6762c3a5d1ULL /* apart from the selection's */
#define FACTS_MOST (2 * PD_MINI_MAX)	 /* both ghosts hold other keys */
#define OWN_MOST (2 * PD_MINI_MAX)
#define OWN_LEAST 16	 /* residents that tell the sample's share */
#define BALANCE_EVERY 64 /* sampled accesses */

#define GHOST_BYTES 22 /* s3fifo: nine ghosts for ten residents, ... */
#define GHOST_SHARE 16 /* ... but no more than this part of the memory */

/* Weighted by one over the rate. */
struct group {
	uint64_t own;
	uint64_t ghost[PD_WHATIF_GHOSTS];
};

struct pd_whatif {
	struct pd_mini *mini[PD_WHATIF_GHOSTS];
	uint32_t slot_bytes[PD_WHATIF_GHOSTS]; /* of the policy, a resident */
	uint64_t capacity;
	uint64_t seed;
	bool by_bytes;
	unsigned shift;
	/* What a ghost cannot know of a key: value is the expiry (ms since
	 * 1970, 0 none), mark the database. Only where there is something to
	 * know. */
	struct pd_keytab facts;
	/* The sampled keys that the cache itself holds: value is the size. */
	struct pd_keytab own;
	uint64_t own_units;
	uint32_t turn; /* sampled accesses since the last balance */
	uint32_t most; /* objects of LRU's ghost */
	struct group group[PD_WHATIF_GROUPS];
	uint64_t reads;
	uint64_t hits;
	uint64_t ghost_hits[PD_WHATIF_GHOSTS];
};

static const struct pd_policy_ops *
policy_of(unsigned ghost)
{
	return pd_policy_find(
	    ghost == PD_WHATIF_LRU ? "lru" : PD_WHATIF_BUILTIN_NAME);
}

/* Remember what there is to remember. A key for which there is no room does
 * not expire here. */
static void
fact_set(struct pd_whatif *w, uint64_t key, unsigned db, int64_t expiry)
{
	struct pd_keytab_entry *f = pd_keytab_find(&w->facts, key);

	if (expiry == 0 && db == 0) {
		if (f != NULL)
			pd_keytab_del(&w->facts, f);
		return;
	}
	if (f == NULL && (f = pd_keytab_add(&w->facts, key)) == NULL)
		return;
	f->value = expiry;
	f->mark = db;
}

/* The cache holds a key now, in ${size} units. */
static void
own_put(struct pd_whatif *w, uint64_t key, uint32_t size)
{
	struct pd_keytab_entry *e = pd_keytab_find(&w->own, key);

	if (e == NULL && (e = pd_keytab_add(&w->own, key)) == NULL)
		return;
	w->own_units = w->own_units - (uint64_t)e->value + size;
	e->value = size;
}

static void
own_del(struct pd_whatif *w, struct pd_keytab_entry *e)
{
	w->own_units -= (uint64_t)e->value;
	pd_keytab_del(&w->own, e);
}

static bool
held(const struct pd_whatif *w, uint64_t key)
{
	return pd_mini_has(w->mini[PD_WHATIF_LRU], key) ||
	       pd_mini_has(w->mini[PD_WHATIF_BUILTIN], key);
}

/* The ghosts. */

static struct pd_mini *
ghost_new(const struct pd_whatif *w, unsigned ghost, struct pd_err *err)
{
	const struct pd_policy_params params = {
	    .capacity = w->capacity, .by_bytes = w->by_bytes, .seed = w->seed};

	return pd_mini_new(policy_of(ghost), &params, w->shift, err);
}

/* What the policy takes for a resident in the real cache, ghosts apart. 0, or
 * -1 with a message. */
static int
probe(struct pd_whatif *w, unsigned ghost, struct pd_err *err)
{
	const struct pd_policy_params params = {
	    .capacity = w->capacity, .by_bytes = w->by_bytes, .seed = w->seed};

	return pd_policy_slot_bytes(
	    policy_of(ghost), &params, &w->slot_bytes[ghost], err);
}

struct pd_whatif *
pd_whatif_new(
    uint64_t capacity, bool by_bytes, uint64_t seed, struct pd_err *err)
{
	struct pd_whatif *w = calloc(1, sizeof(*w));
	unsigned i;

	if (w == NULL) {
		(void)pd_err_nomem(err);
		return NULL;
	}
	w->capacity = capacity;
	w->seed = seed;
	w->by_bytes = by_bytes;
	w->most = PD_MINI_MAX;
	if (!by_bytes)
		w->shift = pd_mini_shift(capacity, w->most);
	if (pd_keytab_init(&w->facts, FACTS_MOST) == -1 ||
	    pd_keytab_init(&w->own, OWN_MOST) == -1) {
		(void)pd_err_nomem(err);
		goto err0;
	}
	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		if (probe(w, i, err) == -1 ||
		    (w->mini[i] = ghost_new(w, i, err)) == NULL)
			goto err0;
	return w;
err0:
	pd_whatif_free(w);
	return NULL;
}

void
pd_whatif_free(struct pd_whatif *w)
{
	unsigned i;

	if (w == NULL)
		return;
	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		pd_mini_free(w->mini[i]);
	pd_keytab_release(&w->facts);
	pd_keytab_release(&w->own);
	free(w);
}

void
pd_whatif_set_shift(struct pd_whatif *w, unsigned shift, uint64_t tick)
{
	struct pd_keytab_entry *e;
	uint32_t k;
	unsigned i;

	if (shift <= w->shift)
		return;
	w->shift = shift;
	for (k = 0; k < w->own.taken; k++)
		if ((e = pd_keytab_at(&w->own, k)) != NULL &&
		    !pd_mini_sampled(e->key, shift))
			own_del(w, e);
	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		pd_mini_set_shift(w->mini[i], shift, tick);
}

void
pd_whatif_limit(struct pd_whatif *w, uint32_t most, uint64_t tick)
{
	w->most = most;
	if (!w->by_bytes)
		pd_whatif_set_shift(w, pd_mini_shift(w->capacity, most), tick);
	while (pd_mini_objects(w->mini[PD_WHATIF_LRU]) > most)
		pd_whatif_set_shift(w, w->shift + 1, tick);
}

void
pd_whatif_set_capacity(struct pd_whatif *w, uint64_t capacity, uint64_t tick)
{
	unsigned i;

	if (capacity == w->capacity)
		return;
	w->capacity = capacity;
	if (!w->by_bytes)
		pd_whatif_set_shift(w, pd_mini_shift(capacity, w->most), tick);
	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		pd_mini_set_capacity(w->mini[i], capacity, tick);
}

/*
 * The sample may by chance hold more of the keys in use than its rate says, or
 * less; ghosts of the nominal capacity would then be too small, or too large,
 * for all of them. What share of the cache's own residents is in the sample is
 * known, and the ghosts get that share of the capacity.
 */
static void
balance(struct pd_whatif *w, uint64_t used, uint64_t tick)
{
	double share, real;
	unsigned i;

	w->turn = 0;
	if (w->shift == 0 || w->own.count < OWN_LEAST || used == 0)
		return;
	share = (double)w->own_units / (double)used;
	real = (double)w->capacity * share * (double)(UINT64_C(1) << w->shift);
	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		pd_mini_set_capacity(w->mini[i], (uint64_t)real, tick);
}

/* What a key with an entry of ${size} bytes takes in all. */
static uint32_t
units(const struct pd_whatif *w, unsigned ghost, uint32_t size)
{
	uint32_t more = PD_INDEX_KEY_BYTES + w->slot_bytes[ghost], ghosts;

	if (!w->by_bytes || size == 0)
		return size;
	if (ghost == PD_WHATIF_BUILTIN) {
		ghosts = size / GHOST_SHARE;
		more += ghosts < GHOST_BYTES ? ghosts : GHOST_BYTES;
	}
	return size > UINT32_MAX - more ? UINT32_MAX : size + more;
}

void
pd_whatif_delete(struct pd_whatif *w, uint64_t key)
{
	struct pd_keytab_entry *f;
	unsigned i;

	if (!pd_mini_sampled(key, w->shift))
		return;
	if ((f = pd_keytab_find(&w->facts, key)) != NULL)
		pd_keytab_del(&w->facts, f);
	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		pd_mini_delete(w->mini[i], key);
}

void
pd_whatif_remove(struct pd_whatif *w, uint64_t key, bool evicted)
{
	struct pd_keytab_entry *e;

	if (!pd_mini_sampled(key, w->shift))
		return;
	if ((e = pd_keytab_find(&w->own, key)) != NULL)
		own_del(w, e);
	if (!evicted)
		pd_whatif_delete(w, key);
}

/* The cache holds the key: the ghosts store what they miss, and learn the
 * size. */
static void
put(struct pd_whatif *w, const struct pd_whatif_access *a)
{
	struct pd_access acc = a->acc;
	unsigned i;

	for (i = 0; i < PD_WHATIF_GHOSTS; i++) {
		acc.size = units(w, i, a->acc.size);
		pd_mini_fill(w->mini[i], &acc);
	}
	own_put(w, acc.key, a->acc.size);
	fact_set(w, acc.key, a->db, a->expiry);
	if (pd_mini_objects(w->mini[PD_WHATIF_LRU]) > w->most)
		pd_whatif_set_shift(w, w->shift + 1, acc.tick);
}

void
pd_whatif_fill(struct pd_whatif *w, const struct pd_whatif_access *a)
{
	if (pd_mini_sampled(a->acc.key, w->shift))
		put(w, a);
}

void
pd_whatif_access(struct pd_whatif *w, const struct pd_whatif_access *a)
{
	const uint64_t key = a->acc.key, weight = UINT64_C(1) << w->shift;
	struct pd_access acc = a->acc;
	struct group *g;
	const struct pd_keytab_entry *f;
	bool had[PD_WHATIF_GHOSTS];
	unsigned i;

	if (!pd_mini_sampled(key, w->shift))
		return;
	f = pd_keytab_find(&w->facts, key);
	if (f != NULL && f->value != 0 && f->value <= a->now_ms)
		pd_whatif_delete(w, key);
	for (i = 0; i < PD_WHATIF_GHOSTS; i++) {
		acc.size = units(w, i, a->acc.size);
		had[i] = pd_mini_access(w->mini[i], &acc) == PD_MINI_HIT;
	}
	/* What the cache holds the others would have fetched and stored. */
	if (a->hit)
		put(w, a);
	if (++w->turn >= BALANCE_EVERY)
		balance(w, a->used, acc.tick);
	if (!a->read)
		return;
	g = &w->group[pd_mix64(key ^ GROUP_SALT) % PD_WHATIF_GROUPS];
	g->own += a->hit ? weight : 0;
	w->reads++;
	w->hits += a->hit;
	for (i = 0; i < PD_WHATIF_GHOSTS; i++) {
		g->ghost[i] += had[i] ? weight : 0;
		w->ghost_hits[i] += had[i];
	}
}

void
pd_whatif_set_expiry(
    struct pd_whatif *w, uint64_t key, unsigned db, int64_t expiry)
{
	if (pd_mini_sampled(key, w->shift) && held(w, key))
		fact_set(w, key, db, expiry);
}

struct flush {
	struct pd_whatif *w;
	int db;
};

static void
flush_key(void *cookie, uint64_t key)
{
	const struct flush *fl = cookie;
	const struct pd_keytab_entry *f = pd_keytab_find(&fl->w->facts, key);

	if (fl->db < 0 || (unsigned)fl->db == (f != NULL ? f->mark : 0))
		pd_whatif_delete(fl->w, key);
}

/* Hold nothing, and give the memory back. */
static void
empty(struct pd_whatif *w)
{
	struct pd_mini *m;
	unsigned i;

	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		if ((m = ghost_new(w, i, NULL)) != NULL) {
			pd_mini_free(w->mini[i]);
			w->mini[i] = m;
		}
	pd_keytab_clear(&w->facts);
	pd_keytab_clear(&w->own);
	w->own_units = 0;
}

void
pd_whatif_flush(struct pd_whatif *w, int db)
{
	struct flush fl = {w, db};
	unsigned i;

	if (db < 0)
		empty(w);
	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		pd_mini_each(w->mini[i], flush_key, &fl);
}

void
pd_whatif_expire(struct pd_whatif *w, int64_t now_ms)
{
	struct pd_keytab_entry *f;
	uint32_t i;

	for (i = 0; i < w->facts.taken; i++) {
		if ((f = pd_keytab_at(&w->facts, i)) == NULL)
			continue;
		if (f->value != 0 && f->value <= now_ms)
			pd_whatif_delete(w, f->key);
		else if (!held(w, f->key))
			pd_keytab_del(&w->facts, f);
	}
}

/* Counts. */

void
pd_whatif_reset(struct pd_whatif *w)
{
	memset(w->group, 0, sizeof(w->group));
	memset(w->ghost_hits, 0, sizeof(w->ghost_hits));
	w->reads = w->hits = 0;
}

/* The gain over one ghost and its standard error. */
static void
estimate(const struct pd_whatif *w, unsigned ghost, struct pd_whatif_gain *out)
{
	const double n = PD_WHATIF_GROUPS;
	const double rate = 1.0 / (double)(UINT64_C(1) << w->shift);
	double d[PD_WHATIF_GROUPS], sum = 0, squares = 0;
	unsigned i;

	for (i = 0; i < PD_WHATIF_GROUPS; i++) {
		d[i] =
		    (double)w->group[i].own - (double)w->group[i].ghost[ghost];
		sum += d[i];
	}
	for (i = 0; i < PD_WHATIF_GROUPS; i++)
		squares += (d[i] - sum / n) * (d[i] - sum / n);
	out->gained = sum;
	out->gained_se = sqrt((1 - rate) * squares * n / (n - 1));
}

void
pd_whatif_stats(const struct pd_whatif *w, struct pd_whatif_stats *out)
{
	struct pd_mini_stats ms;
	struct pd_whatif_gain *g;
	unsigned i;

	out->reads = w->reads;
	out->hits = w->hits;
	out->rate = 1.0 / (double)(UINT64_C(1) << w->shift);
	for (i = 0; i < PD_WHATIF_GHOSTS; i++) {
		g = &out->ghost[i];
		pd_mini_stats(w->mini[i], &ms);
		g->policy = policy_of(i)->name;
		g->capacity = w->capacity;
		g->objects = ms.objects;
		g->used = ms.used;
		g->hits = w->ghost_hits[i];
		g->off = ms.off;
		g->memory = ms.memory;
		estimate(w, i, g);
	}
}

size_t
pd_whatif_memory(const struct pd_whatif *w)
{
	size_t sum = sizeof(*w) + pd_keytab_memory(&w->facts) +
		     pd_keytab_memory(&w->own);
	unsigned i;

	for (i = 0; i < PD_WHATIF_GHOSTS; i++)
		sum += pd_mini_memory(w->mini[i]);
	return sum;
}
