#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/text.h"
#include "cli/cli.h"
#include "cli/config.h"
#include "cli/help.h"

bool pd_cli_quiet;
bool pd_cli_verbose;

static const char *program_name = "predis";
static const char *verb_name = ""; /* the one that runs */
static const struct pd_program *program;
static const struct pd_verb *verb;

static struct {
	bool help;
	bool version;
	bool list_options;
	bool list_verbs;
	bool print_config;
	const char *config;
} common;

const struct pd_opt pd_cli_common[] = {
    {'F', "config", "FILE", PD_OPT_STR, &common.config, NULL,
	"read options from FILE; 'none' reads no file"},
    {0, "print-config", NULL, PD_OPT_FLAG, &common.print_config, NULL,
	"print the options in force and where each comes from"},
    {'q', "quiet", NULL, PD_OPT_FLAG, &pd_cli_quiet, NULL, "print errors only"},
    {'v', "verbose", NULL, PD_OPT_FLAG, &pd_cli_verbose, NULL,
	"say more on standard error"},
    {'h', "help", NULL, PD_OPT_FLAG, &common.help, NULL, "print this help"},
    {'V', "version", NULL, PD_OPT_FLAG, &common.version, NULL,
	"print the version"},
    PD_OPT_END,
};

static const struct pd_opt hidden[] = {
    {0, "list-options", NULL, PD_OPT_FLAG, &common.list_options, NULL, ""},
    {0, "list-verbs", NULL, PD_OPT_FLAG, &common.list_verbs, NULL, ""},
    PD_OPT_END,
};

int
pd_cli_assign(
    const struct pd_opt *o, const char *value, bool no, struct pd_err *err)
{
	int r = 0;

	switch (o->kind) {
	case PD_OPT_FLAG:
		*(bool *)o->dest = !no;
		return 0;
	case PD_OPT_STR:
		*(const char **)o->dest = value;
		return 0;
	case PD_OPT_U64:
		r = pd_parse_u64(value, o->dest, err);
		break;
	case PD_OPT_SIZE:
		r = pd_parse_size(value, o->dest, err);
		break;
	case PD_OPT_DURATION:
		r = pd_parse_duration(value, o->dest, err);
		break;
	case PD_OPT_DOUBLE:
		r = pd_parse_double(value, o->dest, err);
		break;
	case PD_OPT_SHARE:
		r = pd_parse_share(value, o->dest, err);
		break;
	case PD_OPT_CALL:
		r = o->call(o->dest, value, err);
		break;
	}
	return r ? pd_err_prefix(err, "option --%s", o->name) : 0;
}

#define MAX_OPTS 128

/* The getopt_long() form of the option tables. */
struct gnu {
	const struct pd_opt *opt[2 * MAX_OPTS];
	bool no[2 * MAX_OPTS];
	struct option lopt[2 * MAX_OPTS + 1];
	char negated[MAX_OPTS][40];
	char sopt[3 * MAX_OPTS];
	int n;
};

static void
gnu_push(struct gnu *g, const struct pd_opt *o, const char *name, bool no)
{
	assert(g->n < 2 * MAX_OPTS);
	g->opt[g->n] = o;
	g->no[g->n] = no;
	g->lopt[g->n] = (struct option){name,
	    o->kind == PD_OPT_FLAG ? no_argument : required_argument, NULL,
	    256 + g->n};
	g->n++;
}

static void
gnu_add(struct gnu *g, const struct pd_opt *o)
{
	size_t len;
	int k = 0;

	for (; o != NULL && o->name != NULL; o++) {
		if (o->letter != 0) {
			len = strlen(g->sopt);
			snprintf(g->sopt + len, sizeof(g->sopt) - len, "%c%s",
			    o->letter, o->kind == PD_OPT_FLAG ? "" : ":");
		}
		gnu_push(g, o, o->name, false);
		k = g->n - 1;
		if (o->kind == PD_OPT_FLAG && k < MAX_OPTS) {
			snprintf(g->negated[k], sizeof(g->negated[k]), "no-%s",
			    o->name);
			gnu_push(g, o, g->negated[k], true);
		}
	}
}

