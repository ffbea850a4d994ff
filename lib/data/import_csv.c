/*
 * Traces as text: time,key,size,op. A first line that begins with no digit
 * names the columns, in any order; time, size and op may be absent, and there
 * may be cost, microseconds that fetching the object takes. Without such a
 * line the columns are time, key, size, op in this order, and size and op may
 * be left out.
 */
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/event.h"
#include "data/import.h"
#include "io/lines.h"

enum { COL_TIME, COL_KEY, COL_SIZE, COL_OP, COL_COST, COL_COUNT };

#define MAX_FIELDS 32

struct csv {
	struct pd_lines *lines;
	char *name;
	enum pd_timeunit unit;
	int place[COL_COUNT]; /* field number, -1 absent */
	uint64_t records;
	bool begun;
};

struct field {
	const char *p;
	size_t n;
};

static void
csv_close(void *src)
{
	struct csv *c = src;

	if (c == NULL)
		return;
	pd_lines_close(c->lines);
	free(c->name);
	free(c);
}

static void *
csv_open(const char *path, enum pd_timeunit unit, struct pd_err *err)
{
	struct csv *c;

	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->name = strdup(
		 strcmp(path, "-") == 0 ? "standard input" : path)) == NULL) {
		csv_close(c);
		pd_err_nomem(err);
		return NULL;
	}
	c->unit = unit;
	for (int i = 0; i < COL_COUNT; i++)
		c->place[i] = i == COL_COST ? -1 : i;
	if ((c->lines = pd_lines_open(path, err)) == NULL) {
		csv_close(c);
		return NULL;
	}
	return c;
}

static int
bad_line(
    const struct csv *c, const char *what, struct field f, struct pd_err *err)
{
	return pd_err_set(err, "%s:%llu: %s '%.*s'", c->name,
	    (unsigned long long)pd_lines_number(c->lines), what,
	    (int)(f.n < 80 ? f.n : 80), f.p);
}

static int
split(const char *line, size_t n, struct field *f)
{
	int k = 0;

	for (;;) {
		const char *comma = memchr(line, ',', n);

		f[k].p = line;
		f[k].n = comma != NULL ? (size_t)(comma - line) : n;
		k++;
		if (comma == NULL || k == MAX_FIELDS)
			return k;
		n -= f[k - 1].n + 1;
		line = comma + 1;
	}
}

static bool
is(struct field f, const char *name)
{
	return f.n == strlen(name) && memcmp(f.p, name, f.n) == 0;
}

static int
take_names(struct csv *c, const struct field *f, int n, struct pd_err *err)
{
	static const char *const name[COL_COUNT] = {
	    "time", "key", "size", "op", "cost"};

	for (int k = 0; k < COL_COUNT; k++) {
		c->place[k] = -1;
		for (int i = 0; i < n; i++)
			if (is(f[i], name[k]))
				c->place[k] = i;
	}
	if (c->place[COL_KEY] < 0)
		return bad_line(c,
		    "neither a record nor a line of names with 'key':", f[0],
		    err);
	if (c->place[COL_TIME] < 0)
		c->unit = PD_TIME_SEQ;
	return 0;
}

static int
parse_digits(struct field *f, uint64_t *v)
{
	const char *const start = f->p;

	*v = 0;
	while (f->n > 0 && *f->p >= '0' && *f->p <= '9') {
		const uint64_t d = (uint64_t)(*f->p - '0');

		if (*v > (UINT64_MAX - d) / 10)
			return -1;
		*v = *v * 10 + d;
		f->p++;
		f->n--;
	}
	return f->p == start ? -1 : 0;
}

/* A time with or without decimals, as microseconds. */
static int
parse_time(struct field f, enum pd_timeunit unit, uint64_t *us)
{
	uint64_t scale = unit == PD_TIME_S    ? 1000000
			 : unit == PD_TIME_MS ? 1000
					      : 1;
	uint64_t v;

	if (parse_digits(&f, &v) || v > UINT64_MAX / 2 / scale)
		return -1;
	*us = v * scale;
	if (f.n == 0)
		return 0;
	if (*f.p != '.')
		return -1;
	for (f.p++, f.n--; f.n > 0; f.p++, f.n--) {
		if (*f.p < '0' || *f.p > '9')
			return -1;
		scale /= 10;
		*us += (uint64_t)(*f.p - '0') * scale;
	}
	return 0;
}

