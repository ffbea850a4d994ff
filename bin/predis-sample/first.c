#include <string.h>

#include "base/clock.h"
#include "base/err.h"
#include "cli/cli.h"
#include "first.h"

#define SILENCE_S 5

void
sample_first_begin(struct sample_first *f, const char *address)
{
	memset(f, 0, sizeof(*f));
	f->address = address;
	f->since_us = pd_clock_mono_us();
}

bool
sample_first_silent(struct sample_first *f)
{
	if (f->address == NULL || f->heard)
		return false;
	if (!f->told &&
	    pd_clock_mono_us() - f->since_us >= SILENCE_S * UINT64_C(1000000)) {
		pd_cli_note("nothing comes from '%s': the tap's rate is 0, or "
			    "it is no tap (the address of a Redis begins with "
			    "redis://)",
		    f->address);
		f->told = true;
	}
	return f->told;
}

int
sample_first_bytes(
    struct sample_first *f, const uint8_t *p, size_t n, struct pd_err *err)
{
	static const uint8_t frame[] = "PDS1", member[] = "\x1f\x8b\x08\x04";

	if (f->address == NULL || f->heard || n == 0)
		return 0;
	f->heard = true;
	if (n > 4)
		n = 4;
	if (memcmp(p, frame, n) == 0 || memcmp(p, member, n) == 0)
		return 0;
	return pd_err_set(
	    err, "'%s' sends no stream: it is no tap", f->address);
}
