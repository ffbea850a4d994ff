#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <zlib.h>

#include "base/err.h"
#include "io/lines.h"

struct pd_lines {
	gzFile gz;
	char *name;
	char *buf;
	size_t cap;
	size_t pos; /* start of unread bytes */
	size_t end; /* end of bytes read */
	uint64_t number;
	int eof;
	int pass_long; /* such lines are no error */
};

struct pd_lines *
pd_lines_open(const char *path, struct pd_err *err)
{
	struct pd_lines *l;
	int fd;

	if ((l = calloc(1, sizeof(*l))) == NULL)
		goto nomem;
	l->cap = 1 << 17;
	l->name = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
	l->buf = malloc(l->cap + 1);
	if (l->name == NULL || l->buf == NULL)
		goto nomem;
	if (strcmp(path, "-") == 0)
		fd = dup(STDIN_FILENO);
	else
		fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0) {
		pd_err_sys(err, "cannot open '%s'", path);
		goto err0;
	}
	if ((l->gz = gzdopen(fd, "rb")) == NULL) {
		close(fd);
		goto nomem;
	}
	gzbuffer(l->gz, 1 << 17);
	return l;
nomem:
	pd_err_nomem(err);
err0:
	pd_lines_close(l);
	return NULL;
}

/* Move unread bytes to the front and read more. 0 or -1. */
static int
fill(struct pd_lines *l, struct pd_err *err)
{
	const char *msg;
	char *p;
	int n, e;

	memmove(l->buf, l->buf + l->pos, l->end - l->pos);
	l->end -= l->pos;
	l->pos = 0;
	if (l->end == l->cap) {
		if (l->cap >= PD_LINE_MAX)
			return pd_err_set(err, "%s:%llu: line is too long",
			    l->name, (unsigned long long)l->number + 1);
		if ((p = realloc(l->buf, l->cap * 2 + 1)) == NULL)
			return pd_err_nomem(err);
		l->buf = p;
		l->cap *= 2;
	}
	n = gzread(l->gz, l->buf + l->end, (unsigned)(l->cap - l->end));
	if (n < 0) {
		msg = gzerror(l->gz, &e);
		return pd_err_set(err, "cannot read '%s' after line %llu: %s",
		    l->name, (unsigned long long)l->number,
		    e == Z_ERRNO ? strerror(errno) : msg);
	}
	if (n == 0) {
		l->eof = 1;
		/* A gzip member cut short is reported here, not as -1. */
		gzerror(l->gz, &e);
		if (e == Z_BUF_ERROR)
			return pd_err_set(err,
			    "'%s' is truncated after line %llu", l->name,
			    (unsigned long long)l->number);
	}
	l->end += (size_t)n;
	if (l->number == 0 && l->end >= 4 &&
	    memcmp(l->buf, "\x28\xb5\x2f\xfd", 4) == 0)
		return pd_err_set(err,
		    "'%s' is compressed with zstd: pipe it through zstd -dc",
		    l->name);
	return 0;
}

/* The bytes of a byte order mark in UTF-8 at the start of a text. */
static size_t
mark(const char *line, size_t n)
{
	return n >= 3 && memcmp(line, "\xef\xbb\xbf", 3) == 0 ? 3 : 0;
}

void
pd_lines_pass_long(struct pd_lines *l)
{
	l->pass_long = 1;
}

ssize_t
pd_lines_next(struct pd_lines *l, char **line, struct pd_err *err)
{
	size_t scanned = 0, n;
	int passing = 0;
	char *nl;

	for (;;) {
		nl = memchr(
		    l->buf + l->pos + scanned, '\n', l->end - l->pos - scanned);
		if (nl != NULL || l->eof)
			break;
		scanned = l->end - l->pos;
		if (l->pass_long && scanned >= PD_LINE_MAX) {
			l->pos = l->end = scanned = 0;
			passing = 1;
		}
		if (fill(l, err))
			return -2;
	}
	if (passing) {
		l->pos = nl == NULL ? l->end : (size_t)(nl + 1 - l->buf);
		l->number++;
		return PD_LINES_LONG;
	}
	if (nl == NULL) {
		if (l->pos == l->end)
			return -1;
		nl = l->buf + l->end;
	}
	*line = l->buf + l->pos;
	n = (size_t)(nl - *line);
	l->pos += n + (nl < l->buf + l->end);
	if (n > 0 && (*line)[n - 1] == '\r')
		n--;
	(*line)[n] = '\0';
	if (l->number++ == 0) {
		const size_t skip = mark(*line, n);

		*line += skip;
		n -= skip;
	}
	return (ssize_t)n;
}

uint64_t
pd_lines_number(const struct pd_lines *l)
{
	return l->number;
}

uint64_t
pd_lines_offset(const struct pd_lines *l)
{
	const z_off_t o = gzoffset(l->gz);

	return o < 0 ? 0 : (uint64_t)o;
}

void
pd_lines_close(struct pd_lines *l)
{
	if (l == NULL)
		return;
	if (l->gz != NULL)
		gzclose(l->gz);
	free(l->name);
	free(l->buf);
	free(l);
}
