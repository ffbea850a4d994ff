#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "data/pds_priv.h"
#include "data/pds_read.h"
#include "data/pds_write.h"
#include "data/segment.h"

/* Take a good block into the account. */
static void
see(const struct pd_pds_block *b, struct pd_segment *s,
    struct pd_segment_tail *t)
{
	uint64_t first;

	s->lost += b->lost;
	if (b->type == PD_PDS_EVENTS || b->type == PD_PDS_FEATURES ||
	    b->type == PD_PDS_LABELS)
		s->events += b->nrec;
	t->records = 0;
	if (b->type != PD_PDS_HEADER && pd_pds_first(b, &first) == 0)
		t->records = first + b->nrec;
	t->stream_id = b->stream_id;
	t->seq = b->seq + 1;
	t->end = b->offset + b->size;
	t->ended = b->type == PD_PDS_END;
	t->blocks++;
}

int
pd_segment_scan(int fd, struct pd_segment *s, struct pd_pds_index *blocks,
    struct pd_segment_tail *tail, struct pd_err *err)
{
	struct pd_segment_tail t = {0};
	struct pd_pds_index own = PD_PDS_INDEX_INIT;
	struct pd_pds_index *x = blocks != NULL ? blocks : &own;
	const struct pd_pds_damage *list;
	struct pd_pds_reader *r;
	struct pd_pds_block b;
	int rc;

	if (lseek(fd, 0, SEEK_SET) < 0)
		return pd_err_sys(err, "cannot read the segment");
	if ((r = pd_pds_reader_fd(fd)) == NULL)
		return pd_err_nomem(err);
	pd_pds_index_clear(x);
	s->events = s->lost = 0;
	while ((rc = pd_pds_next(r, &b, err)) == PD_PDS_GOT) {
		see(&b, s, &t);
		pd_pds_index_add(x, &b);
	}
	for (size_t i = pd_pds_damage(r, &list); i-- > 0;)
		t.damaged |= list[i].offset < t.end;
	s->t_first_us = x->t_first_us;
	s->t_last_us = x->t_last_us;
	s->known = rc == PD_PDS_EOF;
	if (tail != NULL)
		*tail = t;
	pd_pds_reader_free(r);
	pd_pds_index_release(&own);
	return rc == PD_PDS_EOF ? 0 : -1;
}

/* Write the end marker that is missing. */
static int
write_end(
    int fd, const struct pd_segment_tail *t, uint64_t lost, struct pd_err *err)
{
	struct pd_pds_wopts o = {.fd = fd};
	struct pd_pds_writer *w;
	int rc;

	if (lseek(fd, (off_t)t->end, SEEK_SET) < 0)
		return pd_err_sys(err, "cannot write the end");
	if ((w = pd_pds_writer_new(&o, err)) == NULL)
		return -1;
	pd_pds_resume(w, t->stream_id, t->seq, t->records);
	pd_pds_lost(w, lost);
	rc = pd_pds_end(w, err);
	pd_pds_writer_free(w);
	return rc;
}

/* Cut the torn end off, write the end marker. 0, 1 nothing is in it, or -1. */
static int
mend(int fd, struct pd_segment *s, uint64_t lost, struct pd_pds_index *blocks,
    struct pd_err *err)
{
	struct pd_segment_tail t;

	if (pd_segment_scan(fd, s, blocks, &t, err))
		return -1;
	if (t.blocks == 0)
		return 1;
	if (ftruncate(fd, (off_t)t.end))
		return pd_err_sys(err, "cannot cut the torn end off");
	s->bytes = t.end;
	if (t.ended && lost == 0)
		return 0;
	if (write_end(fd, &t, lost, err)) {
		(void)!ftruncate(fd, (off_t)t.end);
		return -1;
	}
	/* So that the index knows the end marker too. */
	if (pd_segment_scan(fd, s, blocks, &t, err))
		return -1;
	s->bytes = t.end;
	return fsync(fd) ? pd_err_sys(err, "cannot write the end") : 0;
}

int
pd_segment_adopt(int dirfd, struct pd_segment *s, uint64_t lost,
    struct pd_pds_index *blocks, struct pd_err *err)
{
	char name[PD_SEGMENT_NAME_MAX];
	const size_t n = strlen(s->name) - strlen(PD_SEGMENT_PART);
	int fd, rc;

	fd = openat(dirfd, s->name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return pd_err_sys(err, "cannot open '%s'", s->name);
	rc = mend(fd, s, lost, blocks, err);
	close(fd);
	if (rc < 0)
		return pd_err_prefix(err, "'%s'", s->name);
	if (rc == 1)
		return unlinkat(dirfd, s->name, 0)
			   ? pd_err_sys(err, "cannot remove '%s'", s->name)
			   : 1;
	snprintf(name, sizeof(name), "%.*s", (int)n, s->name);
	if (renameat(dirfd, s->name, dirfd, name))
		return pd_err_sys(err, "cannot rename '%s'", s->name);
	memcpy(s->name, name, sizeof(name));
	s->growing = false;
	return 0;
}
