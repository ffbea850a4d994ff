/*
 * What the store tells of its keys: to the ghosts (whatif.h), of those in the
 * sample, and to the log of those that left (evictlog.h).
 */

#include <string.h>

#include "cache/context.h"
#include "cache/evictlog.h"
#include "cache/look.h"
#include "cache/policy.h"
#include "cache/selector.h"
#include "cache/store.h"
#include "cache/store_priv.h"
#include "cache/whatif.h"
#include "model/model.h"

static struct pd_whatif_access
told(const struct pd_store *st, const struct pd_key *k, bool hit,
    int64_t expiry, const struct pd_access *acc)
{
	return (struct pd_whatif_access){
	    .acc = *acc,
	    .now_ms = st->now_ms,
	    .expiry = expiry,
	    .db = k->db,
	    .hit = hit,
	    .used = st->cfg.maxobjects > 0 ? st->total : st->entry_bytes,
	};
}

void
store_told_access(struct pd_store *st, const struct pd_key *k,
    const struct pd_entry *e, const struct pd_access *acc, bool read)
{
	struct pd_whatif_access a =
	    told(st, k, e != NULL, e != NULL ? pd_entry_expiry(e) : 0, acc);

	a.read = read;
	pd_whatif_set_shift(
	    st->whatif, pd_context_shift(st->context), st->tick);
	pd_whatif_access(st->whatif, &a);
	if (!read)
		st->whatif_bytes = pd_whatif_memory(st->whatif);
}

void
store_told_fill(struct pd_store *st, const struct pd_key *k, int64_t expiry,
    const struct pd_access *acc)
{
	const struct pd_whatif_access a = told(st, k, true, expiry, acc);

	pd_whatif_fill(st->whatif, &a);
	st->whatif_bytes = pd_whatif_memory(st->whatif);
}

/* The place in pd_policies[] of the policy that rules. */
static uint8_t
ruling(struct pd_store *st)
{
	const char *name = pd_store_ruling(st);
	uint8_t i;

	if (name == st->ruling)
		return st->ruling_at;
	for (i = 0; pd_policies[i] != NULL && i < UINT8_MAX; i++)
		if (strcmp(pd_policies[i]->name, name) == 0)
			break;
	st->ruling = name;
	st->ruling_at = i;
	/* Both evict the LRU end when no model says otherwise. */
	st->ruling_lru =
	    strcmp(name, "lru") == 0 || strcmp(name, "learned") == 0;
	return i;
}

/* By what rule a victim was found. */
static enum pd_gone
rule(const struct pd_store *st, const struct pd_look *l)
{
	if (l->by_score)
		return PD_GONE_SCORE;
	return st->ruling_lru ? PD_GONE_LRU : PD_GONE_POLICY;
}

struct pd_evictlog_entry
store_gone(struct pd_store *st, enum pd_gone why)
{
	const struct pd_model *champion = pd_selector_champion(st->policy);

	return (struct pd_evictlog_entry){.tick = st->tick,
	    .time_s = (uint32_t)(st->now_us / 1000000),
	    .age = PD_EVICTLOG_UNKNOWN,
	    .residence = PD_EVICTLOG_UNKNOWN,
	    .model =
		champion != NULL ? pd_model_mark(champion) : st->model_mark,
	    .policy = ruling(st),
	    .why = (uint8_t)why};
}

/* What a policy knows of a resident, at the tick of ${e}. */
static void
look(const struct pd_policy *p, uint32_t slot, struct pd_evictlog_entry *e,
    struct pd_look *l)
{
	pd_look_init(l, 1);
	if (p->ops->look != NULL)
		p->ops->look(p, slot, e->tick, l);
	e->score = l->score;
	if (!l->recorded)
		return;
	e->age = l->age;
	e->residence = l->residence;
	e->hits = l->hits;
	e->accesses = l->accesses;
}

void
store_told_gone(
    struct pd_store *st, uint32_t slot, uint64_t hash, enum pd_gone why)
{
	struct pd_evictlog_entry e;
	struct pd_look l;

	if (pd_evictlog_size(st->evictlog) == 0)
		return;
	e = store_gone(st, why);
	look(st->policy, slot, &e, &l);
	if (why <= PD_GONE_POLICY)
		e.why = (uint8_t)rule(st, &l);
	pd_evictlog_add(st->evictlog, hash, &e);
}

void
store_told_flushed(struct pd_store *st, const struct pd_policy *p,
    uint32_t slot, uint64_t hash, const struct pd_evictlog_entry *gone)
{
	struct pd_evictlog_entry e = *gone;
	struct pd_look l;

	look(p, slot, &e, &l);
	pd_evictlog_add(st->evictlog, hash, &e);
}
