#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/err.h"
#include "io/jsonin.h"

/* Count containers and commas outside strings; stops at the first limit. */
static int
scan(const char *p, size_t n, const struct pd_jsonin_limits *lim,
    struct pd_err *err)
{
	size_t containers = 0, values = 1, i;

	for (i = 0; i < n; i++) {
		if (p[i] == '"') {
			for (i++; i < n && p[i] != '"'; i++)
				if (p[i] == '\\')
					i++;
		} else if (p[i] == '[' || p[i] == '{') {
			if (++containers > lim->containers)
				return pd_err_set(err,
				    "more than %zu objects and arrays",
				    lim->containers);
		} else if (p[i] == ',') {
			if (++values > lim->values)
				return pd_err_set(
				    err, "more than %zu values", lim->values);
		}
	}
	return 0;
}

json_t *
pd_jsonin_parse(const void *p, size_t n, const struct pd_jsonin_limits *limits,
    struct pd_err *err)
{
	json_error_t je;
	json_t *j;

	if (n > limits->bytes) {
		pd_err_set(
		    err, "%zu bytes of JSON, more than %zu", n, limits->bytes);
		return NULL;
	}
	if (scan(p, n, limits, err))
		return NULL;
	if ((j = json_loadb(p, n, JSON_REJECT_DUPLICATES, &je)) != NULL)
		return j;
	if (je.text[0] == '\0' ||
	    json_error_code(&je) == json_error_out_of_memory)
		pd_err_nomem(err);
	else
		pd_err_set(err, "not JSON at line %d, column %d: %s", je.line,
		    je.column, je.text);
	return NULL;
}

const char *
pd_jsonin_str(const json_t *obj, const char *key)
{
	return json_string_value(json_object_get(obj, key));
}

/*
 * A double that lies exactly between two floats, and the text may have been a
 * little to either side of it. Text of at most 15 digits is what %.15g prints
 * (DBL_DIG), so that strtof() can decide; longer text is lost.
 */
static int
between(double d, float *f)
{
	char t[32];

	snprintf(t, sizeof(t), "%.15g", d);
	if (strtod(t, NULL) != d)
		return -1;
	*f = strtof(t, NULL);
	return 0;
}

int
pd_jsonin_float(const json_t *v, float *out)
{
	float f, next;
	double d;

	if (json_is_integer(v)) {
		*out = (float)json_integer_value(v);
		return 0;
	}
	if (!json_is_real(v))
		return -1;
	d = json_real_value(v);
	f = (float)d;
	if (!isfinite(f))
		return -1;
	if ((double)f != d) {
		next = nextafterf(f, d > (double)f ? INFINITY : -INFINITY);
		if (d == ((double)f + (double)next) / 2 && between(d, &f))
			return -1;
	}
	*out = f;
	return 0;
}
