/*
 * Recording from caches that know nothing of Predis: the verb tap with the
 * URL of a live source.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/keyfile.h"
#include "data/event.h"
#include "data/source.h"
#include "sample.h"

#define BLOCK_US 1000000
#define EVENTS_A_TURN 4096
#define STALL_S 5

struct sample_source_options sample_source = {.max_load = PD_SOURCE_MAX_LOAD};

struct live {
	struct pd_source *in;
	struct sample_out out;
	const struct sample_live *o;
	bool begun; /* the header is written */
	uint64_t events;
	uint64_t lost; /* as said so far */
	uint64_t started_us;
	uint64_t flushed_us;
};

/* --- a reader that stalls -------------------------------------------------
 *
 * Where our output is not taken, writing blocks, and nobody reads what the
 * server sends: its buffer for us would grow without a limit. So an alarm that
 * is not put off in time cuts the connection. */

static volatile sig_atomic_t watched_fd = -1;
static volatile sig_atomic_t stalled;

static void
on_alarm(int sig)
{
	const int saved = errno;

	(void)sig;
	stalled = 1;
	if (watched_fd >= 0)
		(void)shutdown(watched_fd, SHUT_RDWR);
	errno = saved;
}

static void
watch_stalls(void)
{
	struct sigaction sa = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	sigemptyset(&sa.sa_mask);
	sigaction(SIGALRM, &sa, NULL);
}

/* --- the source ------------------------------------------------------------
 */

struct pd_source *
sample_source_open(
    const char *url, const char *host, const struct pd_keys *keys)
{
	struct pd_source_opts o = {.keys = keys,
	    .password_file = sample_source.password_file,
	    .tls_ca = sample_peer.tls_ca,
	    .tls_cert = sample_peer.tls_cert,
	    .tls_key = sample_peer.tls_key,
	    .max_load = sample_source.max_load,
	    .retry_us = sample_source.retry_us};
	struct pd_err err = PD_ERR_INIT;
	struct pd_pds_meta meta;
	struct pd_source *s;

	if (!(sample_source.max_load >= 0)) {
		pd_cli_usage("--max-load is a number of cores, 0 for no limit");
		return NULL;
	}
	pd_pds_meta_init(&meta);
	if (host != NULL)
		(void)snprintf(meta.host, sizeof(meta.host), "%s", host);
	if (sample_rule(&o.sampler, &meta, keys, true))
		return NULL;
	o.meta = &meta;
	if ((s = pd_source_open(url, &o, &err)) == NULL)
		pd_cli_fail(&err);
	return s;
}

void
sample_source_notes(struct pd_source *s)
{
	const char *text;

	while ((text = pd_source_note(s)) != NULL)
		pd_cli_note("%s", text);
}

/* --- recording -------------------------------------------------------------
 */

static int
begin(struct live *l)
{
	struct pd_err err = PD_ERR_INIT;

	if (l->begun && pd_pds_end(l->out.w, &err))
		return pd_cli_fail(&err), -1;
	if (sample_out_header(&l->out, pd_source_meta(l->in)))
		return -1;
	l->begun = true;
	return 0;
}

static void
account(struct live *l)
{
	struct pd_source_stats st;

	pd_source_stats(l->in, &st);
	pd_pds_lost(l->out.w, st.lost - l->lost);
	l->lost = st.lost;
}

static bool
done(const struct live *l)
{
	return pd_cli_stopping() ||
	       (l->o->count != 0 && l->events >= l->o->count) ||
	       (l->o->duration_us != 0 &&
		   pd_clock_mono_us() - l->started_us >= l->o->duration_us);
}

/* Take what is there. One enum pd_source_result; -1 reported. */
static int
turn(struct live *l)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_event e;
	int rc = PD_SOURCE_EVENT;

	for (int i = 0; i < EVENTS_A_TURN; i++) {
		if (l->o->count != 0 && l->events >= l->o->count)
			break;
		rc = pd_source_next(l->in, &e, &err);
		if (rc == PD_SOURCE_HEADER && begin(l))
			return -1;
		if (rc == PD_SOURCE_EVENT) {
			if (pd_pds_add(l->out.w, &e, &err))
				rc = PD_SOURCE_FAILED;
			l->events++;
		}
		if (rc == PD_SOURCE_FAILED)
			pd_cli_fail(&err);
		if (rc <= PD_SOURCE_END)
			break;
	}
	return rc;
}

