#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "data/pds_read.h"
#include "data/segment.h"
#include "data/segment_read.h"
#include "io/fd.h"

struct pd_segment_reader {
	int dirfd;
	int fd; /* of the segment at hand, or -1 */
	struct pd_segments list;
	size_t next;
	uint64_t total;
	bool grows; /* one of them */
};

bool
pd_segment_reader_is_dir(const char *path)
{
	struct stat st;

	return strcmp(path, "-") != 0 && stat(path, &st) == 0 &&
	       S_ISDIR(st.st_mode);
}

struct pd_segment_reader *
pd_segment_reader_open(
    const char *dir, uint64_t from_us, uint64_t to_us, struct pd_err *err)
{
	struct pd_segment_reader *s = calloc(1, sizeof(*s));
	size_t kept = 0;

	if (s == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	s->fd = -1;
	s->dirfd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0) {
		pd_err_sys(err, "cannot open '%s'", dir);
		goto err0;
	}
	if (pd_segments_load(&s->list, s->dirfd, false, err)) {
		pd_err_prefix(err, "'%s'", dir);
		goto err0;
	}
	if (s->list.n == 0) {
		pd_err_set(err, "'%s' is a directory without segments", dir);
		goto err0;
	}
	for (size_t i = 0; i < s->list.n; i++) {
		const struct pd_segment *one = &s->list.v[i];

		if (!pd_segment_overlaps(one, from_us, to_us))
			continue;
		s->total += one->bytes;
		s->grows |= one->growing;
		s->list.v[kept++] = *one;
	}
	s->list.n = kept;
	return s;
err0:
	pd_segment_reader_close(s);
	return NULL;
}

void
pd_segment_reader_close(struct pd_segment_reader *s)
{
	if (s == NULL)
		return;
	pd_segments_release(&s->list);
	if (s->fd >= 0)
		close(s->fd);
	if (s->dirfd >= 0)
		close(s->dirfd);
	free(s);
}

/* Open the next segment. 1, 0 there is none, or -1. One that grew may have got
 * its name meanwhile, and one may have been deleted. */
static int
open_next(struct pd_segment_reader *s, struct pd_err *err)
{
	char name[PD_SEGMENT_NAME_MAX];

	while (s->next < s->list.n) {
		const struct pd_segment *one = &s->list.v[s->next++];

		snprintf(name, sizeof(name), "%s", one->name);
		s->fd = openat(s->dirfd, name, O_RDONLY | O_CLOEXEC);
		if (s->fd < 0 && errno == ENOENT && one->growing) {
			name[strlen(name) - strlen(PD_SEGMENT_PART)] = '\0';
			s->fd = openat(s->dirfd, name, O_RDONLY | O_CLOEXEC);
		}
		if (s->fd >= 0)
			return 1;
		if (errno != ENOENT)
			return pd_err_sys(err, "cannot open '%s'", name);
	}
	return 0;
}

static ssize_t
read_bytes(void *cookie, void *p, size_t n, struct pd_err *err)
{
	struct pd_segment_reader *s = cookie;
	ssize_t got;
	int rc;

	for (;;) {
		if (s->fd < 0 && (rc = open_next(s, err)) <= 0)
			return rc;
		if ((got = pd_read_some(s->fd, p, n)) < 0)
			return pd_err_sys(err, "cannot read a segment");
		if (got > 0)
			return got;
		close(s->fd);
		s->fd = -1;
	}
}

struct pd_pds_reader *
pd_segment_reader_blocks(struct pd_segment_reader *s)
{
	struct pd_pds_reader *r = pd_pds_reader_call(read_bytes, s);

	if (r != NULL && s->grows)
		pd_pds_reader_endless(r);
	return r;
}

uint64_t
pd_segment_reader_total(const struct pd_segment_reader *s)
{
	return s->total;
}
