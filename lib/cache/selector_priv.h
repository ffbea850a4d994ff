#ifndef PD_CACHE_SELECTOR_PRIV_H
#define PD_CACHE_SELECTOR_PRIV_H

/* What the files of the selector share. */

#include "cache/follow.h"
#include "cache/panel.h"
#include "cache/selector.h"
#include "model/model.h"

/* The experts, as the panel and the judge number them. */
enum { LRU, MODEL, FIXED, EXPERTS = 5 };
#define CHAMPION EXPERTS /* while there is one */

extern const struct pd_policy_ops *const selector_experts[EXPERTS];

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
	bool obeys;		 /* the verdict of another */
	unsigned obeyed;	 /* what that was last */
	struct pd_follow follow; /* while following */
	struct pd_panel panel;
};

/* selector_rule.c: who chooses victims. */

/* The experts that can rule, as bits. */
uint32_t selector_able(const struct selector *s);
/* What scores for ${expert}; NULL: nothing. */
const struct pd_model *selector_model(
    const struct selector *s, unsigned expert);
/* Another expert rules from now on, or, without memory, the one that did. */
void selector_rule(struct selector *s, unsigned expert);
/* Follow the mini of the ruling expert, where that is possible; otherwise
 * nothing changes. */
void selector_follow(struct selector *s);
void selector_unfollow(struct selector *s);
/* The minis see only some keys from now on, or none. */
void selector_go_alone(struct selector *s);
void selector_drop_fixed(struct selector *s);

/* selector_verdict.c: several that rule alike. */

#define CONTEST                                                                \
	0x100U /* in a verdict, with the expert: there is a champion           \
		*/

/* Say who rules, if this one leads. */
void selector_say(const struct selector *s);
/* The verdict, for one that obeys. */
unsigned selector_verdict(const struct selector *s);
/* Rule as the verdict wants. */
void selector_obey_slowly(struct selector *s);
/* A new model in one that obeys. */
void selector_obey_model(struct selector *s, const struct pd_model *m);

/* Rule as the verdict wants, if this one obeys and it has changed. */
static inline void
selector_obey(struct selector *s)
{
	if (s->obeys && selector_verdict(s) != s->obeyed)
		selector_obey_slowly(s);
}

/* selector_contest.c: a new model beside the one that it replaces. */

/* ${m} beside the model in force, or the champion. 0, or -1 where that cannot
 * be. */
int selector_challenge(struct selector *s, const struct pd_model *m);
/* The champion leaves; what it ruled the new model rules. */
void selector_let_go(struct selector *s);
/* It leaves if it need not be kept beside the last model any more. */
void selector_settle(struct selector *s);

#endif /* PD_CACHE_SELECTOR_PRIV_H */
