#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/log2.h"
#include "cache/minicache.h"
#include "cli/cli.h"
#include "data/evreader.h"
#include "data/history.h"
#include "data/pds.h"
#include "data/transport.h"
#include "features.h"
#include "io/json.h"
#include "sample.h"

#define SERVED 20
#define SHARDS_MAX 1024
#define LABELS_MAX PD_PDS_BLOCK_RECORDS
#define SMALL_CACHE 2500 /* sampled objects under which error grows */
#define PROGRESS_EVERY 65536
#define AHEAD 16 /* events read ahead */
#define NEAR 6

/* The row of a tracked key whose label is still to come. */
struct pending {
	uint64_t seq;
	uint64_t at; /* tick, or with label_ms the time in ms */
	uint32_t row;
	uint32_t shard_1; /* shard + 1; 0: nothing is pending */
};

/* An event that was read ahead, so that memory is there when it is its turn. */
struct upcoming {
	struct pd_event e;
	uint32_t shard;
};

struct job {
	const struct features_opts *o;
	const char *path;
	struct pd_evreader *in;
	struct pd_pds_writer *out;
	struct pd_history *history;
	struct pd_pds_meta meta; /* of the events, as of the first one */
	struct pd_minicache *cache[SHARDS_MAX];
	uint64_t now[SHARDS_MAX]; /* the last tick, or ms, of each shard */
	struct pending *pending;  /* by the history's slot; NULL: no labels */
	struct pd_pds_label *labels;
	size_t nlabels;
	struct upcoming ring[AHEAD]; /* events read, not yet handled */
	unsigned first, waiting;
	struct features_counts *n;
};

/* --- header ------------------------------------------------------------- */

/* What access histories cannot be made from. */
static int
check_sampling(const struct job *j, struct pd_err *err)
{
	const struct pd_pds_meta *m = pd_evreader_meta(j->in);

	if (m->scheme == PD_SAMPLE_EVENT || m->scheme == PD_SAMPLE_WINDOW)
		return pd_err_set(err,
		    "'%s' was sampled by %s: it holds some accesses of a key "
		    "and not others, so gaps, counts and ages would be wrong "
		    "(record with --by key)",
		    sample_name(j->path), pd_scheme_name(m->scheme));
	if (m->key_hash_id != j->meta.key_hash_id)
		return pd_err_set(err,
		    "'%s' holds streams of different key files: a key of one "
		    "is another key in the next; derive features from each by "
		    "itself",
		    sample_name(j->path));
	return 0;
}

/* The members that only a header of features has. */
static int
add_members(const struct job *j, const struct pd_event *first, struct pd_buf *b)
{
	struct pd_json json;
	char key[17];
	int i;

	b->len--; /* the closing brace */
	pd_buf_addc(b, ',');
	pd_json_init(&json, b);
	pd_json_key(&json, "features");
	pd_json_open(&json, '[');
	for (i = 0; i < PD_FEATURES; i++)
		if (j->o->slots >> i & 1)
			pd_json_str(&json, pd_feature_info[i].name);
	pd_json_close(&json, ']');
	if (j->o->quantize) {
		pd_json_key(&json, "quantized");
		pd_json_bool(&json, true);
	}
	if (j->o->capacity != 0) {
		pd_json_key(&json, "miniature_cache");
		pd_json_open(&json, '{');
		pd_json_key(&json,
		    j->o->by_bytes ? "capacity_bytes" : "capacity_objects");
		pd_json_u64(&json, j->o->capacity);
		pd_json_close(&json, '}');
	}
	if (j->n->events != 0) { /* tells streams with equal headers apart */
		pd_json_key(&json, "first_event");
		pd_json_open(&json, '{');
		pd_json_key(&json, "time_us");
		pd_json_u64(&json, first->time_us);
		pd_json_key(&json, "tick");
		pd_json_u64(&json, first->tick);
		snprintf(key, sizeof(key), "%016llx",
		    (unsigned long long)first->key);
		pd_json_key(&json, "key");
		pd_json_str(&json, key);
		pd_json_close(&json, '}');
	}
	if (j->o->labels) {
		pd_json_key(&json, "label");
		pd_json_str(&json, j->o->label_ms ? "log2_1p_next_gap_ms"
						  : "log2_1p_next_gap_ticks");
		if (j->o->horizon != 0) {
			pd_json_key(&json,
			    j->o->label_ms ? "horizon_ms" : "horizon_ticks");
			pd_json_u64(&json, j->o->horizon);
		}
	}
	return pd_buf_addc(b, '}');
}

