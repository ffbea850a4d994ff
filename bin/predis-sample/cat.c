/*
 * Streams one after another as one stream of full blocks. Damage stays
 * behind. Where a header says something else than the one before it (another
 * source, rate or key file), a stream ends and the next begins.
 */
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/clock.h"
#include "base/keyfile.h"
#include "base/num.h"
#include "base/utc.h"
#include "data/event.h"
#include "data/transport.h"
#include "sample.h"

static uint64_t from_us;
static uint64_t to_us = UINT64_MAX;

/* A moment, or a time before now. */
static int
moment(void *dest, const char *value, struct pd_err *err)
{
	const uint64_t now = pd_clock_wall_us();
	const size_t n = strlen(value);
	uint64_t us;

	if (pd_utc_parse(value, dest, err) == 0)
		return 0;
	/* A number without a unit is no time to go back. */
	if (n < 2 || strchr("smhd", value[n - 1]) == NULL ||
	    pd_parse_duration(value, &us, NULL))
		return -1;
	*(uint64_t *)dest = us < now ? now - us : 0;
	return 0;
}

const struct pd_opt sample_cat_opts[] = {
    {0, "from-us", "T", PD_OPT_U64, &from_us, NULL,
	"leave out records before this time in microseconds"},
    {0, "to-us", "T", PD_OPT_U64, &to_us, NULL,
	"leave out records after this time in microseconds"},
    {0, "since", "WHEN", PD_OPT_CALL, &from_us, moment,
	"leave out records before: 2026-11-24T06:30, or 2h ago as 2h"},
    {0, "until", "WHEN", PD_OPT_CALL, &to_us, moment,
	"leave out records after this moment"},
    SAMPLE_BY_OPTS,
    SAMPLE_KEY_OPT,
    SAMPLE_OUTPUT_OPTS,
    SAMPLE_FROM_OPT,
    SAMPLE_TO_OPTS,
    SAMPLE_NET_OPTS,
    SAMPLE_PEER_OPTS,
    PD_OPT_END,
};

struct cat {
	struct sample_out out;
	struct pd_pds_reader *in;
	struct pd_transport *net; /* that in reads from, or NULL */
	int fd;
	struct pd_keys keys;
	struct pd_sampler sampler;
	struct pd_buf header; /* of the stream being written, as it came */
	bool begun;
	uint64_t lost;
	uint64_t slots; /* form of the rows written last, 0 none yet */
	bool codes;
};

/* Follow the header of the block at hand. 0, or -1 having reported. */
static int
follow_header(struct cat *c)
{
	struct pd_err err = PD_ERR_INIT;
	const char *text = "{}";
	struct pd_pds_meta m;
	size_t n = 2;

	if (pd_pds_header_meta(c->in) != NULL) {
		text = pd_pds_header_text(c->in, &n);
		m = *pd_pds_header_meta(c->in);
	} else {
		pd_pds_meta_init(&m);
	}
	if (c->begun && c->header.len == n &&
	    memcmp(c->header.data, text, n) == 0)
		return 0;
	pd_buf_clear(&c->header);
	if (pd_buf_add(&c->header, text, n))
		return pd_cli_failf("out of memory"), -1;
	if (c->begun && pd_pds_end(c->out.w, &err))
		return pd_cli_fail(&err), -1;
	c->begun = true;
	if (sample_rule(&c->sampler, &m, &c->keys, false))
		return -1;
	return sample_out_header(&c->out, &m);
}

static int
copy_events(struct cat *c, uint32_t n, struct pd_err *err)
{
	const struct pd_event *e = pd_pds_events(c->in);
	const uint32_t *shard = pd_pds_event_shards(c->in);
	const bool all = c->sampler.scheme == PD_SAMPLE_NONE;

	for (uint32_t i = 0; i < n; i++) {
		if (e[i].time_us < from_us || e[i].time_us > to_us)
			continue;
		if (!all && !pd_sample(&c->sampler, e[i].key, e[i].time_us))
			continue;
		/* 0 leaves it to the header, which is copied. */
		pd_pds_shard(c->out.w, shard != NULL ? shard[i] : 0);
		if (pd_pds_add(c->out.w, &e[i], err))
			return -1;
	}
	return 0;
}

static int
copy_rows(struct cat *c, uint32_t n, struct pd_err *err)
{
	const struct pd_pds_row *row = pd_pds_rows(c->in);
	bool codes;
	const uint64_t slots = pd_pds_row_slots(c->in, &codes);

	if ((slots != c->slots || codes != c->codes) &&
	    pd_pds_row_form(c->out.w, slots, codes, err))
		return -1;
	c->slots = slots;
	c->codes = codes;
	for (uint32_t i = 0; i < n; i++) {
		if (row[i].time_us < from_us || row[i].time_us > to_us)
			continue;
		if (c->sampler.scheme != PD_SAMPLE_NONE &&
		    !pd_sample(&c->sampler, row[i].key, row[i].time_us))
			continue;
		if (pd_pds_add_row(c->out.w, &row[i], err))
			return -1;
	}
	return 0;
}

