#ifndef PD_CLI_HELP_H
#define PD_CLI_HELP_H

/* What --help, --version and the completion scripts print. Private to cli. */

#include "cli/cli.h"

/* The options every program has. */
extern const struct pd_opt pd_cli_common[];

/* Store ${value} (or a flag, inverted by ${no}) into o->dest. 0 or -1. */
int pd_cli_assign(
    const struct pd_opt *o, const char *value, bool no, struct pd_err *err);

/* Each prints to standard output and returns PD_EXIT_YES. */
int pd_help_program(const struct pd_program *p);
int pd_help_verb(const struct pd_program *p, const struct pd_verb *v);
int pd_help_version(const struct pd_program *p);
int pd_help_list(const struct pd_opt *opts);	    /* one --name a line */
int pd_help_list_verbs(const struct pd_program *p); /* one name a line */

#endif /* PD_CLI_HELP_H */