static int
write_header(struct job *j, const struct pd_event *first, struct pd_err *err)
{
	struct pd_pds_meta m = *pd_evreader_meta(j->in);
	struct pd_buf b = PD_BUF_INIT;
	int rc = -1;

	j->meta = m;
	if (check_sampling(j, err) < 0)
		return -1;
	memcpy(m.schema, "features", sizeof("features"));
	memcpy(m.tool, "predis-sample " PD_VERSION,
	    sizeof("predis-sample " PD_VERSION));
	m.feature_schema = pd_feature_schema_id();
	if (pd_pds_meta_encode(&m, &b) < 0 || add_members(j, first, &b) < 0)
		(void)pd_err_nomem(err);
	else
		rc = pd_pds_header(j->out, (const char *)b.data, b.len, err);
	pd_buf_release(&b);
	return rc;
}

/* A trace knows no cache: its events say nothing of hits and fills. */
static bool
no_cache(const struct pd_pds_meta *m)
{
	const char *source = m->source;

	return m->hits_unknown || strncmp(source, "csv:", 4) == 0 ||
	       strncmp(source, "oracle:", 7) == 0 ||
	       strncmp(source, "monitor:", 8) == 0;
}

/* --- miniature caches: one a shard, as the server has ------------------- */

static uint64_t
mini_capacity(const struct job *j)
{
	uint64_t shards = j->meta.shards == 0 ? 1 : j->meta.shards;
	double c = (double)j->o->capacity * j->meta.rate / (double)shards;

	return c < 1.5 ? 1 : (uint64_t)(c + 0.5);
}

static void
warn_small(const struct job *j)
{
	uint64_t c = mini_capacity(j);

	if (j->o->capacity != 0 && j->meta.rate < 1 && !j->o->by_bytes &&
	    c < SMALL_CACHE)
		pd_cli_note("the miniature cache holds %llu objects, fewer "
			    "than %d: ages and hits in it are rough",
		    (unsigned long long)c, SMALL_CACHE);
}

/* The served features of a resident, over those of the events. */
static int
cache_state(struct job *j, struct pd_event *e, uint32_t shard, bool *resident,
    struct pd_served *s, struct pd_err *err)
{
	struct pd_minicache **m = &j->cache[shard];
	int got;

	if (*m == NULL &&
	    (*m = pd_minicache_new(mini_capacity(j), j->o->by_bytes,
		 !no_cache(&j->meta), err)) == NULL)
		return -1;
	got = pd_minicache_event(*m, e, s);
	if (got < 0)
		return pd_err_nomem(err);
	*resident = got == 1;
	if (!pd_event_is_access(e))
		return 0;
	e->flags =
	    (uint8_t)((e->flags & ~PD_EV_HIT) | (*resident ? PD_EV_HIT : 0));
	e->ctx[PD_CTX_EVICT_AGE] = s->evict_age;
	e->ctx[PD_CTX_HIT_RATIO] = s->hit_ratio;
	e->ctx[PD_CTX_NEW_SHARE] = s->new_share;
	return 0;
}

static void
overlay(const struct pd_served *s, float *row)
{
	static const uint8_t slots[SERVED] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10,
	    11, 12, 13, 14, 15, 16, 17, 18, 19};

	pd_feature_served(s, slots, SERVED, row);
}

/* --- labels ------------------------------------------------------------- */

static int
flush_labels(struct job *j, struct pd_err *err)
{
	size_t i;

	if (j->nlabels == 0)
		return 0;
	for (i = 0; i < j->nlabels; i++)
		if (pd_pds_add_label(j->out, &j->labels[i], err) < 0)
			return -1;
	j->n->labels += j->nlabels;
	j->nlabels = 0;
	return pd_pds_flush(j->out, err);
}

/* The label of the row that ${p} stands for, which is ${gap} back. */
static void
label(struct job *j, struct pending *p, uint64_t gap, bool censored)
{
	struct pd_pds_label *l = &j->labels[j->nlabels++];

	if (j->o->horizon != 0 && gap > j->o->horizon) {
		gap = j->o->horizon;
		censored = true;
	}
	l->stream_id = pd_pds_stream_id(j->out);
	l->seq = p->seq;
	l->row = p->row;
	l->value = (float)pd_log2((double)gap + 1.0);
	l->censored = censored;
	p->shard_1 = 0;
}

