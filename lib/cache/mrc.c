#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/hash.h"
#include "cache/keyindex.h"
#include "cache/lrustack.h"
#include "cache/mrc.h"
#include "data/event.h"
#include "data/pds_meta.h"

#define SALT 0x6d72632d6b657973ULL /* of the further sampling */
#define POSITIONS 65536
#define SUB 1024 /* buckets an octave: distances within 0.1% */
#define BUCKETS (54 * SUB)
#define DISTANCE_MOST 0x1p60
#define NIL UINT32_MAX

struct key {
	uint64_t key;
	uint32_t size;	/* when last told, at least 1; 0: the entry is free */
	uint32_t count; /* accesses; of a free one, the next free one */
};

struct shard {
	uint64_t first; /* tick */
	uint64_t last;
	uint64_t n; /* accesses with a tick */
};

/* Weights over the rate, by distance. */
struct histogram {
	double n[BUCKETS];
	double bytes[BUCKETS];
	double hot[BUCKETS]; /* weighted with how hot their keys are */
};

/* What a number of accesses of one key counts. */
struct tally {
	double n;
	double bytes;
	double hot;
};

struct pd_mrc {
	struct pd_mrc_params p;
	struct key *key;
	struct pd_keyindex index;
	uint32_t room;
	uint32_t used; /* of key[], free ones too */
	uint32_t keys;
	uint32_t free;
	struct pd_lrustack stack;
	unsigned halvings; /* of the further sampling */
	/* The part in hand. */
	bool begun;
	bool ticks_all; /* what is no access has a tick of its own too */
	double rate;	/* of the source */
	uint32_t shards;
	struct shard *shard;
	double counted;	   /* accesses, over the rate */
	double sum_bytes;  /* likewise */
	uint64_t accesses; /* events ... */
	uint64_t others;   /* ... and those that are none */
	/* All parts. */
	unsigned parts;
	uint64_t events;
	double total;	    /* accesses of the source */
	double total_bytes; /* asked for */
	double off;	    /* tracked ones, less these */
	double hot;
	struct histogram hits; /* by distance */
	/* Of parts but the first: by what the stack held then, up to which
	 * it is known what LRU has. */
	struct histogram young;
	struct histogram young_hits;
};

struct pd_mrc *
pd_mrc_new(const struct pd_mrc_params *p, struct pd_err *err)
{
	struct pd_mrc *m = calloc(1, sizeof(*m));

	if (m == NULL) {
		(void)pd_err_nomem(err);
		return NULL;
	}
	m->p = *p;
	m->free = NIL;
	if (pd_keyindex_init(&m->index, NULL, sizeof(struct key)) < 0) {
		(void)pd_err_nomem(err);
		free(m);
		return NULL;
	}
	if (pd_lrustack_init(&m->stack, p->by_bytes, POSITIONS, 1, err) < 0) {
		pd_mrc_free(m);
		return NULL;
	}
	return m;
}

void
pd_mrc_free(struct pd_mrc *m)
{
	if (m == NULL)
		return;
	pd_keyindex_release(&m->index);
	pd_lrustack_release(&m->stack);
	free(m->key);
	free(m->shard);
	free(m);
}

/* Histograms. */

static size_t
bucket(double distance)
{
	uint64_t v;
	unsigned shift;

	v = distance < DISTANCE_MOST ? (uint64_t)distance
				     : (uint64_t)DISTANCE_MOST;
	if (v < SUB)
		return (size_t)v;
	shift = 63 - (unsigned)__builtin_clzll(v) - 10;
	return (size_t)SUB * shift + (size_t)(v >> shift);
}

/* The least that falls into a bucket. */
static double
bucket_from(size_t i)
{
	const unsigned shift = i < SUB ? 0 : (unsigned)(i / SUB) - 1;

	return ldexp((double)(i - (size_t)SUB * shift), (int)shift);
}

static void
count(struct histogram *h, double distance, const struct tally *t, double part)
{
	const size_t i = bucket(distance);

	h->n[i] += part * t->n;
	h->bytes[i] += part * t->bytes;
	h->hot[i] += part * t->hot;
}

/* What lies below a distance. */
static double
below(const double *n, double distance)
{
	const size_t last = bucket(distance);
	const double from = bucket_from(last), to = bucket_from(last + 1);
	double sum = 0;
	size_t i;

	for (i = 0; i < last; i++)
		sum += n[i];
	return sum + n[last] * (distance - from) / (to - from);
}

