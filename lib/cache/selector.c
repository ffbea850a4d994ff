#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/learned.h"
#include "cache/look.h"
#include "cache/mini.h"
#include "cache/policy_table.h"
#include "cache/selector_priv.h"

/*
 * The experts are what measurement left of all policies: with LRU, the learned
 * policy and W-TinyLFU, most of what the best of all in hindsight has is there;
 * QD-LP and ARC are best where those are weak (share/doc/bench.md). Each runs
 * as a miniature cache on a sample of the keys (panel.h), and the judge
 * compares their misses there.
 *
 * Where the minis see all keys, the one of the expert that rules is the cache:
 * the real one evicts what it does not hold (follow.h). Beyond, in a sample:
 * the real cache's residents are always known to an instance of the learned
 * policy, which keeps their order by last access and the records of their
 * past. Without a model it is exact LRU, so between these two the cache goes
 * back and forth at no cost. Another expert gets an instance of its own when
 * it begins to rule: the residents are inserted in LRU order, and those that
 * were hit are hit again. It leaves when it stops ruling. Either way a change
 * of rule evicts nothing, and what is resident changes as misses come.
 *
 * A model that replaces another has to show itself beside it
 * (selector_contest.c).
 *
 * The minis run the model without the guard of the learned policy: the guard
 * would make an LRU of a bad model, and nobody would know that it is bad.
 */

/* The policy that names the victims. */
static struct pd_policy *
ruler(const struct selector *s)
{
	return s->fixed != NULL ? s->fixed : s->learned;
}

static struct pd_policy *
selector_create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct selector *s;

	if (params->context == NULL || params->resident == NULL) {
		(void)pd_err_set(err, "policy 'selector' needs a context and "
				      "an owner that tells of residents");
		return NULL;
	}
	if ((s = calloc(1, sizeof(*s))) == NULL) {
		(void)pd_err_nomem(err);
		return NULL;
	}
	s->base.ops = &pd_policy_selector;
	s->params = *params;
	s->params.unguarded = true;
	s->history = UINT64_MAX;
	s->obeys = params->verdict != NULL && !params->leads;
	s->most = s->obeys ? 0 : PD_MINI_MAX;
	if (!s->obeys && pd_panel_init(&s->panel, selector_experts, EXPERTS,
			     s->most, &s->params, err) < 0)
		goto err0;
	s->params.model = NULL;
	s->learned = pd_policy_learned.create(&s->params, err);
	if (s->learned == NULL)
		goto err1;
	s->params.model = params->model;
	selector_follow(s);
	selector_say(s);
	selector_obey(s);
	return &s->base;
err1:
	pd_panel_release(&s->panel);
err0:
	free(s);
	return NULL;
}

static void
selector_destroy(struct pd_policy *p)
{
	struct selector *s = (struct selector *)p;

	selector_drop_fixed(s);
	selector_unfollow(s);
	s->learned->ops->destroy(s->learned);
	pd_panel_release(&s->panel);
	pd_model_free(s->champion);
	free(s);
}

/* A new panel begins with the model that was in force. */
static void
fill_panel(struct selector *s)
{
	struct pd_policy_params params = s->params;

	if (s->champion != NULL)
		params.model = s->champion;
	if (s->most > 0)
		(void)pd_panel_init(&s->panel, selector_experts, EXPERTS,
		    s->most, &params, NULL);
	if (s->champion == NULL ||
	    pd_panel_challenge(&s->panel, MODEL, s->params.model) == 0)
		return;
	if (s->panel.experts > 0)
		pd_panel_set_model(&s->panel, MODEL, s->params.model);
	selector_let_go(s);
}

/* Minis for the cache as it is now; without memory there are none, and LRU
 * rules. */
static void
renew_panel(struct selector *s)
{
	if (s->following)
		selector_go_alone(s);
	pd_panel_release(&s->panel);
	fill_panel(s);
	if (s->panel.experts == 0) {
		selector_rule(s, LRU);
		return;
	}
	selector_follow(s);
	if (s->following)
		selector_drop_fixed(s);
}

static void
choose(struct selector *s)
{
	if (pd_panel_thin(&s->panel))
		renew_panel(s);
	selector_rule(s, pd_judge_choose(&s->panel.judge, selector_able(s)));
	selector_settle(s);
}

/* The minis see an access to a key of the sample; whoever should rule after it
 * does. */
