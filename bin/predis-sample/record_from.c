/*
 * A source of predis-sample record: it is connected to again and again, at
 * growing distances, and what it says of losses goes into the account.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/keyfile.h"
#include "data/event.h"
#include "data/segment.h"
#include "io/fd.h"
#include "io/sock.h"
#include "record.h"
#include "sample.h"

#define CONNECT_MS 1000 /* other sources wait so long */
#define WAIT_MIN_US 100000
#define WAIT_MAX_US 30000000

int
record_from_parse(struct record_from *f, const char *text, struct pd_err *err)
{
	const char *eq = strchr(text, '=');
	struct pd_addr addr;
	size_t n;

	memset(f, 0, sizeof(*f));
	f->fd = f->number = f->stream = -1;
	f->address = text;
	if (eq != NULL && (n = (size_t)(eq - text)) < sizeof(f->name)) {
		memcpy(f->name, text, n);
		f->name[n] = '\0';
		if (pd_segment_stream_ok(f->name))
			f->address = eq + 1;
	}
	if (f->address == text)
		snprintf(f->name, sizeof(f->name), "%08x",
		    (unsigned)pd_hash64(text, strlen(text), 0));
	return pd_addr_parse(&addr, f->address, NULL, err);
}

/* Try again later, each time later. */
static void
postpone(struct record_from *f)
{
	f->wait_us = f->wait_us == 0		    ? WAIT_MIN_US
		     : 2 * f->wait_us < WAIT_MAX_US ? 2 * f->wait_us
						    : WAIT_MAX_US;
	f->retry_us = pd_clock_mono_us() + f->wait_us;
}

void
record_from_connect(struct record_from *f, struct pd_recorder *r)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_addr addr;

	if (f->fd >= 0 || pd_clock_mono_us() < f->retry_us)
		return;
	if (pd_addr_parse(&addr, f->address, NULL, &err) ||
	    (f->fd = pd_sock_connect(&addr, CONNECT_MS, &err)) < 0) {
		if (!f->told)
			pd_cli_note(
			    "%s: %s; it is tried again", f->name, err.msg);
		f->told = true;
		postpone(f);
		return;
	}
	if ((f->in = pd_pds_reader_new()) == NULL) {
		close(f->fd);
		f->fd = -1;
		postpone(f);
		return;
	}
	f->stream = -1;
	f->lost = f->damaged = 0;
	f->marked = false;
	if (f->told || f->ever)
		pd_cli_note("%s: connected", f->name);
	f->ever = true;
	f->told = false;
	pd_recorder_connected(r, f->number);
}

void
record_from_close(struct record_from *f, struct pd_recorder *r)
{
	if (f->fd < 0)
		return;
	pd_recorder_gone(r, f->number, f->marked);
	close(f->fd);
	f->fd = -1;
	pd_pds_reader_free(f->in);
	f->in = NULL;
}

/* What the reader knows to be lost, up to the block at hand. */
static void
take_lost(struct record_from *f, struct pd_recorder *r)
{
	struct pd_pds_stats s;

	pd_pds_reader_stats(f->in, &s);
	if (f->stream < 0) {
		f->carry += s.source_lost - f->lost;
	} else {
		pd_recorder_lost(r, f->stream,
		    s.source_lost - f->lost + f->carry, PD_LOST_SOURCE);
		f->carry = 0;
		if (s.records_lost > f->damaged)
			pd_recorder_lost(r, f->stream,
			    s.records_lost - f->damaged, PD_LOST_DAMAGED);
		f->damaged = s.records_lost;
	}
	f->lost = s.source_lost;
}

/* Which stream of the recorder the block belongs to. 0 or -1. */
static int
find_stream(struct record_from *f, struct pd_recorder *r,
    const struct pd_pds_block *b, struct pd_err *err)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(f->in);
	struct pd_pds_meta out;

	if (m == NULL || (b->type != PD_PDS_HEADER && f->stream >= 0 &&
			     b->stream_id == f->stream_id))
		return 0;
	out = *m;
	if (sample_rule(&f->sampler, &out, &record_keys, false))
		return -1;
	f->stream = pd_recorder_header(r, f->number, &out, err);
	f->stream_id = b->stream_id;
	return f->stream < 0 ? -1 : 0;
}

/* Those that --rate leaves. */
static int
take_sample(struct record_from *f, struct pd_recorder *r,
    const struct pd_event *e, const uint32_t *shard, uint32_t n,
    struct pd_err *err)
{
	for (uint32_t i = 0; i < n; i++)
		if (pd_sample(&f->sampler, e[i].key, e[i].time_us) &&
		    pd_recorder_events(r, f->stream, &e[i],
			shard != NULL ? &shard[i] : NULL, 1, err))
			return -1;
	return 0;
}

static int
take_events(struct record_from *f, struct pd_recorder *r,
    const struct pd_pds_block *b, struct pd_err *err)
{
	const struct pd_event *e;
	const uint32_t *shard;
	int rc;

	if ((rc = pd_pds_verify(f->in, b)) != 0)
		return rc < 0 ? pd_err_nomem(err) : 0;
	e = pd_pds_events(f->in);
	shard = pd_pds_event_shards(f->in);
	if (f->sampler.scheme != PD_SAMPLE_NONE)
		return take_sample(f, r, e, shard, b->nrec, err);
	return pd_recorder_events(r, f->stream, e, shard, b->nrec, err);
}

/* Handle the blocks that are whole. 0 or -1. */
static int
drain(struct record_from *f, struct pd_recorder *r, struct pd_err *err)
{
	struct pd_pds_block b;
	int rc;

	while ((rc = pd_pds_next(f->in, &b, err)) == PD_PDS_GOT) {
		if (find_stream(f, r, &b, err))
			return -1;
		take_lost(f, r);
		f->marked = b.type == PD_PDS_END;
		if (b.type == PD_PDS_EVENTS && f->stream >= 0 &&
		    take_events(f, r, &b, err))
			return -1;
	}
	if (rc < 0)
		return -1;
	take_lost(f, r);
	return 0;
}

int
record_from_read(struct record_from *f, struct pd_recorder *r)
{
	static uint8_t chunk[1 << 16];
	struct pd_err err = PD_ERR_INIT;
	ssize_t n;

	n = pd_read_some(f->fd, chunk, sizeof(chunk));
	if (n > 0) {
		f->wait_us = 0; /* it is worth coming back soon */
		if (pd_pds_reader_feed(f->in, chunk, (size_t)n))
			pd_err_nomem(&err);
		else if (drain(f, r, &err) == 0)
			return 0;
		pd_err_prefix(&err, "%s", f->name);
		pd_cli_fail(&err);
		return -1;
	}
	pd_cli_note("%s: %s%s%s; it is tried again", f->name,
	    n < 0	? "cannot read: "
	    : f->marked ? "the server ended the stream"
			: "the server went away without an end marker",
	    n < 0 ? strerror(errno) : "", "");
	record_from_close(f, r);
	postpone(f);
	return 0;
}