/* Keys. */

static double
whole_rate(const struct pd_mrc *m)
{
	return ldexp(m->rate, -(int)m->halvings);
}

static bool
selected(const struct pd_mrc *m, uint64_t key)
{
	return m->halvings == 0 ||
	       pd_mix64(key ^ SALT) >> (64 - m->halvings) == 0;
}

static void
drop(struct pd_mrc *m, uint32_t id)
{
	pd_lrustack_drop(&m->stack, id);
	pd_keyindex_del(&m->index, id);
	m->key[id].count = m->free;
	m->key[id].size = 0;
	m->free = id;
	m->keys--;
}

/* Track half of the keys. */
static void
halve(struct pd_mrc *m)
{
	uint32_t i;

	m->halvings++;
	for (i = 0; i < m->used; i++)
		if (m->key[i].size != 0 && !selected(m, m->key[i].key))
			drop(m, i);
}

static int
grow(struct pd_mrc *m, struct pd_err *err)
{
	const uint32_t room = m->room == 0 ? 1024 : m->room + m->room / 2;
	struct key *p;

	if (m->room >= UINT32_MAX / 2)
		return pd_err_set(err, "more than %u keys", m->room);
	if (pd_keyindex_reserve(&m->index, room) < 0)
		return pd_err_nomem(err);
	p = realloc(m->key, room * sizeof(*p));
	if (p == NULL)
		return pd_err_nomem(err);
	pd_keyindex_move(&m->index, p);
	m->key = p;
	m->room = room;
	return 0;
}

/* A number for a key that is not known. NIL out of memory, or when it is not
 * selected any more. */
static int
new_key(struct pd_mrc *m, uint64_t key, uint32_t *id, struct pd_err *err)
{
	*id = NIL;
	while (m->p.max_keys > 0 && m->keys >= m->p.max_keys)
		halve(m);
	if (!selected(m, key))
		return 0;
	if (m->free != NIL) {
		*id = m->free;
		m->free = m->key[*id].count;
	} else {
		if (m->used == m->room && grow(m, err) < 0)
			return -1;
		*id = m->used++;
	}
	m->key[*id] = (struct key){key, 1, 0};
	pd_keyindex_add(&m->index, *id);
	m->keys++;
	return 0;
}

/* Parts. */

/* Accesses of the source in the part in hand: what the ticks say, where they
 * can. */
static double
part_total(const struct pd_mrc *m)
{
	double ticks = 0;
	uint32_t i;

	if (m->rate >= 1)
		return m->halvings == 0 ? m->counted : (double)m->accesses;
	for (i = 0; i < m->shards; i++)
		if (m->shard[i].n > 1)
			ticks +=
			    (double)(m->shard[i].last - m->shard[i].first) /
			    m->shards * (double)m->shard[i].n /
			    (double)(m->shard[i].n - 1);
	if (m->ticks_all && m->others > 0)
		ticks *=
		    (double)m->accesses / (double)(m->accesses + m->others);
	return ticks > 0 ? ticks : m->counted;
}

static void
end_part(struct pd_mrc *m)
{
	const double all = part_total(m);

	if (m->counted <= 0)
		return;
	m->off += m->counted - all;
	m->total += all;
	m->total_bytes += m->sum_bytes;
	m->counted = m->sum_bytes = 0;
	m->accesses = m->others = 0;
}

static int
begin_part(struct pd_mrc *m, const struct pd_pds_meta *meta, struct pd_err *err)
{
	const uint32_t n = meta->shards > 0 ? meta->shards : 1;
	struct shard *p;
	uint32_t i;

	if (meta->scheme == PD_SAMPLE_EVENT || meta->scheme == PD_SAMPLE_WINDOW)
		return pd_err_set(err,
		    "the stream was sampled by %s: it holds some accesses of "
		    "a key and not others, so it knows no reuse distances "
		    "(record with --by key)",
		    pd_scheme_name(meta->scheme));
	if (m->begun)
		end_part(m);
	p = realloc(m->shard, n * sizeof(*p));
	if (p == NULL)
		return pd_err_nomem(err);
	memset(p, 0, n * sizeof(*p));
	m->shard = p;
	m->shards = n;
	m->rate = meta->rate > 0 && meta->rate < 1 ? meta->rate : 1;
	/* predis-serve counts accesses, importers count all that they read. */
	m->ticks_all = strcmp(meta->source, "predis-serve") != 0;
	for (i = 0; m->parts > 0 && i < m->used; i++)
		if (m->key[i].size != 0)
			drop(m, i);
	pd_lrustack_clear(&m->stack);
	m->begun = true;
	m->parts++;
	return 0;
}

