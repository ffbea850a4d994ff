#include <stdbool.h>
#include <string.h>

#include "data/import_text.h"
#include "data/logtime.h"

#define SECOND_US 1000000ULL
#define DAY_S 86400

int
pd_logtime_form(const char *name, size_t n)
{
	static const char *const names[] = {
	    "auto", "s", "ms", "us", "ns", "iso", "clf"};

	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++)
		if (strlen(names[i]) == n && memcmp(names[i], name, n) == 0)
			return (int)i;
	return -1;
}

/* What is left of the text. */
struct scan {
	const char *p;
	const char *end;
};

static bool
take(struct scan *s, char c)
{
	if (s->p == s->end || *s->p != c)
		return false;
	s->p++;
	return true;
}

/* Exactly ${digits} digits, from ${min} to ${max}. */
static bool
number(struct scan *s, int digits, int min, int max, int *out)
{
	*out = 0;
	for (int i = 0; i < digits; i++, s->p++) {
		if (s->p == s->end || *s->p < '0' || *s->p > '9')
			return false;
		*out = *out * 10 + (*s->p - '0');
	}
	return *out >= min && *out <= max;
}

struct moment {
	int year, month, day, hour, minute, second;
	uint64_t us;
	int zone_s; /* east of UTC */
};

/* Days since 1970-01-01 of a date of the Gregorian calendar, by counting in
 * years that begin in March, so that the leap day is their last. */
static int64_t
days(int year, int month, int day)
{
	const int64_t y = month > 2 ? year : year - 1;
	const int64_t m = month > 2 ? month - 3 : month + 9;
	const int64_t leap = y / 4 - y / 100 + y / 400;

	return 365 * y + leap + (153 * m + 2) / 5 + day - 1 - 719468;
}

static bool
day_exists(const struct moment *t)
{
	static const int length[] = {
	    31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	const bool leap =
	    (t->year % 4 == 0 && t->year % 100 != 0) || t->year % 400 == 0;

	return t->day <= length[t->month - 1] + (t->month == 2 && leap);
}

/* "hh:mm:ss" and decimals after '.' or ','. */
static bool
clock_time(struct scan *s, struct moment *t)
{
	uint64_t scale = SECOND_US;

	if (!number(s, 2, 0, 23, &t->hour) || !take(s, ':') ||
	    !number(s, 2, 0, 59, &t->minute) || !take(s, ':') ||
	    !number(s, 2, 0, 60, &t->second))
		return false;
	if (!take(s, '.') && !take(s, ','))
		return true;
	if (s->p == s->end || *s->p < '0' || *s->p > '9')
		return false;
	for (; s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
		scale /= 10;
		t->us += (uint64_t)(*s->p - '0') * scale;
	}
	return true;
}

/* Nothing, "Z", "+hh", "+hhmm" or "+hh:mm". */
static bool
zone(struct scan *s, struct moment *t)
{
	const bool west = s->p < s->end && *s->p == '-';
	int h, m = 0;

	if (s->p == s->end || take(s, 'Z'))
		return true;
	if (!take(s, '+') && !take(s, '-'))
		return false;
	if (!number(s, 2, 0, 23, &h))
		return false;
	if (s->p < s->end) {
		(void)take(s, ':');
		if (!number(s, 2, 0, 59, &m))
			return false;
	}
	t->zone_s = (h * 60 + m) * (west ? -60 : 60);
	return true;
}

static bool
iso(struct scan *s, struct moment *t)
{
	if (!number(s, 4, 1970, 9999, &t->year) || !take(s, '-') ||
	    !number(s, 2, 1, 12, &t->month) || !take(s, '-') ||
	    !number(s, 2, 1, 31, &t->day) || (!take(s, 'T') && !take(s, ' ')))
		return false;
	return clock_time(s, t) && zone(s, t);
}

static bool
month_name(struct scan *s, int *month)
{
	static const char names[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

	if (s->end - s->p < 3)
		return false;
	for (int i = 0; i < 12; i++)
		if (memcmp(s->p, names + (size_t)i * 3, 3) == 0) {
			*month = i + 1;
			s->p += 3;
			return true;
		}
	return false;
}

static bool
clf(struct scan *s, struct moment *t)
{
	if (!number(s, 2, 1, 31, &t->day) || !take(s, '/') ||
	    !month_name(s, &t->month) || !take(s, '/') ||
	    !number(s, 4, 1970, 9999, &t->year) || !take(s, ':') ||
	    !clock_time(s, t))
		return false;
	return s->p == s->end || (take(s, ' ') && s->p < s->end && zone(s, t));
}

static int
since_1970(const struct moment *t, uint64_t *us)
{
	int64_t s;

	if (!day_exists(t))
		return -1;
	s = days(t->year, t->month, t->day) * DAY_S + (int64_t)t->hour * 3600 +
	    (int64_t)t->minute * 60 + t->second - t->zone_s;
	if (s < 0)
		return -1;
	*us = (uint64_t)s * SECOND_US + t->us;
	return 0;
}

static enum pd_logtime
by_size(struct pd_text_field f)
{
	const char *dot = memchr(f.p, '.', f.n);
	const size_t digits = dot != NULL ? (size_t)(dot - f.p) : f.n;

	return digits <= 11   ? PD_LOGTIME_S
	       : digits <= 14 ? PD_LOGTIME_MS
	       : digits <= 17 ? PD_LOGTIME_US
			      : PD_LOGTIME_NS;
}

static int
since_zero(struct pd_text_field f, enum pd_logtime form, uint64_t *us)
{
	if (form == PD_LOGTIME_AUTO)
		form = by_size(f);
	if (form == PD_LOGTIME_NS) {
		if (pd_text_field_time(f, 1, us))
			return -1;
		*us /= 1000;
		return 0;
	}
	return pd_text_field_time(f,
	    form == PD_LOGTIME_S    ? SECOND_US
	    : form == PD_LOGTIME_MS ? 1000
				    : 1,
	    us);
}

int
pd_logtime_parse(const char *p, size_t n, enum pd_logtime form, uint64_t *us)
{
	struct scan s = {p, p + n};
	struct moment t = {0};
	bool good;

	if (form == PD_LOGTIME_AUTO && n > 5) {
		if (p[4] == '-')
			form = PD_LOGTIME_ISO;
		else if (p[2] == '/')
			form = PD_LOGTIME_CLF;
	}
	if (form != PD_LOGTIME_ISO && form != PD_LOGTIME_CLF)
		return since_zero((struct pd_text_field){p, n}, form, us);
	good = form == PD_LOGTIME_ISO ? iso(&s, &t) : clf(&s, &t);
	return good && s.p == s.end ? since_1970(&t, us) : -1;
}
