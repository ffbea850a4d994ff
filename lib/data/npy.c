#include <inttypes.h>
#include <string.h>

#include "base/buf.h"
#include "base/endian.h"
#include "data/npy.h"

#define FIXED 10 /* magic, version and length */
#define ALIGN 64

int
pd_npy_header(
    struct pd_buf *out, const char *descr, const uint64_t *shape, unsigned n)
{
	static const uint8_t begin[FIXED] = {
	    0x93, 'N', 'U', 'M', 'P', 'Y', 1, 0, 0, 0};
	const size_t at = out->len;
	size_t len;

	pd_buf_add(out, begin, sizeof(begin));
	pd_buf_printf(out,
	    "{'descr': %s, 'fortran_order': False, 'shape': (%" PRIu64 ",",
	    descr, shape[0]);
	if (n > 1)
		pd_buf_printf(out, " %" PRIu64, shape[1]);
	pd_buf_addstr(out, "), }");
	while ((out->len - at + 1) % ALIGN != 0 && !out->failed)
		pd_buf_addc(out, ' ');
	pd_buf_addc(out, '\n');
	len = out->len - at - FIXED;
	if (out->failed || len > UINT16_MAX)
		return -1;
	pd_put16(out->data + at + FIXED - 2, (uint16_t)len);
	return 0;
}
