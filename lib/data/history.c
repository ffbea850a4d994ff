/*
 * The table of tracked keys, a chained hash with CLOCK replacement, and what
 * an event adds to a key.
 */

#include <stdlib.h>
#include <string.h>

#include "base/code.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log2.h"
#include "data/history.h"
#include "data/history_priv.h"

#define NONE PD_HISTORY_KEYS_MAX /* fits entry.next */

struct pd_history {
	struct entry *entries;
	uint32_t *heads; /* head_mask + 1 chains */
	uint32_t head_mask;
	uint32_t capacity;
	uint32_t used;
	uint32_t hand; /* the next entry to be dropped, unless touched */
	struct spaces spaces;
	bool hits_unknown;
	uint64_t slots;
	struct pd_history_stats stats;
};

/* The largest power of two that is at most ${n} > 0: chains of 1 to 2 keys,
 * and at most 4 bytes a key. */
static uint32_t
power_of_two(uint32_t n)
{
	return 1u << (31 - (unsigned)__builtin_clz(n));
}

struct pd_history *
pd_history_new(const struct pd_history_opts *opts, struct pd_err *err)
{
	struct pd_history *h;
	uint32_t keys = opts->keys != 0 ? opts->keys : PD_HISTORY_KEYS;
	uint32_t spaces =
	    opts->namespaces != 0 ? opts->namespaces : PD_HISTORY_SPACES;
	uint32_t heads, i;

	if (keys > PD_HISTORY_KEYS_MAX || spaces > 1u << 24) {
		pd_err_set(err, "cannot track %lu keys in %lu namespaces",
		    (unsigned long)keys, (unsigned long)spaces);
		return NULL;
	}
	heads = power_of_two(keys);
	if ((h = calloc(1, sizeof(*h))) == NULL)
		goto err0;
	h->entries = calloc(keys, sizeof(*h->entries));
	h->heads = malloc(heads * sizeof(*h->heads));
	if (h->entries == NULL || h->heads == NULL ||
	    pd_spaces_init(&h->spaces, spaces) < 0)
		goto err1;
	for (i = 0; i < heads; i++)
		h->heads[i] = NONE;
	h->head_mask = heads - 1;
	h->capacity = keys;
	h->hits_unknown = opts->hits_unknown;
	h->slots = opts->slots != 0 ? opts->slots : UINT64_MAX;
	h->stats.memory_bytes =
	    sizeof(*h) + keys * sizeof(*h->entries) +
	    heads * sizeof(*h->heads) +
	    ((size_t)h->spaces.mask + 1) * sizeof(*h->spaces.cell);
	return h;

err1:
	pd_history_free(h);
err0:
	pd_err_nomem(err);
	return NULL;
}

void
pd_history_free(struct pd_history *h)
{
	if (h == NULL)
		return;
	free(h->entries);
	free(h->heads);
	free(h->spaces.cell);
	free(h);
}

void
pd_history_stats(const struct pd_history *h, struct pd_history_stats *out)
{
	*out = h->stats;
	out->keys = h->used;
	out->namespaces = h->spaces.used;
	out->namespaces_over = h->spaces.over;
}

void
pd_history_keep(uint64_t ms, double keep[DECAYS])
{
	/* How often to square the factor of a half-life to get the one of the
	 * next shorter: log2 of their ratio. */
	static const uint8_t squarings[DECAYS] = {0, 6, 2, 2, 2, 6};
	double f = pd_exp2_neg((double)ms * (1.0 / 262144000.0));
	unsigned i, j;

	for (i = 0; i < DECAYS; i++) {
		for (j = 0; j < squarings[i]; j++)
			f *= f;
		if (f < 0x1p-400)
			f = 0.0; /* before it becomes denormal, and slow */
		keep[i] = f;
	}
}

/* --- the table ---------------------------------------------------------- */

static uint32_t *
chain(struct pd_history *h, uint64_t key)
{
	return &h->heads[pd_mix64(key) & h->head_mask];
}

static uint32_t
find(struct pd_history *h, uint64_t key)
{
	uint32_t i = *chain(h, key);

	while (i != NONE && h->entries[i].key != key)
		i = h->entries[i].next;
	return i;
}

/*
 * CLOCK: the hand passes over entries that were asked for again since it came
 * by, and drops the next one that was not. So a key stays for a whole turn
 * after it came, and for another one after each turn in which it was asked.
 */
static uint32_t
drop_one(struct pd_history *h)
{
	struct entry *en = &h->entries[h->hand];
	uint32_t i, *p;

	while (en->flags & E_TOUCHED) {
		en->flags &= ~(unsigned)E_TOUCHED & 7;
		h->hand = h->hand + 1 == h->capacity ? 0 : h->hand + 1;
		en = &h->entries[h->hand];
	}
	i = h->hand;
	h->hand = i + 1 == h->capacity ? 0 : i + 1;
	p = chain(h, en->key);
	if (*p == i) {
		*p = en->next;
	} else {
		struct entry *before = &h->entries[*p];

		while (before->next != i)
			before = &h->entries[before->next];
		before->next = en->next;
	}
	h->stats.keys_dropped++;
	return i;
}