static int
parse_op(struct field f, uint8_t *op)
{
	static const struct {
		const char *name;
		uint8_t op;
	} other[] = {{"read", PD_OP_GET}, {"write", PD_OP_SET},
	    {"delete", PD_OP_DEL}, {"r", PD_OP_GET}, {"w", PD_OP_SET}};
	char name[16];
	int i;

	if (f.n == 3 && memcmp(f.p, "get", 3) == 0) {
		*op = PD_OP_GET;
		return 0;
	}
	if (f.n >= sizeof(name))
		return -1;
	memcpy(name, f.p, f.n);
	name[f.n] = '\0';
	if ((i = pd_op_parse(name)) >= 0) {
		*op = (uint8_t)i;
		return 0;
	}
	for (size_t k = 0; k < sizeof(other) / sizeof(*other); k++)
		if (strcmp(name, other[k].name) == 0) {
			*op = other[k].op;
			return 0;
		}
	return -1;
}

/* The field of a column; false when it is absent or empty. */
static bool
field_of(const struct csv *c, int col, const struct field *f, int n,
    struct field *out)
{
	const int i = c->place[col];

	if (i < 0 || i >= n || f[i].n == 0)
		return false;
	*out = f[i];
	return true;
}

/* A number of at most 32 bits; larger ones are the largest. 0 or -1. */
static int
parse_u32(struct field f, uint32_t *out)
{
	uint64_t v;

	if (parse_digits(&f, &v) || f.n != 0)
		return -1;
	*out = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
	return 0;
}

static int
parse_record(const struct csv *c, const struct field *f, int n,
    struct pd_event *e, struct pd_import_key *key, struct pd_err *err)
{
	struct field v;

	if (!field_of(c, COL_KEY, f, n, &v))
		return bad_line(c, "no key in", f[0], err);
	key->p = v.p;
	key->n = v.n;
	if (c->unit == PD_TIME_SEQ)
		e->time_us = c->records;
	else if (!field_of(c, COL_TIME, f, n, &v) ||
		 parse_time(v, c->unit, &e->time_us))
		return bad_line(c, "no time:", f[0], err);
	e->size = 1;
	if (field_of(c, COL_SIZE, f, n, &v) && parse_u32(v, &e->size))
		return bad_line(c, "no size:", v, err);
	if (field_of(c, COL_COST, f, n, &v)) {
		if (parse_u32(v, &e->latency_us))
			return bad_line(c, "no cost:", v, err);
		e->flags |= e->latency_us == 0 ? 0 : PD_EV_COST;
	}
	e->op = PD_OP_GET;
	if (field_of(c, COL_OP, f, n, &v) && parse_op(v, &e->op))
		return bad_line(c, "no operation:", v, err);
	return 1;
}

static int
csv_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct csv *c = src;
	struct field f[MAX_FIELDS];
	ssize_t len;
	char *line;
	int n, rc;

	for (;;) {
		len = pd_lines_next(c->lines, &line, err);
		if (len == -1)
			return 0;
		if (len < 0)
			return -1;
		if (len == 0 || line[0] == '#')
			continue;
		n = split(line, (size_t)len, f);
		if (c->begun || (line[0] >= '0' && line[0] <= '9'))
			break;
		c->begun = true;
		if (take_names(c, f, n, err))
			return -1;
	}
	c->begun = true;
	rc = parse_record(c, f, n, e, key, err);
	c->records++;
	return rc;
}

static uint64_t
csv_offset(const void *src)
{
	return pd_lines_offset(((const struct csv *)src)->lines);
}

const struct pd_import pd_import_csv = {
    "csv", csv_open, csv_next, csv_offset, NULL, csv_close};
