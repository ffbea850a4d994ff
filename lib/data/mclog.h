#ifndef PD_DATA_MCLOG_H
#define PD_DATA_MCLOG_H

/*
 * Lines of memcached's watch (fetchers, mutations, deletions), as accesses. A
 * command that stores or deletes looks its key up first, and that look-up has
 * a line of its own before the other; the pair is one access. So a look-up is
 * held until the next line. A store of an absent key after a miss of it
 * completes that miss (PD_EV_FILL). Lines that the server dropped for a slow
 * watcher ("skipped=N") are counted.
 *
 * After each line with PD_MCLOG_EVENT, take events until there are none.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pd_event;
struct pd_import_key;
struct pd_mclog;

enum pd_mclog_line {
	PD_MCLOG_BAD,	/* no line of the log */
	PD_MCLOG_OTHER, /* of something else */
	PD_MCLOG_EVENT, /* pd_mclog_next() */
};

/* About 1 MiB. NULL out of memory; free(NULL) is fine. */
struct pd_mclog *pd_mclog_new(void);
void pd_mclog_free(struct pd_mclog *m);

/* Take a line of ${n} bytes, without its end. */
enum pd_mclog_line pd_mclog_line(
    struct pd_mclog *m, const char *line, size_t n);
/* The next access: ${e} comes initialised, with the tick that is next, which
 * only a fill changes; the key is borrowed until the next call. */
bool pd_mclog_next(
    struct pd_mclog *m, struct pd_event *e, struct pd_import_key *key);
/* Is a look-up held? */
bool pd_mclog_holds(const struct pd_mclog *m);
/* No line follows soon: what is held is the next access. */
void pd_mclog_flush(struct pd_mclog *m);
/* Lines that the server said it dropped. */
uint64_t pd_mclog_lost(const struct pd_mclog *m);

#endif /* PD_DATA_MCLOG_H */
