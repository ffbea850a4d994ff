/*
 * The text of memcached's watch in a file: data/mclog.h understands the lines.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/event.h"
#include "data/import.h"
#include "data/mclog.h"
#include "io/lines.h"

struct source {
	struct pd_lines *lines;
	struct pd_mclog *log;
	char *name;
	enum pd_timeunit unit;
	uint64_t records;
	uint64_t ignored;
	uint64_t tick;
};

static void
memcached_close(void *src)
{
	struct source *s = src;

	if (s == NULL)
		return;
	pd_lines_close(s->lines);
	pd_mclog_free(s->log);
	free(s->name);
	free(s);
}

static void *
memcached_open(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	struct source *s;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->log = pd_mclog_new()) == NULL ||
	    (s->name = strdup(
		 strcmp(path, "-") == 0 ? "standard input" : path)) == NULL) {
		memcached_close(s);
		pd_err_nomem(err);
		return NULL;
	}
	s->unit = o->unit;
	if ((s->lines = pd_lines_open(path, err)) == NULL) {
		memcached_close(s);
		return NULL;
	}
	return s;
}

/* Take one line. 1, 0 at the end, -1. */
static int
next_line(struct source *s, struct pd_err *err)
{
	ssize_t len;
	char *line;

	len = pd_lines_next(s->lines, &line, err);
	if (len < 0)
		return len == -1 ? 0 : -1;
	if (len == 0 || strcmp(line, "OK") == 0)
		return 1;
	switch (pd_mclog_line(s->log, line, (size_t)len)) {
	case PD_MCLOG_BAD:
		return pd_err_set(err, "%s:%llu: no line of memcached's watch",
		    s->name, (unsigned long long)pd_lines_number(s->lines));
	case PD_MCLOG_OTHER:
		s->ignored++;
		break;
	case PD_MCLOG_EVENT:
		break;
	}
	return 1;
}

static int
memcached_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct source *s = src;
	int rc = 1;

	/* The event reader numbers what is no fill as we do. */
	e->tick = s->tick;
	while (!pd_mclog_next(s->log, e, key)) {
		if (rc == 0)
			return 0;
		if ((rc = next_line(s, err)) < 0)
			return -1;
		if (rc == 0)
			pd_mclog_flush(s->log);
	}
	s->tick += (e->flags & PD_EV_FILL) == 0;
	if (s->unit == PD_TIME_SEQ)
		e->time_us = s->records;
	s->records++;
	return 1;
}

static uint64_t
memcached_offset(const void *src)
{
	return pd_lines_offset(((const struct source *)src)->lines);
}

static uint64_t
memcached_ignored(const void *src)
{
	return ((const struct source *)src)->ignored;
}

const struct pd_import pd_import_memcached = {.name = "memcached",
    .unit = PD_TIME_US,
    .wall = true,
    .hits = true,
    .open = memcached_open,
    .next = memcached_next,
    .offset = memcached_offset,
    .ignored = memcached_ignored,
    .close = memcached_close};
