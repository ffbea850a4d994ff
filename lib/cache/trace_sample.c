#include <stdlib.h>

#include "base/err.h"
#include "base/hash.h"
#include "cache/trace.h"
#include "data/event.h"

/* Streams that were sampled by key chose theirs by another hash. */
#define SALT 0x7368617264735f31ULL

static bool
chosen(uint64_t key, double from, double share)
{
	const double h = (double)(pd_mix64(key ^ SALT) >> 11) * 0x1p-53;

	return h >= from && h < from + share;
}

/* Entry ${i} as the event that it came from. */
static void
event_of(const struct pd_trace *t, size_t i, struct pd_event *e)
{
	pd_event_init(e);
	e->key = t->key[t->id[i]];
	e->tick = t->tick == NULL ? i : t->tick[i];
	e->size = t->size[i];
	e->op = t->op == NULL ? PD_OP_GET : t->op[i];
}

static int
copy(struct pd_trace *to, const struct pd_trace *t, double from, double share,
    size_t **cut, size_t cuts, struct pd_err *err)
{
	struct pd_event e;
	size_t i, k, *place;

	place = malloc((cuts + 1) * sizeof(*place));
	if (place == NULL)
		return pd_err_nomem(err);
	for (k = 0; k < cuts; k++)
		place[k] = SIZE_MAX;
	for (i = 0; i < t->n; i++) {
		for (k = 0; k < cuts; k++)
			if (*cut[k] == i)
				place[k] = to->n;
		if (!chosen(t->key[t->id[i]], from, share))
			continue;
		event_of(t, i, &e);
		if (pd_trace_add(to, &e, NULL, 0, err) < 0) {
			free(place);
			return -1;
		}
	}
	for (k = 0; k < cuts; k++)
		*cut[k] = place[k] == SIZE_MAX ? to->n : place[k];
	free(place);
	return 0;
}

/* What the keys cost. 0, or -1 out of memory. */
static int
copy_costs(struct pd_trace *to, const struct pd_trace *t)
{
	uint32_t id, at;

	if (t->cost == NULL)
		return 0;
	to->cost = calloc((size_t)to->unique_cap + 1, sizeof(*to->cost));
	if (to->cost == NULL)
		return -1;
	for (id = 0; id < t->unique; id++) {
		at = pd_keyindex_find(&to->index, t->key[id]);
		if (at != PD_KEYINDEX_NONE)
			to->cost[at] = t->cost[id];
	}
	return 0;
}

struct pd_trace *
pd_trace_sample(const struct pd_trace *t, double from, double share,
    size_t **cut, size_t cuts, struct pd_err *err)
{
	struct pd_trace *to = pd_trace_new(false, err);

	if (to == NULL)
		return NULL;
	if (copy(to, t, from, share, cut, cuts, err) < 0) {
		pd_trace_free(to);
		return NULL;
	}
	if (copy_costs(to, t) < 0) {
		(void)pd_err_nomem(err);
		pd_trace_free(to);
		return NULL;
	}
	to->rate = t->rate * share;
	to->t_first_us = t->t_first_us;
	to->t_last_us = t->t_last_us;
	return to;
}
