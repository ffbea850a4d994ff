#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "cli/cli.h"
#include "screen.h"

#define ENTER "\033[?1049h\033[?25l"
#define LEAVE "\033[?25h\033[?1049l"
#define HOME "\033[H"
#define END_OF_LINE "\033[K"
#define BELOW "\033[J"

static volatile sig_atomic_t entered;

/* Safe in a signal handler. */
static void
leave(void)
{
	ssize_t n = 0;

	if (entered)
		n = write(STDOUT_FILENO, LEAVE, sizeof(LEAVE) - 1);
	(void)n;
	entered = 0;
}

static void
on_signal(int sig)
{
	leave();
	signal(sig, SIG_DFL);
	raise(sig);
}

/* Stopped by the user: the shell gets the terminal as it was, and the next
 * report enters again. */
static void
on_stop(int sig)
{
	(void)sig;
	leave();
	raise(SIGSTOP);
}

static void
catch_signal(int sig, void (*fn)(int))
{
	struct sigaction sa;

	memset(&sa, 0, sizeof(sa));
	sa.sa_handler = fn;
	sigemptyset(&sa.sa_mask);
	sigaction(sig, &sa, NULL);
}

void
screen_begin(void)
{
	catch_signal(SIGHUP, on_signal);
	catch_signal(SIGQUIT, on_signal);
	catch_signal(SIGPIPE, on_signal);
	catch_signal(SIGTSTP, on_stop);
	atexit(leave);
}

/* How large it is now. */
static struct winsize
size_now(void)
{
	struct winsize w;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &w) != 0)
		memset(&w, 0, sizeof(w));
	if (w.ws_row < 2)
		w.ws_row = 24;
	if (w.ws_col < 2)
		w.ws_col = 80;
	return w;
}

int
screen_draw(const char *text, size_t n)
{
	struct pd_buf b = PD_BUF_INIT;
	const struct winsize w = size_now();
	const char *end;
	size_t len;
	unsigned i;
	int rc;

	if (!entered)
		pd_buf_addstr(&b, ENTER);
	pd_buf_addstr(&b, HOME);
	for (i = 0; i + 1 < w.ws_row && n > 0; i++) {
		end = memchr(text, '\n', n);
		if (end == NULL)
			end = text + n;
		len = (size_t)(end - text);
		pd_buf_add(&b, text, len < w.ws_col ? len : w.ws_col - 1u);
		pd_buf_addstr(&b, END_OF_LINE "\n");
		n -= len;
		text = end;
		if (n > 0) {
			text++;
			n--;
		}
	}
	pd_buf_addstr(&b, BELOW);
	entered = 1;
	rc = b.failed ? (pd_cli_failf("out of memory"), -1)
		      : pd_cli_out(b.data, b.len);
	pd_buf_release(&b);
	return rc;
}

void
screen_end(void)
{
	leave();
}