/* '+': stop at the first operand, parse() collects them itself. */
static void
gnu_init(struct gnu *g, const struct pd_opt *opts)
{
	g->sopt[0] = '+';
	gnu_add(g, opts);
	gnu_add(g, pd_cli_common);
	gnu_add(g, hidden);
}

static int
find(const struct gnu *g, int c, const char *arg)
{
	size_t n;
	int i;

	if (c < 256) {
		for (i = 0; i < g->n; i++)
			if (g->opt[i]->letter == c)
				return i;
		return -1;
	}
	i = c - 256;
	/* getopt_long() takes abbreviations; we do not: they break scripts
	 * when an option is added. */
	n = strcspn(arg + 2, "=");
	if (n != strlen(g->lopt[i].name) ||
	    strncmp(arg + 2, g->lopt[i].name, n) != 0)
		return -1;
	return i;
}

static int
bad_option(const struct gnu *g, const char *word)
{
	if (optopt >= 256)
		return pd_cli_usage("option --%s %s",
		    g->lopt[optopt - 256].name,
		    g->lopt[optopt - 256].has_arg ? "needs a value"
						  : "takes no value");
	if (optopt != 0 && strchr(g->sopt, optopt) != NULL)
		return pd_cli_usage("option -%c needs a value", optopt);
	if (optopt != 0)
		return pd_cli_usage("unknown option -%c", optopt);
	return pd_cli_usage("unknown option %s", word);
}

/*
 * Parse options; operands move to the front of argv[1..] in their order.
 * Returns how many there are, or -1 having reported.
 */
static int
parse(struct gnu *g, int argc, char **argv)
{
	struct pd_err err = PD_ERR_INIT;
	const char *word;
	int c, i, n = 0;

	opterr = 0;
	optind = 1;
	for (;;) {
		word = optind < argc ? argv[optind] : "";
		c = getopt_long(argc, argv, g->sopt, g->lopt, NULL);
		if (c == -1) {
			if (optind >= argc)
				return n;
			if (strcmp(word, "--") == 0)
				break;
			argv[1 + n++] = argv[optind++];
			continue;
		}
		if (c == '?') {
			bad_option(g, word);
			return -1;
		}
		if ((i = find(g, c, word)) < 0) {
			pd_cli_usage("unknown option %s", word);
			return -1;
		}
		if (pd_cli_assign(g->opt[i], optarg, g->no[i], &err)) {
			pd_cli_usage("%s", err.msg);
			return -1;
		}
		pd_config_mark(g->opt[i], "option");
	}
	while (optind < argc)
		argv[1 + n++] = argv[optind++];
	return n;
}

static const struct pd_verb *
find_verb(const struct pd_program *p, const char *name)
{
	const struct pd_verb *v;

	for (v = p->verbs; v->name != NULL; v++)
		if (strcmp(v->name, name) == 0)
			return v;
	return NULL;
}

/* "help" asks for help where no verbs are, unless it can be an operand. */
static bool
asks_for_help(const struct pd_verb *v, int n, char **operands)
{
	return v->name[0] == '\0' && n == 1 &&
	       strcmp(operands[0], "help") == 0 &&
	       (v->max_operands == 0 || access("help", F_OK) != 0);
}

