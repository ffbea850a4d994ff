/* What a selector tells of itself, by name. */

#include <math.h>
#include <stdio.h>

#include "cache/selector.h"

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
