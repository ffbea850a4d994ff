#include <string.h>

#include "base/counter.h"

const struct pd_counter *
pd_counter_find(const struct pd_counter *table, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(table[i].name, name) == 0)
			return &table[i];
	return NULL;
}

void
pd_counter_add(
    const struct pd_counter *table, size_t n, void *base, const void *more)
{
	uint64_t v;
	size_t i;

	for (i = 0; i < n; i++) {
		v = pd_counter_value(&table[i], base) +
		    pd_counter_value(&table[i], more);
		memcpy((char *)base + table[i].offset, &v, sizeof(v));
	}
}

void
pd_counter_reset(const struct pd_counter *table, size_t n, void *base)
{
	static const uint64_t zero;
	size_t i;

	for (i = 0; i < n; i++)
		if (table[i].kind == PD_COUNTER)
			memcpy((char *)base + table[i].offset, &zero,
			    sizeof(zero));
}