static void
censor(struct job *j, struct pending *p)
{
	const uint64_t now = j->now[p->shard_1 - 1];

	label(j, p, now > p->at ? now - p->at : 0, true);
}

/* When an event was, in the unit of labels. */
static uint64_t
moment(const struct job *j, const struct pd_event *e)
{
	return j->o->label_ms ? e->time_us / 1000 : e->tick;
}

/* ${note} is of the event that is about to be written as a row. */
static int
take_labels(struct job *j, const struct pd_event *e, uint32_t shard,
    const struct pd_history_note *note, struct pd_err *err)
{
	struct pending *p = &j->pending[note->slot];

	if (p->shard_1 != 0) {
		if (note->is_new)
			censor(j, p);
		else
			label(j, p,
			    j->o->label_ms ? note->gap_ms : note->distance,
			    false);
	}
	/* Before the row's place is asked for: flushing moves it. */
	if (j->nlabels == LABELS_MAX && flush_labels(j, err) < 0)
		return -1;
	p->seq = pd_pds_seq(j->out);
	p->row = pd_pds_pending(j->out);
	p->at = moment(j, e);
	p->shard_1 = shard + 1;
	return 0;
}

static int
censor_rest(struct job *j, struct pd_err *err)
{
	uint64_t i;

	for (i = 0; j->pending != NULL && i < j->o->keys; i++) {
		if (j->pending[i].shard_1 == 0)
			continue;
		censor(j, &j->pending[i]);
		if (j->nlabels == LABELS_MAX && flush_labels(j, err) < 0)
			return -1;
	}
	return flush_labels(j, err);
}

/* --- rows --------------------------------------------------------------- */

static int
one_event(struct job *j, struct pd_event *e, uint32_t shard, struct pd_err *err)
{
	struct pd_history_note note;
	struct pd_pds_row row;
	struct pd_served s;
	bool resident = false;

	if (shard >= SHARDS_MAX)
		return pd_err_set(err, "'%s': shard %u, but at most %d",
		    sample_name(j->path), (unsigned)shard, SHARDS_MAX);
	if (j->o->capacity != 0 &&
	    cache_state(j, e, shard, &resident, &s, err) < 0)
		return -1;
	pd_history_add(j->history, e, row.value, &note);
	if (moment(j, e) > j->now[shard])
		j->now[shard] = moment(j, e);
	if (!note.access)
		return 0;
	if (resident)
		overlay(&s, row.value);
	row.time_us = e->time_us;
	row.tick = e->tick;
	row.key = e->key;
	if (j->pending != NULL && take_labels(j, e, shard, &note, err) < 0)
		return -1;
	j->n->rows++;
	return pd_pds_add_row(j->out, &row, err);
}

/* Everything that depends on the first event's header. */
static int
start(struct job *j, const struct pd_event *first, struct pd_err *err)
{
	struct pd_history_opts o = {
	    .keys = (uint32_t)j->o->keys, .slots = j->o->slots};

	if (write_header(j, first, err) < 0 ||
	    pd_pds_row_form(j->out, j->o->slots, j->o->quantize, err) < 0)
		return -1;
	o.hits_unknown = j->o->capacity == 0 && no_cache(&j->meta);
	warn_small(j);
	if ((j->history = pd_history_new(&o, err)) == NULL)
		return -1;
	if (!j->o->labels)
		return 0;
	j->pending = calloc(j->o->keys, sizeof(*j->pending));
	j->labels = malloc(LABELS_MAX * sizeof(*j->labels));
	if (j->pending == NULL || j->labels == NULL)
		return pd_err_nomem(err);
	return 0;
}

static void
forget(struct job *j)
{
	struct pd_history_stats st;

	if (j->history != NULL) {
		pd_history_stats(j->history, &st);
		j->n->keys_dropped += st.keys_dropped;
	}
	for (int i = 0; i < SHARDS_MAX; i++) {
		pd_minicache_free(j->cache[i]);
		j->cache[i] = NULL;
	}
	pd_history_free(j->history);
	j->history = NULL;
	free(j->pending);
	j->pending = NULL;
	free(j->labels);
	j->labels = NULL;
}

