#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include <cmocka.h>

#include "base/err.h"
#include "base/rng.h"
#include "base/utc.h"

/* libc's calendar and ours are one. */
static void
test_against_libc(void **state)
{
	struct pd_rng rng;
	char ours[PD_UTC_LEN + 1], day[20], theirs[40];
	uint64_t us, back;

	(void)state;
	pd_rng_init(&rng, 11);
	for (int i = 0; i < 100000; i++) {
		struct tm tm;
		time_t t;

		us = i == 0   ? 0
		     : i == 1 ? PD_UTC_MAX
			      : pd_rng_u64(&rng) % PD_UTC_MAX;
		t = (time_t)(us / 1000000);
		assert_non_null(gmtime_r(&t, &tm));
		assert_int_equal(
		    strftime(day, sizeof(day), "%Y%m%dT%H%M%S", &tm), 15);
		snprintf(theirs, sizeof(theirs), "%s.%06uZ", day,
		    (unsigned)(us % 1000000));
		pd_utc_format(ours, us);
		assert_string_equal(ours, theirs);
		assert_int_equal(pd_utc_parse(ours, &back, NULL), 0);
		assert_int_equal(back, us);
	}
}

static void
test_forms(void **state)
{
	static const struct {
		const char *text;
		uint64_t us;
	} good[] = {{"1970-01-01", 0}, {"1970-01-02", UINT64_C(86400000000)},
	    {"2000-02-29T00:00:00Z", UINT64_C(951782400000000)},
	    {"2026-11-24 06:30", UINT64_C(1795501800000000)},
	    {"2026-11-24T06:30:05.25Z", UINT64_C(1795501805250000)},
	    {"20261124T063005.25", UINT64_C(1795501805250000)}};
	static const char *const bad[] = {"", "2026", "1969-12-31",
	    "2026-13-01", "2026-00-01", "2026-02-29", "2100-02-29",
	    "2026-11-31", "2026-11-24T", "2026-11-24T24:00", "2026-11-24T06:60",
	    "2026-11-24T06:30:60", "2026-11-24T06:30x", "2026-11-24ZZ", "2h",
	    "2026-11-24T06:30:05.1234567"};
	struct pd_err err = PD_ERR_INIT;
	uint64_t us;

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		assert_int_equal(pd_utc_parse(good[i].text, &us, &err), 0);
		assert_int_equal(us, good[i].us);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(pd_utc_parse(bad[i], &us, &err), -1);
}

static void
test_beyond(void **state)
{
	char a[PD_UTC_LEN + 1], b[PD_UTC_LEN + 1];

	(void)state;
	pd_utc_format(a, PD_UTC_MAX);
	pd_utc_format(b, UINT64_MAX);
	assert_string_equal(a, "99991231T235959.999999Z");
	assert_string_equal(b, a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_against_libc),
	    cmocka_unit_test(test_forms),
	    cmocka_unit_test(test_beyond),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
