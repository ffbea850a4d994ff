#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "data/npy.h"

/* What numpy.save() writes of numpy.zeros((3, 2), '<f4'), byte for byte but for
 * the blanks, whose number numpy changed over its versions. */
static void
header_is_numpys(void **state)
{
	static const char want[] =
	    "\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, "
	    "'shape': (3, 2), }";
	struct pd_buf b = PD_BUF_INIT;

	(void)state;
	assert_int_equal(pd_npy_header(&b, "'<f4'", (uint64_t[]){3, 2}, 2), 0);
	assert_int_equal(b.len, 128);
	assert_memory_equal(b.data, want, sizeof(want) - 1);
	for (size_t i = sizeof(want) - 1; i < 127; i++)
		assert_int_equal(b.data[i], ' ');
	assert_int_equal(b.data[127], '\n');
	pd_buf_release(&b);
}

/* Whatever its length, the data begins at a multiple of 64. */
static void
data_is_aligned(void **state)
{
	struct pd_buf b = PD_BUF_INIT;
	char descr[200];

	(void)state;
	for (size_t n = 1; n < sizeof(descr); n++) {
		memset(descr, 'x', n);
		descr[n - 1] = '\0';
		pd_buf_clear(&b);
		assert_int_equal(
		    pd_npy_header(&b, descr, (uint64_t[]){n}, 1), 0);
		assert_int_equal(b.len % 64, 0);
		assert_int_equal(b.data[8] | b.data[9] << 8, b.len - 10);
	}
	pd_buf_release(&b);
}

/* Version 1.0 has 16 bits for the length. */
static void
too_long_is_refused(void **state)
{
	static char descr[70000];
	struct pd_buf b = PD_BUF_INIT;

	(void)state;
	memset(descr, 'x', sizeof(descr) - 1);
	assert_int_equal(pd_npy_header(&b, descr, (uint64_t[]){1}, 1), -1);
	pd_buf_release(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(header_is_numpys),
	    cmocka_unit_test(data_is_aligned),
	    cmocka_unit_test(too_long_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
