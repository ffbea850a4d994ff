/* Reading traces, one or several as one sequence. */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cache/trace.h"
#include "cli/cli.h"
#include "data/event.h"
#include "data/evreader.h"
#include "replay.h"

#define NAME_BYTES 200

/* The file's name without its folder and endings, into ${name}. */
static void
trace_name(const char *path, char *name, size_t size)
{
	static const char *const ending[] = {
	    ".gz", ".csv", ".pds", ".bin", ".txt", ".log", NULL};
	const char *base = strrchr(path, '/');
	size_t n, e;
	int i;

	base = base == NULL ? path : base + 1;
	if (strcmp(base, "-") == 0)
		base = "stdin";
	snprintf(name, size, "%s", base);
	for (i = 0; ending[i] != NULL; i++) {
		n = strlen(name);
		e = strlen(ending[i]);
		if (n > e && strcmp(name + n - e, ending[i]) == 0)
			name[n - e] = '\0';
	}
}

static void
show_reading(void *cookie, uint64_t done, uint64_t total)
{
	pd_cli_progress(cookie, done, total);
}

static void
note_damage(const struct pd_evreader *r, const char *path)
{
	char what[200];

	if (pd_evreader_damage_text(r, what, sizeof(what)))
		pd_cli_note("'%s' %s", path, what);
}

/* Append one file. */
static int
load_one(struct pd_trace *t, const char *path, struct pd_err *err)
{
	const uint64_t before = t->requests;
	char what[128];
	struct pd_evreader *r;
	int rc;

	r = pd_evreader_open(path, opt.format, NULL,
	    (enum pd_timeunit)pd_timeunit_parse(opt.time_unit), err);
	if (r == NULL)
		return -1;
	if (pd_evreader_scheme(r, opt.scheme, err)) {
		pd_evreader_close(r);
		return -1;
	}
	snprintf(what, sizeof(what), "reading %.100s", path);
	if (t->n > 0)
		pd_trace_part(t);
	rc = pd_trace_load(t, r, show_reading, what, err);
	pd_cli_progress_end();
	if (rc == 0) {
		note_damage(r, path);
		if (t->requests == before)
			rc = pd_err_set(err, "'%s' holds no request", path);
	}
	pd_evreader_close(r);
	return rc;
}

/* Note that a file begins here, and name the whole. */
static int
begin_part(struct play *p, const char *path)
{
	struct part *q = &p->part[p->parts];
	const size_t n = strlen(p->name);
	char name[NAME_BYTES];

	trace_name(path, name, sizeof(name));
	q->name = strdup(name);
	if (q->name == NULL)
		return -1;
	q->begin = p->trace->n;
	snprintf(p->name + n, sizeof(p->name) - n, "%s%s",
	    p->parts > 0 ? "+" : "", name);
	p->parts++;
	return 0;
}

uint64_t
play_requests(const struct play *p)
{
	const struct pd_trace *t = p->trace;
	uint64_t n = p->end - p->begin;
	size_t i;

	for (i = p->begin; t->op != NULL && i < p->end; i++)
		n -= t->op[i] == PD_OP_DEL;
	return n;
}

/* Where each window of opt.window requests ends, from p->from on. */
static int
place_windows(struct play *p)
{
	const struct pd_trace *t = p->trace;
	const uint64_t most = t->requests / opt.window + 2;
	uint64_t seen = 0;
	size_t i;

	p->stop = malloc((size_t)most * sizeof(*p->stop));
	if (p->stop == NULL)
		return -1;
	for (i = p->from; i < p->end; i++) {
		if (t->op != NULL && t->op[i] == PD_OP_DEL)
			continue;
		if (seen > 0 && seen % opt.window == 0)
			p->stop[p->stops++] = i;
		seen++;
	}
	p->stop[p->stops++] = p->end;
	return 0;
}

static int
load_all(struct play *p, char **path, int n, struct pd_err *err)
{
	const struct pd_trace *t;
	int i;

	p->part = calloc((size_t)n, sizeof(*p->part));
	p->trace = pd_trace_new(opt.server != NULL, err);
	if (p->part == NULL || p->trace == NULL)
		return pd_err_nomem(err);
	for (i = 0; i < n; i++) {
		if (begin_part(p, path[i]) < 0)
			return pd_err_nomem(err);
		if (load_one(p->trace, path[i], err) < 0)
			return -1;
	}
	t = p->trace;
	if (opt.objective == PD_OBJECTIVE_COST && t->cost == NULL)
		pd_cli_note("'%s' tells no costs: every object costs the same",
		    p->name);
	p->begin = pd_trace_position(t, opt.skip);
	p->end = pd_trace_position(t, opt.to);
	p->from = pd_trace_position(t, opt.from);
	p->trained = pd_trace_position(t, opt.train_on);
	if (p->from < p->begin)
		p->from = p->begin;
	p->requests = play_requests(p);
	p->minute = pd_trace_minute(t);
	if (opt.window > 0 && place_windows(p) < 0)
		return pd_err_nomem(err);
	return 0;
}

int
load(struct play *p, char **path, int n)
{
	struct pd_err err = PD_ERR_INIT;

	memset(p, 0, sizeof(*p));
	if (load_all(p, path, n, &err) == 0)
		return 0;
	pd_cli_fail(&err);
	unload(p);
	return -1;
}

void
unload(struct play *p)
{
	int i;

	for (i = 0; i < p->parts; i++)
		free(p->part[i].name);
	free(p->part);
	free(p->stop);
	pd_trace_free(p->trace);
	memset(p, 0, sizeof(*p));
}
