#ifndef PD_DATA_LOGPATTERN_H
#define PD_DATA_LOGPATTERN_H

/*
 * Patterns for lines of a log: text with fields in it, %{name} or
 * %{name:form}; %{} passes over anything. A field reaches up to the text that
 * follows it, at its first occurrence, or to the end of the line. Blanks match
 * one or more blanks, %% is a percent sign, everything else itself. Between
 * double quotes a backslash keeps the character after it from ending the
 * field. One pass over the line: no pattern takes long.
 */

#include <stddef.h>

#include "data/logfield.h"

#define PD_LOGPATTERN_PARTS 64

struct pd_err;
struct pd_logpattern;

/* NULL with a message that quotes what is wrong with ${text}. */
struct pd_logpattern *pd_logpattern_new(const char *text, struct pd_err *err);
/* NULL is fine. */
void pd_logpattern_free(struct pd_logpattern *p);
/* Is the field in it? */
bool pd_logpattern_has(const struct pd_logpattern *p, enum pd_log_field f);

/*
 * pd_logpattern_match(p, line, n, v):
 * The values of ${line}, which they borrow. NULL, or the reason why it does
 * not fit.
 */
const char *pd_logpattern_match(const struct pd_logpattern *p, const char *line,
    size_t n, struct pd_log_values *v);

#endif /* PD_DATA_LOGPATTERN_H */
