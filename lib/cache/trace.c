#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "cache/trace.h"
#include "data/event.h"
#include "data/evreader.h"
#include "data/pds_meta.h"

#define MAX_ENTRIES (UINT32_MAX - 1)

struct pd_trace *
pd_trace_new(bool keep_text, struct pd_err *err)
{
	struct pd_trace *t = calloc(1, sizeof(*t));

	if (t == NULL ||
	    pd_keyindex_init(&t->index, NULL, sizeof(*t->key)) < 0) {
		free(t);
		pd_err_nomem(err);
		return NULL;
	}
	t->keep_text = keep_text;
	t->rate = 1;
	return t;
}

void
pd_trace_free(struct pd_trace *t)
{
	if (t == NULL)
		return;
	free(t->id);
	free(t->size);
	free(t->tick);
	free(t->op);
	free(t->key);
	free(t->first_size);
	free(t->last);
	free(t->cost);
	free(t->text_at);
	pd_buf_release(&t->text);
	pd_keyindex_release(&t->index);
	free(t);
}

/* Grow ${*p} to ${n} elements of ${each} bytes. 0, or -1 out of memory. */
static int
grow(void *p, size_t n, size_t each)
{
	void *q, **at = p;

	if (n > SIZE_MAX / each)
		return -1;
	q = realloc(*at, n * each);
	if (q == NULL)
		return -1;
	*at = q;
	return 0;
}

static int
grow_entries(struct pd_trace *t)
{
	const size_t cap = t->cap == 0 ? 4096 : t->cap * 2;

	if (grow(&t->id, cap, sizeof(*t->id)) < 0 ||
	    grow(&t->size, cap, sizeof(*t->size)) < 0 ||
	    (t->tick != NULL && grow(&t->tick, cap, sizeof(*t->tick)) < 0) ||
	    (t->op != NULL && grow(&t->op, cap, sizeof(*t->op)) < 0))
		return -1;
	t->cap = cap;
	return 0;
}

static int
grow_keys(struct pd_trace *t)
{
	const uint32_t cap = t->unique_cap == 0 ? 1024 : t->unique_cap * 2;

	if (grow(&t->key, cap, sizeof(*t->key)) < 0)
		return -1;
	pd_keyindex_move(&t->index, t->key);
	if (grow(&t->first_size, cap, sizeof(*t->first_size)) < 0 ||
	    grow(&t->last, cap, sizeof(*t->last)) < 0 ||
	    (t->cost != NULL && grow(&t->cost, cap, sizeof(*t->cost)) < 0) ||
	    (t->keep_text &&
		grow(&t->text_at, (size_t)cap + 1, sizeof(*t->text_at)) < 0) ||
	    pd_keyindex_reserve(&t->index, cap) < 0)
		return -1;
	t->unique_cap = cap;
	return 0;
}

/* The number of a key seen for the first time; PD_KEYINDEX_NONE out of
 * memory. */
static uint32_t
new_key(struct pd_trace *t, uint64_t key, const char *text, size_t len)
{
	const uint32_t id = t->unique;

	if (id == t->unique_cap && grow_keys(t) < 0)
		return PD_KEYINDEX_NONE;
	if (t->keep_text) {
		t->text_at[id] = t->text.len;
		if (text != NULL && pd_buf_add(&t->text, text, len) < 0)
			return PD_KEYINDEX_NONE;
		t->text_at[id + 1] = t->text.len;
	}
	t->key[id] = key;
	t->first_size[id] = 0;
	if (t->cost != NULL)
		t->cost[id] = 0;
	pd_keyindex_add(&t->index, id);
	t->unique++;
	t->unique_bytes++;
	return id;
}

/* From now on ops differ: those so far were all PD_OP_GET. */
static int
start_ops(struct pd_trace *t)
{
	t->op = calloc(t->cap, sizeof(*t->op));
	return t->op == NULL ? -1 : 0;
}

/* From now on ticks differ from the entries' numbers. */
static int
start_ticks(struct pd_trace *t)
{
	size_t i;

	t->tick = calloc(t->cap, sizeof(*t->tick));
	if (t->tick == NULL)
		return -1;
	for (i = 0; i < t->n; i++)
		t->tick[i] = i;
	return 0;
}

