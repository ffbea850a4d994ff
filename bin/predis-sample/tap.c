/*
 * Recording from a predis-serve. The server sends bare frames, each within a
 * second; the file gets compressed blocks, closed when full or a second old,
 * in place, so that a kill at any moment leaves every block but the one being
 * written.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/keyfile.h"
#include "data/event.h"
#include "data/source.h"
#include "first.h"
#include "io/fd.h"
#include "io/sock.h"
#include "sample.h"

#define CONNECT_MS 5000
#define BLOCK_US 1000000

static uint64_t count;
static uint64_t duration_us;
static bool append;
static const char *host;

const struct pd_opt sample_tap_opts[] = {
    {'n', "count", "N", PD_OPT_U64, &count, NULL,
	"end after N events (default: no end)"},
    {0, "duration", "TIME", PD_OPT_DURATION, &duration_us, NULL,
	"end after this time: 30s, 5m, 1h"},
    {0, "append", NULL, PD_OPT_FLAG, &append, NULL,
	"add to FILE when it exists, torn or not"},
    {0, "host", "NAME", PD_OPT_STR, &host, NULL,
	"write NAME into the header (default: no name)"},
    SAMPLE_SCHEME_OPT,
    SAMPLE_BY_OPTS,
    SAMPLE_KEY_OPT,
    SAMPLE_SOURCE_OPTS,
    SAMPLE_OUTPUT_OPTS,
    SAMPLE_TO_OPTS,
    SAMPLE_NET_OPTS,
    SAMPLE_PEER_OPTS,
    PD_OPT_END,
};

/* One of the server's streams; each becomes one of ours. */
struct tapstream {
	struct pd_pds_writer *w; /* NULL: never begun */
	struct pd_sampler sampler;
	uint64_t id; /* in what comes */
	bool open;
};

struct tap {
	int fd;
	struct sample_first first;
	struct pd_pds_reader *in;
	struct sample_out out;
	struct tapstream stream[PD_SCHEMES]; /* by their scheme */
	struct pd_keys keys;
	int scheme; /* the one that is wanted, or -1 */
	bool begun; /* a header is written */
	uint64_t events;
	uint64_t lost; /* by damage, as said so far */
	uint64_t started_us;
	uint64_t flushed_us;
};

static int
end_stream(struct tapstream *st)
{
	struct pd_err err = PD_ERR_INIT;

	if (!st->open)
		return 0;
	st->open = false;
	return pd_pds_end(st->w, &err) ? (pd_cli_fail(&err), -1) : 0;
}

/* The header of the server becomes ours; where it says something new, a
 * stream ends and the next begins. */
static int
follow_header(struct tap *t, const struct pd_pds_block *b)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(t->in);
	struct tapstream *st;
	struct pd_pds_meta out;

	if (m == NULL || (t->scheme >= 0 && m->scheme != PD_SAMPLE_NONE &&
			     (int)m->scheme != t->scheme))
		return 0;
	st = &t->stream[m->scheme];
	if (end_stream(st))
		return -1;
	out = *m;
	/* Shards are said event by event from here on. */
	out.shard = 0;
	if (host != NULL)
		snprintf(out.host, sizeof(out.host), "%s", host);
	if (st->w == NULL && t->out.w != NULL && !t->begun)
		st->w = t->out.w;
	else if (st->w == NULL && (st->w = sample_out_another(&t->out)) == NULL)
		return -1;
	t->out.w = st->w;
	if (sample_rule(&st->sampler, &out, &t->keys, false) ||
	    sample_out_header(&t->out, &out))
		return -1;
	st->id = b->stream_id;
	st->open = t->begun = true;
	return 0;
}

static struct tapstream *
stream_of(struct tap *t, const struct pd_pds_block *b)
{
	for (size_t i = 0; i < PD_SCHEMES; i++)
		if (t->stream[i].open && t->stream[i].id == b->stream_id)
			return &t->stream[i];
	return NULL;
}

static int
take_events(struct tap *t, struct tapstream *st, const struct pd_pds_block *b,
    struct pd_err *err)
{
	const struct pd_pds_meta *m = pd_pds_header_meta(t->in);
	const struct pd_event *e;
	const uint32_t *shard;
	int rc;

	if ((rc = pd_pds_verify(t->in, b)) != 0)
		return rc < 0 ? pd_err_nomem(err) : 0;
	e = pd_pds_events(t->in);
	shard = pd_pds_event_shards(t->in);
	for (uint32_t i = 0; i < b->nrec; i++) {
		if (count != 0 && t->events == count)
			break;
		if (st->sampler.scheme != PD_SAMPLE_NONE &&
		    !pd_sample(&st->sampler, e[i].key, e[i].time_us))
			continue;
		pd_pds_shard(st->w, shard != NULL ? shard[i]
				    : m != NULL	  ? m->shard
						  : 0);
		if (pd_pds_add(st->w, &e[i], err))
			return -1;
		t->events++;
	}
	return 0;
}

/* What damage cost is said in some stream. */
static void
tell_damage(struct tap *t)
{
	struct pd_pds_stats s;

	pd_pds_reader_stats(t->in, &s);
	for (size_t i = 0; i < PD_SCHEMES && s.records_lost > t->lost; i++)
		if (t->stream[i].open) {
			pd_pds_lost(t->stream[i].w, s.records_lost - t->lost);
			t->lost = s.records_lost;
		}
}

