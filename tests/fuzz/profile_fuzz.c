/* Profiles: what is accepted encodes to the same length and can be used. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include <zlib.h>

#include "base/buf.h"
#include "base/endian.h"
#include "data/profile.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static void
use(const struct pd_profile *p)
{
	struct pd_profile *like = pd_profile_like(p);
	float row[PD_FEATURES] = {0};
	unsigned i;
	double u;

	for (i = 0; i < p->nfeatures; i++) {
		u = pd_profile_cdf(&p->f[i], 0.5);
		if (!isnan(u) && !(u >= 0 && u <= 1))
			abort();
	}
	if (like != NULL)
		pd_profile_add(like, row);
	free(like);
}

int
LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pd_buf in = PD_BUF_INIT, out = PD_BUF_INIT;
	struct pd_profile *q;

	pd_buf_add(&in, p, n);
	/* Mend the checksum, or nothing would be read. */
	if (n >= 4 && !in.failed)
		pd_put32(in.data + n - 4, (uint32_t)crc32_z(0, in.data, n - 4));
	if ((q = pd_profile_decode(in.data, in.len, NULL)) != NULL) {
		use(q);
		if (pd_profile_encode(q, &out) == 0 && out.len != in.len)
			abort();
	}
	free(q);
	pd_buf_release(&in);
	pd_buf_release(&out);
	return 0;
}
