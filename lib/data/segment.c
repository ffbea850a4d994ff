#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/err.h"
#include "base/utc.h"
#include "data/segment.h"
#include "data/segment_priv.h"

#define SUFFIX ".pds"

bool
pd_segment_stream_ok(const char *name)
{
	const size_t n = strlen(name);

	return n > 0 && n <= PD_SEGMENT_STREAM_MAX &&
	       strspn(name,
		   "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		   "0123456789._") == n;
}

void
pd_segment_name(char out[PD_SEGMENT_NAME_MAX], uint64_t opened_us,
    const char *stream, const char *scheme, uint32_t shard)
{
	char at[PD_UTC_LEN + 1];

	pd_utc_format(at, opened_us);
	snprintf(out, PD_SEGMENT_NAME_MAX, "%s-%.*s-%.12s-%u" SUFFIX, at,
	    PD_SEGMENT_STREAM_MAX, stream, scheme, (unsigned)shard);
}

bool
pd_segment_parse(const char *name, struct pd_segment *s)
{
	char at[PD_UTC_LEN + 1];
	size_t n = strlen(name);

	memset(s, 0, sizeof(*s));
	if (n >= sizeof(s->name) || n <= PD_UTC_LEN || name[PD_UTC_LEN] != '-')
		return false;
	memcpy(s->name, name, n + 1);
	memcpy(at, name, PD_UTC_LEN);
	at[PD_UTC_LEN] = '\0';
	if (pd_utc_parse(at, &s->opened_us, NULL))
		return false;
	if (n > strlen(PD_SEGMENT_PART) &&
	    strcmp(name + n - strlen(PD_SEGMENT_PART), PD_SEGMENT_PART) == 0) {
		s->growing = true;
		n -= strlen(PD_SEGMENT_PART);
	}
	return n > PD_UTC_LEN + 1 + strlen(SUFFIX) &&
	       strncmp(name + n - strlen(SUFFIX), SUFFIX, strlen(SUFFIX)) == 0;
}

size_t
pd_segment_lane(const char *name, const char **lane)
{
	const char *end;

	*lane = name + (strlen(name) > PD_UTC_LEN ? PD_UTC_LEN + 1 : 0);
	end = strstr(*lane, SUFFIX);
	return end == NULL ? strlen(*lane) : (size_t)(end - *lane);
}

bool
pd_segment_overlaps(
    const struct pd_segment *s, uint64_t from_us, uint64_t to_us)
{
	if (!s->known)
		return true;
	return s->events > 0 && s->t_last_us >= from_us &&
	       s->t_first_us <= to_us;
}

void
pd_segments_release(struct pd_segments *l)
{
	for (size_t i = 0; l->blocks != NULL && i < l->n; i++)
		pd_pds_index_release(&l->blocks[i]);
	free(l->blocks);
	free(l->v);
	*l = (struct pd_segments)PD_SEGMENTS_INIT;
}

/* Room for one more. */
static int
reserve(struct pd_segments *l)
{
	const size_t cap = l->cap ? 2 * l->cap : 64;
	struct pd_pds_index *b;
	struct pd_segment *v;

	if (l->n < l->cap)
		return 0;
	if ((v = realloc(l->v, cap * sizeof(*v))) == NULL)
		return -1;
	l->v = v;
	if (l->blocks != NULL) {
		if ((b = realloc(l->blocks, cap * sizeof(*b))) == NULL)
			return -1;
		l->blocks = b;
	}
	l->cap = cap;
	return 0;
}

int
pd_segments_add(struct pd_segments *l, const struct pd_segment *s,
    struct pd_pds_index *blocks)
{
	static const struct pd_pds_index none = PD_PDS_INDEX_INIT;
	size_t i;

	if (reserve(l))
		return -1;
	for (i = l->n; i > 0 && strcmp(l->v[i - 1].name, s->name) > 0; i--)
		;
	memmove(&l->v[i + 1], &l->v[i], (l->n - i) * sizeof(*l->v));
	l->v[i] = *s;
	if (l->blocks != NULL) {
		memmove(&l->blocks[i + 1], &l->blocks[i],
		    (l->n - i) * sizeof(*l->blocks));
		l->blocks[i] = none;
		if (blocks != NULL) {
			l->blocks[i] = *blocks;
			*blocks = none;
		}
	}
	l->n++;
	return 0;
}

void
pd_segments_remove(struct pd_segments *l, size_t i)
{
	l->n--;
	memmove(&l->v[i], &l->v[i + 1], (l->n - i) * sizeof(*l->v));
	if (l->blocks == NULL)
		return;
	pd_pds_index_release(&l->blocks[i]);
	memmove(
	    &l->blocks[i], &l->blocks[i + 1], (l->n - i) * sizeof(*l->blocks));
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(((const struct pd_segment *)a)->name,
	    ((const struct pd_segment *)b)->name);
}

/* Append without order; load() sorts. */
static int
list_one(struct pd_segments *l, int dirfd, const char *name)
{
	struct pd_segment s;
	struct stat st;

	if (!pd_segment_parse(name, &s) ||
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) ||
	    !S_ISREG(st.st_mode))
		return 0;
	s.bytes = (uint64_t)st.st_size;
	if (reserve(l))
		return -1;
	l->v[l->n++] = s;
	return 0;
}

static int
list_all(struct pd_segments *l, int dirfd, struct pd_err *err)
{
	const int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	int rc = 0;
	DIR *d;

	if (fd < 0 || (d = fdopendir(fd)) == NULL) {
		if (fd >= 0)
			close(fd);
		return pd_err_sys(err, "cannot list the segments");
	}
	while (rc == 0 && (e = readdir(d)) != NULL)
		rc = list_one(l, dirfd, e->d_name);
	closedir(d);
	return rc ? pd_err_nomem(err) : 0;
}

int
pd_segments_load(
    struct pd_segments *l, int dirfd, bool blocks, struct pd_err *err)
{
	*l = (struct pd_segments)PD_SEGMENTS_INIT;
	if (list_all(l, dirfd, err))
		goto err0;
	if (l->n > 0)
		qsort(l->v, l->n, sizeof(*l->v), by_name);
	if (blocks) {
		l->blocks = calloc(l->cap > 0 ? l->cap : 1, sizeof(*l->blocks));
		if (l->blocks == NULL) {
			pd_err_nomem(err);
			goto err0;
		}
	}
	if (pd_segment_index_read(l, dirfd, err) == 0)
		return 0;
err0:
	pd_segments_release(l);
	return -1;
}
