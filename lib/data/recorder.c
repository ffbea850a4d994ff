#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "data/event.h"
#include "data/pds_write.h"
#include "data/recorder_priv.h"

#define SEGMENT_BYTES (UINT64_C(256) << 20) /* a segment ends with these */
#define SEGMENTS_AT_ONCE 8		    /* that fit into max_bytes */
#define TURN_US 1000000

static ssize_t
real_pwrite(void *cookie, int fd, const void *p, size_t n, off_t at)
{
	(void)cookie;
	return pwrite(fd, p, n, at);
}

static int
real_fsync(void *cookie, int fd)
{
	(void)cookie;
	return fsync(fd);
}

static int
real_unlinkat(void *cookie, int dirfd, const char *name)
{
	(void)cookie;
	return unlinkat(dirfd, name, 0);
}

static uint64_t
real_wall_us(void *cookie)
{
	(void)cookie;
	return pd_clock_wall_us();
}

static void
set_io(struct pd_recorder *r, const struct pd_recorder_io *io)
{
	r->io = *io;
	if (r->io.pwrite == NULL)
		r->io.pwrite = real_pwrite;
	if (r->io.fsync == NULL)
		r->io.fsync = real_fsync;
	if (r->io.unlinkat == NULL)
		r->io.unlinkat = real_unlinkat;
	if (r->io.wall_us == NULL)
		r->io.wall_us = real_wall_us;
}

uint64_t
pd_recorder_now(const struct pd_recorder *r)
{
	return r->io.wall_us(r->io.cookie);
}

void
pd_recorder_note(struct pd_recorder *r, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	if (r->note == NULL)
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	r->note(r->note_cookie, text);
}

void
pd_recorder_limits_init(struct pd_recorder_limits *l)
{
	*l = (struct pd_recorder_limits){.segment_us = UINT64_C(3600000000),
	    .batch_us = 60000000,
	    .batch_events = 10000,
	    .sync = PD_SYNC_SEGMENT};
}

void
pd_recorder_limits(struct pd_recorder *r, const struct pd_recorder_limits *l)
{
	r->limits = *l;
}

int
pd_recorder_lock(int dirfd, bool *busy, struct pd_err *err)
{
	const int fd = openat(dirfd, PD_RECORDER_LOCK,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);

	*busy = false;
	if (fd < 0)
		return pd_err_sys(err, "cannot make the lock");
	if (flock(fd, LOCK_EX | LOCK_NB) == 0)
		return fd;
	*busy = errno == EWOULDBLOCK;
	if (*busy)
		pd_err_set(err, "another process records into it");
	else
		pd_err_sys(err, "cannot lock it");
	close(fd);
	return -1;
}

