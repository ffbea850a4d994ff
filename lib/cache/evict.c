/*
 * Limits and eviction: what counts, when to evict, and the change of policy
 * or limits while the store is in use.
 */

#include <stdlib.h>

#include "base/err.h"
#include "base/keyfile.h"
#include "cache/context.h"
#include "cache/evictlog.h"
#include "cache/learned.h"
#include "cache/policy_cost.h"
#include "cache/policy_table.h"
#include "cache/store.h"
#include "cache/store_priv.h"
#include "cache/whatif.h"
#include "data/event.h"
#include "model/model.h"

#define SETTING_BYTES                                                          \
	4096 /* of buffers that a command to set limits leaves                 \
	      */
#define UNLIMITED (UINT64_C(1) << 50)
#define HISTORY_SHARE 16  /* a sixteenth of the memory may be ghosts */
#define COSTS_SHARE 256	  /* of it for the costs of keys that left, */
#define COSTS_LEAST 4096  /* but as many as this, */
#define COSTS_USUAL 65536 /* and as many without a limit */
#define SLOWLY 64	  /* this part of the keys a turn, where it is vain */
#define BYTES_A_KEY 256	  /* a guess, for the first sizes of ghosts */

/*
 * What an eviction changes nothing of. Where this alone is above the limit,
 * all keys would go for nothing: then writes are refused, and keys go slowly,
 * so that a limit that was mistyped can be mended.
 */
static uint64_t
fixed(const struct pd_store *st)
{
	return pd_context_memory(st->context) + pd_refetch_memory(&st->costs) +
	       st->whatif_bytes + pd_evictlog_memory(st->evictlog) +
	       st->model_bytes + PD_STORE_PENDING * sizeof(struct pd_miss) +
	       st->extern_bytes;
}

uint64_t
pd_store_memory(const struct pd_store *st)
{
	return st->slab.held + st->large_bytes + pd_index_memory(&st->index) +
	       pd_store_slots_memory(st) + st->policy->ops->memory(st->policy) +
	       fixed(st);
}

/* What counts of ${all}, pd_store_memory(): of pages what is in use, and a
 * share for the rest. */
static uint64_t
smooth(const struct pd_store *st, uint64_t all)
{
	return all - st->slab.held + st->slab.used + st->spare_bytes;
}

uint64_t
pd_store_counted(const struct pd_store *st)
{
	const uint64_t all = pd_store_memory(st);
	const uint64_t even = smooth(st, all);

	return even > all ? even : all;
}

bool
store_full(const struct pd_store *st, uint64_t more)
{
	return st->cfg.maxmemory > 0 &&
	       smooth(st, pd_store_memory(st)) + more > st->cfg.maxmemory;
}

static uint32_t
victim(struct pd_store *st)
{
	if (st->cfg.evictable != PD_EVICT_ALL)
		return store_expiring_victim(st);
	return st->policy->ops->victim(st->policy, st->tick);
}

int
store_evict_one(struct pd_store *st)
{
	const uint32_t slot = victim(st);
	const struct pd_entry *e;
	struct pd_key k;

	if (slot == PD_NO_SLOT)
		return -1;
	e = store_at(st, slot);
	k = pd_store_entry_key(st, e);
	if (st->changed != NULL)
		st->changed(st->changed_cookie, &k);
	if (st->left != NULL)
		st->left(st->left_cookie, &k, true);
	st->stats->evicted++;
	st->stats->evicted_bytes += pd_store_entry_bytes(st, e);
	store_remove(st, slot, k.hash, PD_GONE_POLICY);
	store_evicted(st);
	return 0;
}

int
store_make_room_for(struct pd_store *st, uint64_t bytes, uint64_t objects)
{
	const uint64_t most = st->cfg.maxobjects;
	uint64_t all;

	store_expect_waste(st);
	if (!st->cfg.evict)
		return most > 0 && st->total + objects > most ? -1 : 0;
	while (most > 0 && st->total + objects > most)
		if (store_evict_one(st))
			return -1;
	st->hopeless = false;
	if (st->cfg.maxmemory == 0)
		return 0;
	if ((st->hopeless = fixed(st) + bytes > st->cfg.maxmemory))
		return -1;
	while (all = pd_store_memory(st),
	    smooth(st, all) + bytes > st->cfg.maxmemory)
		if (store_evict_one(st))
			return -1;
	/* More waste than was expected: rarely. */
	return all > st->cfg.maxmemory ? store_relieve(st, 0) : 0;
}

