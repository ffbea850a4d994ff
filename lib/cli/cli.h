#ifndef PD_CLI_CLI_H
#define PD_CLI_CLI_H

/*
 * The command line of every Predis program, from one table: parsing by
 * getopt_long (no abbreviations of long names), --help, --version, environment
 * and configuration file, --print-config, shell completion, the check that
 * man page and help agree. Used by bin/ only; this module may print and exit.
 *
 * Precedence: option > environment PREDIS_<NAME> > file (--config FILE, else
 * /etc/predis/<program>.conf when it exists) > default. NAME is the long
 * option's name in capitals with '-' as '_'. The file has lines "name value",
 * '#' starts a comment, "[verb]" starts a part that only that verb reads; an
 * unknown name is an error. --config none reads no file.
 *
 * Exit status of all programs: 0 yes or done, 1 the answer is no, 2 usage or
 * failure, 3 cannot tell yet.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum pd_exit {
	PD_EXIT_YES = 0,
	PD_EXIT_NO = 1,
	PD_EXIT_FAIL = 2,
	PD_EXIT_UNKNOWN = 3,
};

enum pd_opt_kind {
	PD_OPT_FLAG,	 /* bool *, set true; --no-NAME sets false */
	PD_OPT_STR,	 /* const char **, borrowed until exit */
	PD_OPT_U64,	 /* uint64_t * */
	PD_OPT_SIZE,	 /* uint64_t *, bytes: 64k 2M 1G */
	PD_OPT_DURATION, /* uint64_t *, microseconds: 500ms 30s 5m */
	PD_OPT_DOUBLE,	 /* double * */
	PD_OPT_SHARE,	 /* double *, 0..1: 0.001 0.1% 1/1024 */
	PD_OPT_CALL,	 /* call(dest, value, err) at each occurrence */
};

struct pd_opt {
	char letter;	  /* short form, or 0 */
	const char *name; /* long form, without dashes */
	const char *arg;  /* placeholder in help (NULL for flags) */
	enum pd_opt_kind kind;
	void *dest;
	int (*call)(void *dest, const char *value, struct pd_err *err);
	const char *help; /* one line, without a full stop */
};

/* The end of an option table. */
#define PD_OPT_END                                                             \
	{                                                                      \
		0, NULL, NULL, PD_OPT_FLAG, NULL, NULL, NULL                   \
	}

struct pd_verb {
	const char *name;
	const char *operands; /* as in the synopsis: "FILE..." or "" */
	const char *purpose;  /* one line */
	const struct pd_opt *opts;
	int min_operands;
	int max_operands;		   /* -1: any number */
	int (*run)(int argc, char **argv); /* operands only; exit status */
};

struct pd_program {
	const char *name;	     /* "predis-drift" */
	const char *purpose;	     /* one sentence without a full stop */
	const struct pd_verb *verbs; /* ends with name NULL; a program without
				      * verbs has one entry named "" */
	const char *examples;	     /* lines, each starting with two spaces */
};

/*
 * pd_cli_main(program, argc, argv):
 * Parse, run the verb, flush standard output and report a write error.
 * Returns the exit status for main().
 */
int pd_cli_main(const struct pd_program *p, int argc, char **argv);

/* Set by the common options -q/--quiet and -v/--verbose. */
extern bool pd_cli_quiet;
extern bool pd_cli_verbose;

/* Print "program: message" to standard error. Returns PD_EXIT_FAIL. */
int pd_cli_fail(const struct pd_err *err);
int pd_cli_failf(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* The same for advice that is not a failure; silent with --quiet. */
void pd_cli_note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* As pd_cli_failf(), with a hint at --help: for wrong usage. */
int pd_cli_usage(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The configuration file that was read, or NULL. */
const char *pd_cli_config_file(void);
/* Read it again: options that neither the command line nor the environment set
 * get what it says now; those it says nothing of stay. 0, or -1 with a message,
 * some options being set already. */
int pd_cli_reload(struct pd_err *err);

/* Write the whole of ${p} to standard output. 0, or -1 having reported. */
int pd_cli_out(const void *p, size_t n);

/*
 * Progress on standard error, only when it is a terminal and without --quiet,
 * at most five times a second. ${total} 0: unknown. What takes longer than a
 * few seconds shows how long it will still take, judged by what was done since
 * ${what} (the pointer) began. pd_cli_progress_end() clears the line.
 */
void pd_cli_progress(const char *what, uint64_t done, uint64_t total);
void pd_cli_progress_end(void);

/* True after SIGINT or SIGTERM once pd_cli_catch_signals() was called. The
 * first signal asks for an orderly end, a second one kills. */
void pd_cli_catch_signals(void);
bool pd_cli_stopping(void);

#endif /* PD_CLI_CLI_H */
