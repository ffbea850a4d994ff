#include <assert.h>
#include <string.h>

#include "cache/mini.h"
#include "cache/objective.h"
#include "cache/panel.h"

#define LEAST 64	   /* objects of which anything can be said */
#define WEIGHTS 65536	   /* accesses in the mean weight */
#define BYTES_AN_OBJECT 80 /* of a mini, about, with index and ghosts */

static void
count_memory(struct pd_panel *p)
{
	unsigned i;

	p->memory = 0;
	for (i = 0; i < p->experts; i++)
		p->memory += pd_mini_memory(p->mini[i]);
}

int
pd_panel_init(struct pd_panel *p, const struct pd_policy_ops *const *ops,
    unsigned n, uint32_t most, const struct pd_policy_params *real,
    struct pd_err *err)
{
	assert(n > 0 && n <= PD_JUDGE_EXPERTS);
	memset(p, 0, sizeof(*p));
	p->objective = real->objective;
	p->most = most;
	if (!real->by_bytes)
		p->shift = pd_mini_shift(real->capacity, p->most);
	pd_judge_init(&p->judge, n);
	for (; p->experts < n; p->experts++) {
		p->mini[p->experts] =
		    pd_mini_new(ops[p->experts], real, p->shift, err);
		if (p->mini[p->experts] == NULL) {
			pd_panel_release(p);
			return -1;
		}
	}
	count_memory(p);
	return 0;
}

void
pd_panel_release(struct pd_panel *p)
{
	unsigned i;

	for (i = 0; i < p->experts; i++)
		pd_mini_free(p->mini[i]);
	memset(p, 0, sizeof(*p));
}

static uint32_t
largest(const struct pd_panel *p)
{
	uint32_t n = 0;
	unsigned i;

	for (i = 0; i < p->experts; i++)
		if (pd_mini_objects(p->mini[i]) > n)
			n = pd_mini_objects(p->mini[i]);
	return n;
}

static void
thin_out(struct pd_panel *p, uint64_t tick)
{
	unsigned i;

	while (largest(p) > p->most && p->shift < PD_MINI_SHIFT_MAX) {
		p->shift++;
		for (i = 0; i < p->experts; i++)
			pd_mini_set_shift(p->mini[i], p->shift, tick);
	}
}

/* What a miss counts, in units of the mean: the judge reckons in misses. */
static double
weigh(struct pd_panel *p, const struct pd_access *acc)
{
	const double w =
	    (double)pd_objective_weight(p->objective, acc->bytes, acc->cost);

	p->weights += w;
	p->weighed += 1;
	if (p->weighed >= WEIGHTS) {
		p->weights /= 2;
		p->weighed /= 2;
	}
	return w * p->weighed / p->weights;
}

bool
pd_panel_access(struct pd_panel *p, const struct pd_access *acc)
{
	uint32_t missed = 0, judged = 0;
	unsigned i;
	bool done;

	if (!pd_panel_sees(p, acc->key))
		return false;
	p->seen++;
	for (i = 0; i < p->experts; i++) {
		switch (pd_mini_access(p->mini[i], acc)) {
		case PD_MINI_UNSEEN:
			continue;
		case PD_MINI_MISS:
			missed |= 1U << i;
			pd_mini_fill(p->mini[i], acc);
			break;
		case PD_MINI_HIT:
			break;
		}
		if (p->wait[i] > 0)
			p->wait[i]--;
		else
			judged |= 1U << i;
	}
	done = pd_judge_access(&p->judge, missed, judged, weigh(p, acc));
	if (missed != 0) {
		thin_out(p, acc->tick);
		count_memory(p);
	}
	if (done)
		pd_judge_scale(&p->judge, largest(p));
	return done;
}

void
pd_panel_set_size(struct pd_panel *p, const struct pd_access *acc)
{
	unsigned i;

	if (!pd_panel_sees(p, acc->key))
		return;
	for (i = 0; i < p->experts; i++)
		pd_mini_set_size(p->mini[i], acc);
	count_memory(p);
}

void
pd_panel_delete(struct pd_panel *p, uint64_t key)
{
	unsigned i;

	if (!pd_panel_sees(p, key))
		return;
	for (i = 0; i < p->experts; i++)
		pd_mini_delete(p->mini[i], key);
}

void
pd_panel_set_capacity(struct pd_panel *p, uint64_t capacity, uint64_t tick)
{
	unsigned i;

	for (i = 0; i < p->experts; i++)
		pd_mini_set_capacity(p->mini[i], capacity, tick);
	count_memory(p);
}

uint32_t
pd_panel_room(unsigned n, uint64_t bytes)
{
	const uint64_t most = bytes / BYTES_AN_OBJECT / n;

	if (most < LEAST)
		return 0;
	return most > PD_MINI_MAX ? PD_MINI_MAX : (uint32_t)most;
}

void
pd_panel_limit(struct pd_panel *p, uint32_t most, uint64_t tick)
{
	p->most = most;
	thin_out(p, tick);
	count_memory(p);
}

bool
pd_panel_thin(const struct pd_panel *p)
{
	struct pd_mini_stats s;

	if (p->experts == 0 || p->shift == 0)
		return false;
	pd_mini_stats(p->mini[0], &s);
	return s.evictions > s.objects && s.objects < p->most / 8;
}

void
pd_panel_set_model(
    struct pd_panel *p, unsigned expert, const struct pd_model *model)
{
	pd_mini_set_model(p->mini[expert], model);
	count_memory(p);
	pd_judge_forget(&p->judge, expert);
	p->wait[expert] = pd_mini_objects(p->mini[expert]);
}

int
pd_panel_challenge(
    struct pd_panel *p, unsigned expert, const struct pd_model *model)
{
	const unsigned last = p->champion ? p->experts - 1 : p->experts;
	struct pd_mini *mini;

	if (p->experts == 0 || last >= PD_JUDGE_EXPERTS)
		return -1;
	mini = pd_mini_copy(p->mini[p->champion ? last : expert], model);
	if (mini == NULL)
		return -1;
	if (p->champion) {
		pd_mini_free(p->mini[expert]);
		pd_judge_forget(&p->judge, expert);
	} else {
		p->mini[last] = p->mini[expert];
		p->wait[last] = p->wait[expert];
		pd_judge_fork(&p->judge, expert);
		p->champion = true;
		p->experts++;
	}
	p->mini[expert] = mini;
	p->wait[expert] = pd_mini_objects(mini);
	count_memory(p);
	return 0;
}

void
pd_panel_let_go(struct pd_panel *p)
{
	if (!p->champion)
		return;
	pd_judge_drop(&p->judge);
	pd_mini_free(p->mini[--p->experts]);
	p->champion = false;
	count_memory(p);
}

uint32_t
pd_panel_working(const struct pd_panel *p)
{
	struct pd_mini_stats s;
	uint32_t bits = 0;
	unsigned i;

	for (i = 0; i < p->experts; i++) {
		pd_mini_stats(p->mini[i], &s);
		if (!s.off)
			bits |= 1U << i;
	}
	return bits;
}

size_t
pd_panel_memory(const struct pd_panel *p)
{
	return p->memory;
}
