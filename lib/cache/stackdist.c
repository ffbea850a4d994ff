/*
 * Positions are entries. A position is marked while it is the last access of
 * an object, or a hole. A deletion leaves a hole: every cache that held the
 * object, one at least as large as its depth, has a free place, which the next
 * object that comes in fills. An access to depth d fills, in every cache too
 * small for a hit, the youngest hole above d; the larger ones keep theirs,
 * which is a hole at d from then on.
 */

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/stackdist.h"
#include "cache/trace.h"
#include "data/event.h"

#define ABSENT UINT32_MAX
#define STRIDE 65536

struct pass {
	const struct pd_trace *t;
	const struct pd_stackdist_params *p;
	struct pd_err *err;
	uint32_t *tree; /* Fenwick, 1-based */
	uint32_t n;
	uint32_t marks;
	uint32_t *last; /* by id: position, or ABSENT */
	uint32_t *hole; /* heap of positions, the youngest first */
	size_t holes;
	size_t hole_room;
};

static void
mark(struct pass *s, uint32_t at)
{
	uint32_t i;

	for (i = at + 1; i <= s->n; i += i & -i)
		s->tree[i]++;
	s->marks++;
}

static void
unmark(struct pass *s, uint32_t at)
{
	uint32_t i;

	for (i = at + 1; i <= s->n; i += i & -i)
		s->tree[i]--;
	s->marks--;
}

/* Marks at ${at} and younger. */
static uint32_t
depth(const struct pass *s, uint32_t at)
{
	uint32_t older = 0, i;

	for (i = at; i > 0; i -= i & -i)
		older += s->tree[i];
	return s->marks - older;
}

static int
push_hole(struct pass *s, uint32_t at)
{
	const size_t room = s->hole_room == 0 ? 64 : s->hole_room * 2;
	uint32_t *p;
	size_t i;

	if (s->holes == s->hole_room) {
		p = realloc(s->hole, room * sizeof(*p));
		if (p == NULL)
			return pd_err_nomem(s->err);
		s->hole = p;
		s->hole_room = room;
	}
	for (i = s->holes++; i > 0 && s->hole[(i - 1) / 2] < at;
	     i = (i - 1) / 2)
		s->hole[i] = s->hole[(i - 1) / 2];
	s->hole[i] = at;
	return 0;
}

static uint32_t
pop_hole(struct pass *s)
{
	const uint32_t top = s->hole[0], moved = s->hole[--s->holes];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < s->holes) {
		if (child + 1 < s->holes && s->hole[child + 1] > s->hole[child])
			child++;
		if (s->hole[child] <= moved)
			break;
		s->hole[i] = s->hole[child];
		i = child;
	}
	s->hole[i] = moved;
	return top;
}

static int
forget(struct pass *s, uint32_t id)
{
	const uint32_t at = s->last[id];

	if (at == ABSENT)
		return 0;
	s->last[id] = ABSENT;
	return push_hole(s, at);
}

/* An access: its depth, 0 for none, into ${d}. */
static int
access_key(struct pass *s, uint32_t id, uint32_t now, uint32_t *d)
{
	const uint32_t at = s->last[id];
	int rc = 0;

	*d = at == ABSENT ? 0 : depth(s, at);
	if (s->holes > 0 && (at == ABSENT || s->hole[0] > at)) {
		unmark(s, pop_hole(s));
		if (at != ABSENT)
			rc = push_hole(s, at);
	} else if (at != ABSENT) {
		unmark(s, at);
	}
	s->last[id] = now;
	mark(s, now);
	return rc;
}

static int
play(struct pass *s, struct pd_stackdist *out)
{
	const struct pd_trace *t = s->t;
	const struct pd_stackdist_params *p = s->p;
	uint32_t d;
	size_t i;

	for (i = p->begin; i < p->end; i++) {
		if (p->step != NULL && (i - p->begin) % STRIDE == 0 &&
		    p->step(p->cookie, i) < 0)
			return -1;
		if (t->op != NULL && t->op[i] == PD_OP_DEL) {
			if (forget(s, t->id[i]) < 0)
				return -1;
			continue;
		}
		if (access_key(s, t->id[i], (uint32_t)(i - p->begin), &d) < 0)
			return -1;
		if (i < p->from)
			continue;
		out->requests++;
		out->bytes += t->size[i];
		out->hits[d]++;
		out->hit_bytes[d] += t->size[i];
	}
	return 0;
}

int
pd_stackdist_run(const struct pd_trace *t, const struct pd_stackdist_params *p,
    struct pd_stackdist *s, struct pd_err *err)
{
	struct pass w = {
	    .t = t, .p = p, .err = err, .n = (uint32_t)(p->end - p->begin)};
	const size_t keys = (size_t)t->unique + 1;
	int rc = -1;

	memset(s, 0, sizeof(*s));
	s->most = t->unique;
	s->hits = calloc(keys, sizeof(*s->hits));
	s->hit_bytes = calloc(keys, sizeof(*s->hit_bytes));
	w.tree = calloc((size_t)w.n + 1, sizeof(*w.tree));
	w.last = malloc(keys * sizeof(*w.last));
	if (s->hits == NULL || s->hit_bytes == NULL || w.tree == NULL ||
	    w.last == NULL) {
		(void)pd_err_nomem(err);
	} else {
		memset(w.last, 0xff, keys * sizeof(*w.last));
		rc = play(&w, s);
	}
	free(w.tree);
	free(w.last);
	free(w.hole);
	if (rc < 0)
		pd_stackdist_release(s);
	return rc;
}

void
pd_stackdist_release(struct pd_stackdist *s)
{
	free(s->hits);
	free(s->hit_bytes);
	memset(s, 0, sizeof(*s));
}

uint64_t
pd_stackdist_misses(
    const struct pd_stackdist *s, uint64_t capacity, uint64_t *bytes)
{
	const uint64_t most = capacity < s->most ? capacity : s->most;
	uint64_t hits = 0, hit_bytes = 0, d;

	for (d = 1; d <= most; d++) {
		hits += s->hits[d];
		hit_bytes += s->hit_bytes[d];
	}
	if (bytes != NULL)
		*bytes = s->bytes - hit_bytes;
	return s->requests - hits;
}
