#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/code.h"
#include "data/event.h"
#include "data/feature.h"
#include "io/json.h"
#include "sample.h"

#define OUT_FULL 65536

static bool csv;
static bool headers;
static uint64_t limit;

const struct pd_opt sample_print_opts[] = {
    SAMPLE_JSON_OPT,
    SAMPLE_SCHEME_OPT,
    {0, "csv", NULL, PD_OPT_FLAG, &csv, NULL,
	"commas instead of tabs, and a line of names"},
    {0, "headers", NULL, PD_OPT_FLAG, &headers, NULL,
	"show the headers too (# lines without --json)"},
    {'n', "limit", "N", PD_OPT_U64, &limit, NULL,
	"stop after N records (0, the default: no limit)"},
    PD_OPT_END,
};

static const char *const ctx_names[PD_CTX_COUNT] = {
    [PD_CTX_EVICT_AGE] = "eviction_age_code",
    [PD_CTX_HIT_RATIO] = "hit_ratio_250",
    [PD_CTX_NEW_SHARE] = "new_share_250",
    [PD_CTX_PRED_GAP] = "pred_gap_code",
    [PD_CTX_PRED_AGE] = "pred_age_code",
    [PD_CTX_GROUP_GAP] = "group_gap_code",
    [PD_CTX_GROUP_AGE] = "group_age_code",
    [PD_CTX_STRIDE] = "stride_code",
    [PD_CTX_BATCH] = "batch_250",
    [PD_CTX_SUCCESSOR] = "successor_250",
};

struct printer {
	struct pd_pds_reader *r;
	struct pd_buf out;
	uint8_t named;	/* type whose line of names is out */
	uint64_t slots; /* that it named, of rows */
	uint64_t records;
};

static void
key_u64(struct pd_json *j, const char *key, uint64_t v)
{
	pd_json_key(j, key);
	pd_json_u64(j, v);
}

static void
key_hex(struct pd_json *j, const char *key, uint64_t v)
{
	char text[17];

	snprintf(text, sizeof(text), "%016" PRIx64, v);
	pd_json_key(j, key);
	pd_json_strn(j, text, 16);
}

static void
event_ctx(struct pd_json *j, const struct pd_event *e)
{
	for (int i = 0; i < PD_CTX_COUNT; i++)
		if (e->ctx[i] != PD_CODE_NONE)
			key_u64(j, ctx_names[i], e->ctx[i]);
}

/* Does the source tell which accesses were hits? */
static bool
hits_known(const struct printer *p)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(p->r);

	return m == NULL || !m->hits_unknown;
}

static void
event_json(struct printer *p, const struct pd_event *e, uint32_t shard)
{
	const char *op = pd_op_name(e->op);
	const bool costs = e->flags & PD_EV_COST;
	struct pd_json j;

	pd_json_init(&j, &p->out);
	pd_json_open(&j, '{');
	key_u64(&j, "time_us", e->time_us);
	key_u64(&j, "tick", e->tick);
	key_hex(&j, "key", e->key);
	pd_json_key(&j, "op");
	pd_json_str(&j, op != NULL ? op : "unknown");
	if (hits_known(p)) {
		pd_json_key(&j, "hit");
		pd_json_bool(&j, e->flags & PD_EV_HIT);
	}
	pd_json_key(&j, "fill");
	pd_json_bool(&j, e->flags & PD_EV_FILL);
	key_u64(&j, "size_bytes", e->size);
	if (e->flags & PD_EV_TTL)
		key_u64(&j, "ttl_ms", e->ttl_ms);
	key_u64(&j, "latency_us", costs ? 0 : e->latency_us);
	if (costs)
		key_u64(&j, "cost_us", e->latency_us);
	key_u64(&j, "ns", e->ns);
	key_u64(&j, "client", e->client);
	key_u64(&j, "weight", e->weight);
	key_u64(&j, "shard", shard);
	event_ctx(&j, e);
	pd_json_close(&j, '}');
	pd_buf_addc(&p->out, '\n');
}

static void
event_text(struct printer *p, const struct pd_event *e, uint32_t shard)
{
	const char *op = pd_op_name(e->op);
	const bool hit = e->flags & PD_EV_HIT;
	const char s = csv ? ',' : '\t';
	char ttl[24] = "";

	if (e->flags & PD_EV_TTL)
		snprintf(ttl, sizeof(ttl), "%" PRIu64, e->ttl_ms);
	pd_buf_printf(&p->out,
	    "%" PRIu64 "%c%" PRIu64 "%c%016" PRIx64 "%c%s%c%s%c%d%c%" PRIu32
	    "%c%s%c%" PRIu32 "%c%" PRIu32 "%c%" PRIu32 "%c%" PRIu32 "%c%" PRIu32
	    "\n",
	    e->time_us, s, e->tick, s, e->key, s, op != NULL ? op : "unknown",
	    s,
	    !hits_known(p) ? ""
	    : hit	   ? "1"
			   : "0",
	    s, (e->flags & PD_EV_FILL) != 0, s, e->size, s, ttl, s,
	    e->latency_us, s, e->ns, s, e->client, s, e->weight, s, shard);
}

