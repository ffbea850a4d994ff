#include <langinfo.h>
#include <locale.h>
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/num.h"
#include "cli/plot.h"
#include "io/chart.h"

#define GUTTER 8 /* columns of the y axis */
#define NONE UINT8_MAX
#define COLOURS 6

static const char *const colour[COLOURS] = {"34", "31", "32", "35", "33", "36"};

struct canvas {
	const struct pd_plot *p;
	const struct pd_chart *c;
	struct pd_axis x;
	struct pd_axis y;
	int cols;
	int rows;
	uint8_t *dots;	 /* by cell: braille's bits; 1 in ASCII */
	uint8_t *owner;	 /* by cell: the line, or NONE */
	uint8_t *letter; /* by cell: to show instead, or 0 */
};

static bool
locale_is_utf8(void)
{
	locale_t l = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool yes;

	if (l == (locale_t)0)
		return false;
	yes = strcmp(nl_langinfo_l(CODESET, l), "UTF-8") == 0;
	freelocale(l);
	return yes;
}

static int
terminal_width(void)
{
	const char *env = getenv("COLUMNS");
	struct winsize w;
	uint64_t n;

	if (env != NULL && pd_parse_u64(env, &n, NULL) == 0 && n > 0)
		return n > 400 ? 400 : (int)n;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) == 0 && w.ws_col > 0)
		return w.ws_col > 400 ? 400 : w.ws_col;
	return 80;
}

void
pd_plot_terminal(struct pd_plot *p)
{
	const char *no = getenv("NO_COLOR"), *term = getenv("TERM");

	p->width = terminal_width();
	if (p->width < 40)
		p->width = 40;
	p->height = p->width / 4 < 12 ? 12 : p->width / 4;
	if (p->height > 24)
		p->height = 24;
	p->utf8 = locale_is_utf8();
	p->colour = isatty(STDOUT_FILENO) && (no == NULL || no[0] == '\0') &&
		    term != NULL && strcmp(term, "dumb") != 0;
}

static char
letter_of(size_t line)
{
	return (char)('a' + (int)(line % 26));
}

/* Dots across and down a cell. */
static int
fine_x(const struct canvas *v)
{
	return v->p->utf8 ? 2 : 1;
}

static int
fine_y(const struct canvas *v)
{
	return v->p->utf8 ? 4 : 1;
}

static void
put_dot(struct canvas *v, int x, int y, uint8_t owner)
{
	static const uint8_t bit[4][2] = {
	    {0x01, 0x08}, {0x02, 0x10}, {0x04, 0x20}, {0x40, 0x80}};
	const int col = x / fine_x(v), row = y / fine_y(v);
	int cell;

	if (x < 0 || y < 0 || col >= v->cols || row >= v->rows)
		return;
	cell = row * v->cols + col;
	v->dots[cell] |= v->p->utf8 ? bit[y % 4][x % 2] : 1;
	if (owner != NONE)
		v->owner[cell] = owner;
}

/* A value's dot. */
static int
dot_x(const struct canvas *v, double x)
{
	return (int)floor(
	    pd_axis_place(&v->x, x) * (v->cols * fine_x(v) - 1) + 0.5);
}

static int
dot_y(const struct canvas *v, double y)
{
	return (int)floor(
	    (1 - pd_axis_place(&v->y, y)) * (v->rows * fine_y(v) - 1) + 0.5);
}

static void
put_segment(struct canvas *v, int x1, int y1, int x2, int y2, uint8_t owner)
{
	const int dx = x2 - x1, dy = y2 - y1;
	const int n = abs(dx) > abs(dy) ? abs(dx) : abs(dy);
	int i;

	for (i = 0; i <= n; i++)
		put_dot(v, x1 + (n == 0 ? 0 : dx * i / n),
		    y1 + (n == 0 ? 0 : dy * i / n), owner);
}

