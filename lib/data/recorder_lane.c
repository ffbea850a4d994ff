/*
 * A stream's growing segment. Blocks are encoded into memory and leave for the
 * file as whole batches: what the disk refuses is cut off the file again and
 * stays in memory until it is taken, so that a file never has half a block in
 * its middle, and its blocks are numbered without a gap.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/hash.h"
#include "data/pds_priv.h"
#include "data/pds_write.h"
#include "data/recorder_priv.h"

#define TRIES 1000 /* of a free name */

struct pd_lane *
pd_lane_get(struct pd_recorder *r, const char *source, const char *scheme,
    uint32_t shard, struct pd_err *err)
{
	static const struct pd_pds_index none = PD_PDS_INDEX_INIT;
	struct pd_lane *l;

	for (size_t i = 0; i < r->nlanes; i++) {
		l = r->lane[i];
		if (strcmp(l->source, source) == 0 &&
		    strcmp(l->scheme, scheme) == 0 && l->shard == shard)
			return l;
	}
	if (r->nlanes == PD_RECORDER_LANES) {
		pd_err_set(err, "more than %d streams", PD_RECORDER_LANES);
		return NULL;
	}
	if ((l = calloc(1, sizeof(*l))) == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	snprintf(l->source, sizeof(l->source), "%s", source);
	snprintf(l->scheme, sizeof(l->scheme), "%s", scheme);
	l->shard = shard;
	l->fd = -1;
	l->blocks = none;
	memset(l->fresh, true, sizeof(l->fresh));
	r->lane[r->nlanes++] = l;
	return l;
}

void
pd_lane_reset(struct pd_lane *l)
{
	pd_pds_writer_free(l->writer);
	l->writer = NULL;
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	l->segment[0] = '\0';
	l->size = l->accepted = l->written = l->told = 0;
	l->streams = 0;
	l->waits_us = 0;
	l->stuck = false;
	pd_pds_index_clear(&l->blocks);
	pd_buf_clear(&l->out);
}

void
pd_lane_free(struct pd_lane *l)
{
	pd_lane_reset(l);
	pd_pds_index_release(&l->blocks);
	pd_buf_release(&l->out);
	pd_buf_release(&l->header);
	free(l);
}

static bool
exists(const struct pd_recorder *r, const char *name)
{
	char part[PD_SEGMENT_NAME_MAX + sizeof(PD_SEGMENT_PART)];
	struct stat st;

	snprintf(part, sizeof(part), "%s" PD_SEGMENT_PART, name);
	return fstatat(r->dirfd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 ||
	       fstatat(r->dirfd, part, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Choose the name of the next segment; the file comes with its first block. */
static void
name_segment(struct pd_recorder *r, struct pd_lane *l)
{
	l->opened_us = pd_recorder_now(r);
	for (int i = 0; i < TRIES; i++, l->opened_us++) {
		pd_segment_name(
		    l->segment, l->opened_us, l->source, l->scheme, l->shard);
		if (!exists(r, l->segment))
			break;
	}
}

/* Tell the writer what was lost before its next block. */
static void
tell_lost(struct pd_lane *l)
{
	pd_pds_lost(l->writer, l->lost - l->told);
	l->told = l->lost;
}

/* End the stream that is being written, into memory. */
static int
end_stream(struct pd_lane *l, struct pd_err *err)
{
	int rc;

	if (l->writer == NULL)
		return 0;
	tell_lost(l);
	rc = pd_pds_end(l->writer, err);
	pd_pds_writer_free(l->writer);
	l->writer = NULL;
	return rc;
}

int
pd_lane_begin(struct pd_recorder *r, struct pd_lane *l, struct pd_err *err)
{
	struct pd_pds_wopts o = {.out = &l->out};
	char unique[PD_SEGMENT_NAME_MAX + 16];

	if (l->writer != NULL && !l->new_header)
		return 0;
	if (end_stream(l, err))
		return -1;
	if (l->segment[0] == '\0')
		name_segment(r, l);
	/* (stream_id, seq) names one block for ever. */
	snprintf(unique, sizeof(unique), "%s/%u", l->segment, l->streams++);
	o.stream_id = pd_hash64(unique, strlen(unique), 0);
	o.block_records = r->limits.batch_events < PD_PDS_BLOCK_RECORDS
			      ? (uint32_t)r->limits.batch_events
			      : 0;
	if ((l->writer = pd_pds_writer_new(&o, err)) == NULL)
		return -1;
	l->new_header = false;
	return pd_pds_header(
	    l->writer, (const char *)l->header.data, l->header.len, err);
}

/* Bytes at the end of the whole blocks. 0, or -1 with errno and the file as it
 * was. */
static int
append(struct pd_recorder *r, struct pd_lane *l)
{
	size_t done = 0;
	ssize_t n;
	int error;

	while (done < l->out.len) {
		n = r->io.pwrite(r->io.cookie, l->fd, l->out.data + done,
		    l->out.len - done, (off_t)(l->size + done));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			error = n == 0 ? ENOSPC : errno;
			(void)!ftruncate(l->fd, (off_t)l->size);
			errno = error;
			return -1;
		}
		done += (size_t)n;
	}
	return 0;
}

/* The file, made where it is not there yet. 0, or -1 with errno. */
static int
make_file(struct pd_recorder *r, struct pd_lane *l)
{
	char part[PD_SEGMENT_NAME_MAX + sizeof(PD_SEGMENT_PART)];

	if (l->fd >= 0)
		return 0;
	snprintf(part, sizeof(part), "%s" PD_SEGMENT_PART, l->segment);
	l->fd = openat(r->dirfd, part,
	    O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0640);
	return l->fd < 0 ? -1 : 0;
}

/* ${out} is in the file. */
static void
note_blocks(struct pd_lane *l)
{
	struct pd_pds_block b;
	size_t at = 0, need;

	while (at < l->out.len) {
		memset(&b, 0, sizeof(b));
		if (pd_pds_probe(l->out.data + at, l->out.len - at, &b,
			&need) != PD_PROBE_MEMBER)
			break;
		b.offset = l->size + at;
		pd_pds_index_add(&l->blocks, &b);
		at += need;
	}
	l->size += l->out.len;
	l->written = l->accepted;
	pd_buf_clear(&l->out);
}

static void
get_stuck(struct pd_recorder *r, struct pd_lane *l, int error)
{
	if (!l->stuck && !r->noted_full)
		pd_recorder_note(r,
		    "cannot write to '%s': %s; events are left out and counted "
		    "until it can be done",
		    l->segment, strerror(error));
	r->noted_full = true;
	r->dirty = true;
	l->stuck = true;
	l->retry_us = pd_recorder_now(r) + PD_RECORDER_RETRY_US;
}

/* Write ${out}. False: it waits, or there is nothing left to write. */
static bool
write_out(struct pd_recorder *r, struct pd_lane *l)
{
	int error;

	while (make_file(r, l) || append(r, l)) {
		error = errno;
		if (error != ENOSPC && error != EDQUOT && error != EFBIG) {
			get_stuck(r, l, error);
			return false;
		}
		if (!pd_recorder_room(r, l)) {
			if (l->segment[0] != '\0')
				get_stuck(r, l, error);
			return false;
		}
	}
	note_blocks(l);
	if (r->limits.sync == PD_SYNC_BATCH && r->io.fsync(r->io.cookie, l->fd))
		pd_recorder_note(
		    r, "fsync of '%s': %s", l->segment, strerror(errno));
	if (l->stuck && r->noted_full) {
		pd_recorder_note(r, "writing goes on");
		r->noted_full = false;
	}
	l->stuck = false;
	l->waits_us = 0;
	r->dirty = true;
	return true;
}

bool
pd_lane_commit(struct pd_recorder *r, struct pd_lane *l)
{
	struct pd_err err = PD_ERR_INIT;

	if (l->writer == NULL && l->out.len == 0)
		return true;
	if (!l->stuck && l->writer != NULL) {
		tell_lost(l);
		if (pd_pds_flush(l->writer, &err)) {
			pd_recorder_note(r, "%s", err.msg);
			pd_lane_drop(r, l);
			return false;
		}
	}
	if (l->out.len == 0)
		return true;
	/* What the blocks hold is in the account before they are there. */
	pd_recorder_save(r);
	if (!write_out(r, l))
		return false;
	r->batches++;
	return true;
}

void
pd_lane_drop(struct pd_recorder *r, struct pd_lane *l)
{
	const uint64_t n = l->accepted - l->written;

	r->lost[PD_LOST_DISK] += n;
	l->lost += n;
	l->accepted = l->written;
	r->dirty = true;
}

/* Give the file its name. */
static bool
settle(struct pd_recorder *r, struct pd_lane *l)
{
	char part[PD_SEGMENT_NAME_MAX + sizeof(PD_SEGMENT_PART)];
	struct pd_segment s;

	if (r->limits.sync != PD_SYNC_NEVER && r->io.fsync(r->io.cookie, l->fd))
		pd_recorder_note(
		    r, "fsync of '%s': %s", l->segment, strerror(errno));
	snprintf(part, sizeof(part), "%s" PD_SEGMENT_PART, l->segment);
	if (renameat(r->dirfd, part, r->dirfd, l->segment)) {
		pd_recorder_note(
		    r, "cannot rename '%s': %s", part, strerror(errno));
		return false;
	}
	if (r->limits.sync != PD_SYNC_NEVER)
		(void)!r->io.fsync(r->io.cookie, r->dirfd);
	pd_segment_parse(l->segment, &s);
	s.known = true;
	s.bytes = l->size;
	s.events = l->written;
	s.lost = l->lost;
	s.closed_us = pd_recorder_now(r);
	s.t_first_us = l->blocks.t_first_us;
	s.t_last_us = l->blocks.t_last_us;
	pd_recorder_finished(r, &s, &l->blocks);
	l->lost = 0;
	pd_lane_reset(l);
	r->finished++;
	r->dirty = true;
	pd_recorder_save(r);
	return true;
}

bool
pd_lane_finish(struct pd_recorder *r, struct pd_lane *l)
{
	struct pd_err err = PD_ERR_INIT;

	if (l->segment[0] == '\0')
		return true;
	if (l->stuck && !pd_lane_commit(r, l))
		return l->segment[0] == '\0';
	if (end_stream(l, &err)) {
		pd_recorder_note(r, "%s", err.msg);
		pd_lane_drop(r, l);
		return false;
	}
	if (!pd_lane_commit(r, l))
		return l->segment[0] == '\0';
	return settle(r, l);
}
