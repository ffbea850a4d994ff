/*
 * A position is marked while it is the last access of an object, or a hole. An
 * access to depth d fills, in every cache too small for a hit, the youngest
 * hole above d; the larger ones keep theirs, which is a hole at d from then on.
 */

#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/lrustack.h"

#define ABSENT PD_LRUSTACK_ABSENT
#define MOST (UINT32_MAX - 1) /* positions */

static void
mark(struct pd_lrustack *s, uint32_t at, uint32_t size)
{
	uint32_t i;

	for (i = at + 1; i <= s->n; i += i & -i)
		s->tree[i]++;
	s->marks++;
	if (s->byte_tree == NULL)
		return;
	for (i = at + 1; i <= s->n; i += i & -i)
		s->byte_tree[i] += size;
	s->bytes += size;
}

static void
unmark(struct pd_lrustack *s, uint32_t at, uint32_t size)
{
	uint32_t i;

	for (i = at + 1; i <= s->n; i += i & -i)
		s->tree[i]--;
	s->marks--;
	if (s->byte_tree == NULL)
		return;
	for (i = at + 1; i <= s->n; i += i & -i)
		s->byte_tree[i] -= size;
	s->bytes -= size;
}

static uint32_t
size_of(const struct pd_lrustack *s, uint32_t id)
{
	return s->byte_tree == NULL ? 0 : s->size[id];
}

/* What is marked at ${at} and younger. */
static struct pd_lrustack_depth
depth(const struct pd_lrustack *s, uint32_t at)
{
	struct pd_lrustack_depth older = {0, 0};
	uint32_t i;

	for (i = at; i > 0; i -= i & -i)
		older.objects += s->tree[i];
	for (i = at; i > 0 && s->byte_tree != NULL; i -= i & -i)
		older.bytes += s->byte_tree[i];
	return (struct pd_lrustack_depth){
	    s->marks - older.objects, s->bytes - older.bytes};
}

static int
push_hole(struct pd_lrustack *s, struct pd_lrustack_hole h, struct pd_err *err)
{
	const size_t room = s->hole_room == 0 ? 64 : s->hole_room * 2;
	struct pd_lrustack_hole *p;
	size_t i;

	if (s->holes == s->hole_room) {
		p = realloc(s->hole, room * sizeof(*p));
		if (p == NULL)
			return pd_err_nomem(err);
		s->hole = p;
		s->hole_room = room;
	}
	for (i = s->holes++; i > 0 && s->hole[(i - 1) / 2].at < h.at;
	     i = (i - 1) / 2)
		s->hole[i] = s->hole[(i - 1) / 2];
	s->hole[i] = h;
	return 0;
}

static struct pd_lrustack_hole
pop_hole(struct pd_lrustack *s)
{
	const struct pd_lrustack_hole top = s->hole[0],
				      moved = s->hole[--s->holes];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < s->holes) {
		if (child + 1 < s->holes &&
		    s->hole[child + 1].at > s->hole[child].at)
			child++;
		if (s->hole[child].at <= moved.at)
			break;
		s->hole[i] = s->hole[child];
		i = child;
	}
	s->hole[i] = moved;
	return top;
}

/* Have entries for ${ids} objects. */
static int
have_ids(struct pd_lrustack *s, uint32_t ids, bool by_bytes, struct pd_err *err)
{
	uint32_t *p;

	if (ids <= s->ids)
		return 0;
	if (ids < s->ids + s->ids / 2)
		ids = s->ids + s->ids / 2;
	p = realloc(s->last, ids * sizeof(*p));
	if (p == NULL)
		return pd_err_nomem(err);
	s->last = p;
	if (by_bytes) {
		p = realloc(s->size, ids * sizeof(*p));
		if (p == NULL)
			return pd_err_nomem(err);
		s->size = p;
	}
	memset(s->last + s->ids, 0xff, (ids - s->ids) * sizeof(*s->last));
	s->ids = ids;
	return 0;
}

int
pd_lrustack_init(struct pd_lrustack *s, bool by_bytes, uint32_t positions,
    uint32_t ids, struct pd_err *err)
{
	memset(s, 0, sizeof(*s));
	s->n = positions;
	s->tree = calloc((size_t)s->n + 1, sizeof(*s->tree));
	if (by_bytes)
		s->byte_tree = calloc((size_t)s->n + 1, sizeof(*s->byte_tree));
	if (s->tree == NULL || (by_bytes && s->byte_tree == NULL))
		return pd_err_nomem(err);
	return have_ids(s, ids > 0 ? ids : 1, by_bytes, err);
}

void
pd_lrustack_release(struct pd_lrustack *s)
{
	free(s->tree);
	free(s->byte_tree);
	free(s->last);
	free(s->size);
	free(s->hole);
	memset(s, 0, sizeof(*s));
}

void
pd_lrustack_clear(struct pd_lrustack *s)
{
	memset(s->tree, 0, ((size_t)s->n + 1) * sizeof(*s->tree));
	if (s->byte_tree != NULL)
		memset(s->byte_tree, 0,
		    ((size_t)s->n + 1) * sizeof(*s->byte_tree));
	memset(s->last, 0xff, s->ids * sizeof(*s->last));
	s->next = s->marks = 0;
	s->bytes = 0;
	s->holes = 0;
}

