/*
 * The production collector: one loop that waits for sources, a signal, or
 * something that is due. What it takes goes to lib/data/recorder.c.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/keyfile.h"
#include "base/num.h"
#include "record.h"
#include "sample.h"

#define LOOK_US 250000	  /* at signals and clocks, at least */
#define UNPOLLED_US 50000 /* at sources that no descriptor tells of */
#define ACK_BLOCKS 256

static struct options {
	struct record_from from[RECORD_FROMS];
	size_t nfrom;
	const char *dir;
	const char *on_full;
	const char *sync;
	struct pd_recorder_limits limits;
	uint64_t duration_us;
	bool once;
	bool stat;
} opt = {.on_full = "oldest",
    .sync = "segment",
    .limits = {.segment_us = UINT64_C(3600000000),
	.batch_us = 60000000,
	.batch_events = 10000}};

/* The directory, as it was found. */
static struct {
	char path[4096];
	dev_t dev;
	ino_t ino;
} place;

struct pd_keys record_keys;
struct record_peers record_peers;

static int
add_from(void *dest, const char *value, struct pd_err *err)
{
	struct options *o = dest;

	if (o->nfrom == RECORD_FROMS)
		return pd_err_set(err, "more than %d", RECORD_FROMS);
	if (record_from_parse(&o->from[o->nfrom], value, err))
		return -1;
	o->nfrom++;
	return 0;
}

const struct pd_opt sample_record_opts[] = {
    {'d', "directory", "DIR", PD_OPT_STR, &opt.dir, NULL,
	"record into DIR, which is made where it does not exist"},
    {0, "from", "[NAME=]ADDRESS", PD_OPT_CALL, &opt, add_from,
	"record this source; may be given several times"},
    {0, "batch-events", "N", PD_OPT_U64, &opt.limits.batch_events, NULL,
	"write when N events wait (10000)"},
    {0, "batch-time", "TIME", PD_OPT_DURATION, &opt.limits.batch_us, NULL,
	"write when an event has waited this long (60s)"},
    {0, "segment", "TIME", PD_OPT_DURATION, &opt.limits.segment_us, NULL,
	"begin a file at each multiple of this time (1h)"},
    {0, "max-bytes", "SIZE", PD_OPT_SIZE, &opt.limits.max_bytes, NULL,
	"delete the oldest files beyond SIZE in all (0: never)"},
    {0, "max-age", "TIME", PD_OPT_DURATION, &opt.limits.max_age_us, NULL,
	"delete files that ended this long ago (0: never)"},
    {0, "on-full", "WHAT", PD_OPT_STR, &opt.on_full, NULL,
	"on a full disk: delete the oldest files, or stop (oldest)"},
    {0, "fsync", "WHEN", PD_OPT_STR, &opt.sync, NULL,
	"never, segment (at its end) or batch (segment)"},
    {0, "duration", "TIME", PD_OPT_DURATION, &opt.duration_us, NULL,
	"end after this time: 55m (default: no end)"},
    {0, "once", NULL, PD_OPT_FLAG, &opt.once, NULL,
	"end after one batch, by number or time"},
    {0, "host", "NAME", PD_OPT_STR, &record_peers.host, NULL,
	"write NAME into the headers (default: no name)"},
    {0, "group", "NAME", PD_OPT_STR, &record_peers.group, NULL,
	"consumer group at networks (record- and the source's NAME)"},
    {0, "stat", NULL, PD_OPT_FLAG, &opt.stat, NULL,
	"print the account of DIR as JSON and end"},
    SAMPLE_BY_OPTS,
    SAMPLE_KEY_OPT,
    SAMPLE_SOURCE_OPTS,
    SAMPLE_NET_OPTS,
    SAMPLE_PEER_OPTS,
    PD_OPT_END,
};

static volatile sig_atomic_t hung_up;

static void
on_hangup(int sig)
{
	(void)sig;
	hung_up = 1;
}

static void
say(void *cookie, const char *text)
{
	(void)cookie;
	pd_cli_note("%s", text);
}

/* Check what options say, and put the words among them into limits. 0 or -1,
 * with a message. */
