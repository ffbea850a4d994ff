/*
 * Namespaces of a history: a bounded table of their shares of all accesses
 * and of the moving means of their keys.
 */

#include <math.h>
#include <stdlib.h>

#include "base/hash.h"
#include "base/log2.h"
#include "data/history_priv.h"

#define WINDOW 64 /* means move with weight 1/64 */

int
pd_spaces_init(struct spaces *s, uint32_t capacity)
{
	uint32_t cells = 2;

	while (cells / 2 < capacity)
		cells *= 2;
	s->cell = calloc(cells, sizeof(*s->cell));
	s->mask = cells - 1;
	s->capacity = capacity;
	return s->cell == NULL ? -1 : 0;
}

/* The cell of namespace ${id} (> 0), or NULL when there is no room for it. */
static struct space *
find_space(struct spaces *s, uint32_t id)
{
	uint32_t i = (uint32_t)pd_mix64(id) & s->mask;

	while (s->cell[i].id != 0 && s->cell[i].id != id)
		i = (i + 1) & s->mask;
	if (s->cell[i].id == 0) {
		if (s->used == s->capacity) {
			s->over++;
			return NULL;
		}
		s->used++;
		s->cell[i].id = id;
	}
	return &s->cell[i];
}

/* Decay two counters, half-lives 64 and 4096 s, from *since to now. */
static void
decay_pair(double x[2], uint64_t *since, uint64_t now_ms)
{
	bool back = false;
	uint64_t ms = ring_sub(now_ms, *since, MS_MASK, &back);
	double f;
	int i;

	if (ms == 0)
		return;
	f = pd_exp2_neg((double)ms * (1.0 / 4096000.0));
	x[1] *= f;
	for (i = 0; i < 6; i++)
		f *= f;
	x[0] = x[0] * f < 0x1p-400 ? 0.0 : x[0] * f;
	x[1] = x[1] < 0x1p-400 ? 0.0 : x[1];
	*since = now_ms;
}

struct space *
pd_spaces_enter(struct spaces *s, uint32_t id, uint64_t now_ms, double share[2])
{
	struct space *ns;
	double v;
	int i;

	if (!s->begun)
		s->total_ms = now_ms;
	s->begun = true;
	decay_pair(s->total, &s->total_ms, now_ms);
	ns = id == 0 ? NULL : find_space(s, id);
	if (ns == NULL)
		return NULL;
	if (ns->accesses == 0)
		ns->last_ms = now_ms;
	decay_pair(ns->share, &ns->last_ms, now_ms);
	for (i = 0; i < 2; i++) {
		share[i] = (double)NAN;
		if (ns->accesses == 0 || s->total[i] <= 0.0)
			continue;
		v = ns->share[i] / s->total[i];
		share[i] = pd_log2(v < 0x1p-40 ? 0x1p-40 : v);
	}
	return ns;
}

static void
move_mean(double *mean, uint32_t *n, double v)
{
	if (*n < WINDOW)
		++*n;
	*mean += (v - *mean) / (double)*n;
}

void
pd_spaces_count(struct spaces *s, struct space *ns, const struct pd_event *e,
    const struct since *since)
{
	uint32_t weight = e->weight == 0 ? 1 : e->weight;

	s->total[0] += weight;
	s->total[1] += weight;
	if (ns == NULL)
		return;
	ns->share[0] += weight;
	ns->share[1] += weight;
	move_mean(&ns->reuse, &ns->accesses, since->known ? 1.0 : 0.0);
	if (since->known)
		move_mean(&ns->gap, &ns->gaps, since->log_gap);
	if (e->size != 0)
		move_mean(&ns->size, &ns->sizes, pd_log2(e->size));
}
