#ifndef TEST_STAT_FIXTURE_H
#define TEST_STAT_FIXTURE_H

/* Reference answers of tests/golden/drift, and the samples they are about. */

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

#include "base/hash.h"
#include "stat/sort.h"

#define GOLDEN "tests/golden/drift/"

struct sample {
	double *v;
	size_t n;
};

/* u(seed, n) of the reference files: splitmix64 from state = seed. */
static inline struct sample
uniform(uint64_t seed, size_t n)
{
	struct sample s = {malloc(n * sizeof(double)), n};
	uint64_t state = seed;
	size_t i;

	assert_non_null(s.v);
	for (i = 0; i < n; i++) {
		state += 0x9e3779b97f4a7c15ULL;
		s.v[i] = (double)(pd_mix64(state) >> 11) * 0x1p-53;
	}
	return s;
}

static inline void
sample_free(struct sample *s)
{
	free(s->v);
	s->v = NULL;
}

static inline json_t *
golden_cases(const char *path)
{
	json_error_t e;
	json_t *j = json_load_file(path, 0, &e);

	if (j == NULL)
		fail_msg("%s: %s", path, e.text);
	return j;
}

/* A number, or NaN for null, or an infinity written as text. */
static inline double
golden_number(const json_t *v)
{
	assert_non_null(v);
	if (json_is_null(v))
		return NAN;
	if (json_is_string(v))
		return json_string_value(v)[0] == '-' ? -INFINITY : INFINITY;
	return json_number_value(v);
}

static inline double
golden_get(const json_t *o, const char *key)
{
	return golden_number(json_object_get(o, key));
}

static inline int
near(double a, double b, double rel)
{
	if (isnan(a) || isnan(b))
		return isnan(a) && isnan(b);
	return a == b || fabs(a - b) <= rel * fmax(fabs(a), fabs(b));
}

#endif /* TEST_STAT_FIXTURE_H */
