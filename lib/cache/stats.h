#ifndef PD_CACHE_STATS_H
#define PD_CACHE_STATS_H

/* The counters of one server, from stats_table.h. */

#include "base/counter.h"

struct pd_stats {
#define X(name, kind, unit, help) PD_COUNTER_MEMBER(name, kind, unit, help)
#include "cache/stats_table.h"
#undef X
};

/* Descriptions in the table's order. */
extern const struct pd_counter pd_stats_table[];
extern const size_t pd_stats_count;

#endif /* PD_CACHE_STATS_H */
