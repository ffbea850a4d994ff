/* Axes of line charts. */

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "io/chart.h"

/* The least and greatest of what is drawn; 0..1 where nothing is. */
static void
extent(const struct pd_chart *c, bool x, double *least, double *most)
{
	const struct pd_chart_line *l;
	double v;
	size_t i, k;

	*least = INFINITY;
	*most = -INFINITY;
	for (i = 0; i < c->lines; i++) {
		l = &c->line[i];
		for (k = 0; k < l->n; k++) {
			if (!isfinite(l->y[k]))
				continue;
			v = x ? l->x[k] : l->y[k];
			*least = fmin(*least, v);
			*most = fmax(*most, v);
		}
	}
	if (x && c->x_to > c->x_from) {
		*least = fmin(*least, c->x_from);
		*most = fmax(*most, c->x_to);
	}
	if (*least > *most) {
		*least = 0;
		*most = 1;
	}
}

/* The step among 1, 2, 5, 10 ... (1, 4, 16 ... of bytes) that gives at most
 * ${most} ticks over ${span}. */
static double
step_for(double span, int most, enum pd_chart_unit unit)
{
	static const double nice[] = {1, 2, 5, 10};
	double unit_step;
	int i;

	if (unit == PD_CHART_BYTES) {
		for (unit_step = 1; span / unit_step > most - 1;)
			unit_step *= 2;
		return unit_step;
	}
	unit_step = pow(10, floor(log10(span / most)));
	for (i = 0; i < 3; i++)
		if (span / (nice[i] * unit_step) <= most - 1)
			break;
	return nice[i] * unit_step;
}

static void
linear_ticks(struct pd_axis *a, int most)
{
	const double step = step_for(a->to - a->from, most, a->unit);
	const double first = ceil(a->from / step - 1e-9);
	double v;
	int i;

	for (i = 0; i < most; i++) {
		v = (first + i) * step;
		if (v > a->to + step * 1e-9)
			break;
		a->tick[a->ticks++] = v;
	}
}

/* Powers of the base, with their 2 and 5 where there is room for them. */
static void
log_ticks(struct pd_axis *a, int most)
{
	static const double between[] = {1, 2, 5};
	const double base = a->unit == PD_CHART_BYTES ? 2 : 10;
	const double decades = log(a->to / a->from) / log(base);
	const bool fine = base > 2 && decades * 3 <= most;
	const double every = fmax(1, ceil(decades / (most - 1)));
	const double first = floor(log(a->from) / log(base) / every) * every;
	double power, v;
	int i, k;

	for (k = 0;; k++) {
		power = pow(base, first + k * every);
		if (power > a->to * 1.0001)
			break;
		for (i = 0; i < (fine ? 3 : 1); i++) {
			v = power * between[i];
			if (v >= a->from * 0.9999 && v <= a->to * 1.0001 &&
			    a->ticks < most)
				a->tick[a->ticks++] = v;
		}
	}
}

void
pd_chart_x_axis(const struct pd_chart *c, int most, struct pd_axis *a)
{
	memset(a, 0, sizeof(*a));
	extent(c, true, &a->from, &a->to);
	a->unit = c->x_unit;
	a->log = c->log_x && a->from > 0;
	if (a->to <= a->from)
		a->to = a->log ? a->from * 2 : a->from + 1;
	if (a->log)
		log_ticks(a, most);
	else
		linear_ticks(a, most);
}

/* From 0 where that costs little of the height. */
void
pd_chart_y_axis(const struct pd_chart *c, int most, struct pd_axis *a)
{
	double least, greatest, step;

	memset(a, 0, sizeof(*a));
	extent(c, false, &least, &greatest);
	a->unit = c->y_unit;
	if (least >= 0 && least < 0.4 * greatest)
		least = 0;
	if (greatest <= least)
		greatest = least + (least == 0 ? 1 : fabs(least) * 0.1);
	step = step_for(greatest - least, most - 1, a->unit);
	a->from = floor(least / step + 1e-9) * step;
	a->to = ceil(greatest / step - 1e-9) * step;
	linear_ticks(a, most);
}

double
pd_axis_place(const struct pd_axis *a, double v)
{
	if (a->log)
		return log(v / a->from) / log(a->to / a->from);
	return (v - a->from) / (a->to - a->from);
}

void
pd_axis_text(const struct pd_axis *a, double v, char *text, size_t size)
{
	static const char *const suffix[] = {"", "k", "M", "G", "T"};
	const double base = a->unit == PD_CHART_BYTES ? 1024 : 1000;
	int i = 0;

	if (a->unit == PD_CHART_RATIO) {
		(void)snprintf(text, size, "%.3g", fabs(v) < 1e-12 ? 0 : v);
		return;
	}
	for (; fabs(v) >= base * 0.9995 && i < 4; i++)
		v /= base;
	(void)snprintf(text, size, "%.4g%s", v, suffix[i]);
}

size_t
pd_chart_span_line(const struct pd_chart *c, size_t i)
{
	size_t line, k, others = 0;

	for (line = 0; line < c->lines; line++)
		if (strcmp(c->line[line].name, c->span[i].name) == 0)
			return line;
	for (k = 0; k < i; k++) {
		if (strcmp(c->span[k].name, c->span[i].name) == 0)
			return pd_chart_span_line(c, k);
		line = pd_chart_span_line(c, k);
		if (line >= c->lines + others)
			others = line - c->lines + 1;
	}
	return c->lines + others;
}

static double
mean(const struct pd_chart_line *l)
{
	double sum = 0;
	size_t i, n = 0;

	for (i = 0; i < l->n; i++)
		if (isfinite(l->y[i])) {
			sum += l->y[i];
			n++;
		}
	return n == 0 ? 0 : sum / (double)n;
}

void
pd_chart_order(const struct pd_chart *c, size_t *order)
{
	size_t i, k;

	for (i = 0; i < c->lines; i++) {
		for (k = i;
		     k > 0 && mean(&c->line[order[k - 1]]) < mean(&c->line[i]);
		     k--)
			order[k] = order[k - 1];
		order[k] = i;
	}
}