int
pd_store_make_room(struct pd_store *st, uint64_t more)
{
	return store_make_room_for(st, more, 0) || store_relieve(st, more) ? -1
									   : 0;
}

/* What is left for entries, in the policy's units. */
static uint64_t
capacity(const struct pd_store *st)
{
	uint64_t other;

	if (st->cfg.maxobjects > 0)
		return st->cfg.maxobjects;
	if (st->cfg.maxmemory == 0)
		return UNLIMITED;
	if (st->policy == NULL)
		return st->cfg.maxmemory;
	other = pd_store_memory(st) - st->slab.held - st->large_bytes +
		st->spare_bytes;
	return other < st->cfg.maxmemory / 2 ? st->cfg.maxmemory - other
					     : st->cfg.maxmemory / 2;
}

/* What is spent on slots that have no key, and on parts of pages. */
static uint64_t
slack(const struct pd_store *st)
{
	const uint64_t slots = pd_slab_slots(&st->slab);
	uint64_t n = st->spare_bytes + pd_store_slots_memory(st);

	if (slots > 0 && st->policy != NULL)
		n += st->policy->ops->memory(st->policy) / slots *
		     (slots - st->total);
	return n;
}

/* What any policy would have for keys, values and itself, in its units. */
static uint64_t
allowed(const struct pd_store *st)
{
	const uint64_t bytes = st->cfg.maxmemory;
	uint64_t other;

	if (st->cfg.maxobjects > 0)
		return st->cfg.maxobjects;
	if (bytes == 0)
		return UNLIMITED;
	other = st->client_bytes + slack(st);
	return other < bytes / 2 ? bytes - other : bytes / 2;
}

/* Ghosts that push residents out are worth less than these. */
static void
limit_history(const struct pd_store *st, struct pd_policy *p)
{
	if (p->ops->set_history != NULL)
		p->ops->set_history(p, st->cfg.maxmemory == 0
					   ? UINT64_MAX
					   : st->cfg.maxmemory / HISTORY_SHARE);
}

/* A resident, to a policy that takes over. */
static void
tell(const void *owner, uint32_t slot, struct pd_access *acc)
{
	const struct pd_store *st = owner;
	const struct pd_key k = pd_store_entry_key(st, store_at(st, slot));

	*acc = store_access(st, k.hash, slot, PD_OP_GET);
}

static struct pd_policy *
create(struct pd_store *st, const struct pd_policy_ops *ops, struct pd_err *err)
{
	struct pd_policy_params params = {
	    .capacity = capacity(st),
	    .by_bytes = st->cfg.maxobjects == 0,
	    .seed = st->cfg.keys->table_seed,
	    .objective = st->cfg.objective,
	    .model = st->model,
	    .context = st->context,
	    .resident = tell,
	    .owner = st,
	    .verdict = st->cfg.verdict,
	    .leads = st->cfg.leads,
	};
	uint64_t hint = params.capacity;
	struct pd_policy *p;

	if (params.by_bytes)
		hint /= BYTES_A_KEY;
	if (hint < st->total)
		hint = st->total;
	params.objects_hint = hint > 1u << 20 ? 1u << 20 : (uint32_t)hint;
	if ((p = ops->create(&params, err)) == NULL)
		return NULL;
	limit_history(st, p);
	if (pd_slab_slots(&st->slab) > 0 &&
	    ops->reserve(p, pd_slab_slots(&st->slab))) {
		pd_err_nomem(err);
		ops->destroy(p);
		return NULL;
	}
	return p;
}

