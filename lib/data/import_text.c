#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/text.h"
#include "data/event.h"
#include "data/import_text.h"
#include "io/lines.h"

int
pd_import_text_open(struct pd_import_text *t, const char *path,
    const struct pd_evreader_opts *o, struct pd_err *err)
{
	t->unit = o->unit;
	t->strict = o->strict;
	t->name = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
	if (t->name == NULL)
		return pd_err_nomem(err);
	if ((t->lines = pd_lines_open(path, err)) == NULL)
		return -1;
	pd_lines_pass_long(t->lines);
	return 0;
}

void
pd_import_text_release(struct pd_import_text *t)
{
	pd_lines_close(t->lines);
	free(t->name);
	t->lines = NULL;
	t->name = NULL;
}

uint64_t
pd_import_text_offset(const void *src)
{
	const struct pd_import_text *t = src;

	return pd_lines_offset(t->lines);
}

uint64_t
pd_import_text_ignored(const void *src)
{
	const struct pd_import_text *t = src;

	return t->ignored;
}

const struct pd_rejects *
pd_import_text_rejects(const void *src)
{
	const struct pd_import_text *t = src;

	return &t->rejects;
}

int
pd_import_text_line(
    struct pd_import_text *t, char **line, size_t *n, struct pd_err *err)
{
	ssize_t len;

	do {
		len = pd_lines_next(t->lines, line, err);
		if (len == PD_LINES_LONG) {
			if (pd_import_text_reject(t, "line is too long",
				(struct pd_text_field){"", 0}, err))
				return -1;
			len = 0;
		}
		if (len < 0)
			return len == -1 ? 0 : -1;
	} while (len == 0);
	*n = (size_t)len;
	return 1;
}

int
pd_import_text_reject(struct pd_import_text *t, const char *why,
    struct pd_text_field what, struct pd_err *err)
{
	const unsigned long long line = pd_lines_number(t->lines);
	char text[sizeof(t->rejects.first[0])];

	/* How long it is, not what is in it: it may be a key. */
	if (what.n > 0)
		(void)snprintf(text, sizeof(text),
		    "%.60s:%llu: %s (%zu byte%s)", t->name, line, why, what.n,
		    what.n == 1 ? "" : "s");
	else
		(void)snprintf(
		    text, sizeof(text), "%.60s:%llu: %s", t->name, line, why);
	pd_text_printable(text, "");
	if (t->strict)
		return pd_err_set(err, "%s", text);
	if (t->rejects.count < PD_REJECTS_NAMED)
		memcpy(t->rejects.first[t->rejects.count], text, sizeof(text));
	t->rejects.count++;
	return 0;
}

/* A field in quotes at ${p}: unquoted in place; where it ends, or NULL. */
static char *
unquote(char *p, const char *end, struct pd_text_field *f)
{
	char *to = p;

	f->p = p;
	for (p++; p < end; p++) {
		if (*p == '"' && (p + 1 == end || p[1] != '"'))
			break;
		p += *p == '"';
		*to++ = *p;
	}
	if (p >= end)
		return NULL;
	f->n = (size_t)(to - f->p);
	while (p < end && *p != ',')
		p++;
	return p;
}

int
pd_import_text_split(char *line, size_t n, struct pd_text_field *f, int max)
{
	char *const end = line + n;
	char *p = line, *comma;
	int k = 0;

	while (k < max) {
		if (p < end && *p == '"') {
			if ((p = unquote(p, end, &f[k])) == NULL)
				return -1;
		} else {
			comma = memchr(p, ',', (size_t)(end - p));
			f[k].p = p;
			p = comma != NULL ? comma : end;
			f[k].n = (size_t)(p - f[k].p);
		}
		k++;
		if (p == end)
			break;
		p++;
	}
	return k;
}

bool
pd_text_field_is(struct pd_text_field f, const char *word)
{
	return f.n == strlen(word) && memcmp(f.p, word, f.n) == 0;
}

/* Digits at the start of ${f}, taken off. 0 or -1. */
static int
take_digits(struct pd_text_field *f, uint64_t *v)
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

int
pd_text_field_u64(struct pd_text_field f, uint64_t *out)
{
	return take_digits(&f, out) || f.n != 0 ? -1 : 0;
}

int
pd_text_field_u32(struct pd_text_field f, uint32_t *out)
{
	uint64_t v;

	if (pd_text_field_u64(f, &v))
		return -1;
	*out = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
	return 0;
}

int
pd_text_field_time(struct pd_text_field f, uint64_t scale, uint64_t *us)
{
	uint64_t v;

	if (take_digits(&f, &v) || v > UINT64_MAX / 2 / scale)
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

uint64_t
pd_timeunit_us(enum pd_timeunit unit)
{
	return unit == PD_TIME_S ? 1000000 : unit == PD_TIME_MS ? 1000 : 1;
}

int
pd_text_field_op(struct pd_text_field f)
{
	static const struct {
		const char *name;
		uint8_t op;
	} words[] = {{"get", PD_OP_GET}, {"set", PD_OP_SET},
	    {"gets", PD_OP_GET}, {"mget", PD_OP_GET}, {"gat", PD_OP_GET},
	    {"head", PD_OP_GET}, {"read", PD_OP_GET}, {"r", PD_OP_GET},
	    {"get_lease", PD_OP_GET}, {"add", PD_OP_SET}, {"cas", PD_OP_SET},
	    {"put", PD_OP_SET}, {"replace", PD_OP_SET}, {"write", PD_OP_SET},
	    {"w", PD_OP_SET}, {"set_lease", PD_OP_SET}, {"del", PD_OP_DEL},
	    {"delete", PD_OP_DEL}, {"purge", PD_OP_DEL}, {"d", PD_OP_DEL},
	    {"touch", PD_OP_TOUCH}, {"exists", PD_OP_TOUCH},
	    {"expire", PD_OP_EXPIRE}, {"incr", PD_OP_UPDATE},
	    {"decr", PD_OP_UPDATE}, {"append", PD_OP_UPDATE},
	    {"prepend", PD_OP_UPDATE}, {"update", PD_OP_UPDATE},
	    {"patch", PD_OP_UPDATE}, {"other", PD_OP_OTHER},
	    {"post", PD_OP_OTHER}, {"options", PD_OP_OTHER},
	    {"connect", PD_OP_OTHER}, {"trace", PD_OP_OTHER}};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i].name) == f.n &&
		    strncasecmp(f.p, words[i].name, f.n) == 0)
			return words[i].op;
	return -1;
}
