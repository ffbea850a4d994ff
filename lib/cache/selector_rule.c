/* Who chooses victims: the expert that rules, by following its mini or by an
 * instance of its own. selector.c explains. */

#include <stdlib.h>

#include "cache/learned.h"
#include "cache/look.h"
#include "cache/mini.h"
#include "cache/policy_table.h"
#include "cache/selector_priv.h"
#include "data/feature.h"

const struct pd_policy_ops *const selector_experts[EXPERTS] = {
    &pd_policy_lru,
    &pd_policy_learned,
    &pd_policy_qdlp,
    &pd_policy_arc,
    &pd_policy_wtinylfu,
};

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

void
selector_unfollow(struct selector *s)
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

void
selector_follow(struct selector *s)
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

void
selector_drop_fixed(struct selector *s)
{
	if (s->fixed != NULL)
		s->fixed->ops->destroy(s->fixed);
	s->fixed = NULL;
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

const struct pd_model *
selector_model(const struct selector *s, unsigned expert)
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

	if (is_fixed(expert) &&
	    (p = instance(s, selector_experts[expert])) == NULL)
		return -1;
	selector_drop_fixed(s);
	s->fixed = p;
	s->learned->ops->set_model(s->learned, selector_model(s, expert));
	return 0;
}

void
selector_rule(struct selector *s, unsigned expert)
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
	selector_say(s);
}

void
selector_go_alone(struct selector *s)
{
	selector_unfollow(s);
	if (enthrone(s, s->ruling) < 0) {
		s->failed++;
		selector_rule(s, LRU);
	}
}

uint32_t
selector_able(const struct selector *s)
{
	const uint32_t working = pd_panel_working(&s->panel);

	if ((working & 1U << LRU) == 0)
		return 0;
	return s->params.model == NULL ? working & ~(1U << MODEL) : working;
}
