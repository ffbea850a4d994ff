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
#include "base/hash.h"
#include "data/event.h"
#include "data/import.h"
#include "data/import_text.h"
#include "io/lines.h"

enum {
	COL_TIME,
	COL_KEY,
	COL_SIZE,
	COL_OP,
	COL_COST, /* from here on only where a line of names has them */
	COL_HIT,
	COL_TTL,
	COL_LATENCY,
	COL_NS,
	COL_CLIENT,
	COL_COUNT
};

#define MAX_FIELDS 32

struct csv {
	struct pd_lines *lines;
	char *name;
	enum pd_timeunit unit;
	int place[COL_COUNT]; /* field number, -1 absent */
	uint64_t records;
	bool begun;
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
csv_open(const char *path, const struct pd_evreader_opts *o, struct pd_err *err)
{
	struct csv *c;

	if ((c = calloc(1, sizeof(*c))) == NULL ||
	    (c->name = strdup(
		 strcmp(path, "-") == 0 ? "standard input" : path)) == NULL) {
		csv_close(c);
		pd_err_nomem(err);
		return NULL;
	}
	c->unit = o->unit;
	for (int i = 0; i < COL_COUNT; i++)
		c->place[i] = i >= COL_COST ? -1 : i;
	if ((c->lines = pd_lines_open(path, err)) == NULL) {
		csv_close(c);
		return NULL;
	}
	return c;
}

/* Says how long the field is that is wrong, not what is in it: keys are nobody
 * else's business. */
static int
bad_line(const struct csv *c, const char *what, struct pd_text_field f,
    struct pd_err *err)
{
	return pd_err_set(err, "%s:%llu: %s (%zu byte%s)", c->name,
	    (unsigned long long)pd_lines_number(c->lines), what, f.n,
	    f.n == 1 ? "" : "s");
}

static int
take_names(
    struct csv *c, const struct pd_text_field *f, int n, struct pd_err *err)
{
	static const char *const name[COL_COUNT] = {"time", "key", "size", "op",
	    "cost", "hit", "ttl", "latency", "ns", "client"};

	for (int k = 0; k < COL_COUNT; k++) {
		c->place[k] = -1;
		for (int i = 0; i < n; i++)
			if (pd_text_field_is(f[i], name[k]))
				c->place[k] = i;
	}
	if (c->place[COL_KEY] < 0)
		return bad_line(c,
		    "neither a record nor a line of names with 'key'", f[0],
		    err);
	if (c->place[COL_TIME] < 0)
		c->unit = PD_TIME_SEQ;
	return 0;
}

/* The field of a column; false when it is absent or empty. */
static bool
field_of(const struct csv *c, int col, const struct pd_text_field *f, int n,
    struct pd_text_field *out)
{
	const int i = c->place[col];

	if (i < 0 || i >= n || f[i].n == 0)
		return false;
	*out = f[i];
	return true;
}

/* Columns that a line of names may name besides. 1 or -1. */
static int
more_columns(const struct csv *c, const struct pd_text_field *f, int n,
    struct pd_event *e, struct pd_import_key *key, struct pd_err *err)
{
	struct pd_text_field v;

	if (field_of(c, COL_HIT, f, n, &v)) {
		if (v.n != 1 || (*v.p != '0' && *v.p != '1'))
			return bad_line(c, "no hit (0 or 1)", v, err);
		e->flags |= *v.p == '1' ? PD_EV_HIT : 0;
	}
	if (field_of(c, COL_TTL, f, n, &v)) {
		if (pd_text_field_time(v, 1000, &e->ttl_ms))
			return bad_line(c, "no ttl", v, err);
		e->flags |= e->ttl_ms == 0 ? 0 : PD_EV_TTL;
	}
	if (field_of(c, COL_LATENCY, f, n, &v) &&
	    pd_text_field_u32(v, &e->latency_us))
		return bad_line(c, "no latency", v, err);
	if (field_of(c, COL_CLIENT, f, n, &v))
		e->client = (uint32_t)pd_hash64(v.p, v.n, 0);
	key->ns_name = false;
	if (field_of(c, COL_NS, f, n, &v) && pd_text_field_u32(v, &e->ns)) {
		e->ns = (uint32_t)pd_hash64(v.p, v.n, 0);
		key->ns_name = true;
	}
	return 1;
}

static int
parse_record(const struct csv *c, const struct pd_text_field *f, int n,
    struct pd_event *e, struct pd_import_key *key, struct pd_err *err)
{
	struct pd_text_field v;
	int op;

	if (!field_of(c, COL_KEY, f, n, &v))
		return bad_line(c, "no key", f[0], err);
	key->p = v.p;
	key->n = v.n;
	if (c->unit == PD_TIME_SEQ)
		e->time_us = c->records;
	else if (!field_of(c, COL_TIME, f, n, &v) ||
		 pd_text_field_time(v, pd_timeunit_us(c->unit), &e->time_us))
		return bad_line(c, "no time", f[0], err);
	e->size = 1;
	if (field_of(c, COL_SIZE, f, n, &v) && pd_text_field_u32(v, &e->size))
		return bad_line(c, "no size", v, err);
	if (field_of(c, COL_COST, f, n, &v)) {
		if (pd_text_field_u32(v, &e->latency_us))
			return bad_line(c, "no cost", v, err);
		e->flags |= e->latency_us == 0 ? 0 : PD_EV_COST;
	}
	e->op = PD_OP_GET;
	if (field_of(c, COL_OP, f, n, &v)) {
		if ((op = pd_text_field_op(v)) < 0)
			return bad_line(c, "no operation", v, err);
		e->op = (uint8_t)op;
	}
	return more_columns(c, f, n, e, key, err);
}

static int
csv_next(void *src, struct pd_event *e, struct pd_import_key *key,
    struct pd_err *err)
{
	struct csv *c = src;
	struct pd_text_field f[MAX_FIELDS];
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
		n = pd_import_text_split(line, (size_t)len, f, MAX_FIELDS);
		if (n < 0) {
			f[0] = (struct pd_text_field){line, (size_t)len};
			return bad_line(c, "it ends within quotes", f[0], err);
		}
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

static bool
csv_told_hit(const void *src)
{
	return ((const struct csv *)src)->place[COL_HIT] >= 0;
}

static uint64_t
csv_offset(const void *src)
{
	return pd_lines_offset(((const struct csv *)src)->lines);
}

const struct pd_import pd_import_csv = {.name = "csv",
    .unit = PD_TIME_S,
    .open = csv_open,
    .next = csv_next,
    .offset = csv_offset,
    .told_hit = csv_told_hit,
    .close = csv_close};