/* Once a second: what was gathered leaves, and the alarm is put off. */
static int
flush(struct live *l, bool now)
{
	const uint64_t t = pd_clock_mono_us();
	struct pd_err err = PD_ERR_INIT;

	if (!now && t - l->flushed_us < BLOCK_US)
		return 0;
	l->flushed_us = t;
	account(l);
	watched_fd = pd_source_fd(l->in);
	(void)alarm(STALL_S);
	if (pd_pds_flush(l->out.w, &err))
		return pd_cli_fail(&err), -1;
	if (sample_out_gone(&l->out) || sample_out_tick(&l->out))
		return -1;
	(void)alarm(STALL_S);
	pd_cli_progress("events", l->events, l->o->count);
	return 0;
}

/* Wait until something comes or is due. */
static void
wait_for(const struct live *l)
{
	struct pollfd p = {.fd = pd_source_fd(l->in), .events = POLLIN};
	const uint64_t ran = pd_clock_mono_us() - l->started_us;
	int ms = pd_source_timeout_ms(l->in);

	if (ms > BLOCK_US / 4000)
		ms = BLOCK_US / 4000;
	if (l->o->duration_us != 0 && ran < l->o->duration_us &&
	    l->o->duration_us - ran < (uint64_t)ms * 1000)
		ms = (int)((l->o->duration_us - ran + 999) / 1000);
	(void)poll(&p, 1, ms); /* a signal is looked at by the caller */
}

static int
record(struct live *l)
{
	int rc;

	do {
		rc = turn(l);
		sample_source_notes(l->in);
		if (rc == PD_SOURCE_FAILED || flush(l, false))
			return -1;
		if (rc == PD_SOURCE_AGAIN && !done(l))
			wait_for(l);
	} while (rc != PD_SOURCE_END && !done(l));
	pd_cli_progress_end();
	if (stalled)
		return pd_cli_failf("the output was not taken for %d s: left, "
				    "so that the server need not keep what it "
				    "sends",
			   STALL_S),
		       -1;
	return 0;
}

static void
tell(const struct live *l)
{
	struct pd_source_stats st;

	pd_source_stats(l->in, &st);
	if (st.lost > 0)
		pd_cli_note("the server dropped %llu lines of its log",
		    (unsigned long long)st.lost);
	if (st.bad > 0)
		pd_cli_note("%llu lines could not be understood",
		    (unsigned long long)st.bad);
	if (pd_cli_verbose)
		pd_cli_note("%llu requests, %llu recorded; %llu lines "
			    "that are no access",
		    (unsigned long long)st.requests,
		    (unsigned long long)l->events,
		    (unsigned long long)st.ignored);
}

int
sample_live(const char *url, const struct sample_live *o)
{
	struct pd_err err = PD_ERR_INIT;
	struct live l = {.o = o};
	struct pd_keys keys;
	int rc = -1;

	pd_cli_catch_signals();
	if (pd_source_check(url, &err))
		return pd_cli_fail(&err);
	if (sample_keys_live(&keys))
		return PD_EXIT_FAIL;
	if ((l.in = sample_source_open(url, o->host, &keys)) == NULL)
		return PD_EXIT_FAIL;
	if (sample_out_open(&l.out, true, o->append) == 0) {
		watch_stalls();
		l.started_us = l.flushed_us = pd_clock_mono_us();
		rc = record(&l);
		watched_fd = -1;
		(void)alarm(0);
		account(&l);
		/* What was recorded is worth an end marker in any case. */
		if (l.begun && sample_out_finish(&l.out))
			rc = -1;
		else if (!l.begun)
			sample_out_abort(&l.out);
		tell(&l);
	}
	if (rc == 0 && pd_source_overloaded(l.in))
		rc = 1;
	pd_source_close(l.in);
	return rc == 0 ? PD_EXIT_YES : rc > 0 ? PD_EXIT_UNKNOWN : PD_EXIT_FAIL;
}
