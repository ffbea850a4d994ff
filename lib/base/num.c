#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/num.h"

int
pd_parse_u64(const char *s, uint64_t *out, struct pd_err *err)
{
	char *end;
	unsigned long long v;

	if (!isdigit((unsigned char)s[0]))
		return pd_err_set(err, "'%s' is not a whole number", s);
	errno = 0;
	v = strtoull(s, &end, 10);
	if (*end != '\0')
		return pd_err_set(err, "'%s' is not a whole number", s);
	if (errno == ERANGE)
		return pd_err_set(err, "'%s' is too large", s);
	*out = v;
	return 0;
}

int
pd_parse_i64(const char *s, int64_t *out, struct pd_err *err)
{
	char *end;
	long long v;

	if (!isdigit((unsigned char)s[s[0] == '-']))
		return pd_err_set(err, "'%s' is not a whole number", s);
	errno = 0;
	v = strtoll(s, &end, 10);
	if (*end != '\0')
		return pd_err_set(err, "'%s' is not a whole number", s);
	if (errno == ERANGE)
		return pd_err_set(err, "'%s' is out of range", s);
	*out = v;
	return 0;
}

int
pd_parse_double(const char *s, double *out, struct pd_err *err)
{
	char *end;
	double v;

	if (s[0] == '\0' || isspace((unsigned char)s[0]))
		return pd_err_set(err, "'%s' is not a number", s);
	v = strtod(s, &end);
	if (*end != '\0' || !isfinite(v))
		return pd_err_set(err, "'%s' is not a number", s);
	*out = v;
	return 0;
}

/* A decimal number and the text after it. */
static int
number_unit(const char *s, double *v, const char **unit, struct pd_err *err)
{
	char *end;

	if (!isdigit((unsigned char)s[0]))
		return pd_err_set(err, "'%s' does not start with a number", s);
	*v = strtod(s, &end);
	if (!isfinite(*v))
		return pd_err_set(err, "'%s' is too large", s);
	*unit = end;
	return 0;
}

int
pd_parse_size(const char *s, uint64_t *out, struct pd_err *err)
{
	static const char units[] = "kmgt";
	const char *u, *p;
	double v;

	if (number_unit(s, &v, &u, err))
		return -1;
	if (*u != '\0' &&
	    (p = strchr(units, tolower((unsigned char)*u))) != NULL) {
		v = ldexp(v, 10 * (int)(p - units + 1));
		u++;
	}
	if ((*u == 'b' || *u == 'B') && u[1] == '\0')
		u++;
	if (*u != '\0')
		return pd_err_set(
		    err, "'%s' is not a size (try 64k, 100M or 2G)", s);
	if (v >= 9.2e18)
		return pd_err_set(err, "'%s' is too large", s);
	*out = (uint64_t)v;
	return 0;
}

int
pd_parse_duration(const char *s, uint64_t *out, struct pd_err *err)
{
	static const struct {
		const char *name;
		double us;
	} units[] = {{"us", 1}, {"ms", 1e3}, {"s", 1e6}, {"", 1e6}, {"m", 60e6},
	    {"h", 3600e6}, {"d", 86400e6}};
	const char *u;
	double v;
	size_t i;

	if (number_unit(s, &v, &u, err))
		return -1;
	for (i = 0; i < sizeof(units) / sizeof(units[0]); i++)
		if (strcmp(u, units[i].name) == 0)
			break;
	if (i == sizeof(units) / sizeof(units[0]))
		return pd_err_set(err,
		    "'%s' is not a duration (try 500ms, 30s, 5m or 2h)", s);
	v *= units[i].us;
	if (v >= 9.2e18)
		return pd_err_set(err, "'%s' is too large", s);
	*out = (uint64_t)v;
	return 0;
}

int
pd_parse_share(const char *s, double *out, struct pd_err *err)
{
	const char *u;
	double v, d;

	if (number_unit(s, &v, &u, err))
		return -1;
	if (*u == '/') {
		if (pd_parse_double(u + 1, &d, err))
			return -1;
		if (d <= 0)
			return pd_err_set(err, "'%s' divides by zero", s);
		v /= d;
	} else if (strcmp(u, "%") == 0) {
		v /= 100;
	} else if (*u != '\0') {
		return pd_err_set(
		    err, "'%s' is not a share (try 0.01, 1%% or 1/100)", s);
	}
	if (v < 0 || v > 1)
		return pd_err_set(err, "'%s' is not between 0 and 1", s);
	*out = v;
	return 0;
}

int
pd_parse_i64n(const char *p, size_t n, int64_t *out)
{
	const size_t neg = n > 0 && p[0] == '-';
	uint64_t v = 0, d;
	size_t i;

	if (n == neg || n > 20)
		return -1;
	if (p[neg] == '0' && n > 1)
		return -1;
	for (i = neg; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return -1;
		d = (uint64_t)(p[i] - '0');
		if (v > (UINT64_MAX - d) / 10)
			return -1;
		v = v * 10 + d;
	}
	if (v > (uint64_t)INT64_MAX + neg)
		return -1;
	*out = neg ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

static int
hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

int
pd_parse_hex2(const char *p, size_t n)
{
	const int high = n < 2 ? -1 : hex(p[0]);
	const int low = high < 0 ? -1 : hex(p[1]);

	return low < 0 ? -1 : high << 4 | low;
}
