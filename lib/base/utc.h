#ifndef PD_BASE_UTC_H
#define PD_BASE_UTC_H

/*
 * Moments as ISO 8601 text in UTC, for names and options. Microseconds since
 * 1970-01-01; the calendar is the Gregorian one, years 1970 to 9999, no leap
 * seconds.
 */

#include <stddef.h>
#include <stdint.h>

struct pd_err;

/* The length of "YYYYMMDDThhmmss.uuuuuuZ". */
#define PD_UTC_LEN 23
/* The last microsecond of the year 9999. */
#define PD_UTC_MAX UINT64_C(253402300799999999)

/* Write the basic form, PD_UTC_LEN characters and a NUL; a moment above
 * PD_UTC_MAX is taken for that. */
void pd_utc_format(char out[PD_UTC_LEN + 1], uint64_t us);

/*
 * pd_utc_parse(s, out, err):
 * "2026-11-24", "2026-11-24T06:30", "2026-11-24T06:30:05.25Z" or the basic form
 * of the same, "20261124T063005.250000Z"; a space may stand for the T, the Z
 * may be missing, and it is UTC all the same. 0, or -1 with a message.
 */
int pd_utc_parse(const char *s, uint64_t *out, struct pd_err *err);

#endif /* PD_BASE_UTC_H */
