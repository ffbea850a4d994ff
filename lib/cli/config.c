#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/config.h"
#include "cli/help.h"
#include "io/lines.h"

#define MAX_MARKS 128

static struct {
	const struct pd_opt *opt;
	const char *source;
} marks[MAX_MARKS];
static size_t nmarks;

static const char *
source_of(const struct pd_opt *o)
{
	size_t i;

	for (i = 0; i < nmarks; i++)
		if (marks[i].opt == o)
			return marks[i].source;
	return NULL;
}

void
pd_config_mark(const struct pd_opt *o, const char *source)
{
	size_t i;

	for (i = 0; i < nmarks; i++)
		if (marks[i].opt == o)
			break;
	if (i == MAX_MARKS)
		return;
	marks[i].opt = o;
	marks[i].source = source;
	if (i == nmarks)
		nmarks++;
}

/* A flag in text: yes/true/1/on or no/false/0/off. */
static int
assign_text(const struct pd_opt *o, const char *value, struct pd_err *err)
{
	static const char *const yes[] = {"yes", "true", "1", "on", ""};
	static const char *const no[] = {"no", "false", "0", "off"};
	size_t i;

	if (o->kind != PD_OPT_FLAG)
		return pd_cli_assign(o, value, false, err);
	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		if (strcmp(value, yes[i]) == 0)
			return pd_cli_assign(o, NULL, false, err);
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		if (strcmp(value, no[i]) == 0)
			return pd_cli_assign(o, NULL, true, err);
	return pd_err_set(
	    err, "option --%s: '%s' is not yes or no", o->name, value);
}

static int
from_environment(const struct pd_opt *o, struct pd_err *err)
{
	char name[80];
	const char *value;
	char *p;

	for (; o != NULL && o->name != NULL; o++) {
		snprintf(name, sizeof(name), "PREDIS_%s", o->name);
		for (p = name; *p != '\0'; p++)
			*p = *p == '-' ? '_' : (char)toupper((unsigned char)*p);
		if (source_of(o) != NULL || (value = getenv(name)) == NULL)
			continue;
		if (assign_text(o, value, err))
			return pd_err_prefix(err, "environment %s", name);
		pd_config_mark(o, "environment");
	}
	return 0;
}

static const struct pd_opt *
lookup(const struct pd_opt *o, const char *name)
{
	for (; o != NULL && o->name != NULL; o++)
		if (strcmp(o->name, name) == 0)
			return o;
	return NULL;
}

/* Text that options borrow until the program ends. */
struct kept {
	struct kept *next;
	char text[];
};
static struct kept *kept;

static const char *
keep(const char *text, struct pd_err *err)
{
	const size_t n = strlen(text) + 1;
	struct kept *k;

	if ((k = malloc(sizeof(*k) + n)) == NULL) {
		pd_err_nomem(err);
		return NULL;
	}
	memcpy(k->text, text, n);
	k->next = kept;
	kept = k;
	return k->text;
}

/* Does any verb of the program have this option? */
static bool
known(const struct pd_program *p, const char *name)
{
	const struct pd_verb *v;

	for (v = p->verbs; v->name != NULL; v++)
		if (lookup(v->opts, name) != NULL)
			return true;
	return false;
}

/*
 * One line of the file: an option of this verb is assigned, one of another
 * verb is passed over, one of none is an error.
 */
static int
file_line(const struct pd_program *p, const struct pd_verb *v, char *line,
    struct pd_err *err)
{
	const struct pd_opt *o;
	const char *text;
	char *value, *end;

	value = line + strcspn(line, " \t=");
	if (*value != '\0')
		*value++ = '\0';
	value += strspn(value, " \t=");
	end = value + strlen(value);
	while (end > value && isspace((unsigned char)end[-1]))
		*--end = '\0';
	if ((o = lookup(v->opts, line)) == NULL &&
	    (o = lookup(pd_cli_common, line)) == NULL)
		return known(p, line)
			   ? 0
			   : pd_err_set(err, "unknown option '%s'", line);
	if (source_of(o) != NULL && strcmp(source_of(o), "file") != 0)
		return 0;
	if ((text = keep(value, err)) == NULL || assign_text(o, text, err))
		return -1;
	pd_config_mark(o, "file");
	return 0;
}

static int
from_file(const struct pd_program *p, const struct pd_verb *v, const char *path,
    struct pd_err *err)
{
	struct pd_lines *l;
	bool ours = true;
	char *line, *end;
	ssize_t n;

	if ((l = pd_lines_open(path, err)) == NULL)
		return -1;
	while ((n = pd_lines_next(l, &line, err)) >= 0) {
		line += strspn(line, " \t");
		if (line[0] == '#' || line[0] == '\0')
			continue;
		if (line[0] == '[') {
			end = strchr(line, ']');
			ours = end != NULL &&
			       strncmp(line + 1, v->name,
				   (size_t)(end - line - 1)) == 0 &&
			       strlen(v->name) == (size_t)(end - line - 1);
			continue;
		}
		if (ours && file_line(p, v, line, err)) {
			pd_err_prefix(
			    err, "%s:%" PRIu64, path, pd_lines_number(l));
			n = -2;
			break;
		}
	}
	pd_lines_close(l);
	return n == -1 ? 0 : -1;
}

static const char *file_read;

const char *
pd_cli_config_file(void)
{
	return file_read;
}

int
pd_config_load(const struct pd_program *p, const struct pd_verb *v,
    const char *const *path, struct pd_err *err)
{
	char standard[120];

	if (from_environment(v->opts, err) ||
	    from_environment(pd_cli_common, err))
		return -1;
	if (*path != NULL) {
		if (strcmp(*path, "none") == 0)
			return 0;
		file_read = *path;
		return from_file(p, v, *path, err);
	}
	snprintf(standard, sizeof(standard), "/etc/predis/%s.conf", p->name);
	if (access(standard, R_OK))
		return 0;
	file_read = keep(standard, err);
	return file_read == NULL ? -1 : from_file(p, v, standard, err);
}

static void
print_value(const struct pd_opt *o)
{
	const char *s;

	switch (o->kind) {
	case PD_OPT_FLAG:
		printf("%s", *(const bool *)o->dest ? "yes" : "no");
		break;
	case PD_OPT_STR:
		s = *(const char *const *)o->dest;
		printf("%s", s ? s : "");
		break;
	case PD_OPT_U64:
	case PD_OPT_SIZE:
		/* The programs' mark of an option that is not given. */
		if (*(const uint64_t *)o->dest != UINT64_MAX)
			printf("%" PRIu64, *(const uint64_t *)o->dest);
		break;
	case PD_OPT_DURATION:
		printf("%" PRIu64 "us", *(const uint64_t *)o->dest);
		break;
	case PD_OPT_DOUBLE:
	case PD_OPT_SHARE:
		printf("%.10g", *(const double *)o->dest);
		break;
	case PD_OPT_CALL:
		printf("-");
		break;
	}
}

int
pd_config_print(const struct pd_verb *v)
{
	const struct pd_opt *o;
	const char *source;

	for (o = v->opts; o != NULL && o->name != NULL; o++) {
		source = source_of(o);
		printf("%s\t", o->name);
		print_value(o);
		printf("\t%s\n", source ? source : "default");
	}
	return PD_EXIT_YES;
}