/* 0, or -1 with a message or having reported. */
static int
take_block(struct tap *t, const struct pd_pds_block *b, struct pd_err *err)
{
	struct tapstream *st;

	if (b->type == PD_PDS_HEADER && follow_header(t, b))
		return -1;
	if ((st = stream_of(t, b)) == NULL)
		return 0;
	pd_pds_lost(st->w, b->lost);
	if (b->type == PD_PDS_EVENTS)
		return take_events(t, st, b, err);
	return b->type == PD_PDS_END ? end_stream(st) : 0;
}

/* Handle what has arrived. 0, or -1 having reported. */
static int
drain(struct tap *t)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_block b;
	int rc;

	while ((rc = pd_pds_next(t->in, &b, &err)) == PD_PDS_GOT)
		if (take_block(t, &b, &err)) {
			rc = -1;
			break;
		}
	if (rc < 0) {
		if (err.msg[0] != '\0')
			pd_cli_fail(&err);
		return -1;
	}
	tell_damage(t);
	return 0;
}

static bool
done(const struct tap *t)
{
	return pd_cli_stopping() || (count != 0 && t->events >= count) ||
	       (duration_us != 0 &&
		   pd_clock_mono_us() - t->started_us >= duration_us);
}

static int
flush(struct tap *t)
{
	const uint64_t now = pd_clock_mono_us();
	struct pd_err err = PD_ERR_INIT;

	if (now - t->flushed_us < BLOCK_US)
		return 0;
	t->flushed_us = now;
	for (size_t i = 0; i < PD_SCHEMES; i++)
		if (t->stream[i].open && pd_pds_flush(t->stream[i].w, &err)) {
			pd_cli_fail(&err);
			return -1;
		}
	return sample_out_gone(&t->out) ? -1 : sample_out_tick(&t->out);
}

/* Every stream gets its end marker, and one writer is left to the output. 0, or
 * -1 having reported. */
static int
end_streams(struct tap *t)
{
	int rc = 0;

	for (size_t i = 0; i < PD_SCHEMES; i++) {
		if (end_stream(&t->stream[i]))
			rc = -1;
		if (t->stream[i].w != t->out.w)
			pd_pds_writer_free(t->stream[i].w);
	}
	t->out.ended = true;
	return rc;
}

/* Milliseconds until something is due, at most a second. */
static int
patience(const struct tap *t)
{
	const uint64_t ran = pd_clock_mono_us() - t->started_us;
	uint64_t us = BLOCK_US / 4;

	if (duration_us != 0)
		us = ran >= duration_us	      ? 0
		     : duration_us - ran < us ? duration_us - ran
					      : us;
	return (int)((us + 999) / 1000);
}

static int
record(struct tap *t)
{
	static uint8_t chunk[1 << 16];
	struct pollfd p = {.fd = t->fd, .events = POLLIN};
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_stats s;
	ssize_t n;

	while (!done(t)) {
		if (flush(t))
			return -1;
		(void)sample_first_silent(&t->first);
		if (poll(&p, 1, patience(t)) <= 0)
			continue; /* nothing yet, or a signal */
		n = read(t->fd, chunk, sizeof(chunk));
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return pd_cli_failf("cannot read from the tap: %s",
				   strerror(errno)),
			       -1;
		if (sample_first_bytes(&t->first, chunk, (size_t)n, &err))
			return pd_cli_fail(&err), -1;
		if (pd_pds_reader_feed(t->in, chunk, (size_t)n))
			return pd_cli_failf("out of memory"), -1;
		if (drain(t))
			return -1;
		pd_cli_progress("events", t->events, count);
		if (n == 0)
			break;
	}
	pd_cli_progress_end();
	pd_pds_reader_stats(t->in, &s);
	if (s.truncated && t->begun)
		pd_cli_note("the server went away without an end marker");
	if (!t->begun && !pd_cli_stopping())
		return pd_cli_failf("no stream came from the tap"), -1;
	return 0;
}

int
sample_tap(int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	struct tap t = {.fd = -1, .scheme = -1};
	struct pd_addr addr;
	int rc = -1;

	(void)argc;
	if (pd_source_is_url(argv[0]))
		return sample_live(
		    argv[0], &(const struct sample_live){.count = count,
				 .duration_us = duration_us,
				 .append = append,
				 .host = host});
	if (sample_opt.scheme != NULL &&
	    (t.scheme = pd_scheme_parse(sample_opt.scheme)) <= PD_SAMPLE_NONE)
		return pd_cli_usage("--scheme is key, event or window");
	pd_cli_catch_signals();
	if (sample_keys(&t.keys))
		return PD_EXIT_FAIL;
	if (pd_addr_parse(&addr, argv[0], NULL, &err) ||
	    (t.fd = pd_sock_connect(&addr, CONNECT_MS, &err)) < 0)
		return pd_cli_fail(&err);
	if ((t.in = pd_pds_reader_new()) == NULL)
		pd_cli_failf("out of memory");
	else if (sample_out_open(&t.out, true, append) == 0) {
		t.started_us = t.flushed_us = pd_clock_mono_us();
		sample_first_begin(&t.first, argv[0]);
		rc = record(&t);
		/* What was recorded is worth an end marker in any case. */
		if (t.begun && end_streams(&t))
			rc = -1;
		if (t.begun && sample_out_finish(&t.out))
			rc = -1;
		else if (!t.begun)
			sample_out_abort(&t.out);
	}
	pd_pds_reader_free(t.in);
	close(t.fd);
	return rc == 0 ? PD_EXIT_YES : PD_EXIT_FAIL;
}