int
store_open_costs(struct pd_store *st, struct pd_err *err)
{
	uint64_t n = COSTS_USUAL;

	if (st->cfg.objective != PD_OBJECTIVE_COST)
		return 0;
	if (st->cfg.maxobjects > 0)
		n = 2 * st->cfg.maxobjects;
	else if (st->cfg.maxmemory > 0)
		n = st->cfg.maxmemory / COSTS_SHARE / (sizeof(uint32_t) + 1);
	n = n < COSTS_LEAST ? COSTS_LEAST : n;
	return pd_refetch_init(&st->costs, n, pd_slab_slots(&st->slab))
		   ? pd_err_nomem(err)
		   : 0;
}

int
store_open_policy(
    struct pd_store *st, const struct pd_policy_ops *ops, struct pd_err *err)
{
	st->context =
	    pd_context_new(capacity(st), st->cfg.maxobjects == 0, err);
	if (st->context == NULL)
		return -1;
	st->whatif = pd_whatif_new(allowed(st), st->cfg.maxobjects == 0,
	    st->cfg.keys->table_seed, err);
	if (st->whatif == NULL)
		goto err0;
	if (st->cfg.ghosts > 0) {
		pd_context_limit(st->context, st->cfg.ghosts);
		pd_whatif_limit(st->whatif, st->cfg.ghosts, st->tick);
	}
	st->whatif_bytes = pd_whatif_memory(st->whatif);
	if ((st->policy = create(st, ops, err)) == NULL)
		goto err1;
	return 0;
err1:
	pd_whatif_free(st->whatif);
err0:
	pd_context_free(st->context);
	return -1;
}

void
store_close_policy(struct pd_store *st)
{
	st->policy->ops->destroy(st->policy);
	pd_whatif_free(st->whatif);
	pd_context_free(st->context);
}

int
store_renew_policy(struct pd_store *st)
{
	struct pd_policy *p;

	if ((p = create(st, st->cfg.policy, NULL)) == NULL)
		return -1;
	st->policy = p;
	return 0;
}

void
store_reset_policy(struct pd_store *st)
{
	struct pd_policy *old = st->policy;

	if (store_renew_policy(st) == 0)
		old->ops->destroy(old);
}

/* What a policy keeps of a resident; 0 where memory does not suffice to ask. */
static uint32_t
slot_cost(struct pd_store *st, unsigned i, const struct pd_policy_ops *ops)
{
	const struct pd_policy_params params = {.capacity = UINT64_C(1) << 20,
	    .by_bytes = st->cfg.maxobjects == 0,
	    .objective = st->cfg.objective,
	    .context = st->context};

	if (st->slot_cost[i].of == ops)
		return st->slot_cost[i].bytes;
	if (pd_policy_slot_bytes(ops, &params, &st->slot_cost[i].bytes, NULL))
		return 0;
	st->slot_cost[i].of = ops;
	return st->slot_cost[i].bytes;
}

uint64_t
pd_store_key_bytes(struct pd_store *st, const struct pd_entry *e)
{
	const struct pd_policy_ops *ops = st->policy->ops, *rules;
	uint64_t n = pd_store_entry_bytes(st, e) + PD_INDEX_KEY_BYTES +
		     PD_SLOT_KEY_BYTES;

	if (ops->ruling == NULL)
		return n + slot_cost(st, 0, ops);
	/* A selector keeps the records of learned, which are LRU's too, and
	 * what the policy that rules needs besides. */
	n += slot_cost(st, 0, &pd_policy_learned);
	rules = pd_policy_find(ops->ruling(st->policy));
	if (rules != NULL && rules != &pd_policy_learned &&
	    rules != &pd_policy_lru)
		n += slot_cost(st, 1, rules);
	return n;
}

const char *
pd_store_ruling(const struct pd_store *st)
{
	const struct pd_policy *p = st->policy;

	return p->ops->ruling != NULL ? p->ops->ruling(p) : p->ops->name;
}

struct handover {
	struct pd_store *st;
	struct pd_policy *to;
};