/* Does the source, or its sampling, begin anew with an access? */
static bool
is_new_part(const struct pd_mrc *m, const struct pd_event *e, uint32_t shard,
    const struct pd_pds_meta *meta)
{
	const uint32_t n = meta->shards > 0 ? meta->shards : 1;
	const double rate = meta->rate > 0 && meta->rate < 1 ? meta->rate : 1;

	return !m->begun || rate != m->rate || n != m->shards ||
	       meta->scheme == PD_SAMPLE_EVENT ||
	       meta->scheme == PD_SAMPLE_WINDOW ||
	       (m->shard[shard].n > 0 && pd_event_is_access(e) &&
		   e->tick < m->shard[shard].last);
}

/* Accesses. */

/* A part of the tally are hits at a depth of the stack. */
static void
count_hits(struct pd_mrc *m, const struct pd_lrustack_depth *d, double held,
    const struct tally *t, double part)
{
	const double deep = m->p.by_bytes ? (double)d->bytes : d->objects;
	const double distance = deep / whole_rate(m);

	count(&m->hits, distance, t, part);
	if (m->parts > 1)
		count(
		    &m->young_hits, held > distance ? held : distance, t, part);
}

/* The gaps that an event of some weight stands for have a sum that is known;
 * they are taken to be spread as those of independent accesses are. */
static void
spread_hits(struct pd_mrc *m, uint32_t id, double held, uint32_t weight,
    const struct tally *t)
{
	/* Quantiles of the exponential distribution. */
	static const double gap[] = {
	    0.0645, 0.2076, 0.3747, 0.5754, 0.8267, 1.1632, 1.6740, 2.7726};
	const unsigned k = sizeof(gap) / sizeof(*gap);
	const uint32_t back = pd_lrustack_back(&m->stack, id);
	struct pd_lrustack_depth d;
	unsigned i;

	for (i = 0; i < k; i++) {
		d = pd_lrustack_recent(&m->stack, id,
		    (uint32_t)((back - 1) * gap[i] / weight + 0.5));
		count_hits(m, &d, held, t, 1.0 / k);
	}
}

/*
 * What ${weight} accesses to a key count. As to hot, each of the c accesses to
 * a key should count c, which is not known before the end; but their sum is c
 * squared, and that grows by 2i - 1 with the i-th.
 */
static struct tally
tally(struct pd_mrc *m, struct key *k, uint32_t weight)
{
	const double n = weight / whole_rate(m), was = k->count;
	const struct tally t = {
	    n, n * k->size, (2 * was + weight) * weight / whole_rate(m)};

	k->count = k->count < NIL - weight ? k->count + weight : NIL;
	m->counted += t.n;
	m->sum_bytes += t.bytes;
	m->hot += t.hot;
	return t;
}

static int
count_access(struct pd_mrc *m, uint32_t id, uint32_t weight, struct pd_err *err)
{
	const double held =
	    (m->p.by_bytes ? (double)m->stack.bytes : (double)m->stack.marks) /
	    whole_rate(m);
	const struct tally t = tally(m, &m->key[id], weight);
	const uint32_t size = m->key[id].size;
	struct pd_lrustack_depth d;

	if (m->parts > 1)
		count(&m->young, held, &t, 1);
	if (weight > 1 && pd_lrustack_back(&m->stack, id) > 0) {
		spread_hits(m, id, held, weight, &t);
		return pd_lrustack_access(&m->stack, id, size, &d, err);
	}
	if (pd_lrustack_access(&m->stack, id, size, &d, err) < 0)
		return -1;
	if (d.objects > 0)
		count_hits(m, &d, held, &t, 1);
	return 0;
}

static int
add_access(struct pd_mrc *m, const struct pd_event *e, struct pd_err *err)
{
	uint32_t id = pd_keyindex_find(&m->index, e->key);

	if (id == PD_KEYINDEX_NONE && new_key(m, e->key, &id, err) < 0)
		return -1;
	if (id == NIL)
		return 0;
	if (e->size > 0)
		m->key[id].size = e->size;
	m->events++;
	return count_access(m, id, e->weight > 0 ? e->weight : 1, err);
}