static void
row_json(struct printer *p, const struct pd_pds_row *row)
{
	const uint64_t slots = pd_pds_row_slots(p->r, NULL);
	struct pd_json j;

	pd_json_init(&j, &p->out);
	pd_json_open(&j, '{');
	key_u64(&j, "time_us", row->time_us);
	key_u64(&j, "tick", row->tick);
	key_hex(&j, "key", row->key);
	for (int i = 0; i < PD_FEATURES; i++) {
		if (!(slots >> i & 1))
			continue;
		pd_json_key(&j, pd_feature_info[i].name);
		pd_json_double(&j, (double)row->value[i]);
	}
	pd_json_close(&j, '}');
	pd_buf_addc(&p->out, '\n');
}

static void
row_text(struct printer *p, const struct pd_pds_row *row)
{
	const uint64_t slots = pd_pds_row_slots(p->r, NULL);
	const char s = csv ? ',' : '\t';

	pd_buf_printf(&p->out, "%" PRIu64 "%c%" PRIu64 "%c%016" PRIx64,
	    row->time_us, s, row->tick, s, row->key);
	for (int i = 0; i < PD_FEATURES; i++) {
		if (!(slots >> i & 1))
			continue;
		pd_buf_addc(&p->out, s);
		if (!isnan(row->value[i]))
			pd_buf_printf(&p->out, "%.9g", (double)row->value[i]);
	}
	pd_buf_addc(&p->out, '\n');
}

static void
label_json(struct printer *p, const struct pd_pds_label *l)
{
	struct pd_json j;

	pd_json_init(&j, &p->out);
	pd_json_open(&j, '{');
	key_hex(&j, "stream_id", l->stream_id);
	key_u64(&j, "seq", l->seq);
	key_u64(&j, "row", l->row);
	pd_json_key(&j, "label");
	pd_json_double(&j, (double)l->value);
	pd_json_key(&j, "censored");
	pd_json_bool(&j, l->censored != 0);
	pd_json_close(&j, '}');
	pd_buf_addc(&p->out, '\n');
}

static void
label_text(struct printer *p, const struct pd_pds_label *l)
{
	const char s = csv ? ',' : '\t';

	pd_buf_printf(&p->out,
	    "%016" PRIx64 "%c%" PRIu64 "%c%" PRIu32 "%c%.9g%c%d\n",
	    l->stream_id, s, l->seq, s, l->row, s, (double)l->value, s,
	    l->censored != 0);
}

/* With --csv, the line of names before the first record of a kind. */
static void
names(struct printer *p, uint8_t type)
{
	const uint64_t slots =
	    type == PD_PDS_FEATURES ? pd_pds_row_slots(p->r, NULL) : 0;

	if (!csv || sample_opt.json || (p->named == type && p->slots == slots))
		return;
	p->named = type;
	p->slots = slots;
	if (type == PD_PDS_EVENTS) {
		pd_buf_addstr(&p->out,
		    "time_us,tick,key,op,hit,fill,size_bytes,ttl_ms,"
		    "latency_us,ns,client,weight,shard\n");
	} else if (type == PD_PDS_LABELS) {
		pd_buf_addstr(&p->out, "stream_id,seq,row,label,censored\n");
	} else {
		pd_buf_addstr(&p->out, "time_us,tick,key");
		for (int i = 0; i < PD_FEATURES; i++)
			if (slots >> i & 1)
				pd_buf_printf(
				    &p->out, ",%s", pd_feature_info[i].name);
		pd_buf_addc(&p->out, '\n');
	}
}

static int
write_out(struct printer *p, size_t above)
{
	int rc = 0;

	if (p->out.failed) {
		pd_cli_failf("out of memory");
		return -1;
	}
	if (p->out.len > above) {
		rc = pd_cli_out(p->out.data, p->out.len);
		pd_buf_clear(&p->out);
	}
	return rc;
}

static void
print_record(struct printer *p, uint8_t type, uint32_t i)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(p->r);
	const uint32_t *shards = pd_pds_event_shards(p->r);

	if (type == PD_PDS_EVENTS)
		(sample_opt.json ? event_json : event_text)(p,
		    &pd_pds_events(p->r)[i],
		    shards != NULL ? shards[i]
		    : m != NULL	   ? m->shard
				   : 0);
	else if (type == PD_PDS_FEATURES)
		(sample_opt.json ? row_json : row_text)(
		    p, &pd_pds_rows(p->r)[i]);
	else
		(sample_opt.json ? label_json : label_text)(
		    p, &pd_pds_labels(p->r)[i]);
}

