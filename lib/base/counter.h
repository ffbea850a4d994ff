#ifndef PD_BASE_COUNTER_H
#define PD_BASE_COUNTER_H

/*
 * Counters from one table. A module keeps its counters in a plain struct of
 * uint64_t; one X-macro table X(name, kind, unit, help) gives the members, and
 * an array of struct pd_counter describes them to whoever prints them (INFO,
 * PREDIS.STATS, Prometheus), so that a counter is added in one line.
 */

#include <stddef.h>
#include <stdint.h>

enum pd_counter_kind {
	PD_COUNTER, /* only grows */
	PD_GAUGE,   /* goes up and down */
};

struct pd_counter {
	const char *name; /* snake_case, unit at the end where it has one */
	enum pd_counter_kind kind;
	const char *unit; /* "", "bytes", "seconds", "ticks" ... */
	const char *help; /* one line without a full stop */
	size_t offset;	  /* of the uint64_t in its struct */
};

/* For the expansion of a table into struct members and descriptions. */
#define PD_COUNTER_MEMBER(name, kind, unit, help) uint64_t name;
#define PD_COUNTER_ENTRY(type, name, kind, unit, help)                         \
	{#name, kind, unit, help, offsetof(type, name)},

/* The value of a described counter in its struct ${base}. */
static inline uint64_t
pd_counter_value(const struct pd_counter *c, const void *base)
{
	return *(
	    const uint64_t *)(const void *)((const char *)base + c->offset);
}

/* The counter called ${name} among ${n}, or NULL. */
const struct pd_counter *pd_counter_find(
    const struct pd_counter *table, size_t n, const char *name);

/* Add the values of ${more} to those of ${base}. */
void pd_counter_add(
    const struct pd_counter *table, size_t n, void *base, const void *more);

/* Set all PD_COUNTERs of ${base} to 0; gauges stay. */
void pd_counter_reset(const struct pd_counter *table, size_t n, void *base);

#endif /* PD_BASE_COUNTER_H */
