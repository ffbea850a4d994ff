#include <stdio.h>
#include <string.h>

#include "cli/help.h"

static void
print_opts(const struct pd_opt *o)
{
	char left[80];
	size_t n;

	for (; o != NULL && o->name != NULL; o++) {
		snprintf(left, sizeof(left), "  %c%c%s --%s%s%s",
		    o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
		    o->letter ? "," : " ", o->name, o->arg ? " " : "",
		    o->arg ? o->arg : "");
		n = strlen(left);
		if (n > 30)
			printf("%s\n%32s%s\n", left, "", o->help);
		else
			printf("%-32s%s\n", left, o->help);
	}
}

int
pd_help_program(const struct pd_program *p)
{
	const struct pd_verb *v;

	if (p->verbs[0].name[0] == '\0')
		return pd_help_verb(p, &p->verbs[0]);
	printf("usage: %s VERB [OPTION...] [OPERAND...]\n%s.\n\nverbs:\n",
	    p->name, p->purpose);
	for (v = p->verbs; v->name != NULL; v++)
		printf("  %-12s%s\n", v->name, v->purpose);
	printf("\ncommon options:\n");
	print_opts(pd_cli_common);
	if (p->examples != NULL)
		printf("\nexamples:\n%s", p->examples);
	printf("\n'%s VERB --help' lists a verb's options; see %s(1)\n",
	    p->name, p->name);
	return PD_EXIT_YES;
}

int
pd_help_verb(const struct pd_program *p, const struct pd_verb *v)
{
	printf("usage: %s%s%s [OPTION...]%s%s\n%s.\n\n", p->name,
	    v->name[0] ? " " : "", v->name, v->operands[0] ? " " : "",
	    v->operands, v->name[0] ? v->purpose : p->purpose);
	if (v->opts != NULL && v->opts->name != NULL) {
		printf("options:\n");
		print_opts(v->opts);
		printf("\n");
	}
	printf("common options:\n");
	print_opts(pd_cli_common);
	if (v->name[0] == '\0' && p->examples != NULL)
		printf("\nexamples:\n%s", p->examples);
	printf("\nsee %s(1)\n", p->name);
	return PD_EXIT_YES;
}

int
pd_help_version(const struct pd_program *p)
{
	printf("%s %s\n", p->name, PD_VERSION);
	return PD_EXIT_YES;
}

static void
list(const struct pd_opt *o)
{
	for (; o != NULL && o->name != NULL; o++) {
		if (o->letter)
			printf("-%c\n", o->letter);
		printf("--%s\n", o->name);
	}
}

int
pd_help_list(const struct pd_opt *opts)
{
	list(opts);
	list(pd_cli_common);
	return PD_EXIT_YES;
}

int
pd_help_list_verbs(const struct pd_program *p)
{
	const struct pd_verb *v;

	for (v = p->verbs; v->name != NULL; v++)
		if (v->name[0] != '\0')
			printf("%s\n", v->name);
	return PD_EXIT_YES;
}