static void
print_text_block(struct printer *p, const struct pd_pds_block *b)
{
	const char *text;
	size_t n;

	if ((b->type == PD_PDS_HEADER && !headers) ||
	    (text = pd_pds_text(b, &n)) == NULL)
		return;
	if (b->type == PD_PDS_HEADER && sample_opt.json) {
		pd_buf_addstr(&p->out, "{\"header\":");
		pd_buf_add(&p->out, text, n);
		pd_buf_addc(&p->out, '}');
	} else {
		if (b->type == PD_PDS_HEADER)
			pd_buf_addstr(&p->out, "# ");
		pd_buf_add(&p->out, text, n);
	}
	if (n == 0 || text[n - 1] != '\n')
		pd_buf_addc(&p->out, '\n');
}

/* 0, 1 when the limit is reached, -1 having reported. */
static int
print_block(struct printer *p, const struct pd_pds_block *b)
{
	int rc;

	if (b->type == PD_PDS_HEADER || b->type == PD_PDS_DRIFT) {
		print_text_block(p, b);
		return write_out(p, 0);
	}
	if (b->type != PD_PDS_EVENTS && b->type != PD_PDS_FEATURES &&
	    b->type != PD_PDS_LABELS)
		return 0;
	if ((rc = pd_pds_verify(p->r, b)) != 0) {
		if (rc < 0)
			pd_cli_failf("out of memory");
		return rc < 0 ? -1 : 0;
	}
	names(p, b->type);
	for (uint32_t i = 0; i < b->nrec; i++) {
		if (limit != 0 && p->records == limit)
			return write_out(p, 0) ? -1 : 1;
		print_record(p, b->type, i);
		p->records++;
		if (write_out(p, OUT_FULL))
			return -1;
	}
	/* Whole blocks go out at once: a person may be watching a pipe. */
	return write_out(p, 0) || fflush(stdout) ? -1 : 0;
}

static int
print_one(struct printer *p, const char *path)
{
	const char *name = sample_name(path);
	const int only =
	    sample_opt.scheme != NULL ? pd_scheme_parse(sample_opt.scheme) : 0;
	const int fd = sample_open(path);
	struct pd_err err = PD_ERR_INIT;
	const struct pd_pds_damage *list;
	struct pd_pds_stats s;
	struct pd_pds_block b;
	int rc = -1, status = PD_EXIT_FAIL;
	size_t n;

	if (fd < 0)
		return PD_EXIT_FAIL;
	if ((p->r = pd_pds_reader_fd(fd)) == NULL) {
		close(fd);
		return pd_cli_failf("out of memory");
	}
	if (only > 0)
		pd_pds_reader_scheme(p->r, (enum pd_scheme)only);
	while ((rc = pd_pds_next(p->r, &b, &err)) == PD_PDS_GOT)
		if (pd_pds_wanted(p->r) && (rc = print_block(p, &b)) != 0)
			break;
	if (rc < 0 && err.msg[0] != '\0') {
		pd_err_prefix(&err, "'%s'", name);
		pd_cli_fail(&err);
	}
	n = pd_pds_damage(p->r, &list);
	pd_pds_reader_stats(p->r, &s);
	if (rc == 0 && s.blocks == 0)
		pd_cli_failf("'%s' holds no block of a PDS stream", name);
	else if (rc >= 0)
		status = sample_note_damage(name, &s, list, n) ? PD_EXIT_NO
							       : PD_EXIT_YES;
	pd_pds_reader_free(p->r);
	close(fd);
	return status;
}

int
sample_print(int argc, char **argv)
{
	struct printer p = {.out = PD_BUF_INIT};
	int status = PD_EXIT_YES, s;
	char **path;

	if (csv && sample_opt.json)
		return pd_cli_usage("choose --json or --csv");
	if (sample_opt.scheme != NULL &&
	    pd_scheme_parse(sample_opt.scheme) <= PD_SAMPLE_NONE)
		return pd_cli_usage("--scheme is key, event or window");
	if ((path = sample_operands(&argc, argv, 0, UINT64_MAX)) == NULL)
		return PD_EXIT_FAIL;
	for (int i = 0; i < argc; i++) {
		if (limit != 0 && p.records >= limit)
			break;
		if ((s = print_one(&p, path[i])) > status)
			status = s;
	}
	pd_buf_release(&p.out);
	sample_operands_free(argc, path);
	return status;
}