static int
run_verb(
    const struct pd_program *p, const struct pd_verb *v, int argc, char **argv)
{
	static struct gnu g;
	struct pd_err err = PD_ERR_INIT;
	int n;

	verb_name = v->name;
	program = p;
	verb = v;
	gnu_init(&g, v->opts);
	if ((n = parse(&g, argc, argv)) < 0)
		return PD_EXIT_FAIL;
	if (common.help || asks_for_help(v, n, argv + 1))
		return pd_help_verb(p, v);
	if (common.version)
		return pd_help_version(p);
	if (common.list_options)
		return pd_help_list(v->opts);
	if (common.list_verbs)
		return PD_EXIT_YES; /* there are none below a verb */
	if (pd_config_load(p, v, &common.config, &err))
		return pd_cli_fail(&err);
	if (common.print_config)
		return pd_config_print(v);
	if (n < v->min_operands)
		return pd_cli_usage("missing operand: %s%s%s %s", p->name,
		    v->name[0] ? " " : "", v->name, v->operands);
	if (v->max_operands >= 0 && n > v->max_operands)
		return pd_cli_usage(
		    "unexpected operand '%s'", argv[1 + v->max_operands]);
	return v->run(n, argv + 1);
}

int
pd_cli_reload(struct pd_err *err)
{
	return pd_config_load(program, verb, &common.config, err);
}

/* Options before a verb: only those that answer at once. */
static int
no_verb(const struct pd_program *p, int argc, char **argv)
{
	static struct gnu g;

	gnu_init(&g, NULL);
	if (argc > 1 && argv[1][0] == '-') {
		if (parse(&g, argc, argv) < 0)
			return PD_EXIT_FAIL;
		if (common.help)
			return pd_help_program(p);
		if (common.version)
			return pd_help_version(p);
		if (common.list_verbs)
			return pd_help_list_verbs(p);
		if (common.list_options)
			return pd_help_list(NULL);
		return pd_cli_usage("the verb comes first");
	}
	if (argc > 1)
		return pd_cli_usage("unknown verb '%s'", argv[1]);
	return pd_cli_usage("missing verb");
}

static bool output_failed; /* and that was told */

static int
fail_output(void)
{
	if (!output_failed)
		pd_cli_failf(
		    "cannot write to standard output: %s", strerror(errno));
	output_failed = true;
	return PD_EXIT_FAIL;
}

int
pd_cli_main(const struct pd_program *p, int argc, char **argv)
{
	const struct pd_verb *v;
	int status;

	program_name = p->name;
	if (p->verbs[0].name[0] == '\0')
		status = run_verb(p, &p->verbs[0], argc, argv);
	else if (argc > 1 && (v = find_verb(p, argv[1])) != NULL)
		status = run_verb(p, v, argc - 1, argv + 1);
	else if (argc > 1 && strcmp(argv[1], "help") == 0)
		status = pd_help_program(p);
	else
		status = no_verb(p, argc, argv);
	if (fflush(stdout) || ferror(stdout))
		return fail_output();
	return status;
}

int
pd_cli_fail(const struct pd_err *err)
{
	return pd_cli_failf(
	    "%s", err->msg[0] ? err->msg : "failed for an unknown reason");
}

/* Messages quote names and input: no byte of them may steer a terminal. */
__attribute__((format(printf, 1, 0))) static void
message(const char *fmt, va_list ap)
{
	char text[8192];

	vsnprintf(text, sizeof(text), fmt, ap);
	pd_text_printable(text, "\n\t");
	pd_cli_progress_end();
	fflush(stdout);
	fprintf(stderr, "%s: %s\n", program_name, text);
}

int
pd_cli_failf(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
	return PD_EXIT_FAIL;
}

void
pd_cli_note(const char *fmt, ...)
{
	va_list ap;

	if (pd_cli_quiet)
		return;
	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
}

int
pd_cli_usage(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	message(fmt, ap);
	va_end(ap);
	fprintf(stderr, "try '%s%s%s --help'\n", program_name,
	    verb_name[0] != '\0' ? " " : "", verb_name);
	return PD_EXIT_FAIL;
}

int
pd_cli_out(const void *p, size_t n)
{
	if (fwrite(p, 1, n, stdout) == n)
		return 0;
	fail_output();
	return -1;
}
