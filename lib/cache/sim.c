#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "base/err.h"
#include "cache/belady.h"
#include "cache/context.h"
#include "cache/sim.h"
#include "cache/trace.h"
#include "data/event.h"

struct sim {
	const struct pd_trace *t;
	const struct pd_sim_params *p;
	struct pd_policy *policy;
	const struct pd_policy_ops *ops;
	struct pd_context *ctx; /* NULL: the policy asks for none */
	uint32_t *slot_of;	/* by id, or PD_NO_SLOT */
	uint32_t *id_of;	/* by slot */
	uint32_t *units_of;	/* by slot; NULL in object mode */
	uint32_t *spare;	/* stack of released slots */
	uint32_t spare_count;
	uint32_t used_slots; /* slots ever taken */
	uint32_t cap;	     /* slots reserved */
	uint64_t used;	     /* units */
	size_t at;	     /* entry being played */
	struct pd_sim_result *r;
	struct pd_err *err;
};

static int
reserve(struct sim *s, uint32_t n)
{
	uint32_t *id_of, *spare, *units;

	id_of = realloc(s->id_of, n * sizeof(*id_of));
	if (id_of == NULL)
		return pd_err_nomem(s->err);
	s->id_of = id_of;
	spare = realloc(s->spare, n * sizeof(*spare));
	if (spare == NULL)
		return pd_err_nomem(s->err);
	s->spare = spare;
	if (s->p->policy.by_bytes) {
		units = realloc(s->units_of, n * sizeof(*units));
		if (units == NULL)
			return pd_err_nomem(s->err);
		s->units_of = units;
	}
	if (s->ops->reserve(s->policy, n) < 0)
		return pd_err_nomem(s->err);
	s->cap = n;
	return 0;
}

static uint32_t
units_of(const struct sim *s, uint32_t slot)
{
	return s->units_of == NULL ? 1 : s->units_of[slot];
}

/* Let go of a resident. */
static void
drop(struct sim *s, uint32_t slot, bool evicted)
{
	s->ops->remove(s->policy, slot, s->t->key[s->id_of[slot]], evicted);
	s->used -= units_of(s, slot);
	s->slot_of[s->id_of[slot]] = PD_NO_SLOT;
	s->spare[s->spare_count++] = slot;
	s->r->resident--;
}

static void
make_room(struct sim *s, uint64_t limit, uint64_t tick)
{
	const struct pd_sim_view v = {
	    s->policy, s->id_of, s->used_slots, s->at, tick};
	uint32_t slot;

	while (s->used > limit) {
		if (s->p->evicting != NULL)
			s->p->evicting(s->p->cookie, &v);
		slot = s->ops->victim(s->policy, tick);
		if (slot == PD_NO_SLOT)
			break;
		drop(s, slot, true);
		s->r->evictions++;
	}
}

/* Store the object that was missed. */
static int
admit(struct sim *s, uint32_t id, const struct pd_access *acc)
{
	const uint64_t capacity = s->p->policy.capacity;
	uint32_t slot, more;

	if (acc->size > capacity)
		return 0;
	make_room(s, capacity - acc->size, acc->tick);
	if (s->spare_count > 0) {
		slot = s->spare[--s->spare_count];
	} else {
		if (s->used_slots == s->cap) {
			more = s->cap > s->t->unique / 2 ? s->t->unique
							 : s->cap * 2;
			if (reserve(s, more) < 0)
				return -1;
		}
		slot = s->used_slots++;
	}
	s->slot_of[id] = slot;
	s->id_of[slot] = id;
	if (s->units_of != NULL)
		s->units_of[slot] = acc->size;
	s->used += acc->size;
	s->r->resident++;
	s->ops->insert(s->policy, slot, acc);
	return 0;
}

/* A write of a resident may change its size. */
static void
resize(struct sim *s, uint32_t slot, const struct pd_access *acc)
{
	if (acc->size == s->units_of[slot])
		return;
	if (acc->size > s->p->policy.capacity) {
		drop(s, slot, false);
		return;
	}
	s->used = s->used - s->units_of[slot] + acc->size;
	s->units_of[slot] = acc->size;
	if (s->ops->set_size != NULL)
		s->ops->set_size(s->policy, slot, acc);
	make_room(s, s->p->policy.capacity, acc->tick);
}

static void
forget(struct sim *s, uint32_t id)
{
	if (s->slot_of[id] != PD_NO_SLOT)
		drop(s, s->slot_of[id], false);
	if (s->ctx != NULL)
		pd_context_delete(s->ctx, s->t->key[id]);
}