/* A line, and its letter where other lines do not have theirs. */
static void
put_line(struct canvas *v, size_t i)
{
	const struct pd_chart_line *l = &v->c->line[i];
	const int lettered =
	    (int)((2 * i + 1) * (size_t)v->cols / (2 * v->c->lines));
	bool pen = false;
	int x = 0, y = 0, to_x, to_y;
	int best = -1, row = 0;
	size_t k;

	for (k = 0; k < l->n; k++) {
		if (!isfinite(l->y[k])) {
			pen = false;
			continue;
		}
		to_x = dot_x(v, l->x[k]);
		to_y = dot_y(v, l->y[k]);
		put_segment(v, pen ? x : to_x, pen ? y : to_y, to_x, to_y,
		    (uint8_t)(i % NONE));
		x = to_x;
		y = to_y;
		pen = true;
		if (best < 0 ||
		    abs(x / fine_x(v) - lettered) < abs(best - lettered)) {
			best = x / fine_x(v);
			row = y / fine_y(v);
		}
	}
	if (best >= 0 && v->p->utf8)
		v->letter[row * v->cols + best] = (uint8_t)letter_of(i);
}

static void
put_marks(struct canvas *v)
{
	size_t i;
	int x, y;

	for (i = 0; i < v->c->marks; i++) {
		x = dot_x(v, v->c->mark[i].x);
		for (y = 0; y < v->rows * fine_y(v); y += fine_y(v) / 2 + 1)
			put_dot(v, x, y, NONE);
	}
}

static void
paint(struct pd_buf *b, const struct canvas *v, size_t line)
{
	if (v->p->colour)
		pd_buf_printf(b, "\033[%sm", colour[line % COLOURS]);
}

static void
unpaint(struct pd_buf *b, const struct canvas *v)
{
	if (v->p->colour)
		pd_buf_addstr(b, "\033[0m");
}

static void
put_cell(struct pd_buf *b, const struct canvas *v, int cell)
{
	const uint8_t owner = v->owner[cell], dots = v->dots[cell];
	char c = ' ';

	if (owner != NONE && dots != 0)
		paint(b, v, owner);
	if (v->letter[cell] != 0)
		pd_buf_addc(b, (char)v->letter[cell]);
	else if (v->p->utf8 && dots != 0)
		pd_buf_printf(b, "\xe2%c%c", (char)(0xa0 | (dots >> 6)),
		    (char)(0x80 | (dots & 0x3f)));
	else {
		if (dots != 0)
			c = owner == NONE ? ':' : letter_of(owner);
		pd_buf_addc(b, c);
	}
	if (owner != NONE && dots != 0)
		unpaint(b, v);
}

static void
put_rows(struct pd_buf *b, const struct canvas *v)
{
	const char *bar = v->p->utf8 ? "\xe2\x94\x82" : "|";
	char text[32];
	int row, col, i;

	for (row = 0; row < v->rows; row++) {
		text[0] = '\0';
		for (i = 0; i < v->y.ticks; i++)
			if (dot_y(v, v->y.tick[i]) / fine_y(v) == row)
				pd_axis_text(
				    &v->y, v->y.tick[i], text, sizeof(text));
		pd_buf_printf(b, "%*s %s", GUTTER - 2, text, bar);
		for (col = 0; col < v->cols; col++)
			put_cell(b, v, row * v->cols + col);
		pd_buf_addc(b, '\n');
	}
}

/* The line of the x axis, and its numbers where they fit. */
static void
put_x_axis(struct pd_buf *b, const struct canvas *v)
{
	char text[32], line[512];
	int i, n, at, free_from = 0;

	memset(line, ' ', sizeof(line));
	for (i = 0; i < v->x.ticks; i++) {
		pd_axis_text(&v->x, v->x.tick[i], text, sizeof(text));
		n = (int)strlen(text);
		at = dot_x(v, v->x.tick[i]) / fine_x(v) - n / 2;
		at = at < 0 ? 0 : at;
		if (at < free_from || at + n > v->cols)
			continue;
		memcpy(line + at, text, (size_t)n);
		free_from = at + n + 1;
	}
	pd_buf_printf(
	    b, "%*s%s", GUTTER - 1, "", v->p->utf8 ? "\xe2\x94\x94" : "+");
	for (i = 0; i < v->cols; i++)
		pd_buf_addstr(b, v->p->utf8 ? "\xe2\x94\x80" : "-");
	pd_buf_printf(b, "\n%*s%.*s\n", GUTTER, "",
	    free_from > 0 ? free_from - 1 : 0, line);
}