static void
show_sampled(struct selector *s, const struct pd_access *acc)
{
	const bool done = pd_panel_access(&s->panel, acc);

	if (s->following && s->panel.shift > 0)
		selector_go_alone(s);
	if (done)
		choose(s);
}

static inline void
show(struct selector *s, const struct pd_access *acc)
{
	s->tick = acc->tick;
	if (pd_panel_sees(&s->panel, acc->key))
		show_sampled(s, acc);
}

static int
selector_reserve(struct pd_policy *p, uint32_t n)
{
	struct selector *s = (struct selector *)p;

	if (s->learned->ops->reserve(s->learned, n) < 0 ||
	    (s->following && pd_follow_reserve(&s->follow, n) < 0) ||
	    (s->fixed != NULL && s->fixed->ops->reserve(s->fixed, n) < 0))
		return -1;
	s->slots = n;
	return 0;
}

static void
selector_move(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct selector *s = (struct selector *)p;

	s->learned->ops->move(s->learned, from, to);
	if (s->following)
		pd_follow_move(&s->follow, from, to);
	if (s->fixed != NULL)
		s->fixed->ops->move(s->fixed, from, to);
}

static void
selector_hit(struct pd_policy *p, uint32_t slot, const struct pd_access *a)
{
	struct selector *s = (struct selector *)p;

	show(s, a);
	s->learned->ops->hit(s->learned, slot, a);
	if (s->fixed != NULL)
		s->fixed->ops->hit(s->fixed, slot, a);
}

static void
selector_prefetch(const struct pd_policy *p, const uint32_t *slot, unsigned n)
{
	const struct selector *s = (const struct selector *)p;

	s->learned->ops->prefetch(s->learned, slot, n);
	if (s->fixed != NULL && s->fixed->ops->prefetch != NULL)
		s->fixed->ops->prefetch(s->fixed, slot, n);
}

static void
selector_miss(struct pd_policy *p, const struct pd_access *a)
{
	struct selector *s = (struct selector *)p;

	show(s, a);
	s->learned->ops->miss(s->learned, a);
	if (s->fixed != NULL)
		s->fixed->ops->miss(s->fixed, a);
}

static void
selector_insert(struct pd_policy *p, uint32_t slot, const struct pd_access *a)
{
	struct selector *s = (struct selector *)p;

	s->residents++;
	s->learned->ops->insert(s->learned, slot, a);
	if (s->following)
		pd_follow_insert(&s->follow, slot, a->key,
		    pd_mini_has(s->panel.mini[s->ruling], a->key));
	if (s->fixed != NULL)
		s->fixed->ops->insert(s->fixed, slot, a);
}

static uint32_t
selector_victim(struct pd_policy *p, uint64_t tick)
{
	struct selector *s = (struct selector *)p;
	uint32_t slot;
	struct pd_policy *r;

	selector_obey(s);
	r = ruler(s);
	if (s->following) {
		slot = pd_follow_victim(&s->follow);
		if (slot != PD_NO_SLOT)
			return slot;
	}
	return r->ops->victim(r, tick);
}

static void
selector_remove(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct selector *s = (struct selector *)p;

	s->residents--;
	s->learned->ops->remove(s->learned, slot, key, evicted);
	if (s->following)
		pd_follow_remove(&s->follow, slot);
	if (s->fixed != NULL)
		s->fixed->ops->remove(s->fixed, slot, key, evicted);
	if (!evicted)
		pd_panel_delete(&s->panel, key);
}

static void
selector_set_capacity(struct pd_policy *p, uint64_t capacity)
{
	struct selector *s = (struct selector *)p;

	s->params.capacity = capacity;
	if (s->learned->ops->set_capacity != NULL)
		s->learned->ops->set_capacity(s->learned, capacity);
	if (s->fixed != NULL && s->fixed->ops->set_capacity != NULL)
		s->fixed->ops->set_capacity(s->fixed, capacity);
	pd_panel_set_capacity(&s->panel, capacity, s->tick);
	selector_obey(s);
}

static void
selector_set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *a)
{
	struct selector *s = (struct selector *)p;

	s->learned->ops->set_size(s->learned, slot, a);
	if (s->fixed != NULL && s->fixed->ops->set_size != NULL)
		s->fixed->ops->set_size(s->fixed, slot, a);
	pd_panel_set_size(&s->panel, a);
}

/* Half is for the minis, half for the ghosts of the real cache. What is too
 * little for minis leaves LRU. */