static void
hand_over(void *cookie, uint32_t slot)
{
	struct handover *h = cookie;
	const struct pd_key k =
	    pd_store_entry_key(h->st, store_at(h->st, slot));
	const struct pd_access acc =
	    store_access(h->st, k.hash, slot, PD_OP_SET);

	h->to->ops->miss(h->to, &acc);
	h->to->ops->insert(h->to, slot, &acc);
}

int
pd_store_set_policy(
    struct pd_store *st, const struct pd_policy_ops *ops, struct pd_err *err)
{
	struct handover h = {.st = st};
	struct pd_policy *old = st->policy;
	uint32_t i;

	if ((h.to = create(st, ops, err)) == NULL)
		return -1;
	if (old->ops->each != NULL) {
		old->ops->each(old, hand_over, &h);
	} else {
		for (i = 0; i < pd_slab_top(&st->slab); i++)
			if (store_slot(st, i) != NULL)
				hand_over(&h, i);
	}
	st->policy = h.to;
	st->cfg.policy = ops;
	old->ops->destroy(old);
	st->stats->policy_switches++;
	return 0;
}

/* Tell all what is left for entries. */
static void
fit(struct pd_store *st)
{
	const uint64_t units = capacity(st);

	if (pd_store_memory(st) > st->peak_bytes)
		st->peak_bytes = pd_store_memory(st);
	pd_context_set_capacity(st->context, units);
	pd_whatif_set_capacity(st->whatif, allowed(st), st->tick);
	pd_whatif_expire(st->whatif, st->now_ms);
	st->whatif_bytes = pd_whatif_memory(st->whatif);
	if (st->clock.n > 0)
		pd_tickclock_mark(&st->clock, st->tick, st->now_us);
	if (st->policy->ops->set_capacity != NULL)
		st->policy->ops->set_capacity(st->policy, units);
}

/* Keep to limits at once that leave less for entries than before. */
static void
settle(struct pd_store *st)
{
	fit(st);
	(void)store_make_room_for(st, SETTING_BYTES, 0);
	(void)pd_store_make_room(st, 0);
}

int
pd_store_set_objective(
    struct pd_store *st, enum pd_objective o, struct pd_err *err)
{
	const enum pd_objective old = st->cfg.objective;

	if (o == old)
		return 0;
	st->cfg.objective = o;
	if (!store_open_costs(st, err)) {
		if (pd_store_set_policy(st, st->cfg.policy, err) == 0) {
			if (o != PD_OBJECTIVE_COST)
				pd_refetch_release(&st->costs);
			settle(st);
			return 0;
		}
		if (o == PD_OBJECTIVE_COST)
			pd_refetch_release(&st->costs);
	}
	st->cfg.objective = old;
	return -1;
}

void
pd_store_set_model(struct pd_store *st, const struct pd_model *m)
{
	st->model = m;
	st->model_mark = m != NULL ? pd_model_mark(m) : 0;
	st->model_bytes = m != NULL ? pd_model_memory(m) : 0;
	if (st->policy->ops->set_model != NULL)
		st->policy->ops->set_model(st->policy, m);
}

void
pd_store_tune(struct pd_store *st)
{
	uint64_t n = 1 + st->total / SLOWLY;

	fit(st);
	/* Clients' buffers may have grown since the last write. */
	if (pd_store_make_room(st, 0) && st->hopeless && st->cfg.evict)
		while (n-- > 0 && store_evict_one(st) == 0)
			continue;
}

void
pd_store_shrink_eviction_log(struct pd_store *st, uint64_t bytes)
{
	struct pd_evictlog *l;

	if (bytes >= st->cfg.eviction_log ||
	    (l = pd_evictlog_new((size_t)bytes, NULL)) == NULL)
		return;
	pd_evictlog_free(st->evictlog);
	st->evictlog = l;
	st->cfg.eviction_log = bytes;
}

void
pd_store_set_limits(
    struct pd_store *st, uint64_t maxmemory, uint64_t maxobjects)
{
	st->cfg.maxmemory = maxmemory;
	st->cfg.maxobjects = maxobjects;
	limit_history(st, st->policy);
	settle(st);
}
