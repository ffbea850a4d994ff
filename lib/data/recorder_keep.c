/*
 * What stays and what goes: retention, room on a full disk, the index, and what
 * a killed recorder left behind. A segment is counted as deleted, and the
 * account says which one is going, before it goes: a kill in between neither
 * forgets nor repeats it.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "data/recorder_priv.h"

#define INDEX_SLACK 64 /* entries of deleted segments */

static uint64_t
size_of(const struct pd_recorder *r)
{
	uint64_t n = r->bytes;

	for (size_t i = 0; i < r->nlanes; i++)
		n += r->lane[i]->size;
	return n;
}

/* Remove the file ${name}, of which the account knows already. */
static void
remove_file(struct pd_recorder *r, const char *name)
{
	snprintf(r->deleting, sizeof(r->deleting), "%s", name);
	r->dirty = true;
	pd_recorder_save(r);
	if (r->io.unlinkat(r->io.cookie, r->dirfd, name) && errno != ENOENT)
		pd_recorder_note(
		    r, "cannot delete '%s': %s", name, strerror(errno));
	r->deleting[0] = '\0';
	r->dirty = true;
}

static void
count_gone(struct pd_recorder *r, enum pd_recorder_gone why, uint64_t events,
    uint64_t bytes)
{
	r->gone_segments[why]++;
	r->gone_events[why] += events;
	r->gone_bytes[why] += bytes;
}

void
pd_recorder_delete(struct pd_recorder *r, size_t i, enum pd_recorder_gone why)
{
	const struct pd_segment s = r->segments.v[i];

	count_gone(r, why, s.events, s.bytes);
	r->bytes -= s.bytes;
	pd_segments_remove(&r->segments, i);
	remove_file(r, s.name);
}

/* Does a segment's age begin with its end, or, not known, with its name? */
static uint64_t
age_of(const struct pd_segment *s, uint64_t now)
{
	const uint64_t since =
	    s->closed_us > s->opened_us ? s->closed_us : s->opened_us;

	return now > since ? now - since : 0;
}

void
pd_recorder_retain(struct pd_recorder *r)
{
	const uint64_t now = pd_recorder_now(r);
	size_t i = 0;

	while (r->limits.max_age_us > 0 && i < r->segments.n) {
		if (age_of(&r->segments.v[i], now) > r->limits.max_age_us)
			pd_recorder_delete(r, i, PD_GONE_AGE);
		else
			i++;
	}
	while (r->limits.max_bytes > 0 && r->segments.n > 0 &&
	       size_of(r) > r->limits.max_bytes)
		pd_recorder_delete(r, 0, PD_GONE_BYTES);
}

bool
pd_recorder_room(struct pd_recorder *r, struct pd_lane *l)
{
	char part[PD_SEGMENT_NAME_MAX + sizeof(PD_SEGMENT_PART)];

	if (r->limits.on_full != PD_FULL_OLDEST)
		return false;
	if (r->segments.n > 0) {
		pd_recorder_delete(r, 0, PD_GONE_FULL);
		return true;
	}
	/* Nothing but what grows: it goes, if that makes room. */
	if (l->size <= l->out.len)
		return false;
	pd_recorder_note(r,
	    "the disk is full, and nothing is there to delete but '%s', "
	    "which is begun anew",
	    l->segment);
	pd_lane_drop(r, l);
	count_gone(r, PD_GONE_FULL, l->written, l->size);
	snprintf(part, sizeof(part), "%s" PD_SEGMENT_PART, l->segment);
	pd_lane_reset(l);
	remove_file(r, part);
	return false;
}

/* Make the index anew from the files. */
static void
write_index(struct pd_recorder *r)
{
	struct pd_segments l = PD_SEGMENTS_INIT;
	struct pd_err err = PD_ERR_INIT;

	if ((pd_segments_load(&l, r->dirfd, true, &err) ||
		pd_segment_index_write(&r->index, &l, r->tool, &err)) &&
	    !r->noted_index) {
		pd_recorder_note(r, "%s; it is tried again", err.msg);
		r->noted_index = true;
	}
	pd_segments_release(&l);
}

void
pd_recorder_finished(struct pd_recorder *r, const struct pd_segment *s,
    struct pd_pds_index *blocks)
{
	if (pd_segments_add(&r->segments, s, NULL))
		pd_recorder_note(
		    r, "out of memory: '%s' is not followed", s->name);
	else
		r->bytes += s->bytes;
	if (r->index.entries > 2 * r->segments.n + INDEX_SLACK)
		r->index.size = 0;
	if (r->index.size == 0 ||
	    pd_segment_index_append(&r->index, s, blocks, NULL))
		write_index(r);
}

