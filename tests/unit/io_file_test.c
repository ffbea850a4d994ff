/* mknod() and makedev() are no part of POSIX. */
#define _GNU_SOURCE

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>
#include <zlib.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/keyfile.h"
#include "io/atomicfile.h"
#include "io/fd.h"
#include "io/lines.h"

static char dir[] = "/tmp/pd_io_XXXXXX";

static int
setup(void **state)
{
	(void)state;
	return mkdtemp(dir) == NULL || chdir(dir) ? -1 : 0;
}

static int
teardown(void **state)
{
	(void)state;
	return chdir("/") || rmdir(dir);
}

static void
whole_or_nothing(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	struct pd_atomicfile f;
	struct stat st;

	(void)state;
	assert_int_equal(pd_atomicfile_write("x", "old", 3, 0600, NULL), 0);
	assert_int_equal(pd_atomicfile_open(&f, "x", 0644, NULL), 0);
	assert_int_equal(pd_write_full(f.fd, "half", 4), 0);
	pd_atomicfile_abort(&f);
	assert_int_equal(pd_read_file("x", 100, &b, NULL), 0);
	assert_int_equal(b.len, 3);
	assert_memory_equal(b.data, "old", 3);
	assert_int_equal(pd_atomicfile_write("x", "newer", 5, 0600, NULL), 0);
	pd_buf_clear(&b);
	assert_int_equal(pd_read_file("x", 100, &b, NULL), 0);
	assert_memory_equal(b.data, "newer", 5);
	assert_int_equal(stat("x", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	pd_buf_clear(&b);
	assert_int_equal(pd_read_file("x", 4, &b, NULL), -1);
	pd_buf_release(&b);
	assert_int_equal(unlink("x"), 0);
}

static void
no_folder_no_file(void **state)
{
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	assert_int_equal(
	    pd_atomicfile_write("no/such", "x", 1, 0600, &err), -1);
	assert_string_equal(
	    err.msg, "cannot create 'no/such': No such file or directory");
}

/* What is no regular file is written, not replaced. */
static void
a_pipe_stays_a_pipe(void **state)
{
	char got[8] = "";
	struct stat st;
	int fd;

	(void)state;
	assert_int_equal(mkfifo("fifo", 0600), 0);
	fd = open("fifo", O_RDONLY | O_NONBLOCK);
	assert_true(fd >= 0);
	assert_int_equal(pd_atomicfile_write("fifo", "abc", 3, 0644, NULL), 0);
	assert_int_equal(read(fd, got, sizeof(got)), 3);
	assert_string_equal(got, "abc");
	close(fd);
	assert_int_equal(lstat("fifo", &st), 0);
	assert_true(S_ISFIFO(st.st_mode));
	assert_int_equal(unlink("fifo"), 0);
}

static void
a_device_stays_a_device(void **state)
{
	struct stat st;
	int fd;

	(void)state;
	if (mknod("dev", S_IFCHR | 0600, makedev(1, 3)))
		skip(); /* not root */
	if ((fd = open("dev", O_WRONLY)) < 0) {
		unlink("dev");
		skip(); /* a file system without devices */
	}
	close(fd);
	assert_int_equal(pd_atomicfile_write("dev", "abc", 3, 0644, NULL), 0);
	assert_int_equal(lstat("dev", &st), 0);
	assert_true(S_ISCHR(st.st_mode));
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(unlink("dev"), 0);
}

static void
a_folder_is_refused(void **state)
{
	struct pd_err err = PD_ERR_INIT;

	(void)state;
	assert_int_equal(mkdir("sub", 0700), 0);
	assert_int_equal(pd_atomicfile_write("sub", "x", 1, 0600, &err), -1);
	assert_string_equal(err.msg, "cannot create 'sub': it is a folder");
	assert_int_equal(rmdir("sub"), 0);
}

static void
assert_link_and_file(const char *link, const char *file, const char *text)
{
	struct pd_buf b = PD_BUF_INIT;
	struct stat st;

	assert_int_equal(lstat(link, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat(file, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(pd_read_file(file, 100, &b, NULL), 0);
	assert_int_equal(b.len, strlen(text));
	assert_memory_equal(b.data, text, b.len);
	pd_buf_release(&b);
}

/* Links in a row, into another folder, dangling at first, and in a circle. */
static void
links_stay(void **state)
{
	(void)state;
	assert_int_equal(mkdir("sub", 0700), 0);
	assert_int_equal(symlink("sub/second", "first"), 0);
	assert_int_equal(symlink("file", "sub/second"), 0);
	assert_int_equal(pd_atomicfile_write("first", "a", 1, 0600, NULL), 0);
	assert_link_and_file("first", "sub/file", "a");
	assert_int_equal(pd_atomicfile_write("first", "bc", 2, 0600, NULL), 0);
	assert_link_and_file("first", "sub/file", "bc");
	assert_link_and_file("sub/second", "sub/file", "bc");
	assert_int_equal(unlink("sub/file"), 0);
	assert_int_equal(unlink("sub/second"), 0);
	assert_int_equal(symlink("../first", "sub/second"), 0);
	assert_int_equal(pd_atomicfile_write("first", "d", 1, 0600, NULL), -1);
	assert_int_equal(unlink("sub/second"), 0);
	assert_int_equal(unlink("first"), 0);
	assert_int_equal(rmdir("sub"), 0);
}

static void
make_leftover(const char *name, time_t age)
{
	struct timespec ts[2] = {{0}, {0}};
	FILE *f = fopen(name, "w");

	assert_non_null(f);
	fclose(f);
	ts[0].tv_sec = ts[1].tv_sec = time(NULL) - age;
	assert_int_equal(utimensat(AT_FDCWD, name, ts, 0), 0);
}

/* Temporaries of the same name go, however new, but not one that somebody
 * holds, however old, and no others. */
static void
leftovers_go(void **state)
{
	static const char *const stay[] = {".x.tmp.abcde1", ".y.tmp.abcdef",
	    ".x.tmp.abcdefg", "x.tmp.abcdef", ".x.tmp.abc.ef", "x"};
	const time_t day = (time_t)24 * 60 * 60;
	struct pd_atomicfile f;
	size_t i;
	int fd;

	(void)state;
	make_leftover(".x.tmp.abcdef", 0);
	for (i = 0; i < 5; i++)
		make_leftover(stay[i], 2 * day);
	assert_int_not_equal(fd = open(stay[0], O_RDONLY), -1);
	assert_int_equal(flock(fd, LOCK_EX), 0);
	assert_int_equal(pd_atomicfile_write("x", "1", 1, 0600, NULL), 0);
	assert_int_equal(access(".x.tmp.abcdef", F_OK), -1);
	assert_int_equal(access(stay[0], F_OK), 0);
	close(fd);
	/* Two that are written at the same time do not hurt each other. */
	assert_int_equal(pd_atomicfile_open(&f, "x", 0600, NULL), 0);
	assert_int_equal(access(stay[0], F_OK), -1);
	assert_int_equal(pd_atomicfile_check("x", NULL), 0);
	assert_int_equal(pd_atomicfile_commit(&f, NULL), 0);
	for (i = 1; i < 6; i++)
		assert_int_equal(unlink(stay[i]), 0);
}

static void
key_files(void **state)
{
	struct pd_keys a, b, pub;
	struct pd_err err = PD_ERR_INIT;
	struct stat st;

	(void)state;
	assert_int_equal(pd_keys_load(&a, "key", 0, &err), -1);
	assert_int_equal(pd_keys_load(&a, "key", 1, &err), 0);
	assert_int_equal(stat("key", &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(pd_keys_load(&b, "key", 1, &err), 0);
	assert_true(a.id == b.id && a.table_seed == b.table_seed);
	assert_memory_equal(a.sip, b.sip, sizeof(a.sip));
	pd_keys_public(&pub);
	assert_true(
	    pd_keys_identity(&a, "k", 1) != pd_keys_identity(&pub, "k", 1));
	assert_int_equal(chmod("key", 0644), 0);
	assert_int_equal(pd_keys_load(&b, "key", 0, &err), -1);
	assert_non_null(strstr(err.msg, "chmod 600"));
	assert_int_equal(chmod("key", 0600), 0);
	assert_int_equal(mkdir("folder", 0755), 0);
	assert_int_equal(pd_keys_load(&b, "folder", 1, &err), -1);
	assert_string_equal(err.msg, "key file 'folder' is a folder");
	assert_int_equal(rmdir("folder"), 0);
	assert_int_equal(truncate("key", 31), 0);
	assert_int_equal(pd_keys_load(&b, "key", 0, &err), -1);
	assert_int_equal(unlink("key"), 0);
}

static void
lines_plain_and_gzip(void **state)
{
	static const char text[] = "one\r\n\ntwo and more\nlast";
	static const char *const want[] = {"one", "", "two and more", "last"};
	struct pd_lines *l;
	gzFile gz;
	char *line;
	int round, i;

	(void)state;
	assert_int_equal(
	    pd_atomicfile_write("p", text, strlen(text), 0600, NULL), 0);
	gz = gzopen("z", "wb");
	assert_int_equal(gzwrite(gz, text, sizeof(text) - 1), sizeof(text) - 1);
	gzclose(gz);
	for (round = 0; round < 2; round++) {
		l = pd_lines_open(round ? "z" : "p", NULL);
		assert_non_null(l);
		for (i = 0; i < 4; i++) {
			assert_int_equal(
			    pd_lines_next(l, &line, NULL), strlen(want[i]));
			assert_string_equal(line, want[i]);
			assert_int_equal(pd_lines_number(l), i + 1);
		}
		assert_int_equal(pd_lines_next(l, &line, NULL), -1);
		pd_lines_close(l);
	}
	assert_int_equal(unlink("p"), 0);
	assert_int_equal(unlink("z"), 0);
}

static void
cut_gzip_is_an_error(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_lines *l;
	struct stat st;
	gzFile gz;
	char *line;
	ssize_t n;
	int i;

	(void)state;
	gz = gzopen("z", "wb");
	for (i = 0; i < 20000; i++)
		gzprintf(gz, "%d,%d\n", i, i * 7919 % 10007);
	gzclose(gz);
	assert_int_equal(stat("z", &st), 0);
	assert_int_equal(truncate("z", st.st_size / 2), 0);
	l = pd_lines_open("z", &err);
	assert_non_null(l);
	while ((n = pd_lines_next(l, &line, &err)) >= 0)
		;
	assert_int_equal(n, -2);
	assert_non_null(strstr(err.msg, "'z'"));
	pd_lines_close(l);
	assert_int_equal(unlink("z"), 0);
}

static void
endless_line_is_an_error(void **state)
{
	struct pd_err err = PD_ERR_INIT;
	struct pd_lines *l;
	char *line;
	FILE *f;
	int i;

	(void)state;
	f = fopen("p", "w");
	for (i = 0; i < 3 * 1024; i++)
		fprintf(f, "%01024d", 7);
	fclose(f);
	l = pd_lines_open("p", &err);
	assert_non_null(l);
	assert_int_equal(pd_lines_next(l, &line, &err), -2);
	assert_string_equal(err.msg, "p:1: line is too long");
	pd_lines_close(l);
	assert_int_equal(unlink("p"), 0);
}

static void
long_lines_may_be_passed_over(void **state)
{
	/* The longest line that is read, one more, and several buffers. */
	static const size_t lengths[] = {
	    1, PD_LINE_MAX - 1, PD_LINE_MAX, 3 * PD_LINE_MAX + 5, 2};
	const size_t n = sizeof(lengths) / sizeof(lengths[0]);
	struct pd_err err = PD_ERR_INIT;
	struct pd_lines *l;
	char *line;
	FILE *f;

	(void)state;
	for (int ended = 0; ended < 2; ended++) {
		f = fopen("p", "w");
		for (size_t i = 0; i < n; i++)
			fprintf(f, "%0*d\n", (int)lengths[i], 7);
		/* With or without a newline, the file ends in a long one. */
		fprintf(
		    f, "%0*d%s", 2 * (int)PD_LINE_MAX, 7, ended ? "\n" : "");
		fclose(f);
		l = pd_lines_open("p", &err);
		assert_non_null(l);
		pd_lines_pass_long(l);
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(pd_lines_next(l, &line, &err),
			    lengths[i] < PD_LINE_MAX ? (ssize_t)lengths[i]
						     : PD_LINES_LONG);
			assert_int_equal(pd_lines_number(l), i + 1);
		}
		assert_int_equal(pd_lines_next(l, &line, &err), PD_LINES_LONG);
		assert_int_equal(pd_lines_number(l), n + 1);
		assert_int_equal(pd_lines_next(l, &line, &err), -1);
		pd_lines_close(l);
	}
	assert_int_equal(unlink("p"), 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_or_nothing),
	    cmocka_unit_test(no_folder_no_file),
	    cmocka_unit_test(a_pipe_stays_a_pipe),
	    cmocka_unit_test(a_device_stays_a_device),
	    cmocka_unit_test(a_folder_is_refused),
	    cmocka_unit_test(links_stay),
	    cmocka_unit_test(leftovers_go),
	    cmocka_unit_test(key_files),
	    cmocka_unit_test(lines_plain_and_gzip),
	    cmocka_unit_test(cut_gzip_is_an_error),
	    cmocka_unit_test(endless_line_is_an_error),
	    cmocka_unit_test(long_lines_may_be_passed_over),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
