#ifndef PD_DATA_LOGFORMAT_H
#define PD_DATA_LOGFORMAT_H

/*
 * Ready patterns for the logs of nginx, Envoy and HAProxy, in the forms that
 * those have by default.
 */

#include <stdbool.h>
#include <stddef.h>

/* The patterns of a format, tried in this order, ending with NULL; or NULL. */
const char *const *pd_logformat_patterns(const char *name);
/* Does a line fit one of them, with values that make an event? */
bool pd_logformat_fits(const char *name, const char *line, size_t n);

#endif /* PD_DATA_LOGFORMAT_H */
