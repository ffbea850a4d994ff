/* io/sandbox: what a process may still do, tried in children. */

#define _GNU_SOURCE

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/err.h"
#include "io/atomicfile.h"
#include "io/sandbox.h"

#define NEITHER 77 /* the kernel lacks it */

static char dir[] = "/tmp/pd_sandbox_XXXXXX";
static char in[64], ro[64], out[64];

static int
setup(void **state)
{
	(void)state;
	if (mkdtemp(dir) == NULL)
		return -1;
	snprintf(in, sizeof(in), "%s/in", dir);
	snprintf(ro, sizeof(ro), "%s/ro", dir);
	snprintf(out, sizeof(out), "%s/out", dir);
	return mkdir(in, 0700) || mkdir(ro, 0700) || mkdir(out, 0700);
}

static int
teardown(void **state)
{
	const char *const at[] = {in, ro, out};
	char path[128];
	size_t i;
	int r = 0;

	(void)state;
	for (i = 0; i < 3; i++) {
		snprintf(path, sizeof(path), "%s/file", at[i]);
		unlink(path);
		r |= rmdir(at[i]);
	}
	return r | rmdir(dir);
}

/* Is a file made, or read, in ${where}? 0, or errno. */
static int
try_open(const char *where, int flags)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/file", where);
	if ((fd = open(path, flags, 0600)) < 0)
		return errno;
	close(fd);
	return 0;
}

/* Run ${fn} in a child that has entered; its status. */
static int
inside(int (*fn)(void))
{
	const struct pd_sandbox_path paths[] = {
	    {in, PD_SANDBOX_READ | PD_SANDBOX_WRITE}, {ro, PD_SANDBOX_READ},
	    {"/nowhere/at/all", PD_SANDBOX_READ}};
	struct pd_err err = PD_ERR_INIT;
	struct pd_sandbox box;
	int status;
	pid_t pid;

	if ((pid = fork()) == 0) {
		if (pd_sandbox_enter(paths, 3, &box, &err)) {
			fprintf(stderr, "%s\n", err.msg);
			_exit(99);
		}
		if (box.landlock == 0 || !box.seccomp)
			_exit(NEITHER);
		_exit(fn());
	}
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	if (WEXITSTATUS(status) == NEITHER) {
		print_message("this kernel has no Landlock or no seccomp\n");
		skip();
	}
	return WEXITSTATUS(status);
}

static int
files(void)
{
	struct pd_err err = PD_ERR_INIT;
	char path[128];

	snprintf(path, sizeof(path), "%s/whole", in);
	if (try_open(in, O_WRONLY | O_CREAT | O_TRUNC) != 0)
		return 1;
	if (pd_atomicfile_write(path, "a", 1, 0600, &err) ||
	    pd_atomicfile_write(path, "b", 1, 0600, &err))
		return 2;
	if (unlink(path) != 0)
		return 3;
	if (try_open(ro, O_RDONLY) != 0)
		return 4;
	if (try_open(ro, O_WRONLY) != EACCES ||
	    try_open(ro, O_RDWR | O_CREAT | O_EXCL) == 0)
		return 5;
	if (try_open(out, O_RDONLY) != EACCES ||
	    try_open(out, O_WRONLY | O_CREAT) != EACCES)
		return 6;
	snprintf(path, sizeof(path), "%s/file", ro);
	if (unlink(path) == 0 || rename(path, "/tmp/x") == 0)
		return 7;
	return 0;
}

static void
test_files(void **state)
{
	(void)state;
	assert_int_equal(try_open(ro, O_WRONLY | O_CREAT), 0);
	assert_int_equal(try_open(out, O_WRONLY | O_CREAT), 0);
	assert_int_equal(inside(files), 0);
}

static int
calls(void)
{
	static char *const argv[] = {(char *)(uintptr_t) "true", NULL};

	execve("/bin/true", argv, argv + 1);
	if (errno != EPERM)
		return 1;
	if (socket(AF_INET, SOCK_STREAM, 0) >= 0 || errno != EPERM)
		return 2;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) == 0 || errno != EPERM)
		return 3;
	return 0;
}

static void
test_calls(void **state)
{
	(void)state;
	assert_int_equal(inside(calls), 0);
}

static void *
thread(void *cookie)
{
	*(int *)cookie = calls() * 10 + try_open(out, O_RDONLY);
	return NULL;
}

/* Threads are inside too; pipes, pairs of sockets and children work. */
static int
work(void)
{
	int said = -1, fd[2];
	pthread_t t;
	pid_t pid;

	if (pthread_create(&t, NULL, thread, &said) || pthread_join(t, NULL))
		return 1;
	if (said != EACCES)
		return 2;
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fd) ||
	    write(fd[0], "x", 1) != 1)
		return 3;
	if ((pid = fork()) == 0)
		_exit(calls());
	if (pid < 0 || waitpid(pid, &said, 0) != pid || said != 0)
		return 4;
	return 0;
}

static void
test_work(void **state)
{
	(void)state;
	assert_int_equal(try_open(out, O_WRONLY | O_CREAT), 0);
	assert_int_equal(inside(work), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(test_files),
	    cmocka_unit_test(test_calls),
	    cmocka_unit_test(test_work),
	};

	return cmocka_run_group_tests_name(
	    "io_sandbox", tests, setup, teardown);
}
