#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
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

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(whole_or_nothing),
	    cmocka_unit_test(no_folder_no_file),
	    cmocka_unit_test(key_files),
	    cmocka_unit_test(lines_plain_and_gzip),
	    cmocka_unit_test(cut_gzip_is_an_error),
	    cmocka_unit_test(endless_line_is_an_error),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
