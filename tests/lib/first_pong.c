/*
 * first_pong TIMES SOCKET COMMAND...: start a server TIMES times and ask it
 * until it answers PING on its Unix socket. Prints the least milliseconds from
 * fork to +PONG by the clock, and the least of its own processor time.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/err.h"
#include "base/num.h"

#define PATIENCE 60000000u /* us */

static void
die(const char *what)
{
	fprintf(stderr, "first_pong: %s\n", what);
	exit(2);
}

static int
answers(const struct sockaddr_un *a)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char line[5];
	ssize_t n = -1;

	if (fd < 0)
		die("no socket");
	if (connect(fd, (const struct sockaddr *)a, sizeof(*a)) == 0 &&
	    write(fd, "PING\r\n", 6) == 6)
		n = read(fd, line, sizeof(line));
	close(fd);
	return n == 5 && memcmp(line, "+PONG", 5) == 0;
}

/* Microseconds from fork to answer, and of processor until then. */
static void
start(const struct sockaddr_un *a, char **command, uint64_t *wall,
    uint64_t *processor)
{
	const struct timespec pause = {0, 100000};
	const uint64_t from = pd_clock_mono_us();
	struct timespec t;
	clockid_t id;
	pid_t pid;

	unlink(a->sun_path);
	if ((pid = fork()) < 0)
		die("cannot fork");
	if (pid == 0) {
		if (freopen("/dev/null", "w", stdout) == NULL)
			_exit(127);
		execvp(command[0], command);
		_exit(127);
	}
	while (!answers(a)) {
		if (waitpid(pid, NULL, WNOHANG) == pid)
			die("the server ended");
		if (pd_clock_mono_us() - from > PATIENCE)
			break;
		nanosleep(&pause, NULL);
	}
	*wall = pd_clock_mono_us() - from;
	if (clock_getcpuclockid(pid, &id) == 0 && clock_gettime(id, &t) == 0)
		*processor =
		    (uint64_t)t.tv_sec * 1000000u + (uint64_t)t.tv_nsec / 1000;
	kill(pid, SIGTERM);
	waitpid(pid, NULL, 0);
	if (*wall > PATIENCE)
		die("no answer");
}

int
main(int argc, char **argv)
{
	uint64_t times, wall, processor = 0, w = UINT64_MAX, p = UINT64_MAX;
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	struct pd_err err = PD_ERR_INIT;

	if (argc < 4 || pd_parse_u64(argv[1], &times, &err) ||
	    strlen(argv[2]) >= sizeof(a.sun_path))
		die("wanted: TIMES SOCKET COMMAND...");
	memcpy(a.sun_path, argv[2], strlen(argv[2]) + 1);
	if (freopen("/dev/null", "r", stdin) == NULL)
		die("no /dev/null");
	for (; times > 0; times--) {
		start(&a, argv + 3, &wall, &processor);
		w = wall < w ? wall : w;
		p = processor < p ? processor : p;
	}
	printf("%.1f %.1f\n", (double)w / 1000, (double)p / 1000);
	return 0;
}
