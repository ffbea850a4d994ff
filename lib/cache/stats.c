#include "cache/stats.h"

const struct pd_counter pd_stats_table[] = {
#define X(name, kind, unit, help)                                              \
	PD_COUNTER_ENTRY(struct pd_stats, name, kind, unit, help)
#include "cache/stats_table.h"
#undef X
};

const size_t pd_stats_count =
    sizeof(pd_stats_table) / sizeof(pd_stats_table[0]);
