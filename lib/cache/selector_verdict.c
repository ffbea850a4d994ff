/*
 * Several selectors that rule alike: each is of one shard of a server. Shards
 * are drawn by hash, so what the first one's miniature caches say of its keys
 * holds for all, as far as their sample is large enough; several panels would
 * cost several times as much and say no more. Those that obey look at the
 * verdict when a victim is wanted, and now and then. A verdict is an expert,
 * and whether there is a contest of models: then the model before the last is
 * kept there too (selector_contest.c).
 */

#include <stdatomic.h>
#include <stdlib.h>

#include "cache/selector_priv.h"

#define NOTHING UINT32_MAX /* that a verdict could be */

struct pd_verdict {
	_Alignas(64) atomic_uint word;
};

struct pd_verdict *
pd_verdict_new(void)
{
	struct pd_verdict *v =
	    aligned_alloc(_Alignof(struct pd_verdict), sizeof(*v));

	if (v != NULL)
		atomic_init(&v->word, 0);
	return v;
}

void
pd_verdict_free(struct pd_verdict *v)
{
	free(v);
}

unsigned
selector_verdict(const struct selector *s)
{
	return atomic_load_explicit(
	    &s->params.verdict->word, memory_order_relaxed);
}

void
selector_say(const struct selector *s)
{
	if (s->params.verdict != NULL && s->params.leads)
		atomic_store_explicit(&s->params.verdict->word,
		    s->ruling | (s->champion != NULL ? CONTEST : 0),
		    memory_order_relaxed);
}

void
selector_obey_slowly(struct selector *s)
{
	unsigned expert;

	s->obeyed = selector_verdict(s);
	expert = s->obeyed & ~CONTEST;
	/* Models come to one after another. */
	if (expert == CHAMPION && s->champion == NULL)
		expert = MODEL;
	if (expert == MODEL && s->params.model == NULL)
		expert = LRU;
	selector_rule(s, expert);
	if ((s->obeyed & CONTEST) == 0)
		selector_let_go(s);
}

void
selector_obey_model(struct selector *s, const struct pd_model *m)
{
	const bool contest = selector_verdict(s) & CONTEST && m != NULL &&
			     s->params.model != NULL;

	if (contest && s->champion == NULL) {
		s->champion = pd_model_ref(s->params.model);
		s->champion_bytes = pd_model_memory(s->champion);
		if (s->ruling == MODEL)
			s->ruling = CHAMPION;
	}
	if (!contest) {
		selector_let_go(s);
		if (s->ruling == MODEL)
			selector_rule(s, LRU);
	}
	s->params.model = m;
	s->obeyed = NOTHING;
	selector_obey(s);
}
