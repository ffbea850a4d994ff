/*
 * A model that replaces another has to show itself: the old one stays as one
 * more expert, the champion, with its standing, and its mini is copied for the
 * new one. The champion is let go when the judge finds the new one no worse
 * (judge.h), or when it rules, or when the minis cannot say any more.
 */

#include "cache/selector_priv.h"

int
selector_challenge(struct selector *s, const struct pd_model *m)
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

void
selector_let_go(struct selector *s)
{
	if (s->champion == NULL)
		return;
	if (s->ruling == CHAMPION)
		selector_rule(s, selector_able(s) & 1U << MODEL ? MODEL : LRU);
	pd_panel_let_go(&s->panel);
	pd_model_free(s->champion);
	s->champion = NULL;
	s->champion_bytes = 0;
	selector_say(s);
}

void
selector_settle(struct selector *s)
{
	if (s->champion == NULL)
		return;
	if (s->ruling == MODEL ||
	    (pd_panel_working(&s->panel) & 1U << CHAMPION) == 0 ||
	    pd_judge_verdict(&s->panel.judge, MODEL, CHAMPION) ==
		PD_JUDGE_NO_WORSE)
		selector_let_go(s);
}