static void
selector_set_history(struct pd_policy *p, uint64_t bytes)
{
	struct selector *s = (struct selector *)p;

	if (!s->obeys)
		s->most = pd_panel_room(EXPERTS + 1, bytes / 2);
	if (s->obeys)
		selector_obey(s);
	else if (s->most > 0 && s->panel.experts > 0)
		pd_panel_limit(&s->panel, s->most, s->tick);
	else
		renew_panel(s);
	if (s->following && s->panel.shift > 0)
		selector_go_alone(s);
	s->history = bytes / 4;
	s->learned->ops->set_history(s->learned, s->history);
	if (s->fixed != NULL && s->fixed->ops->set_history != NULL)
		s->fixed->ops->set_history(s->fixed, s->history);
}

static void
selector_set_model(struct pd_policy *p, const struct pd_model *m)
{
	struct selector *s = (struct selector *)p;

	if (m == s->params.model)
		return;
	if (s->obeys) {
		selector_obey_model(s, m);
		return;
	}
	if (selector_challenge(s, m) == 0) {
		selector_say(s);
		return;
	}
	selector_let_go(s);
	s->params.model = m;
	if (s->panel.experts > 0)
		pd_panel_set_model(&s->panel, MODEL, m);
	if (s->ruling == MODEL) {
		selector_rule(s, LRU);
		choose(s);
	}
}

/* The champion is the policy "learned" too. */
static const char *
selector_ruling(const struct pd_policy *p)
{
	const unsigned ruling = ((const struct selector *)p)->ruling;

	return selector_experts[ruling == CHAMPION ? MODEL : ruling]->name;
}

/* The records are always there. Where the cache follows a mini, queues and
 * scores are in that. */
static void
selector_look(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_look *out)
{
	const struct selector *s = (const struct selector *)p;

	s->learned->ops->look(s->learned, slot, tick, out);
	if (s->following) {
		out->by_score = selector_model(s, s->ruling) != NULL;
		out->score = NAN;
	}
	if (s->fixed != NULL && s->fixed->ops->look != NULL)
		s->fixed->ops->look(s->fixed, slot, tick, out);
	if (s->fixed != NULL)
		out->by_score = false;
}

static void
selector_save(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_rank *out)
{
	const struct selector *s = (const struct selector *)p;

	s->learned->ops->save(s->learned, slot, tick, out);
}

static void
selector_restore(struct pd_policy *p, uint32_t slot, uint64_t tick,
    const struct pd_rank *rank)
{
	struct selector *s = (struct selector *)p;

	s->learned->ops->restore(s->learned, slot, tick, rank);
}

static size_t
selector_memory(const struct pd_policy *p)
{
	const struct selector *s = (const struct selector *)p;

	return sizeof(*s) + s->champion_bytes +
	       s->learned->ops->memory(s->learned) +
	       (s->fixed != NULL ? s->fixed->ops->memory(s->fixed) : 0) +
	       (s->following ? pd_follow_memory(&s->follow) : 0) +
	       pd_panel_memory(&s->panel);
}

static void
selector_each(const struct pd_policy *p,
    void (*fn)(void *cookie, uint32_t slot), void *cookie)
{
	const struct selector *s = (const struct selector *)p;

	s->learned->ops->each(s->learned, fn, cookie);
}

const struct pd_policy *
pd_selector_learned(const struct pd_policy *p)
{
	return p->ops == &pd_policy_selector
		   ? ((const struct selector *)p)->learned
		   : NULL;
}

const struct pd_model *
pd_selector_champion(const struct pd_policy *p)
{
	const struct selector *s = (const struct selector *)p;

	return p->ops == &pd_policy_selector && s->ruling == CHAMPION
		   ? s->champion
		   : NULL;
}

const struct pd_policy_ops pd_policy_selector = {
    .name = "selector",
    .help = "of lru, qdlp, arc, wtinylfu and learned the best right now",
    .create = selector_create,
    .destroy = selector_destroy,
    .reserve = selector_reserve,
    .move = selector_move,
    .hit = selector_hit,
    .miss = selector_miss,
    .insert = selector_insert,
    .prefetch = selector_prefetch,
    .victim = selector_victim,
    .remove = selector_remove,
    .set_capacity = selector_set_capacity,
    .set_size = selector_set_size,
    .set_history = selector_set_history,
    .set_model = selector_set_model,
    .ruling = selector_ruling,
    .look = selector_look,
    .save = selector_save,
    .restore = selector_restore,
    .memory = selector_memory,
    .each = selector_each,
};