/* The letters of the spans. */
static void
put_band(struct pd_buf *b, const struct canvas *v)
{
	const struct pd_chart *c = v->c;
	size_t k = 0, line;
	int col;
	double x;

	if (c->spans == 0)
		return;
	pd_buf_printf(b, "%*s", GUTTER, "");
	for (col = 0; col < v->cols; col++) {
		x = v->x.from + (v->x.to - v->x.from) * (col + 0.5) / v->cols;
		while (k + 1 < c->spans && c->span[k].to <= x)
			k++;
		line = pd_chart_span_line(c, k);
		paint(b, v, line);
		pd_buf_addc(b, letter_of(line));
		unpaint(b, v);
	}
	pd_buf_printf(b, "\n%*s(%s)\n", GUTTER, "", c->band);
}

/* One entry of the legend; ${used}: columns of its row. */
static void
put_name(struct pd_buf *b, const struct canvas *v, size_t line,
    const char *name, int *used)
{
	const int width = (int)strlen(name) + 4;

	if (*used > 0 && *used + width > v->cols) {
		pd_buf_printf(b, "\n%*s", GUTTER, "");
		*used = 0;
	}
	*used += width;
	paint(b, v, line);
	pd_buf_addc(b, letter_of(line));
	unpaint(b, v);
	pd_buf_printf(b, " %s  ", name);
}

/* Names of spans that are no line's. */
static void
put_other_names(struct pd_buf *b, const struct canvas *v, int *used)
{
	size_t i, line, next = v->c->lines;

	for (i = 0; i < v->c->spans; i++) {
		line = pd_chart_span_line(v->c, i);
		if (line == next) {
			put_name(b, v, line, v->c->span[i].name, used);
			next++;
		}
	}
}

static int
put_legend(struct pd_buf *b, const struct canvas *v)
{
	const size_t n = v->c->lines;
	size_t *order = calloc(n + 1, sizeof(*order)), i;
	int used = 0;

	if (order == NULL)
		return -1;
	pd_chart_order(v->c, order);
	pd_buf_printf(b, "%*s", GUTTER, "");
	for (i = 0; i < n; i++)
		put_name(b, v, order[i], v->c->line[order[i]].name, &used);
	put_other_names(b, v, &used);
	pd_buf_addc(b, '\n');
	free(order);
	return 0;
}

static int
draw(struct canvas *v, struct pd_buf *out)
{
	const struct pd_chart *c = v->c;
	size_t i;

	put_marks(v);
	for (i = c->lines; i-- > 0;)
		put_line(v, i);
	pd_buf_printf(out, "%s\n", c->title);
	if (c->subtitle != NULL)
		pd_buf_printf(out, "%s\n", c->subtitle);
	pd_buf_printf(out, "%s\n", c->y_label);
	put_rows(out, v);
	put_x_axis(out, v);
	pd_buf_printf(out, "%*s%s\n", GUTTER, "", c->x_label);
	put_band(out, v);
	if (put_legend(out, v) < 0)
		return -1;
	for (i = 0; i < c->marks; i++)
		pd_buf_printf(out, "%*s: %s\n", GUTTER, "", c->mark[i].text);
	return out->failed ? -1 : 0;
}

int
pd_plot_chart(
    const struct pd_plot *p, const struct pd_chart *c, struct pd_buf *out)
{
	struct canvas v = {.p = p, .c = c};
	size_t cells;
	int rc = -1;

	v.cols = p->width - GUTTER - 1;
	v.rows = p->height;
	cells = (size_t)v.cols * (size_t)v.rows;
	v.dots = calloc(cells, 1);
	v.owner = malloc(cells);
	v.letter = calloc(cells, 1);
	if (v.dots != NULL && v.owner != NULL && v.letter != NULL) {
		memset(v.owner, NONE, cells);
		pd_chart_x_axis(c, 10, &v.x);
		pd_chart_y_axis(c, 6, &v.y);
		rc = draw(&v, out);
	}
	free(v.dots);
	free(v.owner);
	free(v.letter);
	return rc;
}
