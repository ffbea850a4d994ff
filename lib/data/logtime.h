#ifndef PD_DATA_LOGTIME_H
#define PD_DATA_LOGTIME_H

/*
 * Times as logs write them:
 *	1339518083.107		 a number: since 1970
 *	2016-04-15T20:17:00.310Z ISO 8601, RFC 3339; without a zone it is UTC
 *	06/Feb/2009:12:14:14.655 +0100	the common log format
 */

#include <stddef.h>
#include <stdint.h>

enum pd_logtime {
	PD_LOGTIME_AUTO, /* by its looks; a number by its size: below 10^11
			  * seconds, 10^14 ms, 10^17 us, else ns */
	PD_LOGTIME_S,
	PD_LOGTIME_MS,
	PD_LOGTIME_US,
	PD_LOGTIME_NS,
	PD_LOGTIME_ISO,
	PD_LOGTIME_CLF,
};

/* The form of a name ("s", "iso" ...), or -1. */
int pd_logtime_form(const char *name, size_t n);
/* The whole of ${p} as microseconds since 1970 (or since 0 where it counts
 * from there). 0, or -1: it is no such time. */
int pd_logtime_parse(
    const char *p, size_t n, enum pd_logtime form, uint64_t *us);

#endif /* PD_DATA_LOGTIME_H */
