#ifndef PD_CLI_CONFIG_H
#define PD_CLI_CONFIG_H

/* Environment and configuration file of a program. Private to cli. */

#include "cli/cli.h"

/* Remember that ${o} got its value from ${source} (borrowed text). */
void pd_config_mark(const struct pd_opt *o, const char *source);

/*
 * pd_config_load(p, v, path, err):
 * Give every option of verb ${v} that no option set its value from the
 * environment, else from the file *${path} (NULL: the default place, which may
 * be absent; "none": no file). 0 or -1; messages name file and line.
 */
int pd_config_load(const struct pd_program *p, const struct pd_verb *v,
    const char *const *path, struct pd_err *err);

/* Print "name<TAB>value<TAB>source" lines. Returns PD_EXIT_YES. */
int pd_config_print(const struct pd_verb *v);

#endif /* PD_CLI_CONFIG_H */
