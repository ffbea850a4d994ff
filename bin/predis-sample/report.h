#ifndef PREDIS_SAMPLE_REPORT_H
#define PREDIS_SAMPLE_REPORT_H

/*
 * What the reports of stat and top have in common: numbers for people, and the
 * tables of ops and namespaces. Whatever is estimated is followed by its
 * standard error.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "data/traffic.h"

struct pd_buf;
struct pd_json;

/* "1.5k", "23M" of a number, or of bytes (1k is 1024); "-" of one that is not
 * known. Into ${text}, which has room for 16. */
void report_number(char *text, double v, bool bytes);
/* A moment as people write it, in UTC, to the second: room for 24. */
void report_moment(char *text, uint64_t us);
/* "1.5k +-20": a number and its error, which may be none. Room for 40. */
void report_estimate(char *text, struct pd_estimate e, bool bytes);
/* Both divided by ${by}; not known where that is not above 0. */
struct pd_estimate report_per(struct pd_estimate e, double by);

/* Members ${key} and ${key}_se. */
void report_json(struct pd_json *j, const char *key, struct pd_estimate e);

/* Rows of ops and of namespaces, the largest first; rates with ${seconds}
 * above 0. */
void report_ops(struct pd_buf *b, const struct pd_traffic *t, double seconds);
void report_spaces(
    struct pd_buf *b, const struct pd_traffic *t, double seconds);
/* The same as members "ops" and "namespaces", arrays of objects. */
void report_json_ops(
    struct pd_json *j, const struct pd_traffic *t, double seconds);
void report_json_spaces(
    struct pd_json *j, const struct pd_traffic *t, double seconds);

/* The share of gets that hit; not known where the source cannot tell. */
struct pd_estimate report_hit_ratio(
    const struct pd_traffic *t, const struct pd_traffic_sums *s);

#endif /* PREDIS_SAMPLE_REPORT_H */