/* What is no access but tells of a key. */
static int
add_other(struct pd_mrc *m, const struct pd_event *e, struct pd_err *err)
{
	const uint32_t id = pd_keyindex_find(&m->index, e->key);

	if ((e->flags & PD_EV_FILL) == 0)
		m->others++;
	if (id == PD_KEYINDEX_NONE)
		return 0;
	if (e->op == PD_OP_DEL)
		return pd_lrustack_delete(&m->stack, id, err);
	if (e->flags & PD_EV_FILL && e->size > 0) {
		m->key[id].size = e->size;
		pd_lrustack_resize(&m->stack, id, e->size);
	}
	return 0;
}

int
pd_mrc_add(struct pd_mrc *m, const struct pd_event *e, uint32_t shard,
    const struct pd_pds_meta *meta, struct pd_err *err)
{
	struct shard *s;

	shard %= meta->shards > 0 ? meta->shards : 1;
	if (is_new_part(m, e, shard, meta) && begin_part(m, meta, err) < 0)
		return -1;
	if (!pd_event_is_access(e))
		return selected(m, e->key) ? add_other(m, e, err) : 0;
	s = &m->shard[shard];
	if (s->n++ == 0)
		s->first = e->tick;
	s->last = e->tick;
	m->accesses++;
	return selected(m, e->key) ? add_access(m, e, err) : 0;
}

/* Answers. */

void
pd_mrc_summary(struct pd_mrc *m, struct pd_mrc_summary *s)
{
	const double rate = m->begun ? whole_rate(m) : 1;
	double bytes = 0;
	uint32_t i;

	end_part(m);
	for (i = 0; i < m->used; i++)
		bytes += m->key[i].size;
	*s = (struct pd_mrc_summary){.events = m->events,
	    .accesses = m->total,
	    .off = m->total > 0 ? m->off / m->total : 0,
	    .keys = m->keys,
	    .source_keys = m->keys / rate,
	    .source_bytes = bytes / rate,
	    .rate = rate,
	    .parts = m->parts,
	    .memory = sizeof(*m) + m->room * sizeof(*m->key) +
		      pd_keyindex_memory(&m->index) +
		      pd_lrustack_memory(&m->stack) +
		      m->shards * sizeof(*m->shard)};
	if (rate < 1)
		s->error = m->keys > 0 ? sqrt((1 - rate) / m->keys) : 1;
}

static double
share(double part, double all)
{
	if (!(all > 0))
		return NAN;
	part /= all;
	return part < 0 ? 0 : part > 1 ? 1 : part;
}

/* What lies at distance c is a hit of a capacity of c. */
static double
hits_of(const double *hits, const double *young_hits, double capacity)
{
	return below(hits, capacity + 1) - below(young_hits, capacity);
}

/*
 * The share of misses among the accesses by which the sample is off: of keys
 * as hot as those that make it so. Misses and accesses of a key go together,
 * and how many accesses there were is known: it is the regression of the ones
 * on the others over keys.
 */
static double
missed_when_off(const struct pd_mrc *m, double capacity)
{
	const double out = below(m->young.hot, capacity);

	return share(
	    m->hot - out - hits_of(m->hits.hot, m->young_hits.hot, capacity),
	    m->hot - out);
}

double
pd_mrc_at(struct pd_mrc *m, double capacity, double *byte_miss_ratio)
{
	double out, missed;

	end_part(m);
	if (byte_miss_ratio != NULL)
		*byte_miss_ratio = NAN;
	if (!m->begun || (!m->p.by_bytes && capacity * whole_rate(m) < 1))
		return NAN;
	if (byte_miss_ratio != NULL) {
		/* How many bytes were asked for is not known. */
		out = below(m->young.bytes, capacity);
		missed = m->total_bytes - out -
			 hits_of(m->hits.bytes, m->young_hits.bytes, capacity);
		*byte_miss_ratio = share(missed, m->total_bytes - out);
	}
	out = below(m->young.n, capacity);
	missed = m->total + m->off - out -
		 hits_of(m->hits.n, m->young_hits.n, capacity);
	if (m->off != 0)
		missed -= m->off * missed_when_off(m, capacity);
	return share(missed, m->total - out);
}
