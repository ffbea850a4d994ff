#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/err.h"
#include "drift.h"
#include "io/lines.h"
#include "stat/sort.h"

int
number_parse(char *line, double *out, struct pd_err *err)
{
	char *p = line, *end;

	while (isspace((unsigned char)*p))
		p++;
	if (*p == '\0')
		return 1;
	errno = 0;
	*out = strtod(p, &end);
	if (end == p)
		return pd_err_set(err, "'%.40s' is not a number", p);
	if (errno == ERANGE && fabs(*out) > 1)
		return pd_err_set(err, "'%.40s' is too large", p);
	while (isspace((unsigned char)*end))
		end++;
	if (*end != '\0')
		return pd_err_set(err, "'%.40s' is not a number", p);
	return 0;
}

static int
push(struct numbers *x, double v, struct pd_err *err)
{
	size_t cap;
	double *p;

	if (isnan(v)) {
		x->missing++;
		return 0;
	}
	if (x->n == x->cap) {
		cap = x->cap > 0 ? x->cap * 2 : 4096;
		if ((p = realloc(x->v, cap * sizeof(*p))) == NULL)
			return pd_err_nomem(err);
		x->v = p;
		x->cap = cap;
	}
	x->v[x->n++] = v;
	return 0;
}

int
numbers_read(struct numbers *x, const char *path, struct pd_err *err)
{
	const char *name = strcmp(path, "-") == 0 ? "standard input" : path;
	struct pd_lines *l;
	ssize_t len;
	char *line;
	double v;
	int r = 0;

	*x = (struct numbers){NULL, 0, 0, 0};
	if ((l = pd_lines_open(path, err)) == NULL)
		return -1;
	while (r >= 0 && (len = pd_lines_next(l, &line, err)) != -1) {
		if (len == -2) {
			r = -1;
			break;
		}
		if (strlen(line) != (size_t)len)
			r = pd_err_set(err, "a NUL byte is not a number");
		else
			r = number_parse(line, &v, err);
		if (r < 0)
			pd_err_prefix(err, "%s:%llu", name,
			    (unsigned long long)pd_lines_number(l));
		else if (r == 0)
			r = push(x, v, err);
	}
	pd_lines_close(l);
	if (r >= 0 && pd_sort_doubles(x->v, x->n))
		r = pd_err_nomem(err);
	if (r < 0)
		numbers_release(x);
	return r < 0 ? -1 : 0;
}

static int
each_line(struct pd_lines *l, int (*fn)(void *, double, struct pd_err *),
    void *cookie)
{
	struct pd_err err = PD_ERR_INIT;
	ssize_t len;
	char *line;
	double v;
	int r;

	while ((len = pd_lines_next(l, &line, &err)) >= 0) {
		if (strlen(line) != (size_t)len)
			r = pd_err_set(&err, "a NUL byte is not a number");
		else
			r = number_parse(line, &v, &err);
		if (r == 1) /* blank */
			continue;
		if (r == 0)
			r = fn(cookie, v, &err);
		if (r < 0) {
			pd_err_prefix(&err, "standard input:%llu",
			    (unsigned long long)pd_lines_number(l));
			return pd_cli_fail(&err);
		}
		if (r > 0)
			return PD_EXIT_FAIL;
	}
	return len == -2 ? pd_cli_fail(&err) : PD_EXIT_YES;
}

int
numbers_each(int (*fn)(void *, double, struct pd_err *), void *cookie)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_lines *l = pd_lines_open("-", &err);
	int status;

	if (l == NULL)
		return pd_cli_fail(&err);
	status = each_line(l, fn, cookie);
	pd_lines_close(l);
	return status;
}

void
numbers_release(struct numbers *x)
{
	free(x->v);
	*x = (struct numbers){NULL, 0, 0, 0};
}

void
add_double(struct pd_buf *b, double v)
{
	char t[32];
	int p;

	for (p = 6; p <= 17; p++) {
		snprintf(t, sizeof(t), "%.*g", p, v);
		if (strtod(t, NULL) == v)
			break;
	}
	/* The sign of a NaN says nothing. */
	pd_buf_addstr(b, isnan(v) ? "nan" : t);
}

void
put_text(struct pd_buf *b, const char *name, const char *value)
{
	pd_buf_printf(b, "%s\t%s\n", name, value);
}

void
put_double(struct pd_buf *b, const char *name, double v)
{
	pd_buf_printf(b, "%s\t", name);
	add_double(b, v);
	pd_buf_addc(b, '\n');
}

void
put_u64(struct pd_buf *b, const char *name, uint64_t v)
{
	pd_buf_printf(b, "%s\t%llu\n", name, (unsigned long long)v);
}

int
finish(struct pd_buf *b, int status)
{
	if (b->failed)
		status = pd_cli_failf("out of memory");
	else if (b->len > 0 && pd_cli_out(b->data, b->len))
		status = PD_EXIT_FAIL;
	pd_buf_release(b);
	return status;
}