bool
pd_recorder_held(int dirfd)
{
	const int fd =
	    openat(dirfd, PD_RECORDER_LOCK, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	bool held;

	if (fd < 0)
		return false;
	held = flock(fd, LOCK_SH | LOCK_NB) != 0 && errno == EWOULDBLOCK;
	close(fd);
	return held;
}

/* The directory and what is always in it. 0 or -1. */
static int
open_files(
    struct pd_recorder *r, const char *dir, bool *busy, struct pd_err *err)
{
	if (mkdir(dir, 0750) && errno != EEXIST)
		return pd_err_sys(err, "cannot make '%s'", dir);
	r->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (r->dirfd < 0)
		return pd_err_sys(err, "cannot open '%s'", dir);
	if ((r->lockfd = pd_recorder_lock(r->dirfd, busy, err)) < 0)
		return pd_err_prefix(err, "'%s'", dir);
	r->statefd = openat(r->dirfd, PD_RECORDER_STATE,
	    O_RDWR | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0640);
	if (r->statefd < 0)
		return pd_err_sys(
		    err, "cannot open '%s/" PD_RECORDER_STATE "'", dir);
	return 0;
}

struct pd_recorder *
pd_recorder_open(
    const struct pd_recorder_opts *o, bool *busy, struct pd_err *err)
{
	struct pd_recorder *r = calloc(1, sizeof(*r));

	*busy = false;
	if (r == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	r->dirfd = r->lockfd = r->statefd = -1;
	r->limits = o->limits;
	r->note = o->note;
	r->note_cookie = o->note_cookie;
	snprintf(r->tool, sizeof(r->tool), "%s", o->tool);
	snprintf(
	    r->host, sizeof(r->host), "%s", o->host != NULL ? o->host : "");
	set_io(r, &o->io);
	if (open_files(r, o->dir, busy, err))
		goto err0;
	r->index.dirfd = r->dirfd;
	r->started_us = pd_recorder_now(r);
	if (pd_recorder_load(r, err)) {
		pd_err_prefix(err, "'%s'", o->dir);
		goto err0;
	}
	if (pd_recorder_adopt(r, err))
		goto err0;
	return r;
err0:
	pd_recorder_abandon(r);
	return NULL;
}

void
pd_recorder_abandon(struct pd_recorder *r)
{
	if (r == NULL)
		return;
	for (size_t i = 0; i < r->nlanes; i++)
		pd_lane_free(r->lane[i]);
	pd_segments_release(&r->segments);
	pd_buf_release(&r->text);
	if (r->statefd >= 0)
		close(r->statefd);
	if (r->lockfd >= 0)
		close(r->lockfd);
	if (r->dirfd >= 0)
		close(r->dirfd);
	free(r);
}

int
pd_recorder_close(struct pd_recorder *r, struct pd_err *err)
{
	uint64_t lost = 0;

	for (size_t i = 0; i < r->nlanes; i++) {
		struct pd_lane *l = r->lane[i];

		if (pd_lane_finish(r, l))
			continue;
		/* The file stays torn, for the next recorder. */
		lost += l->accepted - l->written;
		pd_lane_drop(r, l);
	}
	for (size_t i = 0; i < r->nsources; i++)
		r->source[i].connected = false;
	r->dirty = true;
	pd_recorder_save(r);
	pd_recorder_abandon(r);
	if (lost == 0)
		return 0;
	return pd_err_set(
	    err, "%" PRIu64 " events could not be written and are lost", lost);
}

int
pd_recorder_source(struct pd_recorder *r, const char *name, struct pd_err *err)
{
	for (size_t i = 0; i < r->nsources; i++)
		if (strcmp(r->source[i].name, name) == 0)
			return (int)i;
	if (r->nsources == PD_RECORDER_SOURCES)
		return pd_err_set(
		    err, "more than %d sources", PD_RECORDER_SOURCES);
	snprintf(r->source[r->nsources].name,
	    sizeof(r->source[r->nsources].name), "%s", name);
	return (int)r->nsources++;
}

void
pd_recorder_connected(struct pd_recorder *r, int source)
{
	struct pd_recorder_source *s = &r->source[source];

	s->connected = true;
	s->connects++;
	for (size_t i = 0; i < r->nlanes; i++) {
		struct pd_lane *l = r->lane[i];

		if (strcmp(l->source, s->name) != 0)
			continue;
		memset(l->fresh, true, sizeof(l->fresh));
		l->before_id = l->run_id;
	}
	r->dirty = true;
}

void
pd_recorder_gone(struct pd_recorder *r, int source, bool marked)
{
	struct pd_recorder_source *s = &r->source[source];

	s->unclean += s->connected && !marked;
	s->connected = false;
	r->dirty = true;
}

static int
take_header(struct pd_recorder *r, struct pd_lane *l,
    const struct pd_pds_meta *m, struct pd_err *err)
{
	struct pd_pds_meta out = *m;
	struct pd_buf text = PD_BUF_INIT;

	snprintf(out.tool, sizeof(out.tool), "%s", r->tool);
	if (r->host[0] != '\0')
		snprintf(out.host, sizeof(out.host), "%s", r->host);
	if (pd_pds_meta_encode(&out, &text)) {
		pd_buf_release(&text);
		return pd_err_nomem(err);
	}
	if (l->has_header && text.len == l->header.len &&
	    memcmp(text.data, l->header.data, text.len) == 0) {
		pd_buf_release(&text);
		return 0;
	}
	pd_buf_release(&l->header);
	l->header = text;
	l->meta = *m;
	l->has_header = l->new_header = true;
	return 0;
}

int
pd_recorder_header(struct pd_recorder *r, int source,
    const struct pd_pds_meta *m, struct pd_err *err)
{
	const char *scheme =
	    m->scheme == PD_SAMPLE_NONE ? "all" : pd_scheme_name(m->scheme);
	struct pd_lane *l =
	    pd_lane_get(r, r->source[source].name, scheme, m->shard, err);

	if (l == NULL || take_header(r, l, m, err))
		return -1;
	l->run_id = m->run_id;
	for (size_t i = 0; i < r->nlanes; i++)
		if (r->lane[i] == l)
			return (int)i;
	return -1;
}

/*
 * How many accesses passed unseen before ${e}, the first one of its shard since
 * a connection. Ticks of predis-serve number the accesses of a run of it from
 * 1, times the shards; another run begins anew.
 */
static uint64_t
missed(const struct pd_lane *l, uint64_t access, uint32_t shard)
{
	const bool known = l->run_id != 0 && l->before_id != 0;
	const uint64_t last = l->last[shard];

	if (last == 0)
		return 0; /* the recording begins here */
	if (known ? l->run_id != l->before_id : access <= last)
		return access - 1;
	return access > last ? access - last - 1 : 0;
}

/* Follow the ticks of an event. Accesses that passed before it. */
static uint64_t
follow(struct pd_lane *l, const struct pd_event *e, uint32_t shard)
{
	const uint64_t shards = l->meta.shards ? l->meta.shards : 1;
	const uint64_t access = e->tick / shards;
	uint64_t n = 0;

	if (shard >= PD_RECORDER_SHARDS || access == 0 ||
	    !pd_event_is_access(e))
		return 0;
	if (l->fresh[shard]) {
		n = missed(l, access, shard);
		l->fresh[shard] = false;
		l->last[shard] = access;
	} else if (access > l->last[shard]) {
		l->last[shard] = access;
	}
	l->missed += n;
	return n;
}

static bool
has_ticks(const struct pd_lane *l)
{
	return strcmp(l->meta.source, "predis-serve") == 0;
}

void
pd_recorder_lost(
    struct pd_recorder *r, int stream, uint64_t n, enum pd_recorder_cause cause)
{
	r->lost[cause] += n;
	r->lane[stream]->lost += n;
	r->dirty |= n > 0;
}

/* Count what passed unseen before event ${e}. */
static void
look_for_gap(struct pd_recorder *r, int stream, const struct pd_event *e,
    const uint32_t *shard)
{
	struct pd_lane *l = r->lane[stream];
	const uint64_t n = follow(l, e, shard != NULL ? *shard : l->meta.shard);

	if (n > 0 && l->meta.rate >= 1)
		pd_recorder_lost(r, stream, n, PD_LOST_GAP);
}

static int
take_events(struct pd_recorder *r, struct pd_lane *l, const struct pd_event *e,
    const uint32_t *shard, size_t n, struct pd_err *err)
{
	if (pd_lane_begin(r, l, err))
		return -1;
	pd_pds_lost(l->writer, l->lost - l->told);
	l->told = l->lost;
	for (size_t i = 0; i < n; i++) {
		/* 0 leaves it to the header. */
		pd_pds_shard(l->writer, shard != NULL ? shard[i] : 0);
		if (pd_pds_add(l->writer, &e[i], err))
			return -1;
	}
	return 0;
}

int
pd_recorder_events(struct pd_recorder *r, int stream, const struct pd_event *e,
    const uint32_t *shard, size_t n, struct pd_err *err)
{
	struct pd_lane *l = r->lane[stream];

	if (n == 0)
		return 0;
	for (size_t i = 0; has_ticks(l) && i < n; i++)
		look_for_gap(r, stream, &e[i], shard ? &shard[i] : NULL);
	r->received += n;
	r->dirty = true;
	if (l->stuck) {
		pd_recorder_lost(r, stream, n, PD_LOST_DISK);
		return 0;
	}
	if (take_events(r, l, e, shard, n, err))
		return -1;
	l->accepted += n;
	if (l->waits_us == 0)
		l->waits_us = pd_recorder_now(r);
	if (l->accepted - l->written >= r->limits.batch_events)
		pd_lane_commit(r, l);
	return 0;
}

/* When the segment that began at ${opened} ends. */
static uint64_t
end_of(const struct pd_recorder *r, const struct pd_lane *l)
{
	return (l->opened_us / r->limits.segment_us + 1) * r->limits.segment_us;
}

static bool
is_over(const struct pd_recorder *r, const struct pd_lane *l, uint64_t now)
{
	uint64_t most = SEGMENT_BYTES;

	if (r->limits.max_bytes > 0 &&
	    r->limits.max_bytes / (SEGMENTS_AT_ONCE * r->nlanes) < most)
		most = r->limits.max_bytes / (SEGMENTS_AT_ONCE * r->nlanes);
	/* Or the clock was set back by more than a segment. */
	return now >= end_of(r, l) || l->size >= most ||
	       now + r->limits.segment_us < l->opened_us;
}

static void
turn_lane(struct pd_recorder *r, struct pd_lane *l, uint64_t now)
{
	if (l->stuck && now >= l->retry_us)
		pd_lane_commit(r, l);
	if (l->stuck || l->segment[0] == '\0')
		return;
	if (is_over(r, l, now))
		pd_lane_finish(r, l);
	else if (l->waits_us != 0 &&
		 (now - l->waits_us >= r->limits.batch_us || now < l->waits_us))
		pd_lane_commit(r, l);
}

void
pd_recorder_turn(struct pd_recorder *r)
{
	const uint64_t now = pd_recorder_now(r);

	for (size_t i = 0; i < r->nlanes; i++)
		turn_lane(r, r->lane[i], now);
	pd_recorder_retain(r);
	pd_recorder_save(r);
}

void
pd_recorder_flush(struct pd_recorder *r)
{
	for (size_t i = 0; i < r->nlanes; i++)
		pd_lane_commit(r, r->lane[i]);
	pd_recorder_save(r);
}

void
pd_recorder_rotate(struct pd_recorder *r)
{
	for (size_t i = 0; i < r->nlanes; i++)
		pd_lane_finish(r, r->lane[i]);
	pd_recorder_retain(r);
	pd_recorder_save(r);
}

uint64_t
pd_recorder_due(const struct pd_recorder *r)
{
	const uint64_t now = pd_recorder_now(r);
	uint64_t due = TURN_US, end;

	for (size_t i = 0; i < r->nlanes; i++) {
		const struct pd_lane *l = r->lane[i];

		if (l->segment[0] == '\0' || l->stuck)
			continue;
		end = end_of(r, l);
		if (l->waits_us != 0 && l->waits_us + r->limits.batch_us < end)
			end = l->waits_us + r->limits.batch_us;
		if (end <= now)
			return 0;
		if (end - now < due)
			due = end - now;
	}
	return due;
}

uint64_t
pd_recorder_received(const struct pd_recorder *r)
{
	return r->received;
}

bool
pd_recorder_clean(const struct pd_recorder *r)
{
	for (size_t i = 0; i < r->nlanes; i++)
		if (r->lane[i]->accepted != r->lane[i]->written)
			return false;
	return true;
}
