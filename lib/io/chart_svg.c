/* Line charts as SVG: https://www.w3.org/TR/SVG11/ */

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/text.h"
#include "io/chart.h"

#define WIDTH 900.0
#define LEFT 66.0
#define RIGHT 150.0 /* room for the legend */
#define TOP 58.0
#define PLOT 300.0  /* height of the plot, unless the legend needs more */
#define BOTTOM 52.0 /* ticks and label of x */
#define BAND 34.0   /* what a band of spans adds */
#define BAR 16.0    /* height of its bar */
#define LEGEND_LINE 18.0
#define COLOURS 7
#define DASHES 4
#define LETTER 6.6 /* mean width of a letter */

static const char *const light[COLOURS] = {"#0072b2", "#d55e00", "#009e73",
    "#cc79a7", "#e69f00", "#56b4e9", "#444444"};
static const char *const dark[COLOURS] = {"#4da3e0", "#ff8a3c", "#2ecc9b",
    "#e6a0c8", "#f5c04a", "#8fd0f7", "#c8c8c8"};
static const char *const dash[DASHES] = {"none", "7 4", "2 3", "9 3 2 3"};

struct page {
	const struct pd_chart *c;
	struct pd_buf *out;
	struct pd_axis x;
	struct pd_axis y;
	double top; /* of the plot */
	double height;
};

/* As XML's text; '?' for what XML or UTF-8 does not allow. */
static void
text_escaped(struct pd_buf *b, const char *s)
{
	const uint8_t *p = (const uint8_t *)s;
	size_t left = strlen(s), n;

	for (; left > 0; left -= n, p += n) {
		n = pd_utf8_len(p, left);
		if (*p == '&')
			pd_buf_addstr(b, "&amp;");
		else if (*p == '<')
			pd_buf_addstr(b, "&lt;");
		else if (*p == '>')
			pd_buf_addstr(b, "&gt;");
		else if (n == 0 || *p < 0x20 || *p == 0x7f)
			pd_buf_addc(b, '?');
		else
			pd_buf_add(b, p, n);
		n = n == 0 ? 1 : n;
	}
}

/* ${anchor}: start, middle or end. */
static void
put_text(struct page *p, double x, double y, const char *class,
    const char *anchor, const char *s)
{
	pd_buf_printf(p->out,
	    "<text class=\"%s\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">",
	    class, x, y, anchor);
	text_escaped(p->out, s);
	pd_buf_addstr(p->out, "</text>\n");
}

static void
put_rule(struct page *p, const char *class, double x1, double y1, double x2,
    double y2)
{
	pd_buf_printf(p->out,
	    "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" "
	    "y2=\"%.1f\"/>\n",
	    class, x1, y1, x2, y2);
}

static double
place_x(const struct page *p, double v)
{
	return LEFT + pd_axis_place(&p->x, v) * (WIDTH - LEFT - RIGHT);
}

static double
place_y(const struct page *p, double v)
{
	return p->top + (1 - pd_axis_place(&p->y, v)) * p->height;
}

static double
plot_height(const struct pd_chart *c)
{
	const double legend = (double)c->lines * LEGEND_LINE;

	return legend > PLOT ? legend : PLOT;
}

static double
chart_height(const struct pd_chart *c)
{
	return TOP + plot_height(c) + BOTTOM + (c->spans > 0 ? BAND : 0);
}

static void
put_style(struct pd_buf *b)
{
	int i;

	pd_buf_addstr(b,
	    "<style>\n"
	    "svg{background:#fff;font-family:system-ui,-apple-system,"
	    "'DejaVu Sans',Verdana,sans-serif;font-size:12px}\n"
	    ".bg{fill:#fff}text{fill:#333}.title{font-size:15px;"
	    "font-weight:600;fill:#111}.sub{fill:#666}\n"
	    ".grid{stroke:#e4e4e4}.axis{stroke:#888}"
	    ".mark{stroke:#666;stroke-dasharray:4 3}\n"
	    ".l{fill:none;stroke-width:1.8;stroke-linejoin:round}\n"
	    ".on{fill:#fff;font-size:11px}\n");
	for (i = 0; i < COLOURS; i++)
		pd_buf_printf(b, ".c%d{stroke:%s}.f%d{fill:%s}\n", i, light[i],
		    i, light[i]);
	pd_buf_addstr(b,
	    "@media (prefers-color-scheme:dark){\n"
	    "svg{background:#14171a}.bg{fill:#14171a}text{fill:#ccc}"
	    ".title{fill:#f2f2f2}.sub{fill:#999}\n"
	    ".grid{stroke:#2b3035}.axis{stroke:#777}.mark{stroke:#999}"
	    ".on{fill:#14171a}\n");
	for (i = 0; i < COLOURS; i++)
		pd_buf_printf(b, ".c%d{stroke:%s}.f%d{fill:%s}\n", i, dark[i],
		    i, dark[i]);
	pd_buf_addstr(b, "}\n</style>\n");
}

static void
put_axes(struct page *p)
{
	const double bottom = p->top + p->height;
	char text[32];
	double at;
	int i;

	for (i = 0; i < p->y.ticks; i++) {
		at = place_y(p, p->y.tick[i]);
		put_rule(p, "grid", LEFT, at, WIDTH - RIGHT, at);
		pd_axis_text(&p->y, p->y.tick[i], text, sizeof(text));
		put_text(p, LEFT - 8, at + 4, "t", "end", text);
	}
	for (i = 0; i < p->x.ticks; i++) {
		at = place_x(p, p->x.tick[i]);
		put_rule(p, "grid", at, p->top, at, bottom);
		pd_axis_text(&p->x, p->x.tick[i], text, sizeof(text));
		put_text(p, at, bottom + 18, "t", "middle", text);
	}
	put_rule(p, "axis", LEFT, bottom, WIDTH - RIGHT, bottom);
	put_rule(p, "axis", LEFT, p->top, LEFT, bottom);
	put_text(p, (LEFT + WIDTH - RIGHT) / 2, bottom + 38, "t", "middle",
	    p->c->x_label);
	pd_buf_printf(p->out,
	    "<text class=\"t\" transform=\"translate(18 %.1f) rotate(-90)\" "
	    "text-anchor=\"middle\">",
	    p->top + p->height / 2);
	text_escaped(p->out, p->c->y_label);
	pd_buf_addstr(p->out, "</text>\n");
}

