#ifndef EVREADER_FUZZ_H
#define EVREADER_FUZZ_H

/* Bytes as a trace, through a temporary file, read to its end. */

#include <assert.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "data/event.h"
#include "data/evreader.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

static int
fuzz_evreader(const char *format, const uint8_t *p, size_t n)
{
	static char path[64];
	struct pd_err err = PD_ERR_INIT;
	struct pd_evreader *r;
	struct pd_event e;
	uint64_t tick = 0;
	const char *key;
	size_t len;
	FILE *f;
	int rc;

	if (path[0] == '\0')
		snprintf(
		    path, sizeof(path), "/tmp/predis-fuzz-%ld", (long)getpid());
	if ((f = fopen(path, "wb")) == NULL || fwrite(p, 1, n, f) != n ||
	    fclose(f) != 0)
		abort();
	r = pd_evreader_open(path, format, NULL, PD_TIME_S, &err);
	unlink(path);
	if (r == NULL)
		return 0;
	while ((rc = pd_evreader_next(r, &e, &err)) == 1) {
		key = pd_evreader_keytext(r, &len);
		assert(key != NULL && e.op < PD_OP_MAX);
		/* A fill has the tick of its miss. */
		if (e.flags & PD_EV_FILL)
			assert(e.tick < tick);
		else
			assert(e.tick == tick);
		tick += (e.flags & PD_EV_FILL) == 0;
	}
	assert(rc == 0 || err.msg[0] != '\0');
	pd_evreader_close(r);
	return 0;
}

#endif /* EVREADER_FUZZ_H */