/* 0, or -1 with a message in ${err} or having reported. */
static int
copy_block(struct cat *c, const struct pd_pds_block *b, struct pd_err *err)
{
	const char *text;
	size_t n;
	int rc;

	if (b->type == PD_PDS_END || b->type == PD_PDS_INDEX)
		return 0;
	if (b->type == PD_PDS_LABELS)
		return pd_err_set(err, "labels name blocks by number and "
				       "cannot be moved: use cat(1)");
	if (follow_header(c))
		return -1;
	pd_pds_lost(c->out.w, b->lost);
	if ((rc = pd_pds_verify(c->in, b)) != 0)
		return rc < 0 ? pd_err_nomem(err) : 0;
	if (b->type == PD_PDS_EVENTS)
		return copy_events(c, b->nrec, err);
	if (b->type == PD_PDS_FEATURES)
		return copy_rows(c, b->nrec, err);
	if (b->type == PD_PDS_DRIFT && (text = pd_pds_text(b, &n)) != NULL)
		return pd_pds_drift(c->out.w, text, n, b->nrec, err);
	return 0;
}

static void
close_input(struct cat *c)
{
	pd_pds_reader_free(c->in);
	pd_transport_close(c->net);
	if (c->fd >= 0)
		close(c->fd);
	c->in = NULL;
	c->net = NULL;
}

/* Open a file, or the address of a transport. 0, or -1 having reported. */
static int
open_input(struct cat *c, const char *path)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_transport_opts o;

	c->fd = -1;
	if (pd_transport_is_url(path)) {
		if (sample_net_opts(&o))
			return -1;
		c->net = pd_transport_receiver(path, &o, &err);
		if (c->net == NULL)
			return pd_cli_fail(&err), -1;
		c->in = pd_transport_reader(c->net);
	} else {
		if ((c->fd = sample_open(path)) < 0)
			return -1;
		c->in = pd_pds_reader_fd(c->fd);
	}
	if (c->in != NULL)
		return 0;
	close_input(c);
	return pd_cli_failf("out of memory"), -1;
}

/* 0, 1 when something was damaged, -1 having reported. */
static int
cat_one(struct cat *c, const char *path)
{
	const char *name = sample_name(path);
	const struct pd_pds_damage *list;
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_stats s;
	struct pd_pds_block b;
	int rc;
	size_t n;

	if (open_input(c, path))
		return -1;
	if (from_us > 0 || to_us < UINT64_MAX)
		pd_pds_reader_window(c->in, from_us, to_us);
	while ((rc = pd_pds_next(c->in, &b, &err)) == PD_PDS_GOT)
		if ((rc = copy_block(c, &b, &err)) < 0)
			break;
	if (rc < 0 && err.msg[0] != '\0') {
		pd_err_prefix(&err, "'%s'", name);
		pd_cli_fail(&err);
	}
	n = pd_pds_damage(c->in, &list);
	pd_pds_reader_stats(c->in, &s);
	if (rc == 0 && s.blocks == 0) {
		pd_cli_failf("'%s' holds no block of a PDS stream", name);
		rc = -1;
	} else if (rc == 0 && sample_note_damage(name, &s, list, n)) {
		rc = 1;
	}
	if (rc == 1)
		pd_pds_lost(c->out.w, s.records_lost);
	close_input(c);
	return rc;
}

int
sample_cat(int argc, char **argv)
{
	struct cat c = {.header = PD_BUF_INIT};
	char *address = (char *)(uintptr_t)sample_opt.from;
	int rc = 0, one = 0;
	char **path;

	if (address != NULL && argc > 0)
		return pd_cli_usage("--from is read in place of files");
	if (address != NULL) {
		argc = 1;
		argv = &address;
	}
	if ((path = sample_operands(&argc, argv, from_us, to_us)) == NULL)
		return PD_EXIT_FAIL;
	if (sample_keys(&c.keys) || sample_out_open(&c.out, false, false)) {
		sample_operands_free(argc, path);
		return PD_EXIT_FAIL;
	}
	for (int i = 0; i < argc && rc >= 0; i++) {
		one = cat_one(&c, path[i]);
		rc = one < 0 ? -1 : rc | one;
	}
	if (rc < 0)
		sample_out_abort(&c.out);
	else if (sample_out_finish(&c.out))
		rc = -1;
	pd_buf_release(&c.header);
	sample_operands_free(argc, path);
	return rc < 0 ? PD_EXIT_FAIL : rc > 0 ? PD_EXIT_NO : PD_EXIT_YES;
}