static void
open_line(struct page *p, size_t i)
{
	pd_buf_printf(p->out,
	    "<path class=\"l c%zu\" stroke-dasharray=\"%s\" d=\"", i % COLOURS,
	    dash[i / COLOURS % DASHES]);
}

static void
put_line(struct page *p, size_t i)
{
	const struct pd_chart_line *l = &p->c->line[i];
	bool pen = false;
	size_t k;

	pd_buf_addstr(p->out, "<g><title>");
	text_escaped(p->out, l->name);
	pd_buf_addstr(p->out, "</title>\n");
	open_line(p, i);
	for (k = 0; k < l->n; k++) {
		if (isfinite(l->y[k]))
			pd_buf_printf(p->out, "%c%.1f %.1f", pen ? 'L' : 'M',
			    place_x(p, l->x[k]), place_y(p, l->y[k]));
		pen = isfinite(l->y[k]);
	}
	pd_buf_addstr(p->out, "\"/></g>\n");
}

/* The lines' names, the highest line first. 0, or -1 out of memory. */
static int
put_legend(struct page *p)
{
	const double x = WIDTH - RIGHT + 14;
	size_t *order, i;
	double y;

	order = calloc(p->c->lines + 1, sizeof(*order));
	if (order == NULL)
		return -1;
	pd_chart_order(p->c, order);
	for (i = 0; i < p->c->lines; i++) {
		y = p->top + 8 + (double)i * LEGEND_LINE;
		open_line(p, order[i]);
		pd_buf_printf(p->out, "M%.1f %.1fh26\"/>\n", x, y);
		put_text(
		    p, x + 33, y + 4, "t", "start", p->c->line[order[i]].name);
	}
	free(order);
	return 0;
}

/* Vertical lines with words, which take turns in height where they are near
 * each other. */
static void
put_marks(struct page *p)
{
	const struct pd_chart_mark *m;
	double x, free_from = 0, y;
	size_t i;

	for (i = 0; i < p->c->marks; i++) {
		m = &p->c->mark[i];
		x = place_x(p, m->x);
		put_rule(p, "mark", x, p->top, x, p->top + p->height);
		y = p->top + (x < free_from ? 28 : 14);
		put_text(p, x + 5, y, "sub", "start", m->text);
		free_from = x + 10 + LETTER * (double)strlen(m->text);
	}
}

static void
put_spans(struct page *p)
{
	const double y = p->top + p->height + BOTTOM;
	const struct pd_chart_span *s;
	double from, to;
	size_t i;

	if (p->c->spans == 0)
		return;
	for (i = 0; i < p->c->spans; i++) {
		s = &p->c->span[i];
		from = place_x(p, s->from);
		to = place_x(p, s->to);
		pd_buf_printf(p->out,
		    "<rect class=\"f%zu\" x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" "
		    "height=\"%.1f\">"
		    "<title>",
		    pd_chart_span_line(p->c, i) % COLOURS, from, y, to - from,
		    BAR);
		text_escaped(p->out, s->name);
		pd_buf_addstr(p->out, "</title></rect>\n");
		if (to - from > 8 + LETTER * (double)strlen(s->name))
			put_text(p, (from + to) / 2, y + BAR - 4, "on",
			    "middle", s->name);
	}
	put_text(p, WIDTH - RIGHT + 14, y + BAR - 4, "t", "start", p->c->band);
}

static int
put_chart(struct page *p)
{
	const double titles = p->top - TOP;
	size_t i;

	put_text(p, LEFT, titles + 24, "title", "start", p->c->title);
	if (p->c->subtitle != NULL)
		put_text(p, LEFT, titles + 42, "sub", "start", p->c->subtitle);
	pd_chart_x_axis(p->c, 12, &p->x);
	pd_chart_y_axis(p->c, 8, &p->y);
	put_axes(p);
	put_marks(p);
	for (i = p->c->lines; i-- > 0;)
		put_line(p, i);
	put_spans(p);
	return put_legend(p);
}

int
pd_chart_svg(const struct pd_chart *c, size_t n, struct pd_buf *out)
{
	struct page p = {.out = out};
	double height = 0;
	size_t i;

	for (i = 0; i < n; i++)
		height += chart_height(&c[i]);
	pd_buf_printf(out,
	    "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%.0f\" "
	    "height=\"%.0f\" viewBox=\"0 0 %.0f %.0f\" role=\"img\">\n",
	    WIDTH, height, WIDTH, height);
	if (n > 0) {
		pd_buf_addstr(out, "<title>");
		text_escaped(out, c[0].title);
		pd_buf_addstr(out, "</title>\n");
	}
	put_style(out);
	pd_buf_addstr(
	    out, "<rect class=\"bg\" width=\"100%\" height=\"100%\"/>\n");
	height = 0;
	for (i = 0; i < n; i++) {
		p.c = &c[i];
		p.top = height + TOP;
		p.height = plot_height(&c[i]);
		if (put_chart(&p) < 0)
			return -1;
		height += chart_height(&c[i]);
	}
	pd_buf_addstr(out, "</svg>\n");
	return out->failed ? -1 : 0;
}
