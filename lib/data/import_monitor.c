/*
 * The text of redis-cli MONITOR in a file: data/monitor.h understands the
 * lines.
 */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/event.h"
#include "data/import.h"
#include "data/monitor.h"
#include "io/lines.h"

struct source {
	struct pd_lines *lines;
	struct pd_monitor *monitor;
	char *name;
	enum pd_timeunit unit;
	uint64_t records;
	uint64_t ignored;
};

static void
monitor_close(void *src)
{
	struct source *s = src;

	if (s == NULL)
		return;
	pd_lines_close(s->lines);
	pd_monitor_free(s->monitor);
	free(s->name);
	free(s);
}

static void *
monitor_open(
    const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	struct source *s;

	if ((s = calloc(1, sizeof(*s))) == NULL ||
	    (s->monitor = pd_monitor_new()) == NULL ||
	    (s->name = strdup(
		 strcmp(path, "-") == 0 ? "standard input" : path)) == NULL) {
		monitor_close(s);
		pd_err_nomem(err);
		return NULL;
	}
	s->unit = o->unit;
	if ((s->lines = pd_lines_open(path, err)) == NULL) {
		monitor_close(s);
		return NULL;
	}
	return s;
}

/* Read lines up to one that names keys. 1, 0 at the end, -1. */
static int
next_command(struct source *s, struct pd_err *err)
{
	ssize_t len;
	char *line;
	int rc;

	for (;;) {
		len = pd_lines_next(s->lines, &line, err);
		if (len == -1)
			return 0;
		if (len < 0)
			return -1;
		if (len == 0 || strcmp(line, "OK") == 0)
			continue;
		rc = pd_monitor_line(s->monitor, line, (size_t)len, err);
		if (rc < 0)
			return -1;
		if (rc == PD_MONITOR_BAD)
			return pd_err_set(err, "%s:%llu: no line of MONITOR",
			    s->name,
			    (unsigned long long)pd_lines_number(s->lines));
		if (rc == PD_MONITOR_KEYS)
			return 1;
		s->ignored++;
	}
}

static int
monitor_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct source *s = src;
	int rc;

	while (!pd_monitor_key(s->monitor, e, key))
		if ((rc = next_command(s, err)) != 1)
			return rc;
	if (s->unit == PD_TIME_SEQ)
		e->time_us = s->records;
	s->records++;
	return 1;
}

static uint64_t
monitor_offset(const void *src)
{
	return pd_lines_offset(((const struct source *)src)->lines);
}

static uint64_t
monitor_ignored(const void *src)
{
	return ((const struct source *)src)->ignored;
}

const struct pd_import pd_import_monitor = {.name = "monitor",
    .unit = PD_TIME_US,
    .wall = true,
    .open = monitor_open,
    .next = monitor_next,
    .offset = monitor_offset,
    .ignored = monitor_ignored,
    .close = monitor_close};