/* A place for ${key}, which is not in the table. */
static uint32_t
insert(struct pd_history *h, uint64_t key, struct pd_history_note *note)
{
	uint32_t i, *p;
	struct entry *en;

	note->is_new = true;
	note->dropped = h->used == h->capacity;
	i = note->dropped ? drop_one(h) : h->used++;
	p = chain(h, key);
	en = &h->entries[i];
	memset(en, 0, sizeof(*en));
	en->key = key;
	en->next = *p & NONE;
	*p = i;
	en->reads = en->hits = SHARE_NONE;
	en->size = Q_NONE;
	en->gap_mean = en->gap_min = Q_NONE;
	en->ttl = en->refetch = en->latency = Q_NONE;
	memset(en->gap, PD_CODE_NONE, sizeof(en->gap));
	return i;
}

void
pd_history_ahead(const struct pd_history *h, uint64_t near, uint64_t far)
{
	const uint32_t i = h->heads[pd_mix64(near) & h->head_mask];

	__builtin_prefetch(&h->heads[pd_mix64(far) & h->head_mask]);
	if (i == NONE)
		return;
	__builtin_prefetch(&h->entries[i], 1);
	__builtin_prefetch((const char *)&h->entries[i] + 64, 1);
}

/* --- counting ----------------------------------------------------------- */

static uint16_t
fixed10(double v)
{
	v = v * 1024.0 + 0.5;
	return (uint16_t)(v < Q_NONE ? v : Q_NONE - 1);
}

/* A moving mean in fixed point with weight 1 / 2^shift; the first value as it
 * is. Halves round away from zero. */
static uint16_t
move(uint16_t mean, uint16_t v, unsigned shift)
{
	int d = (int)v - (int)mean, half = 1 << (shift - 1);

	if (mean == Q_NONE)
		return v;
	d = d >= 0 ? (d + half) >> shift : -((half - d) >> shift);
	return (uint16_t)((int)mean + d);
}

static unsigned
move_share(unsigned mean, bool yes)
{
	uint16_t v = yes ? SHARE_ONE : 0;

	return mean == SHARE_NONE ? v : move((uint16_t)mean, v, 3);
}

static struct since
since_last(struct pd_history *h, const struct entry *en,
    const struct pd_event *e, uint64_t now_ms)
{
	struct since s = {.known = en->count > 0};
	uint64_t weight = e->weight == 0 ? 1 : e->weight, units, ticks;
	bool back = false;

	if (!s.known) {
		pd_history_keep(0, s.keep);
		return s;
	}
	s.ms = ring_sub(now_ms, en->last_ms, MS_MASK, &back);
	ticks = ring_sub(e->tick & TICK_MASK, en->tick, TICK_MASK, &back);
	units = s.ms == 0
		    ? 0
		    : (now_ms >> UNIT_SHIFT) - (en->last_ms >> UNIT_SHIFT);
	units &= MS_MASK >> UNIT_SHIFT;
	s.units = units > 255 ? 255 : (unsigned)units;
	s.gap_ms = (s.ms + weight / 2) / weight;
	s.ticks = ticks < weight && ticks > 0 ? 1 : ticks / weight;
	s.log_gap = pd_log2((double)s.gap_ms + 1.0);
	pd_history_keep(s.ms, s.keep);
	h->stats.backwards += back;
	return s;
}

/* The gap that ends at this access. */
static void
count_gap(struct entry *en, const struct since *s)
{
	uint16_t lg = fixed10(s->log_gap);
	int64_t d;

	memmove(en->gap + 1, en->gap, sizeof(en->gap) - 1);
	en->gap[0] = pd_code(s->ticks);
	memmove(en->unit + 1, en->unit, sizeof(en->unit) - 1);
	en->unit[0] = (uint8_t)s->units;
	en->gap_min = lg < en->gap_min ? lg : en->gap_min;
	if (en->gap_mean != Q_NONE) {
		/* var = 3/4 (var + d^2 / 4), from 9.7 and 6.10 squared */
		d = (int64_t)lg - (int64_t)en->gap_mean;
		d = (int64_t)en->gap_var * 8192 + d * d / 4;
		en->gap_var = (uint16_t)((d * 3 / 4 + 4096) / 8192);
	}
	en->gap_mean = move(en->gap_mean, lg, 2);
}

