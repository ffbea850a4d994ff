#ifndef PD_DATA_MONITOR_H
#define PD_DATA_MONITOR_H

/*
 * Lines of Redis's MONITOR, as accesses: one a key. Commands that name no key,
 * or that are not in the table, stand for no access. The size of a value is
 * known from the last command that wrote it whole; whether a key was there is
 * not known.
 */

#include <stdbool.h>
#include <stddef.h>

struct pd_err;
struct pd_event;
struct pd_import_key;
struct pd_monitor;

enum pd_monitor_line {
	PD_MONITOR_BAD = 0, /* no line of MONITOR */
	PD_MONITOR_OTHER,   /* a command that names no key */
	PD_MONITOR_KEYS,    /* pd_monitor_key() gives them */
};

/* About 1 MiB. NULL out of memory; free(NULL) is fine. */
struct pd_monitor *pd_monitor_new(void);
void pd_monitor_free(struct pd_monitor *m);

/* Take a line of ${n} bytes, without its end. One enum pd_monitor_line, or -1
 * out of memory. What was left of the line before is forgotten. */
int pd_monitor_line(
    struct pd_monitor *m, const char *line, size_t n, struct pd_err *err);
/* The next key of the line, borrowed until the next line, and what is known of
 * the access (${e} comes initialised); false when there are no more. */
bool pd_monitor_key(
    struct pd_monitor *m, struct pd_event *e, struct pd_import_key *key);

#endif /* PD_DATA_MONITOR_H */
