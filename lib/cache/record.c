#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "base/grow.h"
#include "cache/context.h"
#include "cache/look.h"
#include "cache/policy.h"
#include "cache/record.h"
#include "data/event.h"
#include "data/feature.h"

#define HITS_MAX 0x3fu
#define FLAG_WRITE 0x40u
#define FLAG_RETURNING 0x80u

static uint8_t
one_more(uint8_t v)
{
	return v == UINT8_MAX ? v : (uint8_t)(v + 1);
}

static inline void
push_gap(struct pd_record *r, uint32_t distance)
{
	memmove(&r->gap[1], &r->gap[0], 3);
	r->gap[0] = pd_code(distance);
}

void
pd_record_resize(struct pd_record *r, const struct pd_access *a)
{
	r->size = a->bytes == 0 ? PD_CODE_NONE : pd_code(a->bytes);
}

/* The parts that every access sets. */
static inline void
touch(struct pd_record *r, const struct pd_access *a)
{
	const bool wrote = a->op == PD_OP_SET || a->op == PD_OP_UPDATE;

	r->last = (uint32_t)a->tick;
	r->frequency = one_more(r->frequency);
	r->hits = (uint8_t)((r->hits & ~FLAG_WRITE) | (wrote ? FLAG_WRITE : 0));
	pd_record_resize(r, a);
	r->ttl = a->ttl;
}

void
pd_record_insert(struct pd_record *r, const struct pd_access *a,
    const struct pd_record_ghost *g)
{
	r->inserted = (uint32_t)a->tick;
	r->hits = 0;
	r->frequency = 0;
	memset(r->gap, PD_CODE_NONE, sizeof(r->gap));
	if (g != NULL) {
		memcpy(r->gap, g->gap, sizeof(g->gap));
		push_gap(r, (uint32_t)a->tick - g->last);
		r->frequency = g->frequency;
		r->hits = FLAG_RETURNING;
	}
	touch(r, a);
}

void
pd_record_hit(struct pd_record *r, const struct pd_access *a)
{
	push_gap(r, (uint32_t)a->tick - r->last);
	if ((r->hits & HITS_MAX) < HITS_MAX)
		r->hits++;
	touch(r, a);
}

void
pd_record_look(const struct pd_record *r, uint32_t tick, struct pd_look *out)
{
	out->recorded = out->aged = true;
	out->returning = r->hits & FLAG_RETURNING;
	out->age = tick - r->last;
	out->residence = tick - r->inserted;
	out->hits = r->hits & HITS_MAX;
	out->accesses = r->frequency;
}

void
pd_record_save(const struct pd_record *r, uint32_t tick, struct pd_rank *out)
{
	out->age = tick - r->last;
	out->residence = tick - r->inserted;
	memcpy(out->gap, r->gap, sizeof(out->gap));
	out->frequency = r->frequency;
	out->hits = r->hits;
	out->ttl = r->ttl;
}

void
pd_record_restore(
    struct pd_record *r, uint32_t tick, const struct pd_rank *rank)
{
	r->last = tick - rank->age;
	r->inserted = tick - rank->residence;
	memcpy(r->gap, rank->gap, sizeof(r->gap));
	/* 0 would say that nothing is resident. */
	r->frequency = rank->frequency != 0 ? rank->frequency : 1;
	r->hits = rank->hits;
	r->ttl = rank->ttl;
}

void
pd_record_served(const struct pd_record *r, const struct pd_context_codes *c,
    uint32_t tick, struct pd_served *out)
{
	unsigned flags = 0;

	if (r->hits & FLAG_WRITE)
		flags |= PD_SERVED_WRITE;
	if (r->hits & FLAG_RETURNING)
		flags |= PD_SERVED_RETURNING;
	out->age = pd_code(tick - r->last);
	memcpy(out->gap, r->gap, sizeof(out->gap));
	out->residence = pd_code(tick - r->inserted);
	out->resident_at_last = pd_code(r->last - r->inserted);
	out->frequency = pd_code(r->frequency);
	out->hits_resident = pd_code(r->hits & HITS_MAX);
	out->evict_age = c->evict_age;
	out->size = r->size;
	out->ttl_left = r->ttl;
	out->flags = (uint8_t)flags;
	out->hit_ratio = c->hit_ratio;
	out->new_share = c->new_share;
}

