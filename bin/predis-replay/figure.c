/* Charts from rows. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/text.h"
#include "cache/trace.h"
#include "cli/cli.h"
#include "cli/plot.h"
#include "data/event.h"
#include "figure.h"
#include "io/atomicfile.h"
#include "io/chart.h"

struct line {
	const char *name; /* of a policy: static */
	double *x;
	double *y;
	size_t n;
	size_t room;
};

struct panel {
	char title[320];
	char subtitle[160];
	char band[48];
	uint64_t size;	   /* of the cache, with windows, */
	uint64_t requests; /* and all of them */
	struct line line[MAX_POLICIES];
	int lines;
	struct pd_chart_mark *mark;
	char **text; /* of the marks */
	size_t marks;
	struct pd_chart_span *span;
	size_t spans;
};

static struct panel **panel;
static size_t panels;

bool
figure_wanted(void)
{
	return opt.svg != NULL || opt.plot;
}

static int
out_of_memory(void)
{
	pd_cli_failf("out of memory");
	return -1;
}

/* The panel of that title, the last one; a new one for another. */
static struct panel *
panel_for(const char *title, uint64_t size, bool *is_new)
{
	struct panel *last = panels > 0 ? panel[panels - 1] : NULL;
	struct panel **grown;

	*is_new = false;
	if (last != NULL && last->size == size &&
	    strcmp(last->title, title) == 0)
		return last;
	grown = realloc(panel, (panels + 1) * sizeof(struct panel *));
	if (grown == NULL)
		return NULL;
	panel = grown;
	last = calloc(1, sizeof(*last));
	if (last == NULL)
		return NULL;
	panel[panels++] = last;
	last->size = size;
	snprintf(last->title, sizeof(last->title), "%s", title);
	*is_new = true;
	return last;
}

/* Add a point to the line of a policy. 0, or -1 out of memory. */
static int
add_point(struct panel *q, const char *name, double x, double y)
{
	struct line *l = NULL;
	double *px, *py;
	size_t room;
	int i;

	for (i = 0; i < q->lines && l == NULL; i++)
		if (strcmp(q->line[i].name, name) == 0)
			l = &q->line[i];
	if (l == NULL) {
		if (q->lines == MAX_POLICIES)
			return -1;
		l = &q->line[q->lines++];
		l->name = name;
	}
	if (l->n == l->room) {
		room = l->room == 0 ? 32 : l->room * 2;
		px = realloc(l->x, room * sizeof(*px));
		if (px == NULL)
			return -1;
		l->x = px;
		py = realloc(l->y, room * sizeof(*py));
		if (py == NULL)
			return -1;
		l->y = py;
		l->room = room;
	}
	l->x[l->n] = x;
	l->y[l->n++] = y;
	return 0;
}

int
figure_point(const struct play *p, const struct row *r)
{
	const struct pd_trace *t = p->trace;
	char title[320];
	struct panel *q;
	bool is_new;

	if (!figure_wanted())
		return 0;
	snprintf(
	    title, sizeof(title), "Misses by size of the cache: %s", p->name);
	pd_text_printable(title, "");
	q = panel_for(title, 0, &is_new);
	if (q == NULL)
		return out_of_memory();
	if (is_new)
		snprintf(q->subtitle, sizeof(q->subtitle),
		    "%" PRIu64 " request%s for %" PRIu32 " object%s%s",
		    r->n.requests, r->n.requests == 1 ? "" : "s", t->unique,
		    t->unique == 1 ? "" : "s",
		    t->rate < 1 ? " in a sample of the keys" : "");
	return add_point(q, r->policy, (double)r->size, r->miss_ratio) < 0
		   ? out_of_memory()
		   : 0;
}

/* How many counted requests come before an entry. */
static uint64_t
counted_before(const struct play *p, size_t entry)
{
	const struct pd_trace *t = p->trace;
	uint64_t n = 0;
	size_t i;

	for (i = p->from; i < entry && i < p->end; i++)
		n += t->op == NULL || t->op[i] != PD_OP_DEL;
	return n;
}

/* Where the files begin, if they are several. 0, or -1 out of memory. */
static int
mark_parts(struct panel *q, const struct play *p)
{
	char name[208];
	int i;

	if (p->parts < 2)
		return 0;
	q->mark = calloc((size_t)p->parts, sizeof(*q->mark));
	q->text = calloc((size_t)p->parts, sizeof(char *));
	if (q->mark == NULL || q->text == NULL)
		return -1;
	for (i = 0; i < p->parts; i++) {
		if (p->part[i].begin >= p->end)
			break;
		snprintf(name, sizeof(name), "%s", p->part[i].name);
		pd_text_printable(name, "");
		q->text[i] = strdup(name);
		if (q->text[i] == NULL)
			return -1;
		q->mark[i].x = (double)counted_before(p, p->part[i].begin);
		q->mark[i].text = q->text[i];
		q->marks++;
	}
	return 0;
}