/* The event that waits longest becomes a row. */
static int
take_one(struct job *j, struct pd_err *err)
{
	struct upcoming *u = &j->ring[j->first];

	if (one_event(j, &u->e, u->shard, err) < 0)
		return -1;
	j->first = (j->first + 1) % AHEAD;
	j->waiting--;
	return 0;
}

/* Keys of another share are sampled from ${first} on: what was known of them
 * is not their history any more. */
static int
begin_anew(struct job *j, const struct pd_event *first, struct pd_err *err)
{
	while (j->waiting > 0)
		if (take_one(j, err) < 0)
			return -1;
	if (censor_rest(j, err) < 0 || pd_pds_end(j->out, err) < 0)
		return -1;
	forget(j);
	memset(j->now, 0, sizeof(j->now));
	j->n->anew++;
	return start(j, first, err);
}

/* The stream is empty, or of another kind. */
static int
no_events(struct job *j, struct pd_err *err)
{
	const struct pd_pds_meta *m = pd_evreader_meta(j->in);

	if (strcmp(m->schema, "events") != 0)
		return pd_err_set(err, "'%s' holds %s, not events",
		    sample_name(j->path), m->schema);
	return write_header(j, NULL, err);
}

static bool
other_share(const struct job *j)
{
	const struct pd_pds_meta *m = pd_evreader_meta(j->in);

	return m->scheme != j->meta.scheme || m->rate != j->meta.rate;
}

/* Read ahead. 1, 0 when the input has ended, -1. */
static int
read_ahead(struct job *j, struct pd_err *err)
{
	struct upcoming *u;
	int got;

	while (j->waiting < AHEAD) {
		u = &j->ring[(j->first + j->waiting) % AHEAD];
		if ((got = pd_evreader_next(j->in, &u->e, err)) <= 0)
			return got;
		u->shard = pd_evreader_shard(j->in);
		if (j->n->events++ == 0 && start(j, &u->e, err) < 0)
			return -1;
		if (check_sampling(j, err) < 0 ||
		    (other_share(j) && begin_anew(j, &u->e, err) < 0))
			return -1;
		j->waiting++;
	}
	pd_history_ahead(j->history, j->ring[(j->first + NEAR) % AHEAD].e.key,
	    j->ring[(j->first + AHEAD - 1) % AHEAD].e.key);
	return 1;
}

static int
read_all(struct job *j, struct pd_err *err)
{
	uint64_t done = 0;
	int got = 1;

	for (;;) {
		if (got > 0 && (got = read_ahead(j, err)) < 0)
			return -1;
		if (j->waiting == 0)
			break;
		if (take_one(j, err) < 0)
			return -1;
		if (++done % PROGRESS_EVERY != 0)
			continue;
		if (pd_cli_stopping())
			return 1;
		pd_cli_progress("features", pd_evreader_offset(j->in),
		    pd_evreader_total(j->in));
	}
	pd_cli_progress_end();
	if (j->n->events == 0 && no_events(j, err) < 0)
		return -1;
	return censor_rest(j, err);
}

/* Say what of the input could not be read. */
static bool
tell_damage(const struct job *j)
{
	const struct pd_pds_damage *list;
	size_t n = pd_evreader_damage(j->in, &list);
	struct pd_pds_stats st;

	pd_evreader_stats(j->in, &st);
	return sample_note_damage(sample_name(j->path), &st, list, n);
}

int
features_rows(const char *path, const struct features_opts *o,
    struct pd_pds_writer *w, struct features_counts *n, struct pd_err *err)
{
	struct pd_transport_opts net;
	const struct pd_evreader_opts in = {.unit = PD_TIME_OWN, .net = &net};
	struct job *j = calloc(1, sizeof(*j));
	int rc;

	if (j == NULL)
		return pd_err_nomem(err);
	j->o = o;
	j->path = path;
	j->out = w;
	j->n = n;
	if (sample_net_opts(&net) == 0)
		j->in = pd_evreader_open_with(path, &in, err);
	rc = j->in == NULL || pd_evreader_scheme(j->in, sample_opt.scheme, err)
		 ? -1
		 : read_all(j, err);
	if (rc == 0)
		n->damaged = tell_damage(j);
	forget(j);
	pd_evreader_close(j->in);
	free(j);
	return rc;
}
