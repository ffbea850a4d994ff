#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/follow.h"
#include "cache/learned.h"
#include "cache/look.h"
#include "cache/mini.h"
#include "cache/panel.h"
#include "cache/policy_table.h"
#include "cache/selector.h"
#include "data/feature.h"
#include "model/model.h"

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
 * A model that replaces another has to show itself: the old one stays as one
 * more expert, the champion, with its standing, and its mini is copied for the
 * new one. The champion is let go when the judge finds the new one no worse
 * (judge.h), or when it rules, or when the minis cannot say any more.
 *
 * The minis run the model without the guard of the learned policy: the guard
 * would make an LRU of a bad model, and nobody would know that it is bad.
 */
enum { LRU, MODEL, FIXED };
#define CHAMPION EXPERTS /* while there is one */

static const struct pd_policy_ops *const experts[] = {
    &pd_policy_lru,
    &pd_policy_learned,
    &pd_policy_qdlp,
    &pd_policy_arc,
    &pd_policy_wtinylfu,
};

#define EXPERTS ((unsigned)(sizeof(experts) / sizeof(experts[0])))

struct selector {
	struct pd_policy base;
	struct pd_policy_params params; /* capacity as it is now */
	struct pd_model *champion;	/* owned, or NULL */
	size_t champion_bytes;
	struct pd_policy *learned; /* of all residents, at all times */
	struct pd_policy *fixed;   /* of the ruling expert from FIXED on */
	unsigned ruling;
	uint64_t since;
	uint64_t switches;
	uint64_t failed;
	uint32_t slots;
	uint32_t residents;
	uint64_t history; /* bytes of ghosts */
	uint32_t most;	  /* objects a mini */
	uint64_t tick;
	bool following;
	struct pd_follow follow; /* while following */
	struct pd_panel panel;
};

/* The policy that names the victims. */
static struct pd_policy *
ruler(const struct selector *s)
{
	return s->fixed != NULL ? s->fixed : s->learned;
}

/* Following. */

static void
leader_says(void *cookie, uint64_t key, bool held)
{
	pd_follow_mark(cookie, key, held);
}

static void
compare_slot(void *cookie, uint32_t slot)
{
	struct selector *s = cookie;
	const struct pd_mini *leader = s->panel.mini[s->ruling];

	pd_follow_set(
	    &s->follow, slot, pd_mini_has(leader, s->follow.key[slot]));
}

/* Follow the expert that rules. */
static void
follow_ruler(struct selector *s)
{
	pd_mini_watch(s->panel.mini[s->ruling], leader_says, &s->follow);
	s->learned->ops->each(s->learned, compare_slot, s);
}

static void
stop_following(struct selector *s)
{
	if (!s->following)
		return;
	if (s->panel.experts > 0)
		pd_mini_watch(s->panel.mini[s->ruling], NULL, NULL);
	pd_follow_release(&s->follow);
	s->following = false;
}

static void
take_over(void *cookie, uint32_t slot)
{
	struct selector *s = cookie;
	struct pd_access acc;

	s->params.resident(s->params.owner, slot, &acc);
	pd_follow_insert(&s->follow, slot, acc.key, false);
}

/* Begin, where that is possible; otherwise nothing changes. */
static void
start_following(struct selector *s)
{
	if (s->following || s->panel.experts == 0 || s->panel.shift > 0 ||
	    pd_follow_init(&s->follow) < 0)
		return;
	if (s->slots > 0 && pd_follow_reserve(&s->follow, s->slots) < 0) {
		pd_follow_release(&s->follow);
		return;
	}
	s->learned->ops->each(s->learned, take_over, s);
	s->following = true;
	follow_ruler(s);
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
	s->most = PD_MINI_MAX;
	if (pd_panel_init(
		&s->panel, experts, EXPERTS, s->most, &s->params, err) < 0)
		goto err0;
	s->params.model = NULL;
	s->learned = pd_policy_learned.create(&s->params, err);
	if (s->learned == NULL)
		goto err1;
	s->params.model = params->model;
	start_following(s);
	return &s->base;
err1:
	pd_panel_release(&s->panel);
err0:
	free(s);
	return NULL;
}

static void
drop_fixed(struct selector *s)
{
	if (s->fixed != NULL)
		s->fixed->ops->destroy(s->fixed);
	s->fixed = NULL;
}

static void
selector_destroy(struct pd_policy *p)
{
	struct selector *s = (struct selector *)p;

	drop_fixed(s);
	stop_following(s);
	s->learned->ops->destroy(s->learned);
	pd_panel_release(&s->panel);
	pd_model_free(s->champion);
	free(s);
}

