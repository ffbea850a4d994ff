#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/source_priv.h"

#define FIRST_CAP ((size_t)1 << 18)

int
pd_live_lines_init(struct pd_live_lines *l,
    ssize_t (*read)(void *cookie, void *p, size_t n), void *cookie)
{
	memset(l, 0, sizeof(*l));
	l->read = read;
	l->cookie = cookie;
	l->cap = FIRST_CAP;
	l->buf = malloc(l->cap + 1);
	return l->buf == NULL ? -1 : 0;
}

void
pd_live_lines_release(struct pd_live_lines *l)
{
	free(l->buf);
	l->buf = NULL;
}

/* Make room behind the unread bytes. 0 or -1. */
static int
make_room(struct pd_live_lines *l, struct pd_err *err)
{
	char *p;

	memmove(l->buf, l->buf + l->pos, l->end - l->pos);
	l->end -= l->pos;
	l->pos = 0;
	if (l->end < l->cap)
		return 0;
	if (l->cap >= PD_LIVE_LINE_MAX) {
		l->over += !l->skipping;
		l->skipping = true;
		l->end = l->scanned = 0;
		return 0;
	}
	if ((p = realloc(l->buf, l->cap * 2 + 1)) == NULL)
		return pd_err_nomem(err);
	l->buf = p;
	l->cap *= 2;
	return 0;
}

/* 1 when bytes came, 0 none now, PD_LIVE_CLOSED, -1. */
static int
fill(struct pd_live_lines *l, struct pd_err *err)
{
	ssize_t n;

	if (l->closed)
		return PD_LIVE_CLOSED;
	if (make_room(l, err))
		return -1;
	do
		n = l->read(l->cookie, l->buf + l->end, l->cap - l->end);
	while (n < 0 && errno == EINTR);
	if (n < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return 0;
	if (n <= 0) { /* the end, or a reset: the same to us */
		l->closed = true;
		return PD_LIVE_CLOSED;
	}
	l->end += (size_t)n;
	return 1;
}

int
pd_live_lines_next(
    struct pd_live_lines *l, char **line, size_t *n, struct pd_err *err)
{
	char *nl;
	int rc;

	for (;;) {
		nl = memchr(l->buf + l->pos + l->scanned, '\n',
		    l->end - l->pos - l->scanned);
		if (nl == NULL) {
			l->scanned = l->end - l->pos;
			if ((rc = fill(l, err)) != 1)
				return rc;
			continue;
		}
		*line = l->buf + l->pos;
		*n = (size_t)(nl - *line);
		l->pos += *n + 1;
		l->scanned = 0;
		if (!l->skipping)
			break;
		l->skipping = false;
	}
	if (*n > 0 && (*line)[*n - 1] == '\r')
		--*n;
	(*line)[*n] = '\0';
	return 1;
}
