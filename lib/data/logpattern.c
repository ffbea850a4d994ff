#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "data/logpattern.h"

/* Text, then a field; the last part may be text alone. */
struct part {
	const char *text; /* in the pattern's copy */
	size_t n;
	bool field; /* a field follows */
	struct pd_log_spec spec;
};

struct pd_logpattern {
	char *text; /* %% undone, blanks made one */
	struct part part[PD_LOGPATTERN_PARTS];
	size_t parts;
};

void
pd_logpattern_free(struct pd_logpattern *p)
{
	if (p == NULL)
		return;
	free(p->text);
	free(p);
}

static bool
blank(char c)
{
	return c == ' ' || c == '\t';
}

/* The field at ${s} (after "%{"): its specification. Where it ends, or NULL
 * with a message. */
static const char *
take_field(struct pd_logpattern *p, const char *s, struct pd_err *err)
{
	const char *end = strchr(s, '}');
	struct part *part = &p->part[p->parts];

	if (end == NULL) {
		(void)pd_err_set(err, "a field has no end: '%%{%.40s'", s);
		return NULL;
	}
	if (pd_log_spec_parse(&part->spec, s, (size_t)(end - s), err))
		return NULL;
	part->field = true;
	return end + 1;
}

/* Copy ${text} without its fields, part by part. 0, or -1 with a message. */
static int
compile(struct pd_logpattern *p, const char *text, struct pd_err *err)
{
	const char *s = text;
	char *to = p->text;

	p->part[0].text = to;
	while (*s != '\0') {
		struct part *part = &p->part[p->parts];

		if (s[0] == '%' && s[1] == '{') {
			if (p->parts > 0 && part->n == 0)
				return pd_err_set(err,
				    "two fields with nothing between them: "
				    "'%.40s'",
				    s);
			if ((s = take_field(p, s + 2, err)) == NULL)
				return -1;
			if (++p->parts == PD_LOGPATTERN_PARTS)
				return pd_err_set(err, "more than %d fields",
				    PD_LOGPATTERN_PARTS - 1);
			p->part[p->parts].text = to;
			continue;
		}
		if (s[0] == '%' && s[1] != '%')
			return pd_err_set(err,
			    "'%%' begins a field, %%{name}; write %%%% for "
			    "the character: '%.40s'",
			    s);
		s += s[0] == '%';
		*to++ = blank(*s) ? ' ' : *s;
		part->n++;
		s++;
		while (blank(s[-1]) && blank(*s))
			s++;
	}
	*to = '\0';
	p->parts++;
	return 0;
}

/* Which of two keys would be it? */
static bool
two_keys(const struct pd_logpattern *p)
{
	size_t n = 0;

	for (size_t i = 0; i < p->parts; i++)
		n += p->part[i].field && p->part[i].spec.field == PD_LOG_KEY;
	return n > 1;
}

bool
pd_logpattern_has(const struct pd_logpattern *p, enum pd_log_field f)
{
	for (size_t i = 0; i < p->parts; i++)
		if (p->part[i].field && p->part[i].spec.field == f)
			return true;
	return false;
}

struct pd_logpattern *
pd_logpattern_new(const char *text, struct pd_err *err)
{
	struct pd_logpattern *p = calloc(1, sizeof(*p));

	if (p == NULL || (p->text = malloc(strlen(text) + 1)) == NULL) {
		free(p);
		pd_err_nomem(err);
		return NULL;
	}
	if (compile(p, text, err)) {
		pd_logpattern_free(p);
		return NULL;
	}
	if (!pd_logpattern_has(p, PD_LOG_KEY) &&
	    !pd_logpattern_has(p, PD_LOG_REQUEST)) {
		(void)pd_err_set(err,
		    "a pattern needs %%{key} or %%{request}: '%.80s'", text);
		pd_logpattern_free(p);
		return NULL;
	}
	if (two_keys(p)) {
		(void)pd_err_set(err, "%%{key} is there twice: '%.80s'", text);
		pd_logpattern_free(p);
		return NULL;
	}
	return p;
}

/* Does the text of a part stand at ${s}? Where it ends, or NULL. */
static const char *
text_at(const struct part *part, const char *s, const char *end)
{
	for (size_t i = 0; i < part->n; i++) {
		if (s == end)
			return NULL;
		if (part->text[i] == ' ') {
			if (!blank(*s))
				return NULL;
			while (s < end && blank(*s))
				s++;
		} else if (*s++ != part->text[i]) {
			return NULL;
		}
	}
	return s;
}

/* Where the text of ${part} begins, from ${s} on, or NULL; ${*after} is where
 * it ends. */
static const char *
find_text(const struct part *part, const char *s, const char *end, bool quoted,
    const char **after)
{
	for (; s < end; s++) {
		if (quoted && *s == '\\' && s + 1 < end) {
			s++;
			continue;
		}
		if (*s != part->text[0] && !(part->text[0] == ' ' && blank(*s)))
			continue;
		if ((*after = text_at(part, s, end)) != NULL)
			return s;
	}
	return NULL;
}

const char *
pd_logpattern_match(const struct pd_logpattern *p, const char *line, size_t n,
    struct pd_log_values *v)
{
	const char *const end = line + n;
	const char *s = text_at(&p->part[0], line, end), *stop, *after;

	memset(v, 0, sizeof(*v));
	if (s == NULL)
		return "does not begin like the pattern";
	for (size_t i = 0; i + 1 < p->parts; i++) {
		const struct part *part = &p->part[i], *next = part + 1;
		const bool quoted = part->n > 0 && next->n > 0 &&
				    part->text[part->n - 1] == '"' &&
				    next->text[0] == '"';

		stop = after = end;
		if (next->n > 0)
			stop = find_text(next, s, end, quoted, &after);
		if (stop == NULL)
			return "is not like the pattern";
		pd_log_values_put(v, &part->spec,
		    (struct pd_text_field){s, (size_t)(stop - s)}, quoted);
		s = after;
	}
	return s == end ? NULL : "goes on where the pattern ends";
}