struct handover {
	const struct selector *s;
	struct pd_policy *to;
};

static void
hand_over(void *cookie, uint32_t slot)
{
	const struct handover *h = cookie;
	const struct selector *s = h->s;
	struct pd_access acc = {.size = 1};
	struct pd_served served;

	s->params.resident(s->params.owner, slot, &acc);
	acc.tick = s->tick;
	h->to->ops->miss(h->to, &acc);
	h->to->ops->insert(h->to, slot, &acc);
	if (pd_learned_served(s->learned, slot, s->tick, &served) &&
	    served.hits_resident > 0)
		h->to->ops->hit(h->to, slot, &acc);
}

/* An instance of ${ops} that knows all residents; NULL out of memory. */
static struct pd_policy *
instance(const struct selector *s, const struct pd_policy_ops *ops)
{
	struct handover h = {.s = s};
	struct pd_policy_params params = s->params;

	params.objects_hint = s->residents;
	if ((h.to = ops->create(&params, NULL)) == NULL)
		return NULL;
	if (ops->set_history != NULL)
		ops->set_history(h.to, s->history);
	if (s->slots > 0 && ops->reserve(h.to, s->slots) < 0) {
		ops->destroy(h.to);
		return NULL;
	}
	s->learned->ops->each(s->learned, hand_over, &h);
	return h.to;
}

static bool
is_fixed(unsigned expert)
{
	return expert >= FIXED && expert != CHAMPION;
}

/* What scores for ${expert}; NULL: nothing. */
static const struct pd_model *
model_of(const struct selector *s, unsigned expert)
{
	return expert == MODEL	    ? s->params.model
	       : expert == CHAMPION ? s->champion
				    : NULL;
}

/* Have the policies choose victims for ${expert}. 0, or -1 out of memory. */
static int
enthrone(struct selector *s, unsigned expert)
{
	struct pd_policy *p = NULL;

	if (is_fixed(expert) && (p = instance(s, experts[expert])) == NULL)
		return -1;
	drop_fixed(s);
	s->fixed = p;
	s->learned->ops->set_model(s->learned, model_of(s, expert));
	return 0;
}

static void
rule(struct selector *s, unsigned expert)
{
	if (expert == s->ruling)
		return;
	if (!s->following && enthrone(s, expert) < 0) {
		s->failed++;
		return;
	}
	if (s->following)
		pd_mini_watch(s->panel.mini[s->ruling], NULL, NULL);
	s->ruling = expert;
	pd_judge_crown(&s->panel.judge, expert);
	if (s->following)
		follow_ruler(s);
	s->since = s->tick;
	s->switches++;
}

/* The minis see only some keys from now on, or none. */
static void
go_alone(struct selector *s)
{
	stop_following(s);
	if (enthrone(s, s->ruling) < 0) {
		s->failed++;
		rule(s, LRU);
	}
}

/* The experts that can rule. */
static uint32_t
able(const struct selector *s)
{
	const uint32_t working = pd_panel_working(&s->panel);

	if ((working & 1U << LRU) == 0)
		return 0;
	return s->params.model == NULL ? working & ~(1U << MODEL) : working;
}

/* The champion leaves; what it ruled the new model rules. */
static void
let_go(struct selector *s)
{
	if (s->champion == NULL)
		return;
	if (s->ruling == CHAMPION)
		rule(s, able(s) & 1U << MODEL ? MODEL : LRU);
	pd_panel_let_go(&s->panel);
	pd_model_free(s->champion);
	s->champion = NULL;
	s->champion_bytes = 0;
}

/* Whether the model that is in force has to be kept beside the last one. */
static void
settle(struct selector *s)
{
	if (s->champion == NULL)
		return;
	if (s->ruling == MODEL ||
	    (pd_panel_working(&s->panel) & 1U << CHAMPION) == 0 ||
	    pd_judge_verdict(&s->panel.judge, MODEL, CHAMPION) ==
		PD_JUDGE_NO_WORSE)
		let_go(s);
}

/* A new panel begins with the model that was in force. */
static void
fill_panel(struct selector *s)
{
	struct pd_policy_params params = s->params;

	if (s->champion != NULL)
		params.model = s->champion;
	if (s->most > 0)
		(void)pd_panel_init(
		    &s->panel, experts, EXPERTS, s->most, &params, NULL);
	if (s->champion == NULL ||
	    pd_panel_challenge(&s->panel, MODEL, s->params.model) == 0)
		return;
	if (s->panel.experts > 0)
		pd_panel_set_model(&s->panel, MODEL, s->params.model);
	let_go(s);
}