static int
check(struct options *o, struct pd_err *err)
{
	static const char *const syncs[] = {"never", "segment", "batch"};
	size_t i;

	if (o->limits.batch_events == 0 || o->limits.segment_us == 0)
		return pd_err_set(
		    err, "--batch-events and --segment must be above 0");
	if (strcmp(o->on_full, "oldest") == 0)
		o->limits.on_full = PD_FULL_OLDEST;
	else if (strcmp(o->on_full, "stop") == 0)
		o->limits.on_full = PD_FULL_STOP;
	else
		return pd_err_set(
		    err, "--on-full is oldest or stop, not '%s'", o->on_full);
	for (i = 0; i < 3 && strcmp(o->sync, syncs[i]) != 0; i++)
		;
	if (i == 3)
		return pd_err_set(err,
		    "--fsync is never, segment or batch, not '%s'", o->sync);
	o->limits.sync = (enum pd_recorder_sync)i;
	for (i = 0; i < o->nfrom; i++)
		for (size_t k = 0; k < i; k++)
			if (strcmp(o->from[i].name, o->from[k].name) == 0)
				return pd_err_set(err,
				    "two sources have the name '%s'",
				    o->from[i].name);
	return 0;
}

static struct record_from *
find_from(struct options *o, const struct record_from *f)
{
	for (size_t i = 0; i < o->nfrom; i++)
		if (strcmp(o->from[i].name, f->name) == 0 &&
		    strcmp(o->from[i].address, f->address) == 0)
			return &o->from[i];
	return NULL;
}

static int
number_sources(struct options *o, struct pd_recorder *r, struct pd_err *err)
{
	for (size_t i = 0; i < o->nfrom; i++) {
		struct record_from *f = &o->from[i];

		if (f->number < 0 &&
		    (f->number = pd_recorder_source(r, f->name, err)) < 0)
			return -1;
	}
	return 0;
}

/*
 * SIGHUP: finish the files, read the configuration again. Sources that are
 * still named stay connected. A configuration that is wrong changes nothing.
 */
static void
reload(struct pd_recorder *r)
{
	static struct options old;
	struct pd_err err = PD_ERR_INIT;
	struct record_from *f;

	pd_recorder_rotate(r);
	old = opt;
	opt.nfrom = 0;
	if (pd_cli_reload(&err) || check(&opt, &err)) {
		pd_cli_note("%s; everything stays as it was", err.msg);
		opt = old;
		return;
	}
	if (opt.nfrom == 0) { /* they come from the command line */
		memcpy(opt.from, old.from, sizeof(opt.from));
		opt.nfrom = old.nfrom;
	}
	for (size_t i = 0; i < old.nfrom; i++) {
		if ((f = find_from(&opt, &old.from[i])) != NULL)
			*f = old.from[i];
		else
			record_from_close(&old.from[i], r);
	}
	if (number_sources(&opt, r, &err))
		pd_cli_note("%s", err.msg);
	pd_recorder_limits(r, &opt.limits);
	pd_cli_note("configuration read again");
}

/* Microseconds until the recording ends, UINT64_MAX: it does not. */
static uint64_t
time_left(uint64_t started_us)
{
	const uint64_t ran = pd_clock_mono_us() - started_us;
	uint64_t most = UINT64_MAX;

	if (opt.duration_us != 0)
		most = opt.duration_us;
	if (opt.once && opt.limits.batch_us < most)
		most = opt.limits.batch_us;
	if (most == UINT64_MAX)
		return most;
	return ran < most ? most - ran : 0;
}

/* Milliseconds to wait for sources. */
static int
patience(const struct pd_recorder *r, uint64_t left)
{
	uint64_t us = pd_recorder_due(r);

	if (us > LOOK_US)
		us = LOOK_US;
	if (us > left)
		us = left;
	for (size_t i = 0; i < opt.nfrom; i++)
		if (record_from_unpolled(&opt.from[i]) && us > UNPOLLED_US)
			us = UNPOLLED_US;
	return (int)((us + 999) / 1000);
}

/* Wait for sources and take what they have. 0, or -1 having reported. */
static int
take(struct pd_recorder *r, int timeout_ms)
{
	struct pollfd p[RECORD_FROMS];

	for (size_t i = 0; i < opt.nfrom; i++)
		p[i] = (struct pollfd){
		    .fd = record_from_fd(&opt.from[i]), .events = POLLIN};
	if (poll(p, (nfds_t)opt.nfrom, timeout_ms) < 0)
		return 0; /* a signal */
	for (size_t i = 0; i < opt.nfrom; i++)
		if (((p[i].fd >= 0 && p[i].revents != 0) ||
			record_from_unpolled(&opt.from[i])) &&
		    record_from_read(&opt.from[i], r))
			return -1;
	return 0;
}

/* A network keeps what it gave until it is on the disk: a batch of its own. */
static void
acknowledge(struct pd_recorder *r, bool now)
{
	const uint64_t t = pd_clock_mono_us();

	for (size_t i = 0; i < opt.nfrom; i++) {
		struct record_from *f = &opt.from[i];

		if (!f->open || f->taken == 0 ||
		    (!now && t - f->acked_us < opt.limits.batch_us &&
			f->taken < ACK_BLOCKS))
			continue;
		pd_recorder_flush(r);
		if (pd_recorder_clean(r))
			record_from_ack(f);
	}
}

