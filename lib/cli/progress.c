#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

#define PATIENCE_US 3000000 /* before the time left is shown */

static uint64_t last_us;
static bool shown;
/* The work that is shown: since when, and from where. */
static const char *work;
static uint64_t work_us;
static uint64_t work_done;

static bool
wanted(void)
{
	static int answer = -1;
	const char *term;

	if (answer < 0) {
		term = getenv("TERM");
		answer = isatty(STDERR_FILENO) && term != NULL &&
			 strcmp(term, "dumb") != 0;
	}
	return answer && !pd_cli_quiet;
}

/* How long ${more} takes, if it goes on like since the work began, into
 * ${text}: "  1:05 left"; nothing while that is unknown. */
static void
time_left(uint64_t now, uint64_t done, uint64_t more, char *text, size_t size)
{
	uint64_t s;

	text[0] = '\0';
	if (done <= work_done || now - work_us < PATIENCE_US)
		return;
	s = (uint64_t)((double)(now - work_us) * (double)more /
		       (double)(done - work_done) / 1e6);
	if (s >= 3600)
		snprintf(text, size, "  %" PRIu64 ":%02u:%02u left", s / 3600,
		    (unsigned)(s / 60 % 60), (unsigned)(s % 60));
	else
		snprintf(text, size, "  %u:%02u left", (unsigned)(s / 60),
		    (unsigned)(s % 60));
}

void
pd_cli_progress(const char *what, uint64_t done, uint64_t total)
{
	const uint64_t now = pd_clock_mono_us();
	char left[40];

	if (what != work || done < work_done) {
		work = what;
		work_us = now;
		work_done = done;
	}
	if (!wanted() || (shown && now - last_us < 200000))
		return;
	last_us = now;
	shown = true;
	if (total > 0) {
		time_left(now, done, total > done ? total - done : 0, left,
		    sizeof(left));
		fprintf(stderr, "\r%s %3.0f%%%s\033[K", what,
		    100.0 * (double)done / (double)total, left);
	} else {
		fprintf(stderr, "\r%s %" PRIu64 "\033[K", what, done);
	}
}

void
pd_cli_progress_end(void)
{
	if (shown)
		fputs("\r\033[K", stderr);
	shown = false;
}

static volatile sig_atomic_t stopping;

static void
on_signal(int sig)
{
	if (stopping) {
		signal(sig, SIG_DFL);
		raise(sig);
	}
	stopping = 1;
}

void
pd_cli_catch_signals(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = on_signal;
	sigemptyset(&sa.sa_mask);
	sigaction(SIGINT, &sa, NULL);
	sigaction(SIGTERM, &sa, NULL);
}

bool
pd_cli_stopping(void)
{
	return stopping != 0;
}