/* What is at a position: an object, or with ids added a hole. */
static uint32_t *
occupants(const struct pd_lrustack *s)
{
	uint32_t *at = malloc((size_t)s->n * sizeof(*at));
	uint32_t i;

	if (at == NULL)
		return NULL;
	memset(at, 0xff, (size_t)s->n * sizeof(*at));
	for (i = 0; i < s->ids; i++)
		if (s->last[i] != ABSENT)
			at[s->last[i]] = i;
	for (i = 0; i < s->holes; i++)
		at[s->hole[i].at] = s->ids + i;
	return at;
}

/* Twice the positions, all unmarked. */
static int
grow(struct pd_lrustack *s, struct pd_err *err)
{
	uint32_t n = s->n, *p;
	uint64_t *q;

	if (n == MOST)
		return pd_err_set(err, "too many objects for a stack");
	n = n > MOST / 2 ? MOST : n * 2;
	p = realloc(s->tree, ((size_t)n + 1) * sizeof(*p));
	if (p == NULL)
		return pd_err_nomem(err);
	s->tree = p;
	if (s->byte_tree != NULL) {
		q = realloc(s->byte_tree, ((size_t)n + 1) * sizeof(*q));
		if (q == NULL)
			return pd_err_nomem(err);
		s->byte_tree = q;
	}
	s->n = n;
	return 0;
}

/* Number the positions in use from 0 on, in their order: the order of the heap
 * of holes stays right. */
static int
renumber(struct pd_lrustack *s, struct pd_err *err)
{
	const uint32_t used = s->n;
	uint32_t *at = occupants(s), i;

	if (at == NULL)
		return pd_err_nomem(err);
	if (s->marks > s->n / 2 && grow(s, err) < 0) {
		free(at);
		return -1;
	}
	memset(s->tree, 0, ((size_t)s->n + 1) * sizeof(*s->tree));
	if (s->byte_tree != NULL)
		memset(s->byte_tree, 0,
		    ((size_t)s->n + 1) * sizeof(*s->byte_tree));
	s->next = s->marks = 0;
	s->bytes = 0;
	for (i = 0; i < used; i++) {
		if (at[i] == ABSENT)
			continue;
		if (at[i] < s->ids) {
			s->last[at[i]] = s->next;
			mark(s, s->next++, size_of(s, at[i]));
		} else {
			s->hole[at[i] - s->ids].at = s->next;
			mark(s, s->next++, s->hole[at[i] - s->ids].size);
		}
	}
	free(at);
	return 0;
}

int
pd_lrustack_access(struct pd_lrustack *s, uint32_t id, uint32_t size,
    struct pd_lrustack_depth *d, struct pd_err *err)
{
	struct pd_lrustack_hole h;
	uint32_t at;

	if (have_ids(s, id + 1, s->byte_tree != NULL, err) < 0 ||
	    (s->next == s->n && renumber(s, err) < 0))
		return -1;
	at = s->last[id];
	*d = (struct pd_lrustack_depth){0, 0};
	if (at != ABSENT)
		*d = depth(s, at);
	if (s->holes > 0 && (at == ABSENT || s->hole[0].at > at)) {
		h = pop_hole(s);
		unmark(s, h.at, h.size);
		h = (struct pd_lrustack_hole){at, 0};
		if (at != ABSENT) {
			h.size = size_of(s, id);
			if (push_hole(s, h, err) < 0)
				return -1;
		}
	} else if (at != ABSENT) {
		unmark(s, at, size_of(s, id));
	}
	if (s->byte_tree != NULL)
		s->size[id] = size;
	s->last[id] = s->next;
	mark(s, s->next++, size);
	return 0;
}

uint32_t
pd_lrustack_back(const struct pd_lrustack *s, uint32_t id)
{
	if (id >= s->ids || s->last[id] == ABSENT)
		return 0;
	return s->next - s->last[id];
}

struct pd_lrustack_depth
pd_lrustack_recent(const struct pd_lrustack *s, uint32_t id, uint32_t n)
{
	const uint32_t back = s->next - s->last[id];
	struct pd_lrustack_depth d;

	if (n >= back)
		return depth(s, s->last[id]);
	d = depth(s, s->next - n);
	d.objects++;
	d.bytes += size_of(s, id);
	return d;
}

int
pd_lrustack_delete(struct pd_lrustack *s, uint32_t id, struct pd_err *err)
{
	struct pd_lrustack_hole h;

	if (id >= s->ids || s->last[id] == ABSENT)
		return 0;
	h = (struct pd_lrustack_hole){s->last[id], size_of(s, id)};
	s->last[id] = ABSENT;
	return push_hole(s, h, err);
}

void
pd_lrustack_drop(struct pd_lrustack *s, uint32_t id)
{
	if (id >= s->ids || s->last[id] == ABSENT)
		return;
	unmark(s, s->last[id], size_of(s, id));
	s->last[id] = ABSENT;
}

void
pd_lrustack_resize(struct pd_lrustack *s, uint32_t id, uint32_t size)
{
	if (s->byte_tree == NULL || id >= s->ids || s->last[id] == ABSENT)
		return;
	unmark(s, s->last[id], s->size[id]);
	s->size[id] = size;
	mark(s, s->last[id], size);
}

size_t
pd_lrustack_memory(const struct pd_lrustack *s)
{
	const size_t each = s->byte_tree != NULL ? 3 : 1;

	return ((size_t)s->n + 1) * each * sizeof(*s->tree) +
	       (size_t)s->ids * (s->size != NULL ? 2 : 1) * sizeof(*s->last) +
	       s->hole_room * sizeof(*s->hole);
}