/* The stream that was writing the file ${name}. */
static struct pd_lane *
lane_of(struct pd_recorder *r, const char *name)
{
	for (size_t i = 0; i < r->nlanes; i++) {
		const char *segment = r->lane[i]->segment;

		if (segment[0] != '\0' &&
		    strncmp(segment, name, strlen(segment)) == 0)
			return r->lane[i];
	}
	return NULL;
}

/*
 * Stream ${l} was writing a segment when its recorder was killed. ${s} is what
 * that segment has; what it should have, and has not, is lost.
 */
static void
settle_kill(struct pd_recorder *r, struct pd_lane *l,
    const struct pd_segment *s, uint64_t *lost)
{
	const uint64_t killed =
	    l->accepted > s->events ? l->accepted - s->events : 0;
	const uint64_t known = l->lost + killed;

	r->lost[PD_LOST_KILLED] += killed;
	*lost = known > s->lost ? known - s->lost : 0;
	l->lost = 0;
	pd_lane_reset(l);
	r->dirty = true;
}

/* Finish a growing segment. 0; 1 nothing was in it; -1. */
static int
adopt_one(struct pd_recorder *r, struct pd_segment *s,
    struct pd_pds_index *blocks, struct pd_err *err)
{
	struct pd_lane *l = lane_of(r, s->name);
	char name[PD_SEGMENT_NAME_MAX];
	uint64_t lost = 0;
	int fd, rc;

	memcpy(name, s->name, sizeof(name));
	fd = openat(r->dirfd, s->name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return pd_err_sys(err, "cannot open '%s'", s->name);
	rc = pd_segment_scan(fd, s, NULL, NULL, err);
	close(fd);
	if (rc)
		return -1;
	if (l != NULL)
		settle_kill(r, l, s, &lost);
	rc = pd_segment_adopt(r->dirfd, s, lost, blocks, err);
	/* Where no file can say it, the next one does. */
	if (rc != 0 && l != NULL)
		l->lost += lost;
	if (rc == 0)
		pd_recorder_note(r,
		    "adopted '%s': %" PRIu64 " events kept, %" PRIu64 " lost",
		    s->name, s->events, lost);
	else if (rc == 1)
		pd_recorder_note(r, "removed '%s': no block in it", name);
	return rc;
}

/* Segments that the account speaks of, and that have no torn file: finished
 * just before the kill, or never begun. */
static void
settle_rest(struct pd_recorder *r, const struct pd_segments *all)
{
	struct pd_segment none;
	uint64_t lost;

	for (size_t i = 0; i < r->nlanes; i++) {
		struct pd_lane *l = r->lane[i];
		const struct pd_segment *s = &none;

		if (l->segment[0] == '\0')
			continue;
		memset(&none, 0, sizeof(none));
		for (size_t k = 0; k < all->n; k++)
			if (strcmp(all->v[k].name, l->segment) == 0)
				s = &all->v[k];
		settle_kill(r, l, s, &lost);
		l->lost = lost;
	}
}

/* Segments, and no account of them: it begins with what they hold, as if
 * nothing else had ever come. */
static void
begin_account(struct pd_recorder *r)
{
	if (r->segments.n == 0)
		return;
	r->finished = r->segments.n;
	for (size_t i = 0; i < r->segments.n; i++)
		r->received += r->segments.v[i].events;
	pd_recorder_note(r,
	    PD_RECORDER_STATE " holds no account: it begins anew with the "
			      "%" PRIu64 " events of %zu segments, and what "
			      "was lost before is not known",
	    r->received, r->segments.n);
}

int
pd_recorder_adopt(struct pd_recorder *r, struct pd_err *err)
{
	struct pd_segments l = PD_SEGMENTS_INIT;
	const uint64_t now = pd_recorder_now(r);
	const bool no_account = r->state_seq == 0;
	int rc = -1;

	if (r->deleting[0] != '\0')
		remove_file(r, r->deleting);
	if (pd_segments_load(&l, r->dirfd, true, err))
		return -1;
	for (size_t i = 0; i < l.n; i++) {
		struct pd_err why = PD_ERR_INIT;

		if (!l.v[i].growing)
			continue;
		rc = adopt_one(r, &l.v[i], &l.blocks[i], &why);
		l.v[i].closed_us = now;
		if (rc < 0)
			pd_recorder_note(r, "%s; it stays as it is", why.msg);
	}
	/* The index reads what it does not know yet. */
	if (pd_segment_index_write(&r->index, &l, r->tool, err))
		pd_recorder_note(r, "%s; it is tried again", err->msg);
	settle_rest(r, &l);
	for (size_t i = 0; i < l.n; i++) {
		if (l.v[i].growing || !l.v[i].known)
			continue;
		if (pd_segments_add(&r->segments, &l.v[i], NULL)) {
			pd_segments_release(&l);
			return pd_err_nomem(err);
		}
		r->bytes += l.v[i].bytes;
	}
	pd_segments_release(&l);
	if (no_account)
		begin_account(r);
	pd_recorder_save(r);
	return 0;
}