static void
connect_all(struct pd_recorder *r)
{
	for (size_t i = 0; i < opt.nfrom; i++)
		record_from_connect(&opt.from[i], r);
}

/* 0, or -1 having reported. */
static int
note_place(void)
{
	struct stat st;

	if (snprintf(place.path, sizeof(place.path), "%s", opt.dir) >=
		(int)sizeof(place.path) ||
	    stat(place.path, &st))
		return pd_cli_failf("cannot find '%s'", opt.dir), -1;
	place.dev = st.st_dev;
	place.ino = st.st_ino;
	return 0;
}

/* Whether the directory was deleted, moved, or mounted over: what is written
 * goes where nobody looks. */
static bool
is_gone(void)
{
	struct stat st;

	if (stat(place.path, &st))
		return errno == ENOENT || errno == ENOTDIR;
	return st.st_dev != place.dev || st.st_ino != place.ino;
}

/* 0, or -1 having reported. */
static int
record(struct pd_recorder *r)
{
	const uint64_t started_us = pd_clock_mono_us();
	const uint64_t before = pd_recorder_received(r);
	uint64_t left;

	connect_all(r);
	while (!pd_cli_stopping() && (left = time_left(started_us)) > 0) {
		if (hung_up) {
			hung_up = 0;
			reload(r);
		}
		if (is_gone())
			return pd_cli_failf("'%s' is gone, or another "
					    "directory is there now",
				   place.path),
			       -1;
		connect_all(r);
		if (take(r, patience(r, left)))
			return -1;
		pd_recorder_turn(r);
		acknowledge(r, false);
		if (opt.once &&
		    pd_recorder_received(r) - before >= opt.limits.batch_events)
			break;
	}
	return 0;
}

static int
run(struct pd_recorder *r)
{
	struct pd_err err = PD_ERR_INIT;
	bool ever = false;
	int rc;

	if (number_sources(&opt, r, &err)) {
		pd_recorder_abandon(r);
		return pd_cli_fail(&err);
	}
	rc = record(r);
	acknowledge(r, true);
	for (size_t i = 0; i < opt.nfrom; i++) {
		ever |= opt.from[i].ever;
		record_from_close(&opt.from[i], r);
	}
	if (pd_recorder_close(r, &err))
		rc = pd_cli_fail(&err);
	if (!ever && !pd_cli_stopping())
		rc = pd_cli_failf("no source could be reached");
	return rc == 0 ? PD_EXIT_YES : PD_EXIT_FAIL;
}

/*
 * The keys of --key-file. What a live source sends is hashed here: without the
 * option under a key file in the folder, so that a key stays the same when the
 * recorder is restarted.
 */
static int
find_keys(void)
{
	static char path[4096];
	bool live = false;

	for (size_t i = 0; i < opt.nfrom; i++)
		live |= opt.from[i].kind == RECORD_LIVE;
	if (live && sample_opt.key_file == NULL &&
	    snprintf(path, sizeof(path), "%s/key", opt.dir) < (int)sizeof(path))
		sample_opt.key_file = path;
	return sample_keys(&record_keys);
}

int
sample_record(int argc, char **argv)
{
	struct pd_recorder_opts o = {
	    .tool = "predis-sample " PD_VERSION, .note = say};
	struct sigaction sa = {.sa_handler = on_hangup};
	struct pd_err err = PD_ERR_INIT;
	struct pd_recorder *r;
	bool busy;

	(void)argc;
	(void)argv;
	if (opt.dir == NULL)
		return pd_cli_usage("record needs -d DIR");
	if (opt.stat)
		return record_stat(opt.dir);
	if (opt.nfrom == 0)
		return pd_cli_usage("record needs --from ADDRESS");
	if (check(&opt, &err))
		return pd_cli_usage("%s", err.msg);
	pd_cli_catch_signals();
	sigaction(SIGHUP, &sa, NULL);
	/* A limit on the size of files is an error of write(2), not the end. */
	sa.sa_handler = SIG_IGN;
	sigaction(SIGXFSZ, &sa, NULL);
	o.dir = opt.dir;
	o.host = record_peers.host;
	o.limits = opt.limits;
	if ((r = pd_recorder_open(&o, &busy, &err)) == NULL) {
		pd_cli_fail(&err);
		return busy ? PD_EXIT_NO : PD_EXIT_FAIL;
	}
	if (find_keys() || note_place()) {
		pd_recorder_close(r, &err);
		return PD_EXIT_FAIL;
	}
	return run(r);
}
