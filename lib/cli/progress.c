#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "cli/cli.h"

static uint64_t last_us;
static bool shown;

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

void
pd_cli_progress(const char *what, uint64_t done, uint64_t total)
{
	const uint64_t now = pd_clock_mono_us();

	if (!wanted() || (shown && now - last_us < 200000))
		return;
	last_us = now;
	shown = true;
	if (total > 0)
		fprintf(stderr, "\r%s %3.0f%%\033[K", what,
		    100.0 * (double)done / (double)total);
	else
		fprintf(stderr, "\r%s %" PRIu64 "\033[K", what, done);
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