/* The size of a key became known. */
static void
learn_size(struct pd_trace *t, uint32_t id, uint32_t size)
{
	if (t->first_size[id] == 0 && size > 0) {
		t->first_size[id] = size;
		t->unique_bytes += size - 1;
	}
}

/* What a fetch of the key cost: a moving mean, by an eighth. 0, or -1 out of
 * memory. */
static int
learn_cost(struct pd_trace *t, uint32_t id, uint32_t cost)
{
	uint32_t *c;

	if (t->cost == NULL) {
		t->cost = calloc(t->unique_cap, sizeof(*t->cost));
		if (t->cost == NULL)
			return -1;
	}
	c = &t->cost[id];
	if (*c == 0)
		*c = cost;
	else if (cost > *c)
		*c += (cost - *c) / 8;
	else
		*c -= (*c - cost) / 8;
	return 0;
}

/* A fill: the size of what the entry before it missed. */
static void
fill(struct pd_trace *t, uint32_t id, uint32_t size)
{
	uint32_t *s = &t->size[t->last[id]];

	if (size == 0)
		return;
	t->total_bytes = t->total_bytes - *s + size;
	*s = size;
	learn_size(t, id, size);
}

static int
append(struct pd_trace *t, const struct pd_event *e, uint32_t id)
{
	const uint32_t size = e->size > 0 ? e->size : 1;

	if (t->n == t->cap && grow_entries(t) < 0)
		return -1;
	if (t->op == NULL && e->op != PD_OP_GET && start_ops(t) < 0)
		return -1;
	if (t->tick == NULL && e->tick != t->n && start_ticks(t) < 0)
		return -1;
	if (e->op != PD_OP_DEL) {
		learn_size(t, id, e->size);
		t->requests++;
		t->total_bytes += size;
	}
	if (t->n == 0)
		t->t_first_us = e->time_us;
	t->t_last_us = e->time_us;
	t->last[id] = (uint32_t)t->n;
	t->id[t->n] = id;
	t->size[t->n] = size;
	if (t->op != NULL)
		t->op[t->n] = e->op;
	if (t->tick != NULL)
		t->tick[t->n] = e->tick;
	t->n++;
	return 0;
}

void
pd_trace_part(struct pd_trace *t)
{
	t->part++;
	t->part_began = false;
	t->part_same = false;
}

void
pd_trace_continue(struct pd_trace *t)
{
	t->part++;
	t->part_began = false;
	t->part_same = true;
}

static uint64_t
last_tick(const struct pd_trace *t)
{
	return t->tick == NULL ? t->n - 1 : t->tick[t->n - 1];
}

/* Where a part that begins with ${e} goes on: a tick after the last one, and
 * as much later as requests were apart so far. */
static void
begin_part(struct pd_trace *t, const struct pd_event *e)
{
	const uint64_t span = t->t_last_us - t->t_first_us;
	const uint64_t gap = t->n > 1 ? span / (t->n - 1) : 0;

	t->part_began = true;
	t->part_tick = t->part_us = 0;
	if (t->n == 0 || (t->part_same && e->tick > last_tick(t)))
		return;
	t->part_tick = last_tick(t) + 1 - e->tick;
	if (!t->part_same || e->time_us <= t->t_last_us)
		t->part_us = t->t_last_us + gap - e->time_us;
}

/* An event of a later part: its key, tick and time in the whole. */
static void
shift(struct pd_trace *t, struct pd_event *e)
{
	if (!t->part_began)
		begin_part(t, e);
	if (!t->part_same)
		e->key = pd_mix64(e->key ^ pd_mix64(t->part));
	e->tick += t->part_tick;
	e->time_us += t->part_us;
}

static int
add(struct pd_trace *t, const struct pd_event *e, const char *text, size_t len,
    struct pd_err *err)
{
	const bool tells = e->flags & PD_EV_COST && e->latency_us != 0;
	uint32_t id;