/* Minis for the cache as it is now; without memory there are none, and LRU
 * rules. */
static void
renew_panel(struct selector *s)
{
	if (s->following)
		go_alone(s);
	pd_panel_release(&s->panel);
	fill_panel(s);
	if (s->panel.experts == 0) {
		rule(s, LRU);
		return;
	}
	start_following(s);
	if (s->following)
		drop_fixed(s);
}

static void
choose(struct selector *s)
{
	if (pd_panel_thin(&s->panel))
		renew_panel(s);
	rule(s, pd_judge_choose(&s->panel.judge, able(s)));
	settle(s);
}

/* The minis see an access to a key of the sample; whoever should rule after it
 * does. */
static void
show_sampled(struct selector *s, const struct pd_access *acc)
{
	const bool done = pd_panel_access(&s->panel, acc);

	if (s->following && s->panel.shift > 0)
		go_alone(s);
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
	struct pd_policy *r = ruler(s);
	uint32_t slot;

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

	s->most = pd_panel_room(EXPERTS + 1, bytes / 2);
	if (s->most > 0 && s->panel.experts > 0)
		pd_panel_limit(&s->panel, s->most, s->tick);
	else
		renew_panel(s);
	if (s->following && s->panel.shift > 0)
		go_alone(s);
	s->history = bytes / 4;
	s->learned->ops->set_history(s->learned, s->history);
	if (s->fixed != NULL && s->fixed->ops->set_history != NULL)
		s->fixed->ops->set_history(s->fixed, s->history);
}

/* ${m} beside the model in force, or the champion. 0, or -1 where that cannot
 * be. */
static int
challenge(struct selector *s, const struct pd_model *m)
{
	if (m == NULL || s->params.model == NULL ||
	    pd_panel_challenge(&s->panel, MODEL, m) < 0)
		return -1;
	if (s->champion == NULL) {
		s->champion = pd_model_ref(s->params.model);
		s->champion_bytes = pd_model_memory(s->champion);
		if (s->ruling == MODEL)
			s->ruling = CHAMPION;
	}
	s->params.model = m;
	return 0;
}

static void
selector_set_model(struct pd_policy *p, const struct pd_model *m)
{
	struct selector *s = (struct selector *)p;

	if (m == s->params.model || challenge(s, m) == 0)
		return;
	let_go(s);
	s->params.model = m;
	if (s->panel.experts > 0)
		pd_panel_set_model(&s->panel, MODEL, m);
	if (s->ruling == MODEL) {
		rule(s, LRU);
		choose(s);
	}
}

/* The champion is the policy "learned" too. */
static const char *
selector_ruling(const struct pd_policy *p)
{
	const unsigned ruling = ((const struct selector *)p)->ruling;

	return experts[ruling == CHAMPION ? MODEL : ruling]->name;
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
		out->by_score = model_of(s, s->ruling) != NULL;
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

static const char *
name_of(unsigned expert)
{
	return expert == CHAMPION ? "champion" : experts[expert]->name;
}

static const char *
contest_of(const struct selector *s)
{
	if (s->champion == NULL)
		return "none";
	return pd_judge_verdict(&s->panel.judge, MODEL, CHAMPION) ==
		       PD_JUDGE_WORSE
		   ? "worse"
		   : "open";
}

bool
pd_selector_stats(const struct pd_policy *p, struct pd_selector_stats *out)
{
	const struct selector *s = (const struct selector *)p;
	const struct pd_judge *j;
	uint32_t may;
	unsigned i;

	if (p->ops != &pd_policy_selector)
		return false;
	j = &s->panel.judge;
	may = able(s);
	memset(out, 0, sizeof(*out));
	out->ruling = name_of(s->ruling);
	out->contest = contest_of(s);
	out->champion = s->champion != NULL ? s->champion->digest : "";
	out->since = s->since;
	out->switches = s->switches;
	out->failed = s->failed;
	out->seen = s->panel.seen;
	out->rate = ldexp(1, -(int)s->panel.shift);
	out->memory = pd_panel_memory(&s->panel);
	out->experts = s->panel.experts;
	for (i = 0; i < out->experts; i++) {
		out->expert[i].name = name_of(i);
		out->expert[i].rules = i == s->ruling;
		out->expert[i].judged = may & 1U << i && s->panel.wait[i] == 0;
		out->expert[i].miss_ratio = pd_judge_ratio(j, i);
		out->expert[i].error = pd_judge_error(j, i, LRU);
	}
	return true;
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
