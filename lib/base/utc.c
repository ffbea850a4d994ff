/*
 * Days and dates by Howard Hinnant's formulae ("chrono-compatible low-level
 * date algorithms"): years begin in March, so that the leap day is the last
 * one, and 400 years are one period of 146,097 days.
 */
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/utc.h"

#define DAY_S UINT64_C(86400)
#define PERIOD_DAYS 146097
#define EPOCH_DAYS 719468 /* from 0000-03-01 to 1970-01-01 */

struct date {
	unsigned year, month, day;
};

static struct date
date_of(uint64_t days)
{
	const uint64_t z = days + EPOCH_DAYS;
	const unsigned doe = (unsigned)(z % PERIOD_DAYS);
	const unsigned yoe =
	    (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
	const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
	const unsigned mp = (5 * doy + 2) / 153;
	struct date d;

	d.day = doy - (153 * mp + 2) / 5 + 1;
	d.month = mp < 10 ? mp + 3 : mp - 9;
	d.year =
	    (unsigned)(z / PERIOD_DAYS) * 400 + yoe + (d.month <= 2 ? 1 : 0);
	return d;
}

static uint64_t
days_of(const struct date *d)
{
	const unsigned y = d->year - (d->month <= 2 ? 1 : 0);
	const unsigned yoe = y % 400;
	const unsigned mp = d->month > 2 ? d->month - 3 : d->month + 9;
	const unsigned doy = (153 * mp + 2) / 5 + d->day - 1;
	const unsigned doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;

	return (uint64_t)(y / 400) * PERIOD_DAYS + doe - EPOCH_DAYS;
}

void
pd_utc_format(char out[PD_UTC_LEN + 1], uint64_t us)
{
	const uint64_t at = us < PD_UTC_MAX ? us : PD_UTC_MAX;
	const uint64_t s = at / 1000000;
	const struct date d = date_of(s / DAY_S);
	const unsigned in_day = (unsigned)(s % DAY_S);

	snprintf(out, PD_UTC_LEN + 1, "%04u%02u%02uT%02u%02u%02u.%06uZ",
	    d.year % 10000, d.month % 100, d.day % 100, in_day / 3600 % 100,
	    in_day / 60 % 60, in_day % 60, (unsigned)(at % 1000000));
}

/* Take ${n} digits. */
static bool
digits(const char **s, unsigned n, unsigned *out)
{
	unsigned v = 0;

	for (; n > 0; n--, (*s)++) {
		if (**s < '0' || **s > '9')
			return false;
		v = 10 * v + (unsigned)(**s - '0');
	}
	*out = v;
	return true;
}

/* Take a separator, which the basic form leaves out. */
static void
skip(const char **s, char c)
{
	if (**s == c)
		(*s)++;
}

static bool
date_text(const char **s, struct date *d)
{
	static const unsigned char len[] = {
	    31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
	bool leap;

	if (!digits(s, 4, &d->year))
		return false;
	skip(s, '-');
	if (!digits(s, 2, &d->month))
		return false;
	skip(s, '-');
	if (!digits(s, 2, &d->day))
		return false;
	leap = d->year % 4 == 0 && (d->year % 100 != 0 || d->year % 400 == 0);
	return d->year >= 1970 && d->month >= 1 && d->month <= 12 &&
	       d->day >= 1 && d->day <= len[d->month - 1] &&
	       (d->month != 2 || d->day <= 28 || leap);
}

/* The time of the day after the T, in microseconds. */
static bool
time_text(const char **s, uint64_t *us)
{
	unsigned h, m, sec = 0, unit = 1000000, part = 0;

	if (!digits(s, 2, &h))
		return false;
	skip(s, ':');
	if (!digits(s, 2, &m))
		return false;
	skip(s, ':');
	if (**s >= '0' && **s <= '9' && !digits(s, 2, &sec))
		return false;
	if (**s == '.')
		for ((*s)++; **s >= '0' && **s <= '9' && unit > 1; (*s)++) {
			unit /= 10;
			part += (unsigned)(**s - '0') * unit;
		}
	*us = ((uint64_t)h * 3600 + (uint64_t)m * 60 + sec) * 1000000 + part;
	return h < 24 && m < 60 && sec < 60;
}

int
pd_utc_parse(const char *s, uint64_t *out, struct pd_err *err)
{
	const char *p = s;
	struct date d = {0, 0, 0};
	uint64_t us = 0;
	bool good = date_text(&p, &d);

	if (good && (*p == 'T' || *p == ' ')) {
		p++;
		good = time_text(&p, &us);
	}
	skip(&p, 'Z');
	if (!good || *p != '\0')
		return pd_err_set(
		    err, "'%s' is no time such as 2026-11-24T06:30:00Z", s);
	*out = days_of(&d) * DAY_S * 1000000 + us;
	return 0;
}