	if (e->op == PD_OP_EXPIRE || e->op == PD_OP_OTHER)
		return 0;
	id = pd_keyindex_find(&t->index, e->key);
	if ((e->flags & PD_EV_FILL) != 0 && id != PD_KEYINDEX_NONE) {
		fill(t, id, e->size);
		if (tells && learn_cost(t, id, e->latency_us) < 0)
			return pd_err_nomem(err);
		return 0;
	}
	if (t->n >= MAX_ENTRIES)
		return pd_err_set(err, "more than %u accesses in one trace",
		    (unsigned)MAX_ENTRIES);
	if (id == PD_KEYINDEX_NONE)
		id = new_key(t, e->key, text, len);
	if (id == PD_KEYINDEX_NONE || append(t, e, id) < 0 ||
	    (tells && learn_cost(t, id, e->latency_us) < 0))
		return pd_err_nomem(err);
	return 0;
}

int
pd_trace_add(struct pd_trace *t, const struct pd_event *e, const char *text,
    size_t len, struct pd_err *err)
{
	struct pd_event shifted;

	if (t->part == 0)
		return add(t, e, text, len, err);
	shifted = *e;
	shift(t, &shifted);
	return add(t, &shifted, text, len, err);
}

/* Refuse what cannot be simulated; take the rate of what can. */
static int
check_meta(struct pd_trace *t, const struct pd_pds_meta *m, struct pd_err *err)
{
	double rate;

	if (m->scheme == PD_SAMPLE_EVENT || m->scheme == PD_SAMPLE_WINDOW)
		return pd_err_set(err,
		    "the stream was sampled by %s: it holds some accesses of "
		    "a key and not others, so no cache can be simulated over "
		    "it (record with --by key)",
		    m->scheme == PD_SAMPLE_EVENT ? "event" : "window");
	rate = m->rate > 0 ? m->rate : 1;
	if (t->part > 0 && t->n > 0 && rate != t->rate)
		return pd_err_set(err,
		    "it holds %g of its keys, what comes before it %g of its "
		    "own: they cannot be one trace",
		    rate, t->rate);
	t->rate = rate;
	return 0;
}

int
pd_trace_load(struct pd_trace *t, struct pd_evreader *r, pd_trace_progress *fn,
    void *cookie, struct pd_err *err)
{
	struct pd_event e;
	const char *text = NULL;
	bool first = true;
	size_t len = 0;
	int got;

	while ((got = pd_evreader_next(r, &e, err)) > 0) {
		if (first && check_meta(t, pd_evreader_meta(r), err) < 0)
			return -1;
		first = false;
		if (t->keep_text)
			text = pd_evreader_keytext(r, &len);
		if (pd_trace_add(t, &e, text, len, err) < 0)
			return -1;
		if (fn != NULL && t->n % 65536 == 0)
			fn(cookie, pd_evreader_offset(r), pd_evreader_total(r));
	}
	return got;
}

const char *
pd_trace_text(const struct pd_trace *t, uint32_t id, size_t *len)
{
	if (!t->keep_text)
		return NULL;
	*len = t->text_at[id + 1] - t->text_at[id];
	return *len == 0 ? NULL : (const char *)t->text.data + t->text_at[id];
}

uint64_t
pd_trace_capacity(const struct pd_trace *t, double share, bool by_bytes)
{
	const double all =
	    by_bytes ? (double)t->unique_bytes : (double)t->unique;
	const double units = floor(share * all + 0.5);

	return units < 1 ? 1 : (uint64_t)units;
}

uint64_t
pd_trace_minute(const struct pd_trace *t)
{
	const uint64_t span = t->t_last_us - t->t_first_us;
	uint64_t minute = t->n / 100;

	if (t->n > 1 && t->t_last_us > t->t_first_us && span != t->n - 1 &&
	    span != (t->n - 1) * 1000000)
		minute = (uint64_t)((double)t->n * 6e7 / (double)span);
	return minute > 0 ? minute : 1;
}

size_t
pd_trace_position(const struct pd_trace *t, double share)
{
	const uint64_t skip = (uint64_t)floor(share * (double)t->requests);
	uint64_t seen = 0;
	size_t i;

	if (t->op == NULL)
		return skip < t->n ? (size_t)skip : t->n;
	for (i = 0; i < t->n; i++) {
		if (t->op[i] == PD_OP_DEL)
			continue;
		if (seen == skip)
			break;
		seen++;
	}
	return i;
}
