/* What a selector tells of itself, by name. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "cache/selector_priv.h"

static const char *
name_of(unsigned expert)
{
	return expert == CHAMPION ? "champion" : selector_experts[expert]->name;
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
	may = selector_able(s);
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

static void
put(struct pd_selector_value *v, const char *first, const char *last,
    double value, bool whole)
{
	snprintf(v->name, sizeof(v->name), "selector_%s%s", first, last);
	v->value = value;
	v->whole = whole;
}

unsigned
pd_selector_values(
    const struct pd_selector_stats *s, struct pd_selector_value *out)
{
	const struct pd_selector_expert *e;
	unsigned i, n = 0;

	put(&out[n++], "since_tick", "", (double)s->since, true);
	put(&out[n++], "switches", "", (double)s->switches, true);
	put(&out[n++], "failed", "", (double)s->failed, true);
	put(&out[n++], "sampled", "", (double)s->seen, true);
	put(&out[n++], "rate", "", s->rate, false);
	put(&out[n++], "memory_bytes", "", (double)s->memory, true);
	for (i = 0; i < s->experts; i++) {
		e = &s->expert[i];
		put(&out[n++], e->name, "_miss_ratio",
		    e->judged && s->seen > 0 ? e->miss_ratio : (double)NAN,
		    false);
		put(&out[n++], e->name, "_vs_lru_se",
		    e->judged && s->seen > 0 ? e->error : (double)NAN, false);
	}
	return n;
}
