#ifndef PREDIS_SAMPLE_STAT_H
#define PREDIS_SAMPLE_STAT_H

/* Between the two files of the verb stat: what was taken in (stat.c), and how
 * it is told (stat_report.c). */

#include <stdbool.h>
#include <stdint.h>

#include "data/evreader.h"
#include "data/keyseen.h"
#include "data/tickspan.h"
#include "data/timeline.h"
#include "data/traffic.h"
#include "stat/kll.h"

/* What quantiles are told of. */
enum stat_figure {
	STAT_SIZE,
	STAT_TTL,
	STAT_GAP,
	STAT_LATENCY,
	STAT_COST,
	STAT_FIGURES,
};

struct tally {
	const char *name; /* of all that is read */
	struct pd_evreader *in;
	struct pd_traffic *traffic;
	struct pd_timeline time;
	struct pd_tickspan ticks;
	struct pd_keyseen *seen; /* NULL: the sampling tells nothing of keys */
	struct pd_kll *kll[STAT_FIGURES];
	enum pd_scheme scheme;
	double rate;	     /* in force */
	double least, most;  /* of all rates */
	double first_factor; /* that of the first event */
	bool begun;
	uint64_t source_lost; /* of all files */
	uint64_t records_lost;
	bool damaged;
	double with_ttl; /* requests that write, with a time to live ... */
	double writes;	 /* ... and in all */
	char clock[16];
};

/* Write the report, as text or JSON. 0, or -1 having reported. */
int stat_print(const struct tally *t, bool plot);

#endif /* PREDIS_SAMPLE_STAT_H */
