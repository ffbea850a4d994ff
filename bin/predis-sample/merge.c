/*
 * Several streams as one in order of (time, shard, place): a small heap over
 * the readers. Ticks stay those of each shard, and every event says its own.
 */
#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "data/event.h"
#include "sample.h"

#define MAX_INPUTS 256

static bool any_key;

const struct pd_opt sample_merge_opts[] = {
    SAMPLE_OUTPUT_OPTS,
    {0, "any-key", NULL, PD_OPT_FLAG, &any_key, NULL,
	"also streams of different key files, whose keys never meet"},
    SAMPLE_SCHEME_OPT,
    PD_OPT_END,
};

struct input {
	const char *name;
	struct pd_evreader *r;
	struct pd_event e; /* its next event */
	uint32_t shard;
	int place; /* among the operands */
};

struct merge {
	struct input in[MAX_INPUTS];
	struct input *heap[MAX_INPUTS];
	int n;
	uint64_t last_us;
	uint64_t back; /* events out of order within their input */
};

static bool
before(const struct input *a, const struct input *b)
{
	if (a->e.time_us != b->e.time_us)
		return a->e.time_us < b->e.time_us;
	if (a->shard != b->shard)
		return a->shard < b->shard;
	return a->place < b->place;
}

static void
sift_down(struct merge *m, int i)
{
	struct input *x = m->heap[i];
	int k;

	while ((k = 2 * i + 1) < m->n) {
		if (k + 1 < m->n && before(m->heap[k + 1], m->heap[k]))
			k++;
		if (!before(m->heap[k], x))
			break;
		m->heap[i] = m->heap[k];
		i = k;
	}
	m->heap[i] = x;
}

/* The next event of an input: 1, 0 at its end, -1 having reported. */
static int
advance(struct input *in)
{
	struct pd_err err = PD_ERR_INIT;
	const int rc = pd_evreader_next(in->r, &in->e, &err);

	if (rc < 0)
		pd_cli_fail(&err);
	if (rc == 1)
		in->shard = pd_evreader_shard(in->r);
	return rc;
}

static int
open_inputs(struct merge *m, int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	int rc;

	for (int i = 0; i < argc; i++) {
		struct input *in = &m->in[i];

		in->name = sample_name(argv[i]);
		in->place = i;
		in->r = pd_evreader_open(argv[i], "pds", NULL, PD_TIME_S, &err);
		if (in->r == NULL ||
		    pd_evreader_scheme(in->r, sample_opt.scheme, &err)) {
			pd_cli_fail(&err);
			return -1;
		}
		if ((rc = advance(in)) < 0)
			return -1;
		if (rc == 1)
			m->heap[m->n++] = in;
	}
	for (int i = m->n / 2; i-- > 0;)
		sift_down(m, i);
	return 0;
}

/* The id of keys of two kinds: the same for none of them, and not public. */
static uint32_t
mixed_id(uint32_t a, uint32_t b)
{
	return (uint32_t)pd_mix64((uint64_t)a << 32 | b) | 1;
}

/* The header of the result; inputs that cannot be joined are refused. */
static int
join_headers(const struct merge *m, int argc, struct pd_pds_meta *out)
{
	*out = *pd_evreader_meta(m->in[0].r);
	out->shard = 0;
	for (int i = 1; i < argc; i++) {
		const struct pd_pds_meta *x = pd_evreader_meta(m->in[i].r);

		if (x->key_hash_id != out->key_hash_id && !any_key)
			return pd_cli_failf("'%s' and '%s' are of different "
					    "key files: their keys cannot be "
					    "joined (--any-key, if that does "
					    "not matter)",
				   m->in[0].name, m->in[i].name),
			       -1;
		if (x->key_hash_id != out->key_hash_id)
			out->key_hash_id =
			    mixed_id(out->key_hash_id, x->key_hash_id);
		if (x->scheme != out->scheme || x->rate < out->rate ||
		    x->rate > out->rate)
			return pd_cli_failf("'%s' and '%s' are sampled "
					    "differently",
				   m->in[0].name, m->in[i].name),
			       -1;
		if (x->shards > out->shards)
			out->shards = x->shards;
	}
	return 0;
}

static int
copy(struct merge *m, uint32_t key_id, struct sample_out *out)
{
	struct pd_err err = PD_ERR_INIT;
	int rc;

	while (m->n > 0) {
		struct input *in = m->heap[0];

		if (!any_key && pd_evreader_meta(in->r)->key_hash_id != key_id)
			return pd_cli_failf("'%s' holds streams of different "
					    "key files: their keys cannot be "
					    "joined (--any-key, if that does "
					    "not matter)",
				   in->name),
			       -1;
		m->back += in->e.time_us < m->last_us;
		m->last_us = in->e.time_us;
		pd_pds_shard(out->w, in->shard);
		if (pd_pds_add(out->w, &in->e, &err))
			return pd_cli_fail(&err), -1;
		if ((rc = advance(in)) < 0)
			return -1;
		if (rc == 0)
			m->heap[0] = m->heap[--m->n];
		if (m->n > 0)
			sift_down(m, 0);
	}
	return 0;
}

static int
finish(struct merge *m, int argc, struct sample_out *out)
{
	int status = PD_EXIT_YES;

	for (int i = 0; i < argc; i++) {
		const struct pd_pds_damage *list;
		const size_t n = pd_evreader_damage(m->in[i].r, &list);
		struct pd_pds_stats s;

		pd_evreader_stats(m->in[i].r, &s);
		pd_pds_lost(out->w, s.source_lost + s.records_lost);
		if (sample_note_damage(m->in[i].name, &s, list, n))
			status = PD_EXIT_NO;
	}
	if (m->back > 0)
		pd_cli_note("%llu events were out of order in their input",
		    (unsigned long long)m->back);
	return sample_out_finish(out) ? PD_EXIT_FAIL : status;
}

int
sample_merge(int argc, char **argv)
{
	struct merge *m;
	struct pd_pds_meta meta;
	struct sample_out out;
	int status = PD_EXIT_FAIL;

	if (argc > MAX_INPUTS)
		return pd_cli_usage("at most %d inputs", MAX_INPUTS);
	if ((m = calloc(1, sizeof(*m))) == NULL)
		return pd_cli_failf("out of memory");
	if (open_inputs(m, argc, argv) == 0 &&
	    join_headers(m, argc, &meta) == 0 &&
	    sample_out_open(&out, false, false) == 0) {
		if (sample_out_header(&out, &meta) == 0 &&
		    copy(m, meta.key_hash_id, &out) == 0)
			status = finish(m, argc, &out);
		else
			sample_out_abort(&out);
	}
	for (int i = 0; i < argc; i++)
		pd_evreader_close(m->in[i].r);
	free(m);
	return status;
}
