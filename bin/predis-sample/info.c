#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/err.h"
#include "data/event.h"
#include "data/pds_index.h"
#include "io/json.h"
#include "sample.h"

static const char *index_path;

const struct pd_opt sample_info_opts[] = {
    SAMPLE_JSON_OPT,
    {0, "index", "FILE", PD_OPT_STR, &index_path, NULL,
	"write an index of the blocks of the one stream to FILE"},
    PD_OPT_END,
};

struct info {
	const char *name;
	struct pd_pds_reader *r;
	struct pd_pds_stats s;
	struct pd_pds_meta meta; /* of the first header */
	bool has_meta;
	bool hits_unknown; /* of any stream */
	uint64_t events, rows, labels;
	uint64_t op[PD_OP_MAX + 1];
	uint64_t hits, weight;
	uint64_t t_first_us, t_last_us;
	uint64_t tick_first, tick_last;
	struct pd_pds_index index;
};

static void
see(struct info *f, uint64_t time_us, uint64_t tick)
{
	if (f->events + f->rows == 0) {
		f->t_first_us = f->t_last_us = time_us;
		f->tick_first = f->tick_last = tick;
	}
	if (time_us < f->t_first_us)
		f->t_first_us = time_us;
	if (time_us > f->t_last_us)
		f->t_last_us = time_us;
	if (tick < f->tick_first)
		f->tick_first = tick;
	if (tick > f->tick_last)
		f->tick_last = tick;
}

static void
see_event(struct info *f, const struct pd_event *e)
{
	see(f, e->time_us, e->tick);
	f->events++;
	f->op[e->op < PD_OP_MAX ? e->op : PD_OP_MAX]++;
	f->hits += (e->flags & PD_EV_HIT) != 0;
	f->weight += e->weight;
}

/* 0, or -1 out of memory. */
static int
see_block(struct info *f, const struct pd_pds_block *b)
{
	const int rc = pd_pds_verify(f->r, b);

	if (rc != 0)
		return rc < 0 ? -1 : 0;
	if (b->type == PD_PDS_EVENTS) {
		for (uint32_t i = 0; i < b->nrec; i++)
			see_event(f, &pd_pds_events(f->r)[i]);
	} else if (b->type == PD_PDS_FEATURES) {
		for (uint32_t i = 0; i < b->nrec; i++) {
			const struct pd_pds_row *row = &pd_pds_rows(f->r)[i];

			see(f, row->time_us, row->tick);
			f->rows++;
		}
	} else if (b->type == PD_PDS_LABELS) {
		f->labels += b->nrec;
	}
	if (index_path != NULL)
		pd_pds_index_add(&f->index, b);
	if (pd_pds_header_meta(f->r) != NULL)
		f->hits_unknown |= pd_pds_header_meta(f->r)->hits_unknown;
	if (!f->has_meta && pd_pds_header_meta(f->r) != NULL) {
		f->meta = *pd_pds_header_meta(f->r);
		f->has_meta = true;
	}
	return 0;
}

/* A writer of either form: JSON members, or lines of name and value. */
static struct pd_json json;

static void
put_u64(struct pd_buf *out, const char *key, uint64_t v)
{
	if (sample_opt.json) {
		pd_json_key(&json, key);
		pd_json_u64(&json, v);
	} else {
		pd_buf_printf(out, "%s\t%" PRIu64 "\n", key, v);
	}
}

static void
put_str(struct pd_buf *out, const char *key, const char *v)
{
	if (sample_opt.json) {
		pd_json_key(&json, key);
		pd_json_str(&json, v);
	} else {
		pd_buf_printf(out, "%s\t%s\n", key, v);
	}
}

static void
put_double(struct pd_buf *out, const char *key, double v)
{
	if (sample_opt.json) {
		pd_json_key(&json, key);
		pd_json_double(&json, v);
	} else {
		pd_buf_printf(out, "%s\t%.6g\n", key, v);
	}
}

static void
put_header(struct pd_buf *out, const struct info *f)
{
	const struct pd_pds_meta *m = &f->meta;

	put_str(out, "schema", m->schema);
	put_str(out, "sampling", pd_scheme_name(m->scheme));
	put_double(out, "rate", m->rate);
	put_u64(out, "key_hash_id", m->key_hash_id);
	put_u64(out, "shards", m->shards);
	if (m->tool[0] != '\0')
		put_str(out, "tool", m->tool);
	if (m->source[0] != '\0')
		put_str(out, "source", m->source);
	if (m->host[0] != '\0')
		put_str(out, "host", m->host);
	if (m->capacity_objects != 0)
		put_u64(out, "capacity_objects", m->capacity_objects);
	if (m->eviction_age != 0)
		put_u64(out, "eviction_age_ticks", m->eviction_age);
}