/* Which policy ruled, where it was not always the same one. */
static int
band(struct panel *q, const struct row *r, const struct window *w, size_t n)
{
	double from = 0;
	size_t i;

	for (i = 0; i < n && strcmp(w[i].ruling, r->policy) == 0; i++)
		;
	if (i == n || q->spans > 0)
		return 0;
	q->span = calloc(n, sizeof(*q->span));
	if (q->span == NULL)
		return -1;
	snprintf(q->band, sizeof(q->band), "%s follows", r->policy);
	for (i = 0; i < n; i++) {
		if (q->spans == 0 ||
		    strcmp(q->span[q->spans - 1].name, w[i].ruling) != 0)
			q->span[q->spans++] =
			    (struct pd_chart_span){from, from, w[i].ruling};
		from += (double)w[i].n.requests;
		q->span[q->spans - 1].to = from;
	}
	return 0;
}

int
figure_windows(
    const struct play *p, const struct row *r, const struct window *w, size_t n)
{
	char title[320];
	struct panel *q;
	double from = 0;
	bool is_new;
	size_t i;

	if (!figure_wanted())
		return 0;
	snprintf(title, sizeof(title), "Misses over time: %s, %" PRIu64 " %s",
	    p->name, r->size, opt.bytes ? "bytes" : "objects");
	pd_text_printable(title, "");
	q = panel_for(title, r->size, &is_new);
	if (q == NULL)
		return out_of_memory();
	if (is_new) {
		snprintf(q->subtitle, sizeof(q->subtitle),
		    "windows of %" PRIu64 " request%s", opt.window,
		    opt.window == 1 ? "" : "s");
		if (mark_parts(q, p) < 0)
			return out_of_memory();
	}
	for (i = 0; i < n; i++) {
		if (add_point(q, r->policy, from + (double)w[i].n.requests / 2,
			ratio(w[i].n.misses, w[i].n.requests)) < 0)
			return out_of_memory();
		from += (double)w[i].n.requests;
	}
	q->requests = (uint64_t)from;
	return band(q, r, w, n) < 0 ? out_of_memory() : 0;
}

/* A panel as a chart, whose lines are ${line}. */
static struct pd_chart
chart_of(const struct panel *q, struct pd_chart_line *line)
{
	int i;

	for (i = 0; i < q->lines; i++)
		line[i] = (struct pd_chart_line){
		    q->line[i].name, q->line[i].x, q->line[i].y, q->line[i].n};
	return (struct pd_chart){
	    .title = q->title,
	    .subtitle = q->subtitle,
	    .x_label = !opt.mrc	   ? "counted requests"
		       : opt.bytes ? "size of the cache (bytes)"
				   : "size of the cache (objects)",
	    .y_label = "misses per request",
	    .x_unit = opt.mrc && opt.bytes ? PD_CHART_BYTES : PD_CHART_COUNT,
	    .y_unit = PD_CHART_RATIO,
	    .log_x = opt.mrc,
	    .x_to = (double)q->requests,
	    .line = line,
	    .lines = (size_t)q->lines,
	    .mark = q->mark,
	    .marks = q->marks,
	    .band = q->band,
	    .span = q->span,
	    .spans = q->spans,
	};
}

static int
write_svg(const struct pd_chart *c)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_buf b = PD_BUF_INIT;
	int rc;

	if (opt.svg == NULL)
		return 0;
	rc = pd_chart_svg(c, panels, &b);
	if (rc < 0)
		(void)pd_err_nomem(&err);
	else
		rc = pd_atomicfile_write(opt.svg, b.data, b.len, 0666, &err);
	if (rc < 0)
		pd_cli_fail(&err);
	pd_buf_release(&b);
	return rc;
}

static int
print_plot(const struct pd_chart *c)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_plot to;
	size_t i;
	int rc = 0;

	if (!opt.plot)
		return 0;
	pd_plot_terminal(&to);
	for (i = 0; i < panels && rc == 0; i++) {
		if (i > 0)
			pd_buf_addc(&b, '\n');
		rc = pd_plot_chart(&to, &c[i], &b);
	}
	rc = rc < 0 ? out_of_memory() : pd_cli_out(b.data, b.len);
	pd_buf_release(&b);
	return rc;
}

static void
free_panel(struct panel *q)
{
	size_t i;
	int k;

	for (k = 0; k < q->lines; k++) {
		free(q->line[k].x);
		free(q->line[k].y);
	}
	for (i = 0; i < q->marks; i++)
		free(q->text[i]);
	free(q->text);
	free(q->mark);
	free(q->span);
	free(q);
}

static int
draw(void)
{
	struct pd_chart_line *line;
	struct pd_chart *chart;
	size_t i;
	int rc = -1;

	line = calloc(panels * MAX_POLICIES + 1, sizeof(*line));
	chart = calloc(panels + 1, sizeof(*chart));
	if (line == NULL || chart == NULL) {
		out_of_memory();
	} else {
		for (i = 0; i < panels; i++)
			chart[i] = chart_of(panel[i], line + i * MAX_POLICIES);
		rc = write_svg(chart) < 0 || print_plot(chart) < 0 ? -1 : 0;
	}
	free(line);
	free(chart);
	return rc;
}

int
figure_finish(bool failed)
{
	const int rc = figure_wanted() && !failed ? draw() : 0;
	size_t i;

	for (i = 0; i < panels; i++)
		free_panel(panel[i]);
	free(panel);
	panel = NULL;
	panels = 0;
	return rc;
}
