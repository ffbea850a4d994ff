/*
 * Greedy-Dual-Size-Frequency (Cherkasova, "Improving WWW proxies performance
 * with greedy-dual-size-frequency caching policy", HP Labs 1998): what leaves
 * has the lowest priority L + frequency * cost / size, set at the last request;
 * L is the priority of the last victim, so that what is not asked for grows
 * old. Among equals the one asked longest ago leaves. What a miss costs is
 * what the objective says: 1, its bytes, or its time. A heap of slots by
 * priority.
 */

#include <limits.h>
#include <stdlib.h>

#include "base/err.h"
#include "cache/look.h"
#include "cache/objective.h"
#include "cache/policy_table.h"
#include "cache/queues.h"

struct record {
	double priority;
	uint64_t last; /* tick of the last request */
	float cost;    /* of a miss */
	uint32_t size;
	uint32_t frequency;
	uint32_t place; /* in the heap */
};

struct gdsf {
	struct pd_policy base;
	struct record *rec; /* by slot */
	uint32_t *heap;	    /* slots, the first to leave first */
	uint32_t count;
	uint32_t n; /* slots with room */
	double age; /* L */
	enum pd_objective objective;
};

static struct pd_policy *
create(const struct pd_policy_params *params, struct pd_err *err)
{
	struct gdsf *g = calloc(1, sizeof(*g));

	if (g == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	g->base.ops = &pd_policy_gdsf;
	g->objective = params->objective;
	return &g->base;
}

static void
destroy(struct pd_policy *p)
{
	struct gdsf *g = (struct gdsf *)p;

	free(g->rec);
	free(g->heap);
	free(g);
}

static int
reserve(struct pd_policy *p, uint32_t n)
{
	struct gdsf *g = (struct gdsf *)p;
	struct record *rec = realloc(g->rec, n * sizeof(*rec));
	uint32_t *heap;

	if (rec == NULL && n > g->n)
		return -1;
	g->rec = rec != NULL ? rec : g->rec;
	heap = realloc(g->heap, n * sizeof(*heap));
	if (heap == NULL && n > g->n)
		return -1;
	g->heap = heap != NULL ? heap : g->heap;
	g->n = n;
	return 0;
}

static bool
leaves_before(const struct record *a, const struct record *b)
{
	return a->priority < b->priority ||
	       (a->priority == b->priority && a->last < b->last);
}

static void
put(struct gdsf *g, uint32_t place, uint32_t slot)
{
	g->heap[place] = slot;
	g->rec[slot].place = place;
}

/* ${slot}, meant for ${place}, goes up or down to where it belongs. */
static void
sift(struct gdsf *g, uint32_t place, uint32_t slot)
{
	const struct record *r = &g->rec[slot];
	uint64_t child;

	while (
	    place > 0 && leaves_before(r, &g->rec[g->heap[(place - 1) / 2]])) {
		put(g, place, g->heap[(place - 1) / 2]);
		place = (place - 1) / 2;
	}
	while ((child = (uint64_t)place * 2 + 1) < g->count) {
		if (child + 1 < g->count &&
		    leaves_before(
			&g->rec[g->heap[child + 1]], &g->rec[g->heap[child]]))
			child++;
		if (!leaves_before(&g->rec[g->heap[child]], r))
			break;
		put(g, place, g->heap[child]);
		place = (uint32_t)child;
	}
	put(g, place, slot);
}

static void
set_priority(const struct gdsf *g, struct record *r)
{
	r->priority = g->age + r->frequency * (double)r->cost /
				   (r->size > 0 ? r->size : 1);
}

/* An access says what it knows of size and cost. */
static void
touch(const struct gdsf *g, struct record *r, const struct pd_access *acc)
{
	const bool known =
	    g->objective == PD_OBJECTIVE_BYTES ? acc->bytes > 0 : acc->cost > 0;

	if (known || r->frequency == 0)
		r->cost = (float)pd_objective_weight(
		    g->objective, acc->bytes, acc->cost);
	r->size = acc->size;
	r->last = acc->tick;
	if (r->frequency < UINT32_MAX)
		r->frequency++;
	set_priority(g, r);
}

static void
hit(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct gdsf *g = (struct gdsf *)p;

	touch(g, &g->rec[slot], acc);
	sift(g, g->rec[slot].place, slot);
}

static void
insert(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct gdsf *g = (struct gdsf *)p;

	g->rec[slot] = (struct record){0};
	touch(g, &g->rec[slot], acc);
	g->count++;
	sift(g, g->count - 1, slot);
}

static uint32_t
victim(struct pd_policy *p, uint64_t tick)
{
	const struct gdsf *g = (const struct gdsf *)p;

	(void)tick;
	return g->count == 0 ? PD_NO_SLOT : g->heap[0];
}

static void
remove_slot(struct pd_policy *p, uint32_t slot, uint64_t key, bool evicted)
{
	struct gdsf *g = (struct gdsf *)p;
	const uint32_t place = g->rec[slot].place;
	const uint32_t last = g->heap[--g->count];

	(void)key;
	if (evicted)
		g->age = g->rec[slot].priority;
	if (last != slot)
		sift(g, place, last);
}

static void
move_slot(struct pd_policy *p, uint32_t from, uint32_t to)
{
	struct gdsf *g = (struct gdsf *)p;

	g->rec[to] = g->rec[from];
	g->heap[g->rec[to].place] = to;
}

static void
set_size(struct pd_policy *p, uint32_t slot, const struct pd_access *acc)
{
	struct gdsf *g = (struct gdsf *)p;
	struct record *r = &g->rec[slot];

	r->size = acc->size;
	set_priority(g, r);
	sift(g, r->place, slot);
}

static size_t
memory(const struct pd_policy *p)
{
	const struct gdsf *g = (const struct gdsf *)p;

	return sizeof(*g) + (size_t)g->n * (sizeof(*g->rec) + sizeof(*g->heap));
}

/* The heap's order is nearly that of eviction. */
static void
each(const struct pd_policy *p, void (*fn)(void *cookie, uint32_t slot),
    void *cookie)
{
	const struct gdsf *g = (const struct gdsf *)p;
	uint32_t i;

	for (i = 0; i < g->count; i++)
		fn(cookie, g->heap[i]);
}

/* The accesses that are known of it. */
static void
look(const struct pd_policy *p, uint32_t slot, uint64_t tick,
    struct pd_look *out)
{
	const uint32_t count = ((const struct gdsf *)p)->rec[slot].frequency;

	(void)tick;
	out->counter = count > INT_MAX ? INT_MAX : (int)count;
}

const struct pd_policy_ops pd_policy_gdsf = {
    .name = "gdsf",
    .help = "frequency x cost / size, and age (Cherkasova 1998)",
    .create = create,
    .destroy = destroy,
    .reserve = reserve,
    .move = move_slot,
    .hit = hit,
    .miss = pd_policy_ignore_miss,
    .insert = insert,
    .victim = victim,
    .remove = remove_slot,
    .set_size = set_size,
    .memory = memory,
    .each = each,
    .look = look,
};
