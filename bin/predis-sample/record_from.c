/*
 * A source of predis-sample record: it is connected to again and again, at
 * growing distances, and what it says of losses goes into the account.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/hash.h"
#include "base/keyfile.h"
#include "data/event.h"
#include "data/segment.h"
#include "data/source.h"
#include "data/transport.h"
#include "io/fd.h"
#include "io/sock.h"
#include "record.h"
#include "sample.h"

#define CONNECT_MS 1000 /* other sources wait so long */
#define NET_MS 1	/* to wait for a block of a network */
#define READS 64	/* of one source before it is the others' turn */
#define READ_LATER (-2) /* nothing now */
#define OVERLOAD_US 300000000
#define WAIT_MIN_US 100000
#define WAIT_MAX_US 30000000

static enum record_kind
kind_of(const char *address)
{
	if (pd_transport_is_url(address))
		return RECORD_NET;
	return pd_source_is_url(address) ? RECORD_LIVE : RECORD_TAP;
}

int
record_from_parse(struct record_from *f, const char *text, struct pd_err *err)
{
	const char *eq = strchr(text, '=');
	struct pd_addr addr;
	size_t n;

	memset(f, 0, sizeof(*f));
	f->tap = f->number = f->stream = -1;
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
	f->kind = kind_of(f->address);
	if (f->kind == RECORD_NET)
		return pd_transport_check(f->address, err);
	if (f->kind == RECORD_LIVE)
		return pd_source_check(f->address, err);
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

/* 0, or -1 with a message, or having reported. */
static int
open_tap(struct record_from *f, struct pd_err *err)
{
	struct pd_addr addr;

	if (pd_addr_parse(&addr, f->address, NULL, err))
		return -1;
	if ((f->tap = pd_sock_connect(&addr, CONNECT_MS, err)) < 0)
		return -1;
	sample_first_begin(&f->first, f->address);
	return 0;
}

static int
open_net(struct record_from *f, struct pd_err *err)
{
	struct pd_transport_opts o;
	char group[64];

	if (sample_net_opts(&o))
		return -1;
	snprintf(group, sizeof(group), "record-%s", f->name);
	f->group =
	    strdup(record_peers.group != NULL ? record_peers.group : group);
	if (f->group == NULL)
		return pd_err_nomem(err);
	o.group = f->group;
	o.follow = true;
	o.retry_us = (uint64_t)CONNECT_MS * 1000;
	o.stopping = pd_cli_stopping;
	f->net = pd_transport_receiver(f->address, &o, err);
	f->taken = 0;
	f->acked_us = pd_clock_mono_us();
	return f->net == NULL ? -1 : 0;
}

static int
open_any(struct record_from *f, struct pd_err *err)
{
	if ((f->in = pd_pds_reader_new()) == NULL)
		return pd_err_nomem(err);
	if (f->kind == RECORD_TAP)
		return open_tap(f, err);
	if (f->kind == RECORD_NET)
		return open_net(f, err);
	f->live =
	    sample_source_open(f->address, record_peers.host, &record_keys);
	return f->live == NULL ? -1 : 0;
}

/* Close and free what open_any() made. */
static void
close_any(struct record_from *f)
{
	if (f->tap >= 0)
		close(f->tap);
	f->tap = -1;
	pd_source_close(f->live);
	f->live = NULL;
	pd_transport_close(f->net);
	f->net = NULL;
	free(f->group); /* which the transport borrowed */
	f->group = NULL;
	pd_pds_reader_free(f->in);
	f->in = NULL;
	f->open = false;
}

void
record_from_connect(struct record_from *f, struct pd_recorder *r)
{
	struct pd_err err = PD_ERR_INIT;

	if (f->open)
		(void)sample_first_silent(&f->first);
	if (f->open || pd_clock_mono_us() < f->retry_us)
		return;
	if (open_any(f, &err)) {
		close_any(f);
		if (!f->told)
			pd_cli_note("%s: %s%sit is tried again", f->name,
			    err.msg, err.msg[0] != '\0' ? "; " : "");
		f->told = true;
		postpone(f);
		return;
	}
	f->open = true;
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
	if (!f->open)
		return;
	pd_recorder_gone(r, f->number, true); /* it is we who leave */
	close_any(f);
}

int
record_from_fd(const struct record_from *f)
{
	if (!f->open)
		return -1;
	return f->kind == RECORD_LIVE ? pd_source_fd(f->live) : f->tap;
}

bool
record_from_unpolled(const struct record_from *f)
{
	return f->open && f->kind != RECORD_TAP;
}

void
record_from_ack(struct record_from *f)
{
	struct pd_err err = PD_ERR_INIT;

	if (f->kind != RECORD_NET || !f->open)
		return;
	f->acked_us = pd_clock_mono_us();
	if (f->taken > 0 && pd_transport_ack(f->net, &err))
		pd_cli_note("%s: %s", f->name, err.msg);
	f->taken = 0;
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
	/* A live source has sampled already. */
	if (f->kind == RECORD_LIVE)
		pd_sampler_init(&f->sampler, PD_SAMPLE_NONE, 1, 0, 0);
	else if (sample_rule(&f->sampler, &out, &record_keys, false))
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

/* Bytes of the stream into ${chunk}: their number, 0 at the end, READ_LATER,
 * or -1 with a message. */
static ssize_t
read_some(
    struct record_from *f, uint8_t *chunk, size_t size, struct pd_err *err)
{
	struct pd_transport_block b;
	ssize_t n;
	int got;

	if (f->kind == RECORD_TAP) {
		if ((n = pd_read_some(f->tap, chunk, size)) < 0)
			return pd_err_sys(err, "cannot read");
		return sample_first_bytes(&f->first, chunk, (size_t)n, err) ? -1
									    : n;
	}
	if (f->kind == RECORD_LIVE) {
		n = pd_source_read(f->live, chunk, size, err);
		sample_source_notes(f->live);
		return n == PD_SOURCE_AGAIN ? READ_LATER : n;
	}
	got = pd_transport_get(f->net, &b, NET_MS, err);
	if (got != 1)
		return got == 2 ? READ_LATER : got;
	f->taken++;
	if (pd_pds_reader_feed(f->in, b.data, b.n))
		return pd_err_nomem(err);
	return (ssize_t)b.n;
}

/* The connection is over. */
static void
part(struct record_from *f, struct pd_recorder *r, const char *why)
{
	pd_cli_note("%s: %s; it is tried again", f->name, why);
	if (f->live != NULL && pd_source_overloaded(f->live))
		f->wait_us = OVERLOAD_US;
	pd_recorder_gone(r, f->number, f->marked);
	close_any(f);
	postpone(f);
}

int
record_from_read(struct record_from *f, struct pd_recorder *r)
{
	static uint8_t chunk[1 << 16];
	struct pd_err err = PD_ERR_INIT;
	ssize_t n = 0;
	int i;

	for (i = 0; i < READS; i++) {
		n = read_some(f, chunk, sizeof(chunk), &err);
		if (n == READ_LATER)
			return 0;
		if (n <= 0)
			break;
		f->wait_us = 0; /* it is worth coming back soon */
		if ((f->kind != RECORD_NET &&
			pd_pds_reader_feed(f->in, chunk, (size_t)n) &&
			pd_err_nomem(&err)) ||
		    drain(f, r, &err)) {
			pd_err_prefix(&err, "%s", f->name);
			pd_cli_fail(&err);
			return -1;
		}
		if (f->kind == RECORD_TAP) /* the next read may wait */
			return 0;
	}
	if (n < 0)
		part(f, r, err.msg);
	else if (n == 0)
		part(f, r,
		    f->marked ? "the server ended the stream"
			      : "the server went away without an end marker");
	return 0;
}