/* Size and time to live, of any event. */
static void
count_object(struct entry *en, const struct pd_event *e)
{
	uint64_t ms = e->ttl_ms == 0 ? 1 : e->ttl_ms;
	uint16_t ttl;

	if (e->size != 0)
		en->size = pd_history_size(e->size);
	if ((e->flags & PD_EV_TTL) == 0) {
		if (e->op == PD_OP_SET || e->op == PD_OP_EXPIRE)
			en->ttl = Q_NONE;
		return;
	}
	ttl = fixed10(pd_log2((double)ms));
	/* More left than there ever was: prolonged unseen. */
	if (e->op == PD_OP_SET || e->op == PD_OP_EXPIRE ||
	    (en->ttl != Q_NONE && ttl > en->ttl))
		en->ttl = ttl;
}

static void
count_access(struct entry *en, const struct pd_event *e, const struct since *s,
    uint64_t now_ms)
{
	uint32_t weight = e->weight == 0 ? 1 : e->weight;
	uint64_t count = en->count + (uint64_t)weight;
	bool wrote = pd_op_writes(e->op), hit = e->flags & PD_EV_HIT;
	uint64_t noise;
	unsigned i;

	if (s->known) {
		count_gap(en, s);
	} else {
		en->first_ms = now_ms & MS_MASK;
		en->last_ms = en->first_ms;
		en->tick = e->tick & TICK_MASK;
	}
	/* Backwards, the later of both stays. */
	if (((e->tick - en->tick) & TICK_MASK) <= TICK_MASK / 2)
		en->tick = e->tick & TICK_MASK;
	en->last_ms = (en->last_ms + s->ms) & MS_MASK;
	noise = pd_mix64(e->key + 0x9e3779b97f4a7c15ULL * en->count);
	for (i = 0; i < DECAYS; i++)
		decayed_put(en, i,
		    s->known ? decayed_get(en, i) * s->keep[i] + weight
			     : weight,
		    noise >> (4 * i));
	en->count = (count > COUNT_MAX ? COUNT_MAX : count) & COUNT_MAX;
	en->reads = move_share(en->reads, !wrote) & SHARE_NONE;
	en->hits = move_share(en->hits, hit) & SHARE_NONE;
	en->flags = ((wrote ? E_WROTE : 0u) |
			(e->op == PD_OP_GET && !hit ? E_MISSED : 0u) |
			(s->known ? E_TOUCHED : 0u)) &
		    7;
	if (e->latency_us != 0 && (e->flags & PD_EV_COST) == 0)
		en->latency = move(en->latency,
		    fixed10(pd_log2((double)e->latency_us + 1.0)), 2);
}

/* A fill, a DEL or an EXPIRE: no access. */
static void
count_aside(struct entry *en, const struct pd_event *e, uint64_t now_ms)
{
	bool back = false;
	uint64_t ms;

	if (e->op == PD_OP_DEL) {
		en->ttl = Q_NONE;
		return;
	}
	count_object(en, e);
	if (e->flags & PD_EV_FILL && en->flags & E_MISSED) {
		ms = ring_sub(now_ms, en->last_ms, MS_MASK, &back);
		en->refetch =
		    move(en->refetch, fixed10(pd_log2((double)ms + 1.0)), 2);
		en->flags &= ~(unsigned)E_MISSED & 7;
	}
}

/* --- events ------------------------------------------------------------- */

static void
add_access(struct pd_history *h, const struct pd_event *e, float *row,
    struct pd_history_note *note)
{
	uint64_t now_ms = (e->time_us / 1000) & MS_MASK;
	struct row_in in = {.e = e,
	    .now_ms = now_ms,
	    .hits_unknown = h->hits_unknown,
	    .slots = h->slots};
	struct space *ns;
	struct since s;
	struct entry *en;

	if (note->slot == NONE)
		note->slot = insert(h, e->key, note);
	en = &h->entries[note->slot];
	s = since_last(h, en, e, now_ms);
	ns = pd_spaces_enter(&h->spaces, e->ns, now_ms, in.ns_share);
	if (row != NULL) {
		in.en = en;
		in.since = &s;
		in.ns = ns;
		pd_history_write_row(&in, row);
	}
	pd_spaces_count(&h->spaces, ns, e, &s);
	count_access(en, e, &s, now_ms);
	count_object(en, e);
	note->distance = s.ticks;
	note->gap_ms = s.gap_ms;
	h->stats.accesses++;
}

void
pd_history_add(struct pd_history *h, const struct pd_event *e, float *row,
    struct pd_history_note *note)
{
	struct pd_history_note own;

	if (note == NULL)
		note = &own;
	memset(note, 0, sizeof(*note));
	note->slot = find(h, e->key);
	note->access = pd_event_is_access(e);
	h->stats.events++;
	if (note->access)
		add_access(h, e, row, note);
	else if (note->slot != NONE)
		count_aside(
		    &h->entries[note->slot], e, (e->time_us / 1000) & MS_MASK);
	if (note->slot == NONE)
		note->slot = PD_HISTORY_NONE;
}