static void
put_events(struct pd_buf *out, const struct info *f)
{
	const double s = (double)(f->t_last_us - f->t_first_us) * 1e-6;
	char key[32];

	put_u64(out, "events", f->events);
	put_u64(out, "feature_rows", f->rows);
	put_u64(out, "labels", f->labels);
	if (f->events + f->rows == 0)
		return;
	put_u64(out, "t_first_us", f->t_first_us);
	put_u64(out, "t_last_us", f->t_last_us);
	put_u64(out, "tick_first", f->tick_first);
	put_u64(out, "tick_last", f->tick_last);
	if (f->events == 0)
		return;
	if (s > 0)
		put_double(out, "events_per_second", (double)f->events / s);
	put_double(
	    out, "bytes_per_event", (double)f->s.bytes / (double)f->events);
	put_u64(out, "weight", f->weight);
	if (!f->hits_unknown)
		put_u64(out, "hits", f->hits);
	for (unsigned i = 0; i <= PD_OP_MAX; i++) {
		const char *op = pd_op_name(i);

		snprintf(
		    key, sizeof(key), "ops_%s", op != NULL ? op : "unknown");
		if (f->op[i] > 0)
			put_u64(out, key, f->op[i]);
	}
}

static int
print_info(const struct info *f)
{
	struct pd_buf out = PD_BUF_INIT;
	int rc;

	pd_json_init(&json, &out);
	if (sample_opt.json)
		pd_json_open(&json, '{');
	put_str(&out, "file", f->name);
	put_u64(&out, "bytes", f->s.bytes);
	put_u64(&out, "blocks", f->s.blocks);
	put_u64(&out, "streams", f->s.streams);
	if (f->has_meta)
		put_header(&out, f);
	put_events(&out, f);
	put_u64(&out, "lost_at_source", f->s.source_lost);
	put_u64(&out, "damaged_ranges", f->s.damaged);
	put_u64(&out, "damaged_bytes", f->s.damaged_bytes);
	put_u64(&out, "records_lost", f->s.records_lost);
	put_str(&out, "end", f->s.truncated ? "missing" : "marked");
	if (sample_opt.json) {
		pd_json_close(&json, '}');
		pd_buf_addc(&out, '\n');
	}
	rc = out.failed ? -1 : pd_cli_out(out.data, out.len);
	pd_buf_release(&out);
	return rc;
}

static int
write_index(const struct info *f)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf y = PD_BUF_INIT;
	struct sample_out out;
	struct pd_pds_meta m;
	int rc = -1;

	sample_opt.output = index_path;
	if (sample_out_open(&out, false, false))
		return -1;
	pd_pds_meta_init(&m);
	snprintf(m.schema, sizeof(m.schema), "index");
	if (pd_pds_index_payload(&f->index, NULL, 0, &y))
		pd_cli_failf("out of memory");
	else if (sample_out_header(&out, &m) == 0) {
		rc = pd_pds_block(out.w, PD_PDS_INDEX, f->index.n,
		    f->t_first_us, f->t_last_us, &y, &err);
		if (rc)
			pd_cli_fail(&err);
	}
	if (rc == 0)
		rc = sample_out_finish(&out);
	else
		sample_out_abort(&out);
	pd_buf_release(&y);
	return rc;
}

/* Of a stream that was read and shown: 1 where it is damaged, having said
 * how, else 0. */
static int
judge(const struct info *f)
{
	const struct pd_pds_damage *list;
	const size_t n = pd_pds_damage(f->r, &list);

	return sample_note_damage(f->name, &f->s, list, n) ? PD_EXIT_NO
							   : PD_EXIT_YES;
}

static int
info_one(const char *path)
{
	struct info f = {.name = sample_name(path), .index = PD_PDS_INDEX_INIT};
	const int fd = sample_open(path);
	struct pd_err err = PD_ERR_INIT;
	int rc, status = PD_EXIT_FAIL;
	struct pd_pds_block b;

	if (fd < 0)
		return PD_EXIT_FAIL;
	if ((f.r = pd_pds_reader_fd(fd)) == NULL) {
		close(fd);
		return pd_cli_failf("out of memory");
	}
	while ((rc = pd_pds_next(f.r, &b, &err)) == PD_PDS_GOT)
		if (see_block(&f, &b)) {
			rc = pd_err_nomem(&err);
			break;
		}
	pd_pds_reader_stats(f.r, &f.s);
	if (rc < 0) {
		pd_err_prefix(&err, "'%s'", f.name);
		pd_cli_fail(&err);
	} else if (f.s.blocks == 0) {
		pd_cli_failf("'%s' holds no block of a PDS stream", f.name);
	} else if (print_info(&f) == 0 &&
		   (index_path == NULL || write_index(&f) == 0)) {
		status = judge(&f);
	}
	pd_pds_index_release(&f.index);
	pd_pds_reader_free(f.r);
	close(fd);
	return status;
}

int
sample_info(int argc, char **argv)
{
	int status = PD_EXIT_YES, s;
	char **path;

	if ((path = sample_operands(&argc, argv, 0, UINT64_MAX)) == NULL)
		return PD_EXIT_FAIL;
	if (index_path != NULL && argc > 1)
		status = pd_cli_usage("--index is for one stream");
	for (int i = 0; i < argc && (index_path == NULL || argc == 1); i++)
		if ((s = info_one(path[i])) > status)
			status = s;
	sample_operands_free(argc, path);
	return status;
}