static int
play(void *cookie, size_t from, size_t to)
{
	struct sim *s = cookie;
	const struct pd_trace *t = s->t;
	const bool by_bytes = s->p->policy.by_bytes;
	struct pd_access acc = {.ttl = PD_CODE_NONE};
	uint64_t counted, cost;
	size_t i;
	uint32_t id, slot;

	for (i = from; i < to; i++) {
		s->at = i;
		id = t->id[i];
		acc.op = t->op == NULL ? PD_OP_GET : t->op[i];
		if (acc.op == PD_OP_DEL) {
			forget(s, id);
			continue;
		}
		acc.key = t->key[id];
		acc.tick = t->tick == NULL ? i : t->tick[i];
		acc.size = by_bytes ? t->size[i] : 1;
		acc.bytes = t->size[i];
		acc.cost = t->cost == NULL ? 0 : t->cost[id];
		slot = s->slot_of[id];
		if (s->ctx != NULL)
			pd_context_access(s->ctx, acc.key, slot != PD_NO_SLOT,
			    acc.size, acc.tick);
		counted = i >= s->p->from;
		s->r->requests += counted;
		s->r->bytes += counted * t->size[i];
		cost = counted * pd_objective_weight(
				     PD_OBJECTIVE_COST, acc.bytes, acc.cost);
		s->r->cost += cost;
		if (slot != PD_NO_SLOT) {
			s->ops->hit(s->policy, slot, &acc);
			if (by_bytes && acc.op != PD_OP_GET)
				resize(s, slot, &acc);
			continue;
		}
		s->r->misses += counted;
		s->r->byte_misses += counted * t->size[i];
		s->r->cost_misses += cost;
		if (s->ctx != NULL)
			pd_context_fill(s->ctx, acc.key, acc.size, acc.tick);
		s->ops->miss(s->policy, &acc);
		if (admit(s, id, &acc) < 0)
			return -1;
	}
	return 0;
}

/* A resident, to a policy that takes over. */
static void
tell(const void *owner, uint32_t slot, struct pd_access *acc)
{
	const struct sim *s = owner;
	const uint32_t id = s->id_of[slot];

	*acc = (struct pd_access){
	    .key = s->t->key[id],
	    .size = units_of(s, slot),
	    .bytes = s->t->first_size[id],
	    .cost = s->t->cost == NULL ? 0 : s->t->cost[id],
	    .op = PD_OP_GET,
	    .ttl = PD_CODE_NONE,
	};
}

static int
start(struct sim *s)
{
	const struct pd_trace *t = s->t;
	struct pd_policy_params params = s->p->policy;
	uint64_t hint = params.capacity;

	if (params.by_bytes)
		hint = (uint64_t)((double)hint * t->unique /
				  (double)(t->unique_bytes + 1));
	if (hint > t->unique)
		hint = t->unique;
	if (hint < 16)
		hint = 16;
	params.objects_hint = (uint32_t)hint;
	s->slot_of = malloc(((size_t)t->unique + 1) * sizeof(*s->slot_of));
	if (s->slot_of == NULL)
		return pd_err_nomem(s->err);
	memset(s->slot_of, 0xff, t->unique * sizeof(*s->slot_of));
	if (s->ops->set_model != NULL) {
		s->ctx =
		    pd_context_new(params.capacity, params.by_bytes, s->err);
		if (s->ctx == NULL)
			return -1;
	}
	params.context = s->ctx;
	params.resident = tell;
	params.owner = s;
	s->policy = s->ops->create(&params, s->err);
	if (s->policy == NULL)
		return -1;
	return reserve(s, (uint32_t)hint);
}

int
pd_sim_pauses(const struct pd_sim_params *p, const struct pd_sim_result *r,
    struct pd_policy *policy,
    int (*stretch)(void *cookie, size_t from, size_t to), void *cookie)
{
	struct pd_sim_pause at = {policy, r, p->begin, p->pause_at};

	if (p->pause == NULL)
		return stretch(cookie, p->begin, p->end);
	if (at.next < p->begin)
		at.next = p->begin;
	for (;;) {
		if (at.next > p->end)
			at.next = p->end;
		if (stretch(cookie, at.entry, at.next) < 0)
			return -1;
		at.entry = at.next;
		at.next = p->end;
		if (p->pause(p->pause_cookie, &at) < 0)
			return -1;
		if (at.entry == p->end)
			return 0;
		if (at.next <= at.entry)
			at.next = p->end;
	}
}

int
pd_sim_run(const struct pd_trace *t, const struct pd_sim_params *p,
    struct pd_sim_result *r, struct pd_err *err)
{
	struct sim s = {.t = t, .p = p, .ops = p->ops, .r = r, .err = err};
	int rc = -1;

	if (p->ops == NULL)
		return pd_belady_run(t, p, r, err);
	memset(r, 0, sizeof(*r));
	if (start(&s) == 0 && pd_sim_pauses(p, r, s.policy, play, &s) == 0) {
		r->memory = s.ops->memory(s.policy);
		rc = 0;
	}
	if (s.policy != NULL)
		s.ops->destroy(s.policy);
	pd_context_free(s.ctx);
	free(s.slot_of);
	free(s.id_of);
	free(s.units_of);
	free(s.spare);
	return rc;
}