int
pd_ghost_ring_init(struct pd_ghost_ring *g)
{
	memset(g, 0, sizeof(*g));
	return pd_keyindex_init32(&g->index, NULL, sizeof(*g->entry));
}

void
pd_ghost_ring_release(struct pd_ghost_ring *g)
{
	pd_keyindex_release(&g->index);
	pd_grow_free(g->entry);
	g->entry = NULL;
	g->size = g->used = 0;
}

int
pd_ghost_ring_copy(struct pd_ghost_ring *to, const struct pd_ghost_ring *from)
{
	const size_t n = from->size > 0 ? from->size : 1;

	*to = *from;
	if ((to->entry = pd_grow(NULL, n * sizeof(*to->entry))) == NULL)
		return -1;
	if (from->size > 0)
		memcpy(to->entry, from->entry, n * sizeof(*to->entry));
	if (pd_keyindex_copy(&to->index, &from->index, to->entry) == -1) {
		pd_grow_free(to->entry);
		return -1;
	}
	return 0;
}

static uint32_t
position(const struct pd_ghost_ring *g, uint32_t i)
{
	const uint64_t at = (uint64_t)g->first + i;

	return (uint32_t)(at >= g->size ? at - g->size : at);
}

/* The ring is laid out anew, its oldest first. */
int
pd_ghost_ring_reserve(struct pd_ghost_ring *g, uint32_t n)
{
	struct pd_record_ghost *e;
	struct pd_keyindex index;
	uint32_t i, kept = 0;

	if (n == g->size)
		return 0;
	e = pd_grow(NULL, (n > 0 ? n : 1) * sizeof(*e));
	if (e == NULL)
		return -1;
	if (pd_keyindex_init32(&index, e, sizeof(*e)) == -1)
		goto err1;
	if (pd_keyindex_reserve(&index, n) == -1)
		goto err2;
	for (i = g->used > n ? g->used - n : 0; i < g->used; i++) {
		e[kept] = g->entry[position(g, i)];
		if (e[kept].frequency != 0)
			pd_keyindex_add(&index, kept++);
	}
	pd_keyindex_release(&g->index);
	pd_grow_free(g->entry);
	g->index = index;
	g->entry = e;
	g->size = n;
	g->first = 0;
	g->used = kept;
	return 0;
err2:
	pd_keyindex_release(&index);
err1:
	pd_grow_free(e);
	return -1;
}

void
pd_ghost_ring_del(struct pd_ghost_ring *g, uint32_t print)
{
	const uint32_t i = pd_keyindex_find(&g->index, print);

	if (i == PD_KEYINDEX_NONE)
		return;
	pd_keyindex_del(&g->index, i);
	g->entry[i].frequency = 0;
}

static void
forget_oldest(struct pd_ghost_ring *g)
{
	if (g->entry[g->first].frequency != 0)
		pd_keyindex_del(&g->index, g->first);
	g->first = position(g, 1);
	g->used--;
}

void
pd_ghost_ring_add(struct pd_ghost_ring *g, uint32_t print,
    const struct pd_record *r, uint64_t limit)
{
	struct pd_record_ghost *e;
	uint32_t i;

	if (limit > g->size)
		limit = g->size;
	if (limit == 0)
		return;
	pd_ghost_ring_del(g, print);
	while (g->used >= limit)
		forget_oldest(g);
	i = position(g, g->used++);
	e = &g->entry[i];
	e->print = print;
	e->last = r->last;
	memcpy(e->gap, r->gap, sizeof(e->gap));
	e->frequency = r->frequency;
	pd_keyindex_add(&g->index, i);
}

bool
pd_ghost_ring_find(
    const struct pd_ghost_ring *g, uint32_t print, struct pd_record_ghost *out)
{
	const uint32_t i = pd_keyindex_find(&g->index, print);

	if (i == PD_KEYINDEX_NONE)
		return false;
	*out = g->entry[i];
	return true;
}

size_t
pd_ghost_ring_memory(const struct pd_ghost_ring *g)
{
	return g->size * sizeof(*g->entry) + pd_keyindex_memory(&g->index);
}
